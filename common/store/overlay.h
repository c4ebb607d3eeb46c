// Internal to the drivers: what the bodies of a group have written, before any of it is in the store.
//
// One Overlay serves one part (one key space) for one group of bodies. Bodies run one after the other;
// each sees what those before it wrote. A body's writes are kept by Finish(OK) and undone by any other
// status, so a failed body leaves no trace. Repeated writes of a key coalesce: only the last is stored.
#ifndef WAYPOST_COMMON_STORE_OVERLAY_H_
#define WAYPOST_COMMON_STORE_OVERLAY_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"

namespace waypost::store {

// Bytes that live until the next Reset, which keeps a little memory for reuse. Not thread-safe.
class Arena {
 public:
  std::string_view Copy(std::string_view bytes);
  void Reset();

 private:
  static constexpr size_t kBlockBytes = 64 * 1024;
  static constexpr size_t kBlocksKept = 16;

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<std::unique_ptr<char[]>> large_;
  size_t next_block_ = 0;
  char* at_ = nullptr;
  size_t left_ = 0;
};

// Not thread-safe: one writer thread owns it.
class Overlay {
 public:
  enum class State : uint8_t { kAbsent, kPut, kDeleted };  // kAbsent: nothing said; ask the base
  struct Entry {
    std::string_view key;
    std::string_view value;
    uint64_t body;  // the last body that wrote it
    State state;
  };

  Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // A body begins. REQUIRES: the one before was finished.
  void Begin();
  // Writes of the body that has begun. Over a limit nothing more is taken and Finish fails.
  void Put(std::string_view key, std::string_view value) { Write(key, value, State::kPut); }
  void Delete(std::string_view key) { Write(key, {}, State::kDeleted); }
  // Keeps the body's writes if `body_status` is OK and it broke no rule; undoes them otherwise. Returns
  // the transaction's status.
  absl::Status Finish(absl::Status body_status);

  // The entry of `key` if it is put or deleted, else nullptr. Valid until the next write.
  const Entry* Find(std::string_view key) const;

  // Merges the overlay over `base`, a cursor over the same range.
  std::unique_ptr<Cursor> Scan(std::unique_ptr<Cursor> base, const KeyRange& range);

  // Calls visit(const Entry&) for each put or deleted key, in key order: a memtable takes neighbours in at
  // half the cost.
  template <typename Visit>
  void ForEach(Visit visit) {
    order_.resize(entries_.size());
    std::iota(order_.begin(), order_.end(), 0);
    std::sort(order_.begin(), order_.end(),
              [this](uint32_t a, uint32_t b) { return entries_[a].key < entries_[b].key; });
    for (const uint32_t index : order_) {
      if (entries_[index].state != State::kAbsent) visit(entries_[index]);
    }
  }

  // Keys and values written since Clear, those that were overwritten or undone included.
  size_t bytes() const { return bytes_; }
  bool empty() const { return entries_.empty(); }
  void Clear();

 private:
  friend class MergeCursor;

  struct Slot {
    uint32_t tag;          // the upper half of the key's hash
    uint32_t entry_plus1;  // 0: free
  };
  // Orders entries by key; lets the set be searched by key alone.
  struct ByKey {
    using is_transparent = void;
    const std::vector<Entry>* entries;
    std::string_view KeyOf(uint32_t index) const { return (*entries)[index].key; }
    static std::string_view KeyOf(std::string_view key) { return key; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return KeyOf(a) < KeyOf(b);
    }
  };
  using Sorted = absl::btree_set<uint32_t, ByKey>;

  void Write(std::string_view key, std::string_view value, State state);
  absl::Status CheckLimits(std::string_view key, std::string_view value) const;
  Entry& FindOrInsert(std::string_view key);
  void Grow();
  // Brings sorted_ up to date; it is built only once somebody scans.
  void Sort();

  static constexpr size_t kFirstSlots = 4096;
  static constexpr size_t kSlotsKept = 16384;

  Arena arena_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  Sorted sorted_;            // the first sorted_count_ entries
  size_t sorted_count_ = 0;
  size_t bytes_ = 0;
  std::vector<uint32_t> order_;  // of ForEach

  // Of the body that runs.
  uint64_t body_ = 0;
  uint64_t version_ = 0;  // changes with every write and every body: a cursor of another one is stale
  std::vector<std::pair<uint32_t, Entry>> undo_;
  size_t body_writes_ = 0;
  size_t body_bytes_ = 0;
  absl::Status broken_rule_;
};

// The Writer that a body is given: `overlay` over `base`.
class OverlayWriter final : public Writer {
 public:
  // Both must outlive it. `base` must not change while a body runs.
  OverlayWriter(const Reader& base, Overlay& overlay) : base_(base), overlay_(overlay) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override;
  std::unique_ptr<Cursor> Scan(const KeyRange& range) const override;
  void Put(std::string_view key, std::string_view value) override { overlay_.Put(key, value); }
  void Delete(std::string_view key) override { overlay_.Delete(key); }

 private:
  const Reader& base_;
  Overlay& overlay_;
};

// Runs one body on `overlay` over `base`: Begin, body, Finish.
absl::Status RunBody(Body& body, const Reader& base, Overlay& overlay);

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_OVERLAY_H_
