// The gRPC surface of successions: how far the work has moved. What moves it is in succession_mover.
#ifndef WAYPOST_SERVICES_REFERRAL_SUCCESSION_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_SUCCESSION_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include <array>

#include "common/policy/policy.h"
#include "common/rpc/environment.h"
#include "waypost/referral/v1/succession_service.grpc.pb.h"

namespace waypost::referral {

// Counts, and names that the directory gives to everybody: for whoever runs the node, and who leads.
inline constexpr policy::MethodRule kListSuccessionMoves = {
    .service = "waypost.referral.v1.SuccessionService",
    .method = "ListSuccessionMoves",
    .grants = {
        policy::Grant{{policy::Role::kOperator, policy::Role::kSupervisor}, {policy::Relation::kAnyone}}}};

// Every method, for the tests and the reference.
inline constexpr std::array kSuccessionMethodRules = {&kListSuccessionMoves};

// Thread-safe.
class SuccessionService final : public v1::SuccessionService::CallbackService {
 public:
  // `env` must outlive this.
  explicit SuccessionService(const rpc::Environment& env);
  ~SuccessionService() override;

  grpc::ServerUnaryReactor* ListSuccessionMoves(grpc::CallbackServerContext* context,
                                                const v1::ListSuccessionMovesRequest* request,
                                                v1::ListSuccessionMovesResponse* response) override;

 private:
  const rpc::Environment& env_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_SUCCESSION_SERVICE_H_
