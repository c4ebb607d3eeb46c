// A thread that works step by step: a step, a rest, the next step, until it is stopped.
#ifndef WAYPOST_COMMON_BASE_STEP_THREAD_H_
#define WAYPOST_COMMON_BASE_STEP_THREAD_H_

#include <cstddef>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace waypost::base {

// What a step says of the next one.
struct StepAndRest {
  bool more = false;                           // there is more to do; if not, it idles
  absl::Duration rest = absl::ZeroDuration();  // before that; below zero is none, and idling is the most
};

// Start, Wake and Stop are thread-safe with the steps; Start and Stop are called by one thread.
class StepThread {
 public:
  // `name` as NameThisThread. `idle`: the rest of a thread that has nothing to do.
  template <size_t kSize>
  StepThread(const char (&name)[kSize], absl::Duration idle) : name_(name), idle_(idle) {
    static_assert(kSize <= 16, "Linux keeps 15 characters of a thread's name");
  }
  ~StepThread() { Stop(); }
  StepThread(const StepThread&) = delete;
  StepThread& operator=(const StepThread&) = delete;

  // At most once. What `step` uses must outlive Stop.
  void Start(std::function<StepAndRest()> step);
  // Ends the rest: the next step begins at once. During a step, the one after it does.
  void Wake();
  // Waits for the step at hand; there is none after it. Not from within a step.
  void Stop();

 private:
  void Run();
  bool RestIsOver() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || woken_; }

  const char* const name_;
  const absl::Duration idle_;
  std::function<StepAndRest()> step_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_STEP_THREAD_H_
