// What comes before and after cases, on a whole node: a person who was referred before, and the figures of a
// month with what is too small to be shown.
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
using ::testing::Not;

class CliIntakeTest : public CliTest {
 protected:
  static std::string ThisMonth() {
    return std::string(base::ToStd(absl::FormatTime("%Y-%m", absl::Now(), absl::UTCTimeZone())));
  }
  static std::string SubmitPerson(std::string_view name, std::string_view birth_date) {
    const std::string person =
        base::Cat("--given-name ", name, " --family-name Koval --birth-date ", birth_date);
    return Change("worker", base::Cat("referral submit ", ReferralFlags(person), " --screening x"))
        .at("name");
  }
};

TEST_F(CliIntakeTest, APersonWhoWasReferredBeforeIsFoundByHerBodyAlone) {
  const std::string name = SubmitPerson("Olena", "1990-03-04");
  const std::string asked = "referral duplicates --given-name KOVAL --family-name olena --birth-date ";
  const json found = Json("worker", asked + "1990-03-04");
  ASSERT_EQ(found.at("matches").size(), 1U);
  EXPECT_EQ(found.at("matches")[0].at("referral").at("name"), name);
  EXPECT_EQ(found.at("matches")[0].at("strength"), "DUPLICATE_STRENGTH_SAME");
  EXPECT_THAT(Text("worker", asked + "1990-04-03"), HasSubstr("date swapped"));
  EXPECT_FALSE(Json("to", asked + "1990-03-04").contains("matches"));
  EXPECT_FALSE(Json("worker", asked + "1990-03-05").contains("matches"));
  ExpectFailure("worker", asked + "yesterday", 2, "INVALID_FIELD");
}

TEST_F(CliIntakeTest, TheMonthIsCountedAndSmallCountsAreNotShown) {
  for (int i = 0; i < 6; ++i) Submit();
  Change("to", base::Cat("referral decline ", Submit(), " --reason no-capacity --declined-by provider"));
  const json table = Json("to", base::Cat("statistics ", ThisMonth()));
  EXPECT_EQ(table.at("threshold"), 5);
  const json& total = table.at("rows")[0].at("cells");
  EXPECT_EQ(total[0].at("measure"), "STATISTICS_MEASURE_RECEIVED");
  EXPECT_GE(std::stoi(total[0].at("count").get<std::string>()), 7);
  const std::string csv = Text("to", base::Cat("statistics ", ThisMonth(), " --csv"));
  EXPECT_THAT(csv, HasSubstr("# Counts from 1 to 4 are suppressed"));
  EXPECT_THAT(csv, HasSubstr(base::Cat("bodies/es-to,receiving,", ThisMonth(),
                                       ",total,\"ended: declined, no capacity\",suppressed")));
  EXPECT_THAT(Text("from", base::Cat("statistics ", ThisMonth(), " --side referring --by counter-body")),
              HasSubstr("BODIES/ES-TO"));
  ExpectFailure("to", base::Cat("statistics ", ThisMonth(), " --side coordinating"), 4, "PERIOD_NOT_OVER");
  ExpectFailure("worker", base::Cat("statistics ", ThisMonth()), 3, "NOT_ALLOWED");
  ExpectFailure("to", "statistics 2026-Q4", 2, "INVALID_FIELD");
}

}  // namespace
}  // namespace waypost::e2e
