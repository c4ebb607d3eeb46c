// Keys, indexes and codecs of paths. As referral_repository.
//
//   ("path", id)                               PathRecord
//   ("path.body", body, ended, reversed id)    empty: the paths of a body, newest first
//   ("path.in", path id, referral id)          PathLinkRecord: the referrals of a path, oldest first
//   ("path.of", referral id, path id)          PathLinkRecord: the paths that a referral belongs to
//   ("path.left", path id, referral id)        empty: a step that left the path when it was protected
//
// The last three stay when a path is erased: a right goes along the two, and a cut along all. No row leads
// from a step that left to its path, and StepsFrom alone reads those that lead to it.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_REPOSITORY_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_REPOSITORY_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/referral/path_rules.h"

namespace waypost::referral::rows {

// "paths/x" is stored under x.
std::string PathNameOfId(std::string_view id);

// NOT_FOUND when there is none.
absl::StatusOr<PathRecord> GetPath(const store::Reader& reader, std::string_view name);
// Nothing when it is not there, or was erased.
absl::StatusOr<std::optional<PathRecord>> FindPath(const store::Reader& reader, std::string_view name);
// Moves the index row from where `before` (null for a new one) had it.
void PutPath(store::Writer& writer, const PathRecord* before, const PathRecord& next);
// Its links stay.
void DeletePath(store::Writer& writer, const PathRecord& path);

// Sees one path, and says whether the one after it may follow. True: it may.
using TakePath = std::function<absl::StatusOr<bool>(PathRecord)>;
// The paths of a body, the newest first; each is read when its turn comes. `position` is empty or what a page
// before returned. Returns where to go on; empty at the end.
absl::StatusOr<std::string> ListPaths(const store::Reader& reader, std::string_view body, bool ended,
                                      std::string_view position, const TakePath& take);

// That a referral belongs to a path.
struct PathLink {
  std::string path;
  std::string referral;
  storage::v1::PathLinkKind kind = storage::v1::PATH_LINK_KIND_UNSPECIFIED;
};
void PutPathLink(store::Writer& writer, const PathLink& link);
// The referral belongs to the path no longer, for anything that is listed, counted or shown. If where the
// path began was misdirected, its steps go all the same: from there its row leads to the path still, and for
// a step a row stays that only StepsFrom reads.
void LeavePath(store::Writer& writer, const PathLink& link);
absl::StatusOr<std::vector<PathLink>> LinksOfPath(const store::Reader& reader, std::string_view path);
absl::StatusOr<std::vector<PathLink>> LinksOfReferral(const store::Reader& reader, std::string_view referral);

// The path's referrals, oldest first.
absl::StatusOr<std::vector<storage::v1::ReferralRecord>> ReferralsOfPath(const store::Reader& reader,
                                                                         std::string_view path);
// What became of each step that was taken.
absl::StatusOr<StepCourses> CoursesOf(const store::Reader& reader, const PathRecord& path);

// The referrals that hang together with one by a path.
absl::StatusOr<std::vector<std::string>> AlongPaths(const store::Reader& reader, std::string_view referral);
// Who of the two sides of a referral leads a path that began from it.
enum class LedBy { kReceiving, kEither };
// The steps of the paths that began from this referral, those that have left them included: by them one side
// passed on what is in it.
absl::StatusOr<std::vector<std::string>> StepsFrom(const store::Reader& reader, std::string_view referral,
                                                   LedBy by);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_REPOSITORY_H_
