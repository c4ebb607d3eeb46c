// The gRPC surface of places in groups: thin. What a referral does to a group is in group_ledger, the order
// of a list in waiting_list, where it is kept in group_rows.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include <functional>

#include "common/rpc/environment.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_directory.h"
#include "waypost/referral/v1/enrolment_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe.
class EnrolmentService final : public v1::EnrolmentService::CallbackService {
 public:
  // All must outlive this.
  EnrolmentService(const rpc::Environment& env, const Clockwork& clockwork);
  ~EnrolmentService() override;

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetWaitingList(Context*, const v1::GetWaitingListRequest*, v1::WaitingList*) override;
  Reactor* ListWaitingList(Context*, const v1::ListWaitingListRequest*,
                           v1::ListWaitingListResponse*) override;
  Reactor* SetWaitingListCriteria(Context*, const v1::SetWaitingListCriteriaRequest*,
                                  v1::WaitingList*) override;

  Reactor* GetEnrolment(Context*, const v1::GetEnrolmentRequest*, v1::Enrolment*) override;
  Reactor* ListEnrolments(Context*, const v1::ListEnrolmentsRequest*, v1::ListEnrolmentsResponse*) override;
  Reactor* StartEnrolment(Context*, const v1::StartEnrolmentRequest*, v1::Enrolment*) override;
  Reactor* PauseEnrolment(Context*, const v1::PauseEnrolmentRequest*, v1::Enrolment*) override;
  Reactor* ResumeEnrolment(Context*, const v1::ResumeEnrolmentRequest*, v1::Enrolment*) override;
  Reactor* LeaveEnrolment(Context*, const v1::LeaveEnrolmentRequest*, v1::Enrolment*) override;
  Reactor* MoveEnrolment(Context*, const v1::MoveEnrolmentRequest*, v1::Enrolment*) override;
  Reactor* RecordAssessment(Context*, const v1::RecordAssessmentRequest*, v1::Enrolment*) override;
  Reactor* VoidAssessment(Context*, const v1::VoidAssessmentRequest*, v1::Enrolment*) override;
  Reactor* RecordAttendance(Context*, const v1::RecordAttendanceRequest*, v1::Enrolment*) override;

 private:
  template <typename Request>
  Reactor* Change(Context* context, const policy::MethodRule& rule, const Request& request,
                  v1::Enrolment* response, std::function<EnrolmentCommand(const Request&)> command_of);

  const rpc::Environment& env_;
  const Clockwork clockwork_;
  const BodyRegistry& bodies_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_SERVICE_H_
