#include "tools/waypost/hsds_files.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/json_text.h"

namespace waypost::cli {
namespace {

bool IsByLines(const std::string& path) {
  return path.ends_with(".jsonl") || path.ends_with(".ndjson");
}

}  // namespace

absl::StatusOr<HsdsFiles> HsdsFiles::Open(std::vector<std::string> paths) {
  for (const std::string& path : paths) {
    if (!path.ends_with(".json") && !IsByLines(path)) {
      return error::InvalidField("file", base::Cat("'", path, "' must end in .json, .jsonl or .ndjson"));
    }
  }
  return HsdsFiles(std::move(paths));
}

void HsdsFiles::Rewind() {
  const std::lock_guard lock(mutex_);
  file_ = 0;
  lines_.close();
}

absl::StatusOr<std::optional<HsdsPortion>> HsdsFiles::Next() {
  const std::lock_guard lock(mutex_);
  while (file_ < paths_.size()) {
    if (IsByLines(paths_[file_])) {
      WAYPOST_ASSIGN_OR_RETURN(auto portion, NextLines());
      if (portion.has_value()) return portion;
      lines_.close();
      ++file_;
      continue;
    }
    WAYPOST_ASSIGN_OR_RETURN(std::string content, ReadFile(paths_[file_], kMaxHsdsBytes));
    HsdsPortion portion = {.file = file_++, .first_line = 0, .documents = {}};
    portion.documents.push_back(std::move(content));
    return portion;
  }
  return std::nullopt;
}

absl::Status HsdsFiles::OpenLines() {
  if (lines_.is_open()) return absl::OkStatus();
  lines_.clear();
  lines_.open(paths_[file_], std::ios::binary);
  line_ = 0;
  if (lines_.is_open()) return absl::OkStatus();
  return error::InvalidField("file", base::Cat("'", paths_[file_], "' cannot be read"));
}

absl::StatusOr<std::optional<HsdsPortion>> HsdsFiles::NextLines() {
  WAYPOST_RETURN_IF_ERROR(OpenLines());
  HsdsPortion portion = {.file = file_, .first_line = line_ + 1, .documents = {}};
  size_t bytes = 0;
  std::string line;
  while (portion.documents.size() < kHsdsLinesAtOnce && bytes < kHsdsBytesAtOnce &&
         std::getline(lines_, line)) {
    ++line_;
    if (line.size() > kMaxHsdsLineBytes) {
      return error::InvalidField("file", base::Cat("'", paths_[file_], "', line ", line_, " has more than ",
                                                   kMaxHsdsLineBytes, " bytes: split it"));
    }
    bytes += line.size();
    portion.documents.push_back(std::move(line));
  }
  if (lines_.bad()) return error::InvalidField("file", base::Cat("'", paths_[file_], "' cannot be read"));
  if (portion.documents.empty()) return std::nullopt;
  return portion;
}

}  // namespace waypost::cli
