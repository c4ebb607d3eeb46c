// So many a second, and so many at once after a rest.
#ifndef WAYPOST_COMMON_BASE_RATE_BUCKET_H_
#define WAYPOST_COMMON_BASE_RATE_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"

namespace waypost::base {

// A token bucket. Not thread-safe.
class RateBucket {
 public:
  // Full at `now`. `rate` is a second's; `burst` is at least 1.
  RateBucket(double rate, double burst, absl::Time now)
      : rate_(rate), burst_(burst), left_(burst), filled_(now) {}

  // Zero when one was taken; otherwise how long it is until there is one. A clock that goes back fills
  // nothing.
  absl::Duration Take(absl::Time now) {
    left_ = std::min(burst_, left_ + std::max(0.0, absl::ToDoubleSeconds(now - filled_)) * rate_);
    filled_ = std::max(filled_, now);
    if (left_ < 1) return absl::Seconds((1 - left_) / rate_);
    left_ -= 1;
    return absl::ZeroDuration();
  }

  // As good as new at `now`, whatever was taken.
  bool Full(absl::Time now) const { return now - filled_ >= absl::Seconds(burst_ / rate_); }

 private:
  double rate_;
  double burst_;
  double left_;
  absl::Time filled_;
};

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_RATE_BUCKET_H_
