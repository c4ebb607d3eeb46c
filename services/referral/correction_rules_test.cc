#include "services/referral/correction_rules.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/correction_policy.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): records, commands and people of tests
using storage::v1::CorrectionRecord;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr std::string_view kTask = "correctionTasks/01jd0000000000000000000004";

ReferralRecord Open() {
  ReferralRecord record = RecordIn(kAcknowledged);
  record.set_offer("offers/flats");
  record.set_territory("ES300");
  return record;
}
ReferralRecord DeclinedFrom(const ReferralRecord& record, v1::DeclineReason reason,
                            v1::DeclinedBy by = v1::DECLINED_BY_PROVIDER) {
  v1::Decline decline;
  decline.set_reason(reason);
  decline.set_declined_by(by);
  return After(Actor::kReceiving, record, command::Decline{decline});
}

CorrectionRecord Task(absl::Time now = Now()) {
  return NewCorrection({.body = std::string(kReceivingBody),
                        .reason = v1::DECLINE_REASON_NO_CAPACITY,
                        .offer = "offers/flats",
                        .theme = type::v1::THEME_HOUSING},
                       std::string(kTask), now);
}

// Either an entry of the directory was wrong, or the referring side has it back to find another way.
TEST(Correction, EveryReasonIsForTheOneWhoCanMendItsCause) {
  const std::set<int> entries = {v1::DECLINE_REASON_NO_CAPACITY, v1::DECLINE_REASON_NOT_ELIGIBLE,
                                 v1::DECLINE_REASON_OUT_OF_AREA, v1::DECLINE_REASON_NOT_COMPETENT,
                                 v1::DECLINE_REASON_MISSING_DOCUMENTS};
  for (int reason = v1::DeclineReason_MIN; reason <= v1::DeclineReason_MAX; ++reason) {
    EXPECT_EQ(IsCausedByAnEntry(static_cast<v1::DeclineReason>(reason)), entries.contains(reason)) << reason;
    for (int by = v1::DeclinedBy_MIN; by <= v1::DeclinedBy_MAX; ++by) {
      const ReferralRecord before = Open();
      const ReferralRecord next =
          DeclinedFrom(before, static_cast<v1::DeclineReason>(reason), static_cast<v1::DeclinedBy>(by));
      const auto key = CorrectionOf(before, next);
      EXPECT_EQ(key.has_value(), entries.contains(reason) && by == v1::DECLINED_BY_PROVIDER);
      // Whatever the reason, the referring body owes a next step.
      EXPECT_EQ(next.due().clock(), v1::CLOCK_FOLLOW_UP);
      EXPECT_EQ(next.due().party(), v1::PARTY_REFERRING);
      if (!key.has_value()) continue;
      EXPECT_EQ(key->body, kReceivingBody);
      EXPECT_EQ(key->reason, reason);
      EXPECT_EQ(key->offer, "offers/flats");
      EXPECT_EQ(key->territory, "") << "of an offer";
    }
  }
}

TEST(Correction, OnlyAnOperatorCanMendWhatOnlyAnOperatorMayChange) {
  for (int i = v1::DeclineReason_MIN; i <= v1::DeclineReason_MAX; ++i) {
    const auto reason = static_cast<v1::DeclineReason>(i);
    for (const bool has_offer : {false, true}) {
      v1::CorrectionKeeper keeper = v1::CORRECTION_KEEPER_UNSPECIFIED;
      if (IsCausedByAnEntry(reason)) keeper = v1::CORRECTION_KEEPER_SUPERVISOR;
      if (reason == v1::DECLINE_REASON_NOT_COMPETENT) keeper = v1::CORRECTION_KEEPER_OPERATOR;
      if (reason == v1::DECLINE_REASON_OUT_OF_AREA && !has_offer) keeper = v1::CORRECTION_KEEPER_OPERATOR;
      EXPECT_EQ(KeeperOf(reason, has_offer), keeper) << i << " " << has_offer;
    }
  }
}

// Every method as every role in every relation.
TEST(Correction, SupervisorsHaveThoseOfTheirBodyAndOperatorsTheirsOfEveryBody) {
  for (const policy::MethodRule* rule : kCorrectionMethodRules) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const auto role = static_cast<policy::Role>(i);
      for (int j = 0; j < policy::kRelationCount; ++j) {
        const auto relation = static_cast<policy::Relation>(j);
        const bool own = relation == policy::Relation::kOwnBody &&
                         (role == policy::Role::kSupervisor || role == policy::Role::kOperator);
        const bool any = relation == policy::Relation::kAnyone && role == policy::Role::kOperator;
        EXPECT_EQ(!rule->Allows({role}, {relation}).empty(), own || any)
            << rule->method << " as " << policy::RoleName(role) << " " << policy::RelationName(relation);
      }
    }
  }
}

TEST(Correction, AnOperatorIsShownWhichEntryItIsAndNotTheBodysNumbers) {
  CorrectionRecord record = NewCorrection({.body = std::string(kReceivingBody),
                                           .reason = v1::DECLINE_REASON_NOT_COMPETENT,
                                           .theme = type::v1::THEME_HOUSING,
                                           .territory = "ES300"},
                                          std::string(kTask), Now());
  record = WithDecline(record, Now() + kDay);
  EXPECT_EQ(ToCorrectionTask(record).keeper(), v1::CORRECTION_KEEPER_OPERATOR);
  v1::CorrectionTask expected;
  expected.set_name(std::string(kTask));
  expected.set_body(std::string(kReceivingBody));
  expected.set_reason(v1::DECLINE_REASON_NOT_COMPETENT);
  expected.set_theme(type::v1::THEME_HOUSING);
  expected.set_territory("ES300");
  expected.set_keeper(v1::CORRECTION_KEEPER_OPERATOR);
  EXPECT_EQ(ToOperatorsTask(record).SerializeAsString(), expected.SerializeAsString());
}

TEST(Correction, OfEveryStepOnlyADeclineCounts) {
  for (const Transition& row : Transitions()) {
    if (!HasCommand(row.event)) continue;
    for (int i = 1; i < kStateCount; ++i) {
      const State state = static_cast<State>(i);
      if (!row.from.Has(state)) continue;
      const ReferralRecord before = RecordReadyFor(state, row.event, row.actor);
      const ReferralRecord next = After(row.actor, before, CommandFor(row.event, row.actor));
      const bool counts = row.event == Event::kDecline &&
                          next.decline().declined_by() == v1::DECLINED_BY_PROVIDER &&
                          IsCausedByAnEntry(next.decline().reason());
      EXPECT_EQ(CorrectionOf(before, next).has_value(), counts)
          << StateName(state) << " " << EventName(row.event);
    }
  }
}

TEST(Correction, WithoutAnOfferItIsAboutTheThemeInTheTerritory) {
  ReferralRecord before = Open();
  before.clear_offer();
  const auto key = CorrectionOf(before, DeclinedFrom(before, v1::DECLINE_REASON_NOT_COMPETENT));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->offer, "");
  EXPECT_EQ(key->theme, before.theme());
  EXPECT_EQ(key->territory, "ES300");
}

TEST(Correction, AnOfferIsTheOneWhereItWaited) {
  ReferralRecord before = Open();
  before.mutable_waiting()->set_offer("offers/rooms");
  const auto key = CorrectionOf(before, DeclinedFrom(before, v1::DECLINE_REASON_NO_CAPACITY));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->offer, "offers/rooms");
}

TEST(Correction, NothingSaysThatAProtectedReferralWasDeclined) {
  ReferralRecord before = Open();
  ReferralRecord next = DeclinedFrom(before, v1::DECLINE_REASON_NO_CAPACITY);
  next.mutable_protection()->set_ground(v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
  EXPECT_FALSE(CorrectionOf(before, next).has_value());
}

TEST(Correction, CountsDeclinesUntilItIsSettled) {
  CorrectionRecord task = Task();
  EXPECT_EQ(task.revision(), 1);
  EXPECT_EQ(CorrectionState(task), "OPEN");
  task = WithDecline(WithDecline(task, Now() + kDay), Now());
  EXPECT_EQ(task.decline_count(), 3);
  EXPECT_EQ(task.revision(), 3);
  EXPECT_EQ(api::FromTimestamp(task.first_time()), Now());
  EXPECT_EQ(api::FromTimestamp(task.last_time()), Now() + kDay) << "time never goes backwards";
  const CorrectionRecord settled = *Settled(task, v1::CORRECTION_FINDING_CORRECTED, Now() + 2 * kDay);
  EXPECT_EQ(settled.revision(), 4);
  EXPECT_EQ(CorrectionState(settled), "SETTLED");
  const v1::CorrectionTask shown = ToCorrectionTask(settled);
  EXPECT_EQ(shown.finding(), v1::CORRECTION_FINDING_CORRECTED);
  EXPECT_EQ(api::FromTimestamp(shown.settle_time()), Now() + 2 * kDay);
  EXPECT_EQ(shown.decline_count(), 3);
  EXPECT_EQ(error::ReasonOf(Settled(settled, v1::CORRECTION_FINDING_ENTRY_RIGHT, Now()).status()),
            "INVALID_TRANSITION");
}

TEST(Correction, ASuccessorHasItWithWhatItHasCountedItself) {
  const CorrectionRecord task = WithDecline(Task(Now() + kDay), Now() + 2 * kDay);
  const CorrectionRecord alone = Inherited(task, kThirdBody, nullptr, Now() + 3 * kDay);
  EXPECT_EQ(alone.body(), kThirdBody);
  EXPECT_EQ(alone.decline_count(), 2);
  EXPECT_EQ(alone.revision(), 3);
  const CorrectionRecord own = WithDecline(Task(Now()), Now() + 5 * kDay);
  const CorrectionRecord both = Inherited(task, kThirdBody, &own, Now() + 6 * kDay);
  EXPECT_EQ(both.decline_count(), 4);
  EXPECT_EQ(api::FromTimestamp(both.first_time()), Now());
  EXPECT_EQ(api::FromTimestamp(both.last_time()), Now() + 5 * kDay);
}

}  // namespace
}  // namespace waypost::referral
