// Who may call what, through gRPC: every method × every role × every standing to what it is about, against a
// table written down here and nowhere else.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "services/directory/directory_rig.h"

namespace waypost::directory {
namespace {

using namespace testing;  // NOLINT: the rig of this room
using policy::Role;
using policy::Roles;

// The columns of the table.
constexpr std::array<std::string_view, 10> kColumns = {"caseworker",
                                                       "supervisor",
                                                       "safeguarding_officer",
                                                       "consultation_officer",
                                                       "funding_officer",
                                                       "evaluator",
                                                       "auditor",
                                                       "operator",
                                                       "service",
                                                       "no role at all"};

// '+' where somebody with that one role may, '.' where she is refused with PERMISSION_DENIED, '-' where what
// it is about is not there for her: NOT_FOUND.
struct Row {
  std::string_view method;
  std::string_view field;       // of UpdateBody: what the mask names
  std::string_view own_body;    // the caller's body is the one that it is about, or that owns it
  std::string_view other_body;  // it is another one
  std::string_view node_body;   // it is the one that runs the node
};

constexpr Row kTable[] = {
    // Bodies are kept by the operator, wherever the operator's token is from.
    {"CreateBody", "", ".......+..", ".......+..", ".......+.."},
    {"SuspendBody", "", ".......+..", ".......+..", ".......+.."},
    {"ReactivateBody", "", ".......+..", ".......+..", ".......+.."},
    {"DissolveBody", "", ".......+..", ".......+..", ".......+.."},
    // What of a body is its own supervisors' to keep, and what is not.
    {"UpdateBody", "display_name", ".+.....+..", ".......+..", ".......+.."},
    {"UpdateBody", "languages", ".+.....+..", ".......+..", ".......+.."},
    {"UpdateBody", "contacts", ".+.....+..", ".......+..", ".......+.."},
    {"UpdateBody", "website", ".+.....+..", ".......+..", ".......+.."},
    {"UpdateBody", "calendar", ".+.....+..", ".......+..", ".......+.."},
    {"UpdateBody", "kind", ".......+..", ".......+..", ".......+.."},
    {"UpdateBody", "level", ".......+..", ".......+..", ".......+.."},
    {"UpdateBody", "parent", ".......+..", ".......+..", ".......+.."},
    {"UpdateBody", "memberships", ".......+..", ".......+..", ".......+.."},
    {"UpdateBody", "territories", ".......+..", ".......+..", ".......+.."},
    {"UpdateBody", "competences", ".......+..", ".......+..", ".......+.."},
    {"UpdateBody", "approval_required", ".......+..", ".......+..", ".......+.."},
    // Units and offers are kept by the supervisors of their body: not even by the operator.
    {"CreateUnit", "", ".+........", "..........", ".........."},
    {"UpdateUnit", "", ".+........", "..........", ".........."},
    {"CreateOffer", "", ".+........", "..........", ".........."},
    {"UpdateOffer", "", ".+........", "..........", ".........."},
    {"ReportCapacity", "", "++........", "..........", ".........."},
    // Of an offer that is not there: nothing is written.
    {"ReportPlaces", "", "........+.", "........+.", "........+."},
    {"CreateProgramme", "", ".+.....+..", ".......+..", ".......+.."},
    {"UpdateProgramme", "", ".+.....+..", ".......+..", ".......+.."},
    {"EndProgramme", "", ".+.....+..", ".......+..", ".......+.."},
    {"ImportOffers", "", ".+.....+..", ".......+..", ".......+.."},
    {"ImportTerritories", "", ".......+..", ".......+..", ".......+.."},
    {"CreateCoordinationAgreement", "", ".......+..", ".......+..", ".......+.."},
    {"EndCoordinationAgreement", "", ".......+..", ".......+..", ".......+.."},
    {"CreateSuccession", "", ".......+..", ".......+..", ".......+.."},
    {"EndSuccession", "", ".......+..", ".......+..", ".......+.."},
    // Any body's people ask; an enquiry is there for those of its two bodies. The row is about the one asked.
    {"Enquire", "", "++........", "++........", "++........"},
    {"ListEnquiries", "", "++........", "++........", "++........"},
    {"GetEnquiry", "", "++........", "--........", "--........"},
    {"AnswerEnquiry", "", "++........", "--........", "--........"},
    // What a body has to do is for those who do it, and for the operator.
    {"ListDirectoryTasks", "", "++.....+..", ".......+..", ".......+.."},
    // Every role reads.
    {"GetBody", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListBodies", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"GetUnit", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListUnits", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"GetOffer", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListOffers", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"GetProgramme", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListProgrammes", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"GetCoordinationAgreement", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListCoordinationAgreements", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"GetSuccession", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListSuccessions", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ExportOffers", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"GetTerritory", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListTerritories", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ResolveRoute", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"ListChanges", "", "+++++++++.", "+++++++++.", "+++++++++."},
    {"WatchChanges", "", "+++++++++.", "+++++++++.", "+++++++++."},
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.method << " " << row.field;
}

bool IsChange(std::string_view method) {
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      base::Cat("waypost.directory.v1.DirectoryService.", method));
  return described->input_type()->FindFieldByName("request_id") != nullptr;
}

Roles RolesOf(size_t column) {
  const std::optional<Role> role = policy::RoleFromName(kColumns[column]);
  return role ? Roles{*role} : Roles{};
}

// A value for every field of a body that can be updated.
constexpr std::string_view kEveryField =
    "body { display_name { text { key: 'es' value: 'y' } original_language: 'es' } website: 'https://x.eu' "
    "contacts { interlocutor { title: 'Acogida' email: 'a@b.eu' } } kind: BODY_KIND_REGION "
    "level: LEVEL_REGIONAL parent: 'bodies/es-node' memberships { association: 'bodies/es-association' } "
    "calendar { zone: 'Europe/Madrid' working_days: WEEKDAY_MONDAY } territories: 'ES3' "
    "approval_required: true "
    "competences { theme: THEME_HOUSING function: COMPETENCE_FUNCTION_PROVIDE territory: 'ES300' } }";

class DirectoryAuthority : public ::testing::TestWithParam<Row>, protected DirectoryRig {
 protected:
  using Caller =
      std::function<absl::Status(const std::string& token, const std::string& id, std::string_view field)>;

  DirectoryAuthority() {
    AddChanges();
    AddReads();
  }

  template <typename Request, typename Response>
  void Add(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
    std::string name = Request::descriptor()->name();
    name.resize(name.size() - std::string_view("Request").size());
    callers_[name] = [this, method](const std::string& token, const std::string& id, std::string_view) {
      return Do(token, method, Valid<Request>(id)).status();
    };
  }

  void AddChanges() {
    Add(&Stub::CreateBody);
    Add(&Stub::SuspendBody);
    Add(&Stub::ReactivateBody);
    Add(&Stub::DissolveBody);
    Add(&Stub::CreateUnit);
    Add(&Stub::UpdateUnit);
    Add(&Stub::CreateOffer);
    Add(&Stub::UpdateOffer);
    Add(&Stub::ReportCapacity);
    Add(&Stub::ReportPlaces);
    Add(&Stub::CreateProgramme);
    Add(&Stub::UpdateProgramme);
    Add(&Stub::EndProgramme);
    Add(&Stub::ImportOffers);
    Add(&Stub::ImportTerritories);
    Add(&Stub::CreateCoordinationAgreement);
    Add(&Stub::EndCoordinationAgreement);
    Add(&Stub::CreateSuccession);
    Add(&Stub::EndSuccession);
    Add(&Stub::Enquire);
    Add(&Stub::AnswerEnquiry);
    callers_["UpdateBody"] = [this](const std::string& token, const std::string& id, std::string_view field) {
      auto request = Valid<v1::UpdateBodyRequest>(id);
      Merge(kEveryField, request);
      request.mutable_update_mask()->set_paths(0, std::string(field));
      return Do(token, &Stub::UpdateBody, request).status();
    };
  }

  void AddReads() {
    Add(&Stub::GetBody);
    Add(&Stub::ListBodies);
    Add(&Stub::GetUnit);
    Add(&Stub::ListUnits);
    Add(&Stub::GetOffer);
    Add(&Stub::ListOffers);
    Add(&Stub::GetProgramme);
    Add(&Stub::ListProgrammes);
    Add(&Stub::GetCoordinationAgreement);
    Add(&Stub::ListCoordinationAgreements);
    Add(&Stub::GetSuccession);
    Add(&Stub::ListSuccessions);
    Add(&Stub::ExportOffers);
    Add(&Stub::GetTerritory);
    Add(&Stub::ListTerritories);
    Add(&Stub::ResolveRoute);
    Add(&Stub::GetEnquiry);
    Add(&Stub::ListEnquiries);
    Add(&Stub::ListDirectoryTasks);
    Add(&Stub::ListChanges);
    callers_["WatchChanges"] = [this](const std::string& token, const std::string&, std::string_view) {
      grpc::ClientContext context;
      context.AddMetadata("authorization", base::Cat("Bearer ", token));
      const auto reader = stub->WatchChanges(&context, v1::WatchChangesRequest());
      v1::WatchChangesResponse response;
      const bool answered = reader->Read(&response);
      if (answered) context.TryCancel();
      const absl::Status status = rpc::FromGrpc(reader->Finish());
      return answered ? absl::OkStatus() : status;
    };
  }

  // Makes what the method is about anew; returns its id.
  std::string Prepare(std::string_view method) {
    const std::string id = base::Cat(++made_);
    Make(id);
    if (method == "ReactivateBody") {
      EXPECT_TRUE(Do(node_operator, &Stub::SuspendBody, Valid<v1::SuspendBodyRequest>(id)).ok());
    }
    return id;
  }

  // One cell of the table. `body` is empty for the body that it is about.
  void CheckCell(const Row& row, size_t column, std::string_view body, char cell_of_table) {
    const std::string id = Prepare(row.method);
    const std::string own = base::Cat("bodies/", id);
    const std::string_view from = body.empty() ? std::string_view(own) : body;
    const std::string token = rig.TokenOf(from, RolesOf(column));
    const auto before = rig.Dump();
    const size_t events = rig.Events().size();
    const absl::Status status = callers_.at(std::string(row.method))(token, id, row.field);
    const std::string cell = base::Cat(row.method, " ", row.field, " as ", kColumns[column], " of ", from);
    if (cell_of_table != '+') {
      const bool hidden = cell_of_table == '-';
      EXPECT_EQ(status.code(), hidden ? absl::StatusCode::kNotFound : absl::StatusCode::kPermissionDenied)
          << cell << ": " << status;
      EXPECT_EQ(error::ReasonOf(status), hidden ? "NOT_FOUND" : "NOT_ALLOWED") << cell;
      EXPECT_TRUE(rig.Dump() == before) << cell << ": something was written";
      return;
    }
    EXPECT_TRUE(status.ok()) << cell << ": " << status;
    EXPECT_EQ(rig.Dump() == before, !IsChange(row.method)) << cell;
    if (!IsChange(row.method)) return;
    const auto all = rig.Events();
    ASSERT_EQ(all.size(), events + 1) << cell;
    EXPECT_EQ(all.back().role(), kColumns[column]) << cell;
    EXPECT_EQ(all.back().body(), from) << cell;
  }

  std::map<std::string, Caller> callers_;
  int made_ = 10'000;
};

TEST_P(DirectoryAuthority, EveryRoleAndStanding) {
  const Row& row = GetParam();
  for (size_t column = 0; column < kColumns.size(); ++column) {
    CheckCell(row, column, "", row.own_body.at(column));
    CheckCell(row, column, kOtherBody, row.other_body.at(column));
    CheckCell(row, column, kNodeBody, row.node_body.at(column));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, DirectoryAuthority, ::testing::ValuesIn(kTable), [](const auto& row) {
  return std::string(base::Cat(row.param.method, row.param.field.empty() ? "" : "_", row.param.field));
});

class DirectoryAuthorityTable : public DirectoryAuthority {};

TEST_F(DirectoryAuthorityTable, NamesEveryMethodAndEveryRole) {
  std::set<std::string_view> named;
  for (const Row& row : kTable) {
    named.insert(row.method);
    for (const std::string_view cells : {row.own_body, row.other_body, row.node_body}) {
      EXPECT_EQ(cells.size(), kColumns.size()) << row.method;
    }
  }
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "waypost.directory.v1.DirectoryService");
  ASSERT_NE(described, nullptr);
  EXPECT_EQ(static_cast<size_t>(described->method_count()), named.size());
  for (int i = 0; i < described->method_count(); ++i) {
    EXPECT_TRUE(named.contains(described->method(i)->name())) << described->method(i)->name();
  }
  std::set<uint32_t> roles;
  for (size_t column = 0; column < kColumns.size(); ++column) roles.insert(RolesOf(column).bits());
  EXPECT_EQ(roles.size(), static_cast<size_t>(policy::kRoleCount) + 1);
}

TEST_F(DirectoryAuthorityTable, NamesEveryFieldOfABodyThatIsNotOutputOnly) {
  std::set<std::string_view> named = {"name",        "status",      "status_reason", "allowed_actions",
                                      "create_time", "update_time", "etag"};
  named.insert("enforcement");  // said when it is made, and never changed
  for (const Row& row : kTable) {
    if (row.method != "UpdateBody") continue;
    EXPECT_TRUE(named.insert(row.field).second) << row.field;
  }
  for (int i = 0; i < v1::Body::descriptor()->field_count(); ++i) {
    EXPECT_EQ(named.erase(v1::Body::descriptor()->field(i)->name()), 1U)
        << v1::Body::descriptor()->field(i)->name();
  }
  EXPECT_TRUE(named.empty());
}

TEST_F(DirectoryAuthorityTable, AMaskWithOneFieldOfTheOperatorIsRefusedWhole) {
  const std::string id = Prepare("UpdateBody");
  const std::string supervisor =
      rig.TokenOf(base::Cat("bodies/", id), {Role::kSupervisor, Role::kCaseworker});
  auto request = Valid<v1::UpdateBodyRequest>(id);
  Merge(kEveryField, request);
  request.mutable_update_mask()->add_paths("approval_required");
  const auto before = rig.Dump();
  const auto refused = Do(supervisor, &Stub::UpdateBody, request);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(DirectoryAuthorityTable, WithoutATokenOrWithABadOneNothingIsAnswered) {
  const std::string id = Prepare("GetBody");
  const std::string expired = rig.TokenOf(base::Cat("bodies/", id), {Role::kSupervisor, Role::kOperator}, {},
                                          "p-late", rig.clock().Now());
  const auto before = rig.Dump();
  for (const auto& [name, call] : callers_) {
    for (const std::string& token : {std::string("no-such-token"), std::string(), expired}) {
      EXPECT_EQ(call(token, id, "languages").code(), absl::StatusCode::kUnauthenticated) << name;
    }
  }
  EXPECT_TRUE(rig.Dump() == before);
}

TEST_F(DirectoryAuthorityTable, WhatDoesNotExistIsNotFoundByThoseWhoseRoleMayCallAndDeniedToOthers) {
  const std::string nothing = "99999";
  const std::string allowed =
      rig.TokenOf(kOtherBody, {Role::kSupervisor, Role::kCaseworker, Role::kOperator});
  const std::string denied = rig.TokenOf(kOtherBody, {Role::kAuditor});
  const auto before = rig.Dump();
  for (const std::string name : {"GetBody",
                                 "GetUnit",
                                 "GetOffer",
                                 "GetProgramme",
                                 "GetCoordinationAgreement",
                                 "UpdateBody",
                                 "SuspendBody",
                                 "ReactivateBody",
                                 "DissolveBody",
                                 "CreateUnit",
                                 "UpdateUnit",
                                 "UpdateOffer",
                                 "ReportCapacity",
                                 "EndCoordinationAgreement",
                                 "UpdateProgramme",
                                 "EndProgramme",
                                 "GetSuccession",
                                 "EndSuccession",
                                 "ListDirectoryTasks",
                                 "GetEnquiry",
                                 "AnswerEnquiry"}) {
    EXPECT_EQ(callers_.at(name)(allowed, nothing, "languages").code(), absl::StatusCode::kNotFound) << name;
    if (!IsChange(name)) continue;
    EXPECT_EQ(callers_.at(name)(denied, nothing, "languages").code(), absl::StatusCode::kPermissionDenied)
        << name;
  }
  EXPECT_TRUE(rig.Dump() == before);
}

}  // namespace
}  // namespace waypost::directory
