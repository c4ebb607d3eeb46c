// The default store: one RocksDB in one folder, shared by every part of a node. Each part is a column
// family seen as a Store of its own. One writer thread runs the bodies of all parts in the order of their
// arrival, in groups; each group is one synced write.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_STORE_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace waypost::store {

// One group of transactions and its write.
struct GroupReport {
  size_t bodies = 0;         // transactions, the failed ones too
  size_t rows = 0;           // put or deleted; a row that several of them wrote counts once
  size_t bytes = 0;          // keys and values written
  absl::Duration run_time;   // running the bodies
  absl::Duration sync_time;  // the write and its sync; zero when there was nothing to write
};

// Told of each group after its write, on a thread of the store. Short and non-blocking.
class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  virtual void OnGroup(const GroupReport& group) = 0;
};

struct RocksOptions {
  // The folder; created with its parents when absent.
  std::string path;
  // Names of the parts, fixed at Open. Parts in the folder that are not named stay as they are.
  std::vector<std::string> parts;
  // The operating system's when null. Must outlive the node.
  rocksdb::Env* env = nullptr;

  // A group ends at either bound; one body may pass the second.
  size_t group_bodies_max = 256;
  size_t group_bytes_max = 4 * 1024 * 1024;
  // Transactions waiting or running; beyond it they are answered RESOURCE_EXHAUSTED / OVERLOADED.
  size_t queue_max = 8192;
  // Answers on the writer thread instead of one of their own. Slower under load; for measurement.
  bool answer_on_writer = false;

  // With less room than this left on the disk, writes are answered RESOURCE_EXHAUSTED / DISK_FULL and reads
  // go on, so that RocksDB still has room to work in.
  uint64_t free_bytes_min = 128 * 1024 * 1024;
  // After a write found no room, what a restart may need must be free, and be writable, before the store
  // takes up work again. How long after finding it is not writable that may be tried again, by the clock of
  // `env`.
  absl::Duration probe_pause = absl::Seconds(10);
  // How long a reopening after a full disk waits for the readers to end, which should live for seconds; when
  // they outstay it, it is put off.
  absl::Duration readers_leave_max = absl::Seconds(10);
  // How long PurgeDeleted waits for the readers of older snapshots.
  absl::Duration purge_wait_max = absl::Seconds(60);

  size_t block_cache_bytes = 96 * 1024 * 1024;
  size_t row_cache_bytes = 32 * 1024 * 1024;
  size_t write_buffer_bytes = 128 * 1024 * 1024;  // all parts together
  size_t wal_bytes_max = 128 * 1024 * 1024;       // bounds the time that Open takes
  int background_jobs_max = 2;

  // May be null. Must outlive the node.
  StoreObserver* observer = nullptr;
  // Called once, on a thread of the store, after everything that waited was answered UNAVAILABLE. The
  // process should say why, stop serving and exit: the store does not recover in this process.
  absl::AnyInvocable<void(absl::Status)> on_fatal;

  // Only for the test of the power-cut test: acknowledges without a sync.
  bool testing_skip_sync = false;
};

// Since Open, except the gauges.
struct RocksStats {
  uint64_t groups = 0;
  uint64_t bodies = 0;
  uint64_t bytes = 0;                     // keys and values written
  uint64_t refused = 0;                   // OVERLOADED
  uint64_t disk_full = 0;                 // transactions answered DISK_FULL
  size_t queue_depth = 0;                 // gauge
  bool disk_is_full = false;              // gauge
  bool failed = false;                    // gauge
  uint64_t approximate_table_bytes = 0;   // gauge: files on disk without the log (at most wal_bytes_max)
  uint64_t approximate_memory_bytes = 0;  // gauge: memtables and caches
};

// Thread-safe. Every Reader, Cursor and pending TransactAndWait must be gone before it is destroyed; what
// was handed to Transact before is run and answered.
class RocksNode {
 public:
  // FAILED_PRECONDITION / STORE_LOCKED when another process has the folder open; DATA_LOSS when what is on
  // disk is damaged, rather than serving without acknowledged writes; RESOURCE_EXHAUSTED / DISK_FULL;
  // UNAVAILABLE for other I/O errors.
  static absl::StatusOr<std::unique_ptr<RocksNode>> Open(RocksOptions options);

  virtual ~RocksNode() = default;
  RocksNode(const RocksNode&) = delete;
  RocksNode& operator=(const RocksNode&) = delete;

  // REQUIRES: `part` is one of options.parts. Valid as long as the node.
  virtual Store& store(std::string_view part) = 0;

  virtual RocksStats Stats() const = 0;

  // Rewrites the files so that no byte of any value deleted or overwritten before the call is left in them:
  // table files, log and all. Takes as long as copying the folder does; transactions go on. Waits for the
  // readers of older snapshots; UNAVAILABLE when they outstay purge_wait_max. Keys of deleted rows, as the
  // bounds of old files, stay in the MANIFEST until the next Open: keys hold no personal data.
  virtual absl::Status PurgeDeleted() = 0;

  // A consistent copy of the whole node in a new folder, as hard links where possible. `path` must not
  // exist. It opens like any other folder.
  virtual absl::Status Checkpoint(const std::string& path) = 0;

 protected:
  RocksNode() = default;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_STORE_H_
