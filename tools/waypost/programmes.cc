// waypost programmes and waypost agreements: what is done together, and who coordinates.
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/words.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";

std::vector<std::string> ProgrammeRow(const Message& item) {
  const auto& programme = static_cast<const pb::Programme&>(item);
  return {programme.name(), programme.lead(), programme.period().start_date(), programme.period().end_date(),
          Original(programme.display_name())};
}

std::vector<std::string> AgreementRow(const Message& item) {
  const auto& agreement = static_cast<const pb::CoordinationAgreement&>(item);
  return {agreement.name(), EnumWords(agreement.theme()),    agreement.territory(),
          agreement.body(), agreement.period().start_date(), agreement.period().end_date()};
}

FlagOptions PeriodFlags() {
  FlagOptions options;
  options.skip = {"end_reason"};
  options.rename = {{"period.start_date", "start-date"},
                    {"period.end_date", "end-date"},
                    {"partners", "partner"},
                    {"funders", "funder"}};
  options.help = {{"period.start_date", "YYYY-MM-DD"}, {"period.end_date", "YYYY-MM-DD"}};
  return options;
}

}  // namespace

void AddProgrammeCommands(CLI::App& root, Session& session) {
  CLI::App& programmes = AddGroup(root, "programmes", "Funded undertakings of several bodies");
  const char* const name_help = "as in programmes/rising";
  AddList(programmes, session,
          {.name = "list",
           .help = "Programmes by id",
           .method = std::string(kService) + "ListProgrammes",
           .request = pb::ListProgrammesRequest::default_instance(),
           .response = pb::ListProgrammesResponse::default_instance(),
           .headings = {"name", "lead", "start", "end", "display name"},
           .row = ProgrammeRow,
           .nothing = "No programmes."});
  AddCall(programmes, session,
          {.name = "show",
           .help = "One programme",
           .method = std::string(kService) + "GetProgramme",
           .request = pb::GetProgrammeRequest::default_instance(),
           .response = pb::Programme::default_instance(),
           .arguments = {{"name", "programme", name_help}}});
  AddCreate(programmes, session,
            {.name = "create",
             .help = "Record a programme",
             .method = std::string(kService) + "CreateProgramme",
             .request = pb::CreateProgrammeRequest::default_instance(),
             .response = pb::Programme::default_instance(),
             .resource = "programme",
             .arguments = {{"programme_id", "id", "its id for good"}},
             .flags = PeriodFlags()});
  FlagOptions updatable = PeriodFlags();
  updatable.only = {"display_name", "partners", "funders"};
  AddUpdate(
      programmes, session,
      {.name = "update",
       .help =
           "Change a programme: each field given replaces what it has (operator, or supervisor of the lead)",
       .method = std::string(kService) + "UpdateProgramme",
       .request = pb::UpdateProgrammeRequest::default_instance(),
       .response = pb::Programme::default_instance(),
       .resource = "programme",
       .arguments = {{"name", "programme", name_help}},
       .flags = std::move(updatable)});
  CallCommand end = {.name = "end",
                     .help = "Record a programme's last day (operator, or supervisor of the lead)",
                     .method = std::string(kService) + "EndProgramme",
                     .request = pb::EndProgrammeRequest::default_instance(),
                     .response = pb::Programme::default_instance(),
                     .arguments = {{"name", "programme", name_help}}};
  end.flags.help = {{"end_date", "its last day, YYYY-MM-DD"},
                    {"reason", "why; about the programme, never about a person"}};
  end.flags.required = {"end_date", "reason"};
  AddCall(programmes, session, std::move(end));
}

void AddAgreementCommands(CLI::App& root, Session& session) {
  CLI::App& agreements = AddGroup(root, "agreements", "Who coordinates which theme where");
  const char* const name_help = "as in coordinationAgreements/isere-housing";
  AddList(agreements, session,
          {.name = "list",
           .help = "Agreements by id",
           .method = std::string(kService) + "ListCoordinationAgreements",
           .request = pb::ListCoordinationAgreementsRequest::default_instance(),
           .response = pb::ListCoordinationAgreementsResponse::default_instance(),
           .headings = {"name", "theme", "territory", "body", "start", "end"},
           .row = AgreementRow,
           .nothing = "No agreements."});
  AddCall(agreements, session,
          {.name = "show",
           .help = "One agreement",
           .method = std::string(kService) + "GetCoordinationAgreement",
           .request = pb::GetCoordinationAgreementRequest::default_instance(),
           .response = pb::CoordinationAgreement::default_instance(),
           .arguments = {{"name", "agreement", name_help}}});
  AddCreate(agreements, session,
            {.name = "create",
             .help = "Record who coordinates (operator)",
             .method = std::string(kService) + "CreateCoordinationAgreement",
             .request = pb::CreateCoordinationAgreementRequest::default_instance(),
             .response = pb::CoordinationAgreement::default_instance(),
             .resource = "coordination_agreement",
             .arguments = {{"coordination_agreement_id", "id", "its id for good"}},
             .flags = PeriodFlags()});
  CallCommand end = {.name = "end",
                     .help = "Record an agreement's last day (operator)",
                     .method = std::string(kService) + "EndCoordinationAgreement",
                     .request = pb::EndCoordinationAgreementRequest::default_instance(),
                     .response = pb::CoordinationAgreement::default_instance(),
                     .arguments = {{"name", "agreement", name_help}}};
  end.flags.help = {{"end_date", "the last day on which it counts, YYYY-MM-DD"}};
  end.flags.required = {"end_date"};
  AddCall(agreements, session, std::move(end));
}

}  // namespace waypost::cli
