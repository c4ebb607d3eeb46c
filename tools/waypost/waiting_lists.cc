// waypost waiting-list: the waiting lists of offers' groups.
#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.referral.v1.EnrolmentService/";
constexpr char kOfferHelp[] = "as in offers/fr-pont-de-claix-asl";
constexpr char kGroupHelp[] = "the group's id in the offer";

// "asl" for "offers/asl", too.
std::string ListName(const std::string& offer, const std::string& group) {
  const bool is_name = offer.rfind("offers/", 0) == 0;
  return base::Cat(is_name ? "" : "offers/", offer, "/groups/", group, "/waitingList");
}

std::string CriteriaWords(const pb::WaitingList& list) {
  std::string words;
  for (const int criterion : list.criteria()) {
    words +=
        base::Cat(words.empty() ? "" : ", ", EnumWords(static_cast<pb::WaitingListCriterion>(criterion)));
  }
  return words;
}

void ShowList(const pb::WaitingList& list, std::ostream& out) {
  out << list.name() << ": by " << CriteriaWords(list) << " (revision " << list.revision() << ", etag "
      << list.etag() << ")\n";
  // Counts are for the body that delivers the offer; without places declared there is no limit.
  if (list.taken() > 0 || list.waiting_count() > 0 || list.has_places()) {
    out << "  " << list.taken() << " taken"
        << (list.has_places() ? base::Cat(" of ", list.places()) : std::string()) << ", "
        << list.waiting_count() << " waiting (" << list.waiting_person_count() << " people)\n";
  }
  if (!list.next_referral().empty()) {
    out << "  " << (list.has_free() ? base::Cat(list.free(), " free; ") : std::string()) << "next is "
        << list.next_referral() << '\n';
  }
}

absl::Status ShowWhole(Session& session, const pb::WaitingList& list,
                       const pb::ListWaitingListResponse& entries) {
  std::ostream& out = session.env().out;
  if (session.json()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string one, ToJsonLine(list));
    WAYPOST_ASSIGN_OR_RETURN(const std::string two, ToJsonLine(entries));
    nlohmann::ordered_json both;
    both["waitingList"] = nlohmann::ordered_json::parse(one);
    both["entries"] = nlohmann::ordered_json::parse(two).value("entries", nlohmann::ordered_json::array());
    out << both.dump(1) << '\n';
    return absl::OkStatus();
  }
  ShowList(list, out);
  Table table({"position", "referral", "referring body", "priority", "people", "since"});
  for (const pb::WaitingListEntry& entry : entries.entries()) {
    const bool known = !entry.referral().empty();
    table.Add({base::Cat(entry.position()), known ? entry.referral() : "(not yours)", entry.referring_body(),
               known ? EnumWords(entry.priority()) : "", known ? base::Cat(entry.persons_size()) : "",
               known ? ShowTime(entry.since_time(), session.zone()) : ""});
  }
  if (!table.empty()) out << '\n' << table.ToText(session.colour());
  return absl::OkStatus();
}

void AddShow(CLI::App& group, Session& session) {
  CLI::App& leaf = *group.add_subcommand("show", "Criteria, places, and who waits, in order");
  auto offer = std::make_shared<std::string>();
  auto group_id = std::make_shared<std::string>();
  auto page = std::make_shared<PageOptions>();
  leaf.add_option("offer", *offer, kOfferHelp)->required();
  leaf.add_option("group", *group_id, kGroupHelp)->required();
  AddPageFlags(leaf, *page);
  session.On(leaf, [&session, offer, group_id, page]() -> absl::Status {
    pb::GetWaitingListRequest get;
    get.set_name(ListName(*offer, *group_id));
    pb::WaitingList list;
    WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "GetWaitingList", get, list));
    pb::ListWaitingListRequest request;
    request.set_name(get.name());
    pb::ListWaitingListResponse entries;
    WAYPOST_RETURN_IF_ERROR(
        session.ListAll(std::string(kService) + "ListWaitingList", *page, request, entries));
    return ShowWhole(session, list, entries);
  });
}

// For everybody: GetWaitingList alone; or, with criteria, by a supervisor of the body that delivers the
// offer.
void AddCriteria(CLI::App& group, Session& session) {
  CLI::App& leaf = *group.add_subcommand("criteria", "Show the criteria, or publish others");
  auto offer = std::make_shared<std::string>();
  auto group_id = std::make_shared<std::string>();
  auto etag = std::make_shared<std::string>();
  auto criteria = std::make_shared<std::vector<std::string>>();
  leaf.add_option("offer", *offer, kOfferHelp)->required();
  leaf.add_option("group", *group_id, kGroupHelp)->required();
  leaf.add_option("--criterion", *criteria, "in their order, once for each; none: show those there are")
      ->type_name("WORD")
      ->allow_extra_args(false)
      ->check(EnumChoice(*pb::WaitingListCriterion_descriptor()));
  leaf.add_option("--etag", *etag, "only if it is still this version");
  session.On(leaf, [&session, offer, group_id, etag, criteria]() -> absl::Status {
    pb::WaitingList list;
    if (criteria->empty()) {
      pb::GetWaitingListRequest get;
      get.set_name(ListName(*offer, *group_id));
      WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "GetWaitingList", get, list));
    } else {
      pb::SetWaitingListCriteriaRequest set;
      set.set_name(ListName(*offer, *group_id));
      set.set_etag(*etag);
      for (const std::string& word : *criteria) {
        const auto* value = FindEnumValue(*pb::WaitingListCriterion_descriptor(), word);
        if (value != nullptr) set.add_criteria(static_cast<pb::WaitingListCriterion>(value->number()));
      }
      WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "SetWaitingListCriteria", set, list));
    }
    if (session.json()) return session.Show(list);
    ShowList(list, session.env().out);
    return absl::OkStatus();
  });
}

}  // namespace

void AddWaitingListCommands(CLI::App& root, Session& session) {
  CLI::App& group = AddGroup(root, "waiting-list", "Who waits for a place in a group of an offer");
  AddShow(group, session);
  AddCriteria(group, session);
}

}  // namespace waypost::cli
