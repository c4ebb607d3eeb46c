// How this folder treats OpenSSL's answers and owns its objects. Not for use outside it and identity.
#ifndef WAYPOST_COMMON_CRYPTO_OPENSSL_H_
#define WAYPOST_COMMON_CRYPTO_OPENSSL_H_

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace waypost::crypto::internal {

// For what can only fail by lack of memory, a broken generator or misuse: ends the process.
inline void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "waypost: cryptography failed: %s\n", what);
  std::abort();
}

// OpenSSL takes a null pointer to mean something else than an empty text.
inline const unsigned char* Bytes(std::string_view text) {
  static constexpr unsigned char kEmpty = 0;
  return text.empty() ? &kEmpty : reinterpret_cast<const unsigned char*>(text.data());
}

struct Deleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

}  // namespace waypost::crypto::internal

#endif  // WAYPOST_COMMON_CRYPTO_OPENSSL_H_
