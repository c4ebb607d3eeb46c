#include "common/crypto/normalise.h"

#include <gtest/gtest.h>

#include <string>

namespace waypost::crypto {
namespace {

TEST(NormaliseName, SpellsOneNameOneWay) {
  const struct {
    const char* a;
    const char* b;
  } same[] = {
      {"María José García-López", "MARIA JOSE GARCIA LOPEZ"},
      {"Núñez", "nu\u0301n\u0303ez"},  // composed and decomposed, another accent
      {"  O'Brien ", "OBRIEN"},
      {"Straße", "STRASSE"},
      {"Γιώργος Παπαδόπουλος", "ΓΙΩΡΓΟΣ ΠΑΠΑΔΟΠΟΥΛΟΣ"},  // accents, final sigma
      {"Ξένος", "ξενοσ"},
      {"مُحَمَّد", "محمد"},     // vowel points
      {"أحمد", "احمد"},     // alef with and without hamza
      {"محـــمد", "محمد"},  // stretched
      {"ﻣﺤﻤﺪ", "محمد"},     // presentation forms
      {"Ігор Їжак", "ігор іжак"},
      {"Ｍａｒｉａ", "maria"},       // full width
      {"Иван\u200D\u00AD", "иван"},  // joiners and soft hyphens
  };
  for (const auto& pair : same) {
    ASSERT_TRUE(NormaliseName(pair.a).ok()) << pair.a;
    EXPECT_EQ(*NormaliseName(pair.a), *NormaliseName(pair.b)) << pair.a;
  }
}

TEST(NormaliseName, KeepsDifferentNamesApart) {
  EXPECT_NE(*NormaliseName("María"), *NormaliseName("Mario"));
  EXPECT_NE(*NormaliseName("محمد"), *NormaliseName("محمود"));
  EXPECT_NE(*NormaliseName("Γιώργος"), *NormaliseName("Γιάννης"));
  EXPECT_NE(*NormaliseName("राम"), *NormaliseName("रमा"));  // a vowel sign is part of the name
  EXPECT_NE(*NormaliseName("รี"), *NormaliseName("รู"));
  EXPECT_NE(*NormaliseName("Ana 2"), *NormaliseName("Ana 3"));
}

TEST(NormaliseName, IsStable) {
  for (const char* name : {"María José", "ΓΙΩΡΓΟΣ", "أحمد", "राम", "Łukasz", "İbrahim"}) {
    const std::string once = *NormaliseName(name);
    EXPECT_EQ(*NormaliseName(once), once) << name;
  }
}

TEST(NormaliseName, RefusesWhatIsNoName) {
  for (const std::string& text :
       {std::string(), std::string("  "), std::string("-'."), std::string("\xff\xfe"), std::string("\u0301"),
        std::string(kMaxNormaliseBytes + 1, 'a')}) {
    EXPECT_EQ(NormaliseName(text).status().code(), absl::StatusCode::kInvalidArgument) << text.size();
  }
  EXPECT_TRUE(NormaliseName(std::string(kMaxNormaliseBytes, 'a')).ok());
}

TEST(NormaliseReference, FoldsCaseAndSpacesAndKeepsPunctuation) {
  EXPECT_EQ(*NormaliseReference(" Exp. 2026/014-A "), "exp.2026/014-a");
  EXPECT_NE(*NormaliseReference("2026/14"), *NormaliseReference("202614"));
  EXPECT_NE(*NormaliseReference("Ñ1"), *NormaliseReference("N1"));
  EXPECT_FALSE(NormaliseReference(" \t\n").ok());
  EXPECT_FALSE(NormaliseReference("\xc0\x80").ok());
}

TEST(IsIsoDate, TakesDaysOfTheCalendarOnly) {
  for (const char* date : {"1990-01-01", "2000-02-29", "2024-12-31", "1800-01-01", "9999-12-31"}) {
    EXPECT_TRUE(IsIsoDate(date)) << date;
  }
  for (const char* date :
       {"", "1990-1-1", "1990-13-01", "1990-00-01", "1990-01-00", "1990-04-31", "1900-02-29", "1990/01/01",
        "90-01-01", "1990-01-011", "+990-01-01", "1990-0a-01", "1799-12-31", "1990-01- 1", "0000-01-01"}) {
    EXPECT_FALSE(IsIsoDate(date)) << date;
  }
}

TEST(NormalisePerson, JoinsNameAndDateUnambiguously) {
  EXPECT_EQ(*NormalisePerson("Ana Ruiz", "1990-05-04"), std::string("anaruiz\0001990-05-04", 18));
  EXPECT_FALSE(NormalisePerson("Ana", "4.5.1990").ok());
  EXPECT_FALSE(NormalisePerson("", "1990-05-04").ok());
}

}  // namespace
}  // namespace waypost::crypto
