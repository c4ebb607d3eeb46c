// Who may call what of the service of breaches: the supervisors and safeguarding officers of the body whose
// breach it is; of a protected referral, its readers on that side, whatever they are. For everybody else a
// breach does not exist.
#ifndef WAYPOST_SERVICES_REFERRAL_BREACH_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_BREACH_POLICY_H_

#include <array>
#include <string_view>

#include "common/policy/policy.h"

namespace waypost::referral {

inline constexpr std::string_view kBreachService = "waypost.referral.v1.BreachService";

namespace breach_policy_internal {

constexpr policy::MethodRule Of(std::string_view method, bool mutation = true) {
  using policy::Relation;
  using policy::Role;
  return {.service = kBreachService,
          .method = method,
          .mutation = mutation,
          .grants = {policy::Grant{{Role::kSupervisor, Role::kSafeguardingOfficer}, {Relation::kReferring}},
                     policy::Grant{{Role::kCaseworker}, {Relation::kReferring}, {Relation::kReader}}}};
}

}  // namespace breach_policy_internal

inline constexpr policy::MethodRule kGetBreach = breach_policy_internal::Of("GetBreach", /*mutation=*/false);
inline constexpr policy::MethodRule kListBreaches = {
    .service = kBreachService,
    .method = "ListBreaches",
    .grants = {policy::Grant{{policy::Role::kSupervisor, policy::Role::kSafeguardingOfficer},
                             {policy::Relation::kOwnBody}}}};
inline constexpr policy::MethodRule kAssessBreach = breach_policy_internal::Of("AssessBreach");
inline constexpr policy::MethodRule kRecordBreachNotification =
    breach_policy_internal::Of("RecordBreachNotification");
inline constexpr policy::MethodRule kRecordPersonsTold = breach_policy_internal::Of("RecordPersonsTold");
inline constexpr policy::MethodRule kRecordBreachDeletion =
    breach_policy_internal::Of("RecordBreachDeletion");
inline constexpr policy::MethodRule kCloseBreach = breach_policy_internal::Of("CloseBreach");

// Every method, for the tests and the reference.
inline constexpr auto kBreachMethodRules = std::to_array<const policy::MethodRule*>({
    &kGetBreach,
    &kListBreaches,
    &kAssessBreach,
    &kRecordBreachNotification,
    &kRecordPersonsTold,
    &kRecordBreachDeletion,
    &kCloseBreach,
});

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_BREACH_POLICY_H_
