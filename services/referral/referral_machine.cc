#include "services/referral/referral_machine.h"

#include <algorithm>

namespace waypost::referral {
namespace {

constexpr States kUndecided = {kRequested, kAcknowledged, kNeedsInfo, kWaitlisted, kOffered};
constexpr States kForwardable = {kRequested, kAcknowledged, kNeedsInfo, kWaitlisted};
constexpr States kHeld = {kAccepted, kInProgress, kOnHold};
constexpr States kOpen = {kRequested, kAcknowledged, kNeedsInfo, kWaitlisted,     kOffered,
                          kAccepted,  kInProgress,   kOnHold,    kCancelRequested};
constexpr States kEnds = {kDeclined, kForwarded, kCompleted, kEndedWithoutResult, kCancelled, kLapsed};

constexpr States Union(States a, States b) {
  for (int i = 0; i < kStateCount; ++i) {
    if (b.Has(static_cast<State>(i))) a.Add(static_cast<State>(i));
  }
  return a;
}
constexpr States kDraftAndOpen = Union({kDraft}, kOpen);
constexpr States kAll = Union(kDraftAndOpen, kEnds);
constexpr States kSent = Union(kOpen, kEnds);
constexpr States kOpenAndCompleted = Union(kOpen, {kCompleted});
constexpr States kWithOutcomes = {kCompleted, kEndedWithoutResult};
constexpr States kReopenedByReferring = {kCompleted, kEndedWithoutResult, kCancelled, kLapsed};
constexpr States kApprovedByReferring = Union(kDraftAndOpen, kReopenedByReferring);

constexpr Actor kReferring = Actor::kReferring;
constexpr Actor kReceiving = Actor::kReceiving;
constexpr Actor kCoordinating = Actor::kCoordinating;
constexpr Actor kSystem = Actor::kSystem;

// The table. Later rows of the same event continue it for other states or actors.
constexpr auto kTable = std::to_array<Transition>({
    {{kNothing}, Event::kCreate, kReferring, Guard::kNone, To(kDraft)},
    {{kDraft}, Event::kUpdate, kReferring, Guard::kNone, kSame},
    {kApprovedByReferring, Event::kApprove, kReferring, Guard::kSecondPerson, kSame},
    {kOpenAndCompleted, Event::kApprove, kReceiving, Guard::kSecondPerson, kSame},
    {{kNothing, kDraft}, Event::kSubmit, kReferring, Guard::kComplete, To(kRequested)},
    {{kNothing}, Event::kOpenLinked, kSystem, Guard::kNone, To(kRequested)},

    {{kRequested}, Event::kAcknowledge, kReceiving, Guard::kNone, To(kAcknowledged)},
    {{kRequested, kAcknowledged},
     Event::kRequestInformation,
     kReceiving,
     Guard::kQuestionsLeft,
     To(kNeedsInfo)},
    {{kNeedsInfo}, Event::kProvideInformation, kReferring, Guard::kNone, kPrior},
    {{kNeedsInfo}, Event::kInformationLapse, kSystem, Guard::kNone, kPrior},

    {{kRequested, kAcknowledged}, Event::kWaitlist, kReceiving, Guard::kNone, To(kWaitlisted)},
    {{kWaitlisted}, Event::kWaitlist, kReceiving, Guard::kOnNoList, kSame},
    {{kWaitlisted}, Event::kOfferPlace, kReceiving, Guard::kNone, To(kOffered)},
    {{kOffered}, Event::kTakePlace, kReferring, Guard::kNone, kSame},
    {{kOffered}, Event::kStayOnList, kReferring, Guard::kNone, To(kWaitlisted)},
    {{kOffered}, Event::kLeaveList, kReferring, Guard::kNone, To(kCancelled)},
    {{kOffered}, Event::kOfferLapse, kSystem, Guard::kNone, To(kWaitlisted)},

    {kUndecided, Event::kAccept, kReceiving, Guard::kNone, To(kAccepted)},
    {Union(kUndecided, {kAccepted}), Event::kDecline, kReceiving, Guard::kNone, To(kDeclined)},

    {kForwardable, Event::kProposeForward, kReceiving, Guard::kRouteOpen, kSame},
    {kForwardable, Event::kConfirmForward, kReferring, Guard::kProposalConfirmed, To(kForwarded)},
    {kForwardable, Event::kForwardByDuty, kReceiving, Guard::kDutyToForward, To(kForwarded)},
    {kHeld, Event::kHandOver, kReceiving, Guard::kMayHandOver, To(kOnHold)},
    {{kOnHold, kCancelRequested}, Event::kHandOverTaken, kSystem, Guard::kHandOverPending, To(kForwarded)},
    {{kOnHold}, Event::kHandOverNotTaken, kSystem, Guard::kHandOverPending, kPrior},
    {{kCancelRequested}, Event::kHandOverNotTaken, kSystem, Guard::kHandOverPending, kSame},
    {{kOnHold, kCancelRequested}, Event::kHandOverMoved, kSystem, Guard::kHandOverPending, kSame},

    {{kAccepted}, Event::kStart, kReceiving, Guard::kNone, To(kInProgress)},
    {{kInProgress}, Event::kHold, kReceiving, Guard::kNone, To(kOnHold)},
    {{kOnHold}, Event::kResume, kReceiving, Guard::kNoHandOverPending, To(kInProgress)},
    {kHeld, Event::kComplete, kReceiving, Guard::kResults, To(kCompleted)},
    {{kCancelRequested}, Event::kComplete, kReceiving, Guard::kResultsOfAccepted, To(kCompleted)},
    {kHeld, Event::kEndWithoutResult, kReceiving, Guard::kNoResults, To(kEndedWithoutResult)},
    {{kCancelRequested},
     Event::kEndWithoutResult,
     kReceiving,
     Guard::kNoResultsOfAccepted,
     To(kEndedWithoutResult)},

    {{kDraft, kRequested, kWaitlisted, kOffered}, Event::kCancel, kReferring, Guard::kNone, To(kCancelled)},
    {{kAcknowledged, kNeedsInfo, kAccepted, kInProgress, kOnHold},
     Event::kCancel,
     kReferring,
     Guard::kNone,
     To(kCancelRequested)},
    {kDraftAndOpen, Event::kCancel, kSystem, Guard::kNone, To(kCancelled)},
    {{kCancelRequested}, Event::kConfirmCancel, kReceiving, Guard::kNoHandOverPending, To(kCancelled)},
    {{kCancelRequested}, Event::kRefuseCancel, kReceiving, Guard::kNone, kPrior},

    {kOpen, Event::kReminder, kSystem, Guard::kClockRuns, kSame},
    {kOpen, Event::kGiveBackTime, kSystem, Guard::kSomethingDue, kSame},
    {kAll, Event::kEscalate, kSystem, Guard::kOverdue, kSame},
    {{kRequested, kAcknowledged}, Event::kLapse, kSystem, Guard::kEscalated, To(kLapsed)},
    {kReopenedByReferring, Event::kReopen, kReferring, Guard::kReopenable, To(kRequested)},
    {{kCompleted}, Event::kReopen, kReceiving, Guard::kReopenable, To(kInProgress)},
    {kOpen, Event::kMisdirected, kReferring, Guard::kNone, To(kCancelled)},
    {kOpen, Event::kMisdirected, kSystem, Guard::kNone, To(kCancelled)},
    {kEnds, Event::kMisdirected, kSystem, Guard::kNone, kSame},

    {kOpen, Event::kRemind, kCoordinating, Guard::kSomethingDue, kSame},
    {kOpen, Event::kRule, kCoordinating, Guard::kMayRule, To(kForwarded)},
    {kOpen, Event::kConfirmCompetence, kCoordinating, Guard::kMayConfirmCompetence, kSame},
    {kOpen, Event::kAssume, kCoordinating, Guard::kMayAssume, To(kForwarded)},

    {kDraftAndOpen, Event::kAssign, kReferring, Guard::kNone, kSame},
    {kOpen, Event::kAssign, kReceiving, Guard::kNone, kSame},
    {kEnds, Event::kAssign, kReferring, Guard::kIsProtected, kSame},
    {kEnds, Event::kAssign, kReceiving, Guard::kIsProtected, kSame},
    {kDraftAndOpen, Event::kClaim, kReferring, Guard::kInQueue, kSame},
    {kOpen, Event::kClaim, kReceiving, Guard::kInQueue, kSame},
    {kEnds, Event::kClaim, kReferring, Guard::kIsProtected, kSame},
    {kEnds, Event::kClaim, kReceiving, Guard::kIsProtected, kSame},
    {kAll, Event::kNote, kReferring, Guard::kShareLeft, kSame},
    {kOpenAndCompleted, Event::kNote, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kVoidEntry, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kVoidEntry, kReceiving, Guard::kShareLeft, kSame},
    {kWithOutcomes, Event::kVoidOutcome, kReceiving, Guard::kOutcomeVoidable, kSame},
    {kOpen, Event::kProposeDate, kReferring, Guard::kSomethingDue, kSame},
    {kOpen, Event::kProposeDate, kReceiving, Guard::kSomethingDue, kSame},
    {kOpen, Event::kAgreeDate, kReferring, Guard::kOtherSideProposed, kSame},
    {kOpen, Event::kAgreeDate, kReceiving, Guard::kOtherSideProposed, kSame},
    {kOpen, Event::kRefuseDate, kReferring, Guard::kOtherSideProposed, kSame},
    {kOpen, Event::kRefuseDate, kReceiving, Guard::kOtherSideProposed, kSame},
    {kHeld, Event::kRecordAppointment, kReceiving, Guard::kAppointmentKnown, kSame},
    {kOpen, Event::kChangePriority, kReferring, Guard::kRaises, kSame},
    {kOpen, Event::kChangePriority, kReceiving, Guard::kRaises, kSame},

    {kEnds, Event::kSettleFollowUp, kReferring, Guard::kOwesFollowUp, kSame},
    {kEnds, Event::kSettleFollowUp, kReceiving, Guard::kOwesFollowUp, kSame},

    {kAll, Event::kDetach, kReferring, Guard::kIsPart, kSame},
    {kAll, Event::kDetach, kSystem, Guard::kIsPart, kSame},

    {kAll, Event::kWithdraw, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kWithdraw, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kWithdraw, kSystem, Guard::kNone, kSame},
    {kAll, Event::kObject, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kObject, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kObject, kSystem, Guard::kNone, kSame},
    {kAll, Event::kRectify, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kRectify, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kRectify, kSystem, Guard::kNone, kSame},
    {kAll, Event::kRestrict, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kRestrict, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kRestrict, kSystem, Guard::kNone, kSame},
    {kAll, Event::kAskAccess, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kAskAccess, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kAskAccess, kSystem, Guard::kNone, kSame},
    {kAll, Event::kAnswerRight, kReferring, Guard::kRightAsked, kSame},
    {kSent, Event::kAnswerRight, kReceiving, Guard::kRightAsked, kSame},
    {kAll, Event::kPlaceHold, kReferring, Guard::kShareLeft, kSame},
    {kSent, Event::kPlaceHold, kReceiving, Guard::kShareLeft, kSame},
    {kAll, Event::kReleaseHold, kReferring, Guard::kUnderHold, kSame},
    {kSent, Event::kReleaseHold, kReceiving, Guard::kUnderHold, kSame},
    {kEnds, Event::kErase, kReferring, Guard::kErasable, kSame},
    {kEnds, Event::kErase, kReceiving, Guard::kErasable, kSame},
    {kEnds, Event::kEndRetention, kSystem, Guard::kRetentionOver, kSame},

    // Gives up a place on offer that the successor does not have: then it is WAITLISTED again.
    {kAll, Event::kSucceed, kSystem, Guard::kNone, kSame},
    {kOpen, Event::kProgrammeEnding, kSystem, Guard::kNone, kSame},
    {kOpen, Event::kProgrammeGoesOn, kSystem, Guard::kNone, kSame},
});

struct EventWords {
  std::string_view name;
  std::string_view type;
};

// In the order of Event.
constexpr std::array<EventWords, kEventCount> kEventWords = {{
    {"CREATE", "referral.created"},
    {"UPDATE", "referral.updated"},
    {"APPROVE", "referral.approved"},
    {"SUBMIT", "referral.submitted"},
    {"OPEN_LINKED", "referral.opened_linked"},
    {"ACKNOWLEDGE", "referral.acknowledged"},
    {"REQUEST_INFORMATION", "referral.information_requested"},
    {"PROVIDE_INFORMATION", "referral.information_provided"},
    {"INFORMATION_LAPSE", "referral.information_lapsed"},
    {"WAITLIST", "referral.waitlisted"},
    {"OFFER_PLACE", "referral.place_offered"},
    {"TAKE_PLACE", "referral.place_taken"},
    {"STAY_ON_LIST", "referral.place_refused"},
    {"LEAVE_LIST", "referral.list_left"},
    {"OFFER_LAPSE", "referral.offer_lapsed"},
    {"ACCEPT", "referral.accepted"},
    {"DECLINE", "referral.declined"},
    {"PROPOSE_FORWARD", "referral.forward_proposed"},
    {"CONFIRM_FORWARD", "referral.forwarded"},
    {"FORWARD_BY_DUTY", "referral.forwarded_by_duty"},
    {"HAND_OVER", "referral.hand_over_asked"},
    {"HAND_OVER_TAKEN", "referral.hand_over_taken"},
    {"HAND_OVER_NOT_TAKEN", "referral.hand_over_not_taken"},
    {"HAND_OVER_MOVED", "referral.hand_over_moved"},
    {"START", "referral.started"},
    {"HOLD", "referral.held"},
    {"RESUME", "referral.resumed"},
    {"COMPLETE", "referral.completed"},
    {"END_WITHOUT_RESULT", "referral.ended_without_result"},
    {"CANCEL", "referral.cancelled"},
    {"CONFIRM_CANCEL", "referral.cancel_confirmed"},
    {"REFUSE_CANCEL", "referral.cancel_refused"},
    {"REMINDER", "referral.reminder_due"},
    {"GIVE_BACK_TIME", "referral.time_given_back"},
    {"ESCALATE", "referral.escalated"},
    {"LAPSE", "referral.lapsed"},
    {"REOPEN", "referral.reopened"},
    {"REPORT_MISDIRECTED", "referral.misdirected"},
    {"REMIND", "referral.reminded"},
    {"RULE", "referral.ruled"},
    {"CONFIRM_COMPETENCE", "referral.competence_confirmed"},
    {"ASSUME", "referral.assumed"},
    {"ASSIGN", "referral.assigned"},
    {"CLAIM", "referral.claimed"},
    {"NOTE", "referral.noted"},
    {"VOID_ENTRY", "referral.entry_voided"},
    {"VOID_OUTCOME", "referral.outcome_voided"},
    {"PROPOSE_DATE", "referral.date_proposed"},
    {"AGREE_DATE", "referral.date_agreed"},
    {"REFUSE_DATE", "referral.date_refused"},
    {"RECORD_APPOINTMENT", "referral.appointment_recorded"},
    {"CHANGE_PRIORITY", "referral.priority_changed"},
    {"SETTLE_FOLLOW_UP", "referral.follow_up_settled"},
    {"DETACH", "referral.detached"},
    {"WITHDRAW", "referral.withdrawn"},
    {"OBJECT", "referral.objected"},
    {"RECTIFY", "referral.rectification_asked"},
    {"RESTRICT", "referral.restricted"},
    {"ASK_ACCESS", "referral.access_asked"},
    {"ANSWER_RIGHT", "referral.right_answered"},
    {"PLACE_LEGAL_HOLD", "referral.legal_hold_placed"},
    {"RELEASE_LEGAL_HOLD", "referral.legal_hold_released"},
    {"ERASE", "referral.erased"},
    {"END_RETENTION", "referral.retention_ended"},
    {"SUCCEED", "referral.succeeded"},
    {"PROGRAMME_ENDING", "referral.programme_ending"},
    {"PROGRAMME_GOES_ON", "referral.programme_goes_on"},
}};

// In the order of State.
constexpr std::array<std::string_view, kStateCount> kStateNames = {
    "NOTHING",          "DRAFT",    "REQUESTED", "ACKNOWLEDGED", "NEEDS_INFO",
    "WAITLISTED",       "OFFERED",  "ACCEPTED",  "IN_PROGRESS",  "ON_HOLD",
    "CANCEL_REQUESTED", "DECLINED", "FORWARDED", "COMPLETED",    "ENDED_WITHOUT_RESULT",
    "CANCELLED",        "LAPSED"};

// In the order of Guard.
constexpr std::array<std::string_view, kGuardCount> kGuardTexts = {
    "",
    "recipient, persons, disclosures and their legal bases are complete; approved where that is needed; with "
    "EMERGENCY, a telephone hand-over",
    "by a second person: not the one who wrote the draft, or who makes the disclosure",
    "at most 2 questions",
    "at most 5 hops, and to no body that has had it",
    "as proposed, with a complete disclosure for each person; at most 5 hops, and to no body that has had it",
    "names the law, with a complete disclosure for each person; at most 5 hops, and to no body that has had "
    "it",
    "no hand-over is pending; with a complete disclosure for each person; at most 5 hops, and to no body "
    "that "
    "has had it",
    "a hand-over is pending",
    "no hand-over is pending",
    "an outcome for each person, with who told them and a remedy where it is negative; at least one result; "
    "no hand-over is pending; no part of that side is open",
    "an outcome for each person, with who told them and a remedy where it is negative; no result; no "
    "hand-over is pending; no part of that side is open",
    "as for complete, and it had been accepted",
    "as for end without result, and it had been accepted",
    "after the escalation",
    "within 90 days of the end; the basis is checked again; access was not cut and nothing is erased",
    "nobody has it on that side; or it is protected, and officers are to name its readers there",
    "something is due",
    "the other side proposed a date",
    "a new appointment, or one that is still to take place",
    "to a higher priority; to EMERGENCY with a telephone hand-over",
    "that side's share is not erased",
    "that side is to answer it, or may answer it anew",
    "that side's share is not erased, under no legal hold, and nobody in it waits for a copy or has it "
    "restricted",
    "that side's share is under a legal hold",
    "its clock has run out, or it is protected, not open and left alone; and that was not escalated yet",
    "its clock runs, and no reminder was sent",
    "a coordinating body is appointed; no hand-over is pending; no disclosure rests on consent; at most 10 "
    "hops, "
    "rulings included",
    "a coordinating body is appointed, and has not ruled so before",
    "a coordinating body is appointed, and is neither side; no hand-over is pending; no disclosure rests on "
    "consent; at most 10 hops, rulings included",
    "that side owes a next step",
    "the retention rules of one side's share have run out, and nothing holds it back",
    "it is a part of another referral",
    "it waits on no group's list",
    "it is protected",
    "within 90 days of the end; by an outcome of the same end; access was not cut and nothing of that "
    "person is erased",
};

constexpr bool IsEndConstexpr(State state) {
  return kEnds.Has(state);
}

// --- What must hold of the table -------------------------------------------------------------------------

constexpr const Transition* FindConstexpr(State from, Event event, Actor actor) {
  for (const Transition& row : kTable) {
    if (row.event == event && row.actor == actor && row.from.Has(from)) return &row;
  }
  return nullptr;
}

constexpr bool NoDuplicates() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    for (size_t j = i + 1; j < kTable.size(); ++j) {
      if (kTable[i].event == kTable[j].event && kTable[i].actor == kTable[j].actor &&
          kTable[i].from.Intersects(kTable[j].from)) {
        return false;
      }
    }
  }
  return true;
}
static_assert(NoDuplicates(), "one row at most for a state, an event and an actor");

constexpr bool EveryEventOccurs() {
  for (int event = 0; event < kEventCount; ++event) {
    bool found = false;
    for (const Transition& row : kTable) found = found || row.event == static_cast<Event>(event);
    if (!found) return false;
  }
  return true;
}
static_assert(EveryEventOccurs());

// The states to which a row can lead from `from`. A return leads to whatever leads to `from`.
constexpr States Targets(const Transition& row, State from) {
  if (row.target.kind == Target::Kind::kSame) return {from};
  if (row.target.kind == Target::Kind::kState) return {row.target.state};
  States prior;
  for (const Transition& other : kTable) {
    if (other.target == To(from)) prior = Union(prior, other.from);
  }
  return prior;
}

constexpr bool EveryStateIsReachable() {
  States reached = {kNothing};
  States before;
  while (before != reached) {
    before = reached;
    for (const Transition& row : kTable) {
      if (row.target == kSame || !row.from.Intersects(reached)) continue;
      for (int i = 0; i < kStateCount; ++i) {
        const State from = static_cast<State>(i);
        if (reached.Has(from) && row.from.Has(from)) reached = Union(reached, Targets(row, from));
      }
    }
  }
  return reached == Union({kNothing}, kAll);
}
static_assert(EveryStateIsReachable());

constexpr bool EndsAbsorb() {
  for (const Transition& row : kTable) {
    if (row.from.Intersects(kEnds) && row.target != kSame && row.event != Event::kReopen) return false;
  }
  return true;
}
static_assert(EndsAbsorb(), "an end is left by reopening alone");

// From every state that is not an end, people (not the clock) can bring it to an end.
constexpr bool EveryStateCanEnd() {
  States can_end = kEnds;
  for (int round = 0; round < kStateCount; ++round) {
    for (const Transition& row : kTable) {
      if (row.actor == Actor::kSystem || row.target.kind != Target::Kind::kState) continue;
      if (can_end.Has(row.target.state)) can_end = Union(can_end, row.from);
    }
  }
  return can_end == Union({kNothing}, kAll);
}
static_assert(EveryStateCanEnd());

// The receiving and the coordinating body have no part in a draft.
constexpr bool DraftsArePrivate() {
  for (const Transition& row : kTable) {
    if (row.from.Has(kDraft) && row.actor != kReferring && row.actor != kSystem) return false;
  }
  return true;
}
static_assert(DraftsArePrivate());

constexpr bool OnlyRemembered() {
  for (const Transition& row : kTable) {
    if (row.target == kPrior && !(row.from == States{kNeedsInfo} || row.from == States{kOnHold} ||
                                  row.from == States{kCancelRequested})) {
      return false;
    }
  }
  return true;
}
static_assert(OnlyRemembered(), "only these states remember where the referral was before");

constexpr bool EveryOpenStateCanBeCut() {
  for (int i = 0; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    if (kOpen.Has(state) && FindConstexpr(state, Event::kMisdirected, kReferring) == nullptr) return false;
  }
  return true;
}
static_assert(EveryOpenStateCanBeCut());

}  // namespace

std::span<const Transition> Transitions() {
  return kTable;
}

const Transition* Find(State from, Event event, Actor actor) {
  return FindConstexpr(from, event, actor);
}

bool Takes(State from, Event event) {
  return std::any_of(kTable.begin(), kTable.end(), [from, event](const Transition& row) {
    return row.event == event && row.from.Has(from);
  });
}

std::vector<Event> AllowedEvents(State from, Actors actors) {
  std::vector<Event> allowed;
  for (const Transition& row : kTable) {
    if (!row.from.Has(from) || !actors.Has(row.actor)) continue;
    if (std::find(allowed.begin(), allowed.end(), row.event) == allowed.end()) allowed.push_back(row.event);
  }
  return allowed;
}

std::vector<std::string> AllowedNames(State from, Actors actors) {
  std::vector<std::string> names;
  for (const Event event : AllowedEvents(from, actors)) names.emplace_back(EventName(event));
  return names;
}

bool IsOpen(State state) {
  return kOpen.Has(state);
}
bool IsEnd(State state) {
  return IsEndConstexpr(state);
}

std::string_view StateName(State state) {
  return kStateNames[static_cast<size_t>(state)];
}
std::string_view EventName(Event event) {
  return kEventWords[static_cast<size_t>(event)].name;
}
std::string_view EventType(Event event) {
  return kEventWords[static_cast<size_t>(event)].type;
}
std::string_view GuardText(Guard guard) {
  return kGuardTexts[static_cast<size_t>(guard)];
}

std::string_view ActorName(Actor actor) {
  constexpr std::array<std::string_view, kActorCount> kNames = {"referring", "receiving", "coordinating",
                                                                "system"};
  return kNames[static_cast<size_t>(actor)];
}

std::optional<Event> EventFromName(std::string_view name) {
  for (int i = 0; i < kEventCount; ++i) {
    const Event event = static_cast<Event>(i);
    if (EventName(event) == name) return event;
  }
  return std::nullopt;
}

Actors ActorsOf(policy::Relations relations) {
  Actors actors;
  if (relations.Has(policy::Relation::kReferring)) actors.Add(Actor::kReferring);
  if (relations.Has(policy::Relation::kReceiving)) actors.Add(Actor::kReceiving);
  if (relations.Has(policy::Relation::kCoordinating)) actors.Add(Actor::kCoordinating);
  return actors;
}

}  // namespace waypost::referral
