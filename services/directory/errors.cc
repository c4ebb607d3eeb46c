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

}  // namespace waypost::directory
