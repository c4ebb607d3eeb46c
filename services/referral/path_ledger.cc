#include "services/referral/path_ledger.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::ReferralRecord;

// Nothing else takes from a body what it holds of a person, but that another one stands in its place.
bool TakesFromABody(const ReferralRecord& before, const ReferralRecord& next) {
  return before.has_referring_erase_time() != next.has_referring_erase_time() ||
         before.has_receiving_erase_time() != next.has_receiving_erase_time() ||
         before.receiver_access() != next.receiver_access() ||
         before.person_erasures_size() != next.person_erasures_size() ||
         before.persons_size() != next.persons_size();
}

// Is every step that is not over within what went from one body to the other? A step to come is taken where
// the path began.
absl::StatusOr<bool> IsCovered(const store::Reader& reader, const BodyRegistry& bodies,
                               const command::BodyMove& move, const PathRecord& path, absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(const StepCourses courses, rows::CoursesOf(reader, path));
  for (const storage::v1::PathStepRecord& step : path.steps()) {
    const StepState state = StateOf(step, courses);
    if (state == kStepDone || state == kStepSkipped) continue;
    const std::string& taken = step.draft().empty() ? step.referral() : step.draft();
    const std::string& where = taken.empty() ? path.referral() : taken;
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral, rows::Get(reader, where));
    WAYPOST_ASSIGN_OR_RETURN(
        const std::optional<Successor> successor,
        bodies.FindSuccessor(reader, move.from, step.theme(), referral.territory(), now));
    if (!successor.has_value() || successor->body != move.to) return false;
  }
  return true;
}

absl::Status Decide(rpc::Mutation& mutation, const Authorized& as, const PathCommand& command,
                    PathRecord& path) {
  WAYPOST_ASSIGN_OR_RETURN(PathDecision decision, DecidePath(path, {}, command, mutation.call().now));
  WAYPOST_RETURN_IF_ERROR(WritePath(mutation, as, &path, decision));
  path = std::move(decision.next);
  return absl::OkStatus();
}

absl::Status Settle(rpc::Mutation& mutation, const Authorized& as, PathRecord path) {
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(const auto referrals, rows::ReferralsOfPath(writer, path.name()));
  const auto any = [&](const auto& holds) {
    return std::any_of(referrals.begin(), referrals.end(), [&](const ReferralRecord& referral) {
      return holds(referral, path.body(), path.person());
    });
  };
  // Nothing is carried along from a draft.
  const auto may_be_carried = [](const ReferralRecord& referral, std::string_view body, uint32_t person) {
    return referral.has_submit_time() && HoldsSections(referral, body, person);
  };
  if (any(may_be_carried)) return absl::OkStatus();
  if (!HasEnded(path)) WAYPOST_RETURN_IF_ERROR(Decide(mutation, as, path::EndShare{}, path));
  if (any(HoldsAnything)) return absl::OkStatus();
  rows::DeletePath(writer, path);
  return mutation.Publish(as, {.type = PathEventType(PathEvent::kErase),
                               .resource = path.name(),
                               .revision = path.revision() + 1,
                               .time = api::NotBefore(mutation.call().now, path),
                               .parties = {path.body()}});
}

// The paths of a referral that are not erased.
absl::StatusOr<std::vector<PathRecord>> PathsOf(const store::Reader& reader, std::string_view referral) {
  WAYPOST_ASSIGN_OR_RETURN(const auto links, rows::LinksOfReferral(reader, referral));
  std::vector<PathRecord> paths;
  for (const rows::PathLink& link : links) {
    WAYPOST_ASSIGN_OR_RETURN(std::optional<PathRecord> path, rows::FindPath(reader, link.path));
    if (path.has_value()) paths.push_back(*std::move(path));
  }
  return paths;
}

// The draft of a step is none any longer.
absl::Status GiveBack(rpc::Mutation& mutation, const Authorized& as, std::string_view path,
                      std::string_view draft) {
  WAYPOST_ASSIGN_OR_RETURN(std::optional<PathRecord> record, rows::FindPath(mutation.writer(), path));
  if (!record.has_value() || FindDrafted(*record, draft) == nullptr) return absl::OkStatus();
  return Decide(mutation, as, path::GiveBack{std::string(draft)}, *record);
}

// Goes to another body, without the path. A draft is the successor's own from now on, and to be approved
// there; one whose path has ended stays what nobody can send.
absl::Status LeavePath(rpc::Mutation& mutation, const Authorized& as, const PathRecord& path,
                       ReferralRecord& referral) {
  const bool draft = referral.state() == v1::REFERRAL_STATE_DRAFT;
  if (draft && HasEnded(path)) return absl::OkStatus();
  if (draft) ForgetApprovals(referral);
  WAYPOST_RETURN_IF_ERROR(GiveBack(mutation, as, path.name(), referral.name()));
  referral.clear_path();
  return absl::OkStatus();
}

}  // namespace

absl::Status WritePath(rpc::Mutation& mutation, const Authorized& as, const PathRecord* before,
                       const PathDecision& decision) {
  const PathRecord& next = decision.next;
  rows::PutPath(mutation.writer(), before, next);
  rpc::Change change{.type = PathEventType(decision.event),
                     .resource = next.name(),
                     .revision = next.revision(),
                     .time = api::FromTimestamp(next.update_time()),
                     .parties = {next.body()}};
  if (before != nullptr && before->body() != next.body()) change.parties.push_back(before->body());
  return mutation.Publish(as, change);
}

absl::StatusOr<std::map<uint32_t, std::string>> OpenPathsOf(const store::Reader& reader,
                                                            std::string_view body,
                                                            const std::vector<ReferralRecord>& chain) {
  std::map<uint32_t, std::string> open;
  std::set<std::string> seen;
  for (const ReferralRecord& record : chain) {
    WAYPOST_ASSIGN_OR_RETURN(const auto links, rows::LinksOfReferral(reader, record.name()));
    for (const rows::PathLink& link : links) {
      if (!seen.insert(link.path).second) continue;
      WAYPOST_ASSIGN_OR_RETURN(const std::optional<PathRecord> path, rows::FindPath(reader, link.path));
      const bool counts = path.has_value() && path->body() == body && !HasEnded(*path);
      if (counts) open.try_emplace(path->person(), path->name());
    }
  }
  return open;
}

absl::Status CarryPaths(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& before,
                        const ReferralRecord& next) {
  if (before.state() == kNothing) return absl::OkStatus();
  if (before.state() == kDraft && IsEnd(next.state()) && !next.path().empty()) {
    WAYPOST_RETURN_IF_ERROR(GiveBack(mutation, as, next.path(), next.name()));
  }
  const bool takes = TakesFromABody(before, next);
  const bool moves = !IsSideOf(next, before.referring().body()) || !IsSideOf(next, before.receiving().body());
  if (!takes && !moves) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PathRecord> paths, PathsOf(mutation.writer(), next.name()));
  for (const PathRecord& path : paths) {
    const bool stayed = IsSideOf(before, path.body()) && !IsSideOf(next, path.body());
    if (takes || stayed) WAYPOST_RETURN_IF_ERROR(Settle(mutation, as, path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<storage::v1::PathSourceRecord>> SourcesToday(
    const store::Reader& reader, uint32_t person, std::vector<storage::v1::PathSourceRecord> sources) {
  for (storage::v1::PathSourceRecord& source : sources) {
    WAYPOST_ASSIGN_OR_RETURN(const auto sections, rows::ListSections(reader, source.referral()));
    source.clear_commitment();
    for (const storage::v1::SectionRecord& section : sections) {
      const bool is_it = section.person() == person && section.section() == source.section();
      if (is_it) source.set_commitment(section.commitment());
    }
  }
  return sources;
}

absl::Status CarryDraft(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& draft,
                        DraftAct act) {
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<PathRecord> path, rows::FindPath(writer, draft.path()));
  // Who leads it may have changed, while the draft is yet to follow.
  if (!path.has_value() || path->body() != draft.referring().body()) return StepOutdated(draft.name());
  WAYPOST_ASSIGN_OR_RETURN(PathDecision decision,
                           DecidePath(*path, {}, path::SendDraft{draft.name()}, mutation.call().now));
  const storage::v1::PathStepRecord& step = *FindDrafted(*path, draft.name());
  WAYPOST_ASSIGN_OR_RETURN(const auto referrals, rows::ReferralsOfPath(writer, path->name()));
  WAYPOST_ASSIGN_OR_RETURN(
      const auto today,
      SourcesToday(writer, path->person(), {step.draft_sources().begin(), step.draft_sources().end()}));
  WAYPOST_RETURN_IF_ERROR(CheckDraftHolds(*path, step, referrals, today));
  return act == DraftAct::kSubmit ? WritePath(mutation, as, &*path, decision) : absl::OkStatus();
}

absl::StatusOr<std::string> LeaderOf(const store::Reader& reader, const ReferralRecord& referral,
                                     const rows::PathLink& link) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<PathRecord> path, rows::FindPath(reader, link.path));
  if (path.has_value()) return path->body();
  const bool received = link.kind == storage::v1::PATH_LINK_KIND_BEGAN_RECEIVING;
  return received ? referral.receiving().body() : referral.referring().body();
}

absl::Status LeavePaths(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& referral,
                        std::string_view body) {
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(const auto links, rows::LinksOfReferral(writer, referral.name()));
  for (const rows::PathLink& link : links) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string leader, LeaderOf(writer, referral, link));
    if (leader == body) return ProtectedIsUnlinked(referral.name());
  }
  for (const rows::PathLink& link : links) {
    rows::LeavePath(writer, link);
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<PathRecord> path, rows::FindPath(writer, link.path));
    if (!path.has_value()) continue;
    PathDecision decision = ForgetReferral(*path, referral.name(), mutation.call().now);
    WAYPOST_RETURN_IF_ERROR(WritePath(mutation, as, &*path, decision));
    WAYPOST_RETURN_IF_ERROR(Settle(mutation, as, std::move(decision.next)));
  }
  return absl::OkStatus();
}

absl::Status EndPathsOf(rpc::Mutation& mutation, const Authorized& as,
                        const std::vector<ReferralRecord>& chain, uint32_t person) {
  for (const ReferralRecord& referral : chain) {
    WAYPOST_ASSIGN_OR_RETURN(std::vector<PathRecord> paths, PathsOf(mutation.writer(), referral.name()));
    for (PathRecord& path : paths) {
      if (path.person() != person || HasEnded(path)) continue;
      WAYPOST_RETURN_IF_ERROR(Decide(mutation, as, path::EndShare{}, path));
    }
  }
  return absl::OkStatus();
}

absl::Status MovePaths(rpc::Mutation& mutation, const Authorized& as, const BodyRegistry& bodies,
                       const command::BodyMove& move, ReferralRecord& referral) {
  store::Writer& writer = mutation.writer();
  const absl::Time now = mutation.call().now;
  WAYPOST_ASSIGN_OR_RETURN(std::vector<PathRecord> paths, PathsOf(writer, referral.name()));
  std::erase_if(paths, [&move](const PathRecord& path) { return path.body() != move.from; });
  if (paths.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(
      const std::optional<Successor> successor,
      bodies.FindSuccessor(writer, move.from, referral.theme(), referral.territory(), now));
  const bool whole = successor.has_value() && successor->whole;
  std::map<uint32_t, std::string> led;  // by the successor
  if (!std::all_of(paths.begin(), paths.end(), HasEnded)) {
    // Where more hang together than a right reaches, those count that were read: whoever takes work over
    // cannot wait for fewer.
    WAYPOST_ASSIGN_OR_RETURN(const auto chain, rows::ChainUpTo(writer, referral.name(), kMaxReach));
    WAYPOST_ASSIGN_OR_RETURN(led, OpenPathsOf(writer, move.to, chain));
  }
  for (PathRecord& path : paths) {
    bool goes = whole;
    // The archive of a body that is there still stays with it.
    if (!whole && !HasEnded(path)) {
      WAYPOST_ASSIGN_OR_RETURN(goes, IsCovered(writer, bodies, move, path, now));
    }
    if (!goes && referral.path() == path.name()) {
      WAYPOST_RETURN_IF_ERROR(LeavePath(mutation, as, path, referral));
    }
    if (!goes) continue;
    if (!HasEnded(path) && !led.try_emplace(path.person(), path.name()).second) {
      WAYPOST_RETURN_IF_ERROR(Decide(mutation, as, path::End{v1::PATH_END_REASON_REPLACED}, path));
    }
    WAYPOST_RETURN_IF_ERROR(Decide(mutation, as, path::Succeed{move.to}, path));
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral
