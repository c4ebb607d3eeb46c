// What bodies answer when a person uses a right is signed: over gRPC on the real store.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/crypto/hash.h"
#include "common/identity/base64url.h"
#include "services/referral/receipt_signature.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig and the referrals of this room
using google::protobuf::FieldDescriptor;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// As somebody checks it who has the documents and OpenSSL alone.
bool HoldsByOpenSsl(const std::string& text, const std::string& signature, const std::string& public_key) {
  const size_t gap = signature.find("..");
  if (gap == std::string::npos) return false;
  const std::string content = signature.substr(0, gap + 1) + identity::EncodeBase64Url(text);
  const std::optional<std::string> bytes = identity::DecodeBase64Url(signature.substr(gap + 2));
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key), public_key.size()),
      EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!bytes.has_value() || key == nullptr || context == nullptr) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), Bytes(*bytes), bytes->size(), Bytes(content), content.size()) == 1;
}

class RightsReceiptsTest : public ::testing::Test, protected ReferralRig {
 protected:
  std::vector<v1::ReceiptKey> Keys() {
    const auto listed = Must(Do(referrer, &Stub::ListReceiptKeys, v1::ListReceiptKeysRequest()));
    return {listed.keys().begin(), listed.keys().end()};
  }
  std::string Used(const std::string& name, v1::RightKind kind, const std::string& text = {}) {
    auto request = Right(name, kind);
    request.set_text(text);
    return Must(Do(referrer, &Stub::RecordRightsRequest, request)).name();
  }
  v1::RightsRequest Answer(const std::string& token, const std::string& right, const std::string& name,
                           v1::RightAnswer answer) {
    auto request = Receipt(right, name, answer);
    if (answer == v1::RIGHT_ANSWER_RETAINED) request.set_retained_until("2031-12-31");
    if (answer == v1::RIGHT_ANSWER_RECTIFIED) {
      request.mutable_corrected()->set_person(1);
      request.mutable_corrected()->mutable_screening()->set_text("mornings only");
    }
    if (answer == v1::RIGHT_ANSWER_LIFTED) {
      request.set_informed_how(v1::INFORMED_HOW_BY_LETTER);
      request.set_informed_language("uk");
    }
    return Must(Do(token, &Stub::AnswerRightsRequest, request));
  }
  v1::RightsRequest Shown(const std::string& token, const std::string& right) {
    return Must(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)));
  }
  static const v1::RightsHolder& HolderAt(const v1::RightsRequest& right, std::string_view body) {
    const auto& holders = right.holders();
    const auto found = std::find_if(holders.begin(), holders.end(),
                                    [body](const v1::RightsHolder& each) { return each.body() == body; });
    if (found == holders.end()) throw std::runtime_error("no such holder");
    return *found;
  }
  // Every receipt of it holds, and the last one says its answer.
  void ExpectSigned(const v1::RightsRequest& right, const v1::RightsHolder& holder, int receipts) {
    ASSERT_THAT(holder.receipts(), SizeIs(receipts));
    const std::vector<v1::ReceiptKey> published = Keys();
    for (const v1::RightsReceipt& receipt : holder.receipts()) {
      EXPECT_TRUE(ReceiptHolds(UsedIn(right, holder), receipt, published));
      EXPECT_TRUE(HoldsByOpenSsl(RightsReceiptText(UsedIn(right, holder), receipt), receipt.signature(),
                                 published.at(0).public_key()));
    }
    EXPECT_TRUE(SaysTheAnswer(*holder.receipts().rbegin(), holder));
  }
};

TEST_F(RightsReceiptsTest, EachAnswerIsSignedAndHoldsByOtherMeansToo) {
  struct Row {
    v1::RightKind kind;
    v1::RightAnswer answer;
  };
  for (const Row& row : {Row{v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_STOPPED_ERASED},
                         Row{v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RESTRICTED},
                         Row{v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RETAINED},
                         Row{v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_REFUSED},
                         Row{v1::RIGHT_KIND_RECTIFICATION, v1::RIGHT_ANSWER_RECTIFIED},
                         Row{v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_PROVIDED}}) {
    const std::string name = Accepted();
    const std::string right = Used(name, row.kind);
    const auto answered = Answer(receiver, right, name, row.answer);
    const v1::RightsHolder& holder = HolderAt(answered, kReceivingBody);
    ExpectSigned(answered, holder, 1);
    EXPECT_EQ(holder.receipts(0).answer(), row.answer);
    EXPECT_EQ(holder.receipts(0).body(), kReceivingBody);
    EXPECT_EQ(holder.receipts(0).party(), v1::PARTY_RECEIVING);
    EXPECT_THAT(HolderAt(answered, kReferringBody).receipts(), IsEmpty()) << "it has not answered";
    // The other side is shown the same one, and none says who answered.
    const auto seen = Shown(referrer, right);
    EXPECT_EQ(HolderAt(seen, kReceivingBody).receipts(0).SerializeAsString(),
              holder.receipts(0).SerializeAsString());
    // The log of both sides names the text.
    const auto event = EventsOf(name);
    const auto told = std::find_if(event.begin(), event.end(),
                                   [](const auto& each) { return each.type() == "referral.right_answered"; });
    ASSERT_NE(told, event.end());
    EXPECT_EQ(told->commitments().at("receipt"),
              crypto::Sha256(RightsReceiptText(UsedIn(answered, holder), holder.receipts(0))));
  }
}

TEST_F(RightsReceiptsTest, AnythingElseThanWhatWasSignedDoesNotHold) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_OBJECTION, "in her words");
  Answer(receiver, right, name, v1::RIGHT_ANSWER_RETAINED);
  const auto shown = Shown(referrer, right);
  const v1::RightsHolder holder = HolderAt(shown, kReceivingBody);
  const v1::RightsReceipt receipt = holder.receipts(0);
  const RightUsed used = UsedIn(shown, holder);
  const auto published = Keys();
  ASSERT_TRUE(ReceiptHolds(used, receipt, published));
  EXPECT_FALSE(ReceiptHolds(used, receipt, {}));

  RightUsed other = used;
  other.request = "rightsRequests/01jd0000000000000000000009";
  EXPECT_FALSE(ReceiptHolds(other, receipt, published));
  other = used;
  other.kind = v1::RIGHT_KIND_WITHDRAWAL;
  EXPECT_FALSE(ReceiptHolds(other, receipt, published));
  other = used;
  other.person = 2;
  EXPECT_FALSE(ReceiptHolds(other, receipt, published));
  other = used;
  other.referral = "referrals/01jd000000000000000000zzzz";
  EXPECT_FALSE(ReceiptHolds(other, receipt, published));

  const google::protobuf::Descriptor& descriptor = *v1::RightsReceipt::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    v1::RightsReceipt changed = receipt;
    const google::protobuf::Reflection& reflection = *changed.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.SetString(&changed, &field, reflection.GetString(changed, &field) + "x");
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      reflection.SetEnumValue(&changed, &field, reflection.GetEnumValue(changed, &field) + 1);
    } else {
      ASSERT_EQ(field.name(), "time");
      changed.mutable_time()->set_nanos((receipt.time().nanos() + 1'000) % 1'000'000'000);
    }
    EXPECT_FALSE(ReceiptHolds(used, changed, published)) << field.name();
    changed = receipt;
    reflection.ClearField(&changed, &field);
    const bool is_same = changed.SerializeAsString() == receipt.SerializeAsString();
    EXPECT_EQ(ReceiptHolds(used, changed, published), is_same) << field.name();
  }
  // The same text by facts that are cut otherwise.
  v1::RightsReceipt cut = receipt;
  cut.set_law(base::Cat(receipt.law(), "\nretained-until ", receipt.retained_until()));
  cut.clear_retained_until();
  EXPECT_FALSE(ReceiptHolds(used, cut, published));
  for (size_t i = 0; i < receipt.signature().size(); ++i) {
    v1::RightsReceipt flipped = receipt;
    (*flipped.mutable_signature())[i] = static_cast<char>(receipt.signature()[i] ^ 1);
    EXPECT_FALSE(ReceiptHolds(used, flipped, published)) << i;
  }
}

TEST_F(RightsReceiptsTest, AReceiptOfTransportIsNoneOfAnAnswerNorTheOtherWayRound) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_ACCESS);
  const auto answered = Answer(receiver, right, name, v1::RIGHT_ANSWER_PROVIDED);
  const v1::RightsHolder& holder = HolderAt(answered, kReceivingBody);
  const auto shown = Must(Get(referrer, name));
  ASSERT_FALSE(shown.receipts().empty());
  v1::RightsReceipt replayed = holder.receipts(0);
  replayed.set_signature(shown.receipts(0).signature());
  EXPECT_FALSE(ReceiptHolds(UsedIn(answered, holder), replayed, Keys()));
  const std::string& token = shown.receipts(0).signature();
  const size_t first = token.find('.');
  replayed.set_signature(base::Cat(token.substr(0, first), "..", token.substr(token.rfind('.') + 1)));
  EXPECT_FALSE(ReceiptHolds(UsedIn(answered, holder), replayed, Keys()));
  v1::TransportReceipt other = shown.receipts(0);
  other.set_signature(holder.receipts(0).signature());
  EXPECT_FALSE(ReceiptHolds(name, other, Keys()));
}

TEST_F(RightsReceiptsTest, WhatIsAnsweredAnewHasItsOwnReceiptAndTheOneBeforeStays) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_RESTRICTION);
  const auto before = Answer(receiver, right, name, v1::RIGHT_ANSWER_RESTRICTED);
  rig.clock().Advance(absl::Minutes(1));
  const auto after = Answer(receiver, right, name, v1::RIGHT_ANSWER_LIFTED);
  const v1::RightsHolder& holder = HolderAt(after, kReceivingBody);
  ExpectSigned(after, holder, 2);
  EXPECT_EQ(holder.receipts(0).SerializeAsString(),
            HolderAt(before, kReceivingBody).receipts(0).SerializeAsString());
  EXPECT_EQ(holder.receipts(1).informed_how(), v1::INFORMED_HOW_BY_LETTER);
  EXPECT_EQ(holder.receipts(1).informed_language(), "uk");
  EXPECT_NE(holder.receipts(1).signature(), holder.receipts(0).signature());
}

TEST_F(RightsReceiptsTest, ItBindsTheTextWithWhichItWasRecordedAndNothingOfIt) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_ACCESS, "said-in-the-clear");
  const auto answered = Answer(receiver, right, name, v1::RIGHT_ANSWER_PROVIDED);
  const v1::RightsHolder& holder = HolderAt(answered, kReceivingBody);
  ExpectSigned(answered, holder, 1);
  ASSERT_FALSE(Notes(name).empty());
  EXPECT_EQ(holder.receipts(0).text_commitment(), Notes(name).back().commitment());
  EXPECT_THAT(RightsReceiptText(UsedIn(answered, holder), holder.receipts(0)),
              Not(HasSubstr("said-in-the-clear")));
  const std::string silent = Used(name, v1::RIGHT_KIND_ACCESS);
  EXPECT_EQ(HolderAt(Answer(receiver, silent, name, v1::RIGHT_ANSWER_PROVIDED), kReceivingBody)
                .receipts(0)
                .text_commitment(),
            "");
}

TEST_F(RightsReceiptsTest, TheSameCallAgainHasTheSameReceipt) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_ACCESS);
  auto request = Receipt(right, name, v1::RIGHT_ANSWER_PROVIDED);
  request.set_request_id("answered-once-more");
  const auto first = Must(Do(receiver, &Stub::AnswerRightsRequest, request));
  rig.clock().Advance(absl::Minutes(1));
  const auto again = Must(Do(receiver, &Stub::AnswerRightsRequest, request));
  EXPECT_EQ(HolderAt(first, kReceivingBody).SerializeAsString(),
            HolderAt(again, kReceivingBody).SerializeAsString());
  EXPECT_THAT(HolderAt(Shown(receiver, right), kReceivingBody).receipts(), SizeIs(1));
}

TEST_F(RightsReceiptsTest, WhatCannotBeSignedIsNotAnswered) {
  const std::string name = Completed();
  const std::string right = Used(name, v1::RIGHT_KIND_OBJECTION);
  const auto before = rig.Dump();
  signing_fails = true;
  EXPECT_EQ(Do(receiver, &Stub::AnswerRightsRequest, Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED))
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(rig.Dump() == before) << "nothing was erased";
  signing_fails = false;
  const auto answered = Answer(receiver, right, name, v1::RIGHT_ANSWER_STOPPED_ERASED);
  ExpectSigned(answered, HolderAt(answered, kReceivingBody), 1);
}

TEST_F(RightsReceiptsTest, AnAnswerFromBeforeHasNoneUntilItIsAnsweredAnew) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_OBJECTION);
  Answer(receiver, right, name, v1::RIGHT_ANSWER_RESTRICTED);
  ASSERT_TRUE(store::TransactAndWait(rig.store(), [&](store::Writer& writer) -> absl::Status {
                const auto before = Must(rows::GetRightsRequest(writer, right));
                auto old = before;
                for (auto& held : *old.mutable_holders()) held.mutable_holder()->clear_receipts();
                rows::PutRightsRequest(writer, &before, old);
                return absl::OkStatus();
              }).ok());
  const auto shown = Shown(referrer, right);
  EXPECT_EQ(HolderAt(shown, kReceivingBody).answer(), v1::RIGHT_ANSWER_RESTRICTED);
  EXPECT_THAT(HolderAt(shown, kReceivingBody).receipts(), IsEmpty()) << "nothing stands in for it";
  const auto anew = Answer(receiver, right, name, v1::RIGHT_ANSWER_RETAINED);
  ExpectSigned(anew, HolderAt(anew, kReceivingBody), 1);
}

TEST_F(RightsReceiptsTest, ASuccessorAnswersInItsOwnNameAndThePredecessorsReceiptStillHolds) {
  const std::string name = Accepted();
  const std::string right = Used(name, v1::RIGHT_KIND_OBJECTION);
  Answer(receiver, right, name, v1::RIGHT_ANSWER_RESTRICTED);
  Succeed(Merged(kReceivingBody, kThirdBody, Today()));
  const auto moved = Shown(third, right);
  const v1::RightsHolder& before = HolderAt(moved, kThirdBody);
  ExpectSigned(moved, before, 1);
  EXPECT_EQ(before.receipts(0).body(), kReceivingBody) << "who gave it";
  const auto after = Answer(third, right, name, v1::RIGHT_ANSWER_RETAINED);
  const v1::RightsHolder& holder = HolderAt(after, kThirdBody);
  ExpectSigned(after, holder, 2);
  EXPECT_EQ(holder.receipts(1).body(), kThirdBody);
}

TEST_F(RightsReceiptsTest, WhereBothSidesBecomeOneBodyTheReceiptsOfBothHold) {
  const std::string name = Completed();
  const std::string right = Used(name, v1::RIGHT_KIND_OBJECTION);
  Answer(receiver, right, name, v1::RIGHT_ANSWER_RETAINED);
  rig.clock().Advance(absl::Minutes(1));
  Answer(referrer, right, name, v1::RIGHT_ANSWER_STOPPED_ERASED);
  Succeed(Merged(kReferringBody, kReceivingBody, Today()));
  const auto one = Shown(receiver, right);
  ASSERT_THAT(one.holders(), SizeIs(1));
  EXPECT_EQ(one.holders(0).answer(), v1::RIGHT_ANSWER_RETAINED);
  ExpectSigned(one, one.holders(0), 2);
  EXPECT_EQ(one.holders(0).receipts(0).body(), kReferringBody);
}

TEST_F(RightsReceiptsTest, OfWhatIsProtectedItsReadersAloneSeeReceipts) {
  auto request = NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  Must(Do(receiving_safeguarding, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(name)));
  const std::string right =
      Must(Do(referring_caseworker, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_ACCESS))).name();
  Answer(referring_caseworker, right, name, v1::RIGHT_ANSWER_PROVIDED);
  const auto seen = Shown(referring_caseworker, right);
  ExpectSigned(seen, HolderAt(seen, kReferringBody), 1);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right))),
            "NOT_FOUND");
  // The log says that something was answered, of nothing that it names.
  for (const event::v1::Event& event : rig.Events()) {
    EXPECT_THAT(event.SerializeAsString(), Not(HasSubstr(std::string(rows::IdOfName(name))))) << event.type();
  }
}

// --- Along a chain of three bodies

// What each side answers here. Of a withdrawal the one keeps its file by law, and the other erases.
v1::RightAnswer AnswerTo(v1::RightKind kind, v1::Party party) {
  switch (kind) {
    case v1::RIGHT_KIND_WITHDRAWAL:
      return party == v1::PARTY_REFERRING ? v1::RIGHT_ANSWER_RETAINED : v1::RIGHT_ANSWER_STOPPED_ERASED;
    case v1::RIGHT_KIND_RECTIFICATION:
      return v1::RIGHT_ANSWER_RECTIFIED;
    case v1::RIGHT_KIND_ACCESS:
      return v1::RIGHT_ANSWER_PROVIDED;
    default:
      return v1::RIGHT_ANSWER_RESTRICTED;
  }
}

std::string Held(const std::string& name, std::string_view body) {
  return base::Cat(name, " ", body);
}

std::vector<std::string> HoldersOf(const v1::RightsRequest& right) {
  std::vector<std::string> holders;
  for (const v1::RightsHolder& each : right.holders()) holders.push_back(Held(each.referral(), each.body()));
  return holders;
}

// Which right; whether the last body recorded it, or the first; whether the case was handed over, or
// forwarded.
class RightsAlongAChainTest : public RightsReceiptsTest,
                              public ::testing::WithParamInterface<std::tuple<v1::RightKind, bool, bool>> {
 protected:
  // What it goes on as: at the third body, which has taken it.
  std::string SentOn(const std::string& first, bool handed_over) {
    if (handed_over) {
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(first, kThirdBody)));
    } else {
      auto forward = ToBody<v1::ForwardByDutyRequest>(first, kThirdBody);
      forward.set_law("es/ley-40-2015/art-14");
      Must(Do(receiver, &Stub::ForwardByDuty, forward));
    }
    const std::string second = Record(first).forwarded_to();
    return Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second))).name();
  }
  const std::string& TokenAt(std::string_view body) const {
    if (body == kReferringBody) return referrer;
    return body == kReceivingBody ? receiver : third;
  }
  // For which referrals that body owes an answer, or has given one.
  std::vector<std::string> TasksOf(std::string_view body, bool answered) {
    v1::ListRightsRequestsRequest request;
    request.set_answered(answered);
    std::vector<std::string> referrals;
    const auto page = Must(Do(TokenAt(body), &Stub::ListRightsRequests, request));
    for (const v1::RightsTask& task : page.tasks()) referrals.push_back(task.referral());
    return referrals;
  }
  void AnswerAs(const v1::RightsHolder& holder, const v1::RightsRequest& right) {
    auto request = Receipt(right.name(), holder.referral(), AnswerTo(right.kind(), holder.party()));
    if (request.answer() == v1::RIGHT_ANSWER_RETAINED) request.set_retained_until("2031-12-31");
    // Of each referral the referring side puts it right, and the other one says that it is.
    if (request.answer() == v1::RIGHT_ANSWER_RECTIFIED && holder.party() == v1::PARTY_REFERRING) {
      request.mutable_corrected()->set_person(1);
      request.mutable_corrected()->mutable_screening()->set_text("mornings only");
    }
    const auto answered = Do(TokenAt(holder.body()), &Stub::AnswerRightsRequest, request);
    ASSERT_EQ(ReasonOf(answered), "OK") << Held(holder.referral(), holder.body());
  }
};

TEST_P(RightsAlongAChainTest, EveryHolderIsAskedAndAnswersAndWhoReferredFirstSeesEveryReceipt) {
  const auto& [kind, at_last, handed_over] = GetParam();
  const std::string first = handed_over ? Accepted() : Requested();
  const std::string second = SentOn(first, handed_over);
  const std::string recorded =
      Must(Do(at_last ? third : referrer, &Stub::RecordRightsRequest, Right(at_last ? second : first, kind)))
          .name();
  // Who hands a case over refers it itself; what is forwarded stays the first body's.
  const std::string_view second_referrer = handed_over ? kReceivingBody : kReferringBody;
  const v1::RightsRequest asked = Shown(referrer, recorded);
  ASSERT_THAT(HoldersOf(asked),
              UnorderedElementsAre(Held(first, kReferringBody), Held(first, kReceivingBody),
                                   Held(second, second_referrer), Held(second, kThirdBody)));
  EXPECT_EQ(asked.holder_count(), 4);
  EXPECT_EQ(asked.answered_count(), 0);
  for (const v1::RightsHolder& holder : asked.holders()) {
    SCOPED_TRACE(Held(holder.referral(), holder.body()));
    EXPECT_THAT(TasksOf(holder.body(), /*answered=*/false), Contains(holder.referral()));
    EXPECT_THAT(holder.receipts(), IsEmpty());
  }
  for (const v1::RightsHolder& holder : asked.holders()) AnswerAs(holder, asked);
  const v1::RightsRequest done = Shown(referrer, recorded);
  EXPECT_EQ(done.answered_count(), 4);
  ASSERT_THAT(HoldersOf(done), ::testing::ElementsAreArray(HoldersOf(asked)));
  for (const v1::RightsHolder& holder : done.holders()) {
    SCOPED_TRACE(Held(holder.referral(), holder.body()));
    EXPECT_EQ(holder.answer(), AnswerTo(kind, holder.party()));
    ExpectSigned(done, holder, 1);
    ASSERT_THAT(holder.receipts(), SizeIs(1));
    EXPECT_EQ(holder.receipts(0).body(), holder.body());
    EXPECT_EQ(holder.receipts(0).party(), holder.party());
    EXPECT_EQ(holder.receipts(0).answer(), holder.answer());
    EXPECT_THAT(TasksOf(holder.body(), /*answered=*/false), IsEmpty());
    EXPECT_THAT(TasksOf(holder.body(), /*answered=*/true), Contains(holder.referral()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RightsAlongAChainTest,
    ::testing::Combine(::testing::Values(v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_KIND_OBJECTION,
                                         v1::RIGHT_KIND_RECTIFICATION, v1::RIGHT_KIND_RESTRICTION,
                                         v1::RIGHT_KIND_ACCESS),
                       ::testing::Bool(), ::testing::Bool()));

}  // namespace
}  // namespace waypost::referral
