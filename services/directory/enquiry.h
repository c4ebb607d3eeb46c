// Enquiries: what is valid, and what follows. Pure: no store, no gRPC, no clock. Thread-safe.
#ifndef WAYPOST_SERVICES_DIRECTORY_ENQUIRY_H_
#define WAYPOST_SERVICES_DIRECTORY_ENQUIRY_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/enquiry.pb.h"

namespace waypost::directory {

// --- Checks of requests: OK, or INVALID_ARGUMENT / INVALID_FIELD with every violation -------------------
absl::Status Check(const v1::EnquireRequest& request);
absl::Status Check(const v1::GetEnquiryRequest& request);
absl::Status Check(const v1::ListEnquiriesRequest& request);
absl::Status Check(const v1::AnswerEnquiryRequest& request);

// --- Decisions. REQUIRES: the request passed its check --------------------------------------------------

// INVALID_FIELD for an enquirer that asks itself.
absl::StatusOr<v1::Enquiry> NewEnquiry(const v1::EnquireRequest& request, std::string_view enquirer,
                                       absl::Time now);
// INVALID_TRANSITION for a body that is not active, INVALID_FIELD for an enforcement body: it is asked
// nothing.
absl::Status CheckMayBeAsked(const v1::Body& body);
// INVALID_TRANSITION for one that is answered.
absl::StatusOr<v1::Enquiry> AnsweredEnquiry(const v1::Enquiry& current,
                                            const v1::AnswerEnquiryRequest& request, absl::Time now);
// INVALID_FIELD: another body stands in the place of the one that is asked.
absl::Status AskTheSuccessor(std::string_view body, std::string_view successor);
// What waits is for the successor to answer. REQUIRES: it is not answered.
v1::Enquiry SucceededEnquiry(const v1::Enquiry& current, std::string_view successor, absl::Time now);
void Show(v1::Enquiry& enquiry, int64_t revision);

// "OPEN" or "ANSWERED".
std::string_view EnquiryState(const v1::Enquiry& enquiry);
// It is to be removed, and is not there any more for whoever asks.
bool HasExpired(const v1::Enquiry& enquiry, absl::Time now);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ENQUIRY_H_
