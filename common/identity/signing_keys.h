// The public keys of an issuer (RFC 7517, JSON Web Key Set), reduced to what may verify a token here.
#ifndef WAYPOST_COMMON_IDENTITY_SIGNING_KEYS_H_
#define WAYPOST_COMMON_IDENTITY_SIGNING_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/policy/policy.h"

namespace waypost::identity {

inline constexpr size_t kMaxJwksBytes = size_t{256} * 1024;
inline constexpr size_t kMaxJwksKeys = 64;
inline constexpr size_t kMaxKidBytes = 256;
// NIST SP 800-131A; and what a verifier can be made to work through.
inline constexpr int kMinRsaBits = 2048;
inline constexpr int kMaxRsaBits = 8192;

// All that exist for Waypost. No symmetric one, and no "none".
enum class Algorithm : uint8_t { kEs256, kEdDsa, kRs256, kPs256 };
using Algorithms = policy::EnumSet<Algorithm>;

std::string_view AlgorithmName(Algorithm algorithm);
std::optional<Algorithm> AlgorithmFromName(std::string_view name);

// One public key. Immutable.
struct SigningKey {
  std::string kid;
  Algorithms algorithms;  // what it may verify; follows from its type, and from its "alg" where it has one
  std::string jwk;        // key type, parameters and nothing else, as JSON
};

// The keys of one issuer, by kid. Immutable, thread-safe.
class KeySet {
 public:
  KeySet() = default;
  explicit KeySet(std::vector<SigningKey> keys) : keys_(std::move(keys)) {}

  // nullptr when there is none. Valid while this is.
  const SigningKey* Find(std::string_view kid) const;
  size_t size() const { return keys_.size(); }
  // True when both would verify the same tokens.
  bool SameAs(const KeySet& other) const;

 private:
  std::vector<SigningKey> keys_;
};

// INVALID_ARGUMENT / KEY_SET_REFUSED, for the whole set, when it is not well-formed, over a limit, holds a
// private or symmetric key, gives one kid twice, or has no key of use here. Keys for other uses and
// algorithms, and keys without a kid, are left out.
absl::StatusOr<KeySet> ParseKeySet(std::string_view jwks);

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_SIGNING_KEYS_H_
