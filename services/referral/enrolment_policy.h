// Who may call what of the service of enrolments: method × (role, relation to the group's offer, or to the
// referral that an enrolment came from).
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

namespace enrolment_policy_internal {

// By the receiving side of the referral that the enrolment came from: a supervisor, or a caseworker who has
// the case.
constexpr policy::MethodRule ByProvider(std::string_view method, bool mutation = true) {
  using policy::Relation;
  using policy::Role;
  return {.service = kEnrolmentService,
          .method = method,
          .mutation = mutation,
          .grants = {policy::Grant{{Role::kSupervisor}, {Relation::kReceiving}},
                     policy::Grant{{Role::kCaseworker},
                                   {Relation::kReceiving},
                                   {Relation::kUnitMember, Relation::kAssignee}}}};
}

}  // namespace enrolment_policy_internal

inline constexpr policy::MethodRule kGetEnrolment =
    enrolment_policy_internal::ByProvider("GetEnrolment", /*mutation=*/false);
inline constexpr policy::MethodRule kListEnrolments = {
    .service = kEnrolmentService,
    .method = "ListEnrolments",
    .grants = {
        policy::Grant{{policy::Role::kSupervisor, policy::Role::kCaseworker}, {policy::Relation::kOwnBody}}}};
inline constexpr policy::MethodRule kStartEnrolment = enrolment_policy_internal::ByProvider("StartEnrolment");
inline constexpr policy::MethodRule kPauseEnrolment = enrolment_policy_internal::ByProvider("PauseEnrolment");
inline constexpr policy::MethodRule kResumeEnrolment =
    enrolment_policy_internal::ByProvider("ResumeEnrolment");
inline constexpr policy::MethodRule kLeaveEnrolment = enrolment_policy_internal::ByProvider("LeaveEnrolment");
inline constexpr policy::MethodRule kMoveEnrolment = enrolment_policy_internal::ByProvider("MoveEnrolment");
inline constexpr policy::MethodRule kRecordAssessment =
    enrolment_policy_internal::ByProvider("RecordAssessment");
inline constexpr policy::MethodRule kRecordAttendance =
    enrolment_policy_internal::ByProvider("RecordAttendance");
inline constexpr policy::MethodRule kVoidAssessment = enrolment_policy_internal::ByProvider("VoidAssessment");

// Every method, for the tests and the reference.
inline constexpr auto kEnrolmentMethodRules = std::to_array<const policy::MethodRule*>({
    &kGetWaitingList,
    &kListWaitingList,
    &kSetWaitingListCriteria,
    &kGetEnrolment,
    &kListEnrolments,
    &kStartEnrolment,
    &kPauseEnrolment,
    &kResumeEnrolment,
    &kLeaveEnrolment,
    &kMoveEnrolment,
    &kRecordAssessment,
    &kRecordAttendance,
    &kVoidAssessment,
});

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_ENROLMENT_POLICY_H_
