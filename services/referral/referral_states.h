// The reference of the states of a referral, generated from the transition table. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_STATES_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_STATES_H_

#include <string>

namespace waypost::referral {

// docs/reference/referral-states.md, as Markdown with a Mermaid diagram. A test fails when the file differs.
std::string StatesReference();

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_STATES_H_
