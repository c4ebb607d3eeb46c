#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/waypost/app.h"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(RightsTest, RecordsAUseOfARight) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"rights", "record", "01jd", "--kind", "withdrawal", "--person", "2", "--ask-time",
                  "2026-03-01 09:00", "--asked-how", "by-telephone", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const auto received = server.referrals.received();
  ASSERT_EQ(received.recorded.size(), 1u);
  EXPECT_EQ(received.recorded[0].name(), "referrals/01jd");
  EXPECT_EQ(received.recorded[0].kind(), pb::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(received.recorded[0].person(), 2u);
  EXPECT_EQ(received.recorded[0].asked_how(), pb::ASKED_HOW_BY_TELEPHONE);
  EXPECT_TRUE(received.recorded[0].has_ask_time());
  EXPECT_THAT(result.out, HasSubstr("rightsRequests/01je"));
  EXPECT_THAT(result.out, HasSubstr("bodies/es-madrid"));
  EXPECT_THAT(result.out, HasSubstr("pending"));
}

TEST(RightsTest, RefusesARecordThatSaysTooLittle) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"rights", "record", "01jd", "--kind", "withdrawal", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kUsage);
  EXPECT_TRUE(server.referrals.received().recorded.empty());
}

TEST(RightsTest, AnswersAndErasesOnlyWhenSure) {
  FakeServer server;
  Runner runner;
  std::vector<std::string> words = {"rights",   "answer",         "01je",     "--referral",    "01jd",
                                    "--answer", "stopped-erased", "--server", server.address()};
  EXPECT_EQ(runner.Run(words).code, ExitCode::kUsage);
  EXPECT_TRUE(server.referrals.received().answered.empty());
  words.push_back("--yes");
  EXPECT_EQ(runner.Run(words).code, ExitCode::kOk);
  words = {"rights",           "answer",     "01je",
           "--referral",       "01jd",       "--answer",
           "retained",         "--law",      "es/ley-39-2015/art-17",
           "--retained-until", "2031-12-31", "--server",
           server.address()};
  ASSERT_EQ(runner.Run(words).code, ExitCode::kOk);
  const auto answered = server.referrals.received().answered;
  ASSERT_EQ(answered.size(), 2u);
  EXPECT_EQ(answered[0].name(), "rightsRequests/01je");
  EXPECT_EQ(answered[0].referral(), "referrals/01jd");
  EXPECT_EQ(answered[1].answer(), pb::RIGHT_ANSWER_RETAINED);
  EXPECT_EQ(answered[1].law(), "es/ley-39-2015/art-17");
  EXPECT_EQ(answered[1].retained_until(), "2031-12-31");
}

TEST(RightsTest, PutsRightAndLifts) {
  FakeServer server;
  Runner runner;
  std::vector<std::string> words = {
      "rights",     "answer",        "01je",
      "--referral", "01jd",          "--answer",
      "rectified",  "--corrected",   R"({"person":1,"details":{"givenName":"Olha"}})",
      "--server",   server.address()};
  RunResult result = runner.Run(words);
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  words = {"rights",   "answer",   "01je",           "--referral", "01jd",
           "--answer", "lifted",   "--informed-how", "by-letter",  "--informed-language",
           "uk",       "--server", server.address()};
  result = runner.Run(words);
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const auto answered = server.referrals.received().answered;
  ASSERT_EQ(answered.size(), 2u);
  EXPECT_EQ(answered[0].answer(), pb::RIGHT_ANSWER_RECTIFIED);
  EXPECT_EQ(answered[0].corrected().person(), 1u);
  EXPECT_EQ(answered[0].corrected().details().given_name(), "Olha");
  EXPECT_EQ(answered[1].answer(), pb::RIGHT_ANSWER_LIFTED);
  EXPECT_EQ(answered[1].informed_how(), pb::INFORMED_HOW_BY_LETTER);
  EXPECT_EQ(answered[1].informed_language(), "uk");
}

TEST(RightsTest, ListsWhatIsOwed) {
  FakeServer server;
  Runner runner;
  const RunResult table = runner.Run({"rights", "list", "--server", server.address()});
  ASSERT_EQ(table.code, ExitCode::kOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("rightsRequests/01je  referrals/01jd  objection  1"));
  const RunResult json = runner.Run({"rights", "list", "--output", "json", "--server", server.address()});
  EXPECT_THAT(json.out, HasSubstr("RIGHT_KIND_OBJECTION"));
}

}  // namespace
}  // namespace waypost::cli
