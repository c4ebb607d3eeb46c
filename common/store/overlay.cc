#include "common/store/overlay.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/hash/hash.h"
#include "common/base/abseil.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::store {
namespace {

absl::Status OverLimit(std::string_view what, size_t allowed, size_t given) {
  return error::Make(absl::StatusCode::kInvalidArgument, "STORE_LIMIT",
                     base::Cat(what, " is limited to ", allowed, "; given: ", given),
                     {{"limit", std::string(what)}});
}

}  // namespace

std::string_view Arena::Copy(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > left_) {
    if (bytes.size() > kBlockBytes / 4) {
      large_.emplace_back(new char[bytes.size()]);
      std::memcpy(large_.back().get(), bytes.data(), bytes.size());
      return {large_.back().get(), bytes.size()};
    }
    if (next_block_ == blocks_.size()) blocks_.emplace_back(new char[kBlockBytes]);
    at_ = blocks_[next_block_++].get();
    left_ = kBlockBytes;
  }
  char* const copy = at_;
  std::memcpy(copy, bytes.data(), bytes.size());
  at_ += bytes.size();
  left_ -= bytes.size();
  return {copy, bytes.size()};
}

void Arena::Reset() {
  large_.clear();
  if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
  next_block_ = 0;
  at_ = nullptr;
  left_ = 0;
}

Overlay::Overlay() : slots_(kFirstSlots), sorted_(ByKey{&entries_}) {}

void Overlay::Begin() {
  ++body_;
  ++version_;
  undo_.clear();
  body_writes_ = 0;
  body_bytes_ = 0;
  broken_rule_ = absl::OkStatus();
}

absl::Status Overlay::Finish(absl::Status body_status) {
  ++version_;
  absl::Status status = broken_rule_.ok() ? std::move(body_status) : std::exchange(broken_rule_, {});
  if (!status.ok()) {
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) entries_[undo->first] = undo->second;
  }
  return status;
}

void Overlay::Clear() {
  ++version_;
  if (entries_.empty()) return;
  entries_.clear();
  sorted_.clear();
  sorted_count_ = 0;
  bytes_ = 0;
  arena_.Reset();
  if (slots_.size() > kSlotsKept) slots_.resize(kFirstSlots);
  std::memset(slots_.data(), 0, slots_.size() * sizeof(Slot));
}

absl::Status Overlay::CheckLimits(std::string_view key, std::string_view value) const {
  if (key.size() > kMaxKeyBytes) return OverLimit("a key in bytes", kMaxKeyBytes, key.size());
  if (value.size() > kMaxValueBytes) return OverLimit("a value in bytes", kMaxValueBytes, value.size());
  if (body_writes_ >= kMaxWritesPerTransaction) {
    return OverLimit("a transaction in writes", kMaxWritesPerTransaction, body_writes_ + 1);
  }
  const size_t total = body_bytes_ + key.size() + value.size();
  if (total > kMaxTransactionBytes) return OverLimit("a transaction in bytes", kMaxTransactionBytes, total);
  return absl::OkStatus();
}

void Overlay::Write(std::string_view key, std::string_view value, State state) {
  ++version_;
  if (!broken_rule_.ok()) return;
  broken_rule_ = CheckLimits(key, value);
  if (!broken_rule_.ok()) return;
  ++body_writes_;
  body_bytes_ += key.size() + value.size();
  bytes_ += key.size() + value.size();
  Entry& entry = FindOrInsert(key);
  if (entry.body != body_) {
    undo_.emplace_back(static_cast<uint32_t>(&entry - entries_.data()), entry);
    entry.body = body_;
  }
  entry.value = arena_.Copy(value);
  entry.state = state;
}

namespace {

uint64_t HashOf(std::string_view key) {
  return absl::Hash<absl::string_view>()(base::ToAbsl(key));
}

}  // namespace

const Overlay::Entry* Overlay::Find(std::string_view key) const {
  if (entries_.empty()) return nullptr;
  const uint64_t hash = HashOf(key);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot slot = slots_[i];
    if (slot.entry_plus1 == 0) return nullptr;
    if (slot.tag != tag) continue;
    const Entry& entry = entries_[slot.entry_plus1 - 1];
    if (entry.key == key) return entry.state == State::kAbsent ? nullptr : &entry;
  }
}

Overlay::Entry& Overlay::FindOrInsert(std::string_view key) {
  if (entries_.size() * 2 >= slots_.size()) Grow();
  const uint64_t hash = HashOf(key);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.entry_plus1 == 0) {
      entries_.push_back(Entry{arena_.Copy(key), {}, 0, State::kAbsent});
      slot = Slot{tag, static_cast<uint32_t>(entries_.size())};
      return entries_.back();
    }
    if (slot.tag == tag && entries_[slot.entry_plus1 - 1].key == key) return entries_[slot.entry_plus1 - 1];
  }
}

void Overlay::Grow() {
  std::vector<Slot> slots(slots_.size() * 2);
  const size_t mask = slots.size() - 1;
  for (uint32_t index = 0; index < entries_.size(); ++index) {
    const uint64_t hash = HashOf(entries_[index].key);
    size_t i = hash & mask;
    while (slots[i].entry_plus1 != 0) i = (i + 1) & mask;
    slots[i] = Slot{static_cast<uint32_t>(hash >> 32), index + 1};
  }
  slots_ = std::move(slots);
}

void Overlay::Sort() {
  for (; sorted_count_ < entries_.size(); ++sorted_count_) {
    sorted_.insert(static_cast<uint32_t>(sorted_count_));
  }
}

// Walks the overlay's entries and the base together, the overlay winning where both have a key.
class MergeCursor final : public Cursor {
 public:
  MergeCursor(Overlay& overlay, std::unique_ptr<Cursor> base, const KeyRange& range)
      : overlay_(overlay), base_(std::move(base)), range_(range), version_(overlay.version_) {
    overlay_.Sort();
    entry_ = overlay_.sorted_.lower_bound(range_.begin);
    Settle();
  }

  bool Valid() const override { return !Stale() && (on_entry_ || base_->Valid()); }

  void Next() override {
    if (Stale()) return;
    if (on_entry_) {
      const bool hides_base = base_->Valid() && base_->key() == EntryKey();
      ++entry_;
      if (hides_base) base_->Next();
    } else {
      base_->Next();
    }
    Settle();
  }

  void Seek(std::string_view key) override {
    if (Stale()) return;
    key = std::max(key, std::string_view(range_.begin));
    base_->Seek(key);
    entry_ = overlay_.sorted_.lower_bound(key);
    Settle();
  }

  std::string_view key() const override { return on_entry_ ? EntryKey() : base_->key(); }
  std::string_view value() const override { return on_entry_ ? entry().value : base_->value(); }

  absl::Status status() const override {
    if (Stale()) return absl::InternalError("a cursor was used after a write of its transaction");
    return base_->status();
  }

 private:
  const Overlay::Entry& entry() const { return overlay_.entries_[*entry_]; }
  std::string_view EntryKey() const { return entry().key; }

  bool EntryInRange() const {
    return entry_ != overlay_.sorted_.end() && (range_.end.empty() || EntryKey() < range_.end);
  }

  // A stale cursor spoils its transaction too, so that the mistake cannot pass unseen.
  bool Stale() const {
    if (version_ == overlay_.version_) return false;
    if (overlay_.broken_rule_.ok()) {
      overlay_.broken_rule_ = absl::InternalError("a cursor was used after a write of its transaction");
    }
    return true;
  }

  // Moves to the first position at or after the current one that shows a row.
  void Settle() {
    for (; EntryInRange(); ++entry_) {
      const bool base_valid = base_->Valid();
      const int order = base_valid ? EntryKey().compare(base_->key()) : -1;
      if (order > 0) break;
      if (entry().state == Overlay::State::kPut) {
        // An error that ended the base must not let the rows after it look complete.
        on_entry_ = base_valid || base_->status().ok();
        return;
      }
      if (entry().state == Overlay::State::kDeleted && order == 0) base_->Next();
    }
    on_entry_ = false;
  }

  Overlay& overlay_;
  std::unique_ptr<Cursor> base_;
  const KeyRange range_;
  const uint64_t version_;
  Overlay::Sorted::const_iterator entry_;
  bool on_entry_ = false;
};

std::unique_ptr<Cursor> Overlay::Scan(std::unique_ptr<Cursor> base, const KeyRange& range) {
  return std::make_unique<MergeCursor>(*this, std::move(base), range);
}

absl::StatusOr<std::optional<std::string>> OverlayWriter::Get(std::string_view key) const {
  if (const Overlay::Entry* entry = overlay_.Find(key); entry != nullptr) {
    if (entry->state == Overlay::State::kDeleted) return std::nullopt;
    return std::string(entry->value);
  }
  return base_.Get(key);
}

std::unique_ptr<Cursor> OverlayWriter::Scan(const KeyRange& range) const {
  return overlay_.Scan(base_.Scan(range), range);
}

absl::Status RunBody(Body& body, const Reader& base, Overlay& overlay) {
  OverlayWriter writer(base, overlay);
  overlay.Begin();
  return overlay.Finish(body(writer));
}

}  // namespace waypost::store
