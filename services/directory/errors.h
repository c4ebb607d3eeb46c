// What only the directory can say. The rest is in common/status/errors.h.
#ifndef WAYPOST_SERVICES_DIRECTORY_ERRORS_H_
#define WAYPOST_SERVICES_DIRECTORY_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace waypost::directory {

// FAILED_PRECONDITION / AGREEMENT_OVERLAPS: on some day two bodies would coordinate the same theme in the
// same territory. End `other` first.
absl::Status AgreementOverlaps(std::string_view other);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ERRORS_H_
