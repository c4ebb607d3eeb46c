// Tables for people, aligned by what the characters take on a screen.
#ifndef WAYPOST_TOOLS_WAYPOST_TABLE_H_
#define WAYPOST_TOOLS_WAYPOST_TABLE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strings.h"

namespace waypost::cli {

// How many columns `text` takes on a terminal: 2 for wide characters, 0 for combining ones. Bytes that are
// not UTF-8 count 1 each.
size_t DisplayWidth(std::string_view text);

// `text` without what could steer a terminal: control characters become spaces, bytes that are not UTF-8 and
// characters that turn the direction of writing become U+FFFD. Line breaks stay with `keep_lines`.
std::string Printable(std::string_view text, bool keep_lines = false);

// Texts or numbers of a list, printable, with commas between them.
template <typename Values>
std::string Joined(const Values& values) {
  std::string joined;
  for (const auto& value : values) joined += (joined.empty() ? "" : ", ") + Printable(base::Cat(value));
  return joined;
}

// Rows of cells under headings. Cells are made printable. Not thread-safe.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  // REQUIRES: as many cells as there are headings.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }
  // Headings in capitals, two spaces between columns, no spaces at line ends. With `colour`, headings in
  // bold.
  std::string ToText(bool colour) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_TABLE_H_
