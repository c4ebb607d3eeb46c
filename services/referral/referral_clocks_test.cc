#include "services/referral/referral_clocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rules.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using testing::After;
using testing::CommandFor;
using testing::DecideBy;
using testing::Now;
using testing::RecordIn;
using testing::RecordReadyFor;

constexpr Actor kReferring = Actor::kReferring;
constexpr Actor kReceiving = Actor::kReceiving;
constexpr Actor kCoordinating = Actor::kCoordinating;
constexpr Actor kSystem = Actor::kSystem;
constexpr absl::Duration kDay = absl::Hours(24);

absl::Time DueOf(const ReferralRecord& record) {
  return api::FromTimestamp(record.due().time());
}

std::string Reason(const absl::StatusOr<Decision>& decision) {
  return error::ReasonOf(decision.status());
}

CalendarPtr Office() {
  return std::make_shared<const calendar::WorkingCalendar>(
      calendar::WorkingCalendar{.works = {true, true, true, true, true, false, false}});
}

// Friday, 8 May 2026, 15:00.
absl::Time Friday() {
  return absl::FromCivil(absl::CivilSecond(2026, 5, 8, 15, 0, 0), absl::UTCTimeZone());
}

ReferralRecord Decided(const ReferralRecord& record, const Command& command, const Moment& at) {
  const auto decision =
      Decide(record, command, testing::As(testing::Receiver(), {policy::Relation::kReceiving}), at);
  EXPECT_TRUE(decision.ok()) << decision.status();
  return decision->next;
}

// What the clocks do when they look at it then; nothing when it is too early.
std::optional<Event> EventAt(const ReferralRecord& record, absl::Time now,
                             const std::vector<Outage>& outages = {}) {
  const auto command = WhatIsDue(record, outages, now);
  if (!command.has_value()) return std::nullopt;
  return EventOf(*command);
}

ReferralRecord Ring(const ReferralRecord& record, absl::Time now, const std::vector<Outage>& outages = {}) {
  const auto command = WhatIsDue(record, outages, now);
  EXPECT_TRUE(command.has_value());
  return After(kSystem, record, *command, now);
}

absl::Time WakeTime(const ReferralRecord& record) {
  return api::FromTimestamp(record.wake_time());
}

TEST(Clocks, RunOnTheWorkingDaysOfWhoeverOwes) {
  const Moment at(Friday(), ClockTable::Standard(), {.referring = nullptr, .receiving = Office()});
  ReferralRecord record = RecordIn(kRequested);
  record.set_priority(v1::PRIORITY_URGENT);
  record = Decided(record, command::Acknowledge{}, at);
  EXPECT_EQ(DueOf(record), Friday() + 5 * kDay) << "three working days from Friday: Wednesday";
  const ReferralRecord asked = Decided(record, command::RequestInformation{}, at);
  EXPECT_EQ(DueOf(asked), Friday() + 3 * kDay) << "the referring body has no calendar";
}

TEST(Clocks, AnEmergencyRunsDayAndNight) {
  const Moment at(Friday(), ClockTable::Standard(), {.referring = nullptr, .receiving = Office()});
  ReferralRecord record = RecordIn(kRequested);
  record.set_priority(v1::PRIORITY_EMERGENCY);
  EXPECT_EQ(DueOf(Decided(record, command::Acknowledge{}, at)), Friday() + kDay);
}

TEST(Clocks, AThemeCanHaveTimesOfItsOwn) {
  ClockTable table;
  table.by_theme[type::v1::THEME_LANGUAGE] = {.urgent = absl::Hours(5), .normal = absl::Hours(7)};
  EXPECT_EQ(table.StepTime(type::v1::THEME_LANGUAGE, v1::PRIORITY_NORMAL), absl::Hours(7));
  EXPECT_EQ(table.StepTime(type::v1::THEME_HOUSING, v1::PRIORITY_NORMAL), 14 * kDay);
  const ReferralRecord record =
      Decided(RecordIn(kRequested), command::Acknowledge{}, Moment(Now(), table, {}));
  EXPECT_EQ(DueOf(record), Now() + absl::Hours(7));
}

TEST(Clocks, AfterAQuestionTheReceiverHasTheWorkingTimeThatItHadLeft) {
  const SideCalendars calendars{.referring = nullptr, .receiving = Office()};
  ReferralRecord record = RecordIn(kRequested);
  record.set_priority(v1::PRIORITY_URGENT);
  record = Decided(record, command::Acknowledge{}, Moment(Friday(), ClockTable::Standard(), calendars));
  // Asked on Saturday, when 63 of its 72 hours are left.
  record = Decided(record, command::RequestInformation{},
                   Moment(Friday() + kDay, ClockTable::Standard(), calendars));
  const auto answered = Decide(record, command::ProvideInformation{},
                               testing::As(testing::Referrer(), {policy::Relation::kReferring}),
                               Moment(Friday() + 4 * kDay, ClockTable::Standard(), calendars));
  ASSERT_TRUE(answered.ok());
  EXPECT_EQ(DueOf(answered->next), Friday() + 4 * kDay + absl::Hours(63)) << "Tuesday to Friday";
}

TEST(Clocks, RemindThenEscalateThenLapse) {
  ReferralRecord record = RecordIn(kRequested);
  const absl::Time due = DueOf(record);
  EXPECT_EQ(record.wake(), storage::v1::WAKE_REMIND);
  EXPECT_EQ(WakeTime(record), due - absl::Hours(84)) << "a quarter of 14 days before";
  EXPECT_EQ(EventAt(record, WakeTime(record) - absl::Microseconds(1)), std::nullopt);
  EXPECT_EQ(EventAt(record, WakeTime(record)), Event::kReminder);

  record = Ring(record, WakeTime(record));
  EXPECT_TRUE(record.has_due_reminder_time());
  EXPECT_EQ(record.wake(), storage::v1::WAKE_MISSED);
  EXPECT_EQ(EventAt(record, due), std::nullopt) << "the due instant is in time";
  EXPECT_EQ(EventAt(record, WakeTime(record)), Event::kEscalate);

  record = Ring(record, WakeTime(record));
  EXPECT_TRUE(record.has_escalate_time());
  EXPECT_EQ(record.wake(), storage::v1::WAKE_LAPSE);
  EXPECT_EQ(WakeTime(record), api::FromTimestamp(record.escalate_time()) + 14 * kDay);
  EXPECT_EQ(EventAt(record, WakeTime(record) - absl::Seconds(1)), std::nullopt);

  record = Ring(record, WakeTime(record));
  EXPECT_EQ(record.state(), kLapsed);
  EXPECT_EQ(record.due().clock(), v1::CLOCK_FOLLOW_UP);
  EXPECT_EQ(record.wake(), storage::v1::WAKE_NEVER);
  EXPECT_EQ(EventAt(record, Now() + 1000 * kDay), std::nullopt);
}

TEST(Clocks, AReminderThatComesTooLateIsLeftOut) {
  const ReferralRecord record = RecordIn(kRequested);
  EXPECT_EQ(EventAt(record, DueOf(record) + absl::Seconds(1)), Event::kEscalate);
}

// Every open state: what its missed clock leads to. None but what nobody has decided ever ends by itself.
TEST(Clocks, EveryOpenStateIsEscalatedOrReturnsAndOnlyWhatIsUndecidedLapses) {
  for (int i = 0; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    ReferralRecord record = RecordIn(state);
    if (!IsOpen(state) || !record.has_due()) continue;
    const absl::Time late = DueOf(record) + absl::Hours(1);
    const Event expected = state == kNeedsInfo ? Event::kInformationLapse
                           : state == kOffered ? Event::kOfferLapse
                                               : Event::kEscalate;
    ASSERT_EQ(EventAt(record, late), expected) << StateName(state);
    record = Ring(record, late);
    EXPECT_FALSE(IsEnd(record.state())) << StateName(state);
    if (expected != Event::kEscalate) continue;
    const bool lapses = state == kRequested || state == kAcknowledged;
    EXPECT_EQ(record.wake() == storage::v1::WAKE_LAPSE, lapses) << StateName(state);
    EXPECT_EQ(EventAt(record, late + 1000 * kDay).has_value(), lapses) << StateName(state);
  }
}

TEST(Clocks, FiringTwiceIsRefusedTheSecondTime) {
  const ReferralRecord record = RecordReadyFor(kRequested, Event::kEscalate, kSystem);
  const ReferralRecord once = After(kSystem, record, command::Escalate{});
  EXPECT_EQ(Reason(DecideBy(kSystem, once, command::Escalate{})), "NOT_OVERDUE");
  EXPECT_EQ(Reason(DecideBy(kSystem, RecordIn(kRequested), command::Escalate{})), "NOT_OVERDUE");
  const ReferralRecord reminded = After(kSystem, RecordIn(kRequested), command::Reminder{});
  EXPECT_EQ(Reason(DecideBy(kSystem, reminded, command::Reminder{})), "NOTHING_DUE");
}

TEST(Clocks, AnotherDateIsAnotherClock) {
  ReferralRecord record = RecordReadyFor(kRequested, Event::kEscalate, kSystem);
  record = After(kSystem, record, command::Escalate{});
  record = After(kReceiving, record, command::ProposeDate{Now() + 30 * kDay});
  record = After(kReferring, record, command::AgreeDate{});
  EXPECT_FALSE(record.has_escalate_time());
  EXPECT_EQ(record.wake(), storage::v1::WAKE_REMIND);
  EXPECT_EQ(EventAt(record, Now() + 31 * kDay), Event::kEscalate);
}

TEST(Clocks, ANoteLeavesThemAsTheyAre) {
  ReferralRecord record = RecordReadyFor(kRequested, Event::kEscalate, kSystem);
  record = After(kSystem, record, command::Escalate{});
  const ReferralRecord noted = After(kReferring, record, command::AddNote{}, Now() + kDay);
  EXPECT_EQ(WakeTime(noted), WakeTime(record));
  EXPECT_EQ(noted.wake(), storage::v1::WAKE_LAPSE);
  EXPECT_TRUE(noted.has_escalate_time());
}

// --- Downtime --------------------------------------------------------------------------------------------

TEST(Downtime, IsGivenBackAndEscalatesAfterwards) {
  const ReferralRecord record = RecordIn(kRequested);
  const absl::Time due = DueOf(record);
  const Outage outage{due - absl::Hours(2), due + absl::Hours(10)};
  ASSERT_EQ(EventAt(record, outage.end, {outage}), Event::kGiveBackTime);
  const ReferralRecord later = Ring(record, outage.end, {outage});
  EXPECT_EQ(DueOf(later), due + absl::Hours(12));
  EXPECT_EQ(later.state(), kRequested);
  EXPECT_EQ(EventAt(later, DueOf(later) + absl::Seconds(1), {outage}), Event::kEscalate)
      << "what was given back is not given again";
}

TEST(Downtime, BeforeTheClockBeganOrAfterItEndedTakesNothing) {
  const ReferralRecord record = RecordIn(kRequested);
  const absl::Time began = api::FromTimestamp(record.clock_start_time());
  const absl::Time due = DueOf(record);
  EXPECT_EQ(TimeToGiveBack(record, {{began - kDay, began}}), absl::ZeroDuration());
  EXPECT_EQ(TimeToGiveBack(record, {{due, due + kDay}}), absl::ZeroDuration());
  EXPECT_EQ(TimeToGiveBack(record, {{began - kDay, began + kDay}}), kDay);
  EXPECT_EQ(TimeToGiveBack(record, {{began + kDay, began + 2 * kDay}, {due, due + absl::Hours(1)}}),
            kDay + absl::Hours(1))
      << "what is given back runs through the next outage";
}

TEST(Downtime, LapsesNothing) {
  ReferralRecord record = RecordReadyFor(kRequested, Event::kEscalate, kSystem);
  record = After(kSystem, record, command::Escalate{});
  const absl::Time lapse = WakeTime(record);
  const Outage outage{lapse - absl::Hours(1), lapse + 30 * kDay};
  ASSERT_EQ(EventAt(record, outage.end, {outage}), Event::kGiveBackTime);
  record = Ring(record, outage.end, {outage});
  EXPECT_EQ(record.state(), kRequested);
  EXPECT_EQ(WakeTime(record), outage.end + absl::Hours(1));
  EXPECT_EQ(EventAt(record, outage.end, {outage}), std::nullopt);
  EXPECT_EQ(EventAt(record, WakeTime(record), {outage}), Event::kLapse);
}

// --- Silence, as it is shown -----------------------------------------------------------------------------

TEST(Silence, IsShownToBothSidesAndTheCoordinatingBody) {
  const ReferralRecord record = RecordIn(kRequested);
  const absl::Time late = DueOf(record) + absl::Seconds(1);
  for (const policy::Relation relation :
       {policy::Relation::kReferring, policy::Relation::kReceiving, policy::Relation::kCoordinating}) {
    const auto as = testing::As(testing::Referrer(), {relation});
    EXPECT_FALSE(ToReferral(record, as, DueOf(record)).has_silence()) << "still in time";
    const v1::Referral view = ToReferral(record, as, late);
    ASSERT_TRUE(view.has_silence());
    EXPECT_EQ(view.silence().party(), v1::PARTY_RECEIVING);
    EXPECT_EQ(view.silence().clock(), v1::CLOCK_ACKNOWLEDGE);
    EXPECT_FALSE(view.silence().has_escalate_time());
  }
  ReferralRecord escalated = Ring(record, late);
  escalated = After(kCoordinating, escalated, command::Remind{}, late + kDay);
  const v1::Referral view =
      ToReferral(escalated, testing::As(testing::Referrer(), {policy::Relation::kReferring}), late + kDay);
  EXPECT_TRUE(view.silence().has_escalate_time());
  EXPECT_TRUE(view.silence().has_lapse_time());
  EXPECT_EQ(view.silence().reminder_count(), 1);
  EXPECT_FALSE(ToReferral(After(kReceiving, escalated, command::Acknowledge{}, late + kDay),
                          testing::As(testing::Referrer(), {policy::Relation::kReferring}), late + kDay)
                   .has_silence());
}

// --- The coordinating body -------------------------------------------------------------------------------

TEST(Coordination, ARulingLeadsToTheCompetentBodyEvenOneThatHasHadIt) {
  ReferralRecord record = RecordReadyFor(kRequested, Event::kRule, kCoordinating);
  v1::Hop& hop = *record.add_hops();
  hop.set_from_body(std::string(testing::kThirdBody));
  hop.set_to_body(std::string(testing::kReceivingBody));
  const auto decision = DecideBy(kCoordinating, record, CommandFor(Event::kRule));
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.state(), kForwarded);
  ASSERT_TRUE(decision->linked.has_value());
  const ReferralRecord& linked = *decision->linked;
  EXPECT_EQ(linked.state(), kRequested);
  EXPECT_EQ(linked.receiving().body(), testing::kThirdBody);
  EXPECT_EQ(linked.case_holding_body(), testing::kReferringBody);
  EXPECT_EQ(linked.hops(1).kind(), v1::HOP_KIND_RULING);
  EXPECT_EQ(linked.persons(0).disclosure().recipient(), testing::kThirdBody);
  EXPECT_EQ(linked.persons(0).disclosure().receiving_basis().law(), "es/ley-40-2015/art-14");

  command::Decline decline;
  decline.decline.set_reason(v1::DECLINE_REASON_NOT_COMPETENT);
  EXPECT_EQ(Reason(DecideBy(kReceiving, linked, decline)), "RULING_BINDS");
  EXPECT_EQ(Reason(DecideBy(kReceiving, linked, CommandFor(Event::kForwardByDuty))), "RULING_BINDS");
  decline.decline.set_reason(v1::DECLINE_REASON_NO_CAPACITY);
  EXPECT_TRUE(DecideBy(kReceiving, linked, decline).ok());
}

TEST(Coordination, ARulingForTheReceivingBodyBindsIt) {
  command::Rule rule{testing::ToThird(), "es/ley-40-2015/art-14"};
  rule.to.body = testing::kReceivingBody;
  const auto decision = DecideBy(kCoordinating, RecordIn(kAcknowledged), rule);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->event, Event::kConfirmCompetence);
  EXPECT_EQ(decision->next.state(), kAcknowledged);
  EXPECT_FALSE(decision->linked.has_value());
  command::Decline decline;
  decline.decline.set_reason(v1::DECLINE_REASON_OUT_OF_AREA);
  EXPECT_EQ(Reason(DecideBy(kReceiving, decision->next, decline)), "RULING_BINDS");
  EXPECT_EQ(Reason(DecideBy(kCoordinating, decision->next, rule)), "ALREADY_RULED");
}

TEST(Coordination, AssumingOpensALinkedReferralThatTheCoordinatingBodyHolds) {
  const ReferralRecord record = RecordReadyFor(kAccepted, Event::kAssume, kCoordinating);
  const auto decision = DecideBy(kCoordinating, record, CommandFor(Event::kAssume));
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.state(), kForwarded);
  EXPECT_TRUE(decision->effects.Has(Effect::kCloseReceiver)) << "who had it reads it no longer";
  ASSERT_TRUE(decision->linked.has_value());
  const ReferralRecord& linked = *decision->linked;
  EXPECT_EQ(linked.state(), kAccepted);
  EXPECT_EQ(linked.case_holding_body(), testing::kCoordinatingBody);
  EXPECT_EQ(linked.receiver_access(), storage::v1::RECEIVER_ACCESS_FULL);
  EXPECT_EQ(linked.due().clock(), v1::CLOCK_START);
  EXPECT_EQ(linked.hops(0).kind(), v1::HOP_KIND_ASSUMED);
}

TEST(Coordination, WhoWaitedToHandTheCaseOverHearsThatItWasAssumed) {
  ReferralRecord record = RecordReadyFor(kRequested, Event::kAssume, kCoordinating);
  record.set_hand_over_of(std::string(testing::kName));
  const auto decision = DecideBy(kCoordinating, record, CommandFor(Event::kAssume));
  ASSERT_TRUE(decision.ok()) << decision.status();
  ASSERT_EQ(decision->follow_ups.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<command::HandOverTaken>(decision->follow_ups[0].command));
  EXPECT_TRUE(decision->linked->hand_over_of().empty());
}

TEST(Coordination, IsRefused) {
  const ReferralRecord ready = RecordReadyFor(kRequested, Event::kRule, kCoordinating);
  struct Case {
    std::string expected;
    void (*change)(ReferralRecord&);
  };
  const std::vector<Case> cases = {
      {"NOT_COORDINATED", [](ReferralRecord& record) { record.clear_coordinating_body(); }},
      {"CONSENT_BINDS",
       [](ReferralRecord& record) {
         record.mutable_persons(0)->mutable_disclosure()->mutable_referring_basis()->set_article_6(
             v1::LEGAL_BASIS_CONSENT);
       }},
      {"HAND_OVER_PENDING", [](ReferralRecord& record) { record.set_hand_over_pending(true); }},
      {"TOO_MANY_HOPS",
       [](ReferralRecord& record) {
         while (record.hops_size() < kMaxHopsRuled) record.add_hops();
       }},
  };
  for (const Case& refused : cases) {
    ReferralRecord record = ready;
    refused.change(record);
    EXPECT_EQ(Reason(DecideBy(kCoordinating, record, CommandFor(Event::kRule))), refused.expected);
    EXPECT_EQ(Reason(DecideBy(kCoordinating, record, CommandFor(Event::kAssume))), refused.expected);
  }
  ReferralRecord side = ready;
  side.set_coordinating_body(std::string(testing::kReceivingBody));
  EXPECT_EQ(Reason(DecideBy(kCoordinating, side, CommandFor(Event::kAssume))), "COORDINATOR_IS_A_SIDE");
  command::Rule back = std::get<command::Rule>(CommandFor(Event::kRule));
  back.to.body = testing::kReferringBody;
  EXPECT_EQ(Reason(DecideBy(kCoordinating, ready, back)), "INVALID_FIELD");
}

TEST(FollowUp, ADeclineLeavesTheReferringBodyATaskUntilItIsSettled) {
  const ReferralRecord declined = RecordIn(kDeclined);
  EXPECT_EQ(declined.due().clock(), v1::CLOCK_FOLLOW_UP);
  EXPECT_EQ(declined.due().party(), v1::PARTY_REFERRING);
  EXPECT_EQ(Reason(DecideBy(kReceiving, declined, command::SettleFollowUp{})), "NOTHING_DUE")
      << "not its own";
  const ReferralRecord settled = After(kReferring, declined, command::SettleFollowUp{});
  EXPECT_FALSE(settled.has_due());
  EXPECT_EQ(settled.state(), kDeclined);
  EXPECT_EQ(Reason(DecideBy(kReferring, settled, command::SettleFollowUp{})), "NOTHING_DUE");
}

}  // namespace
}  // namespace waypost::referral
