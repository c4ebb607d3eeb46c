#include "services/referral/path_ledger.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "services/referral/path_repository.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::ReferralRecord;

// Nothing else takes from a body what it holds of a person.
bool TakesFromABody(const ReferralRecord& before, const ReferralRecord& next) {
  return before.has_referring_erase_time() != next.has_referring_erase_time() ||
         before.has_receiving_erase_time() != next.has_receiving_erase_time() ||
         before.receiver_access() != next.receiver_access() ||
         before.person_erasures_size() != next.person_erasures_size() ||
         before.persons_size() != next.persons_size();
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
  if (any(HoldsSections)) return absl::OkStatus();
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

absl::Status CarryPaths(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& before,
                        const ReferralRecord& next) {
  if (before.state() == kNothing || !TakesFromABody(before, next)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PathRecord> paths, PathsOf(mutation.writer(), next.name()));
  for (const PathRecord& path : paths) WAYPOST_RETURN_IF_ERROR(Settle(mutation, as, path));
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

absl::Status MovePaths(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& referral,
                       const command::BodyMove& move) {
  WAYPOST_ASSIGN_OR_RETURN(std::vector<PathRecord> paths, PathsOf(mutation.writer(), referral.name()));
  std::set<uint32_t> led;  // who is on an open path of the successor
  for (const PathRecord& path : paths) {
    if (path.body() == move.to && !HasEnded(path)) led.insert(path.person());
  }
  for (PathRecord& path : paths) {
    if (path.body() != move.from) continue;
    if (!HasEnded(path) && !led.insert(path.person()).second) {
      WAYPOST_RETURN_IF_ERROR(Decide(mutation, as, path::End{v1::PATH_END_REASON_REPLACED}, path));
    }
    WAYPOST_RETURN_IF_ERROR(Decide(mutation, as, path::Succeed{move.to}, path));
  }
  return absl::OkStatus();
}

}  // namespace waypost::referral
