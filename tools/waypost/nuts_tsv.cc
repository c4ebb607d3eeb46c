#include "tools/waypost/nuts_tsv.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "common/base/strings.h"
#include "common/territory/territory.h"

namespace waypost::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kShownBytes = 100;

std::vector<std::string_view> Split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

// The next line without its end; takes it off `content`.
std::string_view TakeLine(std::string_view& content) {
  const size_t end = std::min(content.find('\n'), content.size());
  std::string_view line = content.substr(0, end);
  content.remove_prefix(std::min(end + 1, content.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view WithoutBlankEnds(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Its first bytes, cut between characters. REQUIRES: UTF-8.
std::string_view Shortened(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

// Where each column stands.
struct Columns {
  std::optional<size_t> code;
  std::optional<size_t> label;
  std::optional<size_t> level;
  std::optional<size_t> country;
  size_t count = 0;
};

class Reader {
 public:
  NutsTable Read(std::string_view content) && {
    if (content.size() > kMaxNutsBytes) {
      FileProblem(base::Cat("has more than ", kMaxNutsBytes, " bytes: split it"));
      return std::move(table_);
    }
    if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
    ++line_;
    if (!ReadHeader(TakeLine(content))) return std::move(table_);
    while (!content.empty()) {
      ++line_;
      const std::string_view line = TakeLine(content);
      if (line.empty()) continue;
      if (++table_.count > kMaxNutsRows) {
        table_ = NutsTable();
        FileProblem(base::Cat("has more than ", kMaxNutsRows, " rows: split it"));
        return std::move(table_);
      }
      ReadRow(line);
    }
    LeaveOutDuplicates();
    // What a unit lies in is of a lower level.
    std::sort(table_.rows.begin(), table_.rows.end(), [](const NutsRow& a, const NutsRow& b) {
      return std::tie(a.level, a.code) < std::tie(b.level, b.code);
    });
    std::stable_sort(table_.problems.begin(), table_.problems.end(),
                     [](const NutsProblem& a, const NutsProblem& b) { return a.line < b.line; });
    return std::move(table_);
  }

 private:
  void FileProblem(std::string problem) { table_.problems.push_back({.problem = std::move(problem)}); }

  void Problem(std::string_view field, std::string_view value, std::string problem) {
    table_.problems.push_back({.line = line_,
                               .code = code_,
                               .field = std::string(field),
                               .value = std::string(Shortened(value, kShownBytes)),
                               .problem = std::move(problem)});
  }

  bool ReadHeader(std::string_view line) {
    const std::vector<std::string_view> names = Split(line);
    columns_.count = names.size();
    for (size_t i = 0; i < names.size(); ++i) {
      std::optional<size_t>* const column = names[i] == "code"      ? &columns_.code
                                            : names[i] == "label"   ? &columns_.label
                                            : names[i] == "level"   ? &columns_.level
                                            : names[i] == "country" ? &columns_.country
                                                                    : nullptr;
      if (column == nullptr) continue;
      if (column->has_value()) {
        FileProblem(base::Cat("has two columns ", names[i], ": keep one"));
        return false;
      }
      *column = i;
    }
    if (columns_.code && columns_.label) return true;
    FileProblem("has no columns code and label in its first line, parted by tabs: add them");
    return false;
  }

  void ReadRow(std::string_view line) {
    code_.clear();
    const size_t before = table_.problems.size();
    const std::vector<std::string_view> fields = Split(line);
    if (!base::IsValidUtf8(line)) return Problem("", "", "is not UTF-8: save the file as UTF-8");
    if (fields.size() != columns_.count) {
      return Problem("", "",
                     base::Cat("has ", fields.size(), " fields where the header has ", columns_.count,
                               ": correct the row"));
    }
    const std::string_view code = fields[*columns_.code];
    code_ = Shortened(code, territory::kMaxTerritoryBytes);
    if (!territory::IsTerritory(code) || code == territory::kWholeUnion) {
      return Problem("code", code, "is not a territory code as in ES300 or ES300/28058: correct it");
    }
    const int level = territory::TerritoryDepth(code) - 1;
    if (columns_.level && fields[*columns_.level] != base::Cat(level)) {
      Problem("level", fields[*columns_.level],
              base::Cat("is not ", level, ", which the code says: correct one of them"));
    }
    if (columns_.country && fields[*columns_.country] != code.substr(0, 2)) {
      Problem("country", fields[*columns_.country],
              base::Cat("is not ", code.substr(0, 2), ", which the code says: correct one of them"));
    }
    const std::string_view name = ReadName(fields[*columns_.label]);
    lines_by_code_[std::string(code)].push_back(line_);
    if (table_.problems.size() != before) return;
    table_.trimmed += name.size() == fields[*columns_.label].size() ? 0 : 1;
    table_.rows.push_back({line_, std::string(code), std::string(name), level});
  }

  std::string_view ReadName(std::string_view label) {
    const std::string_view name = WithoutBlankEnds(label);
    if (name.empty()) {
      Problem("label", label, "is empty: give the name");
    } else if (name.size() > kMaxNutsNameBytes) {
      Problem("label", name, base::Cat("has more than ", kMaxNutsNameBytes, " bytes: shorten it"));
    } else if (HasControl(name)) {
      Problem("label", "", "has control characters: take them out");
    }
    return name;
  }

  // None of those that share a code is known to be the right one.
  void LeaveOutDuplicates() {
    const auto is_shared = [this](const NutsRow& row) { return lines_by_code_.at(row.code).size() > 1; };
    table_.rows.erase(std::remove_if(table_.rows.begin(), table_.rows.end(), is_shared), table_.rows.end());
    for (const auto& [code, lines] : lines_by_code_) {
      if (lines.size() < 2) continue;
      for (const uint64_t line : lines) {
        line_ = line;
        code_ = code;
        Problem("code", code, "is the code of several rows: keep one of them");
      }
    }
  }

  NutsTable table_;
  Columns columns_;
  uint64_t line_ = 0;
  std::string code_;  // of the row that is read
  std::map<std::string, std::vector<uint64_t>> lines_by_code_;
};

}  // namespace

NutsTable ParseNutsTsv(std::string_view content) {
  return Reader().Read(content);
}

}  // namespace waypost::cli
