// Proves that bodies may run more than once: a Store that runs every body `runs` times, each on the same
// state, and lets only the last run write. A body that keeps state between runs then misbehaves in tests.
#ifndef WAYPOST_COMMON_STORE_TESTING_RERUNNING_STORE_H_
#define WAYPOST_COMMON_STORE_TESTING_RERUNNING_STORE_H_

#include <memory>

#include "common/store/store.h"

namespace waypost::store {

// Thread-safe, as its `store` is.
class RerunningStore final : public Store {
 public:
  // `store` must outlive it. REQUIRES: runs >= 1.
  explicit RerunningStore(Store& store, int runs = 2) : store_(store), runs_(runs) {}

  absl::StatusOr<std::unique_ptr<Reader>> Snapshot() const override { return store_.Snapshot(); }
  void Transact(Body body, Done done) override;

 private:
  Store& store_;
  const int runs_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_TESTING_RERUNNING_STORE_H_
