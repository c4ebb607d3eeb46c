#include "services/referral/enrolment_policy.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "waypost/referral/v1/enrolment.pb.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using policy::Role;

// Who may call what, once more, in words: supervisors and caseworkers anywhere, of the body that delivers the
// offer, or its supervisors alone; or whoever has the case on the receiving side, as with a referral.
const std::map<std::string, std::string>& Expected() {
  static const auto* const expected = new std::map<std::string, std::string>{
      {"GetWaitingList", "published"},
      {"ListWaitingList", "own"},
      {"SetWaitingListCriteria", "own supervisor"},
      {"GetEnrolment", "case"},
      {"ListEnrolments", "own"},
      {"StartEnrolment", "case"},
      {"PauseEnrolment", "case"},
      {"ResumeEnrolment", "case"},
      {"LeaveEnrolment", "case"},
      {"MoveEnrolment", "case"},
      {"RecordAssessment", "case"},
      {"VoidAssessment", "case"},
      {"RecordAttendance", "case"},
  };
  return *expected;
}

bool MayByWords(const std::string& words, Role role, policy::Relations relations) {
  const bool works = role == Role::kSupervisor || role == Role::kCaseworker;
  if (words == "published") return works && relations.Has(Relation::kAnyone);
  if (words == "own") return works && relations.Has(Relation::kOwnBody);
  if (words == "own supervisor") return role == Role::kSupervisor && relations.Has(Relation::kOwnBody);
  if (words == "case") {
    const bool hands = relations.Has(Relation::kUnitMember) || relations.Has(Relation::kAssignee);
    return relations.Has(Relation::kReceiving) &&
           (role == Role::kSupervisor || (role == Role::kCaseworker && hands));
  }
  ADD_FAILURE() << words;
  return false;
}

TEST(EnrolmentPolicy, EveryMethodRoleAndSetOfRelations) {
  ASSERT_EQ(kEnrolmentMethodRules.size(), Expected().size());
  for (const policy::MethodRule* rule : kEnrolmentMethodRules) {
    const auto words = Expected().find(std::string(rule->method));
    ASSERT_NE(words, Expected().end()) << rule->method;
    EXPECT_EQ(rule->service, "waypost.referral.v1.EnrolmentService");
    for (int role_index = 0; role_index < policy::kRoleCount; ++role_index) {
      const Role role = static_cast<Role>(role_index);
      for (int bits = 0; bits < 1 << policy::kRelationCount; ++bits) {
        policy::Relations relations;
        for (int i = 0; i < policy::kRelationCount; ++i) {
          if ((bits >> i & 1) != 0) relations.Add(static_cast<Relation>(i));
        }
        ASSERT_EQ(!rule->Allows({role}, relations).empty(), MayByWords(words->second, role, relations))
            << rule->method << " " << policy::RoleName(role) << " " << bits;
      }
    }
  }
}

TEST(EnrolmentPolicy, ChangesNeedARequestId) {
  for (const policy::MethodRule* rule : kEnrolmentMethodRules) {
    const bool reads = rule->method.substr(0, 3) == "Get" || rule->method.substr(0, 4) == "List";
    EXPECT_EQ(rule->mutation, !reads) << rule->method;
  }
}

}  // namespace
}  // namespace waypost::referral
