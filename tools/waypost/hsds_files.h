// Packages of HSDS 3.0 of any size, in portions: .json whole, .jsonl and .ndjson (a document a line) some
// lines at a time.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_FILES_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_FILES_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/waypost/hsds_package.h"

namespace waypost::cli {

inline constexpr size_t kMaxHsdsLineBytes = 1024 * 1024;
// Lines of one portion, and about how many bytes.
inline constexpr size_t kHsdsLinesAtOnce = 100;
inline constexpr size_t kHsdsBytesAtOnce = 1024 * 1024;

// Some documents of one file, as they stand.
struct HsdsPortion {
  size_t file = 0;
  // Of a file with a document a line: that of the first. 0: the whole file is one document.
  uint64_t first_line = 0;
  std::vector<std::string> documents;
};

// Thread-safe.
class HsdsFiles {
 public:
  // INVALID_ARGUMENT for a name that ends otherwise.
  static absl::StatusOr<HsdsFiles> Open(std::vector<std::string> paths);
  HsdsFiles(HsdsFiles&& other) noexcept : paths_(std::move(other.paths_)) {}

  const std::vector<std::string>& paths() const { return paths_; }

  // The next portion; nullopt after the last. INVALID_ARGUMENT for what cannot be read; for a line that is
  // too long the file is not read further.
  absl::StatusOr<std::optional<HsdsPortion>> Next();
  // From the beginning again.
  void Rewind();

 private:
  explicit HsdsFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  absl::StatusOr<std::optional<HsdsPortion>> NextLines();
  absl::Status OpenLines();

  std::vector<std::string> paths_;
  std::mutex mutex_;  // guards all below
  size_t file_ = 0;
  std::ifstream lines_;  // of file_, when it is read by lines
  uint64_t line_ = 0;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_FILES_H_
