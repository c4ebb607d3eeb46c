#include "services/directory/field_checks.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/time/time.h"
#include "common/api/names.h"
#include "common/base/abseil.h"
#include "common/base/time_range.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"

namespace waypost::directory {
namespace {

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<int> Number(std::string_view digits) {
  int number = 0;
  if (!std::all_of(digits.begin(), digits.end(), IsDigit)) return std::nullopt;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

bool IsEmail(std::string_view email) {
  const size_t at = email.find('@');
  if (at == 0 || at == std::string_view::npos || email.find('@', at + 1) != std::string_view::npos)
    return false;
  const std::string_view domain = email.substr(at + 1);
  const bool printable =
      std::all_of(email.begin(), email.end(), [](char c) { return c > ' ' && c != 0x7F && c != '"'; });
  return printable && domain.find('.') != std::string_view::npos && domain.front() != '.' &&
         domain.back() != '.';
}

bool IsTelephone(std::string_view telephone) {
  if (telephone.size() > 30 || !telephone.starts_with('+')) return false;
  const std::string_view rest = telephone.substr(1);
  const auto digits = std::count_if(rest.begin(), rest.end(), IsDigit);
  return digits >= 6 && digits <= 15 &&
         digits + std::count(rest.begin(), rest.end(), ' ') == std::ssize(rest);
}

// The shape of a name of the time zone database, so that nothing else is ever looked up: neither a path nor
// a word that means this machine's own zone. REQUIRES: not empty.
bool IsZoneName(std::string_view zone) {
  if (zone.front() < 'A' || zone.front() > 'Z' || zone.ends_with('/')) return false;
  return zone.find("//") == std::string_view::npos && std::all_of(zone.begin(), zone.end(), [](char c) {
           return IsLetter(c) || IsDigit(c) || c == '/' || c == '_' || c == '-' || c == '+';
         });
}

void CheckZone(std::string_view field, std::string_view zone, error::FieldViolations& violations) {
  if (zone.empty()) {
    violations.Add(field, "is required");
    return;
  }
  if (zone.size() > kMaxZoneBytes) {
    violations.Add(field, base::Cat("is longer than ", kMaxZoneBytes, " bytes"));
    return;
  }
  absl::TimeZone loaded;
  if (!IsZoneName(zone) || !absl::LoadTimeZone(base::ToAbsl(zone), &loaded)) {
    violations.Add(field, "is not an IANA time zone that is known here, as Europe/Madrid");
  }
}

// What cannot be read overlaps nothing.
bool Overlap(const v1::DutyHours& a, const v1::DutyHours& b) {
  const std::optional<int> opens[] = {ParseTimeOfDay(a.opens()), ParseTimeOfDay(b.opens())};
  const std::optional<int> closes[] = {ParseTimeOfDay(a.closes()), ParseTimeOfDay(b.closes())};
  if (a.day() != b.day() || !opens[0] || !opens[1] || !closes[0] || !closes[1]) return false;
  return *opens[0] < *closes[1] && *opens[1] < *closes[0];
}

std::string AtMost(size_t max) {
  return base::Cat("is longer than ", max, " bytes");
}

}  // namespace

std::string At(std::string_view field, int index) {
  return base::Cat(field, "[", index, "]");
}

bool IsLanguageTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxLanguageTagBytes) return false;
  const std::string_view language = PrimarySubtag(tag);
  if (language.size() < 2 || language.size() > 3 ||
      !std::all_of(language.begin(), language.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    return false;
  }
  std::string_view rest = tag.substr(language.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the hyphen
    const std::string_view subtag = PrimarySubtag(rest);
    if (subtag.size() < 2 || subtag.size() > 8 ||
        !std::all_of(subtag.begin(), subtag.end(), [](char c) { return IsLetter(c) || IsDigit(c); })) {
      return false;
    }
    rest.remove_prefix(subtag.size());
  }
  return true;
}

std::string_view PrimarySubtag(std::string_view tag) {
  return tag.substr(0, tag.find('-'));
}

std::optional<absl::CivilDay> ParseDate(std::string_view date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return std::nullopt;
  const std::optional<int> year = Number(date.substr(0, 4));
  const std::optional<int> month = Number(date.substr(5, 2));
  const std::optional<int> day = Number(date.substr(8, 2));
  if (!year || !month || !day || *year < 1900) return std::nullopt;
  const absl::CivilDay parsed(*year, *month, *day);
  // CivilDay carries over what does not exist, as 30 February into March.
  if (parsed.year() != *year || parsed.month() != *month || parsed.day() != *day) return std::nullopt;
  return parsed;
}

std::optional<int> ParseTimeOfDay(std::string_view time) {
  if (time.size() != 5 || time[2] != ':') return std::nullopt;
  const std::optional<int> hour = Number(time.substr(0, 2));
  const std::optional<int> minute = Number(time.substr(3, 2));
  if (!hour || !minute || *minute > 59) return std::nullopt;
  const int minutes = *hour * 60 + *minute;
  if (minutes > 24 * 60) return std::nullopt;
  return minutes;
}

absl::CivilDay DayOf(absl::Time time) {
  return absl::ToCivilDay(time, absl::UTCTimeZone());
}

PeriodPosition PositionOf(const v1::Period& period, absl::CivilDay day) {
  const std::optional<absl::CivilDay> start = ParseDate(period.start_date());
  const std::optional<absl::CivilDay> end = ParseDate(period.end_date());
  if (start && day < *start) return PeriodPosition::kFuture;
  if (end && day > *end) return PeriodPosition::kPast;
  return PeriodPosition::kCurrent;
}

void CheckText(std::string_view field, std::string_view text, size_t max_bytes, bool required,
               error::FieldViolations& violations) {
  if (text.empty() && required) violations.Add(field, "is required");
  if (text.size() > max_bytes) violations.Add(field, AtMost(max_bytes));
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t';
  });
  if (control) violations.Add(field, "holds control characters");
}

void CheckLocalized(std::string_view field, const type::v1::LocalizedText& text, size_t max_bytes,
                    bool required, error::FieldViolations& violations) {
  if (text.text().empty()) {
    if (required) violations.Add(field, "is required");
    if (!text.original_language().empty()) violations.Add(field, "names an original language without a text");
    return;
  }
  if (text.text().size() > kMaxLanguagesOfText) {
    violations.Add(field, base::Cat("has more than ", kMaxLanguagesOfText, " languages"));
  }
  if (!text.text().contains(text.original_language())) {
    violations.Add(field, "original_language must be the tag of one of the texts");
  }
  std::vector<std::string_view> tags;  // in order, so that the same text gives the same answer
  for (const auto& entry : text.text()) tags.push_back(entry.first);
  std::sort(tags.begin(), tags.end());
  for (const std::string_view tag : tags) {
    if (!IsLanguageTag(tag)) {
      violations.Add(field, "has a key that is not a language tag");
      continue;
    }
    CheckText(base::Cat(field, ".text[", tag, "]"), text.text().at(std::string(tag)), max_bytes,
              /*required=*/true, violations);
  }
}

void CheckDate(std::string_view field, std::string_view date, bool required,
               error::FieldViolations& violations) {
  if (date.empty()) {
    if (required) violations.Add(field, "is required");
  } else if (!ParseDate(date)) {
    violations.Add(field, "is not a date as in 2026-01-31");
  }
}

void CheckPeriod(std::string_view field, const v1::Period& period, bool start_required,
                 error::FieldViolations& violations) {
  CheckDate(base::Cat(field, ".start_date"), period.start_date(), start_required, violations);
  CheckDate(base::Cat(field, ".end_date"), period.end_date(), /*required=*/false, violations);
  const std::optional<absl::CivilDay> start = ParseDate(period.start_date());
  const std::optional<absl::CivilDay> end = ParseDate(period.end_date());
  if (start && end && *end < *start) violations.Add(base::Cat(field, ".end_date"), "is before start_date");
}

void CheckName(std::string_view field, ResourceKind kind, std::string_view name, bool required,
               error::FieldViolations& violations) {
  if (name.empty()) {
    if (required) violations.Add(field, "is required");
  } else if (!IdOf(kind, name)) {
    violations.Add(field, "is not a resource name of the kind asked for here");
  }
}

void CheckTerritory(std::string_view field, std::string_view code, error::FieldViolations& violations) {
  if (code.empty()) {
    violations.Add(field, "is required");
  } else if (!territory::IsTerritory(code)) {
    violations.Add(field, "is not a territory code as in ES300 or ES300/28058");
  }
}

void CheckTerritories(std::string_view field, const google::protobuf::RepeatedPtrField<std::string>& codes,
                      int max, error::FieldViolations& violations) {
  if (!CheckCount(field, codes.size(), max, violations)) return;
  for (int i = 0; i < codes.size(); ++i) {
    CheckTerritory(At(field, i), codes[i], violations);
    if (!territory::IsTerritory(codes[i])) continue;
    for (int j = 0; j < codes.size(); ++j) {
      if (i == j || !territory::IsTerritory(codes[j]) || !territory::Covers(codes[j], codes[i])) continue;
      if (codes[i] == codes[j] && j > i) continue;  // tell of the second of two equals
      violations.Add(At(field, i), base::Cat("is covered by ", At(field, j)));
      break;
    }
  }
}

void CheckLanguages(std::string_view field, const google::protobuf::RepeatedPtrField<std::string>& tags,
                    int max, error::FieldViolations& violations) {
  if (!CheckCount(field, tags.size(), max, violations)) return;
  for (int i = 0; i < tags.size(); ++i) {
    if (!IsLanguageTag(tags[i])) violations.Add(At(field, i), "is not a language tag as in fr or pt-BR");
    if (std::find(tags.begin(), tags.begin() + i, tags[i]) != tags.begin() + i) {
      violations.Add(At(field, i), "is there twice");
    }
  }
}

void CheckContactPoint(std::string_view field, const v1::ContactPoint& point,
                       error::FieldViolations& violations) {
  CheckText(base::Cat(field, ".title"), point.title(), kMaxContactTitleBytes, /*required=*/true, violations);
  CheckText(base::Cat(field, ".email"), point.email(), kMaxEmailBytes, /*required=*/false, violations);
  if (!point.email().empty() && !IsEmail(point.email())) {
    violations.Add(base::Cat(field, ".email"), "is not an e-mail address");
  }
  if (!point.telephone().empty() && !IsTelephone(point.telephone())) {
    violations.Add(base::Cat(field, ".telephone"), "is not '+' and 6 to 15 digits");
  }
  if (point.email().empty() && point.telephone().empty()) {
    violations.Add(field, "needs an e-mail address or a telephone number");
  }
}

void CheckCalendar(std::string_view field, const v1::WorkingCalendar& calendar,
                   error::FieldViolations& violations) {
  CheckZone(base::Cat(field, ".zone"), calendar.zone(), violations);
  const std::string days = base::Cat(field, ".working_days");
  if (calendar.working_days().empty()) violations.Add(days, "is required");
  if (CheckCount(days, calendar.working_days_size(), v1::WEEKDAY_SUNDAY, violations)) {
    for (int i = 0; i < calendar.working_days_size(); ++i) {
      CheckEnum(At(days, i), calendar.working_days(i), v1::Weekday_IsValid, violations);
      const auto begin = calendar.working_days().begin();
      if (std::find(begin, begin + i, calendar.working_days(i)) != begin + i) {
        violations.Add(At(days, i), "is there twice");
      }
    }
  }
  const std::string holidays = base::Cat(field, ".holidays");
  if (!CheckCount(holidays, calendar.holidays_size(), kMaxHolidays, violations)) return;
  for (int i = 0; i < calendar.holidays_size(); ++i) {
    CheckDate(At(holidays, i), calendar.holidays(i), /*required=*/true, violations);
    // Dates of this form are in order when their texts are.
    if (i > 0 && calendar.holidays(i) <= calendar.holidays(i - 1)) {
      violations.Add(At(holidays, i), "is not after the one before it");
    }
  }
}

void CheckDutyHours(std::string_view field, const google::protobuf::RepeatedPtrField<v1::DutyHours>& spans,
                    error::FieldViolations& violations) {
  if (!CheckCount(field, spans.size(), kMaxDutyHours, violations)) return;
  for (int i = 0; i < spans.size(); ++i) {
    CheckEnum(base::Cat(At(field, i), ".day"), spans[i].day(), v1::Weekday_IsValid, violations);
    const std::optional<int> opens = ParseTimeOfDay(spans[i].opens());
    const std::optional<int> closes = ParseTimeOfDay(spans[i].closes());
    if (!opens || *opens == 24 * 60) {
      violations.Add(base::Cat(At(field, i), ".opens"), "is not a time from 00:00 to 23:59");
    }
    if (!closes) {
      violations.Add(base::Cat(At(field, i), ".closes"), "is not a time from 00:01 to 24:00");
    } else if (opens && *closes <= *opens) {
      violations.Add(base::Cat(At(field, i), ".closes"), "is not after opens");
    }
    const auto other = std::find_if(spans.begin(), spans.begin() + i, [&spans, i](const v1::DutyHours& each) {
      return Overlap(each, spans[i]);
    });
    if (other == spans.begin() + i) continue;
    violations.Add(At(field, i), base::Cat("overlaps ", At(field, static_cast<int>(other - spans.begin()))));
  }
}

bool CheckTime(std::string_view field, const google::protobuf::Timestamp& time,
               error::FieldViolations& violations) {
  if (base::IsTime(time)) return true;
  violations.Add(field, "is no time of the years 1 to 9999");
  return false;
}

bool CheckCount(std::string_view field, int count, int max, error::FieldViolations& violations) {
  if (count <= max) return true;
  violations.Add(field, base::Cat("has more than ", max, " entries"));
  return false;
}

void CheckNewId(std::string_view field, std::string_view id, error::FieldViolations& violations) {
  if (!api::IsId(id)) {
    violations.Add(field, "is not 2 to 63 lower-case letters, digits and inner hyphens");
  }
}

void CheckTheme(std::string_view field, type::v1::Theme theme, error::FieldViolations& violations,
                bool optional) {
  CheckEnum(field, theme, type::v1::Theme_IsValid, violations, optional);
}

void CheckThemes(std::string_view field, const google::protobuf::RepeatedField<int>& themes,
                 error::FieldViolations& violations) {
  if (!CheckCount(field, themes.size(), type::v1::Theme_ARRAYSIZE, violations)) return;
  for (int i = 0; i < themes.size(); ++i) {
    CheckTheme(At(field, i), static_cast<type::v1::Theme>(themes[i]), violations);
    if (std::find(themes.begin(), themes.begin() + i, themes[i]) != themes.begin() + i)
      violations.Add(At(field, i), "is there twice");
  }
}

void CheckPageSize(int32_t page_size, error::FieldViolations& violations) {
  if (page_size < 0) violations.Add("page_size", "must not be negative");
}

absl::Status CheckOneName(ResourceKind kind, std::string_view name) {
  error::FieldViolations violations;
  CheckName("name", kind, name, /*required=*/true, violations);
  return violations.ToStatus();
}

absl::Status CheckEnd(const v1::Period& period, std::string_view end_date, std::string_view what) {
  const auto end = ParseDate(end_date);
  const auto start = ParseDate(period.start_date());
  const auto old_end = ParseDate(period.end_date());
  if (start && *end < *start) {
    return error::InvalidField("end_date", base::Cat("is before the ", what, "'s start"));
  }
  if (old_end && *end > *old_end) return error::InvalidField("end_date", "is after the end that it has");
  return absl::OkStatus();
}

bool PeriodsOverlap(const v1::Period& a, const v1::Period& b) {
  const auto ends_before = [](const v1::Period& first, const v1::Period& second) {
    const auto end = ParseDate(first.end_date());
    const auto start = ParseDate(second.start_date());
    return end && start && *end < *start;
  };
  return !ends_before(a, b) && !ends_before(b, a);
}

}  // namespace waypost::directory
