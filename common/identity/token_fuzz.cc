// Tokens, claims and key sets made of arbitrary bytes. Nobody here has a private key, so no token may be
// accepted; and whatever claims are accepted obey their rules.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "common/api/names.h"
#include "common/base/clock.h"
#include "common/identity/claims.h"
#include "common/identity/signing_keys.h"
#include "common/identity/token_verifier.h"

namespace waypost::identity {
namespace {

// The public keys of RFC 7515, appendix A.3 (P-256), and RFC 8037, appendix A (Ed25519).
constexpr std::string_view kKeys = R"({"keys":[
  {"kty":"EC","kid":"ec","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
   "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
  {"kty":"OKP","kid":"ed","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

void Require(bool holds) {
  if (!holds) std::abort();
}

TokenVerifier& Verifier() {
  static const base::SystemClock clock;
  static const std::unique_ptr<TokenVerifier> verifier = [] {
    auto made = TokenVerifier::Create(
        {.issuers = {{.issuer = "https://issuer.example",
                      .audience = "waypost",
                      .keys = std::make_shared<StaticJwksSource>(std::string(kKeys))}},
         .actor_key = *crypto::SecretKey::FromBytes(std::string(crypto::kKeyBytes, 'a'))},
        clock);
    Require(made.ok() && (*made)->Refresh().ok());
    return *std::move(made);
  }();
  return *verifier;
}

void CheckAccepted(const Claims& claims) {
  Require(api::IsName(claims.body, {"bodies"}) && !claims.subject.empty() && !claims.issuer.empty());
  Require(!claims.roles.empty() && claims.roles.bits() < (1U << policy::kRoleCount));
  Require(claims.units.size() <= kMaxUnits && !claims.audiences.empty());
  for (const std::string& unit : claims.units) Require(unit.compare(0, claims.body.size(), claims.body) == 0);
}

}  // namespace
}  // namespace waypost::identity

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waypost::identity;  // NOLINT(google-build-using-namespace): the one function of this file
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Require(!Verifier().Verify(input).ok());
  if (const auto claims = ParseClaims(input); claims.ok()) CheckAccepted(*claims);
  if (const auto keys = ParseKeySet(input); keys.ok())
    Require(keys->size() > 0 && keys->size() <= kMaxJwksKeys);
  return 0;
}
