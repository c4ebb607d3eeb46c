// A store in memory, for tests. Nothing is durable. One lock: a body runs under it on the calling thread,
// and `done` is called there before Transact returns, after the lock is let go. Deterministic.
#ifndef WAYPOST_COMMON_STORE_MEMORY_STORE_H_
#define WAYPOST_COMMON_STORE_MEMORY_STORE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/store/overlay.h"
#include "common/store/store.h"

namespace waypost::store {

// Thread-safe. A commit copies everything when a Snapshot is alive: keep test data small.
class MemoryStore final : public Store {
 public:
  MemoryStore() : rows_(std::make_shared<Rows>()) {}

  absl::StatusOr<std::unique_ptr<Reader>> Snapshot() const override;
  // A body must not call Transact of the same store; `done` may.
  void Transact(Body body, Done done) override;

  using Rows = std::map<std::string, std::string, std::less<>>;

 private:
  absl::Status Run(Body& body) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  std::shared_ptr<Rows> rows_ ABSL_GUARDED_BY(mutex_);
  Overlay overlay_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_MEMORY_STORE_H_
