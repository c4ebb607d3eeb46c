// waypost offers: what can be referred to.
#include "common/base/strings.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/details.h"
#include "tools/waypost/words.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";
const char* const kOfferHelp = "as in offers/fr-pont-de-claix-asl";

FlagOptions OfferFlags() {
  FlagOptions options;
  options.skip = {"assurance_overdue", "source"};
  options.rename = {{"territories", "territory"},
                    {"required_documents", "required-document"},
                    {"languages", "language"},
                    {"groups", "group"}};
  options.help = {{"provider", "the body that delivers it"},
                  {"programme", "the programme that pays for it"},
                  {"assured_date", "when the provider last confirmed it, YYYY-MM-DD"}};
  return options;
}

// "3 of 12 free", summed over the groups that ever reported.
std::string Places(const pb::Offer& offer) {
  int places = 0;
  int free = 0;
  bool is_known = false;
  for (const pb::OfferGroup& group : offer.groups()) {
    if (!group.has_capacity()) continue;
    is_known = true;
    places += group.capacity().places();
    free += group.capacity().free();
  }
  return is_known ? base::Cat(free, " of ", places, " free") : "";
}

std::vector<std::string> Row(const google::protobuf::Message& item) {
  const auto& offer = static_cast<const pb::Offer&>(item);
  return {offer.name(),  EnumWords(offer.theme()),      EnumWords(offer.status()), offer.provider(),
          Places(offer), Original(offer.display_name())};
}

void AddOfferList(CLI::App& offers, Session& session) {
  ListCommand list = {.name = "list",
                      .help = "Offers: of a provider, of a programme, of a theme and territory, or all",
                      .method = std::string(kService) + "ListOffers",
                      .request = pb::ListOffersRequest::default_instance(),
                      .response = pb::ListOffersResponse::default_instance(),
                      .headings = {"name", "theme", "status", "provider", "places", "display name"},
                      .row = Row,
                      .nothing = "No offers."};
  list.flags.help = {{"theme", "only about this; goes with --territory"},
                     {"territory", "only those that serve the whole of it; goes with --theme"}};
  AddList(offers, session, std::move(list));
}

void AddCapacity(CLI::App& offers, Session& session) {
  CallCommand capacity = {
      .name = "capacity",
      .help = "Report the places of a group as of now",
      .method = std::string(kService) + "ReportCapacity",
      .request = pb::ReportCapacityRequest::default_instance(),
      .response = pb::Offer::default_instance(),
      .arguments = {{"name", "offer", kOfferHelp}, {"group_id", "group", "its id in the offer"}}};
  capacity.flags.skip = {"capacity.update_time"};
  capacity.flags.rename = {
      {"capacity.places", "places"}, {"capacity.free", "free"}, {"capacity.waiting", "waiting"}};
  capacity.flags.help = {{"capacity.places", "how many in all"},
                         {"capacity.free", "how many of them are free"},
                         {"capacity.waiting", "how many people wait"}};
  capacity.flags.required = {"capacity.places", "capacity.free"};
  AddCall(offers, session, std::move(capacity));
}

}  // namespace

void AddOfferCommands(CLI::App& root, Session& session) {
  CLI::App& offers = AddGroup(root, "offers", "Services that people can be referred to");
  AddOfferList(offers, session);
  AddCall(offers, session,
          {.name = "show",
           .help = "One offer",
           .method = std::string(kService) + "GetOffer",
           .request = pb::GetOfferRequest::default_instance(),
           .response = pb::Offer::default_instance(),
           .arguments = {{"name", "offer", kOfferHelp}}});
  AddCreate(offers, session,
            {.name = "create",
             .help = "Add an offer (supervisor of the provider)",
             .method = std::string(kService) + "CreateOffer",
             .request = pb::CreateOfferRequest::default_instance(),
             .response = pb::Offer::default_instance(),
             .resource = "offer",
             .arguments = {{"offer_id", "id", "its id for good"}},
             .flags = OfferFlags()});
  AddUpdate(offers, session,
            {.name = "update",
             .help = "Change an offer: each field given replaces what it has",
             .method = std::string(kService) + "UpdateOffer",
             .request = pb::UpdateOfferRequest::default_instance(),
             .response = pb::Offer::default_instance(),
             .resource = "offer",
             .arguments = {{"name", "offer", kOfferHelp}},
             .flags = OfferFlags()});
  AddCapacity(offers, session);
  AddOfferCheck(offers, session);
  AddOfferImport(offers, session);
  AddOfferExport(offers, session);
}

}  // namespace waypost::cli
