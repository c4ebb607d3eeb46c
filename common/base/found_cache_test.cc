#include "common/base/found_cache.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace waypost::base {
namespace {

TEST(FoundCache, GivesWhatWasFoundInTheSameVersion) {
  FoundCache<std::string> cache(2);
  EXPECT_EQ(cache.Find("1", "a"), std::nullopt);
  cache.Keep("1", "a", "x");
  EXPECT_EQ(cache.Find("1", "a"), "x");
  EXPECT_EQ(cache.Find("1", "b"), std::nullopt);
}

TEST(FoundCache, AnotherVersionBeginsAnew) {
  FoundCache<std::string> cache(2);
  EXPECT_EQ(cache.Find("1", "a"), std::nullopt);
  cache.Keep("1", "a", "x");
  EXPECT_EQ(cache.Find("2", "a"), std::nullopt);
  cache.Keep("1", "a", "x");  // was looked for before the change
  EXPECT_EQ(cache.Find("2", "a"), std::nullopt);
  EXPECT_EQ(cache.Find("1", "a"), std::nullopt);
}

TEST(FoundCache, HoldsNoMoreThanItsLimit) {
  FoundCache<int> cache(2);
  EXPECT_EQ(cache.Find("1", "a"), std::nullopt);
  for (const char* const key : {"a", "b", "c"}) cache.Keep("1", key, 1);
  EXPECT_EQ(cache.Find("1", "a"), std::nullopt);
  EXPECT_EQ(cache.Find("1", "c"), 1);
}

}  // namespace
}  // namespace waypost::base
