// What only the directory can say. The rest is in common/status/errors.h.
#ifndef WAYPOST_SERVICES_DIRECTORY_ERRORS_H_
#define WAYPOST_SERVICES_DIRECTORY_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace waypost::directory {

// FAILED_PRECONDITION / AGREEMENT_OVERLAPS: on some day two bodies would coordinate the same theme in the
// same territory. End `other` first.
absl::Status AgreementOverlaps(std::string_view other);

// FAILED_PRECONDITION / SUCCESSION_OVERLAPS: on some day two bodies would stand in the predecessor's place
// for the same theme in the same territory, and neither `other` nor the new one is the more specific. End
// `other` first, or name the themes and territories.
absl::Status SuccessionOverlaps(std::string_view other);

// FAILED_PRECONDITION / SUCCESSION_CYCLE: on some day `body` would come to stand in its own place.
absl::Status SuccessionCycle(std::string_view body);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ERRORS_H_
