// What a body owes and when: how long each step may take, when a reminder is due, when silence is escalated
// and when what nobody answered lapses. Pure; thread-safe.
//
// A clock runs on the working time of whoever owes the step, but for emergencies, which run day and night. A
// due instant itself is still in time.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_CLOCKS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_CLOCKS_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/calendar/working_time.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::referral {

// How long a body has for one step: acknowledge, decide, start, provide information. Working time.
struct StepTimes {
  absl::Duration emergency = absl::Hours(24);
  absl::Duration urgent = absl::Hours(72);
  absl::Duration normal = absl::Hours(24 * 14);

  absl::Duration Of(v1::Priority priority) const;
};

// How long a body keeps its share of a referral after it has ended.
struct RetentionRule {
  int days = 1826;  // five years
  std::string law = {};
};

// The rules that disclosures name, as a node is configured.
struct RetentionTable {
  std::map<std::string, RetentionRule, std::less<>> by_code = {};
  RetentionRule others = {};

  const RetentionRule& Of(std::string_view code) const;
  // Two tables that date differently have different texts.
  std::string Text() const;
};

// The clocks as a node is configured.
struct ClockTable {
  StepTimes step_times = {};
  std::map<type::v1::Theme, StepTimes> by_theme = {};
  // The reminder comes when so much of a step's time is left.
  double reminder_share = 0.25;
  // What was escalated lapses after so much of a step's time.
  double lapse_share = 1.0;
  // What has ended runs out by these.
  RetentionTable retention = {};

  absl::Duration StepTime(type::v1::Theme theme, v1::Priority priority) const;
  // As nothing is configured.
  static const ClockTable& Standard();
};

using CalendarPtr = std::shared_ptr<const calendar::WorkingCalendar>;

// The calendars of those whom a command can make owe something. Null: every day counts.
struct SideCalendars {
  CalendarPtr referring = nullptr;
  CalendarPtr receiving = nullptr;
  CalendarPtr next = nullptr;  // the new recipient's, where the command names one
};

// When a decision is made, and by which clocks. A bare time stands for the standard ones.
struct Moment {
  // NOLINTNEXTLINE(google-explicit-constructor): a time says it all where calendars do not matter.
  Moment(absl::Time time) : now(time) {}
  Moment(absl::Time time, const ClockTable& clocks, SideCalendars sides)
      : now(time), table(&clocks), calendars(std::move(sides)) {}

  absl::Time now;
  const ClockTable* table = &ClockTable::Standard();  // outlives this
  SideCalendars calendars = {};
};

// What the clocks do next with a referral, and when.
struct NextWake {
  storage::v1::Wake wake = storage::v1::WAKE_NEVER;
  absl::Time time = absl::InfiniteFuture();
};

// When `span` is over for whoever goes by `calendar` (null: every day counts).
absl::Time AfterSpan(const CalendarPtr& calendar, v1::Priority priority, absl::Time from,
                     absl::Duration span);

// As the record stands: a reminder, then the due time, then the lapse of what nobody has decided.
NextWake WakeOf(const storage::v1::ReferralRecord& record, const ClockTable& table,
                const SideCalendars& calendars);

// What is stored of it; what a record of before stands for.
NextWake StoredWake(const storage::v1::ReferralRecord& record);

// Has the clock run out without its step?
bool IsOverdue(const storage::v1::ReferralRecord& record, absl::Time now);

// --- Downtime
// A time in which this system did not run: nobody could answer then.
struct Outage {
  absl::Time begin;
  absl::Time end;
};

// How much time the clock that fires next has to be given back for outages that it ran through and that were
// not given back before. `outages` in order.
absl::Duration TimeToGiveBack(const storage::v1::ReferralRecord& record, const std::vector<Outage>& outages);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_CLOCKS_H_
