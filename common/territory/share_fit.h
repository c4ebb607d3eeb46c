// How well a share of what somebody took over covers a theme and a place. Of several that cover them, the one
// with the narrowest territory counts (none named: the widest), then one that names the theme. A place that
// is wider than a share's territory is not the share's. Pure; thread-safe.
#ifndef WAYPOST_COMMON_TERRITORY_SHARE_FIT_H_
#define WAYPOST_COMMON_TERRITORY_SHARE_FIT_H_

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/territory/territory.h"

namespace waypost::territory {

// How specific it is, to be compared: depth of the territory, and whether it names the theme. Nothing where
// it does not cover them. `share` has territories() and themes(), each empty for all of them; an empty
// territory is of a share for all of them alone.
template <typename Share, typename Theme>
std::optional<std::pair<int, bool>> FitOf(const Share& share, Theme theme, std::string_view territory) {
  const bool names_theme =
      std::find(share.themes().begin(), share.themes().end(), theme) != share.themes().end();
  if (!share.themes().empty() && !names_theme) return std::nullopt;
  if (share.territories().empty()) return std::make_pair(-1, names_theme);
  if (territory.empty()) return std::nullopt;
  for (const std::string& code : share.territories()) {
    if (Covers(code, territory)) return std::make_pair(TerritoryDepth(code), names_theme);
  }
  return std::nullopt;
}

// One other body takes everything: one share, of no theme and no territory in particular.
template <typename Succession>
bool TakesEverything(const Succession& succession) {
  return succession.shares_size() == 1 && succession.shares(0).territories_size() == 0 &&
         succession.shares(0).themes_size() == 0;
}

}  // namespace waypost::territory

#endif  // WAYPOST_COMMON_TERRITORY_SHARE_FIT_H_
