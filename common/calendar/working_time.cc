#include "common/calendar/working_time.h"

#include <algorithm>

namespace waypost::calendar {
namespace {

// Goes over the days after a moment, one stretch of time a day.
class Days {
 public:
  Days(const WorkingCalendar& calendar, absl::Time from)
      : calendar_(calendar), at_(from), day_(absl::ToCivilDay(from, calendar.zone)) {}

  absl::Time begin() const { return at_; }
  // A day that is skipped or doubled by its zone has no length, but it is gone through all the same.
  absl::Time end() const { return std::max(at_, absl::FromCivil(day_ + 1, calendar_.zone)); }
  bool Counts() {
    if (calendar_.IsWorkingDay(day_)) {
      off_ = 0;
      return true;
    }
    return ++off_ > kMostDaysOff;
  }
  void Next() {
    at_ = end();
    ++day_;
  }

 private:
  const WorkingCalendar& calendar_;
  absl::Time at_;
  absl::CivilDay day_;
  int off_ = 0;
};

}  // namespace

bool WorkingCalendar::IsWorkingDay(absl::CivilDay day) const {
  const auto weekday = static_cast<size_t>(absl::GetWeekday(day));
  return works[weekday] && !std::binary_search(holidays.begin(), holidays.end(), day);
}

absl::Time AddWorkingTime(const WorkingCalendar& calendar, absl::Time from, absl::Duration span) {
  if (span <= absl::ZeroDuration()) return from;
  for (Days days(calendar, from);; days.Next()) {
    if (!days.Counts()) continue;
    const absl::Duration rest = days.end() - days.begin();
    if (span <= rest) return days.begin() + span;
    span -= rest;
  }
}

absl::Duration WorkingTimeBetween(const WorkingCalendar& calendar, absl::Time from, absl::Time to) {
  absl::Duration worked = absl::ZeroDuration();
  for (Days days(calendar, from); days.begin() < to; days.Next()) {
    if (days.Counts()) worked += std::min(days.end(), to) - days.begin();
  }
  return worked;
}

}  // namespace waypost::calendar
