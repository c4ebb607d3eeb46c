// waypost offers import.
#include <memory>
#include <ostream>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/batch_import.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/hsds_files.h"
#include "tools/waypost/hsds_import.h"
#include "tools/waypost/hsds_mapping.h"
#include "tools/waypost/json_text.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

// Without a terminal, progress is a line for so many rows.
constexpr size_t kRowsPerLine = 10'000;

struct ImportOptions {
  std::vector<std::string> files;
  std::string mapping;
  std::string errors;
  int in_flight = kHsdsInFlight;
  bool strict = false;
  bool dry_run = false;
  bool progress = false;
};

absl::StatusOr<HsdsMapping> ReadMapping(const std::string& path) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxHsdsBytes));
  HsdsMappingRead read = ReadHsdsMapping(content);
  if (read.mapping.has_value()) return *std::move(read.mapping);
  error::FieldViolations violations;
  for (const auto& [pointer, problem] : read.problems) {
    violations.Add(base::Cat(path, "#", pointer), problem);
  }
  return violations.ToStatus();
}

// On one line of a terminal, or a line now and then.
class ProgressLine {
 public:
  ProgressLine(const Environment& env, bool wanted) : env_(env), is_shown_(wanted || env.err_is_terminal) {}

  void Update(const HsdsProgress& progress) {
    if (!is_shown_) return;
    const bool is_last = progress.is_sending && progress.done >= progress.all;
    const size_t line = progress.done / kRowsPerLine;
    if (!env_.err_is_terminal && !is_last && line == last_line_) return;
    last_line_ = line;
    env_.err << (env_.err_is_terminal ? "\r" : "") << progress.done;
    if (progress.is_sending) env_.err << " of " << progress.all;
    env_.err << (progress.is_sending ? " services sent, " : " services checked, ") << progress.failed
             << " failed" << (env_.err_is_terminal && !is_last ? "" : "\n") << std::flush;
  }

 private:
  const Environment& env_;
  const bool is_shown_;
  size_t last_line_ = 0;
};

absl::StatusOr<ExitCode> Import(Session& session, const ImportOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(const HsdsMapping mapping, ReadMapping(options.mapping));
  WAYPOST_ASSIGN_OR_RETURN(HsdsFiles files, HsdsFiles::Open(options.files));
  Caller* caller = nullptr;
  if (!options.dry_run) {
    WAYPOST_ASSIGN_OR_RETURN(caller, session.caller());
  }
  ProgressLine progress(session.env(), options.progress);
  HsdsImportOptions run;
  run.in_flight = options.in_flight;
  run.strict = options.strict;
  run.dry_run = options.dry_run;
  run.run = session.request_id();
  run.send = [caller](const pb::ImportOffersRequest& request, pb::ImportOffersResponse& response) {
    return caller->Unary("waypost.directory.v1.DirectoryService/ImportOffers", request, response,
                         /*idempotent=*/true);
  };
  run.on_progress = [&progress](const HsdsProgress& so_far) { progress.Update(so_far); };
  const Interrupts::Handling handling(session.env().interrupts);
  WAYPOST_ASSIGN_OR_RETURN(BatchOutcome outcome,
                           RunHsdsImport(files, mapping, run, session.env().interrupts));
  const std::string errors = options.errors.empty() ? options.files.front() + ".errors.csv" : options.errors;
  return FinishBatchImport(session, std::move(outcome), errors, options.dry_run, "offers");
}

}  // namespace

void AddOfferImport(CLI::App& offers, Session& session) {
  CLI::App& leaf = *offers.add_subcommand(
      "import", "Take over services of HSDS 3.0 as offers (operator, or supervisor of the provider)");
  auto options = std::make_shared<ImportOptions>();
  leaf.add_option(
          "file", options->files,
          "what `offers check` takes (.json), or one such document a line (.jsonl); several are one import")
      ->required();
  leaf.add_option("--mapping", options->mapping,
                  "JSON that says which term is which theme, which area which territory, which organization "
                  "which body")
      ->required()
      ->type_name("FILE");
  leaf.add_option("--errors", options->errors,
                  "where to write what is wrong; FILE.errors.csv beside the first file if absent")
      ->type_name("FILE");
  leaf.add_option("--in-flight", options->in_flight, "how many calls at once")
      ->check(CLI::Range(1, 32))
      ->capture_default_str();
  leaf.add_flag("--strict", options->strict,
                "refuse also what lacks a field that the schemas of HSDS require");
  leaf.add_flag("--dry-run", options->dry_run, "only check the files against the mapping, here");
  leaf.add_flag("--progress", options->progress, "tell the progress also where there is no terminal");
  leaf.footer(
      "docs/concepts/importing.md explains the mapping. Whatever it does not decide is an error of that "
      "row.\n"
      "Run it again to go on, or to take over what has changed: what is there already stays as it is.");
  session.OnWithCode(leaf, [&session, options] { return Import(session, *options); });
}

}  // namespace waypost::cli
