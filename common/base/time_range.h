// Which timestamps are times at all. `Timestamp` is google.protobuf.Timestamp. Pure; thread-safe.
#ifndef WAYPOST_COMMON_BASE_TIME_RANGE_H_
#define WAYPOST_COMMON_BASE_TIME_RANGE_H_

#include <cstdint>

namespace waypost::base {

// In the documented range: years 1 to 9999 (google/protobuf/timestamp.proto). What lies outside has no form
// as JSON.
template <typename Timestamp>
bool IsTime(const Timestamp& time) {
  constexpr int64_t kFirstSecond = -62'135'596'800;
  constexpr int64_t kLastSecond = 253'402'300'799;
  return time.seconds() >= kFirstSecond && time.seconds() <= kLastSecond && time.nanos() >= 0 &&
         time.nanos() < 1'000'000'000;
}

// Of those, one that something in a case may have: from 1970 on; earlier ones are always mistakes.
template <typename Timestamp>
bool IsRecentTime(const Timestamp& time) {
  return IsTime(time) && time.seconds() >= 0;
}

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_TIME_RANGE_H_
