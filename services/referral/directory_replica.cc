#include "services/referral/directory_replica.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"

namespace waypost::referral {
namespace {

using store::KeyBuilder;
using store::KeyParser;

std::string BodyKey(std::string_view name) { return KeyBuilder().Text("dir.body").Text(name).Take(); }
std::string CoordinatorKey(type::v1::Theme theme, std::string_view territory) {
  return KeyBuilder().Text("dir.coord").Uint(theme).Text(territory).Take();
}
std::string CursorKey() { return KeyBuilder().Text("dir.cursor").Take(); }

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

// An agreement that has ended, or has not begun, appoints nobody; what another one says stays.
absl::Status PutAgreement(store::Writer& writer, const directory::v1::CoordinationAgreement& agreement,
                          absl::Time now) {
  const std::string key = CoordinatorKey(agreement.theme(), agreement.territory());
  const std::string today = absl::FormatTime("%Y-%m-%d", now, absl::UTCTimeZone());
  const bool begun = agreement.period().start_date() <= today;
  const bool ended = !agreement.period().end_date().empty() && agreement.period().end_date() < today;
  if (begun && !ended) {
    writer.Put(key, agreement.body());
    return absl::OkStatus();
  }
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> appointed, writer.Get(key));
  if (appointed == agreement.body()) writer.Delete(key);
  return absl::OkStatus();
}

// From the code itself to the widest that covers it: local units end at their last slash, NUTS codes lose a
// character a level, and the Union covers all.
std::vector<std::string_view> CoveringCodes(std::string_view code) {
  std::vector<std::string_view> codes;
  while (!code.empty()) {
    codes.push_back(code);
    const size_t slash = code.rfind('/');
    if (slash != std::string_view::npos) {
      code = code.substr(0, slash);
    } else {
      code = code.size() > 2 ? code.substr(0, code.size() - 1) : std::string_view();
    }
  }
  codes.push_back("EU");
  return codes;
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
                                                          std::string_view territory) const {
  for (const std::string_view code : CoveringCodes(territory)) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<std::string> body, reader.Get(CoordinatorKey(theme, code)));
    if (body.has_value()) return *std::move(body);
  }
  return std::string();
}

absl::Status DirectoryReplica::Apply(const directory::v1::WatchChangesResponse& changes, absl::Time now) {
  if (changes.changes_size() > 0) {
    WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
      for (const directory::v1::Change& change : changes.changes()) {
        if (change.has_body()) WAYPOST_RETURN_IF_ERROR(PutBody(writer, change.body(), change.revision()));
        if (change.has_coordination_agreement()) {
          WAYPOST_RETURN_IF_ERROR(PutAgreement(writer, change.coordination_agreement(), now));
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
