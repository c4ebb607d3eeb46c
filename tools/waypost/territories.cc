// waypost territories: the register of territory codes.
#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "tools/waypost/batch_import.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/nuts_tsv.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";
// As many as one call takes.
constexpr size_t kRowsPerCall = 500;
constexpr int kCountriesPerCall = 60;

struct ImportOptions {
  std::string file;
  std::string version;
  std::string valid_from;
  std::string errors;
  bool dry_run = false;
  bool form_only = false;
};

std::vector<std::string> Row(const google::protobuf::Message& item) {
  const auto& unit = static_cast<const pb::Territory&>(item);
  return {unit.code(),    base::Cat(unit.level()), unit.display_name(),
          unit.version(), unit.valid_from(),       unit.register_complete() ? "complete" : ""};
}

BatchProblem PlaceOf(const ImportOptions& options, const NutsRow& row) {
  return {.file = options.file, .row = row.line, .id = row.code, .value = row.name};
}

// Sends the rows, a call after the other: what a unit lies in goes before it.
class Sending {
 public:
  Sending(Session& session, const ImportOptions& options, BatchOutcome& outcome)
      : session_(session), options_(options), outcome_(outcome), run_(session.request_id()) {}

  void Send(const std::vector<NutsRow>& rows) {
    for (size_t begin = 0; begin < rows.size(); begin += kRowsPerCall) {
      const size_t end = std::min(rows.size(), begin + kRowsPerCall);
      if (!outcome_.stopped_by.ok() || session_.env().interrupts.requested()) {
        outcome_.not_sent += end - begin;
        continue;
      }
      SendSome(rows, begin, end);
      session_.Hint(base::Cat(end, " of ", rows.size(), " territories"));
    }
    if (outcome_.not_sent == 0 && outcome_.stopped_by.ok() && !options_.form_only) Complete(rows);
  }

  // A country with a row that is not right is not complete.
  void LeaveOpen(std::string_view code) {
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (code.size() < 2 || !is_upper(code[0]) || !is_upper(code[1])) return;  // of no country
    open_.insert(std::string(code.substr(0, 2)));
  }

 private:
  void SendSome(const std::vector<NutsRow>& rows, size_t begin, size_t end) {
    pb::ImportTerritoriesRequest request;
    request.set_request_id(BatchRequestId(run_, ++calls_));
    for (size_t i = begin; i < end; ++i) {
      pb::Territory& territory = *request.add_territories();
      territory.set_code(rows[i].code);
      territory.set_display_name(rows[i].name);
      territory.set_level(rows[i].level);
      territory.set_version(options_.version);
      territory.set_valid_from(options_.valid_from);
    }
    pb::ImportTerritoriesResponse response;
    outcome_.stopped_by = session_.Call(std::string(kService) + "ImportTerritories", request, response);
    if (!outcome_.stopped_by.ok()) {
      outcome_.not_sent += end - begin;
      return;
    }
    for (size_t i = begin; i < end && static_cast<int>(i - begin) < response.results_size(); ++i) {
      const pb::ImportResult& result = response.results(static_cast<int>(i - begin));
      outcome_.Count(result, PlaceOf(options_, rows[i]));
      if (result.has_failure()) LeaveOpen(rows[i].code);
    }
  }

  void Complete(const std::vector<NutsRow>& rows) {
    pb::ImportTerritoriesRequest request;
    for (const NutsRow& row : rows) {
      if (row.level > 0) break;  // the countries stand first
      if (open_.contains(row.code)) continue;
      request.add_complete_countries(row.code);
      if (request.complete_countries_size() == kCountriesPerCall) SendComplete(request);
    }
    SendComplete(request);
    for (const std::string& country : open_) {
      session_.Hint(
          base::Cat(country, ": not every row is right; its codes are checked for their form only"));
    }
  }

  void SendComplete(pb::ImportTerritoriesRequest& request) {
    if (request.complete_countries().empty() || !outcome_.stopped_by.ok()) return;
    request.set_request_id(BatchRequestId(run_, ++calls_));
    pb::ImportTerritoriesResponse response;
    outcome_.stopped_by = session_.Call(std::string(kService) + "ImportTerritories", request, response);
    request.clear_complete_countries();
  }

  Session& session_;
  const ImportOptions& options_;
  BatchOutcome& outcome_;
  const std::string run_;
  uint64_t calls_ = 0;
  std::set<std::string> open_;
};

absl::StatusOr<ExitCode> Import(Session& session, const ImportOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string content, ReadFile(options.file, kMaxNutsBytes));
  NutsTable table = ParseNutsTsv(content);
  BatchOutcome outcome;
  const Interrupts::Handling handling(session.env().interrupts);
  Sending sending(session, options, outcome);
  outcome.failed = table.count - table.rows.size();
  for (NutsProblem& problem : table.problems) {
    if (problem.line == 0) outcome.failed = std::max<size_t>(outcome.failed, 1);
    sending.LeaveOpen(problem.code);
    outcome.Add({.file = options.file,
                 .row = problem.line,
                 .id = std::move(problem.code),
                 .field = std::move(problem.field),
                 .value = std::move(problem.value),
                 .problem = std::move(problem.problem),
                 .reason = "ROW_INVALID"});
  }
  if (table.trimmed > 0) {
    session.Hint(base::Cat(table.trimmed, " names had blanks at their ends, which are left out"));
  }
  if (options.dry_run) {
    outcome.not_sent = table.rows.size();
  } else {
    sending.Send(table.rows);
  }
  const std::string errors = options.errors.empty() ? options.file + ".errors.csv" : options.errors;
  return FinishBatchImport(session, std::move(outcome), errors, options.dry_run, "territories");
}

void AddImport(CLI::App& territories, Session& session) {
  CLI::App& leaf = *territories.add_subcommand(
      "import",
      "Record the units of a classification, as NUTS, from a table of tab-separated values (operator)");
  auto options = std::make_shared<ImportOptions>();
  leaf.add_option("file", options->file, "with the columns code and label, and perhaps level and country")
      ->required();
  leaf.add_option("--classification", options->version, "what it is taken from, as \"NUTS 2013\"")
      ->required();
  leaf.add_option("--valid-from", options->valid_from, "the first day on which that counts, YYYY-MM-DD")
      ->required();
  leaf.add_option("--errors", options->errors, "where to write what is wrong; FILE.errors.csv if absent")
      ->type_name("FILE");
  leaf.add_flag("--dry-run", options->dry_run, "only check the file, here");
  leaf.add_flag("--form-only", options->form_only,
                "do not hold codes to the register: go on checking their form only");
  leaf.footer(
      "Once every row of a country is in, a code of that country which is not in the register is refused in\n"
      "the directory. Local units below NUTS 3 are held to it in those regions for which it has any.");
  session.OnWithCode(leaf, [&session, options] { return Import(session, *options); });
}

}  // namespace

void AddTerritoryCommands(CLI::App& root, Session& session) {
  CLI::App& territories = AddGroup(root, "territories", "The register of territory codes");
  ListCommand list = {.name = "list",
                      .help = "What lies directly in a territory, or the countries",
                      .method = std::string(kService) + "ListTerritories",
                      .request = pb::ListTerritoriesRequest::default_instance(),
                      .response = pb::ListTerritoriesResponse::default_instance(),
                      .headings = {"code", "level", "name", "classification", "valid from", "register"},
                      .row = Row,
                      .nothing = "No territories."};
  list.flags.help = {{"parent", "as ES3; the countries if absent"}};
  AddList(territories, session, std::move(list));
  AddCall(territories, session,
          {.name = "show",
           .help = "One unit of the register",
           .method = std::string(kService) + "GetTerritory",
           .request = pb::GetTerritoryRequest::default_instance(),
           .response = pb::Territory::default_instance(),
           .arguments = {{"code", "code", "as ES300"}}});
  AddImport(territories, session);
}

}  // namespace waypost::cli
