#include "services/referral/rights_receipts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/referral/referral_limits.h"

namespace waypost::referral {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int64_t kSeconds = 1'767'225'600;  // 2026-01-01T00:00:00Z

storage::v1::RightsRequestRecord Request() {
  storage::v1::RightsRequestRecord request;
  request.set_name("rightsRequests/01jr");
  request.set_kind(v1::RIGHT_KIND_OBJECTION);
  request.set_person(2);
  request.set_text_commitment(std::string(32, '\x02'));
  return request;
}

v1::RightsHolder Retained() {
  v1::RightsHolder holder;
  holder.set_referral("referrals/01jd");
  holder.set_body("bodies/es-madrid");
  holder.set_party(v1::PARTY_RECEIVING);
  holder.set_answer(v1::RIGHT_ANSWER_RETAINED);
  holder.set_law("es/ley-39-2015/art-17");
  holder.set_retained_until("2031-12-31");
  holder.mutable_answer_time()->set_seconds(kSeconds);
  holder.mutable_answer_time()->set_nanos(250'000'000);
  holder.set_actor("p-luis");
  return holder;
}

std::string TextOf(const v1::RightsHolder& holder) {
  return RightsReceiptText(UsedIn(Request(), holder), ReceiptOf(Request(), holder));
}

TEST(RightsReceipts, TheTextIsAsDocumented) {
  // As in docs/reference/receipts.md.
  EXPECT_EQ(TextOf(Retained()),
            "waypost-rights-receipt 1\n"
            "request rightsRequests/01jr\n"
            "kind OBJECTION\n"
            "person 2\n"
            "referral referrals/01jd\n"
            "body bodies/es-madrid\n"
            "side RECEIVING\n"
            "answer RETAINED\n"
            "law es/ley-39-2015/art-17\n"
            "retained-until 2031-12-31\n"
            "text-commitment 0202020202020202020202020202020202020202020202020202020202020202\n"
            "time 2026-01-01T00:00:00.250000Z\n");
}

TEST(RightsReceipts, WhatIsEmptyHasNoLineAndACodeWithoutAWordIsItsNumber) {
  v1::RightsHolder holder = Retained();
  holder.set_answer(v1::RIGHT_ANSWER_REFUSED);
  holder.clear_law();
  holder.clear_retained_until();
  holder.set_refusal_ground(v1::REFUSAL_GROUND_LEGAL_CLAIMS);
  EXPECT_THAT(TextOf(holder), HasSubstr("answer REFUSED\nground LEGAL_CLAIMS\ntext-commitment "));
  v1::RightsReceipt receipt = ReceiptOf(Request(), holder);
  receipt.clear_text_commitment();
  const storage::v1::RightsRequestRecord request = Request();
  const RightUsed used = UsedIn(request, holder);
  EXPECT_THAT(RightsReceiptText(used, receipt), Not(HasSubstr("text-commitment")));
  receipt.set_refusal_ground(static_cast<v1::RefusalGround>(99));
  EXPECT_THAT(RightsReceiptText(used, receipt), HasSubstr("ground 99\n"));
  receipt.set_informed_how(v1::INFORMED_HOW_BY_LETTER);
  receipt.set_informed_language("uk");
  EXPECT_THAT(RightsReceiptText(used, receipt), HasSubstr("informed-how BY_LETTER\ninformed-language uk\n"));
}

TEST(RightsReceipts, FactsThatCouldBeReadAsOthersHaveNoText) {
  v1::RightsHolder holder = Retained();
  holder.set_law("es/ley-39-2015/art-17\nretained-until 2031-12-31");
  holder.clear_retained_until();
  EXPECT_EQ(TextOf(holder), "");
}

TEST(RightsReceipts, WhoAnsweredIsNotInIt) {
  EXPECT_THAT(TextOf(Retained()), Not(HasSubstr("p-luis")));
}

TEST(RightsReceipts, ItSaysTheAnswerThatIsShownAndNoOther) {
  const v1::RightsHolder holder = Retained();
  const v1::RightsReceipt receipt = ReceiptOf(Request(), holder);
  EXPECT_TRUE(SaysTheAnswer(receipt, holder));
  v1::RightsHolder other = holder;
  other.set_answer(v1::RIGHT_ANSWER_RESTRICTED);
  EXPECT_FALSE(SaysTheAnswer(receipt, other));
  other = holder;
  other.set_law("es/other");
  EXPECT_FALSE(SaysTheAnswer(receipt, other));
  other = holder;
  other.set_retained_until("2041-12-31");
  EXPECT_FALSE(SaysTheAnswer(receipt, other));
  other = holder;
  other.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
  EXPECT_FALSE(SaysTheAnswer(receipt, other));
  other = holder;
  other.mutable_answer_time()->set_nanos(0);
  EXPECT_FALSE(SaysTheAnswer(receipt, other));
  // A body that has taken the place of the one that answered shows its answer.
  other = holder;
  other.set_body("bodies/es-successor");
  EXPECT_TRUE(SaysTheAnswer(receipt, other));
}

TEST(RightsReceipts, TheNewestAreKept) {
  v1::RightsHolder holder = Retained();
  for (int i = 0; i < kMaxRightsReceipts + 2; ++i) {
    holder.mutable_answer_time()->set_seconds(kSeconds + i);
    KeepReceipt(ReceiptOf(Request(), holder), holder);
  }
  ASSERT_THAT(holder.receipts(), SizeIs(kMaxRightsReceipts));
  EXPECT_EQ(holder.receipts(0).time().seconds(), kSeconds + 2);
  EXPECT_TRUE(SaysTheAnswer(*holder.receipts().rbegin(), holder));
}

TEST(RightsReceipts, OneBodyKeepsTheReceiptsOfBothItsOwnAnswersLast) {
  v1::RightsHolder kept = Retained();
  v1::RightsHolder other = Retained();
  other.mutable_answer_time()->set_seconds(kSeconds + 60);
  other.set_answer(v1::RIGHT_ANSWER_REFUSED);
  KeepReceipt(ReceiptOf(Request(), other), other);
  // From before answers were signed: no receipt of another one stands for it.
  v1::RightsHolder unsigned_one = kept;
  KeepReceiptsOfBoth(other, unsigned_one);
  EXPECT_THAT(unsigned_one.receipts(), SizeIs(0));
  KeepReceipt(ReceiptOf(Request(), kept), kept);
  KeepReceiptsOfBoth(other, kept);
  ASSERT_THAT(kept.receipts(), SizeIs(2));
  EXPECT_EQ(kept.receipts(0).answer(), v1::RIGHT_ANSWER_REFUSED);
  EXPECT_TRUE(SaysTheAnswer(kept.receipts(1), kept));
}

}  // namespace
}  // namespace waypost::referral
