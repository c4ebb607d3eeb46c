// What an offer says and HSDS 3.0 has no field for, in the place that it has for more: attributes, each with
// a term of a taxonomy of Waypost's own. Whoever does not know them loses nothing that a person reads; an
// import reads them back. For import and export alike. Pure; thread-safe.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_ATTRIBUTES_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_ATTRIBUTES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "services/directory/eligibility_words.h"

namespace waypost::cli {

// Kinds of attributes, as their link_type.
// The rule of eligibility as JSON; without a value where a part of it is of a kind that this tool did not
// know.
inline constexpr std::string_view kHsdsEligibility = "eligibility";
// The language of the name, and of every text of the record that says no other.
inline constexpr std::string_view kHsdsOriginalLanguage = "original-language";
// The text that its code names, in the language of its term.
inline constexpr std::string_view kHsdsTranslation = "translation";
// A group of the offer as JSON, without its places.
inline constexpr std::string_view kHsdsGroup = "group";
// Of places: how many people wait.
inline constexpr std::string_view kHsdsWaiting = "waiting";

// The texts that an original language and translations are of, as their code.
inline constexpr char kHsdsNameCode[] = "display_name";
inline constexpr char kHsdsDescriptionCode[] = "description";
inline constexpr char kHsdsDocumentCode[] = "document";
inline constexpr char kHsdsScheduleCode[] = "schedule";

struct HsdsAttribute {
  std::string link_type;
  // Which text or group.
  std::string code;
  // A BCP 47 tag, or empty.
  std::string language;
  std::optional<std::string> value;
};

// The attribute for `owner`, the id of a service; entity is the table of what has it.
nlohmann::json MakeHsdsAttribute(std::string_view owner, std::string_view entity,
                                 const HsdsAttribute& attribute);

// Ours alone; nothing for one of another taxonomy, or of a kind that is not known here.
std::optional<HsdsAttribute> ReadHsdsAttribute(const nlohmann::json& attribute);

// All of ours on an item; none where it has no list of them.
std::vector<HsdsAttribute> HsdsAttributesOf(const nlohmann::json& item);

// Takes ours out and puts these behind the others. REQUIRES: `item` is an object.
void SetHsdsAttributes(nlohmann::json& item, const std::vector<nlohmann::json>& attributes);

// The rule in words, within what a text may have; a sentence that says so where it is too long.
std::string HsdsEligibilityWords(const directory::v1::EligibilityRule& rule);

// The ages of a service with this rule.
directory::AgeBounds HsdsAges(const directory::v1::EligibilityRule& rule);

// The id of the places of a group.
std::string HsdsCapacityId(std::string_view service_id, std::string_view group_id);

// A UUID (RFC 9562, version 8) for `what` of a resource; the same each time.
std::string HsdsUuid(std::string_view resource, std::string_view what);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_ATTRIBUTES_H_
