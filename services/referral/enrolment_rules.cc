#include "services/referral/enrolment_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/time/civil_time.h"
#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_machine.h"

namespace waypost::referral {
namespace {

using base::Cat;
using storage::v1::ReferralRecord;

constexpr std::string_view kCollection = "enrolments";

// One decision in the making.
struct Step {
  const EnrolmentRecord& current;
  const absl::Time now;
  EnrolmentRecord next;
};

// The day that it is, or has begun to be, somewhere on earth.
absl::CivilDay LatestDay(absl::Time now) {
  return absl::ToCivilDay(now + kFurthestZone, absl::UTCTimeZone());
}

// The day that had begun everywhere.
absl::CivilDay EarliestDay(absl::Time time) {
  return absl::ToCivilDay(time - kLatestZone, absl::UTCTimeZone());
}

absl::Status Apply(const enrolment::Start&, Step& step) {
  *step.next.mutable_start_time() = api::ToTimestamp(step.now);
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::Pause& pause, Step& step) {
  if (pause.review <= step.now) return error::InvalidField("review_time", "must be in the future");
  if (pause.review > step.now + kMaxReviewAhead) {
    return error::InvalidField("review_time",
                               Cat("must be within ", absl::ToInt64Hours(kMaxReviewAhead) / 24, " days"));
  }
  *step.next.mutable_review_time() = api::ToTimestamp(pause.review);
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::Resume&, Step& step) {
  step.next.clear_review_time();
  return absl::OkStatus();
}

void ForgetProgrammeEnd(EnrolmentRecord& record) {
  record.clear_programme_end();
  record.clear_programme_over_time();
}

void End(v1::LeaveReason reason, v1::LeaveDestination destination, Step& step) {
  step.next.clear_review_time();
  ForgetProgrammeEnd(step.next);
  step.next.set_leave_reason(reason);
  step.next.set_destination(destination);
  *step.next.mutable_end_time() = api::ToTimestamp(step.now);
}

absl::Status Apply(const enrolment::Leave& leave, Step& step) {
  const bool started = step.current.has_start_time();
  if (started && leave.reason == v1::LEAVE_REASON_NEVER_STARTED) {
    return error::InvalidField("reason", "is NEVER_STARTED, but the enrolment has started");
  }
  End(leave.reason, leave.destination, step);
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::EndWithReferral&, Step& step) {
  End(v1::LEAVE_REASON_REFERRAL_ENDED, v1::LEAVE_DESTINATION_UNKNOWN, step);
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::Move& move, Step& step) {
  if (move.group_id == step.current.group_id()) {
    return error::InvalidField("group_id", "is the group that it is in already");
  }
  if (step.current.moves_size() >= kMaxMoves) {
    return error::LimitExceeded("moves of an enrolment", kMaxMoves, kMaxMoves + 1);
  }
  v1::GroupMove& made = *step.next.add_moves();
  made.set_from_group_id(step.current.group_id());
  made.set_to_group_id(move.group_id);
  *made.mutable_time() = api::ToTimestamp(step.now);
  step.next.set_group_id(move.group_id);
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::Assess& assess, Step& step) {
  if (step.current.assessments_size() >= kMaxAssessments) {
    return error::LimitExceeded("assessments of an enrolment", kMaxAssessments, kMaxAssessments + 1);
  }
  const auto day = ParseDay(assess.assessment.date());
  if (!day.has_value() || *day > LatestDay(step.now)) {
    return error::InvalidField("assessment.date", "must be a day, YYYY-MM-DD, not in the future");
  }
  v1::Assessment& made = *step.next.add_assessments();
  made = assess.assessment;
  made.clear_voided();
  made.set_number(static_cast<uint32_t>(step.next.assessments_size()));
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::VoidAssessment& entry, Step& step) {
  if (entry.number < 1 || entry.number > static_cast<uint32_t>(step.next.assessments_size())) {
    return error::InvalidField("number", "is no assessment of this enrolment");
  }
  v1::Assessment& assessment = *step.next.mutable_assessments(static_cast<int>(entry.number) - 1);
  if (assessment.has_voided()) return EntryVoid(step.current.name(), Cat("assessments/", entry.number));
  v1::Voiding& voided = *assessment.mutable_voided();
  voided.set_reason(entry.reason);
  *voided.mutable_time() = api::ToTimestamp(step.now);
  voided.set_actor(entry.actor);
  return absl::OkStatus();
}

// Pseudonyms of the one before say nothing to the successor.
absl::Status Apply(const enrolment::Succeed& succeed, Step& step) {
  step.next.set_provider(succeed.provider);
  for (v1::Assessment& assessment : *step.next.mutable_assessments()) {
    if (assessment.has_voided()) assessment.mutable_voided()->clear_actor();
  }
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::ProgrammeEnding& ending, Step& step) {
  step.next.mutable_programme_end()->set_programme(ending.end.programme);
  step.next.mutable_programme_end()->set_end_date(ending.end.end_date);
  *step.next.mutable_programme_over_time() = api::ToTimestamp(ending.end.over);
  return absl::OkStatus();
}

absl::Status Apply(const enrolment::ProgrammeGoesOn&, Step& step) {
  ForgetProgrammeEnd(step.next);
  return absl::OkStatus();
}

// Days in this form sort as the days do; they are kept in order, and one is recorded anew in its place.
absl::Status Apply(const enrolment::Attend& attend, Step& step) {
  error::FieldViolations wrong;
  const absl::CivilDay first = EarliestDay(api::FromTimestamp(step.current.start_time()));
  for (size_t i = 0; i < attend.days.size(); ++i) {
    const auto day = ParseDay(attend.days[i].date());
    if (!day.has_value() || *day > LatestDay(step.now) || *day < first) {
      wrong.Add(Cat("days[", i, "].date"),
                "must be a day, YYYY-MM-DD, since the enrolment started and not in the future");
    }
  }
  if (!wrong.empty()) return wrong.ToStatus();
  auto& kept = *step.next.mutable_attendance();
  for (const v1::Attendance& day : attend.days) {
    const auto same = std::find_if(kept.begin(), kept.end(),
                                   [&day](const v1::Attendance& one) { return one.date() == day.date(); });
    if (same == kept.end()) {
      *kept.Add() = day;
    } else {
      *same = day;
    }
  }
  if (kept.size() > kMaxAttendance) {
    return error::LimitExceeded("days of attendance of an enrolment", kMaxAttendance, kept.size());
  }
  std::sort(kept.begin(), kept.end(),
            [](const v1::Attendance& a, const v1::Attendance& b) { return a.date() < b.date(); });
  return absl::OkStatus();
}

}  // namespace

EnrolmentEvent EventOf(const EnrolmentCommand& command) {
  // In the order of EnrolmentCommand.
  constexpr std::array kEvents = {
      EnrolmentEvent::kStart,  EnrolmentEvent::kPause,           EnrolmentEvent::kResume,
      EnrolmentEvent::kLeave,  EnrolmentEvent::kEndWithReferral, EnrolmentEvent::kMove,
      EnrolmentEvent::kAssess, EnrolmentEvent::kAttend,          EnrolmentEvent::kSucceed,
      EnrolmentEvent::kVoid,   EnrolmentEvent::kProgrammeEnding, EnrolmentEvent::kProgrammeGoesOn};
  static_assert(kEvents.size() == std::variant_size_v<EnrolmentCommand>);
  return kEvents[command.index()];
}

EnrolmentDecision OpenEnrolment(const ReferralRecord& referral, const v1::PersonPlace& place,
                                absl::Time now) {
  EnrolmentRecord record;
  record.set_format_version(1);
  record.set_name(place.enrolment());
  record.set_revision(1);
  record.set_state(FindTransition(kNowhere, EnrolmentEvent::kPlace)->to);
  record.set_provider(referral.receiving().body());
  record.set_offer(place.offer());
  record.set_group_id(place.group_id());
  record.set_referral(referral.name());
  record.set_person(place.person());
  if (referral.has_programme_end()) {
    *record.mutable_programme_end() = referral.programme_end();
    *record.mutable_programme_over_time() = referral.programme_over_time();
  }
  *record.mutable_create_time() = api::ToTimestamp(now);
  *record.mutable_update_time() = record.create_time();
  return {.next = std::move(record), .event = EnrolmentEvent::kPlace};
}

absl::StatusOr<EnrolmentDecision> DecideEnrolment(const EnrolmentRecord& current,
                                                  const EnrolmentCommand& command, absl::Time now) {
  const EnrolmentEvent event = EventOf(command);
  const EnrolmentTransition* row = FindTransition(current.state(), event);
  if (row == nullptr) {
    return error::InvalidTransition(current.name(), StayName(current.state()), EnrolmentEventName(event),
                                    AllowedNames(current.state()));
  }
  Step step{current, api::NotBefore(now, current), current};
  WAYPOST_RETURN_IF_ERROR(std::visit([&step](const auto& typed) { return Apply(typed, step); }, command));
  if (row->to != kNowhere) step.next.set_state(row->to);
  step.next.set_revision(current.revision() + 1);
  *step.next.mutable_update_time() = api::ToTimestamp(step.now);
  return EnrolmentDecision{.next = std::move(step.next), .event = event};
}

bool EndsWithReferral(const EnrolmentRecord& enrolment, const ReferralRecord& referral) {
  if (!HasPlace(enrolment.state())) return false;
  if (referral.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT) return true;
  // The last person in a referral is not taken out of it: it is cancelled.
  if (referral.state() == kCancelled && referral.cancel_reason() == v1::CANCEL_REASON_PERSON_WITHDREW) {
    return true;
  }
  if (FindPerson(referral, enrolment.person()) == nullptr) return true;
  const bool has_place = std::any_of(
      referral.places().begin(), referral.places().end(),
      [&enrolment](const v1::PersonPlace& place) { return place.enrolment() == enrolment.name(); });
  return enrolment.state() == kPlaced && !has_place;
}

std::string NewEnrolmentName(std::string_view referral, uint32_t person, int64_t revision) {
  return Cat(kCollection, "/", referral.substr(referral.find('/') + 1), "-", person, "-", revision);
}

bool IsEnrolmentName(std::string_view name) {
  return api::IsName(name, {kCollection});
}

GroupKey GroupOf(const EnrolmentRecord& enrolment) {
  return {.offer = enrolment.offer(), .group_id = enrolment.group_id()};
}

v1::Enrolment ToEnrolmentLine(const EnrolmentRecord& enrolment) {
  v1::Enrolment view;
  view.set_name(enrolment.name());
  view.set_etag(api::EtagOf(enrolment.revision()));
  view.set_revision(enrolment.revision());
  view.set_state(enrolment.state());
  view.set_provider(enrolment.provider());
  view.set_offer(enrolment.offer());
  view.set_group_id(enrolment.group_id());
  view.set_referral(enrolment.referral());
  view.set_person(enrolment.person());
  if (enrolment.has_create_time()) *view.mutable_create_time() = enrolment.create_time();
  if (enrolment.has_update_time()) *view.mutable_update_time() = enrolment.update_time();
  if (enrolment.has_start_time()) *view.mutable_start_time() = enrolment.start_time();
  if (enrolment.has_end_time()) *view.mutable_end_time() = enrolment.end_time();
  if (enrolment.has_review_time()) *view.mutable_review_time() = enrolment.review_time();
  view.set_leave_reason(enrolment.leave_reason());
  view.set_destination(enrolment.destination());
  if (enrolment.has_programme_end()) {
    *view.mutable_programme_end() = enrolment.programme_end();
    view.mutable_due()->set_clock(v1::CLOCK_HAND_OVER);
    view.mutable_due()->set_party(v1::PARTY_RECEIVING);
    *view.mutable_due()->mutable_time() = enrolment.programme_over_time();
  }
  for (std::string& action : AllowedNames(enrolment.state())) view.add_allowed_actions(std::move(action));
  return view;
}

v1::Enrolment ToEnrolment(const EnrolmentRecord& enrolment) {
  v1::Enrolment view = ToEnrolmentLine(enrolment);
  *view.mutable_assessments() = enrolment.assessments();
  *view.mutable_moves() = enrolment.moves();
  *view.mutable_attendance() = enrolment.attendance();
  return view;
}

}  // namespace waypost::referral
