#include "common/crypto/memory_key_provider.h"

#include <utility>

#include "common/crypto/key_rules.h"

namespace waypost::crypto {

MemoryKeyProvider::MemoryKeyProvider(base::Random& random, absl::Time now)
    : random_(random), node_master_(SecretKey::Generate(random)), current_id_(1), current_since_(now) {
  keys_.emplace(1, std::make_shared<const WrappingKey>(
                       WrappingKey{.id = 1, .created_at = now, .key = SecretKey::Generate(random)}));
}

absl::StatusOr<std::shared_ptr<const WrappingKey>> MemoryKeyProvider::Current() {
  const absl::MutexLock lock(&mutex_);
  return keys_.at(current_id_);
}

absl::StatusOr<std::shared_ptr<const WrappingKey>> MemoryKeyProvider::Get(uint32_t id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = keys_.find(id);
  if (found == keys_.end()) return NoSuchKey(id);
  return found->second;
}

absl::StatusOr<std::vector<KeyInfo>> MemoryKeyProvider::List() {
  const absl::MutexLock lock(&mutex_);
  return InfoOf(keys_, current_id_);
}

absl::StatusOr<uint32_t> MemoryKeyProvider::Rotate(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = CheckRoomForKey(keys_.size()); !status.ok()) return status;
  const uint32_t id = keys_.rbegin()->first + 1;
  keys_.emplace(id, std::make_shared<const WrappingKey>(
                        WrappingKey{.id = id, .created_at = now, .key = SecretKey::Generate(random_)}));
  current_id_ = id;
  current_since_ = now;
  generation_.fetch_add(1, std::memory_order_acq_rel);
  return id;
}

absl::Status MemoryKeyProvider::Destroy(uint32_t id, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = CheckMayDestroy(id, current_id_, current_since_, now); !status.ok())
    return status;
  keys_.erase(id);
  generation_.fetch_add(1, std::memory_order_acq_rel);
  return absl::OkStatus();
}

bool MemoryKeyProvider::RotationDue(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  return now - current_since_ >= kRotationPeriod;
}

absl::StatusOr<SecretKey> MemoryKeyProvider::NodeSecret(std::string_view purpose) {
  return DeriveNodeSecret(node_master_, purpose);
}

}  // namespace waypost::crypto
