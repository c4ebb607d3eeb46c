#include "services/referral/referral_testing.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>

#include "common/api/resource.h"
#include "services/referral/referral_view.h"

namespace waypost::referral::testing {
namespace {

using policy::Relation;
using policy::Role;

constexpr policy::MethodRule kAnything = {
    .service = "test",
    .method = "Anything",
    .mutation = true,
    .grants = {policy::Grant{
        {Role::kSupervisor},
        {Relation::kReferring, Relation::kReceiving, Relation::kCoordinating, Relation::kOwnBody}}}};

// Commands that say nothing more, or the same every time: those that move a referral.
std::optional<Command> SimpleMove(Event event) {
  switch (event) {
    case Event::kApprove:
      return command::Approve{};
    case Event::kAcknowledge:
      return command::Acknowledge{};
    case Event::kRequestInformation:
      return command::RequestInformation{};
    case Event::kProvideInformation:
      return command::ProvideInformation{};
    case Event::kInformationLapse:
      return command::InformationLapse{};
    case Event::kTakePlace:
      return command::TakePlace{};
    case Event::kStayOnList:
      return command::StayOnList{};
    case Event::kLeaveList:
      return command::LeaveList{};
    case Event::kOfferLapse:
      return command::OfferLapse{};
    case Event::kAccept:
      return command::Accept{};
    case Event::kHandOverTaken:
      return command::HandOverTaken{std::string(kThirdBody)};
    case Event::kHandOverNotTaken:
      return command::HandOverNotTaken{};
    case Event::kHandOverMoved:
      return command::HandOverMoved{"referrals/01jd0000000000000000000003"};
    case Event::kStart:
      return command::Start{};
    case Event::kResume:
      return command::Resume{};
    case Event::kCancel:
      return command::Cancel{v1::CANCEL_REASON_NEED_MET};
    case Event::kConfirmCancel:
      return command::ConfirmCancel{};
    case Event::kRefuseCancel:
      return command::RefuseCancel{};
    case Event::kReminder:
      return command::Reminder{};
    case Event::kGiveBackTime:
      return command::GiveBackTime{{.due = Now() + absl::Hours(2)}, Now()};
    case Event::kEscalate:
      return command::Escalate{};
    case Event::kLapse:
      return command::Lapse{};
    case Event::kReopen:
      return command::Reopen{};
    default:
      return std::nullopt;
  }
}

// And those beside its course.
std::optional<Command> SimpleRemark(Event event) {
  switch (event) {
    case Event::kMisdirected:
      return command::Misdirected{};
    case Event::kAssign:
      return command::Assign{"", "p-somebody"};
    case Event::kClaim:
      return command::Claim{};
    case Event::kNote:
      return command::AddNote{};
    case Event::kAgreeDate:
      return command::AgreeDate{};
    case Event::kRefuseDate:
      return command::RefuseDate{};
    case Event::kChangePriority:
      return command::ChangePriority{v1::PRIORITY_URGENT, {}};
    case Event::kRemind:
      return command::Remind{};
    case Event::kConfirmCompetence:
      return command::ConfirmCompetence{};
    case Event::kSettleFollowUp:
      return command::SettleFollowUp{};
    case Event::kDetach:
      return command::Detach{};
    case Event::kErase:
      return command::Erase{};
    case Event::kEndRetention:  // of an end long ago
      return command::EndRetention{v1::PARTY_REFERRING, Now() - absl::Hours(24 * 366 * 6)};
    case Event::kWithdraw:
      return command::Withdraw{{std::string(kRightsRequest), 1}};
    case Event::kObject:
      return command::Object{{std::string(kRightsRequest), 1}};
    case Event::kRectify:
      return command::Rectify{{std::string(kRightsRequest), 1}};
    case Event::kRestrict:
      return command::Restrict{{std::string(kRightsRequest), 1}};
    case Event::kAskAccess:
      return command::AskAccess{{std::string(kRightsRequest), 1}};
    case Event::kPlaceHold:
      return command::PlaceHold{"es/ley-1-2000/art-328", ""};
    case Event::kReleaseHold:
      return command::ReleaseHold{};
    case Event::kSucceed:
      return command::Succeed{{{.from = std::string(kReceivingBody), .to = std::string(kThirdBody)}}};
    case Event::kProgrammeEnding:
      return command::ProgrammeEnding{};
    case Event::kProgrammeGoesOn:
      return command::ProgrammeGoesOn{};
    case Event::kAnswerRight:
      return command::AnswerRight{.use = {std::string(kRightsRequest), 1},
                                  .answer = v1::RIGHT_ANSWER_RETAINED,
                                  .law = "es/ley-39-2015/art-17",
                                  .retained_until = "2031-05-04"};
    default:
      return std::nullopt;
  }
}

absl::Time HourAgo() {
  return Now() - absl::Hours(1);
}

}  // namespace

absl::Time Now() {
  return absl::FromCivil(absl::CivilSecond(2026, 5, 4, 10, 0, 0), absl::UTCTimeZone());
}

policy::Caller CallerOf(std::string_view body, std::string_view actor) {
  policy::Caller caller;
  caller.body = body;
  caller.actor = actor;
  caller.roles = {Role::kSupervisor};
  return caller;
}

policy::Authorized As(const policy::Caller& caller, policy::Relations relations) {
  auto as = policy::Authorize(kAnything, caller, relations, kName);
  if (!as.ok()) {
    std::cerr << as.status() << std::endl;
    std::abort();
  }
  return *as;
}

const policy::Caller& Referrer() {
  static const auto* const caller = new policy::Caller(CallerOf(kReferringBody, "p-ana"));
  return *caller;
}

const policy::Caller& Receiver() {
  static const auto* const caller = new policy::Caller(CallerOf(kReceivingBody, "p-luis"));
  return *caller;
}

const policy::Caller& Coordinator() {
  static const auto* const caller = new policy::Caller(CallerOf(kCoordinatingBody, "p-marta"));
  return *caller;
}

v1::Disclosure CompleteDisclosure() {
  v1::Disclosure disclosure;
  disclosure.set_purpose(v1::PURPOSE_DELIVER_SERVICE);
  disclosure.mutable_referring_basis()->set_article_6(v1::LEGAL_BASIS_PUBLIC_TASK);
  disclosure.mutable_referring_basis()->set_law("es/ley-7-1985/art-25");
  disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_LEGAL_OBLIGATION);
  disclosure.mutable_receiving_basis()->set_law("es-md/ley-12-2022/art-14");
  disclosure.set_retention_rule("es/ley-39-2015/art-17");
  disclosure.set_informed_how(v1::INFORMED_HOW_IN_PERSON);
  disclosure.set_informed_language("uk");
  return disclosure;
}

v1::Person CompletePerson(uint32_t number) {
  v1::Person person;
  person.set_number(number);
  person.set_age_band(type::v1::AGE_BAND_25_TO_39);
  person.add_languages("uk");
  person.set_interpreter_language("uk");
  person.set_agreement(v1::AGREEMENT_AGREED);
  person.set_secrecy_release(v1::SECRECY_RELEASE_NOT_BOUND);
  *person.mutable_disclosure() = CompleteDisclosure();
  return person;
}

v1::Person CompleteChild(uint32_t number) {
  v1::Person person = CompletePerson(number);
  person.set_age_band(type::v1::AGE_BAND_12_TO_15);
  person.mutable_parental_responsibility()->set_holders(v1::PARENTAL_HOLDERS_BOTH_PARENTS);
  person.mutable_parental_responsibility()->set_conflict(v1::PARENTAL_CONFLICT_NONE);
  person.mutable_parental_responsibility()->set_child_view(v1::CHILD_VIEW_AGREES);
  return person;
}

v1::PersonSections SectionsOf(uint32_t number, bool child) {
  v1::PersonSections sections;
  sections.set_person(number);
  sections.mutable_screening()->set_text("B1 course wanted, evenings only");
  sections.mutable_details()->set_given_name("Olena");
  sections.mutable_details()->set_family_name("K.");
  sections.mutable_details()->set_needs("Spanish course near home");
  if (child) sections.mutable_details()->add_parental_responsibility_holders("Iryna K.");
  return sections;
}

v1::Referral CompleteReferral() {
  v1::Referral referral;
  referral.set_theme(type::v1::THEME_LANGUAGE);
  referral.set_priority(v1::PRIORITY_NORMAL);
  referral.mutable_referring()->set_unit(std::string(kReferringUnit));
  referral.mutable_receiving()->set_body(std::string(kReceivingBody));
  referral.mutable_receiving()->set_unit(std::string(kReceivingUnit));
  referral.set_territory("ES300/28058");
  *referral.add_persons() = CompletePerson(1);
  return referral;
}

v1::SubmitReferralRequest AsPart(v1::SubmitReferralRequest request, std::string_view parent,
                                 std::string_view to) {
  request.clear_own_reference();
  v1::Referral& referral = *request.mutable_referral();
  referral.set_part_of(std::string(parent));
  referral.mutable_referring()->clear_unit();
  referral.mutable_receiving()->clear_unit();
  referral.mutable_receiving()->set_body(std::string(to));
  return request;
}

std::vector<v1::PersonDisclosure> NewDisclosures() {
  v1::PersonDisclosure disclosure;
  disclosure.set_person(1);
  *disclosure.mutable_disclosure() = CompleteDisclosure();
  return {disclosure};
}

v1::Outcome PositiveOutcome() {
  v1::Outcome outcome;
  outcome.set_kind(v1::OUTCOME_KIND_PROVIDED);
  outcome.set_date("2026-05-04");
  outcome.set_informed_by(v1::INFORMED_BY_RECEIVING_BODY);
  outcome.set_informed_how(v1::INFORMED_HOW_IN_PERSON);
  outcome.set_informed_language("uk");
  return outcome;
}

v1::Outcome NegativeOutcome() {
  v1::Outcome outcome = PositiveOutcome();
  outcome.set_kind(v1::OUTCOME_KIND_REFUSED);
  outcome.set_remedy(v1::REMEDY_ADMINISTRATIVE_APPEAL);
  return outcome;
}

std::vector<v1::PersonOutcome> Outcomes(const v1::Outcome& outcome) {
  v1::PersonOutcome person;
  person.set_person(1);
  *person.mutable_outcome() = outcome;
  return {person};
}

command::Create CreateCommand() {
  command::Create create;
  create.name = kName;
  create.referral = CompleteReferral();
  google::protobuf::RepeatedPtrField<v1::PersonSections> sections;
  *sections.Add() = SectionsOf(1, false);
  create.filled = FilledIn(sections);
  return create;
}

command::NewRecipient ToThird() {
  command::NewRecipient to;
  to.linked_name = kLinkedName;
  to.body = kThirdBody;
  to.disclosures = NewDisclosures();
  return to;
}

bool HasCommand(Event event) {
  return event != Event::kOpenLinked;
}

Command CommandFor(Event event, Actor by) {
  const absl::Time next_week = Now() + absl::Hours(24 * 7);
  if (std::optional<Command> move = SimpleMove(event)) return *std::move(move);
  if (std::optional<Command> remark = SimpleRemark(event)) return *std::move(remark);
  switch (event) {
    case Event::kCreate:
      return CreateCommand();
    case Event::kUpdate:
      return command::Update{CompleteReferral(), {}, {"theme"}};
    case Event::kSubmit:
      return command::Submit{
          .created = {}, .approval_required = false, .coordinating_body = std::string(kCoordinatingBody)};
    case Event::kWaitlist:
      return command::Waitlist{next_week};
    case Event::kOfferPlace:
      return command::OfferPlace{next_week};
    case Event::kDecline: {
      command::Decline decline;
      decline.decline.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
      decline.decline.set_declined_by(v1::DECLINED_BY_PROVIDER);
      return decline;
    }
    case Event::kProposeForward:
      return command::ProposeForward{std::string(kThirdBody), std::string(kThirdUnit), ""};
    case Event::kConfirmForward:
      return command::ConfirmForward{ToThird()};
    case Event::kForwardByDuty:
      return command::ForwardByDuty{ToThird(), "es/ley-40-2015/art-14"};
    case Event::kRule:
      return command::Rule{ToThird(), "es/ley-40-2015/art-14"};
    case Event::kAssume: {
      command::NewRecipient to = ToThird();
      to.body.clear();
      to.unit.clear();
      return command::Assume{to, "es/ley-7-1985/art-58"};
    }
    case Event::kHandOver:
      return command::HandOver{ToThird()};
    case Event::kHold:
      return command::Hold{v1::HOLD_REASON_WAITING_FOR_PERSON, next_week};
    case Event::kComplete:
      return command::Complete{Outcomes(PositiveOutcome())};
    case Event::kEndWithoutResult:
      return command::EndWithoutResult{Outcomes(NegativeOutcome())};
    case Event::kProposeDate:
      return command::ProposeDate{next_week};
    case Event::kVoidEntry:
      return command::VoidEntry{
          .note = 1,
          .reason = v1::VOID_REASON_WRONG_PERSON,
          .note_body = std::string(by == Actor::kReceiving ? kReceivingBody : kReferringBody)};
    case Event::kVoidOutcome: {
      v1::Outcome right = PositiveOutcome();
      right.set_kind(v1::OUTCOME_KIND_PERSON_WITHDREW);
      return command::VoidOutcome{.person = 1, .reason = v1::VOID_REASON_WRONG_CONTENT, .outcome = right};
    }
    case Event::kRecordAppointment:
      return command::RecordAppointment{0, v1::APPOINTMENT_STATUS_SCHEDULED, next_week, "Europe/Madrid"};
    default:
      std::abort();
  }
}

absl::StatusOr<Decision> DecideBy(Actor actor, const ReferralRecord& record, const Command& command,
                                  absl::Time now) {
  switch (actor) {
    case Actor::kReferring:
      return Decide(record, command, As(Referrer(), {Relation::kReferring}), now);
    case Actor::kReceiving:
      return Decide(record, command, As(Receiver(), {Relation::kReceiving}), now);
    case Actor::kCoordinating:
      return Decide(record, command, As(Coordinator(), {Relation::kCoordinating}), now);
    case Actor::kSystem:
      return DecideAsSystem(record, command, now);
  }
  std::abort();
}

ReferralRecord After(Actor actor, const ReferralRecord& record, const Command& command, absl::Time now) {
  auto decision = DecideBy(actor, record, command, now);
  if (!decision.ok()) {
    std::cerr << EventName(EventOf(command)) << " in " << StateName(record.state()) << ": "
              << decision.status() << std::endl;
    std::abort();
  }
  return std::move(decision->next);
}

ReferralRecord RecordIn(State state) {
  const auto by = [](Actor actor, State from, Event event) {
    return After(actor, RecordIn(from), CommandFor(event), HourAgo());
  };
  switch (state) {
    case kDraft:
      return by(Actor::kReferring, kNothing, Event::kCreate);
    case kRequested:
      return by(Actor::kReferring, kDraft, Event::kSubmit);
    case kAcknowledged:
      return by(Actor::kReceiving, kRequested, Event::kAcknowledge);
    case kNeedsInfo:
      return by(Actor::kReceiving, kAcknowledged, Event::kRequestInformation);
    case kWaitlisted:
      return by(Actor::kReceiving, kAcknowledged, Event::kWaitlist);
    case kOffered:
      return by(Actor::kReceiving, kWaitlisted, Event::kOfferPlace);
    case kAccepted:
      return by(Actor::kReceiving, kAcknowledged, Event::kAccept);
    case kInProgress:
      return by(Actor::kReceiving, kAccepted, Event::kStart);
    case kOnHold:
      return by(Actor::kReceiving, kInProgress, Event::kHold);
    case kCancelRequested:
      return by(Actor::kReferring, kInProgress, Event::kCancel);
    case kDeclined:
      return by(Actor::kReceiving, kAcknowledged, Event::kDecline);
    case kForwarded:
      return by(Actor::kReceiving, kAcknowledged, Event::kForwardByDuty);
    case kCompleted:
      return by(Actor::kReceiving, kInProgress, Event::kComplete);
    case kEndedWithoutResult:
      return by(Actor::kReceiving, kInProgress, Event::kEndWithoutResult);
    case kCancelled:
      return by(Actor::kReferring, kRequested, Event::kCancel);
    case kLapsed:
      return After(Actor::kSystem,
                   After(Actor::kSystem, RecordReadyFor(kRequested, Event::kEscalate, Actor::kSystem),
                         command::Escalate{}, HourAgo()),
                   command::Lapse{}, HourAgo());
    default:
      return ReferralRecord();
  }
}

namespace {

// What is due, for an event that is about it.
void SetDueFor(State state, Event event, Actor actor, ReferralRecord& record) {
  const bool dates = event == Event::kProposeDate || event == Event::kAgreeDate ||
                     event == Event::kRefuseDate || event == Event::kEscalate || event == Event::kReminder ||
                     event == Event::kGiveBackTime || event == Event::kRemind ||
                     event == Event::kSettleFollowUp;
  if (dates && state != kNothing && !record.has_due()) {
    record.mutable_due()->set_clock(v1::CLOCK_REVIEW);
    *record.mutable_due()->mutable_time() = api::ToTimestamp(Now());
  }
  if (event == Event::kSettleFollowUp) {
    record.mutable_due()->set_clock(v1::CLOCK_FOLLOW_UP);
    record.mutable_due()->set_party(actor == Actor::kReceiving ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING);
  }
  if (event == Event::kEscalate) {
    *record.mutable_due()->mutable_time() = api::ToTimestamp(HourAgo() - absl::Hours(1));
  }
}

}  // namespace

ReferralRecord RecordReadyFor(State state, Event event, Actor actor) {
  ReferralRecord record = RecordIn(state);
  const bool hand_over =
      event == Event::kHandOverTaken || event == Event::kHandOverNotTaken || event == Event::kHandOverMoved;
  if (hand_over && (state == kOnHold || state == kCancelRequested)) {
    record = After(Actor::kReceiving, RecordIn(kInProgress), command::HandOver{ToThird()}, HourAgo());
    if (state == kCancelRequested) {
      record = After(Actor::kReferring, record, command::Cancel{v1::CANCEL_REASON_NEED_MET}, HourAgo());
    }
  }
  SetDueFor(state, event, actor, record);
  const bool coordination =
      event == Event::kRule || event == Event::kConfirmCompetence || event == Event::kAssume;
  if (coordination) {
    // What rests on consent is not for a coordinating body to pass on.
    for (v1::Person& person : *record.mutable_persons()) {
      v1::Disclosure& disclosure = *person.mutable_disclosure();
      disclosure.mutable_referring_basis()->set_article_6(v1::LEGAL_BASIS_PUBLIC_TASK);
      disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_PUBLIC_TASK);
    }
  }
  if (event == Event::kAgreeDate || event == Event::kRefuseDate) {
    v1::DateProposal& proposal = *record.mutable_date_proposal();
    *proposal.mutable_time() = api::ToTimestamp(Now() + absl::Hours(24));
    proposal.set_clock(record.due().clock());
    proposal.set_proposed_by(actor == Actor::kReferring ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING);
  }
  const bool names_readers = event == Event::kAssign || event == Event::kClaim;
  const bool left_alone =
      event == Event::kEscalate && actor == Actor::kSystem && !IsOpen(state) && state != kNothing;
  if (left_alone || (names_readers && IsEnd(state))) {
    // What is no open case is for named readers alone, and its officers look after it.
    record.mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
    record.set_protected_since_revision(1);
  }
  if (event == Event::kAssign && IsEnd(state)) {
    // Whoever is to have it in hand has to be a reader.
    record.mutable_protection()->add_referring_readers("p-somebody");
    record.mutable_protection()->add_receiving_readers("p-somebody");
  }
  if (left_alone) {
    *record.mutable_clock_start_time() = api::ToTimestamp(Now() - absl::Hours(24 * 366));
    storage::v1::LegalHoldRecord& hold = *record.add_legal_holds();
    hold.set_party(v1::PARTY_REFERRING);
    *hold.mutable_hold()->mutable_place_time() = record.clock_start_time();
  }
  if (event == Event::kConfirmForward) record.mutable_forward_proposal()->set_body(std::string(kThirdBody));
  if (event == Event::kLapse) *record.mutable_escalate_time() = api::ToTimestamp(HourAgo());
  if (event == Event::kAnswerRight && state != kNothing) {
    record = After(Actor::kSystem, record, CommandFor(Event::kObject), HourAgo());
  }
  const bool has_a_hold = state != kNothing && !(state == kDraft && actor == Actor::kReceiving);
  const bool holds = actor == Actor::kReferring || actor == Actor::kReceiving;
  if (event == Event::kReleaseHold && has_a_hold && holds) {
    record = After(actor, record, CommandFor(Event::kPlaceHold), HourAgo());
  }
  if (event == Event::kDetach && state != kNothing) record.set_part_of(std::string(kParentName));
  if (event == Event::kVoidOutcome && state == kCompleted) {
    // Somebody else has a result, whatever becomes of the first one's.
    *record.add_persons() = CompletePerson(2);
    *record.mutable_persons(1)->mutable_outcome() = PositiveOutcome();
  }
  if (event == Event::kApprove && state == kDraft) record.set_draft_actor("p-somebody-else");
  return record;
}

}  // namespace waypost::referral::testing
