#include "common/rpc/mutation.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/escaping.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/rpc/feed.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::rpc {
namespace {

constexpr std::string_view kRecords = "idem";  // the keys' beginning
constexpr size_t kEventIdBytes = 16;
constexpr size_t kNonceBytes = 32;
constexpr size_t kRequestHashBytes = crypto::kHashBytes;

// How far a repeat, by the time it was received, may be ahead of the request that it overtakes.
constexpr absl::Duration kMostOvertaken = absl::Hours(1);

// Records live for the day they are made in and the day after: 24 to 48 hours.
uint64_t DayOf(absl::Time time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixSeconds(time) / 86'400));
}

std::string DayKey(uint64_t day, std::string_view id) {
  return store::KeyBuilder().Text(kRecords).Uint(day).Text(id).Take();
}

// Whose it is and who acted, as commitments alone.
void Seal(const policy::Caller& caller, const Change& change, event::v1::Event& event) {
  event.set_resource(SealedResource(change.resource));
  event.set_body(std::string(kSealed));
  event.set_actor(std::string(kSealed));
  event.clear_role();
  event.clear_parties();
  event.clear_facts();
  event.clear_state();
  event.clear_purpose();
  (*event.mutable_commitments())["actor"] = SealedActor(change.resource, caller.body, caller.actor);
}

// Passed through the body and recognised by MutationState::replayed, never answered with.
absl::Status Replayed() {
  return absl::AbortedError("replayed");
}

}  // namespace

std::string SealedResource(std::string_view name) {
  return base::Cat(kSealed, "/", absl::BytesToHexString(crypto::Sha256(base::Cat("resource\n", name))));
}

std::string SealedActor(std::string_view name, std::string_view body, std::string_view actor) {
  return crypto::Sha256(base::Cat("actor\n", name, "\n", body, "\n", actor));
}

std::string IdempotencyKey(const Call& call, std::string_view request_id) {
  const crypto::Hash hash = crypto::Sha256Array(
      base::Cat(call.caller->body, "\n", call.caller->actor, "\n", call.rule.method, "\n", request_id));
  return std::string(crypto::AsText(hash).substr(0, 16));
}

absl::Status CheckReplay(MutationState& state, const store::Reader& reader) {
  if (state.idempotency_key.empty()) return absl::OkStatus();
  const uint64_t today = DayOf(state.call.now);
  // A repeat may have been received after midnight, or before the clock was put back, and carried out first.
  const uint64_t latest = DayOf(state.call.now + kMostOvertaken);
  for (uint64_t day = latest; day + 1 >= today; --day) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> record,
                             reader.Get(DayKey(day, state.idempotency_key)));
    if (!record.has_value()) continue;
    if (record->size() < kRequestHashBytes) return error::DataLoss("idempotency record");
    const std::string_view bytes = *record;
    if (bytes.substr(0, kRequestHashBytes) != state.request_hash) {
      return error::RequestIdReused(state.request_id);
    }
    state.replayed = true;
    state.replayed_response = bytes.substr(kRequestHashBytes);
    return Replayed();
  }
  return absl::OkStatus();
}

Mutation::Mutation(MutationState& state, store::Writer& writer) : state_(state), writer_(writer) {
  state_.replayed = false;
  state_.authorized = false;
  state_.feeds.clear();
}

absl::StatusOr<policy::Authorized> Mutation::Authorize(const Target& target) {
  WAYPOST_ASSIGN_OR_RETURN(policy::Authorized as, call().Authorize(target.relations, target.name));
  WAYPOST_RETURN_IF_ERROR(CheckReplay(state_, writer_));
  if (target.revision > 0) WAYPOST_RETURN_IF_ERROR(api::CheckEtag(target.name, target.etag, target.revision));
  state_.authorized = true;
  return as;
}

absl::Status Mutation::Publish(const policy::Authorized& as, const Change& change) {
  const std::string random = state_.env.node.random.Bytes(kEventIdBytes + kNonceBytes);
  event::v1::Event event;
  event.set_event_id(random.substr(0, kEventIdBytes));
  event.set_service(state_.env.lane.name());
  event.set_type(std::string(change.type));
  event.set_resource(std::string(change.resource));
  event.set_revision(change.revision);
  *event.mutable_time() = api::ToTimestamp(change.time);
  event.set_actor(as.caller().actor);
  event.set_body(as.caller().body);
  event.set_role(std::string(policy::RoleName(as.role())));
  for (const std::string_view party : change.parties) event.add_parties(std::string(party));
  for (const auto& [name, commitment] : change.commitments) {
    (*event.mutable_commitments())[std::string(name)] = commitment;
  }
  for (const auto& [name, code] : change.facts) {
    (*event.mutable_facts())[std::string(name)] = std::string(code);
  }
  event.set_policy_version(std::string(policy::kPolicyVersion));
  event.set_state(std::string(change.state));
  event.set_purpose(std::string(change.purpose));
  event.set_kind(change.access ? event::v1::Event::KIND_ACCESS : event::v1::Event::KIND_CHANGE);
  if (change.sealed) Seal(as.caller(), change, event);
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t position,
                           state_.env.lane.Append(writer_, event.SerializeAsString(),
                                                  std::string_view(random).substr(kEventIdBytes)));
  if (change.feeds.empty() || change.sealed) return absl::OkStatus();
  const FeedEntry entry{.position = position,
                        .resource = event.resource(),
                        .revision = change.revision,
                        .type = event.type(),
                        .state = event.state(),
                        .time = change.time};
  for (const std::string& feed : change.feeds) {
    AppendToFeed(writer_, feed, entry);
    state_.feeds.push_back(feed);
  }
  return absl::OkStatus();
}

void Mutation::Remember(std::string_view response) {
  if (state_.idempotency_key.empty()) return;
  std::string record;
  record.reserve(state_.request_hash.size() + response.size());
  record += state_.request_hash;
  record += response;
  writer_.Put(DayKey(DayOf(call().now), state_.idempotency_key), record);
}

absl::StatusOr<int> IdempotencySweeper::Step(store::Store& store, absl::Time now, int limit) {
  const uint64_t first_kept = DayOf(now) - 1;
  if (first_kept == swept_before_) return 0;
  if (first_kept != sweeping_before_) {
    sweeping_before_ = first_kept;
    from_ = store::KeyBuilder().Text(kRecords).Take();
  }
  std::vector<std::string> keys;
  WAYPOST_ASSIGN_OR_RETURN(const std::unique_ptr<store::Reader> reader, store.Snapshot());
  const std::string end = store::KeyBuilder().Text(kRecords).Uint(first_kept).Take();
  const auto at = reader->Scan({.begin = from_, .end = end});
  for (; at->Valid() && static_cast<int>(keys.size()) < limit; at->Next()) keys.emplace_back(at->key());
  WAYPOST_RETURN_IF_ERROR(at->status());
  if (keys.empty()) {
    swept_before_ = first_kept;
    return 0;
  }
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store, [&](store::Writer& writer) {
    for (const std::string& key : keys) writer.Delete(key);
    return absl::OkStatus();
  }));
  from_ = keys.back();
  return static_cast<int>(keys.size());
}

}  // namespace waypost::rpc
