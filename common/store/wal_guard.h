// Internal to the RocksDB driver: takes a failed group back out of the write-ahead log.
//
// When a write to the log fails because the disk is full, the log may hold part or all of the group, and
// RocksDB keeps the group in a buffer that it may write again when it is resumed or closed. Yet the group is
// answered "nothing was written". So the log is cut back to its last synced length, durably, before the
// answer, and whatever is still appended to that file is dropped. Nothing acknowledged goes there: RocksDB
// refuses writes after the failure, and the driver opens the database anew before it writes again.
#ifndef WAYPOST_COMMON_STORE_WAL_GUARD_H_
#define WAYPOST_COMMON_STORE_WAL_GUARD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"

namespace waypost::store {

// Watches the log files that are created in one folder. Thread-safe.
class WalGuard final : public rocksdb::FileSystemWrapper {
 public:
  WalGuard(std::shared_ptr<rocksdb::FileSystem> base, const std::string& folder);

  static const char* kClassName() { return "WaypostWalGuard"; }
  const char* Name() const override { return kClassName(); }

  // Takes everything after the last successful sync out of the newest log file, durably. When it returns OK
  // nothing of it comes back, whatever happens next.
  absl::Status DropUnsynced();

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;

  // What is known of one log file; outlives the file object.
  struct Log {
    explicit Log(std::string log_path) : path(std::move(log_path)) {}
    const std::string path;
    absl::Mutex mutex;
    rocksdb::FSWritableFile* file ABSL_GUARDED_BY(mutex) = nullptr;  // null once closed
    uint64_t written ABSL_GUARDED_BY(mutex) = 0;
    uint64_t synced ABSL_GUARDED_BY(mutex) = 0;
    bool failed ABSL_GUARDED_BY(mutex) = false;   // an append or sync failed: `written` is a guess
    bool severed ABSL_GUARDED_BY(mutex) = false;  // appends are dropped
  };

 private:
  std::shared_ptr<Log> Newest() const;

  const std::string folder_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<Log> newest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_WAL_GUARD_H_
