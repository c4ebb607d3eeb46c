// Who may call what of the referral service: method × (role, relation to the referral).
//
// A supervisor acts for the whole of their body. A caseworker needs, besides their body's side, membership of
// the unit that has the case there, or the assignment. A safeguarding officer reads. The coordinating body's
// supervisor sees codes and dates. Nobody else has any part.
//
// A protected referral has its named readers instead, whatever their units, and the safeguarding officers who
// are to name them.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_POLICY_H_

#include <array>
#include <string_view>

#include "common/policy/policy.h"
#include "services/referral/referral_machine.h"

namespace waypost::referral {

namespace policy_internal {

using policy::Grant;
using policy::MethodRule;
using policy::Relation;
using policy::Relations;
using policy::Role;

inline constexpr std::string_view kService = "waypost.referral.v1.ReferralService";
inline constexpr Relations kSides = {Relation::kReferring, Relation::kReceiving};
inline constexpr policy::Roles kEveryRole = {Role::kCaseworker,
                                             Role::kSupervisor,
                                             Role::kSafeguardingOfficer,
                                             Role::kConsultationOfficer,
                                             Role::kFundingOfficer,
                                             Role::kEvaluator,
                                             Role::kAuditor,
                                             Role::kOperator,
                                             Role::kService};
inline constexpr Relations kOwnHands = {Relation::kUnitMember, Relation::kAssignee};

// A change by one of these sides.
constexpr MethodRule Change(std::string_view method, Relations sides) {
  return {.service = kService,
          .method = method,
          .mutation = true,
          .grants = {Grant{{Role::kSupervisor}, sides}, Grant{{Role::kCaseworker}, sides, kOwnHands},
                     Grant{{Role::kSafeguardingOfficer}, sides, {Relation::kReader}}}};
}
constexpr MethodRule ByReferring(std::string_view method) {
  return Change(method, {Relation::kReferring});
}
constexpr MethodRule ByReceiving(std::string_view method) {
  return Change(method, {Relation::kReceiving});
}
constexpr MethodRule ByEither(std::string_view method) {
  return Change(method, kSides);
}

// A change that only a supervisor of one of the sides may make; of a protected referral, which supervisors do
// not know of, each of its readers.
constexpr MethodRule BySupervisor(std::string_view method) {
  return {.service = kService,
          .method = method,
          .mutation = true,
          .grants = {Grant{{Role::kSupervisor}, kSides},
                     Grant{{Role::kCaseworker, Role::kSafeguardingOfficer}, kSides, {Relation::kReader}}}};
}

// Who has the case; and who may know of it, by those who are to say so.
constexpr MethodRule Assigning(std::string_view method) {
  MethodRule rule = Change(method, kSides);
  rule.grants[3] = Grant{{Role::kSafeguardingOfficer}, kSides, {Relation::kNamesReaders}};
  return rule;
}

// Opening what is encrypted.
constexpr MethodRule Opening(std::string_view method) {
  MethodRule rule = ByEither(method);
  rule.mutation = false;
  rule.grants[2] = Grant{{Role::kSafeguardingOfficer}, kSides};
  return rule;
}

// Reading codes and dates of one referral.
constexpr MethodRule Reading(std::string_view method) {
  MethodRule rule = Opening(method);
  rule.grants[3] = Grant{{Role::kSupervisor}, {Relation::kCoordinating}};
  return rule;
}

// What the coordinating body's supervisors may do.
constexpr MethodRule ByCoordinating(std::string_view method) {
  return {.service = kService,
          .method = method,
          .mutation = true,
          .grants = {Grant{{Role::kSupervisor}, {Relation::kCoordinating}}}};
}

// Listings of the caller's own body. A caseworker's are narrowed to own units and assignments by the service.
constexpr MethodRule OwnBody(std::string_view method) {
  return {.service = kService,
          .method = method,
          .mutation = false,
          .grants = {Grant{{Role::kSupervisor, Role::kCaseworker}, {Relation::kOwnBody}}}};
}

// The same, of safeguarding officers too: of protected referrals, they list what they read or are to name
// readers of.
constexpr MethodRule OwnBoxes(std::string_view method) {
  MethodRule rule = OwnBody(method);
  rule.grants[1] = Grant{{Role::kSafeguardingOfficer}, {Relation::kOwnBody}};
  return rule;
}

// The same, of supervisors alone.
constexpr MethodRule OfSupervisor(std::string_view method) {
  return {.service = kService,
          .method = method,
          .mutation = false,
          .grants = {Grant{{Role::kSupervisor}, {Relation::kOwnBody}}}};
}

// What the system does by itself: no method, and no caller's.
constexpr MethodRule BySystem(std::string_view what) {
  return {.service = kService,
          .method = what,
          .mutation = true,
          .grants = {Grant{{Role::kService}, {Relation::kAnyone}}}};
}

// Reading by those who may change it.
constexpr MethodRule CaseReading(std::string_view method) {
  MethodRule rule = ByEither(method);
  rule.mutation = false;
  return rule;
}

}  // namespace policy_internal

inline constexpr policy::MethodRule kGetReferral = policy_internal::Reading("GetReferral");
inline constexpr policy::MethodRule kListReferralHistory = policy_internal::Reading("ListReferralHistory");
inline constexpr policy::MethodRule kListReferrals = policy_internal::OwnBoxes("ListReferrals");
inline constexpr policy::MethodRule kWatchReferrals = policy_internal::OwnBody("WatchReferrals");
inline constexpr policy::MethodRule kFindByOwnReference = policy_internal::OwnBody("FindByOwnReference");
inline constexpr policy::MethodRule kListNotes = policy_internal::Opening("ListNotes");
inline constexpr policy::MethodRule kListParts = policy_internal::Opening("ListParts");
inline constexpr policy::MethodRule kDiscloseReferral = policy_internal::Opening("DiscloseReferral");
inline constexpr policy::MethodRule kDiscloseNotes = policy_internal::Opening("DiscloseNotes");

inline constexpr policy::MethodRule kCreateReferral = policy_internal::ByReferring("CreateReferral");
inline constexpr policy::MethodRule kUpdateReferral = policy_internal::ByReferring("UpdateReferral");
inline constexpr policy::MethodRule kSubmitReferral = policy_internal::ByReferring("SubmitReferral");
inline constexpr policy::MethodRule kProvideInformation = policy_internal::ByReferring("ProvideInformation");
inline constexpr policy::MethodRule kAnswerOffer = policy_internal::ByReferring("AnswerOffer");
inline constexpr policy::MethodRule kConfirmForward = policy_internal::ByReferring("ConfirmForward");
inline constexpr policy::MethodRule kCancelReferral = policy_internal::ByReferring("CancelReferral");
inline constexpr policy::MethodRule kDetachReferral = policy_internal::ByReferring("DetachReferral");
inline constexpr policy::MethodRule kReportMisdirected = policy_internal::ByReferring("ReportMisdirected");

inline constexpr policy::MethodRule kAcknowledgeReferral =
    policy_internal::ByReceiving("AcknowledgeReferral");
inline constexpr policy::MethodRule kRequestInformation = policy_internal::ByReceiving("RequestInformation");
inline constexpr policy::MethodRule kWaitlistReferral = policy_internal::ByReceiving("WaitlistReferral");
inline constexpr policy::MethodRule kOfferPlace = policy_internal::ByReceiving("OfferPlace");
inline constexpr policy::MethodRule kAcceptReferral = policy_internal::ByReceiving("AcceptReferral");
inline constexpr policy::MethodRule kDeclineReferral = policy_internal::ByReceiving("DeclineReferral");
inline constexpr policy::MethodRule kProposeForward = policy_internal::ByReceiving("ProposeForward");
inline constexpr policy::MethodRule kForwardByDuty = policy_internal::ByReceiving("ForwardByDuty");
inline constexpr policy::MethodRule kHandOverReferral = policy_internal::ByReceiving("HandOverReferral");
inline constexpr policy::MethodRule kStartReferral = policy_internal::ByReceiving("StartReferral");
inline constexpr policy::MethodRule kHoldReferral = policy_internal::ByReceiving("HoldReferral");
inline constexpr policy::MethodRule kResumeReferral = policy_internal::ByReceiving("ResumeReferral");
inline constexpr policy::MethodRule kCompleteReferral = policy_internal::ByReceiving("CompleteReferral");
inline constexpr policy::MethodRule kEndReferralWithoutResult =
    policy_internal::ByReceiving("EndReferralWithoutResult");
inline constexpr policy::MethodRule kConfirmCancel = policy_internal::ByReceiving("ConfirmCancel");
inline constexpr policy::MethodRule kRefuseCancel = policy_internal::ByReceiving("RefuseCancel");
inline constexpr policy::MethodRule kRecordAppointment = policy_internal::ByReceiving("RecordAppointment");
inline constexpr policy::MethodRule kVoidOutcome = policy_internal::ByReceiving("VoidOutcome");

inline constexpr policy::MethodRule kReopenReferral = policy_internal::ByEither("ReopenReferral");
inline constexpr policy::MethodRule kAssignReferral = policy_internal::Assigning("AssignReferral");
inline constexpr policy::MethodRule kClaimReferral = policy_internal::Assigning("ClaimReferral");
inline constexpr policy::MethodRule kChangePriority = policy_internal::ByEither("ChangePriority");
inline constexpr policy::MethodRule kProposeDate = policy_internal::ByEither("ProposeDate");
inline constexpr policy::MethodRule kAnswerDate = policy_internal::ByEither("AnswerDate");
inline constexpr policy::MethodRule kAddNote = policy_internal::ByEither("AddNote");
inline constexpr policy::MethodRule kVoidEntry = policy_internal::ByEither("VoidEntry");
inline constexpr policy::MethodRule kApproveReferral = policy_internal::BySupervisor("ApproveReferral");
inline constexpr policy::MethodRule kEraseReferral = policy_internal::BySupervisor("EraseReferral");
inline constexpr policy::MethodRule kSettleFollowUp = policy_internal::ByEither("SettleFollowUp");
inline constexpr policy::MethodRule kRemindReferral = policy_internal::ByCoordinating("RemindReferral");
inline constexpr policy::MethodRule kRuleOnCompetence = policy_internal::ByCoordinating("RuleOnCompetence");
inline constexpr policy::MethodRule kAssumeResponsibility =
    policy_internal::ByCoordinating("AssumeResponsibility");

// No method: what the clocks do by themselves.
inline constexpr policy::MethodRule kClocks = policy_internal::BySystem("(clocks)");

// No method: the work of a body goes to whoever stands in its place.
inline constexpr policy::MethodRule kSuccessions = policy_internal::BySystem("(successions)");

// No method: what is open under a programme that ends is to be handed over.
inline constexpr policy::MethodRule kProgrammes = policy_internal::BySystem("(programmes)");

// No method: what follows for a protected referral, and for what hangs together with one: links and paths
// that end, what was passed on and is cut. By whom it came about would say what hangs together.
inline constexpr policy::MethodRule kSealedConsequences = policy_internal::BySystem("(sealed consequences)");

// Rights that travel. Of a rights request the relations are those to the referrals in which the caller's body
// holds something.
inline constexpr policy::MethodRule kRecordRightsRequest = policy_internal::ByEither("RecordRightsRequest");
inline constexpr policy::MethodRule kAnswerRightsRequest =
    policy_internal::BySupervisor("AnswerRightsRequest");
inline constexpr policy::MethodRule kGetRightsRequest = policy_internal::CaseReading("GetRightsRequest");
inline constexpr policy::MethodRule kExportPerson = policy_internal::Opening("ExportPerson");
inline constexpr policy::MethodRule kPlaceLegalHold = policy_internal::BySupervisor("PlaceLegalHold");
inline constexpr policy::MethodRule kReleaseLegalHold = policy_internal::BySupervisor("ReleaseLegalHold");
inline constexpr policy::MethodRule kListRightsRequests = policy_internal::OfSupervisor("ListRightsRequests");

// Retention.
inline constexpr policy::MethodRule kListRetention = policy_internal::OfSupervisor("ListRetention");
inline constexpr policy::MethodRule kListRetentionReports =
    policy_internal::OfSupervisor("ListRetentionReports");
// No method: the job that erases what has run out.
inline constexpr policy::MethodRule kRetention = policy_internal::BySystem("(retention)");

// The keys by which receipts are checked: everybody who may call anything.
inline constexpr policy::MethodRule kListReceiptKeys = {
    .service = policy_internal::kService,
    .method = "ListReceiptKeys",
    .mutation = false,
    .grants = {policy::Grant{policy_internal::kEveryRole, {policy::Relation::kAnyone}}}};
// Who the caller is: whoever may call anything.
inline constexpr policy::MethodRule kGetMyself = {
    .service = policy_internal::kService,
    .method = "GetMyself",
    .mutation = false,
    .grants = {policy::Grant{policy_internal::kEveryRole, {policy::Relation::kAnyone}}}};
// No method: that a referral was shown to the body that it came to.
inline constexpr policy::MethodRule kReceipts = policy_internal::BySystem("(receipts)");

// Every method, for the tests and the reference.
inline constexpr auto kMethodRules = std::to_array<const policy::MethodRule*>({
    &kGetReferral,
    &kListReferralHistory,
    &kListReferrals,
    &kWatchReferrals,
    &kFindByOwnReference,
    &kListNotes,
    &kDiscloseReferral,
    &kDiscloseNotes,
    &kCreateReferral,
    &kUpdateReferral,
    &kSubmitReferral,
    &kProvideInformation,
    &kAnswerOffer,
    &kConfirmForward,
    &kCancelReferral,
    &kReportMisdirected,
    &kAcknowledgeReferral,
    &kRequestInformation,
    &kWaitlistReferral,
    &kOfferPlace,
    &kAcceptReferral,
    &kDeclineReferral,
    &kProposeForward,
    &kForwardByDuty,
    &kHandOverReferral,
    &kStartReferral,
    &kHoldReferral,
    &kResumeReferral,
    &kCompleteReferral,
    &kEndReferralWithoutResult,
    &kConfirmCancel,
    &kRefuseCancel,
    &kRecordAppointment,
    &kReopenReferral,
    &kAssignReferral,
    &kClaimReferral,
    &kChangePriority,
    &kProposeDate,
    &kAnswerDate,
    &kAddNote,
    &kApproveReferral,
    &kEraseReferral,
    &kRecordRightsRequest,
    &kAnswerRightsRequest,
    &kGetRightsRequest,
    &kListRightsRequests,
    &kExportPerson,
    &kPlaceLegalHold,
    &kReleaseLegalHold,
    &kSettleFollowUp,
    &kRemindReferral,
    &kRuleOnCompetence,
    &kAssumeResponsibility,
    &kListRetention,
    &kListRetentionReports,
    &kListReceiptKeys,
    &kGetMyself,
    &kListParts,
    &kDetachReferral,
    &kVoidEntry,
    &kVoidOutcome,
});

// The method that causes each event. The system's events have none.
struct EventMethod {
  Event event;
  const policy::MethodRule* rule;
};
inline constexpr auto kEventMethods = std::to_array<EventMethod>({
    {Event::kCreate, &kCreateReferral},
    {Event::kUpdate, &kUpdateReferral},
    {Event::kApprove, &kApproveReferral},
    {Event::kSubmit, &kSubmitReferral},
    {Event::kAcknowledge, &kAcknowledgeReferral},
    {Event::kRequestInformation, &kRequestInformation},
    {Event::kProvideInformation, &kProvideInformation},
    {Event::kWaitlist, &kWaitlistReferral},
    {Event::kOfferPlace, &kOfferPlace},
    {Event::kTakePlace, &kAnswerOffer},
    {Event::kStayOnList, &kAnswerOffer},
    {Event::kLeaveList, &kAnswerOffer},
    {Event::kAccept, &kAcceptReferral},
    {Event::kDecline, &kDeclineReferral},
    {Event::kProposeForward, &kProposeForward},
    {Event::kConfirmForward, &kConfirmForward},
    {Event::kForwardByDuty, &kForwardByDuty},
    {Event::kHandOver, &kHandOverReferral},
    {Event::kStart, &kStartReferral},
    {Event::kHold, &kHoldReferral},
    {Event::kResume, &kResumeReferral},
    {Event::kComplete, &kCompleteReferral},
    {Event::kEndWithoutResult, &kEndReferralWithoutResult},
    {Event::kCancel, &kCancelReferral},
    {Event::kConfirmCancel, &kConfirmCancel},
    {Event::kRefuseCancel, &kRefuseCancel},
    {Event::kReopen, &kReopenReferral},
    {Event::kMisdirected, &kReportMisdirected},
    {Event::kAssign, &kAssignReferral},
    {Event::kClaim, &kClaimReferral},
    {Event::kNote, &kAddNote},
    {Event::kVoidEntry, &kVoidEntry},
    {Event::kVoidOutcome, &kVoidOutcome},
    {Event::kProposeDate, &kProposeDate},
    {Event::kAgreeDate, &kAnswerDate},
    {Event::kRefuseDate, &kAnswerDate},
    {Event::kRecordAppointment, &kRecordAppointment},
    {Event::kChangePriority, &kChangePriority},
    {Event::kRemind, &kRemindReferral},
    {Event::kRule, &kRuleOnCompetence},
    {Event::kConfirmCompetence, &kRuleOnCompetence},
    {Event::kAssume, &kAssumeResponsibility},
    {Event::kSettleFollowUp, &kSettleFollowUp},
    {Event::kDetach, &kDetachReferral},
    {Event::kErase, &kEraseReferral},
    {Event::kWithdraw, &kRecordRightsRequest},
    {Event::kObject, &kRecordRightsRequest},
    {Event::kRectify, &kRecordRightsRequest},
    {Event::kRestrict, &kRecordRightsRequest},
    {Event::kAnswerRight, &kAnswerRightsRequest},
    {Event::kAskAccess, &kRecordRightsRequest},
    {Event::kPlaceHold, &kPlaceLegalHold},
    {Event::kReleaseHold, &kReleaseLegalHold},
});

// nullptr where no caller can cause it.
constexpr const policy::MethodRule* RuleOf(Event event) {
  for (const EventMethod& row : kEventMethods) {
    if (row.event == event) return row.rule;
  }
  return nullptr;
}

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_POLICY_H_
