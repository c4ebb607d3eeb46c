#include "common/rpc/chain/successor_accounts.h"

#include <algorithm>
#include <utility>

namespace waypost::rpc::chain {
namespace {

int64_t NumberOf(absl::CivilDay day) {
  return day - absl::CivilDay(1970, 1, 1);
}

absl::CivilDay DayOf(absl::Time time) {
  return absl::ToCivilDay(time, absl::UTCTimeZone());
}

// The caller after one step.
void Follow(const AccountSuccession& step, policy::Caller& caller) {
  std::vector<std::string> units;
  for (const std::string& unit : caller.units) {
    const auto found = step.units.find(unit);
    if (found == step.units.end()) continue;
    // Two units may have become one.
    if (std::find(units.begin(), units.end(), found->second) == units.end()) units.push_back(found->second);
  }
  caller.body = step.successor;
  // Nor does a stream outlast the last day.
  caller.expires = std::min(caller.expires, absl::FromCivil(step.last + 1, absl::UTCTimeZone()));
  caller.units = std::move(units);
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

const AccountSuccession* SuccessorAccounts::InForce(const std::string& body, absl::CivilDay day) const {
  const auto known = by_predecessor_.find(body);
  if (known == by_predecessor_.end()) return nullptr;
  // The directory lets no two of one predecessor take everything on one day: at most one is in force.
  for (const AccountSuccession& each : known->second) {
    if (each.first <= day && day <= each.last) return &each;
  }
  return nullptr;
}

std::shared_ptr<const policy::Caller> SuccessorAccounts::ActingCaller(
    std::shared_ptr<const policy::Caller> caller, absl::Time now) const {
  const int64_t last_day = last_day_.load(std::memory_order_acquire);
  if (last_day == kNever) return caller;
  const absl::CivilDay day = DayOf(now);
  if (NumberOf(day) > last_day) return caller;
  if (caller->roles.Has(policy::Role::kService)) return caller;
  const absl::ReaderMutexLock lock(&mutex_);
  const AccountSuccession* step = InForce(caller->body, day);
  if (step == nullptr) return caller;
  auto acting = std::make_shared<policy::Caller>(*caller);
  for (int steps = 0; step != nullptr && steps < kMaxSteps; ++steps) {
    Follow(*step, *acting);
    step = InForce(acting->body, day);
  }
  return acting;
}

}  // namespace waypost::rpc::chain
