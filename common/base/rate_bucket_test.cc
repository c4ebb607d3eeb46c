#include "common/base/rate_bucket.h"

#include <gtest/gtest.h>

namespace waypost::base {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

TEST(RateBucket, GivesItsBurstAndThenItsRate) {
  RateBucket bucket(10, 3, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.Take(kStart), absl::ZeroDuration());
  EXPECT_EQ(bucket.Take(kStart), absl::Milliseconds(100));
  EXPECT_EQ(bucket.Take(kStart + absl::Milliseconds(50)), absl::Milliseconds(50));
  EXPECT_EQ(bucket.Take(kStart + absl::Milliseconds(100)), absl::ZeroDuration());
  EXPECT_GT(bucket.Take(kStart + absl::Milliseconds(100)), absl::ZeroDuration());
}

TEST(RateBucket, HoldsNoMoreThanItsBurst) {
  RateBucket bucket(10, 2, kStart);
  const absl::Time later = kStart + absl::Hours(1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(bucket.Take(later), absl::ZeroDuration());
  EXPECT_GT(bucket.Take(later), absl::ZeroDuration());
  EXPECT_FALSE(bucket.Full(later + absl::Milliseconds(199)));
  EXPECT_TRUE(bucket.Full(later + absl::Milliseconds(200)));
}

TEST(RateBucket, AClockThatGoesBackFillsNothing) {
  RateBucket bucket(10, 1, kStart);
  EXPECT_EQ(bucket.Take(kStart), absl::ZeroDuration());
  EXPECT_GT(bucket.Take(kStart - absl::Hours(1)), absl::ZeroDuration());
  EXPECT_GT(bucket.Take(kStart), absl::ZeroDuration());
}

}  // namespace
}  // namespace waypost::base
