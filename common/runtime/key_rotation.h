// Keys that a running process replaces. The job that keeps erasure complete: wrapping keys are replaced every
// 30 days, what is stored under the old one is renewed, the files are rewritten without what was deleted, and
// the old one is destroyed. And the keys of page tokens, which follow the calendar.
#ifndef WAYPOST_COMMON_RUNTIME_KEY_ROTATION_H_
#define WAYPOST_COMMON_RUNTIME_KEY_ROTATION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/api/page_token.h"
#include "common/crypto/body_keys.h"
#include "common/crypto/key_provider.h"

namespace waypost::runtime {

// How often the job looks whether there is something to do.
inline constexpr absl::Duration kRotationCheck = absl::Minutes(10);

struct RotationWork {
  // Renews everything stored under a retired key.
  std::function<absl::Status(absl::Time)> renew;
  // Rewrites the files without what was deleted.
  std::function<absl::Status()> purge;
};

// One pass; every step may be repeated or interrupted. Returns how many keys it destroyed. Blocks.
absl::StatusOr<int> RotateKeys(crypto::BodyKeys& keys, const RotationWork& work, absl::Time now);

// The keys that page tokens have now, one period of crypto::kSecretPeriod after the other, the same on every
// replica: a token is read in the period in which it was made and in the next.
absl::StatusOr<crypto::PeriodSecrets> PageTokenKeys(crypto::KeyProvider& provider, absl::Time now);
// Gives them to `tokens`. Cheap while the period is the same: called every second or so.
absl::Status RenewPageTokenKeys(crypto::KeyProvider& provider, absl::Time now, api::PageTokens& tokens);

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_KEY_ROTATION_H_
