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

absl::StatusOr<std::vector<std::string>> ReadNames(const store::Reader& reader, std::string_view prefix,
                                                   const store::KeyRange& range, std::string_view collection,
                                                   int limit) {
  std::vector<std::string> names;
  const auto at = reader.Scan(range);
  for (; at->Valid() && static_cast<int>(names.size()) < limit; at->Next()) {
    store::KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    names.push_back(base::Cat(collection, id));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return names;
}

}  // namespace waypost::referral::rows
