#include "common/identity/demo_issuer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/crypto/random.h"
#include "common/crypto/testing.h"
#include "common/identity/testing.h"
#include "common/status/errors.h"
#include "common/testing/temp_folder.h"

namespace waypost::identity {
namespace {

namespace fs = std::filesystem;

class DemoIssuerTest : public ::testing::Test {
 protected:
  DataFolder Folder(bool demo, std::string_view name = "data") {
    auto folder = DataFolder::Open({.dir = folder_ / name, .demo = demo, .now = kTestNow}, random_);
    EXPECT_TRUE(folder.ok()) << folder.status();
    return *std::move(folder);
  }
  std::unique_ptr<DemoIssuer> Issuer(std::string_view name = "data") {
    auto issuer = DemoIssuer::Open(Folder(true, name), random_);
    EXPECT_TRUE(issuer.ok()) << issuer.status();
    return *std::move(issuer);
  }
  std::unique_ptr<TokenVerifier> Verifier(const DemoIssuer& issuer) {
    auto verifier = TokenVerifier::Create(
        {.issuers = {issuer.Trust()}, .actor_key = crypto::SecretKey::Generate(random_)}, clock_);
    EXPECT_TRUE((*verifier)->Refresh().ok());
    return *std::move(verifier);
  }
  static DemoIssuer::Grant AnyGrant() {
    return {.body = "bodies/es-fuenlabrada",
            .subject = "ana",
            .roles = {policy::Role::kCaseworker, policy::Role::kAuditor},
            .units = {"bodies/es-fuenlabrada/units/housing"},
            .lifetime = absl::Hours(1)};
  }

  testing::TempFolder folder_;
  crypto::SystemRandom random_;
  crypto::TestClock clock_{kTestNow};
};

TEST_F(DemoIssuerTest, ItsTokensAreAcceptedWhereItIsTrusted) {
  const auto issuer = Issuer();
  const auto verifier = Verifier(*issuer);
  const auto token = issuer->Mint(AnyGrant(), kTestNow);
  ASSERT_TRUE(token.ok()) << token.status();
  const auto caller = verifier->Verify(*token);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->body, "bodies/es-fuenlabrada");
  EXPECT_EQ((*caller)->roles, AnyGrant().roles);
  EXPECT_EQ((*caller)->units, AnyGrant().units);
  clock_.Advance(absl::Hours(1) + kClockSkew);
  EXPECT_FALSE(verifier->Verify(*token).ok());
}

TEST_F(DemoIssuerTest, EveryRoleCanBeGiven) {
  const auto issuer = Issuer();
  const auto verifier = Verifier(*issuer);
  DemoIssuer::Grant grant = AnyGrant();
  grant.roles = TrustedIssuer::AllRoles();
  const auto caller = verifier->Verify(*issuer->Mint(grant, kTestNow));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->roles, TrustedIssuer::AllRoles());
}

TEST_F(DemoIssuerTest, ExistsForDemoFoldersOnly) {
  const auto issuer = DemoIssuer::Open(Folder(false), random_);
  EXPECT_EQ(error::ReasonOf(issuer.status()), "DEMO_REFUSED");
  EXPECT_FALSE(fs::exists(folder_ / "data/demo-issuer.jwk"));
}

TEST_F(DemoIssuerTest, KeepsItsKeyInTheFolder) {
  const std::string token = *Issuer()->Mint(AnyGrant(), kTestNow);
  EXPECT_EQ(fs::status(folder_ / "data/demo-issuer.jwk").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(Verifier(*Issuer())->Verify(token).ok());
}

TEST_F(DemoIssuerTest, AnotherFoldersTokensAreRefused) {
  const std::string token = *Issuer("one")->Mint(AnyGrant(), kTestNow);
  EXPECT_EQ(error::ReasonOf(Verifier(*Issuer("two"))->Verify(token).status()), "TOKEN_REFUSED");
}

TEST_F(DemoIssuerTest, AKeyOpenToOthersIsRefused) {
  Issuer();
  fs::permissions(folder_ / "data/demo-issuer.jwk", fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(error::ReasonOf(DemoIssuer::Open(Folder(true), random_).status()), "FILE_NOT_PRIVATE");
}

TEST_F(DemoIssuerTest, ADamagedKeyIsDataLoss) {
  Issuer();
  std::ofstream(folder_ / "data/demo-issuer.jwk", std::ios::trunc) << "{}";
  EXPECT_EQ(DemoIssuer::Open(Folder(true), random_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(DemoIssuerTest, MakesNoTokenThatWouldBeRefused) {
  const auto issuer = Issuer();
  const auto refused = [&issuer](auto change) {
    DemoIssuer::Grant grant = AnyGrant();
    change(grant);
    return error::ReasonOf(issuer->Mint(grant, kTestNow).status()) == "TOKEN_NOT_MADE";
  };
  EXPECT_TRUE(refused([](auto& grant) { grant.body = "es-fuenlabrada"; }));
  EXPECT_TRUE(refused([](auto& grant) { grant.subject = ""; }));
  EXPECT_TRUE(refused([](auto& grant) { grant.roles = {}; }));
  EXPECT_TRUE(refused([](auto& grant) { grant.units = {"bodies/it-milano/units/x"}; }));
  EXPECT_TRUE(refused([](auto& grant) { grant.lifetime = absl::Hours(25); }));
  EXPECT_TRUE(refused([](auto& grant) { grant.lifetime = absl::ZeroDuration(); }));
  EXPECT_FALSE(refused([](auto&) {}));
}

}  // namespace
}  // namespace waypost::identity
