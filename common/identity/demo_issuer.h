// The issuer of tokens that a demonstration has built in. It exists only for a data folder stamped as one.
#ifndef WAYPOST_COMMON_IDENTITY_DEMO_ISSUER_H_
#define WAYPOST_COMMON_IDENTITY_DEMO_ISSUER_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/identity/claims.h"
#include "common/identity/data_folder.h"
#include "common/identity/jws.h"
#include "common/identity/token_verifier.h"
#include "common/policy/policy.h"

namespace waypost::identity {

inline constexpr std::string_view kDemoIssuerName = "https://demo.waypost.invalid";
inline constexpr std::string_view kDemoAudience = "waypost-demo";
// The private key's file, in the data folder.
inline constexpr std::string_view kDemoKeyName = "demo-issuer.jwk";

// Thread-safe.
class DemoIssuer {
 public:
  struct Grant {
    std::string body;     // "bodies/es-fuenlabrada"
    std::string subject;  // who; becomes a pseudonym
    policy::Roles roles;
    std::vector<std::string> units = {};
    absl::Duration lifetime = absl::Hours(8);
  };

  // Makes the key at the first time. FAILED_PRECONDITION / DEMO_REFUSED unless `folder` is a demonstration.
  static absl::StatusOr<std::unique_ptr<DemoIssuer>> Open(const DataFolder& folder, base::Random& random);

  // A token that a verifier which trusts this issuer accepts. INVALID_ARGUMENT / TOKEN_NOT_MADE for a grant
  // that it would refuse.
  absl::StatusOr<std::string> Mint(const Grant& grant, absl::Time now) const;

  // Trust in this issuer; the only one that the verifier of a demonstration is given.
  TrustedIssuer Trust() const;

 private:
  explicit DemoIssuer(PrivateKey key) : key_(std::move(key)) {}

  const PrivateKey key_;
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_DEMO_ISSUER_H_
