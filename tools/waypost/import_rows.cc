#include "tools/waypost/import_rows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/status/errors.h"
#include "tools/waypost/csv_import.h"
#include "tools/waypost/field_values.h"
#include "tools/waypost/import_columns.h"
#include "tools/waypost/json_text.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string_view Trimmed(std::string_view text) {
  return base::ToStd(absl::StripAsciiWhitespace(base::ToAbsl(text)));
}

// "a; b" or lines, without blanks around and without empty ones.
std::vector<std::string> Split(std::string_view cell, char separator) {
  std::vector<std::string> values;
  while (!cell.empty()) {
    const size_t end = std::min(cell.find(separator), cell.size());
    const std::string_view value = Trimmed(cell.substr(0, end));
    if (!value.empty()) values.emplace_back(value);
    cell.remove_prefix(std::min(end + 1, cell.size()));
  }
  return values;
}

// What is wrong with one field, from a status of SetField.
std::string ProblemIn(const absl::Status& status, std::string_view field) {
  const std::vector<std::string> violations = error::ViolationsOf(status);
  if (violations.empty()) return std::string(base::ToStd(status.message()));
  const std::string& first = violations.front();
  const std::string lead = base::Cat(field, ": ");
  return first.rfind(lead, 0) == 0 ? first.substr(lead.size()) : first;
}

// Sets the field at `path` under `root` from a cell.
absl::Status SetCell(Message& root, const ImportColumn& column, std::string_view cell, absl::TimeZone zone) {
  Message* holder = &root;
  std::string_view path = column.path;
  for (size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    const FieldDescriptor* step = holder->GetDescriptor()->FindFieldByName(std::string(path.substr(0, dot)));
    holder = holder->GetReflection()->MutableMessage(holder, step);
    path.remove_prefix(dot + 1);
  }
  const FieldDescriptor& field = *holder->GetDescriptor()->FindFieldByName(std::string(path));
  // A span from now would be another content each time the file is imported.
  const bool is_time = IsMessage(field, "google.protobuf.Timestamp");
  if (is_time && (cell.size() < 10 || cell[4] != '-')) {
    return error::InvalidField(column.name, "must be a time: RFC 3339, 2026-03-01 14:05 or 2026-03-01");
  }
  const bool is_text_list = field.is_repeated() && column.of == ColumnOf::kSections;
  const std::vector<std::string> values = field.is_repeated() ? Split(cell, is_text_list ? '\n' : ';')
                                                              : std::vector<std::string>{std::string(cell)};
  return SetField(*holder, field, values, {absl::UnixEpoch(), zone}, column.name);
}

// Turns the rows of one CSV file into items.
class CsvImport {
 public:
  CsvImport(std::string_view import_id, absl::TimeZone zone) : import_id_(import_id), zone_(zone) {}

  absl::StatusOr<std::vector<ImportItem>> Read(std::string_view content) {
    WAYPOST_ASSIGN_OR_RETURN(const CsvFile file, ParseCsv(content));
    WAYPOST_RETURN_IF_ERROR(FindColumns(file.header));
    for (const CsvRow& row : file.rows) AddRow(row);
    return std::move(items_);
  }

 private:
  absl::Status FindColumns(const std::vector<std::string>& header) {
    error::FieldViolations violations;
    for (const std::string& name : header) {
      const ImportColumn* column = FindImportColumn(name);
      if (column == nullptr)
        violations.Add(name, "is no column of an import; see waypost referral import --columns");
      columns_.push_back(column);
    }
    return violations.ToStatus();
  }

  // The word in the `case` column; empty when the row is a referral of its own.
  std::string CaseOf(const CsvRow& row) const {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i]->of == ColumnOf::kCase) return std::string(Trimmed(row.fields[i]));
    }
    return "";
  }

  void AddRow(const CsvRow& row) {
    const std::string word = CaseOf(row);
    const bool continues = !word.empty() && word == case_ && !items_.empty();
    if (!continues) BeginItem(row);
    case_ = word;
    if (!word.empty()) {
      const auto [first, is_new] = cases_.insert({word, items_.back().row});
      if (!is_new && first->second != items_.back().row) {
        Problem(row, "case",
                base::Cat("was used from row ", first->second, " on; rows of a case follow each other"));
      }
    }
    AddPerson(row, continues);
  }

  void BeginItem(const CsvRow& row) {
    ImportItem& item = items_.emplace_back();
    item.row = row.number;
    item.line = row.line;
    item.request.set_request_id(RowRequestId(import_id_, row.number));
  }

  void AddPerson(const CsvRow& row, bool continues) {
    pb::SubmitReferralRequest& request = items_.back().request;
    pb::Referral& referral = *request.mutable_referral();
    if (referral.persons_size() == kMaxImportPersons) {
      return Problem(row, "case", base::Cat("has more than ", kMaxImportPersons, " people"));
    }
    pb::Person& person = *referral.add_persons();
    pb::PersonSections sections;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string_view cell = Trimmed(row.fields[i]);
      if (cell.empty() || columns_[i]->of == ColumnOf::kCase) continue;
      const bool is_shared = columns_[i]->of == ColumnOf::kRequest || columns_[i]->of == ColumnOf::kReferral;
      if (is_shared && continues) {
        CheckShared(row, *columns_[i], cell);
      } else {
        Message& root = columns_[i]->of == ColumnOf::kRequest    ? static_cast<Message&>(request)
                        : columns_[i]->of == ColumnOf::kReferral ? static_cast<Message&>(referral)
                        : columns_[i]->of == ColumnOf::kPerson   ? static_cast<Message&>(person)
                                                                 : static_cast<Message&>(sections);
        const absl::Status status = SetCell(root, *columns_[i], cell, zone_);
        if (!status.ok()) Problem(row, columns_[i]->name, ProblemIn(status, columns_[i]->name));
      }
    }
    person.set_number(static_cast<uint32_t>(referral.persons_size()));
    if (sections.ByteSizeLong() == 0) return;
    sections.set_person(person.number());
    *request.add_sections() = std::move(sections);
  }

  // What a further row says about the case must be what its first row says, in the words of the file.
  void CheckShared(const CsvRow& row, const ImportColumn& column, std::string_view cell) {
    pb::SubmitReferralRequest said;
    Message& root = column.of == ColumnOf::kRequest ? static_cast<Message&>(said) : *said.mutable_referral();
    const absl::Status status = SetCell(root, column, cell, zone_);
    if (!status.ok()) return Problem(row, column.name, ProblemIn(status, column.name));
    pb::SubmitReferralRequest merged = items_.back().request;
    merged.MergeFrom(said);
    if (merged.SerializeAsString() == items_.back().request.SerializeAsString()) return;
    Problem(row, column.name,
            base::Cat("differs from the first row of the case (row ", items_.back().row, ")"));
  }

  void Problem(const CsvRow& row, std::string_view field, std::string problem) {
    items_.back().problems.push_back({row.number, row.line, std::string(field), std::move(problem)});
  }

  std::string_view import_id_;
  absl::TimeZone zone_;
  std::vector<const ImportColumn*> columns_;
  std::vector<ImportItem> items_;
  std::string case_;
  // The row in which each case begins.
  std::map<std::string, uint64_t> cases_;
};

ImportItem ItemOfJson(const JsonElement& element, uint64_t row, std::string_view import_id) {
  ImportItem item;
  item.row = row;
  item.line = element.line;
  const absl::Status status = FromJson(element.text, "json", item.request);
  if (!status.ok()) {
    item.problems.push_back({row, element.line, "", ProblemIn(status, "json")});
    return item;
  }
  for (const auto& [field, value] :
       {std::pair<std::string, std::string>("requestId", item.request.request_id()),
        {"name", item.request.name()},
        {"etag", item.request.etag()}}) {
    if (!value.empty()) item.problems.push_back({row, element.line, field, "does not belong in an import"});
  }
  item.request.set_request_id(RowRequestId(import_id, row));
  return item;
}

absl::Status JsonInvalid(uint64_t line, std::string_view problem) {
  return error::Make(absl::StatusCode::kInvalidArgument, "JSON_INVALID",
                     base::Cat("line ", line, ": ", problem), {{"line", base::Cat(line)}});
}

absl::StatusOr<std::vector<JsonElement>> SplitLines(std::string_view content) {
  std::vector<JsonElement> elements;
  for (uint64_t line = 1; !content.empty(); ++line) {
    const size_t end = std::min(content.find('\n'), content.size());
    const std::string_view text = Trimmed(content.substr(0, end));
    if (!text.empty()) elements.push_back({text, line});
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return elements;
}

bool EndsWith(std::string_view text, std::string_view ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

}  // namespace

absl::StatusOr<ImportFormat> ImportFormatOf(std::string_view path) {
  if (EndsWith(path, ".csv")) return ImportFormat::kCsv;
  if (EndsWith(path, ".json")) return ImportFormat::kJson;
  if (EndsWith(path, ".jsonl") || EndsWith(path, ".ndjson")) return ImportFormat::kJsonLines;
  return error::InvalidField("file", "must end in .csv, .json or .jsonl");
}

std::string DefaultImportId(std::string_view content) {
  return base::ToHex(crypto::Sha256(content)).substr(0, 32);
}

absl::Status CheckImportId(std::string_view id) {
  const bool is_long_enough = id.size() >= 4 && id.size() <= 40;
  const bool is_plain = std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  if (is_long_enough && is_plain) return absl::OkStatus();
  return error::InvalidField("--import-id", "must have 4 to 40 letters, digits, hyphens or underscores");
}

std::string RowRequestId(std::string_view import_id, uint64_t row) {
  return base::Cat("imp-", import_id, "-", row);
}

absl::StatusOr<std::vector<JsonElement>> SplitJsonArray(std::string_view content) {
  std::vector<JsonElement> elements;
  uint64_t line = 1;
  size_t depth = 0;
  size_t begin = std::string_view::npos;  // of the present element
  uint64_t begin_line = 0;
  bool in_text = false;
  bool is_closed = false;
  for (size_t at = 0; at < content.size(); ++at) {
    const char c = content[at];
    if (c == '\n') ++line;
    if (in_text) {
      if (c == '\\') ++at;
      in_text = c != '"';
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (is_closed) return JsonInvalid(line, "there is something after the array");
    if (depth == 0 && c != '[') return JsonInvalid(line, "the file must be an array of requests");
    if (depth == 1 && c == '}') return JsonInvalid(line, "a closing brace without an opening one");
    const bool ends_element = depth == 1 && (c == ',' || c == ']');
    if (ends_element) {
      const bool is_empty_array = c == ']' && elements.empty() && begin == std::string_view::npos;
      if (begin == std::string_view::npos && !is_empty_array)
        return JsonInvalid(line, "a request is missing");
      if (!is_empty_array) elements.push_back({Trimmed(content.substr(begin, at - begin)), begin_line});
      begin = std::string_view::npos;
    } else if (depth == 1 && begin == std::string_view::npos) {
      begin = at;
      begin_line = line;
    }
    if (c == '"') in_text = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    is_closed = depth == 0;
    if (depth > kMaxImportDepth) return JsonInvalid(line, base::Cat("nested deeper than ", kMaxImportDepth));
  }
  if (!is_closed) return JsonInvalid(line, "the array does not end");
  return elements;
}

absl::StatusOr<std::vector<ImportItem>> ReadImport(ImportFormat format, std::string_view content,
                                                   std::string_view import_id, absl::TimeZone zone) {
  if (format == ImportFormat::kCsv) return CsvImport(import_id, zone).Read(content);
  if (!base::IsValidUtf8(content)) return JsonInvalid(1, "the file is not UTF-8");
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<JsonElement> elements,
                           format == ImportFormat::kJson ? SplitJsonArray(content) : SplitLines(content));
  if (elements.size() > kMaxImportRows)
    return JsonInvalid(1, base::Cat("more than ", kMaxImportRows, " requests"));
  std::vector<ImportItem> items;
  items.reserve(elements.size());
  for (const JsonElement& element : elements)
    items.push_back(ItemOfJson(element, items.size() + 1, import_id));
  return items;
}

}  // namespace waypost::cli
