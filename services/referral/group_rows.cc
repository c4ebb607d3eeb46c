#include "services/referral/group_rows.h"

#include <optional>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::GroupCountRecord;
using storage::v1::WaitingListRecord;
using storage::v1::WaitingRecord;
using store::KeyBuilder;

std::string KeyOf(std::string_view kind, const GroupKey& group) {
  return KeyBuilder().Text(kind).Text(group.offer).Text(group.group_id).Take();
}

constexpr std::string_view kUntold = "gtell";

std::string PrefixOf(std::string_view kind) {
  return KeyBuilder().Text(kind).Take();
}

// In a key that begins with `prefix`.
absl::StatusOr<GroupKey> GroupOf(std::string_view key, const std::string& prefix) {
  store::KeyParser parser(key.substr(prefix.size()));
  GroupKey group;
  WAYPOST_ASSIGN_OR_RETURN(group.offer, parser.Text());
  WAYPOST_ASSIGN_OR_RETURN(group.group_id, parser.Text());
  return group;
}

std::string WaitingKey(const GroupKey& group, const Criteria& criteria, const WaitingRecord& waiting) {
  KeyBuilder key(KeyOf("gwait", group));
  for (const int64_t element : OrderOf(criteria, waiting)) key.Int(element);
  return key.Text(IdOfName(waiting.referral())).Take();
}

template <typename Record>
absl::StatusOr<std::optional<Record>> Read(const store::Reader& reader, const std::string& key,
                                           std::string_view what) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(key));
  if (!value.has_value()) return std::nullopt;
  Record record;
  if (!record.ParseFromString(*value)) return error::DataLoss(what);
  return record;
}

absl::Status Parse(std::string_view value, WaitingRecord& waiting) {
  const bool parsed = waiting.ParseFromArray(value.data(), static_cast<int>(value.size()));
  return parsed ? absl::OkStatus() : error::DataLoss("a waiting list");
}

// Calls `visit` for each who waits, in order, until it returns false.
template <typename Visit>
absl::Status WalkWaiting(const store::Reader& reader, const GroupKey& group, const Visit& visit) {
  const auto at = reader.Scan(store::PrefixRange(KeyOf("gwait", group)));
  for (; at->Valid(); at->Next()) {
    WaitingRecord waiting;
    WAYPOST_RETURN_IF_ERROR(Parse(at->value(), waiting));
    if (!visit(waiting)) return absl::OkStatus();
  }
  return at->status();
}

}  // namespace

absl::StatusOr<GroupCountRecord> GetGroupCount(const store::Reader& reader, const GroupKey& group) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<GroupCountRecord> count,
                           Read<GroupCountRecord>(reader, KeyOf("gcount", group), "counts of a group"));
  return count.has_value() ? *std::move(count) : GroupCountRecord();
}

absl::Status PutGroupCount(store::Writer& writer, const GroupKey& group, const GroupCountRecord& count) {
  if (count.held() < 0 || count.enrolled() < 0 || count.waiting() < 0 || count.waiting_persons() < 0) {
    return error::DataLoss("counts of a group: one would be below zero");
  }
  GroupCountRecord record = count;
  record.set_format_version(1);
  writer.Put(KeyOf("gcount", group), record.SerializeAsString());
  return absl::OkStatus();
}

int64_t TakenOf(const GroupCountRecord& count) {
  return count.held() + count.enrolled();
}

void NoteTaken(store::Writer& writer, const GroupKey& group, GroupCountRecord& count) {
  count.set_revision(count.revision() + 1);
  PutUntold(writer, group);
}

void PutUntold(store::Writer& writer, const GroupKey& group) {
  writer.Put(KeyOf(kUntold, group), "");
}

absl::StatusOr<std::vector<GroupKey>> ListUntold(const store::Reader& reader,
                                                 const std::optional<GroupKey>& after, int limit) {
  const std::string prefix = PrefixOf(kUntold);
  std::vector<GroupKey> groups;
  const auto at = reader.Scan(after.has_value() ? store::PrefixRangeAfter(prefix, KeyOf(kUntold, *after))
                                                : store::PrefixRange(prefix));
  for (; at->Valid() && static_cast<int>(groups.size()) < limit; at->Next()) {
    WAYPOST_ASSIGN_OR_RETURN(groups.emplace_back(), GroupOf(at->key(), prefix));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return groups;
}

void DeleteUntold(store::Writer& writer, const GroupKey& group) {
  writer.Delete(KeyOf(kUntold, group));
}

absl::StatusOr<Counted> ListCounted(const store::Reader& reader, const std::string& position, int limit) {
  const std::string prefix = PrefixOf("gcount");
  const auto at =
      reader.Scan(position.empty() ? store::PrefixRange(prefix) : store::PrefixRangeAfter(prefix, position));
  Counted counted;
  int looked_at = 0;
  for (; at->Valid() && looked_at < limit; at->Next()) {
    GroupCountRecord count;
    if (!count.ParseFromArray(at->value().data(), static_cast<int>(at->value().size()))) {
      return error::DataLoss("counts of a group");
    }
    ++looked_at;
    counted.position = std::string(at->key());
    if (TakenOf(count) == 0 && count.revision() == 0) continue;
    WAYPOST_ASSIGN_OR_RETURN(counted.groups.emplace_back(), GroupOf(at->key(), prefix));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  if (looked_at < limit) counted.position.clear();
  return counted;
}

absl::StatusOr<WaitingListRecord> GetWaitingList(const store::Reader& reader, const GroupKey& group) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<WaitingListRecord> found,
                           Read<WaitingListRecord>(reader, KeyOf("glist", group), "criteria of a list"));
  if (found.has_value()) return *std::move(found);
  WaitingListRecord list;
  for (const v1::WaitingListCriterion criterion : DefaultCriteria()) list.add_criteria(criterion);
  return list;
}

void PutWaitingList(store::Writer& writer, const GroupKey& group, const WaitingListRecord& list) {
  writer.Put(KeyOf("glist", group), list.SerializeAsString());
}

Criteria CriteriaOf(const WaitingListRecord& list) {
  Criteria criteria;
  for (const int criterion : list.criteria()) {
    criteria.push_back(static_cast<v1::WaitingListCriterion>(criterion));
  }
  return criteria;
}

void PutWaiting(store::Writer& writer, const GroupKey& group, const Criteria& criteria,
                const WaitingRecord& waiting) {
  writer.Put(WaitingKey(group, criteria, waiting), waiting.SerializeAsString());
}

void DeleteWaiting(store::Writer& writer, const GroupKey& group, const Criteria& criteria,
                   const WaitingRecord& waiting) {
  writer.Delete(WaitingKey(group, criteria, waiting));
}

absl::StatusOr<WaitingPage> ListWaiting(const store::Reader& reader, const GroupKey& group,
                                        std::string_view position, int limit) {
  const std::string list = KeyOf("gwait", group);
  const auto at = reader.Scan(position.empty() ? store::PrefixRange(list)
                                               : store::PrefixRangeAfter(list, base::Cat(list, position)));
  WaitingPage page;
  for (; at->Valid(); at->Next()) {
    if (static_cast<int>(page.records.size()) == limit) return page;
    WAYPOST_RETURN_IF_ERROR(Parse(at->value(), page.records.emplace_back()));
    page.position = at->key().substr(list.size());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  page.position.clear();
  return page;
}

absl::StatusOr<std::vector<WaitingRecord>> AllWaiting(const store::Reader& reader, const GroupKey& group) {
  std::vector<WaitingRecord> list;
  WAYPOST_RETURN_IF_ERROR(WalkWaiting(reader, group, [&](WaitingRecord& waiting) {
    list.push_back(std::move(waiting));
    return true;
  }));
  return list;
}

absl::StatusOr<std::string> FirstWaiting(const store::Reader& reader, const GroupKey& group,
                                         std::string_view except) {
  std::string first;
  WAYPOST_RETURN_IF_ERROR(WalkWaiting(reader, group, [&](const WaitingRecord& waiting) {
    if (waiting.referral() != except) first = waiting.referral();
    return first.empty();
  }));
  return first;
}

absl::StatusOr<int> RankOf(const store::Reader& reader, const GroupKey& group, std::string_view referral) {
  int rank = 0;
  bool found = false;
  WAYPOST_RETURN_IF_ERROR(WalkWaiting(reader, group, [&](const WaitingRecord& waiting) {
    ++rank;
    found = waiting.referral() == referral;
    return !found;
  }));
  return found ? rank : 0;
}

}  // namespace waypost::referral::rows
