// The form of an actor's pseudonym (claims.h makes them), for whoever is given one.
#ifndef WAYPOST_COMMON_IDENTITY_ACTOR_H_
#define WAYPOST_COMMON_IDENTITY_ACTOR_H_

#include <cstddef>
#include <string_view>

namespace waypost::identity {

inline constexpr std::string_view kActorPrefix = "actors/";
inline constexpr size_t kActorCharacters = 16;                                          // after the prefix
inline constexpr std::string_view kActorAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, small

// Can this be somebody's pseudonym? That it is somebody's nobody can tell. Not those of Waypost's own
// services, as "actors/service".
constexpr bool IsActorPseudonym(std::string_view text) {
  return text.size() == kActorPrefix.size() + kActorCharacters &&
         text.substr(0, kActorPrefix.size()) == kActorPrefix &&
         text.find_first_not_of(kActorAlphabet, kActorPrefix.size()) == std::string_view::npos;
}

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_ACTOR_H_
