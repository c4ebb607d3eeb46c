// waypost referral list, show, history, find, notes, parts, disclose, disclose-notes.
#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.ReferralService/";
const Argument kReferralArgument = {"name", "referral", "as in referrals/01jd… or 01jd…"};

// For CallCommand::complete and ListCommand::complete.
absl::Status CompleteName(Message& message) {
  const auto* name = message.GetDescriptor()->FindFieldByName("name");
  message.GetReflection()->SetString(&message, name,
                                     ReferralName(message.GetReflection()->GetString(message, name)));
  return absl::OkStatus();
}

Table HistoryTable(const pb::ListReferralHistoryResponse& history, absl::TimeZone zone) {
  Table table({"revision", "time", "event", "state", "body"});
  for (const pb::HistoryEntry& entry : history.entries()) {
    table.Add({base::Cat(entry.revision()), ShowTime(entry.time(), zone), entry.event(),
               EnumWords(entry.state()), entry.body().empty() ? "(system)" : entry.body()});
  }
  return table;
}

void AddReferralList(CLI::App& group, Session& session) {
  ListCommand list = {.name = "list",
                      .help = "The own body's inbox or outbox, by due time",
                      .method = std::string(kService) + "ListReferrals",
                      .request = pb::ListReferralsRequest::default_instance(),
                      .response = pb::ListReferralsResponse::default_instance(),
                      .headings = ReferralHeadings(),
                      .nothing = "No referrals."};
  list.flags.rename = {{"states", "state"}};
  list.flags.help = {
      {"box", "what others ask of us (inbox, the default), or what we ask of others"},
      {"states", "only these; if absent, every state that is not an end, and of follow-ups every end"},
      {"unit", "a unit of the own body"},
      {"assigned_to_me", "only what is assigned to the caller, within --unit if that is given"}};
  list.complete = [](Message& message) {
    auto& request = static_cast<pb::ListReferralsRequest&>(message);
    if (request.box() == pb::BOX_UNSPECIFIED) request.set_box(pb::BOX_INBOX);
    return absl::OkStatus();
  };
  list.row = [&session](const Message& item) {
    return ReferralRow(static_cast<const pb::ReferralSummary&>(item), session.env().clock.Now(),
                       session.zone());
  };
  AddList(group, session, std::move(list));
}

absl::Status ShowReferral(Session& session, const pb::Referral& referral,
                          const pb::ListReferralHistoryResponse& history) {
  std::ostream& out = session.env().out;
  if (session.json()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string one, ToJsonLine(referral));
    WAYPOST_ASSIGN_OR_RETURN(const std::string two, ToJsonLine(history));
    nlohmann::ordered_json both;
    both["referral"] = nlohmann::ordered_json::parse(one);
    both["history"] = nlohmann::ordered_json::parse(two).value("entries", nlohmann::ordered_json::array());
    out << both.dump(1) << '\n';
    return absl::OkStatus();
  }
  out << Details(referral, session.zone());
  const std::string due = DueWords(referral.due(), session.env().clock.Now(), session.zone());
  if (!due.empty()) out << "\nDue: " << due << '\n';
  const Table table = HistoryTable(history, session.zone());
  if (!table.empty()) out << '\n' << table.ToText(session.colour());
  return absl::OkStatus();
}

void AddReferralShow(CLI::App& group, Session& session) {
  CLI::App& leaf =
      *group.add_subcommand("show", "One referral: what is due, what may be done, what happened");
  auto name = std::make_shared<std::string>();
  leaf.add_option(kReferralArgument.name, *name, kReferralArgument.help)->required();
  session.On(leaf, [&session, name]() -> absl::Status {
    pb::GetReferralRequest get;
    get.set_name(ReferralName(*name));
    pb::Referral referral;
    WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "GetReferral", get, referral));
    pb::ListReferralHistoryRequest list;
    list.set_name(get.name());
    pb::ListReferralHistoryResponse history;
    WAYPOST_RETURN_IF_ERROR(
        session.ListAll(std::string(kService) + "ListReferralHistory", PageOptions{}, list, history));
    return ShowReferral(session, referral, history);
  });
}

void AddHistory(CLI::App& group, Session& session) {
  AddList(
      group, session,
      {.name = "history",
       .help = "What happened to a referral, oldest first",
       .method = std::string(kService) + "ListReferralHistory",
       .request = pb::ListReferralHistoryRequest::default_instance(),
       .response = pb::ListReferralHistoryResponse::default_instance(),
       .arguments = {kReferralArgument},
       .complete = CompleteName,
       .headings = {"revision", "time", "event", "state", "body", "actor", "voided"},
       .row =
           [&session](const Message& item) {
             const auto& entry = static_cast<const pb::HistoryEntry&>(item);
             return std::vector<std::string>{
                 base::Cat(entry.revision()), ShowTime(entry.time(), session.zone()),           entry.event(),
                 EnumWords(entry.state()),    entry.body().empty() ? "(system)" : entry.body(), entry.actor(),
                 entry.voided_entry()};
           },
       .nothing = "No history."});
}

void AddNotes(CLI::App& group, Session& session) {
  AddList(group, session,
          {.name = "notes",
           .help = "The notes that may be opened, without their texts",
           .method = std::string(kService) + "ListNotes",
           .request = pb::ListNotesRequest::default_instance(),
           .response = pb::ListNotesResponse::default_instance(),
           .arguments = {kReferralArgument},
           .complete = CompleteName,
           .headings = {"name", "kind", "visibility", "body", "time", "event", "void"},
           .row =
               [&session](const Message& item) {
                 const auto& note = static_cast<const pb::Note&>(item);
                 return std::vector<std::string>{note.name(),
                                                 EnumWords(note.kind()),
                                                 EnumWords(note.visibility()),
                                                 note.body(),
                                                 ShowTime(note.create_time(), session.zone()),
                                                 note.event(),
                                                 EnumWords(note.voided().reason())};
               },
           .nothing = "No notes."});
}

void AddParts(CLI::App& group, Session& session) {
  AddList(group, session,
          {.name = "parts",
           .help = "The parts of a referral that the own body made",
           .method = std::string(kService) + "ListParts",
           .request = pb::ListPartsRequest::default_instance(),
           .response = pb::ListPartsResponse::default_instance(),
           .arguments = {kReferralArgument},
           .complete = CompleteName,
           .headings = ReferralHeadings(),
           .row =
               [&session](const Message& item) {
                 return ReferralRow(static_cast<const pb::ReferralSummary&>(item), session.env().clock.Now(),
                                    session.zone());
               },
           .nothing = "No parts."});
}

void AddFind(CLI::App& group, Session& session) {
  CallCommand find = {.name = "find",
                      .help = "The own body's referrals with its own reference",
                      .method = std::string(kService) + "FindByOwnReference",
                      .request = pb::FindByOwnReferenceRequest::default_instance(),
                      .response = pb::FindByOwnReferenceResponse::default_instance(),
                      .arguments = {{"own_reference", "reference", "exactly as it was given"}}};
  find.show = [](Session& shown, const Message& message) {
    const auto& response = static_cast<const pb::FindByOwnReferenceResponse&>(message);
    Table table(ReferralHeadings());
    for (const pb::ReferralSummary& referral : response.referrals())
      table.Add(ReferralRow(referral, shown.env().clock.Now(), shown.zone()));
    return shown.Show(response, table, "No referral has it.");
  };
  AddCall(group, session, std::move(find));
}

}  // namespace

void AddReferralReading(CLI::App& referral, Session& session) {
  AddReferralList(referral, session);
  AddReferralShow(referral, session);
  AddHistory(referral, session);
  AddFind(referral, session);
  AddNotes(referral, session);
  AddParts(referral, session);
}

// Of both kinds of look.
constexpr char kOrderLaw[] =
    "with legal-obligation: the law of the order, as in es/ley-40-2015/art-14; recorded";
constexpr char kOrderReference[] =
    "with legal-obligation: the order's reference; recorded as a commitment alone";
constexpr char kOrderRecipient[] =
    "with legal-obligation: the body that it is disclosed to; yours if absent; recorded";

void AddReferralDisclosure(CLI::App& referral, Session& session) {
  CallCommand disclose = {.name = "disclose",
                          .help = "Open sections of people; who looked and why is recorded",
                          .method = std::string(kService) + "DiscloseReferral",
                          .request = pb::DiscloseReferralRequest::default_instance(),
                          .response = pb::DiscloseReferralResponse::default_instance(),
                          .arguments = {kReferralArgument},
                          .complete = CompleteName};
  disclose.flags.rename = {{"persons", "person"}, {"sections", "section"}};
  disclose.flags.help = {{"persons", "whose sections, by number; everybody's if absent"},
                         {"purpose", "what the look is for; recorded"},
                         {"law", kOrderLaw},
                         {"order_reference", kOrderReference},
                         {"recipient_body", kOrderRecipient}};
  disclose.flags.required = {"sections", "purpose"};
  AddCall(referral, session, std::move(disclose));

  CallCommand notes = {.name = "disclose-notes",
                       .help = "Open notes; who looked and why is recorded",
                       .method = std::string(kService) + "DiscloseNotes",
                       .request = pb::DiscloseNotesRequest::default_instance(),
                       .response = pb::DiscloseNotesResponse::default_instance(),
                       .arguments = {kReferralArgument},
                       .complete = CompleteName};
  notes.flags.rename = {{"notes", "note"}};
  notes.flags.help = {{"notes", "as in referrals/01jd…/notes/3"},
                      {"purpose", "what the look is for; recorded"},
                      {"law", kOrderLaw},
                      {"order_reference", kOrderReference},
                      {"recipient_body", kOrderRecipient}};
  notes.flags.required = {"notes", "purpose"};
  AddCall(referral, session, std::move(notes));
}

void AddReferralCommands(CLI::App& root, Session& session) {
  CLI::App& referral = AddGroup(root, "referral", "Cases handed from body to body");
  AddReferralWriting(referral, session);
  AddReferralReading(referral, session);
  AddReferralDisclosure(referral, session);
  AddReferralActions(referral, session);
  AddReferralWatch(referral, session);
  AddReferralImport(referral, session);
  AddReferralDuplicates(referral, session);
  AddReferralReceipts(referral, session);
  AddLaterFlag(referral, session);
}

}  // namespace waypost::cli
