#include "tools/waypost/hsds_export.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/status/errors.h"
#include "tools/waypost/hsds_mapping.h"
#include "tools/waypost/hsds_package.h"
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

std::string TextIn(const json& item, const char* name) {
  return item.is_object() && item.contains(name) && item[name].is_string() ? item[name].get<std::string>()
                                                                           : "";
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
  if (HsdsText(TextIn(service, "description")) != description) {
    service.erase("description");
    if (!description.empty()) service["description"] = description;
  }
  service["status"] = StatusOf(offer.status());
  if (!offer.assured_date().empty()) service["assured_date"] = offer.assured_date();
  const pb::AgeCondition& age = offer.eligibility().age();
  if (age.has_min_years()) service["minimum_age"] = age.min_years();
  if (age.has_max_years()) service["maximum_age"] = age.max_years();
}

void SetLists(const pb::Offer& offer, json& service) {
  BringTo(
      service, "languages", {offer.languages().begin(), offer.languages().end()},
      [](const json& item) { return HsdsLanguageTag(TextIn(item, "code")); },
      [&offer](const std::string& tag) {
        return json{{"id", HsdsUuid(offer.name(), base::Cat("language ", tag))}, {"code", tag}};
      });
  std::vector<std::string> documents;
  for (const auto& document : offer.required_documents()) documents.push_back(OriginalOf(document));
  BringTo(
      service, "required_documents", documents,
      [](const json& item) { return HsdsText(TextIn(item, "document")); },
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
  const std::string schedule = OriginalOf(offer.schedule());
  if (schedule.empty()) return;
  service["schedules"] =
      json::array({{{"id", HsdsUuid(offer.name(), "schedule")}, {"description", schedule}}});
}

}  // namespace

absl::StatusOr<json> HsdsServiceOf(const pb::ExportedOffer& exported, const pb::Body& provider) {
  const pb::Offer& offer = exported.offer();
  json service = json::object();
  if (!exported.source_content().empty()) {
    service = json::parse(exported.source_content(), nullptr, /*allow_exceptions=*/false);
    if (!service.is_object()) return error::DataLoss(base::Cat("content of ", offer.name()));
  }
  service["id"] = offer.has_source() ? offer.source().id() : HsdsUuid(offer.name(), "offer");
  SetWords(offer, service);
  SetLists(offer, service);
  if (!offer.has_source()) SetOwn(offer, provider, service);
  return service;
}

std::string HsdsUuid(std::string_view resource, std::string_view what) {
  std::string bytes = crypto::Sha256(base::Cat(resource, "\n", what)).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x80);  // version 8
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);  // the variant
  std::string text = base::ToHex(bytes);
  for (const size_t at : {20u, 16u, 12u, 8u}) text.insert(at, "-");
  return text;
}

}  // namespace waypost::cli
