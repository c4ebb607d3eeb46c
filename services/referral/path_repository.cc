#include "services/referral/path_repository.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/referral_repository.h"
#include "services/referral/row_page.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::PathLinkRecord;
using storage::v1::PathStepRecord;
using storage::v1::ReferralRecord;
using store::KeyBuilder;
using store::KeyParser;

constexpr std::string_view kPathPrefix = "paths/";

std::string_view IdOfPath(std::string_view name) {
  if (name.substr(0, kPathPrefix.size()) == kPathPrefix) name.remove_prefix(kPathPrefix.size());
  return name;
}

std::string PathKey(std::string_view name) {
  return KeyBuilder().Text("path").Text(IdOfPath(name)).Take();
}

std::string BodyPrefix(std::string_view body, bool ended) {
  return KeyBuilder().Text("path.body").Text(body).Uint(ended ? 1 : 0).Take();
}

std::string BodyKey(const PathRecord& path) {
  return KeyBuilder(BodyPrefix(path.body(), HasEnded(path))).Text(Reversed(IdOfPath(path.name()))).Take();
}

std::string InPrefix(std::string_view path) {
  return KeyBuilder().Text("path.in").Text(IdOfPath(path)).Take();
}

std::string OfPrefix(std::string_view referral) {
  return KeyBuilder().Text("path.of").Text(IdOfName(referral)).Take();
}

std::string LeftPrefix(std::string_view path) {
  return KeyBuilder().Text("path.left").Text(IdOfPath(path)).Take();
}

// The rows below `prefix`, of which the rest of the key is an id.
template <typename Add>
absl::Status ScanLinks(const store::Reader& reader, const std::string& prefix, const Add& add) {
  const auto at = reader.Scan(store::PrefixRange(prefix));
  for (; at->Valid(); at->Next()) {
    KeyParser parser(at->key().substr(prefix.size()));
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    PathLinkRecord link;
    if (!link.ParseFromArray(at->value().data(), static_cast<int>(at->value().size()))) {
      return error::DataLoss("a link of a path");
    }
    add(id, link.kind());
  }
  return at->status();
}

}  // namespace

std::string PathNameOfId(std::string_view id) {
  return base::Cat(kPathPrefix, id);
}

absl::StatusOr<std::optional<PathRecord>> FindPath(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(PathKey(name)));
  if (!value.has_value()) return std::nullopt;
  PathRecord path;
  if (!path.ParseFromString(*value)) return error::DataLoss(name);
  return path;
}

absl::StatusOr<PathRecord> GetPath(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<PathRecord> path, FindPath(reader, name));
  if (!path.has_value()) return error::NotFound(name);
  return *std::move(path);
}

void PutPath(store::Writer& writer, const PathRecord* before, const PathRecord& next) {
  if (before != nullptr) writer.Delete(BodyKey(*before));
  writer.Put(BodyKey(next), "");
  writer.Put(PathKey(next.name()), next.SerializeAsString());
}

void DeletePath(store::Writer& writer, const PathRecord& path) {
  writer.Delete(BodyKey(path));
  writer.Delete(PathKey(path.name()));
}

absl::StatusOr<std::string> ListPaths(const store::Reader& reader, std::string_view body, bool ended,
                                      std::string_view position, const TakePath& take) {
  const std::string prefix = BodyPrefix(body, ended);
  const store::KeyRange range = RowsAfter(prefix, position);
  if (range.begin >= range.end) return std::string();
  std::string last;
  bool goes_on = true;
  const auto at = reader.Scan(range);
  for (; at->Valid(); at->Next()) {
    if (!goes_on) return last;
    last = at->key().substr(prefix.size());
    KeyParser parser(last);
    WAYPOST_ASSIGN_OR_RETURN(const std::string id, parser.Text());
    WAYPOST_ASSIGN_OR_RETURN(PathRecord path, GetPath(reader, Reversed(id)));
    WAYPOST_ASSIGN_OR_RETURN(goes_on, take(std::move(path)));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return std::string();
}

void PutPathLink(store::Writer& writer, const PathLink& link) {
  PathLinkRecord record;
  record.set_kind(link.kind);
  const std::string value = record.SerializeAsString();
  writer.Put(KeyBuilder(InPrefix(link.path)).Text(IdOfName(link.referral)).Take(), value);
  writer.Put(KeyBuilder(OfPrefix(link.referral)).Text(IdOfPath(link.path)).Take(), value);
}

void LeavePath(store::Writer& writer, const PathLink& link) {
  writer.Delete(KeyBuilder(InPrefix(link.path)).Text(IdOfName(link.referral)).Take());
  if (link.kind != storage::v1::PATH_LINK_KIND_STEP) return;
  writer.Delete(KeyBuilder(OfPrefix(link.referral)).Text(IdOfPath(link.path)).Take());
  writer.Put(KeyBuilder(LeftPrefix(link.path)).Text(IdOfName(link.referral)).Take(), "");
}

absl::StatusOr<std::vector<PathLink>> LinksOfPath(const store::Reader& reader, std::string_view path) {
  std::vector<PathLink> links;
  WAYPOST_RETURN_IF_ERROR(ScanLinks(reader, InPrefix(path), [&](const std::string& id, auto kind) {
    links.push_back({.path = std::string(path), .referral = NameOfId(id), .kind = kind});
  }));
  return links;
}

absl::StatusOr<std::vector<PathLink>> LinksOfReferral(const store::Reader& reader,
                                                      std::string_view referral) {
  std::vector<PathLink> links;
  WAYPOST_RETURN_IF_ERROR(ScanLinks(reader, OfPrefix(referral), [&](const std::string& id, auto kind) {
    links.push_back({.path = PathNameOfId(id), .referral = std::string(referral), .kind = kind});
  }));
  return links;
}

absl::StatusOr<std::vector<ReferralRecord>> ReferralsOfPath(const store::Reader& reader,
                                                            std::string_view path) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PathLink> links, LinksOfPath(reader, path));
  std::vector<ReferralRecord> referrals;
  for (const PathLink& link : links) {
    WAYPOST_ASSIGN_OR_RETURN(ReferralRecord referral, Get(reader, link.referral));
    referrals.push_back(std::move(referral));
  }
  return referrals;
}

absl::StatusOr<StepCourses> CoursesOf(const store::Reader& reader, const PathRecord& path) {
  StepCourses courses;
  for (const PathStepRecord& step : path.steps()) {
    if (step.referral().empty()) continue;
    WAYPOST_ASSIGN_OR_RETURN(ReferralRecord taken, Get(reader, step.referral()));
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<ReferralRecord> at, WhereItWent(reader, std::move(taken)));
    if (!at.has_value()) return error::DataLoss("where the case of a step went");
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments, EnrolmentsOf(reader, at->name()));
    const bool enrolled =
        std::any_of(enrolments.begin(), enrolments.end(), [&path](const EnrolmentRecord& enrolment) {
          return enrolment.person() == path.person() && HasPlace(enrolment.state());
        });
    courses[step.number()] = {.referral = at->state(), .enrolment_open = enrolled};
  }
  return courses;
}

absl::StatusOr<std::vector<std::string>> AlongPaths(const store::Reader& reader, std::string_view referral) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PathLink> paths, LinksOfReferral(reader, referral));
  std::vector<std::string> names;
  for (const PathLink& path : paths) {
    WAYPOST_ASSIGN_OR_RETURN(std::vector<PathLink> links, LinksOfPath(reader, path.path));
    for (PathLink& link : links) names.push_back(std::move(link.referral));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> StepsFrom(const store::Reader& reader, std::string_view referral,
                                                   LedBy by) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PathLink> paths, LinksOfReferral(reader, referral));
  std::vector<std::string> names;
  for (const PathLink& path : paths) {
    const bool began = path.kind == storage::v1::PATH_LINK_KIND_BEGAN_RECEIVING ||
                       (path.kind == storage::v1::PATH_LINK_KIND_BEGAN_REFERRING && by == LedBy::kEither);
    if (!began) continue;
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<PathLink> links, LinksOfPath(reader, path.path));
    for (const PathLink& link : links) {
      if (link.kind == storage::v1::PATH_LINK_KIND_STEP) names.push_back(link.referral);
    }
    WAYPOST_RETURN_IF_ERROR(ScanLinks(reader, LeftPrefix(path.path), [&names](const std::string& id, auto) {
      names.push_back(NameOfId(id));
    }));
  }
  return names;
}

}  // namespace waypost::referral::rows
