// What of an import has gone through, in a file beside it: run again, nothing is sent twice, however long
// after and whoever runs it. The server knows a request id again for a day or two, and of the same person
// alone. There is no personal data in it: the server, the import, rows, request ids and the names of
// referrals.
#ifndef WAYPOST_TOOLS_WAYPOST_IMPORT_DONE_H_
#define WAYPOST_TOOLS_WAYPOST_IMPORT_DONE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/waypost/import_rows.h"

namespace waypost::cli {

inline constexpr size_t kMaxDoneBytes = 512 * 1024 * 1024;

// The rows of one import to one server; the file may have others, too. Not thread-safe.
class DoneFile {
 public:
  // Opens or makes it, for its owner alone, and keeps every other run of it out until this is destroyed. What
  // a crash has cut off at its end is taken away. INVALID_ARGUMENT when it is no such file, ABORTED while
  // another run has it, INTERNAL when it cannot be opened: then nothing should be sent.
  static absl::StatusOr<std::unique_ptr<DoneFile>> Open(const std::string& path, const std::string& server,
                                                        const std::string& import_id);
  ~DoneFile();
  DoneFile(const DoneFile&) = delete;
  DoneFile& operator=(const DoneFile&) = delete;

  // The referral that an earlier run has submitted for that row.
  std::optional<std::string> ReferralOf(const ImportItem& item) const;

  void Add(const ImportItem& item, const std::string& referral);
  // All that was added is on disk, or else why it is not.
  absl::Status Sync();

 private:
  DoneFile(std::string path, int file, std::string server, std::string import_id);

  // Reads what there is; begins an empty one.
  absl::Status Load();
  void Write(std::string_view text);

  const std::string path_;
  const int file_;
  const std::string server_;
  const std::string import_id_;
  std::map<std::string, std::string, std::less<>> referrals_;  // by request id
  absl::Status status_;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_IMPORT_DONE_H_
