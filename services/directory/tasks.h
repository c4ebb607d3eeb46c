// What somebody has to see to, and since when: everything here becomes true by time alone, so it is worked
// out when a resource is written, and kept under the day on which it becomes true. Pure; thread-safe.
//
// OFFER_ASSURANCE_OVERDUE: the day after the year since assured_date, or the day on which the offer was made.
//
// OFFER_REVIEW_DUE: the day after review_date, and the day after that of each translation.
//
// CAPACITY_STALE: the first day on which the report is stale from beginning to end.
//
// COMPETENCE_ENDING, AGREEMENT_ENDING: kTaskAheadDays before the last day, until that day.
//
// PROGRAMME_ENDING: kTaskAheadDays before its last day, until the offer is defunct or under another one.
//
// ENQUIRY_UNANSWERED: the first day on which it has waited for more than kEnquiryAnsweredWithin from
// beginning to end, until it is answered or gone.
#ifndef WAYPOST_SERVICES_DIRECTORY_TASKS_H_
#define WAYPOST_SERVICES_DIRECTORY_TASKS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/enquiry.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// INVALID_FIELD with every violation.
absl::Status Check(const v1::ListDirectoryTasksRequest& request);

// What a resource will give its body to do, unless it changes before. For an offer that is neither active nor
// closed for the time being: nothing.
std::vector<v1::DirectoryTask> TasksOf(const v1::Offer& offer);
std::vector<v1::DirectoryTask> TasksOf(const v1::Body& body);
std::vector<v1::DirectoryTask> TasksOf(const v1::CoordinationAgreement& agreement);
// Of the body that is asked; nothing once it has answered.
std::vector<v1::DirectoryTask> TasksOf(const v1::Enquiry& enquiry);

// The offer has to be handed over or closed where its programme ends.
bool NeedsItsProgramme(const v1::Offer& offer);
// The task of each offer under a programme that has ended, or will within kTaskAheadDays; nullopt otherwise.
// Without the offer.
std::optional<v1::DirectoryTask> TaskOfProgramme(const v1::Programme& programme, absl::CivilDay today);

// The task is there only until its end_date.
bool EndsByItself(v1::DirectoryTaskKind kind);

// "2026-01-31".
std::string DateOf(absl::CivilDay day);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_TASKS_H_
