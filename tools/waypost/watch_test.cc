#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/times.h"

namespace waypost::cli {
namespace {

using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Runner;
using testing::RunResult;

void AddChanges(FakeServer& server) {
  for (int i = 1; i <= 2; ++i) {
    auto& change = server.referrals.changes.emplace_back();
    change.set_cursor("c" + std::to_string(i));
    change.set_referral("referrals/1");
    change.set_revision(i);
    change.set_event("ACCEPT");
    change.set_state(referral::v1::REFERRAL_STATE_IN_PROGRESS);
    *change.mutable_time() = ToTimestamp(testing::TestNow());
  }
}

TEST(WatchTest, CatchesUpAndLeaves) {
  FakeServer server;
  AddChanges(server);
  Runner runner;
  const RunResult result = runner.Run({"referral", "watch", "--once", "--idle", "1ms", "--cursor", "c0",
                                       "--utc", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(server.referrals.received().watched_from, "c0");
  EXPECT_EQ(result.out,
            "2026-03-01T12:00:00Z  referrals/1  revision 1  ACCEPT  in progress\n"
            "2026-03-01T12:00:00Z  referrals/1  revision 2  ACCEPT  in progress\n");
  EXPECT_THAT(result.err, HasSubstr("--cursor c2"));
}

TEST(WatchTest, WritesALineOfJsonForEachChange) {
  FakeServer server;
  AddChanges(server);
  Runner runner;
  const RunResult result = runner.Run(
      {"referral", "watch", "--once", "--idle", "1ms", "--output", "json", "--server", server.address()});
  std::istringstream lines(result.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line).at("cursor"), "c1");
}

// The first message of a watch from now on: it says where that is, and nothing has changed.
TEST(WatchTest, ACursorAloneIsNoChangeAndWhereToGoOn) {
  FakeServer server;
  server.referrals.changes.emplace_back().set_cursor("c0");
  Runner runner;
  std::vector<std::string> words = {"referral", "watch",    "--once",        "--idle",
                                    "1ms",      "--server", server.address()};
  const RunResult table = runner.Run(words);
  ASSERT_EQ(table.code, ExitCode::kOk) << table.err;
  EXPECT_EQ(server.referrals.received().watched_from, "");
  EXPECT_EQ(table.out, "");
  EXPECT_THAT(table.err, HasSubstr("--cursor c0"));
  words.insert(words.end(), {"--output", "json"});
  EXPECT_EQ(nlohmann::json::parse(runner.Run(words).out), nlohmann::json({{"cursor", "c0"}}));
}

TEST(WatchTest, ConnectsAgainUntilInterrupted) {
  Runner runner;
  int waits = 0;
  runner.on_sleep = [&runner, &waits] {
    if (++waits == 3) runner.interrupts.Request();
  };
  const RunResult result = runner.Run({"referral", "watch", "--cursor", "c7", "--server", "127.0.0.1:1"});
  EXPECT_EQ(waits, 3);
  EXPECT_EQ(runner.slept, absl::Seconds(1 + 2 + 4));
  EXPECT_EQ(result.code, ExitCode::kUnavailable);
  EXPECT_THAT(result.err, HasSubstr("--cursor c7"));
}

TEST(WatchTest, ACursorThatWasRefusedIsNotWhereToGoOn) {
  FakeServer server;
  server.referrals.watch_end = grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no cursor of ours");
  Runner runner;
  const RunResult result =
      runner.Run({"referral", "watch", "--cursor", "yesterday", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kUsage);
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("--cursor yesterday")));
}

TEST(WatchTest, TellsAMissingServerOnce) {
  Runner runner;
  EXPECT_EQ(runner.Run({"referral", "watch", "--once", "--server", "127.0.0.1:1"}).code,
            ExitCode::kUnavailable);
}

}  // namespace
}  // namespace waypost::cli
