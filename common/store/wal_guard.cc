#include "common/store/wal_guard.h"

#include <filesystem>
#include <utility>

#include "common/status/errors.h"

namespace waypost::store {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class GuardedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  GuardedFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<WalGuard::Log> log)
      : FSWritableFileOwnerWrapper(std::move(file)), log_(std::move(log)) {}

  ~GuardedFile() override {
    const absl::MutexLock lock(&log_->mutex);
    log_->file = nullptr;
  }

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const absl::MutexLock lock(&log_->mutex);
    if (log_->severed) return IOStatus::OK();
    return Noted(FSWritableFileOwnerWrapper::Append(data, options, debug), data.size());
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& info,
                  IODebugContext* debug) override {
    const absl::MutexLock lock(&log_->mutex);
    if (log_->severed) return IOStatus::OK();
    return Noted(FSWritableFileOwnerWrapper::Append(data, options, info, debug), data.size());
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return Synced([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Synced([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }
  // RocksDB truncates a file to what it believes to be its size when it closes it.
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    const absl::MutexLock lock(&log_->mutex);
    if (log_->severed) return IOStatus::OK();
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }

 private:
  IOStatus Noted(IOStatus status, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(log_->mutex) {
    if (status.ok()) {
      log_->written += bytes;
    } else {
      log_->failed = true;
    }
    return status;
  }

  // Syncs without the lock, so that a slow sync of an old file holds up nobody.
  template <typename SyncFile>
  IOStatus Synced(SyncFile sync) {
    uint64_t covered = 0;
    {
      const absl::MutexLock lock(&log_->mutex);
      if (log_->severed) return IOStatus::OK();
      covered = log_->written;
    }
    IOStatus status = sync();
    const absl::MutexLock lock(&log_->mutex);
    if (!status.ok()) {
      log_->failed = true;
    } else if (!log_->failed) {
      log_->synced = std::max(log_->synced, covered);
    }
    return status;
  }

  const std::shared_ptr<WalGuard::Log> log_;
};

std::string FolderOf(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().parent_path().string();
}

}  // namespace

WalGuard::WalGuard(std::shared_ptr<rocksdb::FileSystem> base, const std::string& folder)
    : FileSystemWrapper(base), folder_(FolderOf(folder + "/x")) {}

std::shared_ptr<WalGuard::Log> WalGuard::Newest() const {
  const absl::MutexLock lock(&mutex_);
  return newest_;
}

IOStatus WalGuard::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                   std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  if (!path.ends_with(".log") || FolderOf(path) != folder_) {
    return FileSystemWrapper::NewWritableFile(path, options, file, debug);
  }
  std::unique_ptr<rocksdb::FSWritableFile> real;
  IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &real, debug);
  if (!status.ok()) return status;
  auto log = std::make_shared<Log>(path);
  {
    const absl::MutexLock lock(&log->mutex);
    log->file = real.get();
  }
  *file = std::make_unique<GuardedFile>(std::move(real), log);
  const absl::MutexLock lock(&mutex_);
  newest_ = std::move(log);
  return status;
}

absl::Status WalGuard::DropUnsynced() {
  const std::shared_ptr<Log> log = Newest();
  if (log == nullptr) return absl::OkStatus();
  const absl::MutexLock lock(&log->mutex);
  if (log->severed || (!log->failed && log->written == log->synced)) return absl::OkStatus();
  if (log->file == nullptr) return absl::InternalError("the log file was closed before it could be cut back");
  IOStatus status = log->file->Truncate(log->synced, IOOptions(), nullptr);
  if (status.ok()) status = log->file->Sync(IOOptions(), nullptr);
  if (!status.ok()) return absl::InternalError(status.ToString());
  log->severed = true;
  return absl::OkStatus();
}

}  // namespace waypost::store
