#include "services/audit/entry_list.h"

#include <optional>

#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/audit/row_codec.h"

namespace waypost::audit {
namespace {

using storage::v1::ListBlockRow;
using storage::v1::ListRow;

constexpr std::string_view kHeadName = "the head of a list of audit entries";
constexpr std::string_view kBlockName = "a block of a list of audit entries";

absl::StatusOr<ListRow> LoadHead(const store::Reader& reader, std::string_view key) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<ListRow> head, FindRow<ListRow>(reader, key, kHeadName));
  if (!head.has_value()) return ListRow();
  if (head->count() % kListBlockEntries != static_cast<uint64_t>(head->tail_size())) {
    return error::DataLoss(kHeadName);
  }
  return *std::move(head);
}

}  // namespace

std::string ListBlockKey(std::string_view key, uint64_t block) {
  return store::KeyBuilder(std::string(key)).Uint(block).Take();
}

absl::StatusOr<EntryList> EntryList::Load(const store::Reader& reader, std::string key) {
  EntryList list(reader, std::move(key));
  WAYPOST_ASSIGN_OR_RETURN(list.head_, LoadHead(reader, list.key_));
  return list;
}

absl::StatusOr<uint64_t> EntryList::At(uint64_t ordinal) {
  const uint64_t block = ordinal / kListBlockEntries;
  const int place = static_cast<int>(ordinal % kListBlockEntries);
  if (block == head_.count() / kListBlockEntries) return head_.tail(place);
  if (block != block_number_) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<ListBlockRow> row,
                             FindRow<ListBlockRow>(*reader_, ListBlockKey(key_, block), kBlockName));
    if (!row.has_value() || row->indexes_size() != kListBlockEntries) return error::DataLoss(kBlockName);
    block_ = *std::move(row);
    block_number_ = block;
  }
  return block_.indexes(place);
}

absl::StatusOr<uint64_t> EntryList::LowerBound(uint64_t index) {
  uint64_t low = 0;
  uint64_t high = count();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t found, At(middle));
    if (found < index) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::Status ListWriter::Append(const std::string& key, uint64_t index) {
  auto found = heads_.find(key);
  if (found == heads_.end()) {
    WAYPOST_ASSIGN_OR_RETURN(ListRow head, LoadHead(writer_, key));
    found = heads_.emplace(key, std::move(head)).first;
  }
  ListRow& head = found->second;
  head.set_count(head.count() + 1);
  head.add_tail(index);
  if (head.tail_size() < kListBlockEntries) return absl::OkStatus();
  ListBlockRow block;
  block.mutable_indexes()->Swap(head.mutable_tail());
  writer_.Put(ListBlockKey(key, head.count() / kListBlockEntries - 1), EncodeRow(block));
  return absl::OkStatus();
}

void ListWriter::Flush() {
  for (auto& [key, head] : heads_) writer_.Put(key, EncodeRow(head));
  heads_.clear();
}

}  // namespace waypost::audit
