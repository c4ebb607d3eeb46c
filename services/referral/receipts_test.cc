// Transport receipts over gRPC on the real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/crypto/hash.h"
#include "common/crypto/testing.h"
#include "common/rpc/mutation.h"
#include "services/referral/receipt_signature.h"
#include "services/referral/referral_receipts.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig and the referrals of this room
using policy::Role;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class ReceiptsTest : public ::testing::Test, protected ReferralRig {
 protected:
  std::vector<v1::ReceiptKey> Keys(const std::string& token) {
    const auto listed = Must(Do(token, &Stub::ListReceiptKeys, v1::ListReceiptKeysRequest()));
    return {listed.keys().begin(), listed.keys().end()};
  }

  static std::vector<std::string> KindsIn(const v1::Referral& referral) {
    std::vector<std::string> kinds;
    for (const v1::TransportReceipt& receipt : referral.receipts()) {
      kinds.emplace_back(ReceiptKindName(receipt.kind()));
    }
    return kinds;
  }
  // As the referring body sees them.
  std::vector<std::string> Kinds(std::string_view name) { return KindsIn(Must(Get(referrer, name))); }

  std::vector<event::v1::Event> ReceiptEvents() {
    std::vector<event::v1::Event> events = rig.Events();
    std::erase_if(events, [](const auto& event) { return event.type() != "referral.transport_receipt"; });
    return events;
  }

  // Whose token it is puts right what was sent of the first person, who has asked the referring body.
  void PutRight(const std::string& token, std::string_view name) {
    const std::string right =
        Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_RECTIFICATION))).name();
    auto answer = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
    answer.mutable_corrected()->set_person(1);
    answer.mutable_corrected()->mutable_screening()->set_text("mornings only");
    Must(Do(token, &Stub::AnswerRightsRequest, answer));
  }

  std::string TextOf(std::string_view name) {
    Commitments commitments;
    for (const auto& section : Sections(name)) {
      commitments.emplace_back(base::Cat(section.person(), ".", SectionName(section.section())),
                               section.commitment());
    }
    return ContentText(Record(name), commitments);
  }
  std::string HashOf(std::string_view name) { return crypto::Sha256(TextOf(name)); }
};

TEST_F(ReceiptsTest, ItIsReceivedThenShownThenOpened) {
  const auto sent = Must(Do(referrer, &Stub::SubmitReferral, NewReferral()));
  EXPECT_THAT(KindsIn(sent), ElementsAre("RECEIVED"));
  EXPECT_EQ(sent.receipts(0).signature(), "") << "GetReferral signs";
  const std::string& name = sent.name();
  EXPECT_EQ(sent.content_hash(), HashOf(name));
  EXPECT_EQ(sent.receipts(0).content_hash(), HashOf(name));
  // Neither its sender nor a listing delivers it.
  Must(Get(referrer, name));
  v1::ListReferralsRequest list;
  list.set_box(v1::BOX_INBOX);
  EXPECT_EQ(Must(Do(receiver, &Stub::ListReferrals, list)).referrals_size(), 1);
  Must(Get(coordinator, name));
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED"));

  rig.clock().Advance(absl::Minutes(3));
  const auto shown = Must(Get(receiving_caseworker, name));
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "DELIVERED"));
  Must(Get(receiver, name));
  rig.clock().Advance(absl::Minutes(3));
  for (int i = 0; i < 2; ++i) {
    Must(Do(receiving_caseworker, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING})));
  }
  const auto read = Must(Get(referrer, name));
  EXPECT_THAT(KindsIn(read), ElementsAre("RECEIVED", "DELIVERED", "READ"));
  EXPECT_EQ(api::FromTimestamp(read.receipts(1).time()), Now() + absl::Minutes(3));
  EXPECT_EQ(api::FromTimestamp(read.receipts(2).time()), Now() + absl::Minutes(6));
  for (const auto& receipt : read.receipts()) EXPECT_EQ(receipt.body(), kReceivingBody);
  // What somebody has read before is not out of date by it.
  EXPECT_EQ(read.etag(), sent.etag());
  auto acknowledge = On<v1::AcknowledgeReferralRequest>(name, shown.etag());
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcknowledgeReferral, acknowledge)), "OK");
}

TEST_F(ReceiptsTest, WhoeverActsOnItHasBeenGivenItAndWhoeverReadsItToo) {
  const std::string acted = Requested();
  const auto acknowledged =
      Must(Do(receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(acted)));
  EXPECT_THAT(KindsIn(acknowledged), ElementsAre("RECEIVED", "DELIVERED"));
  const std::string opened = Requested();
  Must(Do(receiver, &Stub::DiscloseReferral, Disclose(opened, {v1::SECTION_KIND_SCREENING})));
  EXPECT_THAT(Kinds(opened), ElementsAre("RECEIVED", "DELIVERED", "READ"));
  // The sender's own looks are none of the receiving body.
  const std::string own = Requested();
  Must(Do(referrer, &Stub::DiscloseReferral, Disclose(own, {v1::SECTION_KIND_DETAILS})));
  EXPECT_THAT(Kinds(own), ElementsAre("RECEIVED"));
}

TEST_F(ReceiptsTest, WhatIsCopiedForThePersonIsReadAndALook) {
  const auto copy = [&](const std::string& token, const std::string& name) {
    auto request = On<v1::ExportPersonRequest>(name);
    request.set_person(1);
    return Must(Do(token, &Stub::ExportPerson, request));
  };
  const auto looks = [&](const std::string& name) {
    std::vector<event::v1::Event> events = EventsOf(name);
    std::erase_if(events, [](const auto& event) { return event.type() != "referral.person_exported"; });
    return events;
  };
  const std::string name = Requested();
  EXPECT_TRUE(copy(referrer, name).has_sections());
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED")) << "by its sender";
  ASSERT_TRUE(copy(receiver, name).sections().has_screening());
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "DELIVERED", "READ"));
  ASSERT_EQ(looks(name).size(), 2u);
  for (const event::v1::Event& look : looks(name)) {
    EXPECT_EQ(look.kind(), event::v1::Event::KIND_ACCESS);
    EXPECT_EQ(look.purpose(), "PURPOSE_ANSWER_RIGHTS_REQUEST");
  }
  copy(receiver, name);
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "DELIVERED", "READ")) << "once";
  EXPECT_EQ(looks(name).size(), 3u) << "and each look is one";
  // Where nothing is opened nothing was read.
  const std::string declined = Requested();
  Must(Do(receiver, &Stub::DeclineReferral, Decline(declined)));
  EXPECT_FALSE(copy(receiver, declined).has_sections());
  EXPECT_THAT(Kinds(declined), ElementsAre("RECEIVED", "DELIVERED"));
}

TEST_F(ReceiptsTest, EachIsAnEventOfTheTwoSides) {
  const std::string name = Requested();
  Must(Get(receiver, name));
  Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING})));
  const auto read = Must(Get(referrer, name));
  // What is received is told by the event that sent it.
  const event::v1::Event sent = EventsOf(name).front();
  EXPECT_EQ(sent.type(), "referral.submitted");
  EXPECT_EQ(sent.facts().at("transport_receipt"), "RECEIVED");
  EXPECT_EQ(sent.commitments().at("content"), read.content_hash());
  EXPECT_EQ(api::FromTimestamp(sent.time()), api::FromTimestamp(read.receipts(0).time()));
  const auto events = ReceiptEvents();
  ASSERT_EQ(events.size(), 2u);
  for (int i = 1; i <= 2; ++i) {
    const event::v1::Event& event = events[static_cast<size_t>(i - 1)];
    EXPECT_EQ(event.resource(), ReceiptName(name, read.receipts(i)));
    EXPECT_EQ(event.revision(), 1);
    EXPECT_EQ(event.kind(), event::v1::Event::KIND_CHANGE);
    EXPECT_EQ(event.facts().at("transport_receipt"), ReceiptKindName(read.receipts(i).kind()));
    EXPECT_EQ(event.commitments().at("content"), read.content_hash());
    EXPECT_THAT(event.parties(), UnorderedElementsAre(kReferringBody, kReceivingBody));
    EXPECT_EQ(api::FromTimestamp(event.time()), api::FromTimestamp(read.receipts(i).time()));
  }
}

TEST_F(ReceiptsTest, ADraftHasNoneAndIsHashedWhenItIsSent) {
  const auto draft = Must(Do(referrer, &Stub::CreateReferral, NewDraft(2)));
  EXPECT_EQ(draft.content_hash(), "");
  EXPECT_THAT(draft.receipts(), IsEmpty());
  const auto sent = Must(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft.name())));
  EXPECT_EQ(sent.content_hash(), HashOf(draft.name()));
  EXPECT_THAT(KindsIn(sent), ElementsAre("RECEIVED"));
  // The same content under another name is something else.
  EXPECT_NE(Must(Do(referrer, &Stub::SubmitReferral, NewReferral(2))).content_hash(), sent.content_hash());
}

TEST_F(ReceiptsTest, TheSameSubmissionAgainIsReceivedOnce) {
  auto request = NewReferral();
  request.set_request_id("sent-once-more");
  const auto first = Must(Do(referrer, &Stub::SubmitReferral, request));
  const auto again = Must(Do(referrer, &Stub::SubmitReferral, request));
  EXPECT_EQ(first.SerializeAsString(), again.SerializeAsString());
  EXPECT_EQ(EventsOf(first.name()).size(), 1u);
  EXPECT_THAT(Kinds(first.name()), ElementsAre("RECEIVED"));
}

TEST_F(ReceiptsTest, OpenedAgainItIsReceivedAgainWithItsNewContent) {
  const std::string name = Requested();
  Must(Get(receiver, name));
  auto cancel = On<v1::CancelReferralRequest>(name);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  const std::string before = Record(name).content_hash();
  rig.clock().Advance(absl::Hours(1));
  Refresh();
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("needs more");
  v1::PersonDisclosure& disclosure = *reopen.add_disclosures();
  disclosure = NewDisclosures()[0];
  disclosure.set_person(1);
  disclosure.mutable_disclosure()->set_informed_language("ru");
  const auto reopened = Must(Do(referrer, &Stub::ReopenReferral, reopen));
  EXPECT_THAT(KindsIn(reopened), ElementsAre("RECEIVED", "DELIVERED", "RECEIVED"));
  EXPECT_EQ(reopened.content_hash(), HashOf(name));
  EXPECT_NE(reopened.content_hash(), before);
  EXPECT_EQ(reopened.receipts(0).content_hash(), before) << "what was sent then";
  Must(Get(receiver, name));
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "DELIVERED", "RECEIVED", "DELIVERED"));
}

TEST_F(ReceiptsTest, WhatIsPutRightBeforeItIsReadIsWhatWasRead) {
  const std::string name = Requested();
  const std::string before = Record(name).content_hash();
  const std::string right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_RECTIFICATION))).name();
  EXPECT_EQ(Record(name).content_hash(), before) << "what was asked changes nothing yet";
  auto answer = Receipt(right, name, v1::RIGHT_ANSWER_RECTIFIED);
  answer.mutable_corrected()->set_person(1);
  answer.mutable_corrected()->mutable_screening()->set_text("mornings only");
  Must(Do(referrer, &Stub::AnswerRightsRequest, answer));
  ASSERT_NE(HashOf(name), before);
  Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING})));
  const auto read = Must(Get(referrer, name));
  ASSERT_THAT(KindsIn(read), ElementsAre("RECEIVED", "DELIVERED", "READ"));
  EXPECT_EQ(read.content_hash(), HashOf(name));
  EXPECT_EQ(read.receipts(0).content_hash(), before) << "what was sent";
  EXPECT_EQ(read.receipts(1).content_hash(), HashOf(name));
  EXPECT_EQ(read.receipts(2).content_hash(), HashOf(name)) << "what was opened";
  for (const auto& receipt : read.receipts()) EXPECT_TRUE(ReceiptHolds(name, receipt, Keys(referrer)));
  // The log of both sides says since when.
  std::vector<event::v1::Event> events = EventsOf(name);
  std::erase_if(events, [](const auto& event) { return event.type() != "referral.right_answered"; });
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].commitments().at("content"), HashOf(name));
  EXPECT_EQ(events[0].facts().count("transport_receipt"), 0u);
}

TEST_F(ReceiptsTest, WhatIsPutRightLaterLeavesTheReceiptsAsTheyAre) {
  const std::string name = Accepted();
  Must(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS})));
  const auto read = Must(Get(referrer, name));
  ASSERT_THAT(KindsIn(read), ElementsAre("RECEIVED", "DELIVERED", "READ"));
  PutRight(receiver, name);
  const auto after = Must(Get(referrer, name));
  ASSERT_EQ(after.receipts_size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(after.receipts(i).SerializeAsString(), read.receipts(i).SerializeAsString());
  }
  EXPECT_NE(after.content_hash(), read.content_hash());
  EXPECT_EQ(after.content_hash(), HashOf(name));
}

TEST_F(ReceiptsTest, ADraftThatIsPutRightHasNoHash) {
  const std::string name = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  PutRight(referrer, name);
  EXPECT_EQ(Record(name).content_hash(), "");
  EXPECT_EQ(EventsOf(name).back().commitments().count("content"), 0u);
  Must(Do(referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(name)));
  EXPECT_EQ(Record(name).content_hash(), HashOf(name));
}

TEST_F(ReceiptsTest, WhatContinuesItHasItsOwn) {
  const std::string name = Requested();
  auto forward = ToBody<v1::ForwardByDutyRequest>(name, kThirdBody);
  forward.set_law("es/ley-40-2015/art-14");
  const auto forwarded = Must(Do(receiver, &Stub::ForwardByDuty, forward));
  EXPECT_EQ(forwarded.forwarded_to(), "") << "told to those who sent it";
  const std::string next = Must(Get(referrer, name)).forwarded_to();
  EXPECT_THAT(Kinds(next), ElementsAre("RECEIVED"));
  EXPECT_EQ(Record(next).content_hash(), HashOf(next));
  Must(Get(third, next));
  EXPECT_THAT(Kinds(next), ElementsAre("RECEIVED", "DELIVERED"));
}

TEST_F(ReceiptsTest, WhatWasShownOfOneSendingDeliversNoOther) {
  const std::string name = Requested();
  // It is cancelled and sent again after it was shown, and before that is noted.
  rig.store().BeforeNext([&] {
    auto cancel = On<v1::CancelReferralRequest>(name);
    cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
    Must(Do(referrer, &Stub::CancelReferral, cancel));
    auto reopen = On<v1::ReopenReferralRequest>(name);
    reopen.set_text("needs more");
    Must(Do(referrer, &Stub::ReopenReferral, reopen));
  });
  Must(Get(receiver, name));
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "RECEIVED"));
  EXPECT_THAT(ReceiptEvents(), IsEmpty());
  Must(Get(receiver, name));
  const auto shown = Must(Get(referrer, name));
  ASSERT_THAT(KindsIn(shown), ElementsAre("RECEIVED", "RECEIVED", "DELIVERED"));
  const auto sending = [&](int i) { return api::FromTimestamp(shown.receipts(i).sent_time()); };
  EXPECT_EQ(sending(0), api::FromTimestamp(shown.receipts(0).time()));
  EXPECT_GT(sending(1), sending(0)) << "sent in one moment, they are two";
  EXPECT_EQ(sending(2), sending(1));
}

TEST_F(ReceiptsTest, WhatIsPutRightAfterItWasShownIsNotDeliveredByThat) {
  const std::string name = Requested();
  const std::string before = Record(name).content_hash();
  // It is put right after it was shown, and before that is noted.
  rig.store().BeforeNext([&] { PutRight(referrer, name); });
  EXPECT_EQ(Must(Get(receiver, name)).content_hash(), before);
  const std::string after = Record(name).content_hash();
  ASSERT_NE(after, before);
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED")) << "the hash that it has now was not shown";
  EXPECT_THAT(ReceiptEvents(), IsEmpty());
  EXPECT_EQ(Must(Get(receiver, name)).content_hash(), after);
  const auto delivered = Must(Get(referrer, name));
  ASSERT_THAT(KindsIn(delivered), ElementsAre("RECEIVED", "DELIVERED"));
  EXPECT_EQ(delivered.receipts(1).content_hash(), after);
}

TEST_F(ReceiptsTest, WhatIsPutRightIsHashedOverThoseWhoAreInItByThen) {
  const std::string name = Requested(2);
  const std::string sent = Record(name).content_hash();
  const auto objected =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION, 2)));
  Must(Do(receiver, &Stub::AnswerRightsRequest,
          Receipt(objected.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  ASSERT_EQ(Record(name).persons_size(), 1);
  EXPECT_EQ(Record(name).content_hash(), sent) << "who is taken out changes nothing by that alone";
  PutRight(referrer, name);
  const std::string text = TextOf(name);
  EXPECT_THAT(text, AllOf(HasSubstr("\nperson 1\n"), HasSubstr("\nsealed 1."), Not(HasSubstr("\nperson 2\n")),
                          Not(HasSubstr("\nsealed 2."))));
  EXPECT_EQ(Record(name).content_hash(), crypto::Sha256(text));
  EXPECT_NE(Record(name).content_hash(), sent);
}

TEST_F(ReceiptsTest, ASuccessorGivesNoneOfWhatWasSentToAnother) {
  const std::string name = Requested();
  Succeed(Merged(kReceivingBody, kThirdBody, Today()));
  ASSERT_EQ(Record(name).receiving().body(), kThirdBody);
  Must(Get(third, name));
  Must(Do(third, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_SCREENING})));
  Must(Do(third, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  const auto shown = Must(Get(referrer, name));
  ASSERT_THAT(KindsIn(shown), ElementsAre("RECEIVED"));
  EXPECT_EQ(shown.receipts(0).body(), kReceivingBody);
  EXPECT_THAT(ReceiptEvents(), IsEmpty());
}

TEST_F(ReceiptsTest, WhoOnlyNamesItsReadersHasNotBeenGivenIt) {
  auto request = NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  auto assign = On<v1::AssignReferralRequest>(name);
  assign.add_readers("actors/raulxxxxxxxxxxxx");
  Must(Do(receiving_safeguarding, &Stub::AssignReferral, assign));
  EXPECT_THAT(KindsIn(Must(Get(referring_caseworker, name))), ElementsAre("RECEIVED"));
  Must(Get(receiving_caseworker, name));
  EXPECT_THAT(KindsIn(Must(Get(referring_caseworker, name))), ElementsAre("RECEIVED", "DELIVERED"));
}

TEST_F(ReceiptsTest, AReadThatCannotBeNotedIsAnsweredAllTheSame) {
  const std::string name = Requested();
  rig.store().FailCommits(absl::UnavailableError("the disk"));
  EXPECT_EQ(ReasonOf(Get(receiver, name)), "OK");
  rig.store().FailCommits(absl::OkStatus());
  rig.store().Refuse(absl::ResourceExhaustedError("too many"));
  EXPECT_EQ(ReasonOf(Get(receiver, name)), "OK");
  rig.store().Refuse(absl::OkStatus());
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED"));
  Must(Get(receiver, name));
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "DELIVERED")) << "the next one notes it";
  // Once it is noted, reading writes nothing.
  const uint64_t transactions = rig.store().transactions();
  Must(Get(receiver, name));
  EXPECT_EQ(rig.store().transactions(), transactions);
}

TEST_F(ReceiptsTest, ManyWhoLookAtOnceDeliverItOnce) {
  const std::string name = Requested();
  crypto::InThreads(8, [&](int) { Must(Get(receiver, name)); });
  EXPECT_THAT(Kinds(name), ElementsAre("RECEIVED", "DELIVERED"));
  EXPECT_EQ(ReceiptEvents().size(), 1u);
}

TEST_F(ReceiptsTest, ASignatureHoldsForTheseFactsAlone) {
  const std::string name = Requested();
  Must(Get(receiver, name));
  const auto shown = Must(Get(referrer, name));
  const auto published = Keys(third);
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(published[0].public_key().size(), 32u);
  ASSERT_EQ(shown.receipts_size(), 2);
  for (const v1::TransportReceipt& receipt : shown.receipts()) {
    ASSERT_TRUE(ReceiptHolds(name, receipt, published));
    EXPECT_FALSE(ReceiptHolds(name, receipt, {}));
    EXPECT_FALSE(ReceiptHolds("referrals/01jd000000000000000000zzzz", receipt, published));
    for (size_t i = 0; i < receipt.signature().size(); ++i) {
      v1::TransportReceipt flipped = receipt;
      for (const char other : {static_cast<char>(receipt.signature()[i] ^ 1), 'A', '.', '='}) {
        if (other == receipt.signature()[i]) continue;
        (*flipped.mutable_signature())[i] = other;
        EXPECT_FALSE(ReceiptHolds(name, flipped, published)) << i;
      }
    }
    v1::TransportReceipt other = receipt;
    other.set_kind(v1::TRANSPORT_RECEIPT_KIND_READ);
    EXPECT_FALSE(ReceiptHolds(name, other, published));
    other = receipt;
    other.set_body("bodies/es-getafe");
    EXPECT_FALSE(ReceiptHolds(name, other, published));
    other = receipt;
    (*other.mutable_content_hash())[0] ^= 1;
    EXPECT_FALSE(ReceiptHolds(name, other, published));
    other = receipt;
    other.mutable_time()->set_nanos(other.time().nanos() + 1'000);
    EXPECT_FALSE(ReceiptHolds(name, other, published));
    other = receipt;
    other.mutable_sent_time()->set_nanos(other.sent_time().nanos() + 1'000);
    EXPECT_FALSE(ReceiptHolds(name, other, published)) << "of another sending";
    other.clear_sent_time();
    EXPECT_FALSE(ReceiptHolds(name, other, published));
  }
  v1::TransportReceipt swapped = shown.receipts(0);
  swapped.set_signature(shown.receipts(1).signature());
  EXPECT_FALSE(ReceiptHolds(name, swapped, published));
  // A key of the same name that is another's.
  std::vector<v1::ReceiptKey> others = published;
  (*others[0].mutable_public_key())[5] ^= 1;
  EXPECT_FALSE(ReceiptHolds(name, shown.receipts(0), others));
}

TEST_F(ReceiptsTest, TheSameKeySignsTheSameAgainWhereverItIsMade) {
  const std::string name = Requested();
  const auto shown = Must(Get(referrer, name));
  v1::Referral again;
  again.set_name(name);
  *again.add_receipts() = shown.receipts(0);
  again.mutable_receipts(0)->clear_signature();
  const ReceiptSigner other = Must(ReceiptSigner::Make(key_provider));
  ASSERT_TRUE(other.Sign(again).ok());
  EXPECT_EQ(again.receipts(0).signature(), shown.receipts(0).signature());
}

TEST_F(ReceiptsTest, TheCoordinatingBodyIsShownNone) {
  const std::string name = Requested();
  const auto shown = Must(Get(coordinator, name));
  EXPECT_THAT(shown.receipts(), IsEmpty());
  EXPECT_EQ(shown.content_hash(), "");
}

TEST_F(ReceiptsTest, OfAProtectedReferralItsReadersAloneDeliverAndSeeThem) {
  auto request = NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  // She sees that it is there, and is to name who reads it.
  const auto there = Must(Get(receiving_safeguarding, name));
  EXPECT_THAT(there.receipts(), IsEmpty());
  EXPECT_EQ(there.content_hash(), "");
  EXPECT_THAT(KindsIn(Must(Get(referring_caseworker, name))), ElementsAre("RECEIVED"));
  Must(Do(receiving_safeguarding, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(name)));
  const auto claimed = Must(Get(referring_caseworker, name));
  EXPECT_THAT(KindsIn(claimed), ElementsAre("RECEIVED", "DELIVERED"));
  EXPECT_TRUE(ReceiptHolds(name, claimed.receipts(1), Keys(referrer)));
  const auto events = ReceiptEvents();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].resource(), rpc::SealedResource(ReceiptName(name, claimed.receipts(1))));
  EXPECT_THAT(events[0].parties(), IsEmpty());
  EXPECT_TRUE(events[0].facts().empty());
  EXPECT_EQ(events[0].body(), rpc::kSealed);
  EXPECT_EQ(ReasonOf(Get(receiver, name)), "NOT_FOUND");
}

}  // namespace
}  // namespace waypost::referral
