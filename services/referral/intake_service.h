// The gRPC surface of what comes before a referral is sent: thin. How a person is recognised is in
// person_lookup, where the lookups are kept in referral_repository.
#ifndef WAYPOST_SERVICES_REFERRAL_INTAKE_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_INTAKE_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "common/rpc/mutate.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_sealing.h"
#include "waypost/referral/v1/intake_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class IntakeService final : public v1::IntakeService::CallbackService {
 public:
  // All must outlive this.
  IntakeService(const rpc::Environment& env, Sealing& sealing, ReferralChange& change);
  ~IntakeService() override;

  grpc::ServerUnaryReactor* CheckDuplicates(grpc::CallbackServerContext*, const v1::CheckDuplicatesRequest*,
                                            v1::CheckDuplicatesResponse*) override;
  grpc::ServerUnaryReactor* BatchSubmitReferrals(grpc::CallbackServerContext*,
                                                 const v1::BatchSubmitReferralsRequest*,
                                                 v1::BatchSubmitReferralsResponse*) override;

 private:
  // One row of a batch; `response` takes its referral.
  absl::StatusOr<rpc::MutationBody> PrepareRow(const rpc::Call& call,
                                               const v1::SubmitReferralRequest& request,
                                               v1::Referral& response);

  const rpc::Environment& env_;
  Sealing& sealing_;
  ReferralChange& change_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_INTAKE_SERVICE_H_
