// Who may call what of the service of statistics: supervisors, of their own body. What a body counted whose
// whole place it took by a merger is its own.
#ifndef WAYPOST_SERVICES_REFERRAL_STATISTICS_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_STATISTICS_POLICY_H_

#include <array>

#include "common/policy/policy.h"

namespace waypost::referral {

inline constexpr policy::MethodRule kListStatistics = {
    .service = "waypost.referral.v1.StatisticsService",
    .method = "ListStatistics",
    .grants = {policy::Grant{{policy::Role::kSupervisor}, {policy::Relation::kOwnBody}}}};

// Every method, for the tests and the reference.
inline constexpr std::array kStatisticsMethodRules = {&kListStatistics};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_STATISTICS_POLICY_H_
