// Services of the Human Services Data Specification 3.0 (HSDS, by Open Referral) as its JSON has them:
// https://docs.openreferral.org/en/v3.0/. What a problem says is where and what to do, never what stands
// there; that is apart, for the file of errors alone.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_PACKAGE_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_PACKAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

namespace waypost::cli {

inline constexpr size_t kMaxHsdsBytes = 16 * 1024 * 1024;
// Objects and arrays within one another; held while the text is read.
inline constexpr size_t kMaxHsdsDepth = 32;
inline constexpr size_t kMaxHsdsValues = 2'000'000;
inline constexpr size_t kMaxHsdsKeyBytes = 200;
inline constexpr size_t kMaxHsdsServices = 10'000;
inline constexpr size_t kMaxHsdsIdBytes = 200;
// As an offer's display_name, description, required_documents and languages.
inline constexpr size_t kMaxHsdsNameBytes = 300;
inline constexpr size_t kMaxHsdsTextBytes = 8'000;
inline constexpr size_t kMaxHsdsDocuments = 30;
inline constexpr size_t kMaxHsdsLanguages = 60;
inline constexpr size_t kMaxHsdsCapacities = 50;
inline constexpr size_t kMaxHsdsValueBytes = 100;
inline constexpr double kMaxHsdsAge = 150;
inline constexpr int64_t kMaxHsdsPlaces = 1'000'000;

enum class HsdsStatus { kActive, kInactive, kDefunct, kTemporarilyClosed };

// "temporarily closed".
std::string_view HsdsStatusWords(HsdsStatus status);

struct HsdsLanguage {
  // At least one of them. The code is as in the file: ISO 639, perhaps with parts after a hyphen.
  std::string code;
  std::string name;
};

struct HsdsCapacity {
  int64_t available = 0;
  std::optional<int64_t> maximum;
  // A day, or a time with its offset; as in the file.
  std::string updated;
};

// Raw JSON by JSON pointer within its object; compact, names in order, numbers as a double has them.
using HsdsUnmapped = std::map<std::string, std::string>;

struct HsdsOrganization {
  std::string id;
  std::string name;
};

// Texts that are not given are empty.
struct HsdsService {
  // From 1, in the order of the file, counting those with violations.
  size_t row = 0;
  // Where it stands in the document.
  std::string pointer;
  std::string id;
  std::string name;
  std::string description;
  HsdsStatus status = HsdsStatus::kActive;
  std::optional<double> minimum_age;
  std::optional<double> maximum_age;
  std::string eligibility_description;
  std::vector<HsdsLanguage> languages;
  std::vector<std::string> required_documents;
  std::string assured_date;  // YYYY-MM-DD
  std::vector<HsdsCapacity> capacities;
  // Both, the id alone, or neither.
  HsdsOrganization organization;
  // Every field of the service that is none of the above, also of its languages, documents, capacities and
  // its own organization.
  HsdsUnmapped unmapped;
  // The service as it stands, with the organization it was found in, if any, but for that one's services.
  nlohmann::json document;
};

struct HsdsReport {
  // The service that it keeps out; 0 when it keeps out more than one.
  size_t row = 0;
  std::string pointer;
  // What is wrong and what to do, to be read after the pointer.
  std::string problem;
  // The id of that service; empty when it has none that can be read.
  std::string id = {};
  // What stands there, as JSON, cut to kMaxHsdsValueBytes; empty where nothing does, or more than one value.
  std::string value = {};
};

struct HsdsPackage {
  // Those without a violation.
  std::vector<HsdsService> services;
  // By row.
  std::vector<HsdsReport> reports;
  // How many services there are, with or without violations.
  size_t rows = 0;
};

// Reads a service (it has a status), an organization (it has services), an array of them, or one page of a
// list (`contents`). Nothing is guessed: whatever is not as it should be is a report, and keeps out its
// service, or everything when the document cannot be read. A field that is null is absent. Pure;
// thread-safe.
HsdsPackage ParseHsds(std::string_view content);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_PACKAGE_H_
