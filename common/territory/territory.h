// Territory codes and what covers what.
//
//   "EU"             the whole Union (a NUTS code never begins with it)
//   "ES300"          NUTS 2021: country (2 characters), then one more for each of NUTS 1, 2 and 3
//   "ES300/28058"    a local administrative unit in a NUTS 3 region; its parent is what stands before the
//                    last slash. Up to three, as in "AT130/90001/07", a district of a city.
//
// Pure functions; thread-safe.
#ifndef WAYPOST_COMMON_TERRITORY_TERRITORY_H_
#define WAYPOST_COMMON_TERRITORY_TERRITORY_H_

#include <cstddef>
#include <string_view>
#include <vector>

namespace waypost::territory {

inline constexpr std::string_view kWholeUnion = "EU";

inline constexpr size_t kMaxTerritoryBytes = 48;
// Local units below each other, as "90001/07" in "AT130/90001/07".
inline constexpr int kMaxLocalParts = 3;

// True when `code` is well-formed. Whether such a place exists is not known here.
bool IsTerritory(std::string_view code);

// True when `wide` is `narrow` or contains it. REQUIRES: both are well-formed.
bool Covers(std::string_view wide, std::string_view narrow);

// Every code that covers `code`, from itself to "EU": at most 8. Views into `code`, and kWholeUnion.
// REQUIRES: well-formed.
std::vector<std::string_view> CoveringCodes(std::string_view code);

// How narrow a code is: 0 for "EU", 1 for a country, 4 for NUTS 3, more for local units. Of two codes that
// cover the same place the one with the greater depth is the nearer. REQUIRES: well-formed.
int TerritoryDepth(std::string_view code);

}  // namespace waypost::territory

#endif  // WAYPOST_COMMON_TERRITORY_TERRITORY_H_
