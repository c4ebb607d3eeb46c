#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

TEST(PathsTest, EveryMethodOfTheServiceHasACommand) {
  for (const char* command : {"create", "show", "get", "list", "update", "take", "end"}) {
    Runner runner;
    EXPECT_EQ(runner.Run({"path", command, "--help"}).code, ExitCode::kOk) << command;
  }
  EXPECT_EQ(google::protobuf::DescriptorPool::generated_pool()
                ->FindServiceByName("waypost.referral.v1.PathService")
                ->method_count(),
            6);
}

TEST(PathsTest, PlansStepsInTheirOrder) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"path", "create", "01jd", "--person", "1", "--step", "language=offers/getafe-b1", "--step",
                  "vocational-training", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::CreatePathRequest request = server.paths.received().created;
  EXPECT_EQ(request.referral(), "referrals/01jd");
  EXPECT_EQ(request.person(), 1u);
  ASSERT_EQ(request.steps_size(), 2);
  EXPECT_EQ(request.steps(0).theme(), type::v1::THEME_LANGUAGE);
  EXPECT_EQ(request.steps(0).offer(), "offers/getafe-b1");
  EXPECT_EQ(request.steps(1).theme(), type::v1::THEME_VOCATIONAL_TRAINING);
  EXPECT_FALSE(request.request_id().empty());
  EXPECT_THAT(result.out, HasSubstr("paths/01jd"));
  EXPECT_THAT(result.out, HasSubstr("vocational training"));
  EXPECT_THAT(result.out, HasSubstr("referrals/01je"));
  const RunResult wrong = runner.Run(
      {"path", "create", "01jd", "--person", "1", "--step", "nothing", "--server", server.address()});
  EXPECT_NE(wrong.code, ExitCode::kOk);
  EXPECT_THAT(wrong.err, HasSubstr("THEME=OFFER"));
}

TEST(PathsTest, NamesStepsThatAreThereByTheirNumber) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"path", "update", "paths/01jd", "--step", "1", "--step", "2=skipped",
                                       "--step", "employment", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::UpdatePathRequest request = server.paths.received().updated;
  EXPECT_EQ(request.name(), "paths/01jd");
  ASSERT_EQ(request.steps_size(), 3);
  EXPECT_EQ(request.steps(0).number(), 1u);
  EXPECT_EQ(request.steps(1).state(), pb::PATH_STEP_STATE_SKIPPED);
  EXPECT_EQ(request.steps(2).theme(), type::v1::THEME_EMPLOYMENT);
  EXPECT_NE(runner.Run({"path", "update", "01jd", "--step", "2=later", "--server", server.address()}).code,
            ExitCode::kOk);
}

TEST(PathsTest, TakesAStepAndShowsWhatWasSent) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"path",
                                       "take",
                                       "01jd",
                                       "--step",
                                       "2",
                                       "--receiving-body",
                                       "bodies/es-getafe",
                                       "--territory",
                                       "ES300",
                                       "--priority",
                                       "normal",
                                       "--disclosure",
                                       R"({"purpose":"PURPOSE_DELIVER_SERVICE"})",
                                       "--screening-text",
                                       "speaks B1 by now",
                                       "--section",
                                       "details",
                                       "--section",
                                       "alerts",
                                       "--server",
                                       server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const pb::TakeStepRequest request = server.paths.received().taken;
  EXPECT_THAT(request.sections(), ElementsAre(pb::SECTION_KIND_DETAILS, pb::SECTION_KIND_ALERTS));
  EXPECT_EQ(request.name(), "paths/01jd");
  EXPECT_EQ(request.step(), 2u);
  EXPECT_EQ(request.receiving().body(), "bodies/es-getafe");
  EXPECT_EQ(request.disclosure().purpose(), pb::PURPOSE_DELIVER_SERVICE);
  EXPECT_EQ(request.screening().text(), "speaks B1 by now");
  EXPECT_THAT(result.out, HasSubstr("referrals/01jf: requested"));
  EXPECT_EQ(result.out.find("referral approve"), std::string::npos);
  EXPECT_THAT(result.out, HasSubstr("paths/01jd"));
}

TEST(PathsTest, SaysWhatIsToBeDoneWhereAStepIsToBeApproved) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"path", "take", "01jd", "--step", "2", "--receiving-body", "bodies/es-getafe",
                  "--territory", "ES300", "--priority", "normal", "--disclosure",
                  R"({"override_ground":"OVERRIDE_GROUND_CHILD_AT_RISK"})", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("referrals/01jf: draft"));
  EXPECT_THAT(result.out, HasSubstr("waypost referral approve referrals/01jf"));
  EXPECT_THAT(result.out, HasSubstr("waypost referral submit referrals/01jf"));
  EXPECT_THAT(result.out, HasSubstr("to be approved"));
}

TEST(PathsTest, ListsHowFarEachIs) {
  FakeServer server;
  Runner runner;
  const RunResult result = runner.Run({"path", "list", "--ended", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_TRUE(server.paths.received().listed.ended());
  EXPECT_THAT(result.out, HasSubstr("1 of 2 done"));
}

}  // namespace
}  // namespace waypost::cli
