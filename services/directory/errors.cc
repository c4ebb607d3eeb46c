#include "services/directory/errors.h"

#include <string>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::directory {

absl::Status AgreementOverlaps(std::string_view other) {
  return error::Make(
      absl::StatusCode::kFailedPrecondition, "AGREEMENT_OVERLAPS",
      base::Cat("'", other, "' appoints a coordinating body for the same theme, territory and days"),
      {{"agreement", std::string(other)}});
}

absl::Status SuccessionOverlaps(std::string_view other) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "SUCCESSION_OVERLAPS",
                     base::Cat("'", other,
                               "' names a successor for the same themes, territories and days: end that one "
                               "first, or name narrower ones"),
                     {{"succession", std::string(other)}});
}

absl::Status SuccessionCycle(std::string_view body) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "SUCCESSION_CYCLE",
                     base::Cat("by other successions, '", body,
                               "' would come to stand in its own place: end the one that leads back first"),
                     {{"body", std::string(body)}});
}

}  // namespace waypost::directory
