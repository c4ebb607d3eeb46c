// JSON as RFC 8259 has it, strictly, with the limits of an HSDS package held while it is read.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_JSON_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_JSON_H_

#include <optional>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"

namespace waypost::cli {

struct HsdsJson {
  // Nothing when `problem` says why.
  std::optional<nlohmann::json> document;
  // The JSON pointer (RFC 6901) of where reading stopped; empty for the whole document.
  std::string pointer;
  std::string problem;
};

// Stops at the first of: a limit of hsds_package.h passed, text that is not UTF-8 or not JSON, a name given
// twice in one object, a number beyond a double. Nothing is guessed. Pure; thread-safe; does not throw.
HsdsJson ReadHsdsJson(std::string_view content);

// The member of an object; nullptr when there is none, or it is null, which says as much.
const nlohmann::json* HsdsMember(const nlohmann::json& object, const char* name);

// The text that a member is; empty where it is none, or `value` is no object.
std::string HsdsTextIn(const nlohmann::json& value, const char* name);

// A single value as JSON, cut between characters to kMaxHsdsValueBytes; empty for nothing, an object or an
// array.
std::string HsdsValueText(const nlohmann::json* value);

// `name` as one step of a JSON pointer, with its slash.
std::string HsdsPointerStep(std::string_view name);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_JSON_H_
