#include "services/referral/succession_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/referral_retention.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_testing.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): records, commands and people of tests
using command::BodyMove;
using ::testing::ElementsAre;

constexpr std::string_view kNew = "bodies/es-mancomunidad";
constexpr std::string_view kNewUnit = "bodies/es-mancomunidad/units/language";

BodyMove Move(std::string_view from, std::string_view to = kNew) {
  return {.from = std::string(from), .to = std::string(to)};
}

ReferralRecord After(const ReferralRecord& record, std::vector<BodyMove> moves) {
  const auto decision = DecideAsSystem(record, command::Succeed{std::move(moves)}, Now() + absl::Hours(1));
  EXPECT_TRUE(decision.ok()) << decision.status();
  return decision.ok() ? decision->next : record;
}

ReferralRecord RecordAt(State state) {
  return RecordReadyFor(state, Event::kSucceed, Actor::kSystem);
}

// Every state but none at all.
std::vector<State> AllStates() {
  std::vector<State> states;
  for (int i = 1; i < kStateCount; ++i) states.push_back(static_cast<State>(i));
  return states;
}

TEST(SuccessionRulesTest, InEveryStateTheSideGoesAndTheStateStays) {
  for (const State state : AllStates()) {
    for (const std::string_view body : {kReferringBody, kReceivingBody}) {
      const ReferralRecord before = RecordAt(state);
      const ReferralRecord after = After(before, {Move(body)});
      EXPECT_EQ(after.state(), state);
      EXPECT_EQ(after.revision(), before.revision() + 1);
      const bool referring = body == kReferringBody;
      EXPECT_EQ(after.referring().body(), referring ? kNew : kReferringBody) << StateName(state);
      EXPECT_EQ(after.receiving().body(), referring ? kReceivingBody : kNew) << StateName(state);
      const v1::Side& moved = referring ? after.referring() : after.receiving();
      EXPECT_EQ(moved.unit(), "") << "no unit was named for its own";
      EXPECT_EQ(moved.assignee(), "");
      const bool held = before.case_holding_body() == body;
      EXPECT_EQ(after.case_holding_body(), held ? kNew : before.case_holding_body()) << StateName(state);
      EXPECT_EQ(after.due().SerializeAsString(), before.due().SerializeAsString()) << "clocks run on";
      EXPECT_EQ(after.wake(), before.wake());
      for (const std::string& left : BodiesOf(after)) EXPECT_NE(left, body) << StateName(state);
    }
  }
}

TEST(SuccessionRulesTest, WorkInAUnitGoesToTheUnitThatIsNamed) {
  BodyMove move = Move(kReceivingBody);
  move.units.emplace(kReceivingUnit, kNewUnit);
  ReferralRecord record = RecordAt(kAccepted);
  record.mutable_receiving()->set_unit(std::string(kReceivingUnit));
  EXPECT_EQ(After(record, {move}).receiving().unit(), kNewUnit);
}

TEST(SuccessionRulesTest, WhatIsOfNobodyElseStays) {
  const ReferralRecord before = RecordAt(kAccepted);
  const ReferralRecord after = After(before, {Move(kFourthBody)});
  EXPECT_EQ(after.referring().SerializeAsString(), before.referring().SerializeAsString());
  EXPECT_EQ(after.receiving().SerializeAsString(), before.receiving().SerializeAsString());
}

TEST(SuccessionRulesTest, WhoCoordinatesWhoIsProposedAndWhereItBeganGoToo) {
  ReferralRecord record = RecordAt(kRequested);
  record.set_coordinating_body(std::string(kCoordinatingBody));
  record.set_origin_body(std::string(kFourthBody));
  record.mutable_forward_proposal()->set_body(std::string(kThirdBody));
  record.mutable_forward_proposal()->set_unit(std::string(kThirdUnit));
  EXPECT_EQ(After(record, {Move(kCoordinatingBody)}).coordinating_body(), kNew);
  EXPECT_EQ(After(record, {Move(kFourthBody)}).origin_body(), kNew);
  EXPECT_EQ(After(record, {Move(kThirdBody)}).forward_proposal().body(), kNew);
  EXPECT_EQ(After(record, {Move(kThirdBody)}).forward_proposal().unit(), "");
}

TEST(SuccessionRulesTest, AMisdirectedReferralDoesNotGoToTheSuccessorOfWhomItNeverWasFor) {
  ReferralRecord record = RecordAt(kCancelled);
  record.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT);
  record.clear_coordinating_body();
  EXPECT_THAT(BodiesOf(record), ::testing::Not(::testing::Contains(std::string(kReceivingBody))));
  EXPECT_EQ(After(record, {Move(kReceivingBody)}).receiving().body(), kReceivingBody);
}

TEST(SuccessionRulesTest, BothSidesBecomeOne) {
  ReferralRecord record = RecordAt(kRequested);
  record.set_coordinating_body(std::string(kCoordinatingBody));
  auto& first = *record.add_legal_holds();
  first.set_party(v1::PARTY_REFERRING);
  first.mutable_hold()->set_until("2027-01-01");
  auto& second = *record.add_legal_holds();
  second.set_party(v1::PARTY_RECEIVING);
  second.mutable_hold()->set_until("2029-01-01");
  auto& mark = *record.add_right_marks();
  mark.set_referring_asked(true);
  mark.set_receiving_asked(true);
  mark.set_referring_answer(v1::RIGHT_ANSWER_STOPPED_ERASED);
  const ReferralRecord after = After(record, {Move(kReceivingBody, kReferringBody)});
  ASSERT_TRUE(IsInternal(after));
  EXPECT_EQ(after.coordinating_body(), "") << "its own supervisors watch over it";
  ASSERT_EQ(after.legal_holds_size(), 1);
  EXPECT_EQ(after.legal_holds(0).hold().until(), "2029-01-01");
  EXPECT_EQ(after.legal_holds(0).party(), v1::PARTY_REFERRING);
  EXPECT_FALSE(after.right_marks(0).receiving_asked());
  EXPECT_EQ(after.right_marks(0).referring_answer(), v1::RIGHT_ANSWER_UNSPECIFIED)
      << "what one of the two has not answered is not answered";
  // The same people accept what they asked for, and escalation is theirs.
  const policy::Authorized both = As(Referrer(), {policy::Relation::kReferring, policy::Relation::kReceiving,
                                                  policy::Relation::kCoordinating});
  const auto accepted = Decide(after, command::Accept{}, both, Now() + absl::Hours(2));
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(accepted->next.state(), kAccepted);
  EXPECT_EQ(accepted->next.case_holding_body(), kReferringBody);
}

TEST(SuccessionRulesTest, OneBodyErasesBothShares) {
  const ReferralRecord internal = After(RecordAt(kCompleted), {Move(kReceivingBody, kReferringBody)});
  const policy::Authorized both =
      As(Referrer(), {policy::Relation::kReferring, policy::Relation::kReceiving});
  const auto erased = Decide(internal, command::Erase{}, both, Now() + absl::Hours(2));
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_TRUE(erased->next.has_referring_erase_time());
  EXPECT_TRUE(erased->next.has_receiving_erase_time());
  EXPECT_TRUE(erased->effects.Has(Effect::kDropSections));
}

policy::Authorized BothSides() {
  return As(Referrer(), {policy::Relation::kReferring, policy::Relation::kReceiving});
}

// Of the sides of `record`, the referring one stands in the place of both.
ReferralRecord Merge(const ReferralRecord& record) {
  return After(record, {Move(kReceivingBody, kReferringBody)});
}

TEST(SuccessionRulesTest, WhatEitherSideMustKeepTheOneBodyKeeps) {
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    ReferralRecord held = RecordAt(kCompleted);
    held.add_legal_holds()->set_party(party);
    held = Merge(held);
    EXPECT_EQ(error::ReasonOf(Decide(held, command::Erase{}, BothSides(), Now() + absl::Hours(2)).status()),
              "LEGAL_HOLD");
    EXPECT_EQ(HeldBackBy(held, v1::PARTY_REFERRING, Now()), v1::HELD_BACK_REASON_LEGAL_HOLD);
    // One share, and one date of it.
    EXPECT_FALSE(KeepsShare(held, v1::PARTY_RECEIVING));
    EXPECT_EQ(held.retention_size(), 1);

    ReferralRecord asked = RecordAt(kCompleted);
    auto& access = *asked.add_right_marks();
    access.set_person(1);
    access.set_kind(v1::RIGHT_KIND_ACCESS);
    access.set_referring_asked(party == v1::PARTY_REFERRING);
    access.set_receiving_asked(party == v1::PARTY_RECEIVING);
    EXPECT_EQ(HeldBackBy(Merge(asked), v1::PARTY_REFERRING, Now()), v1::HELD_BACK_REASON_RIGHTS_REQUEST);

    ReferralRecord retained = asked;
    auto& mark = *retained.mutable_right_marks(0);
    mark.set_kind(v1::RIGHT_KIND_OBJECTION);
    if (party == v1::PARTY_REFERRING) {
      mark.set_referring_answer(v1::RIGHT_ANSWER_RETAINED);
      mark.set_referring_retained_until("2039-12-31");
    } else {
      mark.set_receiving_answer(v1::RIGHT_ANSWER_RETAINED);
      mark.set_receiving_retained_until("2039-12-31");
    }
    EXPECT_EQ(RetainedUntil(Merge(retained), 1, v1::PARTY_REFERRING), "2039-12-31");
  }
}

TEST(SuccessionRulesTest, OfTwoAnswersTheOneThatKeepsIsTheOneBodys) {
  struct Row {
    v1::RightAnswer referring;
    v1::RightAnswer receiving;
    v1::RightAnswer one;
  };
  constexpr auto kNone = v1::RIGHT_ANSWER_UNSPECIFIED;
  constexpr auto kErased = v1::RIGHT_ANSWER_STOPPED_ERASED;
  constexpr auto kRestricted = v1::RIGHT_ANSWER_RESTRICTED;
  constexpr auto kRetained = v1::RIGHT_ANSWER_RETAINED;
  constexpr auto kRefused = v1::RIGHT_ANSWER_REFUSED;
  constexpr auto kProvided = v1::RIGHT_ANSWER_PROVIDED;
  for (const Row& row :
       {Row{kErased, kErased, kErased}, Row{kErased, kNone, kNone}, Row{kErased, kRestricted, kRestricted},
        Row{kErased, kRetained, kRetained}, Row{kErased, kRefused, kNone},
        Row{kRetained, kRetained, kRetained}, Row{kRestricted, kRetained, kRestricted},
        Row{kRefused, kRetained, kRetained}, Row{kRefused, kRefused, kRefused},
        Row{kProvided, kRefused, kNone}, Row{kProvided, kProvided, kProvided}, Row{kRefused, kNone, kNone}}) {
    for (const bool turned : {false, true}) {
      ReferralRecord record = RecordAt(kCompleted);
      auto& mark = *record.add_right_marks();
      mark.set_person(1);
      mark.set_kind(v1::RIGHT_KIND_OBJECTION);
      mark.set_referring_asked(true);
      mark.set_receiving_asked(true);
      mark.set_referring_answer(turned ? row.receiving : row.referring);
      mark.set_receiving_answer(turned ? row.referring : row.receiving);
      mark.set_referring_retained_until("2030-12-31");
      mark.set_receiving_retained_until("2031-12-31");
      const ReferralRecord merged = Merge(record);
      const auto& one = merged.right_marks(0);
      EXPECT_EQ(one.referring_answer(), row.one) << row.referring << " " << row.receiving;
      EXPECT_TRUE(one.referring_asked());
      EXPECT_FALSE(one.receiving_asked());
      if (row.referring == kRetained && row.receiving == kRetained) {
        EXPECT_EQ(one.referring_retained_until(), "2031-12-31");
      }
    }
  }
}

TEST(SuccessionRulesTest, WhatOneSideHasErasedAndTheOtherHasNotTheOneBodyHas) {
  for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
    ReferralRecord record = testing::After(actor, RecordAt(kCompleted), command::Erase{});
    auto& erasure = *record.add_person_erasures();
    erasure.set_person(1);
    erasure.set_party(actor == Actor::kReferring ? v1::PARTY_REFERRING : v1::PARTY_RECEIVING);
    const ReferralRecord one = Merge(record);
    EXPECT_TRUE(KeepsShare(one, v1::PARTY_REFERRING));
    ASSERT_EQ(one.retention_size(), 1) << "or nobody would ever erase it";
    EXPECT_EQ(one.retention(0).entry().persons_size(), 1);
    const auto erased = Decide(one, command::Erase{}, BothSides(), Now() + absl::Hours(2));
    ASSERT_TRUE(erased.ok()) << erased.status();
    EXPECT_TRUE(erased->effects.Has(Effect::kDropSections));
  }
}

TEST(SuccessionRulesTest, InOneBodyOnePersonsErasureIsOfBothSides) {
  ReferralRecord record = RecordAt(kCompleted);
  *record.add_persons() = CompletePerson(2);
  record.mutable_persons(1)->mutable_disclosure()->set_retention_rule("es/short");
  record = Merge(record);
  ClockTable clocks;
  clocks.retention.by_code["es/short"] = {.days = 1};
  const absl::Time later = Now() + absl::Hours(24 * 3);
  const auto decision = DecideAsSystem(record, command::EndRetention{v1::PARTY_REFERRING, EndOf(record)},
                                       Moment(later, clocks, {}));
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.person_erasures_size(), 2);
  EXPECT_THAT(decision->removed_persons, ElementsAre(2)) << "nobody can open it";
  ASSERT_EQ(decision->next.persons_size(), 1);
  EXPECT_TRUE(KeepsShare(decision->next, v1::PARTY_REFERRING));
}

TEST(SuccessionRulesTest, OneBodyIsAskedOnceAndItsErasureEndsTheCase) {
  ReferralRecord record = Merge(RecordAt(kInProgress));
  record =
      DecideAsSystem(record, command::Object{{std::string(kRightsRequest), 1}}, Now() + absl::Hours(2))->next;
  EXPECT_TRUE(record.right_marks(0).referring_asked());
  EXPECT_FALSE(record.right_marks(0).receiving_asked());
  EXPECT_TRUE(ErasureEnds(record, 1, v1::PARTY_REFERRING)) << "nobody else has the case";
}

TEST(SuccessionRulesTest, ADraftForOneselfHasNoRecipientAnyMore) {
  const ReferralRecord after = After(RecordAt(kDraft), {Move(kReceivingBody, kReferringBody)});
  EXPECT_EQ(after.receiving().body(), "");
  EXPECT_EQ(after.referring().body(), kReferringBody);
}

// --- Offers that whoever has the case now does not deliver

constexpr std::string_view kLost = "offers/madrid-asl";
constexpr std::string_view kKept = "offers/mancomunidad-asl";

ReferralRecord Waiting(State state, std::string_view waits_for, std::string_view place_in = {}) {
  ReferralRecord record = RecordAt(state);
  if (!waits_for.empty()) {
    record.mutable_waiting()->set_offer(std::string(waits_for));
    record.mutable_waiting()->set_group_id("alpha");
    record.mutable_waiting()->add_persons(1);
    *record.mutable_waiting()->mutable_since_time() = api::ToTimestamp(Now() - absl::Hours(50));
  }
  if (!place_in.empty()) {
    record.add_places()->set_person(1);
    record.mutable_places(0)->set_offer(std::string(place_in));
    record.mutable_places(0)->set_group_id("alpha");
  }
  return record;
}

ReferralRecord AfterLoss(const ReferralRecord& record) {
  const command::Succeed succeed{{Move(kReceivingBody)}, {std::string(kLost)}};
  const auto decision = DecideAsSystem(record, succeed, Now() + absl::Hours(1));
  EXPECT_TRUE(decision.ok()) << decision.status();
  return decision.ok() ? decision->next : record;
}

TEST(SuccessionRulesTest, WhoWaitsWhereTheSuccessorHasNoListWaitsOnWithoutOne) {
  const ReferralRecord before = Waiting(kWaitlisted, kLost);
  ASSERT_TRUE(WaitsIn(before).has_value());
  EXPECT_THAT(OffersIn(before), ElementsAre(kLost));
  const ReferralRecord after = AfterLoss(before);
  EXPECT_EQ(after.state(), kWaitlisted);
  EXPECT_EQ(WaitsIn(after), std::nullopt);
  EXPECT_THAT(OffersIn(after), ::testing::IsEmpty());
  EXPECT_EQ(after.waiting().since_time().seconds(), before.waiting().since_time().seconds());
  EXPECT_THAT(after.waiting().persons(), ElementsAre(1));
  EXPECT_EQ(after.due().SerializeAsString(), before.due().SerializeAsString()) << "the review is as it was";
  EXPECT_EQ(after.start_due_time().seconds(), before.start_due_time().seconds());
  // On a list of the successor it has waited as long.
  const policy::Caller nuria = CallerOf(kNew, "p-nuria");
  const policy::Authorized as = As(nuria, {policy::Relation::kReceiving});
  const command::Waitlist waitlist{Now() + absl::Hours(200), {std::string(kKept), "beta"}};
  const auto joined = Decide(after, waitlist, as, Now() + absl::Hours(2));
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(WaitsIn(joined->next), (GroupKey{std::string(kKept), "beta"}));
  EXPECT_EQ(joined->next.waiting().since_time().seconds(), before.waiting().since_time().seconds());
  EXPECT_THAT(joined->next.waiting().persons(), ElementsAre(1));
  EXPECT_EQ(joined->next.start_due_time().seconds(), before.start_due_time().seconds());
  const auto again = Decide(joined->next, waitlist, as, Now() + absl::Hours(3));
  EXPECT_EQ(error::ReasonOf(again.status()), "ALREADY_ON_LIST");
}

TEST(SuccessionRulesTest, APlaceOnOfferThatTheSuccessorDoesNotHaveIsGivenUp) {
  ReferralRecord before = Waiting(kOffered, kLost, kLost);
  before.set_place_taken(true);
  const ReferralRecord after = AfterLoss(before);
  EXPECT_EQ(after.state(), kWaitlisted);
  EXPECT_FALSE(after.place_taken());
  EXPECT_THAT(after.places(), ::testing::IsEmpty());
  EXPECT_THAT(PlacesHeld(after), ::testing::IsEmpty());
  EXPECT_EQ(WaitsIn(after), std::nullopt);
  EXPECT_EQ(after.waiting().since_time().seconds(), before.waiting().since_time().seconds());
  EXPECT_EQ(after.due().clock(), v1::CLOCK_REVIEW);
  EXPECT_EQ(after.due().party(), v1::PARTY_RECEIVING);
  EXPECT_EQ(api::FromTimestamp(after.due().time()), Now() + absl::Hours(1 + 24 * 14));
  EXPECT_NE(after.wake(), storage::v1::WAKE_NEVER);
}

TEST(SuccessionRulesTest, WhatTheSuccessorDeliversStays) {
  const ReferralRecord offered = AfterLoss(Waiting(kOffered, kLost, kKept));
  EXPECT_EQ(offered.state(), kOffered) << "its place is the successor's";
  EXPECT_EQ(offered.places_size(), 1);
  EXPECT_EQ(ComesBackTo(offered), std::nullopt);
  const ReferralRecord comes_back = AfterLoss(Waiting(kOffered, kKept, kLost));
  EXPECT_EQ(comes_back.state(), kWaitlisted);
  EXPECT_EQ(WaitsIn(comes_back), (GroupKey{std::string(kKept), "alpha"}));
  const ReferralRecord accepted = AfterLoss(Waiting(kAccepted, "", kLost));
  EXPECT_EQ(accepted.places_size(), 1) << "whoever has a place keeps it";
  EXPECT_THAT(OffersIn(Waiting(kAccepted, "", kLost)), ::testing::IsEmpty());
  EXPECT_EQ(AfterLoss(RecordAt(kOffered)).state(), kOffered) << "a place in no group";
}

TEST(SuccessionRulesTest, AForwardIsProposedWithoutAnOfferThatIsNotTheSuccessors) {
  ReferralRecord record = RecordAt(kRequested);
  record.mutable_forward_proposal()->set_body(std::string(kReceivingBody));
  record.mutable_forward_proposal()->set_offer(std::string(kLost));
  EXPECT_THAT(OffersIn(record), ElementsAre(kLost));
  EXPECT_EQ(AfterLoss(record).forward_proposal().offer(), "");
}

TEST(SuccessionRulesTest, TellsOpenWorkFromTheArchive) {
  for (const State state : AllStates()) {
    ReferralRecord record = RecordAt(state);
    record.clear_due();
    EXPECT_EQ(IsOpenWork(record), !IsEnd(state)) << StateName(state);
    record.add_places()->set_enrolment("enrolments/x");
    EXPECT_TRUE(IsOpenWork(record)) << "people were placed by it";
  }
  ReferralRecord owed = RecordAt(kCompleted);
  owed.mutable_due()->set_party(v1::PARTY_RECEIVING);
  EXPECT_TRUE(IsOpenWork(owed));
}

TEST(SuccessionRulesTest, ARightsRequestNamesTheSuccessorOfItsHolder) {
  ReferralRecord referral = RecordAt(kAccepted);
  storage::v1::RightsRequestRecord request;
  request.set_referral(referral.name());
  request.set_recorded_by(std::string(kReferringBody));
  request.set_origin_body(std::string(kReferringBody));
  for (const std::string_view body : {kReferringBody, kReceivingBody}) {
    auto& held = *request.add_holders();
    held.mutable_holder()->set_referral(referral.name());
    held.mutable_holder()->set_body(std::string(body));
    held.set_other_body(std::string(body == kReferringBody ? kReceivingBody : kReferringBody));
  }
  auto& elsewhere = *request.add_holders();
  elsewhere.mutable_holder()->set_referral("referrals/another");
  elsewhere.mutable_holder()->set_body(std::string(kReceivingBody));
  ASSERT_TRUE(MoveBodies({Move(kReceivingBody)}, referral, request));
  EXPECT_EQ(request.holders(1).holder().body(), kNew);
  EXPECT_EQ(request.holders(0).other_body(), kNew);
  EXPECT_EQ(request.holders(2).holder().body(), kReceivingBody) << "goes with its own referral";
  EXPECT_FALSE(MoveBodies({Move(kReceivingBody)}, referral, request)) << "once";
  // Then both become one: one holder, which has not answered.
  request.mutable_holders(0)->mutable_holder()->set_answer(v1::RIGHT_ANSWER_STOPPED_ERASED);
  referral.mutable_receiving()->set_body(std::string(kReferringBody));
  ASSERT_TRUE(MoveBodies({Move(kNew, kReferringBody)}, referral, request));
  ASSERT_EQ(request.holders_size(), 2);
  EXPECT_EQ(request.holders(0).holder().answer(), v1::RIGHT_ANSWER_UNSPECIFIED);
  EXPECT_EQ(request.holders(0).other_body(), "");
}

}  // namespace
}  // namespace waypost::referral
