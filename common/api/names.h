// Resource names (AIP-122): collection and id in turn, as in "bodies/es-fuenlabrada/units/housing".
#ifndef WAYPOST_COMMON_API_NAMES_H_
#define WAYPOST_COMMON_API_NAMES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/random.h"

namespace waypost::api {

// Ids that people choose, and ids that the server makes, obey the same rule: 2 to 63 lower-case ASCII
// letters, digits and hyphens, beginning and ending with a letter or digit (AIP-122, RFC 1034 labels).
inline constexpr size_t kMaxIdLength = 63;
bool IsId(std::string_view id);

// The ids in `name`, which must have exactly the collections given, in order:
//   ParseName("bodies/es-x/units/u1", {"bodies", "units"}) is {"es-x", "u1"}.
// Otherwise INVALID_FIELD on `field`.
absl::StatusOr<std::vector<std::string>> ParseName(std::string_view name,
                                                   const std::vector<std::string_view>& collections,
                                                   std::string_view field);

bool IsName(std::string_view name, const std::vector<std::string_view>& collections);

// The body of a unit: "bodies/es-x" of "bodies/es-x/units/u1".
inline std::string_view BodyOfUnit(std::string_view unit) {
  return unit.substr(0, unit.find("/units/"));
}

// A new id: 26 characters, of which the first ten are the time in milliseconds and the rest 80 random bits,
// so that ids made later sort later (the layout of ULID, in lower case).
std::string NewId(absl::Time now, base::Random& random);

// An id that a client makes for what is `owner`'s ("bodies/es-x"): as NewId, but its last eight characters
// are the owner's mark. Nobody can use, or try, a name that is another owner's: that one is in use is told to
// nobody who did not make it. docs/reference/referral-names.md has the rule, for clients.
std::string NewIdOf(absl::Time now, base::Random& random, std::string_view owner);
// When such an id of this owner was made, as it says; nothing for any other text.
std::optional<absl::Time> TimeOfIdOf(std::string_view id, std::string_view owner);

}  // namespace waypost::api

#endif  // WAYPOST_COMMON_API_NAMES_H_
