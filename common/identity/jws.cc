#include "common/identity/jws.h"

#include <openssl/evp.h>
#include <rhonabwy.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/abseil.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/crypto/openssl.h"
#include "common/identity/base64url.h"
#include "common/identity/strict_json.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

using nlohmann::json;

struct Free {
  void operator()(jws_t* jws) const { r_jws_free(jws); }
  void operator()(jwk_t* jwk) const { r_jwk_free(jwk); }
  void operator()(char* text) const { r_free(text); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// The library asks for one call before all others.
void UseRhonabwy() {
  static const int ready = r_global_init();
  static_cast<void>(ready);
}

Owned<jws_t> NewJws() {
  UseRhonabwy();
  jws_t* jws = nullptr;
  return Owned<jws_t>(r_jws_init(&jws) == RHN_OK ? jws : nullptr);
}

Owned<jwk_t> NewJwk() {
  UseRhonabwy();
  jwk_t* jwk = nullptr;
  return Owned<jwk_t>(r_jwk_init(&jwk) == RHN_OK ? jwk : nullptr);
}

Owned<jwk_t> JwkFrom(const std::string& text) {
  Owned<jwk_t> jwk = NewJwk();
  if (jwk == nullptr || r_jwk_import_from_json_str(jwk.get(), text.c_str()) != RHN_OK) return nullptr;
  return jwk;
}

std::string TextOf(jwk_t* jwk) {
  const Owned<char> text(r_jwk_export_to_json_str(jwk, 0));
  return text == nullptr ? std::string() : std::string(text.get());
}

jwa_alg LibraryAlgorithm(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kEs256:
      return R_JWA_ALG_ES256;
    case Algorithm::kEdDsa:
      return R_JWA_ALG_EDDSA;
    case Algorithm::kRs256:
      return R_JWA_ALG_RS256;
    case Algorithm::kPs256:
      return R_JWA_ALG_PS256;
  }
  return R_JWA_ALG_UNKNOWN;
}

// Signatures of these two have one size; the library takes other sizes for other curves.
bool SignatureSizeFits(Algorithm algorithm, size_t size) {
  const bool fixed = algorithm == Algorithm::kEs256 || algorithm == Algorithm::kEdDsa;
  return fixed ? size == 64 : size >= kMinRsaBits / 8 && size <= kMaxRsaBits / 8;
}

bool IsTokenType(const json& typ) {
  if (!typ.is_string()) return false;
  const std::string text = typ.get<std::string>();
  return absl::EqualsIgnoreCase(text, "JWT") || absl::EqualsIgnoreCase(text, "at+jwt") ||
         absl::EqualsIgnoreCase(text, "application/at+jwt");
}

absl::Status CheckHeader(const json& header, Jws& jws) {
  for (const auto& [name, value] : header.items()) {
    if (name == "alg" || name == "kid" || name == "x5t" || name == "x5t#S256") continue;
    if (name == "typ" && IsTokenType(value)) continue;
    return error::TokenRefused("its header has a type or parameter that is not allowed");
  }
  const std::optional<Algorithm> algorithm = AlgorithmFromName(StringMember(header, "alg").value_or(""));
  if (!algorithm.has_value()) return error::TokenRefused("its algorithm is not allowed");
  jws.algorithm = *algorithm;
  jws.kid = StringMember(header, "kid").value_or("");
  if (jws.kid.empty() || jws.kid.size() > kMaxKidBytes) return error::TokenRefused("it names no key (kid)");
  return absl::OkStatus();
}

// The library leaves out a coordinate's leading zeros, where RFC 7518, section 6.2.1.2, wants all 32 bytes.
std::string WithWholeCoordinates(const std::string& text) {
  std::optional<json> jwk = ParseStrictObject(text);
  if (!jwk.has_value() || StringMember(*jwk, "kty") != "EC") return text;
  for (const char* name : {"x", "y", "d"}) {
    const std::optional<std::string> number = DecodeBase64Url(StringMember(*jwk, name).value_or(""));
    if (!number.has_value() || number->size() > 32) return text;
    (*jwk)[name] = EncodeBase64Url(std::string(32 - number->size(), '\0') + *number);
  }
  return jwk->dump();
}

absl::Status KeyRefused(std::string_view why) {
  return error::Make(absl::StatusCode::kInvalidArgument, "PRIVATE_KEY_REFUSED", why);
}

}  // namespace

absl::StatusOr<Jws> ParseJws(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return error::TokenRefused("it is too large");
  const std::vector<absl::string_view> parts = absl::StrSplit(base::ToAbsl(token), '.');
  if (parts.size() != 3) return error::TokenRefused("it is malformed");
  const std::optional<std::string> header_text = DecodeBase64Url(base::ToStd(parts[0]));
  std::optional<std::string> payload = DecodeBase64Url(base::ToStd(parts[1]));
  const std::optional<std::string> signature = DecodeBase64Url(base::ToStd(parts[2]));
  if (!header_text.has_value() || !payload.has_value() || payload->empty() || !signature.has_value()) {
    return error::TokenRefused("it is malformed");
  }
  const std::optional<json> header = ParseStrictObject(*header_text);
  if (!header.has_value()) return error::TokenRefused("it is malformed");
  Jws jws;
  WAYPOST_RETURN_IF_ERROR(CheckHeader(*header, jws));
  if (!SignatureSizeFits(jws.algorithm, signature->size()))
    return error::TokenRefused("its signature is wrong");
  jws.compact = token;
  jws.payload = *std::move(payload);
  return jws;
}

bool SignatureHolds(const Jws& jws, const SigningKey& key) {
  if (!key.algorithms.Has(jws.algorithm) || key.kid != jws.kid) return false;
  const Owned<jwk_t> public_key = JwkFrom(key.jwk);
  const Owned<jws_t> parsed = NewJws();
  if (public_key == nullptr || parsed == nullptr) return false;
  // R_PARSE_NONE: no key or certificate is taken from the header, and "none" is refused.
  if (r_jws_advanced_compact_parsen(parsed.get(), jws.compact.data(), jws.compact.size(), R_PARSE_NONE,
                                    R_FLAG_IGNORE_REMOTE) != RHN_OK ||
      r_jws_get_alg(parsed.get()) != LibraryAlgorithm(jws.algorithm)) {
    return false;
  }
  size_t size = 0;
  const unsigned char* const payload = r_jws_get_payload(parsed.get(), &size);
  if (payload == nullptr || jws.payload != std::string_view(reinterpret_cast<const char*>(payload), size))
    return false;
  return r_jws_verify_signature(parsed.get(), public_key.get(), R_FLAG_IGNORE_REMOTE) == RHN_OK;
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(Algorithm algorithm, std::string_view kid) {
  const Owned<jwk_t> secret = NewJwk();
  const Owned<jwk_t> open = NewJwk();
  int type = R_KEY_TYPE_EC;
  unsigned int bits = 256;
  if (algorithm == Algorithm::kEdDsa) type = R_KEY_TYPE_EDDSA;
  if (algorithm == Algorithm::kRs256 || algorithm == Algorithm::kPs256) {
    type = R_KEY_TYPE_RSA;
    bits = kMinRsaBits;
  }
  const std::string name(AlgorithmName(algorithm));
  if (secret == nullptr || open == nullptr ||
      r_jwk_generate_key_pair(secret.get(), open.get(), type, bits, std::string(kid).c_str()) != RHN_OK ||
      r_jwk_set_property_str(secret.get(), "alg", name.c_str()) != RHN_OK) {
    return error::Unavailable("the key generator", "it failed");
  }
  return Parse(WithWholeCoordinates(TextOf(secret.get())));
}

absl::StatusOr<PrivateKey> PrivateKey::FromEd25519Seed(std::string_view seed) {
  constexpr size_t kBytes = 32;
  constexpr size_t kKidCharacters = 16;
  if (seed.size() != kBytes) return KeyRefused("an Ed25519 key is made from 32 bytes");
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, crypto::internal::Bytes(seed), seed.size()),
      EVP_PKEY_free);
  std::string open(kBytes, '\0');
  size_t size = open.size();
  if (key == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(open.data()), &size) != 1 ||
      size != kBytes) {
    return KeyRefused("the public half cannot be made");
  }
  const json jwk = {{"kty", "OKP"},
                    {"crv", "Ed25519"},
                    {"x", EncodeBase64Url(open)},
                    {"d", EncodeBase64Url(seed)},
                    {"alg", AlgorithmName(Algorithm::kEdDsa)},
                    {"kid", EncodeBase64Url(crypto::Sha256(open)).substr(0, kKidCharacters)}};
  return Parse(jwk.dump());
}

absl::StatusOr<PrivateKey> PrivateKey::Parse(std::string_view jwk) {
  const std::optional<json> document = ParseStrictObject(jwk);
  if (!document.has_value() || !document->contains("d")) return KeyRefused("it is no private key");
  const std::optional<Algorithm> algorithm = AlgorithmFromName(StringMember(*document, "alg").value_or(""));
  const std::string kid = StringMember(*document, "kid").value_or("");
  if (!algorithm.has_value() || kid.empty()) return KeyRefused("its algorithm or kid is missing");
  json open = json::object();
  for (const char* name : {"kty", "crv", "x", "y", "n", "e", "alg", "kid"}) {
    if (document->contains(name)) open[name] = (*document)[name];
  }
  PrivateKey key;
  key.algorithm_ = *algorithm;
  key.kid_ = kid;
  key.jwk_ = std::string(jwk);
  key.public_jwk_ = open.dump();
  if (!ParseKeySet(base::Cat("{\"keys\":[", key.public_jwk_, "]}")).ok())
    return KeyRefused("its public half is unusable");
  return key;
}

absl::StatusOr<std::string> PrivateKey::Sign(std::string_view payload) const {
  const Owned<jwk_t> secret = JwkFrom(jwk_);
  const Owned<jws_t> jws = NewJws();
  if (secret == nullptr || jws == nullptr || r_jws_set_header_str_value(jws.get(), "typ", "JWT") != RHN_OK ||
      r_jws_set_header_str_value(jws.get(), "kid", kid_.c_str()) != RHN_OK ||
      r_jws_set_alg(jws.get(), LibraryAlgorithm(algorithm_)) != RHN_OK ||
      r_jws_set_payload(jws.get(), reinterpret_cast<const unsigned char*>(payload.data()), payload.size()) !=
          RHN_OK) {
    return error::Unavailable("the signer", "it failed");
  }
  const Owned<char> token(r_jws_serialize(jws.get(), secret.get(), R_FLAG_IGNORE_REMOTE));
  if (token == nullptr) return error::Unavailable("the signer", "it failed");
  return std::string(token.get());
}

}  // namespace waypost::identity
