// The index of parts. Every function works within the caller's snapshot or transaction; none keeps state.
//
//   ("part", id of the parent, id of the part)  empty: a part, a draft and an ended one included
//   ("part.count", id of the parent)            how many rows those are
#ifndef WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"

namespace waypost::referral::rows {

// REQUIRES: it has no such row, and has it for DeletePart.
absl::Status PutPart(store::Writer& writer, std::string_view parent, std::string_view part);
absl::Status DeletePart(store::Writer& writer, std::string_view parent, std::string_view part);

// One look-up: most referrals have no parts.
absl::StatusOr<int> CountParts(const store::Reader& reader, std::string_view parent);

// Names, in the order in which they were made, after that of a part (empty: from the first); those of one
// millisecond in any order, which stays. There are at most kMaxParts of each side.
absl::StatusOr<std::vector<std::string>> ListParts(const store::Reader& reader, std::string_view parent,
                                                   std::string_view after = {});

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_PART_ROWS_H_
