#include "common/calendar/working_time.h"

#include <gtest/gtest.h>

#include <string>

namespace waypost::calendar {
namespace {

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

WorkingCalendar Office() {
  return {.zone = Zone("Europe/Madrid"), .works = {true, true, true, true, true, false, false}};
}

absl::Time At(const WorkingCalendar& calendar, int month, int day, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilMinute(2026, month, day, hour, minute), calendar.zone);
}

constexpr absl::Duration kDay = absl::Hours(24);

TEST(AddWorkingTime, EveryDayCountsWithoutACalendar) {
  const WorkingCalendar calendar;
  EXPECT_EQ(AddWorkingTime(calendar, At(calendar, 11, 27, 15), 14 * kDay), At(calendar, 12, 11, 15));
}

TEST(AddWorkingTime, AWeekEndIsLeftOut) {
  const WorkingCalendar office = Office();
  // 27 November 2026 is a Friday.
  EXPECT_EQ(AddWorkingTime(office, At(office, 11, 27, 15), 3 * kDay), At(office, 12, 2, 15));
  EXPECT_EQ(AddWorkingTime(office, At(office, 11, 27, 15), absl::Hours(9)), At(office, 11, 28, 0));
  EXPECT_EQ(AddWorkingTime(office, At(office, 11, 27, 15), absl::Hours(9) + absl::Nanoseconds(1)),
            At(office, 11, 30, 0) + absl::Nanoseconds(1));
}

TEST(AddWorkingTime, WhatComesOnADayOffBeginsOnTheNextWorkingDay) {
  const WorkingCalendar office = Office();
  EXPECT_EQ(AddWorkingTime(office, At(office, 11, 28, 11), kDay), At(office, 12, 1, 0));
}

TEST(AddWorkingTime, AHolidayIsADayOff) {
  WorkingCalendar office = Office();
  office.holidays = {absl::CivilDay(2026, 12, 7), absl::CivilDay(2026, 12, 8)};
  EXPECT_EQ(AddWorkingTime(office, At(office, 12, 4, 12), kDay), At(office, 12, 9, 12));
}

TEST(AddWorkingTime, TheDayBeginsInTheZone) {
  const WorkingCalendar athens = {.zone = Zone("Europe/Athens"),
                                  .works = {true, true, true, true, true, false, false}};
  const WorkingCalendar office = Office();
  const absl::Time late = At(office, 11, 27, 23, 30);  // Saturday in Athens
  EXPECT_EQ(AddWorkingTime(athens, late, absl::Hours(1)), At(athens, 11, 30, 1));
  EXPECT_EQ(AddWorkingTime(office, late, absl::Hours(1)), At(office, 11, 30, 0, 30));
}

TEST(AddWorkingTime, ADayOfTwentyThreeHoursHasTwentyThree) {
  const WorkingCalendar calendar = {.zone = Zone("Europe/Madrid")};
  EXPECT_EQ(AddWorkingTime(calendar, At(calendar, 3, 28, 12), kDay), At(calendar, 3, 29, 13));
}

TEST(AddWorkingTime, NothingIsAtOnce) {
  const WorkingCalendar office = Office();
  const absl::Time sunday = At(office, 11, 29, 10);
  EXPECT_EQ(AddWorkingTime(office, sunday, absl::ZeroDuration()), sunday);
  EXPECT_EQ(AddWorkingTime(office, sunday, -kDay), sunday);
}

TEST(AddWorkingTime, ACalendarWithoutAWorkingDayEndsAllTheSame) {
  WorkingCalendar never = {.zone = absl::UTCTimeZone(), .works = {}};
  const absl::Time from = At(never, 1, 1, 0);
  EXPECT_EQ(AddWorkingTime(never, from, kDay), from + (kMostDaysOff + 1) * kDay);
}

TEST(WorkingTimeBetween, IsWhatAddingTakesBack) {
  WorkingCalendar office = Office();
  office.holidays = {absl::CivilDay(2026, 12, 8), absl::CivilDay(2026, 12, 25)};
  for (int hour = 0; hour < 24 * 20; hour += 7) {
    const absl::Time from = At(office, 11, 27, 15) + absl::Hours(hour);
    for (int span = 1; span < 24 * 16; span += 13) {
      const absl::Time to = AddWorkingTime(office, from, absl::Hours(span));
      ASSERT_EQ(WorkingTimeBetween(office, from, to), absl::Hours(span)) << hour << " " << span;
    }
  }
}

TEST(WorkingTimeBetween, IsNothingBackwardsAndOnDaysOff) {
  const WorkingCalendar office = Office();
  EXPECT_EQ(WorkingTimeBetween(office, At(office, 11, 27, 15), At(office, 11, 27, 14)), absl::ZeroDuration());
  EXPECT_EQ(WorkingTimeBetween(office, At(office, 11, 28, 9), At(office, 11, 29, 17)), absl::ZeroDuration());
  EXPECT_EQ(WorkingTimeBetween(office, At(office, 11, 27, 15), At(office, 11, 30, 9)), absl::Hours(18));
}

}  // namespace
}  // namespace waypost::calendar
