// A link of the chain: for whom an account acts whose body went over to another one as a whole, or all of
// whose units did. A merger or a split gives the people of a body no new accounts overnight; for a time those
// that they have act for whoever stands in its place.
#ifndef WAYPOST_COMMON_RPC_CHAIN_SUCCESSOR_ACCOUNTS_H_
#define WAYPOST_COMMON_RPC_CHAIN_SUCCESSOR_ACCOUNTS_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/api/names.h"
#include "common/policy/policy.h"
#include "common/territory/share_fit.h"

namespace waypost::rpc::chain {

// One succession: by which accounts follow, or which keeps them from following another one.
struct AccountSuccession {
  std::string name;      // "successions/es-villaverde"
  int64_t revision = 0;  // of the succession: the highest one counts
  std::string predecessor;
  // Whom every account follows, where the body went over as a whole. Empty: an account follows its units.
  std::string successor;
  // The first day, and the last one on which accounts follow, in UTC. None where the last is before the
  // first.
  absl::CivilDay first;
  absl::CivilDay last;
  // The last day of the succession itself.
  absl::CivilDay end = absl::CivilDay::max();
  // Units of the predecessor, each with those units of successors that have its work.
  std::multimap<std::string, std::string, std::less<>> units;
};

// Of a directory's Succession, at that revision; nullopt where it says nothing of accounts: it is neither one
// share of everything nor names a unit. Where no day is recorded no account follows by it. What is malformed
// lets nobody follow.
template <typename Succession>
std::optional<AccountSuccession> AccountSuccessionOf(const Succession& succession, int64_t revision) {
  AccountSuccession made{.name = succession.name(),
                         .revision = revision,
                         .predecessor = succession.predecessor(),
                         .successor = {},
                         .first = {},
                         .last = {},
                         .units = {}};
  if (territory::TakesEverything(succession)) made.successor = succession.shares(0).successor();
  for (const auto& share : succession.shares()) {
    for (const auto& unit : share.units()) {
      if (api::BodyOfUnit(unit.successor_unit()) != share.successor()) return std::nullopt;
      made.units.emplace(unit.unit(), unit.successor_unit());
    }
  }
  if (made.successor.empty() && made.units.empty()) return std::nullopt;
  const std::string& end = succession.period().end_date();
  const std::string& until = succession.accounts_until();
  if (!absl::ParseCivilTime(succession.period().start_date(), &made.first)) return std::nullopt;
  made.last = made.first - 1;
  if ((!until.empty() && !absl::ParseCivilTime(until, &made.last)) ||
      (!end.empty() && !absl::ParseCivilTime(end, &made.end))) {
    return std::nullopt;
  }
  if (made.end < made.last) made.last = made.end;
  return made;
}

// Thread-safe. Where no account follows today, a call costs the reading of one number; otherwise a reader's
// lock for the time of a look-up, which only Record excludes.
class SuccessorAccounts {
 public:
  // Steps from one body to the next, as many as the directory lets follow one another.
  static constexpr int kMaxSteps = 8;

  // From now on. One that is known already at this revision or a later one changes nothing: several may tell
  // of the same, in any order.
  void Record(const std::vector<AccountSuccession>& successions);

  // Who is to be the caller at `now`: `caller` itself, or the same person with the same roles, and no
  // later end than the last day of each step, as a caller of whoever stands in the body's place, in those
  // units alone which the successions name. Each step is by what is in force on that day. A succession of the
  // whole body counts for everybody, as long as accounts follow by it; after that they go nowhere. Where
  // there is none the caller's units count: there is one at least, every one of them is named by a succession
  // by which accounts follow, none is named for another successor by any, and the caller has no role but that
  // of a caseworker. Whoever acts for the whole of a body stays. Such a step never leads back to a body of
  // the chain. A new caller is made for such a one alone. Waypost's own services act for nobody else.
  std::shared_ptr<const policy::Caller> ActingCaller(std::shared_ptr<const policy::Caller> caller,
                                                     absl::Time now) const;

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

  struct Step {
    std::string successor;
    absl::CivilDay last;  // of all successions that it is by
    std::vector<std::string> units;
    bool whole = false;
  };

  static Step WithTheBody(const AccountSuccession& succession, const policy::Caller& caller);
  static std::optional<Step> WithItsUnits(const std::vector<AccountSuccession>& successions,
                                          const policy::Caller& caller, absl::CivilDay day);
  std::optional<Step> Next(const policy::Caller& caller, absl::CivilDay day) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<AccountSuccession>> by_predecessor_ ABSL_GUARDED_BY(mutex_);
  // The latest last day of all, in days since 1970: after it nobody follows.
  std::atomic<int64_t> last_day_{kNever};
};

}  // namespace waypost::rpc::chain

#endif  // WAYPOST_COMMON_RPC_CHAIN_SUCCESSOR_ACCOUNTS_H_
