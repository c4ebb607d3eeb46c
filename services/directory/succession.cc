#include "services/directory/succession.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/territory/share_fit.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"
#include "services/directory/errors.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"

namespace waypost::directory {
namespace {

using error::FieldViolations;
using Codes = google::protobuf::RepeatedPtrField<std::string>;
using Themes = google::protobuf::RepeatedField<int>;

// --- Checks -----------------------------------------------------------------------------------------

bool IsForAll(const v1::SuccessionShare& share) {
  return share.territories().empty() && share.themes().empty();
}

// True when neither is the more specific for something that both cover. Of empty lists, which are wider than
// every list, both must be.
bool Tie(const v1::SuccessionShare& a, const v1::SuccessionShare& b) {
  const auto meet = [](const auto& first, const auto& second) {
    if (first.empty() || second.empty()) return first.empty() && second.empty();
    return std::any_of(first.begin(), first.end(), [&second](const auto& each) {
      return std::find(second.begin(), second.end(), each) != second.end();
    });
  };
  return meet(a.themes(), b.themes()) && meet(a.territories(), b.territories());
}

void CheckUnits(const std::string& field, std::string_view predecessor, const v1::SuccessionShare& share,
                FieldViolations& violations) {
  if (!CheckCount(field, share.units_size(), kMaxShareUnits, violations)) return;
  std::set<std::string_view> seen;
  for (int i = 0; i < share.units_size(); ++i) {
    const v1::UnitSuccession& unit = share.units(i);
    const std::string path = At(field, i);
    CheckName(base::Cat(path, ".unit"), ResourceKind::kUnit, unit.unit(), /*required=*/true, violations);
    CheckName(base::Cat(path, ".successor_unit"), ResourceKind::kUnit, unit.successor_unit(),
              /*required=*/true, violations);
    if (!unit.unit().empty() && api::BodyOfUnit(unit.unit()) != predecessor)
      violations.Add(base::Cat(path, ".unit"), "must be a unit of the predecessor");
    if (!unit.successor_unit().empty() && api::BodyOfUnit(unit.successor_unit()) != share.successor())
      violations.Add(base::Cat(path, ".successor_unit"), "must be a unit of the share's successor");
    if (!seen.insert(unit.unit()).second) violations.Add(base::Cat(path, ".unit"), "is named before");
  }
}

void CheckShares(const v1::Succession& succession, FieldViolations& violations) {
  const std::string field = "succession.shares";
  if (succession.shares().empty()) violations.Add(field, "is required");
  if (!CheckCount(field, succession.shares_size(), kMaxShares, violations)) return;
  for (int i = 0; i < succession.shares_size(); ++i) {
    const v1::SuccessionShare& share = succession.shares(i);
    const std::string path = At(field, i);
    CheckName(base::Cat(path, ".successor"), ResourceKind::kBody, share.successor(), /*required=*/true,
              violations);
    if (!share.successor().empty() && share.successor() == succession.predecessor())
      violations.Add(base::Cat(path, ".successor"), "is the predecessor");
    CheckTerritories(base::Cat(path, ".territories"), share.territories(), kMaxShareTerritories, violations);
    CheckThemes(base::Cat(path, ".themes"), share.themes(), violations);
    CheckUnits(base::Cat(path, ".units"), succession.predecessor(), share, violations);
    for (int j = 0; j < i; ++j) {
      if (!Tie(share, succession.shares(j))) continue;
      violations.Add(path, base::Cat("covers what ", At(field, j), " covers"));
      break;
    }
  }
}

// What each kind says of the shares.
void CheckKind(const v1::Succession& succession, FieldViolations& violations) {
  CheckEnum("succession.kind", succession.kind(), v1::SuccessionKind_IsValid, violations);
  const auto& shares = succession.shares();
  if (shares.empty()) return;
  std::set<std::string_view> successors;
  for (const v1::SuccessionShare& share : shares) successors.insert(share.successor());
  if (succession.kind() == v1::SUCCESSION_KIND_MERGED && (!territory::TakesEverything(succession))) {
    violations.Add("succession.shares", "must be one share of everything where a body merged into another");
  }
  if (succession.kind() == v1::SUCCESSION_KIND_SPLIT && successors.size() < 2) {
    violations.Add("succession.shares", "must name two successors or more where a body was split");
  }
  if (succession.kind() != v1::SUCCESSION_KIND_COMPETENCE_MOVED) {
    if (succession.offers_follow())
      violations.Add("succession.offers_follow",
                     "must not be set unless a competence moved: the offers of a body that is no more always "
                     "follow");
    return;
  }
  for (int i = 0; i < shares.size(); ++i) {
    if (IsForAll(shares[i]))
      violations.Add(At("succession.shares", i), "must name a theme or a territory where a competence moved");
  }
}

// The body as a whole goes over to one other.
bool IsWhole(const v1::Succession& succession) {
  return succession.kind() == v1::SUCCESSION_KIND_MERGED && territory::TakesEverything(succession);
}

bool NamesUnits(const v1::Succession& succession) {
  return std::any_of(succession.shares().begin(), succession.shares().end(),
                     [](const v1::SuccessionShare& share) { return !share.units().empty(); });
}

void CheckAccounts(const v1::Succession& succession, FieldViolations& violations) {
  const std::string field = "succession.accounts_until";
  CheckDate(field, succession.accounts_until(), /*required=*/false, violations);
  if (succession.accounts_until().empty()) return;
  if (!IsWhole(succession) && !NamesUnits(succession)) {
    violations.Add(
        field,
        "must be empty where no share names a unit: where bodies split or a competence moves, an account "
        "follows its units. Name in the shares which unit has the work of which");
    return;
  }
  const auto start = ParseDate(succession.period().start_date());
  const auto until = ParseDate(succession.accounts_until());
  if (start && until && *until > *start + kMaxAccountsFollowDays) {
    violations.Add(field, base::Cat("must be at most ", kMaxAccountsFollowDays, " days after the start"));
  }
}

// What is left unsaid. Empty where nobody's accounts follow. Where a competence moved, a unit that is named
// may also have work that stays: only the request says that its people go.
std::string DefaultAccountsUntil(const v1::Succession& succession) {
  const auto start = ParseDate(succession.period().start_date());
  const bool follow =
      IsWhole(succession) || (succession.kind() == v1::SUCCESSION_KIND_SPLIT && NamesUnits(succession));
  if (!follow || !start) return "";
  constexpr absl::CivilDay kLastDate(9999, 12, 31);
  return absl::FormatCivilTime(std::min(*start + kAccountsFollowDays, kLastDate));
}

// --- Following --------------------------------------------------------------------------------------

// One step; nullopt where the body keeps its place.
std::optional<Successor> Step(const std::vector<v1::Succession>& successions, type::v1::Theme theme,
                              std::string_view territory, absl::CivilDay day) {
  std::optional<std::pair<int, bool>> best;
  std::optional<Successor> found;
  for (const v1::Succession& succession : successions) {
    if (PositionOf(succession.period(), day) != PeriodPosition::kCurrent) continue;
    for (const v1::SuccessionShare& share : succession.shares()) {
      const auto fit = territory::FitOf(share, theme, territory);
      if (!fit || (best && *fit <= *best)) continue;
      best = fit;
      found = {.body = share.successor(),
               .whole = succession.kind() != v1::SUCCESSION_KIND_COMPETENCE_MOVED,
               .offers = succession.offers_follow()};
    }
  }
  return found;
}

// For what a chain holds: less with every step. An empty list is everything.
struct Scope {
  std::set<int> themes;
  std::set<std::string> territories;
  v1::Period period;
};

std::string_view Later(std::string_view a, std::string_view b) {
  return std::max(a, b);  // dates are in order when their texts are; none is the earliest start
}
std::string_view Earlier(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  return std::min(a, b);
}

// False when nothing is left.
bool NarrowThemes(Scope& scope, const Themes& themes) {
  if (themes.empty()) return true;
  std::set<int> left(themes.begin(), themes.end());
  if (!scope.themes.empty()) {
    std::erase_if(left, [&scope](int theme) { return !scope.themes.contains(theme); });
  }
  scope.themes = std::move(left);
  return !scope.themes.empty();
}

bool NarrowTerritories(Scope& scope, const Codes& codes) {
  if (codes.empty()) return true;
  std::set<std::string> left;
  for (const std::string& code : codes) {
    if (scope.territories.empty()) left.insert(code);
    for (const std::string& each : scope.territories) {
      if (territory::Covers(code, each)) left.insert(each);
      if (territory::Covers(each, code)) left.insert(code);
    }
  }
  scope.territories = std::move(left);
  return !scope.territories.empty();
}

std::optional<Scope> Narrowed(Scope scope, const v1::Succession& succession,
                              const v1::SuccessionShare& share) {
  const v1::Period& period = succession.period();
  if (!PeriodsOverlap(scope.period, period)) return std::nullopt;
  v1::Period both;
  both.set_start_date(std::string(Later(scope.period.start_date(), period.start_date())));
  both.set_end_date(std::string(Earlier(scope.period.end_date(), period.end_date())));
  scope.period = std::move(both);
  if (!NarrowThemes(scope, share.themes()) || !NarrowTerritories(scope, share.territories()))
    return std::nullopt;
  return scope;
}

// Walks from one side of a new succession, away from it.
class Walk {
 public:
  // `end`: the body at its other side, which must not be met.
  Walk(SuccessionsOf next, bool forward, std::string_view end, int& looked_at)
      : next_(next), forward_(forward), end_(end), looked_at_(looked_at) {}

  // The steps of the longest chain from `body`.
  absl::StatusOr<int> Longest(const std::string& body, const Scope& scope, int steps) {
    if (body == end_) return SuccessionCycle(end_);
    if (steps >= kMaxSuccessionSteps) return TooLong(steps + 1);
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<v1::Succession> successions, next_(body));
    int longest = 0;
    for (const v1::Succession& succession : successions) {
      if (++looked_at_ > kMaxSuccessionsAround) {
        return error::LimitExceeded("successions around a new one", kMaxSuccessionsAround, looked_at_);
      }
      for (const v1::SuccessionShare& share : succession.shares()) {
        if (!forward_ && share.successor() != body) continue;
        const std::optional<Scope> narrowed = Narrowed(scope, succession, share);
        if (!narrowed) continue;
        WAYPOST_ASSIGN_OR_RETURN(
            const int further,
            Longest(forward_ ? share.successor() : succession.predecessor(), *narrowed, steps + 1));
        longest = std::max(longest, further + 1);
      }
    }
    return longest;
  }

  static absl::Status TooLong(int steps) {
    return error::LimitExceeded("steps from one body to its successor and on", kMaxSuccessionSteps, steps);
  }

 private:
  const SuccessionsOf next_;
  const bool forward_;
  const std::string_view end_;
  int& looked_at_;
};

}  // namespace

absl::Status Check(const v1::CreateSuccessionRequest& request) {
  FieldViolations violations;
  const v1::Succession& succession = request.succession();
  CheckNewId("succession_id", request.succession_id(), violations);
  CheckName("succession.predecessor", ResourceKind::kBody, succession.predecessor(), /*required=*/true,
            violations);
  CheckShares(succession, violations);
  CheckKind(succession, violations);
  CheckPeriod("succession.period", succession.period(), /*start_required=*/true, violations);
  CheckText("succession.reference", succession.reference(), kMaxBasisBytes, /*required=*/true, violations);
  CheckAccounts(succession, violations);
  return violations.ToStatus();
}

absl::Status Check(const v1::GetSuccessionRequest& request) {
  return CheckOneName(ResourceKind::kSuccession, request.name());
}

absl::Status Check(const v1::ListSuccessionsRequest& request) {
  FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  CheckName("predecessor", ResourceKind::kBody, request.predecessor(), /*required=*/false, violations);
  CheckName("successor", ResourceKind::kBody, request.successor(), /*required=*/false, violations);
  if (!request.predecessor().empty() && !request.successor().empty())
    violations.Add("predecessor", "predecessor and successor exclude each other");
  return violations.ToStatus();
}

absl::Status Check(const v1::EndSuccessionRequest& request) {
  FieldViolations violations;
  CheckName("name", ResourceKind::kSuccession, request.name(), /*required=*/true, violations);
  CheckDate("end_date", request.end_date(), /*required=*/true, violations);
  return violations.ToStatus();
}

v1::Succession NewSuccession(const v1::CreateSuccessionRequest& request, absl::Time now) {
  v1::Succession succession = request.succession();
  succession.set_name(SuccessionName(request.succession_id()));
  if (succession.accounts_until().empty()) succession.set_accounts_until(DefaultAccountsUntil(succession));
  *succession.mutable_create_time() = api::ToTimestamp(now);
  *succession.mutable_update_time() = api::ToTimestamp(now);
  succession.clear_etag();
  return succession;
}

absl::StatusOr<v1::Succession> EndedSuccession(const v1::Succession& current,
                                               const v1::EndSuccessionRequest& request, absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(CheckEnd(current.period(), request.end_date(), "succession"));
  v1::Succession succession = current;
  succession.mutable_period()->set_end_date(request.end_date());
  *succession.mutable_update_time() = api::ToTimestamp(now);
  return succession;
}

void Show(v1::Succession& succession, int64_t revision) {
  succession.set_etag(api::EtagOf(revision));
}

bool AccountsFollow(const v1::Succession& succession) {
  const auto start = ParseDate(succession.period().start_date());
  const auto until = ParseDate(succession.accounts_until());
  return start && until && *start <= *until;
}

absl::StatusOr<std::optional<Successor>> FindSuccessor(std::string_view body, type::v1::Theme theme,
                                                       std::string_view territory, absl::CivilDay day,
                                                       SuccessionsOf from) {
  std::optional<Successor> found;
  std::string at(body);
  for (int steps = 0; steps < kMaxSuccessionSteps; ++steps) {
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<v1::Succession> successions, from(at));
    std::optional<Successor> next = Step(successions, theme, territory, day);
    if (!next) break;
    at = next->body;
    // Whether the body itself exists, and keeps its offers, is said by the first step.
    if (!found) found = next;
    found->body = std::move(next->body);
  }
  return found;
}

bool Tie(const v1::Succession& a, const v1::Succession& b) {
  if (!PeriodsOverlap(a.period(), b.period())) return false;
  return std::any_of(a.shares().begin(), a.shares().end(), [&b](const v1::SuccessionShare& mine) {
    return std::any_of(b.shares().begin(), b.shares().end(),
                       [&mine](const v1::SuccessionShare& other) { return Tie(mine, other); });
  });
}

absl::Status CheckChains(const v1::Succession& added, SuccessionsOf from, SuccessionsOf to) {
  int looked_at = 0;
  for (const v1::SuccessionShare& share : added.shares()) {
    const std::optional<Scope> scope = Narrowed(Scope(), added, share);
    if (!scope) continue;  // never: the whole of a valid succession is left
    Walk ahead(from, /*forward=*/true, added.predecessor(), looked_at);
    WAYPOST_ASSIGN_OR_RETURN(const int after, ahead.Longest(share.successor(), *scope, 0));
    Walk back(to, /*forward=*/false, share.successor(), looked_at);
    WAYPOST_ASSIGN_OR_RETURN(const int before, back.Longest(added.predecessor(), *scope, 0));
    const int steps = before + 1 + after;
    if (steps > kMaxSuccessionSteps) return Walk::TooLong(steps);
  }
  return absl::OkStatus();
}

}  // namespace waypost::directory
