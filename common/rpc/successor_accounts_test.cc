#include "common/rpc/chain/successor_accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/strings.h"

namespace waypost::rpc::chain {
namespace {

using policy::Role;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// From the first day of 2027 to the last of March.
AccountSuccession Merger(std::string_view from, std::string_view to) {
  return {.name = base::Cat("successions/", from),
          .revision = 1,
          .predecessor = base::Cat("bodies/", from),
          .successor = base::Cat("bodies/", to),
          .first = absl::CivilDay(2027, 1, 1),
          .last = absl::CivilDay(2027, 3, 31),
          .units = {}};
}

std::shared_ptr<const policy::Caller> Of(std::string_view body, std::vector<std::string> units = {},
                                         policy::Roles roles = {Role::kCaseworker, Role::kSupervisor}) {
  policy::Caller caller;
  caller.body = base::Cat("bodies/", body);
  caller.actor = "actors/ana";
  caller.roles = roles;
  caller.units = std::move(units);
  caller.expires = absl::FromUnixSeconds(1'900'000'000);
  return std::make_shared<const policy::Caller>(std::move(caller));
}

absl::Time At(int year, int month, int day, int hour = 12, int minute = 0, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second), absl::UTCTimeZone());
}

std::string Unit(std::string_view body, std::string_view unit) {
  return base::Cat("bodies/", body, "/units/", unit);
}

// Of units alone, in the same time.
AccountSuccession OfUnits(std::string_view name, std::string_view from,
                          std::multimap<std::string, std::string, std::less<>> units) {
  AccountSuccession made = Merger(from, "");
  made.name = base::Cat("successions/", name);
  made.successor.clear();
  made.units = std::move(units);
  return made;
}

class SuccessorAccountsTest : public ::testing::Test {
 protected:
  std::string BodyOf(std::string_view body, absl::Time now = At(2027, 2, 1)) const {
    return accounts_.ActingCaller(Of(body), now)->body;
  }
  // Of a caseworker of "a", unless told otherwise.
  std::shared_ptr<const policy::Caller> InUnits(std::vector<std::string> units,
                                                absl::Time now = At(2027, 2, 1)) const {
    return accounts_.ActingCaller(Of("a", std::move(units), {Role::kCaseworker}), now);
  }

  SuccessorAccounts accounts_;
};

TEST_F(SuccessorAccountsTest, WhoWentOverNowhereStaysWhoTheyAre) {
  const auto caller = Of("b");
  EXPECT_EQ(accounts_.ActingCaller(caller, At(2027, 2, 1)), caller);
  accounts_.Record({Merger("a", "b")});
  EXPECT_EQ(accounts_.ActingCaller(caller, At(2027, 2, 1)), caller) << "the very same: nothing is made anew";
}

TEST_F(SuccessorAccountsTest, FollowsFromTheFirstDayToTheLastInUtc) {
  accounts_.Record({Merger("a", "b")});
  EXPECT_EQ(BodyOf("a", At(2026, 12, 31, 23, 59, 59)), "bodies/a");
  EXPECT_EQ(BodyOf("a", At(2027, 1, 1, 0, 0, 0)), "bodies/b");
  EXPECT_EQ(BodyOf("a", At(2027, 3, 31, 23, 59, 59)), "bodies/b");
  EXPECT_EQ(BodyOf("a", At(2027, 4, 1, 0, 0, 0)), "bodies/a");
}

TEST_F(SuccessorAccountsTest, RolesAndThePersonStayAndUnitsAreThoseThatAreNamed) {
  AccountSuccession merger = Merger("a", "b");
  merger.units = {{"bodies/a/units/housing", "bodies/b/units/social"},
                  {"bodies/a/units/youth", "bodies/b/units/social"}};
  accounts_.Record({merger});
  const auto before = Of("a", {"bodies/a/units/housing", "bodies/a/units/archive", "bodies/a/units/youth"});
  const auto acting = accounts_.ActingCaller(before, At(2027, 2, 1));
  EXPECT_EQ(acting->body, "bodies/b");
  EXPECT_EQ(acting->actor, before->actor);
  EXPECT_EQ(acting->roles, before->roles);
  EXPECT_LT(At(2027, 4, 1), before->expires);
  EXPECT_EQ(acting->expires, At(2027, 4, 1, 0)) << "no stream outlasts the last day";
  merger.last = absl::CivilDay(2099, 1, 1);
  merger.revision = 9;
  accounts_.Record({merger});
  EXPECT_EQ(accounts_.ActingCaller(before, At(2027, 2, 1))->expires, before->expires);
  EXPECT_THAT(acting->units, ElementsAre("bodies/b/units/social"));
  EXPECT_EQ(before->body, "bodies/a");
}

TEST_F(SuccessorAccountsTest, AChainIsFollowedAsFarAsItIsInForce) {
  AccountSuccession first = Merger("a", "b");
  first.units = {{"bodies/a/units/x", "bodies/b/units/x"}, {"bodies/a/units/y", "bodies/b/units/y"}};
  AccountSuccession second = Merger("b", "c");
  second.first = absl::CivilDay(2027, 2, 1);
  second.units = {{"bodies/b/units/x", "bodies/c/units/x"}};
  accounts_.Record({first, second});
  EXPECT_EQ(BodyOf("a", At(2027, 1, 31)), "bodies/b");
  EXPECT_EQ(BodyOf("a", At(2027, 2, 1)), "bodies/c");
  EXPECT_THAT(
      accounts_.ActingCaller(Of("a", {"bodies/a/units/x", "bodies/a/units/y"}), At(2027, 2, 1))->units,
      ElementsAre("bodies/c/units/x"));
  AccountSuccession sooner = first;
  sooner.revision = 2;
  sooner.last = absl::CivilDay(2027, 2, 10);
  accounts_.Record({sooner});
  EXPECT_EQ(BodyOf("a", At(2027, 2, 11)), "bodies/a") << "the second alone brings nobody further";
  EXPECT_EQ(BodyOf("b", At(2027, 2, 11)), "bodies/c");
}

TEST_F(SuccessorAccountsTest, IsBoundedWhateverItIsTold) {
  accounts_.Record({Merger("a", "b"), Merger("b", "a")});
  EXPECT_EQ(BodyOf("a"), "bodies/a") << "after so many steps";
  std::vector<AccountSuccession> chain;
  for (int i = 0; i <= SuccessorAccounts::kMaxSteps; ++i) {
    chain.push_back(Merger(base::Cat("s", i), base::Cat("s", i + 1)));
  }
  accounts_.Record(chain);
  EXPECT_EQ(BodyOf("s0"), base::Cat("bodies/s", SuccessorAccounts::kMaxSteps));
}

TEST_F(SuccessorAccountsTest, TheLatestRevisionCountsInWhateverOrderTheyAreTold) {
  AccountSuccession ended = Merger("a", "b");
  ended.revision = 2;
  ended.last = absl::CivilDay(2027, 1, 31);
  accounts_.Record({ended});
  accounts_.Record({Merger("a", "b")});
  EXPECT_EQ(BodyOf("a", At(2027, 1, 31)), "bodies/b");
  EXPECT_EQ(BodyOf("a", At(2027, 2, 1)), "bodies/a");
}

TEST_F(SuccessorAccountsTest, OneThatWasTakenBackGivesWayToTheNext) {
  AccountSuccession ended = Merger("a", "b");
  ended.last = absl::CivilDay(2027, 1, 31);
  ended.end = absl::CivilDay(2027, 1, 31);
  AccountSuccession next = Merger("a", "c");
  next.name = "successions/next";
  next.first = absl::CivilDay(2027, 2, 1);
  accounts_.Record({ended, next});
  EXPECT_EQ(BodyOf("a", At(2027, 1, 31)), "bodies/b");
  EXPECT_EQ(BodyOf("a", At(2027, 2, 1)), "bodies/c");
}

TEST_F(SuccessorAccountsTest, ADayBeforeTheFirstLetsNobodyFollow) {
  AccountSuccession none = Merger("a", "b");
  none.last = absl::CivilDay(2026, 12, 31);
  accounts_.Record({none});
  EXPECT_EQ(BodyOf("a", At(2026, 12, 31)), "bodies/a");
  EXPECT_EQ(BodyOf("a", At(2027, 1, 1)), "bodies/a");
}

TEST_F(SuccessorAccountsTest, ServicesOfTheNodeActForNobodyElse) {
  accounts_.Record({Merger("a", "b")});
  EXPECT_EQ(accounts_.ActingCaller(Of("a", {}, {Role::kService}), At(2027, 2, 1))->body, "bodies/a");
}

TEST_F(SuccessorAccountsTest, WhoseUnitsAllWentToOneBodyFollowsThem) {
  accounts_.Record({OfUnits("split", "a",
                            {{Unit("a", "x"), Unit("b", "social")},
                             {Unit("a", "y"), Unit("b", "social")},
                             {Unit("a", "two"), Unit("b", "north")},
                             {Unit("a", "two"), Unit("b", "south")},
                             {Unit("a", "z"), Unit("c", "z")},
                             {Unit("a", "both"), Unit("b", "both")},
                             {Unit("a", "both"), Unit("c", "both")}})});
  const std::vector<std::string> units = {"x", "y", "two", "z", "both", "unnamed"};
  // Each of them, or not.
  for (unsigned set = 0; set < 1U << units.size(); ++set) {
    std::vector<std::string> members;
    std::string of;
    for (size_t i = 0; i < units.size(); ++i) {
      if ((set >> i & 1U) == 0) continue;
      members.push_back(Unit("a", units[i]));
      of += base::Cat(" ", units[i]);
    }
    const bool to_b = (set & 0b000111U) != 0;
    const bool to_c = (set & 0b001000U) != 0;
    const bool stays = (set & 0b110000U) != 0 || to_b == to_c;
    EXPECT_EQ(InUnits(members)->body, stays ? "bodies/a" : to_b ? "bodies/b" : "bodies/c") << of;
    if (!stays) continue;
    EXPECT_EQ(InUnits(members)->units, members) << of;
  }
  EXPECT_THAT(InUnits({Unit("a", "y"), Unit("a", "two"), Unit("a", "x")})->units,
              ElementsAre(Unit("b", "social"), Unit("b", "north"), Unit("b", "south")));
  const auto acting = InUnits({Unit("a", "z")});
  EXPECT_EQ(acting->actor, "actors/ana");
  EXPECT_TRUE(acting->roles == policy::Roles{Role::kCaseworker});
  EXPECT_EQ(acting->expires, At(2027, 4, 1, 0));
  EXPECT_THAT(acting->units, ElementsAre(Unit("c", "z")));
}

TEST_F(SuccessorAccountsTest, WhoActsForTheWholeBodyFollowsNoUnit) {
  accounts_.Record({OfUnits("split", "a", {{Unit("a", "x"), Unit("b", "x")}})});
  for (int role = 0; role < policy::kRoleCount; ++role) {
    const auto as = static_cast<Role>(role);
    const policy::Roles alone = {as};
    const policy::Roles with = {Role::kCaseworker, as};
    const std::string_view body = as == Role::kCaseworker ? "bodies/b" : "bodies/a";
    for (const policy::Roles roles : {alone, with}) {
      const auto before = Of("a", {Unit("a", "x")}, roles);
      EXPECT_EQ(accounts_.ActingCaller(before, At(2027, 2, 1))->body, body) << policy::RoleName(as);
    }
  }
}

TEST_F(SuccessorAccountsTest, AllThatMovedFromABodyIsLookedAt) {
  AccountSuccession youth =
      OfUnits("youth", "a", {{Unit("a", "x"), Unit("b", "x")}, {Unit("a", "both"), Unit("b", "both")}});
  AccountSuccession housing =
      OfUnits("housing", "a", {{Unit("a", "y"), Unit("b", "y")}, {Unit("a", "both"), Unit("c", "both")}});
  youth.last = absl::CivilDay(2027, 2, 10);
  accounts_.Record({youth, housing});
  const auto one = InUnits({Unit("a", "x"), Unit("a", "y")});
  EXPECT_EQ(one->body, "bodies/b");
  EXPECT_THAT(one->units, ElementsAre(Unit("b", "x"), Unit("b", "y")));
  EXPECT_EQ(one->expires, At(2027, 2, 11, 0)) << "the sooner of both last days";
  EXPECT_EQ(InUnits({Unit("a", "y")})->expires, At(2027, 4, 1, 0)) << "the other one was not used";
  EXPECT_EQ(InUnits({Unit("a", "both")})->body, "bodies/a");
  // Of the first one it is the day after the last.
  EXPECT_EQ(InUnits({Unit("a", "x"), Unit("a", "y")}, At(2027, 2, 11))->body, "bodies/a");
  EXPECT_EQ(InUnits({Unit("a", "both")}, At(2027, 2, 11))->body, "bodies/a")
      << "what b has, it still has: nobody's account follows the other one for it";
  youth.end = absl::CivilDay(2027, 2, 10);
  youth.revision = 2;
  accounts_.Record({youth});
  EXPECT_EQ(InUnits({Unit("a", "both")}, At(2027, 2, 11))->body, "bodies/c") << "it was taken back";
  EXPECT_EQ(InUnits({Unit("a", "y")}, At(2026, 12, 31, 23, 59, 59))->body, "bodies/a");
  EXPECT_EQ(InUnits({Unit("a", "y")}, At(2027, 1, 1, 0))->body, "bodies/b");
}

TEST_F(SuccessorAccountsTest, OneByWhichNobodyFollowsKeepsAUnitFromAnother) {
  AccountSuccession silent = OfUnits("silent", "a", {{Unit("a", "x"), Unit("c", "x")}});
  silent.last = silent.first - 1;
  accounts_.Record(
      {silent, OfUnits("moved", "a", {{Unit("a", "x"), Unit("b", "x")}, {Unit("a", "y"), Unit("b", "y")}})});
  EXPECT_EQ(InUnits({Unit("a", "x")})->body, "bodies/a") << "two have something of it";
  EXPECT_EQ(InUnits({Unit("a", "y")})->body, "bodies/b");
}

TEST_F(SuccessorAccountsTest, WhoseBodyIsNoMoreFollowsNoUnitAfterTheLastDay) {
  AccountSuccession moved = OfUnits("moved", "a", {{Unit("a", "x"), Unit("c", "x")}});
  moved.last = absl::CivilDay(2027, 12, 31);
  AccountSuccession merger = Merger("a", "b");
  merger.first = absl::CivilDay(2027, 2, 1);
  accounts_.Record({moved, merger});
  EXPECT_EQ(InUnits({Unit("a", "x")}, At(2027, 3, 31))->body, "bodies/b");
  EXPECT_EQ(InUnits({Unit("a", "x")}, At(2027, 4, 1))->body, "bodies/a");
}

TEST_F(SuccessorAccountsTest, AMergerIsLookedAtBeforeUnits) {
  AccountSuccession merger = Merger("a", "b");
  merger.first = absl::CivilDay(2027, 2, 1);
  accounts_.Record({OfUnits("moved", "a", {{Unit("a", "x"), Unit("c", "x")}}), merger});
  EXPECT_EQ(InUnits({Unit("a", "x")}, At(2027, 1, 31))->body, "bodies/c");
  const auto merged = InUnits({Unit("a", "x")}, At(2027, 2, 1));
  EXPECT_EQ(merged->body, "bodies/b");
  EXPECT_THAT(merged->units, IsEmpty()) << "it names no unit";
}

TEST_F(SuccessorAccountsTest, AChainHasStepsOfBothKinds) {
  AccountSuccession merger = Merger("b", "c");
  merger.units = {{Unit("b", "x"), Unit("c", "x")}, {Unit("b", "y"), Unit("c", "y")}};
  accounts_.Record(
      {OfUnits("split", "a", {{Unit("a", "x"), Unit("b", "x")}, {Unit("a", "y"), Unit("b", "y")}}), merger,
       OfUnits("moved", "c", {{Unit("c", "x"), Unit("d", "x")}})});
  const auto last = InUnits({Unit("a", "x")});
  EXPECT_EQ(last->body, "bodies/d");
  EXPECT_THAT(last->units, ElementsAre(Unit("d", "x")));
  const auto between = InUnits({Unit("a", "x"), Unit("a", "y")});
  EXPECT_EQ(between->body, "bodies/c");
  EXPECT_THAT(between->units, ElementsAre(Unit("c", "x"), Unit("c", "y")));
  EXPECT_EQ(BodyOf("b"), "bodies/c") << "a supervisor, as far as mergers go";
}

TEST_F(SuccessorAccountsTest, UnitsThatLeadBackLeadOneStepOnly) {
  accounts_.Record({OfUnits("youth", "a", {{Unit("a", "x"), Unit("b", "x")}}),
                    OfUnits("housing", "b", {{Unit("b", "x"), Unit("a", "x")}})});
  EXPECT_EQ(InUnits({Unit("a", "x")})->body, "bodies/b");
  EXPECT_EQ(accounts_.ActingCaller(Of("b", {Unit("b", "x")}, {Role::kCaseworker}), At(2027, 2, 1))->body,
            "bodies/a");
}

// Whoever calls while successions are told of is of the one body or the other, never of a mixture.
TEST_F(SuccessorAccountsTest, IsToldOfSuccessionsWhileOthersCall) {
  AccountSuccession merger = Merger("a", "b");
  merger.units = {{"bodies/a/units/x", "bodies/b/units/x"}};
  const auto before = Of("a", {"bodies/a/units/x"});
  std::atomic<bool> told{false};
  std::atomic<int> mixed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      bool last = false;
      while (!last) {
        last = told.load();  // once more after everything was told
        const auto acting = accounts_.ActingCaller(before, At(2027, 2, 1));
        const std::string unit = base::Cat(acting->body, "/units/x");
        if (acting->units.size() != 1 || acting->units[0] != unit) ++mixed;
        if (last && acting->body != "bodies/b") ++mixed;
      }
    });
  }
  for (int i = 0; i < 500; ++i) accounts_.Record({Merger(base::Cat("other", i), "b")});
  accounts_.Record({merger});
  told = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(mixed, 0);
}

}  // namespace
}  // namespace waypost::rpc::chain
