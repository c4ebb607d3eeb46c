// Fakes that tests of several rooms share: a clock that stands, randomness that repeats, callers.
#ifndef WAYPOST_COMMON_TESTING_FAKES_H_
#define WAYPOST_COMMON_TESTING_FAKES_H_

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/policy/policy.h"
#include "common/rpc/chain/authentication.h"
#include "common/status/errors.h"

namespace waypost::testing {

// Thread-safe.
class FakeClock final : public base::Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'800'000'000)) : now_(now) {}
  absl::Time Now() const override {
    const absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration step) {
    const absl::MutexLock lock(&mutex_);
    now_ += step;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

// The same bytes for the same seed. Thread-safe.
class FakeRandom final : public base::Random {
 public:
  explicit FakeRandom(uint64_t seed = 1) : engine_(seed) {}
  std::string Bytes(size_t size) override {
    const absl::MutexLock lock(&mutex_);
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(engine_());
    return bytes;
  }

 private:
  absl::Mutex mutex_;
  std::mt19937_64 engine_ ABSL_GUARDED_BY(mutex_);
};

// Knows callers by the token that Add returned. Thread-safe.
class FakeAuthenticator final : public rpc::chain::Authenticator {
 public:
  std::string Add(policy::Caller caller) {
    const absl::MutexLock lock(&mutex_);
    std::string token = "token-" + std::to_string(callers_.size());
    callers_[token] = std::make_shared<const policy::Caller>(std::move(caller));
    return token;
  }
  absl::StatusOr<std::shared_ptr<const policy::Caller>> Authenticate(std::string_view token,
                                                                     absl::Time now) override {
    const absl::MutexLock lock(&mutex_);
    const auto found = callers_.find(std::string(token));
    if (found == callers_.end()) return error::TokenRefused("unknown");
    if (now >= found->second->expires) return error::TokenRefused("expired");
    return found->second;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<const policy::Caller>> callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::testing

#endif  // WAYPOST_COMMON_TESTING_FAKES_H_
