// Executable eligibility: rules over coarse attributes in three-valued logic (Kleene), where what is not
// known never counts either way. It advises; a person decides. Attributes are personal data in the making:
// nothing here, and nobody who calls it, logs or stores them. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_DIRECTORY_ELIGIBILITY_H_
#define WAYPOST_SERVICES_DIRECTORY_ELIGIBILITY_H_

#include <string_view>

#include "common/status/errors.h"
#include "waypost/directory/v1/eligibility.pb.h"

namespace waypost::directory {

// Adds everything wrong with a rule. At most kMaxRuleNodes nodes and kMaxRuleDepth levels are looked at.
void CheckEligibilityRule(std::string_view field, const v1::EligibilityRule& rule,
                          error::FieldViolations& violations);

// Adds everything wrong with attributes. Descriptions repeat no value.
void CheckAttributes(std::string_view field, const v1::PersonAttributes& attributes,
                     error::FieldViolations& violations);

// The outcome of the whole rule and of each of its conditions. `territory` is where the person lives, as
// narrowly as is known. REQUIRES: all three are valid.
v1::EligibilityExplanation Evaluate(const v1::EligibilityRule& rule, const v1::PersonAttributes& attributes,
                                    std::string_view territory);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ELIGIBILITY_H_
