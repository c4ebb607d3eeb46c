#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "waypost/referral/v1/statistics_service.grpc.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using ::testing::HasSubstr;
using testing::RunResult;

// A total and a theme, with a suppressed count each.
class FakeStatistics final : public pb::StatisticsService::Service {
 public:
  grpc::Status ListStatistics(grpc::ServerContext*, const pb::ListStatisticsRequest* request,
                              pb::ListStatisticsResponse* response) override {
    const std::lock_guard lock(mutex_);
    asked_ = *request;
    response->set_body("bodies/es-madrid");
    response->set_threshold(5);
    response->set_closed(request->period() != "2026-11");
    for (const auto theme : {type::v1::THEME_UNSPECIFIED, type::v1::THEME_HOUSING}) {
      pb::StatisticsRow& row = *response->add_rows();
      row.set_theme(theme);
      row.add_cells()->set_measure(pb::STATISTICS_MEASURE_RECEIVED);
      row.mutable_cells(0)->set_count(12);
      pb::StatisticsCell& declined = *row.add_cells();
      declined.set_measure(pb::STATISTICS_MEASURE_ENDED);
      declined.set_end_state(pb::REFERRAL_STATE_DECLINED);
      declined.set_decline_reason(pb::DECLINE_REASON_NO_CAPACITY);
      declined.set_suppressed(true);
    }
    return grpc::Status::OK;
  }
  pb::ListStatisticsRequest asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  pb::ListStatisticsRequest asked_;
};

class StatisticsCommandTest : public ::testing::Test {
 protected:
  RunResult Run(const std::vector<std::string>& arguments) { return served_.Run(arguments); }

  FakeStatistics statistics_;

 private:
  testing::ServedRunner served_{"statistics", {&statistics_}};
};

TEST_F(StatisticsCommandTest, ShowsATableUnderItsHead) {
  const RunResult result = Run({"2026-11", "--side", "referring"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(statistics_.asked().side(), pb::STATISTICS_SIDE_REFERRING);
  EXPECT_EQ(statistics_.asked().breakdown(), pb::STATISTICS_BREAKDOWN_THEME);
  EXPECT_THAT(result.out,
              HasSubstr("Statistics of bodies/es-madrid, referring side, 2026-11, in UTC; the period "
                        "runs: for this body alone"));
  EXPECT_THAT(result.out, HasSubstr("Counts from 1 to 4 are suppressed"));
  EXPECT_THAT(result.out, HasSubstr("ended: declined, no capacity"));
  EXPECT_THAT(result.out, HasSubstr("HOUSING"));
}

TEST_F(StatisticsCommandTest, ExportsCsvWithThresholdAndDefinitions) {
  const RunResult result = Run({"2026-10", "--by", "counter-body", "--csv"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(statistics_.asked().breakdown(), pb::STATISTICS_BREAKDOWN_COUNTER_BODY);
  EXPECT_EQ(
      result.out.rfind("# Statistics of bodies/es-madrid, receiving side, 2026-10, in UTC\n# Counts", 0), 0U);
  EXPECT_THAT(result.out, HasSubstr("\n# Referrals; of 'outcome' people. docs/concepts/statistics.md"));
  EXPECT_THAT(result.out, HasSubstr("\nbody,side,period,counter-body,measure,count"));
  EXPECT_THAT(result.out, HasSubstr("bodies/es-madrid,receiving,2026-10,total,received,12"));
  EXPECT_THAT(
      result.out,
      HasSubstr("bodies/es-madrid,receiving,2026-10,housing,\"ended: declined, no capacity\",suppressed"));
}

TEST_F(StatisticsCommandTest, AsksForABodyThatMergedIntoTheOwnOne) {
  ASSERT_EQ(Run({"2026-10"}).code, ExitCode::kOk);
  EXPECT_EQ(statistics_.asked().body(), "");
  for (const char* format : {"--csv", "--side=receiving"}) {
    ASSERT_EQ(Run({"2026-10", "--body", "bodies/es-villaverde", format}).code, ExitCode::kOk);
    EXPECT_EQ(statistics_.asked().body(), "bodies/es-villaverde");
  }
}

TEST_F(StatisticsCommandTest, ExportsJson) {
  const RunResult result = Run({"2026-10", "--output", "json"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["threshold"], 5);
  EXPECT_EQ(json["closed"], true);
  EXPECT_EQ(json["rows"][1]["cells"][1]["suppressed"], true);
}

TEST_F(StatisticsCommandTest, RefusesWordsThatAreNone) {
  EXPECT_EQ(Run({"2026-10", "--side", "everybody"}).code, ExitCode::kUsage);
  EXPECT_EQ(Run({}).code, ExitCode::kUsage);
}

}  // namespace
}  // namespace waypost::cli
