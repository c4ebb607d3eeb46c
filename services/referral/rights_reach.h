// Whom a use of a right reaches: the referrals that hang together with the one in which it is recorded, and,
// along the parts of a case that the person is said to be in, those that hang together with these. Who works
// in one of them does not learn of parts and cases by it, so that each chain has a rights request of its own.
// Every function works within the caller's snapshot or transaction; none keeps state. What is stored and
// cannot be read is DATA_LOSS.
#ifndef WAYPOST_SERVICES_REFERRAL_RIGHTS_REACH_H_
#define WAYPOST_SERVICES_REFERRAL_RIGHTS_REACH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/store/store.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/storage/v1/rights_storage.pb.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::referral {

// One chain: what hangs together without parts.
struct ReachedChain {
  // Where the right is recorded in it, or comes in along a part.
  std::string entry;
  // Those furthest down first.
  std::vector<storage::v1::ReferralRecord> referrals;
  // The parts and cases of its referrals. `request` is empty here.
  std::vector<storage::v1::RightsPartLinkRecord> links = {};
};

// The chain of `name` first. `person`: whose right; rows::kAnybody for all to whom a right could go.
// LIMIT_EXCEEDED where there are more than `limit` referrals; the message does not say how many.
absl::StatusOr<std::vector<ReachedChain>> ChainsReached(const store::Reader& reader, std::string_view name,
                                                        uint32_t person, int limit);

// Of all chains, in the order in which they can end: each after those that are parts of it or continue it, so
// that what was to go back or over to it has. `chains` must outlive what is returned.
std::vector<const storage::v1::ReferralRecord*> InOrderOfEnding(const std::vector<ReachedChain>& chains);

// Fills linked_requests and not_reached with what the caller may know of: whose body made the part, and who
// reads both it and its case.
absl::Status FillPartLinks(const store::Reader& reader, const storage::v1::RightsRequestRecord& record,
                           const policy::Caller& caller, v1::RightsRequest& view);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RIGHTS_REACH_H_
