// waypost units: the parts of a body.
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/words.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";
const char* const kUnitHelp = "as in bodies/es-fuenlabrada/units/intake";

FlagOptions UnitFlags() {
  FlagOptions options;
  options.flatten = {"calendar"};
  options.rename = {{"themes", "theme"},
                    {"languages", "language"},
                    {"calendar.working_days", "working-day"},
                    {"calendar.holidays", "holiday"}};
  options.help = {
      {"calendar.zone", "time zone of its calendar, as Europe/Madrid; no calendar: the body's counts"},
      {"calendar.working_days", "a day of the week on which work is done"},
      {"calendar.holidays", "a day on which it is not, YYYY-MM-DD, in order"},
      {"duty_hours", R"(when it answers, as {"day":"WEEKDAY_MONDAY","opens":"22:00","closes":"24:00"})"}};
  return options;
}

std::vector<std::string> Row(const google::protobuf::Message& item) {
  const auto& unit = static_cast<const pb::Unit&>(item);
  return {unit.name(), EnumWords(unit.kind()), EnumWords(unit.status()), Original(unit.display_name())};
}

}  // namespace

void AddUnitCommands(CLI::App& root, Session& session) {
  CLI::App& units = AddGroup(root, "units", "The departments and desks of a body");
  AddList(units, session,
          {.name = "list",
           .help = "The units of a body",
           .method = std::string(kService) + "ListUnits",
           .request = pb::ListUnitsRequest::default_instance(),
           .response = pb::ListUnitsResponse::default_instance(),
           .arguments = {{"parent", "body", "as in bodies/es-fuenlabrada"}},
           .headings = {"name", "kind", "status", "display name"},
           .row = Row,
           .nothing = "No units."});
  AddCall(units, session,
          {.name = "show",
           .help = "One unit",
           .method = std::string(kService) + "GetUnit",
           .request = pb::GetUnitRequest::default_instance(),
           .response = pb::Unit::default_instance(),
           .arguments = {{"name", "unit", kUnitHelp}}});
  AddCreate(units, session,
            {.name = "create",
             .help = "Add a unit (supervisor)",
             .method = std::string(kService) + "CreateUnit",
             .request = pb::CreateUnitRequest::default_instance(),
             .response = pb::Unit::default_instance(),
             .resource = "unit",
             .arguments = {{"parent", "body", "as in bodies/es-fuenlabrada"},
                           {"unit_id", "id", "its id within the body for good"}},
             .flags = UnitFlags()});
  AddUpdate(units, session,
            {.name = "update",
             .help = "Change a unit: each field given replaces what it has (supervisor)",
             .method = std::string(kService) + "UpdateUnit",
             .request = pb::UpdateUnitRequest::default_instance(),
             .response = pb::Unit::default_instance(),
             .resource = "unit",
             .arguments = {{"name", "unit", kUnitHelp}},
             .flags = UnitFlags()});
}

}  // namespace waypost::cli
