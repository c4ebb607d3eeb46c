// waypost breaches: what was sent to the wrong body, and what was done about it.
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/breach.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.BreachService/";

std::string BreachName(const std::string& text) {
  return text.find('/') == std::string::npos ? "breaches/" + text : text;
}

std::string RiskWords(pb::BreachRisk risk) {
  return risk == pb::BREACH_RISK_UNSPECIFIED ? "to assess" : EnumWords(risk);
}

// The breach, then a line for each thing that was recorded.
absl::Status ShowBreach(Session& session, const Message& message) {
  if (session.json()) return session.ShowJson(message);
  pb::Breach breach = static_cast<const pb::Breach&>(message);
  Table entries({"recorded", "what", "by", "risk", "when it was", "reference"});
  for (const pb::BreachEntry& entry : breach.entries()) {
    entries.Add({ShowTime(entry.record_time(), session.zone()), entry.action(), entry.actor(),
                 EnumWords(entry.risk()), ShowTime(entry.event_time(), session.zone()), entry.reference()});
  }
  breach.clear_entries();
  session.env().out << Details(breach, session.zone()) << '\n' << entries.ToText(session.colour());
  return absl::OkStatus();
}

std::vector<std::string> Row(const Message& item, absl::TimeZone zone) {
  const auto& breach = static_cast<const pb::Breach&>(item);
  return {breach.name(),
          breach.referral(),
          breach.wrong_body(),
          EnumWords(breach.state()),
          RiskWords(breach.risk()),
          ShowTime(breach.discover_time(), zone),
          ShowTime(breach.notify_by_time(), zone),
          breach.has_read_time() ? "opened" : "not opened"};
}

// A command about one breach, the flags of which are the fields of `Request`.
template <typename Request>
CallCommand About(std::string name, std::string help, std::string method) {
  CallCommand command = {.name = std::move(name),
                         .help = std::move(help),
                         .method = kService + std::move(method),
                         .request = Request::default_instance(),
                         .response = pb::Breach::default_instance(),
                         .arguments = {{"name", "breach", "as in breaches/01jd… or 01jd…"}},
                         .show = ShowBreach};
  command.complete = [](Message& message) {
    auto& request = static_cast<Request&>(message);
    request.set_name(BreachName(request.name()));
    return absl::OkStatus();
  };
  return command;
}

void AddReading(CLI::App& breaches, Session& session) {
  ListCommand list = {
      .name = "list",
      .help = "Those of your body that are not closed, the oldest first (supervisor, safeguarding officer)",
      .method = std::string(kService) + "ListBreaches",
      .request = pb::ListBreachesRequest::default_instance(),
      .response = pb::ListBreachesResponse::default_instance(),
      .headings = {"breach", "referral", "went to", "state", "risk", "found out", "tell by", "there"},
      .row = [&session](const Message& item) { return Row(item, session.zone()); },
      .nothing = "No breach."};
  list.flags.help = {{"all", "those that are closed, too"}};
  AddList(breaches, session, std::move(list));
  AddCall(breaches, session,
          About<pb::GetBreachRequest>("show", "One breach, and what was recorded of it", "GetBreach"));
}

void AddRecording(CLI::App& breaches, Session& session) {
  auto assess = About<pb::AssessBreachRequest>("assess", "Say what risk it is; opens one that was closed",
                                               "AssessBreach");
  assess.flags.required = {"risk", "risk_reason"};
  assess.flags.help = {{"risk", "none, risk or high-risk, for the people concerned"},
                       {"risk_reason", "what that rests on, mainly"}};
  AddCall(breaches, session, std::move(assess));

  auto notified = About<pb::RecordBreachNotificationRequest>(
      "notified", "Record that the authority was told, or why it was not", "RecordBreachNotification");
  notified.flags.help = {{"notify_time", "when it was told"},
                         {"reference", "its file number"},
                         {"delay_reason", "why later than 72 hours after the breach was found out"},
                         {"omission_reason", "why it was not told; instead of the time"}};
  AddCall(breaches, session, std::move(notified));

  auto told =
      About<pb::RecordPersonsToldRequest>("told", "Record that the people were told", "RecordPersonsTold");
  told.flags.required = {"tell_time", "informed_how"};
  told.flags.help = {{"tell_time", "when the last of them was"}, {"informed_how", "how"}};
  AddCall(breaches, session, std::move(told));

  auto deleted = About<pb::RecordBreachDeletionRequest>(
      "deleted", "Record that the other body has confirmed the deletion", "RecordBreachDeletion");
  deleted.flags.required = {"confirm_time"};
  deleted.flags.help = {{"confirm_time", "when it confirmed it"}};
  AddCall(breaches, session, std::move(deleted));

  AddCall(breaches, session,
          About<pb::CloseBreachRequest>("close", "Close it, once nothing is owed", "CloseBreach"));
}

}  // namespace

void AddBreachCommands(CLI::App& root, Session& session) {
  CLI::App& breaches =
      AddGroup(root, "breaches", "What was sent to the wrong body, and what was done about it");
  AddReading(breaches, session);
  AddRecording(breaches, session);
}

}  // namespace waypost::cli
