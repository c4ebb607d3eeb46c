// Files and folders that only this process's user may read, written so that a crash leaves the old content or
// the new, never a mixture. Paths are not personal data; content never appears in an error.
#ifndef WAYPOST_COMMON_CRYPTO_PRIVATE_FILE_H_
#define WAYPOST_COMMON_CRYPTO_PRIVATE_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/random.h"

namespace waypost::crypto {

// Of a private file.
inline constexpr size_t kMaxPrivateFileBytes = size_t{64} * 1024;

// Makes `dir` and its missing parents, mode 0700, and syncs the parent. FAILED_PRECONDITION when it exists
// and is not private: a folder of this user (or root) that nobody else may enter, read or write.
absl::Status EnsurePrivateFolder(const std::string& dir);

// FAILED_PRECONDITION / FILE_NOT_PRIVATE when the file is not a regular file of this user (or root) that
// nobody else may read or write; NOT_FOUND when there is none. Follows no symbolic link.
absl::StatusOr<std::string> ReadPrivateFile(const std::string& path);

enum class IfExists { kReplace, kRefuse };

// Writes dir/name durably, mode 0600: under another name, synced, then renamed (or, for kRefuse, linked,
// which fails with ALREADY_EXISTS), then the folder synced.
absl::Status WritePrivateFile(const std::string& dir, std::string_view name, std::string_view content,
                              IfExists if_exists, base::Random& random);

// Takes the file's name away, then overwrites it in place, syncs it, removes it and syncs the folder. OK when
// there is none. After a crash it is gone, or left as a temporary. File systems that copy on write, and
// flash, may keep old blocks: put key folders on encrypted volumes.
absl::Status DestroyFile(const std::string& dir, std::string_view name);

// Destroys what WritePrivateFile and DestroyFile left when they were interrupted. The caller keeps other
// writers out (FolderLock).
absl::Status DestroyTemporaries(const std::string& dir);

// The names in a folder, "." and ".." aside, in no order. NOT_FOUND when there is no such folder.
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& dir);

// True for what WritePrivateFile or DestroyFile leaves behind when it is interrupted.
bool IsTemporaryName(std::string_view name);

// Excludes every other holder of a lock on the same file, in this process or another, while it lives.
class FolderLock {
 public:
  // UNAVAILABLE when another holder keeps it for longer than `patience`.
  static absl::StatusOr<FolderLock> Take(const std::string& dir, absl::Duration patience);
  FolderLock(FolderLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FolderLock& operator=(FolderLock&&) = delete;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_PRIVATE_FILE_H_
