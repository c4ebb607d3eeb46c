// A classification of territories as a table of tab-separated values, as Eurostat's NUTS: a header that names
// the columns `code`, `label` and perhaps `level` and `country`, then a row a unit.
#ifndef WAYPOST_TOOLS_WAYPOST_NUTS_TSV_H_
#define WAYPOST_TOOLS_WAYPOST_NUTS_TSV_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waypost::cli {

inline constexpr size_t kMaxNutsBytes = 64 * 1024 * 1024;
inline constexpr size_t kMaxNutsRows = 500'000;
// As a territory's display_name.
inline constexpr size_t kMaxNutsNameBytes = 300;

struct NutsRow {
  // Its line in the file, from 1; the header is the first.
  uint64_t line = 0;
  std::string code;
  // Without blanks at its ends; otherwise as it is in the file.
  std::string name;
  int level = 0;
};

struct NutsProblem {
  // 0: the file as a whole.
  uint64_t line = 0;
  std::string code = {};
  // The column.
  std::string field = {};
  std::string value = {};
  // What is wrong and what to do.
  std::string problem = {};
};

struct NutsTable {
  // Those without a problem, what lies in another after that one.
  std::vector<NutsRow> rows;
  // By line.
  std::vector<NutsProblem> problems;
  // How many rows there are, with or without problems.
  size_t count = 0;
  // How many names had blanks at their ends, which were cut off.
  size_t trimmed = 0;
};

// Nothing is guessed: of rows that share a code none is taken, nor one whose level or country is not what its
// code says. Lines end in LF or CRLF; empty ones do not count; a byte order mark is passed over. Pure;
// thread-safe.
NutsTable ParseNutsTsv(std::string_view content);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_NUTS_TSV_H_
