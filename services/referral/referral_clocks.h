// What a body owes and when: how long each step may take, when a reminder is due, when silence is escalated
// and when what nobody answered lapses. Pure; thread-safe.
//
// A clock runs on the working time of whoever owes the step, but for emergencies, which run day and night. A
// due instant itself is still in time.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_CLOCKS_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_CLOCKS_H_

#include <map>
#include <memory>
#include <optional>
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
  // The silent side is reminded again each time that so much of a step's time has passed. 0: never.
  double remind_again_share = 1.0;

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

const CalendarPtr& CalendarOf(const SideCalendars& calendars, v1::Party party);

// That the programme of an offer ends.
struct ProgrammeEndFacts {
  std::string programme;
  std::string end_date;  // its last day, as in "2026-12-31"
  absl::Time over;       // when that day is over where the provider is
};
// Of the programmes of offers, by offer. An offer whose programme goes on, or has none, is not in it.
using ProgrammeEnds = std::map<std::string, ProgrammeEndFacts, std::less<>>;

// How often the silent side is reminded again of one missed clock, at most.
inline constexpr int kMaxRepeatedReminders = 10;

// A time in which this system did not run: nobody could answer then.
struct Outage {
  absl::Time begin;
  absl::Time end;
};

// When a decision is made, and by which clocks. A bare time stands for the standard ones.
struct Moment {
  // NOLINTNEXTLINE(google-explicit-constructor): a time says it all where calendars do not matter.
  Moment(absl::Time time) : now(time) {}
  Moment(absl::Time time, const ClockTable& clocks, SideCalendars sides,
         std::optional<ProgrammeEnds> ends = std::nullopt, std::vector<Outage> downtime = {})
      : now(time),
        table(&clocks),
        calendars(std::move(sides)),
        programme_ends(std::move(ends)),
        outages(std::move(downtime)) {}

  absl::Time now;
  const ClockTable* table = &ClockTable::Standard();  // outlives this
  SideCalendars calendars = {};
  // Nothing: nobody has looked, and what is known of a programme's end stays known.
  std::optional<ProgrammeEnds> programme_ends = std::nullopt;
  // In order; those whose time may not have been given back yet. It is not where nobody could be late.
  std::vector<Outage> outages = {};
};

// What the clocks do next with a referral, and when.
struct NextWake {
  storage::v1::Wake wake = storage::v1::WAKE_NEVER;
  absl::Time time = absl::InfiniteFuture();
};

// When `span` is over for whoever goes by `calendar` (null: every day counts).
absl::Time AfterSpan(const CalendarPtr& calendar, v1::Priority priority, absl::Time from,
                     absl::Duration span);

// How much of it lies between the two.
absl::Duration SpanBetween(const CalendarPtr& calendar, v1::Priority priority, absl::Time from,
                           absl::Time to);

// As the record stands: a reminder, then the due time, then the lapse of what nobody has decided, or more
// reminders; and the same of the start where its clock runs beside. The earliest of them. Of what is not
// open, when its officers have to look after it: see LeftAloneAt.
NextWake WakeOf(const storage::v1::ReferralRecord& record, const ClockTable& table,
                const SideCalendars& calendars);

// What is stored of it; what a record of before stands for.
NextWake StoredWake(const storage::v1::ReferralRecord& record);

// Has the clock run out without its step?
bool IsOverdue(const storage::v1::ReferralRecord& record, absl::Time now);

// Has a silence been escalated that lasts?
bool IsEscalated(const storage::v1::ReferralRecord& record);

// --- Clocks that are set aside
// What the clock of `due` has to remember while another one runs in its place.
storage::v1::ClockTimes ClockOf(const storage::v1::ReferralRecord& record);
void TakeUpClock(const storage::v1::ClockTimes& clock, storage::v1::ReferralRecord& record);

// --- The start
// While a case is accepted, its start is what is due. While it waits on a list, or is to be handed over
// before it began, something else is: then the clock of the start runs beside, for the receiving body. It
// escalates once, and ends nothing.
bool StartRunsBeside(const storage::v1::ReferralRecord& record);
bool IsStartOverdue(const storage::v1::ReferralRecord& record, absl::Time now);
// Is it the clock of what is due, or that of the start that runs beside? What rests or is set aside is
// neither.
bool RunsNow(v1::Clock clock, const storage::v1::ReferralRecord& record);
void BeginStartClock(absl::Time now, absl::Time due, storage::v1::ReferralRecord& record);
void ForgetStartClock(storage::v1::ReferralRecord& record);
// Takes the clock of the start from `due` to beside it, and back, as a change of the record demands.
void KeepStartClock(const storage::v1::ReferralRecord& before, storage::v1::ReferralRecord& next);

// --- The lapse
// When it lapses if nothing happens. Nothing: it does not.
std::optional<absl::Time> LapseTime(const storage::v1::ReferralRecord& record);
// Says when what has just been escalated lapses; what was said before stands.
void KeepLapseTime(const ClockTable& table, const SideCalendars& calendars,
                   storage::v1::ReferralRecord& record);

// --- Downtime
// When the clocks of a record end, with the working time that they lost in outages and that was not given
// back before. Only what is put off by it.
struct PutOff {
  std::optional<absl::Time> due = std::nullopt;
  std::optional<absl::Time> lapse = std::nullopt;
  std::optional<absl::Time> start = std::nullopt;

  bool Any() const { return due.has_value() || lapse.has_value() || start.has_value(); }
};

// `outages` in order.
PutOff PutOffByDowntime(const storage::v1::ReferralRecord& record, const std::vector<Outage>& outages,
                        const SideCalendars& calendars);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_CLOCKS_H_
