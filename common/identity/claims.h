// What a token says about its bearer (RFC 7519, RFC 9068), and when Waypost believes it. Pure.
#ifndef WAYPOST_COMMON_IDENTITY_CLAIMS_H_
#define WAYPOST_COMMON_IDENTITY_CLAIMS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/crypto/aead.h"
#include "common/policy/policy.h"

namespace waypost::identity {

// How far the issuer's clock may be from ours, for expiry, not-before and issued-at alike.
inline constexpr absl::Duration kClockSkew = absl::Seconds(60);
// From issue (or, without "iat", from now) to expiry.
inline constexpr absl::Duration kMaxTokenLifetime = absl::Hours(24);
inline constexpr size_t kMaxSubjectBytes = 255;
inline constexpr size_t kMaxIssuerBytes = 255;
inline constexpr size_t kMaxAudiences = 16;
inline constexpr size_t kMaxUnits = 64;

struct Claims {
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  absl::Time expires;
  absl::Time not_before = absl::InfinitePast();
  absl::Time issued_at = absl::InfinitePast();  // InfinitePast: not said
  std::string body;                             // "bodies/es-fuenlabrada"
  policy::Roles roles;                          // at least one
  std::vector<std::string> units;               // of that body
};

// Requires "iss", "sub", "aud" (one or several), "exp", "body" and "roles"; takes "nbf", "iat" and "units";
// passes over any other claim. UNAUTHENTICATED / TOKEN_REFUSED for a missing or malformed claim, an unknown
// role, a unit of another body, or a limit passed. Thread-safe.
absl::StatusOr<Claims> ParseClaims(std::string_view payload);

// TOKEN_REFUSED for a wrong audience, an expired token, one not valid yet, issued in the future, or valid for
// longer than kMaxTokenLifetime. The caller has chosen the issuer's rules by the signature's key.
absl::Status CheckClaims(const Claims& claims, std::string_view issuer, std::string_view audience,
                         absl::Time now);

// "actors/" and 16 characters of base 32: stable for the person within the body and issuer, and unlinked to
// what the same person does for another body. Only who has the key and the subject can tell who it is.
// Its form is in actor.h.
std::string ActorPseudonym(const crypto::SecretKey& key, std::string_view body, std::string_view issuer,
                           std::string_view subject);

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_CLAIMS_H_
