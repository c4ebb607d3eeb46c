#include "services/directory/eligibility.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "services/directory/directory_limits.h"

namespace waypost::directory {
namespace {

using v1::Outcome;

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

v1::EligibilityRule Rule(std::string_view text) {
  return Parse<v1::EligibilityRule>(text);
}

Outcome OutcomeOf(std::string_view rule, std::string_view attributes, std::string_view territory = "ES300") {
  return Evaluate(Rule(rule), Parse<v1::PersonAttributes>(attributes), territory).outcome();
}

std::vector<std::string> Violations(const v1::EligibilityRule& rule) {
  error::FieldViolations violations;
  CheckEligibilityRule("rule", rule, violations);
  return error::ViolationsOf(violations.ToStatus());
}

std::vector<std::string> AttributeViolations(std::string_view attributes) {
  error::FieldViolations violations;
  CheckAttributes("attributes", Parse<v1::PersonAttributes>(attributes), violations);
  return error::ViolationsOf(violations.ToStatus());
}

// --- Conditions -------------------------------------------------------------------------------------

struct Case {
  std::string_view rule;
  std::string_view attributes;
  Outcome outcome;
};

class Conditions : public ::testing::TestWithParam<Case> {};

TEST_P(Conditions, ComeTo) {
  const Case& param = GetParam();
  ASSERT_TRUE(Violations(Rule(param.rule)).empty()) << param.rule;
  EXPECT_EQ(OutcomeOf(param.rule, param.attributes), param.outcome)
      << param.rule << " for " << param.attributes;
}

// cult.mobil, Vienna: "young adults from 14 to 26 years".
constexpr std::string_view kCultMobil = "age { min_years: 14 max_years: 26 }";
constexpr std::string_view kFromB1 = "language { language: 'fr' min_level: LANGUAGE_LEVEL_B1 }";
constexpr std::string_view kUpToA2 = "language { language: 'fr' max_level: LANGUAGE_LEVEL_A2 }";
// ESTIA, Livadia: "vulnerable asylum seekers' and refugees' families".
constexpr std::string_view kFamilies = "household { min_persons: 2 minors: MINORS_REQUIREMENT_WITH }";
constexpr std::string_view kProtected =
    "legal_status { any_of: LEGAL_STATUS_ASYLUM_SEEKER any_of: LEGAL_STATUS_REFUGEE }";

INSTANTIATE_TEST_SUITE_P(
    Age, Conditions,
    ::testing::Values(Case{kCultMobil, "", v1::OUTCOME_UNKNOWN},
                      Case{kCultMobil, "age_years: 13", v1::OUTCOME_NOT_MET},
                      Case{kCultMobil, "age_years: 14", v1::OUTCOME_MET},
                      Case{kCultMobil, "age_years: 26", v1::OUTCOME_MET},
                      Case{kCultMobil, "age_years: 27", v1::OUTCOME_NOT_MET},
                      Case{kCultMobil, "age_band: AGE_BAND_6_TO_11", v1::OUTCOME_NOT_MET},
                      Case{kCultMobil, "age_band: AGE_BAND_12_TO_15", v1::OUTCOME_UNKNOWN},
                      Case{kCultMobil, "age_band: AGE_BAND_16_TO_17", v1::OUTCOME_MET},
                      Case{kCultMobil, "age_band: AGE_BAND_18_TO_24", v1::OUTCOME_MET},
                      Case{kCultMobil, "age_band: AGE_BAND_25_TO_39", v1::OUTCOME_UNKNOWN},
                      Case{kCultMobil, "age_band: AGE_BAND_40_TO_64", v1::OUTCOME_NOT_MET},
                      Case{kCultMobil, "age_band: AGE_BAND_12_TO_15 age_years: 14", v1::OUTCOME_MET},
                      Case{"age { min_years: 65 }", "age_band: AGE_BAND_65_AND_OVER", v1::OUTCOME_MET},
                      Case{"age { max_years: 0 }", "age_years: 0", v1::OUTCOME_MET},
                      Case{"age { min_years: 0 }", "", v1::OUTCOME_MET},
                      Case{"age_band { from_band: AGE_BAND_12_TO_15 to_band: AGE_BAND_18_TO_24 }",
                           "age_band: AGE_BAND_16_TO_17", v1::OUTCOME_MET},
                      Case{"age_band { from_band: AGE_BAND_12_TO_15 to_band: AGE_BAND_18_TO_24 }",
                           "age_band: AGE_BAND_25_TO_39", v1::OUTCOME_NOT_MET},
                      Case{"age_band { from_band: AGE_BAND_12_TO_15 to_band: AGE_BAND_18_TO_24 }",
                           "age_years: 24", v1::OUTCOME_MET},
                      Case{"age_band { from_band: AGE_BAND_12_TO_15 to_band: AGE_BAND_18_TO_24 }", "",
                           v1::OUTCOME_UNKNOWN}));

INSTANTIATE_TEST_SUITE_P(
    Status, Conditions,
    ::testing::Values(Case{kProtected, "", v1::OUTCOME_UNKNOWN},
                      Case{kProtected, "legal_status: LEGAL_STATUS_REFUGEE", v1::OUTCOME_MET},
                      Case{kProtected, "legal_status: LEGAL_STATUS_UNDOCUMENTED", v1::OUTCOME_NOT_MET}));

INSTANTIATE_TEST_SUITE_P(
    Residence, Conditions,  // the person lives in ES300
    ::testing::Values(Case{"residence { territories: 'ES300' }", "", v1::OUTCOME_MET},
                      Case{"residence { territories: 'FR' territories: 'ES3' }", "", v1::OUTCOME_MET},
                      Case{"residence { territories: 'ES300/28058' }", "", v1::OUTCOME_UNKNOWN},
                      Case{"residence { territories: 'ES511' }", "", v1::OUTCOME_NOT_MET}));

INSTANTIATE_TEST_SUITE_P(
    Language, Conditions,
    ::testing::Values(
        Case{kFromB1, "", v1::OUTCOME_UNKNOWN},
        Case{kFromB1, "language_skills { language: 'ar' level: LANGUAGE_LEVEL_C2 }", v1::OUTCOME_UNKNOWN},
        Case{kFromB1, "language_skills { language: 'fr' level: LANGUAGE_LEVEL_A2 }", v1::OUTCOME_NOT_MET},
        Case{kFromB1, "language_skills { language: 'fr' level: LANGUAGE_LEVEL_B1 }", v1::OUTCOME_MET},
        Case{kFromB1, "language_skills { language: 'fr-CA' level: LANGUAGE_LEVEL_C1 }", v1::OUTCOME_MET},
        Case{kUpToA2, "language_skills { language: 'fr' level: LANGUAGE_LEVEL_NONE }", v1::OUTCOME_MET},
        Case{kUpToA2, "language_skills { language: 'fr' level: LANGUAGE_LEVEL_A2 }", v1::OUTCOME_MET},
        Case{kUpToA2, "language_skills { language: 'fr' level: LANGUAGE_LEVEL_B1 }", v1::OUTCOME_NOT_MET}));

INSTANTIATE_TEST_SUITE_P(
    Household, Conditions,
    ::testing::Values(Case{kFamilies, "", v1::OUTCOME_UNKNOWN},
                      Case{kFamilies, "household_persons: 1", v1::OUTCOME_NOT_MET},
                      Case{kFamilies, "household_persons: 2", v1::OUTCOME_UNKNOWN},
                      Case{kFamilies, "household_has_minors: false", v1::OUTCOME_NOT_MET},
                      Case{kFamilies, "household_has_minors: true", v1::OUTCOME_UNKNOWN},
                      Case{kFamilies, "household_persons: 2 household_has_minors: true", v1::OUTCOME_MET},
                      Case{kFamilies, "household_persons: 1 household_has_minors: true", v1::OUTCOME_NOT_MET},
                      Case{"household { max_persons: 4 }", "household_persons: 4", v1::OUTCOME_MET},
                      Case{"household { max_persons: 4 }", "household_persons: 5", v1::OUTCOME_NOT_MET},
                      Case{"household { minors: MINORS_REQUIREMENT_WITHOUT }", "household_has_minors: false",
                           v1::OUTCOME_MET}));

// --- Logic, for every combination -------------------------------------------------------------------

// One condition for each outcome, about a person of unknown status aged 30 with one child at home.
constexpr std::string_view kPerson = "age_years: 30 household_has_minors: true";
std::string_view Yielding(Outcome outcome) {
  if (outcome == v1::OUTCOME_MET) return "age { min_years: 18 }";
  if (outcome == v1::OUTCOME_NOT_MET) return "age { max_years: 17 }";
  return "legal_status { any_of: LEGAL_STATUS_REFUGEE }";
}
constexpr std::array kOutcomes = {v1::OUTCOME_MET, v1::OUTCOME_NOT_MET, v1::OUTCOME_UNKNOWN};

// The meaning of "unknown": whatever an unknown turns out to be, the answer stays. Tries both for each.
Outcome ByCases(std::vector<Outcome> parts, const std::function<bool(const std::vector<bool>&)>& holds) {
  bool can_be_true = false;
  bool can_be_false = false;
  for (int world = 0; world < 1 << parts.size(); ++world) {
    std::vector<bool> values;
    bool possible = true;
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool value = (world >> i & 1) != 0;
      possible = possible && (parts[i] == v1::OUTCOME_UNKNOWN || value == (parts[i] == v1::OUTCOME_MET));
      values.push_back(value);
    }
    if (!possible) continue;
    (holds(values) ? can_be_true : can_be_false) = true;
  }
  if (can_be_true && can_be_false) return v1::OUTCOME_UNKNOWN;
  return can_be_true ? v1::OUTCOME_MET : v1::OUTCOME_NOT_MET;
}

TEST(Logic, AllAnyAndNoneOfThreeAgreeWithTryingEveryPossibility) {
  for (const Outcome a : kOutcomes) {
    for (const Outcome b : kOutcomes) {
      for (const Outcome c : kOutcomes) {
        const std::string list = base::Cat(" { rules { ", Yielding(a), " } rules { ", Yielding(b),
                                           " } rules { ", Yielding(c), " } }");
        const std::vector<Outcome> parts = {a, b, c};
        EXPECT_EQ(OutcomeOf(base::Cat("all_of", list), kPerson),
                  ByCases(parts, [](const std::vector<bool>& v) { return v[0] && v[1] && v[2]; }));
        EXPECT_EQ(OutcomeOf(base::Cat("any_of", list), kPerson),
                  ByCases(parts, [](const std::vector<bool>& v) { return v[0] || v[1] || v[2]; }));
        EXPECT_EQ(OutcomeOf(base::Cat("none_of", list), kPerson),
                  ByCases(parts, [](const std::vector<bool>& v) { return !v[0] && !v[1] && !v[2]; }));
      }
    }
  }
}

TEST(Logic, NestedListsAgreeToo) {
  for (const Outcome a : kOutcomes) {
    for (const Outcome b : kOutcomes) {
      for (const Outcome c : kOutcomes) {
        const std::string rule =
            base::Cat("all_of { rules { ", Yielding(a), " } rules { none_of { rules { any_of { rules { ",
                      Yielding(b), " } rules { none_of { rules { ", Yielding(c), " } } } } } } } }");
        EXPECT_EQ(OutcomeOf(rule, kPerson),
                  ByCases({a, b, c}, [](const std::vector<bool>& v) { return v[0] && !(v[1] || !v[2]); }));
      }
    }
  }
}

TEST(Explanation, ListsEveryConditionInOrderWithPathAndSense) {
  const v1::EligibilityRule rule = Rule(R"(
      all_of {
        rules { age { min_years: 14 max_years: 26 } }
        rules { none_of { rules { legal_status { any_of: LEGAL_STATUS_EU_CITIZEN
                                                any_of: LEGAL_STATUS_NATIONAL } }
                          rules { none_of { rules { residence { territories: "AT130/90001/07" } } } } } }
        rules { language { language: "de" max_level: LANGUAGE_LEVEL_A2 } }
      })");
  const auto explanation =
      Evaluate(rule, Parse<v1::PersonAttributes>("age_years: 15 legal_status: LEGAL_STATUS_NATIONAL"),
               "AT130/90001/07");
  EXPECT_EQ(explanation.outcome(), v1::OUTCOME_NOT_MET);
  ASSERT_EQ(explanation.conditions_size(), 4);
  const auto expect = [&](int i, std::string_view path, std::string_view description, Outcome outcome,
                          bool inverted) {
    EXPECT_EQ(explanation.conditions(i).path(), path);
    EXPECT_EQ(explanation.conditions(i).description(), description);
    EXPECT_EQ(explanation.conditions(i).outcome(), outcome);
    EXPECT_EQ(explanation.conditions(i).inverted(), inverted);
  };
  expect(0, "all_of[0].age", "age from 14 to 26 years", v1::OUTCOME_MET, false);
  expect(1, "all_of[1].none_of[0].legal_status", "legal status is eu citizen or national", v1::OUTCOME_MET,
         true);
  expect(2, "all_of[1].none_of[1].none_of[0].residence", "lives in AT130/90001/07", v1::OUTCOME_MET, false);
  expect(3, "all_of[2].language", "command of de at most A2", v1::OUTCOME_UNKNOWN, false);
}

TEST(Explanation, NeverSaysWhatThePersonIs) {
  const auto explanation =
      Evaluate(Rule("age { min_years: 18 }"), Parse<v1::PersonAttributes>("age_years: 17"), "ES300");
  EXPECT_EQ(explanation.DebugString().find("17"), std::string::npos);
}

TEST(Explanation, AConditionOfALaterVersionIsUnknownAndNeverMet) {
  EXPECT_EQ(OutcomeOf("", "age_years: 30"), v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(OutcomeOf("none_of { rules { } }", "age_years: 30"), v1::OUTCOME_UNKNOWN);
}

// --- Checks -----------------------------------------------------------------------------------------

TEST(CheckRule, RefusesWhatAsksNothingOrCannotBe) {
  for (const std::string_view rule :
       {"",
        "all_of { }",
        "any_of { }",
        "none_of { rules { } }",
        "age { }",
        "age { min_years: 131 }",
        "age { min_years: 20 max_years: 19 }",
        "age_band { from_band: AGE_BAND_0_TO_5 }",
        "age_band { from_band: AGE_BAND_6_TO_11 to_band: AGE_BAND_0_TO_5 }",
        "legal_status { }",
        "legal_status { any_of: LEGAL_STATUS_UNSPECIFIED }",
        "legal_status { any_of: LEGAL_STATUS_REFUGEE any_of: LEGAL_STATUS_REFUGEE }",
        "residence { }",
        "residence { territories: 'Madrid' }",
        "residence { territories: 'ES' territories: 'ES300' }",
        "language { language: 'fr' }",
        "language { language: 'French' min_level: LANGUAGE_LEVEL_A1 }",
        "language { language: 'fr' min_level: LANGUAGE_LEVEL_B1 max_level: LANGUAGE_LEVEL_A2 }",
        "household { }",
        "household { min_persons: 0 }",
        "household { max_persons: 51 }",
        "household { min_persons: 3 max_persons: 2 }"}) {
    EXPECT_FALSE(Violations(Rule(rule)).empty()) << rule;
  }
  v1::EligibilityRule unknown_status;
  unknown_status.mutable_legal_status()->add_any_of(static_cast<type::v1::LegalStatus>(99));
  EXPECT_FALSE(Violations(unknown_status).empty());
}

TEST(CheckRule, TellsEverythingAtOnceWithItsPlace) {
  const auto violations = Violations(Rule(R"(any_of {
      rules { age { min_years: 131 } }
      rules { all_of { rules { household { } }
                       rules { language { language: "x" min_level: LANGUAGE_LEVEL_A1 } } } } })"));
  ASSERT_EQ(violations.size(), 3u);
  EXPECT_EQ(violations[0].rfind("rule.any_of[0].age.min_years: ", 0), 0u) << violations[0];
  EXPECT_EQ(violations[1].rfind("rule.any_of[1].all_of[0].household: ", 0), 0u) << violations[1];
  EXPECT_EQ(violations[2].rfind("rule.any_of[1].all_of[1].language.language: ", 0), 0u) << violations[2];
}

v1::EligibilityRule Deep(int levels) {
  v1::EligibilityRule rule = Rule("age { min_years: 18 }");
  for (int i = 1; i < levels; ++i) {
    v1::EligibilityRule outer;
    outer.mutable_all_of()->add_rules()->Swap(&rule);
    rule.Swap(&outer);
  }
  return rule;
}

TEST(CheckRule, DepthAndNodesHaveLimitsThatHoldExactly) {
  EXPECT_TRUE(Violations(Deep(kMaxRuleDepth)).empty());
  EXPECT_EQ(Violations(Deep(kMaxRuleDepth + 1)).size(), 1u);
  EXPECT_EQ(Violations(Deep(90)).size(), 1u);
  // 1 root + 3 lists of 19 + 3 conditions of its own = 64 nodes.
  v1::EligibilityRule wide;
  for (int list = 0; list < 3; ++list) {
    auto* rules = wide.mutable_all_of()->add_rules()->mutable_any_of();
    for (int i = 0; i < 19; ++i) *rules->add_rules() = Rule("age { min_years: 18 }");
  }
  for (int i = 0; i < 3; ++i) *wide.mutable_all_of()->add_rules() = Rule("age { min_years: 18 }");
  EXPECT_TRUE(Violations(wide).empty());
  *wide.mutable_all_of()->add_rules() = Rule("age { min_years: 18 }");
  EXPECT_EQ(Violations(wide).size(), 1u);
}

TEST(CheckAttributes, RefusesWhatIsUnknownOrContradictsItself) {
  EXPECT_TRUE(AttributeViolations("").empty());
  EXPECT_TRUE(AttributeViolations("age_band: AGE_BAND_12_TO_15 age_years: 12 household_persons: 50").empty());
  for (const std::string_view attributes :
       {"age_years: 131", "age_band: AGE_BAND_12_TO_15 age_years: 16",
        "age_band: AGE_BAND_0_TO_5 age_years: 6", "household_persons: 0", "household_persons: 51",
        "language_skills { language: 'fr' }", "language_skills { level: LANGUAGE_LEVEL_A1 }",
        "language_skills { language: 'fr' level: LANGUAGE_LEVEL_A1 } "
        "language_skills { language: 'fr' level: LANGUAGE_LEVEL_A2 }"}) {
    EXPECT_EQ(AttributeViolations(attributes).size(), 1u) << attributes;
  }
}

}  // namespace
}  // namespace waypost::directory
