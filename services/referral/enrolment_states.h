// The reference of an enrolment's states, generated from the table.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_STATES_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_STATES_H_

#include <string>

namespace waypost::referral {

// docs/reference/enrolment-states.md.
std::string EnrolmentStatesReference();

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_STATES_H_
