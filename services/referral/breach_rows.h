// Keys and indexes of breaches. Every function works within the caller's snapshot or transaction; none keeps
// state.
//
//   ("breach", id)                             BreachRecord
//   ("breach.of", body, open, find time, id)   the name: all of a body (0), and those that are not closed (1)
//
// One of a protected referral has the first row alone.
#ifndef WAYPOST_SERVICES_REFERRAL_BREACH_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_BREACH_ROWS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/referral/breach_rules.h"

namespace waypost::referral::rows {

// "breaches/x" is stored under x.
std::string BreachNameOfId(std::string_view id);

// NOT_FOUND when there is none.
absl::StatusOr<BreachRecord> GetBreach(const store::Reader& reader, std::string_view name);
// Writes `next`, and moves its rows in the lists from where `before` (null for a new one) had them.
void PutBreach(store::Writer& writer, const BreachRecord* before, const BreachRecord& next);

enum class BreachList { kAll, kNotClosed };
struct BreachPage {
  std::vector<BreachRecord> breaches;
  // Where to go on; empty at the end.
  std::string position;
};
// By when they were found out, the oldest first. `position` is empty or what a page before returned.
absl::StatusOr<BreachPage> ListBreaches(const store::Reader& reader, std::string_view body, BreachList which,
                                        std::string_view position, int limit);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_BREACH_ROWS_H_
