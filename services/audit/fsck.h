// Checks a log against itself: recomputes the tree and every index from the entries and compares them with
// what is stored. It changes nothing.
#ifndef WAYPOST_SERVICES_AUDIT_FSCK_H_
#define WAYPOST_SERVICES_AUDIT_FSCK_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/audit/merkle.h"

namespace waypost::audit {

struct FsckReport {
  uint64_t entries = 0;               // read
  Hash root = EmptyRoot();            // recomputed from them
  std::vector<std::string> findings;  // what is wrong, each naming the place; at most kMaxFindings
  bool sound() const { return findings.empty(); }
};

// Reads everything that `log` has in the store: some 50,000 entries a second, and memory for each list. Run
// it on a checkpoint or a stopped store when the log is large, since a snapshot should be short. It cannot
// see that entries were never appended, nor that a whole log was replaced by another: that takes tree heads
// kept elsewhere. Nor does the tree commit to append times and outbox positions. Fails only when the store
// cannot be read.
absl::StatusOr<FsckReport> Fsck(const store::Reader& reader, std::string_view log);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_FSCK_H_
