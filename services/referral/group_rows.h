// Rows of groups: how many places are taken, by what criteria a waiting list is ordered, and who is on it, in
// order. Every function works within the caller's snapshot or transaction; none keeps state.
//
//   ("gcount", offer, group)                    GroupCountRecord
//   ("glist", offer, group)                     WaitingListRecord
//   ("gwait", offer, group, order…, referral)   WaitingRecord
//   ("gtell", offer, group)                     empty: the directory is yet to be told how many are taken
#ifndef WAYPOST_SERVICES_REFERRAL_GROUP_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_GROUP_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/referral/waiting_list.h"

namespace waypost::referral::rows {

// Zeros where nothing was ever taken.
absl::StatusOr<storage::v1::GroupCountRecord> GetGroupCount(const store::Reader& reader,
                                                            const GroupKey& group);
// DATA_LOSS, and nothing is written, where a count is below zero.
absl::Status PutGroupCount(store::Writer& writer, const GroupKey& group,
                           const storage::v1::GroupCountRecord& count);

// How many places are taken, whoever has them.
int64_t TakenOf(const storage::v1::GroupCountRecord& count);
// To be called where that changes, before the count is put: raises its revision, and has the directory told.
void NoteTaken(store::Writer& writer, const GroupKey& group, storage::v1::GroupCountRecord& count);
// The groups of which the directory is yet to be told, in order of their keys, after `after` (empty: from the
// first): at most `limit`.
absl::StatusOr<std::vector<GroupKey>> ListUntold(const store::Reader& reader,
                                                 const std::optional<GroupKey>& after, int limit);
// The directory has it, or wants to know nothing of it.
void DeleteUntold(store::Writer& writer, const GroupKey& group);
// Has the directory told of that group once more.
void PutUntold(store::Writer& writer, const GroupKey& group);
// Groups with a count, in order of their keys.
struct Counted {
  std::vector<GroupKey> groups;
  std::string position;  // where it goes on after; empty at the end
};
// Looks at no more than `limit` rows after `position` (empty: from the first).
absl::StatusOr<Counted> ListCounted(const store::Reader& reader, const std::string& position, int limit);

// Revision 0 and the default criteria where none were set.
absl::StatusOr<storage::v1::WaitingListRecord> GetWaitingList(const store::Reader& reader,
                                                              const GroupKey& group);
void PutWaitingList(store::Writer& writer, const GroupKey& group, const storage::v1::WaitingListRecord& list);
Criteria CriteriaOf(const storage::v1::WaitingListRecord& list);

void PutWaiting(store::Writer& writer, const GroupKey& group, const Criteria& criteria,
                const storage::v1::WaitingRecord& waiting);
void DeleteWaiting(store::Writer& writer, const GroupKey& group, const Criteria& criteria,
                   const storage::v1::WaitingRecord& waiting);
struct WaitingPage {
  std::vector<storage::v1::WaitingRecord> records;
  // The row to go on after; empty at the end.
  std::string position;
};
// In order, from the row after `position`: at most `limit`.
absl::StatusOr<WaitingPage> ListWaiting(const store::Reader& reader, const GroupKey& group,
                                        std::string_view position, int limit);
// All who wait: kMaxWaiting, and who came back to a full list of before that was counted.
absl::StatusOr<std::vector<storage::v1::WaitingRecord>> AllWaiting(const store::Reader& reader,
                                                                   const GroupKey& group);
// The first on the list other than `except`; empty when there is none.
absl::StatusOr<std::string> FirstWaiting(const store::Reader& reader, const GroupKey& group,
                                         std::string_view except);
// From 1; 0 when it is not on the list. Walks the list as far as there.
absl::StatusOr<int> RankOf(const store::Reader& reader, const GroupKey& group, std::string_view referral);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_GROUP_ROWS_H_
