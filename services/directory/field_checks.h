// Checks of single fields, shared by every validation of the directory. Each adds what is wrong to
// `violations` under the path `field`, and repeats no value. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_DIRECTORY_FIELD_CHECKS_H_
#define WAYPOST_SERVICES_DIRECTORY_FIELD_CHECKS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/civil_time.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/directory/names.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::directory {

// "field[3]".
std::string At(std::string_view field, int index);

// A BCP 47 tag in shape: a language of 2 or 3 letters and subtags of 2 to 8 letters and digits.
bool IsLanguageTag(std::string_view tag);
// "pt" of "pt-BR". A view into `tag`.
std::string_view PrimarySubtag(std::string_view tag);

// "YYYY-MM-DD" and a day that exists, from year 1900 to 9999.
std::optional<absl::CivilDay> ParseDate(std::string_view date);
// The calendar day of `time` in UTC: days are not exact to the hour here.
absl::CivilDay DayOf(absl::Time time);

// "HH:MM" in minutes since midnight, from 0 to 1440: "24:00" is the end of the day.
std::optional<int> ParseTimeOfDay(std::string_view time);

// Whether `period`, which is valid, lies before, around or after `day`.
enum class PeriodPosition { kFuture, kCurrent, kPast };
PeriodPosition PositionOf(const v1::Period& period, absl::CivilDay day);

void CheckText(std::string_view field, std::string_view text, size_t max_bytes, bool required,
               error::FieldViolations& violations);
void CheckLocalized(std::string_view field, const type::v1::LocalizedText& text, size_t max_bytes,
                    bool required, error::FieldViolations& violations);
void CheckDate(std::string_view field, std::string_view date, bool required,
               error::FieldViolations& violations);
void CheckPeriod(std::string_view field, const v1::Period& period, bool start_required,
                 error::FieldViolations& violations);
void CheckName(std::string_view field, ResourceKind kind, std::string_view name, bool required,
               error::FieldViolations& violations);
void CheckTerritory(std::string_view field, std::string_view code, error::FieldViolations& violations);
// Well-formed, at most `max`, none covering another.
void CheckTerritories(std::string_view field, const google::protobuf::RepeatedPtrField<std::string>& codes,
                      int max, error::FieldViolations& violations);
// Well-formed, at most `max`, each once.
void CheckLanguages(std::string_view field, const google::protobuf::RepeatedPtrField<std::string>& tags,
                    int max, error::FieldViolations& violations);
void CheckContactPoint(std::string_view field, const v1::ContactPoint& point,
                       error::FieldViolations& violations);

// An IANA zone that is known here, one to seven working days, ascending holidays.
void CheckCalendar(std::string_view field, const v1::WorkingCalendar& calendar,
                   error::FieldViolations& violations);
// Spans within one day each, those of the same day apart: one may begin when another ends.
void CheckDutyHours(std::string_view field, const google::protobuf::RepeatedPtrField<v1::DutyHours>& spans,
                    error::FieldViolations& violations);

// False, with a violation, where it lies outside the years 1 to 9999, which nobody could be shown as JSON.
bool CheckTime(std::string_view field, const google::protobuf::Timestamp& time,
               error::FieldViolations& violations);

// False, with a violation, when there are more than `max`.
bool CheckCount(std::string_view field, int count, int max, error::FieldViolations& violations);

// A value of `Enum` that is known and, unless `optional`, specified.
template <typename Enum>
void CheckEnum(std::string_view field, Enum value, bool (*is_valid)(int), error::FieldViolations& violations,
               bool optional = false) {
  if (!is_valid(static_cast<int>(value))) {
    violations.Add(field, "is not a value that is known here");
  } else if (static_cast<int>(value) == 0 && !optional) {
    violations.Add(field, "is required");
  }
}

void CheckNewId(std::string_view field, std::string_view id, error::FieldViolations& violations);
void CheckTheme(std::string_view field, type::v1::Theme theme, error::FieldViolations& violations,
                bool optional = false);
// Known, each once.
void CheckThemes(std::string_view field, const google::protobuf::RepeatedField<int>& themes,
                 error::FieldViolations& violations);
void CheckPageSize(int32_t page_size, error::FieldViolations& violations);
// What a request is that only names one resource, in `name`.
absl::Status CheckOneName(ResourceKind kind, std::string_view name);
// INVALID_FIELD unless `end_date`, a date, ends `period` within itself. `what`: "agreement".
absl::Status CheckEnd(const v1::Period& period, std::string_view end_date, std::string_view what);

// True when some day lies in both.
bool PeriodsOverlap(const v1::Period& a, const v1::Period& b);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_FIELD_CHECKS_H_
