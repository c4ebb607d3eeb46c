#include "services/directory/tasks.h"

#include <utility>

#include "common/api/resource.h"
#include "common/base/abseil.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"

namespace waypost::directory {
namespace {

// Of those that can be written: nothing is due after it.
constexpr absl::CivilDay kLastDay(9999, 12, 31);

v1::DirectoryTask Task(v1::DirectoryTaskKind kind, std::string_view resource, absl::CivilDay since) {
  v1::DirectoryTask task;
  task.set_kind(kind);
  task.set_resource(std::string(resource));
  task.set_since_date(DateOf(since));
  return task;
}

// Seen to from some days before the last one.
v1::DirectoryTask Ending(v1::DirectoryTaskKind kind, std::string_view resource, absl::CivilDay end) {
  v1::DirectoryTask task = Task(kind, resource, end - kTaskAheadDays);
  task.set_end_date(DateOf(end));
  return task;
}

absl::CivilDay AssuranceDue(const v1::Offer& offer) {
  const auto assured = ParseDate(offer.assured_date());
  if (!assured) return DayOf(api::FromTimestamp(offer.create_time()));
  return *assured + kAssuranceDays + 1;
}

// The day on which the group's report is stale; nullopt where it never will be, or will interest nobody.
std::optional<absl::CivilDay> StaleFrom(const v1::OfferGroup& group) {
  if (!group.has_capacity()) return std::nullopt;
  const absl::Time stale = api::FromTimestamp(group.capacity().update_time()) + kCapacityStaleAfter;
  const absl::CivilDay day = DayOf(stale) + 1;
  const auto cohort = ParseDate(group.cohort_start_date());
  if (cohort && *cohort < day) return std::nullopt;
  return day;
}

}  // namespace

absl::Status Check(const v1::ListDirectoryTasksRequest& request) {
  error::FieldViolations violations;
  CheckPageSize(request.page_size(), violations);
  CheckName("body", ResourceKind::kBody, request.body(), /*required=*/true, violations);
  return violations.ToStatus();
}

std::vector<v1::DirectoryTask> TasksOf(const v1::Offer& offer) {
  std::vector<v1::DirectoryTask> tasks;
  const bool active = offer.status() == v1::OFFER_STATUS_ACTIVE;
  if (!active && offer.status() != v1::OFFER_STATUS_TEMPORARILY_CLOSED) return tasks;
  tasks.push_back(Task(v1::DIRECTORY_TASK_KIND_OFFER_ASSURANCE_OVERDUE, offer.name(), AssuranceDue(offer)));
  const auto review = ParseDate(offer.review_date());
  if (review && *review < kLastDay) {
    tasks.push_back(Task(v1::DIRECTORY_TASK_KIND_OFFER_REVIEW_DUE, offer.name(), *review + 1));
  }
  for (const v1::TranslationReview& each : offer.translation_reviews()) {
    const auto day = ParseDate(each.review_date());
    if (!day || *day >= kLastDay) continue;
    tasks.push_back(Task(v1::DIRECTORY_TASK_KIND_OFFER_REVIEW_DUE, offer.name(), *day + 1));
    tasks.back().set_language(each.language());
  }
  if (!active) return tasks;
  for (const v1::OfferGroup& group : offer.groups()) {
    const std::optional<absl::CivilDay> stale = StaleFrom(group);
    if (!stale) continue;
    tasks.push_back(Task(v1::DIRECTORY_TASK_KIND_CAPACITY_STALE, offer.name(), *stale));
    tasks.back().set_group_id(group.group_id());
  }
  return tasks;
}

std::vector<v1::DirectoryTask> TasksOf(const v1::Body& body) {
  std::vector<v1::DirectoryTask> tasks;
  for (const v1::Competence& competence : body.competences()) {
    const auto end = ParseDate(competence.validity().end_date());
    if (!end) continue;
    tasks.push_back(Ending(v1::DIRECTORY_TASK_KIND_COMPETENCE_ENDING, body.name(), *end));
    tasks.back().set_theme(competence.theme());
    tasks.back().set_function(competence.function());
    tasks.back().set_territory(competence.territory());
  }
  return tasks;
}

std::vector<v1::DirectoryTask> TasksOf(const v1::CoordinationAgreement& agreement) {
  const auto end = ParseDate(agreement.period().end_date());
  if (!end) return {};
  std::vector<v1::DirectoryTask> tasks;
  tasks.push_back(Ending(v1::DIRECTORY_TASK_KIND_AGREEMENT_ENDING, agreement.name(), *end));
  return tasks;
}

std::vector<v1::DirectoryTask> TasksOf(const v1::Enquiry& enquiry) {
  if (enquiry.has_answer()) return {};
  const absl::Time late = api::FromTimestamp(enquiry.create_time()) + kEnquiryAnsweredWithin;
  return {Task(v1::DIRECTORY_TASK_KIND_ENQUIRY_UNANSWERED, enquiry.name(), DayOf(late) + 1)};
}

bool NeedsItsProgramme(const v1::Offer& offer) {
  return !offer.programme().empty() && offer.status() != v1::OFFER_STATUS_DEFUNCT;
}

std::optional<v1::DirectoryTask> TaskOfProgramme(const v1::Programme& programme, absl::CivilDay today) {
  const auto end = ParseDate(programme.period().end_date());
  if (!end || *end - kTaskAheadDays > today) return std::nullopt;
  v1::DirectoryTask task = Ending(v1::DIRECTORY_TASK_KIND_PROGRAMME_ENDING, "", *end);
  task.set_programme(programme.name());
  return task;
}

bool EndsByItself(v1::DirectoryTaskKind kind) {
  return kind == v1::DIRECTORY_TASK_KIND_COMPETENCE_ENDING ||
         kind == v1::DIRECTORY_TASK_KIND_AGREEMENT_ENDING;
}

std::string DateOf(absl::CivilDay day) {
  return std::string(base::ToStd(absl::FormatCivilTime(day)));
}

}  // namespace waypost::directory
