// waypost bodies: who exists.
#include <map>
#include <ostream>
#include <set>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
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
const char* const kBodyHelp = "as in bodies/es-fuenlabrada";

FlagOptions BodyFlags() {
  FlagOptions options;
  options.skip = {"status", "status_reason", "allowed_actions"};
  options.flatten = {"calendar"};
  options.rename = {{"memberships", "membership"},   {"territories", "territory"},
                    {"competences", "competence"},   {"languages", "language"},
                    {"contacts", "contact"},         {"calendar.working_days", "working-day"},
                    {"calendar.holidays", "holiday"}};
  options.help = {{"parent", "the body it belongs to, as bodies/es-madrid"},
                  {"enforcement", "police, border or immigration enforcement"},
                  {"approval_required", "a supervisor approves each of its referrals before it is sent"},
                  {"calendar.zone", "time zone of its calendar, as Europe/Madrid"},
                  {"calendar.working_days", "a day of the week on which work is done"},
                  {"calendar.holidays", "a day on which it is not, YYYY-MM-DD, in order"}};
  return options;
}

std::vector<std::string> Row(const Message& item) {
  const auto& body = static_cast<const pb::Body&>(item);
  return {body.name(),   EnumWords(body.kind()),       EnumWords(body.level()), EnumWords(body.status()),
          body.parent(), Original(body.display_name())};
}

std::vector<std::string> TaskRow(const Message& item) {
  const auto& task = static_cast<const pb::DirectoryTask&>(item);
  std::string details = task.group_id() + task.programme();
  if (task.theme() != type::v1::THEME_UNSPECIFIED) {
    details = base::Cat(EnumWords(task.theme()), ", ", EnumWords(task.function()), ", ", task.territory());
  }
  return {EnumWords(task.kind()), task.resource(), task.since_date(), task.end_date(), details};
}

using Children = std::multimap<std::string, const pb::Body*>;

// Writes what lies under `parent`. Each body is written once, so that a circle ends.
void WriteTree(const Children& children, const std::string& parent, const std::string& indent,
               std::set<std::string>& written, std::ostream& out) {
  const auto [first, last] = children.equal_range(parent);
  for (auto child = first; child != last; ++child) {
    const pb::Body& body = *child->second;
    if (!written.insert(body.name()).second) continue;
    const bool is_last = std::next(child) == last;
    const std::string status = body.status() == pb::BODY_STATUS_ACTIVE ? "" : ", " + EnumWords(body.status());
    out << indent << (is_last ? "└─ " : "├─ ") << Printable(body.name()) << "  "
        << Printable(Original(body.display_name())) << " (" << EnumWords(body.kind()) << status << ")\n";
    WriteTree(children, body.name(), indent + (is_last ? "   " : "│  "), written, out);
  }
}

absl::Status ShowTree(Session& session) {
  pb::ListBodiesRequest request;
  pb::ListBodiesResponse response;
  PageOptions all;
  all.limit = 0;
  WAYPOST_RETURN_IF_ERROR(session.ListAll(std::string(kService) + "ListBodies", all, request, response));
  if (session.json()) return session.ShowJson(response);
  std::set<std::string> known;
  for (const pb::Body& body : response.bodies()) known.insert(body.name());
  Children children;
  for (const pb::Body& body : response.bodies()) {
    children.insert({known.count(body.parent()) > 0 ? body.parent() : "", &body});
  }
  std::set<std::string> written;
  WriteTree(children, "", "", written, session.env().out);
  return absl::OkStatus();
}

void AddStatusChange(CLI::App& bodies, Session& session, const std::string& name, const std::string& method,
                     const Message& request, const std::string& help) {
  CallCommand command = {.name = name,
                         .help = help,
                         .method = kService + method,
                         .request = request,
                         .response = pb::Body::default_instance(),
                         .arguments = {{"name", "body", kBodyHelp}}};
  command.flags.help = {{"reason", "why; about the body, never about a person"}};
  command.flags.required = {"reason"};
  AddCall(bodies, session, std::move(command));
}

}  // namespace

void AddBodyCommands(CLI::App& root, Session& session) {
  CLI::App& bodies = AddGroup(root, "bodies", "Municipalities, regions, agencies, associations, providers");
  ListCommand list = {.name = "list",
                      .help = "Bodies by id; at most one of the filters",
                      .method = std::string(kService) + "ListBodies",
                      .request = pb::ListBodiesRequest::default_instance(),
                      .response = pb::ListBodiesResponse::default_instance(),
                      .headings = {"name", "kind", "level", "status", "parent", "display name"},
                      .row = Row,
                      .nothing = "No bodies."};
  list.flags.help = {{"parent", "only the direct children of this body"},
                     {"association", "only present and past members of this association"}};
  AddList(bodies, session, std::move(list));
  AddCall(bodies, session,
          {.name = "show",
           .help = "One body",
           .method = std::string(kService) + "GetBody",
           .request = pb::GetBodyRequest::default_instance(),
           .response = pb::Body::default_instance(),
           .arguments = {{"name", "body", kBodyHelp}}});
  AddList(bodies, session,
          {.name = "tasks",
           .help = "What a body has to see to: offers to confirm, places to report, what ends soon",
           .method = std::string(kService) + "ListDirectoryTasks",
           .request = pb::ListDirectoryTasksRequest::default_instance(),
           .response = pb::ListDirectoryTasksResponse::default_instance(),
           .arguments = {{"body", "body", kBodyHelp}},
           .headings = {"task", "of", "since", "ends", "details"},
           .row = TaskRow,
           .nothing = "Nothing to do."});
  session.On(*bodies.add_subcommand("tree", "All bodies, each under the one it belongs to"),
             [&session] { return ShowTree(session); });
  AddCreate(bodies, session,
            {.name = "create",
             .help = "Register a body (operator)",
             .method = std::string(kService) + "CreateBody",
             .request = pb::CreateBodyRequest::default_instance(),
             .response = pb::Body::default_instance(),
             .resource = "body",
             .arguments = {{"body_id", "id", "its id for good, as in es-fuenlabrada"}},
             .flags = BodyFlags()});
  AddUpdate(bodies, session,
            {.name = "update",
             .help = "Change a body: each field given replaces what it has",
             .method = std::string(kService) + "UpdateBody",
             .request = pb::UpdateBodyRequest::default_instance(),
             .response = pb::Body::default_instance(),
             .resource = "body",
             .arguments = {{"name", "body", kBodyHelp}},
             .flags = BodyFlags()});
  AddStatusChange(bodies, session, "suspend", "SuspendBody", pb::SuspendBodyRequest::default_instance(),
                  "Stop a body from being given anything new (operator)");
  AddStatusChange(bodies, session, "reactivate", "ReactivateBody",
                  pb::ReactivateBodyRequest::default_instance(), "End a suspension (operator)");
  AddStatusChange(bodies, session, "dissolve", "DissolveBody", pb::DissolveBodyRequest::default_instance(),
                  "Record that a body no longer exists, for good (operator)");
}

}  // namespace waypost::cli
