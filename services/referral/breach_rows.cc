#include "services/referral/breach_rows.h"

#include <optional>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/row_page.h"

namespace waypost::referral::rows {
namespace {

using store::KeyBuilder;

constexpr std::string_view kBreachPrefix = "breaches/";

std::string_view IdOfBreach(std::string_view name) {
  if (name.substr(0, kBreachPrefix.size()) == kBreachPrefix) name.remove_prefix(kBreachPrefix.size());
  return name;
}

std::string BreachKey(std::string_view name) {
  return KeyBuilder().Text("breach").Text(IdOfBreach(name)).Take();
}

std::string ListPrefix(std::string_view body, BreachList which) {
  return KeyBuilder().Text("breach.of").Text(body).Uint(which == BreachList::kNotClosed ? 1 : 0).Take();
}

std::string ListKey(const v1::Breach& breach, BreachList which) {
  return KeyBuilder(ListPrefix(breach.body(), which))
      .Time(api::FromTimestamp(breach.discover_time()))
      .Text(IdOfBreach(breach.name()))
      .Take();
}

}  // namespace

std::string BreachNameOfId(std::string_view id) {
  return base::Cat(kBreachPrefix, id);
}

absl::StatusOr<BreachRecord> GetBreach(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(BreachKey(name)));
  if (!value.has_value()) return error::NotFound(name);
  BreachRecord record;
  if (!record.ParseFromString(*value)) return error::DataLoss("a breach");
  return record;
}

void PutBreach(store::Writer& writer, const BreachRecord* before, const BreachRecord& next) {
  if (before != nullptr) {
    writer.Delete(ListKey(before->breach(), BreachList::kAll));
    writer.Delete(ListKey(before->breach(), BreachList::kNotClosed));
  }
  const v1::Breach& breach = next.breach();
  writer.Put(BreachKey(breach.name()), next.SerializeAsString());
  if (next.is_protected()) return;
  // The value is the name: a page is read by it.
  writer.Put(ListKey(breach, BreachList::kAll), breach.name());
  if (breach.state() != v1::BREACH_STATE_CLOSED) {
    writer.Put(ListKey(breach, BreachList::kNotClosed), breach.name());
  }
}

absl::StatusOr<BreachPage> ListBreaches(const store::Reader& reader, std::string_view body, BreachList which,
                                        std::string_view position, int limit) {
  const std::string prefix = ListPrefix(body, which);
  WAYPOST_ASSIGN_OR_RETURN(RowPage rows, ReadRows(reader, prefix, RowsAfter(prefix, position), limit));
  BreachPage page{.breaches = {}, .position = std::move(rows.position)};
  for (const std::string& name : rows.rows) {
    WAYPOST_ASSIGN_OR_RETURN(BreachRecord record, GetBreach(reader, name));
    page.breaches.push_back(std::move(record));
  }
  return page;
}

}  // namespace waypost::referral::rows
