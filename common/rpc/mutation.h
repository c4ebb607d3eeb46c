// One run of a transaction body: what it may do, and the order in which it must do it.
//
//   1. read what it needs (writer())
//   2. Authorize: authority, then idempotency, then etag
//   3. decide, by pure rules
//   4. write rows and indexes (writer())
//   5. Publish the change
//
// The framework then writes the idempotency record, and the store commits all of it or nothing.
#ifndef WAYPOST_COMMON_RPC_MUTATION_H_
#define WAYPOST_COMMON_RPC_MUTATION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/rpc/call.h"
#include "common/store/store.h"

namespace waypost::rpc {

// The resource that a mutation is about, as stored before it.
struct Target {
  std::string_view name;
  policy::Relations relations;  // of the caller to it
  int64_t revision = 0;         // 0: it is being created
  std::string_view etag = {};   // as the request gave it
};

// A change, as told to the audit log and to watchers. Views need only live for Publish.
struct Change {
  std::string_view type;  // "referral.accepted"
  std::string_view resource;
  int64_t revision = 0;  // after the change
  absl::Time time;
  std::string_view state = {};
  std::vector<std::string_view> parties;
  std::vector<std::pair<std::string_view, std::string>> commitments = {};
  // What was decided, in codes: never free text.
  std::vector<std::pair<std::string_view, std::string_view>> facts = {};
  // For a look at personal data.
  bool access = false;
  std::string_view purpose = {};
  // Of what nobody but its named readers may know of: the record says what happened and when, of nothing and
  // by nobody that the log could list. Its resource, and who acted, are commitments that only those can check
  // who know the resource's name; it has no parties, facts, state or purpose.
  bool sealed = false;
  // Feeds that watchers follow: each gets an entry at the event's position.
  std::vector<std::string> feeds = {};
};

// What a sealed record has in the place of a resource's name: "sealed/" and the SHA-256 of it, in
// hexadecimal.
std::string SealedResource(std::string_view name);
// What it has as commitment "actor": the SHA-256 of name, body and pseudonym, a line each.
std::string SealedActor(std::string_view name, std::string_view body, std::string_view actor);
// In the place of the acting body and person. No body is called so.
inline constexpr std::string_view kSealed = "sealed";

// What the framework keeps between the runs of a body.
struct MutationState {
  const Environment& env;
  const Call& call;
  std::string_view request_id = {};
  std::string idempotency_key = {};  // of the store row; empty: the method keeps none (a look)
  std::string request_hash = {};
  // Set by the last run:
  std::string replayed_response = {};
  bool replayed = false;
  bool authorized = false;
  std::vector<std::string> feeds = {};
};

// For the framework. OK when the request was not carried out before; REQUEST_ID_REUSED when one of other
// content was. When this very one was, a status that is never answered with, and `state` holds the first
// answer. Says nothing of authority.
absl::Status CheckReplay(MutationState& state, const store::Reader& reader);

// Not thread-safe; lives for one run.
class Mutation {
 public:
  Mutation(MutationState& state, store::Writer& writer);

  const Call& call() const { return state_.call; }
  const policy::Caller& caller() const { return *state_.call.caller; }
  store::Writer& writer() { return writer_; }

  // NOT_FOUND or PERMISSION_DENIED; REQUEST_ID_REUSED; ETAG_MISMATCH. For a request that was carried out
  // before it returns a status that the body must pass on: the caller is then given the first answer.
  absl::StatusOr<policy::Authorized> Authorize(const Target& target);

  // Appends the event and the feed entries. REQUIRES: Authorize returned `as` in this run.
  absl::Status Publish(const policy::Authorized& as, const Change& change);

  // For the framework: records the response under the request id.
  void Remember(std::string_view response);

 private:
  MutationState& state_;
  store::Writer& writer_;
};

// What a request id of a caller and method is remembered under; the row has the day before it.
std::string IdempotencyKey(const Call& call, std::string_view request_id);

// Removes idempotency records of days that have passed. Not thread-safe; one for each store.
class IdempotencySweeper {
 public:
  // Removes at most `limit` and returns how many. Looks outside the transaction, goes on where the last step
  // ended, and rests until the next day once there are none: what is deleted is walked over until the store
  // has compacted it.
  absl::StatusOr<int> Step(store::Store& store, absl::Time now, int limit);

 private:
  std::string from_;
  uint64_t sweeping_before_ = 0;  // days
  uint64_t swept_before_ = 0;
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_MUTATION_H_
