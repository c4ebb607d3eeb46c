#include "common/rpc/feed.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/big_endian.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"

namespace waypost::rpc {
namespace {

std::string AllFeedsPrefix() {
  return store::KeyBuilder().Text("feed").Take();
}

std::string FeedPrefix(std::string_view feed) {
  return store::KeyBuilder(AllFeedsPrefix()).Text(feed).Take();
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

// The first feed that has an entry in the range; nullopt when there is none.
absl::StatusOr<std::optional<std::string>> FirstFeed(const store::Store& store,
                                                     const store::KeyRange& range) {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, store.Snapshot());
  const auto at = reader->Scan(range);
  if (!at->Valid()) {
    WAYPOST_RETURN_IF_ERROR(at->status());
    return std::nullopt;
  }
  store::KeyParser names(at->key());
  WAYPOST_RETURN_IF_ERROR(names.Text().status());
  WAYPOST_ASSIGN_OR_RETURN(std::string feed, names.Text());
  return feed;
}

}  // namespace

absl::StatusOr<uint64_t> OldestCursor(const store::Reader& reader, std::string_view feed) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(TrimKey(feed)));
  if (!value.has_value()) return uint64_t{0};
  if (value->size() != 8) return error::DataLoss("feed trim mark");
  return base::ReadBigEndian(*value);
}

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
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t trimmed, OldestCursor(reader, feed));
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
  std::vector<uint64_t> old;
  {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t trimmed, OldestCursor(*reader, feed));
    // Not from the first key: that would step over everything deleted and not yet compacted.
    store::KeyRange range = store::PrefixRange(FeedPrefix(feed));
    range.begin = EntryKey(feed, trimmed + 1);
    const auto at = reader->Scan(range);
    for (; at->Valid() && static_cast<int>(old.size()) < limit; at->Next()) {
      WAYPOST_ASSIGN_OR_RETURN(const FeedEntry entry, Decode(at->key(), at->value()));
      if (entry.time >= before) break;
      old.push_back(entry.position);
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  if (old.empty()) return 0;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t trimmed, OldestCursor(writer, feed));
    for (const uint64_t position : old) writer.Delete(EntryKey(feed, position));
    std::string mark;
    base::AppendBigEndian(std::max(trimmed, old.back()), mark);
    writer.Put(TrimKey(feed), mark);
    return absl::OkStatus();
  }));
  return static_cast<int>(old.size());
}

absl::StatusOr<int> FeedTrimmer::Step(store::Store& store, absl::Time now) {
  const store::KeyRange all = store::PrefixRange(AllFeedsPrefix());
  if (!in_pass_) {
    if (now - pass_began_ < kPassEvery) return 0;
    in_pass_ = true;
    pass_began_ = now;
    from_ = all.begin;
  }
  int removed = 0;
  for (int feeds = 0; feeds < kSliceFeeds && removed < kSliceEntries; ++feeds) {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> feed, FirstFeed(store, {from_, all.end}));
    if (!feed.has_value()) {
      in_pass_ = false;
      break;
    }
    int last = kTransactionEntries;
    while (last == kTransactionEntries && removed < kSliceEntries) {
      WAYPOST_ASSIGN_OR_RETURN(last, TrimFeed(store, *feed, now - kFeedRetention, kTransactionEntries));
      removed += last;
    }
    if (last < kTransactionEntries) from_ = store::PrefixRange(FeedPrefix(*feed)).end;
  }
  return removed;
}

}  // namespace waypost::rpc
