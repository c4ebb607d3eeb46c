#include "services/referral/enrolment_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using testing::Now;

v1::Assessment OnDay(std::string_view date) {
  v1::Assessment assessment;
  assessment.set_date(std::string(date));
  assessment.set_cefr_level(v1::CEFR_LEVEL_A1);
  return assessment;
}

v1::Attendance Day(std::string_view date, v1::AttendanceStatus status = v1::ATTENDANCE_STATUS_PRESENT) {
  v1::Attendance day;
  day.set_date(std::string(date));
  day.set_status(status);
  return day;
}

ProgrammeEndFacts EndIn(absl::Duration time) {
  return {.programme = "programmes/estia", .end_date = "2026-05-31", .over = Now() + time};
}

EnrolmentRecord RecordAt(Stay state) {
  v1::PersonPlace place;
  place.set_person(1);
  place.set_offer("offers/asl");
  place.set_group_id("alpha");
  place.set_enrolment(NewEnrolmentName(testing::kName, 1, 7));
  EnrolmentRecord record = OpenEnrolment(testing::RecordIn(kAccepted), place, Now() - absl::Hours(24)).next;
  const auto step = [&record](const EnrolmentCommand& command) {
    record = DecideEnrolment(record, command, Now() - absl::Hours(1))->next;
  };
  if (state != kPlaced) step(enrolment::Start{});
  if (state == kPaused) step(enrolment::Pause{Now() + absl::Hours(24)});
  if (state == kLeft) {
    step(enrolment::Leave{v1::LEAVE_REASON_MOVED_ON, v1::LEAVE_DESTINATION_EMPLOYMENT});
  }
  return record;
}

const std::vector<EnrolmentCommand>& Commands() {
  static const auto* const commands =
      new std::vector<EnrolmentCommand>{enrolment::Start{},
                                        enrolment::Pause{Now() + absl::Hours(24)},
                                        enrolment::Resume{},
                                        enrolment::Leave{v1::LEAVE_REASON_HEALTH, v1::LEAVE_DESTINATION_NONE},
                                        enrolment::EndWithReferral{},
                                        enrolment::Move{"fle1"},
                                        enrolment::Assess{OnDay("2026-05-04")},
                                        enrolment::Attend{{Day("2026-05-04")}},
                                        enrolment::VoidAssessment{1, v1::VOID_REASON_WRONG_PERSON, "p-eva"},
                                        enrolment::ProgrammeEnding{EndIn(absl::Hours(24))},
                                        enrolment::ProgrammeGoesOn{}};
  return *commands;
}

TEST(EnrolmentRules, EveryStateTakesWhatTheTableSays) {
  for (const Stay state : {kPlaced, kAttending, kPaused, kLeft}) {
    EnrolmentRecord record = RecordAt(state);
    *record.add_assessments() = OnDay("2026-05-04");  // that can be void
    ASSERT_EQ(record.state(), state);
    for (const EnrolmentCommand& command : Commands()) {
      const EnrolmentEvent event = EventOf(command);
      const auto decision = DecideEnrolment(record, command, Now());
      const EnrolmentTransition* row = FindTransition(state, event);
      if (row == nullptr) {
        EXPECT_EQ(error::ReasonOf(decision.status()), "INVALID_TRANSITION")
            << StayName(state) << " " << EnrolmentEventName(event);
        continue;
      }
      ASSERT_TRUE(decision.ok()) << EnrolmentEventName(event) << " " << decision.status();
      EXPECT_EQ(decision->next.state(), row->to == kNowhere ? state : row->to);
      EXPECT_EQ(decision->next.revision(), record.revision() + 1);
      EXPECT_EQ(decision->event, event);
      EXPECT_EQ(api::FromTimestamp(decision->next.update_time()), Now());
    }
  }
}

TEST(EnrolmentRules, AnEnrolmentPointsToAPersonOfAReferralAndNamesNobody) {
  const EnrolmentRecord record = RecordAt(kPlaced);
  EXPECT_EQ(record.name(), "enrolments/01jd0000000000000000000001-1-7");
  EXPECT_TRUE(IsEnrolmentName(record.name()));
  EXPECT_EQ(record.referral(), testing::kName);
  EXPECT_EQ(record.person(), 1U);
  EXPECT_EQ(record.provider(), testing::kReceivingBody);
  EXPECT_EQ(record.revision(), 1);
}

TEST(EnrolmentRules, LeavingKeepsWhyAndWhereTo) {
  const EnrolmentRecord left = RecordAt(kLeft);
  EXPECT_EQ(left.leave_reason(), v1::LEAVE_REASON_MOVED_ON);
  EXPECT_EQ(left.destination(), v1::LEAVE_DESTINATION_EMPLOYMENT);
  EXPECT_TRUE(left.has_end_time());
  const enrolment::Leave never{v1::LEAVE_REASON_NEVER_STARTED, v1::LEAVE_DESTINATION_UNKNOWN};
  EXPECT_TRUE(DecideEnrolment(RecordAt(kPlaced), never, Now()).ok());
  EXPECT_EQ(error::ReasonOf(DecideEnrolment(RecordAt(kAttending), never, Now()).status()), "INVALID_FIELD");
  const auto ended = DecideEnrolment(RecordAt(kPaused), enrolment::EndWithReferral{}, Now());
  EXPECT_EQ(ended->next.leave_reason(), v1::LEAVE_REASON_REFERRAL_ENDED);
  EXPECT_FALSE(ended->next.has_review_time());
}

TEST(EnrolmentRules, TheMarkOfAProgrammeStaysUntilThePersonHasLeft) {
  for (const Stay state : {kPlaced, kAttending, kPaused}) {
    SCOPED_TRACE(StayName(state));
    const EnrolmentCommand ending = enrolment::ProgrammeEnding{EndIn(absl::Hours(24))};
    const EnrolmentRecord marked = DecideEnrolment(RecordAt(state), ending, Now())->next;
    for (const v1::Enrolment& view : {ToEnrolment(marked), ToEnrolmentLine(marked)}) {
      EXPECT_EQ(view.programme_end().programme(), "programmes/estia");
      EXPECT_EQ(view.programme_end().end_date(), "2026-05-31");
      EXPECT_EQ(view.due().clock(), v1::CLOCK_HAND_OVER);
      EXPECT_EQ(view.due().party(), v1::PARTY_RECEIVING);
      EXPECT_EQ(api::FromTimestamp(view.due().time()), Now() + absl::Hours(24));
    }
    for (const EnrolmentCommand& command : Commands()) {
      const auto decision = DecideEnrolment(marked, command, Now());
      if (!decision.ok()) continue;
      const bool stays =
          HasPlace(decision->next.state()) && decision->event != EnrolmentEvent::kProgrammeGoesOn;
      EXPECT_EQ(decision->next.has_programme_end(), stays) << EnrolmentEventName(decision->event);
      EXPECT_EQ(decision->next.has_programme_over_time(), stays) << EnrolmentEventName(decision->event);
      EXPECT_EQ(ToEnrolment(decision->next).has_due(), stays) << EnrolmentEventName(decision->event);
    }
    const EnrolmentCommand later = enrolment::ProgrammeEnding{EndIn(absl::Hours(48))};
    EXPECT_EQ(api::FromTimestamp(DecideEnrolment(marked, later, Now())->next.programme_over_time()),
              Now() + absl::Hours(48));
  }
}

TEST(EnrolmentRules, WhatIsOpenedUnderAProgrammeThatEndsIsMarkedAtOnce) {
  ReferralRecord referral = testing::RecordIn(kAccepted);
  v1::PersonPlace place;
  place.set_person(1);
  place.set_offer("offers/asl");
  place.set_enrolment(NewEnrolmentName(testing::kName, 1, 7));
  EXPECT_FALSE(OpenEnrolment(referral, place, Now()).next.has_programme_end());
  referral.mutable_programme_end()->set_programme("programmes/estia");
  referral.mutable_programme_end()->set_end_date("2026-05-31");
  *referral.mutable_programme_over_time() = api::ToTimestamp(Now() + absl::Hours(24));
  const EnrolmentRecord opened = OpenEnrolment(referral, place, Now()).next;
  EXPECT_EQ(opened.programme_end().programme(), "programmes/estia");
  EXPECT_EQ(api::FromTimestamp(opened.programme_over_time()), Now() + absl::Hours(24));
}

TEST(EnrolmentRules, APauseIsLookedAtAgainWithinAYear) {
  const EnrolmentRecord record = RecordAt(kAttending);
  for (const absl::Time review :
       {Now(), Now() - absl::Hours(1), Now() + kMaxReviewAhead + absl::Seconds(1)}) {
    EXPECT_EQ(error::ReasonOf(DecideEnrolment(record, enrolment::Pause{review}, Now()).status()),
              "INVALID_FIELD");
  }
  EXPECT_TRUE(DecideEnrolment(record, enrolment::Pause{Now() + kMaxReviewAhead}, Now()).ok());
  const auto back = DecideEnrolment(RecordAt(kPaused), enrolment::Resume{}, Now());
  EXPECT_FALSE(back->next.has_review_time());
}

TEST(EnrolmentRules, AMoveIsKeptAndHasALimit) {
  EnrolmentRecord record = RecordAt(kAttending);
  EXPECT_EQ(error::ReasonOf(DecideEnrolment(record, enrolment::Move{"alpha"}, Now()).status()),
            "INVALID_FIELD")
      << "it is there already";
  for (int i = 0; i < kMaxMoves; ++i) {
    record = DecideEnrolment(record, enrolment::Move{i % 2 == 0 ? "fle1" : "alpha"}, Now())->next;
  }
  EXPECT_EQ(record.moves(0).from_group_id(), "alpha");
  EXPECT_EQ(record.moves(0).to_group_id(), "fle1");
  EXPECT_EQ(record.group_id(), "alpha");
  EXPECT_EQ(error::ReasonOf(DecideEnrolment(record, enrolment::Move{"fle1"}, Now()).status()),
            "LIMIT_EXCEEDED");
}

TEST(EnrolmentRules, AssessmentsAreNumberedDatedAndLimited) {
  EnrolmentRecord record = RecordAt(kPlaced);
  // A day that has begun somewhere is not in the future: it is 10:00 UTC on 4 May.
  for (const std::string_view day : {"2026-05-05", "2026-05-06"}) {
    const bool begun = day == "2026-05-05";
    EXPECT_EQ(DecideEnrolment(record, enrolment::Assess{OnDay(day)}, Now()).ok(), begun) << day;
  }
  for (int i = 0; i < kMaxAssessments; ++i) {
    record = DecideEnrolment(record, enrolment::Assess{OnDay("2026-05-04")}, Now())->next;
    EXPECT_EQ(record.assessments(i).number(), static_cast<uint32_t>(i) + 1);
  }
  EXPECT_EQ(error::ReasonOf(DecideEnrolment(record, enrolment::Assess{OnDay("2026-05-04")}, Now()).status()),
            "LIMIT_EXCEEDED");
}

TEST(EnrolmentRules, AnAssessmentIsVoidedOnce) {
  for (const Stay state : {kPlaced, kAttending, kPaused, kLeft}) {
    EnrolmentRecord record = RecordAt(state);
    *record.add_assessments() = OnDay("2026-05-04");
    const auto reason = [](const EnrolmentRecord& at, uint32_t number) {
      const auto decision = DecideEnrolment(
          at, enrolment::VoidAssessment{number, v1::VOID_REASON_WRONG_PERSON, "p-eva"}, Now());
      return decision.ok() ? "OK" : error::ReasonOf(decision.status());
    };
    EXPECT_EQ(reason(record, 0), "INVALID_FIELD");
    EXPECT_EQ(reason(record, 2), "INVALID_FIELD");
    const auto decision =
        DecideEnrolment(record, enrolment::VoidAssessment{1, v1::VOID_REASON_WRONG_PERSON, "p-eva"}, Now());
    ASSERT_TRUE(decision.ok()) << decision.status();
    EXPECT_EQ(decision->next.state(), state);
    const v1::Assessment& assessment = decision->next.assessments(0);
    EXPECT_EQ(assessment.date(), "2026-05-04") << "what it said stays";
    EXPECT_EQ(assessment.voided().reason(), v1::VOID_REASON_WRONG_PERSON);
    EXPECT_EQ(assessment.voided().actor(), "p-eva");
    EXPECT_EQ(reason(decision->next, 1), "ENTRY_VOID");
    const auto succeeded = DecideEnrolment(decision->next, enrolment::Succeed{"bodies/other"}, Now());
    EXPECT_EQ(succeeded->next.assessments(0).voided().actor(), "") << "of people of the one before";
  }
  v1::Assessment forged = OnDay("2026-05-04");
  forged.mutable_voided()->set_reason(v1::VOID_REASON_WRONG_PERSON);
  EXPECT_FALSE(
      DecideEnrolment(RecordAt(kPlaced), enrolment::Assess{forged}, Now())->next.assessments(0).has_voided());
}

TEST(EnrolmentRules, AttendanceIsByDayAndRecordedAnewInItsPlace) {
  EnrolmentRecord record = RecordAt(kAttending);
  const auto attend = [&](std::vector<v1::Attendance> days) {
    return DecideEnrolment(record, enrolment::Attend{std::move(days)}, Now());
  };
  EXPECT_FALSE(attend({Day("2026-05-06")}).ok()) << "not yet";
  EXPECT_FALSE(attend({Day("2026-05-02")}).ok()) << "before it started";
  record = attend({Day("2026-05-05"), Day("2026-05-03", v1::ATTENDANCE_STATUS_ABSENT)})->next;
  ASSERT_EQ(record.attendance_size(), 2);
  EXPECT_EQ(record.attendance(0).date(), "2026-05-03");
  record = attend({Day("2026-05-03", v1::ATTENDANCE_STATUS_EXCUSED)})->next;
  ASSERT_EQ(record.attendance_size(), 2);
  EXPECT_EQ(record.attendance(0).status(), v1::ATTENDANCE_STATUS_EXCUSED);
  record.clear_attendance();
  for (int i = 0; i < kMaxAttendance; ++i) record.add_attendance()->set_date("2020-01-01");
  EXPECT_EQ(error::ReasonOf(attend({Day("2026-05-04")}).status()), "LIMIT_EXCEEDED");
}

// A referral in that state, with the place that it keeps there for the enrolment of its person.
ReferralRecord ReferralWithPlace(State state) {
  ReferralRecord referral = testing::RecordIn(state);
  v1::PersonPlace& place = *referral.add_places();
  place.set_person(1);
  place.set_offer("offers/asl");
  place.set_group_id("alpha");
  place.set_enrolment(RecordAt(kPlaced).name());
  SettleGroups(referral);
  return referral;
}

TEST(EnrolmentRules, OnlySomeEndsOfAReferralEndItsEnrolments) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    ReferralRecord referral = ReferralWithPlace(state);
    const bool has_place = state == kOffered || state == kAccepted || state == kInProgress ||
                           state == kOnHold || state == kCancelRequested || state == kCompleted;
    EXPECT_EQ(EndsWithReferral(RecordAt(kPlaced), referral), !has_place) << StateName(state);
    EXPECT_FALSE(EndsWithReferral(RecordAt(kAttending), referral)) << StateName(state);
    EXPECT_FALSE(EndsWithReferral(RecordAt(kPaused), referral)) << StateName(state);
    EXPECT_FALSE(EndsWithReferral(RecordAt(kLeft), referral));
    referral.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT);
    EXPECT_TRUE(EndsWithReferral(RecordAt(kAttending), referral)) << StateName(state);
    EXPECT_TRUE(EndsWithReferral(RecordAt(kPaused), referral)) << StateName(state);
    EXPECT_FALSE(EndsWithReferral(RecordAt(kLeft), referral));
  }
}

TEST(EnrolmentRules, WhoIsTakenOutOfTheReferralHasNoEnrolmentInIt) {
  for (const State state : {kRequested, kAccepted, kInProgress, kCompleted}) {
    ReferralRecord referral = ReferralWithPlace(state);
    *referral.add_persons() = testing::CompletePerson(2);
    referral.mutable_persons()->DeleteSubrange(0, 1);
    for (const Stay stay : {kPlaced, kAttending, kPaused}) {
      EXPECT_TRUE(EndsWithReferral(RecordAt(stay), referral)) << StateName(state) << " " << StayName(stay);
    }
    EXPECT_FALSE(EndsWithReferral(RecordAt(kLeft), referral));
  }
  ReferralRecord withdrawn = ReferralWithPlace(kCancelled);
  withdrawn.set_cancel_reason(v1::CANCEL_REASON_NEED_MET);
  EXPECT_FALSE(EndsWithReferral(RecordAt(kAttending), withdrawn));
  withdrawn.set_cancel_reason(v1::CANCEL_REASON_PERSON_WITHDREW);
  EXPECT_TRUE(EndsWithReferral(RecordAt(kAttending), withdrawn)) << "the last one is not taken out";
}

TEST(EnrolmentRules, AListingHasNeitherAssessmentsNorAttendance) {
  EnrolmentRecord record = RecordAt(kAttending);
  *record.add_assessments() = OnDay("2026-05-04");
  *record.add_attendance() = Day("2026-05-04");
  EXPECT_EQ(ToEnrolment(record).assessments_size(), 1);
  EXPECT_EQ(ToEnrolment(record).attendance_size(), 1);
  EXPECT_EQ(ToEnrolmentLine(record).assessments_size(), 0);
  EXPECT_EQ(ToEnrolmentLine(record).attendance_size(), 0);
  EXPECT_THAT(ToEnrolmentLine(record).allowed_actions(), ::testing::Contains("PAUSE"));
}

}  // namespace
}  // namespace waypost::referral
