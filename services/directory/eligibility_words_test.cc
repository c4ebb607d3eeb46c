#include "services/directory/eligibility_words.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace waypost::directory {
namespace {

v1::EligibilityRule Rule(const std::string& text) {
  v1::EligibilityRule rule;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &rule)) << text;
  return rule;
}

std::string Words(const std::string& text) {
  const std::string words = DescribeRule(Rule(text));
  const std::string before = "Only for people of whom this holds: ";
  EXPECT_TRUE(words.starts_with(before) && words.ends_with(".")) << words;
  return words.substr(before.size(), words.size() - before.size() - 1);
}

// "18-64", with nothing where there is no bound.
std::string Ages(const std::string& text) {
  const AgeBounds ages = ImpliedAges(Rule(text));
  return (ages.min_years ? std::to_string(*ages.min_years) : "") + "-" +
         (ages.max_years ? std::to_string(*ages.max_years) : "");
}

TEST(EligibilityWords, SayEveryKindOfCondition) {
  EXPECT_EQ(Words("age { min_years: 18 }"), "age from 18 years");
  EXPECT_EQ(Words("age { max_years: 25 }"), "age up to 25 years");
  EXPECT_EQ(Words("age_band { from_band: AGE_BAND_16_TO_17 to_band: AGE_BAND_18_TO_24 }"),
            "age from the band 16 to 17 to the band 18 to 24");
  EXPECT_EQ(Words("legal_status { any_of: LEGAL_STATUS_REFUGEE any_of: LEGAL_STATUS_ASYLUM_SEEKER }"),
            "legal status is refugee or asylum seeker");
  EXPECT_EQ(Words("residence { territories: 'ES300' territories: 'FRK24' }"), "lives in ES300 or FRK24");
  EXPECT_EQ(Words("language { language: 'es' min_level: LANGUAGE_LEVEL_A2 }"), "command of es at least A2");
  EXPECT_EQ(Words("household { min_persons: 3 minors: MINORS_REQUIREMENT_WITH }"),
            "household of at least 3 with minor children");
}

TEST(EligibilityWords, SayHowConditionsHangTogether) {
  constexpr char kTwo[] = "rules { age { min_years: 18 } } rules { residence { territories: 'ES300' } }";
  const auto list = [&](const std::string& kind) { return kind + " { " + kTwo + " }"; };
  EXPECT_EQ(Words(list("all_of")), "age from 18 years; and lives in ES300");
  EXPECT_EQ(Words(list("any_of")), "at least one of (age from 18 years; lives in ES300)");
  EXPECT_EQ(Words(list("none_of")), "none of (age from 18 years; lives in ES300)");
  EXPECT_EQ(Words("none_of { rules { residence { territories: 'ES300' } } }"), "not (lives in ES300)");
  EXPECT_EQ(Words("any_of { rules { age { min_years: 18 } } }"), "age from 18 years");
  EXPECT_EQ(Words("all_of { rules { " + list("any_of") + " } rules { none_of { rules { " + list("all_of") +
                  " } } } }"),
            "at least one of (age from 18 years; lives in ES300); and "
            "not (all of (age from 18 years; lives in ES300))");
}

TEST(EligibilityWords, APartThatIsUnknownHereIsSaidToBeOne) {
  EXPECT_EQ(Words(""), "a condition of a kind unknown here");
  EXPECT_EQ(Words("all_of { rules { age { min_years: 18 } } rules { } }"),
            "age from 18 years; and a condition of a kind unknown here");
  v1::EligibilityRule later;
  later.mutable_legal_status()->add_any_of(static_cast<type::v1::LegalStatus>(99));
  EXPECT_EQ(DescribeCondition(later), "legal status is one unknown here");
  EXPECT_FALSE(IsRuleKnown(later));
  EXPECT_FALSE(IsRuleKnown(Rule("none_of { rules { } }")));
  EXPECT_TRUE(IsRuleKnown(Rule("none_of { rules { age { max_years: 3 } } }")));
  v1::EligibilityRule band;
  band.mutable_age_band()->set_from_band(static_cast<type::v1::AgeBand>(99));
  band.mutable_age_band()->set_to_band(static_cast<type::v1::AgeBand>(99));
  EXPECT_FALSE(IsRuleKnown(band));
  EXPECT_EQ(ImpliedAges(band), AgeBounds());
}

TEST(ImpliedAges, AreThoseThatEverybodyMustHave) {
  constexpr char kStatus[] = "legal_status { any_of: LEGAL_STATUS_REFUGEE }";
  const std::string status = std::string("rules { ") + kStatus + " } ";
  EXPECT_EQ(Ages("age { min_years: 18 max_years: 64 }"), "18-64");
  EXPECT_EQ(Ages("age_band { from_band: AGE_BAND_18_TO_24 to_band: AGE_BAND_65_AND_OVER }"), "18-");
  EXPECT_EQ(Ages(kStatus), "-");
  EXPECT_EQ(Ages("all_of { rules { age { min_years: 18 } } " + status + "}"), "18-");
  EXPECT_EQ(Ages("all_of { rules { all_of { rules { age { min_years: 18 } } } } rules { age { max_years: 30 "
                 "} } rules { age { max_years: 40 } } }"),
            "18-30");
  // Under "any" only what every branch asks.
  EXPECT_EQ(Ages("any_of { rules { age { min_years: 18 } } " + status + "}"), "-");
  EXPECT_EQ(Ages("any_of { rules { age { min_years: 18 } } rules { age { min_years: 16 max_years: 20 } } }"),
            "16-");
  EXPECT_EQ(Ages("any_of { rules { age { max_years: 10 } } rules { age { min_years: 60 } } }"), "-");
}

TEST(ImpliedAges, FollowFromContrariesToo) {
  EXPECT_EQ(Ages("none_of { rules { age { max_years: 17 } } }"), "18-");
  EXPECT_EQ(Ages("none_of { rules { age { min_years: 30 max_years: 40 } } }"), "-");
  EXPECT_EQ(Ages("none_of { rules { age { max_years: 17 } } rules { age { min_years: 65 } } }"), "18-64");
  EXPECT_EQ(Ages("none_of { rules { any_of { rules { age { max_years: 17 } } rules { legal_status { any_of: "
                 "LEGAL_STATUS_NATIONAL } } } } }"),
            "18-");
  // Whoever is of the status may be of any age.
  EXPECT_EQ(Ages("none_of { rules { all_of { rules { age { max_years: 17 } } rules { legal_status { any_of: "
                 "LEGAL_STATUS_NATIONAL } } } } }"),
            "-");
  EXPECT_EQ(Ages("none_of { rules { none_of { rules { age { min_years: 18 } } } } }"), "18-");
  EXPECT_EQ(Ages("all_of { rules { age { min_years: 30 } } rules { age { max_years: 20 } } }"), "-");
}

// What is left of it when it is written anew would admit more people.
TEST(EligibilityWords, ARuleWithAFieldOfALaterVersionIsNotKnown) {
  v1::EligibilityRule rule;
  v1::HouseholdCondition& household = *rule.mutable_all_of()->add_rules()->mutable_household();
  household.set_min_persons(3);
  EXPECT_TRUE(IsRuleKnown(rule));
  household.GetReflection()->MutableUnknownFields(&household)->AddVarint(99, 1);
  EXPECT_FALSE(IsRuleKnown(rule));
}

}  // namespace
}  // namespace waypost::directory
