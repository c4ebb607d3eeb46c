// The gRPC surface of places in groups: thin. What a referral does to a group is in group_ledger, the order
// of a list in waiting_list, where it is kept in group_rows.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/environment.h"
#include "services/referral/referral_directory.h"
#include "waypost/referral/v1/enrolment_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class EnrolmentService final : public v1::EnrolmentService::CallbackService {
 public:
  // All must outlive this.
  EnrolmentService(const rpc::Environment& env, const BodyRegistry& bodies) : env_(env), bodies_(bodies) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetWaitingList(Context*, const v1::GetWaitingListRequest*, v1::WaitingList*) override;
  Reactor* ListWaitingList(Context*, const v1::ListWaitingListRequest*,
                           v1::ListWaitingListResponse*) override;
  Reactor* SetWaitingListCriteria(Context*, const v1::SetWaitingListCriteriaRequest*,
                                  v1::WaitingList*) override;

 private:
  const rpc::Environment& env_;
  const BodyRegistry& bodies_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_SERVICE_H_
