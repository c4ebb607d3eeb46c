#include "services/directory/enquiry_repository.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/directory/directory_limits.h"
#include "services/directory/enquiry.h"
#include "services/directory/names.h"
#include "waypost/directory/storage/v1/directory_storage.pb.h"

namespace waypost::directory {
namespace {

using store::Cursor;
using store::KeyBuilder;
using store::KeyParser;
using store::KeyRange;
using store::Reader;
using store::Writer;

constexpr uint32_t kFormatVersion = 1;

std::string RecordKey(std::string_view id) {
  return KeyBuilder().Text("enquiry").Text(id).Take();
}
std::string OfBody(std::string_view table, std::string_view body) {
  return KeyBuilder().Text(table).Text(body).Take();
}
std::string ExpiryTable() {
  return KeyBuilder().Text("enquiry.expiry").Take();
}
std::string_view IdOf(const v1::Enquiry& enquiry) {
  return directory::IdOf(ResourceKind::kEnquiry, enquiry.name()).value_or("");
}

// What points to an enquiry for as long as it is there, and while it waits.
std::vector<std::string> LastingKeys(const v1::Enquiry& enquiry) {
  const std::string_view id = IdOf(enquiry);
  const int64_t newest_first = -absl::ToUnixMicros(api::FromTimestamp(enquiry.create_time()));
  return {KeyBuilder(OfBody("enquiry.received", enquiry.body())).Int(newest_first).Text(id).Take(),
          KeyBuilder(OfBody("enquiry.sent", enquiry.enquirer())).Int(newest_first).Text(id).Take(),
          KeyBuilder(ExpiryTable()).Time(api::FromTimestamp(enquiry.expire_time())).Text(id).Take()};
}
std::vector<std::string> WaitingKeys(const v1::Enquiry& enquiry) {
  const std::string_view id = IdOf(enquiry);
  std::vector<std::string> keys = TaskKeysOf(enquiry);
  keys.push_back(KeyBuilder(OfBody("enquiry.to_answer", enquiry.body()))
                     .Time(api::FromTimestamp(enquiry.create_time()))
                     .Text(id)
                     .Take());
  keys.push_back(KeyBuilder(OfBody("enquiry.waiting", enquiry.enquirer())).Text(id).Take());
  return keys;
}

Stored<v1::Enquiry> Write(Writer& writer, v1::Enquiry enquiry, int64_t revision) {
  storage::v1::EnquiryRecord record;
  record.set_format_version(kFormatVersion);
  record.set_revision(revision);
  *record.mutable_enquiry() = enquiry;
  writer.Put(RecordKey(IdOf(enquiry)), record.SerializeAsString());
  return {std::move(enquiry), revision};
}

absl::StatusOr<std::optional<Stored<v1::Enquiry>>> Find(const Reader& reader, std::string_view id) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(RecordKey(id)));
  if (!bytes) return std::nullopt;
  storage::v1::EnquiryRecord record;
  if (!record.ParseFromString(*bytes) || record.format_version() != kFormatVersion)
    return error::DataLoss("enquiry record");
  return Stored<v1::Enquiry>{std::move(*record.mutable_enquiry()), record.revision()};
}

// REQUIRES: the id is from an index.
absl::StatusOr<Stored<v1::Enquiry>> FindIndexed(const Reader& reader, std::string_view id) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Stored<v1::Enquiry>> found, Find(reader, id));
  if (!found) return error::DataLoss("enquiry index");
  return *std::move(found);
}

absl::Status CheckRoom(const Reader& reader, std::string_view enquirer) {
  int waiting = 0;
  const std::unique_ptr<Cursor> at = reader.Scan(store::PrefixRange(OfBody("enquiry.waiting", enquirer)));
  for (; at->Valid(); at->Next()) {
    if (++waiting < kMaxWaitingEnquiries) continue;
    return error::LimitExceeded("enquiries of a body that wait for an answer", kMaxWaitingEnquiries,
                                waiting + 1);
  }
  return at->status();
}

KeyRange ExpiredRange(absl::Time now) {
  return {.begin = ExpiryTable(), .end = KeyBuilder(ExpiryTable()).Time(now + absl::Microseconds(1)).Take()};
}

// Where the entries of a box are.
std::string BoxPrefix(std::string_view body, v1::EnquiryBox box) {
  switch (box) {
    case v1::ENQUIRY_BOX_TO_ANSWER:
      return OfBody("enquiry.to_answer", body);
    case v1::ENQUIRY_BOX_SENT:
      return OfBody("enquiry.sent", body);
    default:
      return OfBody("enquiry.received", body);
  }
}

// Those of the box that have not expired: all that were made later than so long ago.
KeyRange BoxRange(const std::string& prefix, v1::EnquiryBox box, absl::Time now) {
  KeyRange range = store::PrefixRange(prefix);
  const absl::Time expired = now - kEnquiryKept;
  if (box == v1::ENQUIRY_BOX_TO_ANSWER) {
    range.begin = KeyBuilder(prefix).Time(expired + absl::Microseconds(1)).Take();
  } else {
    range.end = KeyBuilder(prefix).Int(-absl::ToUnixMicros(expired)).Take();
  }
  return range;
}

}  // namespace

absl::StatusOr<Stored<v1::Enquiry>> EnquiryRepository::Get(const Reader& reader, std::string_view name,
                                                           absl::Time now) const {
  const std::optional<std::string_view> id = directory::IdOf(ResourceKind::kEnquiry, name);
  if (!id) return error::NotFound(name);
  WAYPOST_ASSIGN_OR_RETURN(std::optional<Stored<v1::Enquiry>> found, Find(reader, *id));
  if (!found || HasExpired(found->resource, now)) return error::NotFound(name);
  return *std::move(found);
}

absl::StatusOr<Stored<v1::Enquiry>> EnquiryRepository::Create(Writer& writer, v1::Enquiry enquiry) const {
  WAYPOST_ASSIGN_OR_RETURN(const auto taken, writer.Get(RecordKey(IdOf(enquiry))));
  if (taken) return error::AlreadyExists(enquiry.name());
  WAYPOST_RETURN_IF_ERROR(CheckRoom(writer, enquiry.enquirer()));
  for (const std::string& key : LastingKeys(enquiry)) writer.Put(key, "");
  for (const std::string& key : WaitingKeys(enquiry)) writer.Put(key, "");
  return Write(writer, std::move(enquiry), 1);
}

absl::StatusOr<Stored<v1::Enquiry>> EnquiryRepository::Update(Writer& writer,
                                                              const Stored<v1::Enquiry>& before,
                                                              v1::Enquiry after) const {
  if (before.resource.name() != after.name()) return absl::InternalError("an enquiry was renamed");
  if (after.has_answer()) {
    for (const std::string& key : WaitingKeys(before.resource)) writer.Delete(key);
  }
  return Write(writer, std::move(after), before.revision + 1);
}

absl::StatusOr<Stored<v1::Enquiry>> EnquiryRepository::Move(Writer& writer, const Stored<v1::Enquiry>& before,
                                                            v1::Enquiry after) const {
  for (const std::string& key : LastingKeys(before.resource)) writer.Delete(key);
  for (const std::string& key : WaitingKeys(before.resource)) writer.Delete(key);
  for (const std::string& key : LastingKeys(after)) writer.Put(key, "");
  for (const std::string& key : WaitingKeys(after)) writer.Put(key, "");
  return Write(writer, std::move(after), before.revision + 1);
}

absl::StatusOr<std::vector<std::string>> EnquiryRepository::ListWaiting(const Reader& reader,
                                                                        std::string_view body,
                                                                        std::string_view after, int limit,
                                                                        std::string& last) const {
  const std::string prefix = OfBody("enquiry.to_answer", body);
  std::vector<std::string> names;
  const std::unique_ptr<Cursor> at =
      reader.Scan(after.empty() ? store::PrefixRange(prefix) : store::PrefixRangeAfter(prefix, after));
  for (; at->Valid() && static_cast<int>(names.size()) < limit; at->Next()) {
    KeyParser rest(at->key().substr(prefix.size()));
    WAYPOST_RETURN_IF_ERROR(rest.Time().status());
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, rest.Text());
    names.push_back(EnquiryName(id));
    last = std::string(at->key());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return names;
}

absl::StatusOr<Page<v1::Enquiry>> EnquiryRepository::List(const Reader& reader, std::string_view body,
                                                          v1::EnquiryBox box, absl::Time now,
                                                          std::string_view position, int limit) const {
  const std::string prefix = BoxPrefix(body, box);
  KeyRange range = BoxRange(prefix, box, now);
  if (!position.empty()) {
    if (!position.starts_with(prefix)) return error::PageTokenInvalid();
    range.begin = std::max(range.begin, store::PrefixRangeAfter(prefix, position).begin);
  }
  Page<v1::Enquiry> page;
  if (range.begin >= range.end) return page;
  const std::unique_ptr<Cursor> at = reader.Scan(range);
  std::string last;
  for (; at->Valid(); at->Next()) {
    if (static_cast<int>(page.items.size()) == limit) {
      page.next = last;
      break;
    }
    KeyParser rest(at->key().substr(prefix.size()));
    WAYPOST_RETURN_IF_ERROR(rest.Int().status());  // the time
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, rest.Text());
    WAYPOST_ASSIGN_OR_RETURN(Stored<v1::Enquiry> stored, FindIndexed(reader, id));
    page.items.push_back(std::move(stored));
    last = std::string(at->key());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return page;
}

bool EnquiryRepository::AnyExpired(const Reader& reader, absl::Time now) const {
  return reader.Scan(ExpiredRange(now))->Valid();
}

absl::StatusOr<int> EnquiryRepository::Sweep(Writer& writer, absl::Time now, int limit) const {
  const std::string prefix = ExpiryTable();
  std::vector<std::string> ids;  // no walk survives a Delete
  {
    const std::unique_ptr<Cursor> at = writer.Scan(ExpiredRange(now));
    for (; at->Valid() && static_cast<int>(ids.size()) < limit; at->Next()) {
      KeyParser rest(at->key().substr(prefix.size()));
      WAYPOST_RETURN_IF_ERROR(rest.Time().status());
      WAYPOST_ASSIGN_OR_RETURN(std::string id, rest.Text());
      ids.push_back(std::move(id));
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  for (const std::string& id : ids) {
    WAYPOST_ASSIGN_OR_RETURN(const Stored<v1::Enquiry> stored, FindIndexed(writer, id));
    for (const std::string& key : LastingKeys(stored.resource)) writer.Delete(key);
    for (const std::string& key : WaitingKeys(stored.resource)) writer.Delete(key);
    writer.Delete(RecordKey(id));
  }
  return static_cast<int>(ids.size());
}

}  // namespace waypost::directory
