// Places in the groups of offers, and the order of who waits for one. Pure: no store, no gRPC, no clock.
// Thread-safe.
//
// What a referral holds follows from its record alone, so that counts can be kept by what changes between one
// record and the next. It holds one place for each person in `places` while a place is offered to it, and
// while the receiving body has the case; at an end it holds none. In an ENROLMENT offer the place goes over
// to an enrolment when the referral is accepted.
#ifndef WAYPOST_SERVICES_REFERRAL_WAITING_LIST_H_
#define WAYPOST_SERVICES_REFERRAL_WAITING_LIST_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/referral/referral_commands.h"
#include "waypost/referral/storage/v1/enrolment_storage.pb.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::referral {

// A group of an offer.
struct GroupKey {
  std::string offer;
  std::string group_id;
  friend bool operator==(const GroupKey&, const GroupKey&) = default;
  friend bool operator<(const GroupKey& a, const GroupKey& b) {
    return std::tie(a.offer, a.group_id) < std::tie(b.offer, b.group_id);
  }
};

// "offers/y/groups/alpha", for errors; nothing is called so.
std::string GroupName(const GroupKey& group);
// "offers/y/groups/alpha/waitingList".
std::string WaitingListName(const GroupKey& group);
// Nothing when it is no such name.
std::optional<GroupKey> GroupOfWaitingList(std::string_view name);

// How many places it holds now, by group; without those that went over to enrolments.
std::map<GroupKey, int64_t> PlacesHeld(const storage::v1::ReferralRecord& record);
// How many went over to enrolments, by the group in which each began. None once it has ended otherwise than
// by completion.
std::map<GroupKey, int64_t> PlacesGivenOver(const storage::v1::ReferralRecord& record);
// The group on whose list it is now. An offered referral is on none, and comes back to where it was.
std::optional<GroupKey> WaitsIn(const storage::v1::ReferralRecord& record);
// The group on whose list it is again when the place that it is offered is refused.
std::optional<GroupKey> ComesBackTo(const storage::v1::ReferralRecord& record);
// The offers in whose groups it waits or is offered a place, and the one that a proposed forward names: each
// once. What was accepted is not among them.
std::vector<std::string> OffersIn(const storage::v1::ReferralRecord& record);

// --- What commands do to the record. REQUIRES: offer and group of a choice are filled in, or both empty.
// INVALID_FIELD where somebody is no person of the referral.

// Since `now`, or since when it has waited already without a list.
absl::Status JoinList(const GroupChoice& choice, absl::Time now, storage::v1::ReferralRecord& next);
absl::Status TakeOffered(const GroupChoice& choice, storage::v1::ReferralRecord& next);
// Empty: what is offered stays, or else whoever waits gets a place where they wait. Places of which the
// limits say that they are for enrolments go over to them.
absl::Status TakeAccepted(const std::vector<v1::PersonPlace>& places, const std::vector<GroupLimit>& limits,
                          storage::v1::ReferralRecord& next);
// It waits in no group of these offers any longer, and gives up the place that it was offered in one. Who
// waited, and since when, stays in `waiting`, for the list that it is put on next. True when it gives a place
// up: it is offered none then.
bool LeaveOffers(const std::vector<std::string>& offers, storage::v1::ReferralRecord& next);
// Whoever is enrolled in the offer of their place already goes on with that enrolment, instead of another
// one. Returns the places that this keeps, by group: nothing is taken for them. ALREADY_ENROLLED where they
// are in another group of that offer. REQUIRES: TakeAccepted.
absl::StatusOr<std::map<GroupKey, int64_t>> KeepEnrolments(const std::vector<EnrolledPerson>& enrolled,
                                                           storage::v1::ReferralRecord& next);
// Forgets what its new state does not have.
void SettleGroups(storage::v1::ReferralRecord& next);

// --- The order of a list
using Criteria = std::vector<v1::WaitingListCriterion>;
// PRIORITY, WAITING_SINCE.
Criteria DefaultCriteria();
// What criteria may go by. REQUIRES: WaitsIn(record).
storage::v1::WaitingRecord WaitingRecordOf(const storage::v1::ReferralRecord& record);
// Compared element by element, the lesser first. What is equal is in the order of the referrals' names.
std::vector<int64_t> OrderOf(const Criteria& criteria, const storage::v1::WaitingRecord& waiting);

// True once a cohort's first day ("2026-09-01") has ended everywhere on earth. Empty: entry at any time.
bool HasBegun(std::string_view cohort_start, absl::Time now);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_WAITING_LIST_H_
