#include "common/crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/crypto/openssl.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

using internal::Bytes;
using internal::Owned;
using internal::Require;

const EVP_CIPHER* Aes256Gcm() {
  static EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  Require(method != nullptr, "fetching AES-256-GCM");
  return method;
}

enum class Direction : int { kOpen = 0, kSeal = 1 };

// A context that keeps its cipher and direction between uses; key and vector change.
Owned<EVP_CIPHER_CTX> NewContext(Direction direction) {
  Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  Require(context != nullptr && EVP_CipherInit_ex2(context.get(), Aes256Gcm(), nullptr, nullptr,
                                                   static_cast<int>(direction), nullptr) == 1,
          "AES-256-GCM");
  return context;
}

void Begin(EVP_CIPHER_CTX* context, Direction direction, const SecretKey& key, const unsigned char* iv,
           std::string_view aad) {
  int written = 0;
  Require(
      EVP_CipherInit_ex2(context, nullptr, Bytes(key.bytes()), iv, static_cast<int>(direction), nullptr) == 1,
      "AES-256-GCM: key");
  Require(aad.empty() ||
              EVP_CipherUpdate(context, nullptr, &written, Bytes(aad), static_cast<int>(aad.size())) == 1,
          "AES-256-GCM: associated text");
}

absl::Status NotAuthentic() {
  return error::DataLoss("a sealed text that does not open with its key");
}

}  // namespace

absl::StatusOr<SecretKey> SecretKey::FromBytes(std::string_view bytes) {
  if (bytes.size() != kKeyBytes) {
    return error::Make(absl::StatusCode::kInvalidArgument, "KEY_SIZE",
                       base::Cat("a secret key has ", kKeyBytes, " bytes; given: ", bytes.size()));
  }
  SecretKey key;
  std::memcpy(key.bytes_.data(), bytes.data(), kKeyBytes);
  key.present_ = true;
  return key;
}

SecretKey SecretKey::Generate(base::Random& random) {
  std::string bytes = random.Bytes(kKeyBytes);
  absl::StatusOr<SecretKey> key = FromBytes(bytes);
  Wipe(bytes);
  Require(key.ok(), "the generator gave too few bytes");
  return *std::move(key);
}

SecretKey::SecretKey(SecretKey&& other) noexcept {
  *this = std::move(other);
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this == &other) return *this;
  bytes_ = other.bytes_;
  present_ = other.present_;
  OPENSSL_cleanse(other.bytes_.data(), other.bytes_.size());
  other.present_ = false;
  return *this;
}

SecretKey::~SecretKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::string_view SecretKey::bytes() const {
  Require(present_, "a key is used after it was moved from");
  return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

SecretKey SecretKey::Duplicate() const {
  SecretKey copy;
  std::memcpy(copy.bytes_.data(), bytes().data(), kKeyBytes);
  copy.present_ = true;
  return copy;
}

absl::StatusOr<std::string> Seal(const SecretKey& key, std::string_view aad, std::string_view plaintext,
                                 base::Random& random) {
  const size_t largest = std::max(aad.size(), plaintext.size());
  if (largest > kMaxSealBytes) {
    return error::LimitExceeded("sealed bytes", int64_t{kMaxSealBytes}, static_cast<int64_t>(largest));
  }
  thread_local const Owned<EVP_CIPHER_CTX> context = NewContext(Direction::kSeal);
  std::string sealed = random.Bytes(kIvBytes);
  Require(sealed.size() == kIvBytes, "the generator gave too few bytes");
  sealed.resize(kIvBytes + plaintext.size() + kTagBytes);
  auto* const out = reinterpret_cast<unsigned char*>(sealed.data());
  Begin(context.get(), Direction::kSeal, key, out, aad);
  int written = 0;
  Require(plaintext.empty() || (EVP_CipherUpdate(context.get(), out + kIvBytes, &written, Bytes(plaintext),
                                                 static_cast<int>(plaintext.size())) == 1 &&
                                written == static_cast<int>(plaintext.size())),
          "AES-256-GCM: sealing");
  unsigned char* const tag = out + kIvBytes + plaintext.size();
  Require(EVP_CipherFinal_ex(context.get(), tag, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1,
          "AES-256-GCM: tag");
  return sealed;
}

absl::StatusOr<std::string> Open(const SecretKey& key, std::string_view aad, std::string_view sealed) {
  if (sealed.size() < kSealOverheadBytes || sealed.size() > kMaxSealBytes + kSealOverheadBytes ||
      aad.size() > kMaxSealBytes) {
    return NotAuthentic();
  }
  thread_local const Owned<EVP_CIPHER_CTX> context = NewContext(Direction::kOpen);
  const unsigned char* const in = Bytes(sealed);
  const size_t size = sealed.size() - kSealOverheadBytes;
  Begin(context.get(), Direction::kOpen, key, in, aad);
  std::array<unsigned char, kTagBytes> tag;
  std::memcpy(tag.data(), in + kIvBytes + size, kTagBytes);
  std::string plaintext(size, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(plaintext.data());
  int written = 0;
  Require(
      size == 0 || EVP_CipherUpdate(context.get(), out, &written, in + kIvBytes, static_cast<int>(size)) == 1,
      "AES-256-GCM: opening");
  std::array<unsigned char, kTagBytes> rest;
  const bool authentic =
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_CipherFinal_ex(context.get(), rest.data(), &written) == 1;
  if (!authentic) {
    Wipe(plaintext);
    return NotAuthentic();
  }
  return plaintext;
}

SecretKey DeriveKey(const SecretKey& key, std::string_view info) {
  Hash bytes = HkdfExpandKey(key.bytes(), info);
  absl::StatusOr<SecretKey> derived = SecretKey::FromBytes(AsText(bytes));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  Require(derived.ok(), "HKDF");
  return *std::move(derived);
}

}  // namespace waypost::crypto
