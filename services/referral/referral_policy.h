// Who may call what of the referral service: method × (role, relation to the referral).
//
// A supervisor acts for the whole of their body. A caseworker needs, besides their body's side, membership of
// the unit that has the case there, or the assignment. A safeguarding officer reads. The coordinating body's
// supervisor sees codes and dates. Nobody else has any part.
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
inline constexpr Relations kOwnHands = {Relation::kUnitMember, Relation::kAssignee};

// A change by one of these sides.
constexpr MethodRule Change(std::string_view method, Relations sides) {
  return {.service = kService,
          .method = method,
          .mutation = true,
          .grants = {Grant{{Role::kSupervisor}, sides}, Grant{{Role::kCaseworker}, sides, kOwnHands}}};
}
constexpr MethodRule ByReferring(std::string_view method) {
  return Change(method, {Relation::kReferring});
}
constexpr MethodRule ByReceiving(std::string_view method) {
  return Change(method, {Relation::kReceiving});
}
constexpr MethodRule ByEither(std::string_view method) {
  return Change(method, {Relation::kReferring, Relation::kReceiving});
}

// A change that only a supervisor of one of the sides may make.
constexpr MethodRule BySupervisor(std::string_view method) {
  return {.service = kService,
          .method = method,
          .mutation = true,
          .grants = {Grant{{Role::kSupervisor}, {Relation::kReferring, Relation::kReceiving}}}};
}

// Opening what is encrypted.
constexpr MethodRule Opening(std::string_view method) {
  MethodRule rule = ByEither(method);
  rule.mutation = false;
  rule.grants[2] = Grant{{Role::kSafeguardingOfficer}, {Relation::kReferring, Relation::kReceiving}};
  return rule;
}

// Reading codes and dates of one referral.
constexpr MethodRule Reading(std::string_view method) {
  MethodRule rule = Opening(method);
  rule.grants[3] = Grant{{Role::kSupervisor}, {Relation::kCoordinating}};
  return rule;
}

// Listings of the caller's own body. A caseworker's are narrowed to own units and assignments by the service.
constexpr MethodRule OwnBody(std::string_view method) {
  return {.service = kService,
          .method = method,
          .mutation = false,
          .grants = {Grant{{Role::kSupervisor, Role::kCaseworker}, {Relation::kOwnBody}}}};
}

}  // namespace policy_internal

inline constexpr policy::MethodRule kGetReferral = policy_internal::Reading("GetReferral");
inline constexpr policy::MethodRule kListReferralHistory = policy_internal::Reading("ListReferralHistory");
inline constexpr policy::MethodRule kListReferrals = policy_internal::OwnBody("ListReferrals");
inline constexpr policy::MethodRule kWatchReferrals = policy_internal::OwnBody("WatchReferrals");
inline constexpr policy::MethodRule kFindByOwnReference = policy_internal::OwnBody("FindByOwnReference");
inline constexpr policy::MethodRule kListNotes = policy_internal::Opening("ListNotes");
inline constexpr policy::MethodRule kDiscloseReferral = policy_internal::Opening("DiscloseReferral");
inline constexpr policy::MethodRule kDiscloseNotes = policy_internal::Opening("DiscloseNotes");

inline constexpr policy::MethodRule kCreateReferral = policy_internal::ByReferring("CreateReferral");
inline constexpr policy::MethodRule kUpdateReferral = policy_internal::ByReferring("UpdateReferral");
inline constexpr policy::MethodRule kSubmitReferral = policy_internal::ByReferring("SubmitReferral");
inline constexpr policy::MethodRule kProvideInformation = policy_internal::ByReferring("ProvideInformation");
inline constexpr policy::MethodRule kAnswerOffer = policy_internal::ByReferring("AnswerOffer");
inline constexpr policy::MethodRule kConfirmForward = policy_internal::ByReferring("ConfirmForward");
inline constexpr policy::MethodRule kCancelReferral = policy_internal::ByReferring("CancelReferral");
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

inline constexpr policy::MethodRule kReopenReferral = policy_internal::ByEither("ReopenReferral");
inline constexpr policy::MethodRule kAssignReferral = policy_internal::ByEither("AssignReferral");
inline constexpr policy::MethodRule kClaimReferral = policy_internal::ByEither("ClaimReferral");
inline constexpr policy::MethodRule kChangePriority = policy_internal::ByEither("ChangePriority");
inline constexpr policy::MethodRule kProposeDate = policy_internal::ByEither("ProposeDate");
inline constexpr policy::MethodRule kAnswerDate = policy_internal::ByEither("AnswerDate");
inline constexpr policy::MethodRule kAddNote = policy_internal::ByEither("AddNote");
inline constexpr policy::MethodRule kApproveReferral = policy_internal::BySupervisor("ApproveReferral");
inline constexpr policy::MethodRule kEraseReferral = policy_internal::BySupervisor("EraseReferral");

// Every method, for the tests and the reference.
inline constexpr auto kMethodRules = std::to_array<const policy::MethodRule*>({
    &kGetReferral,       &kListReferralHistory, &kListReferrals,
    &kWatchReferrals,    &kFindByOwnReference,  &kListNotes,
    &kDiscloseReferral,  &kDiscloseNotes,       &kCreateReferral,
    &kUpdateReferral,    &kSubmitReferral,      &kProvideInformation,
    &kAnswerOffer,       &kConfirmForward,      &kCancelReferral,
    &kReportMisdirected, &kAcknowledgeReferral, &kRequestInformation,
    &kWaitlistReferral,  &kOfferPlace,          &kAcceptReferral,
    &kDeclineReferral,   &kProposeForward,      &kForwardByDuty,
    &kHandOverReferral,  &kStartReferral,       &kHoldReferral,
    &kResumeReferral,    &kCompleteReferral,    &kEndReferralWithoutResult,
    &kConfirmCancel,     &kRefuseCancel,        &kRecordAppointment,
    &kReopenReferral,    &kAssignReferral,      &kClaimReferral,
    &kChangePriority,    &kProposeDate,         &kAnswerDate,
    &kAddNote,           &kApproveReferral,     &kEraseReferral,
});

// The method that causes an event; nullptr where no caller can (the system's events, and what comes later).
constexpr const policy::MethodRule* RuleOf(Event event) {
  switch (event) {
    case Event::kCreate:
      return &kCreateReferral;
    case Event::kUpdate:
      return &kUpdateReferral;
    case Event::kApprove:
      return &kApproveReferral;
    case Event::kSubmit:
      return &kSubmitReferral;
    case Event::kAcknowledge:
      return &kAcknowledgeReferral;
    case Event::kRequestInformation:
      return &kRequestInformation;
    case Event::kProvideInformation:
      return &kProvideInformation;
    case Event::kWaitlist:
      return &kWaitlistReferral;
    case Event::kOfferPlace:
      return &kOfferPlace;
    case Event::kTakePlace:
    case Event::kStayOnList:
    case Event::kLeaveList:
      return &kAnswerOffer;
    case Event::kAccept:
      return &kAcceptReferral;
    case Event::kDecline:
      return &kDeclineReferral;
    case Event::kProposeForward:
      return &kProposeForward;
    case Event::kConfirmForward:
      return &kConfirmForward;
    case Event::kForwardByDuty:
      return &kForwardByDuty;
    case Event::kHandOver:
      return &kHandOverReferral;
    case Event::kStart:
      return &kStartReferral;
    case Event::kHold:
      return &kHoldReferral;
    case Event::kResume:
      return &kResumeReferral;
    case Event::kComplete:
      return &kCompleteReferral;
    case Event::kEndWithoutResult:
      return &kEndReferralWithoutResult;
    case Event::kCancel:
      return &kCancelReferral;
    case Event::kConfirmCancel:
      return &kConfirmCancel;
    case Event::kRefuseCancel:
      return &kRefuseCancel;
    case Event::kReopen:
      return &kReopenReferral;
    case Event::kMisdirected:
      return &kReportMisdirected;
    case Event::kAssign:
      return &kAssignReferral;
    case Event::kClaim:
      return &kClaimReferral;
    case Event::kNote:
      return &kAddNote;
    case Event::kProposeDate:
      return &kProposeDate;
    case Event::kAgreeDate:
    case Event::kRefuseDate:
      return &kAnswerDate;
    case Event::kRecordAppointment:
      return &kRecordAppointment;
    case Event::kChangePriority:
      return &kChangePriority;
    case Event::kErase:
      return &kEraseReferral;
    case Event::kOpenLinked:
    case Event::kInformationLapse:
    case Event::kOfferLapse:
    case Event::kHandOverTaken:
    case Event::kHandOverNotTaken:
    case Event::kHandOverMoved:
    case Event::kEscalate:
    case Event::kLapse:
    case Event::kRemind:
    case Event::kRule:
    case Event::kAssume:
    case Event::kWithdraw:
    case Event::kObject:
    case Event::kRectify:
    case Event::kRestrict:
      return nullptr;
  }
  return nullptr;
}

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_POLICY_H_
