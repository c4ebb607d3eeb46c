#include "services/referral/group_ledger.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "services/referral/group_rows.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_repository.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral {
namespace {

using storage::v1::GroupCountRecord;
using storage::v1::WaitingRecord;

int64_t At(const std::map<GroupKey, int64_t>& counts, const GroupKey& group) {
  const auto found = counts.find(group);
  return found == counts.end() ? 0 : found->second;
}

// What one record has to do with groups.
struct Standing {
  explicit Standing(const ReferralRecord& record)
      : held(PlacesHeld(record)),
        given_over(PlacesGivenOver(record)),
        waits(WaitsIn(record)),
        comes_back(ComesBackTo(record)) {
    if (waits.has_value()) waiting = WaitingRecordOf(record);
  }
  bool WaitsFor(const GroupKey& group) const { return waits == group; }
  bool IsOnOrComesBackTo(const GroupKey& group) const { return waits == group || comes_back == group; }

  // Its own places, and those of its enrolments.
  int64_t Places(const GroupKey& group) const { return At(held, group) + At(given_over, group); }

  std::map<GroupKey, int64_t> held;
  std::map<GroupKey, int64_t> given_over;
  std::optional<GroupKey> waits;
  std::optional<GroupKey> comes_back;
  WaitingRecord waiting;
};

std::set<GroupKey> GroupsOf(const Standing& before, const Standing& after) {
  std::set<GroupKey> groups;
  for (const Standing* standing : {&before, &after}) {
    for (const auto& [group, count] : standing->held) groups.insert(group);
    for (const auto& [group, count] : standing->given_over) groups.insert(group);
    if (standing->waits.has_value()) groups.insert(*standing->waits);
    if (standing->comes_back.has_value()) groups.insert(*standing->comes_back);
  }
  return groups;
}

// Has it freed a place there, or left the list otherwise than for a place there?
bool Frees(const Standing& before, const Standing& after, const GroupKey& group, int64_t enrolled) {
  const int64_t change = At(after.held, group) - At(before.held, group) + enrolled;
  if (change != 0) return change < 0;
  return before.WaitsFor(group) && !after.WaitsFor(group);
}

absl::Status CheckPlaces(const store::Reader& reader, const Decision& decision, const GroupKey& group,
                         int64_t wanted) {
  for (const GroupLimit& limit : decision.taking.limits) {
    if (limit.offer != group.offer || limit.group_id != group.group_id) continue;
    WAYPOST_RETURN_IF_ERROR(CheckPlaceFree(reader, decision.next.name(), group, limit.places, wanted));
  }
  return absl::OkStatus();
}

// REQUIRES: the list is as it was before the decision.
absl::StatusOr<v1::OutOfOrderReason> CheckOrder(const store::Reader& reader, const Decision& decision,
                                                const GroupKey& group) {
  if (decision.taking.whatever_the_order) return v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  WAYPOST_ASSIGN_OR_RETURN(const std::string first, rows::FirstWaiting(reader, group, {}));
  if (first.empty() || first == decision.next.name()) return v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  if (decision.taking.out_of_order == v1::OUT_OF_ORDER_REASON_UNSPECIFIED) {
    return OutOfOrder(decision.next.name(), GroupName(group), first);
  }
  return decision.taking.out_of_order;
}

// Counts who is offered a place and comes back to the list when it is refused: their places on it are kept.
void CountComingBack(const GroupKey& group, const Standing& before, const Standing& after,
                     GroupCountRecord& count) {
  const int64_t change = (after.comes_back == group ? 1 : 0) - (before.comes_back == group ? 1 : 0);
  // Those of before they were counted have none to take off.
  count.set_coming_back(std::max<int64_t>(0, count.coming_back() + change));
}

// Moves its row on the list of the group, and counts it.
absl::Status CarryWaiting(store::Writer& writer, const GroupKey& group, const Standing& before,
                          const Standing& after, GroupCountRecord& count) {
  CountComingBack(group, before, after, count);
  if (!before.WaitsFor(group) && !after.WaitsFor(group)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const storage::v1::WaitingListRecord list, rows::GetWaitingList(writer, group));
  const Criteria criteria = rows::CriteriaOf(list);
  if (before.WaitsFor(group)) {
    rows::DeleteWaiting(writer, group, criteria, before.waiting);
    count.set_waiting(count.waiting() - 1);
    count.set_waiting_persons(count.waiting_persons() - before.waiting.person_count());
  }
  if (!after.WaitsFor(group)) return absl::OkStatus();
  const int64_t others = count.waiting() + count.coming_back();
  if (!before.IsOnOrComesBackTo(group) && others >= kMaxWaiting) {
    return error::LimitExceeded("referrals on one waiting list", kMaxWaiting, others + 1);
  }
  rows::PutWaiting(writer, group, criteria, after.waiting);
  count.set_waiting(count.waiting() + 1);
  count.set_waiting_persons(count.waiting_persons() + after.waiting.person_count());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::OutOfOrderReason> CarryGroups(store::Writer& writer, const ReferralRecord& before,
                                                 const Decision& decision) {
  v1::OutOfOrderReason out_of_order = v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  const Standing was(before);
  const Standing is(decision.next);
  for (const GroupKey& group : GroupsOf(was, is)) {
    WAYPOST_ASSIGN_OR_RETURN(GroupCountRecord count, rows::GetGroupCount(writer, group));
    const int64_t taken = rows::TakenOf(count);
    const int64_t change = is.Places(group) - was.Places(group) - At(decision.taking.enrolled, group);
    if (change > 0) {
      WAYPOST_ASSIGN_OR_RETURN(const v1::OutOfOrderReason reason, CheckOrder(writer, decision, group));
      if (reason != v1::OUT_OF_ORDER_REASON_UNSPECIFIED) out_of_order = reason;
      WAYPOST_RETURN_IF_ERROR(CheckPlaces(writer, decision, group, change));
    }
    // Those of enrolments are counted where these are written.
    count.set_held(count.held() + At(is.held, group) - At(was.held, group));
    WAYPOST_RETURN_IF_ERROR(CarryWaiting(writer, group, was, is, count));
    // What goes over to an enrolment, or comes back from one, is told where that is counted.
    const bool moves = is.Places(group) == was.Places(group);
    if (rows::TakenOf(count) != taken && !moves) rows::NoteTaken(writer, group, count);
    WAYPOST_RETURN_IF_ERROR(rows::PutGroupCount(writer, group, count));
  }
  return out_of_order;
}

absl::StatusOr<std::string> NextOnList(const store::Reader& reader, const ReferralRecord& before,
                                       const ReferralRecord& next,
                                       const std::map<GroupKey, int64_t>& enrolled) {
  const Standing was(before);
  const Standing is(next);
  std::set<GroupKey> groups = GroupsOf(was, is);
  for (const auto& [group, change] : enrolled) groups.insert(group);
  for (const GroupKey& group : groups) {
    if (!Frees(was, is, group, At(enrolled, group))) continue;
    WAYPOST_ASSIGN_OR_RETURN(std::string first, NextOf(reader, group, next.name(), next.receiving().body()));
    if (!first.empty()) return first;
  }
  return std::string();
}

absl::StatusOr<std::string> NextOf(const store::Reader& reader, const GroupKey& group,
                                   std::string_view except, std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(std::string first, rows::FirstWaiting(reader, group, except));
  if (first.empty()) return first;
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, first));
  return record.receiving().body() == body ? std::move(first) : std::string();
}

absl::Status CheckPlaceFree(const store::Reader& reader, std::string_view name, const GroupKey& group,
                            std::optional<int> places, int64_t wanted) {
  if (!places.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const GroupCountRecord count, rows::GetGroupCount(reader, group));
  const int64_t taken = rows::TakenOf(count);
  if (taken + wanted <= *places) return absl::OkStatus();
  return NoPlaceFree(name, GroupName(group), *places, taken, wanted);
}

absl::Status FillGroups(const store::Reader& reader, const ReferralRecord& record,
                        const policy::Authorized& as, v1::Referral& view) {
  const std::optional<GroupKey> waits = WaitsIn(record);
  if (view.has_waiting() && waits.has_value()) {
    WAYPOST_ASSIGN_OR_RETURN(const int rank, rows::RankOf(reader, *waits, record.name()));
    WAYPOST_ASSIGN_OR_RETURN(const GroupCountRecord count, rows::GetGroupCount(reader, *waits));
    view.mutable_waiting()->set_position(rank);
    view.mutable_waiting()->set_waiting_count(static_cast<int32_t>(count.waiting()));
  }
  if (as.Is(policy::Relation::kReceiving)) return absl::OkStatus();
  for (v1::PersonPlace& place : *view.mutable_places()) place.clear_enrolment();
  return absl::OkStatus();
}

}  // namespace waypost::referral
