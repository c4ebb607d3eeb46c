// How long a side keeps its share of a referral that has ended: by the rule that each disclosure names, from
// the end on, unless something holds it back. Pure; thread-safe.
//
// A day counts in UTC. The last day itself is still kept: a share is erased when it is over.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_RETENTION_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_RETENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/referral/referral_clocks.h"
#include "services/referral/referral_rules.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/v1/retention.pb.h"

namespace waypost::referral {

// What one side erases next, and when.
struct NextErasure {
  absl::Time time;                // when the last day is over
  std::vector<uint32_t> persons;  // whose rules have run out by then
  std::vector<std::string> rules = {};
  bool whole = false;  // nothing of the share is left afterwards
  // A legal hold is over that alone kept what the end of the case would have taken.
  bool after_hold = false;
};

// Has that side anything left of it that time alone erases? Never of a draft or of what is open. Where both
// sides are one body its share is that of the referring one.
bool KeepsShare(const ReferralRecord& record, v1::Party party);

// REQUIRES: KeepsShare. `ended` is when the rules begin to count: the end, or the later end of an enrolment.
NextErasure NextErasureOf(const ReferralRecord& record, v1::Party party, const RetentionTable& table,
                          absl::Time ended);

// Why that side keeps its share whatever the rules say: a legal hold, or a right of each person in it. Whom
// no right keeps goes before the others.
v1::HeldBackReason HeldBackBy(const ReferralRecord& record, v1::Party party, absl::Time now);

// When the referral ended.
absl::Time EndOf(const ReferralRecord& record);

// What a record stores of one side; null when nothing.
const storage::v1::ShareRetention* RetentionOf(const ReferralRecord& record, v1::Party party);

// Dates both sides anew, as `next` stands. What `before` had stays where the persons are gone, and with them
// their rules.
void DateRetention(const ReferralRecord& before, const RetentionTable& table, absl::Time now,
                   ReferralRecord& next);
// Dates one side by another end, as that of an enrolment. It is not looked at before `look`. REQUIRES:
// KeepsShare.
void DateRetentionFrom(v1::Party party, const RetentionTable& table, absl::Time ended, absl::Time look,
                       absl::Time now, ReferralRecord& next);

// What is to be erased now. NOTHING_DUE where it is not due yet, held back, or gone.
absl::StatusOr<NextErasure> DueErasure(const ReferralRecord& record, const command::EndRetention& end,
                                       const RetentionTable& table, absl::Time now);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_RETENTION_H_
