#include "common/identity/token_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/testing.h"
#include "common/identity/key_refresher.h"
#include "common/identity/testing.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

using nlohmann::json;

// Made once: an RSA key takes a second under a sanitizer.
const PrivateKey& Key(Algorithm algorithm, const std::string& kid = "k1") {
  static std::map<std::pair<Algorithm, std::string>, PrivateKey>& keys =
      *new std::map<std::pair<Algorithm, std::string>, PrivateKey>();
  const auto found = keys.find({algorithm, kid});
  if (found != keys.end()) return found->second;
  return keys.emplace(std::pair(algorithm, kid), *PrivateKey::Generate(algorithm, kid)).first->second;
}

class Verifying : public testing::Test {
 protected:
  void SetUp() override { verifier_ = Verifier({Trusted()}); }

  TrustedIssuer Trusted() const {
    return {.issuer = std::string(kTestIssuer), .audience = std::string(kTestAudience), .keys = source_};
  }
  std::unique_ptr<TokenVerifier> Verifier(std::vector<TrustedIssuer> issuers, size_t cache_entries = 1024,
                                          double signature_rate = kSignatureRate) {
    auto verifier = TokenVerifier::Create({.issuers = std::move(issuers),
                                           .actor_key = *crypto::SecretKey::FromBytes(std::string(32, 'a')),
                                           .cache_entries = cache_entries,
                                           .signature_rate = signature_rate},
                                          clock_);
    EXPECT_TRUE(verifier.ok()) << verifier.status();
    EXPECT_TRUE((*verifier)->Refresh().ok());
    return *std::move(verifier);
  }
  static std::string Token(const json& claims, const PrivateKey& key = Key(Algorithm::kEs256)) {
    return *key.Sign(claims.dump());
  }
  static std::string TokenWith(const char* name, json value) {
    json claims = TestClaims();
    claims[name] = std::move(value);
    return Token(claims);
  }
  // Why the token is refused; empty when it is accepted.
  std::string WhyRefused(const std::string& token) {
    const absl::Status status = verifier_->Verify(token).status();
    EXPECT_TRUE(status.ok() || error::ReasonOf(status) == "TOKEN_REFUSED") << status;
    EXPECT_EQ(verifier_->Verify(token).status(), status) << "the second time";
    return error::MetadataOf(status, "why");
  }

  crypto::TestClock clock_{kTestNow};
  std::shared_ptr<TestJwksSource> source_ =
      std::make_shared<TestJwksSource>(JwksOf({&Key(Algorithm::kEs256)}), /*remote=*/true);
  std::unique_ptr<TokenVerifier> verifier_;
};

TEST_F(Verifying, MakesACaller) {
  const auto caller = verifier_->Verify(Token(TestClaims()));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->body, "bodies/es-fuenlabrada");
  EXPECT_THAT((*caller)->actor, testing::MatchesRegex("actors/[a-z2-7]{16}"));
  EXPECT_EQ((*caller)->actor.find("person"), std::string::npos);
  EXPECT_EQ((*caller)->roles, (policy::Roles{policy::Role::kCaseworker, policy::Role::kSupervisor}));
  EXPECT_TRUE((*caller)->MemberOf("bodies/es-fuenlabrada/units/housing"));
  EXPECT_EQ((*caller)->expires, kTestNow + absl::Hours(1) + kClockSkew);
}

TEST_F(Verifying, EveryAlgorithmIsAccepted) {
  const PrivateKey& ec = Key(Algorithm::kEs256, "ec");
  const PrivateKey& ed = Key(Algorithm::kEdDsa, "ed");
  const PrivateKey& rs = Key(Algorithm::kRs256, "rs");
  const PrivateKey& ps = Key(Algorithm::kPs256, "ps");
  source_->Set(JwksOf({&ec, &ed, &rs, &ps}));
  ASSERT_TRUE(verifier_->Refresh().ok());
  for (const PrivateKey* key : {&ec, &ed, &rs, &ps})
    EXPECT_EQ(WhyRefused(Token(TestClaims(), *key)), "") << key->kid();
}

TEST_F(Verifying, RefusesWhatTheClaimsForbid) {
  const int64_t now = absl::ToUnixSeconds(kTestNow);
  EXPECT_EQ(WhyRefused(TokenWith("exp", now - 60)), "expired");
  EXPECT_EQ(WhyRefused(TokenWith("nbf", now + 61)), "not valid yet");
  EXPECT_EQ(WhyRefused(TokenWith("aud", "another")), "wrong audience");
  EXPECT_EQ(WhyRefused(TokenWith("iss", "https://another.example")), "wrong issuer");
  EXPECT_NE(WhyRefused(TokenWith("roles", {"admin"})), "");
  EXPECT_NE(WhyRefused(TokenWith("body", "es-fuenlabrada")), "");
  EXPECT_NE(WhyRefused(TokenWith("exp", nullptr)), "");
}

TEST_F(Verifying, RefusesUnsignedTokens) {
  const std::string payload = TestClaims().dump();
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"none","kid":"k1"})", R"({"alg":"NONE","kid":"k1"})"}) {
    EXPECT_NE(WhyRefused(RawToken(header, payload, "")), "") << header;
    EXPECT_NE(WhyRefused(RawToken(header, payload, std::string(64, 's'))), "") << header;
  }
  const std::string signed_token = Token(TestClaims());
  EXPECT_NE(WhyRefused(signed_token.substr(0, signed_token.rfind('.') + 1)), "");
  EXPECT_NE(WhyRefused(signed_token.substr(0, signed_token.rfind('.'))), "");
}

TEST_F(Verifying, RefusesHs256UnderThePublicKey) {
  const std::string header = R"({"alg":"HS256","kid":"k1"})";
  const std::string input = EncodeBase64Url(header) + "." + EncodeBase64Url(TestClaims().dump());
  const std::string jwk = Key(Algorithm::kEs256).public_jwk();
  for (const std::string& secret :
       {jwk, JwksOf({&Key(Algorithm::kEs256)}), json::parse(jwk)["x"].get<std::string>(),
        *DecodeBase64Url(json::parse(jwk)["x"].get<std::string>()), std::string()}) {
    EXPECT_NE(WhyRefused(input + "." + EncodeBase64Url(crypto::HmacSha256(secret, input))), "");
  }
}

TEST_F(Verifying, RefusesOtherKeys) {
  const PrivateKey stranger = *PrivateKey::Generate(Algorithm::kEs256, "k1");
  EXPECT_EQ(WhyRefused(Token(TestClaims(), stranger)), "its signature is wrong");
  EXPECT_EQ(WhyRefused(Token(TestClaims(), Key(Algorithm::kEs256, "unknown"))),
            "it names a key that is not known");
  EXPECT_EQ(WhyRefused(Token(TestClaims(), Key(Algorithm::kEdDsa, "k1"))), "its signature is wrong");
  EXPECT_EQ(WhyRefused(Token(TestClaims(), Key(Algorithm::kRs256, "k1"))), "its signature is wrong");
}

TEST_F(Verifying, RefusesKeysThatTheTokenBrings) {
  const PrivateKey stranger = *PrivateKey::Generate(Algorithm::kEs256, "k1");
  const std::string signature(64, 's');
  for (const std::string& brought :
       {"\"jwk\":" + stranger.public_jwk(), std::string(R"("jku":"http://127.0.0.1:9/")"),
        std::string(R"("x5u":"http://127.0.0.1:9/")"), std::string(R"("x5c":["AA"])")}) {
    const std::string header = R"({"alg":"ES256","kid":"k1",)" + brought + "}";
    EXPECT_NE(WhyRefused(RawToken(header, TestClaims().dump(), signature)), "") << brought;
  }
}

TEST_F(Verifying, RefusesASignatureOfOtherContent) {
  const std::string mine = Token(TestClaims());
  const std::string other = TokenWith("sub", "person-2");
  const std::string mixed = mine.substr(0, mine.rfind('.')) + other.substr(other.rfind('.'));
  EXPECT_EQ(WhyRefused(mixed), "its signature is wrong");
  EXPECT_NE(WhyRefused(mine.substr(0, mine.size() - 4)), "");
}

TEST_F(Verifying, RefusesDuplicateMembersThoughSigned) {
  std::string payload = TestClaims().dump();
  payload.insert(1, R"("body":"bodies/it-milano",)");
  EXPECT_NE(WhyRefused(*Key(Algorithm::kEs256).Sign(payload)), "");
}

TEST_F(Verifying, RefusesWhatIsTooLargeOrEmpty) {
  EXPECT_EQ(WhyRefused(std::string(kMaxTokenBytes + 1, 'a')), "it is too large");
  EXPECT_EQ(WhyRefused(TokenWith("x", std::string(kMaxTokenBytes, 'x'))), "it is too large");
  EXPECT_EQ(error::ReasonOf(verifier_->Verify("").status()), "TOKEN_MISSING");
}

TEST_F(Verifying, NeverRepeatsTheTokenInAnError) {
  const absl::Status status = verifier_->Verify("secret-token.a.b").status();
  EXPECT_EQ(std::string(status.message()).find("secret-token"), std::string::npos);
}

TEST_F(Verifying, AnIssuerSpeaksForItsBodiesAndRolesOnly) {
  TrustedIssuer issuer = Trusted();
  issuer.bodies = {"bodies/it-milano"};
  verifier_ = Verifier({issuer});
  EXPECT_EQ(WhyRefused(Token(TestClaims())), "its issuer may not speak for that body");
  issuer.bodies = {"bodies/it-milano", "bodies/es-fuenlabrada"};
  issuer.roles = {policy::Role::kCaseworker};
  verifier_ = Verifier({issuer});
  EXPECT_EQ(WhyRefused(Token(TestClaims())), "its issuer may not give that role");
  EXPECT_EQ(WhyRefused(TokenWith("roles", {"caseworker"})), "");
}

TEST_F(Verifying, IssuersThatChoseOneKidAreToldApart) {
  const PrivateKey other_key = *PrivateKey::Generate(Algorithm::kEs256, "k1");
  TrustedIssuer other = Trusted();
  other.issuer = "https://other.example";
  other.keys = std::make_shared<StaticJwksSource>(JwksOf({&other_key}));
  verifier_ = Verifier({Trusted(), other});
  json claims = TestClaims();
  EXPECT_EQ(WhyRefused(Token(claims)), "");
  EXPECT_EQ(WhyRefused(Token(claims, other_key)), "wrong issuer");  // it cannot speak in the first one's name
  claims["iss"] = "https://other.example";
  EXPECT_EQ(WhyRefused(Token(claims, other_key)), "");
  EXPECT_EQ(WhyRefused(Token(claims)), "wrong issuer");
}

TEST_F(Verifying, ConfigurationIsChecked) {
  const auto refused = [this](std::vector<TrustedIssuer> issuers) {
    return TokenVerifier::Create({.issuers = std::move(issuers),
                                  .actor_key = *crypto::SecretKey::FromBytes(std::string(32, 'a'))},
                                 clock_)
               .status()
               .code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({Trusted(), Trusted()}));
  EXPECT_TRUE(refused(std::vector<TrustedIssuer>(kMaxIssuers + 1, Trusted())));
  TrustedIssuer issuer = Trusted();
  issuer.issuer = "";
  EXPECT_TRUE(refused({issuer}));
  issuer = Trusted();
  issuer.audience = "";
  EXPECT_TRUE(refused({issuer}));
  issuer = Trusted();
  issuer.keys = nullptr;
  EXPECT_TRUE(refused({issuer}));
}

TEST_F(Verifying, ASecondTimeComesFromTheCache) {
  const std::string token = Token(TestClaims());
  const auto first = verifier_->Verify(token);
  EXPECT_EQ(verifier_->cached(), 1U);
  EXPECT_EQ(*verifier_->Verify(token), *first);  // the same object
  EXPECT_EQ(verifier_->cached(), 1U);
}

TEST_F(Verifying, RefusalsAreNotCached) {
  EXPECT_NE(WhyRefused(TokenWith("aud", "another")), "");
  EXPECT_EQ(verifier_->cached(), 0U);
}

TEST_F(Verifying, OnlySoManySignaturesAreCheckedASecondAndKnownTokensGoOn) {
  verifier_ = Verifier({Trusted()}, 1024, /*signature_rate=*/10);
  const std::string known = Token(TestClaims());
  const auto caller = verifier_->Verify(known);
  ASSERT_TRUE(caller.ok()) << caller.status();
  const PrivateKey stranger = *PrivateKey::Generate(Algorithm::kEs256, "k1");
  const auto forged = [&](int i) {
    json claims = TestClaims();
    claims["sub"] = i;
    return Token(claims, stranger);
  };
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(error::ReasonOf(verifier_->Verify(forged(i)).status()), "TOKEN_REFUSED") << i;
  }
  for (int i = 9; i < 200; ++i) {
    const absl::Status refused = verifier_->Verify(forged(i)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(error::ReasonOf(refused), "OVERLOADED");
    EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
    EXPECT_EQ(*verifier_->Verify(known), *caller) << "not even looked at again";
  }
  const std::string fresh = TokenWith("sub", "person-2");
  EXPECT_EQ(error::ReasonOf(verifier_->Verify(fresh).status()), "OVERLOADED");
  clock_.Advance(absl::Milliseconds(100));
  EXPECT_TRUE(verifier_->Verify(fresh).ok());
}

TEST_F(Verifying, WhatNeedsNoSignatureTakesNoneOfTheRate) {
  verifier_ = Verifier({Trusted()}, 1024, /*signature_rate=*/1);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(WhyRefused(Token(TestClaims(), Key(Algorithm::kEs256, "unknown"))),
              "it names a key that is not known");
    EXPECT_NE(WhyRefused("no.token"), "");
  }
  EXPECT_TRUE(verifier_->Verify(Token(TestClaims())).ok());
}

TEST_F(Verifying, ACachedTokenExpires) {
  const std::string token = Token(TestClaims());
  ASSERT_TRUE(verifier_->Verify(token).ok());
  clock_.Advance(absl::Hours(1) + kClockSkew - absl::Seconds(1));
  EXPECT_TRUE(verifier_->Verify(token).ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(WhyRefused(token), "expired");
}

TEST_F(Verifying, ARevokedKeyEmptiesTheCache) {
  const std::string token = Token(TestClaims());
  ASSERT_TRUE(verifier_->Verify(token).ok());
  ASSERT_TRUE(verifier_->Refresh().ok());
  EXPECT_EQ(verifier_->cached(), 1U);  // nothing has changed
  source_->Set(JwksOf({&Key(Algorithm::kEs256, "k2")}));
  ASSERT_TRUE(verifier_->Refresh().ok());
  EXPECT_EQ(verifier_->cached(), 0U);
  EXPECT_EQ(WhyRefused(token), "it names a key that is not known");
  EXPECT_EQ(WhyRefused(Token(TestClaims(), Key(Algorithm::kEs256, "k2"))), "");
}

TEST_F(Verifying, AKeyReplacedUnderItsKidEmptiesTheCache) {
  const std::string token = Token(TestClaims());
  ASSERT_TRUE(verifier_->Verify(token).ok());
  const PrivateKey successor = *PrivateKey::Generate(Algorithm::kEs256, "k1");
  source_->Set(JwksOf({&successor}));
  ASSERT_TRUE(verifier_->Refresh().ok());
  EXPECT_EQ(WhyRefused(token), "its signature is wrong");
}

TEST_F(Verifying, AFailedRefreshKeepsTheKeysForADay) {
  const std::string token = Token(TestClaims());
  source_->Set(error::Unavailable("the issuer", "it is down"));
  EXPECT_EQ(verifier_->Refresh().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(WhyRefused(token), "");
  source_->Set(std::string("{\"keys\":[]}"));
  EXPECT_EQ(error::ReasonOf(verifier_->Refresh()), "KEY_SET_REFUSED");
  EXPECT_EQ(WhyRefused(token), "");

  clock_.Advance(kMaxKeyAge + absl::Seconds(1));
  json later = TestClaims();
  for (const char* name : {"iat", "nbf", "exp"}) later[name] = later[name].get<int64_t>() + 86401;
  EXPECT_EQ(verifier_->Verify(Token(later)).status().code(), absl::StatusCode::kUnavailable);
  source_->Set(JwksOf({&Key(Algorithm::kEs256)}));
  ASSERT_TRUE(verifier_->Refresh().ok());
  EXPECT_EQ(WhyRefused(Token(later)), "");
}

TEST_F(Verifying, OneIssuersFailureIsNotAnothers) {
  TrustedIssuer broken = Trusted();
  broken.issuer = "https://broken.example";
  broken.keys = std::make_shared<TestJwksSource>("not json");
  auto verifier = *TokenVerifier::Create(
      {.issuers = {broken, Trusted()}, .actor_key = *crypto::SecretKey::FromBytes(std::string(32, 'a'))},
      clock_);
  EXPECT_EQ(verifier->Verify(Token(TestClaims())).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(verifier->Refresh().ok());
  EXPECT_TRUE(verifier->Verify(Token(TestClaims())).ok());
  // Whether the broken one would have known this key cannot be said.
  EXPECT_EQ(verifier->Verify(Token(TestClaims(), Key(Algorithm::kEs256, "unknown"))).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(Verifying, VerifyNeverFetches) {
  const int before = source_->fetches();
  (void)verifier_->Verify(Token(TestClaims()));
  (void)verifier_->Verify(Token(TestClaims(), Key(Algorithm::kEs256, "unknown")));
  clock_.Advance(kMaxKeyAge * 2);
  (void)verifier_->Verify(Token(TestClaims()));
  EXPECT_EQ(source_->fetches(), before);
}

TEST_F(Verifying, AFullCacheStillVerifies) {
  verifier_ = Verifier({Trusted()}, 16);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(WhyRefused(TokenWith("sub", base::Cat("person-", i))), "");
  EXPECT_LE(verifier_->cached(), 16U);
}

// A token verified with a key that goes while the signature is being checked must not stay in the cache.
TEST_F(Verifying, ThreadsMayVerifyWhileKeysChange) {
  verifier_ = Verifier({Trusted()}, 1024, /*signature_rate=*/1e9);
  const PrivateKey& second = Key(Algorithm::kEs256, "k2");
  const std::string good = Token(TestClaims());
  const std::string bad = good.substr(0, good.size() - 8) + "AAAAAAAA";
  const std::string sometimes = Token(TestClaims(), second);
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  const auto change_to = [this](const std::string& jwks) {
    source_->Set(jwks);
    EXPECT_TRUE(verifier_->Refresh().ok());
  };
  const auto await_rounds = [&rounds](int count) {
    for (const int until = rounds + count; rounds < until;) std::this_thread::yield();
  };
  crypto::InThreads(3, [&](int t) {
    for (int i = 0; t == 0 && i < 100; ++i) {
      change_to(JwksOf({&Key(Algorithm::kEs256), &second}));
      await_rounds(i % 3);
      change_to(JwksOf({&Key(Algorithm::kEs256)}));
      await_rounds(2);
      EXPECT_FALSE(verifier_->Verify(sometimes).ok());
    }
    if (t == 0) stop = true;
    while (!stop) {
      if (t == 1) {
        (void)verifier_->Verify(sometimes);
        ++rounds;
      } else {
        EXPECT_TRUE(verifier_->Verify(good).ok());
        EXPECT_FALSE(verifier_->Verify(bad).ok());
      }
    }
  });
}

TEST_F(Verifying, TheRefresherFetchesAtOnceAndForUnknownKeys) {
  auto verifier = *TokenVerifier::Create(
      {.issuers = {Trusted()}, .actor_key = *crypto::SecretKey::FromBytes(std::string(32, 'a'))}, clock_);
  const int before = source_->fetches();
  std::atomic<int> reports{0};
  {
    KeyRefresher refresher(*verifier, {.interval = absl::Hours(1),
                                       .min_gap = absl::ZeroDuration(),
                                       .report = [&reports](const absl::Status&) { ++reports; }});
    source_->AwaitFetches(before + 1);
    source_->Set(JwksOf({&Key(Algorithm::kEs256, "k2")}));
    const std::string token = Token(TestClaims(), Key(Algorithm::kEs256, "k2"));
    while (!verifier->Verify(token).ok()) std::this_thread::yield();
    EXPECT_GE(source_->fetches(), before + 2);
  }
  EXPECT_GE(reports, 2);
  // The hook outlives the refresher harmlessly.
  EXPECT_FALSE(verifier->Verify(Token(TestClaims(), Key(Algorithm::kEs256, "unknown"))).ok());
}

TEST_F(Verifying, AFloodOfUnknownKeysIsOneFetch) {
  auto verifier = *TokenVerifier::Create(
      {.issuers = {Trusted()}, .actor_key = *crypto::SecretKey::FromBytes(std::string(32, 'a'))}, clock_);
  const int before = source_->fetches();
  KeyRefresher refresher(*verifier,
                         {.interval = absl::Hours(2), .min_gap = absl::Hours(1), .report = nullptr});
  source_->AwaitFetches(before + 1);
  const std::string token = Token(TestClaims(), Key(Algorithm::kEs256, "unknown"));
  for (int i = 0; i < 5000; ++i) EXPECT_FALSE(verifier->Verify(token).ok());
  EXPECT_EQ(source_->fetches(), before + 1);
}

}  // namespace
}  // namespace waypost::identity
