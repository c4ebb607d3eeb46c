// What a decision on a referral does to the groups of offers: places taken and freed, and who waits. Carried
// out in the transaction that writes the decision, so that no two can take the same place: the counts of a
// group are read and written in every transaction that takes one.
#ifndef WAYPOST_SERVICES_REFERRAL_GROUP_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_GROUP_LEDGER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/store/store.h"
#include "services/referral/referral_rules.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {

struct GroupNews {
  // The reason, where a place was taken before others on the list.
  v1::OutOfOrderReason out_of_order = v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  // Who is first on the list of a group in which it freed a place, or whose list it left: never itself.
  // Empty: nobody, or nothing was freed.
  std::string next_on_list;
};

// NO_PLACE_FREE where it takes more than the group has left; freeing is never refused, nor is keeping what
// is held when the declared places were lowered. OUT_OF_ORDER where others stand before it and no reason is
// given. LIMIT_EXCEEDED where the list is full.
absl::StatusOr<GroupNews> CarryGroups(store::Writer& writer, const ReferralRecord& before,
                                      const Decision& decision);

// NO_PLACE_FREE where `name` wants more places than the group has left. `places` as declared: none is no
// limit.
absl::Status CheckPlaceFree(const store::Reader& reader, std::string_view name, const GroupKey& group,
                            std::optional<int> places, int64_t wanted);

// Adds position and length of the list to a side's view and, for the receiving side, who is next after the
// change from `before` (null where nothing was changed).
absl::Status FillGroups(const store::Reader& reader, const ReferralRecord* before,
                        const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_GROUP_LEDGER_H_
