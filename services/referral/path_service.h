// The gRPC surface of paths: thin. What a command does is in path_rules, how it is carried out in
// path_change, where it is kept in path_repository.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "services/referral/path_change.h"
#include "services/referral/referral_change.h"
#include "waypost/referral/v1/path_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class PathService final : public v1::PathService::CallbackService {
 public:
  // Both must outlive this.
  PathService(const rpc::Environment& env, ReferralChange& change);
  ~PathService() override;

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreatePath(Context*, const v1::CreatePathRequest*, v1::Path*) override;
  Reactor* GetPath(Context*, const v1::GetPathRequest*, v1::Path*) override;
  Reactor* ListPaths(Context*, const v1::ListPathsRequest*, v1::ListPathsResponse*) override;
  Reactor* UpdatePath(Context*, const v1::UpdatePathRequest*, v1::Path*) override;
  Reactor* TakeStep(Context*, const v1::TakeStepRequest*, v1::TakeStepResponse*) override;
  Reactor* EndPath(Context*, const v1::EndPathRequest*, v1::Path*) override;

 private:
  const rpc::Environment& env_;
  PathChange change_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_SERVICE_H_
