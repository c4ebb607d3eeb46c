// Working time: time that passes on working days alone. What a body owes is due after so much of it, on the
// calendar of whoever owes it, so that a week-end or a holiday takes nothing from anybody.
//
// A working day counts whole, from midnight to midnight in the calendar's zone: three days from Friday 15:00
// are over on Wednesday at 15:00. Pure; thread-safe.
#ifndef WAYPOST_COMMON_CALENDAR_WORKING_TIME_H_
#define WAYPOST_COMMON_CALENDAR_WORKING_TIME_H_

#include <array>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace waypost::calendar {

// Which days count, and where a day begins.
struct WorkingCalendar {
  absl::TimeZone zone = absl::UTCTimeZone();
  // From Monday on.
  std::array<bool, 7> works = {true, true, true, true, true, true, true};
  // Days that do not count though their day of the week does; ascending.
  std::vector<absl::CivilDay> holidays = {};

  bool IsWorkingDay(absl::CivilDay day) const;
};

// Time in which no working day comes is taken as worked: a calendar must not put a due time off for ever.
inline constexpr int kMostDaysOff = 366;

// When `span` of working time has passed after `from`. `from` itself for a span that is not positive.
absl::Time AddWorkingTime(const WorkingCalendar& calendar, absl::Time from, absl::Duration span);

// How much working time lies between the two; nothing when `to` is not after `from`.
absl::Duration WorkingTimeBetween(const WorkingCalendar& calendar, absl::Time from, absl::Time to);

}  // namespace waypost::calendar

#endif  // WAYPOST_COMMON_CALENDAR_WORKING_TIME_H_
