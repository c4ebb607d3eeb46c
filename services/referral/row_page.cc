#include "services/referral/row_page.h"

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/store/keys.h"

namespace waypost::referral::rows {

store::KeyRange RowsAfter(std::string_view prefix, std::string_view position) {
  if (position.empty()) return store::PrefixRange(prefix);
  return store::PrefixRangeAfter(prefix, base::Cat(prefix, position));
}

std::string Reversed(std::string_view id) {
  std::string reversed(id);
  for (char& byte : reversed) byte = static_cast<char>(~byte);
  return reversed;
}

absl::StatusOr<RowPage> ReadRows(const store::Reader& reader, std::string_view prefix,
                                 const store::KeyRange& range, int limit) {
  RowPage page;
  if (range.begin >= range.end) return page;
  std::string last;
  const auto at = reader.Scan(range);
  for (; at->Valid(); at->Next()) {
    if (static_cast<int>(page.rows.size()) == limit) {
      page.position = last;
      break;
    }
    page.rows.emplace_back(at->value());
    last = at->key().substr(prefix.size());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return page;
}

}  // namespace waypost::referral::rows
