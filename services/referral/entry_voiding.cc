#include "services/referral/entry_voiding.h"

#include <algorithm>
#include <optional>

#include "absl/time/civil_time.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using base::Cat;

std::string ReasonName(v1::VoidReason reason) {
  constexpr std::string_view kPrefix = "VOID_REASON_";
  return v1::VoidReason_Name(reason).substr(kPrefix.size());
}

v1::Voiding VoidingOf(v1::VoidReason reason, const VoidedBy& by, absl::Time now) {
  v1::Voiding voiding;
  voiding.set_reason(reason);
  *voiding.mutable_time() = api::ToTimestamp(now);
  voiding.set_actor(std::string(by.pseudonym));
  return voiding;
}

// `note`: its number where it is one.
void Tell(std::string entry, std::string shown, uint32_t note, v1::Voiding voiding, Decision& decision) {
  decision.facts.emplace_back("entry", std::move(entry));
  decision.facts.emplace_back("reason", ReasonName(voiding.reason()));
  decision.voided = Decision::Voided{.entry = std::move(shown), .note = note, .voiding = std::move(voiding)};
}

absl::Status VoidNote(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now,
                      Decision& decision) {
  const std::string& name = decision.next.name();
  std::string note = NoteEntry(entry.note);
  if (entry.note_body != by.body) return NotYourEntry(name, note);
  if (entry.note_void) return EntryVoid(name, note);
  std::string shown = Cat(name, "/", note);
  Tell(std::move(note), std::move(shown), entry.note, VoidingOf(entry.reason, by, now), decision);
  return absl::OkStatus();
}

// The receiving body makes them.
absl::Status VoidAppointment(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now,
                             Decision& decision) {
  ReferralRecord& next = decision.next;
  if (entry.appointment > static_cast<uint32_t>(next.appointments_size())) {
    return error::InvalidField("appointment", "is no appointment of this referral");
  }
  std::string name = AppointmentEntry(entry.appointment);
  if (by.party != v1::PARTY_RECEIVING && !IsInternal(next)) return NotYourEntry(next.name(), name);
  v1::Appointment& appointment = *next.mutable_appointments(static_cast<int>(entry.appointment) - 1);
  if (appointment.has_voided()) return EntryVoid(next.name(), name);
  *appointment.mutable_voided() = VoidingOf(entry.reason, by, now);
  Tell(name, name, 0, appointment.voided(), decision);
  return absl::OkStatus();
}

v1::Person* PersonOf(uint32_t number, ReferralRecord& record) {
  auto& persons = *record.mutable_persons();
  const auto found = std::find_if(persons.begin(), persons.end(),
                                  [number](const v1::Person& each) { return each.number() == number; });
  return found == persons.end() ? nullptr : &*found;
}

bool HasErased(uint32_t person, const ReferralRecord& record) {
  return std::any_of(record.person_erasures().begin(), record.person_erasures().end(),
                     [person](const auto& erasure) { return erasure.person() == person; });
}

// Would it have ended as it did with that outcome? What became of people who are not in it any longer nobody
// asks.
bool IsOfThisEnd(const v1::Person& person, const v1::Outcome& right, const ReferralRecord& record) {
  if (record.state() != kCompleted) return !IsResult(right.kind());
  if (IsResult(right.kind()) || !IsResult(person.outcome().kind())) return true;
  return std::any_of(record.persons().begin(), record.persons().end(), [&person](const v1::Person& each) {
    return each.number() != person.number() && IsResult(each.outcome().kind());
  });
}

// The earliest day that is owed. Those of others before what is due have been settled; where nothing is due,
// all have.
void MoveFollowUp(uint32_t person, const v1::Outcome& wrong, const v1::Outcome& right, ReferralRecord& next) {
  if (wrong.follow_up_date() == right.follow_up_date()) return;
  std::optional<absl::CivilDay> earliest = ParseDay(right.follow_up_date());
  if (next.has_due()) {
    const absl::CivilDay due = absl::ToCivilDay(api::FromTimestamp(next.due().time()), absl::UTCTimeZone());
    for (const v1::Person& each : next.persons()) {
      const auto day = ParseDay(each.outcome().follow_up_date());
      const bool owed = each.number() != person && day.has_value() && *day >= due;
      if (owed && (!earliest.has_value() || *day < *earliest)) earliest = day;
    }
  }
  next.clear_due();
  if (!earliest.has_value()) return;
  v1::Due& due = *next.mutable_due();
  due.set_clock(v1::CLOCK_FOLLOW_UP);
  due.set_party(next.state() == kCompleted ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING);
  *due.mutable_time() = api::ToTimestamp(absl::FromCivil(*earliest, absl::UTCTimeZone()));
}

absl::Status CheckRightOutcome(const command::VoidOutcome& given, const v1::Person& person, absl::Time now,
                               const ReferralRecord& record) {
  error::FieldViolations wrong;
  CheckOutcome("outcome", given.outcome, now, wrong);
  WAYPOST_RETURN_IF_ERROR(wrong.ToStatus());
  if (person.outcome().SerializeAsString() == given.outcome.SerializeAsString()) {
    return error::InvalidField("outcome", "is the one that is recorded: give the right one");
  }
  if (!IsOfThisEnd(person, given.outcome, record)) {
    return OutcomeOfOtherEnd(record.name(), record.state() == kCompleted);
  }
  const int count = person.voided_outcomes_size();
  if (count < kMaxVoidedOutcomes) return absl::OkStatus();
  return error::LimitExceeded("voided outcomes of a person", kMaxVoidedOutcomes, count + 1);
}

}  // namespace

std::string NoteEntry(uint32_t number) {
  return Cat("notes/", number);
}

std::string AppointmentEntry(uint32_t number) {
  return Cat("appointments/", number);
}

std::string OutcomeEntry(uint32_t person) {
  return Cat("outcomes/", person);
}

absl::Status VoidEntry(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now,
                       Decision& decision) {
  return entry.appointment == 0 ? VoidNote(entry, by, now, decision)
                                : VoidAppointment(entry, by, now, decision);
}

absl::Status VoidOutcome(const command::VoidOutcome& given, const VoidedBy& by, absl::Time now,
                         Decision& decision) {
  ReferralRecord& next = decision.next;
  v1::Person* const person = PersonOf(given.person, next);
  if (person == nullptr) return error::InvalidField("person", "is no person of this referral");
  if (HasErased(given.person, next)) return ShareErased(next.name());
  WAYPOST_RETURN_IF_ERROR(CheckRightOutcome(given, *person, now, next));
  v1::VoidedOutcome& wrong = *person->add_voided_outcomes();
  *wrong.mutable_outcome() = person->outcome();
  *wrong.mutable_voided() = VoidingOf(given.reason, by, now);
  *person->mutable_outcome() = given.outcome;
  MoveFollowUp(given.person, wrong.outcome(), given.outcome, next);
  const std::string name = OutcomeEntry(given.person);
  Tell(name, name, 0, wrong.voided(), decision);
  return absl::OkStatus();
}

}  // namespace waypost::referral
