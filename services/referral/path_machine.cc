#include "services/referral/path_machine.h"

#include <array>

#include "common/policy/policy.h"

namespace waypost::referral {
namespace {

using StepStates = policy::EnumSet<StepState>;

// In the order of StepAct: the states that take it. What was taken goes on, whatever is planned.
constexpr std::array<StepStates, kStepActCount> kTable = {
    StepStates{kStepPlanned, kStepNotReached},                // kTake
    StepStates{kStepPlanned, kStepNotReached, kStepSkipped},  // kLeaveOut
    StepStates{kStepPlanned, kStepSkipped},                   // kPlan
    StepStates{kStepPlanned, kStepSkipped},                   // kRemove
};

constexpr std::array<std::string_view, kStepActCount> kActNames = {"TAKE", "LEAVE_OUT", "PLAN", "REMOVE"};

struct EventWords {
  std::string_view name;
  std::string_view type;
};
constexpr std::array<EventWords, kPathEventCount> kEvents = {
    EventWords{"CREATE", "referral.path_created"},
    EventWords{"UPDATE", "referral.path_updated"},
    EventWords{"TAKE_STEP", "referral.path_step_taken"},
    EventWords{"END", "referral.path_ended"},
    EventWords{"SHARE_ENDED", "referral.path_ended"},
    EventWords{"ERASE", "referral.path_erased"},
    EventWords{"SUCCEED", "referral.path_succeeded"},
    EventWords{"DRAFT_STEP", "referral.path_step_drafted"},
    EventWords{"GIVE_BACK_STEP", "referral.path_step_given_back"},
};

// What is under way or done is past planning; what waits for approval is its draft's to end.
constexpr bool PastIsKept() {
  for (const StepStates& states : kTable) {
    if (states.Has(kStepUnderWay) || states.Has(kStepDone) || states.Has(kStepToBeApproved)) return false;
  }
  return true;
}
static_assert(PastIsKept());

}  // namespace

bool Takes(StepState state, StepAct act) {
  return kTable[static_cast<size_t>(act)].Has(state);
}

std::vector<std::string> AllowedActs(StepState state) {
  std::vector<std::string> names;
  for (int act = 0; act < kStepActCount; ++act) {
    if (Takes(state, static_cast<StepAct>(act))) names.emplace_back(kActNames[static_cast<size_t>(act)]);
  }
  return names;
}

std::string StepStateName(StepState state) {
  constexpr std::string_view kPrefix = "PATH_STEP_STATE_";
  const std::string name = v1::PathStepState_Name(state);
  return name.size() > kPrefix.size() ? name.substr(kPrefix.size()) : name;
}

std::string_view StepActName(StepAct act) {
  return kActNames[static_cast<size_t>(act)];
}

std::string_view PathEventName(PathEvent event) {
  return kEvents[static_cast<size_t>(event)].name;
}

std::string_view PathEventType(PathEvent event) {
  return kEvents[static_cast<size_t>(event)].type;
}

}  // namespace waypost::referral
