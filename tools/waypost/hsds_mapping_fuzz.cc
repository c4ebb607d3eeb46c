// Any bytes give a mapping that is whole, or problems that say where. With one that is, a service becomes an
// offer or a report, and the offer is within the limits of the directory.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/base/strings.h"
#include "common/territory/territory.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/hsds_mapping.h"

namespace {

using waypost::cli::HsdsMapping;

constexpr std::string_view kService = R"({"id": "s1", "name": "Course", "status": "active",
  "organization": {"id": "o1", "name": "House"}, "minimum_age": 16, "languages": [{"code": "FR"}],
  "attributes": [{"taxonomy_term": {"id": "t1", "code": "BH-1800"}}],
  "service_areas": [{"id": "a1", "name": "A"}], "contacts": [{"name": "Ann"}]})";

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckService(const HsdsMapping& mapping) {
  for (const auto& service : waypost::cli::ParseHsds(kService).services) {
    const auto mapped = waypost::cli::MapHsdsService(service, mapping);
    const auto& offer = mapped.row.offer();
    Check(mapped.row.offer_id().size() <= 63 && mapped.row.offer_id().starts_with(mapping.offer_prefix));
    for (const auto& code : offer.territories()) Check(waypost::territory::IsTerritory(code));
    Check(mapped.row.source_content().empty() || nlohmann::json::accept(mapped.row.source_content()));
    if (!mapped.reports.empty()) continue;
    Check(!offer.provider().empty() && offer.theme() != 0 && offer.kind() != 0 &&
          offer.territories_size() > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = waypost::cli::ReadHsdsMapping({reinterpret_cast<const char*>(data), size});
  Check(read.mapping.has_value() == read.problems.empty());
  for (const auto& [pointer, problem] : read.problems) {
    Check(!problem.empty() && (pointer.empty() || pointer.front() == '/'));
    Check(waypost::base::IsValidUtf8(pointer));
  }
  if (read.mapping.has_value()) CheckService(*read.mapping);
  return 0;
}
