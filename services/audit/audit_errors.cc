#include "services/audit/audit_errors.h"

#include <string>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::audit {

absl::Status ProofInvalid(std::string_view why) {
  return error::Make(absl::StatusCode::kInvalidArgument, "PROOF_INVALID",
                     base::Cat("The proof does not hold: ", why, "."));
}

absl::Status EventIdReused(std::string_view event_id) {
  const std::string hex = base::ToHex(event_id);
  return error::Make(absl::StatusCode::kInvalidArgument, "EVENT_ID_REUSED",
                     base::Cat("The log holds another record under event id ", hex, "."),
                     {{"event_id", hex}});
}

absl::Status TreeSizeUnknown(uint64_t asked, uint64_t actual) {
  return error::Make(absl::StatusCode::kOutOfRange, "TREE_SIZE_UNKNOWN",
                     base::Cat("The log has ", actual, " entries, not ", asked, "."),
                     {{"asked", base::Cat(asked)}, {"actual", base::Cat(actual)}});
}

absl::Status LogFull() {
  return error::Make(absl::StatusCode::kResourceExhausted, "LOG_FULL",
                     "The log has as many entries as it can hold; begin a new period.");
}

}  // namespace waypost::audit
