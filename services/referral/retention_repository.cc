#include "services/referral/retention_repository.h"

#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::ReferralRecord;
using storage::v1::RetentionSweepRecord;
using storage::v1::ShareRetention;
using store::KeyBuilder;
using store::KeyParser;

std::string DuePrefix() {
  return KeyBuilder().Text("retain").Take();
}

// Empty when the job has nothing to look at.
std::string DueKey(const ReferralRecord& record, const ShareRetention& share) {
  if (!share.has_look_time()) return {};
  return KeyBuilder(DuePrefix())
      .Time(api::FromTimestamp(share.look_time()))
      .Text(IdOfName(record.name()))
      .Uint(share.entry().party())
      .Take();
}

std::string BodyPrefix(std::string_view body, bool held_back) {
  return KeyBuilder().Text("retain.body").Text(body).Uint(held_back ? 1 : 0).Take();
}

std::string BodyKey(const ReferralRecord& record, const ShareRetention& share) {
  const bool referring = share.entry().party() == v1::PARTY_REFERRING;
  const bool held_back = share.entry().held_back() != v1::HELD_BACK_REASON_UNSPECIFIED;
  return KeyBuilder(BodyPrefix(referring ? record.referring().body() : record.receiving().body(), held_back))
      .Time(api::FromTimestamp(share.erase_time()))
      .Text(IdOfName(record.name()))
      .Uint(share.entry().party())
      .Take();
}

std::string ReportsPrefix(std::string_view body) {
  return KeyBuilder().Text("retain.report").Text(body).Take();
}

// Later days come first.
std::string ReportKey(std::string_view body, absl::CivilDay day) {
  constexpr absl::CivilDay kLast(9999, 12, 31);
  return KeyBuilder(ReportsPrefix(body)).Uint(static_cast<uint64_t>(kLast - day)).Take();
}

std::string RunKey() {
  return KeyBuilder().Text("retain.run").Take();
}
std::string SweepKey() {
  return KeyBuilder().Text("retain.sweep").Take();
}

// Of a body's list, what is erased before that time.
store::KeyRange BodyRange(const std::string& prefix, absl::Time before, std::string_view position) {
  store::KeyRange range = RowsAfter(prefix, position);
  range.end = KeyBuilder(prefix).Time(before).Take();
  return range;
}

}  // namespace

void MoveRetention(store::Writer& writer, const ReferralRecord* before, const ReferralRecord& next) {
  if (before != nullptr) {
    for (const ShareRetention& share : before->retention()) {
      if (const std::string due = DueKey(*before, share); !due.empty()) writer.Delete(due);
      writer.Delete(BodyKey(*before, share));
    }
  }
  for (const ShareRetention& share : next.retention()) {
    if (const std::string due = DueKey(next, share); !due.empty()) writer.Put(due, "");
    if (!IsProtected(next)) writer.Put(BodyKey(next, share), share.entry().SerializeAsString());
  }
}

absl::StatusOr<std::vector<RetentionRow>> ListDueRetention(const store::Reader& reader,
                                                           std::string_view after, absl::Time until,
                                                           int limit) {
  std::vector<RetentionRow> rows;
  const std::string prefix = DuePrefix();
  store::KeyRange range = after.empty() ? store::PrefixRange(prefix) : store::PrefixRangeAfter(prefix, after);
  range.end = KeyBuilder(prefix).Time(until + absl::Microseconds(1)).Take();
  if (range.begin >= range.end) return rows;
  const auto at = reader.Scan(range);
  for (; at->Valid() && static_cast<int>(rows.size()) < limit; at->Next()) {
    RetentionRow& row = rows.emplace_back();
    row.key = std::string(at->key());
    KeyParser key(at->key().substr(prefix.size()));
    WAYPOST_RETURN_IF_ERROR(key.Time().status());
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, key.Text());
    row.name = NameOfId(id);
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t party, key.Uint());
    row.party = static_cast<v1::Party>(party);
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return rows;
}

absl::StatusOr<RetentionPage> ListRetention(const store::Reader& reader, std::string_view body,
                                            bool held_back, absl::Time before, std::string_view position,
                                            int limit) {
  const std::string prefix = BodyPrefix(body, held_back);
  return ReadRows(reader, prefix, BodyRange(prefix, before, position), limit);
}

absl::StatusOr<int> CountRetention(const store::Reader& reader, std::string_view body, bool held_back,
                                   absl::Time before, int limit) {
  const auto at = reader.Scan(BodyRange(BodyPrefix(body, held_back), before, {}));
  int count = 0;
  for (; at->Valid() && count < limit; at->Next()) ++count;
  WAYPOST_RETURN_IF_ERROR(at->status());
  return count;
}

absl::StatusOr<v1::RetentionReport> GetRetentionReport(const store::Reader& reader, std::string_view body,
                                                       absl::CivilDay day) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(ReportKey(body, day)));
  v1::RetentionReport report;
  report.set_day(absl::FormatCivilTime(day));
  if (value.has_value() && !report.ParseFromString(*value)) return error::DataLoss("retention report");
  return report;
}

void PutRetentionReport(store::Writer& writer, std::string_view body, absl::CivilDay day,
                        const v1::RetentionReport& report) {
  writer.Put(ReportKey(body, day), report.SerializeAsString());
}

absl::StatusOr<RetentionPage> ListRetentionReports(const store::Reader& reader, std::string_view body,
                                                   std::string_view position, int limit) {
  const std::string prefix = ReportsPrefix(body);
  return ReadRows(reader, prefix, RowsAfter(prefix, position), limit);
}

absl::StatusOr<std::optional<absl::Time>> GetRetentionRun(const store::Reader& reader) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RunKey()));
  if (!value.has_value()) return std::nullopt;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(const absl::Time time, parser.Time());
  return time;
}

void PutRetentionRun(store::Writer& writer, absl::Time time) {
  writer.Put(RunKey(), KeyBuilder().Time(time).Take());
}

absl::StatusOr<RetentionSweepRecord> GetRetentionSweep(const store::Reader& reader) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(SweepKey()));
  RetentionSweepRecord sweep;
  if (value.has_value() && !sweep.ParseFromString(*value)) return error::DataLoss("retention sweep");
  return sweep;
}

void PutRetentionSweep(store::Writer& writer, const RetentionSweepRecord& sweep) {
  writer.Put(SweepKey(), sweep.SerializeAsString());
}

}  // namespace waypost::referral::rows
