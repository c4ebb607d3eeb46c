// Where a node's wrapping keys come from. They live apart from the data that they protect and from its
// backups, so that destroying a key destroys, everywhere, what only it could open.
#ifndef WAYPOST_COMMON_CRYPTO_KEY_PROVIDER_H_
#define WAYPOST_COMMON_CRYPTO_KEY_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/aead.h"

namespace waypost::crypto {

// A key is used for new wraps this long; with the days that rewrapping and destroying it take, what was
// erased is gone from replicas and backups within 35 days.
inline constexpr absl::Duration kRotationPeriod = absl::Hours(24 * 30);
// A replaced key cannot be destroyed sooner than this, so that no replica or command under way still wraps
// with it: see KeyProvider::Destroy.
inline constexpr absl::Duration kMinRetirement = absl::Minutes(15);
// Keys that may live at a time. A healthy node has one, or two while it rewraps.
inline constexpr int kMaxLiveKeys = 64;
// Of what PeriodSecrets returns.
inline constexpr absl::Duration kSecretPeriod = absl::Hours(24 * 30);

// Ids begin at 1, rise, and are never used again.
struct WrappingKey {
  uint32_t id = 0;
  absl::Time created_at;
  SecretKey key;
};

enum class KeyState : uint8_t {
  kPrepared,  // on disk and newer than the current key; nothing is wrapped with it yet
  kCurrent,   // new wraps use it
  kRetired,   // opens old wraps; to be destroyed once they are rewrapped
};

struct KeyInfo {
  uint32_t id = 0;
  absl::Time created_at;
  KeyState state = KeyState::kPrepared;
};

// The secrets of this period of kSecretPeriod and the one before: make with `current`, accept both.
struct PeriodSecrets {
  SecretKey current;
  SecretKey previous;
};

// Thread-safe. The rotation job is: when RotationDue, Rotate. For each retired key, once kMinRetirement has
// passed since the rotation, sweep its wraps (Unwrap, Wrap), and when a sweep begun after that time has found
// none left, Destroy it. Every step may be repeated or interrupted.
class KeyProvider {
 public:
  virtual ~KeyProvider() = default;

  // The key for new wraps. It is durable, and known to every process that shares the folder or can be read
  // by it with Get, before this returns it.
  virtual absl::StatusOr<std::shared_ptr<const WrappingKey>> Current() = 0;

  // NOT_FOUND when it was destroyed or never existed.
  virtual absl::StatusOr<std::shared_ptr<const WrappingKey>> Get(uint32_t id) = 0;

  // All live keys, oldest first.
  virtual absl::StatusOr<std::vector<KeyInfo>> List() = 0;

  // Makes a new key and makes it current. Returns its id. RESOURCE_EXHAUSTED at kMaxLiveKeys.
  virtual absl::StatusOr<uint32_t> Rotate(absl::Time now) = 0;

  // Destroys a retired key for ever: whatever is still wrapped with it can never be opened again.
  // FAILED_PRECONDITION when it is current or prepared, or when the current key has been in use for less
  // than kMinRetirement. OK when it is gone already.
  virtual absl::Status Destroy(uint32_t id, absl::Time now) = 0;

  // True once the current key has been in use for kRotationPeriod, and when that cannot be told.
  virtual bool RotationDue(absl::Time now) = 0;

  // Rises whenever the set of live keys or the current one changes. Cheap; for caches.
  virtual uint64_t Generation() const = 0;

  // A secret of the node for one purpose ("actor", "idempotency"), the same on every replica. It is never
  // rotated, so nothing that must be erasable may depend on it.
  virtual absl::StatusOr<SecretKey> NodeSecret(std::string_view purpose) = 0;

  // The same, changing every kSecretPeriod; for what is short-lived ("page-token").
  absl::StatusOr<PeriodSecrets> NodePeriodSecrets(std::string_view purpose, absl::Time now);
};

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_KEY_PROVIDER_H_
