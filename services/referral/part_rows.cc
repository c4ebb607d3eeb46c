#include "services/referral/part_rows.h"

#include <optional>

#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/referral_repository.h"
#include "services/referral/row_page.h"

namespace waypost::referral::rows {
namespace {

using store::KeyBuilder;
using store::KeyParser;

std::string PartsPrefix(std::string_view parent) {
  return KeyBuilder().Text("part").Text(IdOfName(parent)).Take();
}

std::string PartKey(std::string_view parent, std::string_view part) {
  return KeyBuilder(PartsPrefix(parent)).Text(IdOfName(part)).Take();
}

std::string CountKey(std::string_view parent) {
  return KeyBuilder().Text("part.count").Text(IdOfName(parent)).Take();
}

// A count below zero is never written.
absl::Status AddToCount(store::Writer& writer, std::string_view parent, int change) {
  WAYPOST_ASSIGN_OR_RETURN(const int before, CountParts(writer, parent));
  const int count = before + change;
  if (count < 0) return error::DataLoss("the number of parts of a referral");
  if (count == 0) {
    writer.Delete(CountKey(parent));
  } else {
    writer.Put(CountKey(parent), KeyBuilder().Uint(static_cast<uint64_t>(count)).Take());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PutPart(store::Writer& writer, std::string_view parent, std::string_view part) {
  writer.Put(PartKey(parent, part), "");
  return AddToCount(writer, parent, 1);
}

absl::Status DeletePart(store::Writer& writer, std::string_view parent, std::string_view part) {
  writer.Delete(PartKey(parent, part));
  return AddToCount(writer, parent, -1);
}

absl::StatusOr<int> CountParts(const store::Reader& reader, std::string_view parent) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(CountKey(parent)));
  if (!value.has_value()) return 0;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t count, parser.Uint());
  return static_cast<int>(count);
}

absl::StatusOr<std::vector<std::string>> ListParts(const store::Reader& reader, std::string_view parent,
                                                   std::string_view after) {
  const std::string prefix = PartsPrefix(parent);
  const std::string position = after.empty() ? std::string() : KeyBuilder().Text(IdOfName(after)).Take();
  std::vector<std::string> names;
  const auto at = reader.Scan(RowsAfter(prefix, position));
  for (; at->Valid(); at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    names.push_back(NameOfId(id));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return names;
}

}  // namespace waypost::referral::rows
