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
  const RunResult json =
      runner.Run({"call", "--describe", "ReferralService/DeclineReferral", "--output", "json"});
  const auto described = nlohmann::json::parse(json.out, nullptr, false);
  ASSERT_TRUE(described.is_object()) << json.out;
  EXPECT_EQ(described.at("name"), "DeclineReferral");
  EXPECT_EQ(described.at("serverStreaming"), false);
  EXPECT_THAT(described.at("requestMessage").get<std::string>(), HasSubstr("DeclineReason reason = 4"));
}

TEST(CallTest, CallsAMethodByName) {
  FakeServer server;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  const RunResult result = runner.Run({"call", "ReferralService/DeclineReferral",
                                       R"({"name":"referrals/1","reason":"DECLINE_REASON_OTHER"})"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out).at("state"), "REFERRAL_STATE_DECLINED");
  ASSERT_EQ(server.referrals.received().declined.size(), 1u);
  EXPECT_EQ(server.referrals.received().declined[0].reason(), referral::v1::DECLINE_REASON_OTHER);
  EXPECT_EQ(server.referrals.received().declined[0].request_id(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
  EXPECT_EQ(runner.Run({"call", "waypost.referral.v1.ReferralService.DeclineReferral"}).code, ExitCode::kOk);
}

TEST(CallTest, FollowsAStreamToItsEnd) {
  FakeServer server;
  server.referrals.changes.resize(2);
  server.referrals.changes[0].set_cursor("c1");
  server.referrals.changes[1].set_cursor("c2");
  server.referrals.watch_end = grpc::Status::OK;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  const std::vector<std::string> words = {"call", "ReferralService/WatchReferrals", R"({"cursor":"c0"})"};
  const RunResult whole = runner.Run(words);
  EXPECT_EQ(whole.code, ExitCode::kOk) << whole.err;
  EXPECT_EQ(server.referrals.received().watched_from, "c0");
  EXPECT_EQ(whole.out, "{\"cursor\":\"c1\"}\n{\"cursor\":\"c2\"}\n");
  server.referrals.watch_end = grpc::Status(grpc::StatusCode::UNAVAILABLE, "it is stopping");
  const RunResult cut = runner.Run(words);
  EXPECT_EQ(cut.code, ExitCode::kUnavailable);
  EXPECT_EQ(cut.out, whole.out) << "what came before is shown";
  EXPECT_THAT(cut.err, HasSubstr("it is stopping"));
}

TEST(CallTest, AnInterruptEndsAStreamThatStaysOpen) {
  FakeServer server;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  bool handled = false;
  server.referrals.on_told = [&] { handled = runner.interrupts.Request(); };
  const RunResult result = runner.Run({"call", "ReferralService/WatchReferrals"});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_TRUE(handled) << "the program is not ended by it";
}

// gRPC lists this service on every server and describes it on none.
TEST(CallTest, CallsTheHealthServiceThatIsListed) {
  FakeServer server;
  Runner runner;
  runner.variables["WAYPOST_SERVER"] = server.address();
  EXPECT_THAT(runner.Run({"call", "--list"}).out, HasSubstr("grpc.health.v1.Health\n"));
  for (const char* method : {"grpc.health.v1.Health/Check", "Health/Check"}) {
    const RunResult result = runner.Run({"call", method, "{}"});
    ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
    EXPECT_EQ(nlohmann::json::parse(result.out), nlohmann::json({{"status", "SERVING"}}));
  }
  EXPECT_EQ(runner.Run({"call", "Health/Check", R"({"service":"none"})"}).code, ExitCode::kRefused);
  EXPECT_THAT(runner.Run({"call", "--describe", "Health"}).out,
              HasSubstr("rpc Watch(grpc.health.v1.HealthCheckRequest) returns (stream "));
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
