// What a rule of eligibility says by itself, apart from any person: in words, and in years. For the directory
// and for whoever hands its offers on. Pure; thread-safe. A part of a kind that is unknown here, as of a
// later version, is said to be one and is never passed over.
#ifndef WAYPOST_SERVICES_DIRECTORY_ELIGIBILITY_WORDS_H_
#define WAYPOST_SERVICES_DIRECTORY_ELIGIBILITY_WORDS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "waypost/directory/v1/eligibility.pb.h"

namespace waypost::directory {

// Ages in completed years, both ends included.
struct YearRange {
  uint32_t from = 0;
  uint32_t to = 0;
};

// Every age for the zero value and for one that is unknown here.
YearRange BandYears(type::v1::AgeBand band);
YearRange AdmittedYears(const v1::AgeCondition& age);
YearRange AdmittedYears(const v1::AgeBandCondition& band);

// One condition, as in "age from 18 years"; of a list only that it is none. Territories and languages stand
// by their codes.
std::string DescribeCondition(const v1::EligibilityRule& rule);

// The whole rule as one sentence, as in "Only for people of whom this holds: age from 18 years; and legal
// status is refugee." REQUIRES: at most kMaxRuleDepth levels.
std::string DescribeRule(const v1::EligibilityRule& rule);

// False where a part of the rule is of a kind that is unknown here.
bool IsRuleKnown(const v1::EligibilityRule& rule);

// The youngest and the oldest whom the rule can admit, whatever else holds of them; no bound where the rule
// sets none. Nothing at all of a rule that admits no age. REQUIRES: as DescribeRule.
struct AgeBounds {
  std::optional<uint32_t> min_years;
  std::optional<uint32_t> max_years;
  bool operator==(const AgeBounds&) const = default;
};
AgeBounds ImpliedAges(const v1::EligibilityRule& rule);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ELIGIBILITY_WORDS_H_
