// Silence on a whole node, with clocks of seconds: it is escalated by itself, the coordinating body steps in,
// and what nobody answers lapses into a task.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class CliClocksTest : public CliTest {
 protected:
  static void SetUpTestSuite() {
    StartWithBodies(
        "clocks {\n  step_times { normal_seconds: 2 }\n  lapse_percent: 600\n  remind_again_percent: 0\n}\n");
    if (HasFatalFailure()) return;
    Json("operator",
         R"(call DirectoryService/CreateCoordinationAgreement '{"requestId":"agreement-1",)"
         R"("coordinationAgreementId":"es-third-housing","coordinationAgreement":{"theme":"THEME_HOUSING",)"
         R"("territory":"ES300","body":"bodies/es-third","reference":"Acuerdo 2026-1",)"
         R"("period":{"startDate":"2020-01-01"}}}')");
    AwaitReferrals("");
  }
  // The referral in that listing, as soon as it is there.
  static json AwaitIn(std::string_view who, const std::string& listing, const std::string& name) {
    const absl::Time until = absl::Now() + absl::Seconds(40);
    while (absl::Now() < until && Wait()) {
      const json page = Json(who, base::Cat("referral list --limit 0 ", listing));
      for (const json& row : page.value("referrals", json::array())) {
        if (row.at("name") == name) return row;
      }
    }
    ADD_FAILURE() << name << " is not in " << listing;
    return json::object();
  }
  static std::string SubmitWith(std::string_view flags) {
    return Change("worker", base::Cat("referral submit ", ReferralFlags(), " --screening x ", flags))
        .at("name");
  }
};

TEST_F(CliClocksTest, SilenceReachesTheCoordinatingBodyWhichStepsIn) {
  const std::string name = SubmitWith("");
  AwaitIn("from", "--box silence", name);
  const json row = AwaitIn("third", "--box coordination", name);
  EXPECT_FALSE(row.contains("personCount"));
  EXPECT_THAT(Text("from", base::Cat("referral show ", name)), HasSubstr("ESCALATE"));
  const json shown = Json("from", base::Cat("referral show ", name)).at("referral");
  EXPECT_EQ(shown.at("silence").at("party"), "PARTY_RECEIVING");
  EXPECT_EQ(Change("third", base::Cat("referral remind ", name)).at("silence").at("reminderCount"), 1);
  ExpectFailure("to", base::Cat("referral remind ", name), 3, "NOT_ALLOWED");

  const std::string rule =
      base::Cat("referral rule-on-competence ", name, " --law es/ley-40-2015/art-14 --body bodies/es-");
  EXPECT_TRUE(Change("third", base::Cat(rule, "to")).at("competenceRuled").get<bool>());
  ExpectFailure("to", base::Cat("referral decline ", name, " --reason not-competent --declined-by provider"),
                4, "RULING_BINDS");
  const json old =
      Change("third", base::Cat("referral assume-responsibility ", name, " --law es/ley-7-1985/art-58"));
  EXPECT_EQ(old.at("state"), "REFERRAL_STATE_FORWARDED");
  const std::string linked = Json("from", base::Cat("referral show ", name)).at("referral").at("forwardedTo");
  const json assumed = Json("third", base::Cat("referral show ", linked)).at("referral");
  EXPECT_EQ(assumed.at("state"), "REFERRAL_STATE_ACCEPTED");
  EXPECT_EQ(assumed.at("caseHoldingBody"), "bodies/es-third");
}

TEST_F(CliClocksTest, WhatNobodyAnswersLapsesIntoATask) {
  const std::string name = SubmitWith("");
  AwaitIn("from", "--box follow-up --state lapsed", name);
  ExpectFailure("to", base::Cat("referral settle-follow-up ", name), 4, "NOTHING_DUE");
  EXPECT_FALSE(
      Change("from", base::Cat("referral settle-follow-up ", name, " --text 'Rang them'")).contains("due"));
  const json left = Json("from", "referral list --limit 0 --box follow-up --state lapsed");
  for (const json& row : left.value("referrals", json::array())) EXPECT_NE(row.at("name"), name);
}

}  // namespace
}  // namespace waypost::e2e
