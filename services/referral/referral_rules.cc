#include "services/referral/referral_rules.h"

#include <algorithm>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/entry_voiding.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_retention.h"
#include "services/referral/referral_rights.h"
#include "services/referral/required_documents.h"
#include "services/referral/statistics_counting.h"
#include "services/referral/succession_rules.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using base::Cat;

// Who acts.
struct By {
  Actor actor;
  std::string_view body;       // empty: the system
  std::string_view pseudonym;  // empty: the system
};

// One decision in the making.
struct Step {
  const ReferralRecord& current;
  const By by;
  const absl::Time now;
  const ClockTable& clocks;
  const SideCalendars& calendars;
  const std::optional<ProgrammeEnds>& programme_ends;
  Decision decision;
  bool clock_taken_up = false;     // what is due has a clock that ran before
  bool hand_over_goes_on = false;  // what is due is the hand-over that was due, and its clock runs on

  ReferralRecord& next() { return decision.next; }
  v1::Side& OwnSide() {
    return by.actor == Actor::kReceiving ? *next().mutable_receiving() : *next().mutable_referring();
  }
  v1::Party OwnParty() const {
    return by.actor == Actor::kReceiving ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING;
  }
};

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return api::FromTimestamp(timestamp);
}

// --- Due times -------------------------------------------------------------------------------------------

void SetDue(ReferralRecord& record, v1::Clock clock, v1::Party party, absl::Time time) {
  v1::Due& due = *record.mutable_due();
  due.set_clock(clock);
  due.set_party(party);
  *due.mutable_time() = api::ToTimestamp(time);
}

// When a step that begins then is due from that side.
absl::Time StepDue(Step& step, v1::Party party, absl::Time begins) {
  const ReferralRecord& next = step.next();
  return AfterSpan(CalendarOf(step.calendars, party), next.priority(), begins,
                   step.clocks.StepTime(next.theme(), next.priority()));
}

void SetStepDue(Step& step, v1::Clock clock, v1::Party party) {
  SetDue(step.next(), clock, party, StepDue(step, party, step.now));
}

// Its clock goes on where it was set aside; a record of before does not say where that was.
void TakeUp(Step& step, const storage::v1::ClockTimes& clock) {
  step.clock_taken_up = clock.has_start_time();
  if (clock.has_start_time()) TakeUpClock(clock, step.next());
}

void RestoreDue(ReferralRecord& record, bool had_due, const v1::Due& due) {
  if (had_due) {
    *record.mutable_due() = due;
  } else {
    record.clear_due();
  }
}

// When the receiver is to answer, after its clock has rested since the question: it has as much working time
// as it had left then.
absl::Time ResumedDue(Step& step, absl::Time due) {
  const absl::Time paused = TimeOf(step.current.pause_time());
  if (due <= paused) return due + (step.now - paused);
  const CalendarPtr& calendar = step.calendars.receiving;
  const v1::Priority priority = step.next().priority();
  return AfterSpan(calendar, priority, step.now, SpanBetween(calendar, priority, paused, due));
}

void ResumeReceiversClock(Step& step) {
  ReferralRecord& next = step.next();
  if (step.current.has_paused_due()) {
    const v1::Due& paused = step.current.paused_due();
    SetDue(next, paused.clock(), paused.party(), ResumedDue(step, TimeOf(paused.time())));
    TakeUp(step, step.current.paused_clock());
    storage::v1::ClockRest& rest = *next.add_clock_rests();
    *rest.mutable_begin_time() = step.current.pause_time();
    *rest.mutable_end_time() = api::ToTimestamp(step.now);
  } else {
    next.clear_due();
  }
  next.clear_paused_due();
  next.clear_paused_clock();
  next.clear_pause_time();
  next.clear_state_before_question();
}

absl::Status CheckAhead(std::string_view field, absl::Time time, absl::Time now, absl::Duration most) {
  if (time <= now) return error::InvalidField(field, "must be in the future");
  if (time > now + most)
    return error::InvalidField(field, Cat("must be within ", absl::ToInt64Hours(most) / 24, " days"));
  return absl::OkStatus();
}

// --- Sides and units -------------------------------------------------------------------------------------

bool BelongsTo(std::string_view unit, std::string_view body) {
  return unit.size() > body.size() + 7 && unit.substr(0, body.size()) == body &&
         unit.substr(body.size(), 7) == "/units/";
}

void CheckUnit(std::string_view field, std::string_view unit, std::string_view body,
               error::FieldViolations& wrong) {
  if (!unit.empty() && !BelongsTo(unit, body)) wrong.Add(field, "must be a unit of the body on that side");
}

void CheckTelephone(const v1::TelephoneHandover& call, bool given, v1::Priority priority,
                    std::string_view body, absl::Time now, error::FieldViolations& wrong) {
  if (!given) {
    if (priority == v1::PRIORITY_EMERGENCY) {
      wrong.Add("telephone_handover", "an emergency needs a telephone hand-over to the duty desk");
    }
    return;
  }
  if (!call.has_time() || TimeOf(call.time()) > now) {
    wrong.Add("telephone_handover.time", "must be when the call was answered, not in the future");
  }
  if (!BelongsTo(call.unit(), body)) {
    wrong.Add("telephone_handover.unit", "must be the duty desk, a unit of the receiving body");
  }
}

void Assign(v1::Side& side, std::string_view unit, std::string_view assignee) {
  if (!unit.empty()) side.set_unit(std::string(unit));
  side.set_assignee(std::string(assignee));
}

// --- Drafts ----------------------------------------------------------------------------------------------

bool Contains(const std::vector<std::string>& paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

v1::Person* MutablePerson(ReferralRecord& record, uint32_t number) {
  return const_cast<v1::Person*>(FindPerson(record, number));
}

void CopyFilled(const v1::Disclosure& from, v1::Disclosure& to) {
  *to.mutable_sections() = from.sections();
  *to.mutable_fields() = from.fields();
}

// The persons as given, with what only the server knows kept from before.
void ReplacePersons(const v1::Referral& input, Step& step) {
  ReferralRecord& next = step.next();
  next.clear_persons();
  for (const v1::Person& given : input.persons()) {
    v1::Person& person = *next.add_persons();
    person = given;
    person.clear_outcome();
    person.clear_voided_outcomes();
    v1::Disclosure& disclosure = *person.mutable_disclosure();
    disclosure.clear_recipient();
    const v1::Person* before = FindPerson(step.current, given.number());
    CopyFilled(before == nullptr ? v1::Disclosure() : before->disclosure(), disclosure);
  }
  for (const v1::Person& before : step.current.persons()) {
    if (FindPerson(next, before.number()) == nullptr) {
      step.decision.removed_persons.push_back(before.number());
    }
  }
}

absl::Status MarkFilled(const std::vector<FilledSections>& filled, ReferralRecord& next) {
  for (size_t i = 0; i < filled.size(); ++i) {
    v1::Person* person = MutablePerson(next, filled[i].person);
    if (person == nullptr) {
      return error::InvalidField(Cat("sections[", i, "].person"), "is no person of this referral");
    }
    v1::Disclosure& disclosure = *person->mutable_disclosure();
    disclosure.clear_sections();
    disclosure.clear_fields();
    for (const v1::SectionKind section : filled[i].sections) disclosure.add_sections(section);
    for (const std::string& field : filled[i].fields) disclosure.add_fields(field);
  }
  return absl::OkStatus();
}

absl::Status CheckDraft(const ReferralRecord& next) {
  error::FieldViolations wrong;
  CheckUnit("referral.referring.unit", next.referring().unit(), next.referring().body(), wrong);
  CheckUnit("referral.receiving.unit", next.receiving().unit(), next.receiving().body(), wrong);
  if (!next.receiving().body().empty() && next.receiving().body() == next.referring().body()) {
    wrong.Add("referral.receiving.body", "must be another body than the referring one");
  }
  return wrong.ToStatus();
}

absl::Status MakeDraft(const command::Create& create, Step& step) {
  ReferralRecord& next = step.next();
  const v1::Referral& input = create.referral;
  next.set_format_version(kRecordFormat);
  next.set_name(create.name);
  next.set_theme(input.theme());
  next.set_priority(input.priority());
  next.mutable_referring()->set_body(std::string(step.by.body));
  next.mutable_referring()->set_unit(input.referring().unit());
  // Of no unit nobody is a member: whoever makes it has it, beside the supervisors.
  if (input.referring().unit().empty()) {
    next.mutable_referring()->set_assignee(std::string(step.by.pseudonym));
  }
  next.mutable_receiving()->set_body(input.receiving().body());
  next.mutable_receiving()->set_unit(input.receiving().unit());
  next.set_origin_body(std::string(step.by.body));
  next.set_offer(input.offer());
  next.set_territory(input.territory());
  next.set_part_of(input.part_of());
  *next.mutable_case_persons() = input.case_persons();
  if (input.has_telephone_handover()) *next.mutable_telephone_handover() = input.telephone_handover();
  *next.mutable_create_time() = api::ToTimestamp(step.now);
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_NONE);
  next.set_draft_actor(std::string(step.by.pseudonym));
  next.set_next_note(1);
  next.set_path(create.path);
  if (input.has_protection()) {
    WAYPOST_RETURN_IF_ERROR(ProtectNew(input.protection(), step.by.pseudonym, step.now, next));
  }
  ReplacePersons(input, step);
  WAYPOST_RETURN_IF_ERROR(MarkFilled(create.filled, next));
  return CheckDraft(next);
}

absl::Status Apply(const command::Create& create, Step& step) {
  PutRequired(create.required_documents, step.next());
  return MakeDraft(create, step);
}

// The number of somebody who withdrew stays theirs.
absl::Status CheckNumbersAreFree(const v1::Referral& input, const ReferralRecord& record) {
  error::FieldViolations wrong;
  for (int i = 0; i < input.persons_size(); ++i) {
    for (const v1::Person& withdrawn : record.withdrawn_persons()) {
      if (withdrawn.number() == input.persons(i).number()) {
        wrong.Add(Cat("referral.persons[", i, "].number"), "was of somebody who withdrew: take another");
      }
    }
  }
  return wrong.ToStatus();
}

// Whoever wrote any of the draft is no second person.
void NoteWriter(std::string_view pseudonym, ReferralRecord& draft) {
  const auto& writers = draft.draft_actors();
  if (std::find(writers.begin(), writers.end(), pseudonym) != writers.end()) return;
  draft.add_draft_actors(std::string(pseudonym));
}

absl::Status Apply(const command::Update& update, Step& step) {
  if (IsDraftOfStep(step.current)) return DraftOfAStep(step.current.name());
  ReferralRecord& next = step.next();
  const v1::Referral& input = update.referral;
  const bool replaces = Contains(update.paths, "persons") || Contains(update.paths, "sections");
  if (replaces && IsUnderHold(step.current, v1::PARTY_REFERRING, step.now)) {
    return UnderLegalHold(step.current.name());
  }
  if (Contains(update.paths, "theme")) next.set_theme(input.theme());
  if (Contains(update.paths, "priority")) next.set_priority(input.priority());
  if (Contains(update.paths, "referring.unit")) next.mutable_referring()->set_unit(input.referring().unit());
  if (Contains(update.paths, "receiving")) {
    next.mutable_receiving()->set_body(input.receiving().body());
    next.mutable_receiving()->set_unit(input.receiving().unit());
  }
  if (Contains(update.paths, "offer")) next.set_offer(input.offer());
  if (Contains(update.paths, "territory")) next.set_territory(input.territory());
  if (Contains(update.paths, "part_of")) {
    if (input.part_of() != next.part_of()) next.clear_case_persons();
    next.set_part_of(input.part_of());
  }
  if (Contains(update.paths, "case_persons")) *next.mutable_case_persons() = input.case_persons();
  if (Contains(update.paths, "telephone_handover")) {
    *next.mutable_telephone_handover() = input.telephone_handover();
    if (!input.has_telephone_handover()) next.clear_telephone_handover();
  }
  if (Contains(update.paths, "persons")) {
    WAYPOST_RETURN_IF_ERROR(CheckNumbersAreFree(input, next));
    ReplacePersons(input, step);
  }
  if (Contains(update.paths, "sections")) WAYPOST_RETURN_IF_ERROR(MarkFilled(update.filled, next));
  PutRequired(update.required_documents, next);
  NoteWriter(step.by.pseudonym, next);
  ForgetApprovals(next);
  return CheckDraft(next);
}

absl::Status Apply(const command::Approve&, Step& step) {
  ReferralRecord& next = step.next();
  const v1::Party party = step.OwnParty();
  v1::Approval& approval =
      party == v1::PARTY_RECEIVING ? *next.mutable_receiving_approval() : *next.mutable_approval();
  approval.set_actor(std::string(step.by.pseudonym));
  approval.set_party(party);
  *approval.mutable_time() = api::ToTimestamp(step.now);
  return absl::OkStatus();
}

// --- Disclosing ------------------------------------------------------------------------------------------

bool AnyNeedsApproval(const ReferralRecord& record) {
  return std::any_of(record.persons().begin(), record.persons().end(), NeedsApproval);
}

// A second person of the acting side has approved. A draft's approver is not its writer; any other approval
// must be somebody else's than the caller's. Within one body either side is its own.
bool IsApproved(const Step& step) {
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    if (party != step.OwnParty() && !IsInternal(step.current)) continue;
    const v1::Approval* const approval = ApprovalOf(step.current, party);
    if (approval == nullptr) continue;
    if (step.current.state() == kDraft || approval->actor() != step.by.pseudonym) return true;
  }
  return false;
}

absl::Status CheckComplete(const ReferralRecord& record, absl::Time now) {
  error::FieldViolations missing;
  if (record.theme() == type::v1::THEME_UNSPECIFIED) missing.Add("theme", "is required");
  if (record.priority() == v1::PRIORITY_UNSPECIFIED) missing.Add("priority", "is required");
  if (record.territory().empty()) missing.Add("territory", "is required");
  if (record.receiving().body().empty()) missing.Add("receiving.body", "is required");
  if (record.persons().empty()) missing.Add("persons", "at least one is required");
  CheckTelephone(record.telephone_handover(), record.has_telephone_handover(), record.priority(),
                 record.receiving().body(), now, missing);
  for (int i = 0; i < record.persons_size(); ++i) {
    CheckDisclosure(Cat("persons[", i, "]"), record.persons(i), record.theme(), missing);
  }
  return missing.empty() ? absl::OkStatus() : Incomplete(record.name(), missing);
}

// Sends the referral to its receiving body: from nothing, from a draft, or again.
void Send(Step& step) {
  ReferralRecord& next = step.next();
  for (v1::Person& person : *next.mutable_persons()) {
    person.mutable_disclosure()->set_recipient(next.receiving().body());
  }
  *next.mutable_submit_time() = api::ToTimestamp(step.now);
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_SCREENING);
  ForgetApprovals(next);
  step.decision.effects.Add(Effect::kOpenScreening);
  SetStepDue(step, v1::CLOCK_ACKNOWLEDGE, v1::PARTY_RECEIVING);
}

// Of a body that takes the case without being asked: it has decided already.
void AcceptAtOnce(Step& step) {
  ReferralRecord& next = step.next();
  next.set_state(kAccepted);
  *next.mutable_acknowledge_time() = api::ToTimestamp(step.now);
  *next.mutable_accept_time() = api::ToTimestamp(step.now);
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_FULL);
  SetStepDue(step, v1::CLOCK_START, v1::PARTY_RECEIVING);
}

// Of a referral that another one opens.
void SettleOpened(Step& step);

absl::Status Apply(const command::Submit& submit, Step& step) {
  if ((submit.created != nullptr) != (step.current.state() == kNothing)) {
    return error::InvalidField("referral", "name a draft, or give a new referral");
  }
  if (submit.created != nullptr) WAYPOST_RETURN_IF_ERROR(MakeDraft(*submit.created, step));
  WAYPOST_RETURN_IF_ERROR(CheckDraft(step.next()));
  WAYPOST_RETURN_IF_ERROR(CheckComplete(step.next(), step.now));
  if (AnyoneIsStopped(step.next())) return DisclosureStopped(step.next().name());
  if ((submit.approval_required || AnyNeedsApproval(step.next())) && !IsApproved(step)) {
    return ApprovalMissing(step.next().name());
  }
  // Who coordinates watches over what is late by lists of it.
  if (!IsProtected(step.next())) step.next().set_coordinating_body(submit.coordinating_body);
  PutRequired(submit.required_documents, step.next());
  Send(step);
  return absl::OkStatus();
}

// --- Deciding --------------------------------------------------------------------------------------------

absl::Status Apply(const command::Acknowledge&, Step& step) {
  *step.next().mutable_acknowledge_time() = api::ToTimestamp(step.now);
  SetStepDue(step, v1::CLOCK_DECIDE, v1::PARTY_RECEIVING);
  return absl::OkStatus();
}

absl::Status Apply(const command::RequestInformation& question, Step& step) {
  ReferralRecord& next = step.next();
  WAYPOST_RETURN_IF_ERROR(CheckDocumentNumbers("documents", question.documents, step.current));
  next.mutable_asked_documents()->Assign(question.documents.begin(), question.documents.end());
  next.set_questions_asked(next.questions_asked() + 1);
  next.set_state_before_question(step.current.state());
  if (HasNaturalDue(step.current)) *next.mutable_paused_due() = NaturalDue(step.current);
  *next.mutable_paused_clock() = NaturalClock(step.current);
  *next.mutable_pause_time() = api::ToTimestamp(step.now);
  SetStepDue(step, v1::CLOCK_INFORMATION, v1::PARTY_REFERRING);
  return absl::OkStatus();
}

absl::Status Apply(const command::ProvideInformation&, Step& step) {
  ResumeReceiversClock(step);
  return absl::OkStatus();
}

absl::Status Apply(const command::InformationLapse&, Step& step) {
  ResumeReceiversClock(step);
  return absl::OkStatus();
}

absl::Status Apply(const command::Waitlist& waitlist, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckGroupless(step.current, !waitlist.choice.group_id.empty()));
  WAYPOST_RETURN_IF_ERROR(CheckAhead("review_time", waitlist.review, step.now, kMaxReviewAhead));
  SetDue(step.next(), v1::CLOCK_REVIEW, v1::PARTY_RECEIVING, waitlist.review);
  // Who is put on a list after all has waited before.
  if (step.current.state() != kWaitlisted) {
    BeginStartClock(step.now, StepDue(step, v1::PARTY_RECEIVING, step.now), step.next());
  }
  return JoinList(waitlist.choice, step.now, step.next());
}

absl::Status Apply(const command::OfferPlace& offer, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckGroupless(step.current, !offer.choice.group_id.empty()));
  WAYPOST_RETURN_IF_ERROR(CheckAhead("answer_by_time", offer.answer_by, step.now, kMaxOfferAhead));
  SetDue(step.next(), v1::CLOCK_OFFER, v1::PARTY_REFERRING, offer.answer_by);
  step.decision.taking = {.limits = offer.limits, .out_of_order = offer.out_of_order};
  return TakeOffered(offer.choice, step.next());
}

absl::Status Apply(const command::TakePlace&, Step& step) {
  step.next().set_place_taken(true);
  SetStepDue(step, v1::CLOCK_DECIDE, v1::PARTY_RECEIVING);
  return absl::OkStatus();
}

absl::Status Apply(const command::StayOnList&, Step& step) {
  SetStepDue(step, v1::CLOCK_REVIEW, v1::PARTY_RECEIVING);
  return absl::OkStatus();
}

absl::Status Apply(const command::OfferLapse&, Step& step) {
  return Apply(command::StayOnList{}, step);
}

absl::Status Apply(const command::LeaveList&, Step& step) {
  step.next().set_cancel_reason(v1::CANCEL_REASON_PLACE_REFUSED);
  return absl::OkStatus();
}

absl::Status AddAppointment(absl::Time time, std::string_view zone, Step& step) {
  ReferralRecord& next = step.next();
  if (next.appointments_size() >= kMaxAppointments) {
    return error::LimitExceeded("appointments", kMaxAppointments, next.appointments_size() + 1);
  }
  if (time > step.now + kMaxDateAhead) {
    return error::InvalidField("time",
                               Cat("must be within ", absl::ToInt64Hours(kMaxDateAhead) / 24, " days"));
  }
  v1::Appointment& appointment = *next.add_appointments();
  appointment.set_number(static_cast<uint32_t>(next.appointments_size()));
  *appointment.mutable_time() = api::ToTimestamp(time);
  appointment.set_zone(std::string(zone));
  appointment.set_status(v1::APPOINTMENT_STATUS_SCHEDULED);
  return absl::OkStatus();
}

absl::Status Apply(const command::Accept& accept, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckGroupless(step.current, !accept.places.empty()));
  ReferralRecord& next = step.next();
  error::FieldViolations wrong;
  CheckUnit("unit", accept.unit, next.receiving().body(), wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  if (!accept.unit.empty()) next.mutable_receiving()->set_unit(accept.unit);
  if (accept.appointment.has_value()) {
    WAYPOST_RETURN_IF_ERROR(
        AddAppointment(TimeOf(accept.appointment->time()), accept.appointment->zone(), step));
  }
  WAYPOST_RETURN_IF_ERROR(TakeAccepted(accept.places, accept.limits, next));
  step.decision.taking = {.limits = accept.limits, .out_of_order = accept.out_of_order};
  WAYPOST_ASSIGN_OR_RETURN(step.decision.taking.enrolled, KeepEnrolments(accept.enrolled, next));
  *next.mutable_accept_time() = api::ToTimestamp(step.now);
  ForgetStartClock(next);
  next.clear_paused_due();
  next.clear_paused_clock();
  next.clear_pause_time();
  next.clear_state_before_question();
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_FULL);
  step.decision.effects.Add(Effect::kOpenAll);
  SetStepDue(step, v1::CLOCK_START, v1::PARTY_RECEIVING);
  if (!next.hand_over_of().empty()) {
    step.decision.follow_ups.push_back(
        {next.hand_over_of(), command::HandOverTaken{next.receiving().body()}});
    next.clear_hand_over_of();
  }
  return absl::OkStatus();
}

bool DeniesCompetence(v1::DeclineReason reason) {
  return reason == v1::DECLINE_REASON_NOT_COMPETENT || reason == v1::DECLINE_REASON_OUT_OF_AREA;
}

// The case is with the referring body again, which has to find another way; of a hand-over, with whoever
// wanted to hand it over.
void OweFollowUp(Step& step) {
  if (step.current.hand_over_of().empty()) SetStepDue(step, v1::CLOCK_FOLLOW_UP, v1::PARTY_REFERRING);
}

absl::Status Apply(const command::Decline& decline, Step& step) {
  if (step.current.competence_ruled() && DeniesCompetence(decline.decline.reason())) {
    return RulingBinds(step.current.name());
  }
  const auto& missing = decline.decline.missing_documents();
  WAYPOST_RETURN_IF_ERROR(
      CheckDocumentNumbers("missing_documents", {missing.begin(), missing.end()}, step.current));
  *step.next().mutable_decline() = decline.decline;
  OweFollowUp(step);
  return absl::OkStatus();
}

// --- Sending on ------------------------------------------------------------------------------------------

// A ruling may lead back to a body that has had it, though not to where it is.
absl::Status CheckRoute(const ReferralRecord& record, std::string_view body, v1::HopKind kind) {
  if (kind == v1::HOP_KIND_ASSUMED) return absl::OkStatus();
  if (kind == v1::HOP_KIND_RULING) {
    if (body != record.referring().body()) return absl::OkStatus();
    return error::InvalidField("body", "is the referring body: a case goes back to it by declining");
  }
  if (record.hops_size() >= kMaxHops) return TooManyHops(record.name());
  bool visited =
      body == record.origin_body() || body == record.referring().body() || body == record.receiving().body();
  for (const v1::Hop& hop : record.hops())
    visited = visited || body == hop.from_body() || body == hop.to_body();
  return visited ? AlreadyVisited(record.name(), body) : absl::OkStatus();
}

// Puts the disclosures given in the place of those of `record`; every person needs one when `all`.
absl::Status ReplaceDisclosures(const std::vector<v1::PersonDisclosure>& given, bool all,
                                ReferralRecord& record) {
  error::FieldViolations wrong;
  std::vector<uint32_t> seen;
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string path = Cat("disclosures[", i, "].person");
    v1::Person* person = MutablePerson(record, given[i].person());
    if (person == nullptr) {
      wrong.Add(path, "is no person of this referral");
      continue;
    }
    if (std::find(seen.begin(), seen.end(), person->number()) != seen.end())
      wrong.Add(path, "is given twice");
    seen.push_back(person->number());
    v1::Disclosure disclosure = given[i].disclosure();
    CopyFilled(person->disclosure(), disclosure);
    *person->mutable_disclosure() = std::move(disclosure);
  }
  for (const v1::Person& person : record.persons()) {
    if (all && std::find(seen.begin(), seen.end(), person.number()) == seen.end()) {
      wrong.Add("disclosures", Cat("person ", person.number(), " has none for the new recipient"));
    }
  }
  return wrong.ToStatus();
}

// What the new referral has of the old one.
ReferralRecord Continue(const ReferralRecord& old, const command::NewRecipient& to, const v1::Side& referring,
                        std::string_view unit, std::string_view offer) {
  ReferralRecord linked;
  linked.set_format_version(kRecordFormat);
  linked.set_name(to.linked_name);
  linked.set_theme(old.theme());
  linked.set_priority(old.priority());
  *linked.mutable_referring() = referring;
  linked.mutable_receiving()->set_body(to.body);
  linked.mutable_receiving()->set_unit(std::string(unit));
  linked.set_coordinating_body(old.coordinating_body());
  linked.set_origin_body(old.origin_body());
  linked.set_offer(std::string(offer));
  PutRequired(to.required_documents, linked);
  linked.set_territory(old.territory());
  for (const v1::Person& person : old.persons()) {
    if (IsStopped(old, person.number())) continue;  // nothing further is disclosed of them
    *linked.add_persons() = person;
    linked.mutable_persons(linked.persons_size() - 1)->clear_outcome();
    linked.mutable_persons(linked.persons_size() - 1)->clear_voided_outcomes();
  }
  if (to.telephone_handover.has_value()) *linked.mutable_telephone_handover() = *to.telephone_handover;
  *linked.mutable_hops() = old.hops();
  linked.set_forwarded_from(old.name());
  linked.set_next_note(1);
  return linked;
}

// How a linked referral came about, for its list of hops.
struct HopBy {
  v1::HopKind kind;
  std::string_view law = {};
};

void AddHop(const Step& step, const HopBy& by, ReferralRecord& linked) {
  v1::Hop& hop = *linked.add_hops();
  hop.set_from_body(step.current.receiving().body());
  hop.set_to_body(linked.receiving().body());
  hop.set_kind(by.kind);
  *hop.mutable_time() = api::ToTimestamp(step.now);
  hop.set_referral(step.current.name());
  hop.set_law(std::string(by.law));
}

// Sends a linked referral that is complete; this one then knows what continues it.
void SendLinked(const HopBy& by, ReferralRecord linked, Step& step) {
  AddHop(step, by, linked);
  const bool hand_over = by.kind == v1::HOP_KIND_HAND_OVER;
  linked.set_hand_over_of(hand_over ? step.current.name() : step.current.hand_over_of());
  // Who waits to hand the case over hears of it at once: see TellHandOver.
  if (by.kind == v1::HOP_KIND_ASSUMED) linked.clear_hand_over_of();
  // The same body refers it on. Whoever hands a case over is not told that it is a part.
  if (!hand_over) {
    linked.set_part_of(step.current.part_of());
    for (const uint32_t person : step.current.case_persons()) {
      if (FindPerson(linked, person) != nullptr) linked.add_case_persons(person);
    }
    step.next().clear_part_of();
    step.next().clear_case_persons();
  }
  *linked.mutable_create_time() = api::ToTimestamp(step.now);
  const std::string name = linked.name();
  const ReferralRecord nothing;
  const SideCalendars calendars{.referring = hand_over ? step.calendars.receiving : step.calendars.referring,
                                .receiving = step.calendars.next};
  Step opening{nothing,
               {Actor::kSystem, {}, {}},
               step.now,
               step.clocks,
               calendars,
               step.programme_ends,
               Decision{.next = std::move(linked), .event = Event::kOpenLinked}};
  Send(opening);
  opening.next().set_state(kRequested);
  if (by.kind == v1::HOP_KIND_ASSUMED) AcceptAtOnce(opening);
  SettleOpened(opening);
  CarryRectifications(step.current, step.now, opening.next());
  step.next().set_forwarded_to(name);
  step.next().set_forwarded_how(by.kind);
  ForgetApprovals(step.next());
  step.decision.linked = std::move(opening.next());
}

// Opens the referral that continues this one at another body.
absl::Status OpenLinked(const command::NewRecipient& to, std::string_view unit, std::string_view offer,
                        v1::HopKind kind, std::string_view law, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckRoute(step.current, to.body, kind));
  for (const v1::PersonDisclosure& given : to.disclosures) {
    if (IsStopped(step.current, given.person())) return DisclosureStopped(step.current.name());
  }
  const bool hand_over = kind == v1::HOP_KIND_HAND_OVER;
  ReferralRecord linked = Continue(
      step.current, to, hand_over ? step.current.receiving() : step.current.referring(), unit, offer);
  WAYPOST_RETURN_IF_ERROR(ProtectLinked(step.current, hand_over ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING,
                                        to.readers, step.now, linked));
  error::FieldViolations wrong;
  CheckUnit("unit", unit, to.body, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  WAYPOST_RETURN_IF_ERROR(ReplaceDisclosures(to.disclosures, true, linked));
  WAYPOST_RETURN_IF_ERROR(CheckComplete(linked, step.now));
  if ((to.approval_required || AnyNeedsApproval(linked)) && !IsApproved(step)) {
    return ApprovalMissing(step.current.name());
  }
  SendLinked({.kind = kind, .law = law}, std::move(linked), step);
  return absl::OkStatus();
}

// The same by the coordinating body, which knows no person: each disclosure stands, for another recipient
// that has its basis in the law given. What rests on consent is not for it to pass on; the guard says so.
absl::Status OpenRuled(const command::NewRecipient& to, const HopBy& by, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckRoute(step.current, to.body, by.kind));
  error::FieldViolations wrong;
  CheckUnit("unit", to.unit, to.body, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  ReferralRecord linked = Continue(step.current, to, step.current.referring(), to.unit, {});
  // A coordinating body that takes the case itself has nobody to telephone.
  if (by.kind == v1::HOP_KIND_RULING) {
    CheckTelephone(linked.telephone_handover(), linked.has_telephone_handover(), linked.priority(), to.body,
                   step.now, wrong);
    if (!wrong.empty()) return Incomplete(step.current.name(), wrong);
  }
  for (v1::Person& person : *linked.mutable_persons()) {
    v1::Basis& basis = *person.mutable_disclosure()->mutable_receiving_basis();
    basis.set_article_6(v1::LEGAL_BASIS_PUBLIC_TASK);
    basis.set_law(std::string(by.law));
  }
  linked.set_competence_ruled(true);
  SendLinked(by, std::move(linked), step);
  return absl::OkStatus();
}

absl::Status Apply(const command::ProposeForward& propose, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckRoute(step.current, propose.body, v1::HOP_KIND_FORWARD));
  error::FieldViolations wrong;
  CheckUnit("unit", propose.unit, propose.body, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  v1::ForwardProposal& proposal = *step.next().mutable_forward_proposal();
  proposal.set_body(propose.body);
  proposal.set_unit(propose.unit);
  proposal.set_offer(propose.offer);
  *proposal.mutable_time() = api::ToTimestamp(step.now);
  // Whoever approved had another recipient in mind, or none.
  ForgetApprovals(step.next());
  return absl::OkStatus();
}

absl::Status Apply(const command::ConfirmForward& confirm, Step& step) {
  const v1::ForwardProposal& proposal = step.current.forward_proposal();
  if (confirm.to.body != proposal.body()) return ForwardDiffers(step.current.name(), proposal.body());
  return OpenLinked(confirm.to, proposal.unit(), proposal.offer(), v1::HOP_KIND_FORWARD, {}, step);
}

absl::Status Apply(const command::ForwardByDuty& forward, Step& step) {
  if (step.current.competence_ruled()) return RulingBinds(step.current.name());
  return OpenLinked(forward.to, forward.to.unit, forward.to.offer, v1::HOP_KIND_FORWARD_BY_DUTY, forward.law,
                    step);
}

absl::Status Apply(const command::HandOver& hand_over, Step& step) {
  ReferralRecord& next = step.next();
  next.set_hand_over_pending(true);
  next.set_hand_over_count(step.current.hand_over_count() + 1);
  next.set_hold_reason_before_hand_over(step.current.hold_reason());
  next.set_hold_reason(v1::HOLD_REASON_HAND_OVER);
  next.set_state_before_hand_over(step.current.state());
  if (HasNaturalDue(step.current)) *next.mutable_due_before_hand_over() = NaturalDue(step.current);
  *next.mutable_clock_before_hand_over() = NaturalClock(step.current);
  SetStepDue(step, v1::CLOCK_REVIEW, v1::PARTY_RECEIVING);
  return OpenLinked(hand_over.to, hand_over.to.unit, hand_over.to.offer, v1::HOP_KIND_HAND_OVER, {}, step);
}

void ForgetHandOver(ReferralRecord& next) {
  next.set_hand_over_pending(false);
  next.clear_state_before_hand_over();
  next.clear_due_before_hand_over();
  next.clear_hold_reason_before_hand_over();
  next.clear_clock_before_hand_over();
}

absl::Status Apply(const command::HandOverTaken& taken, Step& step) {
  ForgetHandOver(step.next());
  step.next().set_case_holding_body(taken.body);
  return absl::OkStatus();
}

absl::Status Apply(const command::HandOverNotTaken&, Step& step) {
  ReferralRecord& next = step.next();
  if (step.current.state() == kCancelRequested) {
    // The wish to cancel still waits for its answer; refusing it leads back to before the hand-over.
    next.set_state_before_cancel(step.current.state_before_hand_over());
    next.clear_due_before_cancel();
    next.clear_clock_before_cancel();
    if (step.current.has_due_before_hand_over()) {
      *next.mutable_due_before_cancel() = step.current.due_before_hand_over();
    }
    if (step.current.has_clock_before_hand_over()) {
      *next.mutable_clock_before_cancel() = step.current.clock_before_hand_over();
    }
  } else {
    RestoreDue(next, step.current.has_due_before_hand_over(), step.current.due_before_hand_over());
    TakeUp(step, step.current.clock_before_hand_over());
  }
  next.set_hold_reason(step.current.hold_reason_before_hand_over());
  next.clear_forwarded_to();
  next.clear_forwarded_how();
  ForgetHandOver(next);
  return absl::OkStatus();
}

absl::Status Apply(const command::HandOverMoved& moved, Step& step) {
  step.next().set_forwarded_to(moved.linked_name);
  return absl::OkStatus();
}

// --- The coordinating body -------------------------------------------------------------------------------

absl::Status Apply(const command::Remind&, Step& step) {
  step.next().set_reminder_count(step.current.reminder_count() + 1);
  *step.next().mutable_last_reminder_time() = api::ToTimestamp(step.now);
  return absl::OkStatus();
}

absl::Status Apply(const command::Rule& rule, Step& step) {
  return OpenRuled(rule.to, {.kind = v1::HOP_KIND_RULING, .law = rule.law}, step);
}

absl::Status Apply(const command::ConfirmCompetence&, Step& step) {
  step.next().set_competence_ruled(true);
  return absl::OkStatus();
}

absl::Status Apply(const command::Assume& assume, Step& step) {
  command::NewRecipient to = assume.to;
  to.body = step.current.coordinating_body();
  return OpenRuled(to, {.kind = v1::HOP_KIND_ASSUMED, .law = assume.law}, step);
}

absl::Status Apply(const command::SettleFollowUp&, Step& step) {
  step.next().clear_due();
  return absl::OkStatus();
}

// --- Working ---------------------------------------------------------------------------------------------

absl::Status Apply(const command::Start&, Step& step) {
  *step.next().mutable_start_time() = api::ToTimestamp(step.now);
  step.next().clear_due();
  return absl::OkStatus();
}

absl::Status Apply(const command::Hold& hold, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckAhead("review_time", hold.review, step.now, kMaxReviewAhead));
  step.next().set_hold_reason(hold.reason);
  SetDue(step.next(), v1::CLOCK_REVIEW, v1::PARTY_RECEIVING, hold.review);
  return absl::OkStatus();
}

absl::Status Apply(const command::Resume&, Step& step) {
  step.next().clear_hold_reason();
  step.next().clear_due();
  if (!step.next().has_start_time()) *step.next().mutable_start_time() = api::ToTimestamp(step.now);
  return absl::OkStatus();
}

// Records what came of it, and the earliest follow-up day as due.
absl::Status Finish(const std::vector<v1::PersonOutcome>& outcomes, bool results, Step& step) {
  ReferralRecord& next = step.next();
  error::FieldViolations wrong;
  CheckOutcomes(next.persons(), outcomes, results, step.now, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  std::optional<absl::CivilDay> follow_up;
  for (const v1::PersonOutcome& outcome : outcomes) {
    *MutablePerson(next, outcome.person())->mutable_outcome() = outcome.outcome();
    const auto day = ParseDay(outcome.outcome().follow_up_date());
    if (day.has_value() && (!follow_up.has_value() || *day < *follow_up)) follow_up = day;
  }
  next.clear_hold_reason();
  if (follow_up.has_value()) {
    SetDue(next, v1::CLOCK_FOLLOW_UP, results ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING,
           absl::FromCivil(*follow_up, absl::UTCTimeZone()));
  }
  return absl::OkStatus();
}

absl::Status Apply(const command::Complete& complete, Step& step) {
  return Finish(complete.outcomes, true, step);
}

absl::Status Apply(const command::EndWithoutResult& end, Step& step) {
  return Finish(end.outcomes, false, step);
}

absl::Status Apply(const command::Cancel& cancel, Step& step) {
  ReferralRecord& next = step.next();
  // Whoever is asked to take the case over is to be cancelled first: it tells this one.
  if (step.by.actor == Actor::kSystem && step.current.hand_over_pending()) {
    return HandOverPending(step.current.name());
  }
  next.set_cancel_reason(cancel.reason);
  step.decision.parts = cancel.parts;
  if (next.state() != kCancelRequested) return absl::OkStatus();
  next.set_state_before_cancel(step.current.state());
  if (HasNaturalDue(step.current)) *next.mutable_due_before_cancel() = NaturalDue(step.current);
  *next.mutable_clock_before_cancel() = NaturalClock(step.current);
  SetStepDue(step, v1::CLOCK_CANCEL, v1::PARTY_RECEIVING);
  return absl::OkStatus();
}

absl::Status Apply(const command::Detach&, Step& step) {
  step.next().clear_part_of();
  step.next().clear_case_persons();
  return absl::OkStatus();
}

absl::Status Apply(const command::ConfirmCancel&, Step&) {
  return absl::OkStatus();
}

absl::Status Apply(const command::RefuseCancel&, Step& step) {
  ReferralRecord& next = step.next();
  RestoreDue(next, step.current.has_due_before_cancel(), step.current.due_before_cancel());
  TakeUp(step, step.current.clock_before_cancel());
  next.clear_cancel_reason();
  next.clear_state_before_cancel();
  next.clear_due_before_cancel();
  next.clear_clock_before_cancel();
  return absl::OkStatus();
}

// Who coordinates is looked up again whenever it matters: agreements end, and others begin.
void SetCoordinator(const std::optional<std::string>& found, ReferralRecord& next) {
  if (!found.has_value() || IsProtected(next)) return;
  // What was counted is in the figures of the one before.
  if (*found != next.coordinating_body()) next.clear_outcomes_counted();
  next.set_coordinating_body(*found);
}

absl::Status Apply(const command::Reminder& reminder, Step& step) {
  const ReferralRecord& current = step.current;
  SetCoordinator(reminder.coordinating_body, step.next());
  ReferralRecord& next = step.next();
  const auto now = api::ToTimestamp(step.now);
  if (reminder.why == storage::v1::WAKE_REMIND_AGAIN) {
    const int count = current.repeated_reminder_count();
    if (!IsEscalated(current) || count >= kMaxRepeatedReminders) return NothingDue(current.name());
    next.set_repeated_reminder_count(count + 1);
    *next.mutable_last_repeated_reminder_time() = now;
  } else if (reminder.why == storage::v1::WAKE_START_REMIND) {
    const bool reminded = current.start_clock().has_due_reminder_time();
    if (!StartRunsBeside(current) || reminded) return NothingDue(current.name());
    *next.mutable_start_clock()->mutable_due_reminder_time() = now;
  } else {
    if (current.has_due_reminder_time()) return NothingDue(current.name());
    *next.mutable_due_reminder_time() = now;
  }
  return absl::OkStatus();
}

absl::Status Apply(const command::GiveBackTime& back, Step& step) {
  ReferralRecord& next = step.next();
  const auto until = api::ToTimestamp(back.until);
  *next.mutable_downtime_counted_until() = until;
  if (back.to.due.has_value()) *next.mutable_due()->mutable_time() = api::ToTimestamp(*back.to.due);
  if (back.to.lapse.has_value()) *next.mutable_lapse_time() = api::ToTimestamp(*back.to.lapse);
  if (next.has_start_clock()) *next.mutable_start_clock()->mutable_downtime_counted_until() = until;
  if (back.to.start.has_value()) *next.mutable_start_due_time() = api::ToTimestamp(*back.to.start);
  return absl::OkStatus();
}

// Whatever is overdue, and was not escalated before.
absl::Status Apply(const command::Escalate& escalate, Step& step) {
  ReferralRecord& next = step.next();
  SetCoordinator(escalate.coordinating_body, next);
  if (IsOverdue(step.current, step.now) && !step.current.has_escalate_time()) {
    *next.mutable_escalate_time() = api::ToTimestamp(step.now);
  }
  if (IsStartOverdue(step.current, step.now) && !step.current.has_start_escalate_time()) {
    *next.mutable_start_escalate_time() = api::ToTimestamp(step.now);
  }
  if (step.now > LeftAloneAt(step.current)) *next.mutable_escalate_time() = api::ToTimestamp(step.now);
  return absl::OkStatus();
}

absl::Status Apply(const command::Lapse&, Step& step) {
  OweFollowUp(step);
  return absl::OkStatus();
}

// --- Coming back, being cut ------------------------------------------------------------------------------

void ForgetTheEnd(ReferralRecord& next) {
  next.clear_end_time();
  next.clear_decline();
  next.clear_cancel_reason();
  next.clear_hold_reason();
  next.clear_escalate_time();
  next.clear_state_before_question();
  next.clear_state_before_cancel();
  next.clear_due_before_cancel();
  next.clear_clock_before_cancel();
  next.clear_paused_due();
  next.clear_paused_clock();
  next.clear_pause_time();
  next.clear_due();
  for (v1::Person& person : *next.mutable_persons()) person.clear_outcome();
}

absl::Status Apply(const command::Reopen& reopen, Step& step) {
  ReferralRecord& next = step.next();
  ForgetTheEnd(next);
  SetCoordinator(reopen.coordinating_body, next);
  for (const v1::PersonDisclosure& given : reopen.disclosures) {
    if (IsStopped(step.current, given.person())) return DisclosureStopped(step.current.name());
  }
  WAYPOST_RETURN_IF_ERROR(ReplaceDisclosures(reopen.disclosures, false, next));
  for (v1::Person& person : *next.mutable_persons()) {
    person.mutable_disclosure()->set_recipient(next.receiving().body());
  }
  WAYPOST_RETURN_IF_ERROR(CheckComplete(next, step.now));
  step.decision.taking = {.limits = reopen.limits, .whatever_the_order = true};
  if (step.by.actor == Actor::kReceiving) return absl::OkStatus();
  // The receiving body is asked afresh: what it could open closes down to what it needs to decide.
  if ((reopen.approval_required || AnyNeedsApproval(next)) && !IsApproved(step)) {
    return ApprovalMissing(next.name());
  }
  next.clear_acknowledge_time();
  next.clear_accept_time();
  next.clear_start_time();
  next.set_questions_asked(0);
  next.mutable_receiving()->clear_assignee();
  step.decision.effects.Add(Effect::kCloseReceiver);
  Send(step);
  return absl::OkStatus();
}

// Nobody has a key any longer.
void DropContent(Step& step) {
  step.next().clear_persons();
  step.next().clear_withdrawn_persons();
  step.next().clear_kept_for_hold();
  step.next().clear_appointments();
  // That it was for its readers alone stays; why, is about the person.
  if (IsProtected(step.next())) step.next().mutable_protection()->clear_ground();
  step.decision.effects.Add(Effect::kDropSections);
}

// The enrolments of a share go with it; what became of the places is codes and dates.
void ForgetEnrolments(ReferralRecord& next) {
  for (v1::PersonPlace& place : *next.mutable_places()) place.clear_enrolment();
}

absl::Status Apply(const command::Misdirected&, Step& step) {
  ReferralRecord& next = step.next();
  if (!IsEnd(step.current.state())) next.set_cancel_reason(v1::CANCEL_REASON_MISDIRECTED);
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT);
  next.mutable_receiving()->clear_assignee();
  ForgetEnrolments(next);
  step.decision.effects.Add(Effect::kCloseReceiver);
  // Whoever should not have had it may have read it: the referring body says what it did about that.
  if (step.by.actor != Actor::kSystem) {
    SetDue(next, v1::CLOCK_FOLLOW_UP, v1::PARTY_REFERRING, step.now + kBreachNoticeWithin);
  }
  if (step.by.actor == Actor::kSystem) {
    next.clear_hand_over_of();  // that referral is being cut itself
    // Its referring body is the one that should never have had the case: what it passed on goes as well.
    *next.mutable_referring_erase_time() = api::ToTimestamp(step.now);
    step.decision.effects.Add(Effect::kEraseReferringShare);
    DropContent(step);
  }
  ForgetCut(step.by.actor == Actor::kSystem, step.decision);
  if (next.hand_over_pending()) {
    step.decision.follow_ups.push_back({next.forwarded_to(), command::Misdirected{}});
    ForgetHandOver(next);
  }
  return absl::OkStatus();
}

bool IsOneOf(uint32_t person, const std::vector<uint32_t>& persons) {
  return std::find(persons.begin(), persons.end(), person) != persons.end();
}

// Whom the receiving body alone has keys of, and must keep for a legal hold. Its access ends all the same.
std::vector<uint32_t> KeptForHold(Step& step) {
  const bool held = IsUnderHold(step.next(), v1::PARTY_RECEIVING, step.now);
  return held ? HeldByReceiverAlone(step.current) : std::vector<uint32_t>();
}

void DropWhatNobodyHolds(Step& step) {
  ReferralRecord& next = step.next();
  const bool receiver_reads = next.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING ||
                              next.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
  if (!next.has_referring_erase_time() || receiver_reads) return;
  const std::vector<uint32_t> kept = KeptForHold(step);
  if (kept.empty()) return DropContent(step);
  std::vector<uint32_t> others;
  for (const v1::Person& person : next.persons()) {
    if (!IsOneOf(person.number(), kept)) others.push_back(person.number());
  }
  for (const uint32_t person : others) DropPerson(person, step.decision);
}

// Of those whom the referring body has erased, the receiving one alone had keys.
void DropErasedPersons(Step& step) {
  const std::vector<uint32_t> kept = KeptForHold(step);
  for (const storage::v1::PersonErasure& erasure : step.current.person_erasures()) {
    const bool goes = erasure.party() == v1::PARTY_REFERRING && !IsOneOf(erasure.person(), kept);
    if (goes) DropPerson(erasure.person(), step.decision);
  }
}

// The receiving body's access ends, and its keys go: but for those that a legal hold keeps.
void CloseReceiver(Step& step) {
  ReferralRecord& next = step.next();
  step.decision.kept_persons = KeptForHold(step);
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_ENDED);
  step.decision.effects.Add(Effect::kCloseReceiver);
  DropWhatNobodyHolds(step);
  DropErasedPersons(step);
  const bool whole = !step.decision.kept_persons.empty() && next.has_referring_erase_time();
  if (whole) step.decision.kept_persons.push_back(0);  // the case itself
}

// A legal hold is over: what it alone kept goes as it would have at the end.
void DropWhatTheHoldKept(Step& step) {
  const bool kept = IsEnd(step.current.state()) &&
                    step.current.receiver_access() == storage::v1::RECEIVER_ACCESS_ENDED &&
                    !HeldByReceiverAlone(step.current).empty();
  if (!kept) return;
  DropWhatNobodyHolds(step);
  DropErasedPersons(step);
}

// Of those who were taken out, the referring body alone holds anything: but for whom a legal hold keeps.
void RemoveWithdrawn(Step& step) {
  auto& withdrawn = *step.next().mutable_withdrawn_persons();
  for (int i = withdrawn.size() - 1; i >= 0; --i) {
    if (IsKeptForHold(step.next(), withdrawn[i].number())) continue;
    step.decision.removed_persons.push_back(withdrawn[i].number());
    withdrawn.DeleteSubrange(i, 1);
  }
}

// A legal hold is over, or the body that had it is cut off: whom it kept of those who were taken out, goes.
void SettleHold(Step& step) {
  ReferralRecord& next = step.next();
  const bool cut = next.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
  if (!cut && IsUnderHold(next, v1::PARTY_RECEIVING, step.now)) return;
  const std::vector<uint32_t> kept(next.kept_for_hold().begin(), next.kept_for_hold().end());
  for (const uint32_t person : kept) DropPerson(person, step.decision);
}

// One body holds both shares: nothing is left.
void EraseBothShares(Step& step) {
  ReferralRecord& next = step.next();
  next.mutable_referring()->clear_assignee();
  next.mutable_receiving()->clear_assignee();
  *next.mutable_referring_erase_time() = api::ToTimestamp(step.now);
  *next.mutable_receiving_erase_time() = api::ToTimestamp(step.now);
  next.set_receiver_access(storage::v1::RECEIVER_ACCESS_ENDED);
  next.clear_draft_actor();
  next.clear_draft_actors();
  ForgetApprovals(next);
  step.decision.effects.Add(Effect::kEraseReferringShare);
  RemoveWithdrawn(step);
  DropWhatNobodyHolds(step);
  ForgetEnrolments(next);
}

void EraseShareOf(v1::Party party, Step& step) {
  ReferralRecord& next = step.next();
  if (IsInternal(next)) return EraseBothShares(step);
  if (party == v1::PARTY_REFERRING) {
    next.mutable_referring()->clear_assignee();
    *next.mutable_referring_erase_time() = api::ToTimestamp(step.now);
    next.clear_draft_actor();
    next.clear_draft_actors();
    next.clear_approval();
    step.decision.effects.Add(Effect::kEraseReferringShare);
    RemoveWithdrawn(step);
  } else {
    next.mutable_receiving()->clear_assignee();
    next.clear_receiving_approval();
    *next.mutable_receiving_erase_time() = api::ToTimestamp(step.now);
    next.set_receiver_access(storage::v1::RECEIVER_ACCESS_ENDED);
    step.decision.effects.Add(Effect::kEraseReceivingShare);
    ForgetEnrolments(next);
  }
  DropWhatNobodyHolds(step);
}

absl::Status Apply(const command::Erase&, Step& step) {
  EraseShareOf(step.OwnParty(), step);
  return absl::OkStatus();
}

absl::Status Apply(const command::EndRetention& end, Step& step) {
  WAYPOST_ASSIGN_OR_RETURN(const NextErasure due,
                           DueErasure(step.current, end, step.clocks.retention, step.now));
  std::string rules;
  for (const std::string& rule : due.rules) rules += Cat(rules.empty() ? "" : " ", rule);
  step.decision.facts.emplace_back("party", end.party == v1::PARTY_REFERRING ? "REFERRING" : "RECEIVING");
  step.decision.facts.emplace_back("rules", std::move(rules));
  if (due.after_hold) {
    DropWhatTheHoldKept(step);
    return absl::OkStatus();
  }
  if (due.whole) {
    EraseShareOf(end.party, step);
    return absl::OkStatus();
  }
  for (const uint32_t person : due.persons) ErasePerson(person, end.party, step.now, step.decision);
  return absl::OkStatus();
}

absl::Status Apply(const command::Succeed& succeed, Step& step) {
  ReferralRecord& next = step.next();
  MoveBodies(succeed.moves, next);
  MoveReaders(succeed.moves, step.current, next);
  if (!LeaveOffers(succeed.lost_offers, next)) return absl::OkStatus();
  // As where a place on offer lapses: the review is owed anew, by whoever has the case now.
  next.set_state(kWaitlisted);
  SetStepDue(step, v1::CLOCK_REVIEW, v1::PARTY_RECEIVING);
  return absl::OkStatus();
}

// What is said of the programme is settled with every decision: these two have no other reason.
absl::Status Apply(const command::ProgrammeEnding&, Step&) {
  return absl::OkStatus();
}

absl::Status Apply(const command::ProgrammeGoesOn&, Step&) {
  return absl::OkStatus();
}

// --- Rights that travel ----------------------------------------------------------------------------------

absl::Status Apply(const command::Withdraw& withdraw, Step& step) {
  return MarkRight(v1::RIGHT_KIND_WITHDRAWAL, withdraw.use, step.now, step.decision);
}

absl::Status Apply(const command::Object& object, Step& step) {
  return MarkRight(v1::RIGHT_KIND_OBJECTION, object.use, step.now, step.decision);
}

absl::Status Apply(const command::Rectify& rectify, Step& step) {
  return MarkRight(v1::RIGHT_KIND_RECTIFICATION, rectify.use, step.now, step.decision);
}

absl::Status Apply(const command::Restrict& restrict, Step& step) {
  return MarkRight(v1::RIGHT_KIND_RESTRICTION, restrict.use, step.now, step.decision);
}

absl::Status Apply(const command::AskAccess& ask, Step& step) {
  return MarkRight(v1::RIGHT_KIND_ACCESS, ask.use, step.now, step.decision);
}

absl::Status Apply(const command::PlaceHold& hold, Step& step) {
  return PlaceHold(hold, step.OwnParty(), step.by.pseudonym, step.now, step.decision);
}

absl::Status Apply(const command::ReleaseHold&, Step& step) {
  ReleaseHold(step.OwnParty(), step.decision);
  DropWhatTheHoldKept(step);
  return absl::OkStatus();
}

absl::Status Apply(const command::AnswerRight& answer, Step& step) {
  const v1::Party party = step.OwnParty();
  WAYPOST_RETURN_IF_ERROR(RecordAnswer(answer, party, step.now, step.decision));
  const uint32_t person = answer.use.person;
  if (answer.answer != v1::RIGHT_ANSWER_STOPPED_ERASED || !Holds(step.current, person, party)) {
    return absl::OkStatus();
  }
  if (IsUnderHold(step.current, party, step.now)) return UnderLegalHold(step.current.name());
  if (IsOnlyPerson(step.current, person)) return Apply(command::Erase{}, step);
  ErasePerson(person, party, step.now, step.decision);
  return absl::OkStatus();
}

// --- No change of state ----------------------------------------------------------------------------------

absl::Status Apply(const command::Assign& assign, Step& step) {
  error::FieldViolations wrong;
  CheckUnit("unit", assign.unit, step.by.body, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  const bool names_readers =
      !assign.readers.empty() || assign.protection != v1::PROTECTION_GROUND_UNSPECIFIED;
  const bool keeps_assignee = names_readers && assign.assignee.empty();
  Assign(step.OwnSide(), assign.unit, keeps_assignee ? step.OwnSide().assignee() : assign.assignee);
  return ApplyReaders(assign, step.OwnParty(), step.by.pseudonym, step.now, step.next());
}

absl::Status Apply(const command::Claim&, Step& step) {
  Assign(step.OwnSide(), {}, step.by.pseudonym);
  return AddClaimant(step.OwnParty(), step.by.pseudonym, step.next());
}

absl::Status Apply(const command::AddNote&, Step&) {
  return absl::OkStatus();
}

absl::Status Apply(const command::VoidEntry& entry, Step& step) {
  return VoidEntry(entry, {step.OwnParty(), step.by.body, step.by.pseudonym}, step.now, step.decision);
}

absl::Status Apply(const command::VoidOutcome& given, Step& step) {
  return VoidOutcome(given, {step.OwnParty(), step.by.body, step.by.pseudonym}, step.now, step.decision);
}

absl::Status Apply(const command::ProposeDate& propose, Step& step) {
  WAYPOST_RETURN_IF_ERROR(CheckAhead("time", propose.time, step.now, kMaxDateAhead));
  const bool names_one = propose.clock != v1::CLOCK_UNSPECIFIED;
  const v1::Clock clock = names_one ? propose.clock : step.current.due().clock();
  if (!RunsNow(clock, step.current)) {
    return names_one ? ClockNotRunning(step.current.name()) : NothingDue(step.current.name());
  }
  v1::DateProposal& proposal = *step.next().mutable_date_proposal();
  *proposal.mutable_time() = api::ToTimestamp(propose.time);
  proposal.set_clock(clock);
  proposal.set_proposed_by(step.OwnParty());
  return absl::OkStatus();
}

// Those of a silence that is over.
void ForgetReminders(ReferralRecord& next) {
  next.clear_reminder_count();
  next.clear_last_reminder_time();
  next.clear_repeated_reminder_count();
  next.clear_last_repeated_reminder_time();
}

// Another date is another clock; of what is due, SettleWake begins it.
absl::Status Apply(const command::AgreeDate&, Step& step) {
  ReferralRecord& next = step.next();
  const v1::DateProposal proposal = next.date_proposal();
  if (TimeOf(proposal.time()) <= step.now)
    return error::InvalidField("answer", "the proposed date has passed");
  next.clear_date_proposal();
  if (proposal.clock() == next.due().clock()) {
    *next.mutable_due()->mutable_time() = proposal.time();
    return absl::OkStatus();
  }
  BeginStartClock(step.now, TimeOf(proposal.time()), next);
  // The silence about what is due, if there is one, has its own reminders.
  if (!next.has_escalate_time()) ForgetReminders(next);
  return absl::OkStatus();
}

absl::Status Apply(const command::RefuseDate&, Step& step) {
  step.next().clear_date_proposal();
  return absl::OkStatus();
}

absl::Status Apply(const command::RecordAppointment& record, Step& step) {
  ReferralRecord& next = step.next();
  const bool timed = record.time.has_value();
  if (record.number == 0) {
    if (record.status != v1::APPOINTMENT_STATUS_SCHEDULED || !timed) {
      return error::InvalidField("status", "a new appointment is SCHEDULED, with a time");
    }
    return AddAppointment(*record.time, record.zone, step);
  }
  if (record.number > static_cast<uint32_t>(next.appointments_size())) {
    return error::InvalidField("number", "is no appointment of this referral");
  }
  v1::Appointment& appointment = *next.mutable_appointments(static_cast<int>(record.number) - 1);
  if (appointment.has_voided()) return EntryVoid(next.name(), AppointmentEntry(record.number));
  if (appointment.status() != v1::APPOINTMENT_STATUS_SCHEDULED) {
    return error::InvalidField("number", "has been recorded already: make a new appointment");
  }
  if (record.status == v1::APPOINTMENT_STATUS_SCHEDULED) {
    return error::InvalidField("status", "is SCHEDULED already: say ATTENDED, MISSED or MOVED");
  }
  const bool moved = record.status == v1::APPOINTMENT_STATUS_MOVED;
  if (moved != timed)
    return error::InvalidField("time", "is for a new or moved appointment, and required there");
  if (!moved && TimeOf(appointment.time()) > step.now) {
    return error::InvalidField("status", "the appointment is still to come");
  }
  appointment.set_status(record.status);
  return moved ? AddAppointment(*record.time, record.zone, step) : absl::OkStatus();
}

bool IsStepClock(v1::Clock clock) {
  return clock == v1::CLOCK_ACKNOWLEDGE || clock == v1::CLOCK_DECIDE || clock == v1::CLOCK_START ||
         clock == v1::CLOCK_INFORMATION;
}

// From `begins`, when the priority was raised or since when the clock rests, it has the time of the new
// priority at most; then what it lost before is nobody's matter any longer.
void BringForward(Step& step, absl::Time begins, v1::Due& due, storage::v1::ClockTimes& clock) {
  const absl::Time latest = StepDue(step, due.party(), begins);
  if (!IsStepClock(due.clock()) || TimeOf(due.time()) <= latest) return;
  *due.mutable_time() = api::ToTimestamp(latest);
  clock.Clear();
  *clock.mutable_start_time() = api::ToTimestamp(begins);
}

void BringAllForward(Step& step) {
  ReferralRecord& next = step.next();
  storage::v1::ClockTimes begins_afresh;  // see SettleWake
  if (next.has_due()) BringForward(step, step.now, *next.mutable_due(), begins_afresh);
  if (next.has_paused_due()) {
    BringForward(step, TimeOf(next.pause_time()), *next.mutable_paused_due(), *next.mutable_paused_clock());
  }
  if (next.has_due_before_cancel()) {
    BringForward(step, step.now, *next.mutable_due_before_cancel(), *next.mutable_clock_before_cancel());
  }
  if (next.has_due_before_hand_over()) {
    BringForward(step, step.now, *next.mutable_due_before_hand_over(),
                 *next.mutable_clock_before_hand_over());
  }
  if (next.has_due_before_programme_end()) {
    BringForward(step, step.now, *next.mutable_due_before_programme_end(),
                 *next.mutable_clock_before_programme_end());
  }
  const absl::Time start = StepDue(step, v1::PARTY_RECEIVING, step.now);
  const bool sooner = next.has_start_due_time() && start < TimeOf(next.start_due_time());
  if (sooner) BeginStartClock(step.now, start, next);
}

absl::Status Apply(const command::ChangePriority& change, Step& step) {
  ReferralRecord& next = step.next();
  // EMERGENCY is the lowest number.
  if (change.priority >= next.priority()) return PriorityNotRaised(next.name());
  error::FieldViolations wrong;
  const v1::TelephoneHandover none;
  CheckTelephone(change.telephone_handover.value_or(none), change.telephone_handover.has_value(),
                 change.priority, next.receiving().body(), step.now, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  next.set_priority(change.priority);
  if (change.telephone_handover.has_value()) *next.mutable_telephone_handover() = *change.telephone_handover;
  BringAllForward(step);
  return absl::OkStatus();
}

// --- One step --------------------------------------------------------------------------------------------

absl::StatusOr<State> PriorState(const ReferralRecord& record) {
  State prior = kNothing;
  if (record.state() == kNeedsInfo) prior = record.state_before_question();
  if (record.state() == kOnHold) prior = record.state_before_hand_over();
  if (record.state() == kCancelRequested) prior = record.state_before_cancel();
  if (prior == kNothing) return error::DataLoss(Cat("the prior state of '", record.name(), "'"));
  return prior;
}

// What ends with every change of state.
void SettleState(Step& step) {
  ReferralRecord& next = step.next();
  if (next.state() == step.current.state()) return;
  next.clear_forward_proposal();
  next.clear_escalate_time();
  ForgetApprovals(next);
  if (next.state() != kOffered) next.set_place_taken(false);
  SettleGroups(next);
}

// A body that waits for this referral to take its case over must hear what became of it.
void TellHandOver(Step& step) {
  const ReferralRecord& next = step.next();
  if (next.hand_over_of().empty()) return;
  if (next.state() == kForwarded && next.forwarded_how() == v1::HOP_KIND_ASSUMED) {
    step.decision.follow_ups.push_back(
        {next.hand_over_of(), command::HandOverTaken{next.coordinating_body()}});
  } else if (next.state() == kForwarded) {
    step.decision.follow_ups.push_back({next.hand_over_of(), command::HandOverMoved{next.forwarded_to()}});
  } else {
    step.decision.follow_ups.push_back({next.hand_over_of(), command::HandOverNotTaken{}});
  }
}

void SettleEnd(Step& step) {
  ReferralRecord& next = step.next();
  if (!IsEnd(next.state()) || IsEnd(step.current.state())) return;
  *next.mutable_end_time() = api::ToTimestamp(step.now);
  next.clear_paused_due();
  next.clear_paused_clock();
  next.clear_pause_time();
  next.clear_hold_reason();
  if (next.state() != kCancelled) next.clear_cancel_reason();
  if (next.state() != kCompleted && (next.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING ||
                                     next.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL)) {
    CloseReceiver(step);
  }
  TellHandOver(step);
}

bool SameDue(const ReferralRecord& a, const ReferralRecord& b) {
  return a.has_due() == b.has_due() && a.due().clock() == b.due().clock() &&
         a.due().party() == b.due().party() && TimeOf(a.due().time()) == TimeOf(b.due().time());
}

// Another due time is another clock: reminders and escalations begin afresh.
void BeginClock(Step& step) {
  ReferralRecord& next = step.next();
  if (!step.clock_taken_up) {
    *next.mutable_clock_start_time() = api::ToTimestamp(step.now);
    next.clear_due_reminder_time();
    next.clear_downtime_counted_until();
    next.clear_clock_rests();
  }
  next.clear_escalate_time();
  next.clear_lapse_time();
  ForgetReminders(next);
}

bool MovesClocks(Event event) {
  return event == Event::kReminder || event == Event::kEscalate || event == Event::kGiveBackTime ||
         event == Event::kChangePriority || event == Event::kAgreeDate;
}

// Protected, and no open case: its readers' clock runs.
bool MayBeLeftAlone(const ReferralRecord& record) {
  return IsProtected(record) && !IsOpen(record.state());
}

// Has somebody of the side that it waits for had it in hand? A note tells nobody that what is owed is done.
bool TakesInHand(const Step& step) {
  if (step.by.actor == Actor::kSystem) return false;
  if (step.decision.event == Event::kNote && step.current.state() != kDraft) return false;
  return step.current.state() == kNothing || WantsSomebody(step.current, step.OwnParty());
}

// What the clocks do next. Where nothing is changed for them the calendars are not known either.
void SettleWake(Step& step) {
  ReferralRecord& next = step.next();
  const Event event = step.decision.event;
  const bool differs = next.state() != step.current.state() || !SameDue(next, step.current);
  const bool gave_up = next.state() != step.current.state();
  if (event == Event::kSucceed && !gave_up) return;  // clocks run on as they were
  const bool readers_clock = MayBeLeftAlone(next);
  const bool begins = (differs && !step.hand_over_goes_on) || (readers_clock && TakesInHand(step));
  if (begins && event != Event::kGiveBackTime) BeginClock(step);
  // Beneath the hand-over the start may be what is due.
  if (step.current.due().clock() == v1::CLOCK_HAND_OVER) {
    KeepStartClock(WithoutHandOver(step.current), next);
  } else {
    KeepStartClock(step.current, next);
  }
  const bool looks = differs || readers_clock || MovesClocks(event);
  if (!looks && next.wake() != storage::v1::WAKE_UNSPECIFIED) return;
  KeepLapseTime(step.clocks, step.calendars, next);
  const NextWake wake = WakeOf(next, step.clocks, step.calendars);
  next.set_wake(wake.wake);
  if (wake.wake == storage::v1::WAKE_NEVER) {
    next.clear_wake_time();
  } else {
    *next.mutable_wake_time() = api::ToTimestamp(wake.time);
  }
}

// What the end of a programme does to it, whatever was asked.
void SettleProgramme(Step& step) {
  const ProgrammeEnds* const ends = step.programme_ends.has_value() ? &*step.programme_ends : nullptr;
  const ClockOfDue clock = SettleProgrammeEnd(step.current, ends, step.now, step.clock_taken_up, step.next());
  step.clock_taken_up = clock == ClockOfDue::kTakenUp;
  step.hand_over_goes_on = clock == ClockOfDue::kGoesOn;
  const ReferralRecord& next = step.next();
  const bool says = step.decision.event == Event::kProgrammeEnding && next.has_programme_end();
  if (!says || IsProtected(next)) return;
  step.decision.facts.emplace_back("programme", next.programme_end().programme());
  step.decision.facts.emplace_back("end_date", next.programme_end().end_date());
}

void SettleOpened(Step& step) {
  ReferralRecord& next = step.next();
  SettleProgramme(step);
  SettleWake(step);
  next.set_revision(1);
  *next.mutable_update_time() = api::ToTimestamp(step.now);
  next.set_case_holding_body(std::string(CaseHolder(next)));
}

// A proposed date is for one clock while that runs. The start's is set aside or begins anew with every state.
bool ProposalStands(const ReferralRecord& before, const ReferralRecord& next) {
  const v1::Clock clock = next.date_proposal().clock();
  if (clock == v1::CLOCK_START && next.state() != before.state()) return false;
  return RunsNow(clock, next);
}

void Settle(const Moment& at, Step& step) {
  ReferralRecord& next = step.next();
  SettleState(step);
  SettleEnd(step);
  SettleHold(step);
  SettleProgramme(step);
  SettleWake(step);
  DateRetention(step.current, step.clocks.retention, step.now, next);
  if (!ProposalStands(step.current, next)) next.clear_date_proposal();
  next.set_revision(step.current.revision() + 1);
  *next.mutable_update_time() = api::ToTimestamp(step.now);
  step.decision.counted = CountChange(step.current, step.decision.event, at, next);
  // A forwarded referral keeps the holder of that moment.
  const bool goes_on = step.decision.event != Event::kHandOverTaken && !IsEnd(step.current.state());
  if (goes_on || step.decision.event == Event::kReopen) {
    next.set_case_holding_body(std::string(CaseHolder(next)));
  }
}

absl::StatusOr<Decision> Run(const ReferralRecord& current, const Command& command, const Transition& row,
                             const By& by, const Moment& at) {
  if (const Refusal refusal = RefusalOf(row.guard, current, by.actor, by.pseudonym, at.now)) {
    return refusal(current.name());
  }
  Step step{current,
            by,
            std::max(at.now, TimeOf(current.update_time())),
            *at.table,
            at.calendars,
            at.programme_ends,
            Decision{.next = current, .event = row.event}};
  if (row.target.kind == Target::Kind::kState) step.next().set_state(row.target.state);
  if (row.target.kind == Target::Kind::kPrior) {
    WAYPOST_ASSIGN_OR_RETURN(const State prior, PriorState(current));
    step.next().set_state(prior);
  }
  if (IsEnd(step.next().state()) && !IsEnd(current.state())) step.next().clear_due();
  WAYPOST_RETURN_IF_ERROR(std::visit([&step](const auto& typed) { return Apply(typed, step); }, command));
  Settle(at, step);
  return std::move(step.decision);
}

Refusal ReopenRefusal(const ReferralRecord& record, absl::Time now) {
  if (!record.has_submit_time()) return NeverSent;
  const bool erased = record.has_referring_erase_time() || record.has_receiving_erase_time();
  if (erased || !record.person_erasures().empty()) return ShareErased;
  if (record.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT) return AccessEnded;
  // Who withdrew would be back in an open case. The others are referred anew.
  if (EveryoneIsStopped(record) || AnyoneWithdrewConsent(record)) return DisclosureStopped;
  if (!record.hand_over_of().empty()) return HandOverAgain;
  if (now > TimeOf(record.end_time()) + kReopenWithin) return ReopenTooLate;
  return nullptr;
}

Refusal VoidOutcomeRefusal(const ReferralRecord& record, absl::Time now) {
  if (record.has_referring_erase_time() || record.has_receiving_erase_time()) return ShareErased;
  if (record.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT) return AccessEnded;
  return now > TimeOf(record.end_time()) + kReopenWithin ? VoidTooLate : nullptr;
}

v1::Party PartyOf(Actor actor) {
  return actor == Actor::kReceiving ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING;
}

// One whose day has passed can be released, too.
bool HasHold(const ReferralRecord& record, v1::Party party) {
  return std::any_of(record.legal_holds().begin(), record.legal_holds().end(),
                     [party](const auto& each) { return each.party() == party; });
}

Refusal DateRefusal(Guard guard, const ReferralRecord& record, Actor actor) {
  if (guard == Guard::kSomethingDue) return record.has_due() ? nullptr : NothingDue;
  const bool proposed = record.has_date_proposal() && record.date_proposal().proposed_by() != PartyOf(actor);
  return proposed ? nullptr : NoDateProposed;
}

// Overdue, and not escalated.
bool IsMissed(const ReferralRecord& record, absl::Time now) {
  if (now > LeftAloneAt(record)) return true;
  return (IsOverdue(record, now) && !record.has_escalate_time()) ||
         (IsStartOverdue(record, now) && !record.has_start_escalate_time());
}

bool IsShareErased(const ReferralRecord& record, Actor actor) {
  return actor == Actor::kReceiving ? record.has_receiving_erase_time() : record.has_referring_erase_time();
}

Refusal ErasureRefusal(const ReferralRecord& record, Actor actor, absl::Time now) {
  if (IsShareErased(record, actor)) return ShareErased;
  if (IsUnderHold(record, PartyOf(actor), now)) return UnderLegalHold;
  return AnyoneIsHeldByRight(record, PartyOf(actor)) ? HeldByRight : nullptr;
}

bool AnyRestsOnConsent(const ReferralRecord& record) {
  return std::any_of(record.persons().begin(), record.persons().end(),
                     [](const v1::Person& person) { return RestsOnConsent(person.disclosure()); });
}

Refusal CoordinationRefusal(Guard guard, const ReferralRecord& record) {
  const std::string& coordinating = record.coordinating_body();
  if (coordinating.empty()) return NotCoordinated;
  if (guard == Guard::kMayConfirmCompetence) return record.competence_ruled() ? AlreadyRuled : nullptr;
  const bool is_side = coordinating == record.receiving().body() || coordinating == record.referring().body();
  if (guard == Guard::kMayAssume && is_side) return CoordinatorIsASide;
  if (record.hand_over_pending()) return HandOverPending;
  if (AnyoneIsStopped(record)) return DisclosureStopped;
  if (AnyRestsOnConsent(record)) return ConsentBinds;
  return record.hops_size() < kMaxHopsRuled ? nullptr : TooManyHops;
}

bool HasWritten(const ReferralRecord& draft, std::string_view pseudonym) {
  const auto& writers = draft.draft_actors();
  return draft.draft_actor() == pseudonym ||
         std::find(writers.begin(), writers.end(), pseudonym) != writers.end();
}

std::string_view AssigneeOf(const ReferralRecord& record, Actor actor) {
  return actor == Actor::kReceiving ? record.receiving().assignee() : record.referring().assignee();
}

Refusal HandOverRefusal(Guard guard, const ReferralRecord& record) {
  const bool pending = record.hand_over_pending();
  if (guard == Guard::kHandOverPending) return pending ? nullptr : NoHandOverPending;
  if (pending) return HandOverPending;
  if (guard == Guard::kNoHandOverPending) return nullptr;
  if (record.hand_over_count() >= kMaxHandOvers) return TooManyHandOvers;
  if (EveryoneIsStopped(record)) return DisclosureStopped;
  return record.hops_size() < kMaxHops ? nullptr : TooManyHops;
}

}  // namespace

Refusal RefusalOf(Guard guard, const ReferralRecord& record, Actor actor, std::string_view pseudonym,
                  absl::Time now) {
  switch (guard) {
    case Guard::kNone:
    case Guard::kComplete:
    case Guard::kAppointmentKnown:
    case Guard::kRetentionOver:
      return nullptr;
    case Guard::kSecondPerson:
      return record.state() == kDraft && HasWritten(record, pseudonym) ? SecondPersonRequired : nullptr;
    case Guard::kQuestionsLeft:
      return record.questions_asked() < kMaxQuestions ? nullptr : TooManyQuestions;
    case Guard::kProposalConfirmed:
      if (!record.has_forward_proposal()) return ForwardNotProposed;
      [[fallthrough]];
    case Guard::kRouteOpen:
    case Guard::kDutyToForward:
      if (EveryoneIsStopped(record)) return DisclosureStopped;
      return record.hops_size() < kMaxHops ? nullptr : TooManyHops;
    case Guard::kMayHandOver:
    case Guard::kHandOverPending:
    case Guard::kNoHandOverPending:
      return HandOverRefusal(guard, record);
    case Guard::kResultsOfAccepted:
    case Guard::kNoResultsOfAccepted:
      if (!record.has_accept_time()) return NeverAccepted;
      [[fallthrough]];
    case Guard::kResults:
    case Guard::kNoResults:
      if (record.hand_over_pending()) return HandOverPending;
      return record.open_part_count() > 0 ? PartsOpen : nullptr;
    case Guard::kEscalated:
      return record.has_escalate_time() ? nullptr : NotEscalated;
    case Guard::kReopenable:
      return ReopenRefusal(record, now);
    case Guard::kOutcomeVoidable:
      return VoidOutcomeRefusal(record, now);
    case Guard::kOnNoList:
      return WaitsIn(record).has_value() ? AlreadyOnList : nullptr;
    case Guard::kInQueue:
      // Whoever has it may not be there any longer.
      if (OfficersNameReaders(record, PartyOf(actor))) return nullptr;
      return AssigneeOf(record, actor).empty() ? nullptr : AlreadyAssigned;
    case Guard::kSomethingDue:
    case Guard::kOtherSideProposed:
      return DateRefusal(guard, record, actor);
    case Guard::kRaises:
      return record.priority() != v1::PRIORITY_EMERGENCY ? nullptr : PriorityNotRaised;
    case Guard::kShareLeft:
      return IsShareErased(record, actor) ? ShareErased : nullptr;
    case Guard::kErasable:
      return ErasureRefusal(record, actor, now);
    case Guard::kUnderHold:
      return HasHold(record, PartyOf(actor)) ? nullptr : NoLegalHold;
    case Guard::kRightAsked:
      return HasAnswerToGive(record, PartyOf(actor)) ? nullptr : NothingToAnswer;
    case Guard::kOverdue:
      return IsMissed(record, now) ? nullptr : NotOverdue;
    case Guard::kIsProtected:
      return IsProtected(record) ? nullptr : NotProtected;
    case Guard::kClockRuns:
      return record.has_due() ? nullptr : NothingDue;
    case Guard::kOwesFollowUp:
      return record.has_due() && record.due().party() == PartyOf(actor) ? nullptr : NothingDue;
    case Guard::kIsPart:
      return record.part_of().empty() ? NotAPart : nullptr;
    case Guard::kMayRule:
    case Guard::kMayConfirmCompetence:
    case Guard::kMayAssume:
      return CoordinationRefusal(guard, record);
  }
  return nullptr;
}

absl::StatusOr<Decision> Decide(const ReferralRecord& current, const Command& command,
                                const policy::Authorized& as, const Moment& at) {
  if (!NamesReaders(EventOf(command))) WAYPOST_RETURN_IF_ERROR(CheckReads(current, as));
  const auto* const rule = std::get_if<command::Rule>(&command);
  if (rule != nullptr && rule->to.body == current.receiving().body()) {
    return Decide(current, command::ConfirmCompetence{}, as, at);
  }
  const Event event = EventOf(command);
  const Actors actors = ActorsOf(as.relations());
  // Whoever stands on both sides acts for the one that may.
  const Transition* refused = nullptr;
  for (const Actor actor : {Actor::kReferring, Actor::kReceiving, Actor::kCoordinating}) {
    const Transition* row = actors.Has(actor) ? Find(current.state(), event, actor) : nullptr;
    if (row == nullptr) continue;
    if (RefusalOf(row->guard, current, actor, as.caller().actor, at.now) == nullptr) {
      return Run(current, command, *row, {actor, as.caller().body, as.caller().actor}, at);
    }
    if (refused == nullptr) refused = row;
  }
  if (refused != nullptr) {
    return Run(current, command, *refused, {refused->actor, as.caller().body, as.caller().actor}, at);
  }
  return error::InvalidTransition(current.name(), StateName(current.state()), EventName(event),
                                  AllowedNames(current.state(), actors));
}

absl::StatusOr<Decision> DecideAsSystem(const ReferralRecord& current, const Command& command,
                                        const Moment& at) {
  const Event event = EventOf(command);
  const Transition* row = Find(current.state(), event, Actor::kSystem);
  if (row == nullptr) {
    return error::InvalidTransition(current.name(), StateName(current.state()), EventName(event),
                                    AllowedNames(current.state(), {Actor::kSystem}));
  }
  return Run(current, command, *row, {Actor::kSystem, {}, {}}, at);
}

std::optional<Command> WhatIsDue(const ReferralRecord& record, const std::vector<Outage>& outages,
                                 const Moment& at) {
  const NextWake wake = StoredWake(record);
  if (wake.wake == storage::v1::WAKE_NEVER || at.now < wake.time) return std::nullopt;
  if (at.now > LeftAloneAt(record)) return command::Escalate{};
  if (!record.has_due()) return std::nullopt;
  const PutOff put_off = PutOffByDowntime(record, outages, at.calendars);
  if (put_off.Any()) return command::GiveBackTime{put_off, outages.back().end};
  if (wake.wake == storage::v1::WAKE_LAPSE) return command::Lapse{};
  if (IsMissed(record, at.now)) {
    if (record.due().clock() == v1::CLOCK_INFORMATION) return command::InformationLapse{};
    if (record.due().clock() == v1::CLOCK_OFFER && !record.place_taken()) return command::OfferLapse{};
    return command::Escalate{};
  }
  if (wake.wake == storage::v1::WAKE_MISSED || wake.wake == storage::v1::WAKE_START_MISSED) {
    return std::nullopt;
  }
  return command::Reminder{wake.wake};
}

absl::StatusOr<uint32_t> TakeNoteNumber(ReferralRecord& record) {
  const uint32_t number = std::max<uint32_t>(record.next_note(), 1);
  if (number > kMaxNotes) return error::LimitExceeded("notes", kMaxNotes, number);
  record.set_next_note(number + 1);
  return number;
}

std::string_view CaseHolder(const ReferralRecord& record) {
  switch (record.state()) {
    case kAccepted:
    case kInProgress:
    case kOnHold:
    case kCompleted:
      return record.receiving().body();
    case kCancelRequested:
      return record.has_accept_time() ? record.receiving().body() : record.referring().body();
    default:
      return record.referring().body();
  }
}

}  // namespace waypost::referral
