// What a body's records are sealed with. Each disclosure has its own data key; the data key is wrapped
// separately for each body that holds the disclosure, so one body's erasure never touches another's file.
//
//   data key        random, one a disclosure and person; never stored in the clear
//   section key     DeriveSectionKey(data key, section): what Seal is called with
//   wrap            Seal(wrapping key of the body and period, data key): stored beside the record
//   lookup          keyed hash of a reference or name, computed with a key of the body and period
//   commitment      keyed hash of content, which an event carries instead of the content
#ifndef WAYPOST_COMMON_CRYPTO_BODY_KEYS_H_
#define WAYPOST_COMMON_CRYPTO_BODY_KEYS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/crypto/aead.h"
#include "common/crypto/key_provider.h"

namespace waypost::crypto {

using DataKey = SecretKey;

// The key id, big-endian, then kLookupHashBytes of keyed hash.
inline constexpr size_t kLookupIdBytes = 4;
inline constexpr size_t kLookupHashBytes = 16;
inline constexpr size_t kLookupBytes = kLookupIdBytes + kLookupHashBytes;
inline constexpr size_t kWrappedKeyBytes = kKeyBytes + kSealOverheadBytes;
// Of a body's name, a kind or an associated text given to BodyKeys.
inline constexpr size_t kMaxBodyKeyNameBytes = 1024;

// A data key as it is stored, under the wrapping key `key_id`.
struct WrappedKey {
  uint32_t key_id = 0;
  std::string bytes = {};
};

// Thread-safe. `provider` and `random` must outlive it.
class BodyKeys {
 public:
  // `cache_entries`: how many (period, body) pairs of derived keys are kept.
  BodyKeys(KeyProvider& provider, base::Random& random, size_t cache_entries = 4096);

  // Wraps `data_key` for `body` with the current key. `aad` names the record that it belongs to: a wrap moved
  // to another record, body or period does not open.
  absl::StatusOr<WrappedKey> Wrap(std::string_view body, std::string_view aad, const DataKey& data_key);

  // NOT_FOUND (reason KEY_DESTROYED) when the wrapping key is gone: the content is erased. DATA_LOSS when the
  // wrap is not one made for this body and aad.
  absl::StatusOr<DataKey> Unwrap(std::string_view body, std::string_view aad, const WrappedKey& wrapped);

  // The same data key under the current wrapping key.
  absl::StatusOr<WrappedKey> Rewrap(std::string_view body, std::string_view aad, const WrappedKey& wrapped);

  // True when a wrap or lookup with this id is to be renewed.
  absl::StatusOr<bool> IsRetired(uint32_t key_id);

  // kLookupBytes bytes to index a record by, under the current key. `kind` ("own-reference", "person") keeps
  // kinds apart; it holds no NUL. `normalised_text`: see normalise.h.
  absl::StatusOr<std::string> Lookup(std::string_view body, std::string_view kind,
                                     std::string_view normalised_text);

  // The same under every live key, the current one first: an index is searched for all of these, since while
  // a rotation is under way some rows are still under the key before.
  absl::StatusOr<std::vector<std::string>> LookupCandidates(std::string_view body, std::string_view kind,
                                                            std::string_view normalised_text);

  // Destroys the key at the provider and forgets everything derived from it.
  absl::Status Destroy(uint32_t key_id, absl::Time now);

  KeyProvider& provider() { return provider_; }

 private:
  struct Derived {
    SecretKey wrap;
    SecretKey lookup;
  };
  using CacheKey = std::pair<uint32_t, std::string>;
  struct Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<CacheKey, std::shared_ptr<const Derived>> entries ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 16;

  absl::StatusOr<std::shared_ptr<const Derived>> DerivedFor(uint32_t key_id, std::string_view body);
  std::shared_ptr<const Derived> Derive(const WrappingKey& key, std::string_view body);
  std::shared_ptr<const Derived> DerivedFor(const WrappingKey& key, std::string_view body);
  // Drops what was derived from keys that are no longer live.
  void ForgetDestroyed();

  KeyProvider& provider_;
  base::Random& random_;
  const size_t shard_limit_;
  std::atomic<uint64_t> generation_{0};
  std::array<Shard, kShards> shards_;
};

// The key that one section ("screening", "full") of a disclosure is sealed with.
SecretKey DeriveSectionKey(const DataKey& data_key, std::string_view section);

// kHashBytes bytes: HMAC-SHA256(Expand(data key, "commitment"), name || 0 || plaintext). Shows later that it
// was the content, to whoever is given data key and content; tells nothing without the data key, and nothing
// any more once it is erased. REQUIRES: `name` holds no NUL.
std::string Commitment(const DataKey& data_key, std::string_view name, std::string_view plaintext);

// The same, where several are made under one data key.
SecretKey CommitmentKey(const DataKey& data_key);
std::string CommitmentUnder(const SecretKey& commitment_key, std::string_view name,
                            std::string_view plaintext);

// The id of the key that a lookup was made with; 0 when it is none.
uint32_t LookupKeyId(std::string_view lookup);

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_BODY_KEYS_H_
