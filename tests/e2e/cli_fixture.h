// The `waypost` program against a node, each a process of its own, as people and scripts use them.
#ifndef WAYPOST_TESTS_E2E_CLI_FIXTURE_H_
#define WAYPOST_TESTS_E2E_CLI_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/e2e/server_process.h"

namespace waypost::e2e {

// "referral accept x --text 'a b'" as a shell takes it: parted at blanks, with single quotes.
std::vector<std::string> Words(std::string_view line);

// A file to import, a row for each case (its own reference and its theme), from the flags of a referral, of
// which --theme is the first: so flags and columns stay the same.
std::string CsvOf(const std::vector<std::pair<std::string, std::string>>& cases, const std::string& flags);

// One node for all tests of a suite, with three bodies: bodies/es-from, which has the unit intake,
// bodies/es-to and bodies/es-third. Who calls is one of
//   operator              of bodies/es-operator
//   from, to, third       supervisors and auditors of these bodies
//   officer               of bodies/es-to, a safeguarding officer as well
//   second                another supervisor of bodies/es-from
//   worker                a caseworker of the unit intake
class CliTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  // The two halves of it, for a suite that registers more between them: the referral service hears of things
  // in the order in which they were registered, and has heard of all that `more_flags` of a referral name.
  // `config`: what the configuration file says besides the flags.
  static void StartWithBodies(std::string_view config = "");
  static void AwaitReferrals(std::string_view more_flags);
  // Kills the node in the middle of whatever it does; StartAgain starts it anew at the same address.
  static void KillNode();
  static void StartAgain() { StartNode(node_->port()); }
  static void TearDownTestSuite();
  void SetUp() override { ASSERT_TRUE(is_ready_); }

  // The whole command that runs `line` as `who`.
  static std::vector<std::string> Command(std::string_view who, std::string_view line);
  static Outcome Run(std::string_view who, std::string_view line);
  // What a command that is to succeed prints for people.
  static std::string Text(std::string_view who, std::string_view line);
  // The same as JSON, with nothing on standard error.
  static nlohmann::json Json(std::string_view who, std::string_view line);
  // Many lines of JSON.
  static std::vector<nlohmann::json> JsonLines(std::string_view printed);
  // What a change comes to. It is made for people, who are shown the name of what is changed, and then again
  // with the same request id as JSON, which gives the first answer again.
  static nlohmann::json Change(std::string_view who, std::string_view line);
  // The command fails with this code, prints nothing on standard output, and tells the reason as JSON on
  // standard error; the first of each reason is told to people as well.
  static void ExpectFailure(std::string_view who, std::string_view line, int exit_code,
                            std::string_view reason);
  // Waits for a moment, in which the node is expected to run on.
  static bool Wait();

  // The flags of a complete referral of one person from bodies/es-from to bodies/es-to.
  static std::string ReferralFlags(
      std::string_view person = "--given-name Marzia --family-name Invented --birth-date 1990-03-21");
  // Submits one and returns its name.
  static std::string Submit();

  static std::unique_ptr<TempFolder> folder_;
  static std::unique_ptr<Server> node_;

 private:
  // `port` 0: a free one.
  static void StartNode(int port);
  static void MintTokens();
  static void MakeBodies();

  static bool is_ready_;
  static int changes_;
  // The reasons that were shown to people.
  static std::set<std::string> shown_;
};

}  // namespace waypost::e2e

#endif  // WAYPOST_TESTS_E2E_CLI_FIXTURE_H_
