// How a failed command is told: never a stack trace, always what to do next.
#ifndef WAYPOST_TOOLS_WAYPOST_FAILURE_H_
#define WAYPOST_TOOLS_WAYPOST_FAILURE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace waypost::cli {

// google.rpc.ErrorInfo's metadata, by key; empty when there is none.
std::vector<std::pair<std::string, std::string>> MetadataIn(const absl::Status& status);

// For people: the message; each field that is wrong on a line; the reason with its metadata; the request id,
// when there is one. Ends with a line break.
std::string FailureText(const absl::Status& status, std::string_view request_id);

// For programs: {"error": {"code", "message", "reason", "metadata", "fieldViolations", "requestId",
// "exitCode"}}.
nlohmann::ordered_json FailureJson(const absl::Status& status, std::string_view request_id);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_FAILURE_H_
