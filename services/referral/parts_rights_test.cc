// Rights between a case and its parts, over gRPC on the real store: whom they reach, who answers, and who
// learns of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "common/rpc/system_change.h"
#include "services/referral/part_rows.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using base::Cat;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

struct KindAnswer {
  v1::RightKind kind;
  v1::RightAnswer answer;
};
constexpr KindAnswer kEach[] = {{v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_RETAINED},
                                {v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RESTRICTED},
                                {v1::RIGHT_KIND_RECTIFICATION, v1::RIGHT_ANSWER_REFUSED},
                                {v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_RESTRICTED},
                                {v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_PROVIDED}};

class PartsRightsTest : public ::testing::Test, protected PartsRig {
 protected:
  PartsRightsTest() : PartsRig(ReferralOptions(/*on_disk=*/false)) {}

  // A part whose first person, or those named, are people of the case.
  v1::SubmitReferralRequest NewLinked(std::string_view parent, std::string_view to = kThirdBody,
                                      const std::vector<uint32_t>& persons = {1}) const {
    v1::SubmitReferralRequest request = NewPart(parent, to);
    for (const uint32_t person : persons) request.mutable_referral()->add_case_persons(person);
    return request;
  }
  std::string Sent(const std::string& token, const v1::SubmitReferralRequest& request) {
    rig.clock().Advance(absl::Milliseconds(1));
    return Must(Do(token, &Stub::SubmitReferral, request)).name();
  }
  static v1::SubmitReferralRequest OnConsent(v1::SubmitReferralRequest request) {
    for (v1::Person& person : *request.mutable_referral()->mutable_persons()) {
      v1::Disclosure& disclosure = *person.mutable_disclosure();
      disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
      disclosure.set_refusal_costs_nothing(true);
    }
    return request;
  }
  v1::RightsRequest Use(const std::string& token, const std::string& name, v1::RightKind kind,
                        uint32_t person = 1) {
    return Must(Do(token, &Stub::RecordRightsRequest, Right(name, kind, person)));
  }
  v1::RightsRequest Seen(const std::string& token, const std::string& right) {
    return Must(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)));
  }
  std::string Answered(const std::string& token, const std::string& right, const std::string& name,
                       v1::RightAnswer answer) {
    auto request = Receipt(right, name, answer);
    if (answer == v1::RIGHT_ANSWER_REFUSED) request.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
    return ReasonOf(Do(token, &Stub::AnswerRightsRequest, request));
  }
  std::string Protect(const std::string& token, const std::string& name) {
    auto request = On<v1::AssignReferralRequest>(name);
    request.set_protection(v1::PROTECTION_GROUND_SHELTER);
    return ReasonOf(Do(token, &Stub::AssignReferral, request));
  }
  bool Marked(const std::string& name, uint32_t person = 1) {
    const auto record = Record(name);
    return std::any_of(record.right_marks().begin(), record.right_marks().end(),
                       [person](const auto& mark) { return mark.person() == person; });
  }
  std::vector<std::string> LinkedFor(const std::string& name, uint32_t person = rows::kAnybody) {
    return Must(rows::WithSamePerson(**rig.store().Snapshot(), name, person));
  }
  std::vector<std::string> Course(const std::string& name) {
    std::vector<std::string> events;
    for (const auto& entry : History(name)) events.push_back(entry.event());
    return events;
  }
  // Who did what befell a referral because of a withdrawal, as those are told who have part in it.
  std::string WithdrawnBy(const std::string& name) {
    for (const event::v1::Event& event : EventsOf(name)) {
      if (event.type() == "referral.withdrawn") return event.body();
    }
    return "";
  }
};

std::vector<std::string> HoldersOf(const v1::RightsRequest& right) {
  std::vector<std::string> holders;
  for (const auto& holder : right.holders()) holders.push_back(Cat(holder.referral(), " ", holder.body()));
  return holders;
}

std::vector<std::string> NotReached(const v1::RightsRequest& right) {
  return {right.not_reached().begin(), right.not_reached().end()};
}

// --- Up and down -----------------------------------------------------------------------------------------

TEST_F(PartsRightsTest, EachRightReachesTheCaseAndItsPartsFromWhereverItIsRecordedAndEachAnswers) {
  for (const auto& [kind, answer] : kEach) {
    for (const int from : {0, 1, 2}) {
      const std::string parent = InProgress();
      const std::string first = Sent(receiver, NewLinked(parent, kThirdBody));
      const std::string second = Sent(receiver, NewLinked(parent, kFourthBody));
      const std::string unlinked = Part(receiver, parent);
      const std::string what = Cat(v1::RightKind_Name(kind), " from ", from);
      const std::string right = from == 0   ? Use(referrer, parent, kind).name()
                                : from == 1 ? Use(receiver, first, kind).name()
                                            : Use(third, first, kind).name();
      for (const std::string& name : {parent, first, second}) EXPECT_TRUE(Marked(name)) << what;
      EXPECT_FALSE(Marked(unlinked)) << what;

      EXPECT_EQ(Answered(referrer, right, parent, answer), "OK") << what;
      EXPECT_EQ(Answered(receiver, right, parent, answer), "OK") << what;
      EXPECT_EQ(Answered(receiver, right, first, answer), "OK") << what;
      EXPECT_EQ(Answered(third, right, first, answer), "OK") << what;
      EXPECT_EQ(Answered(receiver, right, second, answer), "OK") << what;
      EXPECT_EQ(Answered(fourth, right, second, answer), "OK") << what;
      const v1::RightsRequest all = Seen(receiver, right);
      EXPECT_EQ(all.holder_count(), 6) << what;
      EXPECT_EQ(all.answered_count(), 6) << what;
      for (const v1::RightsHolder& holder : all.holders()) EXPECT_EQ(holder.receipts_size(), 1) << what;
      EXPECT_THAT(NotReached(all), ElementsAre(unlinked)) << what;
    }
  }
}

TEST_F(PartsRightsTest, WhoRecordsItIsToldWhichOfTheirOwnWereNotReached) {
  const std::string parent = InProgress();
  Sent(receiver, NewLinked(parent));
  const std::string unlinked = Part(receiver, parent);
  EXPECT_THAT(NotReached(Use(receiver, parent, v1::RIGHT_KIND_ACCESS)), ElementsAre(unlinked));
  EXPECT_THAT(NotReached(Use(referrer, parent, v1::RIGHT_KIND_ACCESS)), IsEmpty()) << "not its parts";
  // And the other way round: of a part, its case.
  const v1::RightsRequest of_part = Use(receiver, unlinked, v1::RIGHT_KIND_OBJECTION);
  EXPECT_THAT(NotReached(of_part), ElementsAre(parent));
  EXPECT_EQ(of_part.holder_count(), 2);
  const v1::RightsRequest by_third = Use(third, unlinked, v1::RIGHT_KIND_ACCESS);
  EXPECT_THAT(NotReached(by_third), IsEmpty()) << "it does not learn that it is a part";
}

TEST_F(PartsRightsTest, ItGoesAlongForThosePeopleAloneWhoAreInBoth) {
  const std::string parent = Requested(2);
  v1::SubmitReferralRequest both = AsPart(NewReferral(2), parent, kThirdBody);
  both.mutable_referral()->add_case_persons(2);
  const std::string with_two = Sent(referrer, both);
  // The second of the case is the only one of another part.
  v1::SubmitReferralRequest alone = NewLinked(parent, kFourthBody, {2});
  alone.mutable_referral()->mutable_persons(0)->set_number(2);
  alone.mutable_sections(0)->set_person(2);
  const std::string of_second = Sent(referrer, alone);

  const v1::RightsRequest of_one = Use(receiver, parent, v1::RIGHT_KIND_OBJECTION, 1);
  EXPECT_FALSE(Marked(with_two, 1)) << "another person, though the number is the same";
  EXPECT_FALSE(Marked(of_second, 1));
  EXPECT_THAT(NotReached(Seen(referrer, of_one.name())), ElementsAre(with_two))
      << "of the other one everybody is known";
  const std::string of_two = Use(third, with_two, v1::RIGHT_KIND_OBJECTION, 2).name();
  EXPECT_TRUE(Marked(parent, 2));
  EXPECT_TRUE(Marked(of_second, 2));
  EXPECT_EQ(Seen(fourth, of_two).person(), 2u);
  EXPECT_EQ(Seen(referrer, of_two).holder_count(), 6) << "where it made all of them it sees all of them";
}

TEST_F(PartsRightsTest, WhatAPartWasForwardedToIsReachedAndOneThatWasDetachedToo) {
  const std::string parent = InProgress();
  const std::string part = Sent(receiver, NewLinked(parent));
  auto forward = ToBody<v1::ForwardByDutyRequest>(part, kFourthBody);
  forward.set_law("es/ley-40-2015/art-14");
  Must(Do(third, &Stub::ForwardByDuty, forward));
  const std::string next = Record(part).forwarded_to();
  EXPECT_THAT(Record(next).case_persons(), ElementsAre(1));
  EXPECT_THAT(Record(part).case_persons(), IsEmpty()) << "one of the two is the part";
  const std::string detached = Sent(receiver, NewLinked(parent));
  Must(Do(receiver, &Stub::DetachReferral, On<v1::DetachReferralRequest>(detached)));
  EXPECT_THAT(Must(Get(receiver, detached)).case_persons(), IsEmpty());

  Use(fourth, next, v1::RIGHT_KIND_OBJECTION);
  for (const std::string& name : {parent, part, next, detached}) EXPECT_TRUE(Marked(name)) << name;
}

// --- A withdrawal of consent -----------------------------------------------------------------------------

TEST_F(PartsRightsTest, AWithdrawalEndsThePartsOnConsentAndTakesOutWhereOthersAreIn) {
  const std::string parent = InProgress();
  const std::string alone = Sent(receiver, OnConsent(NewLinked(parent)));
  v1::SubmitReferralRequest two = AsPart(NewReferral(2), parent, kFourthBody);
  two.mutable_referral()->add_case_persons(1);
  const std::string with_other = Sent(receiver, OnConsent(two));
  const std::string unlinked = Sent(receiver, OnConsent(NewPart(parent)));
  Use(referrer, parent, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(Record(parent).state(), kInProgress) << "it does not rest on consent";
  EXPECT_EQ(Record(alone).state(), kCancelled);
  EXPECT_EQ(Record(alone).cancel_reason(), v1::CANCEL_REASON_PERSON_WITHDREW);
  EXPECT_THAT(OpenableBy(alone, kThirdBody), IsEmpty());
  EXPECT_EQ(Record(with_other).state(), kRequested);
  ASSERT_EQ(Record(with_other).withdrawn_persons_size(), 1);
  EXPECT_EQ(Record(with_other).withdrawn_persons(0).number(), 1u);
  EXPECT_EQ(Record(unlinked).state(), kRequested);
  EXPECT_EQ(Record(parent).open_part_count(), 2);
}

TEST_F(PartsRightsTest, AWithdrawalFromACaseOnConsentEndsItsPartsInsteadOfDetachingThem) {
  const std::string parent = Sent(referrer, OnConsent(NewReferral()));
  const std::string part = Sent(referrer, OnConsent(NewLinked(parent)));
  const std::string unlinked = Sent(referrer, OnConsent(NewPart(parent)));
  Use(receiver, parent, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(Record(parent).state(), kCancelled);
  EXPECT_EQ(Record(part).state(), kCancelled);
  EXPECT_EQ(Record(part).part_of(), parent);
  EXPECT_THAT(Course(part), Not(Contains("DETACH")));
  EXPECT_EQ(Course(unlinked).back(), "DETACH") << "of whom nobody has said that she is in it";
  EXPECT_EQ(Record(unlinked).state(), kRequested);
  EXPECT_EQ(Record(parent).open_part_count(), 0);
}

// --- Who learns of it ------------------------------------------------------------------------------------

TEST_F(PartsRightsTest, NobodyLearnsByItThatThereAreParts) {
  const std::string parent = InProgress();
  const std::string first = Sent(receiver, NewLinked(parent, kThirdBody));
  const std::string second = Sent(receiver, NewLinked(parent, kFourthBody));
  EXPECT_THAT(Must(Get(receiver, first)).case_persons(), ElementsAre(1));
  EXPECT_THAT(Must(Get(third, first)).case_persons(), IsEmpty());

  const std::string right = Use(third, first, v1::RIGHT_KIND_WITHDRAWAL).name();
  const v1::RightsRequest by_third = Seen(third, right);
  EXPECT_EQ(by_third.holder_count(), 2);
  EXPECT_THAT(HoldersOf(by_third),
              UnorderedElementsAre(Cat(first, " ", kReceivingBody), Cat(first, " ", kThirdBody)));
  const v1::RightsRequest by_referrer = Seen(referrer, right);
  EXPECT_EQ(by_referrer.holder_count(), 2);
  EXPECT_THAT(HoldersOf(by_referrer),
              UnorderedElementsAre(Cat(parent, " ", kReferringBody), Cat(parent, " ", kReceivingBody)));
  EXPECT_EQ(by_referrer.referral(), "");
  EXPECT_EQ(by_referrer.recorded_by(), "");
  EXPECT_EQ(Seen(fourth, right).holder_count(), 2);
  EXPECT_EQ(WithdrawnBy(first), kThirdBody);
  for (const std::string& name : {parent, second}) {
    EXPECT_EQ(WithdrawnBy(name), rpc::kServiceBody) << "by whom would say what is a part of what";
  }
}

TEST_F(PartsRightsTest, WhatIsProtectedIsReachedNoMore) {
  const std::string parent = InProgress();
  const std::string part = Sent(receiver, NewLinked(parent));
  const std::string other = Sent(receiver, NewLinked(parent));
  ASSERT_EQ(Protect(third, part), "OK");
  EXPECT_THAT(LinkedFor(part), IsEmpty());
  EXPECT_THAT(LinkedFor(parent), ElementsAre(other));
  Use(referrer, parent, v1::RIGHT_KIND_OBJECTION);
  EXPECT_FALSE(Marked(part));
  EXPECT_TRUE(Marked(other));
}

// --- Saying who is who -----------------------------------------------------------------------------------

TEST_F(PartsRightsTest, WhoIsNamedIsAPersonOfBothAndNamedOnce) {
  const std::string parent = InProgress(2);
  const auto refused = [&](const std::vector<uint32_t>& persons) {
    return ReasonOf(Do(receiver, &Stub::SubmitReferral, NewLinked(parent, kThirdBody, persons)));
  };
  EXPECT_EQ(refused({2}), "INVALID_FIELD") << "not in the part";
  EXPECT_EQ(refused({1, 1}), "INVALID_FIELD");
  EXPECT_EQ(refused({7}), "INVALID_FIELD");
  v1::SubmitReferralRequest two = AsPart(NewReferral(2), InProgress(), kThirdBody);
  two.mutable_referral()->add_case_persons(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, two)), "INVALID_FIELD") << "not in the case";
  v1::SubmitReferralRequest none = NewLinked(parent);
  none.mutable_referral()->clear_part_of();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, none)), "INVALID_FIELD") << "of no case";
  EXPECT_EQ(refused({1}), "OK");
}

TEST_F(PartsRightsTest, OfADraftItCanBeChangedAndWithAnotherCaseIsSaidAnew) {
  const std::string parent = InProgress();
  const std::string other = InProgress();
  const std::string draft = DraftPart(receiver, parent);
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft);
  update.mutable_referral()->add_case_persons(1);
  update.mutable_update_mask()->add_paths("case_persons");
  EXPECT_THAT(Must(Do(receiver, &Stub::UpdateReferral, update)).case_persons(), ElementsAre(1));
  EXPECT_THAT(LinkedFor(draft, 1), ElementsAre(parent));
  EXPECT_THAT(LinkedFor(parent, 1), ElementsAre(draft));
  EXPECT_THAT(LinkedFor(parent, 2), IsEmpty());
  EXPECT_THAT(LinkedFor(parent, rows::kNobody), IsEmpty());

  v1::UpdateReferralRequest move;
  move.mutable_referral()->set_name(draft);
  move.mutable_referral()->set_part_of(other);
  move.mutable_update_mask()->add_paths("part_of");
  EXPECT_THAT(Must(Do(receiver, &Stub::UpdateReferral, move)).case_persons(), IsEmpty());
  EXPECT_THAT(LinkedFor(parent), IsEmpty());
  EXPECT_THAT(LinkedFor(draft), IsEmpty());
  Must(Do(receiver, &Stub::UpdateReferral, update));
  EXPECT_THAT(LinkedFor(other), ElementsAre(draft));
  Must(Do(receiver, &Stub::DetachReferral, On<v1::DetachReferralRequest>(draft)));
  EXPECT_THAT(LinkedFor(other), IsEmpty()) << "nobody got it";
}

TEST_F(PartsRightsTest, OfWhomNothingFurtherIsDisclosedNoPartIsMade) {
  const std::string parent = InProgress();
  Use(referrer, parent, v1::RIGHT_KIND_OBJECTION);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, NewLinked(parent))), "DISCLOSURE_STOPPED");
  EXPECT_THAT(LinkedFor(parent), IsEmpty());
}

TEST_F(PartsRightsTest, OfAPartAndARightAtOnceThePartIsReachedOrRefused) {
  std::set<std::string> outcomes;
  for (const RaceOrder order : {RaceOrder::kOneFirst, RaceOrder::kOtherFirst, RaceOrder::kAtOnce}) {
    const std::string parent = InProgress();
    const v1::SubmitReferralRequest part = NewLinked(parent);
    std::optional<absl::StatusOr<v1::Referral>> sent;
    RunBoth(
        order, [&] { sent = Do(receiver, &Stub::SubmitReferral, part); },
        [&] { Use(referrer, parent, v1::RIGHT_KIND_OBJECTION); });
    outcomes.insert(ReasonOf(*sent));
    if (sent->ok()) {
      EXPECT_TRUE(Marked((*sent)->name()));
    }
  }
  EXPECT_THAT(outcomes, UnorderedElementsAre("OK", "DISCLOSURE_STOPPED"));
}

}  // namespace
}  // namespace waypost::referral
