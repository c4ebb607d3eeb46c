#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/crypto/memory_key_provider.h"
#include "nlohmann/json.hpp"
#include "services/referral/receipt_signature.h"
#include "services/referral/rights_receipts.h"
#include "tools/waypost/app.h"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using ::testing::AllOf;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Runner;
using testing::RunResult;

TEST(RightsTest, RecordsAUseOfARight) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"rights", "record", "01jd", "--kind", "withdrawal", "--person", "2", "--ask-time",
                  "2026-03-01 09:00", "--asked-how", "by-telephone", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const auto received = server.referrals.received();
  ASSERT_EQ(received.recorded.size(), 1u);
  EXPECT_EQ(received.recorded[0].name(), "referrals/01jd");
  EXPECT_EQ(received.recorded[0].kind(), pb::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(received.recorded[0].person(), 2u);
  EXPECT_EQ(received.recorded[0].asked_how(), pb::ASKED_HOW_BY_TELEPHONE);
  EXPECT_TRUE(received.recorded[0].has_ask_time());
  EXPECT_THAT(result.out, HasSubstr("rightsRequests/01je"));
  EXPECT_THAT(result.out, HasSubstr("bodies/es-madrid"));
  EXPECT_THAT(result.out, HasSubstr("pending"));
  EXPECT_THAT(result.out, HasSubstr("Not reached"));
  EXPECT_THAT(result.out, HasSubstr("referrals/01jf"));
  EXPECT_THAT(result.out, HasSubstr("goes on as:\n  rightsRequests/01jg"));
}

TEST(RightsTest, SaysNothingOfWhatWasNotReachedWhereThereIsNone) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"rights", "record", "01jd", "--kind", "objection", "--person", "2", "--ask-time",
                  "2026-03-01 09:00", "--asked-how", "by-telephone", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("Not reached")));
}

TEST(RightsTest, RefusesARecordThatSaysTooLittle) {
  FakeServer server;
  Runner runner;
  const RunResult result =
      runner.Run({"rights", "record", "01jd", "--kind", "withdrawal", "--server", server.address()});
  EXPECT_EQ(result.code, ExitCode::kUsage);
  EXPECT_TRUE(server.referrals.received().recorded.empty());
}

TEST(RightsTest, AnswersAndErasesOnlyWhenSure) {
  FakeServer server;
  Runner runner;
  std::vector<std::string> words = {"rights",   "answer",         "01je",     "--referral",    "01jd",
                                    "--answer", "stopped-erased", "--server", server.address()};
  EXPECT_EQ(runner.Run(words).code, ExitCode::kUsage);
  EXPECT_TRUE(server.referrals.received().answered.empty());
  words.push_back("--yes");
  EXPECT_EQ(runner.Run(words).code, ExitCode::kOk);
  words = {"rights",           "answer",     "01je",
           "--referral",       "01jd",       "--answer",
           "retained",         "--law",      "es/ley-39-2015/art-17",
           "--retained-until", "2031-12-31", "--server",
           server.address()};
  ASSERT_EQ(runner.Run(words).code, ExitCode::kOk);
  const auto answered = server.referrals.received().answered;
  ASSERT_EQ(answered.size(), 2u);
  EXPECT_EQ(answered[0].name(), "rightsRequests/01je");
  EXPECT_EQ(answered[0].referral(), "referrals/01jd");
  EXPECT_EQ(answered[1].answer(), pb::RIGHT_ANSWER_RETAINED);
  EXPECT_EQ(answered[1].law(), "es/ley-39-2015/art-17");
  EXPECT_EQ(answered[1].retained_until(), "2031-12-31");
}

TEST(RightsTest, ExportsWhatIsKeptOfAPersonInWords) {
  FakeServer server;
  pb::ExportPersonResponse& exported = server.referrals.exported;
  exported.add_appointments()->set_status(pb::APPOINTMENT_STATUS_MISSED);
  exported.mutable_waiting()->set_group_id("alpha");
  pb::Enrolment& enrolment = *exported.add_enrolments();
  enrolment.set_leave_reason(pb::LEAVE_REASON_MOVED_ON);
  enrolment.add_assessments()->set_level("FLE1");
  enrolment.add_attendance()->set_date("2026-05-04");
  exported.set_more_enrolments(true);
  Runner runner;
  const RunResult result =
      runner.Run({"rights", "export", "01jd", "--person", "1", "--server", server.address()});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  for (const char* words : {"missed", "alpha", "moved on", "FLE1", "2026-05-04", "more enrolments"}) {
    EXPECT_THAT(result.out, HasSubstr(words));
  }
}

TEST(RightsTest, PutsRightAndLifts) {
  FakeServer server;
  Runner runner;
  std::vector<std::string> words = {
      "rights",     "answer",        "01je",
      "--referral", "01jd",          "--answer",
      "rectified",  "--corrected",   R"({"person":1,"details":{"givenName":"Olha"}})",
      "--server",   server.address()};
  RunResult result = runner.Run(words);
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  words = {"rights",   "answer",   "01je",           "--referral", "01jd",
           "--answer", "lifted",   "--informed-how", "by-letter",  "--informed-language",
           "uk",       "--server", server.address()};
  result = runner.Run(words);
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  const auto answered = server.referrals.received().answered;
  ASSERT_EQ(answered.size(), 2u);
  EXPECT_EQ(answered[0].answer(), pb::RIGHT_ANSWER_RECTIFIED);
  EXPECT_EQ(answered[0].corrected().person(), 1u);
  EXPECT_EQ(answered[0].corrected().details().given_name(), "Olha");
  EXPECT_EQ(answered[1].answer(), pb::RIGHT_ANSWER_LIFTED);
  EXPECT_EQ(answered[1].informed_how(), pb::INFORMED_HOW_BY_LETTER);
  EXPECT_EQ(answered[1].informed_language(), "uk");
}

TEST(RightsTest, ListsWhatIsOwed) {
  FakeServer server;
  Runner runner;
  const RunResult table = runner.Run({"rights", "list", "--server", server.address()});
  ASSERT_EQ(table.code, ExitCode::kOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("rightsRequests/01je  referrals/01jd  objection  1"));
  EXPECT_THAT(table.out, HasSubstr("(overdue by 1 d)"));
  const std::string second = table.out.substr(table.out.find("rightsRequests/01jf"));
  EXPECT_THAT(second, Not(HasSubstr("overdue")));
  const RunResult answered = runner.Run({"rights", "list", "--answered", "--server", server.address()});
  EXPECT_THAT(answered.out, AllOf(HasSubstr("refused"), Not(HasSubstr("overdue"))));
  const RunResult json = runner.Run({"rights", "list", "--output", "json", "--server", server.address()});
  EXPECT_THAT(json.out, HasSubstr("RIGHT_KIND_OBJECTION"));
}

// Two bodies that have answered, each with its receipt, and one that has not.
class RightsReceiptsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cli::testing::CountingRandom random;
    crypto::MemoryKeyProvider provider(random, cli::testing::TestNow());
    const auto signer = referral::ReceiptSigner::Make(provider);
    ASSERT_TRUE(signer.ok()) << signer.status();
    pb::RightsRequest& shown = Shown();
    shown.set_name("rightsRequests/01je");
    shown.set_kind(pb::RIGHT_KIND_WITHDRAWAL);
    shown.set_person(1);
    for (const char* body : {"bodies/es-fuenlabrada", "bodies/es-madrid"}) {
      pb::RightsHolder& holder = *shown.add_holders();
      holder.set_referral("referrals/01jd");
      holder.set_body(body);
      holder.set_party(pb::PARTY_RECEIVING);
      holder.set_answer(pb::RIGHT_ANSWER_RETAINED);
      holder.set_law("es/ley-39-2015/art-17");
      holder.mutable_answer_time()->set_seconds(1'772'000'000);
      pb::RightsReceipt receipt = referral::ReceiptOf({}, holder);
      ASSERT_TRUE(signer->Sign(referral::UsedIn(shown, holder), receipt).ok());
      referral::KeepReceipt(receipt, holder);
    }
    shown.add_holders()->set_body("bodies/es-getafe");
    for (const pb::ReceiptKey& key : signer->keys()) *server_.referrals.receipt_keys.add_keys() = key;
  }
  pb::RightsRequest& Shown() { return server_.referrals.rights["rightsRequests/01je"]; }
  RunResult Check(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"rights", "receipts", "01je", "--server", server_.address()};
    words.insert(words.end(), more.begin(), more.end());
    return runner_.Run(words);
  }

  FakeServer server_;
  Runner runner_;
};

TEST_F(RightsReceiptsTest, WhatHoldsIsSaidToHold) {
  const RunResult good = Check();
  EXPECT_EQ(good.code, ExitCode::kOk) << good.err;
  EXPECT_THAT(good.out, AllOf(HasSubstr("bodies/es-madrid"), HasSubstr("retained"), HasSubstr("holds"),
                              Not(HasSubstr("NOT")), Not(HasSubstr("not signed"))));
  EXPECT_THAT(good.out, Not(HasSubstr("es-getafe"))) << "it has not answered";
  const auto listed = nlohmann::json::parse(Check({"--output", "json"}).out);
  ASSERT_EQ(listed.at("receipts").size(), 2u);
  EXPECT_EQ(listed.at("receipts").at(0).at("holds"), true);
  EXPECT_TRUE(listed.at("unsigned").empty());
}

TEST_F(RightsReceiptsTest, AForgedOneIsToldApartAndFails) {
  Shown().mutable_holders(1)->mutable_receipts(0)->set_law("es/ley-0-1900/art-1");
  Shown().mutable_holders(1)->set_law("es/ley-0-1900/art-1");
  const RunResult bad = Check();
  EXPECT_EQ(bad.code, ExitCode::kVerificationFailed);
  EXPECT_THAT(bad.out, HasSubstr("DOES NOT HOLD"));
  const auto listed = nlohmann::json::parse(Check({"--output", "json"}).out);
  EXPECT_EQ(listed.at("receipts").at(0).at("holds"), true);
  EXPECT_EQ(listed.at("receipts").at(1).at("holds"), false);
}

TEST_F(RightsReceiptsTest, AnAnswerThatIsShownOtherwiseThanItWasSignedFails) {
  Shown().mutable_holders(1)->set_answer(pb::RIGHT_ANSWER_STOPPED_ERASED);
  const RunResult bad = Check();
  EXPECT_EQ(bad.code, ExitCode::kVerificationFailed);
  EXPECT_THAT(bad.out, HasSubstr("NOT WHAT WAS SIGNED"));
}

TEST_F(RightsReceiptsTest, ReceiptsOfAnotherRequestAreNoneOfThisOne) {
  pb::RightsRequest other = Shown();
  other.set_name("rightsRequests/01jf");
  server_.referrals.rights["rightsRequests/01jf"] = other;
  EXPECT_EQ(runner_.Run({"rights", "receipts", "01jf", "--server", server_.address()}).code,
            ExitCode::kVerificationFailed);
  // Nor where the server calls it by the name of the other one.
  server_.referrals.rights["rightsRequests/01jf"] = Shown();
  EXPECT_EQ(runner_.Run({"rights", "receipts", "01jf", "--server", server_.address()}).code,
            ExitCode::kVerificationFailed);
}

TEST_F(RightsReceiptsTest, AnAnswerFromBeforeIsShownAsNotSigned) {
  Shown().mutable_holders(1)->clear_receipts();
  const RunResult result = Check();
  EXPECT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_THAT(result.out, HasSubstr("not signed"));
  const auto listed = nlohmann::json::parse(Check({"--output", "json"}).out);
  ASSERT_EQ(listed.at("unsigned").size(), 1u);
  EXPECT_EQ(listed.at("unsigned").at(0).at("body"), "bodies/es-madrid");
}

TEST_F(RightsReceiptsTest, KeysThatWereKeptSayMoreThanTheServersOwn) {
  cli::testing::TestFolder folder;
  EXPECT_EQ(Check({"--keys", folder.Write("keys.json", "{}")}).code, ExitCode::kVerificationFailed);
}

}  // namespace
}  // namespace waypost::cli
