// The table of the domain once more, in its own words and independent of the machine. For tests only.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_DOMAIN_TESTING_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_DOMAIN_TESTING_H_

#include <map>
#include <string>
#include <tuple>

#include "services/referral/referral_machine.h"

namespace waypost::referral::testing {

// (state, event, actor), by their names → the state after it: "=" is no change of state, "<" back to where it
// was.
using Domain = std::map<std::tuple<std::string, std::string, std::string>, std::string>;

const Domain& TheDomain();
// Null where nobody of that side may do that then.
const std::string* InDomain(State state, Event event, Actor actor);

}  // namespace waypost::referral::testing

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_DOMAIN_TESTING_H_
