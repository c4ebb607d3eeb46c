#include "common/store/rocksdb_database.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/rocksdb_options.h"
#include "common/store/wal_check.h"
#include "rocksdb/file_system.h"

namespace waypost::store {
namespace {

// Another Env over a file system of its own.
class GuardedEnv final : public rocksdb::EnvWrapper {
 public:
  GuardedEnv(rocksdb::Env* env, std::shared_ptr<rocksdb::FileSystem> files) : EnvWrapper(env) {
    file_system_ = std::move(files);
    system_clock_ = env->GetSystemClock();
  }
  static const char* kClassName() { return "WaypostGuardedEnv"; }
  const char* Name() const override { return kClassName(); }
};

absl::Status OpenError(const std::string& path, const rocksdb::Status& status) {
  if (IsDiskFull(status)) return error::DiskFull();
  const std::string folder = base::Cat("the folder '", path, "'");
  if (status.IsCorruption()) return error::DataLoss(base::Cat(folder, ": ", status.ToString()));
  return error::Unavailable(folder, status.ToString());
}

absl::Status CheckOptions(const RocksOptions& options) {
  if (options.path.empty()) return error::InvalidField("path", "is required");
  if (options.group_bodies_max == 0) return error::InvalidField("group_bodies_max", "must be at least 1");
  if (options.queue_max == 0) return error::InvalidField("queue_max", "must be at least 1");
  std::set<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  for (const std::string& part : options.parts) {
    if (part.empty() || !names.insert(part).second) {
      return error::InvalidField("parts", base::Cat("'", part, "' is empty, reserved or named twice"));
    }
  }
  return absl::OkStatus();
}

// Makes the folder and checks its log, with the folder locked against other processes meanwhile.
absl::Status PrepareFolder(const std::string& path, rocksdb::FileSystem& files) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return error::Unavailable(base::Cat("the folder '", path, "'"), error.message());
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::IOStatus locked =
      files.LockFile(base::Cat(path, "/LOCK"), rocksdb::IOOptions(), &lock, nullptr);
  if (!locked.ok()) {
    return error::Make(
        absl::StatusCode::kFailedPrecondition, "STORE_LOCKED",
        base::Cat("the folder '", path,
                  "' is in use by another process, or cannot be written: stop that process, or "
                  "check the folder's owner (",
                  locked.ToString(), ")"),
        {{"path", path}});
  }
  absl::Status status = CheckRoom(path, files);
  if (status.ok()) status = CheckWal(files, path);
  files.UnlockFile(lock, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  return status;
}

// The families to open: those on disk, and the parts that are not among them.
std::vector<rocksdb::ColumnFamilyDescriptor> Families(const RocksOptions& options,
                                                      const rocksdb::Options& db_options) {
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(db_options, options.path, &names).ok()) {
    names = {rocksdb::kDefaultColumnFamilyName};
  }
  for (const std::string& part : options.parts) {
    if (std::find(names.begin(), names.end(), part) == names.end()) names.push_back(part);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(names.size());
  for (const std::string& name : names) families.emplace_back(name, db_options);
  return families;
}

}  // namespace

absl::Status CheckRoom(const std::string& path, rocksdb::FileSystem& files) {
  constexpr uint64_t kManifestBytes = uint64_t{8} << 20;
  uint64_t wanted = kManifestBytes;
  std::vector<std::string> children;
  files.GetChildren(path, rocksdb::IOOptions(), &children, nullptr).PermitUncheckedError();
  for (const std::string& name : children) {
    uint64_t size = 0;
    if (!name.ends_with(".log")) continue;
    if (files.GetFileSize(base::Cat(path, "/", name), rocksdb::IOOptions(), &size, nullptr).ok())
      wanted += size;
  }
  uint64_t free = 0;
  const rocksdb::IOStatus status = files.GetFreeSpace(path, rocksdb::IOOptions(), &free, nullptr);
  return !status.ok() || free >= wanted ? absl::OkStatus() : error::DiskFull();
}

bool IsDiskFull(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return true;
  static const std::string quota = std::generic_category().message(EDQUOT);
  return status.IsIOError() && status.ToString().find(quota) != std::string::npos;
}

void DiskError::Keep(const rocksdb::Status& error) {
  const bool failed = !IsDiskFull(error);
  const absl::MutexLock lock(&mutex_);
  if (error_.ok() || (failed && IsDiskFull(error_))) error_ = error;
  seen_ = true;
  if (failed && tell_) tell_();
}

void DiskError::TellOfFailures(std::function<void()> tell) {
  const absl::MutexLock lock(&mutex_);
  tell_ = std::move(tell);
  if (!error_.ok() && !IsDiskFull(error_)) tell_();
}

rocksdb::Status DiskError::Get() const {
  if (!seen_.load(std::memory_order_relaxed)) return rocksdb::Status::OK();
  const absl::MutexLock lock(&mutex_);
  return error_;
}

absl::StatusOr<std::unique_ptr<RocksDatabase>> RocksDatabase::Open(const RocksOptions& options) {
  WAYPOST_RETURN_IF_ERROR(CheckOptions(options));
  rocksdb::Env* const env = options.env != nullptr ? options.env : rocksdb::Env::Default();
  WAYPOST_RETURN_IF_ERROR(PrepareFolder(options.path, *env->GetFileSystem()));
  std::unique_ptr<RocksDatabase> database(new RocksDatabase());
  database->guard_ = std::make_shared<WalGuard>(env->GetFileSystem(), options.path);
  database->env_ = std::make_unique<GuardedEnv>(env, database->guard_);
  database->disk_error_ = std::make_shared<DiskError>();
  database->caches_ = MakeCaches(options);
  rocksdb::Options db_options = MakeRocksOptions(options, database->env_.get(), database->caches_);
  db_options.listeners.push_back(database->disk_error_);
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(db_options, options.path, Families(options, db_options),
                                                   &database->families_, &opened);
  if (!status.ok()) return OpenError(options.path, status);
  database->db_.reset(opened);
  return database;
}

RocksDatabase::~RocksDatabase() {
  for (auto* family : families_) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
}

rocksdb::ColumnFamilyHandle* RocksDatabase::Family(const std::string& name) const {
  return *std::find_if(families_.begin(), families_.end(),
                       [&](const auto* handle) { return handle->GetName() == name; });
}

uint64_t RocksDatabase::Property(rocksdb::ColumnFamilyHandle* family, const std::string& name) const {
  uint64_t value = 0;
  return db_->GetIntProperty(family, name, &value) ? value : 0;
}

uint64_t RocksDatabase::SumOfProperty(const std::string& name) const {
  uint64_t sum = 0;
  for (auto* family : families_) sum += Property(family, name);
  return sum;
}

}  // namespace waypost::store
