#include "services/referral/person_lookup.h"

#include <gtest/gtest.h>

namespace waypost::referral {
namespace {

std::optional<std::string> TextOf(std::string_view given, std::string_view family,
                                  std::string_view birth_date) {
  v1::PersonDetails details;
  details.set_given_name(std::string(given));
  details.set_family_name(std::string(family));
  details.set_birth_date(std::string(birth_date));
  return LookupTextOf(details);
}

TEST(PersonLookup, SpellingAndOrderDoNotMatter) {
  const auto text = TextOf("María-José", "O'Brien", "1990-03-04");
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(TextOf("MARIA JOSE", "o brien", "1990-03-04"), text);
  EXPECT_EQ(TextOf("O'Brien", "María José", "1990-03-04"), text);
  EXPECT_EQ(TextOf("", "  O’Brien-Jose, Maria ", "1990-03-04").has_value(), true);
  EXPECT_EQ(TextOf("José Maria", "O'Brien", "1990-03-04"), text);
  EXPECT_NE(TextOf("Maria", "O'Brien", "1990-03-04"), text);
  EXPECT_NE(TextOf("Maria Jose", "O'Brien", "1990-04-03"), text);
}

TEST(PersonLookup, NamesInOtherScriptsAreComparedWithinThem) {
  EXPECT_EQ(TextOf("Олена", "Коваль", "1990-03-04"), TextOf("коваль", "ОЛЕНА", "1990-03-04"));
  EXPECT_NE(TextOf("Олена", "Коваль", "1990-03-04"), TextOf("Olena", "Koval", "1990-03-04"));
}

TEST(PersonLookup, WithoutNameAndDateNobodyIsFound) {
  EXPECT_FALSE(TextOf("Ana", "Ruiz", "").has_value());
  EXPECT_FALSE(TextOf("Ana", "Ruiz", "1990").has_value());
  EXPECT_FALSE(TextOf("", "", "1990-03-04").has_value());
  EXPECT_FALSE(TextOf("--", "''", "1990-03-04").has_value());
  EXPECT_FALSE(TextOf(std::string(2'000, 'a'), "", "1990-03-04").has_value());
}

TEST(PersonLookup, DayAndMonthAreEasilyChangedOver) {
  EXPECT_EQ(SwappedDate("1990-03-04"), "1990-04-03");
  EXPECT_FALSE(SwappedDate("1990-03-13").has_value());
  EXPECT_FALSE(SwappedDate("1990-04-04").has_value());
  EXPECT_FALSE(SwappedDate("").has_value());
}

}  // namespace
}  // namespace waypost::referral
