// Who may call what. One table for each service: method × (role, relation to the resource). Relations are
// computed from the stored resource, the roles and the body come from the token, never from the request.
#ifndef WAYPOST_COMMON_POLICY_POLICY_H_
#define WAYPOST_COMMON_POLICY_POLICY_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace waypost::policy {

// Named in every event, so that a decision can be read against the table that made it. Raise it with every
// change of any table.
inline constexpr std::string_view kPolicyVersion = "2026-11-10";

enum class Role : uint8_t {
  kCaseworker,
  kSupervisor,
  kSafeguardingOfficer,  // alone reads safeguarding alerts
  kConsultationOfficer,
  kFundingOfficer,
  kEvaluator,
  kAuditor,
  kOperator,  // runs the node; registers bodies; reads no case
  kService,   // another Waypost service
};
inline constexpr int kRoleCount = 9;

// How the caller stands to the resource at hand. A caller may stand in several relations at once.
enum class Relation : uint8_t {
  kAnyone,        // every authenticated caller, to every resource that is public within Waypost
  kOwnBody,       // the resource belongs to the caller's body
  kReferring,     // the caller's body refers the case
  kReceiving,     // the caller's body is asked to take it, or has taken it
  kCoordinating,  // the caller's body coordinates the case
  kUnitMember,    // the caller is a member of the unit that has the case on its side
  kAssignee,      // the case is assigned to the caller
  kParty,         // the caller's body is a party to an event
  kReader,        // the caller is a named reader of what is protected
  kNamesReaders,  // the caller is to name readers of it, and reads nothing until then
};
inline constexpr int kRelationCount = 10;

// A set of small enumerators as bits.
template <typename Enum>
class EnumSet {
 public:
  constexpr EnumSet() = default;
  constexpr EnumSet(std::initializer_list<Enum> members) {
    for (const Enum member : members) Add(member);
  }
  constexpr void Add(Enum member) { bits_ |= Bit(member); }
  constexpr bool Has(Enum member) const { return (bits_ & Bit(member)) != 0; }
  constexpr bool Intersects(EnumSet other) const { return (bits_ & other.bits_) != 0; }
  constexpr EnumSet Intersection(EnumSet other) const {
    EnumSet both;
    both.bits_ = bits_ & other.bits_;
    return both;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint32_t bits() const { return bits_; }
  friend constexpr bool operator==(EnumSet, EnumSet) = default;

 private:
  static constexpr uint32_t Bit(Enum member) { return uint32_t{1} << static_cast<uint32_t>(member); }
  uint32_t bits_ = 0;
};
using Roles = EnumSet<Role>;
using Relations = EnumSet<Relation>;

// "caseworker", "safeguarding_officer", …; the words of the token's `roles` claim.
std::string_view RoleName(Role role);
std::optional<Role> RoleFromName(std::string_view name);
std::string_view RelationName(Relation relation);

// A person or a system acting for exactly one body. Immutable once made by identity.
struct Caller {
  std::string body;   // "bodies/es-fuenlabrada"
  std::string actor;  // a pseudonym, stable within the body
  Roles roles;
  std::vector<std::string> units;  // "bodies/es-fuenlabrada/units/social-services"
  absl::Time expires = absl::InfiniteFuture();

  // True when the caller is a member of `unit`. Of no unit nobody is: employment by the body is not enough.
  bool MemberOf(std::string_view unit) const;
};

// One row's right-hand side: any of `roles`, standing in any of `relations` and, where `also` is not empty,
// in any of `also` as well.
struct Grant {
  Roles roles;
  Relations relations;
  Relations also = {};
};

// A method and who may call it. Defined constexpr, one a method, in the service's <service>_policy.h.
struct MethodRule {
  static constexpr int kMaxGrants = 5;

  std::string_view service;  // "waypost.referral.v1.ReferralService"
  std::string_view method;   // "AcceptReferral"
  bool mutation = false;     // needs a request_id
  std::array<Grant, kMaxGrants> grants = {};
  // The caller is of the body that the token names, whoever stands in its place by now.
  bool own_body = false;

  // May any grant apply to a caller with these roles, whatever the resource?
  constexpr bool MayCall(Roles roles) const {
    for (const Grant& grant : grants) {
      if (grant.roles.Intersects(roles)) return true;
    }
    return false;
  }
  // The roles that the first applying grant rests on; empty when none applies.
  constexpr Roles Allows(Roles roles, Relations relations) const {
    for (const Grant& grant : grants) {
      const Roles relied_on = grant.roles.Intersection(roles);
      if (!relied_on.empty() && grant.relations.Intersects(relations) &&
          (grant.also.empty() || grant.also.Intersects(relations))) {
        return relied_on;
      }
    }
    return {};
  }
};

// Proof that the policy allowed `caller` to call a method on one resource. Only Authorize makes one; a rule
// or repository that asks for it cannot be reached without the check.
class Authorized {
 public:
  const Caller& caller() const { return *caller_; }
  Relations relations() const { return relations_; }
  bool Is(Relation relation) const { return relations_.Has(relation); }
  // The role relied on, for the event.
  Role role() const { return role_; }

 private:
  Authorized(const Caller& caller, Relations relations, Role role)
      : caller_(&caller), relations_(relations), role_(role) {}
  friend absl::StatusOr<Authorized> Authorize(const MethodRule& rule, const Caller& caller,
                                              Relations relations, std::string_view resource_name);

  const Caller* caller_;  // outlives this: both belong to one call
  Relations relations_;
  Role role_;
};

// Before a resource is known: PERMISSION_DENIED when no grant of the method names any of the caller's roles.
absl::Status MayCallAtAll(const MethodRule& rule, const Caller& caller);

// With `relations` of the caller to the resource: NOT_FOUND when it has none (the resource must not be
// known to exist), PERMISSION_DENIED when the relations it has do not suffice. `caller` must outlive the
// result.
absl::StatusOr<Authorized> Authorize(const MethodRule& rule, const Caller& caller, Relations relations,
                                     std::string_view resource_name);

}  // namespace waypost::policy

#endif  // WAYPOST_COMMON_POLICY_POLICY_H_
