// waypost referral duplicates: whether the same person has been referred already.
#include <memory>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/intake.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

constexpr char kMethod[] = "waypost.referral.v1.IntakeService/CheckDuplicates";

struct DuplicateOptions {
  std::string file;
  std::string given_name;
  std::string family_name;
  std::string birth_date;
};

// The people of a document as SubmitReferral takes it; without a birth date nobody can be compared.
absl::Status AddPeopleOf(Session& session, const std::string& path, pb::CheckDuplicatesRequest& request) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string json, ReadDocument(session.env(), path));
  pb::SubmitReferralRequest document;
  WAYPOST_RETURN_IF_ERROR(FromJson(json, path == "-" ? "standard input" : path, document));
  for (const pb::PersonSections& sections : document.sections()) {
    if (sections.details().birth_date().empty()) {
      session.Hint(base::Cat("person ", sections.person(), " has no birth date and is not compared"));
      continue;
    }
    pb::PersonToCheck& person = *request.add_persons();
    person.set_given_name(sections.details().given_name());
    person.set_family_name(sections.details().family_name());
    person.set_birth_date(sections.details().birth_date());
  }
  return absl::OkStatus();
}

absl::Status Check(Session& session, const DuplicateOptions& options) {
  pb::CheckDuplicatesRequest request;
  if (!options.file.empty()) {
    WAYPOST_RETURN_IF_ERROR(AddPeopleOf(session, options.file, request));
    if (request.persons().empty()) return absl::OkStatus();
  } else {
    pb::PersonToCheck& person = *request.add_persons();
    person.set_given_name(options.given_name);
    person.set_family_name(options.family_name);
    person.set_birth_date(options.birth_date);
  }
  pb::CheckDuplicatesResponse response;
  WAYPOST_ASSIGN_OR_RETURN(Caller * caller, session.caller());
  WAYPOST_RETURN_IF_ERROR(caller->Unary(kMethod, request, response, /*idempotent=*/true));
  std::vector<std::string> headings = {"person", "match"};
  for (const std::string& heading : ReferralHeadings()) headings.push_back(heading);
  Table table(headings);
  for (const pb::DuplicateMatch& match : response.matches()) {
    std::vector<std::string> cells = {base::Cat(match.person_index() + 1), EnumWords(match.strength())};
    const absl::Time now = session.env().clock.Now();
    for (std::string& cell : ReferralRow(match.referral(), now, session.zone())) {
      cells.push_back(std::move(cell));
    }
    table.Add(std::move(cells));
  }
  return session.Show(response, table, "Nobody of these was referred before, as far as you may see.");
}

}  // namespace

void AddReferralDuplicates(CLI::App& referral, Session& session) {
  CLI::App& leaf = *referral.add_subcommand(
      "duplicates", "Whether the same person has been referred already; each match is recorded as a look");
  auto options = std::make_shared<DuplicateOptions>();
  CLI::Option* const file = leaf.add_option(
      "--file", options->file, "the referral to be sent, as for submit: its people are compared");
  leaf.add_option("--given-name", options->given_name, "as the person writes it")->excludes(file);
  leaf.add_option("--family-name", options->family_name, "as the person writes it")->excludes(file);
  leaf.add_option("--birth-date", options->birth_date, "YYYY-MM-DD")->excludes(file);
  session.On(leaf, [&session, options] { return Check(session, *options); });
}

}  // namespace waypost::cli
