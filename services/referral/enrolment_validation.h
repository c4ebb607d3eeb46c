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

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_VALIDATION_H_
