#include "tools/waypost/hsds_json.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "tools/waypost/hsds_package.h"

namespace waypost::cli {
namespace {

using nlohmann::json;

// Builds the document, and refuses before it grows past a limit. Every method that returns false ends the
// reading.
class Builder final : public json::json_sax_t {
 public:
  explicit Builder(bool is_utf8) : is_utf8_(is_utf8) {}

  HsdsJson Take() && {
    if (problem_.empty()) return {std::move(root_), "", ""};
    return {std::nullopt, std::move(pointer_), std::move(problem_)};
  }

  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t&) override { return Put(value); }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return Refuse("is not JSON"); }
  bool start_object(size_t) override { return Open(json::object()); }
  bool start_array(size_t) override { return Open(json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (name.size() > kMaxHsdsKeyBytes) {
      return Refuse(base::Cat("has a name of more than ", kMaxHsdsKeyBytes, " bytes: shorten it"));
    }
    level.key = std::move(name);
    level.has_key = true;
    if (level.value->contains(level.key)) return Refuse("is given twice: keep the right one");
    return true;
  }

  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    // 406 is nlohmann's out_of_range for a number.
    if (error.id == 406) return Refuse("is too large a number: correct it");
    if (!is_utf8_) return Refuse(base::Cat("is not UTF-8, at byte ", position, ": save the file as UTF-8"));
    return Refuse(base::Cat("is not JSON, at byte ", position, ": correct the file"));
  }

 private:
  struct Level {
    json* value;
    bool has_key;
    std::string key;
  };

  bool Refuse(std::string_view problem) {
    for (const Level& level : levels_) {
      if (level.value->is_array()) {
        const bool is_innermost = &level == &levels_.back();
        pointer_ += base::Cat("/", level.value->size() - (is_innermost ? 0 : 1));
      } else if (level.has_key) {
        pointer_ += HsdsPointerStep(level.key);
      }
    }
    problem_ = problem;
    return false;
  }

  // Where the value now stands; nullptr when it is one too many.
  json* Place(json&& value) {
    if (++values_ > kMaxHsdsValues) {
      Refuse(base::Cat("is one of more than ", kMaxHsdsValues, " values: split the file"));
      return nullptr;
    }
    if (levels_.empty()) return &(root_ = std::move(value));
    Level& level = levels_.back();
    if (level.value->is_array()) {
      level.value->push_back(std::move(value));
      return &level.value->back();
    }
    level.has_key = false;
    return &((*level.value)[level.key] = std::move(value));
  }

  bool Put(json&& value) { return Place(std::move(value)) != nullptr; }

  bool Open(json&& value) {
    if (levels_.size() >= kMaxHsdsDepth) {
      return Refuse(base::Cat("is nested deeper than ", kMaxHsdsDepth, " levels: flatten it"));
    }
    json* const placed = Place(std::move(value));
    if (placed == nullptr) return false;
    // The name stays a step of the pointer until what it names is closed.
    if (!levels_.empty()) levels_.back().has_key = true;
    levels_.push_back({.value = placed, .has_key = false, .key = ""});
    return true;
  }

  bool Close() {
    levels_.pop_back();
    if (!levels_.empty()) levels_.back().has_key = false;
    return true;
  }

  const bool is_utf8_;
  json root_;
  size_t values_ = 0;
  // The objects and arrays that are open. The pointers hold: only the innermost one grows.
  std::vector<Level> levels_;
  std::string pointer_;
  std::string problem_;
};

}  // namespace

const json* HsdsMember(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string HsdsTextIn(const json& value, const char* name) {
  if (!value.is_object()) return "";
  const json* const member = HsdsMember(value, name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

std::string HsdsValueText(const json* value) {
  if (value == nullptr || value->is_structured() || value->is_null()) return "";
  std::string text = value->dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kMaxHsdsValueBytes) return text;
  size_t end = kMaxHsdsValueBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

std::string HsdsPointerStep(std::string_view name) {
  std::string step = "/";
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

HsdsJson ReadHsdsJson(std::string_view content) {
  if (content.size() > kMaxHsdsBytes) {
    return {std::nullopt, "", base::Cat("has more than ", kMaxHsdsBytes, " bytes: split the file")};
  }
  try {
    Builder builder(base::IsValidUtf8(content));
    json::sax_parse(content.begin(), content.end(), &builder);
    return std::move(builder).Take();
  } catch (const std::exception&) {
    return {std::nullopt, "", "cannot be read as JSON: correct the file"};
  }
}

}  // namespace waypost::cli
