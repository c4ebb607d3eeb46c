#include "tools/waypost/import_done.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/csv_import.h"
#include "tools/waypost/json_text.h"

namespace waypost::cli {
namespace {

const std::vector<std::string>& Columns() {
  static const auto* const columns =
      new std::vector<std::string>{"server", "import_id", "row", "request_id", "referral"};
  return *columns;
}

absl::Status Failed(const std::string& path, int why) {
  return error::Make(
      absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
      base::Cat(path, ", which keeps what was submitted, cannot be written: ", std::strerror(why)));
}

// A new name in a folder is kept once the folder is.
void SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::absolute(path).parent_path();
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

// The lines that begin with it. REQUIRES: whole lines.
std::string LinesWith(std::string_view beginning, std::string_view content) {
  std::string lines;
  while (!content.empty()) {
    const std::string_view line = content.substr(0, content.find('\n') + 1);
    if (line.substr(0, beginning.size()) == beginning) lines += line;
    content.remove_prefix(line.size());
  }
  return lines;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DoneFile>> DoneFile::Open(const std::string& path, const std::string& server,
                                                         const std::string& import_id) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return Failed(path, errno);
  std::unique_ptr<DoneFile> done(new DoneFile(path, file, server, import_id));
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    return error::Make(absl::StatusCode::kAborted, "IMPORT_RUNS",
                       base::Cat(path, " is in use: another import of the same file is running"));
  }
  WAYPOST_RETURN_IF_ERROR(done->Load());
  return done;
}

DoneFile::DoneFile(std::string path, int file, std::string server, std::string import_id)
    : path_(std::move(path)), file_(file), server_(std::move(server)), import_id_(std::move(import_id)) {}

DoneFile::~DoneFile() {
  close(file_);
}

absl::Status DoneFile::Load() {
  WAYPOST_ASSIGN_OR_RETURN(std::string content, ReadFile(path_, kMaxDoneBytes));
  const std::string header = CsvLine(Columns());
  const size_t whole = content.rfind('\n') + 1;  // 0 where there is none
  const bool cut_off = header.substr(0, content.size()) == content;
  if (!cut_off && content.substr(0, header.size()) != header) {
    return error::InvalidField("file", base::Cat(path_, " is not what an import has kept: move it away"));
  }
  if (whole < content.size() && ftruncate(file_, static_cast<off_t>(whole)) != 0) return Failed(path_, errno);
  content.resize(whole);
  if (content.empty()) {
    Write(header);
    SyncFolderOf(path_);
    return Sync();
  }
  const std::string own = CsvLine({server_, import_id_});
  const std::string_view beginning = std::string_view(own).substr(0, own.find_last_not_of("\r\n") + 1);
  WAYPOST_ASSIGN_OR_RETURN(const CsvFile rows,
                           ParseCsv(base::Cat(header, LinesWith(base::Cat(beginning, ","), content))));
  for (const CsvRow& row : rows.rows) referrals_[row.fields[3]] = row.fields[4];
  return absl::OkStatus();
}

std::optional<std::string> DoneFile::ReferralOf(const ImportItem& item) const {
  const auto found = referrals_.find(item.request.request_id());
  if (found == referrals_.end()) return std::nullopt;
  return found->second;
}

void DoneFile::Add(const ImportItem& item, const std::string& referral) {
  Write(CsvLine({server_, import_id_, base::Cat(item.row), item.request.request_id(), referral}));
}

absl::Status DoneFile::Sync() {
  if (status_.ok() && fdatasync(file_) != 0) status_ = Failed(path_, errno);
  return status_;
}

void DoneFile::Write(std::string_view text) {
  while (status_.ok() && !text.empty()) {
    const ssize_t written = write(file_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      status_ = Failed(path_, errno);
      return;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace waypost::cli
