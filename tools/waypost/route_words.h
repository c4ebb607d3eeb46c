// What the directory says about a route, in sentences.
#ifndef WAYPOST_TOOLS_WAYPOST_ROUTE_WORDS_H_
#define WAYPOST_TOOLS_WAYPOST_ROUTE_WORDS_H_

#include <string>
#include <string_view>

#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {

// A half-sentence, as in "it has a recorded competence here"; the enum's own words for a code that is newer
// than this tool.
std::string ReasonWords(directory::v1::RouteReasonCode code);
// "+" for, "!" caution, "x" excludes.
std::string_view EffectSign(directory::v1::RouteEffect effect);
// A sentence that says why nothing matches, and what to do.
std::string EmptyWords(directory::v1::RouteEmptyReason reason);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_ROUTE_WORDS_H_
