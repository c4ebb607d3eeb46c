#include "services/referral/referral_clocks.h"

#include <algorithm>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "services/referral/referral_machine.h"
#include "services/referral/referral_protection.h"

namespace waypost::referral {
namespace {

using storage::v1::ReferralRecord;

// The due instant itself is in time: the clocks look at what comes after it.
constexpr absl::Duration kAfterDue = absl::Milliseconds(1);

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return api::FromTimestamp(timestamp);
}

bool LapsesUndecided(const ReferralRecord& record) {
  const v1::Clock clock = record.due().clock();
  return Find(record.state(), Event::kLapse, Actor::kSystem) != nullptr &&
         (clock == v1::CLOCK_ACKNOWLEDGE || clock == v1::CLOCK_DECIDE);
}

bool IsStartDue(const ReferralRecord& record) {
  return record.has_due() && record.due().clock() == v1::CLOCK_START && IsOpen(record.state());
}

// States in which a start that has not come is still owed.
bool AwaitsStart(const ReferralRecord& record) {
  constexpr policy::EnumSet<State> kBeforeStart = {kWaitlisted, kOffered, kAccepted, kOnHold,
                                                   kCancelRequested};
  return kBeforeStart.Has(record.state()) && !record.has_start_time();
}

// --- What comes next

void Consider(storage::v1::Wake wake, absl::Time time, NextWake& next) {
  if (time < next.time) next = {wake, time};
}

// One clock that runs.
struct Running {
  const CalendarPtr& calendar;
  v1::Priority priority;
  absl::Time began;
  absl::Time due;
};

// When `left` of its time is left. Nothing when it never had more.
std::optional<absl::Time> TimeWithLeft(const Running& clock, absl::Duration left) {
  const absl::Duration whole = SpanBetween(clock.calendar, clock.priority, clock.began, clock.due);
  if (whole <= left) return std::nullopt;
  return AfterSpan(clock.calendar, clock.priority, clock.began, whole - left);
}

absl::Time ClockBegan(const ReferralRecord& record) {
  return TimeOf(record.has_clock_start_time() ? record.clock_start_time() : record.submit_time());
}

Running DueClock(const ReferralRecord& record, const SideCalendars& calendars) {
  return {.calendar = CalendarOf(calendars, record.due().party()),
          .priority = record.priority(),
          .began = ClockBegan(record),
          .due = TimeOf(record.due().time())};
}

Running StartClock(const ReferralRecord& record, const SideCalendars& calendars) {
  return {.calendar = calendars.receiving,
          .priority = record.priority(),
          .began = TimeOf(record.start_clock().start_time()),
          .due = TimeOf(record.start_due_time())};
}

void ConsiderReminder(storage::v1::Wake wake, const Running& clock, absl::Duration left, NextWake& next) {
  if (const auto time = TimeWithLeft(clock, left); time.has_value()) Consider(wake, *time, next);
}

// Whoever is silent is reminded again.
void ConsiderRepeating(const ReferralRecord& record, absl::Duration every, const SideCalendars& calendars,
                       NextWake& next) {
  const bool ends = record.repeated_reminder_count() >= kMaxRepeatedReminders;
  if (every <= absl::ZeroDuration() || ends || !IsEscalated(record)) return;
  absl::Time last = TimeOf(record.last_repeated_reminder_time());
  if (record.has_escalate_time()) last = std::max(last, TimeOf(record.escalate_time()));
  if (StartRunsBeside(record)) last = std::max(last, TimeOf(record.start_escalate_time()));
  // After an outage it is not reminded at once.
  last = std::max(last, TimeOf(record.downtime_counted_until()));
  const v1::Party silent = record.has_escalate_time() ? record.due().party() : v1::PARTY_RECEIVING;
  Consider(storage::v1::WAKE_REMIND_AGAIN,
           AfterSpan(CalendarOf(calendars, silent), record.priority(), last, every), next);
}

// --- Downtime

using Rests = google::protobuf::RepeatedPtrField<storage::v1::ClockRest>;

absl::Time OrInfinitePast(bool given, const google::protobuf::Timestamp& time) {
  return given ? TimeOf(time) : absl::InfinitePast();
}

// What a clock lost between the two, in which nobody could answer: not what it rested anyhow.
absl::Duration Lost(const Running& clock, const Rests& rests, absl::Time from, absl::Time to) {
  absl::Duration lost = SpanBetween(clock.calendar, clock.priority, from, to);
  for (const storage::v1::ClockRest& rest : rests) {
    lost -= SpanBetween(clock.calendar, clock.priority, std::max(from, TimeOf(rest.begin_time())),
                        std::min(to, TimeOf(rest.end_time())));
  }
  return lost;
}

// When it ends with what it lost given back. Nothing when it lost nothing.
std::optional<absl::Time> PutOffOf(Running clock, const Rests& rests, absl::Time counted,
                                   const std::vector<Outage>& outages) {
  const absl::Time from = std::max(clock.began, counted);
  const absl::Time due = clock.due;
  for (const Outage& outage : outages) {
    if (outage.end <= from || outage.begin >= clock.due) continue;
    // What is given back can run through the next outage.
    clock.due = AfterSpan(clock.calendar, clock.priority, clock.due,
                          Lost(clock, rests, std::max(outage.begin, from), outage.end));
  }
  if (clock.due == due) return std::nullopt;
  return clock.due;
}

}  // namespace

absl::Duration StepTimes::Of(v1::Priority priority) const {
  if (priority == v1::PRIORITY_EMERGENCY) return emergency;
  return priority == v1::PRIORITY_URGENT ? urgent : normal;
}

const RetentionRule& RetentionTable::Of(std::string_view code) const {
  const auto own = by_code.find(code);
  return own == by_code.end() ? others : own->second;
}

std::string RetentionTable::Text() const {
  std::string text = base::Cat(others.days);
  for (const auto& [code, rule] : by_code) text += base::Cat(" ", code, "=", rule.days);
  return text;
}

absl::Duration ClockTable::StepTime(type::v1::Theme theme, v1::Priority priority) const {
  const auto own = by_theme.find(theme);
  return (own == by_theme.end() ? step_times : own->second).Of(priority);
}

const ClockTable& ClockTable::Standard() {
  static const auto* const standard = new ClockTable();
  return *standard;
}

absl::Time AfterSpan(const CalendarPtr& calendar, v1::Priority priority, absl::Time from,
                     absl::Duration span) {
  if (calendar == nullptr || priority == v1::PRIORITY_EMERGENCY) return from + span;
  return calendar::AddWorkingTime(*calendar, from, span);
}

const CalendarPtr& CalendarOf(const SideCalendars& calendars, v1::Party party) {
  return party == v1::PARTY_RECEIVING ? calendars.receiving : calendars.referring;
}

absl::Duration SpanBetween(const CalendarPtr& calendar, v1::Priority priority, absl::Time from,
                           absl::Time to) {
  if (to <= from) return absl::ZeroDuration();
  if (calendar == nullptr || priority == v1::PRIORITY_EMERGENCY) return to - from;
  return calendar::WorkingTimeBetween(*calendar, from, to);
}

NextWake WakeOf(const ReferralRecord& record, const ClockTable& table, const SideCalendars& calendars) {
  NextWake next;
  if (!IsOpen(record.state())) {
    Consider(storage::v1::WAKE_MISSED, LeftAloneAt(record) + kAfterDue, next);
    return next;
  }
  if (!record.has_due()) return next;
  const absl::Duration step = table.StepTime(record.theme(), record.priority());
  const absl::Duration left = step * table.reminder_share;
  if (!record.has_escalate_time()) {
    Consider(storage::v1::WAKE_MISSED, TimeOf(record.due().time()) + kAfterDue, next);
    if (!record.has_due_reminder_time()) {
      ConsiderReminder(storage::v1::WAKE_REMIND, DueClock(record, calendars), left, next);
    }
  } else if (const auto lapse = LapseTime(record); lapse.has_value()) {
    Consider(storage::v1::WAKE_LAPSE, *lapse, next);
  }
  if (StartRunsBeside(record) && !record.has_start_escalate_time()) {
    Consider(storage::v1::WAKE_START_MISSED, TimeOf(record.start_due_time()) + kAfterDue, next);
    if (!record.start_clock().has_due_reminder_time()) {
      ConsiderReminder(storage::v1::WAKE_START_REMIND, StartClock(record, calendars), left, next);
    }
  }
  ConsiderRepeating(record, step * table.remind_again_share, calendars, next);
  return next;
}

NextWake StoredWake(const ReferralRecord& record) {
  if (record.wake() != storage::v1::WAKE_UNSPECIFIED) {
    return {record.wake(), record.has_wake_time() ? TimeOf(record.wake_time()) : absl::InfiniteFuture()};
  }
  if (!record.has_due()) return {};
  return {IsOpen(record.state()) ? storage::v1::WAKE_MISSED : storage::v1::WAKE_NEVER,
          TimeOf(record.due().time())};
}

bool IsOverdue(const ReferralRecord& record, absl::Time now) {
  return record.has_due() && IsOpen(record.state()) && now > TimeOf(record.due().time());
}

bool IsEscalated(const ReferralRecord& record) {
  if (!IsOpen(record.state())) return false;
  return record.has_escalate_time() || (StartRunsBeside(record) && record.has_start_escalate_time());
}

storage::v1::ClockTimes ClockOf(const ReferralRecord& record) {
  storage::v1::ClockTimes clock;
  *clock.mutable_start_time() = api::ToTimestamp(ClockBegan(record));
  if (record.has_due_reminder_time()) *clock.mutable_due_reminder_time() = record.due_reminder_time();
  if (record.has_downtime_counted_until()) {
    *clock.mutable_downtime_counted_until() = record.downtime_counted_until();
  }
  *clock.mutable_rests() = record.clock_rests();
  return clock;
}

void TakeUpClock(const storage::v1::ClockTimes& clock, ReferralRecord& record) {
  *record.mutable_clock_start_time() = clock.start_time();
  record.clear_due_reminder_time();
  if (clock.has_due_reminder_time()) *record.mutable_due_reminder_time() = clock.due_reminder_time();
  record.clear_downtime_counted_until();
  if (clock.has_downtime_counted_until()) {
    *record.mutable_downtime_counted_until() = clock.downtime_counted_until();
  }
  *record.mutable_clock_rests() = clock.rests();
}

bool StartRunsBeside(const ReferralRecord& record) {
  const bool waits = record.state() == kWaitlisted || record.state() == kOnHold;
  return waits && record.has_start_due_time() && AwaitsStart(record);
}

bool IsStartOverdue(const ReferralRecord& record, absl::Time now) {
  return StartRunsBeside(record) && now > TimeOf(record.start_due_time());
}

bool RunsNow(v1::Clock clock, const ReferralRecord& record) {
  if (record.has_due() && record.due().clock() == clock) return true;
  return clock == v1::CLOCK_START && StartRunsBeside(record);
}

void BeginStartClock(absl::Time now, absl::Time due, ReferralRecord& record) {
  ForgetStartClock(record);
  *record.mutable_start_due_time() = api::ToTimestamp(due);
  *record.mutable_start_clock()->mutable_start_time() = api::ToTimestamp(now);
}

void ForgetStartClock(ReferralRecord& record) {
  record.clear_start_due_time();
  record.clear_start_clock();
  record.clear_start_escalate_time();
}

void KeepStartClock(const ReferralRecord& before, ReferralRecord& next) {
  if (!AwaitsStart(next)) return ForgetStartClock(next);
  const bool was_due = IsStartDue(before);
  if (was_due && !IsStartDue(next)) {
    if (before.has_escalate_time()) *next.mutable_start_escalate_time() = before.escalate_time();
    if (next.state() != kOnHold) return;  // what is due is kept with the wish to cancel
    *next.mutable_start_due_time() = before.due().time();
    *next.mutable_start_clock() = ClockOf(before);
  }
  if (!IsStartDue(next)) return;
  if (!was_due && next.has_start_due_time()) {
    *next.mutable_due()->mutable_time() = next.start_due_time();
    TakeUpClock(next.start_clock(), next);
  }
  // It escalates once, unless there is another date.
  const bool same =
      next.has_start_escalate_time() && TimeOf(next.due().time()) <= TimeOf(next.start_escalate_time());
  if (same) *next.mutable_escalate_time() = next.start_escalate_time();
  ForgetStartClock(next);
}

std::optional<absl::Time> LapseTime(const ReferralRecord& record) {
  if (!record.has_escalate_time() || !LapsesUndecided(record)) return std::nullopt;
  if (record.has_lapse_time()) return TimeOf(record.lapse_time());
  // A record of before.
  if (record.wake() == storage::v1::WAKE_LAPSE) return TimeOf(record.wake_time());
  return std::nullopt;
}

void KeepLapseTime(const ClockTable& table, const SideCalendars& calendars, ReferralRecord& record) {
  if (!record.has_escalate_time() || !LapsesUndecided(record)) return record.clear_lapse_time();
  const absl::Duration span = table.StepTime(record.theme(), record.priority()) * table.lapse_share;
  const absl::Time lapse = LapseTime(record).value_or(
      AfterSpan(calendars.receiving, record.priority(), TimeOf(record.escalate_time()), span));
  *record.mutable_lapse_time() = api::ToTimestamp(lapse);
}

PutOff PutOffByDowntime(const ReferralRecord& record, const std::vector<Outage>& outages,
                        const SideCalendars& calendars) {
  PutOff put_off;
  const absl::Time counted =
      OrInfinitePast(record.has_downtime_counted_until(), record.downtime_counted_until());
  Running due = DueClock(record, calendars);
  if (!record.has_escalate_time()) {
    put_off.due = PutOffOf(due, record.clock_rests(), counted, outages);
  } else if (const auto lapse = LapseTime(record); lapse.has_value()) {
    due.began = TimeOf(record.escalate_time());
    due.due = *lapse;
    put_off.lapse = PutOffOf(due, Rests(), counted, outages);
  }
  if (StartRunsBeside(record) && !record.has_start_escalate_time()) {
    const storage::v1::ClockTimes& clock = record.start_clock();
    put_off.start =
        PutOffOf(StartClock(record, calendars), clock.rests(),
                 OrInfinitePast(clock.has_downtime_counted_until(), clock.downtime_counted_until()), outages);
  }
  return put_off;
}

}  // namespace waypost::referral
