// waypost offers check.
#include <memory>
#include <ostream>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/commands.h"
#include "tools/waypost/hsds_package.h"
#include "tools/waypost/hsds_schema.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/table.h"

namespace waypost::cli {
namespace {

using nlohmann::ordered_json;

// "16 to 25", "16 or more", "up to 25".
std::string Ages(const HsdsService& service) {
  const auto& from = service.minimum_age;
  const auto& to = service.maximum_age;
  if (from.has_value() && to.has_value()) return base::Cat(*from, " to ", *to);
  if (from.has_value()) return base::Cat(*from, " or more");
  return to.has_value() ? base::Cat("up to ", *to) : "";
}

std::string Languages(const HsdsService& service) {
  std::string words;
  for (const HsdsLanguage& language : service.languages) {
    words += (words.empty() ? "" : ", ") + (language.code.empty() ? language.name : language.code);
  }
  return words;
}

// "3 of 12 free", or "3 free".
std::string Places(const HsdsService& service) {
  std::string words;
  for (const HsdsCapacity& capacity : service.capacities) {
    const std::string all = capacity.maximum.has_value() ? base::Cat(" of ", *capacity.maximum) : "";
    words += base::Cat(words.empty() ? "" : ", ", capacity.available, all, " free");
  }
  return words;
}

void ShowText(Session& session, const HsdsPackage& package) {
  Table table({"row", "id", "name", "status", "organization", "ages", "languages", "documents", "places",
               "assured", "not mapped"});
  for (const HsdsService& service : package.services) {
    table.Add({base::Cat(service.row), service.id, service.name, std::string(HsdsStatusWords(service.status)),
               service.organization.name.empty() ? service.organization.id : service.organization.name,
               Ages(service), Languages(service), base::Cat(service.required_documents.size()),
               Places(service), service.assured_date, base::Cat(service.unmapped.size(), " fields")});
  }
  std::ostream& out = session.env().out;
  out << (table.empty() ? "No services.\n" : table.ToText(session.colour()));
  for (const HsdsReport& report : package.reports) {
    out << (report.row == 0 ? "file" : base::Cat("row ", report.row)) << ": "
        << Printable(base::Cat(report.pointer.empty() ? "document" : report.pointer, " ", report.problem))
        << '\n';
  }
}

ordered_json ToJson(const HsdsService& service) {
  ordered_json line = {{"row", service.row},
                       {"pointer", service.pointer},
                       {"id", service.id},
                       {"name", service.name},
                       {"description", service.description},
                       {"status", HsdsStatusWords(service.status)},
                       {"eligibilityDescription", service.eligibility_description},
                       {"requiredDocuments", service.required_documents},
                       {"assuredDate", service.assured_date},
                       {"organizationId", service.organization.id},
                       {"organizationName", service.organization.name},
                       {"unmapped", service.unmapped}};
  if (service.minimum_age.has_value()) line["minimumAge"] = *service.minimum_age;
  if (service.maximum_age.has_value()) line["maximumAge"] = *service.maximum_age;
  for (const HsdsLanguage& language : service.languages) {
    line["languages"].push_back({{"code", language.code}, {"name", language.name}});
  }
  for (const HsdsCapacity& capacity : service.capacities) {
    ordered_json places = {{"available", capacity.available}, {"updated", capacity.updated}};
    if (capacity.maximum.has_value()) places["maximum"] = *capacity.maximum;
    line["capacities"].push_back(std::move(places));
  }
  return line;
}

void ShowLines(Session& session, const HsdsPackage& package) {
  std::ostream& out = session.env().out;
  for (const HsdsService& service : package.services) out << ToJson(service).dump() << '\n';
  for (const HsdsReport& report : package.reports) {
    const ordered_json line = {{"row", report.row}, {"pointer", report.pointer}, {"problem", report.problem}};
    out << line.dump() << '\n';
  }
}

struct CheckOptions {
  std::string file;
  bool strict = false;
};

absl::StatusOr<ExitCode> Check(Session& session, const CheckOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string content, ReadFile(options.file, kMaxHsdsBytes));
  HsdsPackage package = ParseHsds(content);
  HoldToSchema(package, options.strict);
  if (session.json()) {
    ShowLines(session, package);
  } else {
    ShowText(session, package);
  }
  session.Hint(base::Cat(package.services.size(), " of ", package.rows, " services are right, ",
                         package.reports.size(), " reports"));
  return package.reports.empty() ? ExitCode::kOk : ExitCode::kReports;
}

}  // namespace

void AddOfferCheck(CLI::App& offers, Session& session) {
  CLI::App& leaf = *offers.add_subcommand(
      "check", "Check a file of HSDS 3.0 services, here: what each would give, and all that is wrong");
  auto options = std::make_shared<CheckOptions>();
  leaf.add_option("file", options->file,
                  "JSON: a service, an organization, an array of them, or a page of a list")
      ->required();
  leaf.add_flag("--strict", options->strict, "report also what the schemas of HSDS require and is missing");
  leaf.footer("Nothing is sent. The exit code is 8 when anything is wrong.");
  session.OnWithCode(leaf, [&session, options] { return Check(session, *options); });
}

}  // namespace waypost::cli
