// Breaches in the transaction of what opens them, adds to them or moves them, with their events.
#ifndef WAYPOST_SERVICES_REFERRAL_BREACH_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_BREACH_LEDGER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/breach_rules.h"
#include "services/referral/referral_commands.h"

namespace waypost::referral {

// The name of the breach that a report opens; the same in each run of its transaction. `reported` is the
// referral after it.
std::string NewBreachName(const storage::v1::ReferralRecord& reported);

// Opens the breach that `reported` names, of a referral that was `before`, and says so. `passed_on`: further
// referrals that were cut with it. REQUIRES: `as` was authorized in this run.
absl::Status OpenBreach(rpc::Mutation& mutation, const policy::Authorized& as,
                        const storage::v1::ReferralRecord& before,
                        const storage::v1::ReferralRecord& reported, int passed_on);

// Writes what was recorded, and says so as `event`, as in "breach.assessed". REQUIRES: as OpenBreach.
absl::Status WriteBreach(rpc::Mutation& mutation, const policy::Authorized& as, const BreachRecord* before,
                         const BreachRecord& next, std::string_view event);

// The breach of a referral goes where its referring body goes. Nothing where it has none. REQUIRES: as
// OpenBreach.
absl::Status MoveBreach(rpc::Mutation& mutation, const policy::Authorized& as,
                        const storage::v1::ReferralRecord& current, const command::BodyMove& move);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_BREACH_LEDGER_H_
