#include "common/identity/signing_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/base64url.h"
#include "common/identity/strict_json.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, Algorithm>, 4> kAlgorithms = {{
    {"ES256", Algorithm::kEs256},
    {"EdDSA", Algorithm::kEdDsa},
    {"RS256", Algorithm::kRs256},
    {"PS256", Algorithm::kPs256},
}};

absl::Status Refused(std::string_view why) {
  return error::Make(absl::StatusCode::kInvalidArgument, "KEY_SET_REFUSED",
                     base::Cat("the key set (JWKS) is refused: ", why));
}

// The bytes of a base64url member; empty when it is absent or malformed.
std::string BytesOf(const json& key, std::string_view name) {
  const auto text = StringMember(key, name);
  return text.has_value() ? DecodeBase64Url(*text).value_or(std::string()) : std::string();
}

size_t BitsOf(std::string_view number) {
  while (!number.empty() && number.front() == '\0') number.remove_prefix(1);
  if (number.empty()) return 0;
  size_t bits = number.size() * 8;
  for (unsigned int top = static_cast<uint8_t>(number.front()); (top & 0x80U) == 0; top <<= 1) --bits;
  return bits;
}

// "sig" and "verify", where it says what it is for.
bool IsForSignatures(const json& key) {
  if (key.contains("use") && key["use"] != "sig") return false;
  const auto operations = key.find("key_ops");
  return operations == key.end() ||
         (operations->is_array() &&
          std::find(operations->begin(), operations->end(), "verify") != operations->end());
}

// What a key of this type can verify, its own "alg" aside, and its parameters. Empty for others.
Algorithms ByType(const json& key, json& parameters) {
  const std::string type = StringMember(key, "kty").value_or("");
  const std::string curve = StringMember(key, "crv").value_or("");
  if (type == "RSA") {
    const size_t bits = BitsOf(BytesOf(key, "n"));
    const std::string exponent = BytesOf(key, "e");
    const bool odd = !exponent.empty() && exponent.size() <= 4 && (exponent.back() & 1) != 0;
    if (bits < size_t{kMinRsaBits} || bits > size_t{kMaxRsaBits} || !odd || exponent == "\x01") return {};
    parameters = {{"kty", type}, {"n", key["n"]}, {"e", key["e"]}};
    return {Algorithm::kRs256, Algorithm::kPs256};
  }
  if (type == "EC" && curve == "P-256" && BytesOf(key, "x").size() == 32 && BytesOf(key, "y").size() == 32) {
    parameters = {{"kty", type}, {"crv", curve}, {"x", key["x"]}, {"y", key["y"]}};
    return {Algorithm::kEs256};
  }
  if (type == "OKP" && curve == "Ed25519" && BytesOf(key, "x").size() == 32) {
    parameters = {{"kty", type}, {"crv", curve}, {"x", key["x"]}};
    return {Algorithm::kEdDsa};
  }
  return {};
}

// nullopt for a key that is of no use here.
absl::StatusOr<std::optional<SigningKey>> ParseKey(const json& key) {
  if (!key.is_object()) return Refused("a key is no object");
  if (StringMember(key, "kty") == "oct") return Refused("it holds a symmetric key");
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (key.contains(secret)) return Refused("it holds a private key");
  }
  const std::string kid = StringMember(key, "kid").value_or("");
  if (kid.size() > kMaxKidBytes) return Refused("a kid is too long");
  json parameters;
  Algorithms algorithms = IsForSignatures(key) ? ByType(key, parameters) : Algorithms();
  if (key.contains("alg")) {
    const std::optional<Algorithm> named = AlgorithmFromName(StringMember(key, "alg").value_or(""));
    algorithms = algorithms.Intersection(named.has_value() ? Algorithms{*named} : Algorithms());
  }
  if (kid.empty() || algorithms.empty()) return std::optional<SigningKey>();
  return std::optional<SigningKey>({.kid = kid, .algorithms = algorithms, .jwk = parameters.dump()});
}

}  // namespace

std::string_view AlgorithmName(Algorithm algorithm) {
  for (const auto& [name, value] : kAlgorithms) {
    if (value == algorithm) return name;
  }
  return "";
}

std::optional<Algorithm> AlgorithmFromName(std::string_view name) {
  for (const auto& [known, algorithm] : kAlgorithms) {
    if (known == name) return algorithm;
  }
  return std::nullopt;
}

const SigningKey* KeySet::Find(std::string_view kid) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [kid](const SigningKey& key) { return key.kid == kid; });
  return found == keys_.end() ? nullptr : &*found;
}

bool KeySet::SameAs(const KeySet& other) const {
  return keys_.size() == other.keys_.size() &&
         std::all_of(keys_.begin(), keys_.end(), [&other](const SigningKey& key) {
           const SigningKey* const same = other.Find(key.kid);
           return same != nullptr && same->jwk == key.jwk && same->algorithms == key.algorithms;
         });
}

absl::StatusOr<KeySet> ParseKeySet(std::string_view jwks) {
  if (jwks.size() > kMaxJwksBytes) return Refused("it is too large");
  const std::optional<json> document = ParseStrictObject(jwks);
  if (!document.has_value() || !document->contains("keys") || !(*document)["keys"].is_array()) {
    return Refused("it is no JSON object with an array 'keys', or names a member twice");
  }
  const json& entries = (*document)["keys"];
  if (entries.size() > kMaxJwksKeys) return Refused("it holds too many keys");
  std::vector<SigningKey> keys;
  std::vector<std::string> kids;
  for (const json& entry : entries) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<SigningKey> key, ParseKey(entry));
    if (!key.has_value()) continue;
    if (std::find(kids.begin(), kids.end(), key->kid) != kids.end()) return Refused("it gives one kid twice");
    kids.push_back(key->kid);
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) return Refused("it holds no key for ES256, EdDSA, RS256 or PS256 with a kid");
  return KeySet(std::move(keys));
}

}  // namespace waypost::identity
