// What only the audit service can answer with.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_ERRORS_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace waypost::audit {

// INVALID_ARGUMENT / PROOF_INVALID: a proof that does not prove what it says. Nothing repairs it.
absl::Status ProofInvalid(std::string_view why);

// INVALID_ARGUMENT / EVENT_ID_REUSED: the log holds another record under this event id. The writer made two
// records with one id; the sender must not drop the second silently. `event_id`: the 16 bytes.
absl::Status EventIdReused(std::string_view event_id);

// OUT_OF_RANGE / TREE_SIZE_UNKNOWN: the log has only `actual` entries.
absl::Status TreeSizeUnknown(uint64_t asked, uint64_t actual);

// RESOURCE_EXHAUSTED / LOG_FULL: the log takes no more entries; a new period has to begin.
absl::Status LogFull();

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_ERRORS_H_
