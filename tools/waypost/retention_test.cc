#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/waypost/app.h"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(RetentionTest, PreviewsUpToADay) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"retention", "preview", "--until", "2031-12-31", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2031-05-04"));
  EXPECT_THAT(result.out, HasSubstr("referrals/01jd"));
  EXPECT_THAT(result.out, HasSubstr("es/ley-39-2015/art-17"));
  EXPECT_THAT(result.out, HasSubstr("whole"));
  EXPECT_EQ(runner.Run({"retention", "preview", "--server", server.address()}).code, ExitCode::kUsage)
      << "until when?";
}

TEST(RetentionTest, ShowsTheReports) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"retention", "report", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("held back: 3"));
  EXPECT_THAT(result.out, HasSubstr("last run: never"));
  EXPECT_THAT(result.out, HasSubstr("2031-05-05"));
  EXPECT_THAT(result.out, HasSubstr("es/ley-39-2015/art-17"));
}

}  // namespace
}  // namespace waypost::cli
