// Time is injected, so that tests decide what time it is.
#ifndef WAYPOST_COMMON_BASE_CLOCK_H_
#define WAYPOST_COMMON_BASE_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace waypost::base {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_CLOCK_H_
