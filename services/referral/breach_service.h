// The gRPC surface of breaches: thin. What is recorded and what is owed is in breach_rules, what opens one in
// breach_ledger.
#ifndef WAYPOST_SERVICES_REFERRAL_BREACH_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_BREACH_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "services/referral/breach_rules.h"
#include "services/referral/referral_change.h"
#include "waypost/referral/v1/breach_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class BreachService final : public v1::BreachService::CallbackService {
 public:
  // Both must outlive this.
  BreachService(const rpc::Environment& env, const Clockwork& clockwork);
  ~BreachService() override;

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* GetBreach(Context*, const v1::GetBreachRequest*, v1::Breach*) override;
  Reactor* ListBreaches(Context*, const v1::ListBreachesRequest*, v1::ListBreachesResponse*) override;
  Reactor* AssessBreach(Context*, const v1::AssessBreachRequest*, v1::Breach*) override;
  Reactor* RecordBreachNotification(Context*, const v1::RecordBreachNotificationRequest*,
                                    v1::Breach*) override;
  Reactor* RecordPersonsTold(Context*, const v1::RecordPersonsToldRequest*, v1::Breach*) override;
  Reactor* RecordBreachDeletion(Context*, const v1::RecordBreachDeletionRequest*, v1::Breach*) override;
  Reactor* CloseBreach(Context*, const v1::CloseBreachRequest*, v1::Breach*) override;

 private:
  // One thing that is recorded.
  template <typename Request>
  Reactor* Record(Context* context, const policy::MethodRule& rule, BreachAct act, const Request* request,
                  v1::Breach* response);

  const rpc::Environment& env_;
  const Clockwork& clockwork_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_BREACH_SERVICE_H_
