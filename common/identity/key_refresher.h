// Keeps a verifier's keys fresh on a thread of its own.
#ifndef WAYPOST_COMMON_IDENTITY_KEY_REFRESHER_H_
#define WAYPOST_COMMON_IDENTITY_KEY_REFRESHER_H_

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/identity/token_verifier.h"

namespace waypost::identity {

// Calls verifier.Refresh every `interval`, and soon after a token names an unknown key, but never within
// `min_gap` of the last time, whatever tokens come in.
class KeyRefresher {
 public:
  struct Options {
    absl::Duration interval = absl::Minutes(5);
    absl::Duration min_gap = absl::Seconds(30);
    // Told the result of every Refresh, on the thread; for the log and metrics. May be null.
    absl::AnyInvocable<void(const absl::Status&)> report = nullptr;
  };

  // `verifier` must outlive it, and must not verify yet. Refreshes a first time at once, on the thread.
  KeyRefresher(TokenVerifier& verifier, Options options);
  KeyRefresher(const KeyRefresher&) = delete;
  KeyRefresher& operator=(const KeyRefresher&) = delete;
  // Stops; waits for a fetch under way.
  ~KeyRefresher();

  // Asks for a refresh soon. Does not wait. Thread-safe.
  void Wake() { Wake(*signal_); }

 private:
  // Shared with the verifier's hook, which may be called after this ends.
  struct Signal {
    absl::Mutex mutex;
    bool stopped ABSL_GUARDED_BY(mutex) = false;
    bool woken ABSL_GUARDED_BY(mutex) = false;
  };

  void Run();
  static void Wake(Signal& signal);

  TokenVerifier& verifier_;
  Options options_;
  const std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  std::thread thread_;
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_KEY_REFRESHER_H_
