#include "services/directory/eligibility_words.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <string_view>

#include "common/base/strings.h"
#include "services/directory/directory_limits.h"

namespace waypost::directory {
namespace {

using type::v1::AgeBand;
using type::v1::LanguageLevel;

// Years of a band, by its number.
constexpr std::array<YearRange, 9> kBandYears = {
    YearRange{0, kMaxAgeYears}, YearRange{0, 5},   YearRange{6, 11},
    YearRange{12, 15},          YearRange{16, 17}, YearRange{18, 24},
    YearRange{25, 39},          YearRange{40, 64}, YearRange{65, kMaxAgeYears}};
static_assert(kBandYears.size() == type::v1::AgeBand_ARRAYSIZE);

// "AGE_BAND_0_TO_5" -> "0 to 5"; "LEGAL_STATUS_EU_CITIZEN" -> "eu citizen".
std::string Words(std::string_view enumerator, std::string_view prefix) {
  if (!enumerator.starts_with(prefix)) return "one unknown here";
  std::string words(enumerator.substr(prefix.size()));
  for (char& c : words) {
    if (c == '_') c = ' ';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return words;
}

std::string BandWords(AgeBand band) {
  return Words(type::v1::AgeBand_Name(band), "AGE_BAND_");
}

// "A1", "NONE", …: the framework's own capitals.
std::string LevelWord(LanguageLevel level) {
  constexpr std::string_view kPrefix = "LANGUAGE_LEVEL_";
  const std::string& name = type::v1::LanguageLevel_Name(level);
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "one unknown here";
}

std::string Describe(const v1::AgeCondition& age) {
  if (!age.has_max_years()) return base::Cat("age from ", age.min_years(), " years");
  if (!age.has_min_years()) return base::Cat("age up to ", age.max_years(), " years");
  return base::Cat("age from ", age.min_years(), " to ", age.max_years(), " years");
}

std::string Describe(const v1::AgeBandCondition& band) {
  if (band.from_band() == band.to_band()) return base::Cat("age in the band ", BandWords(band.from_band()));
  return base::Cat("age from the band ", BandWords(band.from_band()), " to the band ",
                   BandWords(band.to_band()));
}

std::string Describe(const v1::LegalStatusCondition& status) {
  std::string text = "legal status is ";
  for (int i = 0; i < status.any_of_size(); ++i) {
    if (i > 0) text += i + 1 == status.any_of_size() ? " or " : ", ";
    text += Words(type::v1::LegalStatus_Name(status.any_of(i)), "LEGAL_STATUS_");
  }
  return text;
}

std::string Describe(const v1::ResidenceCondition& residence) {
  std::string text = "lives in ";
  for (int i = 0; i < residence.territories_size(); ++i) {
    if (i > 0) text += i + 1 == residence.territories_size() ? " or " : ", ";
    text += residence.territories(i);
  }
  return text;
}

std::string Describe(const v1::LanguageCondition& language) {
  std::string text = base::Cat("command of ", language.language());
  if (language.min_level() != type::v1::LANGUAGE_LEVEL_UNSPECIFIED) {
    text += base::Cat(" at least ", LevelWord(language.min_level()));
  }
  if (language.max_level() != type::v1::LANGUAGE_LEVEL_UNSPECIFIED) {
    text += base::Cat(" at most ", LevelWord(language.max_level()));
  }
  return text;
}

std::string Describe(const v1::HouseholdCondition& household) {
  std::string text = "household";
  if (household.has_min_persons()) text += base::Cat(" of at least ", household.min_persons());
  if (household.has_max_persons()) text += base::Cat(" of at most ", household.max_persons());
  if (household.minors() == v1::MINORS_REQUIREMENT_WITH) text += " with minor children";
  if (household.minors() == v1::MINORS_REQUIREMENT_WITHOUT) text += " without minor children";
  if (!v1::MinorsRequirement_IsValid(household.minors())) text += " with minor children as is unknown here";
  return text;
}

// The rules of a list; nullptr for a condition.
const v1::RuleList* ListOf(const v1::EligibilityRule& rule) {
  switch (rule.rule_case()) {
    case v1::EligibilityRule::kAllOf:
      return &rule.all_of();
    case v1::EligibilityRule::kAnyOf:
      return &rule.any_of();
    case v1::EligibilityRule::kNoneOf:
      return &rule.none_of();
    default:
      return nullptr;
  }
}

std::string Nested(const v1::EligibilityRule& rule);

std::string Joined(const v1::RuleList& list, std::string_view between) {
  std::string text;
  for (const v1::EligibilityRule& rule : list.rules()) {
    text += base::Cat(text.empty() ? "" : between, Nested(rule));
  }
  return text;
}

std::string Nested(const v1::EligibilityRule& rule) {
  const v1::RuleList* const list = ListOf(rule);
  if (list == nullptr) return DescribeCondition(rule);
  const bool is_one = list->rules_size() == 1;
  if (rule.has_none_of()) return base::Cat(is_one ? "not (" : "none of (", Joined(*list, "; "), ")");
  if (is_one) return Nested(list->rules(0));
  return base::Cat(rule.has_all_of() ? "all of (" : "at least one of (", Joined(*list, "; "), ")");
}

bool IsConditionKnown(const v1::EligibilityRule& rule) {
  switch (rule.rule_case()) {
    case v1::EligibilityRule::kAgeBand:
      return type::v1::AgeBand_IsValid(rule.age_band().from_band()) &&
             type::v1::AgeBand_IsValid(rule.age_band().to_band());
    case v1::EligibilityRule::kLegalStatus:
      return std::all_of(rule.legal_status().any_of().begin(), rule.legal_status().any_of().end(),
                         [](int status) { return type::v1::LegalStatus_IsValid(status); });
    case v1::EligibilityRule::kLanguage:
      return type::v1::LanguageLevel_IsValid(rule.language().min_level()) &&
             type::v1::LanguageLevel_IsValid(rule.language().max_level());
    case v1::EligibilityRule::kHousehold:
      return v1::MinorsRequirement_IsValid(rule.household().minors());
    default:
      return rule.rule_case() != v1::EligibilityRule::RULE_NOT_SET;
  }
}

bool AreConditionsKnown(const v1::EligibilityRule& rule) {
  const v1::RuleList* const list = ListOf(rule);
  if (list == nullptr) return IsConditionKnown(rule);
  return std::all_of(list->rules().begin(), list->rules().end(), AreConditionsKnown);
}

// By age, whether the rule may admit somebody of it.
using Ages = std::bitset<kMaxAgeYears + 1>;

Ages Within(YearRange years) {
  Ages ages;
  for (uint32_t age = years.from; age <= std::min(years.to, kMaxAgeYears); ++age) ages.set(age);
  return ages;
}

// Of the rule, or of its contrary. A condition that is not of age, and its contrary, may admit every age.
Ages Possible(const v1::EligibilityRule& rule, bool inverted) {
  const v1::RuleList* const list = ListOf(rule);
  if (list == nullptr) {
    if (!IsConditionKnown(rule)) return Ages().set();
    if (!rule.has_age() && !rule.has_age_band()) return Ages().set();
    const Ages ages = Within(rule.has_age() ? AdmittedYears(rule.age()) : AdmittedYears(rule.age_band()));
    return inverted ? ~ages : ages;
  }
  // none_of: of each the contrary. The contrary of "all" is "one that is not", and the other way round.
  const bool parts_inverted = rule.has_none_of() ? !inverted : inverted;
  const bool all = rule.has_any_of() ? inverted : !inverted;
  Ages ages = all ? Ages().set() : Ages();
  for (const v1::EligibilityRule& part : list->rules()) {
    const Ages next = Possible(part, parts_inverted);
    ages = all ? ages & next : ages | next;
  }
  return ages;
}

}  // namespace

YearRange BandYears(AgeBand band) {
  return kBandYears[type::v1::AgeBand_IsValid(band) ? static_cast<size_t>(band) : 0];
}

YearRange AdmittedYears(const v1::AgeCondition& age) {
  return {age.min_years(), age.has_max_years() ? age.max_years() : kMaxAgeYears};
}

YearRange AdmittedYears(const v1::AgeBandCondition& band) {
  return {BandYears(band.from_band()).from, BandYears(band.to_band()).to};
}

std::string DescribeCondition(const v1::EligibilityRule& rule) {
  switch (rule.rule_case()) {
    case v1::EligibilityRule::kAge:
      return Describe(rule.age());
    case v1::EligibilityRule::kAgeBand:
      return Describe(rule.age_band());
    case v1::EligibilityRule::kLegalStatus:
      return Describe(rule.legal_status());
    case v1::EligibilityRule::kResidence:
      return Describe(rule.residence());
    case v1::EligibilityRule::kLanguage:
      return Describe(rule.language());
    case v1::EligibilityRule::kHousehold:
      return Describe(rule.household());
    case v1::EligibilityRule::kAllOf:
    case v1::EligibilityRule::kAnyOf:
    case v1::EligibilityRule::kNoneOf:
      return "a list of conditions";
    case v1::EligibilityRule::RULE_NOT_SET:
      break;
  }
  return "a condition of a kind unknown here";
}

std::string DescribeRule(const v1::EligibilityRule& rule) {
  const std::string text = rule.has_all_of() ? Joined(rule.all_of(), "; and ") : Nested(rule);
  return base::Cat("Only for people of whom this holds: ", text, ".");
}

bool IsRuleKnown(const v1::EligibilityRule& rule) {
  v1::EligibilityRule without_unknown_fields = rule;
  without_unknown_fields.DiscardUnknownFields();
  return without_unknown_fields.ByteSizeLong() == rule.ByteSizeLong() && AreConditionsKnown(rule);
}

AgeBounds ImpliedAges(const v1::EligibilityRule& rule) {
  const Ages ages = Possible(rule, /*inverted=*/false);
  AgeBounds bounds;
  if (ages.none()) return bounds;
  uint32_t youngest = 0;
  while (!ages.test(youngest)) ++youngest;
  uint32_t oldest = kMaxAgeYears;
  while (!ages.test(oldest)) --oldest;
  if (youngest > 0) bounds.min_years = youngest;
  if (oldest < kMaxAgeYears) bounds.max_years = oldest;
  return bounds;
}

}  // namespace waypost::directory
