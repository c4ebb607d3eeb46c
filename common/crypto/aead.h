// AES-256-GCM (NIST SP 800-38D): nobody reads what is sealed, or changes it unnoticed, without the key.
#ifndef WAYPOST_COMMON_CRYPTO_AEAD_H_
#define WAYPOST_COMMON_CRYPTO_AEAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/random.h"

namespace waypost::crypto {

inline constexpr size_t kKeyBytes = 32;
inline constexpr size_t kIvBytes = 12;
inline constexpr size_t kTagBytes = 16;
// What Seal adds to the plaintext.
inline constexpr size_t kSealOverheadBytes = kIvBytes + kTagBytes;
// Of one plaintext, and of one associated text.
inline constexpr size_t kMaxSealBytes = size_t{16} * 1024 * 1024;

// 32 secret bytes. Moves, never copies; wiped when it ends and when it is moved from; prints as "<secret>".
// A moved-from key may only be assigned to or destroyed: using it to seal is a programming error that ends
// the process. Const methods are thread-safe.
class SecretKey {
 public:
  // INVALID_ARGUMENT unless `bytes` has exactly kKeyBytes. The caller wipes its own copy.
  static absl::StatusOr<SecretKey> FromBytes(std::string_view bytes);
  static SecretKey Generate(base::Random& random);

  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey();

  // Valid while this is. REQUIRES: not moved from.
  std::string_view bytes() const;
  // An independent copy, for the few owners that must outlive each other.
  SecretKey Duplicate() const;

  friend void PrintTo(const SecretKey&, std::ostream* out) { *out << "<secret>"; }
  friend std::ostream& operator<<(std::ostream& out, const SecretKey&) { return out << "<secret>"; }

 private:
  SecretKey() = default;

  std::array<uint8_t, kKeyBytes> bytes_{};
  bool present_ = false;
};

// initialization vector (12) || ciphertext || tag (16). `aad` is bound to the result and not stored in it:
// Open needs the same. The vector is random, so one key must not seal more than 2^32 texts; a data key seals
// a handful. RESOURCE_EXHAUSTED over kMaxSealBytes.
absl::StatusOr<std::string> Seal(const SecretKey& key, std::string_view aad, std::string_view plaintext,
                                 base::Random& random);

// DATA_LOSS when `sealed` was not made by Seal under this key and `aad`; nothing of it is returned then.
absl::StatusOr<std::string> Open(const SecretKey& key, std::string_view aad, std::string_view sealed);

// A key for one use, derived from `key`, which is random, by HKDF-SHA256's expansion with `info`.
SecretKey DeriveKey(const SecretKey& key, std::string_view info);

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_AEAD_H_
