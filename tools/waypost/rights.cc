// waypost rights: people who withdraw, object, have use restricted or what is held put right, and what each
// holder answers.
#include <memory>
#include <ostream>

#include "common/status/errors.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/rights.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.ReferralService/";
const Argument kRequestArgument = {"name", "request", "as in rightsRequests/01jd… or 01jd…"};

std::string AnswerWords(pb::RightAnswer answer) {
  return answer == pb::RIGHT_ANSWER_UNSPECIFIED ? "pending" : EnumWords(answer);
}

void ShowNames(std::ostream& out, std::string_view what,
               const google::protobuf::RepeatedPtrField<std::string>& names) {
  if (names.empty()) return;
  out << '\n' << what << '\n';
  for (const std::string& name : names) out << "  " << Printable(name) << '\n';
}

// The request, a line for each holder, and where else it went or did not go.
absl::Status ShowRequest(Session& session, const Message& message) {
  if (session.json()) return session.ShowJson(message);
  pb::RightsRequest request = static_cast<const pb::RightsRequest&>(message);
  Table holders({"referral", "body", "side", "answer", "law", "until", "ground", "time"});
  for (const pb::RightsHolder& holder : request.holders()) {
    holders.Add({holder.referral(), holder.body(), EnumWords(holder.party()), AnswerWords(holder.answer()),
                 holder.law(), holder.retained_until(), EnumWords(holder.refusal_ground()),
                 ShowTime(holder.answer_time(), session.zone())});
  }
  const auto linked = request.linked_requests();
  const auto missed = request.not_reached();
  request.clear_holders();
  request.clear_linked_requests();
  request.clear_not_reached();
  std::ostream& out = session.env().out;
  out << Details(request, session.zone()) << '\n' << holders.ToText(session.colour());
  ShowNames(out, "In parts and their case it goes on as:", linked);
  ShowNames(out,
            "Not reached, since nobody said who is who there. If this person is in one, record it there too:",
            missed);
  return absl::OkStatus();
}

void AddRecord(CLI::App& rights, Session& session) {
  CallCommand command = {.name = "record",
                         .help = "Record that a person uses a right; it reaches every holder",
                         .method = std::string(kService) + "RecordRightsRequest",
                         .request = pb::RecordRightsRequestRequest::default_instance(),
                         .response = pb::RightsRequest::default_instance(),
                         .arguments = {{"name", "referral", "as in referrals/01jd… or 01jd…"}},
                         .show = ShowRequest};
  command.flags.required = {"kind", "person", "ask_time", "asked_how"};
  command.flags.help = {{"kind", "which right"},
                        {"person", "the person's number in the referral"},
                        {"ask_time", "when the person asked"},
                        {"asked_how", "how the person asked"},
                        {"text", "in words; encrypted, for both sides, at most 4,000 characters"},
                        {"etag", "of the referral"}};
  command.complete = [](Message& message) {
    auto& request = static_cast<pb::RecordRightsRequestRequest&>(message);
    request.set_name(ReferralName(request.name()));
    return absl::OkStatus();
  };
  AddCall(rights, session, std::move(command));
}

void AddAnswer(CLI::App& rights, Session& session) {
  auto surely = std::make_shared<bool>(false);
  CallCommand command = {.name = "answer",
                         .help = "Answer for the own body: the receipt of a right (supervisor)",
                         .method = std::string(kService) + "AnswerRightsRequest",
                         .request = pb::AnswerRightsRequestRequest::default_instance(),
                         .response = pb::RightsRequest::default_instance(),
                         .arguments = {kRequestArgument},
                         .show = ShowRequest};
  command.flags.required = {"referral", "answer"};
  command.flags.help = {
      {"referral", "for which the own body answers, as referrals/01jd… or 01jd…"},
      {"answer", "stopped-erased erases at once and for good, and needs --yes"},
      {"law", "with retained: the law, as es/ley-39-2015/art-17"},
      {"retained_until", "with retained: the last day, YYYY-MM-DD"},
      {"refusal_ground", "with refused: why"},
      {"corrected", R"(with rectified: the sections as they are to be, whole, best from a file: )"
                    R"({"person":1,"details":{…}})"},
      {"informed_how", "with lifted: how the person was told before"},
      {"informed_language", "with lifted: in which language, a BCP 47 tag"}};
  command.complete = [surely](Message& message) -> absl::Status {
    auto& request = static_cast<pb::AnswerRightsRequestRequest&>(message);
    request.set_name(RightsName(request.name()));
    request.set_referral(ReferralName(request.referral()));
    if (request.answer() == pb::RIGHT_ANSWER_STOPPED_ERASED && !*surely) {
      return error::InvalidField("--yes", "is required with stopped-erased: it cannot be brought back");
    }
    return absl::OkStatus();
  };
  CLI::App& leaf = AddCall(rights, session, std::move(command));
  leaf.add_flag("--yes", *surely, "surely; what is erased cannot be brought back");
}

void AddExport(CLI::App& rights, Session& session) {
  CallCommand command = {.name = "export",
                         .help =
                             "What the own body holds of one person, her enrolments, appointments and places "
                             "included, to answer them; recorded",
                         .method = std::string(kService) + "ExportPerson",
                         .request = pb::ExportPersonRequest::default_instance(),
                         .response = pb::ExportPersonResponse::default_instance(),
                         .arguments = {{"name", "referral", "as in referrals/01jd… or 01jd…"}}};
  command.flags.required = {"person"};
  command.flags.help = {{"person", "the person's number in the referral"}};
  command.complete = [](Message& message) {
    auto& request = static_cast<pb::ExportPersonRequest&>(message);
    request.set_name(ReferralName(request.name()));
    return absl::OkStatus();
  };
  AddCall(rights, session, std::move(command));
}

void AddLists(CLI::App& rights, Session& session) {
  ListCommand list = {.name = "list",
                      .help = "What the own body owes an answer to, oldest first (supervisor)",
                      .method = std::string(kService) + "ListRightsRequests",
                      .request = pb::ListRightsRequestsRequest::default_instance(),
                      .response = pb::ListRightsRequestsResponse::default_instance(),
                      .headings = {"request", "referral", "kind", "person", "asked", "due", "answer"},
                      .nothing = "Nothing to answer."};
  list.flags.help = {{"answered", "what it has answered instead"}};
  list.row = [&session](const Message& item) -> std::vector<std::string> {
    const auto& task = static_cast<const pb::RightsTask&>(item);
    const bool owed = task.answer() == pb::RIGHT_ANSWER_UNSPECIFIED;
    const absl::TimeZone zone = session.zone();
    return {
        task.request(),
        task.referral(),
        EnumWords(task.kind()),
        std::to_string(task.person()),
        ShowTime(task.ask_time(), zone),
        owed ? DueCell(task.due_time(), session.env().clock.Now(), zone) : ShowTime(task.due_time(), zone),
        AnswerWords(task.answer())};
  };
  AddList(rights, session, std::move(list));
  CallCommand show = {.name = "show",
                      .help = "One use of a right, and who has answered",
                      .method = std::string(kService) + "GetRightsRequest",
                      .request = pb::GetRightsRequestRequest::default_instance(),
                      .response = pb::RightsRequest::default_instance(),
                      .arguments = {kRequestArgument},
                      .show = ShowRequest};
  show.complete = [](Message& message) {
    auto& request = static_cast<pb::GetRightsRequestRequest&>(message);
    request.set_name(RightsName(request.name()));
    return absl::OkStatus();
  };
  AddCall(rights, session, std::move(show));
}

}  // namespace

std::string RightsName(const std::string& text) {
  return text.find('/') == std::string::npos ? "rightsRequests/" + text : text;
}

void AddRightsCommands(CLI::App& root, Session& session) {
  CLI::App& rights = AddGroup(
      root, "rights", "People who withdraw, object, restrict use, have it put right or ask for access");
  AddRecord(rights, session);
  AddLists(rights, session);
  AddAnswer(rights, session);
  AddExport(rights, session);
  AddRightsReceipts(rights, session);
}

}  // namespace waypost::cli
