#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/times.h"

namespace waypost::cli {
namespace {

using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Runner;
using testing::RunResult;
using ::testing::StartsWith;

TEST(WhoamiTest, SaysWhoSheIsAsItIsTyped) {
  FakeServer server;
  referral::v1::Myself& luz = server.referrals.myself;
  luz.set_body("bodies/es-fuenlabrada");
  luz.set_actor("actors/k2m4x7q3b5c6d2ea");
  luz.add_roles("caseworker");
  luz.add_roles("supervisor");
  luz.add_units("bodies/es-fuenlabrada/units/intake");
  *luz.mutable_expire_time() = ToTimestamp(testing::TestNow() + absl::Minutes(10));
  const RunResult shown = Runner().Run({"whoami", "--server", server.address()});
  ASSERT_EQ(shown.code, ExitCode::kOk) << shown.err;
  EXPECT_THAT(shown.out, StartsWith("actors/k2m4x7q3b5c6d2ea\n"));
  EXPECT_THAT(shown.out, HasSubstr("k2m4 x7q3 b5c6 d2ea\n"));
  EXPECT_THAT(shown.out, HasSubstr("bodies/es-fuenlabrada\n"));
  EXPECT_THAT(shown.out, HasSubstr("caseworker, supervisor\n"));
  EXPECT_THAT(shown.out, HasSubstr("bodies/es-fuenlabrada/units/intake\n"));
  EXPECT_THAT(shown.out, HasSubstr("2026-03-01T13:10:00+01:00\n"));

  const RunResult json = Runner().Run({"whoami", "--output", "json", "--server", server.address()});
  ASSERT_EQ(json.code, ExitCode::kOk) << json.err;
  EXPECT_EQ(nlohmann::json::parse(json.out).at("actor"), "actors/k2m4x7q3b5c6d2ea");
}

TEST(WhoamiTest, WhoIsOfNoUnitIsToldSo) {
  FakeServer server;
  server.referrals.myself.set_actor("actors/k2m4x7q3b5c6d2ea");
  server.referrals.myself.add_roles("auditor");
  const RunResult shown = Runner().Run({"whoami", "--server", server.address()});
  ASSERT_EQ(shown.code, ExitCode::kOk) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("units:   none\n"));
  EXPECT_THAT(shown.out, Not(HasSubstr("until")));
}

}  // namespace
}  // namespace waypost::cli
