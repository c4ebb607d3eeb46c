// Times as people write and read them.
#ifndef WAYPOST_TOOLS_WAYPOST_TIMES_H_
#define WAYPOST_TOOLS_WAYPOST_TIMES_H_

#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace waypost::cli {

// RFC 3339 to the second in `zone`: "2026-03-01T14:05:09+01:00"; "…Z" for UTC. Empty for a zero timestamp.
std::string ShowTime(absl::Time time, absl::TimeZone zone);
std::string ShowTime(const google::protobuf::Timestamp& time, absl::TimeZone zone);

// Reads "2026-03-01T14:05:09+01:00" (RFC 3339), "2026-03-01 14:05" or "2026-03-01" (in `zone`; a day is its
// beginning), or a span from now: "14d", "36h", "90m", with an optional '+'. Nothing for anything else and
// for years outside 1 to 9999.
std::optional<absl::Time> ParseTime(std::string_view text, absl::Time now, absl::TimeZone zone);

// "8h", "30m", "14d", "1h30m", "500ms"; not negative.
std::optional<absl::Duration> ParseSpan(std::string_view text);

google::protobuf::Timestamp ToTimestamp(absl::Time time);

// "2 h 5 min", "3 d 4 h", "12 s": the two largest units.
std::string ShowSpan(absl::Duration span);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_TIMES_H_
