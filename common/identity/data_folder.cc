#include "common/identity/data_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/abseil.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/private_file.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

constexpr absl::string_view kHeading = "waypost-data ";

absl::Status Refused(const std::string& dir, std::string_view why) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "DATA_FOLDER_REFUSED",
                     base::Cat("the data folder '", dir, "' is refused: ", why), {{"path", dir}});
}

struct Stamp {
  bool demo = false;
  absl::Time created;
};

std::string Encode(const Stamp& stamp) {
  return base::Cat(base::ToStd(kHeading), kDataFolderFormat, "\ndemo ", stamp.demo ? "true" : "false",
                   "\ncreated ", absl::FormatTime(absl::RFC3339_sec, stamp.created, absl::UTCTimeZone()),
                   "\n");
}

absl::StatusOr<Stamp> Decode(const std::string& dir, std::string_view content) {
  const absl::Status damaged = error::DataLoss(base::Cat("the stamp of data folder '", dir, "'"));
  const std::vector<absl::string_view> lines = absl::StrSplit(base::ToAbsl(content), '\n');
  int format = 0;
  if (!absl::StartsWith(lines[0], kHeading) || !absl::SimpleAtoi(lines[0].substr(kHeading.size()), &format)) {
    return damaged;
  }
  if (format > kDataFolderFormat) return Refused(dir, "a later version of Waypost made it: use that one");
  if (format < kDataFolderFormat) {
    return Refused(
        dir, "an earlier version of Waypost made it, whose records this one does not read: use another");
  }
  if (lines.size() != 4 || (lines[1] != "demo true" && lines[1] != "demo false")) return damaged;
  Stamp stamp{.demo = lines[1] == "demo true", .created = absl::Time()};
  std::string ignored;
  if (!absl::StartsWith(lines[2], "created ") ||
      !absl::ParseTime(absl::RFC3339_sec, lines[2].substr(8), &stamp.created, &ignored) ||
      Encode(stamp) != content) {
    return damaged;
  }
  return stamp;
}

// What an administrator's tools or an interrupted first start leave in a new folder.
bool CountsAsEmpty(const std::string& name) {
  return name == "lost+found" || crypto::IsTemporaryName(name);
}

absl::Status CheckFolder(const std::string& dir) {
  struct stat info = {};
  if (::stat(dir.c_str(), &info) != 0) return crypto::EnsurePrivateFolder(dir);
  if (!S_ISDIR(info.st_mode)) return Refused(dir, "it is no folder");
  if ((info.st_mode & S_IWOTH) != 0) return Refused(dir, "every user may write in it (chmod o-w)");
  return absl::OkStatus();
}

absl::Status CheckMode(const DataFolder::Options& options, const Stamp& stamp) {
  if (stamp.demo && !options.demo) {
    return Refused(options.dir, "it was made for a demonstration: start with --demo, or use another folder");
  }
  if (!stamp.demo && options.demo) {
    return Refused(options.dir,
                   "it was not made for a demonstration: start without --demo, or use another folder");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> DataFolder::IsUnused(const std::string& dir) {
  const absl::StatusOr<std::vector<std::string>> names = crypto::NamesIn(dir);
  if (names.status().code() == absl::StatusCode::kNotFound) return true;
  if (!names.ok()) return names.status();
  return std::all_of(names->begin(), names->end(), CountsAsEmpty);
}

absl::StatusOr<DataFolder> DataFolder::Open(const Options& options, base::Random& random) {
  if (options.demo && options.other_issuer) {
    return Refused(options.dir,
                   "a demonstration has its own issuer of tokens: configure no other, or leave --demo out");
  }
  WAYPOST_ASSIGN_OR_RETURN(const bool unused, IsUnused(options.dir));
  if (unused) {
    WAYPOST_RETURN_IF_ERROR(CheckFolder(options.dir));
    const absl::Status stamped = crypto::WritePrivateFile(
        options.dir, kStampName, Encode({.demo = options.demo, .created = options.now}),
        crypto::IfExists::kRefuse, random);
    if (!stamped.ok() && stamped.code() != absl::StatusCode::kAlreadyExists) return stamped;
  }
  const absl::StatusOr<std::string> content =
      crypto::ReadPrivateFile(base::Cat(options.dir, "/", kStampName));
  if (content.status().code() == absl::StatusCode::kNotFound) {
    return Refused(options.dir,
                   "it has content but no stamp (the file WAYPOST): use an empty folder, or restore it");
  }
  if (!content.ok()) return content.status();
  WAYPOST_ASSIGN_OR_RETURN(const Stamp stamp, Decode(options.dir, *content));
  WAYPOST_RETURN_IF_ERROR(CheckMode(options, stamp));
  WAYPOST_RETURN_IF_ERROR(CheckFolder(options.dir));
  return DataFolder(options.dir, stamp.demo, stamp.created);
}

std::string DataFolder::LogOrigin(std::string_view name) const {
  return base::Cat(demo_ ? "demo." : "", name);
}

}  // namespace waypost::identity
