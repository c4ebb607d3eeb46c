// Any bytes give rows that are whole, or problems that say where: every limit holds, no code comes twice, and
// what a unit lies in stands before it where it is there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "common/territory/territory.h"
#include "tools/waypost/nuts_tsv.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto table = waypost::cli::ParseNutsTsv({reinterpret_cast<const char*>(data), size});
  std::set<std::string> codes;
  int level = 0;
  for (const auto& row : table.rows) {
    Check(waypost::territory::IsTerritory(row.code) && codes.insert(row.code).second);
    Check(row.level == waypost::territory::TerritoryDepth(row.code) - 1 && row.level >= level);
    level = row.level;
    Check(!row.name.empty() && row.name.size() <= waypost::cli::kMaxNutsNameBytes);
    Check(waypost::base::IsValidUtf8(row.name) && row.name.front() != ' ' && row.name.back() != ' ');
  }
  for (const auto& problem : table.problems) {
    Check(!problem.problem.empty() && waypost::base::IsValidUtf8(problem.value));
    Check(waypost::base::IsValidUtf8(problem.code));
  }
  Check(table.rows.size() <= table.count);
  return 0;
}
