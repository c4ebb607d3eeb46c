// Wrapping keys that end with the process; for tests of whatever needs a KeyProvider.
#ifndef WAYPOST_COMMON_CRYPTO_MEMORY_KEY_PROVIDER_H_
#define WAYPOST_COMMON_CRYPTO_MEMORY_KEY_PROVIDER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/random.h"
#include "common/crypto/key_provider.h"

namespace waypost::crypto {

// Thread-safe. Keeps every rule of KeyProvider. `random` must outlive it.
class MemoryKeyProvider final : public KeyProvider {
 public:
  // Has key 1, in use since `now`.
  MemoryKeyProvider(base::Random& random, absl::Time now);

  absl::StatusOr<std::shared_ptr<const WrappingKey>> Current() override;
  absl::StatusOr<std::shared_ptr<const WrappingKey>> Get(uint32_t id) override;
  absl::StatusOr<std::vector<KeyInfo>> List() override;
  absl::StatusOr<uint32_t> Rotate(absl::Time now) override;
  absl::Status Destroy(uint32_t id, absl::Time now) override;
  bool RotationDue(absl::Time now) override;
  uint64_t Generation() const override { return generation_.load(std::memory_order_acquire); }
  absl::StatusOr<SecretKey> NodeSecret(std::string_view purpose) override;

 private:
  base::Random& random_;
  std::atomic<uint64_t> generation_{1};
  const SecretKey node_master_;
  absl::Mutex mutex_;
  std::map<uint32_t, std::shared_ptr<const WrappingKey>> keys_ ABSL_GUARDED_BY(mutex_);
  uint32_t current_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time current_since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_MEMORY_KEY_PROVIDER_H_
