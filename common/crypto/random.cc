#include "common/crypto/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "common/crypto/openssl.h"

namespace waypost::crypto {
namespace {

constexpr size_t kPoolBytes = 2048;
// Larger requests go to OpenSSL directly.
constexpr size_t kMaxPooledBytes = 256;

std::atomic<uint64_t>& ForkCount() {
  static std::atomic<uint64_t> count{0};
  return count;
}

// How often this process has come out of a fork.
uint64_t Forks() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] { ForkCount().fetch_add(1); });
  internal::Require(registered == 0, "pthread_atfork");
  return ForkCount().load(std::memory_order_relaxed);
}

void Fill(void* out, size_t size) {
  internal::Require(RAND_bytes(static_cast<unsigned char*>(out), static_cast<int>(size)) == 1, "RAND_bytes");
}

class Pool {
 public:
  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  void Take(char* out, size_t size) {
    const uint64_t forks = Forks();
    if (forks != forks_ || bytes_.size() - used_ < size) {
      Fill(bytes_.data(), bytes_.size());
      used_ = 0;
      forks_ = forks;
    }
    std::memcpy(out, bytes_.data() + used_, size);
    OPENSSL_cleanse(bytes_.data() + used_, size);
    used_ += size;
  }

 private:
  std::array<unsigned char, kPoolBytes> bytes_{};
  size_t used_ = kPoolBytes;
  uint64_t forks_ = 0;
};

}  // namespace

std::string SystemRandom::Bytes(size_t size) {
  std::string bytes(size, '\0');
  if (size <= kMaxPooledBytes) {
    thread_local Pool pool;
    pool.Take(bytes.data(), size);
    return bytes;
  }
  constexpr size_t kChunk = size_t{1} << 20;
  for (size_t at = 0; at < size; at += kChunk) Fill(bytes.data() + at, std::min(kChunk, size - at));
  return bytes;
}

}  // namespace waypost::crypto
