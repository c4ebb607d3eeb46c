#include "tools/waypost/hsds_attributes.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "tools/waypost/hsds_json.h"
#include "tools/waypost/hsds_package.h"

namespace waypost::cli {
namespace {

using nlohmann::json;

// A new form of any of them is a new taxonomy.
constexpr std::string_view kTaxonomy = "waypost-offer-1";

struct Kind {
  std::string_view link_type;
  std::string_view description;
};
constexpr std::array<Kind, 5> kKinds = {
    Kind{kHsdsEligibility, "For whom the service is, as a rule in JSON"},
    Kind{kHsdsOriginalLanguage, "The language in which a text was written"},
    Kind{kHsdsTranslation, "A text in another language than the one it was written in"},
    Kind{kHsdsGroup, "People served together, in JSON"},
    Kind{kHsdsWaiting, "How many people wait for these places"},
};

}  // namespace

json MakeHsdsAttribute(std::string_view owner, std::string_view entity, const HsdsAttribute& attribute) {
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const Kind& known) { return known.link_type == attribute.link_type; });
  const std::string what = base::Cat(attribute.link_type, "\n", attribute.code, "\n", attribute.language);
  json term = {{"id", HsdsUuid(kTaxonomy, what)},
               {"code", attribute.code},
               {"name", attribute.link_type},
               {"description", kind == kKinds.end() ? "" : std::string(kind->description)},
               {"taxonomy", std::string(kTaxonomy)}};
  if (!attribute.language.empty()) term["language"] = attribute.language;
  json made = {{"id", HsdsUuid(owner, base::Cat(entity, "\n", what))},
               {"link_type", attribute.link_type},
               {"link_entity", std::string(entity)},
               {"taxonomy_term", std::move(term)}};
  if (attribute.value.has_value()) made["value"] = *attribute.value;
  return made;
}

std::optional<HsdsAttribute> ReadHsdsAttribute(const json& attribute) {
  if (!attribute.is_object()) return std::nullopt;
  const json* const term = HsdsMember(attribute, "taxonomy_term");
  if (term == nullptr || !term->is_object() || HsdsTextIn(*term, "taxonomy") != kTaxonomy)
    return std::nullopt;
  HsdsAttribute read = {.link_type = HsdsTextIn(attribute, "link_type"),
                        .code = HsdsTextIn(*term, "code"),
                        .language = HsdsTextIn(*term, "language"),
                        .value = std::nullopt};
  const bool is_known = std::any_of(kKinds.begin(), kKinds.end(),
                                    [&](const Kind& kind) { return kind.link_type == read.link_type; });
  if (!is_known) return std::nullopt;
  const json* const value = HsdsMember(attribute, "value");
  if (value != nullptr && value->is_string()) read.value = value->get<std::string>();
  return read;
}

std::vector<HsdsAttribute> HsdsAttributesOf(const json& item) {
  std::vector<HsdsAttribute> found;
  const json* const list = item.is_object() ? HsdsMember(item, "attributes") : nullptr;
  if (list == nullptr || !list->is_array()) return found;
  for (const json& attribute : *list) {
    if (auto read = ReadHsdsAttribute(attribute)) found.push_back(*std::move(read));
  }
  return found;
}

void SetHsdsAttributes(json& item, const std::vector<json>& attributes) {
  const json* const before = HsdsMember(item, "attributes");
  if (before != nullptr && !before->is_array()) return;
  if (attributes.empty() && HsdsAttributesOf(item).empty()) return;
  json list = json::array();
  for (const json& attribute : before == nullptr ? json::array() : *before) {
    if (!ReadHsdsAttribute(attribute).has_value()) list.push_back(attribute);
  }
  for (const json& attribute : attributes) list.push_back(attribute);
  item.erase("attributes");
  if (!list.empty()) item["attributes"] = std::move(list);
}

std::string HsdsEligibilityWords(const directory::v1::EligibilityRule& rule) {
  std::string words = directory::DescribeRule(rule);
  if (words.size() <= kMaxHsdsTextBytes / 2) return words;
  return "Only for some people, by a rule that is too long to be told here: ask the provider.";
}

directory::AgeBounds HsdsAges(const directory::v1::EligibilityRule& rule) {
  if (!rule.has_age()) return directory::ImpliedAges(rule);
  directory::AgeBounds ages;
  if (rule.age().has_min_years()) ages.min_years = rule.age().min_years();
  if (rule.age().has_max_years()) ages.max_years = rule.age().max_years();
  return ages;
}

std::string HsdsCapacityId(std::string_view service_id, std::string_view group_id) {
  return HsdsUuid(service_id, base::Cat("capacity ", group_id));
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
