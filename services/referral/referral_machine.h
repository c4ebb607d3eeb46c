// The states of a referral and every event that they take: a table, checked while compiling, from which
// docs/reference/referral-states.md is generated. What is not in the table is INVALID_TRANSITION. Pure: no
// store, no clock; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_MACHINE_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_MACHINE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy/policy.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

using State = v1::ReferralState;

// Short names of the states. kNothing stands for a referral that does not exist yet.
inline constexpr State kNothing = v1::REFERRAL_STATE_UNSPECIFIED;
inline constexpr State kDraft = v1::REFERRAL_STATE_DRAFT;
inline constexpr State kRequested = v1::REFERRAL_STATE_REQUESTED;
inline constexpr State kAcknowledged = v1::REFERRAL_STATE_ACKNOWLEDGED;
inline constexpr State kNeedsInfo = v1::REFERRAL_STATE_NEEDS_INFO;
inline constexpr State kWaitlisted = v1::REFERRAL_STATE_WAITLISTED;
inline constexpr State kOffered = v1::REFERRAL_STATE_OFFERED;
inline constexpr State kAccepted = v1::REFERRAL_STATE_ACCEPTED;
inline constexpr State kInProgress = v1::REFERRAL_STATE_IN_PROGRESS;
inline constexpr State kOnHold = v1::REFERRAL_STATE_ON_HOLD;
inline constexpr State kCancelRequested = v1::REFERRAL_STATE_CANCEL_REQUESTED;
inline constexpr State kDeclined = v1::REFERRAL_STATE_DECLINED;
inline constexpr State kForwarded = v1::REFERRAL_STATE_FORWARDED;
inline constexpr State kCompleted = v1::REFERRAL_STATE_COMPLETED;
inline constexpr State kEndedWithoutResult = v1::REFERRAL_STATE_ENDED_WITHOUT_RESULT;
inline constexpr State kCancelled = v1::REFERRAL_STATE_CANCELLED;
inline constexpr State kLapsed = v1::REFERRAL_STATE_LAPSED;
inline constexpr int kStateCount = 17;  // kNothing included

using States = policy::EnumSet<State>;

enum class Event : uint8_t {
  kCreate,
  kUpdate,
  kApprove,
  kSubmit,
  kOpenLinked,
  kAcknowledge,
  kRequestInformation,
  kProvideInformation,
  kInformationLapse,
  kWaitlist,
  kOfferPlace,
  kTakePlace,
  kStayOnList,
  kLeaveList,
  kOfferLapse,
  kAccept,
  kDecline,
  kProposeForward,
  kConfirmForward,
  kForwardByDuty,
  kHandOver,
  kHandOverTaken,
  kHandOverNotTaken,
  kHandOverMoved,
  kStart,
  kHold,
  kResume,
  kComplete,
  kEndWithoutResult,
  kCancel,
  kConfirmCancel,
  kRefuseCancel,
  kReminder,
  kGiveBackTime,
  kEscalate,
  kLapse,
  kReopen,
  kMisdirected,
  kRemind,
  kRule,
  kConfirmCompetence,
  kAssume,
  kAssign,
  kClaim,
  kNote,
  kVoidEntry,
  kVoidOutcome,
  kProposeDate,
  kAgreeDate,
  kRefuseDate,
  kRecordAppointment,
  kChangePriority,
  kSettleFollowUp,
  kDetach,
  kWithdraw,
  kObject,
  kRectify,
  kRestrict,
  kAskAccess,
  kAnswerRight,
  kPlaceHold,
  kReleaseHold,
  kErase,
  kEndRetention,
  kSucceed,
  kProgrammeEnding,
  kProgrammeGoesOn,
};
inline constexpr int kEventCount = 67;

// Who may cause an event.
enum class Actor : uint8_t { kReferring, kReceiving, kCoordinating, kSystem };
inline constexpr int kActorCount = 4;
using Actors = policy::EnumSet<Actor>;

// What must also hold. referral_rules.cc checks it; GuardText says it.
enum class Guard : uint8_t {
  kNone,
  kComplete,
  kSecondPerson,
  kQuestionsLeft,
  kRouteOpen,
  kProposalConfirmed,
  kDutyToForward,
  kMayHandOver,
  kHandOverPending,
  kNoHandOverPending,
  kResults,
  kNoResults,
  kResultsOfAccepted,
  kNoResultsOfAccepted,
  kEscalated,
  kReopenable,
  kInQueue,
  kSomethingDue,
  kOtherSideProposed,
  kAppointmentKnown,
  kRaises,
  kShareLeft,
  kRightAsked,
  kErasable,
  kUnderHold,
  kOverdue,
  kClockRuns,
  kMayRule,
  kMayConfirmCompetence,
  kMayAssume,
  kOwesFollowUp,
  kRetentionOver,
  kIsPart,
  kOnNoList,
  kIsProtected,
  kOutcomeVoidable,
};
inline constexpr int kGuardCount = 36;

// Where an event leads: to a state, nowhere, or back to where the referral was before it came here.
struct Target {
  enum class Kind : uint8_t { kState, kSame, kPrior };
  Kind kind;
  State state = kNothing;
  friend constexpr bool operator==(const Target&, const Target&) = default;
};
inline constexpr Target kSame{Target::Kind::kSame};
inline constexpr Target kPrior{Target::Kind::kPrior};
constexpr Target To(State state) {
  return {Target::Kind::kState, state};
}

struct Transition {
  States from;
  Event event;
  Actor actor;
  Guard guard;
  Target target;
};

// All rows, in the order in which they are documented.
std::span<const Transition> Transitions();

// The row that applies; nullptr when the state does not take the event from this actor.
const Transition* Find(State from, Event event, Actor actor);
// Does the state take the event from anyone?
bool Takes(State from, Event event);
// The events that the state takes from any of `actors`, in table order.
std::vector<Event> AllowedEvents(State from, Actors actors);
// The same as names, for INVALID_TRANSITION and allowed_actions.
std::vector<std::string> AllowedNames(State from, Actors actors);

// Sent, and not ended.
bool IsOpen(State state);
bool IsEnd(State state);

// "ACKNOWLEDGED".
std::string_view StateName(State state);
// "ACCEPT"; what allowed_actions, history and errors say.
std::string_view EventName(Event event);
// "referral.accepted"; what the outbox says.
std::string_view EventType(Event event);
std::string_view ActorName(Actor actor);
// A half-sentence, as in "at most 2 questions". Empty for kNone.
std::string_view GuardText(Guard guard);
std::optional<Event> EventFromName(std::string_view name);

// The actors that a caller with these relations is. Never kSystem.
Actors ActorsOf(policy::Relations relations);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_MACHINE_H_
