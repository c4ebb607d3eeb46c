// Tells ThreadSanitizer what Debian's Abseil, which is not instrumented, orders: without it every access
// under an absl::Mutex looks like a race. Preloaded into the tests by tools/test --deep tsan. Each function
// below takes the place of Abseil's own, says what it releases, calls the real one, and says what it
// acquired.
//
// Conditions of Await and LockWhen run inside Abseil with the mutex held, where ThreadSanitizer cannot see
// that it is; their reads are left out.
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/sanitizers/tsan_order.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line) __attribute__((weak));
void AnnotateIgnoreReadsEnd(const char* file, int line) __attribute__((weak));
}

namespace {

using waypost::tsan::Acquired;
using waypost::tsan::Real;
using waypost::tsan::Releasing;

class WithoutReads {
 public:
  WithoutReads() {
    if (AnnotateIgnoreReadsBegin != nullptr) AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~WithoutReads() {
    if (AnnotateIgnoreReadsEnd != nullptr) AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
  WithoutReads(const WithoutReads&) = delete;
  WithoutReads& operator=(const WithoutReads&) = delete;
};

}  // namespace

// Abseil's inline namespace is part of the symbol: Debian's is "debian3".
#define WAYPOST_ABSL(length_and_name) "_ZN4absl7debian3" length_and_name

namespace absl {
ABSL_NAMESPACE_BEGIN

#define WAYPOST_LOCK(name, symbol)                                      \
  void Mutex::name() {                                                  \
    static auto* const real = Real<void(Mutex*)>(WAYPOST_ABSL(symbol)); \
    real(this);                                                         \
    Acquired(this);                                                     \
  }
#define WAYPOST_TRY_LOCK(name, symbol)                                  \
  bool Mutex::name() {                                                  \
    static auto* const real = Real<bool(Mutex*)>(WAYPOST_ABSL(symbol)); \
    const bool locked = real(this);                                     \
    if (locked) Acquired(this);                                         \
    return locked;                                                      \
  }
#define WAYPOST_UNLOCK(name, symbol)                                    \
  void Mutex::name() {                                                  \
    static auto* const real = Real<void(Mutex*)>(WAYPOST_ABSL(symbol)); \
    Releasing(this);                                                    \
    const WithoutReads conditions;                                      \
    real(this);                                                         \
  }
// Locks when a condition holds: `held` if the mutex is held on entry.
#define WAYPOST_WHEN(name, symbol, held)                                                  \
  void Mutex::name(const Condition& condition) {                                          \
    static auto* const real = Real<void(Mutex*, const Condition&)>(WAYPOST_ABSL(symbol)); \
    if (held) Releasing(this);                                                            \
    {                                                                                     \
      const WithoutReads conditions;                                                      \
      real(this, condition);                                                              \
    }                                                                                     \
    Acquired(this);                                                                       \
  }
#define WAYPOST_WHEN_UNTIL(name, Until, symbol, held)                                            \
  bool Mutex::name(const Condition& condition, Until until) {                                    \
    static auto* const real = Real<bool(Mutex*, const Condition&, Until)>(WAYPOST_ABSL(symbol)); \
    if (held) Releasing(this);                                                                   \
    bool holds;                                                                                  \
    {                                                                                            \
      const WithoutReads conditions;                                                             \
      holds = real(this, condition, until);                                                      \
    }                                                                                            \
    Acquired(this);                                                                              \
    return holds;                                                                                \
  }

WAYPOST_LOCK(Lock, "5Mutex4LockEv")
WAYPOST_LOCK(ReaderLock, "5Mutex10ReaderLockEv")
WAYPOST_TRY_LOCK(TryLock, "5Mutex7TryLockEv")
WAYPOST_TRY_LOCK(ReaderTryLock, "5Mutex13ReaderTryLockEv")
WAYPOST_UNLOCK(Unlock, "5Mutex6UnlockEv")
WAYPOST_UNLOCK(ReaderUnlock, "5Mutex12ReaderUnlockEv")
WAYPOST_WHEN(Await, "5Mutex5AwaitERKNS0_9ConditionE", true)
WAYPOST_WHEN(LockWhen, "5Mutex8LockWhenERKNS0_9ConditionE", false)
WAYPOST_WHEN(ReaderLockWhen, "5Mutex14ReaderLockWhenERKNS0_9ConditionE", false)
WAYPOST_WHEN_UNTIL(AwaitWithTimeout, Duration, "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                   true)
WAYPOST_WHEN_UNTIL(AwaitWithDeadline, Time, "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", true)
WAYPOST_WHEN_UNTIL(LockWhenWithTimeout, Duration,
                   "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE", false)
WAYPOST_WHEN_UNTIL(LockWhenWithDeadline, Time, "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE",
                   false)

void CondVar::Wait(Mutex* mutex) {
  static auto* const real = Real<void(CondVar*, Mutex*)>(WAYPOST_ABSL("7CondVar4WaitEPNS0_5MutexE"));
  Releasing(mutex);
  {
    const WithoutReads conditions;
    real(this, mutex);
  }
  Acquired(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const real = Real<bool(CondVar*, Mutex*, Duration)>(
      WAYPOST_ABSL("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE"));
  Releasing(mutex);
  bool timed_out;
  {
    const WithoutReads conditions;
    timed_out = real(this, mutex, timeout);
  }
  Acquired(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const real =
      Real<bool(CondVar*, Mutex*, Time)>(WAYPOST_ABSL("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE"));
  Releasing(mutex);
  bool timed_out;
  {
    const WithoutReads conditions;
    timed_out = real(this, mutex, deadline);
  }
  Acquired(mutex);
  return timed_out;
}

void Notification::Notify() {
  static auto* const real = Real<void(Notification*)>(WAYPOST_ABSL("12Notification6NotifyEv"));
  Releasing(this);
  real(this);
}

void Notification::WaitForNotification() const {
  static auto* const real =
      Real<void(const Notification*)>("_ZNK4absl7debian312Notification19WaitForNotificationEv");
  real(this);
  Acquired(this);
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static auto* const real = Real<bool(const Notification*, Duration)>(
      "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified = real(this, timeout);
  if (notified) Acquired(this);
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  static auto* const real = Real<bool(const Notification*, Time)>(
      "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE");
  const bool notified = real(this, deadline);
  if (notified) Acquired(this);
  return notified;
}

bool BlockingCounter::DecrementCount() {
  static auto* const real = Real<bool(BlockingCounter*)>(WAYPOST_ABSL("15BlockingCounter14DecrementCountEv"));
  Releasing(this);
  return real(this);
}

void BlockingCounter::Wait() {
  static auto* const real = Real<void(BlockingCounter*)>(WAYPOST_ABSL("15BlockingCounter4WaitEv"));
  real(this);
  Acquired(this);
}

bool Barrier::Block() {
  static auto* const real = Real<bool(Barrier*)>(WAYPOST_ABSL("7Barrier5BlockEv"));
  Releasing(this);
  const bool last = real(this);
  Acquired(this);
  return last;
}

ABSL_NAMESPACE_END
}  // namespace absl
