// Callers whose token was verified, by the token's hash, so that the hot path checks no signature.
#ifndef WAYPOST_COMMON_IDENTITY_CALLER_CACHE_H_
#define WAYPOST_COMMON_IDENTITY_CALLER_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/crypto/hash.h"
#include "common/policy/policy.h"

namespace waypost::identity {

// Thread-safe. Bounded: a full shard forgets an entry not used since the hand last passed it (the clock
// algorithm). A hit allocates nothing.
class CallerCache {
 public:
  explicit CallerCache(size_t entries);

  // nullptr unless Put under the same `generation` and `now` is before the caller's expiry.
  std::shared_ptr<const policy::Caller> Get(const crypto::Hash& token, uint64_t generation, absl::Time now);

  // `generation`: of the keys that the token was verified with. Entries of others are never found again.
  void Put(const crypto::Hash& token, uint64_t generation, std::shared_ptr<const policy::Caller> caller);

  void Clear();
  size_t size() const;

 private:
  struct HashOf {
    // The first bytes of a SHA-256 are as good a hash as any.
    size_t operator()(const crypto::Hash& token) const {
      size_t value = 0;
      std::memcpy(&value, token.data(), sizeof(value));
      return value;
    }
  };
  struct Slot {
    crypto::Hash token;
    uint64_t generation = 0;
    bool used = false;
    std::shared_ptr<const policy::Caller> caller;
  };
  struct Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<crypto::Hash, size_t, HashOf> places ABSL_GUARDED_BY(mutex);
    std::vector<Slot> slots ABSL_GUARDED_BY(mutex);
    size_t hand ABSL_GUARDED_BY(mutex) = 0;
  };
  static constexpr size_t kShards = 16;

  // A place for a new entry: one more, or that of the entry that has to go.
  size_t PlaceFor(Shard& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  // The last byte, since the first ones place the entry within its shard.
  Shard& ShardOf(const crypto::Hash& token) { return shards_[token.back() % kShards]; }

  const size_t shard_limit_;
  std::array<Shard, kShards> shards_;
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_CALLER_CACHE_H_
