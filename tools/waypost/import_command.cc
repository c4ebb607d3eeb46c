// waypost referral import.
#include <unistd.h>

#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/commands.h"
#include "tools/waypost/failure.h"
#include "tools/waypost/import_columns.h"
#include "tools/waypost/import_done.h"
#include "tools/waypost/import_rows.h"
#include "tools/waypost/import_run.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/words.h"

namespace waypost::cli {
namespace {

// Without a terminal, progress is a line for so many rows.
constexpr size_t kRowsPerLine = 100;

struct ImportOptions {
  std::string file;
  std::string import_id;
  int in_flight = kImportInFlight;
  bool dry_run = false;
  bool progress = false;
  bool columns = false;
};

absl::Status ShowColumns(Session& session) {
  if (session.json()) {
    nlohmann::ordered_json columns = nlohmann::ordered_json::array();
    for (const ImportColumn& column : ImportColumns()) {
      columns.push_back({{"name", column.name}, {"help", column.help}});
    }
    session.env().out << nlohmann::ordered_json{{"columns", columns}}.dump(1) << '\n';
    return absl::OkStatus();
  }
  Table table({"column", "what"});
  for (const ImportColumn& column : ImportColumns()) {
    table.Add({std::string(column.name), std::string(column.help)});
  }
  session.env().out << table.ToText(session.colour());
  return absl::OkStatus();
}

void ShowResultJson(Session& session, const ImportItem& item, const RowResult& result) {
  nlohmann::ordered_json line = {
      {"row", item.row}, {"line", item.line}, {"requestId", item.request.request_id()}};
  switch (result.kind) {
    case RowResult::Kind::kSubmitted:
      line["referral"] = result.referral.name();
      line["state"] = referral::v1::ReferralState_Name(result.referral.state());
      break;
    case RowResult::Kind::kSubmittedBefore:
      line["referral"] = result.referral.name();
      line["submittedBefore"] = true;
      break;
    case RowResult::Kind::kNotSent:
      line["notSent"] = true;
      break;
    case RowResult::Kind::kFailed:
      if (!result.status.ok()) line.update(FailureJson(result.status, ""));
      for (const RowProblem& problem : item.problems) {
        line["problems"].push_back({{"row", problem.row},
                                    {"line", problem.line},
                                    {"field", problem.field},
                                    {"problem", problem.problem}});
      }
      break;
  }
  session.env().out << line.dump() << '\n';
}

void ShowResult(Session& session, const ImportItem& item, const RowResult& result) {
  if (session.json()) return ShowResultJson(session, item, result);
  std::ostream& out = session.env().out;
  switch (result.kind) {
    case RowResult::Kind::kSubmitted:
      out << "row " << item.row << ": " << Printable(result.referral.name()) << " "
          << EnumWords(result.referral.state()) << '\n';
      break;
    case RowResult::Kind::kSubmittedBefore:
      out << "row " << item.row << ": " << Printable(result.referral.name()) << " submitted before\n";
      break;
    case RowResult::Kind::kNotSent:
      out << "row " << item.row << ": not sent\n";
      break;
    case RowResult::Kind::kFailed:
      out << "row " << item.row << ": failed";
      if (!result.status.ok()) out << ": " << Printable(base::ToStd(result.status.message()));
      for (const RowProblem& problem : item.problems) {
        out << "\n  row " << problem.row << (problem.field.empty() ? "" : ", ") << Printable(problem.field)
            << ": " << Printable(problem.problem);
      }
      out << '\n';
      break;
  }
}

// On one line of a terminal, or a line now and then.
class ProgressLine {
 public:
  ProgressLine(const Environment& env, bool wanted) : env_(env), is_shown_(wanted || env.err_is_terminal) {}

  void Update(const ImportProgress& progress) {
    const bool is_last = progress.done == progress.all;
    const bool is_due = env_.err_is_terminal || progress.done % kRowsPerLine == 0 || is_last;
    if (!is_shown_ || !is_due) return;
    env_.err << (env_.err_is_terminal ? "\r" : "") << progress.done << " of " << progress.all
             << " referrals, " << progress.failed << " failed"
             << (env_.err_is_terminal && !is_last ? "" : "\n") << std::flush;
  }

 private:
  const Environment& env_;
  const bool is_shown_;
};

// `caller` and `done` are null in a dry run.
ImportRunOptions MakeRun(Session& session, const ImportOptions& options, Caller* caller, DoneFile* done,
                         ProgressLine& progress, std::string& errors) {
  ImportRunOptions run;
  run.in_flight = options.in_flight;
  run.submit = [caller](const referral::v1::SubmitReferralRequest& request,
                        referral::v1::Referral& response) {
    if (caller == nullptr) return absl::OkStatus();  // a dry run
    return caller->Unary("waypost.referral.v1.ReferralService/SubmitReferral", request, response, true);
  };
  if (caller != nullptr) {
    run.submit_batch = [caller](const referral::v1::BatchSubmitReferralsRequest& request,
                                referral::v1::BatchSubmitReferralsResponse& response) {
      return caller->Unary("waypost.referral.v1.IntakeService/BatchSubmitReferrals", request, response, true);
    };
  }
  if (done != nullptr) {
    run.submitted_before = [done](const ImportItem& item) { return done->ReferralOf(item); };
    run.on_submitted = [done](const ImportItem& item, const std::string& referral) {
      done->Add(item, referral);
    };
    run.on_call = [done] { return done->Sync(); };
  }
  const bool dry_run = options.dry_run;
  run.on_result = [&session, &errors, dry_run](const ImportItem& item, const RowResult& result) {
    const bool submitted = result.kind == RowResult::Kind::kSubmitted;
    errors += ErrorFileLines(item, result);
    if (!dry_run || !submitted) ShowResult(session, item, result);
  };
  run.on_progress = [&progress](const ImportProgress& so_far) { progress.Update(so_far); };
  return run;
}

// Writes the error file, or takes away that of an earlier run.
absl::Status KeepErrors(Session& session, const ImportOptions& options, const std::string& errors) {
  const std::string path = options.file + ".errors.csv";
  if (errors.empty()) {
    unlink(path.c_str());
    return absl::OkStatus();
  }
  WAYPOST_RETURN_IF_ERROR(WriteFile(path, ErrorFileHeader() + errors));
  session.Hint(base::Cat("What went wrong, row by row: ", path));
  return absl::OkStatus();
}

std::string DonePath(const ImportOptions& options) {
  return options.file + ".done.csv";
}

std::string Summary(const ImportOptions& options, const ImportOutcome& outcome) {
  std::string text = base::Cat(outcome.submitted, options.dry_run ? " can be sent, " : " submitted, ");
  if (outcome.submitted_before > 0) text += base::Cat(outcome.submitted_before, " submitted before, ");
  return base::Cat(text, outcome.failed, " failed, ", outcome.not_sent, " not sent");
}

ExitCode CodeOf(const ImportOutcome& outcome) {
  if (outcome.failed == 0 && outcome.not_sent == 0 && outcome.stopped_by.ok()) return ExitCode::kOk;
  const bool nothing_done = outcome.submitted == 0 && !outcome.stopped_by.ok();
  return nothing_done ? ExitCodeFor(outcome.stopped_by) : ExitCode::kPartial;
}

absl::StatusOr<ExitCode> Import(Session& session, const ImportOptions& options) {
  if (options.columns) {
    WAYPOST_RETURN_IF_ERROR(ShowColumns(session));
    return ExitCode::kOk;
  }
  if (options.file.empty()) return error::InvalidField("file", "is required");
  WAYPOST_ASSIGN_OR_RETURN(const ImportFormat format, ImportFormatOf(options.file));
  WAYPOST_ASSIGN_OR_RETURN(const std::string content, ReadFile(options.file, kMaxImportBytes));
  const std::string id = options.import_id.empty() ? DefaultImportId(content) : options.import_id;
  WAYPOST_RETURN_IF_ERROR(CheckImportId(id));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<ImportItem> items,
                           ReadImport(format, content, id, session.zone()));

  Caller* caller = nullptr;
  std::unique_ptr<DoneFile> done;
  if (!options.dry_run) {
    WAYPOST_ASSIGN_OR_RETURN(caller, session.caller());
    WAYPOST_ASSIGN_OR_RETURN(const std::string server, session.server());
    WAYPOST_ASSIGN_OR_RETURN(done, DoneFile::Open(DonePath(options), server, id));
  }
  const Interrupts::Handling handling(session.env().interrupts);
  ProgressLine progress(session.env(), options.progress);
  std::string errors;
  const ImportOutcome outcome = RunImport(
      items, MakeRun(session, options, caller, done.get(), progress, errors), session.env().interrupts);

  session.Hint(Summary(options, outcome));
  WAYPOST_RETURN_IF_ERROR(KeepErrors(session, options, errors));
  if (!outcome.stopped_by.ok()) session.TellFailure(outcome.stopped_by);
  const ExitCode code = CodeOf(outcome);
  if (code != ExitCode::kOk && !options.dry_run) {
    session.Hint(base::Cat("Correct what is wrong where it stands, and run again with --import-id ", id,
                           ": what was submitted is kept in ", DonePath(options),
                           " and is not submitted twice"));
  }
  return code;
}

}  // namespace

void AddReferralImport(CLI::App& referral, Session& session) {
  CLI::App& leaf = *referral.add_subcommand(
      "import", "Submit the referrals of a file: .csv (a row for each person), .json (an array) or .jsonl");
  auto options = std::make_shared<ImportOptions>();
  leaf.add_option("file", options->file, "the file");
  leaf.add_option("--import-id", options->import_id,
                  "what the rows' request ids are made from; the file's hash if absent");
  leaf.add_option("--in-flight", options->in_flight, "how many calls at once, each of up to 100 referrals")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  leaf.add_flag("--dry-run", options->dry_run, "only check the file, here");
  leaf.add_flag("--progress", options->progress, "tell the progress also where there is no terminal");
  leaf.add_flag("--columns", options->columns, "list the columns of a CSV file and leave");
  leaf.footer("Columns (docs/concepts/importing.md explains them): " + [] {
    std::string names;
    for (const ImportColumn& column : ImportColumns())
      names += (names.empty() ? "" : ", ") + std::string(column.name);
    return names;
  }());
  session.OnWithCode(leaf, [&session, options] { return Import(session, *options); });
}

}  // namespace waypost::cli
