#include "common/identity/claims.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/api/names.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/identity/actor.h"
#include "common/identity/strict_json.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

using nlohmann::json;

// Seconds of Unix time that a token may name: until the year 9999.
constexpr double kMaxNumericDate = 253402300799.0;

absl::Status Refused(std::string_view why) {
  return error::TokenRefused(why);
}

bool IsPlainText(std::string_view text, size_t limit) {
  return !text.empty() && text.size() <= limit && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
}

// RFC 7519, NumericDate: seconds, perhaps with a fraction.
std::optional<absl::Time> NumericDate(const json& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.get<double>();
  if (!(seconds >= 0 && seconds <= kMaxNumericDate)) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

absl::Status ReadTime(const json& payload, const char* name, absl::Time& time) {
  const auto found = payload.find(name);
  if (found == payload.end()) return absl::OkStatus();
  const std::optional<absl::Time> instant = NumericDate(*found);
  if (!instant.has_value()) return Refused(base::Cat("its claim ", name, " is malformed"));
  time = *instant;
  return absl::OkStatus();
}

// The texts in an array claim, or nullopt.
std::optional<std::vector<std::string>> Texts(const json& value, size_t limit) {
  if (!value.is_array() || value.size() > limit) return std::nullopt;
  std::vector<std::string> texts;
  for (const json& entry : value) {
    if (!entry.is_string()) return std::nullopt;
    texts.push_back(entry.get<std::string>());
  }
  return texts;
}

absl::Status ReadAudiences(const json& payload, Claims& claims) {
  if (const auto one = StringMember(payload, "aud"); one.has_value()) {
    claims.audiences = {*one};
    return absl::OkStatus();
  }
  const auto several = payload.contains("aud") ? Texts(payload["aud"], kMaxAudiences) : std::nullopt;
  if (!several.has_value() || several->empty()) return Refused("its claim aud is missing or malformed");
  claims.audiences = *several;
  return absl::OkStatus();
}

absl::Status ReadRoles(const json& payload, Claims& claims) {
  const auto names = payload.contains("roles") ? Texts(payload["roles"], policy::kRoleCount) : std::nullopt;
  if (!names.has_value() || names->empty()) return Refused("its claim roles is missing or malformed");
  for (const std::string& name : *names) {
    const std::optional<policy::Role> role = policy::RoleFromName(name);
    if (!role.has_value()) return Refused("it names an unknown role");
    claims.roles.Add(*role);
  }
  return absl::OkStatus();
}

absl::Status ReadUnits(const json& payload, Claims& claims) {
  if (!payload.contains("units")) return absl::OkStatus();
  auto units = Texts(payload["units"], kMaxUnits);
  if (!units.has_value()) return Refused("its claim units is malformed");
  const std::string prefix = base::Cat(claims.body, "/");
  for (const std::string& unit : *units) {
    if (unit.compare(0, prefix.size(), prefix) != 0 || !api::IsName(unit, {"bodies", "units"})) {
      return Refused("it names a unit that is malformed or of another body");
    }
  }
  claims.units = *std::move(units);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Claims> ParseClaims(std::string_view payload_text) {
  const std::optional<json> payload = ParseStrictObject(payload_text);
  if (!payload.has_value()) return Refused("its claims are malformed, or one is given twice");
  Claims claims;
  claims.issuer = StringMember(*payload, "iss").value_or("");
  claims.subject = StringMember(*payload, "sub").value_or("");
  claims.body = StringMember(*payload, "body").value_or("");
  if (!IsPlainText(claims.issuer, kMaxIssuerBytes)) return Refused("its claim iss is missing or malformed");
  if (!IsPlainText(claims.subject, kMaxSubjectBytes)) return Refused("its claim sub is missing or malformed");
  if (!api::IsName(claims.body, {"bodies"})) return Refused("its claim body is missing or malformed");
  if (!payload->contains("exp")) return Refused("its claim exp is missing");
  WAYPOST_RETURN_IF_ERROR(ReadTime(*payload, "exp", claims.expires));
  WAYPOST_RETURN_IF_ERROR(ReadTime(*payload, "nbf", claims.not_before));
  WAYPOST_RETURN_IF_ERROR(ReadTime(*payload, "iat", claims.issued_at));
  WAYPOST_RETURN_IF_ERROR(ReadAudiences(*payload, claims));
  WAYPOST_RETURN_IF_ERROR(ReadRoles(*payload, claims));
  WAYPOST_RETURN_IF_ERROR(ReadUnits(*payload, claims));
  return claims;
}

absl::Status CheckClaims(const Claims& claims, std::string_view issuer, std::string_view audience,
                         absl::Time now) {
  if (claims.issuer != issuer) return Refused("wrong issuer");
  if (std::find(claims.audiences.begin(), claims.audiences.end(), audience) == claims.audiences.end()) {
    return Refused("wrong audience");
  }
  if (now >= claims.expires + kClockSkew) return Refused("expired");
  if (now < claims.not_before - kClockSkew) return Refused("not valid yet");
  if (now < claims.issued_at - kClockSkew) return Refused("issued in the future");
  const absl::Time from = claims.issued_at == absl::InfinitePast() ? now : claims.issued_at;
  if (claims.expires - from > kMaxTokenLifetime) return Refused("valid for too long");
  return absl::OkStatus();
}

std::string ActorPseudonym(const crypto::SecretKey& key, std::string_view body, std::string_view issuer,
                           std::string_view subject) {
  std::string input(body);
  input.push_back('\0');
  input.append(issuer);
  input.push_back('\0');
  input.append(subject);
  const crypto::Hash hash = crypto::HmacSha256Array(key.bytes(), input);
  std::string actor(kActorPrefix);
  // 10 bytes are kActorCharacters groups of 5 bits.
  uint32_t bits = 0;
  int held = 0;
  for (size_t i = 0; i < 10; ++i) {
    bits = (bits << 8) | hash[i];
    for (held += 8; held >= 5; held -= 5) actor.push_back(kActorAlphabet[(bits >> (held - 5)) & 31]);
  }
  return actor;
}

}  // namespace waypost::identity
