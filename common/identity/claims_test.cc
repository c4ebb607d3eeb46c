#include "common/identity/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/identity/actor.h"
#include "common/identity/testing.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Why ParseClaims or CheckClaims refuses these at `now`; empty when they pass.
std::string WhyRefused(const json& claims, absl::Time now = kTestNow) {
  const auto parsed = ParseClaims(claims.dump());
  const absl::Status status =
      parsed.ok() ? CheckClaims(*parsed, kTestIssuer, kTestAudience, now) : parsed.status();
  EXPECT_TRUE(status.ok() || error::ReasonOf(status) == "TOKEN_REFUSED") << status;
  return error::MetadataOf(status, "why");
}

json With(const char* name, json value) {
  json claims = TestClaims();
  claims[name] = std::move(value);
  return claims;
}

TEST(Claims, AreRead) {
  const auto claims = ParseClaims(TestClaims().dump());
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->issuer, kTestIssuer);
  EXPECT_EQ(claims->subject, "person-1");
  EXPECT_EQ(claims->body, "bodies/es-fuenlabrada");
  EXPECT_EQ(claims->roles, (policy::Roles{policy::Role::kCaseworker, policy::Role::kSupervisor}));
  EXPECT_THAT(claims->units, testing::ElementsAre("bodies/es-fuenlabrada/units/housing"));
  EXPECT_EQ(claims->expires, kTestNow + absl::Hours(1));
  EXPECT_EQ(WhyRefused(TestClaims()), "");
}

TEST(Claims, EachRequiredOneIsRequired) {
  for (const char* name : {"iss", "sub", "aud", "exp", "body", "roles"}) {
    json claims = TestClaims();
    claims.erase(name);
    EXPECT_THAT(WhyRefused(claims), HasSubstr(name)) << name;
  }
  for (const char* name : {"nbf", "iat", "units"}) {
    json claims = TestClaims();
    claims.erase(name);
    EXPECT_EQ(WhyRefused(claims), "") << name;
  }
}

TEST(Claims, OfAnotherTypeAreRefused) {
  for (const char* name : {"iss", "sub", "aud", "exp", "nbf", "iat", "body", "roles", "units"}) {
    for (const json& value : {json(nullptr), json(true), json(json::object()), json(json::array({1}))}) {
      EXPECT_NE(WhyRefused(With(name, value)), "") << name << " " << value;
    }
  }
}

TEST(Claims, UnknownOnesArePassedOver) {
  EXPECT_EQ(WhyRefused(With("email_verified", json::array({1, {{"a", 2}}}))), "");
}

TEST(Claims, AudienceIsOneOrSeveral) {
  EXPECT_EQ(WhyRefused(With("aud", {"other", kTestAudience})), "");
  EXPECT_EQ(WhyRefused(With("aud", "other")), "wrong audience");
  EXPECT_EQ(WhyRefused(With("aud", "waypost2")), "wrong audience");
  EXPECT_EQ(WhyRefused(With("aud", json::array({"other"}))), "wrong audience");
  EXPECT_NE(WhyRefused(With("aud", json::array())), "");
  EXPECT_NE(WhyRefused(With("aud", std::vector<std::string>(kMaxAudiences + 1, "waypost"))), "");
}

TEST(Claims, IssuerIsExact) {
  for (const char* issuer : {"https://issuer.example/", "https://ISSUER.example", "http://issuer.example"}) {
    EXPECT_EQ(WhyRefused(With("iss", issuer)), "wrong issuer");
  }
}

TEST(Claims, TimesHaveTheDocumentedSkew) {
  const int64_t now = absl::ToUnixSeconds(kTestNow);
  EXPECT_EQ(WhyRefused(With("exp", now - 59)), "");
  EXPECT_EQ(WhyRefused(With("exp", now - 60)), "expired");
  EXPECT_EQ(WhyRefused(With("nbf", now + 60)), "");
  EXPECT_EQ(WhyRefused(With("nbf", now + 61)), "not valid yet");
  EXPECT_EQ(WhyRefused(With("iat", now + 60)), "");
  EXPECT_EQ(WhyRefused(With("iat", now + 61)), "issued in the future");
  EXPECT_EQ(WhyRefused(With("exp", now + 86'400)), "");
  EXPECT_EQ(WhyRefused(With("exp", now + 86'400 + 1)), "valid for too long");
  json undated = With("exp", now + 86'400 + 1);
  undated.erase("iat");
  EXPECT_EQ(WhyRefused(undated), "valid for too long");
}

TEST(Claims, TimesThatAreNoDatesAreRefused) {
  EXPECT_EQ(WhyRefused(With("exp", absl::ToUnixSeconds(kTestNow) + 0.5)), "");
  for (const json& value : {json(-1), json(1e300), json(253402300800), json("1800000000"),
                            json(std::numeric_limits<uint64_t>::max())}) {
    EXPECT_NE(WhyRefused(With("exp", value)), "") << value;
    EXPECT_NE(WhyRefused(With("nbf", value)), "") << value;
  }
}

TEST(Claims, MalformedBodiesAreRefused) {
  for (const char* body :
       {"", "bodies/", "bodies", "es-fuenlabrada", "bodies/ES", "bodies/a b", "bodies/-a",
        "bodies/es-x/units/u", "units/es-x", "bodies/es-x/", "/bodies/es-x", "bodies/es_x"}) {
    EXPECT_THAT(WhyRefused(With("body", body)), HasSubstr("body")) << body;
  }
  EXPECT_NE(WhyRefused(With("body", std::string("bodies/es-x\0y", 13))), "");
}

TEST(Claims, UnknownRolesAreRefused) {
  for (const json& roles :
       {json{"caseworker", "admin"}, json{"Caseworker"}, json{""}, json{"*"}, json(json::array()),
        json("caseworker"), json(std::vector<std::string>(policy::kRoleCount + 1, "caseworker"))}) {
    EXPECT_NE(WhyRefused(With("roles", roles)), "") << roles;
  }
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const json roles = {policy::RoleName(static_cast<policy::Role>(i))};
    EXPECT_EQ(WhyRefused(With("roles", roles)), "") << roles;
  }
}

TEST(Claims, UnitsBelongToTheBody) {
  for (const char* unit : {"bodies/it-milano/units/housing", "bodies/es-fuenlabrada", "housing", "",
                           "bodies/es-fuenlabrada/units/", "bodies/es-fuenlabrada-2/units/housing"}) {
    EXPECT_NE(WhyRefused(With("units", {unit})), "") << unit;
  }
  const std::string unit = "bodies/es-fuenlabrada/units/housing";
  EXPECT_EQ(WhyRefused(With("units", std::vector<std::string>(kMaxUnits, unit))), "");
  EXPECT_NE(WhyRefused(With("units", std::vector<std::string>(kMaxUnits + 1, unit))), "");
}

TEST(Claims, SubjectsAreBoundedText) {
  EXPECT_EQ(WhyRefused(With("sub", std::string(kMaxSubjectBytes, 's'))), "");
  EXPECT_NE(WhyRefused(With("sub", std::string(kMaxSubjectBytes + 1, 's'))), "");
  EXPECT_NE(WhyRefused(With("sub", "")), "");
  EXPECT_NE(WhyRefused(With("sub", "a\nb")), "");
  EXPECT_NE(WhyRefused(With("sub", std::string("a\0b", 3))), "");
}

TEST(Claims, GivenTwiceAreRefused) {
  std::string text = TestClaims().dump();
  text.insert(1, R"("roles":["operator"],)");
  EXPECT_FALSE(ParseClaims(text).ok());
  text = TestClaims().dump();
  text.insert(1, R"("x":{"a":1,"a":2},)");
  EXPECT_FALSE(ParseClaims(text).ok());
}

TEST(Claims, ThatAreNoJsonObjectAreRefused) {
  for (const std::string text :
       {"", "{", "[]", "null", "\"iss\"", "{}x", "{\"iss\":\"\xff\"}", "{'iss':1}"}) {
    EXPECT_FALSE(ParseClaims(text).ok()) << text;
  }
  EXPECT_FALSE(ParseClaims(R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}").ok());
}

TEST(ActorPseudonym, IsStableAndUnlinked) {
  const auto key = *crypto::SecretKey::FromBytes(std::string(32, 'k'));
  const auto other_key = *crypto::SecretKey::FromBytes(std::string(32, 'l'));
  const std::string actor = ActorPseudonym(key, "bodies/a", "iss", "sub");
  EXPECT_THAT(actor, testing::MatchesRegex("actors/[a-z2-7]{16}"));
  EXPECT_TRUE(IsActorPseudonym(actor)) << actor;
  EXPECT_EQ(actor, ActorPseudonym(key, "bodies/a", "iss", "sub"));
  EXPECT_NE(actor, ActorPseudonym(key, "bodies/b", "iss", "sub"));
  EXPECT_NE(actor, ActorPseudonym(key, "bodies/a", "iss2", "sub"));
  EXPECT_NE(actor, ActorPseudonym(key, "bodies/a", "iss", "sub2"));
  EXPECT_NE(actor, ActorPseudonym(key, "bodies/a", "isss", "ub"));
  EXPECT_NE(actor, ActorPseudonym(other_key, "bodies/a", "iss", "sub"));
}

TEST(ActorPseudonym, HasAForm) {
  const auto key = *crypto::SecretKey::FromBytes(std::string(32, 'k'));
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(IsActorPseudonym(ActorPseudonym(key, "bodies/a", "iss", std::to_string(i)))) << i;
  }
  EXPECT_TRUE(IsActorPseudonym("actors/abcdefghijklmnop"));
  EXPECT_TRUE(IsActorPseudonym("actors/qrstuvwxyz234567"));
  for (const std::string_view bad :
       {"", "abcdefghijklmnop", "actors/", "actors/abcdefghijklmno", "actors/abcdefghijklmnopq",
        "actor/abcdefghijklmnop", "Actors/abcdefghijklmnop", "actors/Abcdefghijklmnop",
        "actors/abcdefghijklmno0", "actors/abcdefghijklmno1", "actors/abcdefghijklmno8",
        "actors/abcdefghijklmno-", "actors/abcdefg hijklmno", " actors/abcdefghijklmnop",
        "actors/abcdefghijklmn/o", "actors/service", "actors/abcdefghijklmn\u00e9"}) {
    EXPECT_FALSE(IsActorPseudonym(bad)) << bad;
  }
}

}  // namespace
}  // namespace waypost::identity
