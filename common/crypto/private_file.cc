#include "common/crypto/private_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

constexpr std::string_view kTemporaryPrefix = ".tmp-";

std::string Join(const std::string& dir, std::string_view name) {
  return base::Cat(dir, "/", name);
}

absl::Status Failed(std::string_view what, const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT) return error::DiskFull();
  const auto code = error == ENOENT   ? absl::StatusCode::kNotFound
                    : error == EEXIST ? absl::StatusCode::kAlreadyExists
                                      : absl::StatusCode::kInternal;
  return error::Make(code, "FILE_FAILED", base::Cat("cannot ", what, " '", path, "': ", std::strerror(error)),
                     {{"path", path}});
}

absl::Status NotPrivate(const std::string& path, std::string_view why) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "FILE_NOT_PRIVATE",
                     base::Cat("'", path, "' ", why,
                               ": it must belong to the node's user, and nobody else may "
                               "read or write it (chmod go-rwx)"),
                     {{"path", path}});
}

absl::Status CheckPrivate(const struct stat& info, const std::string& path) {
  if (info.st_uid != geteuid() && info.st_uid != 0) return NotPrivate(path, "belongs to another user");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) return NotPrivate(path, "is open to others");
  return absl::OkStatus();
}

// An open file. Closes it.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

absl::Status SyncFolder(const std::string& dir) {
  const File folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok() || ::fsync(folder.fd()) != 0) return Failed("sync", dir, errno);
  return absl::OkStatus();
}

absl::Status WriteAll(const File& file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.fd(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Failed("write", path, written < 0 ? errno : EIO);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file.fd()) != 0) return Failed("sync", path, errno);
  return absl::OkStatus();
}

absl::Status PutInPlace(const std::string& from, const std::string& to, IfExists if_exists) {
  if (if_exists == IfExists::kReplace) {
    if (::rename(from.c_str(), to.c_str()) != 0) return Failed("rename to", to, errno);
    return absl::OkStatus();
  }
  if (::link(from.c_str(), to.c_str()) != 0) return Failed("create", to, errno);
  if (::unlink(from.c_str()) != 0) return Failed("remove", from, errno);
  return absl::OkStatus();
}

}  // namespace

absl::Status EnsurePrivateFolder(const std::string& dir) {
  struct stat info = {};
  if (::stat(dir.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return NotPrivate(dir, "is no folder");
    return CheckPrivate(info, dir);
  }
  if (errno != ENOENT) return Failed("look at", dir, errno);
  const std::filesystem::path parent = std::filesystem::absolute(dir).lexically_normal().parent_path();
  if (::stat(parent.c_str(), &info) != 0) {
    std::error_code error;
    std::filesystem::create_directories(parent, error);
    if (error) return Failed("create", parent.string(), error.value());
  }
  if (::mkdir(dir.c_str(), S_IRWXU) != 0 && errno != EEXIST) return Failed("create", dir, errno);
  WAYPOST_RETURN_IF_ERROR(SyncFolder(parent.string()));
  if (::stat(dir.c_str(), &info) != 0) return Failed("look at", dir, errno);
  return CheckPrivate(info, dir);
}

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.ok() && errno == ELOOP) return NotPrivate(path, "is a symbolic link");
  if (!file.ok()) return Failed("open", path, errno);
  struct stat info = {};
  if (::fstat(file.fd(), &info) != 0) return Failed("look at", path, errno);
  if (!S_ISREG(info.st_mode)) return NotPrivate(path, "is no regular file");
  WAYPOST_RETURN_IF_ERROR(CheckPrivate(info, path));
  if (info.st_size > static_cast<off_t>(kMaxPrivateFileBytes)) {
    return error::LimitExceeded("bytes of a private file", int64_t{kMaxPrivateFileBytes}, info.st_size);
  }
  std::string content(static_cast<size_t>(info.st_size), '\0');
  size_t read = 0;
  while (read < content.size()) {
    const ssize_t got = ::read(file.fd(), content.data() + read, content.size() - read);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path, errno);
    if (got == 0) break;
    read += static_cast<size_t>(got);
  }
  content.resize(read);
  return content;
}

absl::Status WritePrivateFile(const std::string& dir, std::string_view name, std::string_view content,
                              IfExists if_exists, base::Random& random) {
  const std::string temporary = Join(dir, base::Cat(kTemporaryPrefix, base::ToHex(random.Bytes(8))));
  {
    const File file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.ok()) return Failed("create", temporary, errno);
    if (absl::Status status = WriteAll(file, content, temporary); !status.ok()) {
      ::unlink(temporary.c_str());
      return status;
    }
  }
  if (absl::Status status = PutInPlace(temporary, Join(dir, name), if_exists); !status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(dir);
}

absl::Status DestroyFile(const std::string& dir, std::string_view name) {
  // A half overwritten file must not stand where a whole one is expected.
  const std::string path =
      Join(dir, IsTemporaryName(name) ? std::string(name) : base::Cat(kTemporaryPrefix, name));
  if (::rename(Join(dir, name).c_str(), path.c_str()) != 0) {
    return errno == ENOENT ? SyncFolder(dir) : Failed("rename", Join(dir, name), errno);
  }
  WAYPOST_RETURN_IF_ERROR(SyncFolder(dir));
  {
    const File file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file.ok()) return Failed("open", path, errno);
    struct stat info = {};
    if (::fstat(file.fd(), &info) != 0) return Failed("look at", path, errno);
    WAYPOST_RETURN_IF_ERROR(WriteAll(file, std::string(static_cast<size_t>(info.st_size), '\0'), path));
  }
  if (::unlink(path.c_str()) != 0) return Failed("remove", path, errno);
  return SyncFolder(dir);
}

absl::Status DestroyTemporaries(const std::string& dir) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(dir));
  for (const std::string& name : names) {
    if (IsTemporaryName(name)) WAYPOST_RETURN_IF_ERROR(DestroyFile(dir, name));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& dir) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator at(dir, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  if (error) return Failed("list", dir, error.value());
  return names;
}

bool IsTemporaryName(std::string_view name) {
  return name.substr(0, kTemporaryPrefix.size()) == kTemporaryPrefix;
}

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& dir, absl::Duration patience) {
  const std::string path = Join(dir, "lock");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return Failed("open", path, errno);
  FolderLock lock(fd);
  // flock cannot wait for a limited time; holders keep it for milliseconds.
  constexpr absl::Duration kStep = absl::Milliseconds(5);
  for (absl::Duration waited; ::flock(fd, LOCK_EX | LOCK_NB) != 0; waited += kStep) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Failed("lock", path, errno);
    if (waited >= patience) return error::Unavailable(path, "another process holds its lock");
    absl::SleepFor(kStep);
  }
  return lock;
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace waypost::crypto
