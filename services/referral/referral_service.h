// The referral service's gRPC surface: thin. What a command does is in referral_rules, how it is carried out
// in referral_change, where it is kept in referral_repository.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_SERVICE_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_SERVICE_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include "common/rpc/arena_messages.h"
#include "common/rpc/environment.h"
#include "services/referral/receipt_signature.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_sealing.h"
#include "waypost/referral/v1/referral_service.grpc.pb.h"

namespace waypost::referral {

// Thread-safe. The handlers of all its methods are made and destroyed where it is: who holds one must not
// have to compile them again.
class ReferralService final : public v1::ReferralService::CallbackService {
 public:
  // All must outlive this.
  ReferralService(const rpc::Environment& env, Sealing& sealing, const BodyRegistry& bodies,
                  const ReceiptSigner& signer, const ClockTable& clocks = ClockTable::Standard());
  ~ReferralService() override;

  // The course of every change, for those that nobody asks for.
  ReferralChange& change() { return change_; }

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetReferral(Context*, const v1::GetReferralRequest*, v1::Referral*) override;
  Reactor* ListReferrals(Context*, const v1::ListReferralsRequest*, v1::ListReferralsResponse*) override;
  grpc::ServerWriteReactor<v1::WatchReferralsResponse>* WatchReferrals(
      Context*, const v1::WatchReferralsRequest*) override;
  Reactor* ListReferralHistory(Context*, const v1::ListReferralHistoryRequest*,
                               v1::ListReferralHistoryResponse*) override;
  Reactor* ListNotes(Context*, const v1::ListNotesRequest*, v1::ListNotesResponse*) override;
  Reactor* ListReceiptKeys(Context*, const v1::ListReceiptKeysRequest*,
                           v1::ListReceiptKeysResponse*) override;
  Reactor* GetMyself(Context*, const v1::GetMyselfRequest*, v1::Myself*) override;
  Reactor* ListParts(Context*, const v1::ListPartsRequest*, v1::ListPartsResponse*) override;
  Reactor* FindByOwnReference(Context*, const v1::FindByOwnReferenceRequest*,
                              v1::FindByOwnReferenceResponse*) override;

  Reactor* DiscloseReferral(Context*, const v1::DiscloseReferralRequest*,
                            v1::DiscloseReferralResponse*) override;
  Reactor* DiscloseNotes(Context*, const v1::DiscloseNotesRequest*, v1::DiscloseNotesResponse*) override;

  Reactor* CreateReferral(Context*, const v1::CreateReferralRequest*, v1::Referral*) override;
  Reactor* UpdateReferral(Context*, const v1::UpdateReferralRequest*, v1::Referral*) override;
  Reactor* ApproveReferral(Context*, const v1::ApproveReferralRequest*, v1::Referral*) override;
  Reactor* SubmitReferral(Context*, const v1::SubmitReferralRequest*, v1::Referral*) override;
  Reactor* ProvideInformation(Context*, const v1::ProvideInformationRequest*, v1::Referral*) override;
  Reactor* AnswerOffer(Context*, const v1::AnswerOfferRequest*, v1::Referral*) override;
  Reactor* ConfirmForward(Context*, const v1::ConfirmForwardRequest*, v1::Referral*) override;
  Reactor* CancelReferral(Context*, const v1::CancelReferralRequest*, v1::Referral*) override;
  Reactor* DetachReferral(Context*, const v1::DetachReferralRequest*, v1::Referral*) override;
  Reactor* ReportMisdirected(Context*, const v1::ReportMisdirectedRequest*, v1::Referral*) override;

  Reactor* AcknowledgeReferral(Context*, const v1::AcknowledgeReferralRequest*, v1::Referral*) override;
  Reactor* RequestInformation(Context*, const v1::RequestInformationRequest*, v1::Referral*) override;
  Reactor* WaitlistReferral(Context*, const v1::WaitlistReferralRequest*, v1::Referral*) override;
  Reactor* OfferPlace(Context*, const v1::OfferPlaceRequest*, v1::Referral*) override;
  Reactor* AcceptReferral(Context*, const v1::AcceptReferralRequest*, v1::Referral*) override;
  Reactor* DeclineReferral(Context*, const v1::DeclineReferralRequest*, v1::Referral*) override;
  Reactor* ProposeForward(Context*, const v1::ProposeForwardRequest*, v1::Referral*) override;
  Reactor* ForwardByDuty(Context*, const v1::ForwardByDutyRequest*, v1::Referral*) override;
  Reactor* HandOverReferral(Context*, const v1::HandOverReferralRequest*, v1::Referral*) override;
  Reactor* StartReferral(Context*, const v1::StartReferralRequest*, v1::Referral*) override;
  Reactor* HoldReferral(Context*, const v1::HoldReferralRequest*, v1::Referral*) override;
  Reactor* ResumeReferral(Context*, const v1::ResumeReferralRequest*, v1::Referral*) override;
  Reactor* CompleteReferral(Context*, const v1::CompleteReferralRequest*, v1::Referral*) override;
  Reactor* EndReferralWithoutResult(Context*, const v1::EndReferralWithoutResultRequest*,
                                    v1::Referral*) override;
  Reactor* ConfirmCancel(Context*, const v1::ConfirmCancelRequest*, v1::Referral*) override;
  Reactor* RefuseCancel(Context*, const v1::RefuseCancelRequest*, v1::Referral*) override;
  Reactor* RecordAppointment(Context*, const v1::RecordAppointmentRequest*, v1::Referral*) override;

  Reactor* ReopenReferral(Context*, const v1::ReopenReferralRequest*, v1::Referral*) override;
  Reactor* AssignReferral(Context*, const v1::AssignReferralRequest*, v1::Referral*) override;
  Reactor* ClaimReferral(Context*, const v1::ClaimReferralRequest*, v1::Referral*) override;
  Reactor* ChangePriority(Context*, const v1::ChangePriorityRequest*, v1::Referral*) override;
  Reactor* ProposeDate(Context*, const v1::ProposeDateRequest*, v1::Referral*) override;
  Reactor* AnswerDate(Context*, const v1::AnswerDateRequest*, v1::Referral*) override;
  Reactor* AddNote(Context*, const v1::AddNoteRequest*, v1::Referral*) override;
  Reactor* VoidEntry(Context*, const v1::VoidEntryRequest*, v1::Referral*) override;
  Reactor* VoidOutcome(Context*, const v1::VoidOutcomeRequest*, v1::Referral*) override;
  Reactor* SettleFollowUp(Context*, const v1::SettleFollowUpRequest*, v1::Referral*) override;
  Reactor* RemindReferral(Context*, const v1::RemindReferralRequest*, v1::Referral*) override;
  Reactor* RuleOnCompetence(Context*, const v1::RuleOnCompetenceRequest*, v1::Referral*) override;
  Reactor* AssumeResponsibility(Context*, const v1::AssumeResponsibilityRequest*, v1::Referral*) override;
  Reactor* EraseReferral(Context*, const v1::EraseReferralRequest*, v1::Referral*) override;

  // In rights_service.cc.
  Reactor* RecordRightsRequest(Context*, const v1::RecordRightsRequestRequest*, v1::RightsRequest*) override;
  Reactor* GetRightsRequest(Context*, const v1::GetRightsRequestRequest*, v1::RightsRequest*) override;
  Reactor* ListRightsRequests(Context*, const v1::ListRightsRequestsRequest*,
                              v1::ListRightsRequestsResponse*) override;
  Reactor* AnswerRightsRequest(Context*, const v1::AnswerRightsRequestRequest*, v1::RightsRequest*) override;
  Reactor* ExportPerson(Context*, const v1::ExportPersonRequest*, v1::ExportPersonResponse*) override;
  Reactor* PlaceLegalHold(Context*, const v1::PlaceLegalHoldRequest*, v1::Referral*) override;
  Reactor* ReleaseLegalHold(Context*, const v1::ReleaseLegalHoldRequest*, v1::Referral*) override;

  // In retention_service.cc.
  Reactor* ListRetention(Context*, const v1::ListRetentionRequest*, v1::ListRetentionResponse*) override;
  Reactor* ListRetentionReports(Context*, const v1::ListRetentionReportsRequest*,
                                v1::ListRetentionReportsResponse*) override;

 private:
  // A change of a referral that exists.
  template <typename Request>
  Reactor* Change(Context* context, const policy::MethodRule& rule, const Request& request,
                  v1::Referral* response);
  // A referral that is created, and perhaps submitted at once.
  template <typename Request>
  Reactor* ChangeNew(Context* context, const policy::MethodRule& rule, const Request& request,
                     v1::Referral* response);
  // A look. One that obeys a legal order is prepared, for what its record says of the order.
  template <typename Request, typename Body>
  Reactor* Open(Context* context, const policy::MethodRule& rule, const Request& request, Body body);
  std::string NewName() const;

  const rpc::Environment& env_;
  Sealing& sealing_;
  const ReceiptSigner& signer_;
  ReferralChange change_;
  rpc::ArenaMessages<v1::SubmitReferralRequest, v1::Referral> submit_messages_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_SERVICE_H_
