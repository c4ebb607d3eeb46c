// Who stands in whose place: what is valid of a succession, and who a body's successor is for a theme, a
// territory and a day. Pure: whoever follows successions gives a function that finds those of a body, from
// the store or from a replica. Thread-safe.
//
// Of all shares of a predecessor that hold on a day and cover a theme and a territory, the one with the
// narrowest territory counts (none named: the widest), then one that names the theme. A place that is wider
// than a share's territory is not the share's. No two tie: CheckNew refuses it.
#ifndef WAYPOST_SERVICES_DIRECTORY_SUCCESSION_H_
#define WAYPOST_SERVICES_DIRECTORY_SUCCESSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// --- Checks of requests: OK, or INVALID_ARGUMENT / INVALID_FIELD with every violation -------------------
absl::Status Check(const v1::CreateSuccessionRequest& request);
absl::Status Check(const v1::GetSuccessionRequest& request);
absl::Status Check(const v1::ListSuccessionsRequest& request);
absl::Status Check(const v1::EndSuccessionRequest& request);

// --- Decisions. REQUIRES: the request passed its check --------------------------------------------------
// Says until when accounts follow where the request does not (kAccountsFollowDays).
v1::Succession NewSuccession(const v1::CreateSuccessionRequest& request, absl::Time now);
// INVALID_FIELD when it would end before it begins, or after the end it has.
absl::StatusOr<v1::Succession> EndedSuccession(const v1::Succession& current,
                                               const v1::EndSuccessionRequest& request, absl::Time now);
void Show(v1::Succession& succession, int64_t revision);
// True where accounts of the predecessor, all or those of its units, act for a successor on some day.
bool AccountsFollow(const v1::Succession& succession);

// --- Following ------------------------------------------------------------------------------------------

// The successions of which a body is the predecessor, or those of which it is a successor.
using SuccessionsOf = absl::FunctionRef<absl::StatusOr<std::vector<v1::Succession>>(std::string_view body)>;

// Who stands in a body's place.
struct Successor {
  std::string body;
  // The body itself exists no more (MERGED, SPLIT): all that was its own went too, its offers among it.
  bool whole = false;
  // The body goes on, and its offers of what moved went too.
  bool offers = false;

  bool TakesOffers() const { return whole || offers; }
};

// The end of the chain, of at most kMaxSuccessionSteps; nullopt where the body keeps its place. Fails only as
// `from` does, which gives the successions whose predecessor a body is.
absl::StatusOr<std::optional<Successor>> FindSuccessor(std::string_view body, type::v1::Theme theme,
                                                       std::string_view territory, absl::CivilDay day,
                                                       SuccessionsOf from);

// True when on some day a share of each covers a theme and a territory and neither is the more specific.
// REQUIRES: they have the same predecessor.
bool Tie(const v1::Succession& a, const v1::Succession& b);

// Looks at all that leads to and from a new succession. SUCCESSION_CYCLE where on some day a body would stand
// in its own place; LIMIT_EXCEEDED where a chain would have more than kMaxSuccessionSteps steps, or more than
// kMaxSuccessionsAround successions would have to be looked at. `from` as above; `to` gives the successions
// by which a body took a place.
absl::Status CheckChains(const v1::Succession& added, SuccessionsOf from, SuccessionsOf to);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_SUCCESSION_H_
