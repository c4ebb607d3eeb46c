#include "tools/waypost/batch_import.h"

#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <tuple>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/csv_import.h"
#include "tools/waypost/failure.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/table.h"

namespace waypost::cli {
namespace {

// For people; the file of errors has all.
constexpr size_t kShownProblems = 50;

std::string FileOf(const std::vector<BatchProblem>& problems) {
  std::string content = CsvLine({"file", "row", "id", "field", "value", "problem", "reason"});
  for (const BatchProblem& each : problems) {
    content +=
        CsvLine({each.file, base::Cat(each.row), each.id, each.field, each.value, each.problem, each.reason});
  }
  return content;
}

void ShowText(Session& session, const BatchOutcome& outcome) {
  std::ostream& out = session.env().out;
  const size_t shown = std::min(outcome.problems.size(), kShownProblems);
  for (size_t i = 0; i < shown; ++i) {
    const BatchProblem& each = outcome.problems[i];
    out << Printable(base::Cat(each.file, each.row == 0 ? "" : base::Cat(", row ", each.row),
                               each.id.empty() ? "" : base::Cat(", ", each.id), ": ", each.field,
                               each.field.empty() ? "" : " ", each.problem))
        << '\n';
  }
  const size_t more = outcome.problems.size() + outcome.problems_left_out - shown;
  if (more > 0) out << "and " << more << " more\n";
}

void ShowLines(Session& session, const BatchOutcome& outcome) {
  std::ostream& out = session.env().out;
  for (const BatchProblem& each : outcome.problems) {
    const nlohmann::ordered_json line = {
        {"file", each.file},   {"row", each.row},         {"id", each.id},        {"field", each.field},
        {"value", each.value}, {"problem", each.problem}, {"reason", each.reason}};
    out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }
  const nlohmann::ordered_json counts = {
      {"created", outcome.created},     {"updated", outcome.updated},
      {"unchanged", outcome.unchanged}, {"failed", outcome.failed},
      {"notSent", outcome.not_sent},    {"problemsLeftOut", outcome.problems_left_out}};
  out << counts.dump() << '\n';
}

ExitCode CodeOf(const BatchOutcome& outcome) {
  if (outcome.failed == 0 && outcome.not_sent == 0) return ExitCode::kOk;
  const bool nothing_done = outcome.created + outcome.updated + outcome.unchanged == 0;
  return nothing_done && !outcome.stopped_by.ok() ? ExitCodeFor(outcome.stopped_by) : ExitCode::kPartial;
}

}  // namespace

void BatchOutcome::Add(BatchProblem problem) {
  if (problems.size() < kMaxBatchProblems) {
    problems.push_back(std::move(problem));
  } else {
    ++problems_left_out;
  }
}

void BatchOutcome::Count(const directory::v1::ImportResult& result, const BatchProblem& row) {
  created += result.outcome() == directory::v1::IMPORT_OUTCOME_CREATED ? 1 : 0;
  updated += result.outcome() == directory::v1::IMPORT_OUTCOME_UPDATED ? 1 : 0;
  unchanged += result.outcome() == directory::v1::IMPORT_OUTCOME_UNCHANGED ? 1 : 0;
  if (result.outcome() != directory::v1::IMPORT_OUTCOME_REFUSED) return;
  ++failed;
  BatchProblem problem = row;
  problem.reason = result.failure().reason();
  for (const auto& violation : result.failure().violations()) {
    problem.field = violation.field();
    problem.problem = violation.description();
    Add(problem);
  }
  if (!result.failure().violations().empty()) return;
  problem.problem = result.failure().message();
  Add(std::move(problem));
}

bool EndsTheImport(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnauthenticated ||
         status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

std::string BatchRequestId(std::string_view run, uint64_t number) {
  return base::Cat("imp-", base::ToHex(crypto::Sha256(base::Cat(run, "\n", number))).substr(0, 40));
}

absl::StatusOr<ExitCode> FinishBatchImport(Session& session, BatchOutcome outcome, const std::string& path,
                                           bool dry_run, std::string_view what) {
  std::sort(outcome.problems.begin(), outcome.problems.end(), [](const auto& a, const auto& b) {
    return std::tie(a.file, a.row, a.field, a.problem) < std::tie(b.file, b.row, b.field, b.problem);
  });
  if (session.json()) {
    ShowLines(session, outcome);
  } else {
    ShowText(session, outcome);
  }
  if (dry_run) {
    session.Hint(base::Cat(outcome.not_sent, " ", what, " can be sent, ", outcome.failed, " cannot"));
    outcome.not_sent = 0;
  } else {
    session.Hint(base::Cat(outcome.created, " ", what, " created, ", outcome.updated, " updated, ",
                           outcome.unchanged, " unchanged, ", outcome.failed, " failed, ", outcome.not_sent,
                           " not sent"));
  }
  if (outcome.problems.empty()) {
    unlink(path.c_str());
  } else {
    WAYPOST_RETURN_IF_ERROR(WriteFile(path, FileOf(outcome.problems)));
    session.Hint(base::Cat("What is wrong, row by row: ", path));
  }
  if (!outcome.stopped_by.ok()) session.TellFailure(outcome.stopped_by);
  const ExitCode code = CodeOf(outcome);
  if (code != ExitCode::kOk && !dry_run) {
    session.Hint(
        "Correct what is wrong where it stands, and run again: what is there already stays as it is");
  }
  return code;
}

}  // namespace waypost::cli
