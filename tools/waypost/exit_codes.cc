#include "tools/waypost/exit_codes.h"

#include "common/status/errors.h"

namespace waypost::cli {

ExitCode ExitCodeFor(const absl::Status& status) {
  if (error::ReasonOf(status) == "PROOF_INVALID") return ExitCode::kVerificationFailed;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return ExitCode::kUsage;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kNotFound:
      return ExitCode::kRefused;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return ExitCode::kConflict;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return ExitCode::kUnavailable;
    default:
      return ExitCode::kUnexpected;
  }
}

std::string_view ExitCodeHelp() {
  return "Exit codes:\n"
         "  0  done\n"
         "  1  unexpected failure, here or at the server\n"
         "  2  wrong usage or invalid input (INVALID_ARGUMENT, OUT_OF_RANGE)\n"
         "  3  refused (UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND)\n"
         "  4  in conflict with how things stand (FAILED_PRECONDITION, ABORTED, ALREADY_EXISTS)\n"
         "  5  partly done: some rows of an import failed, or it was interrupted\n"
         "  6  not available now; try again (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED)\n"
         "  7  verification failed: the evidence, or a receipt's signature, does not hold\n"
         "  8  a file that was checked has reports";
}

std::string_view StatusCodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case absl::StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    case absl::StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kAborted:
      return "ABORTED";
    case absl::StatusCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case absl::StatusCode::kInternal:
      return "INTERNAL";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    default:
      return "UNKNOWN";
  }
}

}  // namespace waypost::cli
