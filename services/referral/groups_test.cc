// Places and waiting lists of groups, through gRPC: places are never oversold, lists are in the order of
// their criteria, and who may see and do what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "common/api/resource.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/enrolment_policy.h"
#include "services/referral/group_rows.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using policy::Role;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::string_view kAsl = "offers/madrid-asl";
constexpr std::string_view kAlphaList = "offers/madrid-asl/groups/alpha/waitingList";

class GroupsTest : public ::testing::Test, protected ReferralRig {
 protected:
  GroupsTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) { Declare(1); }

  // The places of "alpha"; "entry" has no limit, "fle1" two.
  void Declare(int alpha) {
    SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF,
              {{"alpha", alpha}, {"fle1", 2}, {"entry", -1}, {"autumn", 5, "2026-05-01"}});
  }
  static google::protobuf::Timestamp InDays(int days) {
    return api::ToTimestamp(Now() + absl::Hours(24 * days));
  }
  v1::WaitlistReferralRequest ToList(std::string_view name, std::string_view group = "alpha") const {
    auto request = On<v1::WaitlistReferralRequest>(name);
    *request.mutable_review_time() = InDays(30);
    request.set_offer(std::string(kAsl));
    request.set_group_id(std::string(group));
    return request;
  }
  v1::OfferPlaceRequest Offered(std::string_view name) const {
    auto request = On<v1::OfferPlaceRequest>(name);
    *request.mutable_answer_by_time() = InDays(3);
    return request;
  }
  v1::AcceptReferralRequest Into(std::string_view name, std::string_view group, int persons = 1) const {
    auto request = On<v1::AcceptReferralRequest>(name);
    request.set_offer(std::string(kAsl));
    for (int i = 1; i <= persons; ++i) {
      request.add_places()->set_person(static_cast<uint32_t>(i));
      request.mutable_places(i - 1)->set_group_id(std::string(group));
    }
    return request;
  }
  // Each a second after the one before.
  std::string Waitlisted(std::string_view group = "alpha", int persons = 1) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    const std::string name = Acknowledged(persons);
    Must(Do(receiver, &Stub::WaitlistReferral, ToList(name, group)));
    return name;
  }
  std::string WithOffer(std::string_view group = "alpha") {
    const std::string name = Waitlisted(group);
    Must(Do(receiver, &Stub::OfferPlace, Offered(name)));
    return name;
  }
  absl::StatusOr<v1::Referral> Answer(std::string_view name, v1::AnswerOfferRequest::Answer answer) {
    auto request = On<v1::AnswerOfferRequest>(name);
    request.set_answer(answer);
    return Do(referrer, &Stub::AnswerOffer, request);
  }
  v1::WaitingList List(std::string_view name = kAlphaList) {
    return Must(Do(receiver, &EnrolmentStub::GetWaitingList, On<v1::GetWaitingListRequest>(name)));
  }
  std::vector<std::string> Names(std::string_view list = kAlphaList) {
    auto request = On<v1::ListWaitingListRequest>(list);
    request.set_page_size(500);
    std::vector<std::string> names;
    const auto page = Must(Do(receiver, &EnrolmentStub::ListWaitingList, request));
    for (const auto& entry : page.entries()) {
      EXPECT_EQ(entry.position(), static_cast<int>(names.size()) + 1);
      names.push_back(entry.referral());
    }
    return names;
  }
};

// --- Places ----------------------------------------------------------------------------------------------

TEST_F(GroupsTest, AnOfferTakesThePlaceAndItsEndFreesIt) {
  const std::string first = WithOffer();
  EXPECT_EQ(List().taken(), 1);
  EXPECT_EQ(List().places(), 1);
  EXPECT_EQ(List().waiting_count(), 0) << "who is offered a place waits no more";
  const v1::Referral seen = Must(Get(referrer, first));
  ASSERT_EQ(seen.places_size(), 1);
  EXPECT_EQ(seen.places(0).group_id(), "alpha");
  EXPECT_EQ(seen.places(0).offer(), kAsl);
  const std::string second = Waitlisted();
  const auto refused = Do(receiver, &Stub::OfferPlace, Offered(second));
  EXPECT_EQ(ReasonOf(refused), "NO_PLACE_FREE");
  EXPECT_EQ(error::MetadataOf(refused.status(), "places"), "1");
  EXPECT_EQ(error::MetadataOf(refused.status(), "taken"), "1");
  EXPECT_EQ(error::MetadataOf(refused.status(), "wanted"), "1");
  EXPECT_EQ(error::MetadataOf(refused.status(), "group"), "offers/madrid-asl/groups/alpha");
  Must(Answer(first, v1::AnswerOfferRequest::ANSWER_LEAVE_LIST));
  EXPECT_EQ(List().taken(), 0);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(second))), "OK");
  // Taking it counts it once.
  Must(Answer(second, v1::AnswerOfferRequest::ANSWER_TAKE_PLACE));
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second)));
  EXPECT_EQ(List().taken(), 1);
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(second)));
  EXPECT_EQ(List().taken(), 1);
  Must(Do(receiver, &Stub::CompleteReferral, Complete(second)));
  EXPECT_EQ(List().taken(), 0) << "a one-off place is free when the case has ended";
}

TEST_F(GroupsTest, AReopenedCaseNeedsItsPlaceAgain) {
  const std::string first = Acknowledged();
  Must(Do(receiver, &Stub::AcceptReferral, Into(first, "alpha")));
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(first)));
  Must(Do(receiver, &Stub::CompleteReferral, Complete(first)));
  const std::string second = Acknowledged();
  Must(Do(receiver, &Stub::AcceptReferral, Into(second, "alpha")));
  auto reopen = On<v1::ReopenReferralRequest>(first);
  reopen.set_text("why");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ReopenReferral, reopen)), "NO_PLACE_FREE");
  Must(Do(receiver, &Stub::DeclineReferral, Decline(second)));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::ReopenReferral, reopen)), "OK");
  EXPECT_EQ(List().taken(), 1);
}

TEST_F(GroupsTest, EveryEndFreesThePlace) {
  const auto accepted = [this] {
    const std::string name = Acknowledged();
    Must(Do(receiver, &Stub::AcceptReferral, Into(name, "alpha")));
    EXPECT_EQ(List().taken(), 1);
    return name;
  };
  Must(Do(receiver, &Stub::DeclineReferral, Decline(accepted())));
  EXPECT_EQ(List().taken(), 0);
  std::string name = accepted();
  auto cancel = On<v1::CancelReferralRequest>(name);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  EXPECT_EQ(List().taken(), 1) << "asked for, not agreed";
  Must(Do(receiver, &Stub::ConfirmCancel, On<v1::ConfirmCancelRequest>(name)));
  EXPECT_EQ(List().taken(), 0);
  auto misdirected = On<v1::ReportMisdirectedRequest>(accepted());
  misdirected.set_text("why");
  Must(Do(referrer, &Stub::ReportMisdirected, misdirected));
  EXPECT_EQ(List().taken(), 0);
  name = accepted();
  const std::string linked =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(name, kThirdBody)))
          .forwarded_to();
  EXPECT_EQ(List().taken(), 1);
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(linked)));
  EXPECT_EQ(List().taken(), 0) << "the system frees it when the other body has taken over";
}

TEST_F(GroupsTest, LoweredPlacesTakeNothingAwayAndLetNobodyIn) {
  Declare(2);
  const std::string first = WithOffer();
  const std::string second = WithOffer();
  Declare(1);
  EXPECT_EQ(List().taken(), 2);
  const std::string waiting = Waitlisted();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(waiting))), "NO_PLACE_FREE");
  // Who was offered a place gets it.
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(first))), "OK");
  Must(Answer(second, v1::AnswerOfferRequest::ANSWER_LEAVE_LIST));
  EXPECT_EQ(List().taken(), 1);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(waiting))), "NO_PLACE_FREE");
  Declare(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(waiting))), "OK");
}

TEST_F(GroupsTest, NoPlacesDeclaredIsNoLimitAndNoneIsNone) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, Into(Acknowledged(), "entry"))), "OK");
  }
  const v1::WaitingList entry = List("offers/madrid-asl/groups/entry/waitingList");
  EXPECT_EQ(entry.taken(), 5);
  EXPECT_FALSE(entry.has_places());
  Declare(0);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, Into(Acknowledged(), "alpha"))), "NO_PLACE_FREE");
}

TEST_F(GroupsTest, PeopleOfOneReferralMayGoToDifferentGroupsAndAreCountedEach) {
  const std::string name = Acknowledged(3);
  auto accept = Into(name, "fle1", 3);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, accept)), "NO_PLACE_FREE") << "three in two places";
  accept.mutable_places(0)->set_group_id("alpha");
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, accept)), "OK");
  EXPECT_EQ(List().taken(), 1);
  EXPECT_EQ(List("offers/madrid-asl/groups/fle1/waitingList").taken(), 2);
}

TEST_F(GroupsTest, AnotherGroupThanTheOneOfferedMovesThePlace) {
  const std::string name = WithOffer();
  Must(Do(receiver, &Stub::AcceptReferral, Into(name, "fle1")));
  EXPECT_EQ(List().taken(), 0);
  EXPECT_EQ(List("offers/madrid-asl/groups/fle1/waitingList").taken(), 1);
}

TEST_F(GroupsTest, TwoOffersRaceForTheLastPlaceAndOneWins) {
  for (int round = 0; round < 25; ++round) {
    const std::string first = Waitlisted();
    const std::string second = Waitlisted();
    std::barrier together(2);
    std::map<std::string, std::string> answers = {{first, ""}, {second, ""}};
    const auto offer = [&](const std::string& name) {
      auto request = Offered(name);
      request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
      together.arrive_and_wait();
      answers[name] = ReasonOf(Do(receiver, &Stub::OfferPlace, request));
    };
    std::thread other([&] { offer(second); });
    offer(first);
    other.join();
    std::vector<std::string> reasons = {answers[first], answers[second]};
    std::sort(reasons.begin(), reasons.end());
    ASSERT_THAT(reasons, ElementsAre("NO_PLACE_FREE", "OK")) << round;
    EXPECT_EQ(List().taken(), 1);
    for (const std::string& name : {first, second}) {
      auto cancel = On<v1::CancelReferralRequest>(name);
      cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
      Must(Do(referrer, &Stub::CancelReferral, cancel));
    }
    ASSERT_EQ(List().taken(), 0);
  }
}

TEST_F(GroupsTest, AnOldReplicaRefusesNobodyForWantOfPlaces) {
  const std::string first = WithOffer();
  const std::string second = Waitlisted();
  rig.clock().Advance(kMaxReplicaAge + absl::Seconds(1));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(second))), "UNAVAILABLE");
  Refresh();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(second))), "NO_PLACE_FREE");
}

// --- Without a group -------------------------------------------------------------------------------------

// Referrals that ask for an offer with one group, with several, or with none.
class GrouplessTest : public GroupsTest {
 protected:
  static constexpr std::string_view kDwelling = "offers/madrid-flat";
  static constexpr std::string_view kAdvice = "offers/madrid-advice";

  GrouplessTest() {
    SetGroups(kDwelling, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"flat", 1}});
    SetGroups(kAdvice, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {});
  }
  std::string Asking(std::string_view offer, int persons = 1) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    auto request = NewReferral(persons);
    request.mutable_referral()->set_offer(std::string(offer));
    return Must(Do(referrer, &Stub::SubmitReferral, request)).name();
  }
  v1::WaitlistReferralRequest Unplaced(std::string_view name) const {
    auto request = On<v1::WaitlistReferralRequest>(name);
    *request.mutable_review_time() = InDays(30);
    return request;
  }
  v1::WaitingList Flat() { return List("offers/madrid-flat/groups/flat/waitingList"); }
};

TEST_F(GrouplessTest, TheOneGroupOfAnOfferIsFilledInAndItsPlaceIsGivenOnce) {
  const std::string first = Asking(kDwelling);
  const std::string second = Asking(kDwelling);
  const std::string third_one = Asking(kDwelling);
  for (const std::string& name : {first, second}) {
    const v1::Referral listed = Must(Do(receiver, &Stub::WaitlistReferral, Unplaced(name)));
    EXPECT_EQ(listed.waiting().offer(), kDwelling);
    EXPECT_EQ(listed.waiting().group_id(), "flat");
  }
  EXPECT_EQ(Flat().waiting_count(), 2);
  EXPECT_EQ(Flat().next_referral(), first);
  EXPECT_EQ(Flat().free(), 1);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(third_one))),
            "OUT_OF_ORDER");
  Must(Do(receiver, &Stub::OfferPlace, Offered(first)));
  EXPECT_EQ(Flat().taken(), 1);
  EXPECT_EQ(Flat().free(), 0);
  EXPECT_EQ(Flat().next_referral(), second);
  // The same dwelling is offered and given to nobody else.
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(second))), "NO_PLACE_FREE");
  auto accept = On<v1::AcceptReferralRequest>(third_one);
  accept.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, accept)), "NO_PLACE_FREE");
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(first)));
  EXPECT_EQ(Flat().taken(), 1);
  Must(Do(receiver, &Stub::DeclineReferral, Decline(first)));
  EXPECT_EQ(Flat().free(), 1);
  EXPECT_EQ(Flat().next_referral(), second);
}

TEST_F(GrouplessTest, AcceptedAtOnceEachPersonTakesAPlace) {
  SetGroups(kDwelling, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"flat", 3}});
  const std::string family = Asking(kDwelling, 2);
  const v1::Referral accepted =
      Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(family)));
  ASSERT_EQ(accepted.places_size(), 2);
  EXPECT_EQ(accepted.places(1).group_id(), "flat");
  EXPECT_NE(accepted.places(1).enrolment(), "");
  EXPECT_EQ(Flat().taken(), 2);
  EXPECT_EQ(
      ReasonOf(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(Asking(kDwelling, 2)))),
      "NO_PLACE_FREE");
}

TEST_F(GrouplessTest, OfSeveralGroupsOneIsToBeNamed) {
  const auto refused = [](const auto& answer) {
    EXPECT_EQ(ReasonOf(answer), "GROUP_REQUIRED");
    EXPECT_EQ(error::MetadataOf(answer.status(), "groups"), "alpha, fle1, entry, autumn");
    EXPECT_EQ(error::MetadataOf(answer.status(), "offer"), kAsl);
  };
  const std::string name = Asking(kAsl);
  refused(Do(receiver, &Stub::WaitlistReferral, Unplaced(name)));
  refused(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  auto named = Unplaced(Acknowledged());
  named.set_offer(std::string(kAsl));
  refused(Do(receiver, &Stub::WaitlistReferral, named));
  // Waiting in one group it is offered a place there, or where the request says.
  Must(Do(receiver, &Stub::WaitlistReferral, ToList(name, "fle1")));
  auto offer = Offered(name);
  offer.set_offer(std::string(kDwelling));
  EXPECT_EQ(Must(Do(receiver, &Stub::OfferPlace, offer)).places(0).group_id(), "flat");
  EXPECT_EQ(Flat().taken(), 1);
}

TEST_F(GrouplessTest, AListThatWasJoinedBeforeTheOfferHadGroupsIsJoinedAgain) {
  const std::string name = Asking(kAdvice);
  EXPECT_FALSE(Must(Do(receiver, &Stub::WaitlistReferral, Unplaced(name))).has_waiting());
  SetGroups(kAdvice, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"monday", 1}, {"friday", 1}});
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, Offered(name))), "GROUP_REQUIRED");
  auto join = Unplaced(name);
  join.set_group_id("friday");
  EXPECT_EQ(Must(Do(receiver, &Stub::WaitlistReferral, join)).waiting().position(), 1);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::WaitlistReferral, join)), "ALREADY_ON_LIST");
  EXPECT_THAT(Must(Get(receiver, name)).allowed_actions(), ::testing::Not(Contains("WAITLIST")));
}

TEST_F(GrouplessTest, WhereNoOfferCountsPlacesNoneIsCounted) {
  const std::string advice = Asking(kAdvice);
  Must(Do(receiver, &Stub::WaitlistReferral, Unplaced(advice)));
  Must(Do(receiver, &Stub::OfferPlace, Offered(advice)));
  EXPECT_EQ(Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(advice))).places_size(),
            0);
  const std::string none = Acknowledged();
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(none)));
  EXPECT_EQ(Record(none).places_size(), 0);
  // A group is to be named with an offer and with persons.
  auto of_none = Unplaced(Acknowledged());
  of_none.add_persons(1);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::WaitlistReferral, of_none)), "INVALID_FIELD");
  auto with_offer = On<v1::AcceptReferralRequest>(Acknowledged());
  with_offer.set_offer(std::string(kAdvice));
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, with_offer)), "INVALID_FIELD");
}

TEST_F(GrouplessTest, AProtectedReferralTakesNoCountedPlace) {
  auto request = NewReferral();
  request.mutable_referral()->set_offer(std::string(kDwelling));
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  request.mutable_referral()->mutable_protection()->add_receiving_readers("actors/luisxxxxxxxxxxxx");
  const auto sent = Do(referrer, &Stub::SubmitReferral, request);
  ASSERT_TRUE(sent.ok()) << sent.status();
  Must(Do(receiver, &Stub::WaitlistReferral, Unplaced(sent->name())));
  Must(Do(receiver, &Stub::OfferPlace, Offered(sent->name())));
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(sent->name())));
  EXPECT_EQ(Flat().taken(), 0);
}

// --- Waiting lists ---------------------------------------------------------------------------------------

TEST_F(GroupsTest, TheNextIsTheFirstThatTheCallerMayRead) {
  v1::SubmitReferralRequest elsewhere = NewReferral();
  elsewhere.mutable_referral()->mutable_receiving()->set_unit(std::string(kOtherReceivingUnit));
  const std::string theirs = Must(Do(referrer, &Stub::SubmitReferral, elsewhere)).name();
  Must(Do(receiver, &Stub::WaitlistReferral, ToList(theirs)));
  const auto seen_by = [this](const std::string& token) {
    return Must(Do(token, &EnrolmentStub::GetWaitingList, On<v1::GetWaitingListRequest>(kAlphaList)));
  };
  EXPECT_EQ(seen_by(receiving_caseworker).next_referral(), "");
  const std::string mine = Waitlisted();
  EXPECT_EQ(seen_by(receiving_caseworker).next_referral(), mine);
  EXPECT_EQ(seen_by(receiver).next_referral(), theirs);
  EXPECT_EQ(seen_by(receiver).free(), 1);
  EXPECT_EQ(seen_by(referrer).next_referral(), "") << "for the provider's staff";
  EXPECT_FALSE(seen_by(referrer).has_free());
  EXPECT_FALSE(List("offers/madrid-asl/groups/entry/waitingList").has_free()) << "there is no limit";
}

TEST_F(GroupsTest, ThePositionIsShownToBothSides) {
  const std::string first = Waitlisted();
  const std::string second = Waitlisted();
  for (const std::string& token : {referrer, receiver}) {
    const v1::Referral seen = Must(Get(token, second));
    EXPECT_EQ(seen.waiting().position(), 2);
    EXPECT_EQ(seen.waiting().waiting_count(), 2);
    EXPECT_EQ(seen.waiting().group_id(), "alpha");
    EXPECT_EQ(seen.waiting().offer(), kAsl);
    EXPECT_THAT(seen.waiting().persons(), ElementsAre(1));
  }
  EXPECT_FALSE(Must(Get(coordinator, second)).has_waiting());
  Must(Do(receiver, &Stub::OfferPlace, Offered(first)));
  EXPECT_EQ(Must(Get(referrer, second)).waiting().position(), 1);
  EXPECT_EQ(Must(Get(referrer, first)).waiting().position(), 0) << "a place is offered";
  // Refused, and back where it was: it has waited longest.
  const v1::Referral back = Must(Answer(first, v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST));
  EXPECT_EQ(back.waiting().position(), 1);
  EXPECT_THAT(Names(), ElementsAre(first, second));
  auto raise = On<v1::ChangePriorityRequest>(second);
  raise.set_priority(v1::PRIORITY_URGENT);
  raise.set_text("why");
  EXPECT_EQ(Must(Do(referrer, &Stub::ChangePriority, raise)).waiting().position(), 1);
  EXPECT_THAT(Names(), ElementsAre(second, first)) << "the list goes by priority first";
}

TEST_F(GroupsTest, OutOfOrderNeedsAReasonWhichIsKept) {
  const std::string first = Waitlisted();
  const std::string second = Waitlisted();
  auto offer = Offered(second);
  const auto refused = Do(receiver, &Stub::OfferPlace, offer);
  EXPECT_EQ(ReasonOf(refused), "OUT_OF_ORDER");
  EXPECT_EQ(error::MetadataOf(refused.status(), "first"), first);
  const std::string passing = Acknowledged();
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, Into(passing, "alpha"))), "OUT_OF_ORDER")
      << "who is not on the list passes everybody";
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second))),
            "OUT_OF_ORDER");
  offer.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_OTHER);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::OfferPlace, offer)), "INVALID_FIELD") << "OTHER needs a text";
  offer.set_text("reason-in-the-clear");
  Must(Do(receiver, &Stub::OfferPlace, offer));
  EXPECT_EQ(History(second).back().out_of_order_reason(), v1::OUT_OF_ORDER_REASON_OTHER);
  for (const auto& [key, value] : rig.Dump()) {
    EXPECT_EQ(value.find("reason-in-the-clear"), std::string::npos);
  }
  const auto history =
      Must(Do(referrer, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(second)));
  EXPECT_EQ(history.entries().rbegin()->out_of_order_reason(), v1::OUT_OF_ORDER_REASON_OTHER);
  // In order: a reason that was not needed is not kept.
  Must(Answer(second, v1::AnswerOfferRequest::ANSWER_LEAVE_LIST));
  auto in_order = Offered(first);
  in_order.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_SAFETY);
  Must(Do(receiver, &Stub::OfferPlace, in_order));
  EXPECT_EQ(History(first).back().out_of_order_reason(), v1::OUT_OF_ORDER_REASON_UNSPECIFIED);
}

TEST_F(GroupsTest, WhoFreesAPlaceNamesTheNextToTheReceivingBodyAlone) {
  const std::string first = WithOffer();
  const std::string second = Waitlisted();
  const v1::Referral left = Must(Answer(first, v1::AnswerOfferRequest::ANSWER_LEAVE_LIST));
  EXPECT_EQ(left.next_on_list(), "") << "the referring body hears nothing of other people's referrals";
  EXPECT_EQ(History(first).back().next_on_list(), second);
  const auto entries = [&](const std::string& token) {
    return Must(Do(token, &Stub::ListReferralHistory, On<v1::ListReferralHistoryRequest>(first))).entries();
  };
  EXPECT_EQ(entries(receiver).rbegin()->next_on_list(), second);
  EXPECT_EQ(entries(referrer).rbegin()->next_on_list(), "");
  Must(Do(receiver, &Stub::OfferPlace, Offered(second)));
  const std::string third_one = Waitlisted();
  const v1::Referral declined = Must(Do(receiver, &Stub::DeclineReferral, Decline(second)));
  EXPECT_EQ(declined.next_on_list(), third_one);
  EXPECT_EQ(Must(Get(receiver, second)).next_on_list(), "") << "in the answer to the change only";
  // Back on the list, it is not its own successor.
  Must(Do(receiver, &Stub::OfferPlace, Offered(third_one)));
  const std::string fourth_one = Waitlisted();
  Must(Answer(third_one, v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST));
  EXPECT_EQ(History(third_one).back().next_on_list(), fourth_one);
}

TEST_F(GroupsTest, AnOfferThatNobodyAnswersLapsesAtItsTimeAndNamesTheNext) {
  const std::string first = WithOffer();
  const std::string second = Waitlisted();
  const absl::Time answer_by = api::FromTimestamp(Record(first).due().time());
  ClockKeeper keeper(rig.env(), change(), {});
  const auto run_until = [&](absl::Time until) {
    while (rig.clock().Now() < until) {
      rig.clock().Advance(std::min(until - rig.clock().Now(), absl::Minutes(4)));
      for (bool more = true; more;) more = Must(keeper.Step()).more;
    }
  };
  Must(keeper.Step());
  run_until(answer_by - absl::Minutes(1));
  EXPECT_EQ(Record(first).state(), kOffered);
  EXPECT_EQ(List().free(), 0);
  run_until(answer_by + absl::Minutes(1));
  EXPECT_EQ(Record(first).state(), kWaitlisted);
  const auto history = History(first);
  const auto lapsed = std::find_if(history.begin(), history.end(),
                                   [](const auto& entry) { return entry.event() == "OFFER_LAPSE"; });
  ASSERT_NE(lapsed, history.end());
  EXPECT_EQ(lapsed->next_on_list(), second) << "it is not its own successor";
  EXPECT_EQ(lapsed->body(), "") << "nobody did it";
  Refresh();
  EXPECT_EQ(List().free(), 1);
}

TEST_F(GroupsTest, OtherCriteriaOrderTheListAtOnce) {
  const std::string small = Waitlisted();
  const std::string large = Waitlisted("alpha", 3);
  const std::string second_small = Waitlisted();
  EXPECT_THAT(List().criteria(),
              ElementsAre(v1::WAITING_LIST_CRITERION_PRIORITY, v1::WAITING_LIST_CRITERION_WAITING_SINCE));
  EXPECT_EQ(List().revision(), 0);
  EXPECT_EQ(List().waiting_person_count(), 5);
  EXPECT_THAT(Names(), ElementsAre(small, large, second_small));
  auto request = On<v1::SetWaitingListCriteriaRequest>(kAlphaList);
  request.add_criteria(v1::WAITING_LIST_CRITERION_LARGEST_HOUSEHOLD_FIRST);
  const v1::WaitingList list = Must(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request));
  EXPECT_EQ(list.revision(), 1);
  EXPECT_THAT(Names(), ElementsAre(large, small, second_small));
  EXPECT_EQ(Must(Get(referrer, large)).waiting().position(), 1);
  // Rows written later and taken away are found under the new criteria.
  const std::string later = Waitlisted("alpha", 2);
  EXPECT_THAT(Names(), ElementsAre(large, later, small, second_small));
  Must(Do(receiver, &Stub::DeclineReferral, Decline(large)));
  EXPECT_THAT(Names(), ElementsAre(later, small, second_small));
  EXPECT_EQ(List().waiting_count(), 3);
  EXPECT_EQ(List().waiting_person_count(), 4);
  request.set_etag("\"0\"");
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request)), "ETAG_MISMATCH");
  request.set_etag(list.etag());
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request)), "OK");
  const auto events = EventsOf(kAlphaList);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].type(), "referral.waiting_list_ordered");
  EXPECT_EQ(events[1].revision(), 2);
  EXPECT_THAT(events[1].parties(), ElementsAre(kReceivingBody));
}

TEST_F(GroupsTest, AListIsPagedAndNewCriteriaEndItsPages) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) names.push_back(Waitlisted());
  auto request = On<v1::ListWaitingListRequest>(kAlphaList);
  request.set_page_size(2);
  std::vector<std::string> listed;
  for (int page = 0; page < 3; ++page) {
    const auto response = Must(Do(receiver, &EnrolmentStub::ListWaitingList, request));
    for (const auto& entry : response.entries()) {
      EXPECT_EQ(entry.position(), static_cast<int>(listed.size()) + 1);
      EXPECT_EQ(entry.referring_body(), kReferringBody);
      listed.push_back(entry.referral());
    }
    EXPECT_EQ(response.next_page_token().empty(), page == 2);
    request.set_page_token(response.next_page_token());
  }
  EXPECT_EQ(listed, names);
  request.clear_page_token();
  request.set_page_token(Must(Do(receiver, &EnrolmentStub::ListWaitingList, request)).next_page_token());
  const std::string colleague = rig.TokenOf(kReceivingBody, {Role::kSupervisor});
  EXPECT_EQ(ReasonOf(Do(colleague, &EnrolmentStub::ListWaitingList, request)), "PAGE_TOKEN_INVALID");
  auto criteria = On<v1::SetWaitingListCriteriaRequest>(kAlphaList);
  criteria.add_criteria(v1::WAITING_LIST_CRITERION_SUBMIT_TIME);
  Must(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, criteria));
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::ListWaitingList, request)), "PAGE_TOKEN_INVALID");
  request.set_page_token("nonsense");
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::ListWaitingList, request)), "PAGE_TOKEN_INVALID");
}

TEST_F(GroupsTest, WhoLeavesDoesNotHideAnotherFromTheNextPage) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) names.push_back(Waitlisted());
  auto request = On<v1::ListWaitingListRequest>(kAlphaList);
  request.set_page_size(2);
  request.set_page_token(Must(Do(receiver, &EnrolmentStub::ListWaitingList, request)).next_page_token());
  auto cancel = On<v1::CancelReferralRequest>(names[0]);
  cancel.set_reason(v1::CANCEL_REASON_NEED_MET);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  cancel.set_name(names[1]);
  Must(Do(referrer, &Stub::CancelReferral, cancel));
  const auto next = Must(Do(receiver, &EnrolmentStub::ListWaitingList, request));
  ASSERT_EQ(next.entries_size(), 2);
  EXPECT_EQ(next.entries(0).referral(), names[2]);
  EXPECT_EQ(next.entries(0).position(), 3) << "the numbers go on";
  EXPECT_EQ(next.entries(1).referral(), names[3]);
  // Nor does who comes show anybody twice.
  const std::string urgent = Waitlisted();
  auto raise = On<v1::ChangePriorityRequest>(urgent);
  raise.set_priority(v1::PRIORITY_URGENT);
  raise.set_text("why");
  Must(Do(referrer, &Stub::ChangePriority, raise));
  request.set_page_token(next.next_page_token());
  const auto last = Must(Do(receiver, &EnrolmentStub::ListWaitingList, request));
  ASSERT_EQ(last.entries_size(), 1);
  EXPECT_EQ(last.entries(0).referral(), names[4]);
  EXPECT_EQ(last.entries(0).position(), 5);
  EXPECT_EQ(last.next_page_token(), "");
  EXPECT_THAT(Names(), ElementsAre(urgent, names[2], names[3], names[4]));
}

TEST_F(GroupsTest, ACaseworkerSeesTheLineButOnlyHerOwnCases) {
  const std::string mine = Waitlisted();
  v1::SubmitReferralRequest elsewhere = NewReferral();
  elsewhere.mutable_referral()->mutable_receiving()->set_unit(std::string(kOtherReceivingUnit));
  const std::string theirs = Must(Do(referrer, &Stub::SubmitReferral, elsewhere)).name();
  rig.clock().Advance(absl::Seconds(1));
  Must(Do(receiver, &Stub::WaitlistReferral, ToList(theirs)));
  const auto page = Must(
      Do(receiving_caseworker, &EnrolmentStub::ListWaitingList, On<v1::ListWaitingListRequest>(kAlphaList)));
  ASSERT_EQ(page.entries_size(), 2);
  EXPECT_EQ(page.entries(0).referral(), mine);
  EXPECT_EQ(page.entries(1).position(), 2);
  EXPECT_EQ(page.entries(1).referral(), "");
  EXPECT_EQ(page.entries(1).referring_body(), "");
  EXPECT_EQ(page.entries(1).persons_size(), 0);
}

// --- Who may, and what is refused ------------------------------------------------------------------------

TEST_F(GroupsTest, EveryMethodRoleAndBody) {
  const std::string name = Waitlisted();
  for (const std::string_view body : {kReceivingBody, kReferringBody, kThirdBody}) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const Role role = static_cast<Role>(i);
      const std::string token = rig.TokenOf(body, {role});
      const bool works = role == Role::kSupervisor || role == Role::kCaseworker;
      const bool own = body == kReceivingBody;
      const auto expect = [&](bool allowed, const absl::Status& status, std::string_view method) {
        EXPECT_EQ(status.code(), allowed ? absl::StatusCode::kOk : absl::StatusCode::kPermissionDenied)
            << method << " " << policy::RoleName(role) << " of " << body << ": " << status;
      };
      const auto got = Do(token, &EnrolmentStub::GetWaitingList, On<v1::GetWaitingListRequest>(kAlphaList));
      expect(works, got.status(), "GetWaitingList");
      if (got.ok()) {
        EXPECT_EQ(got->waiting_count(), own ? 1 : 0) << "counts are for the provider";
      }
      expect(works && own,
             Do(token, &EnrolmentStub::ListWaitingList, On<v1::ListWaitingListRequest>(kAlphaList)).status(),
             "ListWaitingList");
      auto criteria = On<v1::SetWaitingListCriteriaRequest>(kAlphaList);
      criteria.add_criteria(v1::WAITING_LIST_CRITERION_SUBMIT_TIME);
      expect(role == Role::kSupervisor && own,
             Do(token, &EnrolmentStub::SetWaitingListCriteria, criteria).status(), "SetWaitingListCriteria");
    }
  }
  EXPECT_EQ(
      Do("none", &EnrolmentStub::GetWaitingList, On<v1::GetWaitingListRequest>(kAlphaList)).status().code(),
      absl::StatusCode::kUnauthenticated);
}

TEST_F(GroupsTest, ThePolicyNamesEveryMethodOfTheService) {
  std::set<std::string_view> named;
  for (const policy::MethodRule* rule : kEnrolmentMethodRules) named.insert(rule->method);
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "waypost.referral.v1.EnrolmentService");
  ASSERT_NE(described, nullptr);
  EXPECT_EQ(described->method_count(), static_cast<int>(named.size()));
  for (int i = 0; i < described->method_count(); ++i) {
    EXPECT_EQ(named.count(described->method(i)->name()), 1U) << described->method(i)->name();
  }
}

TEST_F(GroupsTest, WhatIsWrongIsRefusedAndNothingIsWritten) {
  const std::string name = Acknowledged();
  const auto before = rig.Dump();
  const auto refused = [&](const auto& answer, std::string_view reason, std::string_view field) {
    EXPECT_EQ(ReasonOf(answer), reason) << field;
    if (reason == "INVALID_FIELD") {
      EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith(base::Cat(field, ": "))));
    }
    EXPECT_TRUE(rig.Dump() == before) << field;
  };
  const auto waitlist = [&](const std::function<void(v1::WaitlistReferralRequest&)>& fill) {
    auto request = ToList(name);
    fill(request);
    return Do(receiver, &Stub::WaitlistReferral, request);
  };
  refused(waitlist([](auto& r) { r.set_group_id("none"); }), "INVALID_FIELD", "group_id");
  refused(waitlist([](auto& r) { r.set_group_id("Alpha"); }), "INVALID_FIELD", "group_id");
  refused(waitlist([](auto& r) { r.set_group_id(std::string(64, 'a')); }), "INVALID_FIELD", "group_id");
  refused(waitlist([](auto& r) { r.clear_group_id(); }), "GROUP_REQUIRED", "");
  refused(waitlist([](auto& r) { r.clear_offer(); }), "INVALID_FIELD", "offer");
  refused(waitlist([](auto& r) { r.set_offer(std::string(kThirdOffer)); }), "INVALID_FIELD", "offer");
  refused(waitlist([](auto& r) { r.set_offer("offers/none"); }), "INVALID_FIELD", "offer");
  refused(waitlist([](auto& r) { r.set_offer("none"); }), "INVALID_FIELD", "offer");
  refused(waitlist([](auto& r) { r.add_persons(2); }), "INVALID_FIELD", "persons[0]");
  refused(waitlist([](auto& r) { r.add_persons(1), r.add_persons(1); }), "INVALID_FIELD", "persons[1]");
  refused(waitlist([](auto& r) { r.set_group_id("autumn"); }), "GROUP_NOT_OPEN", "");

  auto accept = Into(name, "alpha");
  accept.mutable_places(0)->set_person(7);
  refused(Do(receiver, &Stub::AcceptReferral, accept), "INVALID_FIELD", "places[0].person");
  accept = Into(name, "none");
  refused(Do(receiver, &Stub::AcceptReferral, accept), "INVALID_FIELD", "places[0].group_id");
  accept = Into(name, "alpha");
  *accept.add_places() = accept.places(0);
  refused(Do(receiver, &Stub::AcceptReferral, accept), "INVALID_FIELD", "places[1].person");
  accept.clear_places();
  refused(Do(receiver, &Stub::AcceptReferral, accept), "GROUP_REQUIRED", "");
  accept = Into(name, "alpha");
  accept.set_out_of_order_reason(static_cast<v1::OutOfOrderReason>(99));
  refused(Do(receiver, &Stub::AcceptReferral, accept), "INVALID_FIELD", "out_of_order_reason");

  const auto criteria = [&](const std::function<void(v1::SetWaitingListCriteriaRequest&)>& fill) {
    auto request = On<v1::SetWaitingListCriteriaRequest>(kAlphaList);
    request.add_criteria(v1::WAITING_LIST_CRITERION_PRIORITY);
    fill(request);
    return Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request);
  };
  refused(criteria([](auto& r) { r.clear_criteria(); }), "INVALID_FIELD", "criteria");
  refused(criteria([](auto& r) { r.add_criteria(v1::WAITING_LIST_CRITERION_PRIORITY); }), "INVALID_FIELD",
          "criteria[1]");
  refused(criteria([](auto& r) { r.set_criteria(0, static_cast<v1::WaitingListCriterion>(99)); }),
          "INVALID_FIELD", "criteria[0]");
  refused(criteria([](auto& r) { r.set_criteria(0, v1::WAITING_LIST_CRITERION_UNSPECIFIED); }),
          "INVALID_FIELD", "criteria[0]");
  refused(criteria([](auto& r) { r.set_etag(std::string(65, 'x')); }), "INVALID_FIELD", "etag");
  refused(criteria([](auto& r) { r.set_name("offers/madrid-asl"); }), "INVALID_FIELD", "name");
  refused(criteria([](auto& r) { r.set_name("offers/madrid-asl/groups/none/waitingList"); }), "NOT_FOUND",
          "");
  refused(criteria([](auto& r) { r.set_name("offers/none/groups/alpha/waitingList"); }), "NOT_FOUND", "");
  auto page = On<v1::ListWaitingListRequest>(kAlphaList);
  page.set_page_size(-1);
  refused(Do(receiver, &EnrolmentStub::ListWaitingList, page), "INVALID_FIELD", "page_size");
}

TEST_F(GroupsTest, ARequestIdIsGoodForOneContent) {
  auto request = On<v1::SetWaitingListCriteriaRequest>(kAlphaList);
  request.set_request_id("request-of-this-test");
  request.add_criteria(v1::WAITING_LIST_CRITERION_SUBMIT_TIME);
  const auto first = Must(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request));
  EXPECT_EQ(Must(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request)).revision(), first.revision());
  request.set_criteria(0, v1::WAITING_LIST_CRITERION_PRIORITY);
  EXPECT_EQ(ReasonOf(Do(receiver, &EnrolmentStub::SetWaitingListCriteria, request)), "REQUEST_ID_REUSED");
}

TEST_F(GroupsTest, AListHasALimit) {
  ASSERT_TRUE(store::TransactAndWait(rig.store(), [](store::Writer& writer) {
                storage::v1::GroupCountRecord full;
                full.set_waiting(kMaxWaiting);
                return rows::PutGroupCount(writer, {std::string(kAsl), "alpha"}, full);
              }).ok());
  const auto refused = Do(receiver, &Stub::WaitlistReferral, ToList(Acknowledged()));
  EXPECT_EQ(ReasonOf(refused), "LIMIT_EXCEEDED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "allowed"), "1000");
}

TEST_F(GroupsTest, AFullListTakesBackWhoWasOfferedAPlace) {
  Declare(2);
  const std::string stays = WithOffer();
  const std::string lapses = WithOffer();
  const auto waiting = [this](int count) {
    ASSERT_TRUE(store::TransactAndWait(rig.store(), [count](store::Writer& writer) -> absl::Status {
                  const GroupKey alpha = {std::string(kAsl), "alpha"};
                  auto counts = rows::GetGroupCount(writer, alpha);
                  if (!counts.ok()) return counts.status();
                  counts->set_waiting(count);
                  return rows::PutGroupCount(writer, alpha, *counts);
                }).ok());
  };
  // Their places on the list are kept for those two.
  waiting(kMaxWaiting - 2);
  const std::string joins = Acknowledged();
  const auto refused = Do(receiver, &Stub::WaitlistReferral, ToList(joins));
  EXPECT_EQ(ReasonOf(refused), "LIMIT_EXCEEDED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "given"), "1001");
  // And where others have come to have them, nobody is turned away who was there before.
  waiting(kMaxWaiting);
  EXPECT_EQ(ReasonOf(Answer(stays, v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST)), "OK");
  EXPECT_EQ(List().waiting_count(), kMaxWaiting + 1);
  rig.clock().Advance(absl::Hours(24 * 4));
  Refresh();
  ClockKeeper keeper(rig.env(), change(), {});
  for (int i = 0; i < 4; ++i) ASSERT_EQ(Must(keeper.Step()).refused, 0);
  EXPECT_EQ(Record(lapses).state(), kWaitlisted);
  EXPECT_EQ(List().waiting_count(), kMaxWaiting + 2);
  // Room is made by who leaves.
  waiting(kMaxWaiting - 1);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::WaitlistReferral, ToList(joins))), "OK");
}

TEST_F(GroupsTest, CountsBelowZeroAreNeverWritten) {
  const absl::Status status = store::TransactAndWait(rig.store(), [](store::Writer& writer) {
    storage::v1::GroupCountRecord wrong;
    wrong.set_held(-1);
    return rows::PutGroupCount(writer, {std::string(kAsl), "alpha"}, wrong);
  });
  EXPECT_EQ(error::ReasonOf(status), "DATA_LOSS");
}

// --- Many at once ----------------------------------------------------------------------------------------

// Many referrals go their ways over a few groups, as chance has it; what is counted is what the referrals
// themselves say, and a place is refused exactly when there is none.
class HistoryTest : public GroupsTest, public ::testing::WithParamInterface<int> {
 protected:
  static constexpr int kReferrals = 14;
  const std::vector<std::string> groups_ = {"alpha", "fle1", "entry"};

  // By the referrals' own records, one by one.
  std::map<std::string, int> Taken() {
    std::map<std::string, int> taken;
    for (const std::string& name : names_) {
      const v1::Referral referral = Must(Get(receiver, name));
      const bool holds = referral.state() == kOffered || referral.state() == kAccepted ||
                         referral.state() == kInProgress || referral.state() == kOnHold ||
                         referral.state() == kCancelRequested;
      if (holds) taken[""] += referral.places_size();
      for (const auto& place : referral.places()) {
        if (holds) ++taken[place.group_id()];
      }
    }
    return taken;
  }
  int Below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }

  std::string Step(const std::string& name) {
    const std::string& group = groups_[static_cast<size_t>(Below(3))];
    switch (Below(9)) {
      case 0:
        return ReasonOf(Do(receiver, &Stub::WaitlistReferral, ToList(name, group)));
      case 1:
      case 2: {
        auto request = Offered(name);
        request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
        return ReasonOf(Do(receiver, &Stub::OfferPlace, request));
      }
      case 3:
        return ReasonOf(Answer(name, v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST));
      case 4: {
        auto request = Into(name, group, static_cast<int>(Must(Get(referrer, name)).persons_size()));
        request.set_out_of_order_reason(v1::OUT_OF_ORDER_REASON_URGENT_NEED);
        return ReasonOf(Do(receiver, &Stub::AcceptReferral, request));
      }
      case 5:
        return ReasonOf(Do(receiver, &Stub::DeclineReferral, Decline(name)));
      case 6:
        return ReasonOf(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
      case 7: {
        const int persons = Must(Get(referrer, name)).persons_size();
        return ReasonOf(Do(receiver, &Stub::CompleteReferral, Complete(name, persons)));
      }
      default: {
        auto request = On<v1::ReopenReferralRequest>(name);
        request.set_text("why");
        return ReasonOf(Do(receiver, &Stub::ReopenReferral, request));
      }
    }
  }

  std::vector<std::string> names_;
  std::minstd_rand random_{static_cast<unsigned>(GetParam())};
};

TEST_P(HistoryTest, PlacesAreNeverBelowZeroAndNeverOversold) {
  for (int i = 0; i < kReferrals; ++i) names_.push_back(Acknowledged(1 + i % 2));
  const std::map<std::string, int> places = {{"alpha", 3}, {"fle1", 2}};
  Declare(3);
  std::map<std::string, int> outcomes;
  for (int step = 0; step < 250; ++step) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    std::string& name = names_[static_cast<size_t>(Below(kReferrals))];
    const std::map<std::string, int> before = Taken();
    const std::string reason = Step(name);
    ++outcomes[reason];
    const std::map<std::string, int> after = Taken();
    if (reason != "OK") {
      EXPECT_EQ(after, before) << reason;
    }
    for (const std::string& group : groups_) {
      const v1::WaitingList list = List(base::Cat(kAsl, "/groups/", group, "/waitingList"));
      const int taken = after.contains(group) ? after.at(group) : 0;
      ASSERT_EQ(list.taken(), taken) << group << " after step " << step;
      ASSERT_GE(list.taken(), 0);
      if (places.contains(group)) {
        ASSERT_LE(list.taken(), places.at(group)) << group << " step " << step;
      }
      ASSERT_EQ(list.waiting_count(),
                static_cast<int>(Names(base::Cat(kAsl, "/groups/", group, "/waitingList")).size()));
    }
    // What has ended for good makes room for a new one.
    if (Must(Get(referrer, name)).state() == kDeclined) name = Acknowledged(1 + Below(2));
  }
  EXPECT_GT(outcomes["OK"], 40);
  EXPECT_GT(outcomes["NO_PLACE_FREE"], 0) << "or the history tests little";
}
INSTANTIATE_TEST_SUITE_P(Chance, HistoryTest, ::testing::Range(1, 9));

}  // namespace
}  // namespace waypost::referral
