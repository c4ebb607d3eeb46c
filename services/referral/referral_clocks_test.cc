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
    const Event then = lapses ? Event::kLapse : state == kWaitlisted ? Event::kEscalate : Event::kReminder;
    EXPECT_EQ(EventAt(record, late + 1000 * kDay), then) << StateName(state);
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
  const auto put_off = [&](const std::vector<Outage>& outages) {
    return PutOffByDowntime(record, outages, {}).due.value_or(due) - due;
  };
  EXPECT_EQ(put_off({{began - kDay, began}}), absl::ZeroDuration());
  EXPECT_EQ(put_off({{due, due + kDay}}), absl::ZeroDuration());
  EXPECT_EQ(put_off({{began - kDay, began + kDay}}), kDay);
  EXPECT_EQ(put_off({{began + kDay, began + 2 * kDay}, {due, due + absl::Hours(1)}}), kDay + absl::Hours(1))
      << "what is given back runs through the next outage";
}

// Due on Friday at 15:00, by people who work from Monday to Friday.
TEST(Downtime, IsGivenBackAsWorkingTime) {
  ReferralRecord record = RecordIn(kRequested);
  *record.mutable_clock_start_time() = api::ToTimestamp(Friday() - 20 * kDay);
  *record.mutable_due()->mutable_time() = api::ToTimestamp(Friday());
  const SideCalendars office{.referring = nullptr, .receiving = Office()};
  const Outage midweek{Friday() - absl::Hours(63), Friday() - absl::Hours(27)};  // Wednesday to Thursday noon
  EXPECT_EQ(PutOffByDowntime(record, {midweek}, office).due, Friday() + 3 * kDay + absl::Hours(12))
      << "36 hours of work: Tuesday at 3:00";
  EXPECT_EQ(PutOffByDowntime(record, {midweek}, {}).due, Friday() + absl::Hours(36));
  const Outage week_end{Friday() - 6 * kDay, Friday() - 5 * kDay};  // Saturday to Sunday
  EXPECT_FALSE(PutOffByDowntime(record, {week_end}, office).Any()) << "nobody lost anything";
  record.set_wake(storage::v1::WAKE_REMIND);
  *record.mutable_wake_time() = api::ToTimestamp(Friday() - kDay);
  const Moment before(Friday() - absl::Hours(1), ClockTable::Standard(), office);
  const auto rings = WhatIsDue(record, {week_end}, before);
  ASSERT_TRUE(rings.has_value());
  EXPECT_EQ(EventOf(*rings), Event::kReminder);
  const auto gives_back = WhatIsDue(record, {midweek}, before);
  ASSERT_TRUE(gives_back.has_value());
  EXPECT_EQ(EventOf(*gives_back), Event::kGiveBackTime);
  record.set_priority(v1::PRIORITY_EMERGENCY);
  EXPECT_EQ(PutOffByDowntime(record, {week_end}, office).due, Friday() + kDay);
}

// --- Clocks that are set aside

// What becomes of a clock that began on day 0 and is due on day 14, after what happened on days 8 and 9, when
// the system was down from day 2 to day 7.
absl::Time DueAfterDowntime(const ReferralRecord& record) {
  const Outage outage{Now() + 2 * kDay, Now() + 7 * kDay};
  const absl::Time late = DueOf(record) + absl::Hours(1);
  EXPECT_EQ(EventAt(record, late, {outage}), Event::kGiveBackTime);
  const ReferralRecord later = Ring(record, late, {outage});
  EXPECT_EQ(EventAt(later, DueOf(later) + absl::Hours(1), {outage}), Event::kEscalate) << "given back once";
  return DueOf(later);
}

ReferralRecord AcknowledgedToday() {
  return After(kReceiving, RecordIn(kRequested), command::Acknowledge{}, Now());
}

TEST(SetAside, DowntimeBeforeAQuestionIsGivenBackAfterIt) {
  ReferralRecord record = AcknowledgedToday();
  record = After(kReceiving, record, command::RequestInformation{}, Now() + 8 * kDay);
  record = After(kReferring, record, command::ProvideInformation{}, Now() + 9 * kDay);
  ASSERT_EQ(DueOf(record), Now() + 15 * kDay);
  EXPECT_EQ(DueAfterDowntime(record), Now() + 20 * kDay);
}

TEST(SetAside, DowntimeWhileTheClockRestedIsNobodysLoss) {
  ReferralRecord record = AcknowledgedToday();
  record = After(kReceiving, record, command::RequestInformation{}, Now() + 8 * kDay);
  record = After(kReferring, record, command::ProvideInformation{}, Now() + 11 * kDay);
  record = After(kReceiving, record, command::RequestInformation{}, Now() + 12 * kDay);
  record = After(kReferring, record, command::ProvideInformation{}, Now() + 13 * kDay);
  const absl::Time due = DueOf(record);
  ASSERT_EQ(due, Now() + 18 * kDay);
  const auto put_off = [&](absl::Duration from, absl::Duration to) {
    return PutOffByDowntime(record, {{Now() + from, Now() + to}}, {}).due.value_or(due) - due;
  };
  EXPECT_EQ(put_off(9 * kDay, 10 * kDay), absl::ZeroDuration());
  EXPECT_EQ(put_off(7 * kDay, 9 * kDay), kDay) << "the day before the question";
  EXPECT_EQ(put_off(7 * kDay, 14 * kDay), 3 * kDay) << "all but the four days of the questions";
  EXPECT_EQ(put_off(12 * kDay, 13 * kDay), absl::ZeroDuration());
}

TEST(SetAside, DowntimeBeforeAWishToCancelIsGivenBackWhenItIsRefused) {
  ReferralRecord record = AcknowledgedToday();
  record = After(kReferring, record, CommandFor(Event::kCancel), Now() + 8 * kDay);
  record = After(kReceiving, record, command::RefuseCancel{}, Now() + 9 * kDay);
  ASSERT_EQ(DueOf(record), Now() + 14 * kDay);
  EXPECT_EQ(DueAfterDowntime(record), Now() + 19 * kDay);
}

TEST(SetAside, DowntimeBeforeAHandOverIsGivenBackWhenItIsNotTaken) {
  ReferralRecord record = After(kReceiving, RecordIn(kAcknowledged), command::Accept{}, Now());
  record = After(kReceiving, record, CommandFor(Event::kHandOver), Now() + 8 * kDay);
  record = After(kSystem, record, command::HandOverNotTaken{}, Now() + 9 * kDay);
  ASSERT_EQ(record.due().clock(), v1::CLOCK_START);
  ASSERT_EQ(DueOf(record), Now() + 14 * kDay);
  EXPECT_EQ(DueAfterDowntime(record), Now() + 19 * kDay);
}

TEST(SetAside, NobodyIsRemindedTwiceOfWhatWasSetAside) {
  ReferralRecord record = AcknowledgedToday();
  record = Ring(record, WakeTime(record));
  ASSERT_TRUE(record.has_due_reminder_time());
  const absl::Time asked = api::FromTimestamp(record.due_reminder_time()) + absl::Hours(1);
  record = After(kReceiving, record, command::RequestInformation{}, asked);
  EXPECT_FALSE(record.has_due_reminder_time()) << "the referring body was not reminded yet";
  record = After(kReferring, record, command::ProvideInformation{}, asked + kDay);
  EXPECT_TRUE(record.has_due_reminder_time());
  EXPECT_EQ(record.wake(), storage::v1::WAKE_MISSED);
}

// --- A priority that is raised

command::ChangePriority ToEmergency(absl::Time called) {
  v1::TelephoneHandover call;
  *call.mutable_time() = api::ToTimestamp(called);
  call.set_unit(std::string(testing::kReceivingUnit));
  return {v1::PRIORITY_EMERGENCY, call};
}

TEST(Raised, DuringAQuestionTheReceiverHasOneStepFromWhenItsClockRests) {
  ReferralRecord record = AcknowledgedToday();
  record = After(kReceiving, record, command::RequestInformation{}, Now() + kDay);
  record = After(kReferring, record, ToEmergency(Now()), Now() + 6 * kDay);
  EXPECT_EQ(DueOf(record), Now() + 7 * kDay) << "the question, too";
  const absl::Time answered = Now() + 6 * kDay + absl::Hours(1);
  record = After(kReferring, record, command::ProvideInformation{}, answered);
  EXPECT_EQ(DueOf(record), answered + kDay);
  EXPECT_FALSE(PutOffByDowntime(record, {{Now() - kDay, Now() + kDay}}, {}).Any())
      << "what was lost before counted in a time that is not given any longer";
}

TEST(Raised, DuringAWishToCancelOrAHandOverWhatWaitsIsBroughtForward) {
  ReferralRecord record = AcknowledgedToday();
  record = After(kReferring, record, CommandFor(Event::kCancel), Now() + kDay);
  record = After(kReferring, record, ToEmergency(Now()), Now() + 2 * kDay);
  record = After(kReceiving, record, command::RefuseCancel{}, Now() + 2 * kDay);
  EXPECT_EQ(DueOf(record), Now() + 3 * kDay);
  record = After(kReceiving, RecordIn(kAcknowledged), command::Accept{}, Now());
  record = After(kReceiving, record, CommandFor(Event::kHandOver), Now() + kDay);
  record = After(kReferring, record, ToEmergency(Now()), Now() + 2 * kDay);
  record = After(kSystem, record, command::HandOverNotTaken{}, Now() + 2 * kDay);
  EXPECT_EQ(DueOf(record), Now() + 3 * kDay);
}

TEST(Raised, RunsOnTheWorkingDaysOfWhoeverOwes) {
  const Moment at(Friday(), ClockTable::Standard(), {.referring = nullptr, .receiving = Office()});
  ReferralRecord record = Decided(RecordIn(kRequested), command::RequestInformation{}, at);
  ASSERT_EQ(DueOf(record), Friday() + 14 * kDay);
  record = Decided(record, command::ChangePriority{v1::PRIORITY_URGENT, {}}, at);
  EXPECT_EQ(DueOf(record), Friday() + 3 * kDay) << "the referring body owes the answer, and works every day";
  EXPECT_EQ(api::FromTimestamp(record.paused_due().time()), Friday() + 5 * kDay);
}

TEST(Clocks, TheReminderComesWhenAQuarterOfTheWorkingTimeIsLeft) {
  ReferralRecord record = RecordIn(kRequested);
  record.set_priority(v1::PRIORITY_URGENT);
  const absl::Time wednesday = Friday() - absl::Hours(53);  // at 10:00
  record = Decided(record, command::Acknowledge{},
                   Moment(wednesday, ClockTable::Standard(), {.referring = nullptr, .receiving = Office()}));
  ASSERT_EQ(DueOf(record), wednesday + 5 * kDay) << "Monday at 10:00";
  EXPECT_EQ(WakeTime(record), Friday() + absl::Hours(1)) << "18 hours of work before";
  const ReferralRecord noted = Decided(record, command::AddNote{}, wednesday + absl::Hours(1));
  EXPECT_EQ(WakeTime(noted), WakeTime(record)) << "a note does not know the calendars";
}

// --- The start

ReferralRecord WaitlistedToday() {
  return After(kReceiving, RecordIn(kAcknowledged), command::Waitlist{Now() + 100 * kDay}, Now());
}

v1::Referral Shown(const ReferralRecord& record, absl::Time now) {
  return ToReferral(record, testing::As(testing::Referrer(), {policy::Relation::kReferring}), now);
}

TEST(Start, OfWhatWaitsOnAListIsRemindedAndEscalatesOnceAndEndsNothing) {
  ReferralRecord record = WaitlistedToday();
  const absl::Time start = Now() + 14 * kDay;
  EXPECT_EQ(api::FromTimestamp(Shown(record, Now()).start_due_time()), start);
  EXPECT_EQ(record.wake(), storage::v1::WAKE_START_REMIND);
  EXPECT_EQ(WakeTime(record), start - absl::Hours(84));
  record = Ring(record, WakeTime(record));
  EXPECT_TRUE(record.start_clock().has_due_reminder_time());
  EXPECT_FALSE(record.has_due_reminder_time()) << "the review is another matter";
  EXPECT_EQ(record.wake(), storage::v1::WAKE_START_MISSED);
  EXPECT_EQ(EventAt(record, start), std::nullopt) << "the due instant is in time";
  EXPECT_FALSE(Shown(record, start).has_silence());

  record = Ring(record, WakeTime(record));
  EXPECT_EQ(record.state(), kWaitlisted);
  EXPECT_TRUE(record.has_start_escalate_time());
  EXPECT_FALSE(record.has_escalate_time());
  EXPECT_TRUE(IsEscalated(record));
  const v1::Silence silence = Shown(record, start + kDay).silence();
  EXPECT_EQ(silence.clock(), v1::CLOCK_START);
  EXPECT_EQ(silence.party(), v1::PARTY_RECEIVING);
  EXPECT_EQ(api::FromTimestamp(silence.since_time()), start);
  EXPECT_TRUE(silence.has_escalate_time());
  EXPECT_FALSE(silence.has_lapse_time());
  EXPECT_EQ(Reason(DecideBy(kSystem, record, command::Escalate{}, start + kDay)), "NOT_OVERDUE");
  EXPECT_EQ(Reason(DecideBy(kSystem, record, command::Lapse{}, start + kDay)), "INVALID_TRANSITION");
}

TEST(Start, IsNotPutOffByOfferingAPlaceAndTakingItBack) {
  ReferralRecord record = WaitlistedToday();
  record = After(kReceiving, record, CommandFor(Event::kOfferPlace), Now() + kDay);
  EXPECT_FALSE(StartRunsBeside(record)) << "the referring body is to answer";
  record = After(kReferring, record, command::StayOnList{}, Now() + 2 * kDay);
  EXPECT_TRUE(StartRunsBeside(record));
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), Now() + 14 * kDay);
}

TEST(Start, BeginsAnewWithTheAcceptance) {
  ReferralRecord record = WaitlistedToday();
  record = Ring(record, WakeTime(record));
  record = Ring(record, Now() + 15 * kDay);
  ASSERT_TRUE(record.has_start_escalate_time());
  record = After(kReceiving, record, command::Accept{}, Now() + 20 * kDay);
  EXPECT_EQ(record.due().clock(), v1::CLOCK_START);
  EXPECT_EQ(DueOf(record), Now() + 34 * kDay);
  EXPECT_FALSE(record.has_start_due_time());
  EXPECT_FALSE(IsEscalated(record));
  EXPECT_EQ(api::FromTimestamp(Shown(record, Now() + 20 * kDay).start_due_time()), DueOf(record));
  record = After(kReceiving, record, command::Start{}, Now() + 21 * kDay);
  EXPECT_FALSE(Shown(record, Now() + 21 * kDay).has_start_due_time());
}

TEST(Start, RunsOnWhileAHandOverIsPendingAndEscalatesOnce) {
  ReferralRecord record = After(kReceiving, RecordIn(kAcknowledged), command::Accept{}, Now());
  const absl::Time start = DueOf(record);
  record = After(kReceiving, record, CommandFor(Event::kHandOver), Now() + 10 * kDay);
  EXPECT_EQ(record.due().clock(), v1::CLOCK_REVIEW);
  EXPECT_EQ(EventAt(record, start + absl::Seconds(1)), Event::kEscalate);
  record = Ring(record, start + absl::Seconds(1));
  EXPECT_EQ(record.state(), kOnHold);
  EXPECT_TRUE(record.has_start_escalate_time());
  record = After(kSystem, record, command::HandOverNotTaken{}, start + kDay);
  EXPECT_EQ(record.due().clock(), v1::CLOCK_START);
  EXPECT_EQ(DueOf(record), start);
  EXPECT_TRUE(record.has_escalate_time()) << "not escalated again";
  EXPECT_FALSE(record.has_start_escalate_time());
  EXPECT_EQ(EventAt(record, start + 2 * kDay), std::nullopt);
}

TEST(Start, EscalatedBeforeAHandOverOrAWishToCancelIsNotEscalatedAgain) {
  ReferralRecord accepted = After(kReceiving, RecordIn(kAcknowledged), command::Accept{}, Now());
  const absl::Time late = DueOf(accepted) + absl::Seconds(1);
  accepted = Ring(accepted, late);
  ReferralRecord record = After(kReceiving, accepted, CommandFor(Event::kHandOver), late + kDay);
  EXPECT_TRUE(IsEscalated(record));
  EXPECT_NE(EventAt(record, late + 2 * kDay), Event::kEscalate);
  record = After(kReferring, record, CommandFor(Event::kCancel), late + 2 * kDay);
  record = After(kSystem, record, command::HandOverNotTaken{}, late + 3 * kDay);
  record = After(kReceiving, record, command::RefuseCancel{}, late + 4 * kDay);
  EXPECT_EQ(record.state(), kAccepted);
  EXPECT_TRUE(record.has_escalate_time());
  record = After(kReferring, accepted, CommandFor(Event::kCancel), late + kDay);
  record = After(kReceiving, record, command::RefuseCancel{}, late + 2 * kDay);
  EXPECT_TRUE(record.has_escalate_time());
  record = After(kReceiving, record, command::ProposeDate{late + 9 * kDay}, late + 3 * kDay);
  record = After(kReferring, record, command::AgreeDate{}, late + 3 * kDay);
  EXPECT_FALSE(record.has_escalate_time()) << "another date is another clock";
}

TEST(Start, OfWorkThatBeganAndRestsIsNotOwed) {
  const ReferralRecord record = RecordIn(kOnHold);
  ASSERT_TRUE(record.has_start_time());
  EXPECT_FALSE(record.has_start_due_time());
  EXPECT_FALSE(Shown(record, Now()).has_start_due_time());
}

TEST(Start, RunsOnTheReceiversWorkingTimeAndGetsDowntimeBack) {
  const SideCalendars office{.referring = nullptr, .receiving = Office()};
  const Moment at(Friday(), ClockTable::Standard(), office);
  ReferralRecord record = RecordIn(kAcknowledged);
  record.set_priority(v1::PRIORITY_URGENT);
  record = Decided(record, command::Waitlist{Friday() + 60 * kDay}, at);
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), Friday() + 5 * kDay);
  const Outage tuesday{Friday() + absl::Hours(81), Friday() + absl::Hours(105)};
  const auto command = WhatIsDue(record, {tuesday}, Moment(Friday() + 6 * kDay, *at.table, office));
  ASSERT_TRUE(command.has_value());
  ASSERT_EQ(EventOf(*command), Event::kGiveBackTime);
  record = After(kSystem, record, *command, Friday() + 6 * kDay);
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), Friday() + 6 * kDay);
  EXPECT_FALSE(PutOffByDowntime(record, {tuesday}, office).Any()) << "once";
}

TEST(Start, IsBroughtForwardWhenThePriorityIsRaised) {
  ReferralRecord record = WaitlistedToday();
  record = After(kReferring, record, command::ChangePriority{v1::PRIORITY_URGENT, {}}, Now() + kDay);
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), Now() + 4 * kDay);
  record = After(kReferring, WaitlistedToday(), command::ChangePriority{v1::PRIORITY_URGENT, {}},
                 Now() + 13 * kDay);
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), Now() + 14 * kDay) << "never put off";
}

ReferralRecord StartAgreed(ReferralRecord record, absl::Time start, absl::Time now) {
  record = After(kReceiving, record, command::ProposeDate{start, v1::CLOCK_START}, now);
  return After(kReferring, record, command::AgreeDate{}, now);
}

TEST(Start, OnAnotherDateIsAnotherClock) {
  ReferralRecord record = WaitlistedToday();
  const absl::Time review = DueOf(record);
  record = Ring(record, WakeTime(record));
  record = Ring(record, Now() + 15 * kDay);
  record = Ring(record, WakeTime(record));
  ASSERT_TRUE(IsEscalated(record));
  ASSERT_EQ(record.repeated_reminder_count(), 1);
  const absl::Time agreed = Now() + 30 * kDay;
  const absl::Time start = Now() + 60 * kDay;
  record = StartAgreed(record, start, agreed);
  EXPECT_FALSE(IsEscalated(record));
  EXPECT_FALSE(Shown(record, agreed).has_silence());
  EXPECT_EQ(api::FromTimestamp(Shown(record, agreed).start_due_time()), start);
  EXPECT_EQ(DueOf(record), review);
  EXPECT_EQ(record.repeated_reminder_count(), 0);
  const auto lost = [&](absl::Time from) {
    return PutOffByDowntime(record, {{from, from + kDay}}, {}).start.value_or(start) - start;
  };
  EXPECT_EQ(lost(agreed - kDay), absl::ZeroDuration()) << "it begins when it is agreed";
  EXPECT_EQ(lost(agreed + kDay), kDay);

  EXPECT_EQ(record.wake(), storage::v1::WAKE_START_REMIND);
  EXPECT_EQ(WakeTime(record), start - absl::Hours(84));
  record = Ring(record, WakeTime(record));
  EXPECT_EQ(record.wake(), storage::v1::WAKE_START_MISSED);
  EXPECT_EQ(EventAt(record, start), std::nullopt);
  record = Ring(record, WakeTime(record));
  EXPECT_EQ(record.state(), kWaitlisted);
  EXPECT_TRUE(record.has_start_escalate_time());
}

// The review is overdue as well, and escalated.
TEST(Start, OnAnotherDateLeavesTheSilenceAboutWhatIsDue) {
  ReferralRecord record =
      After(kReceiving, RecordIn(kAcknowledged), command::Waitlist{Now() + 10 * kDay}, Now());
  record = Ring(record, Now() + 15 * kDay);
  ASSERT_TRUE(record.has_escalate_time());
  ASSERT_TRUE(record.has_start_escalate_time());
  record = Ring(record, WakeTime(record));
  ASSERT_EQ(record.repeated_reminder_count(), 1);
  record = StartAgreed(record, Now() + 60 * kDay, Now() + 30 * kDay);
  EXPECT_FALSE(record.has_start_escalate_time());
  EXPECT_TRUE(record.has_escalate_time());
  EXPECT_EQ(Shown(record, Now() + 30 * kDay).silence().clock(), v1::CLOCK_REVIEW);
  EXPECT_EQ(record.repeated_reminder_count(), 1);
  EXPECT_EQ(record.wake(), storage::v1::WAKE_REMIND_AGAIN);
  EXPECT_EQ(WakeTime(record), Now() + 43 * kDay);
}

TEST(Start, ThatWasAgreedOnIsWhatIsDueWhenAHandOverIsNotTaken) {
  ReferralRecord record = After(kReceiving, RecordIn(kAcknowledged), command::Accept{}, Now());
  record = After(kReceiving, record, CommandFor(Event::kHandOver), Now() + 10 * kDay);
  record = Ring(record, Now() + 14 * kDay + absl::Seconds(1));
  ASSERT_TRUE(record.has_start_escalate_time());
  record = StartAgreed(record, Now() + 30 * kDay, Now() + 15 * kDay);
  EXPECT_FALSE(IsEscalated(record));
  record = After(kSystem, record, command::HandOverNotTaken{}, Now() + 16 * kDay);
  EXPECT_EQ(record.state(), kAccepted);
  EXPECT_EQ(record.due().clock(), v1::CLOCK_START);
  EXPECT_EQ(DueOf(record), Now() + 30 * kDay);
  EXPECT_FALSE(IsEscalated(record));
}

// As with what is due: what is agreed is brought forward, what is proposed can be agreed on afterwards.
TEST(Raised, TreatsADateOfTheStartAsOneOfWhatIsDue) {
  const command::ChangePriority urgent{v1::PRIORITY_URGENT, {}};
  const absl::Time far = Now() + 60 * kDay;
  ReferralRecord record = StartAgreed(WaitlistedToday(), far, Now());
  record = After(kReferring, record, urgent, Now() + kDay);
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), Now() + 4 * kDay);
  record = After(kReceiving, WaitlistedToday(), command::ProposeDate{far, v1::CLOCK_START}, Now());
  record = After(kReferring, record, urgent, Now() + kDay);
  record = After(kReferring, record, command::AgreeDate{}, Now() + kDay);
  EXPECT_EQ(api::FromTimestamp(record.start_due_time()), far);
  record = After(kReceiving, RecordIn(kRequested), command::ProposeDate{far}, Now());
  record = After(kReferring, record, urgent, Now() + kDay);
  record = After(kReferring, record, command::AgreeDate{}, Now() + kDay);
  EXPECT_EQ(DueOf(record), far);
}

// --- Reminders that are repeated

TEST(Repeated, TheSilentSideIsRemindedOnceAStepTimeTenTimesAtMost) {
  ReferralRecord record = RecordReadyFor(kAccepted, Event::kEscalate, kSystem);
  record = After(kSystem, record, command::Escalate{}, Now());
  for (int i = 1; i <= kMaxRepeatedReminders; ++i) {
    EXPECT_EQ(record.wake(), storage::v1::WAKE_REMIND_AGAIN);
    EXPECT_EQ(WakeTime(record), Now() + i * 14 * kDay);
    ASSERT_EQ(EventAt(record, WakeTime(record)), Event::kReminder);
    record = Ring(record, WakeTime(record));
    EXPECT_EQ(Shown(record, Now() + 999 * kDay).silence().repeated_reminder_count(), i);
  }
  EXPECT_EQ(record.wake(), storage::v1::WAKE_NEVER);
  EXPECT_EQ(Reason(DecideBy(kSystem, record, command::Reminder{storage::v1::WAKE_REMIND_AGAIN})),
            "NOTHING_DUE");
  EXPECT_EQ(record.state(), kAccepted);
  record = After(kReceiving, record, command::Start{}, Now() + 999 * kDay);
  EXPECT_EQ(record.repeated_reminder_count(), 0);
}

TEST(Repeated, ComeAsTheTableSaysOrNever) {
  ReferralRecord record = RecordReadyFor(kAccepted, Event::kEscalate, kSystem);
  record = After(kSystem, record, command::Escalate{}, Now());
  ClockTable table;
  table.remind_again_share = 0.5;
  EXPECT_EQ(WakeOf(record, table, {}).time, Now() + 7 * kDay);
  table.remind_again_share = 0;
  EXPECT_EQ(WakeOf(record, table, {}).wake, storage::v1::WAKE_NEVER);
}

TEST(Repeated, BeforeTheLapseOfWhatNobodyDecided) {
  ClockTable table;
  table.remind_again_share = 0.5;
  ReferralRecord record = RecordReadyFor(kRequested, Event::kEscalate, kSystem);
  const auto ring = [&](const Command& command, absl::Time now) {
    const auto decision = DecideAsSystem(record, command, Moment(now, table, {}));
    EXPECT_TRUE(decision.ok()) << decision.status();
    record = decision->next;
  };
  ring(command::Escalate{}, Now());
  EXPECT_EQ(record.wake(), storage::v1::WAKE_REMIND_AGAIN);
  EXPECT_EQ(api::FromTimestamp(Shown(record, Now()).silence().lapse_time()), Now() + 14 * kDay);
  ring(command::Reminder{record.wake()}, WakeTime(record));
  EXPECT_EQ(record.wake(), storage::v1::WAKE_LAPSE) << "before a second reminder at the same time";
  EXPECT_EQ(WakeTime(record), Now() + 14 * kDay);
}

TEST(Repeated, OfTheStartAreThoseOfTheReceivingBody) {
  ReferralRecord record = WaitlistedToday();
  record = Ring(record, Now() + 15 * kDay);
  EXPECT_EQ(record.wake(), storage::v1::WAKE_REMIND_AGAIN);
  EXPECT_EQ(WakeTime(record), Now() + 29 * kDay);
  record = Ring(record, WakeTime(record));
  EXPECT_EQ(record.repeated_reminder_count(), 1);
  EXPECT_EQ(record.state(), kWaitlisted);
}

// A record that was written before: its lapse is in wake_time alone.
TEST(Clocks, OfARecordOfBeforeGoOn) {
  ReferralRecord record = RecordReadyFor(kRequested, Event::kEscalate, kSystem);
  record = After(kSystem, record, command::Escalate{}, Now());
  const absl::Time lapse = WakeTime(record) + kDay;
  record.clear_lapse_time();
  *record.mutable_wake_time() = api::ToTimestamp(lapse);
  EXPECT_EQ(api::FromTimestamp(Shown(record, Now()).silence().lapse_time()), lapse);
  EXPECT_EQ(EventAt(record, lapse), Event::kLapse);
  record = After(kReferring, record, command::ChangePriority{v1::PRIORITY_URGENT, {}}, Now());
  EXPECT_EQ(WakeTime(record), Now() + 3 * kDay) << "reminded again before";
  EXPECT_EQ(api::FromTimestamp(record.lapse_time()), lapse);
  record = After(kReceiving, RecordIn(kAcknowledged), command::RequestInformation{}, Now());
  record.clear_paused_clock();
  const ReferralRecord answered = After(kReferring, record, command::ProvideInformation{}, Now() + kDay);
  EXPECT_EQ(api::FromTimestamp(answered.clock_start_time()), Now() + kDay);
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
