// Wrong outcomes, voided with the right one in their place, through gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/referral_rig.h"
#include "services/referral/statistics_counting.h"
#include "services/referral/statistics_rows.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kWhy = "why-given-in-the-clear";

class VoidOutcomeTest : public ::testing::Test, protected PartsRig {
 protected:
  VoidOutcomeTest() : PartsRig(ReferralOptions(/*on_disk=*/false)) {}

  static v1::VoidOutcomeRequest Right(std::string_view name, uint32_t person, v1::OutcomeKind kind) {
    auto request = On<v1::VoidOutcomeRequest>(name);
    request.set_person(person);
    request.set_reason(v1::VOID_REASON_WRONG_CONTENT);
    *request.mutable_outcome() = PositiveOutcome();
    request.mutable_outcome()->set_kind(kind);
    return request;
  }
  std::string Void(const std::string& token, const v1::VoidOutcomeRequest& request) {
    return ReasonOf(Do(token, &Stub::VoidOutcome, request));
  }
  std::string EndedWithoutResult() {
    auto end = On<v1::EndReferralWithoutResultRequest>(InProgress());
    *end.add_outcomes() = Outcomes(NegativeOutcome())[0];
    return Must(Do(receiver, &Stub::EndReferralWithoutResult, end)).name();
  }
  v1::HistoryEntry LastEntry(const std::string& token, const std::string& name) {
    const auto history =
        Must(Do(token, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(name)));
    return *history.entries().rbegin();
  }
  // What the receiving body's figures of this month have of an outcome, without looking for few.
  int64_t Counted(v1::OutcomeKind kind, uint32_t of = 0) {
    const absl::CivilMonth month = absl::ToCivilMonth(rig.clock().Now(), absl::UTCTimeZone());
    const auto table =
        Must(rows::ReadCounts(**rig.store().Snapshot(), {.body = std::string(kReceivingBody),
                                                         .side = v1::STATISTICS_SIDE_RECEIVING,
                                                         .period = {.first = month},
                                                         .breakdown = v1::STATISTICS_BREAKDOWN_THEME}));
    const Counts total = table.Total();
    const auto found = total.find({v1::STATISTICS_MEASURE_OUTCOME, of + static_cast<uint32_t>(kind)});
    return found == total.end() ? 0 : found->second;
  }
};

TEST_F(VoidOutcomeTest, OneOfTwoIsReplacedAndTheWrongOneStaysToBeSeen) {
  const std::string name = Completed(2);
  ASSERT_EQ(Counted(v1::OUTCOME_KIND_REFUSED), 1);
  const auto after =
      Must(Do(receiving_caseworker, &Stub::VoidOutcome, Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW)));
  EXPECT_EQ(after.state(), kCompleted);
  EXPECT_EQ(after.persons(1).voided_outcomes(0).voided().actor(), "actors/raulxxxxxxxxxxxx");
  const auto event = EventsOf(name).back();
  ASSERT_EQ(event.type(), "referral.outcome_voided");
  EXPECT_EQ(event.facts().at("entry"), "outcomes/2");
  EXPECT_EQ(event.facts().at("reason"), "WRONG_CONTENT");
  const v1::Referral seen = Must(Get(referrer, name));
  EXPECT_EQ(seen.revision(), after.revision());
  EXPECT_EQ(seen.persons(0).outcome().kind(), v1::OUTCOME_KIND_PROVIDED);
  EXPECT_THAT(seen.persons(0).voided_outcomes(), IsEmpty());
  EXPECT_EQ(seen.persons(1).outcome().kind(), v1::OUTCOME_KIND_PERSON_WITHDREW);
  ASSERT_THAT(seen.persons(1).voided_outcomes(), SizeIs(1));
  EXPECT_EQ(seen.persons(1).voided_outcomes(0).outcome().kind(), v1::OUTCOME_KIND_REFUSED);
  EXPECT_EQ(seen.persons(1).voided_outcomes(0).voided().reason(), v1::VOID_REASON_WRONG_CONTENT);
  EXPECT_EQ(seen.persons(1).voided_outcomes(0).voided().actor(), "");
  for (const std::string& token : {referrer, receiver}) {
    EXPECT_EQ(LastEntry(token, name).event(), "VOID_OUTCOME");
    EXPECT_EQ(LastEntry(token, name).voided_entry(), "outcomes/2");
    EXPECT_EQ(LastEntry(token, name).void_reason(), v1::VOID_REASON_WRONG_CONTENT);
  }
  EXPECT_EQ(LastEntry(coordinator, name).voided_entry(), "") << "how many people there are is not for it";
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PROVIDED), 1);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_REFUSED), 0);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_REFUSED, kOfReferrals), 0);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PERSON_WITHDREW), 1);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PERSON_WITHDREW, kOfReferrals), 1);
}

TEST_F(VoidOutcomeTest, TwiceInARowBothStay) {
  const std::string name = Completed(2);
  ASSERT_EQ(Void(receiver, Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW)), "OK");
  ASSERT_EQ(Void(receiver, Right(name, 2, v1::OUTCOME_KIND_PROVIDED)), "OK");
  EXPECT_EQ(Void(receiver, Right(name, 2, v1::OUTCOME_KIND_PROVIDED)), "INVALID_FIELD") << "nothing is wrong";
  const v1::Person person = Must(Get(referrer, name)).persons(1);
  EXPECT_EQ(person.outcome().kind(), v1::OUTCOME_KIND_PROVIDED);
  ASSERT_THAT(person.voided_outcomes(), SizeIs(2));
  EXPECT_EQ(person.voided_outcomes(0).outcome().kind(), v1::OUTCOME_KIND_REFUSED);
  EXPECT_EQ(person.voided_outcomes(1).outcome().kind(), v1::OUTCOME_KIND_PERSON_WITHDREW);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PROVIDED), 2);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PROVIDED, kOfReferrals), 1);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PERSON_WITHDREW), 0);
}

TEST_F(VoidOutcomeTest, RepeatedItHappensOnceAndAnOldRevisionIsRefused) {
  const std::string name = Completed(2);
  auto request = Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW);
  request.set_etag("\"1\"");
  EXPECT_EQ(Void(receiver, request), "ETAG_MISMATCH");
  request.set_etag(Must(Get(receiver, name)).etag());
  request.set_request_id("sent-only-once");
  ASSERT_EQ(Void(receiver, request), "OK");
  const auto after = rig.Dump();
  EXPECT_EQ(Void(receiver, request), "OK");
  EXPECT_TRUE(rig.Dump() == after);
}

TEST_F(VoidOutcomeTest, ByWhoGaveItWithinNinetyDaysAndBeforeItIsErased) {
  const std::string name = Completed(2);
  const auto request = Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW);
  EXPECT_THAT(Must(Get(receiver, name)).allowed_actions(), Contains("VOID_OUTCOME"));
  EXPECT_THAT(Must(Get(referrer, name)).allowed_actions(), Not(Contains("VOID_OUTCOME")));
  EXPECT_EQ(Void(referrer, request), "NOT_ALLOWED");
  EXPECT_EQ(Void(third, request), "NOT_FOUND");
  EXPECT_EQ(Void(receiver, Right(InProgress(), 1, v1::OUTCOME_KIND_ADVISED)), "INVALID_TRANSITION");
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_EQ(Void(receiver, request), "SHARE_ERASED");
  EXPECT_THAT(Must(Get(receiver, name)).allowed_actions(), Not(Contains("VOID_OUTCOME")));
  const std::string old = Completed();
  rig.clock().Advance(absl::Hours(24 * 90) + absl::Hours(1));
  Refresh();
  const std::string now =
      rig.TokenOf(kReceivingBody, {policy::Role::kSupervisor}, {}, "actors/luisxxxxxxxxxxxx");
  EXPECT_EQ(Void(now, Right(old, 1, v1::OUTCOME_KIND_ADVISED)), "VOID_TOO_LATE");
}

TEST_F(VoidOutcomeTest, TheEndStaysAndTheAnswerSaysHowItIsChanged) {
  const std::string name = Completed(2);
  auto request = Right(name, 1, v1::OUTCOME_KIND_PERSON_WITHDREW);
  const auto refused = Do(receiver, &Stub::VoidOutcome, request);
  EXPECT_EQ(ReasonOf(refused), "OUTCOME_OF_OTHER_END");
  EXPECT_THAT(std::string(base::ToStd(refused.status().message())), HasSubstr("ReopenReferral"));
  const std::string ended = EndedWithoutResult();
  EXPECT_EQ(Void(receiver, Right(ended, 1, v1::OUTCOME_KIND_PROVIDED)), "OUTCOME_OF_OTHER_END");
  ASSERT_EQ(Void(receiver, Right(ended, 1, v1::OUTCOME_KIND_PERSON_WITHDREW)), "OK")
      << "what it gave, though it opens nothing any longer";
  EXPECT_EQ(Must(Get(referrer, ended)).persons(0).outcome().kind(), v1::OUTCOME_KIND_PERSON_WITHDREW);
  EXPECT_THAT(Must(Get(receiver, ended)).persons(), IsEmpty());
}

TEST_F(VoidOutcomeTest, WhatIsAskedIsAskedWhole) {
  const std::string name = Completed(2);
  const auto wrong = [&](const v1::VoidOutcomeRequest& request) {
    return error::ViolationsOf(Do(receiver, &Stub::VoidOutcome, request).status());
  };
  const auto names = [](const char* field) { return ::testing::ElementsAre(::testing::StartsWith(field)); };
  const auto good = Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW);
  auto request = good;
  request.set_person(0);
  EXPECT_THAT(wrong(request), names("person: "));
  request.set_person(3);
  EXPECT_THAT(wrong(request), names("person: "));
  request = good;
  request.clear_reason();
  EXPECT_THAT(wrong(request), names("reason: "));
  request = good;
  request.mutable_outcome()->set_date("yesterday");
  EXPECT_THAT(wrong(request), names("outcome.date: "));
  request = good;
  request.mutable_outcome()->set_kind(v1::OUTCOME_KIND_NO_PLACE);
  EXPECT_THAT(wrong(request), names("outcome.remedy: "));
  request = good;
  request.set_reason(v1::VOID_REASON_OTHER);
  EXPECT_THAT(wrong(request), names("text: "));
}

TEST_F(VoidOutcomeTest, AReasonInWordsIsAnOwnNote) {
  const std::string name = Completed(2);
  auto request = Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW);
  request.set_reason(v1::VOID_REASON_OTHER);
  request.set_text(std::string(kWhy));
  ASSERT_EQ(Void(receiver, request), "OK");
  const auto note = Notes(name).back();
  EXPECT_EQ(note.event(), "VOID_OUTCOME");
  EXPECT_EQ(note.visibility(), v1::NOTE_VISIBILITY_OWN_SIDE);
  EXPECT_EQ(note.body(), kReceivingBody);
  for (const auto& [key, value] : rig.Dump()) EXPECT_THAT(value, Not(HasSubstr(std::string(kWhy))));
}

TEST_F(VoidOutcomeTest, AFollowUpIsThatOfTheRightOne) {
  auto complete = Complete(InProgress(2), 2);
  complete.mutable_outcomes(1)->mutable_outcome()->set_follow_up_date("2026-08-01");
  const std::string name = Must(Do(receiver, &Stub::CompleteReferral, complete)).name();
  ASSERT_EQ(Must(Get(receiver, name)).due().clock(), v1::CLOCK_FOLLOW_UP);
  const auto after = Must(Do(receiver, &Stub::VoidOutcome, Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW)));
  EXPECT_FALSE(after.has_due());
}

TEST_F(VoidOutcomeTest, OfAProtectedOneByItsReadersAloneAndItCountsForNothing) {
  auto submit = NewReferral();
  submit.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  submit.mutable_referral()->mutable_protection()->add_receiving_readers("actors/raulxxxxxxxxxxxx");
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, submit)).name();
  Must(Do(receiving_caseworker, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Do(receiving_caseworker, &Stub::CompleteReferral, Complete(name)));
  const auto request = Right(name, 1, v1::OUTCOME_KIND_ADVISED);
  EXPECT_EQ(Void(receiver, request), "NOT_FOUND") << "a supervisor who is no reader";
  EXPECT_EQ(Void(receiving_caseworker, request), "OK");
  const v1::Person person = Must(Get(referring_caseworker, name)).persons(0);
  EXPECT_EQ(person.outcome().kind(), v1::OUTCOME_KIND_ADVISED);
  EXPECT_THAT(person.voided_outcomes(), SizeIs(1));
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_ADVISED), 0);
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PROVIDED), 0);
}

TEST_F(VoidOutcomeTest, TheSuccessorOfWhoGaveItMayAndNoFiguresChange) {
  auto complete = Complete(InProgress(2), 2);
  // What is still owed goes over.
  complete.mutable_outcomes(0)->mutable_outcome()->set_follow_up_date("2026-08-01");
  const std::string name = Must(Do(receiver, &Stub::CompleteReferral, complete)).name();
  ASSERT_EQ(Void(receiver, Right(name, 2, v1::OUTCOME_KIND_PERSON_WITHDREW)), "OK");
  Succeed(Merged(kReceivingBody, kThirdBody, Today()));
  ASSERT_EQ(Record(name).receiving().body(), kThirdBody);
  EXPECT_EQ(Void(receiver, Right(name, 2, v1::OUTCOME_KIND_UNREACHABLE)), "NOT_FOUND");
  const auto after = Must(Do(third, &Stub::VoidOutcome, Right(name, 2, v1::OUTCOME_KIND_MOVED_AWAY)));
  ASSERT_THAT(after.persons(1).voided_outcomes(), SizeIs(2));
  EXPECT_EQ(after.persons(1).voided_outcomes(0).voided().actor(), "") << "of people of the one before";
  EXPECT_NE(after.persons(1).voided_outcomes(1).voided().actor(), "");
  EXPECT_EQ(Counted(v1::OUTCOME_KIND_PERSON_WITHDREW), 1) << "in the figures of the body that it was then";
  EXPECT_THAT(History(name).back().counted(), IsEmpty());
}

TEST_F(VoidOutcomeTest, APartStaysDoneAndWhatItIsAPartOfWaitsForNothing) {
  const std::string parent = InProgress();
  const std::string part = Part(receiver, parent);
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(part)));
  Must(Do(third, &Stub::CompleteReferral, Complete(part)));
  const auto before = Record(parent).SerializeAsString();
  ASSERT_EQ(Void(third, Right(part, 1, v1::OUTCOME_KIND_ADVISED)), "OK");
  EXPECT_EQ(Record(parent).SerializeAsString(), before);
  EXPECT_EQ(Record(part).part_of(), parent);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(parent))), "OK");
}

TEST_F(VoidOutcomeTest, AStepOfAPathStaysDone) {
  const std::string first = Completed();
  v1::CreatePathRequest create;
  create.set_referral(first);
  create.set_person(1);
  create.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
  create.add_steps()->set_theme(type::v1::THEME_EMPLOYMENT);
  const std::string path = Must(Do(receiver, &PathStub::CreatePath, create)).name();
  auto step = On<v1::TakeStepRequest>(path);
  step.set_step(1);
  step.mutable_receiving()->set_body(std::string(kThirdBody));
  step.set_territory("ES300/28065");
  step.set_priority(v1::PRIORITY_NORMAL);
  *step.mutable_disclosure() = CompleteDisclosure();
  const std::string taken = Must(Do(receiver, &PathStub::TakeStep, step)).referral().name();
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(taken)));
  Must(Do(third, &Stub::CompleteReferral, Complete(taken)));
  const auto seen = [&] { return Must(Do(receiver, &PathStub::GetPath, On<v1::GetPathRequest>(path))); };
  const auto before = seen().steps(0).state();
  ASSERT_EQ(Void(third, Right(taken, 1, v1::OUTCOME_KIND_ADVISED)), "OK");
  EXPECT_EQ(seen().steps(0).state(), before);
  ASSERT_EQ(Void(receiver, Right(first, 1, v1::OUTCOME_KIND_ADVISED)), "OK") << "what it began from, too";
  EXPECT_EQ(seen().steps(0).state(), before);
}

TEST_F(VoidOutcomeTest, WhatWasWrongGoesWithThePersonsData) {
  const std::string name = Completed();
  ASSERT_EQ(Void(receiver, Right(name, 1, v1::OUTCOME_KIND_ADVISED)), "OK");
  Must(Do(referrer, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_THAT(Record(name).persons(), IsEmpty());
}

}  // namespace
}  // namespace waypost::referral
