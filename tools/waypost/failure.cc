#include "tools/waypost/failure.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "google/rpc/error_details.pb.h"
#include "tools/waypost/exit_codes.h"
#include "tools/waypost/table.h"

namespace waypost::cli {
namespace {

template <typename Detail>
Detail DetailOf(const absl::Status& status, std::string_view url) {
  Detail detail;
  const auto payload = status.GetPayload(base::ToAbsl(url));
  if (payload.has_value() && !detail.ParseFromString(std::string(*payload))) detail.Clear();
  return detail;
}

google::rpc::BadRequest BadRequestOf(const absl::Status& status) {
  return DetailOf<google::rpc::BadRequest>(status, "type.googleapis.com/google.rpc.BadRequest");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> MetadataIn(const absl::Status& status) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status, "type.googleapis.com/google.rpc.ErrorInfo");
  std::vector<std::pair<std::string, std::string>> metadata(info.metadata().begin(), info.metadata().end());
  std::sort(metadata.begin(), metadata.end());
  return metadata;
}

std::string FailureText(const absl::Status& status, std::string_view request_id) {
  std::string text = base::Cat("waypost: ", Printable(base::ToStd(status.message())), "\n");
  const google::rpc::BadRequest bad_request = BadRequestOf(status);
  for (const auto& violation : bad_request.field_violations()) {
    // One violation is often the message itself.
    if (base::ToStd(status.message()) == base::Cat(violation.field(), ": ", violation.description()))
      continue;
    text += base::Cat("  ", Printable(violation.field()), ": ", Printable(violation.description()), "\n");
  }
  const std::string reason = error::ReasonOf(status);
  text += base::Cat("  reason: ", reason.empty() ? StatusCodeName(status.code()) : std::string_view(reason));
  std::string details;
  for (const auto& [key, value] : MetadataIn(status)) {
    details += base::Cat(details.empty() ? "" : ", ", Printable(key), " ", Printable(value));
  }
  text += details.empty() ? "\n" : base::Cat(" (", details, ")\n");
  if (reason == "TOKEN_MISSING") {
    text += "  give yours: set WAYPOST_TOKEN, or WAYPOST_TOKEN_FILE to the file that holds it\n";
  }
  if (!request_id.empty()) {
    text +=
        base::Cat("  request id: ", request_id, " (the same call again: --request-id ", request_id, ")\n");
  }
  return text;
}

nlohmann::ordered_json FailureJson(const absl::Status& status, std::string_view request_id) {
  nlohmann::ordered_json failure;
  failure["code"] = StatusCodeName(status.code());
  failure["message"] = Printable(base::ToStd(status.message()));
  failure["reason"] = Printable(error::ReasonOf(status));
  failure["metadata"] = nlohmann::ordered_json::object();
  for (const auto& [key, value] : MetadataIn(status)) failure["metadata"][Printable(key)] = Printable(value);
  failure["fieldViolations"] = nlohmann::ordered_json::array();
  const google::rpc::BadRequest bad_request = BadRequestOf(status);
  for (const auto& violation : bad_request.field_violations()) {
    failure["fieldViolations"].push_back(
        {{"field", Printable(violation.field())}, {"description", Printable(violation.description())}});
  }
  if (!request_id.empty()) failure["requestId"] = request_id;
  failure["exitCode"] = static_cast<int>(ExitCodeFor(status));
  return {{"error", std::move(failure)}};
}

}  // namespace waypost::cli
