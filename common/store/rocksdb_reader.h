// Internal to the RocksDB driver: its errors, and reading one column family.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_READER_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_READER_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/store.h"
#include "rocksdb/db.h"

namespace waypost::store {

inline rocksdb::Slice ToSlice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
inline std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// Told of reads that the disk failed, on the reading thread. Thread-safe.
class ReadFailures {
 public:
  virtual ~ReadFailures() = default;
  virtual void OnReadFailed(const rocksdb::Status& error) = 0;
};

// Reads one column family: the newest state, or that of a snapshot. A read fails with DATA_LOSS when the
// bytes on disk are damaged, else with UNAVAILABLE; neither names a key.
class RocksReader final : public Reader {
 public:
  // The newest state. All must outlive it.
  RocksReader(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, ReadFailures& failures)
      : db_(db), family_(family), failures_(failures) {}
  // The state now, held until it is destroyed. It and its cursors keep `owner`, which keeps the others,
  // alive.
  RocksReader(std::shared_ptr<const void> owner, rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
              ReadFailures& failures);
  ~RocksReader() override;
  RocksReader(const RocksReader&) = delete;
  RocksReader& operator=(const RocksReader&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override;
  absl::StatusOr<std::vector<std::optional<std::string>>> GetMany(
      std::span<const std::string> keys) const override;
  std::unique_ptr<Cursor> Scan(const KeyRange& range) const override;

 private:
  const std::shared_ptr<const void> owner_;
  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const family_;
  ReadFailures& failures_;
  rocksdb::ReadOptions options_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_READER_H_
