// Internal to the RocksDB driver: an open database with all that it runs on.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_DATABASE_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_DATABASE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/store/rocksdb_options.h"
#include "common/store/rocksdb_reader.h"
#include "common/store/rocksdb_store.h"
#include "common/store/wal_guard.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/listener.h"

namespace waypost::store {

// Whether `status` says that the disk has no room left, or the user's quota on it none, which RocksDB tells
// from other failures by its text alone.
bool IsDiskFull(const rocksdb::Status& status);

// DISK_FULL when less is free than opening the folder writes: its log once more, as table files, and a
// manifest. RocksDB 7.8 does not say so itself: Debian's build, which has assertions on, aborts the process.
absl::Status CheckRoom(const std::string& path, rocksdb::FileSystem& files);

// Keeps the error that a read met or that has stopped RocksDB's work in the background, if any, and keeps
// RocksDB from resuming by itself: only the writer thread knows what was answered. Thread-safe.
class DiskError final : public rocksdb::EventListener, public ReadFailures {
 public:
  void OnReadFailed(const rocksdb::Status& error) override { Keep(error); }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override { Keep(*error); }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
  // The first error that was not for want of room, or else the first that was, or else OK.
  rocksdb::Status Get() const;
  // Calls `tell` for each error that is not for want of room, on whatever thread met it, and at once if there
  // has been one. It must not block, and must be callable as long as the database is open.
  void TellOfFailures(std::function<void()> tell);

 private:
  void Keep(const rocksdb::Status& error);

  std::atomic<bool> seen_ = false;
  mutable absl::Mutex mutex_;
  rocksdb::Status error_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> tell_ ABSL_GUARDED_BY(mutex_);
};

class RocksDatabase {
 public:
  // As RocksNode::Open, of which this is the first half.
  static absl::StatusOr<std::unique_ptr<RocksDatabase>> Open(const RocksOptions& options);
  ~RocksDatabase();
  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;

  rocksdb::DB* db() const { return db_.get(); }
  WalGuard& guard() const { return *guard_; }
  DiskError& disk_error() const { return *disk_error_; }
  const RocksCaches& caches() const { return caches_; }
  const std::vector<rocksdb::ColumnFamilyHandle*>& families() const { return families_; }
  // REQUIRES: a part named at Open, or rocksdb::kDefaultColumnFamilyName.
  rocksdb::ColumnFamilyHandle* Family(const std::string& name) const;
  // A number that RocksDB knows of one family; 0 if it does not.
  uint64_t Property(rocksdb::ColumnFamilyHandle* family, const std::string& name) const;
  // The same, of all families together.
  uint64_t SumOfProperty(const std::string& name) const;

 private:
  RocksDatabase() = default;

  // In the order in which they need each other.
  std::shared_ptr<WalGuard> guard_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<DiskError> disk_error_;
  RocksCaches caches_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_DATABASE_H_
