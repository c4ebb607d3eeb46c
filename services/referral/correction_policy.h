// Who may call what of the service of correction tasks: supervisors, who keep the offers of their body, and
// operators, who keep bodies. Both have those of their own body. An operator stands in kAnyone to those of
// every body whose cause only an operator can mend; nobody else does.
#ifndef WAYPOST_SERVICES_REFERRAL_CORRECTION_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_CORRECTION_POLICY_H_

#include <array>

#include "common/policy/policy.h"

namespace waypost::referral {

inline constexpr policy::MethodRule kListCorrectionTasks = {
    .service = "waypost.referral.v1.CorrectionService",
    .method = "ListCorrectionTasks",
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kOperator}, {policy::Relation::kOwnBody}},
        policy::Grant{{policy::Role::kOperator}, {policy::Relation::kAnyone}}}};

inline constexpr policy::MethodRule kSettleCorrectionTask = {
    .service = "waypost.referral.v1.CorrectionService",
    .method = "SettleCorrectionTask",
    .mutation = true,
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kOperator}, {policy::Relation::kOwnBody}},
        policy::Grant{{policy::Role::kOperator}, {policy::Relation::kAnyone}}}};

// Every method, for the tests and the reference.
inline constexpr std::array kCorrectionMethodRules = {&kListCorrectionTasks, &kSettleCorrectionTask};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_CORRECTION_POLICY_H_
