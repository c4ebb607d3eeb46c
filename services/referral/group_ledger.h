// What a decision on a referral does to the groups of offers: places taken and freed, and who waits. Carried
// out in the transaction that writes the decision, so that no two can take the same place: the counts of a
// group are read and written in every transaction that takes one.
#ifndef WAYPOST_SERVICES_REFERRAL_GROUP_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_GROUP_LEDGER_H_

#include <cstdint>
#include <map>
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

// NO_PLACE_FREE where it takes more than the group has left; freeing is never refused, nor is keeping what
// is held when the declared places were lowered. OUT_OF_ORDER where others stand before it and no reason is
// given. LIMIT_EXCEEDED where it joins a list that is full; who comes back to it is never refused. Returns
// the reason, where a place was taken before others on the list.
absl::StatusOr<v1::OutOfOrderReason> CarryGroups(store::Writer& writer, const ReferralRecord& before,
                                                 const Decision& decision);

// Who is first on the list of a group in which a change of the referral freed a place, or whose list it left:
// never itself. `enrolled`: by how many places its enrolments have changed with it. Empty: nobody, or nothing
// was freed; or the list is another body's, since a succession took the referral away from it. REQUIRES: all
// is written.
absl::StatusOr<std::string> NextOnList(const store::Reader& reader, const ReferralRecord& before,
                                       const ReferralRecord& next,
                                       const std::map<GroupKey, int64_t>& enrolled);

// The first on the list of a group other than `except`, if it is a referral to that body; empty otherwise.
absl::StatusOr<std::string> NextOf(const store::Reader& reader, const GroupKey& group,
                                   std::string_view except, std::string_view body);

// NO_PLACE_FREE where `name` wants more places than the group has left. `places` as declared: none is no
// limit.
absl::Status CheckPlaceFree(const store::Reader& reader, std::string_view name, const GroupKey& group,
                            std::optional<int> places, int64_t wanted);

// Adds position and length of the list to a side's view, and keeps the names of enrolments to the receiving
// side.
absl::Status FillGroups(const store::Reader& reader, const ReferralRecord& record,
                        const policy::Authorized& as, v1::Referral& view);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_GROUP_LEDGER_H_
