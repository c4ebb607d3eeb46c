// The states of a path's step and what may be done with it in each: a table, checked while compiling. What is
// not in it is INVALID_TRANSITION. The state itself is derived (path_rules.h). Pure: no store, no clock;
// thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_MACHINE_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_MACHINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waypost/referral/v1/path.pb.h"

namespace waypost::referral {

using StepState = v1::PathStepState;

// Short names of the states.
inline constexpr StepState kStepPlanned = v1::PATH_STEP_STATE_PLANNED;
inline constexpr StepState kStepUnderWay = v1::PATH_STEP_STATE_UNDER_WAY;
inline constexpr StepState kStepDone = v1::PATH_STEP_STATE_DONE;
inline constexpr StepState kStepNotReached = v1::PATH_STEP_STATE_NOT_REACHED;
inline constexpr StepState kStepSkipped = v1::PATH_STEP_STATE_SKIPPED;
inline constexpr StepState kStepToBeApproved = v1::PATH_STEP_STATE_TO_BE_APPROVED;
inline constexpr int kStepStateCount = 7;  // none included

// What is done with one step.
enum class StepAct : uint8_t {
  kTake,      // the person is referred for it
  kLeaveOut,  // it is skipped, and stays to be seen
  kPlan,      // it is not skipped any longer, or is about something else
  kRemove,    // it is gone
};
inline constexpr int kStepActCount = 4;

// What becomes of a path.
enum class PathEvent : uint8_t {
  kCreate,
  kUpdate,
  kTake,
  kEnd,
  kShareEnded,
  kErase,
  kSucceed,
  kDraftStep,  // a step has a draft that is to be approved
  kGiveBack,   // that draft is none of the step any longer
};
inline constexpr int kPathEventCount = 9;

// Does a step in that state take it? Whoever was referred by a step once is seen to have been: see
// path_rules.h for a skipped one.
bool Takes(StepState state, StepAct act);

// What can be done with such a step, as names, in the order of StepAct.
std::vector<std::string> AllowedActs(StepState state);

// "UNDER_WAY".
std::string StepStateName(StepState state);
// "TAKE".
std::string_view StepActName(StepAct act);
// "TAKE_STEP".
std::string_view PathEventName(PathEvent event);
// "referral.path_step_taken"; what the outbox says.
std::string_view PathEventType(PathEvent event);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_MACHINE_H_
