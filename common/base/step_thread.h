// A thread that works step by step: a step, a rest, the next step, until it is stopped.
#ifndef WAYPOST_COMMON_BASE_STEP_THREAD_H_
#define WAYPOST_COMMON_BASE_STEP_THREAD_H_

#include <algorithm>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/thread_name.h"

namespace waypost::base {

// What a step says of the next one.
struct StepAndRest {
  bool more = false;                           // there is more to do; if not, it idles
  absl::Duration rest = absl::ZeroDuration();  // before that; below zero is none
};

// How long a thread rests after a step, however shortly it idles: a rate that a step keeps is kept.
inline absl::Duration RestAfter(const StepAndRest& step, absl::Duration idle) {
  return step.more ? std::max(step.rest, absl::ZeroDuration()) : idle;
}

// More at once, but no faster than `per_second`: for a step that has done so much and taken `spent` for it.
// REQUIRES: per_second > 0.
inline StepAndRest AtRate(int done, int per_second, absl::Duration spent) {
  return {.more = true, .rest = absl::Seconds(static_cast<double>(done) / per_second) - spent};
}

// Stop is thread-safe with the steps; Start and Stop are called by one thread.
class StepThread {
 public:
  // `idle`: the rest of a thread that has nothing to do.
  StepThread(ThreadName name, absl::Duration idle) : name_(name), idle_(idle) {}
  ~StepThread() { Stop(); }
  StepThread(const StepThread&) = delete;
  StepThread& operator=(const StepThread&) = delete;

  // At most once. What `step` uses must outlive Stop.
  void Start(std::function<StepAndRest()> step);
  // Waits for the step at hand; there is none after it. Not from within a step.
  void Stop();

 private:
  void Run();

  const ThreadName name_;
  const absl::Duration idle_;
  std::function<StepAndRest()> step_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_STEP_THREAD_H_
