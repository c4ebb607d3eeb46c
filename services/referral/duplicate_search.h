// Whether people have been referred before, by one body: found by their keyed lookups, shown as far as the
// caller may read what was found, and recorded as a look before it is an answer.
#ifndef WAYPOST_SERVICES_REFERRAL_DUPLICATE_SEARCH_H_
#define WAYPOST_SERVICES_REFERRAL_DUPLICATE_SEARCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_sealing.h"

namespace waypost::referral {

// What one person is looked up by.
struct Search {
  uint32_t person = 0;  // in the request
  v1::DuplicateStrength strength = v1::DUPLICATE_STRENGTH_UNSPECIFIED;
  std::vector<std::string> lookups;
};

// Adds those of one person, the surest first. None where the details do not suffice.
absl::Status AddSearches(Sealing& sealing, std::string_view body, uint32_t person,
                         const v1::PersonDetails& details, std::vector<Search>& searches);

// Who answers a search, newest first; of each lookup at most `limit`. While keys are rotated some rows are
// under the one and some under the other.
absl::StatusOr<std::vector<rows::FoundPerson>> FindAll(rows::PersonFinder& finder, const Search& search,
                                                       int limit);

// May this referral be shown to the caller as one of the same person? One that ended long ago is none.
bool IsShownAsDuplicate(const storage::v1::ReferralRecord& record, const rpc::Call& call);

// Records that the caller was shown it. REQUIRES: `as` was authorized in this run.
absl::Status RecordFound(rpc::Mutation& mutation, const policy::Authorized& as,
                         const storage::v1::ReferralRecord& record);

// What may be told with a referral that is made or sent.
struct PossibleDuplicates {
  std::vector<v1::PossibleDuplicate> found;
  // By name, each read once: what is found is among them.
  std::map<std::string, storage::v1::ReferralRecord> looked_at;
  // There is another one that the caller may be shown; or kMaxPossibleLookedAt were looked at, whether that
  // was all or not. So it does not tell of one that is not shown.
  bool more = false;
};

// In the transaction that makes or sends `next`, once that is decided and before it writes: at most
// kMaxPossibleDuplicates, by person and the surest and the newest of each first. What belongs to the same
// case is none: what it is a part of, and the parts of that; what its path began from, and the steps of it;
// and what these continue or are continued by.
//
// Everybody who writes waits for it. It looks at kMaxPossibleLookedAt of those who are found at most, shared
// by all persons, and reads the record of each referral once. Before that it reads what is the same case: of
// a part and of a step of a path 2 * kMaxHopsRuled + 1 records each, and one scan of the parts (kMaxParts of
// each side) or of the path's referrals (kMaxPathReferrals). And by one cursor, of each lookup (of each
// person one or two, twice as many while keys are rotated) kMaxPossibleLookedAt index rows more than the case
// has referrals.
absl::StatusOr<PossibleDuplicates> FindPossible(const store::Reader& reader, const rpc::Call& call,
                                                const storage::v1::ReferralRecord& next,
                                                const std::vector<Search>& searches);

// In the same run: records each look, at the revision that was looked at, and fills the answer.
absl::Status TellPossible(rpc::Mutation& mutation, const policy::Authorized& as,
                          const PossibleDuplicates& possible, v1::Referral& response);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_DUPLICATE_SEARCH_H_
