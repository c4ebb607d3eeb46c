// The states of an enrolment and every event that they take: a table, checked while compiling, from which
// docs/reference/enrolment-states.md is generated. What is not in the table is INVALID_TRANSITION. Pure: no
// store, no clock; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_MACHINE_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_MACHINE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy/policy.h"
#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::referral {

using Stay = v1::EnrolmentState;

// Short names of the states. kNowhere stands for an enrolment that does not exist yet.
inline constexpr Stay kNowhere = v1::ENROLMENT_STATE_UNSPECIFIED;
inline constexpr Stay kPlaced = v1::ENROLMENT_STATE_PLACED;
inline constexpr Stay kAttending = v1::ENROLMENT_STATE_ATTENDING;
inline constexpr Stay kPaused = v1::ENROLMENT_STATE_PAUSED;
inline constexpr Stay kLeft = v1::ENROLMENT_STATE_LEFT;
inline constexpr int kStayCount = 5;  // kNowhere included

using Stays = policy::EnumSet<Stay>;

enum class EnrolmentEvent : uint8_t {
  kPlace,
  kStart,
  kPause,
  kResume,
  kLeave,
  kEndWithReferral,
  kMove,
  kAssess,
  kAttend,
  kSucceed,
  kVoid,
  kProgrammeEnding,
  kProgrammeGoesOn,
};
inline constexpr int kEnrolmentEventCount = 13;

struct EnrolmentTransition {
  Stays from;
  EnrolmentEvent event;
  // Unspecified: it stays as it is.
  Stay to = kNowhere;
  // Follows from the referral, a succession or a programme, and has no method.
  bool by_system = false;
  // The method that causes it; empty for the system.
  std::string_view method = {};
  // What must also hold, as half a sentence. May be empty.
  std::string_view guard = {};
};

// All rows, in the order in which they are documented.
std::span<const EnrolmentTransition> EnrolmentTransitions();
// nullptr when the state does not take the event.
const EnrolmentTransition* FindTransition(Stay from, EnrolmentEvent event);
// What the provider may do, as names, in table order.
std::vector<std::string> AllowedNames(Stay from);
// It has a place in its group.
bool HasPlace(Stay state);

// "ATTENDING".
std::string_view StayName(Stay state);
// "START"; what allowed_actions and errors say.
std::string_view EnrolmentEventName(EnrolmentEvent event);
// "referral.enrolment_started"; what the outbox says.
std::string_view EnrolmentEventType(EnrolmentEvent event);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_MACHINE_H_
