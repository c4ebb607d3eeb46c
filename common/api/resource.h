// Small conventions of every resource: etags, page sizes, times on the wire.
#ifndef WAYPOST_COMMON_API_RESOURCE_H_
#define WAYPOST_COMMON_API_RESOURCE_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace waypost::api {

inline constexpr int kMaxPageSize = 500;
inline constexpr int kDefaultPageSize = 50;

// The etag of a resource's revision (AIP-154).
std::string EtagOf(int64_t revision);

// OK when `given` is empty (the caller does not care) or that of `revision`; ETAG_MISMATCH otherwise.
absl::Status CheckEtag(std::string_view resource_name, std::string_view given, int64_t revision);

// 0 means the default; more than the limit means the limit (AIP-158); less than 0 is INVALID_FIELD.
absl::StatusOr<int> PageSizeOf(int32_t requested);

// Microsecond precision, rounded down.
google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

// The time of a change: `now`, or that of the change before where the clock has gone back since. Time never
// goes backwards within a resource. `current` has an update_time.
template <typename Resource>
absl::Time NotBefore(absl::Time now, const Resource& current) {
  return current.has_update_time() ? std::max(now, FromTimestamp(current.update_time())) : now;
}

}  // namespace waypost::api

#endif  // WAYPOST_COMMON_API_RESOURCE_H_
