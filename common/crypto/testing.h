// For tests: a clock that the test turns, randomness that repeats.
#ifndef WAYPOST_COMMON_CRYPTO_TESTING_H_
#define WAYPOST_COMMON_CRYPTO_TESTING_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"

namespace waypost::crypto {

// Thread-safe.
class TestClock final : public base::Clock {
 public:
  explicit TestClock(absl::Time now) : micros_(absl::ToUnixMicros(now)) {}
  absl::Time Now() const override { return absl::FromUnixMicros(micros_.load()); }
  void Advance(absl::Duration by) { micros_.fetch_add(absl::ToInt64Microseconds(by)); }

 private:
  std::atomic<int64_t> micros_;
};

// The same bytes in every run. Thread-safe.
class TestRandom final : public base::Random {
 public:
  explicit TestRandom(std::string_view seed = "test") : seed_(seed) {}
  std::string Bytes(size_t size) override {
    std::string bytes;
    while (bytes.size() < size) bytes += Sha256(base::Cat(seed_, next_.fetch_add(1)));
    bytes.resize(size);
    return bytes;
  }

 private:
  const std::string seed_;
  std::atomic<uint64_t> next_{0};
};

// Runs work(0) to work(count - 1) at once, each on a thread of its own, and waits for them.
template <typename Work>
void InThreads(int count, const Work& work) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_TESTING_H_
