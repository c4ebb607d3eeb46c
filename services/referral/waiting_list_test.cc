#include "services/referral/waiting_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/api/resource.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const GroupKey kAlpha = {"offers/asl", "alpha"};

// A record in that state which has both: a place on a list and places.
ReferralRecord WithGroups(State state) {
  ReferralRecord record = testing::RecordIn(state);
  record.mutable_waiting()->set_offer("offers/asl");
  record.mutable_waiting()->set_group_id("alpha");
  record.mutable_waiting()->add_persons(1);
  v1::PersonPlace& place = *record.add_places();
  place.set_person(1);
  place.set_offer("offers/asl");
  place.set_group_id("alpha");
  return record;
}

TEST(WaitingList, OnlyAnOfferAndAnOpenCaseHoldPlaces) {
  for (int i = 0; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const bool holds = state == kOffered || state == kAccepted || state == kInProgress || state == kOnHold ||
                       state == kCancelRequested;
    const auto held = PlacesHeld(WithGroups(state));
    EXPECT_EQ(held.size(), holds ? 1U : 0U) << StateName(state);
    EXPECT_EQ(WaitsIn(WithGroups(state)).has_value(), state == kWaitlisted) << StateName(state);
  }
}

TEST(WaitingList, PlacesAreCountedByPersonAndGroup) {
  ReferralRecord record = WithGroups(kOffered);
  *record.add_places() = record.places(0);
  record.mutable_places(1)->set_person(2);
  *record.add_places() = record.places(0);
  record.mutable_places(2)->set_person(3);
  record.mutable_places(2)->set_group_id("fle1");
  EXPECT_THAT(PlacesHeld(record), ElementsAre(Pair(kAlpha, 2), Pair(GroupKey{"offers/asl", "fle1"}, 1)));
}

TEST(WaitingList, AStateForgetsWhatItDoesNotHave) {
  for (int i = 0; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    ReferralRecord record = WithGroups(state);
    SettleGroups(record);
    const bool holds = !PlacesHeld(record).empty();
    EXPECT_EQ(record.has_waiting(), state == kWaitlisted || state == kOffered) << StateName(state);
    EXPECT_EQ(record.places_size() == 1, holds || state == kCompleted) << StateName(state);
  }
}

TEST(WaitingList, NamesOfListsAreReadAsTheyAreWritten) {
  EXPECT_EQ(WaitingListName(kAlpha), "offers/asl/groups/alpha/waitingList");
  EXPECT_EQ(GroupOfWaitingList("offers/asl/groups/alpha/waitingList"), kAlpha);
  for (const std::string_view name :
       {"", "offers/asl", "offers/asl/groups/alpha", "offers/asl/groups//waitingList",
        "/groups/a/waitingList", "offers/A/groups/alpha/waitingList", "offers/asl/groups/Alpha/waitingList",
        "offers/asl/groups/a/b/waitingList", "offers/asl/groups/waitingList", "bodies/x/groups/a/waitingList",
        "offers/asl/groups/alpha/waitingList/x"}) {
    EXPECT_EQ(GroupOfWaitingList(name), std::nullopt) << name;
  }
  EXPECT_EQ(GroupOfWaitingList("offers/asl/groups/" + std::string(64, 'a') + "/waitingList"), std::nullopt);
}

TEST(WaitingList, ACohortIsOpenUntilItsDayHasEndedEverywhere) {
  const absl::Time day_after = absl::FromCivil(absl::CivilDay(2026, 9, 2), absl::UTCTimeZone());
  EXPECT_FALSE(HasBegun("2026-09-01", day_after));
  EXPECT_FALSE(HasBegun("2026-09-01", day_after + absl::Hours(12) - absl::Microseconds(1)));
  EXPECT_TRUE(HasBegun("2026-09-01", day_after + absl::Hours(12)));
  EXPECT_FALSE(HasBegun("", absl::InfiniteFuture())) << "entry at any time";
}

TEST(WaitingList, AListIsJoinedByThoseNamedOrByEverybody) {
  ReferralRecord record = testing::RecordIn(kAcknowledged);
  *record.add_persons() = testing::CompleteChild(2);
  ReferralRecord all = record;
  ASSERT_TRUE(JoinList({"offers/asl", "alpha", {}}, testing::Now(), all).ok());
  EXPECT_THAT(all.waiting().persons(), ElementsAre(1, 2));
  EXPECT_EQ(api::FromTimestamp(all.waiting().since_time()), testing::Now());
  ReferralRecord one = record;
  ASSERT_TRUE(JoinList({"offers/asl", "alpha", {2}}, testing::Now(), one).ok());
  EXPECT_THAT(one.waiting().persons(), ElementsAre(2));
  EXPECT_FALSE(JoinList({"offers/asl", "alpha", {3}}, testing::Now(), record).ok());
  ASSERT_TRUE(JoinList({"", "", {}}, testing::Now(), record).ok());
  EXPECT_FALSE(record.has_waiting()) << "in no group";
  // Whoever waits is offered the place.
  ASSERT_TRUE(TakeOffered({"offers/asl", "alpha", {}}, one).ok());
  ASSERT_EQ(one.places_size(), 1);
  EXPECT_EQ(one.places(0).person(), 2U);
  ASSERT_TRUE(TakeOffered({"offers/asl", "fle1", {}}, one).ok());
  EXPECT_EQ(one.places_size(), 2) << "another group: everybody";
  // Accepted from the list without a word about places, they get them where they wait.
  ASSERT_TRUE(TakeAccepted({}, {}, all).ok());
  EXPECT_EQ(all.places_size(), 2);
  EXPECT_EQ(all.places(1).group_id(), "alpha");
}

TEST(WaitingList, WhoIsNoLongerInTheReferralGetsNoPlace) {
  ReferralRecord record = testing::RecordIn(kWaitlisted);
  *record.add_persons() = testing::CompleteChild(2);
  ASSERT_TRUE(JoinList({"offers/asl", "alpha", {}}, testing::Now(), record).ok());
  record.mutable_persons()->DeleteSubrange(0, 1);
  ReferralRecord offered = record;
  ASSERT_TRUE(TakeOffered({"offers/asl", "alpha", {}}, offered).ok());
  ASSERT_EQ(offered.places_size(), 1);
  EXPECT_EQ(offered.places(0).person(), 2U);
  ReferralRecord accepted = record;
  ASSERT_TRUE(TakeAccepted({}, {}, accepted).ok());
  ASSERT_EQ(accepted.places_size(), 1);
  EXPECT_EQ(accepted.places(0).person(), 2U);
  // Nor a place that was offered.
  offered.mutable_places(0)->set_person(1);
  ASSERT_TRUE(TakeAccepted({}, {}, offered).ok());
  EXPECT_EQ(offered.places_size(), 0);
}

storage::v1::WaitingRecord Waiting(v1::Priority priority, int since, int sent, type::v1::AgeBand youngest,
                                   int persons) {
  storage::v1::WaitingRecord waiting;
  waiting.set_priority(priority);
  waiting.mutable_since_time()->set_seconds(since);
  waiting.mutable_submit_time()->set_seconds(sent);
  waiting.set_youngest(youngest);
  waiting.set_person_count(persons);
  return waiting;
}

TEST(WaitingList, EachCriterionOrdersByItsFact) {
  struct Row {
    v1::WaitingListCriterion criterion;
    storage::v1::WaitingRecord first;
    storage::v1::WaitingRecord second;
  };
  const auto normal = v1::PRIORITY_NORMAL;
  const auto adult = type::v1::AGE_BAND_25_TO_39;
  // The second has waited longer each time, which decides where nothing else does.
  const std::vector<Row> rows = {
      {v1::WAITING_LIST_CRITERION_PRIORITY, Waiting(v1::PRIORITY_URGENT, 9, 1, adult, 1),
       Waiting(normal, 1, 1, adult, 1)},
      {v1::WAITING_LIST_CRITERION_PRIORITY, Waiting(v1::PRIORITY_EMERGENCY, 9, 1, adult, 1),
       Waiting(v1::PRIORITY_URGENT, 1, 1, adult, 1)},
      {v1::WAITING_LIST_CRITERION_SUBMIT_TIME, Waiting(normal, 9, 1, adult, 1),
       Waiting(normal, 1, 2, adult, 1)},
      {v1::WAITING_LIST_CRITERION_YOUNGEST_FIRST, Waiting(normal, 9, 1, type::v1::AGE_BAND_0_TO_5, 1),
       Waiting(normal, 1, 1, type::v1::AGE_BAND_6_TO_11, 1)},
      {v1::WAITING_LIST_CRITERION_YOUNGEST_FIRST, Waiting(normal, 9, 1, type::v1::AGE_BAND_65_AND_OVER, 1),
       Waiting(normal, 1, 1, type::v1::AGE_BAND_UNSPECIFIED, 1)},
      {v1::WAITING_LIST_CRITERION_MINORS_FIRST, Waiting(normal, 9, 1, type::v1::AGE_BAND_16_TO_17, 1),
       Waiting(normal, 1, 1, type::v1::AGE_BAND_18_TO_24, 1)},
      {v1::WAITING_LIST_CRITERION_LARGEST_HOUSEHOLD_FIRST, Waiting(normal, 9, 1, adult, 4),
       Waiting(normal, 1, 1, adult, 3)},
  };
  for (const Row& row : rows) {
    EXPECT_LT(OrderOf({row.criterion}, row.first), OrderOf({row.criterion}, row.second))
        << v1::WaitingListCriterion_Name(row.criterion);
    EXPECT_GT(OrderOf({v1::WAITING_LIST_CRITERION_WAITING_SINCE, row.criterion}, row.first),
              OrderOf({v1::WAITING_LIST_CRITERION_WAITING_SINCE, row.criterion}, row.second))
        << "the criterion before it decides";
  }
  // Among minors the band does not count, but the time does.
  EXPECT_LT(OrderOf({v1::WAITING_LIST_CRITERION_MINORS_FIRST},
                    Waiting(normal, 1, 1, type::v1::AGE_BAND_16_TO_17, 1)),
            OrderOf({v1::WAITING_LIST_CRITERION_MINORS_FIRST},
                    Waiting(normal, 2, 1, type::v1::AGE_BAND_0_TO_5, 1)));
}

TEST(WaitingList, OnlyThosePeopleCountWhoWait) {
  ReferralRecord record = testing::RecordIn(kWaitlisted);
  *record.add_persons() = testing::CompleteChild(2);
  ASSERT_TRUE(JoinList({"offers/asl", "alpha", {1}}, testing::Now(), record).ok());
  EXPECT_EQ(WaitingRecordOf(record).youngest(), type::v1::AGE_BAND_25_TO_39);
  EXPECT_EQ(WaitingRecordOf(record).person_count(), 1);
  record.mutable_waiting()->add_persons(2);
  EXPECT_EQ(WaitingRecordOf(record).youngest(), type::v1::AGE_BAND_12_TO_15);
  EXPECT_EQ(WaitingRecordOf(record).person_count(), 2);
}

}  // namespace
}  // namespace waypost::referral
