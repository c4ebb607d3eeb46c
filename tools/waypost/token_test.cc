#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/identity/data_folder.h"
#include "common/identity/jws.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

void MakeDataFolder(const std::string& dir, bool demo) {
  testing::CountingRandom random;
  ASSERT_TRUE(identity::DataFolder::Open({.dir = dir, .demo = demo, .now = testing::TestNow()}, random).ok());
}

TEST(TokenTest, MintsForADemonstration) {
  const TestFolder folder;
  MakeDataFolder(folder.Path("data"), true);
  const RunResult result = Runner().Run(
      {"token", "--data-dir", folder.Path("data"), "--body", "bodies/es-fuenlabrada", "--role", "caseworker",
       "--role", "safeguarding-officer", "--unit", "intake", "--subject", "ana", "--ttl", "1h"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  ASSERT_FALSE(result.out.empty());
  const auto jws = identity::ParseJws(result.out.substr(0, result.out.size() - 1));
  ASSERT_TRUE(jws.ok()) << jws.status();
  const auto claims = nlohmann::json::parse(jws->payload);
  EXPECT_EQ(claims.at("body"), "bodies/es-fuenlabrada");
  EXPECT_EQ(claims.at("sub"), "ana");
  EXPECT_EQ(claims.at("roles"), nlohmann::json::array({"caseworker", "safeguarding_officer"}));
  EXPECT_EQ(claims.at("units"), nlohmann::json::array({"bodies/es-fuenlabrada/units/intake"}));
  EXPECT_EQ(claims.at("exp"), absl::ToUnixSeconds(testing::TestNow()) + 3600);
}

TEST(TokenTest, RefusesAnyOtherFolder) {
  const TestFolder folder;
  MakeDataFolder(folder.Path("data"), false);
  const std::vector<std::string> rest = {"--body", "bodies/a", "--role", "caseworker", "--subject", "ana"};
  for (const char* name : {"data", "absent"}) {
    std::vector<std::string> words = {"token", "--data-dir", folder.Path(name)};
    words.insert(words.end(), rest.begin(), rest.end());
    const RunResult result = Runner().Run(words);
    EXPECT_NE(result.code, ExitCode::kOk) << name;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_FALSE(std::filesystem::exists(folder.Path("absent")));
}

TEST(TokenTest, RefusesUnknownRoles) {
  const TestFolder folder;
  EXPECT_EQ(Runner()
                .Run({"token", "--data-dir", folder.Path("x"), "--body", "bodies/a", "--role", "king",
                      "--subject", "a"})
                .code,
            ExitCode::kUsage);
}

}  // namespace
}  // namespace waypost::cli
