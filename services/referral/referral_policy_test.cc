#include "services/referral/referral_policy.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using policy::Relations;
using policy::Role;

// Who may call what, once more, in words: R referring, r receiving, c coordinating, o the caller's own body.
//   "case R r"     a supervisor of that side; a caseworker of that side in the unit or with the assignment; a
//                  safeguarding officer of that side who is a named reader
//   "assign R r"   as case, and a safeguarding officer who is to name readers
//   "supervisor"   a supervisor of that side; a caseworker or safeguarding officer who is a named reader
//   "open R r"     as case, and a safeguarding officer of that side
//   "read R r c"   as open, and the coordinating body's supervisor
//   "own"          a supervisor or caseworker of the body
//   "boxes"        as own, and a safeguarding officer of the body
//   "anybody"      whoever may call anything
//   "own supervisor"
//                  a supervisor of the body
const std::map<std::string, std::string>& Expected() {
  static const auto* const expected = new std::map<std::string, std::string>{
      {"GetReferral", "read"},
      {"ListReferralHistory", "read"},
      {"ListReferrals", "boxes"},
      {"WatchReferrals", "own"},
      {"FindByOwnReference", "own"},
      {"ListNotes", "open"},
      {"ListParts", "open"},
      {"DiscloseReferral", "open"},
      {"DiscloseNotes", "open"},
      {"CreateReferral", "case R"},
      {"UpdateReferral", "case R"},
      {"SubmitReferral", "case R"},
      {"ProvideInformation", "case R"},
      {"AnswerOffer", "case R"},
      {"ConfirmForward", "case R"},
      {"CancelReferral", "case R"},
      {"DetachReferral", "case R"},
      {"ReportMisdirected", "case R"},
      {"AcknowledgeReferral", "case r"},
      {"RequestInformation", "case r"},
      {"WaitlistReferral", "case r"},
      {"OfferPlace", "case r"},
      {"AcceptReferral", "case r"},
      {"DeclineReferral", "case r"},
      {"ProposeForward", "case r"},
      {"ForwardByDuty", "case r"},
      {"HandOverReferral", "case r"},
      {"StartReferral", "case r"},
      {"HoldReferral", "case r"},
      {"ResumeReferral", "case r"},
      {"CompleteReferral", "case r"},
      {"EndReferralWithoutResult", "case r"},
      {"ConfirmCancel", "case r"},
      {"RefuseCancel", "case r"},
      {"RecordAppointment", "case r"},
      {"ReopenReferral", "case R r"},
      {"AssignReferral", "assign R r"},
      {"ClaimReferral", "assign R r"},
      {"ChangePriority", "case R r"},
      {"ProposeDate", "case R r"},
      {"AnswerDate", "case R r"},
      {"AddNote", "case R r"},
      {"VoidEntry", "case R r"},
      {"VoidOutcome", "case r"},
      {"ApproveReferral", "supervisor"},
      {"SettleFollowUp", "case R r"},
      {"RemindReferral", "coordinator"},
      {"RuleOnCompetence", "coordinator"},
      {"AssumeResponsibility", "coordinator"},
      {"EraseReferral", "supervisor"},
      {"RecordRightsRequest", "case R r"},
      {"AnswerRightsRequest", "supervisor"},
      {"GetRightsRequest", "case R r"},
      {"ListRightsRequests", "own supervisor"},
      {"ExportPerson", "open"},
      {"PlaceLegalHold", "supervisor"},
      {"ReleaseLegalHold", "supervisor"},
      {"ListRetention", "own supervisor"},
      {"ListRetentionReports", "own supervisor"},
      {"ListReceiptKeys", "anybody"},
      {"GetMyself", "anybody"},
  };
  return *expected;
}

bool MayByWords(const std::string& words, Role role, Relations relations) {
  const bool referring = relations.Has(Relation::kReferring);
  const bool receiving = relations.Has(Relation::kReceiving);
  const bool hands = relations.Has(Relation::kUnitMember) || relations.Has(Relation::kAssignee);
  const bool reader = relations.Has(Relation::kReader);
  const auto by_case = [&](bool side) {
    return side && (role == Role::kSupervisor || (role == Role::kCaseworker && hands) ||
                    (role == Role::kSafeguardingOfficer && reader));
  };
  const bool either = referring || receiving;
  const bool open = by_case(either) || (either && role == Role::kSafeguardingOfficer);
  if (words == "case R") return by_case(referring);
  if (words == "case r") return by_case(receiving);
  if (words == "case R r") return by_case(either);
  if (words == "assign R r") {
    const bool names = relations.Has(Relation::kNamesReaders) && role == Role::kSafeguardingOfficer;
    return by_case(either) || (either && names);
  }
  if (words == "supervisor") {
    const bool works = role == Role::kCaseworker || role == Role::kSafeguardingOfficer;
    return either && (role == Role::kSupervisor || (works && reader));
  }
  if (words == "open") return open;
  if (words == "read") return open || (relations.Has(Relation::kCoordinating) && role == Role::kSupervisor);
  if (words == "coordinator") return relations.Has(Relation::kCoordinating) && role == Role::kSupervisor;
  if (words == "anybody") return relations.Has(Relation::kAnyone);
  if (words == "own supervisor") return relations.Has(Relation::kOwnBody) && role == Role::kSupervisor;
  if (words == "boxes" && role == Role::kSafeguardingOfficer) return relations.Has(Relation::kOwnBody);
  if (words == "own" || words == "boxes") {
    return relations.Has(Relation::kOwnBody) && (role == Role::kSupervisor || role == Role::kCaseworker);
  }
  ADD_FAILURE() << words;
  return false;
}

TEST(Policy, EveryMethodRoleAndSetOfRelations) {
  ASSERT_EQ(kMethodRules.size(), Expected().size());
  for (const policy::MethodRule* rule : kMethodRules) {
    const auto words = Expected().find(std::string(rule->method));
    ASSERT_NE(words, Expected().end()) << rule->method;
    EXPECT_EQ(rule->service, "waypost.referral.v1.ReferralService");
    for (int role_index = 0; role_index < policy::kRoleCount; ++role_index) {
      const Role role = static_cast<Role>(role_index);
      for (int bits = 0; bits < 1 << policy::kRelationCount; ++bits) {
        Relations relations;
        for (int i = 0; i < policy::kRelationCount; ++i) {
          if ((bits >> i & 1) != 0) relations.Add(static_cast<Relation>(i));
        }
        ASSERT_EQ(!rule->Allows({role}, relations).empty(), MayByWords(words->second, role, relations))
            << rule->method << " " << policy::RoleName(role) << " " << bits;
      }
    }
  }
}

TEST(Policy, ManyRolesAllowWhatOneOfThemDoes) {
  const policy::Roles both = {Role::kAuditor, Role::kSafeguardingOfficer};
  EXPECT_EQ(kDiscloseReferral.Allows(both, {Relation::kReceiving}),
            policy::Roles{Role::kSafeguardingOfficer});
  EXPECT_TRUE(kAcceptReferral.Allows(both, {Relation::kReceiving}).empty());
}

TEST(Policy, ChangesNeedARequestId) {
  const std::set<std::string_view> reads = {
      "GetReferral",          "ListReferralHistory", "ListReferrals",    "WatchReferrals",
      "FindByOwnReference",   "ListNotes",           "DiscloseReferral", "DiscloseNotes",
      "GetRightsRequest",     "ListRightsRequests",  "ExportPerson",     "ListRetention",
      "ListRetentionReports", "ListReceiptKeys",     "ListParts",        "GetMyself"};
  for (const policy::MethodRule* rule : kMethodRules) {
    EXPECT_EQ(rule->mutation, !reads.contains(rule->method)) << rule->method;
  }
}

TEST(Policy, EveryEventOfTheTwoSidesHasAMethodThatTheyMayCall) {
  for (const Transition& row : Transitions()) {
    const policy::MethodRule* rule = RuleOf(row.event);
    if (row.actor == Actor::kSystem) continue;
    ASSERT_NE(rule, nullptr) << EventName(row.event);
    const Relation side = row.actor == Actor::kReferring   ? Relation::kReferring
                          : row.actor == Actor::kReceiving ? Relation::kReceiving
                                                           : Relation::kCoordinating;
    EXPECT_FALSE(rule->Allows({Role::kSupervisor}, {side}).empty()) << EventName(row.event);
  }
}

TEST(Policy, NoMethodIsForASideThatTheTableDoesNotKnow) {
  for (const Relation side : {Relation::kReferring, Relation::kReceiving, Relation::kCoordinating}) {
    for (int i = 0; i < kEventCount; ++i) {
      const Event event = static_cast<Event>(i);
      const policy::MethodRule* rule = RuleOf(event);
      if (rule == nullptr || rule->Allows({Role::kSupervisor}, {side}).empty()) continue;
      bool in_table = false;
      for (const Transition& row : Transitions()) {
        in_table = in_table || (row.event == event && ActorsOf({side}).Has(row.actor));
      }
      EXPECT_TRUE(in_table) << EventName(event);
    }
  }
}

}  // namespace
}  // namespace waypost::referral
