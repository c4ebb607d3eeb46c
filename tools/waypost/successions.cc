// waypost successions: who stands in whose place.
#include <string>

#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/words.h"
#include "waypost/directory/v1/requests.pb.h"
#include "waypost/referral/v1/succession.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";
const char* const kNameHelp = "as in successions/es-villaverde";

std::vector<std::string> Row(const google::protobuf::Message& item) {
  const auto& succession = static_cast<const pb::Succession&>(item);
  std::string successors;
  for (const pb::SuccessionShare& share : succession.shares()) {
    successors += (successors.empty() ? "" : ", ") + share.successor();
  }
  return {succession.name(),
          EnumWords(succession.kind()),
          succession.predecessor(),
          successors,
          succession.period().start_date(),
          succession.period().end_date(),
          succession.accounts_until()};
}

std::vector<std::string> MoveRow(const google::protobuf::Message& item) {
  const auto& move = static_cast<const referral::v1::SuccessionMove&>(item);
  return {move.succession(),
          move.predecessor(),
          move.start_date(),
          move.has_end_time() ? "moved" : "moving",
          std::to_string(move.moved_count()),
          std::to_string(move.looked_at_count()),
          std::to_string(move.left_behind_count()),
          std::to_string(move.failed_count()),
          std::to_string(move.walk())};
}

}  // namespace

void AddSuccessionCommands(CLI::App& root, Session& session) {
  CLI::App& successions = AddGroup(root, "successions", "Bodies that stand in another body's place");
  ListCommand list = {
      .name = "list",
      .help = "Successions by id; at most one of the filters",
      .method = std::string(kService) + "ListSuccessions",
      .request = pb::ListSuccessionsRequest::default_instance(),
      .response = pb::ListSuccessionsResponse::default_instance(),
      .headings = {"name", "kind", "predecessor", "successors", "start", "end", "accounts until"},
      .row = Row,
      .nothing = "No successions."};
  list.flags.help = {{"predecessor", "only those by which this body's place went to others"},
                     {"successor", "only those by which this body took a place"}};
  AddList(successions, session, std::move(list));
  AddCall(successions, session,
          {.name = "show",
           .help = "One succession",
           .method = std::string(kService) + "GetSuccession",
           .request = pb::GetSuccessionRequest::default_instance(),
           .response = pb::Succession::default_instance(),
           .arguments = {{"name", "succession", kNameHelp}}});
  WriteCommand create = {.name = "create",
                         .help = "Record who stands in a body's place (operator)",
                         .method = std::string(kService) + "CreateSuccession",
                         .request = pb::CreateSuccessionRequest::default_instance(),
                         .response = pb::Succession::default_instance(),
                         .resource = "succession",
                         .arguments = {{"succession_id", "id", "its id for good"}}};
  create.flags.rename = {
      {"period.start_date", "start-date"}, {"period.end_date", "end-date"}, {"shares", "share"}};
  create.flags.help = {
      {"period.start_date", "the first day, YYYY-MM-DD"},
      {"period.end_date", "the last day, YYYY-MM-DD"},
      {"shares", R"(who took what, as {"successor":"bodies/b","themes":["THEME_YOUTH"]})"},
      {"reference", "the act it rests on"},
      {"offers_follow", "where a competence moved: its offers go too, with their waiting lists"},
      {"accounts_until",
       "the last day on which the predecessor's accounts act for the successor, YYYY-MM-DD: of a merger all "
       "of them, otherwise those of caseworkers whose units the shares all give to one successor; 90 days "
       "after the first one unless given, and none where a competence moved; before the first one for none"}};
  AddCreate(successions, session, std::move(create));
  CallCommand end = {
      .name = "end",
      .help = "Record a succession's last day: it was taken back, or recorded wrongly (operator)",
      .method = std::string(kService) + "EndSuccession",
      .request = pb::EndSuccessionRequest::default_instance(),
      .response = pb::Succession::default_instance(),
      .arguments = {{"name", "succession", kNameHelp}}};
  end.flags.help = {{"end_date", "the last day on which it counts, YYYY-MM-DD"}};
  end.flags.required = {"end_date"};
  AddCall(successions, session, std::move(end));
  AddList(successions, session,
          {.name = "moves",
           .help = "How far the work of bodies that were succeeded has moved (operator, supervisor)",
           .method = "waypost.referral.v1.SuccessionService/ListSuccessionMoves",
           .request = referral::v1::ListSuccessionMovesRequest::default_instance(),
           .response = referral::v1::ListSuccessionMovesResponse::default_instance(),
           .headings = {"succession", "predecessor", "start", "state", "moved", "looked at", "left behind",
                        "failed", "walk"},
           .row = MoveRow,
           .nothing = "Nothing has moved."});
}

}  // namespace waypost::cli
