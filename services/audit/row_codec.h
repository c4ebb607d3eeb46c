// Reading and writing of stored rows (waypost.audit.storage.v1).
#ifndef WAYPOST_SERVICES_AUDIT_ROW_CODEC_H_
#define WAYPOST_SERVICES_AUDIT_ROW_CODEC_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/store.h"

namespace waypost::audit {

inline constexpr uint32_t kRowVersion = 1;

// DATA_LOSS that names `what` for bytes that are no row of a known version.
template <typename Row>
absl::StatusOr<Row> DecodeRow(std::string_view bytes, std::string_view what) {
  Row row;
  if (!row.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      row.format_version() != kRowVersion) {
    return error::DataLoss(what);
  }
  return row;
}

template <typename Row>
std::string EncodeRow(Row& row) {
  row.set_format_version(kRowVersion);
  return row.SerializeAsString();
}

// Nothing when there is no such row.
template <typename Row>
absl::StatusOr<std::optional<Row>> FindRow(const store::Reader& reader, std::string_view key,
                                           std::string_view what) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(key));
  if (!bytes.has_value()) return std::optional<Row>();
  WAYPOST_ASSIGN_OR_RETURN(Row row, DecodeRow<Row>(*bytes, what));
  return std::optional<Row>(std::move(row));
}

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_ROW_CODEC_H_
