// What declines say about the directory: which decline opens a correction task or adds to it, and what
// becomes of a task. Pure: no store, no gRPC, no clock. Thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_CORRECTION_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_CORRECTION_RULES_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "waypost/referral/storage/v1/correction_storage.pb.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/correction.pb.h"

namespace waypost::referral {

inline constexpr uint32_t kCorrectionFormat = 1;
// A task that was settled is kept so long.
inline constexpr absl::Duration kSettledKept = absl::Hours(24 * 90);

// What one task is about. Of a task with an offer the theme is what the first referral was about, and no part
// of its key.
struct CorrectionKey {
  std::string body;
  v1::DeclineReason reason = v1::DECLINE_REASON_UNSPECIFIED;
  std::string offer = {};  // empty: none was asked for
  type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;
  std::string territory = {};  // only without an offer
};
CorrectionKey KeyOf(const storage::v1::CorrectionRecord& record);

// An entry of the receiving body was relied on and was wrong, or seems to be. The cause of every other reason
// is mended by whoever referred, who has it in BOX_FOLLOW_UP.
bool IsCausedByAnEntry(v1::DeclineReason reason);
// Who can mend the cause, by who may change the entry in the directory: of competences and territories of a
// body an operator alone (NeedsOperator of the directory's rules), of offers the supervisors of their body.
// An offer that is out of somebody's area serves the wrong territory itself. UNSPECIFIED where no entry is
// the cause.
v1::CorrectionKeeper KeeperOf(v1::DeclineReason reason, bool has_offer);
v1::CorrectionKeeper KeeperOf(const storage::v1::CorrectionRecord& record);
// What the step from one record to the next has to be counted in: nothing, unless it is a decline by the
// provider for such a reason. Never of a protected referral.
std::optional<CorrectionKey> CorrectionOf(const storage::v1::ReferralRecord& before,
                                          const storage::v1::ReferralRecord& next);

// Every time is no earlier than the one of the change before.
storage::v1::CorrectionRecord NewCorrection(const CorrectionKey& key, std::string name, absl::Time now);
storage::v1::CorrectionRecord WithDecline(const storage::v1::CorrectionRecord& record, absl::Time now);
// INVALID_TRANSITION where it is settled already.
absl::StatusOr<storage::v1::CorrectionRecord> Settled(const storage::v1::CorrectionRecord& record,
                                                      v1::CorrectionFinding finding, absl::Time now);
// The task of a successor: that of the body before, with what the successor has counted itself, if it has.
storage::v1::CorrectionRecord Inherited(const storage::v1::CorrectionRecord& record, std::string_view body,
                                        const storage::v1::CorrectionRecord* own, absl::Time now);

bool IsSettled(const storage::v1::CorrectionRecord& record);
// "OPEN" or "SETTLED".
std::string_view CorrectionState(const storage::v1::CorrectionRecord& record);
// As the body itself has it.
v1::CorrectionTask ToCorrectionTask(const storage::v1::CorrectionRecord& record);
// As an operator has it of another body: which entry it is. How many declines there were, and when, is the
// body's own; the revision and the etag count them, too.
v1::CorrectionTask ToOperatorsTask(const storage::v1::CorrectionRecord& record);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_CORRECTION_RULES_H_
