#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

constexpr char kGood[] =
    R"({"id":"s1","name":"Course","status":"active","minimum_age":16,"languages":[{"code":"fr"}],
        "capacities":[{"available":3,"maximum":12}],"fees":"none"})";

TEST(OffersCheckTest, TellsWhatEachRowGives) {
  const TestFolder folder;
  const RunResult result = Runner().Run({"offers", "check", folder.Write("a.json", kGood)});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(
      result.out,
      "ROW  ID  NAME    STATUS  ORGANIZATION  AGES        LANGUAGES  DOCUMENTS  PLACES        ASSURED  NOT "
      "MAPPED\n"
      "1    s1  Course  active                16 or more  fr         0          3 of 12 free           1 "
      "fields\n");
  EXPECT_THAT(result.err, HasSubstr("1 of 1 services are right, 0 reports"));
}

TEST(OffersCheckTest, TellsEveryReportAndFails) {
  const TestFolder folder;
  const std::string file =
      folder.Write("a.json", std::string("[") + kGood + R"(,{"id":"s2","name":"","status":"open"}])");
  const RunResult result = Runner().Run({"offers", "check", file});
  EXPECT_EQ(result.code, ExitCode::kReports);
  EXPECT_THAT(result.out, HasSubstr("s1"));
  EXPECT_THAT(result.out, HasSubstr("row 2: /1/name is empty: give it\nrow 2: /1/status is not known"));
  EXPECT_THAT(result.err, HasSubstr("1 of 2 services are right, 2 reports"));
}

TEST(OffersCheckTest, TellsOfAFileThatIsNoJson) {
  const TestFolder folder;
  const RunResult result = Runner().Run({"offers", "check", folder.Write("a.json", "{")});
  EXPECT_EQ(result.code, ExitCode::kReports);
  EXPECT_THAT(result.out, HasSubstr("No services.\nfile: document is not JSON, at byte "));
  EXPECT_EQ(Runner().Run({"offers", "check", folder.Path("none.json")}).code, ExitCode::kUsage);
}

TEST(OffersCheckTest, ItsExitCodeIsTheOneThatTheHelpTells) {
  const std::string code = std::to_string(static_cast<int>(ExitCode::kReports));
  EXPECT_THAT(Runner().Run({"--help"}).out,
              HasSubstr("\n  " + code + "  a file that was checked has reports"));
  EXPECT_THAT(Runner().Run({"offers", "check", "--help"}).out,
              HasSubstr("The exit code is " + code + " when"));
}

TEST(OffersCheckTest, WritesALineOfJsonForEach) {
  const TestFolder folder;
  const std::string file = folder.Write("a.json", std::string("[") + kGood + ",5]");
  const RunResult result = Runner().Run({"offers", "check", file, "--output", "json"});
  EXPECT_EQ(result.code, ExitCode::kReports);
  const size_t end = result.out.find('\n');
  const auto service = nlohmann::json::parse(result.out.substr(0, end));
  EXPECT_EQ(service.at("id"), "s1");
  EXPECT_EQ(service.at("minimumAge"), 16);
  EXPECT_EQ(service.at("capacities").at(0).at("maximum"), 12);
  EXPECT_EQ(service.at("unmapped").at("/fees"), "\"none\"");
  const auto report = nlohmann::json::parse(result.out.substr(end + 1));
  EXPECT_EQ(report.at("row"), 2);
  EXPECT_EQ(report.at("pointer"), "/1");
}

}  // namespace
}  // namespace waypost::cli
