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

std::string PersonsPrefix(std::string_view name) {
  return KeyBuilder().Text("part.person").Text(IdOfName(name)).Take();
}

std::string PersonKey(std::string_view name, uint32_t person, std::string_view other) {
  return KeyBuilder(PersonsPrefix(name)).Uint(person).Text(IdOfName(other)).Take();
}

constexpr std::string_view kToPart = "part";
constexpr std::string_view kToCase = "case";

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

void PutSamePersons(store::Writer& writer, std::string_view parent, std::string_view part,
                    const std::vector<uint32_t>& persons) {
  for (const uint32_t person : persons) {
    writer.Put(PersonKey(parent, person, part), kToPart);
    writer.Put(PersonKey(part, person, parent), kToCase);
  }
}

void DeleteSamePersons(store::Writer& writer, std::string_view parent, std::string_view part,
                       const std::vector<uint32_t>& persons) {
  for (const uint32_t person : persons) {
    writer.Delete(PersonKey(parent, person, part));
    writer.Delete(PersonKey(part, person, parent));
  }
}

absl::Status ForgetSamePersons(store::Writer& writer, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<SamePerson> found, WithSamePerson(writer, name, kAnybody));
  for (const SamePerson& same : found) DeleteSamePersons(writer, name, same.other, {same.person});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SamePerson>> WithSamePerson(const store::Reader& reader, std::string_view name,
                                                       uint32_t person) {
  const std::string prefix = PersonsPrefix(name);
  const std::string of_person = person == kAnybody ? prefix : KeyBuilder(prefix).Uint(person).Take();
  std::vector<SamePerson> found;
  const auto at = reader.Scan(RowsAfter(of_person, {}));
  for (; at->Valid(); at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t each, parser.Uint());
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    found.push_back({.person = static_cast<uint32_t>(each),
                     .other = NameOfId(id),
                     .other_is_part = at->value() == kToPart});
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return found;
}

}  // namespace waypost::referral::rows
