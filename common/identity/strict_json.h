// JSON from outside: one object, no member named twice, not deeper than claims and key sets are.
#ifndef WAYPOST_COMMON_IDENTITY_STRICT_JSON_H_
#define WAYPOST_COMMON_IDENTITY_STRICT_JSON_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace waypost::identity {

inline constexpr int kMaxJsonDepth = 8;

// nullopt when `text` is not such an object in well-formed UTF-8. A name given twice is how two readers of
// one token come to see different claims, so it is refused at every depth. Thread-safe.
std::optional<nlohmann::json> ParseStrictObject(std::string_view text);

// The string member `name`; nullopt when it is absent or no string.
std::optional<std::string> StringMember(const nlohmann::json& object, std::string_view name);

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_STRICT_JSON_H_
