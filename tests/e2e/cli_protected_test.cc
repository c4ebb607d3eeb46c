// A protected referral at the command line, against a node with its audit log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class CliProtectedTest : public CliTest {};

TEST_F(CliProtectedTest, ItIsSentReadAndFoundByNobodyElse) {
  const json sent = Change("worker", base::Cat("referral submit ", ReferralFlags(),
                                               " --screening 'A safe place' --own-reference EXP-P",
                                               " --protect trafficking-indicators"));
  const std::string name = sent.at("name");
  EXPECT_EQ(sent.at("protection").at("ground"), "PROTECTION_GROUND_TRAFFICKING_INDICATORS");
  EXPECT_THAT(Json("worker", base::Cat("referral show ", name)).dump(), HasSubstr("TRAFFICKING_INDICATORS"));

  // Supervisors of both bodies, auditors too, and a stranger.
  for (const std::string_view who : {"from", "second", "to", "third"}) {
    ExpectFailure(who, base::Cat("referral show ", name), 3, "NOT_FOUND");
    ExpectFailure(who, base::Cat("referral history ", name), 3, "NOT_FOUND");
    EXPECT_THAT(Text(who, "referral list"), Not(HasSubstr(name)));
    EXPECT_THAT(Text(who, "referral list --box outbox"), Not(HasSubstr(name)));
    EXPECT_THAT(Run(who, "referral find EXP-P").errors, HasSubstr("No referral has it."));
  }
  EXPECT_THAT(Text("worker", "referral list --box outbox"), HasSubstr(name));
  // The officer of the receiving body names its readers, herself first.
  EXPECT_THAT(Text("officer", "referral list"), HasSubstr(name));
  ExpectFailure("officer", base::Cat("referral accept ", name), 4, "READER_FIRST");
  Change("officer", base::Cat("referral claim ", name));
  EXPECT_EQ(Change("officer", base::Cat("referral accept ", name)).at("state"), "REFERRAL_STATE_ACCEPTED");

  // No auditor of either body is shown a record of it.
  for (const std::string_view who : {"from", "to"}) {
    EXPECT_THAT(Text(who, base::Cat("audit list --resource ", name)), Not(HasSubstr(name)));
  }
}

TEST_F(CliProtectedTest, OneThatExistsIsProtectedByAssigningIt) {
  const std::string name = Submit();
  ASSERT_THAT(Text("second", "referral list --box outbox"), HasSubstr(name));
  const json after = Json("from", base::Cat("referral assign ", name, " --protection shelter"));
  ASSERT_EQ(after.value("name", ""), name);
  EXPECT_THAT(Json("from", base::Cat("referral show ", name)).dump(), HasSubstr("GROUND_SHELTER"));
  ExpectFailure("second", base::Cat("referral show ", name), 3, "NOT_FOUND");
  EXPECT_THAT(Text("second", "referral list --box outbox"), Not(HasSubstr(name)));
}

}  // namespace
}  // namespace waypost::e2e
