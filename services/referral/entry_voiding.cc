#include "services/referral/entry_voiding.h"

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_errors.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using base::Cat;

std::string ReasonName(v1::VoidReason reason) {
  constexpr std::string_view kPrefix = "VOID_REASON_";
  return v1::VoidReason_Name(reason).substr(kPrefix.size());
}

v1::Voiding VoidingOf(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now) {
  v1::Voiding voiding;
  voiding.set_reason(entry.reason);
  *voiding.mutable_time() = api::ToTimestamp(now);
  voiding.set_actor(std::string(by.pseudonym));
  return voiding;
}

void Tell(std::string entry, std::string shown, const command::VoidEntry& what, v1::Voiding voiding,
          Decision& decision) {
  decision.facts.emplace_back("entry", std::move(entry));
  decision.facts.emplace_back("reason", ReasonName(what.reason));
  decision.voided =
      Decision::Voided{.entry = std::move(shown), .note = what.note, .voiding = std::move(voiding)};
}

absl::Status VoidNote(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now,
                      Decision& decision) {
  const std::string& name = decision.next.name();
  std::string note = NoteEntry(entry.note);
  if (entry.note_body != by.body) return NotYourEntry(name, note);
  if (entry.note_void) return EntryVoid(name, note);
  std::string shown = Cat(name, "/", note);
  Tell(std::move(note), std::move(shown), entry, VoidingOf(entry, by, now), decision);
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
  *appointment.mutable_voided() = VoidingOf(entry, by, now);
  Tell(name, name, entry, appointment.voided(), decision);
  return absl::OkStatus();
}

}  // namespace

std::string NoteEntry(uint32_t number) {
  return Cat("notes/", number);
}

std::string AppointmentEntry(uint32_t number) {
  return Cat("appointments/", number);
}

absl::Status VoidEntry(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now,
                       Decision& decision) {
  return entry.appointment == 0 ? VoidNote(entry, by, now, decision)
                                : VoidAppointment(entry, by, now, decision);
}

}  // namespace waypost::referral
