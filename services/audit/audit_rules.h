// What the audit log takes, and to whom it shows what. Pure: no store, no gRPC, no clock. All functions are
// thread-safe.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_RULES_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_RULES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "services/audit/merkle.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::audit {

// An envelope that was checked and hashed.
struct CheckedRecord {
  const event::v1::Envelope* envelope;  // the one that was checked, which outlives this
  event::v1::Event event;               // read from envelope->event()
  std::string leaf;                     // 49 bytes
  Hash leaf_hash;
};

// Checks all envelopes of a request and hashes them; this costs the calling thread a few microseconds each.
// Errors: INVALID_FIELD that names everything wrong ("envelopes[3].nonce"); LIMIT_EXCEEDED.
absl::StatusOr<std::vector<CheckedRecord>> CheckEnvelopes(
    std::span<const event::v1::Envelope* const> envelopes);

// The bodies that may see a record: its parties and the acting body; sorted, each once. Views into `event`.
std::vector<std::string_view> PartiesOf(const event::v1::Event& event);

// kParty when the caller's body is a party to the record; nothing otherwise, so that the record is NOT_FOUND.
policy::Relations RelationsToRecord(const event::v1::Event& event, const policy::Caller& caller);
// The same for the listing of the records of `body`.
policy::Relations RelationsToListing(std::string_view body, const policy::Caller& caller);
// What shows no record belongs to everyone who may call the method at all.
inline constexpr policy::Relations kRelationsToLog = {policy::Relation::kAnyone};

// Which of a body's records are listed.
enum class ListBy : uint8_t { kAll, kResource, kActor, kType };

// A list that a record joins: one of a body's.
struct ListPlace {
  std::string_view body;
  ListBy by;
  std::string_view value;  // empty for kAll
};

// Every list that a record joins: of each of its parties all, those of its resource, and those of its type;
// and of the acting body those of its actor. Bodies do not list each other's people. Views into `event`.
std::vector<ListPlace> ListsOf(const event::v1::Event& event);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_RULES_H_
