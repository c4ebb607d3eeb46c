// Prints docs/reference/referral-states.md from the transition table:
//   referral_states_doc > docs/reference/referral-states.md
#include <iostream>

#include "services/referral/referral_states.h"

int main() {
  std::cout << waypost::referral::StatesReference();
  return std::cout.good() ? 0 : 1;
}
