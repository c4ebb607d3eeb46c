// Waiting lists and enrolments from the command line, on a whole node: what one supervisor of a language
// school and one of a town do with three learners and two places.
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
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kInformed =
    " --informed-by receiving-body --informed-how in-person --informed-language prs";

std::string InDays(int days) {
  return absl::FormatTime("%Y-%m-%d", absl::Now() + absl::Hours(24 * days), absl::LocalTimeZone());
}

class CliEnrolmentTest : public CliTest {
 protected:
  static void SetUpTestSuite() {
    StartWithBodies();
    if (HasFatalFailure()) return;
    Change("to",
           "offers create es-asl --provider bodies/es-to --theme language --kind enrolment "
           "--display-name es=Talleres --territory ES300 --language es --status active "
           R"(--group '{"groupId":"alpha","permanent":true,"capacity":{"places":1}}' )"
           R"(--group '{"groupId":"fle1","permanent":true,"capacity":{"places":1}}')");
    AwaitReferrals("--offer offers/es-asl");
  }
  static std::string Waiting() {
    const std::string name = Submit();
    const json listed = Change("to", base::Cat("referral waitlist ", name, " --review-time ", InDays(30),
                                               " --offer offers/es-asl --group-id alpha"));
    EXPECT_EQ(listed.at("waiting").at("groupId"), "alpha");
    return name;
  }
};

TEST_F(CliEnrolmentTest, APlaceIsTakenLeftAndGivenToTheNext) {
  const std::string learner = Submit();
  const json accepted = Change("to", base::Cat("referral accept ", learner,
                                               " --offer offers/es-asl "
                                               R"(--place '{"person":1,"groupId":"alpha"}')"));
  const std::string enrolment = accepted.at("places").at(0).at("enrolment");
  const std::string first = Waiting();
  const std::string second = Waiting();
  EXPECT_THAT(Text("to", "waiting-list show offers/es-asl alpha"),
              AllOf(HasSubstr("1 taken of 1, 2 waiting (2 people)"), HasSubstr(first), HasSubstr(second)));
  EXPECT_EQ(Json("from", base::Cat("referral show ", second))["referral"]["waiting"]["position"], 2);
  const std::string offer = base::Cat(" --answer-by-time ", InDays(3));
  ExpectFailure("to", base::Cat("referral offer-place ", first, offer), 4, "NO_PLACE_FREE");
  ExpectFailure("to", base::Cat("referral offer-place ", second, offer), 4, "OUT_OF_ORDER");

  ExpectFailure("to", base::Cat("enrolment start ", enrolment), 2, "INVALID_FIELD");
  EXPECT_EQ(
      Change("to", base::Cat("enrolment start ", enrolment, " --outcome 1=enrolled", kInformed)).at("state"),
      "ENROLMENT_STATE_ATTENDING");
  EXPECT_EQ(Json("from", base::Cat("referral show ", learner))["referral"]["state"],
            "REFERRAL_STATE_COMPLETED");
  Change("to", base::Cat("enrolment assess ", enrolment, " --cefr-level a1 --placement-test"));
  Change("to", base::Cat("enrolment attendance ", enrolment, " --day ", InDays(0), "=present"));
  Change("to", base::Cat("enrolment pause ", enrolment, " --review-time ", InDays(30)));
  Change("to", base::Cat("enrolment resume ", enrolment));
  EXPECT_EQ(Change("to", base::Cat("enrolment move ", enrolment, " --group fle1")).at("nextOnList"), first);
  EXPECT_THAT(Text("to", "enrolment list --offer offers/es-asl --group fle1"), HasSubstr(enrolment));
  ExpectFailure("from", base::Cat("enrolment show ", enrolment), 3, "NOT_FOUND");

  Change("to", base::Cat("referral offer-place ", second, offer, " --out-of-order-reason urgent-need"));
  EXPECT_EQ(Json("from", base::Cat("referral history ", second)).at("entries").back()["outOfOrderReason"],
            "OUT_OF_ORDER_REASON_URGENT_NEED");
  const json left =
      Change("to", base::Cat("enrolment leave ", enrolment, " --reason moved-on --destination employment"));
  EXPECT_EQ(left.at("state"), "ENROLMENT_STATE_LEFT");
  EXPECT_EQ(Json("to", base::Cat("enrolment show ", enrolment)).at("attendance").size(), 1u);
}

TEST_F(CliEnrolmentTest, CriteriaArePublishedByTheSchoolAndReadByEverybody) {
  EXPECT_THAT(Text("from", "waiting-list criteria es-asl fle1"), HasSubstr("by priority, waiting since"));
  ExpectFailure("from", "waiting-list criteria es-asl fle1 --criterion minors-first", 3, "NOT_ALLOWED");
  Change("to", "waiting-list criteria es-asl fle1 --criterion minors-first --criterion submit-time");
  EXPECT_THAT(Text("from", "waiting-list criteria es-asl fle1"), HasSubstr("by minors first, submit time"));
  ExpectFailure("from", "waiting-list show es-asl fle1", 3, "NOT_ALLOWED");
  ExpectFailure("to", "waiting-list show es-asl none", 3, "NOT_FOUND");
}

}  // namespace
}  // namespace waypost::e2e
