#include "services/referral/enrolment_validation.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "common/api/names.h"
#include "common/base/strings.h"
#include "common/base/time_range.h"
#include "common/status/errors.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_validation.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using base::Cat;

constexpr size_t kMaxEtagBytes = 64;

void CheckListName(std::string_view name, error::FieldViolations& wrong) {
  if (!GroupOfWaitingList(name).has_value()) {
    wrong.Add("name", "must be the name of a waiting list, 'offers/{id}/groups/{group}/waitingList'");
  }
}

void CheckPage(int32_t page_size, std::string_view page_token, error::FieldViolations& wrong) {
  if (page_size < 0) wrong.Add("page_size", "must not be negative");
  if (page_token.size() > kMaxPageTokenBytes) wrong.Add("page_token", "is none that was returned to you");
}

void CheckGroupId(std::string_view id, error::FieldViolations& wrong) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (id.empty() || id.size() > kMaxGroupIdBytes || !std::all_of(id.begin(), id.end(), allowed)) {
    wrong.Add("group_id", Cat("must be the id of a group, 1 to ", kMaxGroupIdBytes, " of a-z, 0-9 and '-'"));
  }
}

void CheckTime(std::string_view field, bool given, const google::protobuf::Timestamp& time,
               error::FieldViolations& wrong) {
  if (!given) {
    wrong.Add(field, "is required");
  } else if (!base::IsRecentTime(time)) {
    wrong.Add(field, "must be a time between the years 1970 and 9999");
  }
}

// Required and known.
void CheckEnum(std::string_view field, int value, bool is_known, error::FieldViolations& wrong) {
  if (value == 0) wrong.Add(field, "is required");
  if (!is_known) wrong.Add(field, "must be a known value");
}

bool IsLevelWord(std::string_view level) {
  constexpr std::string_view kOthers = ".+-_";
  return level.size() <= kMaxLevelBytes && std::all_of(level.begin(), level.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

template <typename Request>
error::FieldViolations CheckEnrolment(const Request& request) {
  error::FieldViolations wrong;
  if (!IsEnrolmentName(request.name()))
    wrong.Add("name", "must be the name of an enrolment, 'enrolments/{id}'");
  if constexpr (requires { request.etag(); }) {
    if (request.etag().size() > kMaxEtagBytes) wrong.Add("etag", "is none that was returned to you");
  }
  return wrong;
}

// What programmes that end leave to hand over is listed by itself.
void CheckOwed(const v1::ListEnrolmentsRequest& request, error::FieldViolations& wrong) {
  if (!request.programme().empty() && !api::IsName(request.programme(), {"programmes"})) {
    wrong.Add("programme", "must be the name of a programme, 'programmes/{id}'");
  }
  if (request.hand_over_owed()) {
    const bool alone = request.offer().empty() && request.states().empty() && !request.review_due();
    if (!alone) wrong.Add("hand_over_owed", "goes with no offer, states or review_due");
    return;
  }
  if (!request.programme().empty()) wrong.Add("programme", "goes with hand_over_owed");
  if (request.overdue()) wrong.Add("overdue", "goes with hand_over_owed");
}

}  // namespace

absl::Status Validate(const v1::GetWaitingListRequest& request) {
  error::FieldViolations wrong;
  CheckListName(request.name(), wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::ListWaitingListRequest& request) {
  error::FieldViolations wrong;
  CheckListName(request.name(), wrong);
  CheckPage(request.page_size(), request.page_token(), wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::SetWaitingListCriteriaRequest& request) {
  error::FieldViolations wrong;
  CheckListName(request.name(), wrong);
  if (request.etag().size() > kMaxEtagBytes) wrong.Add("etag", "is none that was returned to you");
  if (request.criteria().empty()) wrong.Add("criteria", "name at least one");
  if (request.criteria_size() > kMaxCriteria) {
    wrong.Add("criteria", Cat("must have at most ", kMaxCriteria, " entries"));
  }
  std::set<int> seen;
  for (int i = 0; i < request.criteria_size(); ++i) {
    const int criterion = request.criteria(i);
    const std::string path = Cat("criteria[", i, "]");
    if (criterion == 0 || !v1::WaitingListCriterion_IsValid(criterion))
      wrong.Add(path, "must be a known value");
    if (!seen.insert(criterion).second) wrong.Add(path, "is given twice");
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::GetEnrolmentRequest& request) {
  return CheckEnrolment(request).ToStatus();
}

absl::Status Validate(const v1::ListEnrolmentsRequest& request) {
  error::FieldViolations wrong;
  CheckPage(request.page_size(), request.page_token(), wrong);
  if (!request.offer().empty() && !api::IsName(request.offer(), {"offers"})) {
    wrong.Add("offer", "must be the name of an offer, 'offers/{id}'");
  }
  if (request.offer().empty() != request.group_id().empty()) {
    wrong.Add("group_id", "goes with an offer, and an offer with a group");
  } else if (!request.group_id().empty()) {
    CheckGroupId(request.group_id(), wrong);
  }
  std::set<int> seen;
  for (int i = 0; i < request.states_size(); ++i) {
    const std::string path = Cat("states[", i, "]");
    if (request.states(i) == 0 || !v1::EnrolmentState_IsValid(request.states(i))) {
      wrong.Add(path, "must be a known value");
    }
    if (!seen.insert(request.states(i)).second) wrong.Add(path, "is given twice");
    if (i >= kMaxStatesInQuery) break;
  }
  const bool paused_alone = request.states().empty() ||
                            (request.states_size() == 1 && request.states(0) == v1::ENROLMENT_STATE_PAUSED);
  if (request.review_due() && !paused_alone) wrong.Add("states", "is PAUSED alone where a review is due");
  CheckOwed(request, wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::StartEnrolmentRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  if (request.outcomes_size() > kMaxPersons) {
    wrong.Add("outcomes", Cat("must have at most ", kMaxPersons, " entries"));
    return wrong.ToStatus();
  }
  if (request.outcomes().empty()) return wrong.ToStatus();
  // The very fields of a completion.
  if (!wrong.empty()) return wrong.ToStatus();
  v1::CompleteReferralRequest complete;
  complete.set_name("referrals/of-the-enrolment");
  *complete.mutable_outcomes() = request.outcomes();
  return Validate(complete);
}

absl::Status Validate(const v1::PauseEnrolmentRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  CheckTime("review_time", request.has_review_time(), request.review_time(), wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::ResumeEnrolmentRequest& request) {
  return CheckEnrolment(request).ToStatus();
}

absl::Status Validate(const v1::LeaveEnrolmentRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  CheckEnum("reason", request.reason(), v1::LeaveReason_IsValid(request.reason()), wrong);
  if (request.reason() == v1::LEAVE_REASON_REFERRAL_ENDED) wrong.Add("reason", "is set by the system alone");
  CheckEnum("destination", request.destination(), v1::LeaveDestination_IsValid(request.destination()), wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::MoveEnrolmentRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  CheckGroupId(request.group_id(), wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::RecordAssessmentRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  const v1::Assessment& assessment = request.assessment();
  if (!ParseDay(assessment.date()).has_value()) wrong.Add("assessment.date", "must be a day, YYYY-MM-DD");
  if (!v1::CefrLevel_IsValid(assessment.cefr_level())) {
    wrong.Add("assessment.cefr_level", "must be a known value");
  }
  if (assessment.cefr_level() == 0 && assessment.level().empty()) {
    wrong.Add("assessment.level", "is required where no cefr_level is given");
  }
  if (!IsLevelWord(assessment.level())) {
    wrong.Add("assessment.level",
              Cat("must be at most ", kMaxLevelBytes, " letters, digits, '.', '+', '-' and '_'"));
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::VoidAssessmentRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  if (request.number() < 1 || request.number() > static_cast<uint32_t>(kMaxAssessments)) {
    wrong.Add("number", "is no assessment");
  }
  CheckEnum("reason", request.reason(), v1::VoidReason_IsValid(request.reason()), wrong);
  if (request.reason() == v1::VOID_REASON_OTHER)
    wrong.Add("reason", "must be a coded one: there are no words");
  return wrong.ToStatus();
}

absl::Status Validate(const v1::RecordAttendanceRequest& request) {
  error::FieldViolations wrong = CheckEnrolment(request);
  if (request.days().empty()) wrong.Add("days", "name at least one");
  if (request.days_size() > kMaxAttendanceInRequest) {
    wrong.Add("days", Cat("must have at most ", kMaxAttendanceInRequest, " entries"));
    return wrong.ToStatus();
  }
  std::set<std::string_view> seen;
  for (int i = 0; i < request.days_size(); ++i) {
    const v1::Attendance& day = request.days(i);
    if (!ParseDay(day.date()).has_value()) wrong.Add(Cat("days[", i, "].date"), "must be a day, YYYY-MM-DD");
    if (!seen.insert(day.date()).second) wrong.Add(Cat("days[", i, "].date"), "is given twice");
    CheckEnum(Cat("days[", i, "].status"), day.status(), v1::AttendanceStatus_IsValid(day.status()), wrong);
  }
  return wrong.ToStatus();
}

}  // namespace waypost::referral
