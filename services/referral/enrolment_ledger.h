// Carries decisions on enrolments out: rows, counts of the groups, and the event, in the transaction at hand.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_LEDGER_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/referral_rules.h"

namespace waypost::referral {

// `before` is null for a new one. Whether there is a place left was checked.
absl::Status WriteEnrolment(rpc::Mutation& mutation, const policy::Authorized& as,
                            const EnrolmentRecord* before, const EnrolmentDecision& decision);

// What follows from a decided referral: acceptance opens the enrolments that it names, and all that ever came
// from it end when it says so (EndsWithReferral). They are erased with the receiving body's share, or with
// the share of their person: ENROLMENT_OPEN where the decision asks for no more than that, and one has not
// ended.
// Returns by how many places they have changed, by the groups that they are in.
absl::StatusOr<std::map<GroupKey, int64_t>> CarryEnrolments(rpc::Mutation& mutation,
                                                            const policy::Authorized& as,
                                                            const ReferralRecord& before,
                                                            const Decision& decision);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_LEDGER_H_
