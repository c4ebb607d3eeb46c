// Submits the rows of an import, many in a call and several calls at once, and tells of each.
#ifndef WAYPOST_TOOLS_WAYPOST_IMPORT_RUN_H_
#define WAYPOST_TOOLS_WAYPOST_IMPORT_RUN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/waypost/import_rows.h"
#include "tools/waypost/interrupts.h"
#include "waypost/referral/v1/intake.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {

inline constexpr int kImportInFlight = 4;
// Of one call: well below what a server takes in a message.
inline constexpr size_t kImportRowsPerCall = 100;
inline constexpr size_t kImportBytesPerCall = 1024 * 1024;

struct RowResult {
  enum class Kind {
    kSubmitted,
    kSubmittedBefore,  // by a run before this one
    kFailed,           // refused by the server, or not readable here
    kNotSent,          // the run ended before its turn
  };
  Kind kind = Kind::kNotSent;
  // With kSubmitted; with kSubmittedBefore its name alone.
  referral::v1::Referral referral;
  // With kFailed, unless the row itself has problems.
  absl::Status status;
};

struct ImportProgress {
  size_t done = 0;
  size_t failed = 0;
  size_t all = 0;
};

struct ImportRunOptions {
  int in_flight = kImportInFlight;
  // Sends many; called by several threads at once. Null: rows are sent one by one.
  std::function<absl::Status(const referral::v1::BatchSubmitReferralsRequest& request,
                             referral::v1::BatchSubmitReferralsResponse& response)>
      submit_batch = {};
  // Sends one request, again after a transient error: what the server had no room for in a batch, and all
  // rows where a batch cannot be sent as such. Called by several threads at once.
  std::function<absl::Status(const referral::v1::SubmitReferralRequest& request,
                             referral::v1::Referral& response)>
      submit;
  // The referral of an item that an earlier run has submitted: it is not sent. Null: there is none.
  std::function<std::optional<std::string>(const ImportItem& item)> submitted_before = {};
  // Called for each item that the server has taken, in the order of the answers, as soon as there is one and
  // whatever rows before it still wait for theirs; never by two threads at once. May be null.
  std::function<void(const ImportItem& item, const std::string& referral)> on_submitted = {};
  // Called for each item in the order of the file, never by two threads at once, as soon as all before it are
  // done.
  std::function<void(const ImportItem& item, const RowResult& result)> on_result;
  // Called after each row, never by two threads at once.
  std::function<void(const ImportProgress& progress)> on_progress;
  // Called after each call, never by two threads at once: what on_submitted wrote can be made durable for all
  // of its rows. Where it fails, the run ends. May be null.
  std::function<absl::Status()> on_call = {};
};

struct ImportOutcome {
  size_t submitted = 0;
  size_t submitted_before = 0;
  size_t failed = 0;
  size_t not_sent = 0;
  // Why the run ended before the last row: no row after it could have succeeded. OK otherwise, or after an
  // interrupt.
  absl::Status stopped_by;
};

// Items with problems are not sent. Ends early after an interrupt, UNAUTHENTICATED (the token), or
// UNAVAILABLE and DEADLINE_EXCEEDED that retries did not mend; what is in flight is waited for, and no row is
// sent after it, also of those that a call was to have.
ImportOutcome RunImport(const std::vector<ImportItem>& items, const ImportRunOptions& options,
                        const Interrupts& interrupts);

// The error file: a line for each thing that is wrong, under row,line,field,problem,reason,request_id.
std::string ErrorFileHeader();
std::string ErrorFileLines(const ImportItem& item, const RowResult& result);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_IMPORT_RUN_H_
