#include "common/rpc/feed.h"

#include <algorithm>
#include <optional>

#include "common/base/big_endian.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"

namespace waypost::rpc {
namespace {

std::string FeedPrefix(std::string_view feed) {
  return store::KeyBuilder().Text("feed").Text(feed).Take();
}

std::string EntryKey(std::string_view feed, uint64_t position) {
  return store::KeyBuilder(FeedPrefix(feed)).Uint(position).Take();
}

// The position up to which entries have been removed.
std::string TrimKey(std::string_view feed) {
  return store::KeyBuilder().Text("feed.trim").Text(feed).Take();
}

// The value is an ordered tuple as well: (resource, revision, type, state, time).
absl::StatusOr<FeedEntry> Decode(std::string_view key, std::string_view value) {
  FeedEntry entry;
  store::KeyParser names(key);
  WAYPOST_RETURN_IF_ERROR(names.Text().status());
  WAYPOST_RETURN_IF_ERROR(names.Text().status());
  WAYPOST_ASSIGN_OR_RETURN(entry.position, names.Uint());
  store::KeyParser fields(value);
  WAYPOST_ASSIGN_OR_RETURN(entry.resource, fields.Text());
  WAYPOST_ASSIGN_OR_RETURN(entry.revision, fields.Int());
  WAYPOST_ASSIGN_OR_RETURN(entry.type, fields.Text());
  WAYPOST_ASSIGN_OR_RETURN(entry.state, fields.Text());
  WAYPOST_ASSIGN_OR_RETURN(entry.time, fields.Time());
  return entry;
}

absl::StatusOr<uint64_t> TrimmedUpTo(const store::Reader& reader, std::string_view feed) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(TrimKey(feed)));
  if (!value.has_value()) return uint64_t{0};
  if (value->size() != 8) return error::DataLoss("feed trim mark");
  return base::ReadBigEndian(*value);
}

}  // namespace

void AppendToFeed(store::Writer& writer, std::string_view feed, const FeedEntry& entry) {
  writer.Put(EntryKey(feed, entry.position), store::KeyBuilder()
                                                 .Text(entry.resource)
                                                 .Int(entry.revision)
                                                 .Text(entry.type)
                                                 .Text(entry.state)
                                                 .Time(entry.time)
                                                 .Take());
}

absl::StatusOr<std::vector<FeedEntry>> ReadFeed(const store::Reader& reader, std::string_view feed,
                                                uint64_t after, int limit) {
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t trimmed, TrimmedUpTo(reader, feed));
  if (after < trimmed) return error::CursorTooOld(base::Cat(trimmed));
  std::vector<FeedEntry> entries;
  store::KeyRange range = store::PrefixRange(FeedPrefix(feed));
  range.begin = EntryKey(feed, after + 1);
  const auto at = reader.Scan(range);
  for (; at->Valid() && static_cast<int>(entries.size()) < limit; at->Next()) {
    WAYPOST_ASSIGN_OR_RETURN(FeedEntry entry, Decode(at->key(), at->value()));
    entries.push_back(std::move(entry));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return entries;
}

absl::StatusOr<int> TrimFeed(store::Store& store, std::string_view feed, absl::Time before, int limit) {
  int removed = 0;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store, [&](store::Writer& writer) -> absl::Status {
    std::vector<std::string> keys;
    WAYPOST_ASSIGN_OR_RETURN(uint64_t trimmed, TrimmedUpTo(writer, feed));
    for (auto at = writer.Scan(store::PrefixRange(FeedPrefix(feed)));
         at->Valid() && static_cast<int>(keys.size()) < limit; at->Next()) {
      WAYPOST_ASSIGN_OR_RETURN(const FeedEntry entry, Decode(at->key(), at->value()));
      if (entry.time >= before) break;
      trimmed = entry.position;
      keys.emplace_back(at->key());
    }
    removed = static_cast<int>(keys.size());
    if (keys.empty()) return absl::OkStatus();
    for (const std::string& key : keys) writer.Delete(key);
    std::string mark;
    base::AppendBigEndian(trimmed, mark);
    writer.Put(TrimKey(feed), mark);
    return absl::OkStatus();
  }));
  return removed;
}

}  // namespace waypost::rpc
