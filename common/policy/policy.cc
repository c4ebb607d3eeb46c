#include "common/policy/policy.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::policy {
namespace {

constexpr std::array<std::string_view, kRoleCount> kRoleNames = {"caseworker",
                                                                 "supervisor",
                                                                 "safeguarding_officer",
                                                                 "consultation_officer",
                                                                 "funding_officer",
                                                                 "evaluator",
                                                                 "auditor",
                                                                 "operator",
                                                                 "service"};

constexpr std::array<std::string_view, kRelationCount> kRelationNames = {
    "anyone",      "own body", "referring", "receiving", "coordinating",
    "unit member", "assignee", "party",     "reader",    "names readers"};

Role First(Roles roles) {
  int index = 0;
  while (!roles.Has(static_cast<Role>(index))) ++index;
  return static_cast<Role>(index);
}

}  // namespace

std::string_view RoleName(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

std::optional<Role> RoleFromName(std::string_view name) {
  const auto* const found = std::find(kRoleNames.begin(), kRoleNames.end(), name);
  if (found == kRoleNames.end()) return std::nullopt;
  return static_cast<Role>(found - kRoleNames.begin());
}

std::string_view RelationName(Relation relation) {
  return kRelationNames[static_cast<size_t>(relation)];
}

bool Caller::MemberOf(std::string_view unit) const {
  return !unit.empty() && std::find(units.begin(), units.end(), unit) != units.end();
}

absl::Status MayCallAtAll(const MethodRule& rule, const Caller& caller) {
  if (rule.MayCall(caller.roles)) return absl::OkStatus();
  return error::PermissionDenied(rule.method, "none of your roles may call it");
}

absl::StatusOr<Authorized> Authorize(const MethodRule& rule, const Caller& caller, Relations relations,
                                     std::string_view resource_name) {
  if (relations.empty()) return error::NotFound(resource_name);
  const Roles relied_on = rule.Allows(caller.roles, relations);
  if (relied_on.empty()) {
    return error::PermissionDenied(
        rule.method, base::Cat("your roles and your part in '", resource_name, "' do not allow it"));
  }
  return Authorized(caller, relations, First(relied_on));
}

}  // namespace waypost::policy
