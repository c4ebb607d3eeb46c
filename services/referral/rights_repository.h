// Keys and codecs of rights requests, and the chain of referrals that one reaches. As referral_repository.
//
//   ("right", id)                                          RightsRequestRecord
//   ("rights", body, answered, ask time, id, referral id)  RightsTask: what a body owes an answer to, or has
//                                                          answered
#ifndef WAYPOST_SERVICES_REFERRAL_RIGHTS_REPOSITORY_H_
#define WAYPOST_SERVICES_REFERRAL_RIGHTS_REPOSITORY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/referral/row_page.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/storage/v1/rights_storage.pb.h"

namespace waypost::referral::rows {

// "rightsRequests/x" is stored under x.
std::string RightsNameOfId(std::string_view id);

// NOT_FOUND when there is none.
absl::StatusOr<storage::v1::RightsRequestRecord> GetRightsRequest(const store::Reader& reader,
                                                                  std::string_view name);
// Writes `next`, and moves its rows in the lists of bodies from where `before` (null for a new one) had them.
// Holders in protected referrals have none: their readers see in the lists of referrals that an answer is
// owed.
void PutRightsRequest(store::Writer& writer, const storage::v1::RightsRequestRecord* before,
                      const storage::v1::RightsRequestRecord& next);

// One of its referrals has been protected: who holds something there is in no list of a body any longer, and
// is shown to the readers of that referral alone. The others stay where they are.
absl::Status HideInRightsRequest(store::Writer& writer, std::string_view name, std::string_view referral);

// A side of `before` that has nothing to answer for in `next` any more, because it was cut off, is a holder
// no longer: its rows go, and whoever stays is not shown to it. `passed_on` as for LeaveHolders.
absl::Status LeaveRightsRequests(store::Writer& writer, const storage::v1::ReferralRecord& before,
                                 const storage::v1::ReferralRecord& next, bool passed_on);

// The sides of `opened`, a new referral that continues another one, become holders of the requests that it is
// marked with: they are asked too.
absl::Status JoinRightsRequests(store::Writer& writer, const storage::v1::ReferralRecord& opened);

// Of serialized v1::RightsTask.
using TaskPage = RowPage;
// By when the person asked, oldest first; `position` is empty or what a page before returned.
absl::StatusOr<TaskPage> ListRightsTasks(const store::Reader& reader, std::string_view body, bool answered,
                                         std::string_view position, int limit);

// Every referral that hangs together with this one, itself included: what it continues, what continues it,
// the hand-overs that were not taken, and along a path what it began from and its steps. Each once, those
// furthest down the chain first. LIMIT_EXCEEDED beyond `limit`. Of protected ones it holds none but from
// another protected one, and then those alone.
absl::StatusOr<std::vector<storage::v1::ReferralRecord>> Chain(const store::Reader& reader,
                                                               std::string_view name, int limit);

// The same for what must go on where there are more than `limit`: those alone that were read until that many
// were known. The referral itself is always among them.
absl::StatusOr<std::vector<storage::v1::ReferralRecord>> ChainUpTo(const store::Reader& reader,
                                                                   std::string_view name, int limit);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_RIGHTS_REPOSITORY_H_
