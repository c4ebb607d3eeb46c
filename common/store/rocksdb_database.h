// Internal to the RocksDB driver: an open database with all that it runs on.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_DATABASE_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_DATABASE_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/rocksdb_store.h"
#include "common/store/wal_guard.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/listener.h"

namespace waypost::store {

// What RocksDB does in the background and the writer thread must know. Thread-safe.
class BackgroundEvents final : public rocksdb::EventListener {
 public:
  // RocksDB has stopped work after an error. It is resumed by the writer thread, never by RocksDB itself,
  // since only the writer knows what was answered.
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status*) override { error_ = true; }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
  // The driver's own family has a new, empty memtable.
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override {
    if (info.cf_name == rocksdb::kDefaultColumnFamilyName) own_memtable_empty_ = true;
  }

  // Each is true once for what happened since the last call.
  bool TakeError() { return error_.load(std::memory_order_relaxed) && error_.exchange(false); }
  bool TakeOwnMemtableEmpty() {
    return own_memtable_empty_.load(std::memory_order_relaxed) && own_memtable_empty_.exchange(false);
  }

 private:
  std::atomic<bool> error_ = false;
  std::atomic<bool> own_memtable_empty_ = true;
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
  BackgroundEvents& events() const { return *events_; }
  const rocksdb::Cache& block_cache() const { return *block_cache_; }
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
  std::shared_ptr<BackgroundEvents> events_;
  std::shared_ptr<rocksdb::Cache> block_cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_DATABASE_H_
