// The job that keeps erasure complete: keys are replaced every 30 days, what is stored under the old one is
// renewed, the old one is destroyed, and what was deleted is rewritten out of the files.
#ifndef WAYPOST_COMMON_RUNTIME_KEY_ROTATION_H_
#define WAYPOST_COMMON_RUNTIME_KEY_ROTATION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/body_keys.h"

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

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_KEY_ROTATION_H_
