// What a command does to an enrolment. Pure: (record, command, now) → decision; no store, no gRPC, no clock.
// Thread-safe. Whether a group has a place left is checked where the decision is written
// (enrolment_ledger.h).
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_RULES_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/referral/enrolment_machine.h"
#include "services/referral/referral_clocks.h"
#include "services/referral/waiting_list.h"
#include "waypost/referral/storage/v1/enrolment_storage.pb.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::referral {

using storage::v1::EnrolmentRecord;

namespace enrolment {

struct Start {};
struct Pause {
  absl::Time review;
};
struct Resume {};
struct Leave {
  v1::LeaveReason reason;
  v1::LeaveDestination destination;
};
struct EndWithReferral {};
struct Move {
  std::string group_id;
};
struct Assess {
  v1::Assessment assessment;  // its number is ignored
};
struct VoidAssessment {
  uint32_t number = 0;
  v1::VoidReason reason = v1::VOID_REASON_UNSPECIFIED;
  std::string actor;  // pseudonym of who does it
};
struct Attend {
  std::vector<v1::Attendance> days;
};
struct Succeed {
  std::string provider;  // who stands in the place of the one before
};
struct ProgrammeEnding {
  ProgrammeEndFacts end;
};
struct ProgrammeGoesOn {};

}  // namespace enrolment

using EnrolmentCommand = std::variant<enrolment::Start, enrolment::Pause, enrolment::Resume, enrolment::Leave,
                                      enrolment::EndWithReferral, enrolment::Move, enrolment::Assess,
                                      enrolment::Attend, enrolment::Succeed, enrolment::VoidAssessment,
                                      enrolment::ProgrammeEnding, enrolment::ProgrammeGoesOn>;

struct EnrolmentDecision {
  EnrolmentRecord next;
  EnrolmentEvent event;
};

EnrolmentEvent EventOf(const EnrolmentCommand& command);

// The enrolment that a referral's acceptance opens for one person, marked as the referral is: all its places
// are in one offer. REQUIRES: place.enrolment() is filled in.
EnrolmentDecision OpenEnrolment(const storage::v1::ReferralRecord& referral, const v1::PersonPlace& place,
                                absl::Time now);

// INVALID_TRANSITION when the state does not take it, INVALID_FIELD when the request does not fit the
// enrolment, LIMIT_EXCEEDED, ENTRY_VOID. REQUIRES: the request passed validation.
absl::StatusOr<EnrolmentDecision> DecideEnrolment(const EnrolmentRecord& current,
                                                  const EnrolmentCommand& command, absl::Time now);

// Must it end with its referral, which is now so? What has not started ends when the referral gives its place
// up: at every end but completion, and when the receiving body is asked afresh. What has started ends when
// the referral was misdirected, or its person has withdrawn or is no longer in it.
bool EndsWithReferral(const EnrolmentRecord& enrolment, const storage::v1::ReferralRecord& referral);

// "enrolments/{id of the referral}-{person}-{revision of the acceptance}": the same whenever it is made.
std::string NewEnrolmentName(std::string_view referral, uint32_t person, int64_t revision);
// "enrolments/…", by its form.
bool IsEnrolmentName(std::string_view name);

GroupKey GroupOf(const EnrolmentRecord& enrolment);

// What the provider may see of it. Without assessments, moves and attendance, as a line of a listing.
v1::Enrolment ToEnrolment(const EnrolmentRecord& enrolment);
v1::Enrolment ToEnrolmentLine(const EnrolmentRecord& enrolment);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_RULES_H_
