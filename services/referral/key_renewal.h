// Renews what is wrapped or looked up under a retired key, so that the key can be destroyed: from then on
// what was erased is gone from every copy and backup.
#ifndef WAYPOST_SERVICES_REFERRAL_KEY_RENEWAL_H_
#define WAYPOST_SERVICES_REFERRAL_KEY_RENEWAL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/referral/referral_sealing.h"

namespace waypost::referral {

struct RenewalReport {
  uint64_t referrals = 0;  // looked at
  uint64_t wraps = 0;      // renewed
  uint64_t lookups = 0;    // renewed
  uint64_t missed = 0;     // changed by others meanwhile; run again
};

// Walks every referral once, a small transaction for each that needs it. Blocks; for a job. When it reports
// nothing missed, no stored wrap or lookup is under a key that was retired before it began.
absl::StatusOr<RenewalReport> RenewKeys(store::Store& store, Sealing& sealing, absl::Time now);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_KEY_RENEWAL_H_
