// An import file as requests: what is wrong with a row is told for that row, and stops no other.
#ifndef WAYPOST_TOOLS_WAYPOST_IMPORT_ROWS_H_
#define WAYPOST_TOOLS_WAYPOST_IMPORT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {

inline constexpr size_t kMaxImportBytes = 64 * 1024 * 1024;
inline constexpr size_t kMaxImportRows = 100'000;
inline constexpr size_t kMaxImportDepth = 32;
inline constexpr int kMaxImportPersons = 20;

struct RowProblem {
  uint64_t row = 0;
  uint64_t line = 0;
  // A column, or a path in the request. Empty: the row as a whole.
  std::string field;
  // Never repeats a value.
  std::string problem;
};

// One referral to submit.
struct ImportItem {
  // Where it begins. Rows count as CsvRow::number does; in JSON from 1.
  uint64_t row = 0;
  uint64_t line = 0;
  // Complete, with the request_id. Not to be sent when there are problems.
  referral::v1::SubmitReferralRequest request;
  std::vector<RowProblem> problems;
};

enum class ImportFormat { kCsv, kJson, kJsonLines };

// By the file's ending: .csv, .json, .jsonl or .ndjson. INVALID_ARGUMENT for any other.
absl::StatusOr<ImportFormat> ImportFormatOf(std::string_view path);

// The id that an import goes by unless told otherwise: 32 hexadecimal digits of the content's SHA-256.
std::string DefaultImportId(std::string_view content);
// INVALID_ARGUMENT unless `id` has 4 to 40 of A-Z a-z 0-9 '-' '_'.
absl::Status CheckImportId(std::string_view id);
// The same for the same import and row, so that a row sent twice is one referral.
std::string RowRequestId(std::string_view import_id, uint64_t row);

// Reads the whole file. INVALID_ARGUMENT when it cannot be read as what it is to be (CSV_INVALID,
// JSON_INVALID), has columns that are not known, or passes a limit: then nothing of it should be sent. `zone`
// is that of times without one. Pure.
absl::StatusOr<std::vector<ImportItem>> ReadImport(ImportFormat format, std::string_view content,
                                                   std::string_view import_id, absl::TimeZone zone);

// For ReadImport: the elements of a JSON array as they stand, each with its line. Not checked further.
struct JsonElement {
  std::string_view text;
  uint64_t line = 0;
};
absl::StatusOr<std::vector<JsonElement>> SplitJsonArray(std::string_view content);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_IMPORT_ROWS_H_
