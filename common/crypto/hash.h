// SHA-256 (FIPS 180-4), HMAC (RFC 2104) and the expansion of HKDF (RFC 5869) over it. All functions are
// thread-safe and keep their OpenSSL contexts for each thread. None can fail but by lack of memory, which
// ends the process.
#ifndef WAYPOST_COMMON_CRYPTO_HASH_H_
#define WAYPOST_COMMON_CRYPTO_HASH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waypost::crypto {

inline constexpr size_t kHashBytes = 32;

using Hash = std::array<uint8_t, kHashBytes>;

inline std::string_view AsText(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

// 32 bytes. The array version allocates nothing.
std::string Sha256(std::string_view data);
Hash Sha256Array(std::string_view data);

// 32 bytes. A key of any size, the empty one included.
std::string HmacSha256(std::string_view key, std::string_view data);
Hash HmacSha256Array(std::string_view key, std::string_view data);

// The key of the use named by `info`, derived from one that is uniformly random already: the second half of
// HKDF-SHA256 alone, as RFC 5869 section 3.3 allows for such keys. Different uses have different `info`;
// where a variable part follows a name, the name ends with something that it never holds. REQUIRES: `key` has
// kHashBytes or more. The caller wipes the result.
Hash HkdfExpandKey(std::string_view key, std::string_view info);

// True when both hold the same bytes. Takes a time that depends on the sizes only.
bool ConstantTimeEquals(std::string_view a, std::string_view b);

// Overwrites the content, in a way that the compiler cannot leave out, and empties `secret`.
void Wipe(std::string& secret);

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_HASH_H_
