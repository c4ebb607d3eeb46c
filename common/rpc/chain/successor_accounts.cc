#include "common/rpc/chain/successor_accounts.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace waypost::rpc::chain {
namespace {

int64_t NumberOf(absl::CivilDay day) {
  return day - absl::CivilDay(1970, 1, 1);
}

absl::CivilDay DayOf(absl::Time time) {
  return absl::ToCivilDay(time, absl::UTCTimeZone());
}

// Acts within its units alone. Every other role acts for the whole of a body.
constexpr policy::Roles kOfUnits = {policy::Role::kCaseworker};

bool InForce(const AccountSuccession& succession, absl::CivilDay day) {
  return succession.first <= day && day <= succession.end;
}

bool IsFollowed(const AccountSuccession& succession, absl::CivilDay day) {
  return succession.first <= day && day <= succession.last;
}

// Two units may have become one.
void AddOnce(const std::string& unit, std::vector<std::string>& units) {
  if (std::find(units.begin(), units.end(), unit) == units.end()) units.push_back(unit);
}

}  // namespace

void SuccessorAccounts::Record(const std::vector<AccountSuccession>& successions) {
  const absl::MutexLock lock(&mutex_);
  for (const AccountSuccession& given : successions) {
    std::vector<AccountSuccession>& known = by_predecessor_[given.predecessor];
    const auto same = std::find_if(known.begin(), known.end(), [&given](const AccountSuccession& each) {
      return each.name == given.name;
    });
    if (same == known.end()) {
      known.push_back(given);
    } else if (same->revision < given.revision) {
      *same = given;
    }
  }
  int64_t last_day = kNever;
  for (const auto& [predecessor, known] : by_predecessor_) {
    for (const AccountSuccession& each : known) {
      if (each.first <= each.last) last_day = std::max(last_day, NumberOf(each.last));
    }
  }
  last_day_.store(last_day, std::memory_order_release);
}

SuccessorAccounts::Step SuccessorAccounts::WithTheBody(const AccountSuccession& succession,
                                                       const policy::Caller& caller) {
  Step step{.successor = succession.successor, .last = succession.last, .units = {}, .whole = true};
  for (const std::string& unit : caller.units) {
    const auto [begin, end] = succession.units.equal_range(unit);
    for (auto at = begin; at != end; ++at) AddOnce(at->second, step.units);
  }
  return step;
}

std::optional<SuccessorAccounts::Step> SuccessorAccounts::WithItsUnits(
    const std::vector<AccountSuccession>& successions, const policy::Caller& caller, absl::CivilDay day) {
  if (caller.units.empty() || caller.roles.Intersection(kOfUnits) != caller.roles) return std::nullopt;
  Step step{.successor = {}, .last = absl::CivilDay::max(), .units = {}};
  for (const std::string& unit : caller.units) {
    bool named = false;
    for (const AccountSuccession& each : successions) {
      if (!InForce(each, day)) continue;
      const auto [begin, end] = each.units.equal_range(unit);
      for (auto at = begin; at != end; ++at) {
        const std::string_view body = api::BodyOfUnit(at->second);
        if (step.successor.empty()) step.successor = std::string(body);
        if (step.successor != body) return std::nullopt;
        if (!IsFollowed(each, day)) continue;
        AddOnce(at->second, step.units);
        step.last = std::min(step.last, each.last);
        named = true;
      }
    }
    if (!named) return std::nullopt;
  }
  return step;
}

std::optional<SuccessorAccounts::Step> SuccessorAccounts::Next(const policy::Caller& caller,
                                                               absl::CivilDay day) const {
  const auto known = by_predecessor_.find(caller.body);
  if (known == by_predecessor_.end()) return std::nullopt;
  // The directory lets no two of one predecessor take everything on one day: at most one is in force.
  for (const AccountSuccession& each : known->second) {
    if (each.successor.empty() || !InForce(each, day)) continue;
    return IsFollowed(each, day) ? std::optional<Step>(WithTheBody(each, caller)) : std::nullopt;
  }
  return WithItsUnits(known->second, caller, day);
}

std::shared_ptr<const policy::Caller> SuccessorAccounts::ActingCaller(
    std::shared_ptr<const policy::Caller> caller, absl::Time now) const {
  const int64_t last_day = last_day_.load(std::memory_order_acquire);
  if (last_day == kNever) return caller;
  const absl::CivilDay day = DayOf(now);
  if (NumberOf(day) > last_day) return caller;
  if (caller->roles.Has(policy::Role::kService)) return caller;
  const absl::ReaderMutexLock lock(&mutex_);
  std::optional<Step> step = Next(*caller, day);
  if (!step.has_value()) return caller;
  auto acting = std::make_shared<policy::Caller>(*caller);
  std::vector<std::string> been;
  for (int steps = 0; step.has_value() && steps < kMaxSteps; ++steps) {
    been.push_back(std::move(acting->body));
    acting->body = std::move(step->successor);
    // Nor does a stream outlast the last day.
    acting->expires = std::min(acting->expires, absl::FromCivil(step->last + 1, absl::UTCTimeZone()));
    acting->units = std::move(step->units);
    step = Next(*acting, day);
    // Of two bodies that took over from each other, each has its own themes, but may have the other's unit.
    const bool back = step.has_value() && !step->whole &&
                      std::find(been.begin(), been.end(), step->successor) != been.end();
    if (back) break;
  }
  return acting;
}

}  // namespace waypost::rpc::chain
