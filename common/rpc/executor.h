// A fixed number of threads and a bounded queue: work that may block runs here and never on a gRPC thread.
#ifndef WAYPOST_COMMON_RPC_EXECUTOR_H_
#define WAYPOST_COMMON_RPC_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace waypost::rpc {

// Thread-safe.
class Executor {
 public:
  using Work = absl::AnyInvocable<void() &&>;

  Executor(int threads, size_t queue_limit);
  // Runs what is queued, then ends. No Submit may run beside or after it.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // False, and `work` is dropped unrun, when queue_limit works are waiting already.
  [[nodiscard]] bool Submit(Work work);

  size_t waiting() const;

 private:
  void Run();
  bool HasWorkOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }

  const size_t queue_limit_;
  mutable absl::Mutex mutex_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_EXECUTOR_H_
