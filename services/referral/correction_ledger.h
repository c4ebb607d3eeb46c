// Correction tasks in the transaction of what opens, adds to, moves or drops them, with their events.
#ifndef WAYPOST_SERVICES_REFERRAL_CORRECTION_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_CORRECTION_LEDGER_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/correction_rules.h"
#include "services/referral/referral_directory.h"

namespace waypost::referral {

// Writes a task that was `before` (null: it is new) as `next`, and says so. REQUIRES: `as` was authorized in
// this run.
absl::Status WriteCorrection(rpc::Mutation& mutation, const policy::Authorized& as,
                             const storage::v1::CorrectionRecord* before,
                             const storage::v1::CorrectionRecord& next, std::string_view event);

// Counts a step from one record of a referral to the next, where it is a decline that counts. One about an
// offer that is another body's by now does not: neither body has an entry that is wrong.
absl::Status CountDecline(rpc::Mutation& mutation, const policy::Authorized& as, const BodyRegistry& bodies,
                          const storage::v1::ReferralRecord& before, const storage::v1::ReferralRecord& next);

enum class Predecessor { kIsNoMore, kGoesOn };
// Gives open tasks of a body that was succeeded away, in a page of at most `limit` after `position` (empty:
// from the first). One about an offer that another body delivers by now goes with it. Every other one of a
// body that goes on stays; of one that is no more it is about an entry that is no more, and is dropped. Where
// to go on; empty at the end. Authorizes.
absl::StatusOr<std::string> GiveAwayCorrections(rpc::Mutation& mutation, const BodyRegistry& bodies,
                                                std::string_view body, Predecessor predecessor,
                                                std::string_view position, int limit);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_CORRECTION_LEDGER_H_
