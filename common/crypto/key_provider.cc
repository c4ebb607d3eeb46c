#include "common/crypto/key_provider.h"

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/key_rules.h"
#include "common/status/errors.h"

namespace waypost::crypto {

absl::StatusOr<PeriodSecrets> KeyProvider::NodePeriodSecrets(std::string_view purpose, absl::Time now) {
  const int64_t period = absl::ToUnixSeconds(now) / absl::ToInt64Seconds(kSecretPeriod);
  WAYPOST_ASSIGN_OR_RETURN(SecretKey current, NodeSecret(base::Cat(purpose, "/", period)));
  WAYPOST_ASSIGN_OR_RETURN(SecretKey previous, NodeSecret(base::Cat(purpose, "/", period - 1)));
  return PeriodSecrets{.current = std::move(current), .previous = std::move(previous)};
}

absl::Status NoSuchKey(uint32_t id) {
  return error::Make(absl::StatusCode::kNotFound, "NO_SUCH_KEY",
                     base::Cat("there is no wrapping key ", id, ": it was destroyed or never existed"),
                     {{"key_id", base::Cat(id)}});
}

absl::Status CheckMayDestroy(uint32_t id, uint32_t current_id, absl::Time current_since, absl::Time now) {
  if (id < current_id && now - current_since >= kMinRetirement) return absl::OkStatus();
  return error::Make(
      absl::StatusCode::kFailedPrecondition, "KEY_IN_USE",
      id < current_id
          ? base::Cat("wrapping key ", id, " was replaced too recently to be destroyed: try again later")
          : base::Cat("wrapping key ", id, " is current or newer: rotate first"),
      {{"key_id", base::Cat(id)}});
}

absl::Status CheckRoomForKey(size_t live) {
  if (live < size_t{kMaxLiveKeys}) return absl::OkStatus();
  return error::LimitExceeded("live wrapping keys", kMaxLiveKeys, static_cast<int64_t>(live) + 1);
}

std::vector<KeyInfo> InfoOf(const WrappingKeys& keys, uint32_t current_id) {
  std::vector<KeyInfo> infos;
  for (const auto& [id, key] : keys) {
    const KeyState state = id == current_id  ? KeyState::kCurrent
                           : id < current_id ? KeyState::kRetired
                                             : KeyState::kPrepared;
    infos.push_back({.id = id, .created_at = key->created_at, .state = state});
  }
  return infos;
}

absl::StatusOr<SecretKey> DeriveNodeSecret(const SecretKey& master, std::string_view purpose) {
  if (purpose.empty()) return error::InvalidField("purpose", "names what the node secret is for");
  return DeriveKey(master, base::Cat("waypost/node/", purpose));
}

}  // namespace waypost::crypto
