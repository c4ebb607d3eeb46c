// Rights between a case and its parts, over gRPC on the real store: whom they reach, who answers, and who
// learns of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/rpc/system_change.h"
#include "services/referral/part_rows.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"
#include "services/referral/rights_reach.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using base::Cat;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
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
    std::vector<std::string> names;
    for (const auto& same : Must(rows::WithSamePerson(**rig.store().Snapshot(), name, person))) {
      names.push_back(same.other);
    }
    return names;
  }
  // The request with which a right came to that referral last.
  std::string RightAt(const std::string& name) {
    const auto record = Record(name);
    return record.right_marks().empty() ? "" : record.right_marks().rbegin()->request();
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

std::vector<std::string> Linked(const v1::RightsRequest& right) {
  return {right.linked_requests().begin(), right.linked_requests().end()};
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
      EXPECT_EQ(right, RightAt(from == 0 ? parent : first)) << what;

      struct Side {
        std::string token;
        std::string referral;
      };
      for (const auto& [token, name] : {Side{referrer, parent}, Side{receiver, parent}, Side{receiver, first},
                                        Side{third, first}, Side{receiver, second}, Side{fourth, second}}) {
        EXPECT_EQ(Answered(token, RightAt(name), name, answer), "OK") << what;
      }
      for (const std::string& name : {parent, first, second}) {
        const v1::RightsRequest one = Seen(receiver, RightAt(name));
        EXPECT_EQ(one.holder_count(), 2) << what;
        EXPECT_EQ(one.answered_count(), 2) << what;
        for (const v1::RightsHolder& holder : one.holders()) EXPECT_EQ(holder.receipts_size(), 1) << what;
      }
      const v1::RightsRequest of_case = Seen(receiver, RightAt(parent));
      EXPECT_THAT(NotReached(of_case), ElementsAre(unlinked)) << what;
      EXPECT_THAT(Linked(of_case), UnorderedElementsAre(RightAt(first), RightAt(second))) << what;
      EXPECT_THAT(Linked(Seen(receiver, RightAt(first))), ElementsAre(RightAt(parent))) << what;
      EXPECT_THAT(Linked(Seen(third, RightAt(first))), IsEmpty()) << what;
      EXPECT_THAT(Linked(Seen(referrer, RightAt(parent))), IsEmpty()) << what;
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
  Use(third, with_two, v1::RIGHT_KIND_OBJECTION, 2);
  EXPECT_TRUE(Marked(parent, 2));
  EXPECT_TRUE(Marked(of_second, 2));
  EXPECT_EQ(Seen(fourth, RightAt(of_second)).person(), 2u);
}

TEST_F(PartsRightsTest, WhoIsSaidToBeInBothDoesNotStandForWhoIsNot) {
  const std::string parent = Requested(2);
  v1::SubmitReferralRequest two = AsPart(NewReferral(2), parent, kThirdBody);
  two.mutable_referral()->add_case_persons(1);
  const std::string part = Sent(referrer, two);
  const std::string right = Use(third, part, v1::RIGHT_KIND_OBJECTION, 1).name();
  for (const std::string& token : {referrer, third}) {
    ASSERT_EQ(Answered(token, right, part, v1::RIGHT_ANSWER_STOPPED_ERASED), "OK");
  }
  ASSERT_EQ(Record(part).persons_size(), 1);
  EXPECT_THAT(NotReached(Use(referrer, parent, v1::RIGHT_KIND_ACCESS, 2)), ElementsAre(part));
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
  const std::string right = Use(referrer, parent, v1::RIGHT_KIND_WITHDRAWAL).name();
  EXPECT_EQ(Record(parent).state(), kCancelled);
  EXPECT_THAT(NotReached(Seen(referrer, right)), ElementsAre(unlinked)) << "though it is a part no longer";
  EXPECT_EQ(Record(part).state(), kCancelled);
  EXPECT_EQ(Record(part).part_of(), parent);
  EXPECT_THAT(Course(part), Not(Contains("DETACH")));
  EXPECT_EQ(Course(unlinked).back(), "DETACH") << "of whom nobody has said that she is in it";
  EXPECT_EQ(Record(unlinked).state(), kRequested);
  EXPECT_EQ(Record(parent).open_part_count(), 0);
}

TEST(InOrderOfEnding, EachEndsAfterItsPartsAndWhatContinuesIt) {
  const auto referral = [](std::string name, std::string part_of, std::string forwarded_from) {
    ReferralRecord record;
    record.set_name(std::move(name));
    record.set_part_of(std::move(part_of));
    record.set_forwarded_from(std::move(forwarded_from));
    return record;
  };
  const ReachedChain of_case = {.entry = "case",
                                .referrals = {referral("case-on", "", "case"), referral("case", "", "")}};
  const ReachedChain of_part = {
      .entry = "part", .referrals = {referral("part-on", "", "part"), referral("part", "case-on", "")}};
  const ReachedChain of_both = {.entry = "of-part", .referrals = {referral("of-part", "part-on", "")}};
  std::vector<std::string> order;
  const std::vector<ReachedChain> chains = {of_case, of_part, of_both};
  for (const ReferralRecord* each : InOrderOfEnding(chains)) order.push_back(each->name());
  EXPECT_THAT(order, ElementsAre("of-part", "part-on", "part", "case-on", "case"));
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
  const v1::RightsRequest by_referrer = Seen(referrer, RightAt(parent));
  EXPECT_EQ(by_referrer.holder_count(), 2);
  EXPECT_THAT(HoldersOf(by_referrer),
              UnorderedElementsAre(Cat(parent, " ", kReferringBody), Cat(parent, " ", kReceivingBody)));
  EXPECT_EQ(by_referrer.referral(), parent);
  EXPECT_EQ(by_referrer.recorded_by(), "");
  EXPECT_EQ(Seen(fourth, RightAt(second)).holder_count(), 2);
  EXPECT_EQ(WithdrawnBy(first), kThirdBody);
  for (const std::string& name : {parent, second}) {
    EXPECT_EQ(WithdrawnBy(name), rpc::kServiceBody) << "by whom would say what is a part of what";
    // One has not what the other has.
    for (const std::string& token : {third, name == parent ? fourth : referrer}) {
      EXPECT_EQ(ReasonOf(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(RightAt(name)))),
                "NOT_FOUND");
    }
  }
}

TEST_F(PartsRightsTest, AnAnswerInOneChainChangesNothingInAnother) {
  const std::string parent = InProgress();
  const std::string part = Sent(receiver, NewLinked(parent));
  const std::string of_case = Use(referrer, parent, v1::RIGHT_KIND_OBJECTION).name();
  const v1::RightsRequest before = Seen(third, RightAt(part));
  rig.clock().Advance(absl::Hours(1));
  EXPECT_EQ(Answered(referrer, of_case, parent, v1::RIGHT_ANSWER_RESTRICTED), "OK");
  EXPECT_EQ(Answered(receiver, of_case, parent, v1::RIGHT_ANSWER_RESTRICTED), "OK");
  EXPECT_EQ(Seen(third, RightAt(part)).DebugString(), before.DebugString());
}

TEST_F(PartsRightsTest, WhoMadeThePartIsNamedAsTheRecorderThereAndNobodyIsElsewhere) {
  const std::string parent = InProgress();
  const std::string part = Sent(receiver, NewLinked(parent));
  Use(receiver, parent, v1::RIGHT_KIND_WITHDRAWAL);
  EXPECT_EQ(Seen(third, RightAt(part)).recorded_by(), kReceivingBody);
  EXPECT_EQ(Seen(third, RightAt(part)).referral(), part);
  EXPECT_EQ(WithdrawnBy(part), kReceivingBody);
}

TEST_F(PartsRightsTest, WhoReferredFirstSeesTheWholeChainWithAndWithoutParts) {
  for (const bool with_part : {false, true}) {
    const std::string first = Requested();
    if (with_part) Sent(referrer, NewLinked(first, kFourthBody));
    auto forward = ToBody<v1::ForwardByDutyRequest>(first, kThirdBody);
    forward.set_law("es/ley-40-2015/art-14");
    Must(Do(receiver, &Stub::ForwardByDuty, forward));
    const std::string next = Record(first).forwarded_to();
    const v1::RightsRequest seen = Use(third, next, v1::RIGHT_KIND_ACCESS);
    EXPECT_EQ(Seen(referrer, seen.name()).holder_count(), seen.holder_count());
    EXPECT_EQ(seen.holder_count(), Seen(third, seen.name()).holder_count()) << with_part;
    EXPECT_EQ(Seen(referrer, seen.name()).holders_size(), seen.holder_count()) << "it tells the person";
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

TEST_F(PartsRightsTest, NorIsItSaidAnyLongerWhatItHungTogetherWith) {
  enum class Hidden { kPart, kUnlinked, kCase };
  const std::string colleague =
      rig.TokenOf(kReferringBody, {policy::Role::kSupervisor}, {}, "actors/nuriaxxxxxxxxxxx");
  for (const Hidden hidden : {Hidden::kPart, Hidden::kUnlinked, Hidden::kCase}) {
    const std::string parent = Requested();
    const std::string part = Sent(referrer, NewLinked(parent, kFourthBody));
    const std::string unlinked = Sent(referrer, NewPart(parent, kThirdBody));
    Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(parent)));
    // The referring body has the case and a step of a path from it, which is in the same chain.
    v1::CreatePathRequest lead;
    lead.set_referral(parent);
    lead.set_person(1);
    lead.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
    auto step = On<v1::TakeStepRequest>(Must(Do(receiver, &PathStub::CreatePath, lead)).name());
    step.set_step(1);
    step.mutable_receiving()->set_body(std::string(kReferringBody));
    step.set_territory("ES300/28065");
    step.set_priority(v1::PRIORITY_NORMAL);
    *step.mutable_disclosure() = CompleteDisclosure();
    Must(Do(receiver, &PathStub::TakeStep, step));
    const std::string of_case = Use(referrer, parent, v1::RIGHT_KIND_ACCESS).name();
    const std::string of_part = RightAt(part);
    ASSERT_THAT(Linked(Seen(referrer, of_case)), ElementsAre(of_part));
    ASSERT_THAT(NotReached(Seen(colleague, of_case)), ElementsAre(unlinked));
    // Its own parts a body detaches itself.
    for (const std::string& own : {part, unlinked}) {
      if (hidden == Hidden::kCase)
        Must(Do(referrer, &Stub::DetachReferral, On<v1::DetachReferralRequest>(own)));
    }
    const std::map<Hidden, std::pair<std::string, std::string>> by = {{Hidden::kPart, {fourth, part}},
                                                                      {Hidden::kUnlinked, {third, unlinked}},
                                                                      {Hidden::kCase, {referrer, parent}}};
    ASSERT_EQ(Protect(by.at(hidden).first, by.at(hidden).second), "OK");
    const v1::RightsRequest seen = Seen(colleague, of_case);
    const bool names_part = hidden == Hidden::kUnlinked;
    const bool names_unlinked = hidden == Hidden::kPart;
    EXPECT_EQ(seen.linked_requests_size(), names_part ? 1 : 0) << static_cast<int>(hidden);
    EXPECT_EQ(seen.not_reached_size(), names_unlinked ? 1 : 0) << static_cast<int>(hidden);
    if (hidden != Hidden::kCase) continue;
    const auto of_linked = Do(colleague, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(of_part));
    EXPECT_THAT(Linked(Must(of_linked)), IsEmpty()) << "from the part neither";
  }
}

TEST_F(PartsRightsTest, WhatIsNotReadIsNotNamed) {
  constexpr std::string_view kOtherUnit = "bodies/es-madrid/units/housing";
  SetUnit(kOtherUnit, directory::v1::UNIT_STATUS_ACTIVE);
  const std::string parent = InProgress();
  v1::SubmitReferralRequest linked = NewLinked(parent);
  linked.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherUnit));
  const std::string part = Sent(receiver, linked);
  v1::SubmitReferralRequest other = NewPart(parent);
  other.mutable_referral()->mutable_referring()->set_unit(std::string(kOtherUnit));
  const std::string unlinked = Sent(receiver, other);
  const std::string right = Use(referrer, parent, v1::RIGHT_KIND_ACCESS).name();
  EXPECT_THAT(Linked(Seen(receiver, right)), ElementsAre(RightAt(part)));
  EXPECT_THAT(NotReached(Seen(receiver, right)), ElementsAre(unlinked));
  EXPECT_THAT(Linked(Seen(receiving_caseworker, right)), IsEmpty());
  EXPECT_THAT(NotReached(Seen(receiving_caseworker, right)), IsEmpty());
}

// --- Limits ----------------------------------------------------------------------------------------------

TEST_F(PartsRightsTest, NoMoreHangTogetherThanARightReaches) {
  const std::string parent = InProgress();
  for (int i = 0; i < kMaxReachOfParts; ++i) {
    const std::string part = Sent(receiver, NewLinked(parent));
    Must(Do(receiver, &Stub::DetachReferral, On<v1::DetachReferralRequest>(part)));
  }
  const auto refused = Do(receiver, &Stub::SubmitReferral, NewLinked(parent));
  EXPECT_EQ(ReasonOf(refused), "LIMIT_EXCEEDED");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, NewPart(parent))), "OK");
  const auto reader = Must(rig.store().Snapshot());
  EXPECT_EQ(ReasonOf(ChainsReached(*reader, parent, 1, kMaxReachOfParts)), "LIMIT_EXCEEDED");
  EXPECT_EQ(Must(ChainsReached(*reader, parent, 1, kMaxReachOfParts + 1)).size(),
            static_cast<size_t>(kMaxReachOfParts + 1));
  EXPECT_EQ(ReasonOf(ChainsReached(*reader, parent, 1, 5)), "LIMIT_EXCEEDED");
  EXPECT_EQ(Use(referrer, parent, v1::RIGHT_KIND_ACCESS).holder_count(), 2) << "a right reaches them all";
  EXPECT_THAT(Record(LinkedFor(parent).back()).right_marks(), SizeIs(1));
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

TEST_F(PartsRightsTest, WhatIsToBePutRightIsSentOnceThatIsAnswered) {
  const std::string parent = InProgress();
  const std::string draft = DraftPart(receiver, parent);
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft);
  update.mutable_referral()->add_case_persons(1);
  update.mutable_update_mask()->add_paths("case_persons");
  Must(Do(receiver, &Stub::UpdateReferral, update));
  const std::string right = Use(referrer, parent, v1::RIGHT_KIND_RECTIFICATION).name();
  EXPECT_TRUE(Marked(draft)) << "a draft is reached too";
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::SubmitReferral, NewLinked(parent))), "RECTIFICATION_PENDING");
  const auto send = [&] {
    return ReasonOf(Do(receiver, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft)));
  };
  EXPECT_EQ(send(), "RECTIFICATION_PENDING");
  for (const std::string& token : {referrer, receiver}) {
    EXPECT_EQ(Answered(token, right, parent, v1::RIGHT_ANSWER_REFUSED), "OK");
  }
  EXPECT_THAT(Do(receiver, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft)).status().ToString(),
              HasSubstr(draft))
      << "its own is to be answered too";
  EXPECT_EQ(Answered(receiver, RightAt(draft), draft, v1::RIGHT_ANSWER_REFUSED), "OK");
  EXPECT_EQ(send(), "OK");
}

TEST_F(PartsRightsTest, WhoWasTakenOutOfTheCaseIsInNoNewPart) {
  const std::string parent = Sent(referrer, OnConsent(NewReferral(2)));
  Use(referrer, parent, v1::RIGHT_KIND_WITHDRAWAL, 1);
  ASSERT_EQ(Record(parent).withdrawn_persons_size(), 1);
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewLinked(parent))), "DISCLOSURE_STOPPED");
}

TEST_F(PartsRightsTest, OfACaseThatWasNotSentNobodyIsSaidToBeWho) {
  const std::string parent = Must(Do(referrer, &Stub::CreateReferral, NewDraft(1))).name();
  const auto refused = Do(referrer, &Stub::SubmitReferral, NewLinked(parent));
  EXPECT_THAT(error::ViolationsOf(refused.status()),
              ElementsAre(StartsWith("referral.case_persons: must be empty while the case is a draft")));
  EXPECT_EQ(ReasonOf(Do(referrer, &Stub::SubmitReferral, NewPart(parent))), "OK");
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
