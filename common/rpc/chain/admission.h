// A link of the chain: how much one node, and one body, may have in flight, keep open or ask for.
#ifndef WAYPOST_COMMON_RPC_CHAIN_ADMISSION_H_
#define WAYPOST_COMMON_RPC_CHAIN_ADMISSION_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/rate_bucket.h"

namespace waypost::rpc::chain {

struct AdmissionLimits {
  // Calls that have arrived and are not answered, over all callers. A stream counts until it is open.
  int64_t in_flight = 4096;
  // Requests a second for one body, on average, and how many may come at once.
  double body_rate = 20'000;
  double body_burst = 20'000;
  // Bodies whose rate is remembered at once; one that has been quiet is forgotten first.
  size_t bodies = 10'000;
  // Streams that stay open, over all callers and of one body.
  int64_t watches = 10'000;
  int64_t body_watches = 200;
};

// Thread-safe.
class Admission {
 public:
  explicit Admission(AdmissionLimits limits) : limits_(limits) {}

  // A place among the calls in flight; OVERLOADED when there is none. Every OK is paired with one Leave.
  absl::Status Enter();
  void Leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

  // RATE_LIMITED, with the time to wait, when `body` asks for more than its rate.
  absl::Status CheckRate(std::string_view body, absl::Time now);

  // A place among the open watches. LIMIT_EXCEEDED when `body` has as many as it may; OVERLOADED when the
  // node has. Every OK is paired with one CloseWatch of the same body.
  absl::Status OpenWatch(std::string_view body);
  void CloseWatch(std::string_view body);
  int64_t open_watches() const;

  int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<std::string, base::RateBucket> buckets ABSL_GUARDED_BY(mutex);
  };

  // Drops bodies whose bucket is full again: they are as good as new.
  void Forget(Shard& shard, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  const AdmissionLimits limits_;
  std::atomic<int64_t> in_flight_{0};
  std::array<Shard, kShards> shards_;

  mutable absl::Mutex watches_mutex_;
  int64_t watches_ ABSL_GUARDED_BY(watches_mutex_) = 0;
  // Only of bodies that have any, so there are never more than watches.
  absl::flat_hash_map<std::string, int64_t> body_watches_ ABSL_GUARDED_BY(watches_mutex_);
};

}  // namespace waypost::rpc::chain

#endif  // WAYPOST_COMMON_RPC_CHAIN_ADMISSION_H_
