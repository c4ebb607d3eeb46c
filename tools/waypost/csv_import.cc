#include "tools/waypost/csv_import.h"

#include <csv.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::cli {
namespace {

absl::Status Invalid(uint64_t line, std::string_view problem) {
  return error::Make(absl::StatusCode::kInvalidArgument, "CSV_INVALID",
                     base::Cat("line ", line, ": ", problem), {{"line", base::Cat(line)}});
}

// Blanks belong to the field; libcsv would strip them.
extern "C" int WaypostCsvNoSpace(unsigned char) {
  return 0;
}

// libcsv, fed line by line so that it is known where a row begins.
class Reader {
 public:
  Reader() { csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI); }
  ~Reader() { csv_free(&parser_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Every row, the header first.
  absl::StatusOr<std::vector<CsvRow>> Read(std::string_view content) {
    csv_set_space_func(&parser_, WaypostCsvNoSpace);
    while (!content.empty()) {
      ++line_;
      const std::string_view line = FirstLine(content);
      content.remove_prefix(line.size());
      if (!in_row_) row_.line = line_;
      const size_t read = csv_parse(&parser_, line.data(), line.size(), OnField, OnRow, this);
      if (read != line.size()) return Failed();
      if (!problem_.ok()) return problem_;
      in_row_ = parser_.pstate != 0;  // 0: between rows
    }
    if (csv_fini(&parser_, OnField, OnRow, this) != 0) return Failed();
    if (!problem_.ok()) return problem_;
    return std::move(rows_);
  }

 private:
  // With its end: LF, CRLF or CR.
  static std::string_view FirstLine(std::string_view content) {
    const size_t end = content.find_first_of("\r\n");
    if (end == std::string_view::npos) return content;
    const bool is_crlf = content[end] == '\r' && end + 1 < content.size() && content[end + 1] == '\n';
    return content.substr(0, end + (is_crlf ? 2 : 1));
  }

  static void OnField(void* bytes, size_t size, void* self) {
    static_cast<Reader*>(self)->AddField({static_cast<const char*>(bytes), size});
  }
  static void OnRow(int, void* self) { static_cast<Reader*>(self)->EndRow(); }

  void AddField(std::string_view field) {
    if (!problem_.ok()) return;
    if (row_.fields.size() >= kMaxCsvColumns) {
      problem_ = Invalid(row_.line, base::Cat("more than ", kMaxCsvColumns, " fields"));
    } else if (field.size() > kMaxCsvFieldBytes) {
      problem_ = Invalid(row_.line, base::Cat("a field of more than ", kMaxCsvFieldBytes, " bytes"));
    } else {
      row_.fields.emplace_back(field);
    }
  }

  void EndRow() {
    if (!problem_.ok()) return;
    if (rows_.size() > kMaxCsvRows) {
      problem_ = Invalid(row_.line, base::Cat("more than ", kMaxCsvRows, " rows"));
      return;
    }
    row_.number = rows_.size() + 1;
    rows_.push_back(std::exchange(row_, CsvRow{}));
  }

  absl::Status Failed() {
    if (csv_error(&parser_) != CSV_EPARSE) return Invalid(line_, "out of memory");
    return Invalid(row_.line == 0 ? line_ : row_.line,
                   "a quote stands within an unquoted field, after a closing quote, or is never closed");
  }

  csv_parser parser_;
  std::vector<CsvRow> rows_;
  CsvRow row_;
  uint64_t line_ = 0;
  bool in_row_ = false;
  absl::Status problem_;
};

// The line of the first byte that is not UTF-8; 0 when all is.
uint64_t LineOfBadUtf8(std::string_view content) {
  if (base::IsValidUtf8(content)) return 0;
  uint64_t line = 1;
  for (size_t begin = 0; begin < content.size(); ++line) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    if (!base::IsValidUtf8(content.substr(begin, end - begin))) return line;
    begin = end + 1;
  }
  return line;
}

absl::Status CheckHeader(const CsvRow& header) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < header.fields.size(); ++i) {
    if (header.fields[i].empty()) return Invalid(header.line, base::Cat("column ", i + 1, " has no name"));
    if (!names.insert(header.fields[i]).second) {
      return Invalid(header.line, base::Cat("column ", i + 1, " has the name of an earlier one"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CsvFile> ParseCsv(std::string_view content) {
  if (content.size() > kMaxCsvBytes)
    return Invalid(1, base::Cat("the file is larger than ", kMaxCsvBytes, " bytes"));
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (content.substr(0, 3) == kByteOrderMark) content.remove_prefix(3);
  if (content.find('\0') != std::string_view::npos) return Invalid(1, "the file has a zero byte");
  if (const uint64_t line = LineOfBadUtf8(content); line != 0) return Invalid(line, "is not UTF-8");
  Reader reader;
  WAYPOST_ASSIGN_OR_RETURN(std::vector<CsvRow> rows, reader.Read(content));
  if (rows.empty()) return Invalid(1, "the file has no header");
  WAYPOST_RETURN_IF_ERROR(CheckHeader(rows.front()));
  CsvFile file;
  file.header = std::move(rows.front().fields);
  rows.erase(rows.begin());
  for (const CsvRow& row : rows) {
    if (row.fields.size() != file.header.size()) {
      return Invalid(row.line, base::Cat(row.fields.size(), " fields; the header has ", file.header.size()));
    }
  }
  file.rows = std::move(rows);
  return file;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string CsvLine(const std::vector<std::string>& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + CsvField(fields[i]);
  return line + "\r\n";
}

}  // namespace waypost::cli
