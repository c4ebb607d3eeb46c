#include "common/rpc/executor.h"

#include <utility>

#include "common/base/thread_name.h"

namespace waypost::rpc {

Executor::Executor(int threads, size_t queue_limit) : queue_limit_(queue_limit) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Executor::~Executor() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Executor::Submit(Work work) {
  const absl::MutexLock lock(&mutex_);
  if (queue_.size() >= queue_limit_) return false;
  queue_.push_back(std::move(work));
  return true;
}

size_t Executor::waiting() const {
  const absl::MutexLock lock(&mutex_);
  return queue_.size();
}

void Executor::Run() {
  base::NameThisThread("executor");
  while (true) {
    Work work;
    {
      const absl::MutexLock lock(&mutex_, absl::Condition(this, &Executor::HasWorkOrStops));
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    std::move(work)();
  }
}

}  // namespace waypost::rpc
