#include "services/directory/directory_policy.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace waypost::directory {
namespace {

using policy::MethodRule;
using policy::Relation;
using policy::Relations;
using policy::Role;

// The roles that a method allows beyond reading, as the requirements have them: by anyone's relation (the
// operator) and by belonging to the body.
struct Expected {
  std::set<Role> anywhere;
  std::set<Role> own_body;
  // To an enquiry.
  std::set<Role> referring = {};
  std::set<Role> receiving = {};
};

const std::map<std::string_view, Expected>& Mutations() {
  static const auto* const kExpected = new std::map<std::string_view, Expected>{
      {"CreateBody", {{Role::kOperator}, {}}},
      {"UpdateBody", {{Role::kOperator}, {Role::kSupervisor}}},
      {"SuspendBody", {{Role::kOperator}, {}}},
      {"ReactivateBody", {{Role::kOperator}, {}}},
      {"DissolveBody", {{Role::kOperator}, {}}},
      {"CreateUnit", {{}, {Role::kSupervisor}}},
      {"UpdateUnit", {{}, {Role::kSupervisor}}},
      {"CreateOffer", {{}, {Role::kSupervisor}}},
      {"UpdateOffer", {{}, {Role::kSupervisor}}},
      {"ReportCapacity", {{}, {Role::kSupervisor, Role::kCaseworker}}},
      {"CreateProgramme", {{Role::kOperator}, {Role::kSupervisor}}},
      {"UpdateProgramme", {{Role::kOperator}, {Role::kSupervisor}}},
      {"EndProgramme", {{Role::kOperator}, {Role::kSupervisor}}},
      {"ImportOffers", {{Role::kOperator}, {Role::kSupervisor}}},
      {"ImportTerritories", {{Role::kOperator}, {}}},
      {"CreateCoordinationAgreement", {{Role::kOperator}, {}}},
      {"EndCoordinationAgreement", {{Role::kOperator}, {}}},
      {"CreateSuccession", {{Role::kOperator}, {}}},
      {"EndSuccession", {{Role::kOperator}, {}}},
      {"Enquire", {{}, {Role::kSupervisor, Role::kCaseworker}}},
      {"AnswerEnquiry", {{}, {}, {}, {Role::kSupervisor, Role::kCaseworker}}},
  };
  return *kExpected;
}

const std::set<std::string_view>& Reads() {
  static const auto* const kReads = new std::set<std::string_view>{"GetBody",
                                                                   "ListBodies",
                                                                   "GetUnit",
                                                                   "ListUnits",
                                                                   "GetOffer",
                                                                   "ListOffers",
                                                                   "ExportOffers",
                                                                   "GetTerritory",
                                                                   "ListTerritories",
                                                                   "GetProgramme",
                                                                   "ListProgrammes",
                                                                   "ResolveRoute",
                                                                   "ListChanges",
                                                                   "WatchChanges",
                                                                   "GetCoordinationAgreement",
                                                                   "ListCoordinationAgreements",
                                                                   "GetSuccession",
                                                                   "ListSuccessions"};
  return *kReads;
}

// What not everybody reads; and what services report, which needs no request_id.
const std::map<std::string_view, Expected>& GuardedReads() {
  static const auto* const kReads = new std::map<std::string_view, Expected>{
      {"ListDirectoryTasks", {{Role::kOperator}, {Role::kSupervisor, Role::kCaseworker}}},
      {"ReportPlaces", {{Role::kService}, {}}},
      {"ListEnquiries", {{}, {Role::kSupervisor, Role::kCaseworker}}},
      {"GetEnquiry",
       {{}, {}, {Role::kSupervisor, Role::kCaseworker}, {Role::kSupervisor, Role::kCaseworker}}},
  };
  return *kReads;
}

bool Expect(const MethodRule& rule, Role role, Relation relation) {
  if (Reads().contains(rule.method)) return relation == Relation::kAnyone;
  const auto& rules = rule.mutation ? Mutations() : GuardedReads();
  const auto expected = rules.find(rule.method);
  if (expected == rules.end()) return false;
  return (relation == Relation::kAnyone && expected->second.anywhere.contains(role)) ||
         (relation == Relation::kOwnBody && expected->second.own_body.contains(role)) ||
         (relation == Relation::kReferring && expected->second.referring.contains(role)) ||
         (relation == Relation::kReceiving && expected->second.receiving.contains(role));
}

TEST(DirectoryPolicy, EveryMethodEveryRoleEveryRelation) {
  for (const MethodRule* rule : kDirectoryRules) {
    for (int role = 0; role < policy::kRoleCount; ++role) {
      for (int relation = 0; relation < policy::kRelationCount; ++relation) {
        const Role as = static_cast<Role>(role);
        const Relation stands = static_cast<Relation>(relation);
        EXPECT_EQ(!rule->Allows({as}, {stands}).empty(), Expect(*rule, as, stands))
            << rule->method << " as " << policy::RoleName(as) << ", " << policy::RelationName(stands);
      }
    }
  }
}

TEST(DirectoryPolicy, EveryMethodIsThereOnceAndKnowsWhetherItChangesAnything) {
  std::set<std::string_view> methods;
  for (const MethodRule* rule : kDirectoryRules) {
    EXPECT_TRUE(methods.insert(rule->method).second) << rule->method;
    EXPECT_EQ(rule->service, "waypost.directory.v1.DirectoryService");
    EXPECT_EQ(rule->mutation, Mutations().contains(rule->method)) << rule->method;
    EXPECT_EQ(int{Mutations().contains(rule->method)} + int{Reads().contains(rule->method)} +
                  int{GuardedReads().contains(rule->method)},
              1)
        << rule->method;
  }
  EXPECT_EQ(methods.size(), Mutations().size() + Reads().size() + GuardedReads().size());
}

}  // namespace
}  // namespace waypost::directory
