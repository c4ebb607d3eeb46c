#include "common/store/testing/lossy_file_system.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <utility>

#include "common/base/strings.h"

namespace waypost::store {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// Writes through to the real file, so that it can be read back, and notes how much of it is durable.
class LossyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LossyFile(LossyFileSystem& disk, std::string path, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    bool partial = false;
    IOStatus status = disk_.Admit(LossyFileSystem::Operation::kAppend, path_, &partial);
    uint64_t size = data.size();
    if (!status.ok()) {
      if (!partial) return status;
      size /= 2;
    } else {
      size = disk_.TakeRoom(size);
      if (size < data.size()) status = IOStatus::NoSpace("the disk is full");
    }
    IOStatus written = FSWritableFileOwnerWrapper::Append(Slice(data.data(), size), options, debug);
    if (!written.ok()) return written;
    disk_.OnAppended(path_, size);
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("direct I/O");
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&, const rocksdb::DataVerificationInfo&,
                            IODebugContext*) override {
    return IOStatus::NotSupported("direct I/O");
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = disk_.AdmitName(path_);
    if (status.ok()) status = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    if (status.ok()) disk_.OnTruncated(path_, size);
    return status;
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return Synced(); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return Synced(); }
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();  // a hint; makes nothing durable
  }
  bool IsSyncThreadSafe() const override { return true; }

 private:
  // The real sync is left out: only the modelled power is ever cut.
  IOStatus Synced() {
    bool partial = false;
    IOStatus status = disk_.Admit(LossyFileSystem::Operation::kSync, path_, &partial);
    if (status.ok()) disk_.OnSynced(path_);
    return status;
  }

  LossyFileSystem& disk_;
  const std::string path_;
};

class LossyRandomReader final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  LossyRandomReader(LossyFileSystem& disk, std::string path,
                    std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  IOStatus Read(uint64_t offset, size_t size, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) const override {
    bool partial = false;
    IOStatus status = disk_.Fail(LossyFileSystem::Operation::kRead, path_, &partial);
    if (!status.ok()) return status;
    return FSRandomAccessFileOwnerWrapper::Read(offset, size, options, result, scratch, debug);
  }

 private:
  LossyFileSystem& disk_;
  const std::string path_;
};

class LossySequentialReader final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  LossySequentialReader(LossyFileSystem& disk, std::string path,
                        std::unique_ptr<rocksdb::FSSequentialFile> file)
      : FSSequentialFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  IOStatus Read(size_t size, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    bool partial = false;
    IOStatus status = disk_.Fail(LossyFileSystem::Operation::kRead, path_, &partial);
    return status.ok() ? FSSequentialFileOwnerWrapper::Read(size, options, result, scratch, debug) : status;
  }

 private:
  LossyFileSystem& disk_;
  const std::string path_;
};

class LossyDirectory final : public FSDirectory {
 public:
  LossyDirectory(LossyFileSystem& disk, std::string path, std::unique_ptr<FSDirectory> directory)
      : disk_(disk), path_(std::move(path)), directory_(std::move(directory)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    IOStatus status = disk_.AdmitName(path_);
    if (status.ok()) disk_.OnDirectorySynced(path_);
    return status;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return directory_->Close(options, debug);
  }

 private:
  LossyFileSystem& disk_;
  const std::string path_;
  const std::unique_ptr<FSDirectory> directory_;
};

namespace {

std::string DirectoryOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::string Normal(const std::string& path) {
  std::string normal = std::filesystem::path(path).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

}  // namespace

LossyFileSystem::LossyFileSystem(std::shared_ptr<rocksdb::FileSystem> base, std::string graveyard)
    : FileSystemWrapper(base), graveyard_(std::move(graveyard)) {}

void LossyFileSystem::Inject(Fault fault) {
  const absl::MutexLock lock(&mutex_);
  faults_.push_back(std::move(fault));
}

void LossyFileSystem::ClearFaults() {
  const absl::MutexLock lock(&mutex_);
  faults_.clear();
}

int LossyFileSystem::faults_hit() const {
  const absl::MutexLock lock(&mutex_);
  return faults_hit_;
}

void LossyFileSystem::SetFreeBytes(std::optional<uint64_t> bytes) {
  const absl::MutexLock lock(&mutex_);
  free_bytes_ = bytes;
}

void LossyFileSystem::CutPowerAfter(uint64_t changes) {
  const absl::MutexLock lock(&mutex_);
  changes_left_ = changes;
}

bool LossyFileSystem::power_is_off() const {
  const absl::MutexLock lock(&mutex_);
  return changes_left_ == uint64_t{0};
}

uint64_t LossyFileSystem::changes() const {
  const absl::MutexLock lock(&mutex_);
  return changes_;
}

IOStatus LossyFileSystem::AdmitName(const std::string&) {
  const absl::MutexLock lock(&mutex_);
  if (changes_left_ == uint64_t{0}) return IOStatus::IOError("the power is off");
  if (changes_left_.has_value()) --*changes_left_;
  ++changes_;
  return IOStatus::OK();
}

IOStatus LossyFileSystem::Admit(Operation operation, const std::string& path, bool* partial) {
  IOStatus status = AdmitName(path);
  return status.ok() ? Fail(operation, path, partial) : status;
}

IOStatus LossyFileSystem::Fail(Operation operation, const std::string& path, bool* partial) {
  const std::string name = std::filesystem::path(path).filename().string();
  IOStatus status;
  std::function<void()> before;
  {
    const absl::MutexLock lock(&mutex_);
    for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
      if (fault->operation != operation || name.find(fault->name_has) == std::string::npos) continue;
      if (fault->skip-- > 0) continue;
      status = fault->status;
      before = fault->before;
      *partial = fault->partial && operation == Operation::kAppend;
      ++faults_hit_;
      if (!fault->for_ever) faults_.erase(fault);
      break;
    }
  }
  if (before) before();
  return status;
}

uint64_t LossyFileSystem::TakeRoom(uint64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  if (!free_bytes_.has_value()) return bytes;
  const uint64_t taken = std::min(bytes, *free_bytes_);
  *free_bytes_ -= taken;
  return taken;
}

void LossyFileSystem::OnAppended(const std::string& path, uint64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  files_[path].written += bytes;
}

void LossyFileSystem::OnSynced(const std::string& path) {
  const absl::MutexLock lock(&mutex_);
  FileState& state = files_[path];
  state.synced = state.written;
}

void LossyFileSystem::OnTruncated(const std::string& path, uint64_t size) {
  const absl::MutexLock lock(&mutex_);
  FileState& state = files_[path];
  if (free_bytes_.has_value() && size < state.written) *free_bytes_ += state.written - size;
  state.written = size;
  state.synced = std::min(state.synced, size);
}

void LossyFileSystem::OnDirectorySynced(const std::string& directory) {
  const absl::MutexLock lock(&mutex_);
  std::erase_if(pending_,
                [&](const DirectoryChange& change) { return DirectoryOf(change.path) == directory; });
}

std::string LossyFileSystem::Backup(const std::string& path) {
  std::string backup = base::Cat(graveyard_, "/", ++backups_);
  std::error_code error;
  std::filesystem::create_hard_link(path, backup, error);
  return error ? std::string() : backup;
}

IOStatus LossyFileSystem::NewWritableFile(const std::string& given, const FileOptions& options,
                                          std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) {
  const std::string path = Normal(given);
  bool partial = false;
  IOStatus status = Admit(Operation::kCreate, path, &partial);
  if (!status.ok()) return status;
  std::string backup;
  {
    const absl::MutexLock lock(&mutex_);
    if (free_bytes_ == uint64_t{0}) return IOStatus::NoSpace("the disk is full");
    backup = Backup(path);
  }
  // An old file of the name must not be emptied under its backup.
  if (!backup.empty()) std::filesystem::remove(path);
  std::unique_ptr<FSWritableFile> real;
  status = FileSystemWrapper::NewWritableFile(path, options, &real, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<LossyFile>(*this, path, std::move(real));
  const absl::MutexLock lock(&mutex_);
  DirectoryChange change{DirectoryChange::Kind::kCreate, path, "", std::move(backup), std::nullopt};
  if (const auto old = files_.find(path); old != files_.end()) change.old_state = old->second;
  pending_.push_back(std::move(change));
  files_[path] = FileState{};
  return status;
}

IOStatus LossyFileSystem::ReopenWritableFile(const std::string&, const FileOptions&,
                                             std::unique_ptr<FSWritableFile>*, IODebugContext*) {
  return IOStatus::NotSupported("reopening a file for writing");
}

IOStatus LossyFileSystem::ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                                            std::unique_ptr<FSWritableFile>*, IODebugContext*) {
  return IOStatus::NotSupported("reusing a file");
}

IOStatus LossyFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                              IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSRandomAccessFile> real;
  IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, &real, debug);
  if (status.ok()) *file = std::make_unique<LossyRandomReader>(*this, path, std::move(real));
  return status;
}

IOStatus LossyFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                            IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSSequentialFile> real;
  IOStatus status = FileSystemWrapper::NewSequentialFile(path, options, &real, debug);
  if (status.ok()) *file = std::make_unique<LossySequentialReader>(*this, path, std::move(real));
  return status;
}

IOStatus LossyFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                       std::unique_ptr<FSDirectory>* directory, IODebugContext* debug) {
  std::unique_ptr<FSDirectory> real;
  IOStatus status = FileSystemWrapper::NewDirectory(path, options, &real, debug);
  if (status.ok()) *directory = std::make_unique<LossyDirectory>(*this, Normal(path), std::move(real));
  return status;
}

IOStatus LossyFileSystem::DeleteFile(const std::string& given, const IOOptions& options,
                                     IODebugContext* debug) {
  const std::string path = Normal(given);
  IOStatus status = AdmitName(path);
  if (!status.ok()) return status;
  const absl::MutexLock lock(&mutex_);
  DirectoryChange change{DirectoryChange::Kind::kDelete, path, "", Backup(path), std::nullopt};
  status = FileSystemWrapper::DeleteFile(path, options, debug);
  if (!status.ok()) return status;
  if (const auto old = files_.find(path); old != files_.end()) {
    change.old_state = old->second;
    if (free_bytes_.has_value()) *free_bytes_ += old->second.written;
    files_.erase(old);
  }
  pending_.push_back(std::move(change));
  return status;
}

IOStatus LossyFileSystem::RenameFile(const std::string& given_from, const std::string& given_to,
                                     const IOOptions& options, IODebugContext* debug) {
  const std::string from = Normal(given_from);
  const std::string to = Normal(given_to);
  IOStatus status = AdmitName(to);
  if (!status.ok()) return status;
  const absl::MutexLock lock(&mutex_);
  DirectoryChange change{DirectoryChange::Kind::kRename, to, from, Backup(to), std::nullopt};
  status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  if (const auto old = files_.find(to); old != files_.end()) change.old_state = old->second;
  pending_.push_back(std::move(change));
  if (const auto moved = files_.find(from); moved != files_.end()) {
    files_[to] = moved->second;
    files_.erase(moved);
  }
  return status;
}

IOStatus LossyFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* bytes,
                                       IODebugContext* debug) {
  {
    const absl::MutexLock lock(&mutex_);
    if (free_bytes_.has_value()) {
      *bytes = *free_bytes_;
      return IOStatus::OK();
    }
  }
  return FileSystemWrapper::GetFreeSpace(path, options, bytes, debug);
}

void LossyFileSystem::Undo(const DirectoryChange& change) {
  std::error_code ignored;
  const absl::MutexLock lock(&mutex_);
  if (change.kind == DirectoryChange::Kind::kRename) {
    std::filesystem::rename(change.path, change.from, ignored);
    if (const auto moved = files_.find(change.path); moved != files_.end()) {
      files_[change.from] = moved->second;
      files_.erase(moved);
    }
  } else if (change.kind == DirectoryChange::Kind::kCreate) {
    std::filesystem::remove(change.path, ignored);
    files_.erase(change.path);
  }
  if (change.backup.empty()) return;
  std::filesystem::rename(change.backup, change.path, ignored);
  if (change.old_state.has_value()) files_[change.path] = *change.old_state;
}

namespace {

// Zeroes some 512-byte sectors of what is left of the unsynced bytes.
void Damage(const std::string& path, uint64_t from, uint64_t to, std::mt19937_64& random) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  for (uint64_t at = from; at < to; at += 512) {
    if (random() % 3 != 0) continue;
    const std::string zeros(std::min<uint64_t>(512, to - at), '\0');
    file.seekp(static_cast<std::streamoff>(at));
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
  }
}

}  // namespace

void LossyFileSystem::ApplyPowerCut(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<DirectoryChange> pending;
  {
    const absl::MutexLock lock(&mutex_);
    pending.swap(pending_);
  }
  const size_t kept = random() % 2 == 0 ? 0 : random() % (pending.size() + 1);
  while (pending.size() > kept) {
    Undo(pending.back());
    pending.pop_back();
  }
  const absl::MutexLock lock(&mutex_);
  for (const auto& [path, state] : files_) {
    if (!std::filesystem::exists(path)) continue;
    const uint64_t unsynced = state.written - state.synced;
    const uint64_t left = state.synced + (random() % 2 == 0 ? 0 : random() % (unsynced + 1));
    std::filesystem::resize_file(path, left);
    if (random() % 2 == 0) Damage(path, state.synced, left, random);
  }
}

}  // namespace waypost::store
