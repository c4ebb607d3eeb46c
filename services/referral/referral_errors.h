// What the referral service alone can answer with. All but NotYetDisclosed's are FAILED_PRECONDITION: not to
// be repeated until something has changed. None holds personal data.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_ERRORS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"
#include "common/status/errors.h"

namespace waypost::referral {

// REFERRAL_INCOMPLETE, with google.rpc.BadRequest naming everything that is missing at once.
absl::Status Incomplete(std::string_view name, const error::FieldViolations& missing);
// APPROVAL_MISSING: a second person has to approve it first.
absl::Status ApprovalMissing(std::string_view name);
// SECOND_PERSON_REQUIRED: the caller wrote it, and cannot approve it too.
absl::Status SecondPersonRequired(std::string_view name);
// TOO_MANY_QUESTIONS.
absl::Status TooManyQuestions(std::string_view name);
// TOO_MANY_HOPS.
absl::Status TooManyHops(std::string_view name);
// TOO_MANY_HAND_OVERS: of this referral.
absl::Status TooManyHandOvers(std::string_view name);
// ALREADY_VISITED: `body` has had the case.
absl::Status AlreadyVisited(std::string_view name, std::string_view body);
// FORWARD_NOT_PROPOSED.
absl::Status ForwardNotProposed(std::string_view name);
// FORWARD_DIFFERS: another body is proposed than the one confirmed.
absl::Status ForwardDiffers(std::string_view name, std::string_view proposed);
// HAND_OVER_PENDING: the body asked to take the case over has not answered.
absl::Status HandOverPending(std::string_view name);
// NO_HAND_OVER_PENDING.
absl::Status NoHandOverPending(std::string_view name);
// NEVER_ACCEPTED: what was never accepted cannot be completed.
absl::Status NeverAccepted(std::string_view name);
// NOT_ESCALATED: nothing lapses before it was escalated.
absl::Status NotEscalated(std::string_view name);
// PERIOD_NOT_OVER: what a body coordinates, and what another one counted whose place it took, it is told once
// the period is over.
absl::Status PeriodNotOver(std::string_view period);
// REOPEN_TOO_LATE: more than 90 days after the end.
absl::Status ReopenTooLate(std::string_view name);
// NEVER_SENT: it was cancelled as a draft.
absl::Status NeverSent(std::string_view name);
// ACCESS_ENDED: the caller's body no longer has access to it.
absl::Status AccessEnded(std::string_view name);
// HAND_OVER_AGAIN: a hand-over that was not taken is not reopened but made again.
absl::Status HandOverAgain(std::string_view name);
// SHARE_ERASED: what would be needed has been erased.
absl::Status ShareErased(std::string_view name);
// ALREADY_ASSIGNED.
absl::Status AlreadyAssigned(std::string_view name);
// NOTHING_DUE.
absl::Status NothingDue(std::string_view name);
// NOTHING_DUE: a clock was named that does not run.
absl::Status ClockNotRunning(std::string_view name);
// NO_DATE_PROPOSED, by the other side.
absl::Status NoDateProposed(std::string_view name);
// NOT_OVERDUE: its clock has not run out, or that was escalated.
absl::Status NotOverdue(std::string_view name);
// NOT_COORDINATED: no body is appointed to coordinate it.
absl::Status NotCoordinated(std::string_view name);
// The same for who has coordinated it until now; `body` does today (empty: nobody).
absl::Status CoordinatesNoLonger(std::string_view name, std::string_view body);
// COORDINATOR_IS_A_SIDE: the coordinating body has the case already.
absl::Status CoordinatorIsASide(std::string_view name);
// ALREADY_RULED: that the receiving body is competent.
absl::Status AlreadyRuled(std::string_view name);
// RULING_BINDS: the receiving body was ruled to be competent, and cannot say otherwise.
absl::Status RulingBinds(std::string_view name);
// CONSENT_BINDS: a disclosure rests on consent, which was given for one recipient.
absl::Status ConsentBinds(std::string_view name);
// PRIORITY_NOT_RAISED.
absl::Status PriorityNotRaised(std::string_view name);
// NOT_YET_DISCLOSED: these sections open once the referral is accepted.
absl::Status NotYetDisclosed(std::string_view name);

// --- Of places and waiting lists
// NO_PLACE_FREE: `group` is "offers/x/groups/y". `taken` may be more than `places`, where these were lowered.
absl::Status NoPlaceFree(std::string_view name, std::string_view group, int64_t places, int64_t taken,
                         int64_t wanted);
// OUT_OF_ORDER: `first`, a referral to the caller's body, stands before it on the list, and no reason is
// given.
absl::Status OutOfOrder(std::string_view name, std::string_view group, std::string_view first);
// GROUP_REQUIRED: `offer` has several groups, `groups` a list of them, and none is named.
absl::Status GroupRequired(std::string_view name, std::string_view offer, std::string_view groups);
// ALREADY_ON_LIST: it waits in a group already.
absl::Status AlreadyOnList(std::string_view name);
// ALREADY_ENROLLED: that person has a place in another group of the offer, by an open enrolment.
absl::Status AlreadyEnrolled(std::string_view name, uint32_t person, std::string_view enrolment,
                             std::string_view group);
// GROUP_NOT_OPEN: its cohort has begun.
absl::Status GroupNotOpen(std::string_view group, std::string_view cohort_start);

// --- Of parts
// PARTS_OPEN: what it waits for has not ended.
absl::Status PartsOpen(std::string_view name);
// The same; `count` of them are open, or are yet to be decided, and `first` is one.
absl::Status PartsOpenFrom(std::string_view name, int count, std::string_view first);
// NOT_A_PART, of any referral.
absl::Status NotAPart(std::string_view name);
// PARENT_ENDED: `name` has, and gets no part any more.
absl::Status ParentEnded(std::string_view name);
// PARENT_NOT_HELD: another body holds the case of `name`.
absl::Status ParentNotHeld(std::string_view name);
// PARTS_ONE_LEVEL: `name` "is a part" or "has parts" already.
absl::Status PartsOneLevel(std::string_view name, std::string_view why);

// --- Of protected referrals
// READER_FIRST: who is to name its readers is not one of them yet.
absl::Status ReaderFirst(std::string_view name);
// NOT_PROTECTED: of what has ended readers are named where it is protected; nobody has anything else any
// longer.
absl::Status NotProtected(std::string_view name);
// PROTECTED_IS_UNLINKED: others know of it, because it continues another referral or is continued.
absl::Status ProtectedIsUnlinked(std::string_view name);
// PROTECTED_HAS_NO_GROUP: waiting lists and places of a group are seen by others.
absl::Status ProtectedHasNoGroup(std::string_view name);

// --- Of paths
// PATH_OPEN: the person is on one of the caller's body already.
absl::Status PathOpen(std::string_view referral, std::string_view path);
// DISCLOSURE_STOPPED: the person of `path` used a right that stops its steps.
absl::Status StepsStopped(std::string_view path);
// STEP_TO_BE_APPROVED: the step has a draft already; `draft` is empty where the caller may not read it.
absl::Status StepToBeApproved(std::string_view path, uint32_t step, std::string_view draft);
// STEP_OUTDATED: what the draft of a step takes along is not what it was when the step was prepared.
absl::Status StepOutdated(std::string_view draft);
// DRAFT_OF_A_STEP: it is sent as it is, or not at all.
absl::Status DraftOfAStep(std::string_view draft);
// RECTIFICATION_PENDING: what a step of a path, or a part of a case, would send is to be put right first.
absl::Status RectificationPending(std::string_view name);

// --- Of rights that travel
// DISCLOSURE_STOPPED: nothing further is disclosed of a person who withdrew, objected or had it restricted.
absl::Status DisclosureStopped(std::string_view name);
// USE_RESTRICTED: opened only for what Article 18(2) GDPR allows.
absl::Status UseRestricted(std::string_view name);
// NOTHING_TO_ANSWER: the caller's body owes no answer, or has given one that is final.
absl::Status NothingToAnswer(std::string_view name);
// LEGAL_HOLD: the share of the caller's body is kept until its hold is released.
absl::Status UnderLegalHold(std::string_view name);
// LEGAL_HOLD: what is held is neither erased nor overwritten while one of its bodies is under a hold.
absl::Status KeptAsItIs(std::string_view name);
// HELD_BY_RIGHT: somebody in it waits for a copy or has it restricted; their data are not erased meanwhile.
absl::Status HeldByRight(std::string_view name);
// ENROLMENT_OPEN: somebody still has a place by it; what is open is not erased.
absl::Status EnrolmentOpen(std::string_view enrolment);
// NO_LEGAL_HOLD: there is none to release.
absl::Status NoLegalHold(std::string_view name);

// --- Of wrong entries
// BREACH_NOT_ANSWERED: `owed`, as in "RECORD_NOTIFICATION", has to be recorded before it is closed.
absl::Status BreachNotAnswered(std::string_view name, std::string_view owed);
// NOT_YOUR_ENTRY: `entry`, as in "notes/3", is voided by the body that made it.
absl::Status NotYourEntry(std::string_view name, std::string_view entry);
// ENTRY_VOID: nothing follows from it any more; of a note, only the body that wrote it opens it.
absl::Status EntryVoid(std::string_view name, std::string_view entry);
// VOID_TOO_LATE: it ended more than 90 days ago, and its outcomes stand.
absl::Status VoidTooLate(std::string_view name);
// OUTCOME_OF_OTHER_END: with the right outcome it would have been completed (`completed`: it was), or ended
// without result.
absl::Status OutcomeOfOtherEnd(std::string_view name, bool completed);

// --- Of what a request names in the directory
// BODY_NOT_ACTIVE: the caller's own, which is closed or suspended, or was never registered.
absl::Status OwnBodyNotActive(std::string_view body, bool exists);
// BODY_NOT_ACTIVE: the one that is to have the case.
absl::Status BodyNotActive(std::string_view body);
// BODY_SUCCEEDED: another body stands in its place.
absl::Status BodySucceeded(std::string_view body, std::string_view successor);
// UNIT_NOT_ACTIVE.
absl::Status UnitNotActive(std::string_view unit);
// PROGRAMME_ENDED: the one that paid for the offer.
absl::Status ProgrammeEnded(std::string_view offer, std::string_view programme, std::string_view end_date);
// OFFER_NOT_ACTIVE.
absl::Status OfferNotActive(std::string_view offer);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_ERRORS_H_
