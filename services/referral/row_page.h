// Pages of rows that stand below one prefix, as an index has them. Every function works within the caller's
// snapshot or transaction; none keeps state.
#ifndef WAYPOST_SERVICES_REFERRAL_ROW_PAGE_H_
#define WAYPOST_SERVICES_REFERRAL_ROW_PAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/store/store.h"

namespace waypost::referral::rows {

struct RowPage {
  std::vector<std::string> rows;  // values, each a serialized message
  std::string position;           // where to go on, the last row's key without the prefix; empty at the end
};

// The rows below `prefix` after `position` (empty: from the first).
store::KeyRange RowsAfter(std::string_view prefix, std::string_view position);

// An id for a key of an index that has the newest first. Ids begin with their time and have one length: with
// every byte turned round, they sort the other way. The same again gives the id.
std::string Reversed(std::string_view id);

// At most `limit` rows of `range`, which lies below `prefix`.
absl::StatusOr<RowPage> ReadRows(const store::Reader& reader, std::string_view prefix,
                                 const store::KeyRange& range, int limit);

// The names of rows of `range`, below `prefix`, after which a row has an id alone: at most `limit`, each of
// the collection, as in "referrals/", and the id.
absl::StatusOr<std::vector<std::string>> ReadNames(const store::Reader& reader, std::string_view prefix,
                                                   const store::KeyRange& range, std::string_view collection,
                                                   int limit);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_ROW_PAGE_H_
