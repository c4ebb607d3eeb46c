#include "common/identity/demo_issuer.h"

#include <nlohmann/json.hpp>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/crypto/private_file.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

absl::Status NotMade(std::string_view why) {
  return error::Make(absl::StatusCode::kInvalidArgument, "TOKEN_NOT_MADE",
                     base::Cat("no token was made, since it would be refused: ", why));
}

absl::Status MakeKey(const DataFolder& folder, base::Random& random) {
  WAYPOST_ASSIGN_OR_RETURN(const PrivateKey key,
                           PrivateKey::Generate(Algorithm::kEs256, base::ToHex(random.Bytes(8))));
  std::string text = key.Serialize();
  const absl::Status status =
      crypto::WritePrivateFile(folder.dir(), kDemoKeyName, text, crypto::IfExists::kRefuse, random);
  crypto::Wipe(text);
  // Another process has made one meanwhile: use that.
  return status.code() == absl::StatusCode::kAlreadyExists ? absl::OkStatus() : status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DemoIssuer>> DemoIssuer::Open(const DataFolder& folder, base::Random& random) {
  if (!folder.demo()) {
    return error::Make(absl::StatusCode::kFailedPrecondition, "DEMO_REFUSED",
                       base::Cat("the data folder '", folder.dir(),
                                 "' was not made for a demonstration: it has no built-in issuer of tokens"));
  }
  const std::string path = base::Cat(folder.dir(), "/", kDemoKeyName);
  absl::StatusOr<std::string> text = crypto::ReadPrivateFile(path);
  if (text.status().code() == absl::StatusCode::kNotFound) {
    WAYPOST_RETURN_IF_ERROR(MakeKey(folder, random));
    text = crypto::ReadPrivateFile(path);
  }
  if (!text.ok()) return text.status();
  absl::StatusOr<PrivateKey> key = PrivateKey::Parse(*text);
  crypto::Wipe(*text);
  if (!key.ok()) return error::DataLoss("the key of the demo issuer");
  return std::unique_ptr<DemoIssuer>(new DemoIssuer(*std::move(key)));
}

absl::StatusOr<std::string> DemoIssuer::Mint(const Grant& grant, absl::Time now) const {
  const auto seconds = [](absl::Time time) { return absl::ToUnixSeconds(time); };
  nlohmann::json payload = {{"iss", kDemoIssuerName}, {"aud", kDemoAudience},
                            {"sub", grant.subject},   {"iat", seconds(now)},
                            {"nbf", seconds(now)},    {"exp", seconds(now + grant.lifetime)},
                            {"body", grant.body},     {"roles", nlohmann::json::array()}};
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const auto role = static_cast<policy::Role>(i);
    if (grant.roles.Has(role)) payload["roles"].push_back(policy::RoleName(role));
  }
  if (!grant.units.empty()) payload["units"] = grant.units;
  if (grant.lifetime <= absl::ZeroDuration()) return NotMade("it would have expired");
  const std::string text = payload.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const absl::StatusOr<Claims> claims = ParseClaims(text);
  if (!claims.ok()) return NotMade(error::MetadataOf(claims.status(), "why"));
  const absl::Status check = CheckClaims(*claims, kDemoIssuerName, kDemoAudience, now);
  if (!check.ok()) return NotMade(error::MetadataOf(check, "why"));
  WAYPOST_ASSIGN_OR_RETURN(std::string token, key_.Sign(text));
  if (token.size() > kMaxTokenBytes) return NotMade("it is too large");
  return token;
}

TrustedIssuer DemoIssuer::Trust() const {
  return {.issuer = std::string(kDemoIssuerName),
          .audience = std::string(kDemoAudience),
          .keys = std::make_shared<StaticJwksSource>(base::Cat("{\"keys\":[", key_.public_jwk(), "]}"))};
}

}  // namespace waypost::identity
