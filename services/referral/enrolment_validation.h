// Field rules of the requests of the service of enrolments: all violations at once, INVALID_FIELD. Pure;
// thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_VALIDATION_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_VALIDATION_H_

#include "absl/status/status.h"
#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::referral {

absl::Status Validate(const v1::GetWaitingListRequest& request);
absl::Status Validate(const v1::ListWaitingListRequest& request);
absl::Status Validate(const v1::SetWaitingListCriteriaRequest& request);

absl::Status Validate(const v1::GetEnrolmentRequest& request);
absl::Status Validate(const v1::ListEnrolmentsRequest& request);
absl::Status Validate(const v1::StartEnrolmentRequest& request);
absl::Status Validate(const v1::PauseEnrolmentRequest& request);
absl::Status Validate(const v1::ResumeEnrolmentRequest& request);
absl::Status Validate(const v1::LeaveEnrolmentRequest& request);
absl::Status Validate(const v1::MoveEnrolmentRequest& request);
absl::Status Validate(const v1::RecordAssessmentRequest& request);
absl::Status Validate(const v1::VoidAssessmentRequest& request);
absl::Status Validate(const v1::RecordAttendanceRequest& request);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_VALIDATION_H_
