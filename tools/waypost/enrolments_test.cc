#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(EnrolmentsTest, EveryMethodOfTheServiceHasACommand) {
  const std::map<std::string, std::string> commands = {{"GetWaitingList", "waiting-list show"},
                                                       {"ListWaitingList", "waiting-list show"},
                                                       {"SetWaitingListCriteria", "waiting-list criteria"},
                                                       {"GetEnrolment", "enrolment show"},
                                                       {"ListEnrolments", "enrolment list"},
                                                       {"StartEnrolment", "enrolment start"},
                                                       {"PauseEnrolment", "enrolment pause"},
                                                       {"ResumeEnrolment", "enrolment resume"},
                                                       {"LeaveEnrolment", "enrolment leave"},
                                                       {"MoveEnrolment", "enrolment move"},
                                                       {"RecordAssessment", "enrolment assess"},
                                                       {"VoidAssessment", "enrolment void-assessment"},
                                                       {"RecordAttendance", "enrolment attendance"}};
  const char* root = std::getenv("WAYPOST_SOURCE_DIR");
  std::ifstream file(std::string(root == nullptr ? "." : root) +
                     "/proto/waypost/referral/v1/enrolment_service.proto");
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  const std::regex rpc(R"(\n  rpc (\w+)\()");
  size_t methods = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), rpc), end; at != end; ++at, ++methods) {
    const auto command = commands.find((*at)[1]);
    ASSERT_NE(command, commands.end()) << (*at)[1];
    const size_t space = command->second.find(' ');
    Runner runner;
    const RunResult result =
        runner.Run({command->second.substr(0, space), command->second.substr(space + 1), "--help"});
    EXPECT_EQ(result.code, ExitCode::kOk) << command->second;
  }
  EXPECT_EQ(methods, commands.size());
}

TEST(EnrolmentsTest, StartsWithTheOutcomesOfAll) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"enrolment", "start", "01jd-1-7", "--outcome", "1=enrolled", "--outcome", "2=advised",
                  "--informed-by", "receiving-body", "--informed-how", "in-person", "--informed-language",
                  "prs", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::StartEnrolmentRequest request = server.enrolments.received().started;
  EXPECT_EQ(request.name(), "enrolments/01jd-1-7");
  ASSERT_EQ(request.outcomes_size(), 2);
  EXPECT_EQ(request.outcomes(0).outcome().kind(), pb::OUTCOME_KIND_ENROLLED);
  EXPECT_EQ(request.outcomes(1).person(), 2u);
  EXPECT_EQ(request.outcomes(1).outcome().informed_language(), "prs");
  EXPECT_EQ(result.out,
            "enrolments/01jd-1-7: attending (revision 2, etag e2)\n  next: PAUSE\n"
            "  first on the waiting list now: referrals/01jd\n");
}

TEST(EnrolmentsTest, RecordsDaysAndLevels) {
  FakeServer server;
  Runner runner;
  RunResult result =
      runner.Run({"enrolment", "attendance", "enrolments/01jd-1-7", "--day", "2026-02-27=present", "--day",
                  "2026-02-28=excused", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::RecordAttendanceRequest attended = server.enrolments.received().attended;
  ASSERT_EQ(attended.days_size(), 2);
  EXPECT_EQ(attended.days(1).date(), "2026-02-28");
  EXPECT_EQ(attended.days(1).status(), pb::ATTENDANCE_STATUS_EXCUSED);
  result = runner.Run(
      {"enrolment", "attendance", "01jd-1-7", "--day", "2026-02-27", "--server", server.address()});
  EXPECT_NE(result.code, ExitCode::kOk);
  EXPECT_THAT(result.err, HasSubstr("DAY=STATUS"));
  result = runner.Run({"enrolment", "assess", "01jd-1-7", "--placement-test", "--cefr-level", "a2", "--level",
                       "FLE1", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::RecordAssessmentRequest assessed = server.enrolments.received().assessed;
  EXPECT_TRUE(assessed.assessment().placement_test());
  EXPECT_EQ(assessed.assessment().cefr_level(), pb::CEFR_LEVEL_A2);
  EXPECT_EQ(assessed.assessment().level(), "FLE1");
  EXPECT_EQ(assessed.assessment().date(), "2026-03-01") << "today";
}

TEST(EnrolmentsTest, VoidsAnAssessment) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"enrolment", "void-assessment", "01jd-1-7", "--number", "2",
                                       "--reason", "wrong-person", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::VoidAssessmentRequest voided = server.enrolments.received().voided;
  EXPECT_EQ(voided.name(), "enrolments/01jd-1-7");
  EXPECT_EQ(voided.number(), 2u);
  EXPECT_EQ(voided.reason(), pb::VOID_REASON_WRONG_PERSON);
}

TEST(EnrolmentsTest, ListsAGroup) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"enrolment", "list", "--offer", "offers/asl", "--group", "alpha",
                                       "--state", "paused", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::ListEnrolmentsRequest request = server.enrolments.received().listed;
  EXPECT_EQ(request.offer(), "offers/asl");
  EXPECT_EQ(request.group_id(), "alpha");
  ASSERT_EQ(request.states_size(), 1);
  EXPECT_EQ(request.states(0), pb::ENROLMENT_STATE_PAUSED);
  EXPECT_THAT(result.out, HasSubstr("enrolments/01jd-1-7"));
}

TEST(EnrolmentsTest, ListsWhatAProgrammeThatEndsLeaves) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"enrolment", "list", "--hand-over-owed", "--overdue", "--programme",
                                       "programmes/estia", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::ListEnrolmentsRequest request = server.enrolments.received().listed;
  EXPECT_TRUE(request.hand_over_owed());
  EXPECT_TRUE(request.overdue());
  EXPECT_EQ(request.programme(), "programmes/estia");
  EXPECT_THAT(result.out, HasSubstr("hand over by 2026-02-28"));
  EXPECT_THAT(result.out, HasSubstr("overdue by"));
}

}  // namespace
}  // namespace waypost::cli
