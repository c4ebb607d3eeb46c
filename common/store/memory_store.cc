#include "common/store/memory_store.h"

#include <algorithm>
#include <utility>

namespace waypost::store {
namespace {

class MapCursor final : public Cursor {
 public:
  MapCursor(std::shared_ptr<const MemoryStore::Rows> rows, const KeyRange& range)
      : rows_(std::move(rows)), range_(range), at_(rows_->lower_bound(range.begin)) {}

  bool Valid() const override {
    return at_ != rows_->end() && (range_.end.empty() || at_->first < range_.end);
  }
  void Next() override { ++at_; }
  void Seek(std::string_view key) override {
    at_ = rows_->lower_bound(std::max(key, std::string_view(range_.begin)));
  }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const std::shared_ptr<const MemoryStore::Rows> rows_;
  const KeyRange range_;
  MemoryStore::Rows::const_iterator at_;
};

class MapReader final : public Reader {
 public:
  explicit MapReader(std::shared_ptr<const MemoryStore::Rows> rows) : rows_(std::move(rows)) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    const auto found = rows_->find(key);
    if (found == rows_->end()) return std::nullopt;
    return found->second;
  }
  std::unique_ptr<Cursor> Scan(const KeyRange& range) const override {
    return std::make_unique<MapCursor>(rows_, range);
  }

 private:
  const std::shared_ptr<const MemoryStore::Rows> rows_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reader>> MemoryStore::Snapshot() const {
  const absl::MutexLock lock(&mutex_);
  return std::make_unique<MapReader>(rows_);
}

absl::Status MemoryStore::Run(Body& body) {
  const absl::MutexLock lock(&mutex_);
  absl::Status status = RunBody(body, MapReader(rows_), overlay_);
  if (status.ok() && !overlay_.empty()) {
    if (rows_.use_count() > 1) rows_ = std::make_shared<Rows>(*rows_);
    overlay_.ForEach([rows = rows_.get()](const Overlay::Entry& entry) {
      if (entry.state == Overlay::State::kDeleted) {
        rows->erase(std::string(entry.key));
      } else {
        rows->insert_or_assign(std::string(entry.key), std::string(entry.value));
      }
    });
  }
  overlay_.Clear();
  return status;
}

void MemoryStore::Transact(Body body, Done done) {
  absl::Status status = Run(body);
  std::move(done)(std::move(status));
}

}  // namespace waypost::store
