#include "common/store/rocksdb_reader.h"

#include <algorithm>
#include <utility>

#include "common/status/errors.h"

namespace waypost::store {
namespace {

absl::Status ReadError(const rocksdb::Status& status, ReadFailures& failures) {
  if (status.IsCorruption()) return error::DataLoss("a block of the store does not match its checksum");
  failures.OnReadFailed(status);
  return error::Unavailable("the store", "a read of its files failed");
}

class RocksCursor final : public Cursor {
 public:
  RocksCursor(std::shared_ptr<const void> owner, rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
              ReadFailures& failures, rocksdb::ReadOptions options, const KeyRange& range)
      : owner_(std::move(owner)), failures_(failures), range_(range), end_slice_(range_.end) {
    // The bound lets RocksDB stop at it instead of walking over deleted rows beyond.
    if (!range_.end.empty()) options.iterate_upper_bound = &end_slice_;
    iterator_.reset(db->NewIterator(options, family));
    Seek(range_.begin);
  }

  bool Valid() const override { return !beyond_ && iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  void Seek(std::string_view key) override {
    key = std::max(key, std::string_view(range_.begin));
    // An iterator is not to be sent beyond its bound.
    beyond_ = !range_.end.empty() && key >= range_.end;
    if (!beyond_) iterator_->Seek(ToSlice(key));
  }
  std::string_view key() const override { return ToView(iterator_->key()); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  absl::Status status() const override {
    const rocksdb::Status status = iterator_->status();
    return status.ok() ? absl::OkStatus() : ReadError(status, failures_);
  }

 private:
  const std::shared_ptr<const void> owner_;
  ReadFailures& failures_;
  const KeyRange range_;
  const rocksdb::Slice end_slice_;
  bool beyond_ = false;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

RocksReader::RocksReader(std::shared_ptr<const void> owner, rocksdb::DB* db,
                         rocksdb::ColumnFamilyHandle* family, ReadFailures& failures)
    : owner_(std::move(owner)), db_(db), family_(family), failures_(failures) {
  options_.snapshot = db->GetSnapshot();
}

RocksReader::~RocksReader() {
  if (options_.snapshot != nullptr) db_->ReleaseSnapshot(options_.snapshot);
}

absl::StatusOr<std::optional<std::string>> RocksReader::Get(std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get(options_, family_, ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return ReadError(status, failures_);
  return value;
}

absl::StatusOr<std::vector<std::optional<std::string>>> RocksReader::GetMany(
    std::span<const std::string> keys) const {
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const std::string& key : keys) slices.emplace_back(key);
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(options_, family_, keys.size(), slices.data(), found.data(), statuses.data());
  std::vector<std::optional<std::string>> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return ReadError(statuses[i], failures_);
    values[i] = found[i].ToString();
  }
  return values;
}

std::unique_ptr<Cursor> RocksReader::Scan(const KeyRange& range) const {
  return std::make_unique<RocksCursor>(owner_, db_, family_, failures_, options_, range);
}

}  // namespace waypost::store
