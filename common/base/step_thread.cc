#include "common/base/step_thread.h"

#include <utility>

namespace waypost::base {

void StepThread::Start(std::function<StepAndRest()> step) {
  step_ = std::move(step);
  thread_ = std::thread([this] { Run(); });
}

void StepThread::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void StepThread::Run() {
  NameThisThread(name_);
  while (true) {
    const absl::Duration rest = RestAfter(step_(), idle_);
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), rest);
    if (stopping_) return;
  }
}

}  // namespace waypost::base
