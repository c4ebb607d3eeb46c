#include "common/identity/caller_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/strings.h"
#include "common/crypto/testing.h"

namespace waypost::identity {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

crypto::Hash HashOf(int i) {
  return crypto::Sha256Array(base::Cat("token", i));
}

std::shared_ptr<const policy::Caller> CallerUntil(absl::Time expires) {
  return std::make_shared<const policy::Caller>(
      policy::Caller{.body = "bodies/a", .actor = "actors/x", .roles = {}, .units = {}, .expires = expires});
}

TEST(CallerCache, RemembersUntilExpiry) {
  CallerCache cache(100);
  EXPECT_EQ(cache.Get(HashOf(1), 1, kNow), nullptr);
  const auto caller = CallerUntil(kNow + absl::Minutes(1));
  cache.Put(HashOf(1), 1, caller);
  EXPECT_EQ(cache.Get(HashOf(1), 1, kNow), caller);
  EXPECT_EQ(cache.Get(HashOf(1), 1, kNow + absl::Seconds(59)), caller);
  EXPECT_EQ(cache.Get(HashOf(1), 1, kNow + absl::Minutes(1)), nullptr);
  EXPECT_EQ(cache.Get(HashOf(2), 1, kNow), nullptr);
}

TEST(CallerCache, AnotherGenerationIsNeverFound) {
  CallerCache cache(100);
  cache.Put(HashOf(1), 1, CallerUntil(kNow + absl::Minutes(1)));
  EXPECT_EQ(cache.Get(HashOf(1), 2, kNow), nullptr);
  const auto caller = CallerUntil(kNow + absl::Minutes(2));
  cache.Put(HashOf(1), 2, caller);
  EXPECT_EQ(cache.Get(HashOf(1), 2, kNow), caller);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(CallerCache, NeverHoldsMoreThanItsLimit) {
  CallerCache cache(160);
  for (int i = 0; i < 5000; ++i) cache.Put(HashOf(i), 1, CallerUntil(kNow + absl::Minutes(1)));
  EXPECT_LE(cache.size(), 160U);
  EXPECT_GE(cache.size(), 150U);
  EXPECT_NE(cache.Get(HashOf(4999), 1, kNow), nullptr);
}

TEST(CallerCache, KeepsWhatIsInUse) {
  CallerCache cache(160);
  const auto caller = CallerUntil(kNow + absl::Minutes(1));
  cache.Put(HashOf(0), 1, caller);
  for (int i = 1; i < 5000; ++i) {
    ASSERT_EQ(cache.Get(HashOf(0), 1, kNow), caller) << i;
    cache.Put(HashOf(i), 1, CallerUntil(kNow + absl::Minutes(1)));
  }
}

TEST(CallerCache, ClearForgetsEverything) {
  CallerCache cache(160);
  for (int i = 0; i < 300; ++i) cache.Put(HashOf(i), 1, CallerUntil(kNow + absl::Minutes(1)));
  cache.Clear();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.Get(HashOf(299), 1, kNow), nullptr);
  cache.Put(HashOf(1), 1, CallerUntil(kNow + absl::Minutes(1)));
  EXPECT_EQ(cache.size(), 1U);
}

TEST(CallerCache, ThreadsGetTheirOwnCaller) {
  CallerCache cache(64);
  crypto::InThreads(4, [&cache](int t) {
    for (int i = 0; i < 3000; ++i) {
      const int who = t * 100 + i % 100;
      const absl::Time expires = kNow + absl::Seconds(1 + who);
      cache.Put(HashOf(who), 1, CallerUntil(expires));
      const auto found = cache.Get(HashOf(who), 1, kNow);
      EXPECT_TRUE(found == nullptr || found->expires == expires);
      if (i % 500 == 0) cache.Clear();
    }
  });
  EXPECT_LE(cache.size(), 64U);
}

}  // namespace
}  // namespace waypost::identity
