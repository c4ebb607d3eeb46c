#include "services/referral/breach_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/breach_policy.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): records, commands and people of tests
using policy::Relation;
using policy::Role;
using ::testing::ElementsAre;

constexpr std::string_view kBreach = "breaches/01jd0000000000000000000007";

BreachRecord New(absl::Time now = Now()) {
  return NewBreach(RecordIn(kAcknowledged), std::string(kBreach), 0, Referrer(), now);
}
BreachStep At(absl::Time now) {
  return {.by = Referrer(), .now = now};
}

v1::AssessBreachRequest Assess(v1::BreachRisk risk) {
  v1::AssessBreachRequest request;
  request.set_name(std::string(kBreach));
  request.set_risk(risk);
  request.set_risk_reason(v1::BREACH_RISK_REASON_PASSED_ON);
  return request;
}
v1::RecordBreachNotificationRequest Notify(absl::Time time) {
  v1::RecordBreachNotificationRequest request;
  request.set_name(std::string(kBreach));
  *request.mutable_notify_time() = api::ToTimestamp(time);
  return request;
}
v1::RecordBreachNotificationRequest Omit() {
  v1::RecordBreachNotificationRequest request;
  request.set_name(std::string(kBreach));
  request.set_omission_reason(v1::BREACH_OMISSION_REASON_AUTHORITY_KNOWS);
  return request;
}
v1::RecordPersonsToldRequest Tell(absl::Time time) {
  v1::RecordPersonsToldRequest request;
  request.set_name(std::string(kBreach));
  *request.mutable_tell_time() = api::ToTimestamp(time);
  request.set_informed_how(v1::INFORMED_HOW_IN_PERSON);
  return request;
}
v1::RecordBreachDeletionRequest Confirm(absl::Time time) {
  v1::RecordBreachDeletionRequest request;
  request.set_name(std::string(kBreach));
  *request.mutable_confirm_time() = api::ToTimestamp(time);
  return request;
}

std::string ReasonFor(const absl::StatusOr<BreachRecord>& next) {
  return next.ok() ? "OK" : error::ReasonOf(next.status());
}

// Each act, with a request that nothing is wrong with.
absl::StatusOr<BreachRecord> Do(BreachAct act, const BreachRecord& record) {
  switch (act) {
    case BreachAct::kAssess:
      return Recorded(record, Assess(v1::BREACH_RISK_NONE), At(Now()));
    case BreachAct::kNotify:
      return Recorded(record, Notify(Now()), At(Now()));
    case BreachAct::kTell:
      return Recorded(record, Tell(Now()), At(Now()));
    case BreachAct::kConfirmDeletion:
      return Recorded(record, Confirm(Now()), At(Now()));
    case BreachAct::kClose:
      return Recorded(record, v1::CloseBreachRequest(), At(Now()));
  }
  return record;
}

// The table once more, in words: what is recorded in which state, and what comes of it.
TEST(BreachMachine, EveryStateAndAct) {
  struct Expected {
    v1::BreachState state;
    std::vector<v1::BreachState> after;  // in the order of BreachAct; unspecified: refused
  };
  constexpr auto kRefused = v1::BREACH_STATE_UNSPECIFIED;
  constexpr auto kIsOpen = v1::BREACH_STATE_OPEN;
  constexpr auto kIsAssessed = v1::BREACH_STATE_ASSESSED;
  constexpr auto kIsClosed = v1::BREACH_STATE_CLOSED;
  const std::vector<Expected> table = {
      {kIsOpen, {kIsAssessed, kIsOpen, kIsOpen, kIsOpen, kRefused}},
      {kIsAssessed, {kIsAssessed, kIsAssessed, kIsAssessed, kIsAssessed, kIsClosed}},
      {kIsClosed, {kIsAssessed, kRefused, kRefused, kRefused, kRefused}},
  };
  for (const Expected& row : table) {
    BreachRecord record = New();
    record.mutable_breach()->set_state(row.state);
    if (row.state != kIsOpen) record.mutable_breach()->set_risk(v1::BREACH_RISK_NONE);
    for (int i = 0; i < kBreachActCount; ++i) {
      const auto act = static_cast<BreachAct>(i);
      const auto next = Do(act, record);
      const v1::BreachState after = row.after[static_cast<size_t>(i)];
      ASSERT_EQ(next.ok(), after != kRefused) << BreachStateName(row.state) << " " << BreachActName(act);
      EXPECT_EQ(Takes(row.state, act), next.ok());
      if (!next.ok()) {
        EXPECT_EQ(ReasonFor(next), "INVALID_TRANSITION");
        continue;
      }
      EXPECT_EQ(next->breach().state(), after) << BreachStateName(row.state) << " " << BreachActName(act);
      EXPECT_EQ(next->breach().revision(), record.breach().revision() + 1);
      EXPECT_EQ(next->breach().entries_size(), record.breach().entries_size() + 1);
      EXPECT_EQ(next->breach().entries().rbegin()->action(), BreachActName(act));
      EXPECT_EQ(next->breach().entries().rbegin()->actor(), Referrer().actor);
    }
  }
}

TEST(BreachPolicy, EveryMethodRoleAndSetOfRelations) {
  for (const policy::MethodRule* rule : kBreachMethodRules) {
    const bool list = rule->method == "ListBreaches";
    EXPECT_EQ(rule->mutation, !list && rule->method != "GetBreach") << rule->method;
    for (int role_index = 0; role_index < policy::kRoleCount; ++role_index) {
      const Role role = static_cast<Role>(role_index);
      const bool officer = role == Role::kSupervisor || role == Role::kSafeguardingOfficer;
      for (int bits = 0; bits < 1 << policy::kRelationCount; ++bits) {
        policy::Relations relations;
        for (int i = 0; i < policy::kRelationCount; ++i) {
          if ((bits >> i & 1) != 0) relations.Add(static_cast<Relation>(i));
        }
        const bool reader = role == Role::kCaseworker && relations.Has(Relation::kReader);
        const bool may = list ? officer && relations.Has(Relation::kOwnBody)
                              : (officer || reader) && relations.Has(Relation::kReferring);
        ASSERT_EQ(!rule->Allows({role}, relations).empty(), may)
            << rule->method << " " << policy::RoleName(role) << " " << bits;
      }
    }
  }
}

TEST(Breach, BeginsWithWhatIsKnownOfTheReferral) {
  ReferralRecord before = RecordIn(kAccepted);
  const auto receipt = [&before](v1::TransportReceiptKind kind, std::string_view body, absl::Time time) {
    v1::TransportReceipt& one = *before.add_receipts();
    one.set_kind(kind);
    one.set_body(std::string(body));
    *one.mutable_time() = api::ToTimestamp(time);
  };
  before.clear_receipts();
  receipt(v1::TRANSPORT_RECEIPT_KIND_READ, kThirdBody, Now() - absl::Minutes(9));
  receipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, kReceivingBody, Now() - absl::Minutes(6));
  receipt(v1::TRANSPORT_RECEIPT_KIND_READ, kReceivingBody, Now() - absl::Minutes(5));
  receipt(v1::TRANSPORT_RECEIPT_KIND_READ, kReceivingBody, Now() - absl::Minutes(1));
  *before.add_withdrawn_persons() = CompletePerson(2);
  const v1::Breach breach = ToBreach(NewBreach(before, std::string(kBreach), 3, Referrer(), Now()));
  EXPECT_EQ(breach.state(), v1::BREACH_STATE_OPEN);
  EXPECT_EQ(breach.body(), kReferringBody);
  EXPECT_EQ(breach.wrong_body(), kReceivingBody);
  EXPECT_EQ(breach.referral(), before.name());
  EXPECT_EQ(api::FromTimestamp(breach.discover_time()), Now());
  EXPECT_EQ(api::FromTimestamp(breach.notify_by_time()), Now() + absl::Hours(72));
  EXPECT_EQ(breach.person_count(), 2) << "who was taken out of it had been sent, too";
  EXPECT_EQ(breach.passed_on_count(), 3);
  EXPECT_EQ(api::FromTimestamp(breach.deliver_time()), Now() - absl::Minutes(6));
  EXPECT_EQ(api::FromTimestamp(breach.read_time()), Now() - absl::Minutes(5)) << "the first, there";
  ASSERT_FALSE(breach.open_sections().empty());
  EXPECT_EQ(breach.open_sections(0), v1::SECTION_KIND_SCREENING);
  EXPECT_GT(breach.open_sections_size(), 1) << "it was accepted";
  EXPECT_EQ(ToBreach(New()).open_sections_size(), 1) << "it was not";
  EXPECT_THAT(breach.allowed_actions(),
              ElementsAre("ASSESS", "RECORD_NOTIFICATION", "RECORD_PERSONS_TOLD", "RECORD_DELETION"));
}

// By risk, what is owed before it is closed, one after the other.
TEST(Breach, IsClosedOnceNothingIsOwed) {
  const BreachRecord open = New();
  EXPECT_EQ(OwedToClose(open), "ASSESS");
  EXPECT_FALSE(IsAnswered(open));

  const auto none = Recorded(open, Assess(v1::BREACH_RISK_NONE), At(Now()));
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(IsAnswered(*none));
  EXPECT_EQ(OwedToClose(*none), "");
  EXPECT_THAT(ToBreach(*none).allowed_actions(), ::testing::Contains("CLOSE"));

  auto high = Recorded(open, Assess(v1::BREACH_RISK_HIGH_RISK), At(Now()));
  ASSERT_TRUE(high.ok());
  EXPECT_FALSE(IsAnswered(*high));
  EXPECT_THAT(ToBreach(*high).allowed_actions(), ::testing::Not(::testing::Contains("CLOSE")));
  const auto refused = Recorded(*high, v1::CloseBreachRequest(), At(Now()));
  EXPECT_EQ(ReasonFor(refused), "BREACH_NOT_ANSWERED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "owed"), "RECORD_NOTIFICATION");
  high = Recorded(*high, Omit(), At(Now()));
  ASSERT_TRUE(high.ok());
  EXPECT_TRUE(IsAnswered(*high));
  EXPECT_EQ(OwedToClose(*high), "RECORD_PERSONS_TOLD");
  EXPECT_EQ(ReasonFor(Recorded(*high, v1::CloseBreachRequest(), At(Now()))), "BREACH_NOT_ANSWERED");
  high = Recorded(*high, Tell(Now()), At(Now()));
  ASSERT_TRUE(high.ok());
  const auto closed = Recorded(*high, v1::CloseBreachRequest(), At(Now() + absl::Hours(1)));
  ASSERT_TRUE(closed.ok());
  EXPECT_EQ(api::FromTimestamp(closed->breach().close_time()), Now() + absl::Hours(1));
  EXPECT_THAT(ToBreach(*closed).allowed_actions(), ElementsAre("ASSESS"));

  // Whoever learns more opens it again, and what was recorded stays.
  const auto again = Recorded(*closed, Assess(v1::BREACH_RISK_RISK), At(Now() + absl::Hours(2)));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->breach().state(), v1::BREACH_STATE_ASSESSED);
  EXPECT_FALSE(again->breach().has_close_time());
  EXPECT_EQ(again->breach().entries(1).risk(), v1::BREACH_RISK_HIGH_RISK);
}

TEST(Breach, TheLastNotificationOrOmissionCounts) {
  const auto omitted = Recorded(New(), Omit(), At(Now()));
  ASSERT_TRUE(omitted.ok());
  const auto told = Recorded(*omitted, Notify(Now()), At(Now()));
  ASSERT_TRUE(told.ok());
  EXPECT_TRUE(told->breach().has_notify_time());
  EXPECT_EQ(told->breach().omission_reason(), v1::BREACH_OMISSION_REASON_UNSPECIFIED);
  const auto wrong = Recorded(*told, Omit(), At(Now()));
  ASSERT_TRUE(wrong.ok());
  EXPECT_FALSE(wrong->breach().has_notify_time());
  EXPECT_EQ(wrong->breach().entries_size(), 4) << "with the one that opened it";
}

TEST(Breach, TimesAreThoseThatCanBe) {
  const BreachRecord open = New();
  const absl::Time by = Now() + kBreachNoticeWithin;
  const absl::Time later = by + absl::Hours(10);
  const absl::Time sent = api::FromTimestamp(open.breach().send_time());
  ASSERT_LT(sent, Now());
  for (const absl::Time wrong : {sent - absl::Seconds(1), later + absl::Seconds(1)}) {
    EXPECT_EQ(ReasonFor(Recorded(open, Notify(wrong), At(later))), "INVALID_FIELD");
    EXPECT_EQ(ReasonFor(Recorded(open, Tell(wrong), At(later))), "INVALID_FIELD");
    EXPECT_EQ(ReasonFor(Recorded(open, Confirm(wrong), At(later))), "INVALID_FIELD");
  }
  EXPECT_EQ(ReasonFor(Recorded(open, Notify(by), At(later))), "OK") << "to the second";
  EXPECT_EQ(ReasonFor(Recorded(open, Notify(sent), At(later))), "OK") << "known before it was reported here";
  v1::RecordBreachNotificationRequest late = Notify(by + absl::Seconds(1));
  EXPECT_EQ(ReasonFor(Recorded(open, late, At(later))), "INVALID_FIELD");
  late.set_delay_reason(v1::BREACH_DELAY_REASON_NOBODY_AT_WORK);
  EXPECT_EQ(ReasonFor(Recorded(open, late, At(later))), "OK");
  v1::RecordBreachNotificationRequest in_time = Notify(by);
  in_time.set_delay_reason(v1::BREACH_DELAY_REASON_NOBODY_AT_WORK);
  EXPECT_EQ(ReasonFor(Recorded(open, in_time, At(later))), "INVALID_FIELD");
}

TEST(Breach, HasSoManyEntriesAndNoMore) {
  BreachRecord record = New();
  while (record.breach().entries_size() < kMaxBreachEntries) {
    const auto next = Recorded(record, Assess(v1::BREACH_RISK_RISK), At(Now()));
    ASSERT_TRUE(next.ok());
    record = *next;
  }
  EXPECT_EQ(ReasonFor(Recorded(record, Assess(v1::BREACH_RISK_RISK), At(Now()))), "LIMIT_EXCEEDED");
  // But what is owed, and its end.
  const auto notified = Recorded(record, Notify(Now()), At(Now()));
  ASSERT_TRUE(notified.ok()) << notified.status();
  EXPECT_EQ(ReasonFor(Recorded(*notified, Notify(Now()), At(Now()))), "LIMIT_EXCEEDED");
  EXPECT_TRUE(Recorded(*notified, v1::CloseBreachRequest(), At(Now())).ok());
}

TEST(Breach, WhyNobodyWasNotifiedIsNotReasonedForAHigherRisk) {
  v1::RecordBreachNotificationRequest omitted;
  omitted.set_omission_reason(v1::BREACH_OMISSION_REASON_RISK_REMOVED);
  auto record = Recorded(New(), Assess(v1::BREACH_RISK_RISK), At(Now()));
  record = Recorded(*record, omitted, At(Now()));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_TRUE(IsAnswered(*record));
  record = Recorded(*record, Assess(v1::BREACH_RISK_HIGH_RISK), At(Now()));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_FALSE(IsAnswered(*record));
  record = Recorded(*record, omitted, At(Now()));
  EXPECT_TRUE(IsAnswered(*record)) << "said once more, it counts";
  EXPECT_TRUE(IsAnswered(*Recorded(*record, Assess(v1::BREACH_RISK_HIGH_RISK), At(Now()))));
}

TEST(Breach, WhatWasReadBeforeTheWrongBodyWasSucceededIsKnown) {
  ReferralRecord before = RecordIn(v1::REFERRAL_STATE_ACCEPTED);
  before.clear_receipts();
  const auto receipt = [&before](v1::TransportReceiptKind kind, std::string_view body, absl::Time time) {
    v1::TransportReceipt& added = *before.add_receipts();
    added.set_kind(kind);
    added.set_body(std::string(body));
    *added.mutable_time() = api::ToTimestamp(time);
  };
  receipt(v1::TRANSPORT_RECEIPT_KIND_RECEIVED, "bodies/es-earlier", Now() - absl::Hours(9));
  receipt(v1::TRANSPORT_RECEIPT_KIND_READ, "bodies/es-earlier", Now() - absl::Hours(8));
  receipt(v1::TRANSPORT_RECEIPT_KIND_RECEIVED, "bodies/es-predecessor", Now() - absl::Hours(7));
  receipt(v1::TRANSPORT_RECEIPT_KIND_READ, "bodies/es-predecessor", Now() - absl::Hours(6));
  policy::Caller by;
  by.body = before.referring().body();
  const BreachRecord breach = NewBreach(before, "breaches/01jd", 0, by, Now());
  EXPECT_EQ(api::FromTimestamp(breach.breach().read_time()), Now() - absl::Hours(6));
}

// A reference is a code: no sentence and no name goes through it.
TEST(Breach, ReferencesAreFileNumbers) {
  v1::RecordBreachNotificationRequest request = Notify(Now());
  for (const char* good : {"AEPD-2026/00017", "7", "a.b_c/1"}) {
    request.set_reference(good);
    EXPECT_TRUE(Validate(request).ok()) << good;
  }
  for (const std::string& bad :
       {std::string("told Olena Koval 1"), std::string("Koval"), std::string("ñ1"), std::string(65, '1')}) {
    request.set_reference(bad);
    EXPECT_EQ(error::ReasonOf(Validate(request)), "INVALID_FIELD") << bad;
  }
  request = Omit();
  EXPECT_TRUE(Validate(request).ok());
  *request.mutable_notify_time() = api::ToTimestamp(Now());
  EXPECT_FALSE(Validate(request).ok()) << "one of the two";
  request = Omit();
  request.clear_omission_reason();
  EXPECT_FALSE(Validate(request).ok());
  v1::RecordPersonsToldRequest told = Tell(Now());
  EXPECT_TRUE(Validate(told).ok());
  told.set_informed_how(v1::INFORMED_HOW_NOT_INFORMED);
  EXPECT_FALSE(Validate(told).ok());
}

TEST(Breach, IsOfItsBodyAndOfAProtectedReferralOfItsReadersAlone) {
  const ReferralRecord referral = RecordIn(kCancelled);
  EXPECT_TRUE(RelationsToBreach(New(), referral, Referrer()).Has(Relation::kReferring));
  EXPECT_TRUE(RelationsToBreach(New(), referral, Receiver()).empty());
  EXPECT_TRUE(RelationsToBreach(New(), referral, Coordinator()).empty());
  ReferralRecord hidden = RecordIn(kAcknowledged);
  hidden.mutable_protection()->add_referring_readers("p-eva");
  const BreachRecord record = NewBreach(hidden, std::string(kBreach), 0, Referrer(), Now());
  ASSERT_TRUE(record.is_protected());
  EXPECT_TRUE(RelationsToBreach(record, hidden, Referrer()).empty()) << "a supervisor who reads nothing";
  const policy::Caller eva = CallerOf(kReferringBody, "p-eva");
  EXPECT_TRUE(RelationsToBreach(record, hidden, eva).Has(Relation::kReader));
  EXPECT_TRUE(RelationsToBreach(record, hidden, CallerOf(kReceivingBody, "p-eva")).empty());
}

TEST(Breach, GoesToTheSuccessorAndKeepsWhereItWent) {
  const BreachRecord moved = Succeeded(New(), kThirdBody, Now() + absl::Hours(1));
  EXPECT_EQ(moved.breach().body(), kThirdBody);
  EXPECT_EQ(moved.breach().wrong_body(), kReceivingBody);
  EXPECT_EQ(moved.breach().revision(), 2);
  EXPECT_EQ(moved.breach().entries(1).action(), "SUCCEED");
}

}  // namespace
}  // namespace waypost::referral
