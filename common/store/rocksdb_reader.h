// Internal to the RocksDB driver: its errors, and reading one column family.
#ifndef WAYPOST_COMMON_STORE_ROCKSDB_READER_H_
#define WAYPOST_COMMON_STORE_ROCKSDB_READER_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/store/store.h"
#include "rocksdb/db.h"

namespace waypost::store {

inline rocksdb::Slice ToSlice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
inline std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// A failed read: DATA_LOSS when the bytes on disk are damaged, else UNAVAILABLE. Names no key.
absl::Status ReadError(const rocksdb::Status& status);

// Reads one column family: the newest state, or that of a snapshot.
class RocksReader final : public Reader {
 public:
  // The newest state. Both must outlive it.
  RocksReader(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family) : db_(db), family_(family) {}
  // The state now, held until it is destroyed. It and its cursors keep `owner`, which keeps both, alive.
  RocksReader(std::shared_ptr<const void> owner, rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family);
  ~RocksReader() override;
  RocksReader(const RocksReader&) = delete;
  RocksReader& operator=(const RocksReader&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override;
  std::unique_ptr<Cursor> Scan(const KeyRange& range) const override;

 private:
  const std::shared_ptr<const void> owner_;
  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const family_;
  rocksdb::ReadOptions options_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_ROCKSDB_READER_H_
