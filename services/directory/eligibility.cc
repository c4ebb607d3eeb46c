#include "services/directory/eligibility.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/strings.h"
#include "common/territory/territory.h"
#include "services/directory/directory_limits.h"
#include "services/directory/eligibility_words.h"
#include "services/directory/field_checks.h"

namespace waypost::directory {
namespace {

using type::v1::LanguageLevel;

// --- Checking ---------------------------------------------------------------------------------------

// Walks a rule within the limits. Not reusable.
class RuleChecker {
 public:
  explicit RuleChecker(error::FieldViolations& violations) : violations_(violations) {}

  void Check(const std::string& field, const v1::EligibilityRule& rule, int depth);

 private:
  void List(const std::string& field, const v1::RuleList& list, int depth);
  void Age(const std::string& field, const v1::AgeCondition& age);
  void Band(const std::string& field, const v1::AgeBandCondition& band);
  void Status(const std::string& field, const v1::LegalStatusCondition& status);
  void Residence(const std::string& field, const v1::ResidenceCondition& residence);
  void Language(const std::string& field, const v1::LanguageCondition& language);
  void Household(const std::string& field, const v1::HouseholdCondition& household);

  error::FieldViolations& violations_;
  int nodes_ = 0;
};

void RuleChecker::Check(const std::string& field, const v1::EligibilityRule& rule, int depth) {
  ++nodes_;
  if (nodes_ == kMaxRuleNodes + 1) {
    violations_.Add(field, base::Cat("is one rule more than the ", kMaxRuleNodes, " allowed"));
  }
  if (nodes_ > kMaxRuleNodes) return;
  if (depth > kMaxRuleDepth) {
    violations_.Add(field, base::Cat("lies deeper than ", kMaxRuleDepth, " levels"));
    return;
  }
  switch (rule.rule_case()) {
    case v1::EligibilityRule::kAllOf:
      return List(base::Cat(field, ".all_of"), rule.all_of(), depth);
    case v1::EligibilityRule::kAnyOf:
      return List(base::Cat(field, ".any_of"), rule.any_of(), depth);
    case v1::EligibilityRule::kNoneOf:
      return List(base::Cat(field, ".none_of"), rule.none_of(), depth);
    case v1::EligibilityRule::kAge:
      return Age(base::Cat(field, ".age"), rule.age());
    case v1::EligibilityRule::kAgeBand:
      return Band(base::Cat(field, ".age_band"), rule.age_band());
    case v1::EligibilityRule::kLegalStatus:
      return Status(base::Cat(field, ".legal_status"), rule.legal_status());
    case v1::EligibilityRule::kResidence:
      return Residence(base::Cat(field, ".residence"), rule.residence());
    case v1::EligibilityRule::kLanguage:
      return Language(base::Cat(field, ".language"), rule.language());
    case v1::EligibilityRule::kHousehold:
      return Household(base::Cat(field, ".household"), rule.household());
    case v1::EligibilityRule::RULE_NOT_SET:
      break;
  }
  // An unknown kind of condition arrives as none: it must not be passed over.
  violations_.Add(field, "holds no condition that is known here");
}

void RuleChecker::List(const std::string& field, const v1::RuleList& list, int depth) {
  if (list.rules().empty()) violations_.Add(field, "is empty");
  if (!CheckCount(field, list.rules_size(), kMaxRulesInList, violations_)) return;
  for (int i = 0; i < list.rules_size(); ++i) Check(At(field, i), list.rules(i), depth + 1);
}

void RuleChecker::Age(const std::string& field, const v1::AgeCondition& age) {
  if (!age.has_min_years() && !age.has_max_years()) violations_.Add(field, "has no bound");
  if (age.min_years() > kMaxAgeYears) violations_.Add(base::Cat(field, ".min_years"), "is over 130");
  if (age.max_years() > kMaxAgeYears) violations_.Add(base::Cat(field, ".max_years"), "is over 130");
  if (age.has_min_years() && age.has_max_years() && age.max_years() < age.min_years()) {
    violations_.Add(base::Cat(field, ".max_years"), "is below min_years");
  }
}

void RuleChecker::Band(const std::string& field, const v1::AgeBandCondition& band) {
  CheckEnum(base::Cat(field, ".from_band"), band.from_band(), type::v1::AgeBand_IsValid, violations_);
  CheckEnum(base::Cat(field, ".to_band"), band.to_band(), type::v1::AgeBand_IsValid, violations_);
  if (band.to_band() < band.from_band()) violations_.Add(base::Cat(field, ".to_band"), "is below from_band");
}

void RuleChecker::Status(const std::string& field, const v1::LegalStatusCondition& status) {
  if (status.any_of().empty()) violations_.Add(field, "is empty");
  if (!CheckCount(field, status.any_of_size(), kMaxLegalStatuses, violations_)) return;
  for (int i = 0; i < status.any_of_size(); ++i) {
    const std::string path = At(base::Cat(field, ".any_of"), i);
    CheckEnum(path, status.any_of(i), type::v1::LegalStatus_IsValid, violations_);
    const auto end = status.any_of().begin() + i;
    if (std::find(status.any_of().begin(), end, status.any_of(i)) != end)
      violations_.Add(path, "is there twice");
  }
}

void RuleChecker::Residence(const std::string& field, const v1::ResidenceCondition& residence) {
  if (residence.territories().empty()) violations_.Add(field, "is empty");
  CheckTerritories(base::Cat(field, ".territories"), residence.territories(), kMaxResidenceTerritories,
                   violations_);
}

void RuleChecker::Language(const std::string& field, const v1::LanguageCondition& language) {
  if (!IsLanguageTag(language.language()))
    violations_.Add(base::Cat(field, ".language"), "is not a language tag");
  CheckEnum(base::Cat(field, ".min_level"), language.min_level(), type::v1::LanguageLevel_IsValid,
            violations_, true);
  CheckEnum(base::Cat(field, ".max_level"), language.max_level(), type::v1::LanguageLevel_IsValid,
            violations_, true);
  const bool has_min = language.min_level() != type::v1::LANGUAGE_LEVEL_UNSPECIFIED;
  const bool has_max = language.max_level() != type::v1::LANGUAGE_LEVEL_UNSPECIFIED;
  if (!has_min && !has_max) violations_.Add(field, "has no bound");
  if (has_min && has_max && language.max_level() < language.min_level()) {
    violations_.Add(base::Cat(field, ".max_level"), "is below min_level");
  }
}

void RuleChecker::Household(const std::string& field, const v1::HouseholdCondition& household) {
  const auto check_persons = [&](std::string_view bound, bool has, uint32_t persons) {
    if (has && (persons < 1 || persons > kMaxHouseholdPersons)) {
      violations_.Add(base::Cat(field, bound), "is not from 1 to 50");
    }
  };
  check_persons(".min_persons", household.has_min_persons(), household.min_persons());
  check_persons(".max_persons", household.has_max_persons(), household.max_persons());
  CheckEnum(base::Cat(field, ".minors"), household.minors(), v1::MinorsRequirement_IsValid, violations_,
            true);
  if (household.has_min_persons() && household.has_max_persons() &&
      household.max_persons() < household.min_persons()) {
    violations_.Add(base::Cat(field, ".max_persons"), "is below min_persons");
  }
  if (!household.has_min_persons() && !household.has_max_persons() &&
      household.minors() == v1::MINORS_REQUIREMENT_UNSPECIFIED) {
    violations_.Add(field, "asks nothing");
  }
}

// --- Evaluating -------------------------------------------------------------------------------------

v1::Outcome Not(v1::Outcome outcome) {
  if (outcome == v1::OUTCOME_MET) return v1::OUTCOME_NOT_MET;
  if (outcome == v1::OUTCOME_NOT_MET) return v1::OUTCOME_MET;
  return v1::OUTCOME_UNKNOWN;
}

v1::Outcome And(v1::Outcome a, v1::Outcome b) {
  if (a == v1::OUTCOME_NOT_MET || b == v1::OUTCOME_NOT_MET) return v1::OUTCOME_NOT_MET;
  if (a == v1::OUTCOME_UNKNOWN || b == v1::OUTCOME_UNKNOWN) return v1::OUTCOME_UNKNOWN;
  return v1::OUTCOME_MET;
}

v1::Outcome Or(v1::Outcome a, v1::Outcome b) {
  return Not(And(Not(a), Not(b)));
}

v1::Outcome Known(bool holds) {
  return holds ? v1::OUTCOME_MET : v1::OUTCOME_NOT_MET;
}

// Does an age somewhere in `possible` lie in `admitted`: surely, surely not, or perhaps?
v1::Outcome Within(YearRange possible, YearRange admitted) {
  if (possible.from >= admitted.from && possible.to <= admitted.to) return v1::OUTCOME_MET;
  if (possible.to < admitted.from || possible.from > admitted.to) return v1::OUTCOME_NOT_MET;
  return v1::OUTCOME_UNKNOWN;
}

// One evaluation. Borrows everything for its own duration.
class Evaluation {
 public:
  Evaluation(const v1::PersonAttributes& attributes, std::string_view territory,
             v1::EligibilityExplanation& explanation)
      : attributes_(attributes), territory_(territory), explanation_(explanation) {}

  v1::Outcome Rule(const std::string& path, const v1::EligibilityRule& rule, bool inverted);

 private:
  v1::Outcome List(const std::string& path, const v1::RuleList& list, bool inverted, bool all);
  v1::Outcome Leaf(std::string path, std::string description, v1::Outcome outcome, bool inverted);
  v1::Outcome Age(YearRange admitted) const;
  v1::Outcome Status(const v1::LegalStatusCondition& condition) const;
  v1::Outcome Residence(const v1::ResidenceCondition& condition) const;
  v1::Outcome Language(const v1::LanguageCondition& condition) const;
  v1::Outcome Household(const v1::HouseholdCondition& condition) const;

  const v1::PersonAttributes& attributes_;
  const std::string_view territory_;
  v1::EligibilityExplanation& explanation_;
};

v1::Outcome Evaluation::Rule(const std::string& path, const v1::EligibilityRule& rule, bool inverted) {
  const auto sub = [&](std::string_view field) {
    return path.empty() ? std::string(field) : base::Cat(path, ".", field);
  };
  switch (rule.rule_case()) {
    case v1::EligibilityRule::kAllOf:
      return List(sub("all_of"), rule.all_of(), inverted, true);
    case v1::EligibilityRule::kAnyOf:
      return List(sub("any_of"), rule.any_of(), inverted, false);
    case v1::EligibilityRule::kNoneOf:
      return Not(List(sub("none_of"), rule.none_of(), !inverted, false));
    case v1::EligibilityRule::kAge:
      return Leaf(sub("age"), DescribeCondition(rule), Age(AdmittedYears(rule.age())), inverted);
    case v1::EligibilityRule::kAgeBand:
      return Leaf(sub("age_band"), DescribeCondition(rule), Age(AdmittedYears(rule.age_band())), inverted);
    case v1::EligibilityRule::kLegalStatus:
      return Leaf(sub("legal_status"), DescribeCondition(rule), Status(rule.legal_status()), inverted);
    case v1::EligibilityRule::kResidence:
      return Leaf(sub("residence"), DescribeCondition(rule), Residence(rule.residence()), inverted);
    case v1::EligibilityRule::kLanguage:
      return Leaf(sub("language"), DescribeCondition(rule), Language(rule.language()), inverted);
    case v1::EligibilityRule::kHousehold:
      return Leaf(sub("household"), DescribeCondition(rule), Household(rule.household()), inverted);
    case v1::EligibilityRule::RULE_NOT_SET:
      break;
  }
  // Stored by a later version: it cannot be judged, so it is not.
  return Leaf(path, DescribeCondition(rule), v1::OUTCOME_UNKNOWN, inverted);
}

v1::Outcome Evaluation::List(const std::string& path, const v1::RuleList& list, bool inverted, bool all) {
  v1::Outcome outcome = all ? v1::OUTCOME_MET : v1::OUTCOME_NOT_MET;
  for (int i = 0; i < list.rules_size(); ++i) {
    const v1::Outcome next = Rule(At(path, i), list.rules(i), inverted);
    outcome = all ? And(outcome, next) : Or(outcome, next);
  }
  return outcome;
}

v1::Outcome Evaluation::Leaf(std::string path, std::string description, v1::Outcome outcome, bool inverted) {
  v1::ConditionResult& result = *explanation_.add_conditions();
  result.set_path(std::move(path));
  result.set_description(std::move(description));
  result.set_outcome(outcome);
  result.set_inverted(inverted);
  return outcome;
}

v1::Outcome Evaluation::Age(YearRange admitted) const {
  const YearRange possible = attributes_.has_age_years()
                                 ? YearRange{attributes_.age_years(), attributes_.age_years()}
                                 : BandYears(attributes_.age_band());
  return Within(possible, admitted);
}

v1::Outcome Evaluation::Status(const v1::LegalStatusCondition& condition) const {
  if (attributes_.legal_status() == type::v1::LEGAL_STATUS_UNSPECIFIED) return v1::OUTCOME_UNKNOWN;
  const auto& admitted = condition.any_of();
  return Known(std::find(admitted.begin(), admitted.end(), attributes_.legal_status()) != admitted.end());
}

v1::Outcome Evaluation::Residence(const v1::ResidenceCondition& condition) const {
  bool partly = false;
  for (const std::string& code : condition.territories()) {
    if (territory::Covers(code, territory_)) return v1::OUTCOME_MET;
    partly = partly || territory::Covers(territory_, code);
  }
  return partly ? v1::OUTCOME_UNKNOWN : v1::OUTCOME_NOT_MET;
}

v1::Outcome Evaluation::Language(const v1::LanguageCondition& condition) const {
  LanguageLevel level = type::v1::LANGUAGE_LEVEL_UNSPECIFIED;
  for (const v1::LanguageSkill& skill : attributes_.language_skills()) {
    if (PrimarySubtag(skill.language()) == PrimarySubtag(condition.language()))
      level = std::max(level, skill.level());
  }
  if (level == type::v1::LANGUAGE_LEVEL_UNSPECIFIED) return v1::OUTCOME_UNKNOWN;
  return Known(
      level >= condition.min_level() &&
      (condition.max_level() == type::v1::LANGUAGE_LEVEL_UNSPECIFIED || level <= condition.max_level()));
}

v1::Outcome Evaluation::Household(const v1::HouseholdCondition& condition) const {
  v1::Outcome outcome = v1::OUTCOME_MET;
  if (condition.has_min_persons() || condition.has_max_persons()) {
    const uint32_t persons = attributes_.household_persons();
    outcome = !attributes_.has_household_persons()
                  ? v1::OUTCOME_UNKNOWN
                  : Known(persons >= condition.min_persons() &&
                          (!condition.has_max_persons() || persons <= condition.max_persons()));
  }
  if (condition.minors() != v1::MINORS_REQUIREMENT_UNSPECIFIED) {
    const bool wanted = condition.minors() == v1::MINORS_REQUIREMENT_WITH;
    outcome = And(outcome, attributes_.has_household_has_minors()
                               ? Known(attributes_.household_has_minors() == wanted)
                               : v1::OUTCOME_UNKNOWN);
  }
  return outcome;
}

}  // namespace

void CheckEligibilityRule(std::string_view field, const v1::EligibilityRule& rule,
                          error::FieldViolations& violations) {
  RuleChecker(violations).Check(std::string(field), rule, 1);
}

void CheckAttributes(std::string_view field, const v1::PersonAttributes& attributes,
                     error::FieldViolations& violations) {
  const auto sub = [field](std::string_view name) { return base::Cat(field, ".", name); };
  CheckEnum(sub("age_band"), attributes.age_band(), type::v1::AgeBand_IsValid, violations, true);
  CheckEnum(sub("legal_status"), attributes.legal_status(), type::v1::LegalStatus_IsValid, violations, true);
  if (attributes.age_years() > kMaxAgeYears) {
    violations.Add(sub("age_years"), "is over 130");
  } else if (attributes.has_age_years() && type::v1::AgeBand_IsValid(attributes.age_band())) {
    const YearRange band = BandYears(attributes.age_band());
    if (attributes.age_years() < band.from || attributes.age_years() > band.to) {
      violations.Add(sub("age_years"), "does not lie in age_band");
    }
  }
  if (attributes.has_household_persons() &&
      (attributes.household_persons() < 1 || attributes.household_persons() > kMaxHouseholdPersons)) {
    violations.Add(sub("household_persons"), "is not from 1 to 50");
  }
  if (!CheckCount(sub("language_skills"), attributes.language_skills_size(), kMaxLanguageSkills, violations))
    return;
  for (int i = 0; i < attributes.language_skills_size(); ++i) {
    const v1::LanguageSkill& skill = attributes.language_skills(i);
    const std::string path = At(sub("language_skills"), i);
    if (!IsLanguageTag(skill.language()))
      violations.Add(base::Cat(path, ".language"), "is not a language tag");
    CheckEnum(base::Cat(path, ".level"), skill.level(), type::v1::LanguageLevel_IsValid, violations);
    for (int j = 0; j < i; ++j) {
      if (attributes.language_skills(j).language() == skill.language())
        violations.Add(path, "is there twice");
    }
  }
}

v1::EligibilityExplanation Evaluate(const v1::EligibilityRule& rule, const v1::PersonAttributes& attributes,
                                    std::string_view territory) {
  v1::EligibilityExplanation explanation;
  const v1::Outcome outcome = Evaluation(attributes, territory, explanation).Rule("", rule, false);
  explanation.set_outcome(outcome);
  return explanation;
}

}  // namespace waypost::directory
