#include "tools/waypost/table.h"

#include <locale.h>
#include <clocale>
#include <cwchar>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/strings.h"

namespace waypost::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The C library's tables of Unicode, on this thread only: the process keeps its own locale.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ != nullptr) before_ = uselocale(locale_);
  }
  ~Utf8Locale() {
    if (locale_ == nullptr) return;
    uselocale(before_);
    freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_;
  locale_t before_ = nullptr;
};

struct Character {
  std::string_view bytes;
  // 0xFFFFFFFF for a byte that is not UTF-8.
  uint32_t code;
};

constexpr uint32_t kNotUtf8 = 0xFFFFFFFF;

// REQUIRES: !text.empty().
Character First(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length > text.size() || !base::IsValidUtf8(text.substr(0, length)))
    return {text.substr(0, 1), kNotUtf8};
  uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3FU);
  return {text.substr(0, length), code};
}

bool IsControl(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

// Unicode's explicit directional formatting characters.
bool TurnsDirection(uint32_t code) {
  return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || code == 0x200E ||
         code == 0x200F;
}

size_t WidthInLocale(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Character character = First(text);
    text.remove_prefix(character.bytes.size());
    const int columns = character.code == kNotUtf8 ? 1 : wcwidth(static_cast<wchar_t>(character.code));
    width += columns < 0 ? 1 : static_cast<size_t>(columns);
  }
  return width;
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  const Utf8Locale locale;
  return WidthInLocale(text);
}

std::string Printable(std::string_view text, bool keep_lines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character character = First(text);
    text.remove_prefix(character.bytes.size());
    if (character.code == '\n' && keep_lines) {
      result += '\n';
    } else if (character.code == kNotUtf8 || TurnsDirection(character.code)) {
      result += kReplacement;
    } else if (IsControl(character.code)) {
      result += ' ';
    } else {
      result += character.bytes;
    }
  }
  return result;
}

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) absl::AsciiStrToUpper(&heading);
}

void Table::Add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Printable(cell);
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToText(bool colour) const {
  const Utf8Locale locale;
  std::vector<size_t> widths;
  for (const std::string& heading : headings_) widths.push_back(WidthInLocale(heading));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthInLocale(row[i]));
  }
  const auto line = [&widths](const std::vector<std::string>& cells) {
    std::string text;
    size_t owed = 0;  // spaces, written only when something follows
    for (size_t i = 0; i < cells.size(); ++i) {
      if (!cells[i].empty()) {
        text.append(owed, ' ').append(cells[i]);
        owed = 0;
      }
      owed += widths[i] - WidthInLocale(cells[i]) + 2;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  std::string text = colour ? base::Cat("\x1b[1m", line(headings_), "\x1b[0m\n") : line(headings_) + "\n";
  for (const auto& row : rows_) text += line(row) + "\n";
  return text;
}

}  // namespace waypost::cli
