#include "services/referral/directory_replica.h"

#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/territory/territory.h"

namespace waypost::referral {
namespace {

using store::KeyBuilder;
using store::KeyParser;

std::string BodyKey(std::string_view name) {
  return KeyBuilder().Text("dir.body").Text(name).Take();
}
std::string AgreementPrefix(type::v1::Theme theme, std::string_view territory) {
  return KeyBuilder().Text("dir.coord").Uint(theme).Text(territory).Take();
}
std::string AgreementKey(type::v1::Theme theme, std::string_view territory, std::string_view name) {
  return KeyBuilder().Text("dir.coord").Uint(theme).Text(territory).Text(name).Take();
}
std::string CursorKey() {
  return KeyBuilder().Text("dir.cursor").Take();
}

struct BodyRow {
  uint64_t status = 0;
  bool enforcement = false;
  int64_t revision = 0;
};

absl::StatusOr<std::optional<BodyRow>> ReadBody(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(BodyKey(name)));
  if (!value.has_value()) return std::nullopt;
  BodyRow row;
  KeyParser parser(*value);
  WAYPOST_ASSIGN_OR_RETURN(row.status, parser.Uint());
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t enforcement, parser.Uint());
  row.enforcement = enforcement != 0;
  WAYPOST_ASSIGN_OR_RETURN(row.revision, parser.Int());
  return row;
}

// What is older than its row changes nothing: changes may come again.
absl::Status PutBody(store::Writer& writer, const directory::v1::Body& body, int64_t revision) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<BodyRow> row, ReadBody(writer, body.name()));
  if (row.has_value() && row->revision > revision) return absl::OkStatus();
  writer.Put(BodyKey(body.name()),
             KeyBuilder().Uint(body.status()).Uint(body.enforcement() ? 1 : 0).Int(revision).Take());
  return absl::OkStatus();
}

struct AgreementRow {
  std::string body;
  // Days as in "2026-05-04", the last included; no end: empty.
  std::string start;
  std::string end;
  int64_t revision = 0;
};

absl::StatusOr<AgreementRow> ParseAgreement(std::string_view value) {
  AgreementRow row;
  KeyParser parser(value);
  WAYPOST_ASSIGN_OR_RETURN(row.body, parser.Text());
  WAYPOST_ASSIGN_OR_RETURN(row.start, parser.Text());
  WAYPOST_ASSIGN_OR_RETURN(row.end, parser.Text());
  WAYPOST_ASSIGN_OR_RETURN(row.revision, parser.Int());
  return row;
}

// Kept whatever its period is: whether it counts is asked when it is read. What is older changes nothing.
absl::Status PutAgreement(store::Writer& writer, const directory::v1::CoordinationAgreement& agreement,
                          int64_t revision) {
  const std::string key = AgreementKey(agreement.theme(), agreement.territory(), agreement.name());
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, writer.Get(key));
  if (value.has_value()) {
    WAYPOST_ASSIGN_OR_RETURN(const AgreementRow row, ParseAgreement(*value));
    if (row.revision > revision) return absl::OkStatus();
  }
  const directory::v1::Period& period = agreement.period();
  writer.Put(key, KeyBuilder()
                      .Text(agreement.body())
                      .Text(period.start_date())
                      .Text(period.end_date())
                      .Int(revision)
                      .Take());
  return absl::OkStatus();
}

// Days in this form sort as the days do.
bool Counts(const AgreementRow& row, std::string_view today) {
  return row.start <= today && (row.end.empty() || today <= row.end);
}

}  // namespace

absl::Status DirectoryReplica::CheckFresh(absl::Time now) const {
  if (Age(now) <= kMaxReplicaAge) return absl::OkStatus();
  return error::Unavailable("the directory's replica", "it has not been confirmed for more than a minute");
}

absl::Duration DirectoryReplica::Age(absl::Time now) const {
  return now - absl::FromUnixMicros(complete_at_.load(std::memory_order_relaxed));
}

absl::StatusOr<BodyFacts> DirectoryReplica::Find(const store::Reader& reader, std::string_view body) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<BodyRow> row, ReadBody(reader, body));
  if (!row.has_value()) return BodyFacts{};
  return BodyFacts{.exists = true,
                   .active = row->status == directory::v1::BODY_STATUS_ACTIVE,
                   .enforcement = row->enforcement,
                   .revision = row->revision};
}

absl::StatusOr<std::string> DirectoryReplica::Coordinator(const store::Reader& reader, type::v1::Theme theme,
                                                          std::string_view territory, absl::Time now) const {
  const std::string today = absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone());
  for (const std::string_view code : territory::CoveringCodes(territory)) {
    const auto cursor = reader.Scan(store::PrefixRange(AgreementPrefix(theme, code)));
    for (; cursor->Valid(); cursor->Next()) {
      WAYPOST_ASSIGN_OR_RETURN(AgreementRow row, ParseAgreement(cursor->value()));
      // The directory lets no two agreements of one theme and territory overlap: at most one counts.
      if (Counts(row, today)) return std::move(row.body);
    }
    WAYPOST_RETURN_IF_ERROR(cursor->status());
  }
  return std::string();
}

absl::Status DirectoryReplica::Apply(const directory::v1::WatchChangesResponse& changes, absl::Time now) {
  if (changes.changes_size() > 0) {
    WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
      for (const directory::v1::Change& change : changes.changes()) {
        if (change.has_body()) WAYPOST_RETURN_IF_ERROR(PutBody(writer, change.body(), change.revision()));
        if (change.has_coordination_agreement()) {
          WAYPOST_RETURN_IF_ERROR(PutAgreement(writer, change.coordination_agreement(), change.revision()));
        }
      }
      writer.Put(CursorKey(), changes.next_cursor());
      return absl::OkStatus();
    }));
  }
  if (changes.up_to_date()) complete_at_.store(absl::ToUnixMicros(now), std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::StatusOr<std::string> DirectoryReplica::Cursor() const {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, store_.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> cursor, reader->Get(CursorKey()));
  return cursor.has_value() ? *std::move(cursor) : std::string();
}

}  // namespace waypost::referral
