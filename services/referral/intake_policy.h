// Who may call what of the service of intake: those who refer, for their own body.
#ifndef WAYPOST_SERVICES_REFERRAL_INTAKE_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_INTAKE_POLICY_H_

#include <array>

#include "common/policy/policy.h"

namespace waypost::referral {

inline constexpr policy::MethodRule kCheckDuplicates = {
    .service = "waypost.referral.v1.IntakeService",
    .method = "CheckDuplicates",
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kCaseworker}, {policy::Relation::kOwnBody}}}};

// A row needs what SubmitReferral needs, and is authorized as such.
inline constexpr policy::MethodRule kBatchSubmitReferrals = {
    .service = "waypost.referral.v1.IntakeService",
    .method = "BatchSubmitReferrals",
    .mutation = true,
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kCaseworker}, {policy::Relation::kOwnBody}}}};

// Every method, for the tests and the reference.
inline constexpr std::array kIntakeMethodRules = {&kCheckDuplicates, &kBatchSubmitReferrals};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_INTAKE_POLICY_H_
