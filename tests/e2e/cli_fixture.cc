#include "tests/e2e/cli_fixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <sstream>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/strings.h"

namespace waypost::e2e {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<TempFolder> CliTest::folder_;
std::unique_ptr<Server> CliTest::node_;
bool CliTest::is_ready_ = false;
int CliTest::changes_ = 0;
std::set<std::string> CliTest::shown_;

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool is_quoted = false;
  bool has_word = false;
  for (const char c : line) {
    if (c == ' ' && !is_quoted) {
      if (has_word) words.push_back(std::exchange(word, ""));
      has_word = false;
      continue;
    }
    has_word = true;
    if (c == '\'') {
      is_quoted = !is_quoted;
    } else {
      word += c;
    }
  }
  if (has_word) words.push_back(word);
  return words;
}

std::string CsvOf(const std::vector<std::pair<std::string, std::string>>& cases, const std::string& flags) {
  const std::vector<std::string> words = Words(flags);
  std::string csv = "own_reference,";
  for (size_t i = 0; i < words.size(); i += 2) {
    std::string column = words[i].substr(2);
    std::replace(column.begin(), column.end(), '-', '_');
    csv += base::Cat(column, i + 2 < words.size() ? "," : "\n");
  }
  for (const auto& [reference, theme] : cases) {
    csv += base::Cat(reference, ",");
    for (size_t i = 1; i < words.size(); i += 2) {
      csv += base::Cat(i == 1 ? theme : words[i], i + 1 < words.size() ? "," : "\n");
    }
  }
  return csv;
}

void CliTest::SetUpTestSuite() {
  StartWithBodies();
  AwaitReferrals("");
}

void CliTest::StartWithBodies(std::string_view config) {
  is_ready_ = false;
  shown_.clear();
  folder_ = std::make_unique<TempFolder>();
  WriteFile(*folder_ / "node.config", std::string(config));
  ASSERT_NO_FATAL_FAILURE(StartNode(0));
  MintTokens();
  MakeBodies();
}

void CliTest::StartNode(int port) {
  auto node = StartDemoNode(*folder_, {"--config", *folder_ / "node.config"}, port);
  ASSERT_TRUE(node.ok()) << node.status();
  node_ = *std::move(node);
}

void CliTest::KillNode() {
  node_->process().Signal(SIGKILL);
  EXPECT_EQ(node_->process().WaitForExit(absl::Seconds(10)), 128 + SIGKILL) << node_->process().Printed();
}

void CliTest::TearDownTestSuite() {
  if (node_ != nullptr) {
    node_->process().Signal(SIGTERM);
    EXPECT_EQ(node_->process().WaitForExit(absl::Seconds(10)), 0) << node_->process().Printed();
  }
  node_.reset();
  folder_.reset();
}

void CliTest::MintTokens() {
  const std::pair<std::string_view, std::string_view> people[] = {
      {"operator", "--body es-operator --role operator --role auditor"},
      {"from", "--body es-from --role supervisor --role auditor"},
      {"second", "--body bodies/es-from --role supervisor"},
      {"worker", "--body es-from --role caseworker --unit intake"},
      {"to", "--body es-to --role supervisor --role auditor"},
      {"officer", "--body es-to --role safeguarding-officer --role supervisor"},
      {"third", "--body es-third --role supervisor --ttl 1h"}};
  for (const auto& [who, grant] : people) {
    std::vector<std::string> command = {Program("waypost"), "token",     "--data-dir",
                                        *folder_ / "data",  "--subject", std::string(who)};
    for (std::string& word : Words(grant)) command.push_back(std::move(word));
    const Outcome minted = RunApart(command, *folder_);
    ASSERT_EQ(minted.exit_code, 0) << minted.errors;
    WriteFile(*folder_ / base::Cat(who, ".token"), minted.printed);
  }
}

void CliTest::MakeBodies() {
  for (const std::string_view id : {"es-from", "es-to", "es-third"}) {
    const auto body =
        Change("operator", base::Cat("bodies create ", id, " --display-name en='Body ", id,
                                     "' --display-name es=Cuerpo --kind municipality --level local "
                                     "--territory ES300 --language es"));
    EXPECT_EQ(body.at("name"), base::Cat("bodies/", id));
  }
  Change("from",
         "units create bodies/es-from intake --display-name en=Intake --kind intake-desk --status active");
}

// The referral service hears of the directory's things a moment after they were registered.
void CliTest::AwaitReferrals(std::string_view more_flags) {
  ASSERT_NE(node_, nullptr);
  const absl::Time until = absl::Now() + absl::Seconds(20);
  const std::string submit = base::Cat("referral submit ", ReferralFlags(), " --screening x ", more_flags);
  while (Run("worker", submit).exit_code != 0) {
    if (absl::Now() > until || !Wait()) return;
  }
  is_ready_ = true;
}

bool CliTest::Wait() {
  return !node_->process().WaitForExit(absl::Milliseconds(10)).has_value();
}

std::vector<std::string> CliTest::Command(std::string_view who, std::string_view line) {
  std::vector<std::string> command = {Program("waypost"), "--server", node_->address(), "--token-file",
                                      *folder_ / base::Cat(who, ".token")};
  for (std::string& word : Words(line)) command.push_back(std::move(word));
  return command;
}

Outcome CliTest::Run(std::string_view who, std::string_view line) {
  return RunApart(Command(who, line), *folder_);
}

std::string CliTest::Text(std::string_view who, std::string_view line) {
  const Outcome outcome = Run(who, line);
  EXPECT_EQ(outcome.exit_code, 0) << who << ": " << line << "\n" << outcome.errors;
  return outcome.printed;
}

nlohmann::json CliTest::Json(std::string_view who, std::string_view line) {
  const Outcome outcome = Run(who, base::Cat(line, " --output json"));
  EXPECT_EQ(outcome.exit_code, 0) << who << ": " << line << "\n" << outcome.errors;
  EXPECT_EQ(outcome.errors, "") << line;
  auto parsed = nlohmann::json::parse(outcome.printed, nullptr, false);
  EXPECT_TRUE(parsed.is_object()) << line << "\n" << outcome.printed;
  return parsed.is_object() ? parsed : nlohmann::json::object();
}

std::vector<nlohmann::json> CliTest::JsonLines(std::string_view printed) {
  std::vector<nlohmann::json> parsed;
  std::istringstream lines{std::string(printed)};
  for (std::string line; std::getline(lines, line);) {
    parsed.push_back(nlohmann::json::parse(line, nullptr, false));
    EXPECT_TRUE(parsed.back().is_object()) << line;
  }
  return parsed;
}

nlohmann::json CliTest::Change(std::string_view who, std::string_view line) {
  const std::string with_id = base::Cat(line, " --request-id change-", ++changes_);
  const std::string text = Text(who, with_id);
  nlohmann::json again = Json(who, with_id);
  const std::string name = again.value("name", "(no name)");
  EXPECT_THAT(text, HasSubstr(name)) << line;
  return again;
}

void CliTest::ExpectFailure(std::string_view who, std::string_view line, int exit_code,
                            std::string_view reason) {
  const Outcome outcome = Run(who, base::Cat(line, " --output json"));
  EXPECT_EQ(outcome.exit_code, exit_code) << who << ": " << line << "\n" << outcome.errors;
  EXPECT_EQ(outcome.printed, "") << line;
  const auto parsed = nlohmann::json::parse(outcome.errors, nullptr, false);
  ASSERT_TRUE(parsed.is_object() && parsed.contains("error")) << line << "\n" << outcome.errors;
  EXPECT_EQ(parsed["error"].value("exitCode", -1), exit_code) << line;
  EXPECT_EQ(parsed["error"].value("reason", ""), reason) << who << ": " << line;
  if (!shown_.insert(std::string(reason)).second) return;
  const Outcome text = Run(who, line);
  EXPECT_EQ(text.exit_code, exit_code) << line;
  EXPECT_EQ(text.printed, "") << line;
  EXPECT_THAT(text.errors, AllOf(StartsWith("waypost: "), HasSubstr(base::Cat("reason: ", reason)))) << line;
}

std::string CliTest::ReferralFlags(std::string_view person) {
  return base::Cat(
      "--theme housing --priority normal --receiving-body bodies/es-to --territory ES300 "
      "--referring-unit bodies/es-from/units/intake "
      "--age-band 25-to-39 --language prs --interpreter-language prs --agreement agreed "
      "--secrecy-release not-bound --purpose deliver-service --referring-article-6 public-task "
      "--referring-law es/ley-7-1985/art-25 --receiving-article-6 public-task "
      "--receiving-law es/ley-7-1985/art-25 --retention-rule es/ley-39-2015/art-17 "
      "--informed-how in-person --informed-language prs ",
      person, " --needs 'A room' --reason 'The shelter is full'");
}

std::string CliTest::Submit() {
  const auto made = Json("worker", base::Cat("referral submit ", ReferralFlags(),
                                             " --screening 'Needs a room' --own-reference EXP-7"));
  EXPECT_EQ(made.value("state", ""), "REFERRAL_STATE_REQUESTED");
  return made.value("name", "");
}

}  // namespace waypost::e2e
