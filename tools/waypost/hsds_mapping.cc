#include "tools/waypost/hsds_mapping.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/territory/territory.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/hsds_attributes.h"
#include "tools/waypost/hsds_json.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using nlohmann::json;

bool IsIdLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Lower-case letters, digits and inner hyphens, as in every name of the directory.
bool IsId(std::string_view id, size_t bytes_max) {
  return !id.empty() && id.size() <= bytes_max && IsIdLetter(id.front()) && IsIdLetter(id.back()) &&
         std::all_of(id.begin(), id.end(), [](char c) { return IsIdLetter(c) || c == '-'; });
}

// --- Reading a mapping --------------------------------------------------------------------------------

class MappingReader {
 public:
  HsdsMappingRead Read(const json& document) && {
    if (!document.is_object()) {
      Problem("", "is not an object: give one");
      return std::move(read_);
    }
    Keys(document, "",
         {"format", "system", "offer_prefix", "language", "themes", "territories", "organizations",
          "services", "defaults", "leave_out"});
    const json* const format = HsdsMember(document, "format");
    if (format == nullptr || *format != 1)
      Problem("/format", "is not 1, the form that is known here: give it");
    mapping_.system = Text(document, "", "system", kMaxHsdsSystemBytes, /*required=*/true);
    mapping_.offer_prefix = Text(document, "", "offer_prefix", kMaxHsdsPrefixBytes, /*required=*/true);
    if (!mapping_.offer_prefix.empty() && !IsId(mapping_.offer_prefix, kMaxHsdsPrefixBytes)) {
      Problem("/offer_prefix", "is not lower-case letters, digits and inner hyphens: correct it");
    }
    mapping_.language = Text(document, "", "language", kMaxHsdsNameBytes, /*required=*/true);
    ForEach(document, "themes", [this](const std::string& at, const std::string& key, const json& value) {
      if (const auto theme = ThemeOf(at, value)) mapping_.themes[key] = *theme;
    });
    ForEach(document, "territories",
            [this](const std::string& at, const std::string& key, const json& value) {
              mapping_.territories[key] = Territories(at, value);
            });
    ForEach(document, "organizations",
            [this](const std::string& at, const std::string& key, const json& value) {
              mapping_.organizations[key] = Target(at, value);
            });
    ForEach(document, "services", [this](const std::string& at, const std::string& key, const json& value) {
      mapping_.services[key] = Target(at, value);
    });
    if (const json* const defaults = HsdsMember(document, "defaults"); defaults != nullptr) {
      mapping_.defaults = Target("/defaults", *defaults);
    }
    ReadLeaveOut(document);
    if (read_.problems.empty()) read_.mapping = std::move(mapping_);
    return std::move(read_);
  }

 private:
  void Problem(const std::string& pointer, std::string problem) {
    read_.problems.emplace_back(pointer, std::move(problem));
  }

  void Keys(const json& object, const std::string& at, const std::vector<std::string_view>& known) {
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      Problem(at + HsdsPointerStep(key), "is not known here: take it out, or correct its name");
    }
  }

  std::string Text(const json& object, const std::string& at, const char* key, size_t bytes_max,
                   bool required) {
    const json* const value = HsdsMember(object, key);
    const std::string pointer = at + HsdsPointerStep(key);
    if (value == nullptr) {
      if (required) Problem(pointer, "is missing: give it");
      return "";
    }
    if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
      Problem(pointer, "is not a text: give one");
      return "";
    }
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() <= bytes_max) return text;
    Problem(pointer, base::Cat("has more than ", bytes_max, " bytes: shorten it"));
    return "";
  }

  template <typename Take>
  void ForEach(const json& document, const char* key, const Take& take) {
    const json* const members = HsdsMember(document, key);
    if (members == nullptr) return;
    const std::string at = HsdsPointerStep(key);
    if (!members->is_object()) return Problem(at, "is not an object: give one");
    for (const auto& [name, value] : members->items()) take(at + HsdsPointerStep(name), name, value);
  }

  // "mental-health", "MENTAL_HEALTH" or "THEME_MENTAL_HEALTH".
  std::optional<type::v1::Theme> ThemeOf(const std::string& at, const json& value) {
    type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;
    std::string word = value.is_string() ? value.get<std::string>() : "";
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
      return c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (!word.starts_with("THEME_")) word.insert(0, "THEME_");
    if (type::v1::Theme_Parse(word, &theme) && theme != type::v1::THEME_UNSPECIFIED) return theme;
    Problem(at, "is not a theme, as housing or mental-health: correct it");
    return std::nullopt;
  }

  std::vector<std::string> Territories(const std::string& at, const json& value) {
    std::vector<std::string> codes;
    if (!value.is_array() || value.empty() || value.size() > kMaxHsdsTerritories) {
      Problem(at, base::Cat("is not an array of 1 to ", kMaxHsdsTerritories, " territory codes: give one"));
      return codes;
    }
    size_t index = 0;
    for (const json& code : value) {
      if (code.is_string() && territory::IsTerritory(code.get_ref<const std::string&>())) {
        codes.push_back(code.get<std::string>());
      } else {
        Problem(base::Cat(at, "/", index), "is not a territory code as in ES300 or ES300/28058: correct it");
      }
      ++index;
    }
    return codes;
  }

  std::string Name(const json& object, const std::string& at, const char* key, std::string_view collection) {
    std::string name = Text(object, at, key, kMaxHsdsNameBytes, /*required=*/false);
    if (name.empty() || (name.starts_with(collection) && IsId(name.substr(collection.size()), 63)))
      return name;
    Problem(at + HsdsPointerStep(key), base::Cat("is not a name as in ", collection, "example: correct it"));
    return "";
  }

  HsdsTarget Target(const std::string& at, const json& value) {
    HsdsTarget target;
    if (!value.is_object()) {
      Problem(at, "is not an object: give one");
      return target;
    }
    Keys(value, at, {"body", "programme", "theme", "kind", "territories"});
    target.body = Name(value, at, "body", "bodies/");
    target.programme = Name(value, at, "programme", "programmes/");
    if (const json* const theme = HsdsMember(value, "theme"); theme != nullptr) {
      target.theme = ThemeOf(at + "/theme", *theme).value_or(type::v1::THEME_UNSPECIFIED);
    }
    if (const json* const kind = HsdsMember(value, "kind"); kind != nullptr) {
      target.kind = *kind == "one-off"     ? pb::OFFER_KIND_ONE_OFF
                    : *kind == "enrolment" ? pb::OFFER_KIND_ENROLMENT
                                           : pb::OFFER_KIND_UNSPECIFIED;
      if (target.kind == pb::OFFER_KIND_UNSPECIFIED) {
        Problem(at + "/kind", "is neither one-off nor enrolment: give one of them");
      }
    }
    if (const json* const codes = HsdsMember(value, "territories"); codes != nullptr) {
      target.territories = Territories(at + "/territories", *codes);
    }
    return target;
  }

  void ReadLeaveOut(const json& document) {
    const json* const fields = HsdsMember(document, "leave_out");
    if (fields == nullptr) return;
    if (!fields->is_array()) return Problem("/leave_out", "is not an array of names of fields: give one");
    size_t index = 0;
    for (const json& field : *fields) {
      if (field.is_string() && !field.get_ref<const std::string&>().empty()) {
        mapping_.leave_out.insert(field.get<std::string>());
      } else {
        Problem(base::Cat("/leave_out/", index), "is not the name of a field: correct it");
      }
      ++index;
    }
  }

  HsdsMapping mapping_;
  HsdsMappingRead read_;
};

// --- Mapping a service --------------------------------------------------------------------------------

void LeaveOut(const std::set<std::string>& names, json& value) {
  if (names.empty()) return;
  if (value.is_array()) {
    for (json& item : value) LeaveOut(names, item);
  }
  if (!value.is_object()) return;
  for (const std::string& name : names) value.erase(name);
  for (auto& [key, member] : value.items()) LeaveOut(names, member);
}

// The items of a list that is one.
std::vector<const json*> ItemsIn(const json& object, const char* name) {
  std::vector<const json*> items;
  const json* const list = object.is_object() ? HsdsMember(object, name) : nullptr;
  if (list == nullptr || !list->is_array()) return items;
  for (const json& item : *list) items.push_back(&item);
  return items;
}

std::string Listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += base::Cat(text.empty() ? "" : ", ", word);
  return text;
}

// Makes one offer.
class ServiceMapper {
 public:
  ServiceMapper(const HsdsService& service, const HsdsMapping& mapping)
      : service_(service),
        mapping_(mapping),
        said_(HsdsAttributesOf(service.document)),
        language_(OriginalLanguage(said_, kHsdsNameCode, mapping.language)) {
    Consider(mapping.services, service.id, /*is_own=*/true);
    Consider(mapping.organizations, service.organization.id, /*is_own=*/false);
  }

  HsdsOfferRow Map() && {
    pb::Offer& offer = *mapped_.row.mutable_offer();
    mapped_.row.set_offer_id(HsdsOfferId(mapping_.offer_prefix, mapping_.system, service_.id));
    offer.mutable_source()->set_system(mapping_.system);
    offer.mutable_source()->set_id(service_.id);
    SetBody(offer);
    SetTheme(offer);
    SetTerritories(offer);
    SetKind(offer);
    SetGroups(offer);
    SetWords(offer);
    SetDocuments(offer);
    SetSchedule(offer);
    SetEligibility(offer);
    SetContent();
    return std::move(mapped_);
  }

 private:
  void Consider(const std::map<std::string, HsdsTarget>& targets, const std::string& id, bool is_own) {
    const auto found = targets.find(id);
    if (found == targets.end()) return;
    (is_own ? own_ : organization_) = &found->second;
  }

  void Report(std::string_view field, std::string problem, std::string value = "") {
    if (value.size() > kMaxHsdsValueBytes) value = HsdsValueText(nullptr);
    mapped_.reports.push_back({.row = service_.row,
                               .pointer = base::Cat(service_.pointer, "/", field),
                               .problem = std::move(problem),
                               .id = service_.id,
                               .value = std::move(value)});
  }

  // What is said of the service itself, of its organization, or of all, in this order.
  template <typename Member>
  auto Said(Member member, bool with_own, bool with_others) const {
    for (const HsdsTarget* target : {with_own ? own_ : nullptr, with_others ? organization_ : nullptr,
                                     with_others ? &mapping_.defaults : nullptr}) {
      if (target != nullptr && target->*member != HsdsTarget().*member) return target->*member;
    }
    return HsdsTarget().*member;
  }

  void SetBody(pb::Offer& offer) {
    const std::string& id = service_.organization.id;
    if (own_ != nullptr && !own_->body.empty()) {
      offer.set_provider(own_->body);
    } else if (!id.empty() && organization_ != nullptr) {
      offer.set_provider(organization_->body);
    } else if (id.empty()) {
      offer.set_provider(mapping_.defaults.body);
    }
    offer.set_programme(Said(&HsdsTarget::programme, true, true));
    if (!offer.provider().empty()) return;
    if (id.empty()) {
      Report("organization", "is missing: give it, or a body under defaults or services of the mapping");
    } else {
      Report("organization/id", "has no body: give it one under organizations of the mapping", id);
    }
  }

  void SetTheme(pb::Offer& offer) {
    offer.set_theme(Said(&HsdsTarget::theme, true, false));
    if (offer.theme() != type::v1::THEME_UNSPECIFIED) return;
    std::set<type::v1::Theme> themes;
    std::vector<std::string> terms;
    for (const json* attribute : ItemsIn(service_.document, "attributes")) {
      if (ReadHsdsAttribute(*attribute).has_value()) continue;
      const json* const term = attribute->is_object() ? HsdsMember(*attribute, "taxonomy_term") : nullptr;
      for (const std::string& key :
           {HsdsTextIn(*attribute, "taxonomy_term_id"), term == nullptr ? "" : HsdsTextIn(*term, "id"),
            term == nullptr ? "" : HsdsTextIn(*term, "code")}) {
        if (key.empty()) continue;
        terms.push_back(key);
        if (const auto found = mapping_.themes.find(key); found != mapping_.themes.end()) {
          themes.insert(found->second);
        }
      }
    }
    if (themes.size() > 1) {
      return Report("attributes",
                    "are of several themes: give the one that counts under services of the mapping",
                    Listed(terms));
    }
    offer.set_theme(themes.empty() ? Said(&HsdsTarget::theme, false, true) : *themes.begin());
    if (offer.theme() != type::v1::THEME_UNSPECIFIED) return;
    Report("attributes", "are of no theme: give one of their terms a theme under themes of the mapping",
           Listed(terms));
  }

  // The codes of one area or location, by any of its keys; false when it has none.
  bool AddPlace(const std::vector<std::string>& keys, std::set<std::string>& codes) const {
    for (const std::string& key : keys) {
      const auto found = mapping_.territories.find(key);
      if (key.empty() || found == mapping_.territories.end()) continue;
      codes.insert(found->second.begin(), found->second.end());
      return true;
    }
    return false;
  }

  // Either all places of a kind have codes or the service has no place by them: a part would be a guess.
  // Returns whether they decide.
  bool AddPlaces(const char* field, const std::vector<std::vector<std::string>>& places, bool must,
                 std::set<std::string>& codes) {
    std::vector<std::string> without;
    for (const auto& keys : places) {
      if (AddPlace(keys, codes)) continue;
      const auto named = std::find_if(keys.begin(), keys.end(), [](const auto& key) { return !key.empty(); });
      without.push_back(named == keys.end() ? "" : *named);
    }
    if (places.empty() || (!must && without.size() == places.size())) return false;
    if (!without.empty()) {
      Report(field, "are not all territories: give each its codes under territories of the mapping",
             Listed(without));
    }
    return true;
  }

  void SetTerritories(pb::Offer& offer) {
    std::set<std::string> codes;
    const std::vector<std::string> own = Said(&HsdsTarget::territories, true, false);
    codes.insert(own.begin(), own.end());
    if (codes.empty()) {
      std::vector<std::vector<std::string>> areas;
      for (const json* area : ItemsIn(service_.document, "service_areas")) {
        areas.push_back({HsdsTextIn(*area, "id"), HsdsTextIn(*area, "uri"), HsdsTextIn(*area, "name")});
      }
      std::vector<std::vector<std::string>> locations;
      for (const json* at : ItemsIn(service_.document, "service_at_locations")) {
        const json* const location = at->is_object() ? HsdsMember(*at, "location") : nullptr;
        locations.push_back(
            {HsdsTextIn(*at, "location_id"), location == nullptr ? "" : HsdsTextIn(*location, "id")});
      }
      const size_t reports = mapped_.reports.size();
      if (!AddPlaces("service_areas", areas, /*must=*/true, codes) &&
          !AddPlaces("service_at_locations", locations, /*must=*/false, codes)) {
        const std::vector<std::string> others = Said(&HsdsTarget::territories, false, true);
        codes.insert(others.begin(), others.end());
      }
      if (codes.empty() && mapped_.reports.size() == reports) {
        Report("service_areas", "are missing: give them, or territories in the mapping");
      }
    }
    for (const std::string& code : codes) {
      const bool is_covered = std::any_of(codes.begin(), codes.end(), [&code](const std::string& other) {
        return other != code && territory::Covers(other, code);
      });
      if (!is_covered) offer.add_territories(code);
    }
    if (offer.territories_size() > static_cast<int>(kMaxHsdsTerritories)) {
      Report("service_areas",
             base::Cat("are more than ", kMaxHsdsTerritories, " territories: give wider ones"));
    }
  }

  void SetKind(pb::Offer& offer) {
    offer.set_kind(Said(&HsdsTarget::kind, true, true));
    if (offer.kind() == pb::OFFER_KIND_UNSPECIFIED) {
      Report("id", "has no kind: give one under services, organizations or defaults of the mapping",
             service_.id);
    }
    if (offer.kind() != pb::OFFER_KIND_ENROLMENT) return;
    pb::OfferGroup& group = *offer.add_groups();
    group.set_group_id("all");
    group.set_permanent(true);
  }

  // The groups that the record says as they are here, each with its places and their day.
  void SetGroups(pb::Offer& offer) {
    std::vector<pb::OfferGroup> groups;
    for (const HsdsAttribute& attribute : said_) {
      if (attribute.link_type != kHsdsGroup) continue;
      pb::OfferGroup& group = groups.emplace_back();
      if (!ReadMessage(attribute.value, group) || group.group_id() != attribute.code) {
        return Report("attributes", "have a group that is not known here: take it out", attribute.code);
      }
      group.clear_capacity();
      SetCapacity(group);
    }
    if (groups.empty()) return;
    const bool is_enrolment = offer.kind() == pb::OFFER_KIND_ENROLMENT;
    const bool suits = std::all_of(groups.begin(), groups.end(), [is_enrolment](const pb::OfferGroup& group) {
      return (group.entry_case() != pb::OfferGroup::ENTRY_NOT_SET) == is_enrolment;
    });
    if (!suits || (!is_enrolment && groups.size() > 1)) {
      return Report("attributes",
                    "have groups of another kind than the mapping gives: correct the kind in the mapping");
    }
    offer.mutable_groups()->Assign(groups.begin(), groups.end());
  }

  void SetCapacity(pb::OfferGroup& group) {
    const std::string id = HsdsCapacityId(service_.id, group.group_id());
    for (const char* const field : {"service_capacities", "capacities"}) {
      for (const json* item : ItemsIn(service_.document, field)) {
        if (HsdsTextIn(*item, "id") != id) continue;
        if (group.has_capacity())
          return Report(field, "have a group twice: leave one of them", group.group_id());
        pb::Capacity& capacity = *group.mutable_capacity();
        const json* const free = HsdsMember(*item, "available");
        const json* const places = HsdsMember(*item, "maximum");
        // Numbers that are there were checked.
        const bool has_time = google::protobuf::util::TimeUtil::FromString(HsdsTextIn(*item, "updated"),
                                                                           capacity.mutable_update_time());
        if (free == nullptr || places == nullptr || !has_time) {
          return Report(field, "have a group without maximum or the time of updated: give both",
                        group.group_id());
        }
        capacity.set_free(static_cast<int32_t>(free->get<double>()));
        capacity.set_places(static_cast<int32_t>(places->get<double>()));
        SetWaiting(*item, field, group);
        taken_capacities_.insert(id);
      }
    }
  }

  void SetWaiting(const json& item, const char* field, pb::OfferGroup& group) {
    for (const HsdsAttribute& attribute : HsdsAttributesOf(item)) {
      if (attribute.link_type != kHsdsWaiting) continue;
      const std::string text = attribute.value.value_or("");
      int32_t waiting = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), waiting);
      if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return Report(field, "have people waiting, but no number of them: correct it", group.group_id());
      }
      group.mutable_capacity()->set_waiting(waiting);
    }
  }

  static std::string OriginalLanguage(const std::vector<HsdsAttribute>& said, std::string_view code,
                                      const std::string& otherwise) {
    for (const HsdsAttribute& attribute : said) {
      if (attribute.link_type == kHsdsOriginalLanguage && attribute.code == code &&
          attribute.value.has_value()) {
        return *attribute.value;
      }
    }
    return otherwise;
  }

  // That attributes say one language of a text at most, and translate nothing that is not there.
  void CheckLanguages(std::string_view field, std::string_view text, std::string_view code,
                      const std::vector<HsdsAttribute>& said) {
    const auto of = [&said, code](std::string_view type) {
      return std::count_if(said.begin(), said.end(), [type, code](const HsdsAttribute& each) {
        return each.link_type == type && each.code == code;
      });
    };
    if (of(kHsdsOriginalLanguage) > 1)
      Report(field, "says two languages of one text: correct its attributes");
    if (text.empty() && of(kHsdsTranslation) > 0) {
      Report(field, "has a translation, but no text: correct its attributes");
    }
  }

  // The text with what the attributes of its item say of it in other languages.
  void SetText(std::string_view field, std::string_view text, std::string_view code,
               const std::vector<HsdsAttribute>& said, type::v1::LocalizedText& localized) {
    CheckLanguages(field, text, code, said);
    if (text.empty()) return;
    localized.set_original_language(OriginalLanguage(said, code, language_));
    (*localized.mutable_text())[localized.original_language()] = HsdsText(text);
    for (const HsdsAttribute& attribute : said) {
      if (attribute.link_type != kHsdsTranslation || attribute.code != code) continue;
      const std::string words = attribute.value.value_or("");
      if (words.empty() || attribute.language.empty() || localized.text().contains(attribute.language)) {
        Report(field, "has a translation without text or language, or two in one: correct its attributes",
               attribute.language);
      } else {
        (*localized.mutable_text())[attribute.language] = words;
      }
    }
  }

  void SetDocuments(pb::Offer& offer) {
    for (const json* item : ItemsIn(service_.document, "required_documents")) {
      const std::string text = HsdsTextIn(*item, "document");
      if (text.empty()) continue;
      SetText("required_documents", text, kHsdsDocumentCode, HsdsAttributesOf(*item),
              *offer.add_required_documents());
    }
  }

  // Only of a schedule that is told as one text: what else a record says of days and hours stays with it.
  void SetSchedule(pb::Offer& offer) {
    for (const json* item : ItemsIn(service_.document, "schedules")) {
      if (offer.has_schedule() || !IsOwnSchedule(*item)) continue;
      SetText("schedules", HsdsTextIn(*item, "description"), kHsdsScheduleCode, HsdsAttributesOf(*item),
              *offer.mutable_schedule());
    }
  }

  bool IsOwnSchedule(const json& item) const {
    return HsdsTextIn(item, "id") == HsdsUuid(service_.id, "schedule") &&
           !HsdsTextIn(item, "description").empty();
  }

  void SetWords(pb::Offer& offer) {
    SetText("name", service_.name, kHsdsNameCode, said_, *offer.mutable_display_name());
    if (service_.description.empty()) {
      CheckLanguages("description", service_.description, kHsdsDescriptionCode, said_);
    } else {
      SetText("description", service_.description, kHsdsDescriptionCode, said_, *offer.mutable_description());
    }
    for (const HsdsLanguage& language : service_.languages) {
      const std::string tag = HsdsLanguageTag(language.code);
      const auto& tags = offer.languages();
      if (!tag.empty() && std::find(tags.begin(), tags.end(), tag) == tags.end()) offer.add_languages(tag);
    }
    offer.set_assured_date(service_.assured_date);
    switch (service_.status) {
      case HsdsStatus::kActive:
        return offer.set_status(pb::OFFER_STATUS_ACTIVE);
      case HsdsStatus::kInactive:
        return offer.set_status(pb::OFFER_STATUS_INACTIVE);
      case HsdsStatus::kDefunct:
        return offer.set_status(pb::OFFER_STATUS_DEFUNCT);
      case HsdsStatus::kTemporarilyClosed:
        return offer.set_status(pb::OFFER_STATUS_TEMPORARILY_CLOSED);
    }
  }

  std::optional<uint32_t> Age(const char* field, const std::optional<double>& age) {
    if (!age.has_value()) return std::nullopt;
    if (*age == std::floor(*age) && *age <= kMaxHsdsOfferAge) return static_cast<uint32_t>(*age);
    Report(field, base::Cat("is not a whole number of years up to ", kMaxHsdsOfferAge, ": correct it"),
           base::Cat(*age));
    return std::nullopt;
  }

  // The rule itself where the record says it, else what its ages say: words are never read as a rule.
  void SetEligibility(pb::Offer& offer) {
    const size_t reports = mapped_.reports.size();
    directory::AgeBounds ages;
    ages.min_years = Age("minimum_age", service_.minimum_age);
    ages.max_years = Age("maximum_age", service_.maximum_age);
    if (mapped_.reports.size() != reports) return;
    const auto is_rule = [](const HsdsAttribute& said) { return said.link_type == kHsdsEligibility; };
    const auto rule = std::find_if(said_.begin(), said_.end(), is_rule);
    if (rule == said_.end()) {
      if (ages.min_years.has_value())
        offer.mutable_eligibility()->mutable_age()->set_min_years(*ages.min_years);
      if (ages.max_years.has_value())
        offer.mutable_eligibility()->mutable_age()->set_max_years(*ages.max_years);
      return;
    }
    if (std::count_if(said_.begin(), said_.end(), is_rule) > 1) {
      return Report("attributes", "have two rules of eligibility: give the one that counts");
    }
    if (!ReadMessage(rule->value, *offer.mutable_eligibility()) ||
        !directory::IsRuleKnown(offer.eligibility())) {
      return Report(
          "attributes",
          "have a rule of eligibility with a part that this version cannot read: import with a newer "
          "waypost, or take the attribute out, and only ages are read");
    }
    if (ages == HsdsAges(offer.eligibility())) return;
    Report("minimum_age",
           "and maximum_age are other ages than the rule of eligibility in the attributes sets: correct one "
           "of them");
  }

  // False where it says anything that is not known here.
  static bool ReadMessage(const std::optional<std::string>& text, google::protobuf::Message& message) {
    if (!text.has_value() || text->empty() || text->size() > kMaxHsdsContentBytes * 4) return false;
    return google::protobuf::util::JsonStringToMessage({text->data(), text->size()}, &message).ok();
  }

  // Without the sentence that an export made of the rule.
  void LeaveOutWords(json& content) const {
    const pb::Offer& offer = mapped_.row.offer();
    if (!offer.has_eligibility() || offer.eligibility().has_age()) return;
    const std::string words = HsdsEligibilityWords(offer.eligibility());
    const std::string after = base::Cat("\n\n", words);
    const std::string text = HsdsTextIn(content, "eligibility_description");
    if (text == words) {
      content.erase("eligibility_description");
    } else if (text.ends_with(after)) {
      content["eligibility_description"] = text.substr(0, text.size() - after.size());
    }
  }

  // Without the items of a list that the offer holds.
  template <typename IsHeld>
  static void LeaveOutItems(json& content, const char* field, const IsHeld& is_held) {
    const std::vector<const json*> items = ItemsIn(content, field);
    json left = json::array();
    for (const json* item : items) {
      if (!is_held(*item)) left.push_back(*item);
    }
    if (left.size() == items.size()) return;
    if (left.empty()) {
      content.erase(field);
    } else {
      content[field] = std::move(left);
    }
  }

  // What the attributes, schedules and places of the offer itself say: an export makes them anew. That the
  // record says a language stays, so that it is said again.
  void LeaveOutOwn(json& content) const {
    LeaveOutWords(content);
    LeaveOutItems(content, "attributes", [](const json& item) {
      const auto own = ReadHsdsAttribute(item);
      return own.has_value() && own->link_type != kHsdsOriginalLanguage;
    });
    LeaveOutItems(content, "schedules", [this](const json& item) { return IsOwnSchedule(item); });
    for (const char* const field : {"service_capacities", "capacities"}) {
      LeaveOutItems(content, field,
                    [this](const json& item) { return taken_capacities_.contains(HsdsTextIn(item, "id")); });
    }
    if (ItemsIn(content, "required_documents").empty()) return;
    for (json& document : content["required_documents"]) SetHsdsAttributes(document, {});
  }

  // What the offer does not hold itself, or not to the letter.
  void SetContent() {
    json content = service_.document;
    for (const char* const held : {"id", "status", "minimum_age", "maximum_age", "assured_date", "name"}) {
      content.erase(held);
    }
    if (HsdsText(service_.description) == service_.description) content.erase("description");
    LeaveOutOwn(content);
    LeaveOut(mapping_.leave_out, content);
    std::string text = content.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > kMaxHsdsContentBytes) {
      return Report("id",
                    base::Cat("says ", text.size(), " bytes besides what an offer holds, where ",
                              kMaxHsdsContentBytes, " are kept: name fields under leave_out of the mapping"),
                    service_.id);
    }
    if (text != "{}") mapped_.row.set_source_content(std::move(text));
  }

  const HsdsService& service_;
  const HsdsMapping& mapping_;
  // What the record says in attributes of ours.
  const std::vector<HsdsAttribute> said_;
  // Of every text that says no other.
  const std::string language_;
  std::set<std::string> taken_capacities_;
  const HsdsTarget* own_ = nullptr;
  const HsdsTarget* organization_ = nullptr;
  HsdsOfferRow mapped_;
};

}  // namespace

HsdsMappingRead ReadHsdsMapping(std::string_view content) {
  HsdsJson read = ReadHsdsJson(content);
  if (!read.document.has_value()) return {std::nullopt, {{std::move(read.pointer), std::move(read.problem)}}};
  return MappingReader().Read(*read.document);
}

HsdsOfferRow MapHsdsService(const HsdsService& service, const HsdsMapping& mapping) {
  return ServiceMapper(service, mapping).Map();
}

std::string HsdsText(std::string_view text) {
  std::string lines;
  lines.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      lines += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      lines += '\n';
    }
  }
  return lines;
}

std::string HsdsLanguageTag(std::string_view code) {
  std::string tag(code);
  for (char& c : tag) {
    if (c == '-') break;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return tag;
}

std::string HsdsOfferId(std::string_view prefix, std::string_view system, std::string_view id) {
  std::string plain = base::Cat(prefix, "-", id);
  if (IsId(plain, 63)) return plain;
  return base::Cat(prefix, "-x", base::ToHex(crypto::Sha256(base::Cat(system, "\n", id))).substr(0, 32));
}

}  // namespace waypost::cli
