#include "tools/waypost/times.h"

#include <cstdint>

#include "common/base/strings.h"

namespace waypost::cli {
namespace {

using base::ToAbsl;

constexpr std::string_view kForms[] = {"%Y-%m-%d%ET%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
                                       "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

bool LooksLikeDate(std::string_view text) {
  return text.size() >= 10 && text[4] == '-' && text[7] == '-' && text[0] >= '0' && text[0] <= '9';
}

}  // namespace

std::string ShowTime(absl::Time time, absl::TimeZone zone) {
  if (zone == absl::UTCTimeZone()) return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, zone);
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", time, zone);
}

std::string ShowTime(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return ShowTime(absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()), zone);
}

std::optional<absl::Duration> ParseSpan(std::string_view text) {
  absl::Duration days = absl::ZeroDuration();
  const size_t d = text.find('d');
  if (d != std::string_view::npos) {
    int64_t number = 0;
    if (d == 0 || d > 5) return std::nullopt;
    for (const char c : text.substr(0, d)) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + (c - '0');
    }
    days = absl::Hours(24 * number);
    text.remove_prefix(d + 1);
    if (text.empty()) return days;
  }
  absl::Duration rest;
  if (!absl::ParseDuration(ToAbsl(text), &rest)) return std::nullopt;
  if (rest < absl::ZeroDuration() || rest > absl::Hours(24 * 100000)) return std::nullopt;
  return days + rest;
}

std::optional<absl::Time> ParseTime(std::string_view text, absl::Time now, absl::TimeZone zone) {
  if (LooksLikeDate(text)) {
    for (const std::string_view form : kForms) {
      absl::Time time;
      std::string why;
      if (absl::ParseTime(ToAbsl(form), ToAbsl(text), zone, &time, &why)) return time;
    }
    return std::nullopt;
  }
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const std::optional<absl::Duration> span = ParseSpan(text);
  if (!span.has_value()) return std::nullopt;
  return now + *span;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp stamp;
  const absl::Duration since_epoch = time - absl::UnixEpoch();
  const absl::Duration whole = absl::Floor(since_epoch, absl::Seconds(1));
  stamp.set_seconds(absl::ToInt64Seconds(whole));
  stamp.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(since_epoch - whole)));
  return stamp;
}

std::string ShowSpan(absl::Duration span) {
  if (span < absl::ZeroDuration()) return base::Cat("-", ShowSpan(-span));
  const int64_t seconds = absl::ToInt64Seconds(span);
  if (seconds < 60) return base::Cat(seconds, " s");
  if (seconds < 3600) return base::Cat(seconds / 60, " min");
  if (seconds < 86400) {
    const int64_t minutes = seconds / 60 % 60;
    return minutes == 0 ? base::Cat(seconds / 3600, " h") : base::Cat(seconds / 3600, " h ", minutes, " min");
  }
  const int64_t hours = seconds / 3600 % 24;
  return hours == 0 ? base::Cat(seconds / 86400, " d") : base::Cat(seconds / 86400, " d ", hours, " h");
}

}  // namespace waypost::cli
