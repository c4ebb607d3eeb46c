// The log as it lies in a store: keys (audit_keys.h), rows, and the two ways in: appending within a
// transaction, and reading from a snapshot.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_REPOSITORY_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_requests.h"
#include "services/audit/audit_rules.h"
#include "services/audit/audit_view.h"
#include "services/audit/hash_tiles.h"
#include "services/audit/merkle.h"
#include "waypost/audit/storage/v1/audit_storage.pb.h"

namespace waypost::audit {

// The tree as its row has it.
struct TreeState {
  RightEdge edge;
  Hash root = EmptyRoot();
  absl::Time last_append_time = absl::InfinitePast();  // while the tree is empty
  uint64_t out_of_order_count = 0;

  uint64_t size() const { return edge.size(); }
};

// A record with everything that does not depend on the log: keys and its row. Made before the transaction, on
// the calling thread, since the transaction's thread is the scarce one.
struct PreparedRecord {
  std::string leaf;
  Hash leaf_hash;
  std::string row;  // of the entry, but for the time
  std::string event_key;
  std::string revision_key;           // empty for a look, which makes no revision
  std::string previous_revision_key;  // empty for the first
  std::vector<std::string> list_keys;
};

// Cuts records into slices that one transaction takes each, in order. Every slice keeps kMaxSliceRecords and
// kMaxSliceWrites, but that one record alone may pass the latter.
std::vector<std::span<const PreparedRecord>> SlicesOf(std::span<const PreparedRecord> records);

// How many writes appending `record` takes at most.
size_t WritesOf(const PreparedRecord& record);

// What an append did.
struct Appended {
  std::vector<uint64_t> indexes;    // one for each record, in their order
  uint64_t tree_size = 0;           // afterwards
  uint64_t added = 0;               // records that were not in the log before
  uint64_t out_of_order_count = 0;  // added changes that came before the one before them, or again
};

// A page of a listing. `next` is where the next page begins: hand it to List again with the same query.
// Nothing when the listing ends here.
struct ListPage {
  std::vector<LoggedRecord> records;
  std::optional<uint64_t> next;
  uint64_t total = 0;  // what the query selects, whatever the times
};

// Thread-safe; keeps nothing but keys. Every method can fail with DATA_LOSS, besides what it says, and with
// the store's errors.
class AuditRepository {
 public:
  // `log`: the name that separates this log's keys from another's in the same store.
  explicit AuditRepository(std::string_view log) : keys_(log) {}

  std::vector<PreparedRecord> Prepare(std::span<const CheckedRecord> records) const;

  // Within the caller's transaction: appends the records that are not in the log yet, in order, and reads and
  // advances the tree row. `now` is when they were received; an entry is never older than the one before it.
  // REQUIRES: one slice of SlicesOf. Errors: EVENT_ID_REUSED; LOG_FULL.
  absl::StatusOr<Appended> Append(store::Writer& writer, std::span<const PreparedRecord> records,
                                  absl::Time now) const;

  absl::StatusOr<TreeState> Tree(const store::Reader& reader) const;

  // NOT_FOUND when the log is shorter.
  absl::StatusOr<LoggedRecord> Get(const store::Reader& reader, uint64_t index) const;

  // The entry that changed a resource to a revision. NOT_FOUND.
  absl::StatusOr<uint64_t> FindRevision(const store::Reader& reader, std::string_view resource,
                                        int64_t revision) const;

  // The newest entry of a resource that `body` is a party to. NOT_FOUND.
  absl::StatusOr<uint64_t> FindNewest(const store::Reader& reader, std::string_view body,
                                      std::string_view resource) const;

  // The hash of every complete subtree of the log.
  TileReader Tiles(const store::Reader& reader) const { return TileReader(reader, keys_.tiles()); }

  // A page: at most query.limit records and kMaxPageBytes. `position`: ListPage::next of the page before.
  absl::StatusOr<ListPage> List(const store::Reader& reader, const ListQuery& query,
                                std::optional<uint64_t> position) const;

  const AuditKeys& keys() const { return keys_; }

 private:
  absl::StatusOr<uint64_t> FirstEntryAt(const store::Reader& reader, absl::Time time, uint64_t size) const;
  absl::StatusOr<LoggedRecord> Load(const store::Reader& reader, uint64_t index) const;

  AuditKeys keys_;
};

// Reads rows back into what the rest of the service works with. DATA_LOSS.
absl::StatusOr<TreeState> TreeStateOf(const storage::v1::TreeRow& row);
absl::StatusOr<LoggedRecord> LoggedRecordOf(uint64_t index, storage::v1::EntryRow row);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_REPOSITORY_H_
