// Signed tokens in compact form (RFC 7515): taken apart strictly here; the signature itself is checked and
// made by librhonabwy, which sees only what has passed these checks and never a key or address from the
// token.
#ifndef WAYPOST_COMMON_IDENTITY_JWS_H_
#define WAYPOST_COMMON_IDENTITY_JWS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/identity/signing_keys.h"

namespace waypost::identity {

inline constexpr size_t kMaxTokenBytes = size_t{8} * 1024;

// A token taken apart. Nothing in it is verified yet.
struct Jws {
  std::string compact;
  Algorithm algorithm = Algorithm::kEs256;
  std::string kid;
  std::string payload;  // decoded
};

// UNAUTHENTICATED / TOKEN_REFUSED unless `token` is at most kMaxTokenBytes, of three canonical base64url
// parts, whose header names one of our algorithms, a kid, and nothing else but "typ" (a JWT or access token)
// and certificate thumbprints, which are ignored. So "none", HS256, an embedded key or certificate, an
// address to fetch one from, compression and critical extensions are refused. Thread-safe.
absl::StatusOr<Jws> ParseJws(std::string_view token);

// True when `key` may be used with the token's algorithm and its signature over the token holds. Thread-safe.
bool SignatureHolds(const Jws& jws, const SigningKey& key);

// A private key of an issuer, for ES256 (demo issuer, tests), EdDSA (receipts) or the other algorithms
// (tests). Immutable, thread-safe.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(Algorithm algorithm, std::string_view kid);
  // An Ed25519 key, the same for the same 32 bytes, with a kid that follows from its public half.
  // INVALID_ARGUMENT for another size.
  static absl::StatusOr<PrivateKey> FromEd25519Seed(std::string_view seed);
  // INVALID_ARGUMENT unless `jwk` is what Serialize returned.
  static absl::StatusOr<PrivateKey> Parse(std::string_view jwk);

  std::string Serialize() const { return jwk_; }
  Algorithm algorithm() const { return algorithm_; }
  const std::string& kid() const { return kid_; }
  // The public half, as a member of a JWKS.
  const std::string& public_jwk() const { return public_jwk_; }

  // The compact token with `payload`.
  absl::StatusOr<std::string> Sign(std::string_view payload) const;

 private:
  PrivateKey() = default;

  Algorithm algorithm_ = Algorithm::kEs256;
  std::string kid_;
  std::string jwk_;
  std::string public_jwk_;
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_JWS_H_
