#include "common/base/strings.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace waypost::base {
namespace {

TEST(Cat, JoinsTextsAndNumbers) {
  const std::string_view view = "to ";
  EXPECT_EQ(Cat("from ", 1, view, std::string("x"), -2), "from 1to x-2");
}

TEST(IsValidUtf8, TakesWhatPeopleWrite) {
  for (const std::string_view text : {"", "Fuenlabrada", "Ελλάδα", "дари", "دری", "𝄞", "naïve"}) {
    EXPECT_TRUE(IsValidUtf8(text)) << text;
  }
}

TEST(IsValidUtf8, RefusesWhatTheStandardRefuses) {
  for (const std::string_view text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "a\xFF"}) {
    EXPECT_FALSE(IsValidUtf8(text)) << ToHex(text);
  }
}

}  // namespace
}  // namespace waypost::base
