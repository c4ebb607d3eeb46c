#include "common/runtime/key_rotation.h"

#include <utility>
#include <vector>

#include "common/base/status_macros.h"

namespace waypost::runtime {

absl::StatusOr<int> RotateKeys(crypto::BodyKeys& keys, const RotationWork& work, absl::Time now) {
  crypto::KeyProvider& provider = keys.provider();
  if (provider.RotationDue(now)) WAYPOST_RETURN_IF_ERROR(provider.Rotate(now).status());
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<crypto::KeyInfo> live, provider.List());
  std::vector<uint32_t> retired;
  for (const crypto::KeyInfo& key : live) {
    if (key.state == crypto::KeyState::kRetired) retired.push_back(key.id);
  }
  if (retired.empty()) return 0;
  WAYPOST_RETURN_IF_ERROR(work.renew(now));
  // Before the keys go: as long as one is there, a pass that fails or is interrupted is made again.
  WAYPOST_RETURN_IF_ERROR(work.purge());
  int destroyed = 0;
  for (const uint32_t id : retired) {
    const absl::Status status = keys.Destroy(id, now);
    // Too soon after the rotation: a command under way may still use it. The next pass comes back to it.
    if (status.code() == absl::StatusCode::kFailedPrecondition) continue;
    WAYPOST_RETURN_IF_ERROR(status);
    ++destroyed;
  }
  return destroyed;
}

absl::StatusOr<crypto::PeriodSecrets> PageTokenKeys(crypto::KeyProvider& provider, absl::Time now) {
  return provider.NodePeriodSecrets("page-token", now);
}

absl::Status RenewPageTokenKeys(crypto::KeyProvider& provider, absl::Time now, api::PageTokens& tokens) {
  WAYPOST_ASSIGN_OR_RETURN(crypto::PeriodSecrets keys, PageTokenKeys(provider, now));
  tokens.Renew(std::move(keys.current), std::move(keys.previous));
  return absl::OkStatus();
}

}  // namespace waypost::runtime
