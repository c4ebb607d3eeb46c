// Tells watchers, within one process, that there may be something new for them. It carries no data: who is
// told reads the store from its own cursor.
#ifndef WAYPOST_COMMON_RPC_CHANGE_HUB_H_
#define WAYPOST_COMMON_RPC_CHANGE_HUB_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace waypost::rpc {

// The feed that is reported after every commit that appended to the outbox; relays follow it.
inline constexpr std::string_view kOutboxFeed = "outbox";

// The feed that the node's housekeeping reports every second or so.
inline constexpr std::string_view kTickFeed = "tick";

// Thread-safe.
class ChangeHub {
 public:
  using Listener = std::function<void()>;

  // Calls `listener` after every change of `feed` until Unsubscribe, on the thread that reports the change:
  // it must be short and must not call this hub.
  uint64_t Subscribe(std::string_view feed, Listener listener);
  // When it returns, the listener does not run and will not.
  void Unsubscribe(std::string_view feed, uint64_t id);

  void Changed(std::string_view feed);

  // The process is stopping: watches end themselves at once, and new ones at their first step.
  void Close();
  bool closing() const { return closing_.load(std::memory_order_relaxed); }

  // Subscriptions, of every feed.
  int listeners() const;

 private:
  std::atomic<bool> closing_{false};
  mutable absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<std::string, std::vector<std::pair<uint64_t, Listener>>> listeners_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_CHANGE_HUB_H_
