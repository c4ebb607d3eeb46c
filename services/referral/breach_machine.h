// The states of a breach and what may be recorded in each: a table, checked while compiling. What is not in
// it is INVALID_TRANSITION. Pure: no store, no clock; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_BREACH_MACHINE_H_
#define WAYPOST_SERVICES_REFERRAL_BREACH_MACHINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waypost/referral/v1/breach.pb.h"

namespace waypost::referral {

// What is recorded of a breach.
enum class BreachAct : uint8_t { kAssess, kNotify, kTell, kConfirmDeletion, kClose };
inline constexpr int kBreachActCount = 5;

// May it be recorded in that state? Whether enough was done to close it: see breach_rules.h.
bool Takes(v1::BreachState state, BreachAct act);
// The state after it. REQUIRES: Takes(state, act).
v1::BreachState After(v1::BreachState state, BreachAct act);
// What may be recorded in that state, as names, in the order of BreachAct.
std::vector<std::string> AllowedBreachActs(v1::BreachState state);

// "ASSESSED".
std::string BreachStateName(v1::BreachState state);
// "RECORD_NOTIFICATION".
std::string_view BreachActName(BreachAct act);
// "breach.notified"; what the outbox says.
std::string_view BreachEventType(BreachAct act);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_BREACH_MACHINE_H_
