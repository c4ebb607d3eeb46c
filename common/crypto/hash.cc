#include "common/crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>

#include "common/crypto/openssl.h"

namespace waypost::crypto {
namespace {

using internal::Bytes;
using internal::Owned;
using internal::Require;

// Fetched once: a fetch searches the providers under a lock.
const EVP_MD* Sha256Method() {
  static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Require(method != nullptr, "fetching SHA-256");
  return method;
}

Owned<EVP_MD_CTX> NewDigest() {
  Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  Require(context != nullptr && EVP_DigestInit_ex2(context.get(), Sha256Method(), nullptr) == 1, "SHA-256");
  return context;
}

// A context that keeps its digest between uses; only the key changes.
Owned<EVP_MAC_CTX> NewHmac() {
  const Owned<EVP_MAC> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  Require(mac != nullptr, "fetching HMAC");
  Owned<EVP_MAC_CTX> context(EVP_MAC_CTX_new(mac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
  Require(context != nullptr && EVP_MAC_CTX_set_params(context.get(), parameters) == 1, "HMAC-SHA256");
  return context;
}

}  // namespace

Hash Sha256Array(std::string_view data) {
  thread_local const Owned<EVP_MD_CTX> context = NewDigest();
  Hash hash;
  // A null method keeps the one that the context has.
  Require(EVP_DigestInit_ex2(context.get(), nullptr, nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), Bytes(data), data.size()) == 1 &&
              EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1,
          "SHA-256");
  return hash;
}

std::string Sha256(std::string_view data) {
  return std::string(AsText(Sha256Array(data)));
}

Hash HmacSha256Array(std::string_view key, std::string_view data) {
  thread_local const Owned<EVP_MAC_CTX> context = NewHmac();
  Hash hash;
  size_t size = 0;
  Require(EVP_MAC_init(context.get(), Bytes(key), key.size(), nullptr) == 1 &&
              EVP_MAC_update(context.get(), Bytes(data), data.size()) == 1 &&
              EVP_MAC_final(context.get(), hash.data(), &size, hash.size()) == 1 && size == hash.size(),
          "HMAC-SHA256");
  return hash;
}

std::string HmacSha256(std::string_view key, std::string_view data) {
  return std::string(AsText(HmacSha256Array(key, data)));
}

Hash HkdfExpandKey(std::string_view key, std::string_view info) {
  Require(key.size() >= kHashBytes, "HKDF: the key is too short to be expanded as it is");
  std::string input;
  input.reserve(info.size() + 1);
  input.append(info).push_back('\x01');
  return HmacSha256Array(key, input);
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(Bytes(a), Bytes(b), a.size()) == 0;
}

void Wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace waypost::crypto
