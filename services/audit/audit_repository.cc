#include "services/audit/audit_repository.h"

#include <algorithm>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/audit/audit_errors.h"
#include "services/audit/audit_limits.h"
#include "services/audit/entry_list.h"
#include "services/audit/leaf.h"
#include "services/audit/row_codec.h"

namespace waypost::audit {
namespace {

using storage::v1::EntryRow;
using storage::v1::EventRow;
using storage::v1::RevisionRow;
using storage::v1::TreeRow;

// Rows of a record besides its lists: entry, event id, revision, and its share of tiles and tree row.
constexpr size_t kWritesBesideLists = 5;
// A list that a record joins costs a head, and at times a block.
constexpr size_t kWritesPerList = 2;

constexpr std::string_view kTreeName = "the tree row of the audit log";

std::string NameOfEntry(uint64_t index) {
  return base::Cat("audit entry ", index);
}

TreeRow RowOf(const TreeState& tree) {
  TreeRow row;
  row.set_size(tree.size());
  row.set_root(std::string(crypto::AsText(tree.root)));
  for (const Hash& hash : tree.edge.subtrees()) row.add_edge(std::string(crypto::AsText(hash)));
  *row.mutable_last_append_time() = api::ToTimestamp(tree.last_append_time);
  row.set_out_of_order_count(tree.out_of_order_count);
  return row;
}

// One append: what the transaction has read and will write.
class Appender {
 public:
  Appender(const AuditKeys& keys, store::Writer& writer, TreeState tree, absl::Time now)
      : keys_(keys),
        writer_(writer),
        tree_(std::move(tree)),
        append_time_(std::max(api::FromTimestamp(api::ToTimestamp(now)), tree_.last_append_time)),
        time_field_(TimeField()),
        tiles_(writer, keys.tiles()),
        lists_(writer) {}

  absl::Status Add(const PreparedRecord& record) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<EventRow> known,
                             FindRow<EventRow>(writer_, record.event_key, "an event id of the audit log"));
    if (known.has_value()) {
      if (known->commitment() != CommitmentOf(record.leaf)) return EventIdReused(EventIdOf(record.leaf));
      result_.indexes.push_back(known->index());
      return absl::OkStatus();
    }
    if (tree_.size() >= kMaxLogEntries) return LogFull();
    const uint64_t index = tree_.size();
    tree_.edge.Append(record.leaf_hash, [this](NodeId id, const Hash& hash) { tiles_.Add(id, hash); });
    EventRow event_row;
    event_row.set_index(index);
    event_row.set_commitment(std::string(CommitmentOf(record.leaf)));
    writer_.Put(record.event_key, EncodeRow(event_row));
    writer_.Put(keys_.Entry(index), base::Cat(record.row, time_field_));
    WAYPOST_RETURN_IF_ERROR(NoteRevision(index, record));
    for (const std::string& key : record.list_keys) WAYPOST_RETURN_IF_ERROR(lists_.Append(key, index));
    result_.indexes.push_back(index);
    ++result_.added;
    return absl::OkStatus();
  }

  absl::StatusOr<Appended> Finish() {
    result_.tree_size = tree_.size();
    if (result_.added == 0) return std::move(result_);
    WAYPOST_RETURN_IF_ERROR(tiles_.Flush());
    lists_.Flush();
    tree_.root = tree_.edge.Root();
    tree_.last_append_time = append_time_;
    tree_.out_of_order_count += result_.out_of_order_count;
    TreeRow row = RowOf(tree_);
    writer_.Put(keys_.tree(), EncodeRow(row));
    return std::move(result_);
  }

 private:
  // The last field of an EntryRow, which completes a prepared row: concatenated fields are a message.
  std::string TimeField() const {
    EntryRow row;
    *row.mutable_append_time() = api::ToTimestamp(append_time_);
    return row.SerializeAsString();
  }

  // Revisions have no gaps: a change without the one before it, or with a revision that is taken, is counted.
  // It is appended all the same, since the log's order is that of arrival.
  absl::Status NoteRevision(uint64_t index, const PreparedRecord& record) {
    if (record.revision_key.empty()) return absl::OkStatus();
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> taken, writer_.Get(record.revision_key));
    if (taken.has_value()) {
      ++result_.out_of_order_count;
      return absl::OkStatus();
    }
    if (!record.previous_revision_key.empty()) {
      WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> previous,
                               writer_.Get(record.previous_revision_key));
      if (!previous.has_value()) ++result_.out_of_order_count;
    }
    RevisionRow row;
    row.set_index(index);
    writer_.Put(record.revision_key, EncodeRow(row));
    return absl::OkStatus();
  }

  const AuditKeys& keys_;
  store::Writer& writer_;
  TreeState tree_;
  const absl::Time append_time_;
  const std::string time_field_;
  TileWriter tiles_;
  ListWriter lists_;
  Appended result_;
};

}  // namespace

size_t WritesOf(const PreparedRecord& record) {
  return kWritesBesideLists + record.list_keys.size() * kWritesPerList;
}

std::vector<std::span<const PreparedRecord>> SlicesOf(std::span<const PreparedRecord> records) {
  std::vector<std::span<const PreparedRecord>> slices;
  size_t begin = 0;
  size_t writes = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const size_t more = WritesOf(records[i]);
    const bool full = i - begin == kMaxSliceRecords || writes + more > kMaxSliceWrites;
    if (full && i > begin) {
      slices.push_back(records.subspan(begin, i - begin));
      begin = i;
      writes = 0;
    }
    writes += more;
  }
  if (begin < records.size()) slices.push_back(records.subspan(begin));
  return slices;
}

absl::StatusOr<TreeState> TreeStateOf(const TreeRow& row) {
  std::vector<Hash> edge;
  for (const std::string& bytes : row.edge()) {
    const auto hash = HashFromBytes(bytes);
    if (!hash.has_value()) return error::DataLoss(kTreeName);
    edge.push_back(*hash);
  }
  auto restored = RightEdge::Restore(row.size(), std::move(edge));
  const auto root = HashFromBytes(row.root());
  if (!restored.has_value() || !root.has_value()) return error::DataLoss(kTreeName);
  return TreeState{.edge = *std::move(restored),
                   .root = *root,
                   .last_append_time = api::FromTimestamp(row.last_append_time()),
                   .out_of_order_count = row.out_of_order_count()};
}

absl::StatusOr<LoggedRecord> LoggedRecordOf(uint64_t index, EntryRow row) {
  LoggedRecord record;
  record.index = index;
  record.append_time = api::FromTimestamp(row.append_time());
  record.leaf = std::move(*row.mutable_leaf());
  record.envelope.Swap(row.mutable_envelope());
  if (!IsLeaf(record.leaf) || !record.event.ParseFromString(record.envelope.event())) {
    return error::DataLoss(NameOfEntry(index));
  }
  return record;
}

std::vector<PreparedRecord> AuditRepository::Prepare(std::span<const CheckedRecord> records) const {
  std::vector<PreparedRecord> prepared;
  prepared.reserve(records.size());
  for (const CheckedRecord& record : records) {
    const event::v1::Event& event = record.event;
    EntryRow row;
    row.set_leaf(record.leaf);
    *row.mutable_envelope() = *record.envelope;
    PreparedRecord& made = prepared.emplace_back();
    made.leaf = record.leaf;
    made.leaf_hash = record.leaf_hash;
    made.row = EncodeRow(row);
    made.event_key = keys_.Event(event.event_id());
    if (event.kind() == event::v1::Event::KIND_CHANGE) {
      made.revision_key = keys_.Revision(event.resource(), event.revision());
      if (event.revision() > 1) {
        made.previous_revision_key = keys_.Revision(event.resource(), event.revision() - 1);
      }
    }
    for (const ListPlace& place : ListsOf(event)) made.list_keys.push_back(keys_.List(place));
  }
  return prepared;
}

absl::StatusOr<Appended> AuditRepository::Append(store::Writer& writer,
                                                 std::span<const PreparedRecord> records,
                                                 absl::Time now) const {
  WAYPOST_ASSIGN_OR_RETURN(TreeState tree, Tree(writer));
  Appender appender(keys_, writer, std::move(tree), now);
  for (const PreparedRecord& record : records) WAYPOST_RETURN_IF_ERROR(appender.Add(record));
  return appender.Finish();
}

absl::StatusOr<TreeState> AuditRepository::Tree(const store::Reader& reader) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<TreeRow> row,
                           FindRow<TreeRow>(reader, keys_.tree(), kTreeName));
  if (!row.has_value()) return TreeState();
  return TreeStateOf(*row);
}

absl::StatusOr<LoggedRecord> AuditRepository::Get(const store::Reader& reader, uint64_t index) const {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<EntryRow> row,
                           FindRow<EntryRow>(reader, keys_.Entry(index), NameOfEntry(index)));
  if (!row.has_value()) return error::NotFound(EntryName(index));
  return LoggedRecordOf(index, *std::move(row));
}

// An entry that an index or the tree names: its absence is no answer but a loss.
absl::StatusOr<LoggedRecord> AuditRepository::Load(const store::Reader& reader, uint64_t index) const {
  auto record = Get(reader, index);
  if (absl::IsNotFound(record.status())) return error::DataLoss(NameOfEntry(index));
  return record;
}

absl::StatusOr<uint64_t> AuditRepository::FindRevision(const store::Reader& reader, std::string_view resource,
                                                       int64_t revision) const {
  WAYPOST_ASSIGN_OR_RETURN(
      const std::optional<RevisionRow> row,
      FindRow<RevisionRow>(reader, keys_.Revision(resource, revision), "a revision of the audit log"));
  if (!row.has_value()) return error::NotFound(resource);
  return row->index();
}

absl::StatusOr<uint64_t> AuditRepository::FindNewest(const store::Reader& reader, std::string_view body,
                                                     std::string_view resource) const {
  WAYPOST_ASSIGN_OR_RETURN(EntryList list,
                           EntryList::Load(reader, keys_.List({body, ListBy::kResource, resource})));
  if (list.count() == 0) return error::NotFound(resource);
  return list.At(list.count() - 1);
}

// Bisection: append times never go backwards. `size` when every entry is older.
absl::StatusOr<uint64_t> AuditRepository::FirstEntryAt(const store::Reader& reader, absl::Time time,
                                                       uint64_t size) const {
  if (time == absl::InfinitePast()) return 0;
  if (time == absl::InfiniteFuture()) return size;
  uint64_t low = 0;
  uint64_t high = size;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<EntryRow> row,
                             FindRow<EntryRow>(reader, keys_.Entry(middle), NameOfEntry(middle)));
    if (!row.has_value()) return error::DataLoss(NameOfEntry(middle));
    if (api::FromTimestamp(row->append_time()) < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::StatusOr<ListPage> AuditRepository::List(const store::Reader& reader, const ListQuery& query,
                                               std::optional<uint64_t> position) const {
  WAYPOST_ASSIGN_OR_RETURN(EntryList list,
                           EntryList::Load(reader, keys_.List({query.body, query.by, query.value})));
  WAYPOST_ASSIGN_OR_RETURN(const TreeState tree, Tree(reader));
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t first, FirstEntryAt(reader, query.start, tree.size()));
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t past, FirstEntryAt(reader, query.end, tree.size()));
  WAYPOST_ASSIGN_OR_RETURN(uint64_t low, list.LowerBound(first));
  WAYPOST_ASSIGN_OR_RETURN(uint64_t high, list.LowerBound(past));
  // A position is the number of entries of the list that lie before the place where the page begins.
  if (position.has_value()) {
    if (query.newest_first) {
      high = std::min(high, *position);
    } else {
      low = std::max(low, *position);
    }
  }
  ListPage page;
  page.total = list.count();
  size_t bytes = 0;
  while (low < high && page.records.size() < query.limit) {
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t index, list.At(query.newest_first ? high - 1 : low));
    WAYPOST_ASSIGN_OR_RETURN(LoggedRecord record, Load(reader, index));
    bytes += record.envelope.event().size();
    if (bytes > kMaxPageBytes && !page.records.empty()) break;
    page.records.push_back(std::move(record));
    query.newest_first ? --high : ++low;
  }
  if (low < high) page.next = query.newest_first ? high : low;
  return page;
}

}  // namespace waypost::audit
