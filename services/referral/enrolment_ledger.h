// Carries decisions on enrolments out: rows, counts of the groups, and the event, in the transaction at hand.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_LEDGER_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_LEDGER_H_

#include "absl/status/status.h"
#include "common/policy/policy.h"
#include "common/rpc/mutation.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/referral_rules.h"

namespace waypost::referral {

// `before` is null for a new one. Whether there is a place left was checked.
absl::Status WriteEnrolment(rpc::Mutation& mutation, const policy::Authorized& as,
                            const EnrolmentRecord* before, const EnrolmentDecision& decision);

// What follows from a decided referral: acceptance opens the enrolments that it names, and an end other than
// completion ends those that have not started. They are erased with the receiving body's share, or with the
// share of their person: ENROLMENT_OPEN where `event` asks for no more than that, and one has not ended.
absl::Status CarryEnrolments(rpc::Mutation& mutation, const policy::Authorized& as, Event event,
                             const ReferralRecord& before, const ReferralRecord& next);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_LEDGER_H_
