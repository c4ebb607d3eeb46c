#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(CallTest, ListsAndDescribes) {
  FakeServer server;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  const RunResult list = runner.Run({"call", "--list"});
  ASSERT_EQ(list.code, ExitCode::kOk) << list.err;
  EXPECT_THAT(list.out, HasSubstr("waypost.referral.v1.ReferralService\n"));
  const RunResult service = runner.Run({"call", "--describe", "ReferralService"});
  ASSERT_EQ(service.code, ExitCode::kOk) << service.err;
  EXPECT_THAT(service.out, HasSubstr("rpc AcceptReferral(waypost.referral.v1.AcceptReferralRequest) returns "
                                     "(waypost.referral.v1.Referral)"));
  EXPECT_THAT(service.out, HasSubstr("returns (stream waypost.referral.v1.WatchReferralsResponse)"));
  const RunResult method = runner.Run({"call", "--describe", "ReferralService/DeclineReferral"});
  EXPECT_THAT(method.out, HasSubstr("DeclineReason reason = 4"));
}

TEST(CallTest, CallsAMethodByName) {
  FakeServer server;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  const RunResult result = runner.Run({"call", "ReferralService/DeclineReferral",
                                       R"({"name":"referrals/1","reason":"DECLINE_REASON_OTHER"})"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out).at("state"), "REFERRAL_STATE_DECLINED");
  ASSERT_EQ(server.referrals.declined.size(), 1u);
  EXPECT_EQ(server.referrals.declined[0].reason(), referral::v1::DECLINE_REASON_OTHER);
  EXPECT_EQ(server.referrals.declined[0].request_id(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
  EXPECT_EQ(runner.Run({"call", "waypost.referral.v1.ReferralService.DeclineReferral"}).code, ExitCode::kOk);
}

TEST(CallTest, FollowsAStream) {
  FakeServer server;
  server.referrals.changes.resize(2);
  server.referrals.changes[0].set_cursor("c1");
  server.referrals.changes[1].set_cursor("c2");
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  runner.interrupts.Request();  // as soon as something has come
  const RunResult result = runner.Run({"call", "ReferralService/WatchReferrals", R"({"cursor":"c0"})"});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
}

TEST(CallTest, RefusesWhatTheServerDoesNotHave) {
  FakeServer server;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  EXPECT_EQ(runner.Run({"call", "NoService/Get"}).code, ExitCode::kRefused);
  EXPECT_EQ(runner.Run({"call", "ReferralService/NoMethod"}).code, ExitCode::kRefused);
  EXPECT_EQ(runner.Run({"call", "ReferralService"}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"call"}).code, ExitCode::kUsage);
  EXPECT_EQ(runner.Run({"call", "ReferralService/DeclineReferral", "{\"nme\":1}"}).code, ExitCode::kUsage);
}

}  // namespace
}  // namespace waypost::cli
