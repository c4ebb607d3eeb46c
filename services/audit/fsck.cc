#include "services/audit/fsck.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/store/keys.h"
#include "services/audit/audit_keys.h"
#include "services/audit/audit_limits.h"
#include "services/audit/audit_repository.h"
#include "services/audit/entry_list.h"
#include "services/audit/hash_tiles.h"
#include "services/audit/leaf.h"
#include "services/audit/row_codec.h"

namespace waypost::audit {
namespace {

using base::Cat;
using storage::v1::EntryRow;
using storage::v1::EventRow;
using storage::v1::ListBlockRow;
using storage::v1::ListRow;
using storage::v1::RevisionRow;
using storage::v1::TreeRow;

// Names places; stops taking findings at the limit.
class Findings {
 public:
  explicit Findings(FsckReport& report) : report_(report) {}
  void Add(std::string_view place, std::string_view what) {
    if (report_.findings.size() < kMaxFindings) report_.findings.push_back(Cat(place, ": ", what));
  }

 private:
  FsckReport& report_;
};

// A stored row, or nothing when it is missing or unreadable; fails only when the store does.
template <typename Row>
absl::StatusOr<std::optional<Row>> Look(const store::Reader& reader, std::string_view key) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(key));
  if (!bytes.has_value()) return std::optional<Row>();
  auto row = DecodeRow<Row>(*bytes, "");
  return row.ok() ? std::optional<Row>(*std::move(row)) : std::nullopt;
}

absl::Status ForEach(const store::Reader& reader, std::string_view prefix,
                     absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> visit) {
  const auto cursor = reader.Scan(store::PrefixRange(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    WAYPOST_RETURN_IF_ERROR(visit(cursor->key().substr(prefix.size()), cursor->value()));
  }
  return cursor->status();
}

// Rebuilds the tree and compares its hashes with the stored tiles and the tree row.
class TreeCheck {
 public:
  TreeCheck(const store::Reader& reader, const AuditKeys& keys, Findings& findings)
      : reader_(reader), keys_(keys), findings_(findings) {}

  const RightEdge& edge() const { return edge_; }

  absl::StatusOr<std::optional<Hash>> Stored(int stored_level, uint64_t index) {
    Kept& kept = kept_[stored_level];
    const uint64_t tile = index / kTileWidth;
    if (!kept.bytes.has_value() || kept.tile != tile) {
      WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                               reader_.Get(TileKey(keys_.tiles(), stored_level, tile)));
      kept = {.tile = tile, .bytes = std::move(bytes).value_or("")};
    }
    const size_t offset = static_cast<size_t>(index % kTileWidth) * crypto::kHashBytes;
    if (kept.bytes->size() < offset + crypto::kHashBytes) return std::optional<Hash>();
    return HashFromBytes(std::string_view(*kept.bytes).substr(offset, crypto::kHashBytes));
  }

  // The next leaf's hash, as recomputed.
  absl::Status Append(const Hash& leaf_hash) {
    absl::Status status;
    edge_.Append(leaf_hash, [&](NodeId id, const Hash& hash) {
      if (status.ok() && id.level % kTileLevels == 0) status = Compare(id, hash);
    });
    return status;
  }

  // Once all leaves are in. `stored`: the tree row, if it can be read.
  absl::Status Finish(const std::optional<TreeState>& stored) {
    if (stored.has_value()) {
      if (stored->size() != edge_.size()) {
        findings_.Add("tree", Cat("has size ", stored->size(), ", but there are ", edge_.size(), " entries"));
      } else {
        if (stored->root != edge_.Root()) findings_.Add("tree", "the root is not that of the entries");
        if (!std::ranges::equal(stored->edge.subtrees(), edge_.subtrees())) {
          findings_.Add("tree", "the right edge is not that of the entries");
        }
      }
    }
    return ForEach(reader_, keys_.tiles(), [this](std::string_view key, std::string_view value) {
      CheckTileSize(key, value);
      return absl::OkStatus();
    });
  }

 private:
  struct Kept {
    uint64_t tile = 0;
    std::optional<std::string> bytes;
  };

  absl::Status Compare(NodeId id, const Hash& hash) {
    const int stored_level = id.level / kTileLevels;
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<Hash> stored, Stored(stored_level, id.index));
    if (stored == hash) return absl::OkStatus();
    findings_.Add(
        Cat("tile ", stored_level, "/", id.index / kTileWidth),
        Cat("hash ", id.index % kTileWidth, stored.has_value() ? " is not" : " is missing: it should be",
            " that of the entries from ", EntryName(id.index << id.level)));
    return absl::OkStatus();
  }

  void CheckTileSize(std::string_view key, std::string_view value) {
    store::KeyParser parser(key);
    const auto level = parser.Uint();
    const auto tile = parser.Uint();
    if (!level.ok() || !tile.ok() || !parser.AtEnd() || *level > kMaxTreeLevel / kTileLevels) {
      return findings_.Add("tiles", "there is a row whose key names no tile");
    }
    const uint64_t hashes = edge_.size() >> (*level * kTileLevels);
    const uint64_t expected =
        hashes > *tile * kTileWidth ? std::min(hashes - *tile * kTileWidth, kTileWidth) : 0;
    if (value.size() > expected * crypto::kHashBytes) {
      findings_.Add(Cat("tile ", *level, "/", *tile), Cat("holds more than its ", expected, " hashes"));
    }
  }

  const store::Reader& reader_;
  const AuditKeys& keys_;
  Findings& findings_;
  RightEdge edge_;
  std::map<int, Kept> kept_;  // the current tile of each level
};

// Rebuilds the lists, block by block.
class ListCheck {
 public:
  ListCheck(const store::Reader& reader, const AuditKeys& keys, Findings& findings)
      : reader_(reader), keys_(keys), findings_(findings) {}

  absl::Status Add(uint64_t index, const event::v1::Event& event) {
    for (const ListPlace& place : ListsOf(event)) {
      WAYPOST_RETURN_IF_ERROR(Join(keys_.List(place), index));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() {
    for (const auto& [key, list] : lists_) {
      ++rows_;
      WAYPOST_ASSIGN_OR_RETURN(const std::optional<ListRow> head, Look<ListRow>(reader_, key));
      if (!head.has_value() || head->count() != list.count || !std::ranges::equal(head->tail(), list.tail)) {
        findings_.Add(PlaceOf(key), "the head is not that of the entries");
      }
    }
    uint64_t stored = 0;
    WAYPOST_RETURN_IF_ERROR(ForEach(reader_, keys_.lists(), [&stored](std::string_view, std::string_view) {
      ++stored;
      return absl::OkStatus();
    }));
    if (stored > rows_) findings_.Add("lists", Cat("there are ", stored - rows_, " rows too many"));
    return absl::OkStatus();
  }

 private:
  struct List {
    uint64_t count = 0;
    std::vector<uint64_t> tail;
  };

  absl::Status Join(const std::string& key, uint64_t index) {
    List& list = lists_[key];
    ++list.count;
    list.tail.push_back(index);
    if (list.tail.size() < static_cast<size_t>(kListBlockEntries)) return absl::OkStatus();
    ++rows_;
    const uint64_t number = list.count / kListBlockEntries - 1;
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<ListBlockRow> block,
                             Look<ListBlockRow>(reader_, ListBlockKey(key, number)));
    if (!block.has_value() || !std::ranges::equal(block->indexes(), list.tail)) {
      findings_.Add(PlaceOf(key), Cat("block ", number, " is not that of the entries"));
    }
    list.tail.clear();
    return absl::OkStatus();
  }

  // "list bodies/es-madrid type referral.accept"
  std::string PlaceOf(std::string_view key) const {
    store::KeyParser parser(key.substr(keys_.lists().size()));
    std::string place = "list";
    while (!parser.AtEnd()) {
      const auto text = parser.Text();
      if (!text.ok()) break;
      if (!text->empty()) place += Cat(" ", *text);
    }
    return place;
  }

  const store::Reader& reader_;
  const AuditKeys& keys_;
  Findings& findings_;
  absl::flat_hash_map<std::string, List> lists_;
  uint64_t rows_ = 0;
};

// Checks where event ids and revisions lead.
class NameCheck {
 public:
  NameCheck(const store::Reader& reader, const AuditKeys& keys, Findings& findings)
      : reader_(reader), keys_(keys), findings_(findings) {}

  absl::Status Add(uint64_t index, std::string_view leaf, const event::v1::Event& event) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<EventRow> row,
                             Look<EventRow>(reader_, keys_.Event(EventIdOf(leaf))));
    if (!row.has_value() || row->index() != index || row->commitment() != CommitmentOf(leaf)) {
      findings_.Add(Cat("event id ", base::ToHex(EventIdOf(leaf))),
                    Cat("does not lead to ", EntryName(index)));
    }
    ++events_;
    return event.kind() == event::v1::Event::KIND_CHANGE ? AddChange(index, event) : absl::OkStatus();
  }

  absl::Status Finish(const std::optional<TreeState>& tree) {
    if (tree.has_value() && tree->out_of_order_count != out_of_order_) {
      findings_.Add("tree",
                    Cat("counts ", tree->out_of_order_count, " changes out of order, not ", out_of_order_));
    }
    WAYPOST_RETURN_IF_ERROR(CheckCount("event ids", keys_.events(), events_));
    return CheckCount("revisions", keys_.revisions(), revisions_);
  }

 private:
  absl::Status AddChange(uint64_t index, const event::v1::Event& event) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<uint64_t> first, FindRevision(event, event.revision()));
    if (first.has_value() && *first < index) {  // of repeated revisions the first stays
      ++out_of_order_;
      return absl::OkStatus();
    }
    ++revisions_;
    if (first != index) {
      findings_.Add(Cat("revision ", event.revision(), " of ", event.resource()),
                    Cat("does not lead to ", EntryName(index)));
    }
    if (event.revision() == 1) return absl::OkStatus();
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<uint64_t> previous,
                             FindRevision(event, event.revision() - 1));
    if (!previous.has_value() || *previous > index) ++out_of_order_;
    return absl::OkStatus();
  }

  // Where the stored row leads, if that is a record of the same resource and revision.
  absl::StatusOr<std::optional<uint64_t>> FindRevision(const event::v1::Event& event, int64_t revision) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<RevisionRow> row,
                             Look<RevisionRow>(reader_, keys_.Revision(event.resource(), revision)));
    if (!row.has_value()) return std::optional<uint64_t>();
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<EntryRow> entry,
                             Look<EntryRow>(reader_, keys_.Entry(row->index())));
    event::v1::Event found;
    const bool right = entry.has_value() && found.ParseFromString(entry->envelope().event()) &&
                       found.kind() == event::v1::Event::KIND_CHANGE &&
                       found.resource() == event.resource() && found.revision() == revision;
    return right ? std::optional<uint64_t>(row->index()) : std::nullopt;
  }

  absl::Status CheckCount(std::string_view place, std::string_view prefix, uint64_t expected) {
    uint64_t stored = 0;
    WAYPOST_RETURN_IF_ERROR(ForEach(reader_, prefix, [&stored](std::string_view, std::string_view) {
      ++stored;
      return absl::OkStatus();
    }));
    if (stored > expected) findings_.Add(place, Cat("there are ", stored - expected, " rows too many"));
    return absl::OkStatus();
  }

  const store::Reader& reader_;
  const AuditKeys& keys_;
  Findings& findings_;
  uint64_t events_ = 0;
  uint64_t revisions_ = 0;
  uint64_t out_of_order_ = 0;
};

// Walks the entries and hands each to the checks.
class LogCheck {
 public:
  LogCheck(const store::Reader& reader, std::string_view log)
      : reader_(reader),
        keys_(log),
        findings_(report_),
        tree_(reader, keys_, findings_),
        lists_(reader, keys_, findings_),
        names_(reader, keys_, findings_) {}

  absl::StatusOr<FsckReport> Run() {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<TreeState> stored, ReadTree());
    WAYPOST_RETURN_IF_ERROR(
        ForEach(reader_, keys_.entries(),
                [this](std::string_view key, std::string_view value) { return Entry(key, value); }));
    report_.entries = next_;
    report_.root = tree_.edge().Root();
    WAYPOST_RETURN_IF_ERROR(tree_.Finish(stored));
    if (damaged_) {
      findings_.Add("indexes", "not compared, since an entry is damaged");
      return std::move(report_);
    }
    WAYPOST_RETURN_IF_ERROR(lists_.Finish());
    WAYPOST_RETURN_IF_ERROR(names_.Finish(stored));
    if (stored.has_value() && next_ > 0 && stored->last_append_time != last_append_time_) {
      findings_.Add("tree", "the time of the last entry is another");
    }
    return std::move(report_);
  }

 private:
  absl::StatusOr<std::optional<TreeState>> ReadTree() {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader_.Get(keys_.tree()));
    if (!bytes.has_value()) return TreeState();
    const auto row = DecodeRow<TreeRow>(*bytes, "");
    auto state = row.ok() ? TreeStateOf(*row) : absl::StatusOr<TreeState>(row.status());
    if (state.ok()) return *std::move(state);
    findings_.Add("tree", "the row cannot be read");
    return std::optional<TreeState>();
  }

  absl::Status Entry(std::string_view key, std::string_view value) {
    store::KeyParser parser(key);
    const auto index = parser.Uint();
    if (!index.ok() || !parser.AtEnd()) {
      findings_.Add("entries", "there is a row whose key names no entry");
      return absl::OkStatus();
    }
    // Where entries are missing, the stored hashes stand in, so that what follows can still be checked.
    for (uint64_t missing = next_; missing < *index; ++missing) {
      Damaged(missing, "is missing");
      WAYPOST_RETURN_IF_ERROR(StandIn(missing));
      if (report_.findings.size() >= kMaxFindings) return absl::OkStatus();
    }
    next_ = *index + 1;
    auto row = DecodeRow<EntryRow>(value, "");
    auto record =
        row.ok() ? LoggedRecordOf(*index, *std::move(row)) : absl::StatusOr<LoggedRecord>(row.status());
    if (!record.ok()) {
      Damaged(*index, "cannot be read");
      return StandIn(*index);
    }
    return Record(*record);
  }

  absl::Status Record(const LoggedRecord& record) {
    if (record.append_time < last_append_time_) Damaged(record.index, "was taken before the one before it");
    last_append_time_ = record.append_time;
    const std::string opened =
        MakeLeaf(record.event.event_id(), record.envelope.nonce(), record.envelope.event());
    if (opened != record.leaf) {
      Damaged(record.index, "the record and the nonce do not open the leaf");
      // The tree tells which of the two is right.
      WAYPOST_ASSIGN_OR_RETURN(const std::optional<Hash> stored, tree_.Stored(0, record.index));
      return tree_.Append(stored == HashLeaf(opened) ? *stored : HashLeaf(record.leaf));
    }
    WAYPOST_RETURN_IF_ERROR(tree_.Append(HashLeaf(record.leaf)));
    if (damaged_) return absl::OkStatus();
    WAYPOST_RETURN_IF_ERROR(lists_.Add(record.index, record.event));
    return names_.Add(record.index, record.leaf, record.event);
  }

  absl::Status StandIn(uint64_t index) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<Hash> stored, tree_.Stored(0, index));
    return tree_.Append(stored.value_or(Hash{}));
  }

  void Damaged(uint64_t index, std::string_view what) {
    damaged_ = true;
    findings_.Add(EntryName(index), what);
  }

  const store::Reader& reader_;
  const AuditKeys keys_;
  FsckReport report_;
  Findings findings_;
  TreeCheck tree_;
  ListCheck lists_;
  NameCheck names_;
  uint64_t next_ = 0;
  absl::Time last_append_time_ = absl::InfinitePast();
  bool damaged_ = false;
};

}  // namespace

absl::StatusOr<FsckReport> Fsck(const store::Reader& reader, std::string_view log) {
  return LogCheck(reader, log).Run();
}

}  // namespace waypost::audit
