#include "services/directory/directory_rig.h"

#include <google/protobuf/text_format.h>

#include <map>
#include <stdexcept>

#include "services/directory/directory_limits.h"
#include "services/directory/directory_service.h"

namespace waypost::directory::testing {
namespace {

using policy::Role;

constexpr std::string_view kBody =
    "kind: BODY_KIND_MUNICIPALITY level: LEVEL_LOCAL territories: 'ES300' "
    "display_name { text { key: 'es' value: 'x' } original_language: 'es' }";

// By the type of the request; "$" stands for the id, and "#" for it with zeros before it: all but one of the
// digits of an enquiry.
const std::map<std::string_view, std::string>& Texts() {
  static const auto* const kTexts = new std::map<std::string_view, std::string>{
      {"CreateBodyRequest", base::Cat("body_id: 'new-$' body { ", kBody, " }")},
      {"GetBodyRequest", "name: 'bodies/$'"},
      {"ListBodiesRequest", "page_size: 1"},
      {"UpdateBodyRequest", "body { name: 'bodies/$' languages: 'ar' } update_mask { paths: 'languages' }"},
      {"SuspendBodyRequest", "name: 'bodies/$' reason: 'audit'"},
      {"ReactivateBodyRequest", "name: 'bodies/$' reason: 'done'"},
      {"DissolveBodyRequest", "name: 'bodies/$' reason: 'merged'"},
      {"CreateUnitRequest",
       "parent: 'bodies/$' unit_id: 'new-$' unit { kind: UNIT_KIND_DEPARTMENT status: UNIT_STATUS_ACTIVE "
       "display_name { text { key: 'es' value: 'x' } original_language: 'es' } }"},
      {"GetUnitRequest", "name: 'bodies/$/units/$'"},
      {"ListUnitsRequest", "parent: 'bodies/$' page_size: 1"},
      {"UpdateUnitRequest",
       "unit { name: 'bodies/$/units/$' status: UNIT_STATUS_CLOSED } update_mask { paths: 'status' }"},
      {"CreateOfferRequest",
       "offer_id: 'new-$' offer { provider: 'bodies/$' theme: THEME_HOUSING kind: OFFER_KIND_ONE_OFF "
       "status: OFFER_STATUS_ACTIVE territories: 'ES300' groups { group_id: 'all' } programme: "
       "'programmes/$' "
       "display_name { text { key: 'es' value: 'x' } original_language: 'es' } }"},
      {"GetOfferRequest", "name: 'offers/$'"},
      {"ListOffersRequest", "page_size: 1"},
      {"UpdateOfferRequest", "offer { name: 'offers/$' languages: 'ar' } update_mask { paths: 'languages' }"},
      {"ReportCapacityRequest", "name: 'offers/$' group_id: 'all' capacity { places: 8 free: 2 waiting: 1 }"},
      {"ReportPlacesRequest", "reports { offer: 'offers/none' group_id: 'all' count_time { seconds: 1 } }"},
      {"CreateProgrammeRequest",
       "programme_id: 'new-$' programme { lead: 'bodies/$' period { start_date: '2026-01-01' } "
       "display_name { text { key: 'es' value: 'x' } original_language: 'es' } }"},
      {"GetProgrammeRequest", "name: 'programmes/$'"},
      {"ListProgrammesRequest", "page_size: 1"},
      {"UpdateProgrammeRequest",
       "programme { name: 'programmes/$' funders: 'AMIF' } update_mask { paths: 'funders' }"},
      {"EndProgrammeRequest", "name: 'programmes/$' end_date: '2028-06-30' reason: 'no funds'"},
      {"CreateCoordinationAgreementRequest",
       "coordination_agreement_id: 'new-$' coordination_agreement { theme: THEME_HOUSING body: 'bodies/$' "
       "territory: 'ES300/$' reference: 'Convenio' period { start_date: '2029-01-01' } }"},
      {"GetCoordinationAgreementRequest", "name: 'coordinationAgreements/$'"},
      {"ListCoordinationAgreementsRequest", "page_size: 1"},
      {"EndCoordinationAgreementRequest", "name: 'coordinationAgreements/$' end_date: '2028-06-30'"},
      {"CreateSuccessionRequest",
       "succession_id: 'new-$' succession { kind: SUCCESSION_KIND_COMPETENCE_MOVED predecessor: 'bodies/$' "
       "shares { successor: 'bodies/es-node' themes: THEME_YOUTH } reference: 'Decreto' "
       "period { start_date: '2026-01-01' } }"},
      {"GetSuccessionRequest", "name: 'successions/$'"},
      {"ListSuccessionsRequest", "page_size: 1"},
      {"EndSuccessionRequest", "name: 'successions/$' end_date: '2028-06-30'"},
      {"ImportOffersRequest",
       "offers { offer_id: 'new-$' source_content: '{\"url\":\"https://x.eu\"}' offer { provider: 'bodies/$' "
       "theme: THEME_HOUSING kind: OFFER_KIND_ONE_OFF status: OFFER_STATUS_ACTIVE territories: 'ES300' "
       "source { system: 'https://x.eu' id: '$' } "
       "display_name { text { key: 'es' value: 'x' } original_language: 'es' } } }"},
      {"ExportOffersRequest", "page_size: 1"},
      {"ImportTerritoriesRequest",
       "territories { code: 'PT' display_name: 'Portugal-$' level: 0 version: 'NUTS 2013' "
       "valid_from: '2015-01-01' }"},
      {"GetTerritoryRequest", "code: 'ES'"},
      {"ListTerritoriesRequest", "page_size: 1"},
      {"ResolveRouteRequest", "theme: THEME_HOUSING territory: 'ES300/28058'"},
      {"EnquireRequest",
       "enquiry_id: 'f#' enquiry { body: 'bodies/es-association' "
       "theme: THEME_HOUSING territory: 'ES300' age_band: AGE_BAND_18_TO_24 language: 'ar' }"},
      {"GetEnquiryRequest", "name: 'enquiries/0#'"},
      {"ListEnquiriesRequest", "box: ENQUIRY_BOX_RECEIVED page_size: 1"},
      {"AnswerEnquiryRequest",
       "name: 'enquiries/0#' answer { verdict: ENQUIRY_VERDICT_NO reason: ENQUIRY_REASON_NO_CAPACITY }"},
      {"ListDirectoryTasksRequest", "body: 'bodies/$' page_size: 1"},
      {"ListChangesRequest", "page_size: 1"},
      {"WatchChangesRequest", "cursor: ''"},
  };
  return *kTexts;
}

template <typename Value>
void Must(const absl::StatusOr<Value>& value) {
  if (!value.ok()) throw std::runtime_error(std::string(base::ToStd(value.status().ToString())));
}

}  // namespace

std::string ValidText(std::string_view request_type, std::string_view id) {
  const auto found = Texts().find(request_type);
  if (found == Texts().end()) return "";
  std::string text;
  for (const char c : found->second) {
    if (c == '#') text.append(kEnquiryIdDigits - 1 - id.size(), '0');
    c == '$' || c == '#' ? text.append(id) : text.append(1, c);
  }
  return text;
}

void Merge(std::string_view text, google::protobuf::Message& message) {
  if (!google::protobuf::TextFormat::MergeFromString(std::string(text), &message))
    throw std::runtime_error(std::string(text));
}

DirectoryRig::DirectoryRig()
    : rig({.service = "directory", .on_disk = false}),
      service(std::make_unique<DirectoryService>(rig.env())) {
  rig.Serve(*service);
  stub = v1::DirectoryService::NewStub(rig.channel());
  node_operator = rig.TokenOf(kNodeBody, {Role::kOperator});
  for (const std::string_view name : {kNodeBody, kOtherBody, kAssociation}) {
    auto request = Valid<v1::CreateBodyRequest>("");
    request.set_body_id(std::string(name.substr(name.find('/') + 1)));
    if (name == kAssociation) request.mutable_body()->set_kind(v1::BODY_KIND_ASSOCIATION);
    Must(Do(node_operator, &Stub::CreateBody, request));
  }
  auto countries = Valid<v1::ImportTerritoriesRequest>("");
  Merge("territories { code: 'ES' display_name: 'ESPAÑA' version: 'NUTS 2013' valid_from: '2015-01-01' }",
        countries);
  Must(Do(node_operator, &Stub::ImportTerritories, countries));
}

DirectoryRig::~DirectoryRig() {
  stub.reset();
  rig.StopServing();
}

void DirectoryRig::Make(const std::string& id) {
  const std::string supervisor = rig.TokenOf(base::Cat("bodies/", id), {Role::kSupervisor});
  auto body = Valid<v1::CreateBodyRequest>(id);
  body.set_body_id(id);
  Must(Do(node_operator, &Stub::CreateBody, body));
  auto unit = Valid<v1::CreateUnitRequest>(id);
  unit.set_unit_id(id);
  Must(Do(supervisor, &Stub::CreateUnit, unit));
  auto programme = Valid<v1::CreateProgrammeRequest>(id);
  programme.set_programme_id(id);
  Must(Do(supervisor, &Stub::CreateProgramme, programme));
  auto offer = Valid<v1::CreateOfferRequest>(id);
  offer.set_offer_id(id);
  Must(Do(supervisor, &Stub::CreateOffer, offer));
  auto agreement = Valid<v1::CreateCoordinationAgreementRequest>(id);
  agreement.set_coordination_agreement_id(id);
  Merge("coordination_agreement { period { start_date: '2026-01-01' end_date: '2028-12-31' } }", agreement);
  Must(Do(node_operator, &Stub::CreateCoordinationAgreement, agreement));
  auto succession = Valid<v1::CreateSuccessionRequest>(id);
  succession.set_succession_id(id);
  succession.mutable_succession()->mutable_shares(0)->set_themes(0, type::v1::THEME_MOBILITY);
  Must(Do(node_operator, &Stub::CreateSuccession, succession));
  auto enquiry = Valid<v1::EnquireRequest>(id);
  enquiry.mutable_enquiry_id()->replace(0, 1, "0");
  enquiry.mutable_enquiry()->set_body(base::Cat("bodies/", id));
  Must(Do(rig.TokenOf(base::Cat("bodies/asks-", id), {Role::kCaseworker}), &Stub::Enquire, enquiry));
}

}  // namespace waypost::directory::testing
