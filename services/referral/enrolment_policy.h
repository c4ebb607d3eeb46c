// Who may call what of the service of enrolments: method × (role, relation to the group's offer).
//
// Criteria are published: everybody who works with cases may read them. What a list holds is for the body
// that delivers the offer.
#ifndef WAYPOST_SERVICES_REFERRAL_ENROLMENT_POLICY_H_
#define WAYPOST_SERVICES_REFERRAL_ENROLMENT_POLICY_H_

#include <array>
#include <string_view>

#include "common/policy/policy.h"

namespace waypost::referral {

inline constexpr std::string_view kEnrolmentService = "waypost.referral.v1.EnrolmentService";

inline constexpr policy::MethodRule kGetWaitingList = {
    .service = kEnrolmentService,
    .method = "GetWaitingList",
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kCaseworker}, {policy::Relation::kAnyone}}}};
inline constexpr policy::MethodRule kListWaitingList = {
    .service = kEnrolmentService,
    .method = "ListWaitingList",
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kCaseworker}, {policy::Relation::kOwnBody}}}};
inline constexpr policy::MethodRule kSetWaitingListCriteria = {
    .service = kEnrolmentService,
    .method = "SetWaitingListCriteria",
    .mutation = true,
    .grants = {policy::Grant{{policy::Role::kSupervisor}, {policy::Relation::kOwnBody}}}};

// Every method, for the tests and the reference.
inline constexpr auto kEnrolmentMethodRules = std::to_array<const policy::MethodRule*>({
    &kGetWaitingList,
    &kListWaitingList,
    &kSetWaitingListCriteria,
});

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_POLICY_H_
