// Prints docs/reference/enrolment-states.md from the transition table:
//   enrolment_states_doc > docs/reference/enrolment-states.md
#include <iostream>

#include "services/referral/enrolment_states.h"

int main() {
  std::cout << waypost::referral::EnrolmentStatesReference();
  return std::cout.good() ? 0 : 1;
}
