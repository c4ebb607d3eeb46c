// Any bytes are either refused by the CSV reader, or mean what they read as: what is written from the fields
// reads back as the same fields, and every limit holds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/base/strings.h"
#include "tools/waypost/csv_import.h"

namespace {

using waypost::cli::CsvFile;
using waypost::cli::CsvRow;

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string Written(const CsvFile& file) {
  // With a byte order mark, since the first name of the header may begin with another one.
  std::string text = "\xEF\xBB\xBF" + waypost::cli::CsvLine(file.header);
  for (const CsvRow& row : file.rows) text += waypost::cli::CsvLine(row.fields);
  return text;
}

// A row of one empty field is written as an empty line, which is no row.
bool HasEmptyLines(const CsvFile& file) {
  return file.header.size() == 1;
}

void CheckLimits(const CsvFile& file) {
  Check(!file.header.empty() && file.header.size() <= waypost::cli::kMaxCsvColumns);
  Check(file.rows.size() <= waypost::cli::kMaxCsvRows);
  uint64_t line = 0;
  uint64_t number = 1;
  for (const CsvRow& row : file.rows) {
    Check(row.line > line);
    Check(row.number == ++number);
    Check(row.fields.size() == file.header.size());
    line = row.line;
    for (const std::string& field : row.fields) {
      Check(field.size() <= waypost::cli::kMaxCsvFieldBytes && waypost::base::IsValidUtf8(field));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = waypost::cli::ParseCsv({reinterpret_cast<const char*>(data), size});
  if (!file.ok()) return 0;
  CheckLimits(*file);
  if (HasEmptyLines(*file)) return 0;
  const auto again = waypost::cli::ParseCsv(Written(*file));
  Check(again.ok() && again->header == file->header && again->rows.size() == file->rows.size());
  for (size_t i = 0; i < file->rows.size(); ++i) Check(again->rows[i].fields == file->rows[i].fields);
  return 0;
}
