// What imports of many rows a call have in common: counting, the file of errors, and the end of a run.
#ifndef WAYPOST_TOOLS_WAYPOST_BATCH_IMPORT_H_
#define WAYPOST_TOOLS_WAYPOST_BATCH_IMPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "tools/waypost/session.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {

// How many things that are wrong are kept; the others are counted.
inline constexpr size_t kMaxBatchProblems = 100'000;

// One thing that is wrong with one row.
struct BatchProblem {
  std::string file = {};
  // 0: the file as a whole.
  uint64_t row = 0;
  std::string id = {};
  // A path in the file, or in what is sent.
  std::string field = {};
  // What stands there; only in the file of errors.
  std::string value = {};
  // What is wrong and what to do.
  std::string problem = {};
  std::string reason = {};
};

struct BatchOutcome {
  size_t created = 0;
  size_t updated = 0;
  size_t unchanged = 0;
  // Rows that are not right, here or by the server.
  size_t failed = 0;
  size_t not_sent = 0;
  // In no order.
  std::vector<BatchProblem> problems;
  // Those beyond kMaxBatchProblems.
  size_t problems_left_out = 0;
  // Why the run ended before the last row; OK otherwise, or after an interrupt.
  absl::Status stopped_by;

  void Add(BatchProblem problem);
  // Counts a result. Where the row was refused, adds its problems, which `row` says the place of.
  void Count(const directory::v1::ImportResult& result, const BatchProblem& row);
};

// No other call would fare better: the token, or a server that is not there after retries.
bool EndsTheImport(const absl::Status& status);

// A request id for the call `number` of a run.
std::string BatchRequestId(std::string_view run, uint64_t number);

// Writes the problems to `path` as CSV (file,row,id,field,value,problem,reason), or takes away the file of an
// earlier run; shows the first of them and the counts. `what` as in "offers". The exit code of the run.
absl::StatusOr<ExitCode> FinishBatchImport(Session& session, BatchOutcome outcome, const std::string& path,
                                           bool dry_run, std::string_view what);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_BATCH_IMPORT_H_
