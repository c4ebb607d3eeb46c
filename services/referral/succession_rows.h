// Successions, as the replica of the directory keeps them, and how far the work has moved. Every function
// works within the caller's snapshot or transaction; none keeps state.
//
//   ("succ", predecessor, name)    revision, and the directory's Succession
//   ("succ.open", day, name)       predecessor: from that day on there may be work that has not moved yet.
//   The
//                                  day is its first one, or the one after another one of its predecessor ends
//   ("succ.move", name)            SuccessionMoveRecord, from when the move began
//   ("succ.day")                   the latest such day for which a move has begun, or begun anew
#ifndef WAYPOST_SERVICES_REFERRAL_SUCCESSION_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_SUCCESSION_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/referral/referral_directory.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/referral/storage/v1/succession_storage.pb.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::referral::rows {

// Written whatever its period is. What is older than its row changes nothing. What one that ends keeps from
// others of its predecessor is theirs to move from the day after: their moves are open from then, too.
absl::Status PutSuccession(store::Writer& writer, const directory::v1::Succession& succession,
                           int64_t revision);

// A succession as the directory had it at that revision.
struct KnownSuccession {
  int64_t revision = 0;
  directory::v1::Succession succession;
};
// All of them.
absl::StatusOr<std::vector<KnownSuccession>> AllSuccessions(const store::Reader& reader);

// The day on which successions are judged, as in "2026-05-04": that of `now` in UTC, or a later one on which
// the move of one has begun. So a call that came before midnight and is carried out after a move began sees
// that it did, and whichever commits first decides.
absl::StatusOr<std::string> SuccessionDay(const store::Reader& reader, absl::Time now);

// Who stands in a body's place: the end of the chain. Nothing where the body keeps it.
absl::StatusOr<std::optional<Successor>> FindSuccessor(const store::Reader& reader, std::string_view body,
                                                       type::v1::Theme theme, std::string_view territory,
                                                       std::string_view day);

// True where `body` stands on that day in the whole place of another one: by one merger of everything after
// the other, each in force, to the end of the chain. The same successions let accounts follow
// (territory::TakesEverything), for a time; this has no last day but theirs. False of the body itself.
absl::StatusOr<bool> StandsInWholePlace(const store::Reader& reader, std::string_view body,
                                        std::string_view predecessor, std::string_view day);

// True where by this succession the body itself exists no more on that day.
absl::StatusOr<bool> IsNoMore(const store::Reader& reader, std::string_view predecessor,
                              std::string_view succession, std::string_view day);

// --- Moves
struct OpenMove {
  std::string succession;
  std::string predecessor;
  std::string start_date;  // the day of its row
};
// Those whose day has come, in the order of days and names; at most `limit`.
absl::StatusOr<std::vector<OpenMove>> OpenMoves(const store::Reader& reader, std::string_view day, int limit);
// Nothing where it has not begun.
absl::StatusOr<std::optional<storage::v1::SuccessionMoveRecord>> GetMove(const store::Reader& reader,
                                                                         std::string_view succession);
// One that has ended is open no longer.
void PutMove(store::Writer& writer, const storage::v1::SuccessionMoveRecord& move);
// From when on nothing new comes to the predecessor.
absl::Status PutSuccessionDay(store::Writer& writer, std::string_view day);
// In order of their names, after `after` (empty: from the first), at most `limit`.
absl::StatusOr<std::vector<storage::v1::SuccessionMoveRecord>> ListMoves(const store::Reader& reader,
                                                                         std::string_view after, int limit);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_SUCCESSION_ROWS_H_
