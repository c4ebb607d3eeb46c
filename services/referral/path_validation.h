// Field rules of the requests of the service of paths: all violations at once, INVALID_FIELD. Pure;
// thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_VALIDATION_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_VALIDATION_H_

#include "absl/status/status.h"
#include "waypost/referral/v1/path.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

absl::Status Validate(const v1::CreatePathRequest& request);
absl::Status Validate(const v1::GetPathRequest& request);
absl::Status Validate(const v1::ListPathsRequest& request);
absl::Status Validate(const v1::UpdatePathRequest& request);
absl::Status Validate(const v1::TakeStepRequest& request);
absl::Status Validate(const v1::EndPathRequest& request);

// The submission that a step is, as far as the request says it: without theme, person and sections.
v1::SubmitReferralRequest SubmissionOf(const v1::TakeStepRequest& request);

// What is wrong with that submission, in the fields of the request: "disclosure.purpose" for
// "referral.persons[0].disclosure.purpose".
absl::Status InFieldsOfStep(const absl::Status& status);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_VALIDATION_H_
