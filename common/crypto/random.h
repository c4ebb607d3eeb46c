// The operating system's generator, by way of OpenSSL.
#ifndef WAYPOST_COMMON_CRYPTO_RANDOM_H_
#define WAYPOST_COMMON_CRYPTO_RANDOM_H_

#include <cstddef>
#include <string>

#include "common/base/random.h"

namespace waypost::crypto {

// Fit for keys and initialization vectors. Thread-safe. Small requests are served from a pool of the
// calling thread; every byte is handed out once and wiped from the pool, and a forked child starts with
// an empty pool. A generator that fails ends the process: nothing here can go on without it.
class SystemRandom final : public base::Random {
 public:
  std::string Bytes(size_t size) override;
};

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_RANDOM_H_
