#include "common/identity/strict_json.h"

#include <set>
#include <utility>
#include <vector>

namespace waypost::identity {

using nlohmann::json;

std::optional<json> ParseStrictObject(std::string_view text) {
  bool strict = true;
  std::vector<std::set<std::string>> open_objects;
  const auto check = [&strict, &open_objects](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxJsonDepth) strict = false;
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key) {
      strict = strict && open_objects.back().insert(parsed.get<std::string>()).second;
    }
    return true;
  };
  json document = json::parse(text.begin(), text.end(), check, /*allow_exceptions=*/false);
  if (!strict || !document.is_object()) return std::nullopt;
  return document;
}

std::optional<std::string> StringMember(const json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

}  // namespace waypost::identity
