// CSV as RFC 4180 has it, strictly. No personal data in messages: they say where, never what.
#ifndef WAYPOST_TOOLS_WAYPOST_CSV_IMPORT_H_
#define WAYPOST_TOOLS_WAYPOST_CSV_IMPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace waypost::cli {

inline constexpr size_t kMaxCsvBytes = 64 * 1024 * 1024;
inline constexpr size_t kMaxCsvRows = 100'000;
inline constexpr size_t kMaxCsvColumns = 200;
inline constexpr size_t kMaxCsvFieldBytes = 64 * 1024;

struct CsvRow {
  // From 1: where the row begins in the file; a quoted field may go over several lines.
  uint64_t line = 0;
  // As a spreadsheet counts: the header is row 1, the first row of data row 2. Empty lines do not count.
  uint64_t number = 0;
  // As many as the header has.
  std::vector<std::string> fields;
};

struct CsvFile {
  std::vector<std::string> header;
  std::vector<CsvRow> rows;
};

// Reads a whole file: a header, then rows with as many fields each. Lines end in LF, CRLF or CR; a byte order
// mark is passed over; blanks belong to the field. INVALID_ARGUMENT / CSV_INVALID with the line for: a quote
// within an unquoted field or after a closing one, a quoted field without end, a row with fewer or more
// fields than the header, text that is not UTF-8, a zero byte, an empty file, an empty or repeated name in
// the header, a limit passed. Nothing is guessed. Pure; thread-safe.
absl::StatusOr<CsvFile> ParseCsv(std::string_view content);

// One field, quoted where it must be.
std::string CsvField(std::string_view text);
// Fields with commas between and a line break (CRLF) after them.
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_CSV_IMPORT_H_
