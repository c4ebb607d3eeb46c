// Any bytes give services that are whole, or reports that say where: every limit holds, every row is either
// given or accounted for, and what is kept of unmapped fields is JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/hsds_package.h"
#include "tools/waypost/hsds_schema.h"

namespace {

using waypost::cli::HsdsPackage;
using waypost::cli::HsdsReport;
using waypost::cli::HsdsService;

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckText(std::string_view text, size_t bytes_max) {
  Check(text.size() <= bytes_max && waypost::base::IsValidUtf8(text));
}

void CheckService(const HsdsService& service) {
  CheckText(service.id, waypost::cli::kMaxHsdsIdBytes);
  CheckText(service.name, waypost::cli::kMaxHsdsNameBytes);
  CheckText(service.description, waypost::cli::kMaxHsdsTextBytes);
  CheckText(service.eligibility_description, waypost::cli::kMaxHsdsTextBytes);
  Check(!service.id.empty() && !service.name.empty());
  Check(!service.minimum_age.has_value() || !service.maximum_age.has_value() ||
        *service.minimum_age <= *service.maximum_age);
  Check(service.assured_date.empty() || service.assured_date.size() == 10);
  Check(service.languages.size() <= waypost::cli::kMaxHsdsLanguages);
  Check(service.required_documents.size() <= waypost::cli::kMaxHsdsDocuments);
  Check(service.capacities.size() <= waypost::cli::kMaxHsdsCapacities);
  for (const auto& capacity : service.capacities) {
    Check(capacity.available >= 0 && capacity.available <= waypost::cli::kMaxHsdsPlaces);
    Check(!capacity.maximum.has_value() || *capacity.maximum >= capacity.available);
  }
  for (const auto& [pointer, raw] : service.unmapped) Check(nlohmann::json::accept(raw));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  HsdsPackage package = waypost::cli::ParseHsds({reinterpret_cast<const char*>(data), size});
  if (size % 2 == 0) waypost::cli::HoldToSchema(package, size % 4 == 0);
  Check(package.rows <= waypost::cli::kMaxHsdsServices);
  std::set<size_t> refused;
  for (const HsdsReport& report : package.reports) {
    Check(report.row <= package.rows && !report.problem.empty());
    Check(report.pointer.empty() || report.pointer.front() == '/');
    Check(waypost::base::IsValidUtf8(report.pointer));
    refused.insert(report.row);
  }
  std::set<std::string> ids;
  for (const HsdsService& service : package.services) {
    CheckService(service);
    Check(!refused.contains(service.row) && ids.insert(service.id).second);
    refused.insert(service.row);
  }
  // A report on row 0 can account for several rows.
  if (!refused.contains(0)) Check(refused.size() == package.rows);
  return 0;
}
