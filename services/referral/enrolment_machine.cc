#include "services/referral/enrolment_machine.h"

#include <array>

namespace waypost::referral {
namespace {

constexpr Stays kOpenStays = {kPlaced, kAttending, kPaused};
constexpr bool kSystemAlone = true;

constexpr auto kStayTable = std::to_array<EnrolmentTransition>({
    {{kNowhere},
     EnrolmentEvent::kPlace,
     kPlaced,
     kSystemAlone,
     "",
     "the referral is accepted into a group of an ENROLMENT offer that has a place left"},
    {{kPlaced},
     EnrolmentEvent::kStart,
     kAttending,
     false,
     "StartEnrolment",
     "the referral is completed by it, with an outcome for each person, where that has not been done"},
    {{kAttending}, EnrolmentEvent::kPause, kPaused, false, "PauseEnrolment", ""},
    {{kPaused}, EnrolmentEvent::kResume, kAttending, false, "ResumeEnrolment", ""},
    {kOpenStays, EnrolmentEvent::kLeave, kLeft, false, "LeaveEnrolment", ""},
    {kOpenStays, EnrolmentEvent::kEndWithReferral, kLeft, kSystemAlone, "",
     "the person has withdrawn or was taken out of the referral, or it was misdirected; or not started, and "
     "the referral has ended otherwise than by completion, or was sent again"},
    {kOpenStays, EnrolmentEvent::kMove, kNowhere, false, "MoveEnrolment",
     "to another group of the offer that has a place left; at most 50 times"},
    {kOpenStays, EnrolmentEvent::kAssess, kNowhere, false, "RecordAssessment", "at most 50 times"},
    {{kPlaced, kAttending, kPaused, kLeft},
     EnrolmentEvent::kVoid,
     kNowhere,
     false,
     "VoidAssessment",
     "one that is not void"},
    {{kAttending, kPaused},
     EnrolmentEvent::kAttend,
     kNowhere,
     false,
     "RecordAttendance",
     "days since it started, not in the future; at most 500 of them"},
    {{kPlaced, kAttending, kPaused, kLeft},
     EnrolmentEvent::kSucceed,
     kNowhere,
     kSystemAlone,
     "",
     "another body stands in the provider's place"},
    {kOpenStays, EnrolmentEvent::kProgrammeEnding, kNowhere, kSystemAlone, "",
     "the programme of its offer ends, or ends on another day"},
    {kOpenStays, EnrolmentEvent::kProgrammeGoesOn, kNowhere, kSystemAlone, "",
     "no programme that its offer is under ends any longer"},
});

struct Words {
  std::string_view name;
  std::string_view type;
};

// In the order of EnrolmentEvent.
constexpr std::array<Words, kEnrolmentEventCount> kWords = {{
    {"PLACE", "referral.enrolment_placed"},
    {"START", "referral.enrolment_started"},
    {"PAUSE", "referral.enrolment_paused"},
    {"RESUME", "referral.enrolment_resumed"},
    {"LEAVE", "referral.enrolment_left"},
    {"END_WITH_REFERRAL", "referral.enrolment_ended_with_referral"},
    {"MOVE", "referral.enrolment_moved"},
    {"ASSESS", "referral.enrolment_assessed"},
    {"ATTEND", "referral.enrolment_attendance_recorded"},
    {"SUCCEED", "referral.enrolment_succeeded"},
    {"VOID_ASSESSMENT", "referral.enrolment_assessment_voided"},
    {"PROGRAMME_ENDING", "referral.enrolment_programme_ending"},
    {"PROGRAMME_GOES_ON", "referral.enrolment_programme_goes_on"},
}};

constexpr std::array<std::string_view, kStayCount> kNames = {"NOTHING", "PLACED", "ATTENDING", "PAUSED",
                                                             "LEFT"};

const EnrolmentTransition* FindRow(Stay from, EnrolmentEvent event) {
  for (const EnrolmentTransition& row : kStayTable) {
    if (row.event == event && row.from.Has(from)) return &row;
  }
  return nullptr;
}

// --- What must hold of the table -------------------------------------------------------------------------

constexpr bool EveryEventHasOneRow() {
  for (int event = 0; event < kEnrolmentEventCount; ++event) {
    int rows = 0;
    for (const EnrolmentTransition& row : kStayTable) {
      if (row.event == static_cast<EnrolmentEvent>(event)) ++rows;
    }
    if (rows != 1) return false;
  }
  return true;
}
static_assert(EveryEventHasOneRow());

constexpr bool NobodyComesBack() {
  for (const EnrolmentTransition& row : kStayTable) {
    if (row.from.Has(kLeft) && row.to != kNowhere) return false;
  }
  return true;
}
static_assert(NobodyComesBack(), "who comes back comes by another referral");

constexpr bool EveryOpenStateCanBeLeft() {
  for (const EnrolmentTransition& row : kStayTable) {
    if (row.event == EnrolmentEvent::kLeave) return row.from == kOpenStays && row.to == kLeft;
  }
  return false;
}
static_assert(EveryOpenStateCanBeLeft());

constexpr bool MethodsAreForPeople() {
  for (const EnrolmentTransition& row : kStayTable) {
    if (row.by_system != row.method.empty()) return false;
  }
  return true;
}
static_assert(MethodsAreForPeople());

}  // namespace

std::span<const EnrolmentTransition> EnrolmentTransitions() {
  return kStayTable;
}

const EnrolmentTransition* FindTransition(Stay from, EnrolmentEvent event) {
  return FindRow(from, event);
}

std::vector<std::string> AllowedNames(Stay from) {
  std::vector<std::string> names;
  for (const EnrolmentTransition& row : kStayTable) {
    if (!row.by_system && row.from.Has(from)) names.emplace_back(EnrolmentEventName(row.event));
  }
  return names;
}

bool HasPlace(Stay state) {
  return kOpenStays.Has(state);
}

std::string_view StayName(Stay state) {
  return kNames[static_cast<size_t>(state)];
}
std::string_view EnrolmentEventName(EnrolmentEvent event) {
  return kWords[static_cast<size_t>(event)].name;
}
std::string_view EnrolmentEventType(EnrolmentEvent event) {
  return kWords[static_cast<size_t>(event)].type;
}

}  // namespace waypost::referral
