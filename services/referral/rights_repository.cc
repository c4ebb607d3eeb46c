#include "services/referral/rights_repository.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_rights.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::ReferralRecord;
using storage::v1::RightsHolderRecord;
using storage::v1::RightsRequestRecord;
using store::KeyBuilder;

constexpr std::string_view kRightsPrefix = "rightsRequests/";

std::string_view IdOfRightsName(std::string_view name) {
  if (name.substr(0, kRightsPrefix.size()) == kRightsPrefix) name.remove_prefix(kRightsPrefix.size());
  return name;
}

std::string RequestKey(std::string_view name) {
  return KeyBuilder().Text("right").Text(IdOfRightsName(name)).Take();
}

std::string TasksPrefix(std::string_view body, bool answered) {
  return KeyBuilder().Text("rights").Text(body).Uint(answered ? 1 : 0).Take();
}

std::string TaskKey(const RightsRequestRecord& record, const v1::RightsHolder& holder) {
  return KeyBuilder(TasksPrefix(holder.body(), holder.answer() != v1::RIGHT_ANSWER_UNSPECIFIED))
      .Time(api::FromTimestamp(record.ask_time()))
      .Text(IdOfRightsName(record.name()))
      .Text(IdOfName(holder.referral()))
      .Take();
}

struct Walked {
  std::vector<ReferralRecord> chain;  // as Chain has it, or what of it was walked
  int64_t known = 0;                  // of how many the walk knows; more than the limit: it is not all
};

// Along the chain, from `name` on, until as many are known as the limit says.
absl::StatusOr<Walked> Walk(const store::Reader& reader, std::string_view name, int limit) {
  std::vector<ReferralRecord> chain;
  std::set<std::string, std::less<>> seen = {std::string(name)};
  std::vector<std::string> to_visit = {std::string(name)};
  while (!to_visit.empty() && static_cast<int>(seen.size()) <= limit) {
    const std::string next = std::move(to_visit.back());
    to_visit.pop_back();
    WAYPOST_ASSIGN_OR_RETURN(ReferralRecord record, Get(reader, next));
    if (!chain.empty() && IsProtected(record) != IsProtected(chain.front())) continue;
    WAYPOST_ASSIGN_OR_RETURN(std::vector<std::string> around, ListContinuations(reader, next, limit + 1));
    WAYPOST_ASSIGN_OR_RETURN(std::vector<std::string> along, AlongPaths(reader, next));
    std::move(along.begin(), along.end(), std::back_inserter(around));
    around.push_back(record.forwarded_from());
    around.push_back(record.forwarded_to());
    for (std::string& other : around) {
      if (!other.empty() && seen.insert(other).second) to_visit.push_back(std::move(other));
    }
    chain.push_back(std::move(record));
  }
  std::sort(chain.begin(), chain.end(), [](const ReferralRecord& a, const ReferralRecord& b) {
    if (a.hops_size() != b.hops_size()) return a.hops_size() > b.hops_size();
    return a.name() < b.name();
  });
  return Walked{.chain = std::move(chain), .known = static_cast<int64_t>(seen.size())};
}

}  // namespace

std::string RightsNameOfId(std::string_view id) {
  return base::Cat(kRightsPrefix, id);
}

absl::StatusOr<RightsRequestRecord> GetRightsRequest(const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(RequestKey(name)));
  if (!value.has_value()) return error::NotFound(name);
  RightsRequestRecord record;
  if (!record.ParseFromString(*value)) return error::DataLoss(name);
  return record;
}

void PutRightsRequest(store::Writer& writer, const RightsRequestRecord* before,
                      const RightsRequestRecord& next) {
  if (before != nullptr) {
    for (const RightsHolderRecord& held : before->holders()) writer.Delete(TaskKey(*before, held.holder()));
  }
  for (const RightsHolderRecord& held : next.holders()) {
    if (IsProtectedHolder(next, held)) continue;
    writer.Put(TaskKey(next, held.holder()), ToTask(next, held.holder()).SerializeAsString());
  }
  writer.Put(RequestKey(next.name()), next.SerializeAsString());
}

absl::Status HideInRightsRequest(store::Writer& writer, std::string_view name, std::string_view referral) {
  WAYPOST_ASSIGN_OR_RETURN(const RightsRequestRecord before, GetRightsRequest(writer, name));
  RightsRequestRecord next = before;
  HideHolders(referral, next);
  PutRightsRequest(writer, &before, next);
  return absl::OkStatus();
}

absl::Status LeaveRightsRequests(store::Writer& writer, const ReferralRecord& before,
                                 const ReferralRecord& next, bool passed_on) {
  const bool was_cut = before.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
  if (was_cut || next.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT) return absl::OkStatus();
  for (const storage::v1::RightMarkRecord& mark : next.right_marks()) {
    WAYPOST_ASSIGN_OR_RETURN(const RightsRequestRecord request, GetRightsRequest(writer, mark.request()));
    RightsRequestRecord left = request;
    if (LeaveHolders(next, mark, passed_on, left)) PutRightsRequest(writer, &request, left);
  }
  return absl::OkStatus();
}

absl::Status JoinRightsRequests(store::Writer& writer, const ReferralRecord& opened) {
  for (const storage::v1::RightMarkRecord& mark : opened.right_marks()) {
    WAYPOST_ASSIGN_OR_RETURN(const RightsRequestRecord request, GetRightsRequest(writer, mark.request()));
    RightsRequestRecord joined = request;
    JoinHolders(opened, mark, joined);
    PutRightsRequest(writer, &request, joined);
  }
  return absl::OkStatus();
}

absl::StatusOr<TaskPage> ListRightsTasks(const store::Reader& reader, std::string_view body, bool answered,
                                         std::string_view position, int limit) {
  const std::string prefix = TasksPrefix(body, answered);
  return ReadRows(reader, prefix, RowsAfter(prefix, position), limit);
}

absl::StatusOr<std::vector<ReferralRecord>> Chain(const store::Reader& reader, std::string_view name,
                                                  int limit) {
  WAYPOST_ASSIGN_OR_RETURN(Walked walked, Walk(reader, name, limit));
  if (walked.known > limit) {
    return error::LimitExceeded("referrals that hang together with one", limit, walked.known);
  }
  return std::move(walked.chain);
}

absl::StatusOr<std::vector<ReferralRecord>> ChainUpTo(const store::Reader& reader, std::string_view name,
                                                      int limit) {
  WAYPOST_ASSIGN_OR_RETURN(Walked walked, Walk(reader, name, limit));
  return std::move(walked.chain);
}

}  // namespace waypost::referral::rows
