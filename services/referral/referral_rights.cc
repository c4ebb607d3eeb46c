#include "services/referral/referral_rights.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_view.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using base::Cat;
using policy::Relation;
using storage::v1::LegalHoldRecord;
using storage::v1::PersonErasure;
using storage::v1::RightMarkRecord;
using storage::v1::RightsHolderRecord;
using storage::v1::RightsRequestRecord;

struct KindAnswer {
  v1::RightKind kind;
  v1::RightAnswer answer;
};
constexpr auto kAnswers = std::to_array<KindAnswer>({
    {v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_STOPPED_ERASED},
    {v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_RETAINED},
    {v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_REFUSED},
    {v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_STOPPED_ERASED},
    {v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RESTRICTED},
    {v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RETAINED},
    {v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_REFUSED},
    {v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_LIFTED},
    {v1::RIGHT_KIND_RECTIFICATION, v1::RIGHT_ANSWER_RECTIFIED},
    {v1::RIGHT_KIND_RECTIFICATION, v1::RIGHT_ANSWER_REFUSED},
    {v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_RESTRICTED},
    {v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_REFUSED},
    {v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_LIFTED},
    {v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_PROVIDED},
    {v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_REFUSED},
});

struct KindGround {
  v1::RightKind kind;
  v1::RefusalGround ground;
};
constexpr auto kGrounds = std::to_array<KindGround>({
    {v1::RIGHT_KIND_WITHDRAWAL, v1::REFUSAL_GROUND_IDENTITY_NOT_ESTABLISHED},
    {v1::RIGHT_KIND_WITHDRAWAL, v1::REFUSAL_GROUND_UNFOUNDED_OR_EXCESSIVE},
    {v1::RIGHT_KIND_WITHDRAWAL, v1::REFUSAL_GROUND_LEGAL_CLAIMS},
    {v1::RIGHT_KIND_WITHDRAWAL, v1::REFUSAL_GROUND_DOES_NOT_APPLY},
    {v1::RIGHT_KIND_OBJECTION, v1::REFUSAL_GROUND_IDENTITY_NOT_ESTABLISHED},
    {v1::RIGHT_KIND_OBJECTION, v1::REFUSAL_GROUND_UNFOUNDED_OR_EXCESSIVE},
    {v1::RIGHT_KIND_OBJECTION, v1::REFUSAL_GROUND_COMPELLING_GROUNDS},
    {v1::RIGHT_KIND_OBJECTION, v1::REFUSAL_GROUND_LEGAL_CLAIMS},
    {v1::RIGHT_KIND_OBJECTION, v1::REFUSAL_GROUND_DOES_NOT_APPLY},
    {v1::RIGHT_KIND_RECTIFICATION, v1::REFUSAL_GROUND_IDENTITY_NOT_ESTABLISHED},
    {v1::RIGHT_KIND_RECTIFICATION, v1::REFUSAL_GROUND_UNFOUNDED_OR_EXCESSIVE},
    {v1::RIGHT_KIND_RECTIFICATION, v1::REFUSAL_GROUND_ACCURATE},
    {v1::RIGHT_KIND_RESTRICTION, v1::REFUSAL_GROUND_IDENTITY_NOT_ESTABLISHED},
    {v1::RIGHT_KIND_RESTRICTION, v1::REFUSAL_GROUND_UNFOUNDED_OR_EXCESSIVE},
    {v1::RIGHT_KIND_RESTRICTION, v1::REFUSAL_GROUND_DOES_NOT_APPLY},
    {v1::RIGHT_KIND_ACCESS, v1::REFUSAL_GROUND_IDENTITY_NOT_ESTABLISHED},
    {v1::RIGHT_KIND_ACCESS, v1::REFUSAL_GROUND_UNFOUNDED_OR_EXCESSIVE},
    {v1::RIGHT_KIND_ACCESS, v1::REFUSAL_GROUND_RIGHTS_OF_OTHERS},
});

// Protecting others, answering the person, legal claims, important public interests.
constexpr auto kRestrictedPurposes =
    std::to_array<v1::Purpose>({v1::PURPOSE_PROTECT_PERSON, v1::PURPOSE_ANSWER_RIGHTS_REQUEST,
                                v1::PURPOSE_HANDLE_COMPLAINT, v1::PURPOSE_LEGAL_OBLIGATION});

// The word of an enum value without its type's prefix.
std::string Word(const std::string& name, std::string_view prefix) {
  return name.size() > prefix.size() ? name.substr(prefix.size()) : std::string();
}

bool IsReferring(v1::Party party) {
  return party == v1::PARTY_REFERRING;
}

constexpr auto kBothParties = std::to_array<v1::Party>({v1::PARTY_REFERRING, v1::PARTY_RECEIVING});

// Where both sides are one body each of them stands for both.
bool StandsFor(const ReferralRecord& record, v1::Party party, v1::Party other) {
  return party == other || IsInternal(record);
}

bool ReceiverReads(const ReferralRecord& record) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING ||
         record.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
}

bool IsErased(const ReferralRecord& record, uint32_t person, v1::Party party) {
  if (IsReferring(party) ? record.has_referring_erase_time() : record.has_receiving_erase_time()) return true;
  return std::any_of(
      record.person_erasures().begin(), record.person_erasures().end(),
      [&](const PersonErasure& erasure) { return erasure.person() == person && erasure.party() == party; });
}

// May that side open anything of the person that the other one disclosed or that it disclosed itself?
bool Reads(const ReferralRecord& record, uint32_t person, v1::Party party) {
  if (IsErased(record, person, party)) return false;
  return IsReferring(party) || (ReceiverReads(record) && FindPerson(record, person) != nullptr);
}

bool Asked(const RightMarkRecord& mark, v1::Party party) {
  return IsReferring(party) ? mark.referring_asked() : mark.receiving_asked();
}
v1::RightAnswer AnswerOf(const RightMarkRecord& mark, v1::Party party) {
  return IsReferring(party) ? mark.referring_answer() : mark.receiving_answer();
}
const std::string& RetainedUntilOf(const RightMarkRecord& mark, v1::Party party) {
  return IsReferring(party) ? mark.referring_retained_until() : mark.receiving_retained_until();
}

// Why that side keeps what it holds of a person because of one use of a right.
v1::HeldBackReason HeldBackByOne(const RightMarkRecord& mark, v1::Party party) {
  if (!Asked(mark, party)) return v1::HELD_BACK_REASON_UNSPECIFIED;
  const v1::RightAnswer answer = AnswerOf(mark, party);
  // Who waits for a copy must not find it gone. Who withdrew or objected wants nothing else.
  const bool needs_it = mark.kind() == v1::RIGHT_KIND_ACCESS || mark.kind() == v1::RIGHT_KIND_RESTRICTION;
  if (answer == v1::RIGHT_ANSWER_UNSPECIFIED && needs_it) return v1::HELD_BACK_REASON_RIGHTS_REQUEST;
  return answer == v1::RIGHT_ANSWER_RESTRICTED ? v1::HELD_BACK_REASON_RESTRICTION
                                               : v1::HELD_BACK_REASON_UNSPECIFIED;
}

// A side that has answered so does not follow the right, or no longer.
bool LetsGoOn(v1::RightAnswer answer) {
  return answer == v1::RIGHT_ANSWER_REFUSED || answer == v1::RIGHT_ANSWER_LIFTED;
}

// Everybody who was asked lets it go on.
bool IsOver(const RightMarkRecord& mark) {
  bool over = true;
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    if (Asked(mark, party)) over = over && LetsGoOn(AnswerOf(mark, party));
  }
  return over;
}

bool IsStopping(v1::RightKind kind) {
  return kind != v1::RIGHT_KIND_ACCESS && kind != v1::RIGHT_KIND_RECTIFICATION;
}

// Nothing further is disclosed because of it.
bool Stops(const RightMarkRecord& mark) {
  return IsStopping(mark.kind()) && !IsOver(mark);
}

// It asks to put right what nobody has put right, and not all who were asked have refused.
bool IsAwaited(const RightMarkRecord& mark) {
  if (mark.kind() != v1::RIGHT_KIND_RECTIFICATION) return false;
  bool pending = false;
  for (const v1::Party party : kBothParties) {
    if (AnswerOf(mark, party) == v1::RIGHT_ANSWER_RECTIFIED) return false;
    pending = pending || (Asked(mark, party) && AnswerOf(mark, party) == v1::RIGHT_ANSWER_UNSPECIFIED);
  }
  return pending;
}

bool IsFinal(v1::RightAnswer answer) {
  return answer == v1::RIGHT_ANSWER_STOPPED_ERASED || answer == v1::RIGHT_ANSWER_PROVIDED ||
         answer == v1::RIGHT_ANSWER_LIFTED;
}

// It was given the person's data key: not where a right kept that back when it accepted.
bool ReceiverHasAll(const ReferralRecord& record, uint32_t person) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL &&
         std::none_of(record.right_marks().begin(), record.right_marks().end(),
                      [person](const RightMarkRecord& mark) {
                        return mark.person() == person && Stops(mark) && !mark.receiver_had_all();
                      });
}

bool IsRestriction(const RightMarkRecord& mark) {
  return mark.kind() == v1::RIGHT_KIND_RESTRICTION || mark.receiving_answer() == v1::RIGHT_ANSWER_RESTRICTED;
}

// The place that was offered to them, or that they had, is free.
void RemovePlaces(uint32_t person, ReferralRecord& record) {
  auto& places = *record.mutable_places();
  for (int i = places.size() - 1; i >= 0; --i) {
    if (places[i].person() == person) places.DeleteSubrange(i, 1);
  }
}

// They wait for no place; a list on which nobody is left is left.
void RemoveFromList(uint32_t person, ReferralRecord& record) {
  if (!record.has_waiting()) return;
  auto& waiting = *record.mutable_waiting()->mutable_persons();
  waiting.erase(std::remove(waiting.begin(), waiting.end(), person), waiting.end());
  if (waiting.empty()) record.clear_waiting();
}

// Their enrolment goes with the receiving body's share of them.
void ForgetEnrolment(uint32_t person, ReferralRecord& record) {
  for (v1::PersonPlace& place : *record.mutable_places()) {
    if (place.person() == person) place.clear_enrolment();
  }
}

void TakeOut(uint32_t person, ReferralRecord& record) {
  auto& persons = *record.mutable_persons();
  for (int i = 0; i < persons.size(); ++i) {
    if (persons[i].number() != person) continue;
    *record.add_withdrawn_persons() = persons[i];
    persons.DeleteSubrange(i, 1);
    RemovePlaces(person, record);
    RemoveFromList(person, record);
    return;
  }
}

template <typename Persons>
void Remove(uint32_t person, Persons& persons) {
  for (int i = persons.size() - 1; i >= 0; --i) {
    if (persons[i].number() == person) persons.DeleteSubrange(i, 1);
  }
}

bool IsOpenOrDraft(const ReferralRecord& record) {
  return record.state() == kDraft || IsOpen(record.state());
}

v1::Party PartyOf(const policy::Authorized& as) {
  return as.Is(Relation::kReferring) ? v1::PARTY_REFERRING : v1::PARTY_RECEIVING;
}

void AddMark(v1::RightKind kind, const command::RightUse& use, absl::Time now, ReferralRecord& record) {
  RightMarkRecord mark;
  mark.set_request(use.request);
  mark.set_person(use.person);
  mark.set_kind(kind);
  *mark.mutable_time() = api::ToTimestamp(now);
  mark.set_referring_asked(Holds(record, use.person, v1::PARTY_REFERRING));
  // One body is asked once.
  mark.set_receiving_asked(!IsInternal(record) && Holds(record, use.person, v1::PARTY_RECEIVING));
  mark.set_receiver_had_all(ReceiverHasAll(record, use.person));
  *record.add_right_marks() = std::move(mark);
}

void RemoveHold(v1::Party party, ReferralRecord& record) {
  auto& holds = *record.mutable_legal_holds();
  for (int i = holds.size() - 1; i >= 0; --i) {
    if (holds[i].party() == party) holds.DeleteSubrange(i, 1);
  }
}

void AddFact(std::string name, std::string code, Decision& decision) {
  if (!code.empty()) decision.facts.emplace_back(std::move(name), std::move(code));
}

absl::Status CheckAnswer(v1::RightKind kind, const command::AnswerRight& answer, absl::Time now) {
  error::FieldViolations wrong;
  if (!Fits(kind, answer.answer)) {
    wrong.Add("answer",
              Cat(AnswerName(answer.answer), " does not answer a right of the kind ", KindName(kind)));
  }
  if (answer.ground != v1::REFUSAL_GROUND_UNSPECIFIED && !Fits(kind, answer.ground)) {
    wrong.Add("refusal_ground",
              Cat(GroundName(answer.ground), " is no ground to refuse a right of the kind ", KindName(kind)));
  }
  const std::string today = absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone());
  if (!answer.retained_until.empty() && answer.retained_until <= today) {
    wrong.Add("retained_until", "must be after today");
  }
  return wrong.ToStatus();
}

std::string_view FieldOf(v1::SectionKind section) {
  switch (section) {
    case v1::SECTION_KIND_SCREENING:
      return "screening";
    case v1::SECTION_KIND_ALERTS:
      return "alerts";
    default:
      return "details";
  }
}

v1::Person* FindConcerned(ReferralRecord& record, uint32_t number) {
  for (auto* persons : {record.mutable_persons(), record.mutable_withdrawn_persons()}) {
    for (v1::Person& person : *persons) {
      if (person.number() == number) return &person;
    }
  }
  return nullptr;
}

// What is filled in of the sections given takes the place of what was. A section that is empty now is one
// still: it can be filled in again.
absl::Status FillAnew(const command::AnswerRight& answer, v1::Person& person, bool sent) {
  error::FieldViolations wrong;
  v1::Disclosure& disclosure = *person.mutable_disclosure();
  for (const v1::SectionKind section : answer.corrected->sections) {
    const std::string_view field = FieldOf(section);
    const auto& held = disclosure.sections();
    if (std::find(held.begin(), held.end(), section) == held.end()) {
      wrong.Add(Cat("corrected.", field), "is no section that is held of this person here");
    }
    auto& fields = *disclosure.mutable_fields();
    const std::string prefix = Cat(field, ".");
    fields.erase(std::remove_if(fields.begin(), fields.end(),
                                [&](const std::string& name) { return name.starts_with(prefix); }),
                 fields.end());
  }
  for (const std::string& field : answer.corrected->fields) disclosure.add_fields(field);
  if (sent && LacksNamedHolders(person)) {
    wrong.Add("corrected.details.parental_responsibility_holders", "name them, of somebody under 18");
  }
  return wrong.ToStatus();
}

// What both sides hold is put right by one of them; the other one then says that it is. Who holds nothing any
// more has nothing to put right.
absl::Status Correct(const RightMarkRecord& mark, const command::AnswerRight& answer, v1::Party party,
                     absl::Time now, ReferralRecord& next) {
  if (!answer.corrected.has_value()) {
    const v1::Party other = IsReferring(party) ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING;
    const bool done = AnswerOf(mark, other) == v1::RIGHT_ANSWER_RECTIFIED;
    if (done || !Holds(next, mark.person(), party)) return absl::OkStatus();
    return error::InvalidField("corrected",
                               "give the sections as they are to be: nobody has put them right yet");
  }
  if (answer.corrected->person != mark.person()) {
    return error::InvalidField("corrected.person", "is not the person who asked");
  }
  v1::Person* const person = FindConcerned(next, mark.person());
  if (person == nullptr) return ShareErased(next.name());
  // A hold keeps what was there, whoever would overwrite it.
  if (IsUnderHold(next, v1::PARTY_REFERRING, now) || IsUnderHold(next, v1::PARTY_RECEIVING, now)) {
    return KeptAsItIs(next.name());
  }
  // Who approved sending it approved what it was before.
  ForgetApprovals(next);
  return FillAnew(answer, *person, next.has_submit_time());
}

// A protected one that is asked no longer; it is counted still.
bool HasLeft(const RightsHolderRecord& held) {
  return held.holder().body().empty();
}

void Leave(RightsHolderRecord& held) {
  v1::RightsHolder left;
  left.set_referral(held.holder().referral());
  *held.mutable_holder() = std::move(left);
}

void RaiseRevision(absl::Time now, RightsRequestRecord& request) {
  request.set_revision(request.revision() + 1);
  *request.mutable_update_time() = api::ToTimestamp(now);
}

// What everybody sees who may know of it, but for its holders and where it was recorded.
v1::RightsRequest CommonOf(const RightsRequestRecord& record, const Unread& unread) {
  v1::RightsRequest view;
  const int64_t revision = RevisionOf(record, unread);
  view.set_name(record.name());
  view.set_etag(api::EtagOf(revision));
  view.set_revision(revision);
  view.set_kind(record.kind());
  view.set_person(record.person());
  *view.mutable_ask_time() = record.ask_time();
  view.set_asked_how(record.asked_how());
  *view.mutable_create_time() = record.create_time();
  *view.mutable_due_time() = record.due_time();
  absl::Time updated = api::FromTimestamp(record.update_time());
  for (const RightsHolderRecord& held : record.holders()) {
    const bool seen = held.has_change_time() && !unread.contains(held.holder().referral());
    if (seen) updated = std::max(updated, api::FromTimestamp(held.change_time()));
  }
  if (record.has_update_time()) *view.mutable_update_time() = api::ToTimestamp(updated);
  return view;
}

}  // namespace

bool Fits(v1::RightKind kind, v1::RightAnswer answer) {
  return std::any_of(kAnswers.begin(), kAnswers.end(),
                     [&](const KindAnswer& row) { return row.kind == kind && row.answer == answer; });
}

bool Fits(v1::RightKind kind, v1::RefusalGround ground) {
  return std::any_of(kGrounds.begin(), kGrounds.end(),
                     [&](const KindGround& row) { return row.kind == kind && row.ground == ground; });
}

bool MayReplace(v1::RightAnswer given, v1::RightAnswer next) {
  if (next == v1::RIGHT_ANSWER_LIFTED) return given == v1::RIGHT_ANSWER_RESTRICTED;
  if (given == v1::RIGHT_ANSWER_RECTIFIED) return next == v1::RIGHT_ANSWER_RECTIFIED;
  return !IsFinal(given) && next != v1::RIGHT_ANSWER_UNSPECIFIED;
}

bool AllowedUnderRestriction(v1::Purpose purpose) {
  return std::find(kRestrictedPurposes.begin(), kRestrictedPurposes.end(), purpose) !=
         kRestrictedPurposes.end();
}

std::string KindName(v1::RightKind kind) {
  return Word(v1::RightKind_Name(kind), "RIGHT_KIND_");
}
std::string AnswerName(v1::RightAnswer answer) {
  return Word(v1::RightAnswer_Name(answer), "RIGHT_ANSWER_");
}
std::string GroundName(v1::RefusalGround ground) {
  return Word(v1::RefusalGround_Name(ground), "REFUSAL_GROUND_");
}

absl::Time AnswerDue(absl::Time asked) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::CivilSecond at = absl::ToCivilSecond(asked, utc);
  const absl::CivilMonth month = absl::CivilMonth(at) + 1;
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  const absl::CivilDay day(month.year(), month.month(), std::min(at.day(), last.day()));
  return absl::FromCivil(
      absl::CivilSecond(day.year(), day.month(), day.day(), at.hour(), at.minute(), at.second()), utc);
}

bool Concerns(const ReferralRecord& record, uint32_t person) {
  const auto& withdrawn = record.withdrawn_persons();
  return FindPerson(record, person) != nullptr ||
         std::any_of(withdrawn.begin(), withdrawn.end(),
                     [person](const v1::Person& each) { return each.number() == person; });
}

bool Holds(const ReferralRecord& record, uint32_t person, v1::Party party) {
  if (!Concerns(record, person) || IsErased(record, person, party)) return false;
  return IsReferring(party) ||
         (record.has_submit_time() && record.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT);
}

bool RestsOnConsent(const ReferralRecord& record, uint32_t person) {
  const v1::Person* const concerned = FindPerson(record, person);
  return concerned != nullptr && RestsOnConsent(concerned->disclosure());
}

bool IsStopped(const ReferralRecord& record, uint32_t person) {
  return std::any_of(
      record.right_marks().begin(), record.right_marks().end(),
      [person](const RightMarkRecord& mark) { return mark.person() == person && Stops(mark); });
}

bool AwaitsRectification(const ReferralRecord& record, uint32_t person) {
  return std::any_of(
      record.right_marks().begin(), record.right_marks().end(),
      [person](const RightMarkRecord& mark) { return mark.person() == person && IsAwaited(mark); });
}

bool AnyoneIsStopped(const ReferralRecord& record) {
  return std::any_of(record.persons().begin(), record.persons().end(),
                     [&](const v1::Person& person) { return IsStopped(record, person.number()); });
}

bool EveryoneIsStopped(const ReferralRecord& record) {
  return !record.persons().empty() &&
         std::all_of(record.persons().begin(), record.persons().end(),
                     [&](const v1::Person& person) { return IsStopped(record, person.number()); });
}

bool AnyoneWithdrewConsent(const ReferralRecord& record) {
  return std::any_of(record.right_marks().begin(), record.right_marks().end(),
                     [&record](const RightMarkRecord& mark) {
                       return mark.kind() == v1::RIGHT_KIND_WITHDRAWAL && Stops(mark) &&
                              RestsOnConsent(record, mark.person());
                     });
}

bool HasAnswerToGive(const ReferralRecord& record, v1::Party party) {
  return std::any_of(
      record.right_marks().begin(), record.right_marks().end(),
      [party](const RightMarkRecord& mark) { return Asked(mark, party) && !IsFinal(AnswerOf(mark, party)); });
}

v1::HeldBackReason HeldBackByRights(const ReferralRecord& record, uint32_t person, v1::Party party) {
  v1::HeldBackReason reason = v1::HELD_BACK_REASON_UNSPECIFIED;
  if (!Holds(record, person, party)) return reason;
  for (const RightMarkRecord& mark : record.right_marks()) {
    if (mark.person() != person) continue;
    for (const v1::Party side : kBothParties) {
      if (!StandsFor(record, party, side)) continue;
      const v1::HeldBackReason one = HeldBackByOne(mark, side);
      if (one == v1::HELD_BACK_REASON_RIGHTS_REQUEST) return one;
      if (one != v1::HELD_BACK_REASON_UNSPECIFIED) reason = one;
    }
  }
  return reason;
}

bool AnyoneIsHeldByRight(const ReferralRecord& record, v1::Party party) {
  return std::any_of(
      record.right_marks().begin(), record.right_marks().end(), [&](const RightMarkRecord& mark) {
        return HeldBackByRights(record, mark.person(), party) != v1::HELD_BACK_REASON_UNSPECIFIED;
      });
}

std::string RetainedUntil(const ReferralRecord& record, uint32_t person, v1::Party party) {
  std::string last;
  for (const RightMarkRecord& mark : record.right_marks()) {
    if (mark.person() != person) continue;
    for (const v1::Party side : kBothParties) {
      const bool retained = AnswerOf(mark, side) == v1::RIGHT_ANSWER_RETAINED;
      if (retained && StandsFor(record, party, side)) last = std::max(last, RetainedUntilOf(mark, side));
    }
  }
  return last;
}

bool IsUnderHold(const ReferralRecord& record, v1::Party party, absl::Time now) {
  const std::string today = absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone());
  return std::any_of(record.legal_holds().begin(), record.legal_holds().end(),
                     [&](const LegalHoldRecord& each) {
                       const std::string& until = each.hold().until();
                       return StandsFor(record, party, each.party()) && (until.empty() || until >= today);
                     });
}

bool IsKeptForHold(const ReferralRecord& record, uint32_t person) {
  const auto& kept = record.kept_for_hold();
  return std::find(kept.begin(), kept.end(), person) != kept.end();
}

std::vector<uint32_t> HeldByReceiverAlone(const ReferralRecord& record) {
  const bool ended = record.receiver_access() == storage::v1::RECEIVER_ACCESS_ENDED && IsEnd(record.state());
  std::vector<uint32_t> held(record.kept_for_hold().begin(), record.kept_for_hold().end());
  if (!ended && !ReceiverReads(record)) return held;
  for (const v1::Person& person : record.persons()) {
    const bool alone = IsErased(record, person.number(), v1::PARTY_REFERRING) &&
                       !IsErased(record, person.number(), v1::PARTY_RECEIVING);
    if (alone) held.push_back(person.number());
  }
  return held;
}

bool WithdrawalEnds(const ReferralRecord& record, uint32_t person) {
  return IsOpenOrDraft(record) && record.persons_size() == 1 && RestsOnConsent(record, person);
}

bool ErasureEnds(const ReferralRecord& record, uint32_t person, v1::Party party) {
  if (!IsOpenOrDraft(record) || FindPerson(record, person) == nullptr) return false;
  // Whom the receiving body erases is taken out; whom the referring one erases stays in it.
  if (!IsReferring(party)) return record.persons_size() == 1;
  if (record.has_accept_time() && !IsInternal(record)) return false;
  const auto held =
      std::count_if(record.persons().begin(), record.persons().end(),
                    [&](const v1::Person& each) { return Holds(record, each.number(), party); });
  return held == 1 && Holds(record, person, party);
}

absl::Status MarkRight(v1::RightKind kind, const command::RightUse& use, absl::Time now, Decision& decision) {
  ReferralRecord& next = decision.next;
  if (!Concerns(next, use.person)) return error::InvalidField("person", "is no person of this referral");
  if (next.right_marks_size() >= kMaxRightMarks) {
    return error::LimitExceeded("uses of rights in one referral", kMaxRightMarks,
                                next.right_marks_size() + 1);
  }
  AddMark(kind, use, now, next);
  AddFact("request", use.request, decision);
  AddFact("kind", KindName(kind), decision);
  AddFact("person", Cat(use.person), decision);
  const bool leaves = kind == v1::RIGHT_KIND_WITHDRAWAL && IsOpenOrDraft(next) && next.persons_size() > 1 &&
                      RestsOnConsent(next, use.person);
  if (!leaves) return absl::OkStatus();
  const std::vector<uint32_t> alone = HeldByReceiverAlone(next);
  const bool last_keys = std::find(alone.begin(), alone.end(), use.person) != alone.end();
  TakeOut(use.person, next);
  if (last_keys && IsUnderHold(next, v1::PARTY_RECEIVING, now)) {
    next.add_kept_for_hold(use.person);
    decision.set_aside_persons.push_back(use.person);
  } else {
    decision.closed_persons.push_back(use.person);
  }
  return absl::OkStatus();
}

absl::Status RecordAnswer(const command::AnswerRight& answer, v1::Party party, absl::Time now,
                          Decision& decision) {
  ReferralRecord& next = decision.next;
  const auto mark =
      std::find_if(next.mutable_right_marks()->begin(), next.mutable_right_marks()->end(),
                   [&](const RightMarkRecord& each) { return each.request() == answer.use.request; });
  if (mark == next.mutable_right_marks()->end() || !Asked(*mark, party) ||
      !MayReplace(AnswerOf(*mark, party), answer.answer)) {
    return NothingToAnswer(next.name());
  }
  if (const absl::Status fits = CheckAnswer(mark->kind(), answer, now); !fits.ok()) return fits;
  if (answer.answer == v1::RIGHT_ANSWER_RECTIFIED) {
    if (const absl::Status right = Correct(*mark, answer, party, now, next); !right.ok()) return right;
  }
  const bool was_stopped = IsStopped(next, mark->person());
  if (IsReferring(party)) {
    mark->set_referring_answer(answer.answer);
    mark->set_referring_retained_until(answer.retained_until);
  } else {
    mark->set_receiving_answer(answer.answer);
    mark->set_receiving_retained_until(answer.retained_until);
  }
  // What was kept back from the receiving body is its to open once nothing forbids it any longer.
  if (was_stopped && !IsStopped(next, mark->person()) && ReceiverReads(next)) {
    const bool full = next.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
    decision.effects.Add(full ? Effect::kOpenAll : Effect::kOpenScreening);
  }
  AddFact("request", answer.use.request, decision);
  AddFact("kind", KindName(mark->kind()), decision);
  AddFact("person", Cat(mark->person()), decision);
  AddFact("answer", AnswerName(answer.answer), decision);
  AddFact("law", answer.law, decision);
  AddFact("retained_until", answer.retained_until, decision);
  if (answer.ground != v1::REFUSAL_GROUND_UNSPECIFIED) AddFact("ground", GroundName(answer.ground), decision);
  if (answer.answer == v1::RIGHT_ANSWER_LIFTED) {
    AddFact("informed_how", Word(v1::InformedHow_Name(answer.informed_how), "INFORMED_HOW_"), decision);
    AddFact("informed_language", answer.informed_language, decision);
  }
  return absl::OkStatus();
}

void CarryRectifications(const ReferralRecord& record, absl::Time now, ReferralRecord& linked) {
  for (const RightMarkRecord& mark : record.right_marks()) {
    if (!IsAwaited(mark) || !Concerns(linked, mark.person())) continue;
    AddMark(mark.kind(), {.request = mark.request(), .person = mark.person()}, now, linked);
  }
}

void ForgetCut(bool passed_on, Decision& decision) {
  for (RightMarkRecord& mark : *decision.next.mutable_right_marks()) {
    mark.set_receiving_asked(false);
    const bool owed = mark.referring_answer() == v1::RIGHT_ANSWER_UNSPECIFIED;
    if (passed_on && owed) mark.set_referring_asked(false);
  }
}

RightsHolderRecord HolderOf(const ReferralRecord& record, v1::Party party) {
  const bool referring = IsReferring(party);
  RightsHolderRecord held;
  held.mutable_holder()->set_referral(record.name());
  held.mutable_holder()->set_body(referring ? record.referring().body() : record.receiving().body());
  held.mutable_holder()->set_party(party);
  // Of a draft the other side knows nothing, and within one body there is none.
  if (record.has_submit_time() && !IsInternal(record) &&
      record.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT) {
    held.set_other_body(referring ? record.receiving().body() : record.referring().body());
  }
  held.set_is_protected(IsProtected(record));
  return held;
}

void JoinHolders(const ReferralRecord& opened, const RightMarkRecord& mark, RightsRequestRecord& request) {
  for (const v1::Party party : kBothParties) {
    if (Asked(mark, party)) *request.add_holders() = HolderOf(opened, party);
  }
  RaiseRevision(api::FromTimestamp(opened.create_time()), request);
}

bool LeaveHolders(const ReferralRecord& referral, const RightMarkRecord& mark, bool passed_on,
                  RightsRequestRecord& request) {
  auto& holders = *request.mutable_holders();
  const bool is_protected = IsProtected(referral);
  RightsHolderRecord* changed = nullptr;
  std::vector<int> gone;
  for (int i = 0; i < holders.size(); ++i) {
    RightsHolderRecord& held = holders[i];
    if (held.holder().referral() != referral.name() || HasLeft(held)) continue;
    if (changed == nullptr) changed = &held;
    held.clear_other_body();
    const bool stays = Asked(mark, held.holder().party());
    // One that owes an answer would be gone as well.
    const bool would_stay = stays && held.answered_before();
    if (is_protected && passed_on && !would_stay) held.set_uncounted(true);
    if (!stays) gone.push_back(i);
  }
  if (changed == nullptr) return false;
  const absl::Time now = api::FromTimestamp(referral.update_time());
  if (is_protected && !passed_on) {
    MarkChanged(now, request, *changed);
  } else {
    RaiseRevision(now, request);
  }
  for (auto i = gone.rbegin(); i != gone.rend(); ++i) {
    if (is_protected) {
      Leave(holders[*i]);
    } else {
      holders.DeleteSubrange(*i, 1);
    }
  }
  return true;
}

bool IsOnlyPerson(const ReferralRecord& record, uint32_t person) {
  return Concerns(record, person) && record.persons_size() + record.withdrawn_persons_size() == 1;
}

absl::Status PlaceHold(const command::PlaceHold& hold, v1::Party party, std::string_view actor,
                       absl::Time now, Decision& decision) {
  const std::string today = absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone());
  if (!hold.until.empty() && hold.until < today) return error::InvalidField("until", "must not have passed");
  RemoveHold(party, decision.next);
  LegalHoldRecord& placed = *decision.next.add_legal_holds();
  placed.set_party(party);
  placed.mutable_hold()->set_law(hold.law);
  placed.mutable_hold()->set_until(hold.until);
  *placed.mutable_hold()->mutable_place_time() = api::ToTimestamp(now);
  placed.mutable_hold()->set_actor(std::string(actor));
  AddFact("law", hold.law, decision);
  AddFact("until", hold.until, decision);
  return absl::OkStatus();
}

void ReleaseHold(v1::Party party, Decision& decision) {
  RemoveHold(party, decision.next);
}

void ErasePerson(uint32_t person, v1::Party party, absl::Time now, Decision& decision) {
  ReferralRecord& next = decision.next;
  if (!Holds(next, person, party)) return;
  for (const v1::Party side : kBothParties) {
    if (!StandsFor(next, party, side)) continue;
    PersonErasure& erasure = *next.add_person_erasures();
    erasure.set_person(person);
    erasure.set_party(side);
    *erasure.mutable_time() = api::ToTimestamp(now);
  }
  decision.person_erasures.push_back(
      {.body = IsReferring(party) ? next.referring().body() : next.receiving().body(), .person = person});
  // No outcome is owed of somebody whom the receiving body has stopped for.
  if (StandsFor(next, party, v1::PARTY_RECEIVING) && IsOpenOrDraft(next)) TakeOut(person, next);
  if (StandsFor(next, party, v1::PARTY_RECEIVING)) ForgetEnrolment(person, next);
  DropPerson(person, decision);
}

void DropPerson(uint32_t person, Decision& decision) {
  ReferralRecord& next = decision.next;
  if (Reads(next, person, v1::PARTY_REFERRING) || Reads(next, person, v1::PARTY_RECEIVING)) return;
  Remove(person, *next.mutable_persons());
  Remove(person, *next.mutable_withdrawn_persons());
  auto& kept = *next.mutable_kept_for_hold();
  kept.erase(std::remove(kept.begin(), kept.end(), person), kept.end());
  decision.removed_persons.push_back(person);
}

absl::Status CheckRights(const ReferralRecord& record, const std::vector<uint32_t>& persons,
                         const std::vector<v1::SectionKind>& sections, v1::Purpose purpose,
                         const policy::Authorized& as) {
  const v1::Party party = PartyOf(as);
  for (const uint32_t person : persons) {
    if (IsErased(record, person, party)) return ShareErased(record.name());
  }
  if (IsReferring(party)) return absl::OkStatus();
  const bool beyond_screening = std::any_of(sections.begin(), sections.end(), [](v1::SectionKind section) {
    return section != v1::SECTION_KIND_SCREENING;
  });
  for (const RightMarkRecord& mark : record.right_marks()) {
    const bool asked_for = persons.empty()
                               ? FindPerson(record, mark.person()) != nullptr
                               : std::find(persons.begin(), persons.end(), mark.person()) != persons.end();
    if (!asked_for || !Stops(mark)) continue;
    if (beyond_screening && !mark.receiver_had_all()) return DisclosureStopped(record.name());
    if (IsRestriction(mark) && !AllowedUnderRestriction(purpose)) return UseRestricted(record.name());
  }
  return absl::OkStatus();
}

absl::Status CheckMayCorrect(const ReferralRecord& record, const command::AnswerRight& answer,
                             const policy::Authorized& as) {
  if (!answer.corrected.has_value()) return absl::OkStatus();
  const uint32_t person = answer.corrected->person;
  const v1::Party party = PartyOf(as);
  if (IsErased(record, person, party)) return ShareErased(record.name());
  const absl::Status open = CheckMayOpen(record, answer.corrected->sections, as, "AnswerRightsRequest");
  if (!open.ok()) return open;
  // Of who was taken out it has no key.
  if (!Reads(record, person, party)) return AccessEnded(record.name());
  return CheckRights(record, {person}, answer.corrected->sections, v1::PURPOSE_ANSWER_RIGHTS_REQUEST, as);
}

absl::Status CheckRightsOfNotes(const ReferralRecord& record, v1::Purpose purpose,
                                const policy::Authorized& as) {
  if (as.Is(Relation::kReferring) || AllowedUnderRestriction(purpose) || record.persons().empty()) {
    return absl::OkStatus();
  }
  const auto restricted = [&](const v1::Person& person) {
    return std::any_of(record.right_marks().begin(), record.right_marks().end(),
                       [&](const RightMarkRecord& mark) {
                         return mark.person() == person.number() && IsRestriction(mark) && !IsOver(mark);
                       });
  };
  const bool all = std::all_of(record.persons().begin(), record.persons().end(), restricted);
  return all ? UseRestricted(record.name()) : absl::OkStatus();
}

int AnswersOwed(const ReferralRecord& record, v1::Party party) {
  return static_cast<int>(std::count_if(
      record.right_marks().begin(), record.right_marks().end(), [party](const RightMarkRecord& mark) {
        return Asked(mark, party) && AnswerOf(mark, party) == v1::RIGHT_ANSWER_UNSPECIFIED;
      }));
}

std::optional<absl::Time> AnswerOwedSince(const ReferralRecord& record, v1::Party party) {
  std::optional<absl::Time> since;
  for (const RightMarkRecord& mark : record.right_marks()) {
    const bool owed = Asked(mark, party) && AnswerOf(mark, party) == v1::RIGHT_ANSWER_UNSPECIFIED;
    const absl::Time asked = api::FromTimestamp(mark.time());
    if (owed) since = since.has_value() ? std::min(*since, asked) : asked;
  }
  return since;
}

void CopyRights(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view) {
  const v1::Party party = PartyOf(as);
  for (const RightMarkRecord& mark : record.right_marks()) {
    v1::RightMark& shown = *view.add_right_marks();
    shown.set_request(mark.request());
    shown.set_person(mark.person());
    shown.set_kind(mark.kind());
    *shown.mutable_time() = mark.time();
    shown.set_stops_disclosure(Stops(mark));
    shown.set_answer_pending(Asked(mark, party) && AnswerOf(mark, party) == v1::RIGHT_ANSWER_UNSPECIFIED);
    shown.set_answer(AnswerOf(mark, party));
  }
  for (const LegalHoldRecord& each : record.legal_holds()) {
    if (each.party() == party) *view.mutable_legal_hold() = each.hold();
  }
  for (const v1::Person& person : record.withdrawn_persons()) view.add_withdrawn_persons(person.number());
  auto& persons = *view.mutable_persons();
  for (int i = persons.size() - 1; i >= 0; --i) {
    if (IsErased(record, persons[i].number(), party)) persons.DeleteSubrange(i, 1);
  }
}

bool IsProtectedHolder(const RightsRequestRecord& record, const RightsHolderRecord& held) {
  return held.is_protected() || record.is_protected();
}

void MarkChanged(absl::Time now, RightsRequestRecord& record, RightsHolderRecord& held) {
  if (!IsProtectedHolder(record, held)) return RaiseRevision(now, record);
  held.set_changes(held.changes() + 1);
  *held.mutable_change_time() = api::ToTimestamp(now);
}

void HideHolders(std::string_view referral, RightsRequestRecord& record) {
  for (RightsHolderRecord& held : *record.mutable_holders()) {
    if (held.holder().referral() != referral || held.is_protected()) continue;
    held.set_is_protected(true);
    held.set_answered_before(held.holder().answer() != v1::RIGHT_ANSWER_UNSPECIFIED);
  }
}

int64_t RevisionOf(const RightsRequestRecord& record, const Unread& unread) {
  int64_t revision = record.revision();
  for (const RightsHolderRecord& held : record.holders()) {
    if (!unread.contains(held.holder().referral())) revision += held.changes();
  }
  return revision;
}

v1::RightsRequest ToRightsRequest(const RightsRequestRecord& record, std::string_view body,
                                  const Unread& unread) {
  v1::RightsRequest view = CommonOf(record, unread);
  // Of what was protected from the start nobody sees more than the own referral: its two sides.
  const bool origin = body == record.origin_body() && !record.is_protected();
  bool knows_where = origin || (body == record.recorded_by() && !record.is_protected());
  for (const RightsHolderRecord& held : record.holders()) {
    const v1::RightsHolder& holder = held.holder();
    const bool hidden = unread.contains(holder.referral());
    if (hidden ? held.uncounted() : HasLeft(held)) continue;
    const bool own = holder.body() == body;
    const bool shown = !hidden && (own || held.other_body() == body || origin);
    if (record.is_protected() && !shown) continue;
    const bool answered = hidden ? held.answered_before() : holder.answer() != v1::RIGHT_ANSWER_UNSPECIFIED;
    view.set_holder_count(view.holder_count() + 1);
    if (answered) view.set_answered_count(view.answered_count() + 1);
    if (!shown) continue;
    knows_where = knows_where || holder.referral() == record.referral();
    *view.add_holders() = holder;
    if (!own) view.mutable_holders(view.holders_size() - 1)->clear_actor();
  }
  if (knows_where && !unread.contains(record.referral())) {
    view.set_referral(record.referral());
    view.set_recorded_by(record.recorded_by());
  }
  return view;
}

v1::RightsTask ToTask(const RightsRequestRecord& record, const v1::RightsHolder& holder) {
  v1::RightsTask task;
  task.set_request(record.name());
  task.set_referral(holder.referral());
  task.set_kind(record.kind());
  task.set_person(record.person());
  *task.mutable_ask_time() = record.ask_time();
  *task.mutable_due_time() = record.due_time();
  task.set_answer(holder.answer());
  return task;
}

}  // namespace waypost::referral
