#include "services/referral/enrolment_repository.h"

#include <limits>
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
using store::KeyParser;

std::string_view IdOf(std::string_view name) {
  return name.substr(name.find('/') + 1);
}

std::string RecordKey(std::string_view name) {
  return KeyBuilder().Text("e").Text(IdOf(name)).Take();
}

std::string GroupPrefix(const GroupKey& group) {
  return KeyBuilder().Text("e.group").Text(group.offer).Text(group.group_id).Take();
}

std::string BodyPrefix(std::string_view body) {
  return KeyBuilder().Text("e.body").Text(body).Take();
}

std::string UnderPrefix(std::string_view offer) {
  return KeyBuilder().Text("e.under").Text(offer).Take();
}
std::string UnderKey(std::string_view offer, std::string_view name) {
  return KeyBuilder(UnderPrefix(offer)).Text(IdOf(name)).Take();
}

// Of one programme, or (empty) of all.
std::string OwedPrefix(std::string_view body, std::string_view programme) {
  if (programme.empty()) return KeyBuilder().Text("e.owed").Text(body).Take();
  return KeyBuilder().Text("e.owed.of").Text(body).Text(programme).Take();
}

void AddOwedKeys(const EnrolmentRecord& record, std::vector<std::string>& keys) {
  if (!record.has_programme_end()) return;
  const absl::Time over = api::FromTimestamp(record.programme_over_time());
  for (const std::string_view programme :
       {std::string_view(), std::string_view(record.programme_end().programme())}) {
    keys.push_back(
        KeyBuilder(OwedPrefix(record.provider(), programme)).Time(over).Text(IdOf(record.name())).Take());
  }
}

std::vector<std::string> IndexKeys(const EnrolmentRecord& record) {
  std::vector<std::string> keys;
  for (std::string prefix : {GroupPrefix(GroupOf(record)), BodyPrefix(record.provider())}) {
    keys.push_back(KeyBuilder(std::move(prefix))
                       .Uint(static_cast<uint64_t>(record.state()))
                       .Text(IdOf(record.name()))
                       .Take());
  }
  if (HasPlace(record.state())) keys.push_back(UnderKey(record.offer(), record.name()));
  AddOwedKeys(record, keys);
  return keys;
}

// Whose names begin with the referral's id and `numbers`, which end with a hyphen; '.' comes after it.
absl::StatusOr<std::vector<EnrolmentRecord>> ReadOf(const store::Reader& reader, std::string_view referral,
                                                    std::string_view numbers, size_t limit) {
  const std::string_view whole = numbers.substr(0, numbers.size() - 1);
  const store::KeyRange range = {.begin = RecordKey(base::Cat("enrolments/", IdOf(referral), numbers)),
                                 .end = RecordKey(base::Cat("enrolments/", IdOf(referral), whole, "."))};
  std::vector<EnrolmentRecord> records;
  const auto at = reader.Scan(range);
  for (; at->Valid() && records.size() < limit; at->Next()) {
    if (!records.emplace_back().ParseFromArray(at->value().data(), static_cast<int>(at->value().size()))) {
      return error::DataLoss(referral);
    }
    if (records.back().referral() != referral) records.pop_back();
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return records;
}

bool IsReviewed(const EnrolmentRecord& record, const EnrolmentQuery& query) {
  if (!query.review_by.has_value()) return true;
  return record.has_review_time() && api::FromTimestamp(record.review_time()) <= *query.review_by;
}

}  // namespace

absl::StatusOr<EnrolmentRecord> GetEnrolment(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RecordKey(name)));
  if (!value.has_value()) return error::NotFound(name);
  EnrolmentRecord record;
  if (!record.ParseFromString(*value)) return error::DataLoss(name);
  return record;
}

absl::StatusOr<std::vector<EnrolmentRecord>> EnrolmentsOf(const store::Reader& reader,
                                                          std::string_view referral) {
  // No id has a hyphen.
  return ReadOf(reader, referral, "-", std::numeric_limits<size_t>::max());
}

absl::StatusOr<std::vector<EnrolmentRecord>> EnrolmentsOfPerson(const store::Reader& reader,
                                                                std::string_view referral, uint32_t person,
                                                                int limit) {
  return ReadOf(reader, referral, base::Cat("-", person, "-"), static_cast<size_t>(limit));
}

void DeleteEnrolment(store::Writer& writer, const EnrolmentRecord& record) {
  for (const std::string& key : IndexKeys(record)) writer.Delete(key);
  writer.Delete(RecordKey(record.name()));
}

void PutEnrolment(store::Writer& writer, const EnrolmentRecord* before, const EnrolmentRecord& next) {
  if (before != nullptr) {
    for (const std::string& key : IndexKeys(*before)) writer.Delete(key);
  }
  for (const std::string& key : IndexKeys(next)) writer.Put(key, "");
  writer.Put(RecordKey(next.name()), next.SerializeAsString());
}

absl::StatusOr<EnrolmentPage> ListEnrolments(const store::Reader& reader, const EnrolmentQuery& query,
                                             std::string_view position, int limit) {
  EnrolmentPage page;
  int read = 0;
  const std::string below = query.group.has_value() ? GroupPrefix(*query.group) : BodyPrefix(query.body);
  for (const Stay state : query.states) {
    const std::string run = KeyBuilder(below).Uint(static_cast<uint64_t>(state)).Take();
    const std::string after = base::Cat(below, position);
    const store::KeyRange range = store::PrefixRange(run);
    if (!position.empty() && after >= range.end) continue;
    const bool within = !position.empty() && after > run;
    const auto at = reader.Scan(within ? store::PrefixRangeAfter(run, after) : range);
    for (; at->Valid(); at->Next()) {
      if (static_cast<int>(page.records.size()) == limit) return page;
      if (query.review_by.has_value() && read == kMaxReviewsRead) return page;
      KeyParser parser(at->key().substr(run.size()));
      WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
      const std::string row(at->key().substr(below.size()));
      WAYPOST_ASSIGN_OR_RETURN(EnrolmentRecord record, GetEnrolment(reader, base::Cat("enrolments/", id)));
      page.position = row;
      ++read;
      if (IsReviewed(record, query)) page.records.push_back(std::move(record));
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  page.position.clear();
  return page;
}

absl::StatusOr<EnrolmentPage> ListOwed(const store::Reader& reader, const OwedQuery& query,
                                       std::string_view position, int limit) {
  EnrolmentPage page;
  const std::string prefix = OwedPrefix(query.body, query.programme);
  store::KeyRange range = RowsAfter(prefix, position);
  if (query.over_before.has_value()) range.end = KeyBuilder(prefix).Time(*query.over_before).Take();
  if (range.begin >= range.end) return page;
  const auto at = reader.Scan(range);
  for (; at->Valid(); at->Next()) {
    if (static_cast<int>(page.records.size()) == limit) return page;
    const std::string row(at->key().substr(prefix.size()));
    KeyParser parser(row);
    WAYPOST_RETURN_IF_ERROR(parser.Time().status());
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(page.records.emplace_back(), GetEnrolment(reader, base::Cat("enrolments/", id)));
    page.position = row;
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  page.position.clear();
  return page;
}

absl::StatusOr<std::vector<std::string>> ListEnrolmentsUnder(const store::Reader& reader,
                                                             std::string_view offer, std::string_view after,
                                                             int limit) {
  const std::string prefix = UnderPrefix(offer);
  return ReadNames(
      reader, prefix,
      after.empty() ? store::PrefixRange(prefix) : store::PrefixRangeAfter(prefix, UnderKey(offer, after)),
      "enrolments/", limit);
}

absl::StatusOr<std::vector<std::string>> ListEnrolmentNames(const store::Reader& reader,
                                                            std::string_view after, int limit) {
  const std::string prefix = KeyBuilder().Text("e").Take();
  return ReadNames(
      reader, prefix,
      after.empty() ? store::PrefixRange(prefix) : store::PrefixRangeAfter(prefix, RecordKey(after)),
      "enrolments/", limit);
}

void PutEnrolmentUnder(store::Writer& writer, const EnrolmentRecord& record) {
  if (HasPlace(record.state())) writer.Put(UnderKey(record.offer(), record.name()), "");
}

}  // namespace waypost::referral::rows
