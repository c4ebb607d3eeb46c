#include "services/referral/referral_receipts.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "common/api/resource.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using storage::v1::ReferralRecord;
using testing::CompletePerson;
using testing::CompleteReferral;

const absl::Time kNow = absl::FromUnixSeconds(1'767'225'600);

ReferralRecord Record() {
  ReferralRecord record;
  const v1::Referral referral = CompleteReferral();
  record.set_name("referrals/01jd");
  record.set_state(v1::REFERRAL_STATE_REQUESTED);
  *record.mutable_referring() = referral.referring();
  record.mutable_referring()->set_body("bodies/a");
  *record.mutable_receiving() = referral.receiving();
  record.set_theme(referral.theme());
  record.set_territory(referral.territory());
  record.set_offer("offers/o");
  *record.add_persons() = CompletePerson(1);
  return record;
}

Commitments Sealed() {
  return {{"1.details", std::string(32, '\x02')}, {"1.screening", std::string(32, '\x01')}};
}

v1::TransportReceiptKind KindOf(const std::optional<v1::TransportReceipt>& receipt) {
  return receipt.has_value() ? receipt->kind() : v1::TRANSPORT_RECEIPT_KIND_UNSPECIFIED;
}

TEST(Receipts, EachKindOnceForEachSending) {
  ReferralRecord record = Record();
  for (const auto kind : {v1::TRANSPORT_RECEIPT_KIND_DELIVERED, v1::TRANSPORT_RECEIPT_KIND_READ}) {
    EXPECT_FALSE(AddReceipt(kind, kNow, record).has_value()) << "a draft is delivered to nobody";
  }
  for (int sending = 1; sending <= 2; ++sending) {
    const std::string hash(32, static_cast<char>(sending));
    const v1::TransportReceipt received = BeginReceipts(hash, kNow, record);
    EXPECT_EQ(received.kind(), v1::TRANSPORT_RECEIPT_KIND_RECEIVED);
    EXPECT_EQ(received.body(), record.receiving().body());
    EXPECT_EQ(received.content_hash(), hash);
    EXPECT_EQ(record.content_hash(), hash);
    for (const auto kind : {v1::TRANSPORT_RECEIPT_KIND_DELIVERED, v1::TRANSPORT_RECEIPT_KIND_READ}) {
      EXPECT_TRUE(WantsReceipt(kind, record));
      EXPECT_EQ(KindOf(AddReceipt(kind, kNow, record)), kind);
      EXPECT_FALSE(WantsReceipt(kind, record));
      EXPECT_FALSE(AddReceipt(kind, kNow + absl::Hours(1), record).has_value());
    }
    EXPECT_EQ(record.receipts_size(), 3 * sending);
  }
}

TEST(Receipts, TimeDoesNotGoBackAndTheOldestSendingsGoFirst) {
  ReferralRecord record = Record();
  BeginReceipts("h", kNow, record);
  const auto earlier = AddReceipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, kNow - absl::Hours(1), record);
  ASSERT_TRUE(earlier.has_value());
  EXPECT_EQ(api::FromTimestamp(earlier->time()), kNow);
  EXPECT_EQ(ReceiptName("referrals/01jd", *earlier), "referrals/01jd/receipts/delivered-1767225600000000");
  for (int i = 1; i <= 100; ++i) {
    const absl::Time time = kNow + absl::Seconds(i);
    BeginReceipts("h", time, record);
    if (i % 2 == 0) AddReceipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, time, record);
    if (i % 3 == 0) AddReceipt(v1::TRANSPORT_RECEIPT_KIND_READ, time, record);
    ASSERT_LE(record.receipts_size(), kMaxReceipts);
    ASSERT_EQ(record.receipts(0).kind(), v1::TRANSPORT_RECEIPT_KIND_RECEIVED);
  }
  EXPECT_GT(record.receipts_size(), kMaxReceipts / 2);
}

TEST(Receipts, EachNamesItsSendingAndIsOfTheBodyItWasSentTo) {
  ReferralRecord record = Record();
  record.mutable_receiving()->set_body("bodies/b");
  EXPECT_FALSE(SendingUnderWay(record).has_value());
  EXPECT_FALSE(WantsReceipt(v1::TRANSPORT_RECEIPT_KIND_READ, record));
  BeginReceipts("h", kNow, record);
  EXPECT_EQ(SendingUnderWay(record), kNow);
  const auto read = AddReceipt(v1::TRANSPORT_RECEIPT_KIND_READ, kNow + absl::Hours(1), record);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(api::FromTimestamp(read->sent_time()), kNow);
  // Sent again, by a clock that was put back: another sending all the same.
  BeginReceipts("h", kNow, record);
  EXPECT_EQ(SendingUnderWay(record), kNow + absl::Hours(1) + absl::Microseconds(1));
  record.mutable_receiving()->set_body("bodies/successor");
  for (const auto kind : {v1::TRANSPORT_RECEIPT_KIND_DELIVERED, v1::TRANSPORT_RECEIPT_KIND_READ}) {
    EXPECT_FALSE(WantsReceipt(kind, record));
    EXPECT_FALSE(AddReceipt(kind, kNow, record).has_value());
  }
  BeginReceipts("h", kNow, record);
  EXPECT_TRUE(WantsReceipt(v1::TRANSPORT_RECEIPT_KIND_READ, record)) << "it was sent to the successor";
}

TEST(Receipts, ManySendingsThatNobodySawMakeRoomForOneThatWasRead) {
  ReferralRecord record = Record();
  absl::Time time = kNow;
  const auto send = [&](bool read) {
    time += absl::Seconds(1);
    BeginReceipts("h", time, record);
    if (!read) return;
    AddReceipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, time, record);
    AddReceipt(v1::TRANSPORT_RECEIPT_KIND_READ, time, record);
  };
  for (int i = 0; i < kMaxReceipts / 2; ++i) send(/*read=*/false);
  for (int i = 0; i < kMaxReceipts; ++i) {
    send(/*read=*/true);
    ASSERT_LE(record.receipts_size(), kMaxReceipts) << i;
    ASSERT_EQ(record.receipts(0).kind(), v1::TRANSPORT_RECEIPT_KIND_RECEIVED);
    EXPECT_GE(record.receipts_size(), std::min(kMaxReceipts / 2 + 3 * (i + 1), kMaxReceipts - 5))
        << "none goes before it has to";
  }
}

TEST(Receipts, WhatIsASending) {
  ReferralRecord requested = Record();
  ReferralRecord under_way = Record();
  under_way.set_state(v1::REFERRAL_STATE_IN_PROGRESS);
  for (int i = 0; i < kEventCount; ++i) {
    const Event event = static_cast<Event>(i);
    const bool always = event == Event::kSubmit || event == Event::kOpenLinked;
    EXPECT_EQ(IsSending(event, requested), always || event == Event::kReopen) << EventName(event);
    EXPECT_EQ(IsSending(event, under_way), always) << EventName(event);
  }
}

// What docs/reference/receipts.md shows.
TEST(ContentText, IsAsItIsDocumented) {
  ReferralRecord record = Record();
  v1::Person person;
  person.set_number(1);
  person.set_age_band(type::v1::AGE_BAND_25_TO_39);
  person.add_languages("uk");
  person.add_languages("ru");
  person.mutable_disclosure()->set_purpose(v1::PURPOSE_DELIVER_SERVICE);
  person.mutable_disclosure()->mutable_referring_basis()->set_law("es/ley-7-1985/art-25");
  *record.mutable_persons(0) = person;
  record.mutable_referring()->set_body("bodies/es-fuenlabrada");
  record.mutable_receiving()->set_body("bodies/es-madrid");
  record.set_theme(type::v1::THEME_LANGUAGE);
  record.set_territory("ES300");
  record.set_offer("");
  EXPECT_EQ(ContentText(record, Sealed()),
            "waypost-referral-content 1\n"
            "name referrals/01jd\n"
            "referring bodies/es-fuenlabrada\n"
            "receiving bodies/es-madrid\n"
            "theme 3\n"
            "territory ES300\n"
            "person 1\n"
            "age-band 6\n"
            "language uk\n"
            "language ru\n"
            "disclosure.purpose 2\n"
            "disclosure.referring.law es/ley-7-1985/art-25\n"
            "sealed 1.details 0202020202020202020202020202020202020202020202020202020202020202\n"
            "sealed 1.screening 0101010101010101010101010101010101010101010101010101010101010101\n");
}

TEST(ContentText, DoesNotDependOnTheOrderAndLeavesOutWhoIsNotInIt) {
  ReferralRecord record = Record();
  *record.add_persons() = CompletePerson(2);
  Commitments sealed = Sealed();
  const std::string text = ContentText(record, sealed);
  std::swap(sealed[0], sealed[1]);
  record.mutable_persons()->SwapElements(0, 1);
  EXPECT_EQ(ContentText(record, sealed), text);
  sealed.emplace_back("12.details", "x");
  sealed.emplace_back("3.details", "x");
  EXPECT_EQ(ContentText(record, sealed), text) << "neither 12 nor 3 is a person of it";
}

// Sets one field to another value than it has.
void Alter(Message& message, const FieldDescriptor& field) {
  const auto* at = message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      field.is_repeated() ? at->AddString(&message, &field, "other")
                          : at->SetString(&message, &field, "other");
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      field.is_repeated()
          ? at->AddEnumValue(&message, &field, 1)
          : at->SetEnumValue(&message, &field, at->GetEnumValue(message, &field) == 1 ? 2 : 1);
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      return at->SetBool(&message, &field, !at->GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return at->SetUInt32(&message, &field, 17);
    default:
      ADD_FAILURE() << field.full_name() << ": decide how its content is hashed";
  }
}

// Every field of a person below `path`, changed alone, changes the text.
void ExpectEachCounts(const ReferralRecord& record, const std::vector<const FieldDescriptor*>& path,
                      const google::protobuf::Descriptor& type) {
  const std::string before = ContentText(record, Sealed());
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    // They come after.
    if (field->full_name() == "waypost.referral.v1.Person.outcome") continue;
    if (field->full_name() == "waypost.referral.v1.Person.voided_outcomes") continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      std::vector<const FieldDescriptor*> below = path;
      below.push_back(field);
      ExpectEachCounts(record, below, *field->message_type());
      continue;
    }
    ReferralRecord changed = record;
    Message* message = changed.mutable_persons(0);
    for (const FieldDescriptor* step : path)
      message = message->GetReflection()->MutableMessage(message, step);
    Alter(*message, *field);
    EXPECT_NE(ContentText(changed, Sealed()), before) << field->full_name();
  }
}

TEST(ContentText, EveryCodeAndFactOfAPersonCounts) {
  ExpectEachCounts(Record(), {}, *v1::Person::descriptor());
}

TEST(ContentText, EverythingElseThatIsSentCountsAndNothingThatHappensLater) {
  const ReferralRecord record = Record();
  const std::string before = ContentText(record, Sealed());
  const auto changed = [&](const std::function<void(ReferralRecord&)>& change) {
    ReferralRecord other = record;
    change(other);
    return ContentText(other, Sealed()) != before;
  };
  EXPECT_TRUE(changed([](auto& other) { other.set_name("referrals/02"); }));
  EXPECT_TRUE(changed([](auto& other) { other.mutable_referring()->set_body("bodies/x"); }));
  EXPECT_TRUE(changed([](auto& other) { other.mutable_receiving()->set_body("bodies/x"); }));
  EXPECT_TRUE(changed([](auto& other) { other.set_theme(type::v1::THEME_HEALTH); }));
  EXPECT_TRUE(changed([](auto& other) { other.set_territory("ES301"); }));
  EXPECT_TRUE(changed([](auto& other) { other.set_offer("offers/p"); }));
  EXPECT_TRUE(changed([](auto& other) { *other.add_persons() = CompletePerson(2); }));
  EXPECT_FALSE(changed([](auto& other) { other.set_state(v1::REFERRAL_STATE_COMPLETED); }));
  EXPECT_FALSE(changed([](auto& other) { other.set_revision(9); }));
  EXPECT_FALSE(changed([](auto& other) { other.set_priority(v1::PRIORITY_URGENT); }));
  EXPECT_FALSE(changed(
      [](auto& other) { *other.mutable_persons(0)->mutable_outcome() = testing::PositiveOutcome(); }));
  Commitments sealed = Sealed();
  sealed[0].second[31] ^= 1;
  EXPECT_NE(ContentText(record, sealed), before);
  sealed.pop_back();
  EXPECT_NE(ContentText(record, sealed), before);
}

}  // namespace
}  // namespace waypost::referral
