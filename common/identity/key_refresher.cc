#include "common/identity/key_refresher.h"

#include <algorithm>
#include <utility>

#include "common/base/thread_name.h"

namespace waypost::identity {

KeyRefresher::KeyRefresher(TokenVerifier& verifier, Options options)
    : verifier_(verifier), options_(std::move(options)) {
  verifier_.OnUnknownKey([signal = signal_] { Wake(*signal); });
  thread_ = std::thread([this] { Run(); });
}

KeyRefresher::~KeyRefresher() {
  {
    const absl::MutexLock lock(&signal_->mutex);
    signal_->stopped = true;
  }
  thread_.join();
}

void KeyRefresher::Wake(Signal& signal) {
  const absl::MutexLock lock(&signal.mutex);
  signal.woken = true;
}

void KeyRefresher::Run() {
  base::NameThisThread("key-refresher");
  Signal& signal = *signal_;
  const auto wanted = [&signal]()
                          ABSL_SHARED_LOCKS_REQUIRED(signal.mutex) { return signal.stopped || signal.woken; };
  for (;;) {
    const absl::Status status = verifier_.Refresh();
    if (options_.report != nullptr) options_.report(status);
    const absl::MutexLock lock(&signal.mutex);
    if (signal.mutex.AwaitWithTimeout(absl::Condition(&signal.stopped), options_.min_gap)) return;
    signal.mutex.AwaitWithTimeout(absl::Condition(&wanted),
                                  std::max(absl::ZeroDuration(), options_.interval - options_.min_gap));
    if (signal.stopped) return;
    signal.woken = false;
  }
}

}  // namespace waypost::identity
