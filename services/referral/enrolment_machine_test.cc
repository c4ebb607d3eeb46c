#include "services/referral/enrolment_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "services/referral/enrolment_policy.h"
#include "services/referral/enrolment_states.h"

namespace waypost::referral {
namespace {

// The whole table once more, state by state: where each event leads. What is not here is not taken.
const std::map<std::pair<Stay, EnrolmentEvent>, Stay>& Expected() {
  using Event = EnrolmentEvent;
  static const auto* const expected = new std::map<std::pair<Stay, Event>, Stay>{
      {{kNowhere, Event::kPlace}, kPlaced},
      {{kPlaced, Event::kStart}, kAttending},
      {{kPlaced, Event::kLeave}, kLeft},
      {{kPlaced, Event::kEndWithReferral}, kLeft},
      {{kPlaced, Event::kMove}, kPlaced},
      {{kPlaced, Event::kAssess}, kPlaced},
      {{kAttending, Event::kPause}, kPaused},
      {{kAttending, Event::kLeave}, kLeft},
      {{kAttending, Event::kEndWithReferral}, kLeft},
      {{kAttending, Event::kMove}, kAttending},
      {{kAttending, Event::kAssess}, kAttending},
      {{kAttending, Event::kAttend}, kAttending},
      {{kPaused, Event::kResume}, kAttending},
      {{kPaused, Event::kLeave}, kLeft},
      {{kPaused, Event::kEndWithReferral}, kLeft},
      {{kPaused, Event::kMove}, kPaused},
      {{kPaused, Event::kAssess}, kPaused},
      {{kPaused, Event::kAttend}, kPaused},
      {{kPlaced, Event::kSucceed}, kPlaced},
      {{kAttending, Event::kSucceed}, kAttending},
      {{kPaused, Event::kSucceed}, kPaused},
      {{kLeft, Event::kSucceed}, kLeft},
      {{kPlaced, Event::kVoid}, kPlaced},
      {{kAttending, Event::kVoid}, kAttending},
      {{kPaused, Event::kVoid}, kPaused},
      {{kLeft, Event::kVoid}, kLeft},
      {{kPlaced, Event::kProgrammeEnding}, kPlaced},
      {{kAttending, Event::kProgrammeEnding}, kAttending},
      {{kPaused, Event::kProgrammeEnding}, kPaused},
      {{kPlaced, Event::kProgrammeGoesOn}, kPlaced},
      {{kAttending, Event::kProgrammeGoesOn}, kAttending},
      {{kPaused, Event::kProgrammeGoesOn}, kPaused},
  };
  return *expected;
}

TEST(EnrolmentMachine, EveryStateAndEvent) {
  for (int state = 0; state < kStayCount; ++state) {
    for (int event = 0; event < kEnrolmentEventCount; ++event) {
      const Stay from = static_cast<Stay>(state);
      const auto* row = FindTransition(from, static_cast<EnrolmentEvent>(event));
      const auto expected = Expected().find({from, static_cast<EnrolmentEvent>(event)});
      ASSERT_EQ(row != nullptr, expected != Expected().end())
          << StayName(from) << " " << EnrolmentEventName(static_cast<EnrolmentEvent>(event));
      if (row == nullptr) continue;
      EXPECT_EQ(row->to == kNowhere ? from : row->to, expected->second)
          << StayName(from) << " " << EnrolmentEventName(row->event);
    }
  }
}

TEST(EnrolmentMachine, AllowedNamesAreWhatHasAMethod) {
  EXPECT_THAT(AllowedNames(kPlaced),
              ::testing::ElementsAre("START", "LEAVE", "MOVE", "ASSESS", "VOID_ASSESSMENT"));
  EXPECT_THAT(AllowedNames(kAttending),
              ::testing::ElementsAre("PAUSE", "LEAVE", "MOVE", "ASSESS", "VOID_ASSESSMENT", "ATTEND"));
  EXPECT_THAT(AllowedNames(kPaused),
              ::testing::ElementsAre("RESUME", "LEAVE", "MOVE", "ASSESS", "VOID_ASSESSMENT", "ATTEND"));
  EXPECT_THAT(AllowedNames(kLeft), ::testing::ElementsAre("VOID_ASSESSMENT"));
  std::set<std::string_view> methods;
  for (const policy::MethodRule* rule : kEnrolmentMethodRules) methods.insert(rule->method);
  for (const EnrolmentTransition& row : EnrolmentTransitions()) {
    EXPECT_TRUE(row.by_system || methods.contains(row.method)) << row.method;
  }
}

TEST(EnrolmentMachine, OnlyWhoHasLeftHasNoPlace) {
  for (const Stay state : {kPlaced, kAttending, kPaused}) EXPECT_TRUE(HasPlace(state));
  EXPECT_FALSE(HasPlace(kLeft));
  EXPECT_FALSE(HasPlace(kNowhere));
}

TEST(EnrolmentMachine, TheReferenceIsWhatTheDocumentationSays) {
  const char* const directory = std::getenv("WAYPOST_SOURCE_DIR");
  const std::string path =
      std::string(directory == nullptr ? "." : directory) + "/docs/reference/enrolment-states.md";
  std::ifstream file(path);
  ASSERT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == EnrolmentStatesReference())
      << "regenerate it: build/bin/enrolment_states_doc > docs/reference/enrolment-states.md";
}

}  // namespace
}  // namespace waypost::referral
