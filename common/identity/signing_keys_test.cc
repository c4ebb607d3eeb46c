#include "common/identity/signing_keys.h"

#include <gtest/gtest.h>

#include <string>

#include "common/identity/testing.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

using nlohmann::json;

// RFC 7515, A.3; RFC 8037, A.2.
const json kEc = {{"kty", "EC"},
                  {"kid", "ec"},
                  {"crv", "P-256"},
                  {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                  {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}};
const json kEd = {
    {"kty", "OKP"}, {"kid", "ed"}, {"crv", "Ed25519"}, {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}};

json Rsa(size_t bytes, std::string_view exponent) {
  return {{"kty", "RSA"},
          {"kid", "rsa"},
          {"n", EncodeBase64Url(std::string(bytes, '\xC1'))},
          {"e", EncodeBase64Url(exponent)}};
}
const std::string kF4("\x01\x00\x01", 3);

json With(json key, const char* name, json value) {
  key[name] = std::move(value);
  return key;
}

absl::StatusOr<KeySet> Parse(const std::vector<json>& keys) {
  return ParseKeySet(json{{"keys", keys}}.dump());
}

TEST(KeySet, AlgorithmsFollowFromTheType) {
  const auto keys = Parse({kEc, kEd, Rsa(256, kF4)});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->Find("ec")->algorithms, Algorithms{Algorithm::kEs256});
  EXPECT_EQ(keys->Find("ed")->algorithms, Algorithms{Algorithm::kEdDsa});
  EXPECT_EQ(keys->Find("rsa")->algorithms, (Algorithms{Algorithm::kRs256, Algorithm::kPs256}));
  EXPECT_EQ(keys->Find("none"), nullptr);
}

TEST(KeySet, ItsOwnAlgorithmNarrows) {
  EXPECT_EQ(Parse({With(Rsa(256, kF4), "alg", "PS256")})->Find("rsa")->algorithms,
            Algorithms{Algorithm::kPs256});
  for (const char* algorithm : {"ES256", "HS256", "none", "RS512", "RSA-OAEP", ""}) {
    EXPECT_FALSE(Parse({With(Rsa(256, kF4), "alg", algorithm)}).ok()) << algorithm;
  }
  EXPECT_FALSE(Parse({With(Rsa(256, kF4), "alg", 1)}).ok());
}

TEST(KeySet, KeepsParametersOnly) {
  const auto keys =
      Parse({With(With(kEc, "x5u", "https://evil.example/cert"), "x5c", json::array({"AAAA"}))});
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(json::parse(keys->Find("ec")->jwk).size(), 4U);
}

TEST(KeySet, LeavesOutWhatIsOfNoUse) {
  EXPECT_EQ(Parse({kEc, With(kEd, "use", "enc")})->size(), 1U);
  EXPECT_EQ(Parse({kEc, With(kEd, "key_ops", json::array({"sign"}))})->size(), 1U);
  EXPECT_EQ(Parse({kEc, With(kEd, "key_ops", json::array({"verify"}))})->size(), 2U);
  EXPECT_EQ(Parse({kEc, With(kEd, "use", "sig")})->size(), 2U);
  EXPECT_EQ(Parse({kEc, With(kEd, "kid", nullptr)})->size(), 1U);
  EXPECT_EQ(Parse({kEc, With(kEd, "crv", "X25519")})->size(), 1U);
  EXPECT_EQ(Parse({kEd, With(kEc, "crv", "P-384")})->size(), 1U);
  EXPECT_EQ(Parse({kEc, With(kEd, "x", "AAAA")})->size(), 1U);
  EXPECT_EQ(Parse({kEc, With(kEd, "kty", "AKP")})->size(), 1U);
}

TEST(KeySet, WeakRsaKeysAreLeftOut) {
  EXPECT_FALSE(Parse({Rsa(255, kF4)}).ok());
  EXPECT_FALSE(Parse({Rsa(1025, kF4)}).ok());
  EXPECT_FALSE(Parse({Rsa(256, "\x01")}).ok());
  EXPECT_FALSE(Parse({Rsa(256, "\x02")}).ok());
  EXPECT_FALSE(Parse({Rsa(256, "")}).ok());
  EXPECT_FALSE(Parse({Rsa(256, std::string(8, '\x03'))}).ok());
  EXPECT_TRUE(Parse({Rsa(1024, "\x03")}).ok());
}

TEST(KeySet, ASecretRefusesTheWholeSet) {
  for (const json& key : {With(kEc, "d", "AAAA"), With(Rsa(256, kF4), "p", "AAAA"), With(kEd, "k", "AAAA"),
                          json{{"kty", "oct"}, {"kid", "o"}}}) {
    EXPECT_EQ(error::ReasonOf(Parse({kEd, key}).status()), "KEY_SET_REFUSED") << key;
  }
}

TEST(KeySet, OneKidTwiceRefusesTheWholeSet) {
  EXPECT_FALSE(Parse({kEc, With(kEd, "kid", "ec")}).ok());
  EXPECT_FALSE(Parse({kEc, kEc}).ok());
}

TEST(KeySet, MalformedSetsAreRefused) {
  for (const std::string text : {"", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1]}",
                                 "{\"keys\":[{}]}", "{\"keys\":[],\"keys\":[]}"}) {
    EXPECT_EQ(error::ReasonOf(ParseKeySet(text).status()), "KEY_SET_REFUSED") << text;
  }
  EXPECT_FALSE(ParseKeySet(json{{"keys", {kEc}}}.dump() + std::string(kMaxJwksBytes, ' ')).ok());
  std::vector<json> many;
  for (size_t i = 0; i < kMaxJwksKeys; ++i) many.push_back(With(kEc, "kid", base::Cat(i)));
  EXPECT_TRUE(Parse(many).ok());
  many.push_back(kEc);
  EXPECT_FALSE(Parse(many).ok());
  EXPECT_FALSE(Parse({With(kEc, "kid", std::string(kMaxKidBytes + 1, 'k'))}).ok());
}

TEST(KeySet, KnowsWhenItHasChanged) {
  const KeySet keys = *Parse({kEc, kEd});
  EXPECT_TRUE(keys.SameAs(*Parse({kEd, With(kEc, "x5t", "AAAA")})));
  EXPECT_FALSE(keys.SameAs(*Parse({kEc})));
  EXPECT_FALSE(keys.SameAs(*Parse({kEc, With(kEd, "kid", "other")})));
  EXPECT_FALSE(keys.SameAs(*Parse({kEc, With(kEd, "x", EncodeBase64Url(std::string(32, 'x')))})));
  EXPECT_FALSE(KeySet().SameAs(keys));
}

TEST(Algorithms, HaveNames) {
  for (const Algorithm algorithm :
       {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256, Algorithm::kPs256}) {
    EXPECT_EQ(AlgorithmFromName(AlgorithmName(algorithm)), algorithm);
  }
  for (const char* name : {"none", "None", "HS256", "es256", "RS384", ""}) {
    EXPECT_EQ(AlgorithmFromName(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace waypost::identity
