// A protected referral at the command line, against a node with its audit log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliProtectedTest : public CliTest {
 protected:
  static json Entries(std::string_view auditor, std::string_view filter) {
    return Json(auditor, base::Cat("audit list --limit 0 ", filter)).value("entries", json::array());
  }
  // The purposes of the looks at one referral that the auditor is shown, in order.
  static std::vector<std::string> LooksAt(std::string_view auditor, const std::string& name) {
    std::vector<std::string> purposes;
    for (const json& entry : Entries(auditor, base::Cat("--order oldest-first --resource ", name))) {
      const json& record = entry.at("record");
      if (record.at("type") == "referral.disclosed") purposes.push_back(record.value("purpose", ""));
    }
    return purposes;
  }
  // The log hears of things a moment later, in their order. False when it has not after 20 s.
  static bool AwaitLooks(const std::string& name, size_t count) {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (LooksAt("to", name).size() < count) {
      if (absl::Now() > until || !Wait()) return false;
    }
    return true;
  }
  static size_t AllLooks(std::string_view auditor) {
    return Entries(auditor, "--type referral.disclosed").size();
  }
  static uint64_t LogSize() {
    return std::strtoull(Json("from", "audit head").value("treeSize", "").c_str(), nullptr, 10);
  }
};

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

TEST_F(CliProtectedTest, AReaderTellsHerPseudonymAndIsNamedByIt) {
  const std::string to = Json("to", "whoami").at("actor");
  const std::string officer = Json("officer", "whoami").at("actor");
  EXPECT_NE(to, officer);
  EXPECT_EQ(Json("to", "whoami").at("body"), "bodies/es-to");
  EXPECT_THAT(Text("to", "whoami"), HasSubstr(to));
  const std::string submit = base::Cat("referral submit ", ReferralFlags(),
                                       " --screening 'A safe place' --protect shelter --receiving-reader ");
  // A letter lost on the telephone.
  ExpectFailure("worker", submit + to.substr(0, to.size() - 1), 2, "INVALID_FIELD");
  const std::string name = Change("worker", submit + to).at("name");
  EXPECT_THAT(Json("to", base::Cat("referral show ", name)).dump(), HasSubstr(to));
  ExpectFailure("officer", base::Cat("referral show ", name), 3, "NOT_FOUND");

  ExpectFailure("to", base::Cat("referral assign ", name, " --reader ", to, " --reader ", officer, "x"), 2,
                "INVALID_FIELD");
  ExpectFailure("officer", base::Cat("referral show ", name), 3, "NOT_FOUND");
  Change("to", base::Cat("referral assign ", name, " --reader ", to, " --reader ", officer));
  EXPECT_THAT(Json("officer", base::Cat("referral show ", name)).dump(), HasSubstr(officer));
}

TEST_F(CliProtectedTest, EachLookIsOnRecordAndOfAProtectedOneNoAuditorIsShownIt) {
  const std::string open = Submit();
  const auto look = [](std::string_view who, const std::string& name, std::string_view section,
                       std::string_view purpose) {
    Json(who, base::Cat("referral disclose ", name, " --section ", section, " --purpose ", purpose));
  };
  look("to", open, "screening", "assess-request");
  look("worker", open, "details", "coordinate-case");
  look("to", open, "screening", "assess-request");
  ExpectFailure("to", base::Cat("referral disclose ", open, " --section details --purpose assess-request"), 4,
                "NOT_YET_DISCLOSED");
  ASSERT_TRUE(AwaitLooks(open, 3));
  for (const std::string_view auditor : {"from", "to"}) {
    EXPECT_THAT(LooksAt(auditor, open),
                ElementsAre("PURPOSE_ASSESS_REQUEST", "PURPOSE_COORDINATE_CASE", "PURPOSE_ASSESS_REQUEST"))
        << auditor;
  }
  const size_t by_from = AllLooks("from");
  const size_t by_to = AllLooks("to");
  const uint64_t size = LogSize();

  const std::string hidden =
      Change("worker", base::Cat("referral submit ", ReferralFlags(),
                                 " --screening 'A safe place' --protect trafficking-indicators"))
          .at("name");
  Change("officer", base::Cat("referral claim ", hidden));
  look("officer", hidden, "screening", "assess-request");
  look("worker", hidden, "details", "coordinate-case");
  look("to", open, "screening", "assess-request");
  ASSERT_TRUE(AwaitLooks(open, 4));
  // Both looks are in the log, with the submission, the claim, and that of the other referral.
  EXPECT_GE(LogSize(), size + 5);
  EXPECT_EQ(AllLooks("from"), by_from + 1);
  EXPECT_EQ(AllLooks("to"), by_to + 1);
  for (const std::string_view auditor : {"from", "to"}) {
    EXPECT_THAT(Entries(auditor, base::Cat("--resource ", hidden)), IsEmpty());
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
