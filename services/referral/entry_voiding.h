// Wrong entries of a referral are voided one by one: a note or an appointment by the body that made it, the
// outcome of a person by the receiving body. What was said stays in the history; nothing follows from it any
// more. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_ENTRY_VOIDING_H_
#define WAYPOST_SERVICES_REFERRAL_ENTRY_VOIDING_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_rules.h"

namespace waypost::referral {

// "notes/3", "appointments/2", "outcomes/1" of person 1: how events and errors name an entry.
std::string NoteEntry(uint32_t number);
std::string AppointmentEntry(uint32_t number);
std::string OutcomeEntry(uint32_t person);

// Who voids it.
struct VoidedBy {
  v1::Party party = v1::PARTY_UNSPECIFIED;
  std::string_view body;
  std::string_view pseudonym;
};

// Voids an appointment in `decision.next`; of a note, says in `decision.voided` what its row is to have.
// NOT_YOUR_ENTRY, ENTRY_VOID, INVALID_FIELD where there is no such appointment.
absl::Status VoidEntry(const command::VoidEntry& entry, const VoidedBy& by, absl::Time now,
                       Decision& decision);

// Puts the right outcome of a person in the place of the wrong one, which is kept as void; what is owed by
// its follow-up day moves with it. INVALID_FIELD, SHARE_ERASED where the person was erased,
// OUTCOME_OF_OTHER_END, LIMIT_EXCEEDED. REQUIRES: the referral was completed or ended without result.
absl::Status VoidOutcome(const command::VoidOutcome& given, const VoidedBy& by, absl::Time now,
                         Decision& decision);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENTRY_VOIDING_H_
