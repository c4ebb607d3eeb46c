// Who may call what of the service of paths: method × (role, relation to the path). A path is its body's:
// supervisors, and caseworkers who have one of its referrals in hand. For everybody else it does not exist.
#ifndef WAYPOST_SERVICES_REFERRAL_PATH_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_PATH_POLICY_H_

#include <array>
#include <string_view>

#include "common/policy/policy.h"

namespace waypost::referral {

inline constexpr std::string_view kPathService = "waypost.referral.v1.PathService";

namespace path_policy_internal {

constexpr policy::MethodRule ByLeader(std::string_view method, bool mutation = true) {
  using policy::Relation;
  using policy::Role;
  return {.service = kPathService,
          .method = method,
          .mutation = mutation,
          .grants = {policy::Grant{{Role::kSupervisor}, {Relation::kReferring}},
                     policy::Grant{{Role::kCaseworker},
                                   {Relation::kReferring},
                                   {Relation::kUnitMember, Relation::kAssignee}}}};
}

}  // namespace path_policy_internal

// By the relations to the referral that it is to begin from.
inline constexpr policy::MethodRule kCreatePath = {
    .service = kPathService,
    .method = "CreatePath",
    .mutation = true,
    .grants = {policy::Grant{{policy::Role::kSupervisor},
                             {policy::Relation::kReferring, policy::Relation::kReceiving}},
               policy::Grant{{policy::Role::kCaseworker},
                             {policy::Relation::kReferring, policy::Relation::kReceiving},
                             {policy::Relation::kUnitMember, policy::Relation::kAssignee}}}};
inline constexpr policy::MethodRule kGetPath = path_policy_internal::ByLeader("GetPath", /*mutation=*/false);
inline constexpr policy::MethodRule kListPaths = {
    .service = kPathService,
    .method = "ListPaths",
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kCaseworker}, {policy::Relation::kOwnBody}}}};
inline constexpr policy::MethodRule kUpdatePath = path_policy_internal::ByLeader("UpdatePath");
inline constexpr policy::MethodRule kTakeStep = path_policy_internal::ByLeader("TakeStep");
inline constexpr policy::MethodRule kEndPath = path_policy_internal::ByLeader("EndPath");

// Every method, for the tests and the reference.
inline constexpr auto kPathMethodRules = std::to_array<const policy::MethodRule*>({
    &kCreatePath,
    &kGetPath,
    &kListPaths,
    &kUpdatePath,
    &kTakeStep,
    &kEndPath,
});

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PATH_POLICY_H_
