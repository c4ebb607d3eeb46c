// A feed: entries in commit order, for watchers to follow from a cursor. Positions rise and may have gaps.
//
//   ("feed", feed, position)   an entry
//   ("feed.trim", feed)        up to where entries have been removed
#ifndef WAYPOST_COMMON_RPC_FEED_H_
#define WAYPOST_COMMON_RPC_FEED_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"

namespace waypost::rpc {

// One change of one resource. Holds nothing that its watcher may not know.
struct FeedEntry {
  uint64_t position = 0;
  std::string resource;
  int64_t revision = 0;
  std::string type;
  std::string state;
  absl::Time time;
};

void AppendToFeed(store::Writer& writer, std::string_view feed, const FeedEntry& entry);

// The entries after `after`, at most `limit`. CURSOR_TOO_OLD when entries after it have been trimmed.
absl::StatusOr<std::vector<FeedEntry>> ReadFeed(const store::Reader& reader, std::string_view feed,
                                                uint64_t after, int limit);

// The oldest cursor that a follower can go on from: entries up to it have been removed.
absl::StatusOr<uint64_t> OldestCursor(const store::Reader& reader, std::string_view feed);

// How long an entry is kept. A follower that was away over a long weekend and a day goes on from its cursor;
// one that was away for longer lists afresh, which is then less work than to replay what it missed.
inline constexpr absl::Duration kFeedRetention = absl::Hours(24 * 7);

// Removes entries older than `before` from the beginning of a feed, at most `limit`, and remembers where it
// now begins; returns how many. What is old is looked up outside the transaction, which only deletes. Trims
// of one feed at the same time do no harm.
absl::StatusOr<int> TrimFeed(store::Store& store, std::string_view feed, absl::Time before, int limit);

// Trims every feed of a store, a slice at a time: one pass leaps from feed to feed, and the next begins
// kPassEvery after it began. Keeps its place in memory alone. Not thread-safe: for one thread.
class FeedTrimmer {
 public:
  // Bounds of one slice: feeds looked at, and entries removed, in transactions of at most
  // kTransactionEntries. Entries above the highest rate of changes that a node takes, so that trimming keeps
  // up.
  static constexpr int kSliceFeeds = 200;
  static constexpr int kSliceEntries = 20'000;
  static constexpr int kTransactionEntries = 1'000;
  static constexpr absl::Duration kPassEvery = absl::Minutes(10);

  // Does one slice, if a pass is under way or due. Returns how many entries it removed. After an error the
  // next slice begins where this one did. Blocks.
  absl::StatusOr<int> Step(store::Store& store, absl::Time now);

 private:
  bool in_pass_ = false;
  absl::Time pass_began_ = absl::InfinitePast();
  // While in a pass: the key from which to look for the next feed.
  std::string from_;
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_FEED_H_
