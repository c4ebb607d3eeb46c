#include "common/api/resource.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::api {

std::string EtagOf(int64_t revision) {
  return base::Cat("\"", revision, "\"");
}

absl::Status CheckEtag(std::string_view resource_name, std::string_view given, int64_t revision) {
  if (given.empty() || given == EtagOf(revision)) return absl::OkStatus();
  return error::EtagMismatch(resource_name);
}

absl::StatusOr<int> PageSizeOf(int32_t requested) {
  if (requested < 0) return error::InvalidField("page_size", "must not be negative");
  if (requested == 0) return kDefaultPageSize;
  return std::min(requested, kMaxPageSize);
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  int64_t seconds = micros / 1'000'000;
  int64_t rest = micros % 1'000'000;
  if (rest < 0) {
    --seconds;
    rest += 1'000'000;
  }
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(rest * 1000));
  return timestamp;
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

}  // namespace waypost::api
