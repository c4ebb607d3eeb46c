// A feed: entries in commit order, for watchers to follow from a cursor. Positions rise and may have gaps.
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

// Removes entries older than `before`, at most `limit`, and remembers where the feed now begins.
absl::StatusOr<int> TrimFeed(store::Store& store, std::string_view feed, absl::Time before, int limit);

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_FEED_H_
