#include "tools/waypost/hsds_export.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/hsds_attributes.h"
#include "tools/waypost/hsds_json.h"
#include "tools/waypost/hsds_mapping.h"
#include "tools/waypost/hsds_package.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/words.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using nlohmann::json;

std::string OriginalOf(const type::v1::LocalizedText& text) {
  const auto found = text.text().find(text.original_language());
  return found == text.text().end() ? "" : found->second;
}

std::string_view StatusOf(pb::OfferStatus status) {
  switch (status) {
    case pb::OFFER_STATUS_TEMPORARILY_CLOSED:
      return HsdsStatusWords(HsdsStatus::kTemporarilyClosed);
    case pb::OFFER_STATUS_INACTIVE:
      return HsdsStatusWords(HsdsStatus::kInactive);
    case pb::OFFER_STATUS_DEFUNCT:
      return HsdsStatusWords(HsdsStatus::kDefunct);
    default:
      return HsdsStatusWords(HsdsStatus::kActive);
  }
}

// The list `field` of the record, brought to `wanted`: what is still wanted stays as it was, what is not
// goes, what is new is added. `key_of` gives what an item of the record stands for; empty: it stays in any
// case.
template <typename KeyOf, typename Make>
void BringTo(json& service, const char* field, const std::vector<std::string>& wanted, const KeyOf& key_of,
             const Make& make) {
  json items = json::array();
  std::set<std::string> had;
  const json* const before = service.contains(field) && service[field].is_array() ? &service[field] : nullptr;
  for (const json& item : before == nullptr ? json::array() : *before) {
    const std::string key = key_of(item);
    if (!key.empty() && std::find(wanted.begin(), wanted.end(), key) == wanted.end()) continue;
    had.insert(key);
    items.push_back(item);
  }
  for (const std::string& key : wanted) {
    if (!had.contains(key)) items.push_back(make(key));
  }
  if (before != nullptr || !items.empty()) service[field] = std::move(items);
}

void SetWords(const pb::Offer& offer, json& service) {
  service["name"] = OriginalOf(offer.display_name());
  const std::string description = OriginalOf(offer.description());
  if (HsdsText(HsdsTextIn(service, "description")) != description) {
    service.erase("description");
    if (!description.empty()) service["description"] = description;
  }
  service["status"] = StatusOf(offer.status());
  if (!offer.assured_date().empty()) service["assured_date"] = offer.assured_date();
}

// What an item says of one text: its other languages, and the one it was written in where that is to be said.
void AddLanguages(const type::v1::LocalizedText& text, std::string_view owner, std::string_view entity,
                  const std::string& code, bool says_original, std::vector<json>& attributes) {
  if (OriginalOf(text).empty()) return;
  if (says_original) {
    attributes.push_back(MakeHsdsAttribute(owner, entity,
                                           {.link_type = std::string(kHsdsOriginalLanguage),
                                            .code = code,
                                            .language = {},
                                            .value = text.original_language()}));
  }
  const std::map<std::string, std::string> ordered(text.text().begin(), text.text().end());
  for (const auto& [language, words] : ordered) {
    if (language == text.original_language()) continue;
    attributes.push_back(MakeHsdsAttribute(
        owner, entity,
        {.link_type = std::string(kHsdsTranslation), .code = code, .language = language, .value = words}));
  }
}

// Whether the record has to say which language its name is in: always when it was made here, else once
// texts are in several.
bool SaysLanguage(const pb::Offer& offer, const json& service) {
  const auto differs = [&offer](const type::v1::LocalizedText& text) {
    return text.text_size() > 1 ||
           (text.text_size() == 1 && text.original_language() != offer.display_name().original_language());
  };
  const std::vector<HsdsAttribute> said = HsdsAttributesOf(service);
  return !offer.has_source() || differs(offer.display_name()) || differs(offer.description()) ||
         std::any_of(offer.required_documents().begin(), offer.required_documents().end(), differs) ||
         std::any_of(said.begin(), said.end(), [](const HsdsAttribute& attribute) {
           return attribute.link_type == kHsdsOriginalLanguage;
         });
}

void AddServiceLanguages(const pb::Offer& offer, const json& service, const std::string& id,
                         std::vector<json>& attributes) {
  AddLanguages(offer.display_name(), id, "service", kHsdsNameCode, SaysLanguage(offer, service), attributes);
  const bool is_other = offer.description().original_language() != offer.display_name().original_language();
  AddLanguages(offer.description(), id, "service", kHsdsDescriptionCode, is_other, attributes);
}

void SetDocumentLanguages(const pb::Offer& offer, json& service) {
  if (!service.contains("required_documents") || !service["required_documents"].is_array()) return;
  std::vector<const type::v1::LocalizedText*> left;
  for (const auto& document : offer.required_documents()) left.push_back(&document);
  for (json& item : service["required_documents"]) {
    const std::string text = HsdsText(HsdsTextIn(item, "document"));
    const auto found = std::find_if(left.begin(), left.end(),
                                    [&text](const auto* document) { return OriginalOf(*document) == text; });
    if (found == left.end()) continue;
    const bool is_other = (*found)->original_language() != offer.display_name().original_language();
    std::vector<json> attributes;
    AddLanguages(**found, base::Cat(HsdsTextIn(service, "id"), "\n", text), "required_document",
                 kHsdsDocumentCode, is_other, attributes);
    SetHsdsAttributes(item, attributes);
    left.erase(found);
  }
}

// A schedule of this offer, told from those of a record by the language that it says.
void AddSchedule(const pb::Offer& offer, const std::string& id, json& service) {
  const std::string text = OriginalOf(offer.schedule());
  if (text.empty()) return;
  json item = {{"id", HsdsUuid(id, "schedule")}, {"description", text}};
  std::vector<json> attributes;
  AddLanguages(offer.schedule(), HsdsTextIn(item, "id"), "schedule", kHsdsScheduleCode, true, attributes);
  SetHsdsAttributes(item, attributes);
  service["schedules"].push_back(std::move(item));
}

// For whom it is: ages where the rule sets them for everybody, and where it asks more, all of it in words and
// as it is.
void SetEligibility(const pb::Offer& offer, const std::string& id, json& service,
                    std::vector<json>& attributes) {
  if (!offer.has_eligibility()) return;
  const pb::EligibilityRule& rule = offer.eligibility();
  const directory::AgeBounds ages = HsdsAges(rule);
  if (ages.min_years.has_value()) service["minimum_age"] = *ages.min_years;
  if (ages.max_years.has_value()) service["maximum_age"] = *ages.max_years;
  if (rule.has_age()) return;
  const std::string own = HsdsTextIn(service, "eligibility_description");
  const std::string words = HsdsEligibilityWords(rule);
  service["eligibility_description"] = own.empty() ? words : base::Cat(own, "\n\n", words);
  HsdsAttribute attribute = {
      .link_type = std::string(kHsdsEligibility), .code = "rule", .language = {}, .value = std::nullopt};
  if (const auto text = ToJsonLine(rule); directory::IsRuleKnown(rule) && text.ok()) attribute.value = *text;
  attributes.push_back(MakeHsdsAttribute(id, "service", attribute));
}

// The one group that an import gives to every enrolment.
bool HasOnlyTheImportedGroup(const pb::Offer& offer) {
  if (!offer.has_source() || offer.groups_size() != 1) return false;
  const pb::OfferGroup& group = offer.groups(0);
  return group.group_id() == "all" && group.permanent() && group.display_name().text().empty() &&
         group.level().empty() && !group.has_capacity();
}

// Places as HSDS has them from 3.1 on; 3.0 has none, and leaves a record free to say more.
json PlacesOf(const pb::OfferGroup& group, const std::string& id) {
  const pb::Capacity& capacity = group.capacity();
  std::string name = OriginalOf(group.display_name());
  if (name.empty()) name = group.level().empty() ? group.group_id() : group.level();
  json item = {{"id", HsdsCapacityId(id, group.group_id())},
               {"unit", {{"id", HsdsUuid("unit", "place")}, {"name", "place"}}},
               {"available", capacity.free()},
               {"maximum", capacity.places()},
               {"description", base::Cat("Places of ", name)},
               {"updated", google::protobuf::util::TimeUtil::ToString(capacity.update_time())}};
  if (capacity.waiting() > 0) {
    SetHsdsAttributes(item, {MakeHsdsAttribute(HsdsTextIn(item, "id"), "service_capacity",
                                               {.link_type = std::string(kHsdsWaiting),
                                                .code = "people",
                                                .language = {},
                                                .value = base::Cat(capacity.waiting())})});
  }
  return item;
}

void AddGroups(const pb::Offer& offer, const std::string& id, json& service, std::vector<json>& attributes) {
  if (HasOnlyTheImportedGroup(offer)) return;
  const char* const field = service.contains("service_capacities") ? "service_capacities" : "capacities";
  for (const pb::OfferGroup& group : offer.groups()) {
    pb::OfferGroup plain = group;
    plain.clear_capacity();
    const auto text = ToJsonLine(plain);
    if (text.ok()) {
      attributes.push_back(MakeHsdsAttribute(
          id, "service",
          {.link_type = std::string(kHsdsGroup), .code = group.group_id(), .language = {}, .value = *text}));
    }
    // Places without a day would be read as those of today.
    if (group.capacity().has_update_time()) service[field].push_back(PlacesOf(group, id));
  }
}

void SetLists(const pb::Offer& offer, json& service) {
  BringTo(
      service, "languages", {offer.languages().begin(), offer.languages().end()},
      [](const json& item) { return HsdsLanguageTag(HsdsTextIn(item, "code")); },
      [&offer](const std::string& tag) {
        return json{{"id", HsdsUuid(offer.name(), base::Cat("language ", tag))}, {"code", tag}};
      });
  std::vector<std::string> documents;
  for (const auto& document : offer.required_documents()) documents.push_back(OriginalOf(document));
  BringTo(
      service, "required_documents", documents,
      [](const json& item) { return HsdsText(HsdsTextIn(item, "document")); },
      [&offer](const std::string& text) {
        return json{{"id", HsdsUuid(offer.name(), base::Cat("document ", text))}, {"document", text}};
      });
}

// What a record of another system says by itself.
void SetOwn(const pb::Offer& offer, const pb::Body& provider, json& service) {
  const std::string name = OriginalOf(provider.display_name());
  // A description is required of an organization; of a body there is none but its name.
  service["organization"] = {
      {"id", HsdsUuid(offer.provider(), "body")}, {"name", name}, {"description", name}};
  if (!provider.website().empty()) service["organization"]["website"] = provider.website();
  const std::string theme = EnumWords(offer.theme());
  const std::string& code = type::v1::Theme_Name(offer.theme());
  service["attributes"] = json::array(
      {{{"id", HsdsUuid(offer.name(), "theme")},
        {"link_entity", "service"},
        {"taxonomy_term",
         {{"id", HsdsUuid(code, "term")}, {"code", code}, {"name", theme}, {"description", theme}}}}});
  json areas = json::array();
  for (const std::string& territory : offer.territories()) {
    areas.push_back({{"id", HsdsUuid(offer.name(), base::Cat("area ", territory))}, {"name", territory}});
  }
  service["service_areas"] = std::move(areas);
}

}  // namespace

absl::StatusOr<json> HsdsServiceOf(const pb::ExportedOffer& exported, const pb::Body& provider) {
  const pb::Offer& offer = exported.offer();
  json service = json::object();
  if (!exported.source_content().empty()) {
    service = json::parse(exported.source_content(), nullptr, /*allow_exceptions=*/false);
    if (!service.is_object()) return error::DataLoss(base::Cat("content of ", offer.name()));
  }
  const std::string id = offer.has_source() ? offer.source().id() : HsdsUuid(offer.name(), "offer");
  service["id"] = id;
  SetWords(offer, service);
  SetLists(offer, service);
  if (!offer.has_source()) SetOwn(offer, provider, service);
  SetDocumentLanguages(offer, service);
  AddSchedule(offer, id, service);
  std::vector<json> attributes;
  SetEligibility(offer, id, service, attributes);
  AddServiceLanguages(offer, service, id, attributes);
  AddGroups(offer, id, service, attributes);
  SetHsdsAttributes(service, attributes);
  return service;
}

}  // namespace waypost::cli
