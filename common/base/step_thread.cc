#include "common/base/step_thread.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace waypost::base {

void StepThread::Start(std::function<StepAndRest()> step) {
  step_ = std::move(step);
  thread_ = std::thread([this] { Run(); });
}

void StepThread::Wake() {
  const absl::MutexLock lock(&mutex_);
  woken_ = true;
}

void StepThread::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void StepThread::Run() {
  pthread_setname_np(pthread_self(), name_);
  while (true) {
    const StepAndRest step = step_();
    const absl::Duration rest = step.more ? std::clamp(step.rest, absl::ZeroDuration(), idle_) : idle_;
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &StepThread::RestIsOver), rest);
    if (stopping_) return;
    woken_ = false;
  }
}

}  // namespace waypost::base
