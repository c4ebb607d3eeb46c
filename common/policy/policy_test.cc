#include "common/policy/policy.h"

#include <gtest/gtest.h>

#include <set>

#include "common/status/errors.h"

namespace waypost::policy {
namespace {

constexpr MethodRule kRead = {
    .service = "test.Service",
    .method = "Read",
    .grants = {Grant{{Role::kSupervisor}, {Relation::kReferring, Relation::kReceiving}},
               Grant{{Role::kCaseworker},
                     {Relation::kReferring, Relation::kReceiving},
                     {Relation::kUnitMember, Relation::kAssignee}}}};

Caller With(Roles roles) {
  return {.body = "bodies/a", .actor = "x", .roles = roles, .units = {"bodies/a/units/u"}};
}

TEST(Authorize, WithoutARelationTheResourceIsNotThere) {
  const Caller caller = With({Role::kSupervisor});
  EXPECT_EQ(Authorize(kRead, caller, {}, "referrals/1").status().code(), absl::StatusCode::kNotFound);
}

TEST(Authorize, BelongingToTheBodyIsNotEnoughForACaseworker) {
  const Caller caller = With({Role::kCaseworker});
  EXPECT_EQ(Authorize(kRead, caller, {Relation::kReceiving}, "referrals/1").status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Authorize(kRead, caller, {Relation::kReceiving, Relation::kUnitMember}, "referrals/1").ok());
  EXPECT_TRUE(Authorize(kRead, caller, {Relation::kReceiving, Relation::kAssignee}, "referrals/1").ok());
}

TEST(Authorize, AssignmentAloneIsNoRelationToTheCase) {
  const Caller caller = With({Role::kCaseworker});
  EXPECT_FALSE(Authorize(kRead, caller, {Relation::kAssignee}, "referrals/1").ok());
}

TEST(Authorize, TellsTheRoleReliedOn) {
  const Caller caller = With({Role::kAuditor, Role::kSupervisor});
  const auto as = Authorize(kRead, caller, {Relation::kReferring}, "referrals/1");
  ASSERT_TRUE(as.ok());
  EXPECT_EQ(as->role(), Role::kSupervisor);
}

TEST(MayCallAtAll, EveryRoleWithoutAGrantIsRefused) {
  for (int i = 0; i < kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    const bool granted = role == Role::kSupervisor || role == Role::kCaseworker;
    EXPECT_EQ(MayCallAtAll(kRead, With({role})).ok(), granted) << RoleName(role);
  }
  EXPECT_FALSE(MayCallAtAll(kRead, With({})).ok());
}

TEST(Names, EveryRoleHasItsOwnAndIsFoundByIt) {
  std::set<std::string_view> names;
  for (int i = 0; i < kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    EXPECT_TRUE(names.insert(RoleName(role)).second);
    EXPECT_EQ(RoleFromName(RoleName(role)), role);
  }
  EXPECT_EQ(RoleFromName("admin"), std::nullopt);
}

TEST(Caller, IsAMemberOfTheUnitsOfItsTokenAndOfNoOther) {
  const Caller caller = With({});
  EXPECT_FALSE(caller.MemberOf(""));
  EXPECT_TRUE(caller.MemberOf("bodies/a/units/u"));
  EXPECT_FALSE(caller.MemberOf("bodies/a/units/v"));
}

}  // namespace
}  // namespace waypost::policy
