#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(WaitingListsTest, ShowsTheLineWithItsCriteriaAndPlaces) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"waiting-list", "show", "asl", "alpha", "--server", server.address(), "--utc"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(server.enrolments.asked(), "offers/asl/groups/alpha/waitingList");
  EXPECT_THAT(result.out, HasSubstr("by priority, waiting since (revision 2, etag e2)"));
  EXPECT_THAT(result.out, HasSubstr("7 taken of 8, 2 waiting (3 people)"));
  EXPECT_THAT(result.out, HasSubstr("1 free; next is referrals/01jd"));
  EXPECT_THAT(result.out, HasSubstr("referrals/01jd"));
  EXPECT_THAT(result.out, HasSubstr("(not yours)"));
}

TEST(WaitingListsTest, ShowsItAsJson) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run(
      {"waiting-list", "show", "offers/asl", "alpha", "--server", server.address(), "--output", "json"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["waitingList"]["places"], 8);
  ASSERT_EQ(json["entries"].size(), 2u);
  EXPECT_EQ(json["entries"][0]["referral"], "referrals/01jd");
}

TEST(WaitingListsTest, PublishesCriteriaInTheirOrder) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"waiting-list", "criteria", "offers/asl", "alpha", "--criterion", "minors-first",
                  "--criterion", "waiting-since", "--etag", "e2", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::SetWaitingListCriteriaRequest request = server.enrolments.set();
  EXPECT_EQ(request.name(), "offers/asl/groups/alpha/waitingList");
  EXPECT_EQ(request.etag(), "e2");
  ASSERT_EQ(request.criteria_size(), 2);
  EXPECT_EQ(request.criteria(0), pb::WAITING_LIST_CRITERION_MINORS_FIRST);
  EXPECT_EQ(request.criteria(1), pb::WAITING_LIST_CRITERION_WAITING_SINCE);
  EXPECT_FALSE(request.request_id().empty());
  EXPECT_EQ(runner.Run({"waiting-list", "criteria", "asl", "alpha", "--criterion", "luck"}).code,
            ExitCode::kUsage);
}

}  // namespace
}  // namespace waypost::cli
