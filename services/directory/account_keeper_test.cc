// Accounts that follow a succession, through gRPC: for whom a token is good before, in and after their time.
#include "services/directory/account_keeper.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "common/rpc/chain/successor_accounts.h"
#include "common/status/errors.h"
#include "services/directory/directory_rig.h"

namespace waypost::directory {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using policy::Role;
using rpc::chain::AccountSuccessionOf;
using ::testing::ElementsAre;
using ::testing::Pair;

template <typename Value>
Value Must(absl::StatusOr<Value> value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::ToStd(value.status().ToString())));
  return *std::move(value);
}

v1::Succession Parse(std::string_view text) {
  v1::Succession succession;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &succession)) << text;
  return succession;
}

constexpr std::string_view kWhole =
    "name: 'successions/s' predecessor: 'bodies/a' period { start_date: '2027-01-15' } "
    "accounts_until: '2027-04-15' ";

TEST(AccountSuccessionOf, IsOfOneShareOfEverythingThatSaysUntilWhen) {
  const auto made =
      AccountSuccessionOf(Parse(base::Cat(kWhole,
                                          "shares { successor: 'bodies/b' units { unit: 'bodies/a/units/x' "
                                          "successor_unit: 'bodies/b/units/y' } }")),
                          7);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->name, "successions/s");
  EXPECT_EQ(made->revision, 7);
  EXPECT_EQ(made->predecessor, "bodies/a");
  EXPECT_EQ(made->successor, "bodies/b");
  EXPECT_EQ(made->first, absl::CivilDay(2027, 1, 15));
  EXPECT_EQ(made->last, absl::CivilDay(2027, 4, 15));
  EXPECT_THAT(made->units, ElementsAre(Pair("bodies/a/units/x", "bodies/b/units/y")));
  for (const char* share :
       {"", "shares { successor: 'bodies/b' themes: THEME_YOUTH }",
        "shares { successor: 'bodies/b' territories: 'ES300' }",
        "shares { successor: 'bodies/b' } shares { successor: 'bodies/c' themes: THEME_YOUTH }"}) {
    EXPECT_FALSE(AccountSuccessionOf(Parse(base::Cat(kWhole, share)), 1).has_value()) << share;
  }
  v1::Succession before = Parse(base::Cat(kWhole, "shares { successor: 'bodies/b' }"));
  before.clear_accounts_until();
  EXPECT_LT(AccountSuccessionOf(before, 1)->last, absl::CivilDay(2027, 1, 15))
      << "recorded before there was such a day: nobody follows";
}

TEST(AccountSuccessionOf, OrOfUnitsThatSharesName) {
  const std::string_view b =
      "shares { successor: 'bodies/b' themes: THEME_YOUTH units { unit: 'bodies/a/units/x' "
      "successor_unit: 'bodies/b/units/x' } } ";
  const std::string_view c =
      "shares { successor: 'bodies/c' units { unit: 'bodies/a/units/x' "
      "successor_unit: 'bodies/c/units/y' } } ";
  const auto made = AccountSuccessionOf(Parse(base::Cat(kWhole, b, c)), 7);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->successor, "");
  EXPECT_EQ(made->first, absl::CivilDay(2027, 1, 15));
  EXPECT_EQ(made->last, absl::CivilDay(2027, 4, 15));
  EXPECT_THAT(made->units, ElementsAre(Pair("bodies/a/units/x", "bodies/b/units/x"),
                                       Pair("bodies/a/units/x", "bodies/c/units/y")));
  v1::Succession without = Parse(base::Cat(kWhole, b, c));
  without.clear_accounts_until();
  EXPECT_LT(AccountSuccessionOf(without, 1)->last, absl::CivilDay(2027, 1, 15)) << "nobody follows by it";
  EXPECT_THAT(AccountSuccessionOf(without, 1)->units, ::testing::SizeIs(2)) << "but others are judged by it";
  v1::Succession strange = Parse(base::Cat(kWhole, b, c));
  strange.mutable_shares(1)->set_successor("bodies/d");
  EXPECT_FALSE(AccountSuccessionOf(strange, 1).has_value()) << "a unit of another body";
}

TEST(AccountSuccessionOf, EndsWithTheSuccession) {
  v1::Succession ended = Parse(base::Cat(kWhole, "shares { successor: 'bodies/b' }"));
  ended.mutable_period()->set_end_date("2027-01-31");
  EXPECT_EQ(AccountSuccessionOf(ended, 1)->last, absl::CivilDay(2027, 1, 31));
  ended.mutable_period()->set_end_date("2028-01-31");
  EXPECT_EQ(AccountSuccessionOf(ended, 1)->last, absl::CivilDay(2027, 4, 15));
}

// "11" goes up in "22"; the clock stands on 15 January 2027.
class AccountKeeperTest : public ::testing::Test, protected DirectoryRig {
 protected:
  AccountKeeperTest() {
    for (const std::string id : {"11", "22"}) Make(id);
    old_account_ = rig.TokenOf("bodies/11", {Role::kSupervisor});
  }
  absl::StatusOr<v1::Succession> Record(std::string_view text) {
    v1::CreateSuccessionRequest request;
    request.set_succession_id("decree");
    Merge(base::Cat("succession { predecessor: 'bodies/11' reference: 'Decreto' ", text, " }"), request);
    return Do(node_operator, &Stub::CreateSuccession, request);
  }
  v1::Succession Merge12(std::string_view rest = "") {
    return Must(
        Record(base::Cat("kind: SUCCESSION_KIND_MERGED shares { successor: 'bodies/22' } "
                         "period { start_date: '2027-01-16' } ",
                         rest)));
  }
  // What the old account may do in the name of a body: only that body's own supervisor adds a unit to it.
  std::string AddsAUnitTo(std::string_view body) {
    auto request = Valid<v1::CreateUnitRequest>(body);
    request.set_unit_id(base::Cat("new-", ++units_));
    const auto made = Do(old_account_, &Stub::CreateUnit, request);
    return made.ok() ? "OK" : error::ReasonOf(made.status());
  }
  // The body that a caseworker of a unit of "11" acts for.
  std::string CaseworkerActsFor(std::string_view unit = "bodies/11/units/11") {
    policy::Caller caller;
    caller.body = "bodies/11";
    caller.roles = {Role::kCaseworker};
    caller.units = {std::string(unit)};
    return rig.accounts()
        .ActingCaller(std::make_shared<const policy::Caller>(std::move(caller)), rig.clock().Now())
        ->body;
  }
  // An enforcement body, "bodies/police".
  void MakePolice() {
    auto police = Valid<v1::CreateBodyRequest>("");
    police.set_body_id("police");
    police.mutable_body()->set_enforcement(true);
    Must(Do(node_operator, &Stub::CreateBody, police));
  }
  void NextDay(int days = 1) { rig.clock().Advance(days * absl::Hours(24)); }

  std::string old_account_;
  int units_ = 0;
  AccountKeeper keeper_{rig.env()};
};

TEST_F(AccountKeeperTest, TheOldAccountActsForTheSuccessorFromItsDayToTheLast) {
  EXPECT_EQ(Merge12("accounts_until: '2027-01-17'").accounts_until(), "2027-01-17");
  EXPECT_EQ(AddsAUnitTo("11"), "OK");
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
  NextDay();
  EXPECT_EQ(AddsAUnitTo("11"), "NOT_ALLOWED");
  EXPECT_EQ(AddsAUnitTo("22"), "OK");
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "OK");
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
}

TEST_F(AccountKeeperTest, ItDoesThoughItsBodyIsDissolved) {
  Merge12();
  Must(Do(node_operator, &Stub::DissolveBody, Valid<v1::DissolveBodyRequest>("11")));
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "OK");
}

TEST_F(AccountKeeperTest, UnlessToldOtherwiseForNinetyDays) {
  EXPECT_EQ(Merge12().accounts_until(), "2027-04-16");
  NextDay(91);
  EXPECT_EQ(AddsAUnitTo("22"), "OK");
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
}

TEST_F(AccountKeeperTest, NotWhereTheDayIsBeforeTheFirst) {
  Merge12("accounts_until: '2027-01-15'");
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
}

TEST_F(AccountKeeperTest, NotBeyondTheEndOfASuccessionThatWasTakenBack) {
  Merge12();
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "OK");
  auto end = Valid<v1::EndSuccessionRequest>("decree");
  end.set_end_date("2027-01-16");
  Must(Do(node_operator, &Stub::EndSuccession, end));
  EXPECT_EQ(AddsAUnitTo("22"), "OK") << "its last day";
  NextDay();
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
  EXPECT_EQ(AddsAUnitTo("11"), "OK");
}

TEST_F(AccountKeeperTest, NotWhereACompetenceMoved) {
  const std::string_view moved =
      "kind: SUCCESSION_KIND_COMPETENCE_MOVED shares { successor: 'bodies/22' themes: THEME_HOUSING } "
      "period { start_date: '2027-01-15' } ";
  EXPECT_THAT(error::ViolationsOf(Record(base::Cat(moved, "accounts_until: '2027-02-15'")).status()),
              ElementsAre(::testing::StartsWith("succession.accounts_until: ")));
  EXPECT_EQ(Must(Record(moved)).accounts_until(), "");
  EXPECT_EQ(AddsAUnitTo("11"), "OK");
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
}

constexpr std::string_view kWithUnit =
    "shares { successor: 'bodies/22' themes: THEME_HOUSING "
    "units { unit: 'bodies/11/units/11' successor_unit: 'bodies/22/units/22' } } ";

TEST_F(AccountKeeperTest, ThoseOfAUnitFollowItInASplit) {
  Make("33");
  const v1::Succession split =
      Must(Record(base::Cat("kind: SUCCESSION_KIND_SPLIT period { start_date: '2027-01-16' } ", kWithUnit,
                            "shares { successor: 'bodies/33' themes: THEME_YOUTH territories: 'ES300' } ")));
  EXPECT_EQ(split.accounts_until(), "2027-04-16") << "ninety days, unless told otherwise";
  EXPECT_EQ(CaseworkerActsFor(), "bodies/11");
  NextDay();
  EXPECT_EQ(CaseworkerActsFor(), "bodies/22");
  EXPECT_EQ(CaseworkerActsFor("bodies/11/units/other"), "bodies/11");
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED") << "a supervisor acts for the whole body";
  auto end = Valid<v1::EndSuccessionRequest>("decree");
  end.set_end_date("2027-01-16");
  Must(Do(node_operator, &Stub::EndSuccession, end));
  NextDay();
  EXPECT_EQ(CaseworkerActsFor(), "bodies/11");
}

TEST_F(AccountKeeperTest, ThoseOfAUnitFollowAMovedCompetenceWhereItIsSaid) {
  const std::string moved =
      base::Cat("kind: SUCCESSION_KIND_COMPETENCE_MOVED period { start_date: '2027-01-15' } ", kWithUnit);
  EXPECT_EQ(Must(Record(moved)).accounts_until(), "");
  EXPECT_EQ(CaseworkerActsFor(), "bodies/11") << "the unit may have work that stays";
  auto end = Valid<v1::EndSuccessionRequest>("decree");
  end.set_end_date("2027-01-15");
  Must(Do(node_operator, &Stub::EndSuccession, end));
  NextDay();
  v1::CreateSuccessionRequest said;
  said.set_succession_id("said");
  Merge(base::Cat("succession { predecessor: 'bodies/11' reference: 'Decreto' accounts_until: '2027-01-17' "
                  "kind: SUCCESSION_KIND_COMPETENCE_MOVED period { start_date: '2027-01-16' } ",
                  kWithUnit, " }"),
        said);
  Must(Do(node_operator, &Stub::CreateSuccession, said));
  EXPECT_EQ(CaseworkerActsFor(), "bodies/22");
  NextDay();
  EXPECT_EQ(CaseworkerActsFor(), "bodies/22");
  NextDay();
  EXPECT_EQ(CaseworkerActsFor(), "bodies/11");
}

// They would come to read cases.
TEST_F(AccountKeeperTest, NotThoseOfAnEnforcementBody) {
  MakePolice();
  v1::CreateSuccessionRequest request;
  request.set_succession_id("decree");
  Merge(
      "succession { predecessor: 'bodies/police' kind: SUCCESSION_KIND_MERGED reference: 'Decreto' "
      "shares { successor: 'bodies/22' } period { start_date: '2027-01-15' } }",
      request);
  EXPECT_THAT(
      error::ViolationsOf(Do(node_operator, &Stub::CreateSuccession, request).status()),
      ElementsAre(::testing::StartsWith("succession.accounts_until: the predecessor is an enforcement")));
  request.mutable_succession()->set_accounts_until("2027-01-14");
  Must(Do(node_operator, &Stub::CreateSuccession, request));
  old_account_ = rig.TokenOf("bodies/police", {Role::kSupervisor});
  EXPECT_EQ(AddsAUnitTo("22"), "NOT_ALLOWED");
}

TEST_F(AccountKeeperTest, NorThoseOfItsUnits) {
  MakePolice();
  auto unit = Valid<v1::CreateUnitRequest>("police");
  unit.set_unit_id("aliens");
  Must(Do(rig.TokenOf("bodies/police", {Role::kSupervisor}), &Stub::CreateUnit, unit));
  v1::CreateSuccessionRequest request;
  request.set_succession_id("decree");
  Merge(
      "succession { predecessor: 'bodies/police' kind: SUCCESSION_KIND_SPLIT reference: 'Decreto' "
      "shares { successor: 'bodies/22' units { unit: 'bodies/police/units/aliens' "
      "successor_unit: 'bodies/22/units/22' } } "
      "shares { successor: 'bodies/es-other' themes: THEME_YOUTH } period { start_date: '2027-01-15' } }",
      request);
  EXPECT_THAT(
      error::ViolationsOf(Do(node_operator, &Stub::CreateSuccession, request).status()),
      ElementsAre(::testing::StartsWith("succession.accounts_until: the predecessor is an enforcement")));
  request.mutable_succession()->set_accounts_until("2027-01-14");
  Must(Do(node_operator, &Stub::CreateSuccession, request));
}

TEST_F(AccountKeeperTest, IsToldAtTheStartOfAProcessOfWhatIsInTheStore) {
  Merge12();
  NextDay();
  rpc::chain::SuccessorAccounts fresh;
  const rpc::NodeEnvironment& shared = rig.env().node;
  const rpc::NodeEnvironment node{
      shared.authenticator, shared.admission, shared.clock,       shared.random,          shared.executor,
      shared.metrics,       shared.log,       shared.page_tokens, shared.idempotency_key, fresh};
  const rpc::Environment env{node, rig.env().store, rig.env().lane, rig.env().hub};
  AccountKeeper started(env);
  ASSERT_TRUE(started.Load().ok());
  policy::Caller caller;
  caller.body = "bodies/11";
  const auto before = std::make_shared<const policy::Caller>(caller);
  EXPECT_EQ(fresh.ActingCaller(before, rig.clock().Now())->body, "bodies/22");
}

TEST_F(AccountKeeperTest, TheSuccessorsAuditorsAreShownWhoRecordedIt) {
  Merge12();
  const auto events = rig.Events();
  EXPECT_EQ(events.back().type(), "directory.succession_recorded");
  EXPECT_THAT(events.back().parties(), ElementsAre("bodies/es-node", "bodies/11", "bodies/22"));
}

}  // namespace
}  // namespace waypost::directory
