#include "common/rpc/chain/admission.h"

#include <functional>

#include "common/base/abseil.h"
#include "common/status/errors.h"

namespace waypost::rpc::chain {

absl::Status Admission::Enter() {
  if (in_flight_.fetch_add(1, std::memory_order_relaxed) < limits_.in_flight) return absl::OkStatus();
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  return error::Overloaded("calls in flight");
}

absl::Status Admission::CheckRate(std::string_view body, absl::Time now) {
  Shard& shard = shards_[std::hash<std::string_view>()(body) % kShards];
  const absl::MutexLock lock(&shard.mutex);
  auto found = shard.buckets.find(base::ToAbsl(body));
  if (found == shard.buckets.end()) {
    if (shard.buckets.size() >= limits_.bodies / kShards) Forget(shard, now);
    found = shard.buckets.emplace(body, base::RateBucket(limits_.body_rate, limits_.body_burst, now)).first;
  }
  const absl::Duration wait = found->second.Take(now);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return error::RateLimited(static_cast<int64_t>(limits_.body_rate), wait);
}

absl::Status Admission::OpenWatch(std::string_view body) {
  const absl::MutexLock lock(&watches_mutex_);
  const auto found = body_watches_.find(base::ToAbsl(body));
  const int64_t own = found == body_watches_.end() ? 0 : found->second;
  if (own >= limits_.body_watches) return error::TooManyWatches(limits_.body_watches);
  if (watches_ >= limits_.watches) return error::Overloaded("a place among the open watches");
  ++watches_;
  if (found == body_watches_.end()) {
    body_watches_.emplace(std::string(body), 1);
  } else {
    ++found->second;
  }
  return absl::OkStatus();
}

void Admission::CloseWatch(std::string_view body) {
  const absl::MutexLock lock(&watches_mutex_);
  --watches_;
  const auto found = body_watches_.find(base::ToAbsl(body));
  if (--found->second == 0) body_watches_.erase(found);
}

int64_t Admission::open_watches() const {
  const absl::MutexLock lock(&watches_mutex_);
  return watches_;
}

void Admission::Forget(Shard& shard, absl::Time now) {
  absl::erase_if(shard.buckets, [&](const auto& entry) { return entry.second.Full(now); });
}

}  // namespace waypost::rpc::chain
