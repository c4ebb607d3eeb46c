// Receipts, and work without a server, run as people run them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CliOfflineTest : public CliTest {
 protected:
  static std::vector<std::string> Receipts(std::string_view who, const std::string& name) {
    std::vector<std::string> kinds;
    const json shown = Json(who, base::Cat("referral receipts ", name));
    for (const json& receipt : shown.at("receipts")) {
      EXPECT_EQ(receipt.at("holds"), true);
      kinds.push_back(receipt.at("kind"));
    }
    return kinds;
  }
  static std::string StateOf(const std::string& name) {
    return Json("from", base::Cat("referral show ", name)).at("referral").at("state");
  }
  static std::string Etag(std::string_view who, const std::string& name) {
    return Json(who, base::Cat("referral show ", name)).at("referral").at("etag");
  }
};

TEST_F(CliOfflineTest, TheSenderSeesHowFarItHasCome) {
  const std::string name = Submit();
  EXPECT_THAT(Receipts("worker", name), ElementsAre("TRANSPORT_RECEIPT_KIND_RECEIVED"));
  const std::string etag = Etag("worker", name);
  Json("to", base::Cat("referral show ", name));
  EXPECT_THAT(Receipts("worker", name),
              ElementsAre("TRANSPORT_RECEIPT_KIND_RECEIVED", "TRANSPORT_RECEIPT_KIND_DELIVERED"));
  Json("to", base::Cat("referral disclose ", name, " --section screening --purpose assess-request"));
  EXPECT_EQ(Receipts("worker", name).size(), 3u);
  EXPECT_EQ(Etag("worker", name), etag);
  EXPECT_THAT(Text("worker", base::Cat("referral receipts ", name)),
              AllOf(HasSubstr("received"), HasSubstr("delivered"), HasSubstr("read"),
                    HasSubstr("bodies/es-to"), HasSubstr("holds")));
  ExpectFailure("third", base::Cat("referral receipts ", name), 3, "NOT_FOUND");
  // Checked by keys that were kept; by others they do not hold.
  WriteFile(*folder_ / "keys.json", Text("third", "call ReferralService/ListReceiptKeys '{}'"));
  EXPECT_EQ(
      Run("worker", base::Cat("referral receipts ", name, " --keys ", *folder_ / "keys.json")).exit_code, 0);
  WriteFile(*folder_ / "none.json", "{}");
  const Outcome bad =
      Run("worker", base::Cat("referral receipts ", name, " --keys ", *folder_ / "none.json"));
  EXPECT_EQ(bad.exit_code, 7);
  EXPECT_THAT(bad.printed, HasSubstr("DOES NOT HOLD"));
}

TEST_F(CliOfflineTest, WhatWasWrittenOfflineIsSentLater) {
  const std::string queue = *folder_ / "visit.queue";
  const std::string later = base::Cat(" --later ", queue);
  const json draft =
      Json("worker", base::Cat("referral create ", ReferralFlags(), " --screening 'Needs a room'", later));
  const std::string name = draft.at("referral");
  EXPECT_THAT(Text("worker",
                   base::Cat("referral add-note ", name, " --visibility own-side --text 'Has a dog'", later)),
              HasSubstr(name));
  Text("worker", base::Cat("referral submit ", name, later));
  ExpectFailure("worker", base::Cat("referral show ", name), 3, "NOT_FOUND");
  EXPECT_THAT(ReadFile(queue), HasSubstr("Marzia"));

  const Outcome sent = Run("worker", base::Cat("send-later ", queue));
  EXPECT_EQ(sent.exit_code, 0) << sent.errors;
  EXPECT_THAT(sent.errors, HasSubstr("3 sent"));
  EXPECT_EQ(StateOf(name), "REFERRAL_STATE_REQUESTED");
  EXPECT_THAT(ReadFile(queue), AllOf(Not(HasSubstr("Marzia")), Not(HasSubstr("dog")), HasSubstr("DONE")));
  const Outcome again = Run("worker", base::Cat("send-later ", queue));
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.errors, HasSubstr("0 sent"));
  EXPECT_EQ(Json("worker", base::Cat("referral history ", name)).at("entries").size(), 3u);
}

TEST_F(CliOfflineTest, AConflictIsShownAndDecided) {
  const std::string queue = *folder_ / "conflict.queue";
  const std::string later = base::Cat(" --later ", queue);
  const std::string one = Submit();
  const std::string two = Submit();
  const std::string etag = base::Cat(" --etag '", Etag("to", one), "'");
  Text("to", base::Cat("referral acknowledge ", one, etag, later));
  Text("to", base::Cat("referral add-note ", one, etag, " --visibility own-side --text 'Called her'", later));
  Text("to", base::Cat("referral acknowledge ", two, later));
  // Meanwhile a colleague does something else.
  Json("officer", base::Cat("referral accept ", one));

  const Outcome sent = Run("to", base::Cat("send-later ", queue));
  EXPECT_EQ(sent.exit_code, 4) << sent.errors;
  EXPECT_THAT(sent.printed,
              AllOf(HasSubstr(base::Cat("conflict: acknowledge ", one)), HasSubstr("ETAG_MISMATCH"),
                    HasSubstr("ACCEPT"), HasSubstr("now: accepted"), Not(HasSubstr("Called her"))));
  EXPECT_EQ(StateOf(two), "REFERRAL_STATE_ACKNOWLEDGED") << "the others go on";
  EXPECT_EQ(Run("to", base::Cat("send-later ", queue, " --drop ", one)).exit_code, 4)
      << "the note was for the same version";
  const Outcome decided = Run("to", base::Cat("send-later ", queue, " --retry ", one));
  EXPECT_EQ(decided.exit_code, 0) << decided.errors;
  EXPECT_EQ(Json("to", base::Cat("referral notes ", one)).at("notes").size(), 1u);
  EXPECT_EQ(StateOf(one), "REFERRAL_STATE_ACCEPTED");
  const std::string listed = Text("to", base::Cat("send-later --list ", queue));
  EXPECT_THAT(listed, AllOf(HasSubstr("dropped"), HasSubstr("done"), Not(HasSubstr("waiting"))));
}

TEST_F(CliOfflineTest, WhoWasReferredBeforeIsToldWithTheAnswer) {
  const std::string person = "--given-name Parwin --family-name Invented --birth-date 1988-02-03";
  const std::string submit = base::Cat("referral submit ", ReferralFlags(person), " --screening room");
  const std::string first = Json("worker", submit).at("name");
  EXPECT_THAT(Text("worker", submit),
              HasSubstr(base::Cat("person 1 may have been referred before: ", first, ", person 1 (same)")));
}

}  // namespace
}  // namespace waypost::e2e
