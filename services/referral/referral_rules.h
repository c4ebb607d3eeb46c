// What a command does to a referral. Pure: (record, command, caller, now) → decision; no store, no gRPC, no
// clock. Thread-safe. Microseconds: it may run inside a transaction body.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_RULES_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/referral/referral_clocks.h"
#include "services/referral/referral_commands.h"
#include "services/referral/referral_machine.h"
#include "services/referral/waiting_list.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/storage/v1/statistics_storage.pb.h"

namespace waypost::referral {

using storage::v1::ReferralRecord;

inline constexpr uint32_t kRecordFormat = 1;

// What else the caller of Decide has to do in the same transaction.
enum class Effect : uint8_t {
  // Give the receiving body the wrap of each person's derived screening key, the case's (person 0) included.
  kOpenScreening,
  // Give the receiving body the wrap of each person's data key, the case's included.
  kOpenAll,
  // Delete the receiving body's wraps of person and case keys, but for those of `kept_persons`.
  kCloseReceiver,
  // Delete all that the referring body holds: wraps, own reference, own notes, lookups.
  kEraseReferringShare,
  // The same of the receiving body.
  kEraseReceivingShare,
  // Nobody holds a key any longer: delete the sections, too.
  kDropSections,
};
using Effects = policy::EnumSet<Effect>;

// A command of the system on another referral, to be decided in the same transaction, or by an event where
// that referral lives on another node.
struct FollowUp {
  std::string referral;
  Command command;
  // Told as done by the system alone: who caused it would say what hangs together.
  bool by_system = false;
};

// Places are taken within these limits, and in the order of the group's waiting list.
struct Taking {
  std::vector<GroupLimit> limits = {};  // of each group that a place may be taken in
  v1::OutOfOrderReason out_of_order = v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  bool whatever_the_order = false;  // it had the place before
  // Places that enrolments of it have already: not taken, though they are named anew.
  std::map<GroupKey, int64_t> enrolled = {};
};

struct Decision {
  ReferralRecord next;
  Event event;
  Effects effects = {};
  // A referral that this one opens: a record of its own (revision 1, event kOpenLinked), under new data keys;
  // its sections are those of this referral. It needs kOpenScreening's wraps for its receiving body.
  std::optional<ReferralRecord> linked = std::nullopt;
  std::vector<FollowUp> follow_ups = {};
  // Persons whose sections and wraps are to be deleted: an update took them out, or nobody holds them.
  std::vector<uint32_t> removed_persons = {};
  // How places that it takes in groups are checked; see group_ledger.h.
  Taking taking = {};
  // Persons who were taken out while others stay: the receiving body's wraps of them are to be deleted.
  std::vector<uint32_t> closed_persons = {};
  // The same, but its wraps are the last ones: they stay for a legal hold, and open nothing.
  std::vector<uint32_t> set_aside_persons = {};
  // With kCloseReceiver: persons, of whom 0 stands for the case, whose wraps the receiving body keeps for a
  // legal hold.
  std::vector<uint32_t> kept_persons = {};
  // One body's wraps of one person are to be deleted.
  struct PersonErasure {
    std::string body;
    uint32_t person = 0;
  };
  std::vector<PersonErasure> person_erasures = {};
  // An entry that is void from now on: an appointment is so in `next`, of a note the row is to say so.
  struct Voided {
    std::string entry;  // as the history names it
    uint32_t note = 0;  // 0: it is none
    v1::Voiding voiding;
  };
  std::optional<Voided> voided = std::nullopt;
  // For the event: what was decided, in codes.
  std::vector<std::pair<std::string, std::string>> facts = {};
  // What becomes of its parts, as the caller says who cancels it.
  std::vector<v1::PartDecision> parts = {};
  // Of a part: what it is a part of is decided in the same transaction, and counts its parts itself.
  bool parent_counts = false;
  // For the statistics.
  std::vector<storage::v1::Counted> counted = {};
};

// Decides a caller's command at a moment, by its clocks. `current` is empty (kNothing) for Create, and for a
// Submit that creates. REQUIRES: the request passed validation; `as` was authorized with RelationsOf(current,
// caller), or, for what does not exist yet, with RelationsToNew.
//   INVALID_TRANSITION when the state does not take it, INVALID_FIELD when the request does not fit the
//   referral, otherwise an error of referral_errors.h.
absl::StatusOr<Decision> Decide(const ReferralRecord& current, const Command& command,
                                const policy::Authorized& as, const Moment& at);

// The same for the system: clocks, and what follows from another referral.
absl::StatusOr<Decision> DecideAsSystem(const ReferralRecord& current, const Command& command,
                                        const Moment& at);

// What the clocks have to do when they look at a referral: nothing when they come too early, as after a
// change in between. `outages` in order: what they took is given back first, as the calendars of `at` say.
std::optional<Command> WhatIsDue(const ReferralRecord& record, const std::vector<Outage>& outages,
                                 const Moment& at);

// Makes the error of a refusal, of referral_errors.h, for the referral of a name.
using Refusal = absl::Status (*)(std::string_view name);

// The part of a guard that can be told before a command is at hand: null when it holds, or cannot be told
// yet. `actor` is the side and `pseudonym` the person it would be. It makes no error: whoever lists what is
// allowed asks for a dozen.
Refusal RefusalOf(Guard guard, const ReferralRecord& record, Actor actor, std::string_view pseudonym,
                  absl::Time now);

// The number of a note that is added to `record`, from 1; LIMIT_EXCEEDED when there are too many.
absl::StatusOr<uint32_t> TakeNoteNumber(ReferralRecord& record);

// The one body that answers for the case.
std::string_view CaseHolder(const ReferralRecord& record);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_RULES_H_
