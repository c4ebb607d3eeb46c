// Lists of entries that share a value, such as all of one body, in the order of the log. A list knows how
// many entries it has and gives the n-th at the cost of one read, so that a listing begins anywhere, runs in
// either direction, and reads nothing that it does not return. A head row holds the entries that do not fill
// a block of 32 yet; an append rewrites it and no more, however many entries of one transaction join the
// list.
#ifndef WAYPOST_SERVICES_AUDIT_ENTRY_LIST_H_
#define WAYPOST_SERVICES_AUDIT_ENTRY_LIST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "waypost/audit/storage/v1/audit_storage.pb.h"

namespace waypost::audit {

inline constexpr int kListBlockEntries = 32;

// A list as a Reader has it. Not thread-safe.
class EntryList {
 public:
  // The list whose head is at `key`; empty when there is none. `reader` must outlive it.
  static absl::StatusOr<EntryList> Load(const store::Reader& reader, std::string key);

  uint64_t count() const { return head_.count(); }
  // The index of the entry that is the `ordinal`-th in the list, from 0. REQUIRES: ordinal < count().
  absl::StatusOr<uint64_t> At(uint64_t ordinal);
  // The first ordinal whose entry has `index` or a higher one; count() when there is none.
  absl::StatusOr<uint64_t> LowerBound(uint64_t index);

 private:
  EntryList(const store::Reader& reader, std::string key) : reader_(&reader), key_(std::move(key)) {}

  const store::Reader* reader_;
  std::string key_;
  storage::v1::ListRow head_;
  storage::v1::ListBlockRow block_;  // the one read last
  uint64_t block_number_ = ~uint64_t{0};
};

// Joins entries to lists within one transaction. Not thread-safe.
class ListWriter {
 public:
  // `writer` must outlive this.
  explicit ListWriter(store::Writer& writer) : writer_(writer) {}

  // REQUIRES: index is above every index in the list at `key`.
  absl::Status Append(const std::string& key, uint64_t index);
  // Once, after the last Append.
  void Flush();

 private:
  store::Writer& writer_;
  absl::btree_map<std::string, storage::v1::ListRow> heads_;
};

// The key of a complete block of the list at `key`.
std::string ListBlockKey(std::string_view key, uint64_t block);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_ENTRY_LIST_H_
