// What an operator says of a package of HSDS 3.0, so that its services can be offers: HSDS knows no theme, no
// territory code and no kind of offer. Written as a JSON object; a key that is not known is refused.
//
//   {"format": 1,
//    "system": "https://services.example.org",       who numbers the services
//    "offer_prefix": "isere",                        what the ids of the offers begin with
//    "language": "fr",                               of the texts, a BCP 47 tag
//    "themes": {"<taxonomy term: id or code>": "housing", …},
//    "territories": {"<service area: id, uri or name; or location: id>": ["FRK24"], …},
//    "organizations": {"<id>": {"body": "bodies/fr-grenoble", "programme": …, "theme": …, "kind": …,
//                               "territories": […]}, …},
//    "services": {"<id>": {the same}, …},
//    "defaults": {the same},
//    "leave_out": ["contacts", …]}                   fields that are not taken over, wherever they stand
//
// What is said of a service goes before its terms and areas, these before what is said of its organization,
// and the defaults come last. Of the body alone there is no default for a service that names an organization.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_MAPPING_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_MAPPING_H_

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/waypost/hsds_package.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {

// As an offer's; the first is that of its source.
inline constexpr size_t kMaxHsdsSystemBytes = 200;
inline constexpr size_t kMaxHsdsPrefixBytes = 20;
inline constexpr size_t kMaxHsdsTerritories = 200;
// What a service may say besides what an offer has fields for, as JSON.
inline constexpr size_t kMaxHsdsContentBytes = 32 * 1024;
inline constexpr uint32_t kMaxHsdsOfferAge = 130;

// What is said of one service, of those of an organization, or of all. Empty, or unspecified: nothing.
struct HsdsTarget {
  std::string body;
  std::string programme;
  type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;
  // "one-off", or "enrolment": a group that one may join at any time.
  directory::v1::OfferKind kind = directory::v1::OFFER_KIND_UNSPECIFIED;
  std::vector<std::string> territories;
};

struct HsdsMapping {
  std::string system;
  std::string offer_prefix;
  std::string language;
  std::map<std::string, type::v1::Theme> themes;
  std::map<std::string, std::vector<std::string>> territories;
  std::map<std::string, HsdsTarget> organizations;
  std::map<std::string, HsdsTarget> services;
  HsdsTarget defaults;
  std::set<std::string> leave_out;
};

struct HsdsMappingRead {
  // Nothing when there are problems.
  std::optional<HsdsMapping> mapping;
  // With the JSON pointer of where, and what to do.
  std::vector<std::pair<std::string, std::string>> problems;
};

// Reads within the limits of hsds_package.h. Nothing is guessed: every key and value that is not as above is
// a problem. Pure; thread-safe.
HsdsMappingRead ReadHsdsMapping(std::string_view content);

struct HsdsOfferRow {
  directory::v1::OfferToImport row;
  // Why it is not to be sent.
  std::vector<HsdsReport> reports;
};

// One service as an offer. What the mapping does not decide, and what an offer cannot hold, is a report.
// Pure; thread-safe.
HsdsOfferRow MapHsdsService(const HsdsService& service, const HsdsMapping& mapping);

// The parts of a service that an offer has fields of its own for, as an offer has them; for import and export
// alike.
std::string HsdsText(std::string_view text);         // line breaks are LF
std::string HsdsLanguageTag(std::string_view code);  // the language itself in lower case
std::string HsdsOfferId(std::string_view prefix, std::string_view system, std::string_view id);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_MAPPING_H_
