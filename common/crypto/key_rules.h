// The rules that every KeyProvider keeps. Pure. For providers only.
#ifndef WAYPOST_COMMON_CRYPTO_KEY_RULES_H_
#define WAYPOST_COMMON_CRYPTO_KEY_RULES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/key_provider.h"

namespace waypost::crypto {

using WrappingKeys = std::map<uint32_t, std::shared_ptr<const WrappingKey>>;

// NOT_FOUND / NO_SUCH_KEY.
absl::Status NoSuchKey(uint32_t id);

// FAILED_PRECONDITION / KEY_IN_USE unless KeyProvider::Destroy allows it.
absl::Status CheckMayDestroy(uint32_t id, uint32_t current_id, absl::Time current_since, absl::Time now);

// RESOURCE_EXHAUSTED when `live` keys are as many as there may be.
absl::Status CheckRoomForKey(size_t live);

std::vector<KeyInfo> InfoOf(const WrappingKeys& keys, uint32_t current_id);

// INVALID_ARGUMENT for an empty purpose.
absl::StatusOr<SecretKey> DeriveNodeSecret(const SecretKey& master, std::string_view purpose);

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_KEY_RULES_H_
