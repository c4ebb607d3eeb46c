// The folder that a node keeps its data in, and the stamp that says whether it is a demonstration. The stamp
// is made with the folder and never changes: demonstration data never becomes production data or the other
// way.
#ifndef WAYPOST_COMMON_IDENTITY_DATA_FOLDER_H_
#define WAYPOST_COMMON_IDENTITY_DATA_FOLDER_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/random.h"

namespace waypost::identity {

// The stamp's file name.
inline constexpr std::string_view kStampName = "WAYPOST";
inline constexpr int kDataFolderFormat = 2;

// Immutable once opened.
class DataFolder {
 public:
  struct Options {
    std::string dir;
    bool demo = false;          // the node was asked to run as a demonstration (--demo)
    bool other_issuer = false;  // an issuer of tokens other than the built-in one is configured
    absl::Time now = absl::UnixEpoch();
  };

  // Stamps a folder that does not exist or is empty; reads the stamp of any other. FAILED_PRECONDITION /
  // DATA_FOLDER_REFUSED, and nothing is changed, when
  //   a demo is asked for together with another issuer;
  //   the folder is a demo and no demo is asked for, or the other way round;
  //   the folder has content and no stamp;
  //   the stamp is of a later format, or of one whose records are not read any more;
  //   every user of the machine may write in it.
  // DATA_LOSS when the stamp is damaged. Of two processes that open a new folder at once, one stamps it and
  // both read what it wrote.
  static absl::StatusOr<DataFolder> Open(const Options& options, base::Random& random);

  // True when Open would stamp `dir`: it does not exist, or is empty. Ask before Open, and give the answer to
  // FileKeyProvider: only the first start of a node makes keys.
  static absl::StatusOr<bool> IsUnused(const std::string& dir);

  const std::string& dir() const { return dir_; }
  bool demo() const { return demo_; }
  absl::Time created() const { return created_; }
  // The name that the audit log of this folder goes by: "demo." before that of a demonstration.
  std::string LogOrigin(std::string_view name) const;

 private:
  DataFolder(std::string dir, bool demo, absl::Time created)
      : dir_(std::move(dir)), demo_(demo), created_(created) {}

  std::string dir_;
  bool demo_;
  absl::Time created_;
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_DATA_FOLDER_H_
