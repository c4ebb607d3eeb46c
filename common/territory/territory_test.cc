#include "common/territory/territory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace waypost::territory {
namespace {

TEST(IsTerritory, TakesTheUnionNutsAndLocalCodes) {
  for (const std::string_view code : {"EU", "ES", "ES3", "ES30", "ES300", "EL643", "FRK24", "ES300/28058",
                                      "AT130/90001/07", "UKI31/E05000026", "IE061/A.1-B", "AT130/A/B/C"}) {
    EXPECT_TRUE(IsTerritory(code)) << code;
  }
}

TEST(IsTerritory, RefusesEverythingElse) {
  for (const std::string_view code : {"",
                                      "E",
                                      "es",
                                      "1S",
                                      "E1",
                                      "ES3000",
                                      "EU1",
                                      "EU123/4",
                                      "ES/28058",
                                      "ES30/28058",
                                      "ES300/",
                                      "ES300//1",
                                      "/",
                                      "ES300/a",
                                      "ES300/1/2/3/4",
                                      "ES 00",
                                      "ES300/1 ",
                                      "ES300 /1",
                                      "ES\xC3\x89",
                                      "ES300/1234567890123456789012345678901234567890123"}) {
    EXPECT_FALSE(IsTerritory(code)) << code;
  }
}

TEST(Covers, ByPrefixOnNutsAndByWholePartsBelow) {
  EXPECT_TRUE(Covers("EU", "ES300/28058"));
  EXPECT_TRUE(Covers("EU", "EU"));
  EXPECT_TRUE(Covers("ES", "ES300"));
  EXPECT_TRUE(Covers("ES3", "ES300/28058"));
  EXPECT_TRUE(Covers("ES300", "ES300/28058"));
  EXPECT_TRUE(Covers("AT130/90001", "AT130/90001/07"));
  EXPECT_TRUE(Covers("ES300/28058", "ES300/28058"));
  EXPECT_FALSE(Covers("ES", "EU"));
  EXPECT_FALSE(Covers("ES300", "ES30"));
  EXPECT_FALSE(Covers("ES", "EL643"));
  EXPECT_FALSE(Covers("ES300/28058", "ES300"));
  EXPECT_FALSE(Covers("ES300/2805", "ES300/28058"));
  EXPECT_FALSE(Covers("AT130/90001/0", "AT130/90001/07"));
}

// A small world in which every relation can be looked at.
std::vector<std::string> World() {
  return {"EU",
          "ES",
          "ES3",
          "ES30",
          "ES300",
          "ES300/28058",
          "ES300/28058/1",
          "ES300/28058/1/A",
          "ES300/28059",
          "ES300/2805",
          "ES5",
          "ES511",
          "FR",
          "FRK",
          "FRK24",
          "FRK24/38317",
          "AT130/90001",
          "AT130/90001/07",
          "AT130/90001/0"};
}

TEST(Covers, IsAnOrderAndEverythingAboveAPlaceIsInLine) {
  for (const std::string& a : World()) {
    ASSERT_TRUE(IsTerritory(a)) << a;
    EXPECT_TRUE(Covers(a, a));
    for (const std::string& b : World()) {
      if (a != b && Covers(a, b)) {
        EXPECT_FALSE(Covers(b, a)) << a << " " << b;
        EXPECT_LT(TerritoryDepth(a), TerritoryDepth(b)) << a << " " << b;
      }
      for (const std::string& c : World()) {
        if (Covers(a, b) && Covers(b, c)) {
          EXPECT_TRUE(Covers(a, c)) << a << " " << b << " " << c;
        }
        // Two places that cover a third: one covers the other.
        if (Covers(a, c) && Covers(b, c)) {
          EXPECT_TRUE(Covers(a, b) || Covers(b, a)) << a << " " << b << " " << c;
        }
      }
    }
  }
}

TEST(CoveringCodes, AreExactlyTheCodesThatCover) {
  for (const std::string& place : World()) {
    const std::vector<std::string_view> codes = CoveringCodes(place);
    EXPECT_EQ(codes.front(), place);
    EXPECT_EQ(codes.back(), "EU");
    EXPECT_LE(codes.size(), 8u);
    for (const std::string& other : World()) {
      const bool listed = std::find(codes.begin(), codes.end(), other) != codes.end();
      EXPECT_EQ(listed, Covers(other, place)) << other << " over " << place;
    }
    for (size_t i = 1; i < codes.size(); ++i) EXPECT_TRUE(Covers(codes[i], codes[i - 1]));
  }
  EXPECT_EQ(CoveringCodes("ES300/28058"),
            (std::vector<std::string_view>{"ES300/28058", "ES300", "ES30", "ES3", "ES", "EU"}));
}

}  // namespace
}  // namespace waypost::territory
