// The gRPC surface of correction tasks: thin. What counts is in correction_rules, what is written with a
// decline in correction_ledger.
#ifndef WAYPOST_SERVICES_REFERRAL_CORRECTION_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_CORRECTION_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "waypost/referral/v1/correction_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class CorrectionService final : public v1::CorrectionService::CallbackService {
 public:
  // `env` must outlive this.
  explicit CorrectionService(const rpc::Environment& env);
  ~CorrectionService() override;

  grpc::ServerUnaryReactor* ListCorrectionTasks(grpc::CallbackServerContext*,
                                                const v1::ListCorrectionTasksRequest*,
                                                v1::ListCorrectionTasksResponse*) override;
  grpc::ServerUnaryReactor* SettleCorrectionTask(grpc::CallbackServerContext*,
                                                 const v1::SettleCorrectionTaskRequest*,
                                                 v1::CorrectionTask*) override;

 private:
  const rpc::Environment& env_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_CORRECTION_SERVICE_H_
