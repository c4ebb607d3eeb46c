#include "services/referral/correction_rows.h"

#include <memory>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/row_page.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::CorrectionRecord;
using store::KeyBuilder;
using store::KeyParser;

constexpr std::string_view kNamePrefix = "correctionTasks/";

std::string_view IdOf(std::string_view name) {
  if (name.substr(0, kNamePrefix.size()) == kNamePrefix) name.remove_prefix(kNamePrefix.size());
  return name;
}

std::string RecordPrefix() {
  return KeyBuilder().Text("corr").Take();
}

std::string RecordKey(std::string_view name) {
  return KeyBuilder(RecordPrefix()).Text(IdOf(name)).Take();
}

std::string OpenKey(const CorrectionKey& key) {
  KeyBuilder builder;
  builder.Text("corr.open").Text(key.body).Uint(key.reason).Text(key.offer);
  if (key.offer.empty()) builder.Uint(key.theme).Text(key.territory);
  return builder.Take();
}

std::string ListPrefix(std::string_view body, bool settled) {
  return KeyBuilder().Text("corr.list").Text(body).Uint(settled ? 1 : 0).Take();
}

std::string OperatorPrefix(bool settled) {
  return KeyBuilder().Text("corr.operator").Uint(settled ? 1 : 0).Take();
}

std::string OperatorDoneKey() {
  return KeyBuilder().Text("corr.operator.done").Take();
}

// Where a task stands in a list, the oldest first.
std::string KeyBelow(std::string prefix, const CorrectionRecord& record) {
  return KeyBuilder(std::move(prefix))
      .Time(api::FromTimestamp(record.first_time()))
      .Text(IdOf(record.name()))
      .Take();
}

std::string ListKey(const CorrectionRecord& record) {
  return KeyBelow(ListPrefix(record.body(), IsSettled(record)), record);
}

std::string OperatorKey(const CorrectionRecord& record) {
  return KeyBelow(OperatorPrefix(IsSettled(record)), record);
}

bool IsOperators(const CorrectionRecord& record) {
  return KeeperOf(record) == v1::CORRECTION_KEEPER_OPERATOR;
}

std::string SettledPrefix() {
  return KeyBuilder().Text("corr.settled").Take();
}

std::string SettledKey(const CorrectionRecord& record) {
  return KeyBuilder(SettledPrefix())
      .Time(api::FromTimestamp(record.settle_time()))
      .Text(IdOf(record.name()))
      .Take();
}

bool IsGone(const CorrectionRecord& record, absl::Time now) {
  return IsSettled(record) && api::FromTimestamp(record.settle_time()) + kSettledKept <= now;
}

absl::StatusOr<CorrectionRecord> Read(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RecordKey(name)));
  if (!value.has_value()) return error::NotFound(name);
  CorrectionRecord record;
  if (!record.ParseFromString(*value)) return error::DataLoss("a correction task");
  return record;
}

absl::StatusOr<CorrectionPage> ListBelow(const store::Reader& reader, const std::string& prefix,
                                         absl::Time now, std::string_view position, int limit) {
  WAYPOST_ASSIGN_OR_RETURN(RowPage rows, ReadRows(reader, prefix, RowsAfter(prefix, position), limit));
  CorrectionPage page{.tasks = {}, .position = std::move(rows.position)};
  for (const std::string& name : rows.rows) {
    WAYPOST_ASSIGN_OR_RETURN(CorrectionRecord record, Read(reader, name));
    if (!IsGone(record, now)) page.tasks.push_back(std::move(record));
  }
  return page;
}

// Gives one batch of tasks their rows for operators. Where to go on; empty at the end, which is noted.
absl::StatusOr<std::string> AddOperatorRows(store::Writer& writer, std::string_view position) {
  constexpr int kBatch = 500;
  const std::string prefix = RecordPrefix();
  WAYPOST_ASSIGN_OR_RETURN(RowPage page, ReadRows(writer, prefix, RowsAfter(prefix, position), kBatch));
  for (const std::string& row : page.rows) {
    CorrectionRecord record;
    if (!record.ParseFromString(row)) return error::DataLoss("a correction task");
    if (IsOperators(record)) writer.Put(OperatorKey(record), record.name());
  }
  if (page.position.empty()) writer.Put(OperatorDoneKey(), "");
  return std::move(page.position);
}

// Of what was settled so long ago that it is to be removed.
store::KeyRange GoneRange(absl::Time now) {
  return {.begin = SettledPrefix(),
          .end = KeyBuilder(SettledPrefix()).Time(now - kSettledKept + absl::Microseconds(1)).Take()};
}

}  // namespace

std::string CorrectionNameOfId(std::string_view id) {
  return base::Cat(kNamePrefix, id);
}

absl::StatusOr<CorrectionRecord> GetCorrection(const store::Reader& reader, std::string_view name,
                                               absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(CorrectionRecord record, Read(reader, name));
  if (IsGone(record, now)) return error::NotFound(name);
  return record;
}

absl::StatusOr<std::optional<CorrectionRecord>> FindCorrection(const store::Reader& reader,
                                                               const CorrectionKey& key) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> name, reader.Get(OpenKey(key)));
  if (!name.has_value()) return std::nullopt;
  WAYPOST_ASSIGN_OR_RETURN(CorrectionRecord record, Read(reader, *name));
  return record;
}

void PutCorrection(store::Writer& writer, const CorrectionRecord* before, const CorrectionRecord* next) {
  if (before != nullptr) {
    writer.Delete(ListKey(*before));
    if (IsOperators(*before)) writer.Delete(OperatorKey(*before));
    writer.Delete(IsSettled(*before) ? SettledKey(*before) : OpenKey(KeyOf(*before)));
    if (next == nullptr) writer.Delete(RecordKey(before->name()));
  }
  if (next == nullptr) return;
  writer.Put(RecordKey(next->name()), next->SerializeAsString());
  writer.Put(ListKey(*next), next->name());
  if (IsOperators(*next)) writer.Put(OperatorKey(*next), next->name());
  if (IsSettled(*next)) {
    writer.Put(SettledKey(*next), "");
  } else {
    writer.Put(OpenKey(KeyOf(*next)), next->name());
  }
}

absl::StatusOr<CorrectionPage> ListCorrections(const store::Reader& reader, std::string_view body,
                                               bool settled, absl::Time now, std::string_view position,
                                               int limit) {
  return ListBelow(reader, ListPrefix(body, settled), now, position, limit);
}

absl::StatusOr<CorrectionPage> ListOperatorCorrections(const store::Reader& reader, bool settled,
                                                       absl::Time now, std::string_view position, int limit) {
  return ListBelow(reader, OperatorPrefix(settled), now, position, limit);
}

absl::Status CompleteOperatorRows(store::Store& store) {
  {
    WAYPOST_ASSIGN_OR_RETURN(const std::unique_ptr<store::Reader> reader, store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> done, reader->Get(OperatorDoneKey()));
    if (done.has_value()) return absl::OkStatus();
  }
  std::string position;
  do {
    std::string next;
    WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store, [&](store::Writer& writer) -> absl::Status {
      WAYPOST_ASSIGN_OR_RETURN(next, AddOperatorRows(writer, position));
      return absl::OkStatus();
    }));
    position = std::move(next);
  } while (!position.empty());
  return absl::OkStatus();
}

bool AnyCorrectionExpired(const store::Reader& reader, absl::Time now) {
  return reader.Scan(GoneRange(now))->Valid();
}

absl::Status SweepCorrections(store::Writer& writer, absl::Time now, int limit) {
  const std::string prefix = SettledPrefix();
  std::vector<std::string> names;  // no walk survives a Delete
  {
    const std::unique_ptr<store::Cursor> at = writer.Scan(GoneRange(now));
    for (; at->Valid() && static_cast<int>(names.size()) < limit; at->Next()) {
      KeyParser rest(at->key().substr(prefix.size()));
      WAYPOST_RETURN_IF_ERROR(rest.Time().status());
      WAYPOST_ASSIGN_OR_RETURN(const std::string id, rest.Text());
      names.push_back(CorrectionNameOfId(id));
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  for (const std::string& name : names) {
    WAYPOST_ASSIGN_OR_RETURN(const CorrectionRecord record, Read(writer, name));
    PutCorrection(writer, &record, nullptr);
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral::rows
