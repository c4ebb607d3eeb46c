// Keys and indexes of correction tasks. Every function works within the caller's snapshot or transaction;
// none keeps state.
//
//   ("corr", id)                                   CorrectionRecord
//   ("corr.open", body, reason, offer)             the name of the open task, with an offer
//   ("corr.open", body, reason, "", theme, territory)
//                                                  the same without one
//   ("corr.list", body, settled, first time, id)   the name: a body's open tasks, and those that are settled
//   ("corr.operator", settled, first time, id)     the name: of every body, those that only an operator can
//   mend
//   ("corr.operator.done")                         empty: those that are older than these rows have them, too
//   ("corr.settled", settle time, id)              empty: when it is to be removed
#ifndef WAYPOST_SERVICES_REFERRAL_CORRECTION_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_CORRECTION_ROWS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/referral/correction_rules.h"
#include "waypost/referral/storage/v1/correction_storage.pb.h"

namespace waypost::referral::rows {

std::string CorrectionNameOfId(std::string_view id);

// NOT_FOUND, also for one that was settled longer ago than it is kept.
absl::StatusOr<storage::v1::CorrectionRecord> GetCorrection(const store::Reader& reader,
                                                            std::string_view name, absl::Time now);
// The open one of a key.
absl::StatusOr<std::optional<storage::v1::CorrectionRecord>> FindCorrection(const store::Reader& reader,
                                                                            const CorrectionKey& key);
// Writes `next` in the place of `before`, null for a new one; a null `next` removes it.
void PutCorrection(store::Writer& writer, const storage::v1::CorrectionRecord* before,
                   const storage::v1::CorrectionRecord* next);

struct CorrectionPage {
  std::vector<storage::v1::CorrectionRecord> tasks;
  // Where to go on; empty at the end.
  std::string position;
};
// The oldest first. What is settled and to be removed is left out, so that a page may be shorter.
absl::StatusOr<CorrectionPage> ListCorrections(const store::Reader& reader, std::string_view body,
                                               bool settled, absl::Time now, std::string_view position,
                                               int limit);

// The same of every body: those whose cause only an operator can mend. REQUIRES: CompleteOperatorRows was
// called since the store was opened.
absl::StatusOr<CorrectionPage> ListOperatorCorrections(const store::Reader& reader, bool settled,
                                                       absl::Time now, std::string_view position, int limit);
// Gives those that were written before there were rows for operators their rows, once in a store's life.
// Before anybody is served. Done again after a crash on the way, it does the same.
absl::Status CompleteOperatorRows(store::Store& store);

// True when SweepCorrections would remove something; false also when the store cannot tell.
bool AnyCorrectionExpired(const store::Reader& reader, absl::Time now);
// Removes at most `limit` of those that are kept no longer.
absl::Status SweepCorrections(store::Writer& writer, absl::Time now, int limit);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_CORRECTION_ROWS_H_
