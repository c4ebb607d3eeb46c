// A referral whose two sides have become one body: what either of them had to keep is kept, and nothing that
// ends is left for nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/referral_rig.h"
#include "services/referral/retention_keeper.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig and the referrals of this room
using policy::Role;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr int kFiveYears = 1826;
constexpr std::string_view kOfferName = "offers/madrid-asl";

class InternalReferralTest : public ::testing::Test, protected ReferralRig {
 protected:
  InternalReferralTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    clocks_.retention.by_code["es/short"] = {.days = 10};
    change_ = std::make_unique<ReferralChange>(sealing, replica, clocks_);
    keeper_ = std::make_unique<RetentionKeeper>(rig.env(), *change_, RetentionOptions());
  }

  void Pass(int days) {
    rig.clock().Advance(days * kDay);
    Refresh();
  }
  // The referring body goes up in the receiving one, today.
  void Merge() { Succeed(Merged(kReferringBody, kReceivingBody, Today())); }
  // How many shares the job has erased.
  int Run() {
    int erased = 0;
    while (true) {
      const RetentionStep step = Must(keeper_->Step());
      EXPECT_EQ(step.refused, 0);
      erased += step.erased;
      if (!step.more) return erased;
    }
  }
  std::string Erased(const std::string& name) {
    return ReasonOf(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  }
  std::string Hold(const std::string& token, const std::string& name) {
    auto hold = On<v1::PlaceLegalHoldRequest>(name);
    hold.set_law("es/ley-1-2000/art-328");
    return ReasonOf(Do(token, &Stub::PlaceLegalHold, hold));
  }
  std::vector<std::string> Box(const std::string& token, v1::Box box) {
    v1::ListReferralsRequest request;
    request.set_box(box);
    for (int state = kDraft; state <= kLapsed; ++state) request.add_states(static_cast<State>(state));
    std::vector<std::string> names;
    const auto page = Must(Do(token, &Stub::ListReferrals, request));
    for (const auto& row : page.referrals()) names.push_back(row.name());
    return names;
  }

  ClockTable clocks_;
  std::unique_ptr<ReferralChange> change_;
  std::unique_ptr<RetentionKeeper> keeper_;
};

TEST_F(InternalReferralTest, AHoldOfEitherSideKeepsTheShareFromWhateverWouldEraseIt) {
  const std::vector<std::string> names = {Completed(), Completed()};
  ASSERT_EQ(Hold(referrer, names[0]), "OK");
  ASSERT_EQ(Hold(receiver, names[1]), "OK");
  Merge();
  for (const std::string& name : names) EXPECT_EQ(Erased(name), "LEGAL_HOLD");
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 0);
  for (const std::string& name : names) {
    EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1));
    Must(Do(receiver, &Stub::ReleaseLegalHold, On<v1::ReleaseLegalHoldRequest>(name)));
    EXPECT_EQ(Run(), 1) << "one body, one share";
    EXPECT_THAT(Sections(name), IsEmpty());
    EXPECT_THAT(Wraps(name), IsEmpty());
  }
}

TEST_F(InternalReferralTest, WhoWaitsForACopyIsAnsweredOnceAndFindsItThere) {
  const std::string before = Completed();
  const std::string asked =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(before, v1::RIGHT_KIND_ACCESS))).name();
  Must(Do(referrer, &Stub::AnswerRightsRequest, Receipt(asked, before, v1::RIGHT_ANSWER_PROVIDED)));
  const std::string after = Completed();
  Merge();
  auto ask = Right(after, v1::RIGHT_KIND_ACCESS);
  const auto recorded = Must(Do(receiver, &Stub::RecordRightsRequest, ask));
  EXPECT_EQ(recorded.holder_count(), 1);
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 0);
  for (const auto& [right, name] : {std::pair(asked, before), std::pair(recorded.name(), after)}) {
    EXPECT_EQ(Erased(name), "HELD_BY_RIGHT");
    EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1));
    const auto answered =
        Must(Do(receiver, &Stub::AnswerRightsRequest, Receipt(right, name, v1::RIGHT_ANSWER_PROVIDED)));
    EXPECT_EQ(answered.answered_count(), answered.holder_count());
  }
  v1::ListRightsRequestsRequest owed;
  EXPECT_THAT(Must(Do(receiver, &Stub::ListRightsRequests, owed)).tasks(), IsEmpty());
  EXPECT_EQ(Run(), 2);
}

TEST_F(InternalReferralTest, ALawThatOneSideNamedKeepsIt) {
  const std::string name = Completed();
  const std::string right =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION))).name();
  auto retained = Receipt(right, name, v1::RIGHT_ANSWER_RETAINED);
  retained.set_retained_until("2040-12-31");
  Must(Do(receiver, &Stub::AnswerRightsRequest, retained));
  Must(Do(referrer, &Stub::AnswerRightsRequest, Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  Merge();
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1));
  const auto shown = Must(Do(receiver, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(right)));
  ASSERT_EQ(shown.holders_size(), 1);
  EXPECT_EQ(shown.holders(0).answer(), v1::RIGHT_ANSWER_RETAINED);
  EXPECT_EQ(shown.holders(0).retained_until(), "2040-12-31");
  // And it is its to open.
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::DiscloseReferral, Disclose(name, {v1::SECTION_KIND_DETAILS}))),
            "OK");
}

TEST_F(InternalReferralTest, OnePersonsRuleThatRunsOutTakesThatPersonFromBothSidesAtOnce) {
  auto request = NewReferral(2);
  request.mutable_referral()->mutable_persons(1)->mutable_disclosure()->set_retention_rule("es/short");
  const std::string name = Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Do(receiver, &Stub::CompleteReferral, Complete(name, 2)));
  Merge();
  Pass(11);
  EXPECT_EQ(Run(), 1);
  EXPECT_EQ(Record(name).persons_size(), 1);
  for (const auto& section : Sections(name)) EXPECT_EQ(section.person(), 1U);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1));
}

TEST_F(InternalReferralTest, WhoStillAttendsIsKept) {
  SetGroups(kOfferName, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 9}});
  const std::string name = Requested();
  auto accept = On<v1::AcceptReferralRequest>(name);
  accept.set_offer(std::string(kOfferName));
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("alpha");
  const std::string enrolment = Must(Do(receiver, &Stub::AcceptReferral, accept)).places(0).enrolment();
  auto start = On<v1::StartEnrolmentRequest>(enrolment);
  start.add_outcomes()->set_person(1);
  *start.mutable_outcomes(0)->mutable_outcome() = PositiveOutcome();
  start.mutable_outcomes(0)->mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
  Must(Do(receiver, &EnrolmentStub::StartEnrolment, start));
  Merge();
  Pass(kFiveYears + 1);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(OpenableBy(name, kReceivingBody), SizeIs(1));
  auto leave = On<v1::LeaveEnrolmentRequest>(enrolment);
  leave.set_reason(v1::LEAVE_REASON_GOAL_REACHED);
  leave.set_destination(v1::LEAVE_DESTINATION_UNKNOWN);
  Must(Do(receiver, &EnrolmentStub::LeaveEnrolment, leave));
  Pass(31);
  EXPECT_EQ(Run(), 0) << "the days count from when they left";
  Pass(kFiveYears);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(Sections(name), IsEmpty());
  EXPECT_THAT(Must(rows::EnrolmentsOf(**rig.store().Snapshot(), name)), IsEmpty());
}

TEST_F(InternalReferralTest, AnErasureForTheOnlyPersonEndsWorkWithinTheBody) {
  const std::string name = InProgress();
  Merge();
  const std::string right =
      Must(Do(receiver, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_OBJECTION))).name();
  Must(Do(receiver, &Stub::AnswerRightsRequest, Receipt(right, name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  EXPECT_EQ(Record(name).state(), kCancelled);
  EXPECT_THAT(Wraps(name), IsEmpty());
}

// --- Protected

TEST_F(InternalReferralTest, ReadersOfTheOneBodyHaveAProtectedReferralFromBothSides) {
  v1::SubmitReferralRequest request = NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  request.mutable_referral()->mutable_protection()->add_receiving_readers("actors/raulxxxxxxxxxxxx");
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  Merge();
  EXPECT_THAT(Box(receiving_caseworker, v1::BOX_OUTBOX), ElementsAre(name));
  EXPECT_THAT(Box(receiving_caseworker, v1::BOX_INBOX), ElementsAre(name));
  auto cancel = On<v1::CancelReferralRequest>(name);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  EXPECT_EQ(ReasonOf(Do(receiving_caseworker, &Stub::CancelReferral, cancel)), "OK") << "as who referred it";
}

TEST_F(InternalReferralTest, AProtectedOneThatHasEndedHasOfficersWhoNameReaders) {
  v1::SubmitReferralRequest request = NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  const std::string name = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  auto cancel = On<v1::CancelReferralRequest>(name);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referring_caseworker, &Stub::CancelReferral, cancel));
  Merge();
  EXPECT_THAT(Box(receiving_safeguarding, v1::BOX_OUTBOX), ElementsAre(name));
  EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::ClaimReferral, On<v1::ClaimReferralRequest>(name))),
            "OK");
  EXPECT_EQ(Erased(name), "NOT_FOUND");
  EXPECT_EQ(ReasonOf(Do(receiving_safeguarding, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name))),
            "OK");
}

}  // namespace
}  // namespace waypost::referral
