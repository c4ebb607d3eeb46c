#include "services/audit/audit_rules.h"

#include <algorithm>
#include <optional>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/time_range.h"
#include "common/status/errors.h"
#include "services/audit/audit_limits.h"
#include "services/audit/leaf.h"
#include "services/audit/text_checker.h"

namespace waypost::audit {
namespace {

using base::Cat;

void CheckEvent(const event::v1::Event& event, TextChecker& check) {
  if (event.event_id().size() != kEventIdBytes) check.Add("event_id", "must be 16 bytes");
  check.Required("service", event.service(), kMaxWordBytes);
  check.Required("type", event.type(), kMaxWordBytes);
  check.Required("resource", event.resource(), kMaxNameBytes);
  check.Required("actor", event.actor(), kMaxWordBytes);
  check.Required("body", event.body(), kMaxNameBytes);
  check.Optional("role", event.role(), kMaxWordBytes);
  check.Optional("policy_version", event.policy_version(), kMaxWordBytes);
  check.Optional("state", event.state(), kMaxWordBytes);
  check.Optional("purpose", event.purpose(), kMaxWordBytes);
  if (event.revision() < 1) check.Add("revision", "must be at least 1");
  if (!event.has_time() || !base::IsTime(event.time()))
    check.Add("time", "must be a time of the years 1 to 9999");
  if (event.kind() != event::v1::Event::KIND_CHANGE && event.kind() != event::v1::Event::KIND_ACCESS) {
    check.Add("kind", "must be a change or an access");
  }
  for (int i = 0; i < event.parties_size(); ++i) {
    check.Required(Cat("parties[", i, "]"), event.parties(i), kMaxNameBytes);
  }
}

// Nothing when something is wrong, which `check` has then been told.
std::optional<CheckedRecord> CheckEnvelope(const event::v1::Envelope& envelope, TextChecker& check,
                                           const error::FieldViolations& violations) {
  if (envelope.nonce().size() != kNonceBytes) check.Add("nonce", "must be 32 bytes");
  CheckedRecord record{.envelope = &envelope, .event = {}, .leaf = {}, .leaf_hash = {}};
  if (!record.event.ParseFromString(envelope.event())) {
    check.Add("event", "cannot be read as an event");
    return std::nullopt;
  }
  CheckEvent(record.event, check);
  if (!violations.empty()) return std::nullopt;
  record.leaf = MakeLeaf(record.event.event_id(), envelope.nonce(), envelope.event());
  record.leaf_hash = HashLeaf(record.leaf);
  return record;
}

absl::Status CheckSize(std::string_view limit, size_t allowed, size_t given) {
  if (given <= allowed) return absl::OkStatus();
  return error::LimitExceeded(limit, static_cast<int64_t>(allowed), static_cast<int64_t>(given));
}

}  // namespace

absl::StatusOr<std::vector<CheckedRecord>> CheckEnvelopes(
    std::span<const event::v1::Envelope* const> envelopes) {
  if (envelopes.empty()) return error::InvalidField("envelopes", "is required");
  WAYPOST_RETURN_IF_ERROR(CheckSize("the envelopes of a request", kMaxAppendEnvelopes, envelopes.size()));
  error::FieldViolations violations;
  std::vector<CheckedRecord> records;
  records.reserve(envelopes.size());
  for (size_t i = 0; i < envelopes.size(); ++i) {
    WAYPOST_RETURN_IF_ERROR(
        CheckSize("the bytes of a record", kMaxRecordBytes, envelopes[i]->event().size()));
    TextChecker check(Cat("envelopes[", i, "]"), violations);
    auto record = CheckEnvelope(*envelopes[i], check, violations);
    if (!record.has_value()) continue;
    WAYPOST_RETURN_IF_ERROR(
        CheckSize("the parties of a record", kMaxParties, PartiesOf(record->event).size()));
    records.push_back(*std::move(record));
  }
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());
  return records;
}

std::vector<std::string_view> PartiesOf(const event::v1::Event& event) {
  std::vector<std::string_view> parties(event.parties().begin(), event.parties().end());
  parties.push_back(event.body());
  std::sort(parties.begin(), parties.end());
  parties.erase(std::unique(parties.begin(), parties.end()), parties.end());
  return parties;
}

std::vector<ListPlace> ListsOf(const event::v1::Event& event) {
  std::vector<ListPlace> lists = {{event.body(), ListBy::kActor, event.actor()}};
  for (const std::string_view body : PartiesOf(event)) {
    lists.push_back({body, ListBy::kAll, ""});
    lists.push_back({body, ListBy::kResource, event.resource()});
    lists.push_back({body, ListBy::kType, event.type()});
  }
  return lists;
}

policy::Relations RelationsToRecord(const event::v1::Event& event, const policy::Caller& caller) {
  const bool party = caller.body == event.body() || std::find(event.parties().begin(), event.parties().end(),
                                                              caller.body) != event.parties().end();
  return party ? policy::Relations{policy::Relation::kParty} : policy::Relations{};
}

policy::Relations RelationsToListing(std::string_view body, const policy::Caller& caller) {
  return body == caller.body ? policy::Relations{policy::Relation::kParty} : policy::Relations{};
}

}  // namespace waypost::audit
