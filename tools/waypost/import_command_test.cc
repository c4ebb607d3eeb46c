#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/csv_import.h"

namespace waypost::cli {
namespace {

using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;
using testing::TestFolder;

constexpr char kRows[] =
    "theme,territory,own_reference\n"
    "housing,ES300,A\n"
    "health,ES300,B\n"
    "language,ES300,C\n";

TEST(ImportCommandTest, SubmitsEveryRow) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "import", file, "--server", server.address(), "--import-id", "spring"});
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(result.out,
            "row 2: referrals/imp-spring-2 requested\n"
            "row 3: referrals/imp-spring-3 requested\n"
            "row 4: referrals/imp-spring-4 requested\n");
  EXPECT_EQ(server.referrals.received().submitted.size(), 3u);
  EXPECT_FALSE(folder.Has("cases.csv.errors.csv"));
}

TEST(ImportCommandTest, RepeatsWithTheSameIds) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  Runner runner;
  runner.Run({"referral", "import", file, "--server", server.address(), "--in-flight", "1"});
  // As where nobody knows any more what went through.
  folder.Write("cases.csv.done.csv", "");
  runner.Run({"referral", "import", file, "--server", server.address(), "--in-flight", "1"});
  ASSERT_EQ(server.referrals.received().submitted.size(), 6u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(server.referrals.received().submitted[i].SerializeAsString(),
              server.referrals.received().submitted[i + 3].SerializeAsString());
  }
}

TEST(ImportCommandTest, KeepsAFileOfErrorsUntilNoneAreLeft) {
  FakeServer server;
  server.referrals.on_submit = [](const referral::v1::SubmitReferralRequest& request) {
    if (request.own_reference() != "B") return grpc::Status::OK;
    return rpc::ToGrpc(error::InvalidField("referral.territory", "is no territory"));
  };
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", std::string(kRows) + "casa,ES300,D\n");
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "import", file, "--server", server.address(), "--import-id", "spring"});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(result.err, HasSubstr("2 submitted, 2 failed, 0 not sent"));
  EXPECT_THAT(result.err, HasSubstr("--import-id spring"));
  const auto errors = ParseCsv(folder.Read("cases.csv.errors.csv"));
  ASSERT_TRUE(errors.ok());
  ASSERT_EQ(errors->rows.size(), 2u);
  EXPECT_EQ(errors->rows[0].fields[0], "3");
  EXPECT_EQ(errors->rows[0].fields[2], "referral.territory");
  EXPECT_EQ(errors->rows[1].fields[0], "5");
  EXPECT_EQ(errors->rows[1].fields[2], "theme");

  folder.Write(
      "cases.csv",
      "theme,territory,own_reference\nhousing,ES300,A\nhealth,ES300,b\nlanguage,ES300,C\nhealth,ES300,D\n");
  EXPECT_EQ(
      runner.Run({"referral", "import", file, "--server", server.address(), "--import-id", "spring"}).code,
      ExitCode::kOk);
  EXPECT_FALSE(folder.Has("cases.csv.errors.csv"));
}

// Whoever goes on with it, and however long after: the server forgets what it was sent.
TEST(ImportCommandTest, WhatWentThroughIsNotSentAgain) {
  FakeServer server;
  server.referrals.on_submit = [](const referral::v1::SubmitReferralRequest& request) {
    if (request.own_reference() != "B") return grpc::Status::OK;
    return rpc::ToGrpc(error::InvalidField("referral.territory", "is no territory"));
  };
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  const std::vector<std::string> words = {
      "referral", "import", file, "--server", server.address(), "--import-id", "spring", "--in-flight", "1"};
  EXPECT_EQ(Runner().Run(words).code, ExitCode::kPartial);
  EXPECT_EQ(server.referrals.received().submitted.size(), 3u);
  const std::string done = base::Cat("server,import_id,row,request_id,referral\r\n", server.address(),
                                     ",spring,2,imp-spring-2,referrals/imp-spring-2\r\n", server.address(),
                                     ",spring,4,imp-spring-4,referrals/imp-spring-4\r\n");
  EXPECT_EQ(folder.Read("cases.csv.done.csv"), done);
  const auto permissions = std::filesystem::status(folder.Path("cases.csv.done.csv")).permissions();
  EXPECT_EQ(permissions, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

  server.referrals.on_submit = nullptr;
  const RunResult again = Runner().Run(words);
  EXPECT_EQ(again.code, ExitCode::kOk) << again.err;
  ASSERT_EQ(server.referrals.received().submitted.size(), 4u);
  EXPECT_EQ(server.referrals.received().submitted[3].request_id(), "imp-spring-3");
  EXPECT_EQ(again.out,
            "row 2: referrals/imp-spring-2 submitted before\n"
            "row 3: referrals/imp-spring-3 requested\n"
            "row 4: referrals/imp-spring-4 submitted before\n");
  EXPECT_THAT(again.err, HasSubstr("1 submitted, 2 submitted before, 0 failed, 0 not sent"));
  EXPECT_EQ(folder.Read("cases.csv.done.csv"),
            base::Cat(done, server.address(), ",spring,3,imp-spring-3,referrals/imp-spring-3\r\n"));
  std::vector<std::string> json = words;
  json.push_back("--output");
  json.push_back("json");
  std::istringstream lines(Runner().Run(json).out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto row = nlohmann::json::parse(line);
  EXPECT_EQ(row.at("referral"), "referrals/imp-spring-2");
  EXPECT_EQ(row.at("submittedBefore"), true);
}

TEST(ImportCommandTest, WhatWentThroughElsewhereOrInAnotherImportIsSent) {
  FakeServer server;
  FakeServer other;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  const auto send = [&](const FakeServer& to, const std::string& id) {
    return Runner().Run({"referral", "import", file, "--server", to.address(), "--import-id", id}).code;
  };
  EXPECT_EQ(send(server, "spring"), ExitCode::kOk);
  EXPECT_EQ(send(other, "spring"), ExitCode::kOk);
  EXPECT_EQ(other.referrals.received().submitted.size(), 3u) << "a rehearsal elsewhere is none here";
  EXPECT_EQ(send(server, "autumn"), ExitCode::kOk);
  EXPECT_EQ(server.referrals.received().submitted.size(), 6u);
  EXPECT_EQ(send(server, "autumn"), ExitCode::kOk);
  EXPECT_EQ(server.referrals.received().submitted.size(), 6u);
}

TEST(ImportCommandTest, ALineThatWasCutOffIsNoLine) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  const auto send = [&] {
    return Runner().Run({"referral", "import", file, "--server", server.address(), "--import-id", "spring"});
  };
  send();
  const std::string done = folder.Read("cases.csv.done.csv");
  folder.Write("cases.csv.done.csv", done.substr(0, done.size() - 5));
  EXPECT_EQ(send().code, ExitCode::kOk);
  EXPECT_EQ(server.referrals.received().submitted.size(), 4u);
  EXPECT_EQ(folder.Read("cases.csv.done.csv"), done);
  // What is no such file is not written over, and nothing is sent.
  folder.Write("cases.csv.done.csv", "theme\nhousing\n");
  EXPECT_EQ(send().code, ExitCode::kUsage);
  EXPECT_EQ(folder.Read("cases.csv.done.csv"), "theme\nhousing\n");
  EXPECT_EQ(server.referrals.received().submitted.size(), 4u);
}

TEST(ImportCommandTest, WithoutARoomToKeepWhatWentThroughNothingIsSent) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  std::filesystem::create_directory(folder.Path("cases.csv.done.csv"));
  const RunResult result = Runner().Run({"referral", "import", file, "--server", server.address()});
  EXPECT_NE(result.code, ExitCode::kOk);
  EXPECT_THAT(result.err, HasSubstr("cases.csv.done.csv"));
  EXPECT_TRUE(server.referrals.received().submitted.empty());
}

TEST(ImportCommandTest, SendsNothingOfAFileThatCannotBeRead) {
  FakeServer server;
  const TestFolder folder;
  for (const auto& [name, content] : {std::pair("a.csv", "theme\nhousing\n\"open\n"),
                                      {"b.csv", "colour\nred\n"},
                                      {"c.json", "[{}"},
                                      {"d.xlsx", "theme\n"}}) {
    const std::string file = folder.Write(name, content);
    EXPECT_EQ(Runner().Run({"referral", "import", file, "--server", server.address()}).code, ExitCode::kUsage)
        << name;
  }
  EXPECT_EQ(
      Runner().Run({"referral", "import", folder.Path("absent.csv"), "--server", server.address()}).code,
      ExitCode::kUsage);
  EXPECT_TRUE(server.referrals.received().submitted.empty());
}

TEST(ImportCommandTest, OnlyChecksInADryRun) {
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", std::string(kRows) + "casa,ES300,D\n");
  const RunResult result = Runner().Run({"referral", "import", file, "--dry-run", "--server", "127.0.0.1:1"});
  EXPECT_EQ(result.code, ExitCode::kPartial);
  EXPECT_THAT(result.err, HasSubstr("3 can be sent, 1 failed"));
  EXPECT_THAT(result.out, HasSubstr("row 5: failed"));
}

TEST(ImportCommandTest, TellsAMissingServer) {
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  const RunResult result =
      Runner().Run({"referral", "import", file, "--server", "127.0.0.1:1", "--in-flight", "1"});
  EXPECT_EQ(result.code, ExitCode::kUnavailable);
  EXPECT_THAT(result.out, HasSubstr("row 4: not sent"));
  EXPECT_TRUE(folder.Has("cases.csv.errors.csv"));
}

TEST(ImportCommandTest, WritesALineOfJsonForEachRow) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", std::string(kRows) + "casa,ES300,D\n");
  const RunResult result = Runner().Run({"referral", "import", file, "--server", server.address(),
                                         "--import-id", "spring", "--output", "json"});
  std::istringstream lines(result.out);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].at("referral"), "referrals/imp-spring-2");
  EXPECT_EQ(rows[0].at("state"), "REFERRAL_STATE_REQUESTED");
  EXPECT_EQ(rows[3].at("problems").at(0).at("field"), "theme");
  EXPECT_EQ(result.err, "");
}

TEST(ImportCommandTest, ShowsProgressWhenAsked) {
  FakeServer server;
  const TestFolder folder;
  const std::string file = folder.Write("cases.csv", kRows);
  EXPECT_THAT(Runner().Run({"referral", "import", file, "--server", server.address(), "--progress"}).err,
              HasSubstr("3 of 3 referrals, 0 failed"));
}

TEST(ImportCommandTest, ListsItsColumnsAsJsonToo) {
  Runner runner;
  EXPECT_THAT(runner.Run({"referral", "import", "--columns"}).out, HasSubstr("receiving_body "));
  const auto columns = nlohmann::json::parse(
      runner.Run({"referral", "import", "--columns", "--output", "json"}).out, nullptr, false);
  ASSERT_TRUE(columns.is_object());
  EXPECT_EQ(columns.at("columns").at(0).at("name"), "case");
}

}  // namespace
}  // namespace waypost::cli
