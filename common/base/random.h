// Randomness is injected, so that tests are repeatable.
#ifndef WAYPOST_COMMON_BASE_RANDOM_H_
#define WAYPOST_COMMON_BASE_RANDOM_H_

#include <cstddef>
#include <string>

namespace waypost::base {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  // `size` unpredictable bytes (production: the operating system's generator, by way of OpenSSL).
  virtual std::string Bytes(size_t size) = 0;
};

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_RANDOM_H_
