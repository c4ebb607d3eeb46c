#include "services/referral/referral_errors.h"

#include <string>

#include "common/base/strings.h"
#include "services/referral/referral_limits.h"

namespace waypost::referral {
namespace {

using base::Cat;

absl::Status Refused(std::string_view reason, std::string_view name, std::string_view why,
                     const error::Metadata& more = {}) {
  error::Metadata metadata = more;
  metadata.emplace_back("resource", name);
  return error::Make(absl::StatusCode::kFailedPrecondition, reason, Cat("'", name, "' ", why), metadata);
}

}  // namespace

absl::Status Incomplete(std::string_view name, const error::FieldViolations& missing) {
  const absl::Status fields = missing.ToStatus();
  absl::Status status = Refused(
      "REFERRAL_INCOMPLETE", name,
      Cat("cannot be disclosed yet: ", base::ToStd(fields.message()), "; complete it and repeat the call"));
  constexpr absl::string_view kBadRequestUrl = "type.googleapis.com/google.rpc.BadRequest";
  if (const auto payload = fields.GetPayload(kBadRequestUrl); payload.has_value()) {
    status.SetPayload(kBadRequestUrl, *payload);
  }
  return status;
}

absl::Status ApprovalMissing(std::string_view name) {
  return Refused(
      "APPROVAL_MISSING", name,
      "needs a second person's approval first: have it approved, as a draft where it is not sent yet");
}

absl::Status SecondPersonRequired(std::string_view name) {
  return Refused("SECOND_PERSON_REQUIRED", name, "was written by you: somebody else has to approve it");
}

absl::Status TooManyQuestions(std::string_view name) {
  return Refused("TOO_MANY_QUESTIONS", name,
                 "has been asked about twice: decide, or accept it and ask by notes");
}

absl::Status TooManyHandOvers(std::string_view name) {
  return Refused(
      "TOO_MANY_HAND_OVERS", name,
      Cat("was to be handed over ", kMaxHandOvers, " times, and nobody took it: end it, or go on with it"));
}

absl::Status TooManyHops(std::string_view name) {
  return Refused("TOO_MANY_HOPS", name, "has been sent on five times: accept or decline it");
}

absl::Status AlreadyVisited(std::string_view name, std::string_view body) {
  return Refused("ALREADY_VISITED", name, Cat("has been with '", body, "' already: choose another body"),
                 {{"body", std::string(body)}});
}

absl::Status ForwardNotProposed(std::string_view name) {
  return Refused("FORWARD_NOT_PROPOSED", name, "has no proposed forward to confirm");
}

absl::Status ForwardDiffers(std::string_view name, std::string_view proposed) {
  return Refused("FORWARD_DIFFERS", name,
                 Cat("is proposed to go to '", proposed, "': read it again, then confirm that body"),
                 {{"proposed", std::string(proposed)}});
}

absl::Status HandOverPending(std::string_view name) {
  return Refused(
      "HAND_OVER_PENDING", name,
      "waits for another body to take it over: wait for its answer, or cancel that referral first");
}

absl::Status NoHandOverPending(std::string_view name) {
  return Refused("NO_HAND_OVER_PENDING", name, "waits for no hand-over");
}

absl::Status NeverAccepted(std::string_view name) {
  return Refused("NEVER_ACCEPTED", name, "was never accepted: confirm or refuse the wish to cancel it");
}

absl::Status NotEscalated(std::string_view name) {
  return Refused("NOT_ESCALATED", name, "has not been escalated, and lapses only after that");
}

absl::Status PeriodNotOver(std::string_view period) {
  return Refused("PERIOD_NOT_OVER", period, "is not over: ask again then");
}

absl::Status ReopenTooLate(std::string_view name) {
  return Refused("REOPEN_TOO_LATE", name, "ended more than 90 days ago: make a new referral");
}

absl::Status NeverSent(std::string_view name) {
  return Refused("NEVER_SENT", name, "was cancelled as a draft: make a new referral");
}

absl::Status AccessEnded(std::string_view name) {
  return Refused("ACCESS_ENDED", name, "is closed: access to what it disclosed has ended");
}

absl::Status HandOverAgain(std::string_view name) {
  return Refused("HAND_OVER_AGAIN", name,
                 "asked for a hand-over that was not taken: hand the case over again");
}

absl::Status ShareErased(std::string_view name) {
  return Refused("SHARE_ERASED", name, "has been erased: what it disclosed cannot be read any longer");
}

absl::Status AlreadyAssigned(std::string_view name) {
  return Refused("ALREADY_ASSIGNED", name, "is assigned to somebody: have it reassigned");
}

absl::Status NothingDue(std::string_view name) {
  return Refused("NOTHING_DUE", name, "has nothing due that your side could put off, escalate or settle");
}

absl::Status ClockNotRunning(std::string_view name) {
  return Refused(
      "NOTHING_DUE", name,
      "does not run that clock now: leave `clock` out for what is due; `start` is for a case that waits "
      "on a list, or is handed over before it began");
}

absl::Status NoDateProposed(std::string_view name) {
  return Refused("NO_DATE_PROPOSED", name, "has no date proposed by the other side");
}

absl::Status NotOverdue(std::string_view name) {
  return Refused("NOT_OVERDUE", name, "is not overdue, or its silence has been escalated already");
}

absl::Status NotCoordinated(std::string_view name) {
  return Refused("NOT_COORDINATED", name,
                 "has no coordinating body: an agreement on its theme and territory would appoint one");
}

absl::Status CoordinatesNoLonger(std::string_view name, std::string_view body) {
  return Refused("NOT_COORDINATED", name,
                 body.empty() ? "is coordinated by nobody today: the agreement has ended"
                              : base::Cat("is coordinated by '", body, "' today: the agreement has ended"));
}

absl::Status CoordinatorIsASide(std::string_view name) {
  return Refused("COORDINATOR_IS_A_SIDE", name, "is with the coordinating body already: deal with it there");
}

absl::Status AlreadyRuled(std::string_view name) {
  return Refused("ALREADY_RULED", name, "was ruled to be for its receiving body already");
}

absl::Status RulingBinds(std::string_view name) {
  return Refused("RULING_BINDS", name,
                 "was ruled to be for this body: it cannot be refused or sent on for want of competence");
}

absl::Status ConsentBinds(std::string_view name) {
  return Refused(
      "CONSENT_BINDS", name,
      "rests on consent, which was given for one recipient: have the referring body ask the person, "
      "and send it anew");
}

absl::Status PriorityNotRaised(std::string_view name) {
  return Refused("PRIORITY_NOT_RAISED", name,
                 "has that priority or a higher one: priority can only be raised");
}

absl::Status NotYetDisclosed(std::string_view name) {
  return Refused("NOT_YET_DISCLOSED", name, "opens these sections once it is accepted");
}

absl::Status NoPlaceFree(std::string_view name, std::string_view group, int64_t places, int64_t taken,
                         int64_t wanted) {
  return Refused("NO_PLACE_FREE", name,
                 Cat("would take ", wanted, " of the ", places, " places of '", group, "', of which ", taken,
                     " are taken: put it on the waiting list, or report more places to the directory"),
                 {{"group", std::string(group)},
                  {"places", Cat(places)},
                  {"taken", Cat(taken)},
                  {"wanted", Cat(wanted)}});
}

absl::Status AlreadyEnrolled(std::string_view name, uint32_t person, std::string_view enrolment,
                             std::string_view group) {
  return Refused(
      "ALREADY_ENROLLED", name,
      Cat("is of person ", person, ", who has a place in '", group, "' by '", enrolment,
          "': accept them there, or move them first with MoveEnrolment"),
      {{"person", Cat(person)}, {"enrolment", std::string(enrolment)}, {"group", std::string(group)}});
}

absl::Status OutOfOrder(std::string_view name, std::string_view group, std::string_view first) {
  return Refused("OUT_OF_ORDER", name,
                 Cat("is not first on the waiting list of '", group, "', but '", first,
                     "' is: offer it the place, or say with out_of_order_reason why not"),
                 {{"group", std::string(group)}, {"first", std::string(first)}});
}

absl::Status GroupRequired(std::string_view name, std::string_view offer, std::string_view groups) {
  return Refused("GROUP_REQUIRED", name,
                 Cat("would wait for '", offer, "', or get a place there, in none of its groups (", groups,
                     "): name one, in `group_id` or for each person in `places`"),
                 {{"offer", std::string(offer)}, {"groups", std::string(groups)}});
}

absl::Status AlreadyOnList(std::string_view name) {
  return Refused("ALREADY_ON_LIST", name,
                 "waits on the list of a group already: offer it a place there or in another group, or "
                 "decline it");
}

absl::Status GroupNotOpen(std::string_view group, std::string_view cohort_start) {
  return Refused("GROUP_NOT_OPEN", group,
                 Cat("began together on ", cohort_start, " and takes nobody more: choose another group"),
                 {{"cohort_start", std::string(cohort_start)}});
}

absl::Status PartsOpen(std::string_view name) {
  return Refused("PARTS_OPEN", name,
                 "has parts that have not ended: wait for them, or detach them; see ListParts");
}

absl::Status PartsOpenFrom(std::string_view name, int count, std::string_view first) {
  return Refused(
      "PARTS_OPEN", name,
      Cat("has ", count, " parts that have not ended, '", first,
          "' among them: wait for them, or detach them; to cancel it, say in `parts` what becomes of "
          "each; see ListParts"),
      {{"count", Cat(count)}, {"first", std::string(first)}});
}

absl::Status NotAPart(std::string_view name) {
  return Refused("NOT_A_PART", name, "is no part of another referral");
}

absl::Status ParentEnded(std::string_view name) {
  return Refused("PARENT_ENDED", name,
                 "has ended, and gets no parts: leave part_of out, or detach the draft");
}

absl::Status ParentNotHeld(std::string_view name) {
  return Refused("PARENT_NOT_HELD", name,
                 "is held by another body: parts are made by the body that holds the case");
}

absl::Status PartsOneLevel(std::string_view name, std::string_view why) {
  return Refused("PARTS_ONE_LEVEL", name,
                 Cat(why, ", and parts have no parts of their own: make it a part of the whole case"));
}

absl::Status ReaderFirst(std::string_view name) {
  return Refused(
      "READER_FIRST", name,
      "is for its named readers alone: name the readers of your side first, yourself if you are one");
}

absl::Status NotProtected(std::string_view name) {
  return Refused(
      "NOT_PROTECTED", name,
      "has ended, and nobody is assigned to it any longer: of a protected referral alone readers are "
      "named still");
}

absl::Status ProtectedIsUnlinked(std::string_view name) {
  return Refused(
      "PROTECTED_IS_UNLINKED", name,
      "cannot be both protected and linked, since others know of it by that: leave part_of out, or "
      "detach what is a part; what continues another referral, or is continued, has to end, and the "
      "person to be referred anew with a protected referral");
}

absl::Status ProtectedHasNoGroup(std::string_view name) {
  return Refused(
      "PROTECTED_HAS_NO_GROUP", name,
      "cannot be both protected and on the list, or in a place, of a group, which others see: keep "
      "its place outside of groups");
}

absl::Status PathOpen(std::string_view referral, std::string_view path) {
  return Refused("PATH_OPEN", referral,
                 Cat("has a person who is on '", path, "' already: go on with that one, or end it first"),
                 {{"path", std::string(path)}});
}

absl::Status StepsStopped(std::string_view path) {
  return Refused(
      "DISCLOSURE_STOPPED", path,
      "is of a person who withdrew, objected or had it restricted in one of its referrals: no step "
      "is taken before all who were asked there have refused that, or lifted the restriction");
}

absl::Status StepToBeApproved(std::string_view path, uint32_t step, std::string_view draft) {
  const std::string which = draft.empty() ? std::string("a draft") : Cat("'", draft, "'");
  return Refused("STEP_TO_BE_APPROVED", path,
                 Cat("has ", which, " for step ", step,
                     " already, which a second person is to approve: have it approved and submit it, or "
                     "cancel it and take the step anew"),
                 {{"step", Cat(step)}, {"draft", std::string(draft)}});
}

absl::Status StepOutdated(std::string_view draft) {
  return Refused(
      "STEP_OUTDATED", draft,
      "takes along for a step what has changed since, or is not your body's any longer: cancel it, "
      "and take the step anew");
}

absl::Status DraftOfAStep(std::string_view draft) {
  return Refused(
      "DRAFT_OF_A_STEP", draft,
      "is the draft of a step of a path, which is sent as it is: cancel it, and take the step anew");
}

absl::Status RectificationPending(std::string_view name) {
  return Refused("RECTIFICATION_PENDING", name,
                 "has a person who asked to have put right what would be sent, and it has neither been put "
                 "right nor refused: answer that with AnswerRightsRequest, or wait for who is to answer it, "
                 "and send it then; ListRightsRequests names what your body owes");
}

absl::Status DisclosureStopped(std::string_view name) {
  return Refused("DISCLOSURE_STOPPED", name,
                 "has a person who withdrew, objected or had it restricted, of whom nothing further is "
                 "disclosed: leave that person out; see right_marks");
}

absl::Status UseRestricted(std::string_view name) {
  return Refused("USE_RESTRICTED", name,
                 "has a person who had the use of their data restricted: it is opened to protect a person, "
                 "to answer them, to handle a complaint or where the law obliges; see right_marks");
}

absl::Status NothingToAnswer(std::string_view name) {
  return Refused("NOTHING_TO_ANSWER", name,
                 "has no use of a right that your body is to answer so: what was answered with "
                 "STOPPED_ERASED, PROVIDED or LIFTED is final, what was RECTIFIED is only rectified again, "
                 "and only what is RESTRICTED is LIFTED");
}

absl::Status UnderLegalHold(std::string_view name) {
  return Refused("LEGAL_HOLD", name,
                 "is under a legal hold of your body, which keeps its share from being erased: release the "
                 "hold first");
}

absl::Status KeptAsItIs(std::string_view name) {
  return Refused("LEGAL_HOLD", name,
                 "is under a legal hold of one of its bodies, which keeps what is held as it is: answer once "
                 "the hold is released");
}

absl::Status HeldByRight(std::string_view name) {
  return Refused("HELD_BY_RIGHT", name,
                 "is kept for a person in it, who waits for access or for an answer to a restriction, or for "
                 "whom you keep it restricted: answer that first");
}

absl::Status EnrolmentOpen(std::string_view enrolment) {
  return Refused("ENROLMENT_OPEN", enrolment,
                 "has not ended, and would be erased with your body's share: end it first");
}

absl::Status NoLegalHold(std::string_view name) {
  return Refused("NO_LEGAL_HOLD", name, "is under no legal hold of your body");
}

absl::Status BreachNotAnswered(std::string_view name, std::string_view owed) {
  return Refused("BREACH_NOT_ANSWERED", name,
                 Cat("is not closed before ", owed, " was recorded: record that first"),
                 {{"owed", std::string(owed)}});
}

absl::Status NotYourEntry(std::string_view name, std::string_view entry) {
  return Refused("NOT_YOUR_ENTRY", name,
                 Cat("has the entry '", entry, "', which is voided by the body that made it: tell them"),
                 {{"entry", std::string(entry)}});
}

absl::Status EntryVoid(std::string_view name, std::string_view entry) {
  return Refused("ENTRY_VOID", name,
                 Cat("has the entry '", entry,
                     "', which is void: nothing follows from it, and only the body that made it opens it"),
                 {{"entry", std::string(entry)}});
}

absl::Status VoidTooLate(std::string_view name) {
  return Refused("VOID_TOO_LATE", name,
                 "ended more than 90 days ago, and its outcomes stand: say in a note what was wrong");
}

absl::Status OutcomeOfOtherEnd(std::string_view name, bool completed) {
  return Refused("OUTCOME_OF_OTHER_END", name,
                 completed ? "is completed, and would have no result left: open it again with "
                             "ReopenReferral, and end it without result"
                           : "ended without result, and this is one: have the referring body open it "
                             "again with ReopenReferral, and complete it then");
}

absl::Status OwnBodyNotActive(std::string_view body, bool exists) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "BODY_NOT_ACTIVE",
                     Cat("'", body, "', for which you act, is ",
                         exists ? "not active: it sends no referrals now"
                                : "not in the directory: have it registered first"),
                     {{"body", std::string(body)}});
}

absl::Status BodyNotActive(std::string_view body) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "BODY_NOT_ACTIVE",
                     Cat("'", body, "' is not active and takes no referrals now: choose another"),
                     {{"body", std::string(body)}});
}

absl::Status BodySucceeded(std::string_view body, std::string_view successor) {
  return error::Make(
      absl::StatusCode::kFailedPrecondition, "BODY_SUCCEEDED",
      Cat("'", successor, "' stands in the place of '", body,
          "' for this theme and territory: name it instead, and act for it with an account that "
          "it has given you"),
      {{"body", std::string(body)}, {"successor", std::string(successor)}});
}

absl::Status UnitNotActive(std::string_view unit) {
  return error::Make(
      absl::StatusCode::kFailedPrecondition, "UNIT_NOT_ACTIVE",
      Cat("'", unit,
          "' is closed and takes no work: choose another unit, or have a forward to it proposed again"),
      {{"unit", std::string(unit)}});
}

absl::Status ProgrammeEnded(std::string_view offer, std::string_view programme, std::string_view end_date) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "PROGRAMME_ENDED",
                     Cat("'", programme, "', which pays for '", offer, "', ended on ", end_date,
                         ": choose another offer; what is open under it is handed over"),
                     {{"offer", std::string(offer)},
                      {"programme", std::string(programme)},
                      {"end_date", std::string(end_date)}});
}

absl::Status OfferNotActive(std::string_view offer) {
  return error::Make(
      absl::StatusCode::kFailedPrecondition, "OFFER_NOT_ACTIVE",
      Cat("'", offer,
          "' takes nobody now: choose another offer, or none, or have a forward to it proposed again"),
      {{"offer", std::string(offer)}});
}

}  // namespace waypost::referral
