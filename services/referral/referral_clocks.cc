#include "services/referral/referral_clocks.h"

#include <algorithm>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "services/referral/referral_machine.h"

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

NextWake WakeOf(const ReferralRecord& record, const ClockTable& table, const SideCalendars& calendars) {
  if (!record.has_due() || !IsOpen(record.state())) return {};
  const absl::Time due = TimeOf(record.due().time());
  const absl::Duration step = table.StepTime(record.theme(), record.priority());
  if (record.has_escalate_time()) {
    if (!LapsesUndecided(record)) return {};
    return {storage::v1::WAKE_LAPSE, AfterSpan(calendars.receiving, record.priority(),
                                               TimeOf(record.escalate_time()), step * table.lapse_share)};
  }
  const absl::Time remind = due - step * table.reminder_share;
  const bool worth_it = !record.has_due_reminder_time() && remind > TimeOf(record.clock_start_time());
  if (worth_it) return {storage::v1::WAKE_REMIND, remind};
  return {storage::v1::WAKE_MISSED, due + kAfterDue};
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

absl::Duration TimeToGiveBack(const ReferralRecord& record, const std::vector<Outage>& outages) {
  const absl::Time began =
      record.has_escalate_time() ? TimeOf(record.escalate_time()) : TimeOf(record.clock_start_time());
  absl::Time ends = record.has_escalate_time() ? StoredWake(record).time : TimeOf(record.due().time());
  const absl::Time counted =
      record.has_downtime_counted_until() ? TimeOf(record.downtime_counted_until()) : absl::InfinitePast();
  absl::Duration lost = absl::ZeroDuration();
  for (const Outage& outage : outages) {
    if (outage.end <= std::max(began, counted) || outage.begin >= ends) continue;
    const absl::Duration more = outage.end - std::max({outage.begin, began, counted});
    lost += more;
    ends += more;  // what is given back can run through the next outage
  }
  return lost;
}

}  // namespace waypost::referral
