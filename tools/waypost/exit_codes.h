// What the tool tells the script that called it.
#ifndef WAYPOST_TOOLS_WAYPOST_EXIT_CODES_H_
#define WAYPOST_TOOLS_WAYPOST_EXIT_CODES_H_

#include <string_view>

#include "absl/status/status.h"

namespace waypost::cli {

enum class ExitCode {
  kOk = 0,
  kUnexpected = 1,
  kUsage = 2,
  kRefused = 3,
  kConflict = 4,
  kPartial = 5,
  kUnavailable = 6,
  kVerificationFailed = 7,
  kReports = 8,
};

// The code for how a command ended. Total: every status has one.
ExitCode ExitCodeFor(const absl::Status& status);

// The table in words, for --help.
std::string_view ExitCodeHelp();

// "INVALID_ARGUMENT".
std::string_view StatusCodeName(absl::StatusCode code);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_EXIT_CODES_H_
