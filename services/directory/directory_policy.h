// Who may call what. Everything in the directory but a body's tasks and enquiries may be read by every role;
// a caller always stands in kAnyone to it, and in kOwnBody to its own body, its units, its offers and the
// programmes it leads.
//
// One thing is finer than a table: of a body, a supervisor may update only the fields that NeedsOperator
// (directory_rules.h) does not claim.
#ifndef WAYPOST_SERVICES_DIRECTORY_DIRECTORY_POLICY_H_
#define WAYPOST_SERVICES_DIRECTORY_DIRECTORY_POLICY_H_

#include <array>
#include <string_view>

#include "common/policy/policy.h"

namespace waypost::directory {

namespace internal {

using policy::Grant;
using policy::MethodRule;
using policy::Relation;
using policy::Role;

inline constexpr std::string_view kService = "waypost.directory.v1.DirectoryService";

inline constexpr policy::Roles kEveryRole = {Role::kCaseworker,
                                             Role::kSupervisor,
                                             Role::kSafeguardingOfficer,
                                             Role::kConsultationOfficer,
                                             Role::kFundingOfficer,
                                             Role::kEvaluator,
                                             Role::kAuditor,
                                             Role::kOperator,
                                             Role::kService};

inline constexpr Grant kOperator = {{Role::kOperator}, {Relation::kAnyone}};
inline constexpr Grant kServices = {{Role::kService}, {Relation::kAnyone}};
inline constexpr Grant kOwnSupervisor = {{Role::kSupervisor}, {Relation::kOwnBody}};
inline constexpr Grant kOwnCaseworker = {{Role::kCaseworker}, {Relation::kOwnBody}};
// Of an enquiry: who asks is kReferring to it, who is asked kReceiving, and nobody else stands to it at all.
inline constexpr policy::Roles kPeopleOfCases = {Role::kCaseworker, Role::kSupervisor};
inline constexpr Grant kEitherSide = {kPeopleOfCases, {Relation::kReferring, Relation::kReceiving}};
inline constexpr Grant kAskedSide = {kPeopleOfCases, {Relation::kReceiving}};

constexpr MethodRule Read(std::string_view method) {
  return {.service = kService, .method = method, .grants = {Grant{kEveryRole, {Relation::kAnyone}}}};
}
constexpr MethodRule ReadBy(std::string_view method, std::array<Grant, MethodRule::kMaxGrants> grants) {
  return {.service = kService, .method = method, .grants = grants};
}
constexpr MethodRule Change(std::string_view method, std::array<Grant, MethodRule::kMaxGrants> grants) {
  return {.service = kService, .method = method, .mutation = true, .grants = grants};
}

}  // namespace internal

inline constexpr policy::MethodRule kCreateBody = internal::Change("CreateBody", {internal::kOperator});
inline constexpr policy::MethodRule kGetBody = internal::Read("GetBody");
inline constexpr policy::MethodRule kListBodies = internal::Read("ListBodies");
inline constexpr policy::MethodRule kUpdateBody =
    internal::Change("UpdateBody", {internal::kOperator, internal::kOwnSupervisor});
inline constexpr policy::MethodRule kSuspendBody = internal::Change("SuspendBody", {internal::kOperator});
inline constexpr policy::MethodRule kReactivateBody =
    internal::Change("ReactivateBody", {internal::kOperator});
inline constexpr policy::MethodRule kDissolveBody = internal::Change("DissolveBody", {internal::kOperator});

inline constexpr policy::MethodRule kCreateUnit = internal::Change("CreateUnit", {internal::kOwnSupervisor});
inline constexpr policy::MethodRule kGetUnit = internal::Read("GetUnit");
inline constexpr policy::MethodRule kListUnits = internal::Read("ListUnits");
inline constexpr policy::MethodRule kUpdateUnit = internal::Change("UpdateUnit", {internal::kOwnSupervisor});

inline constexpr policy::MethodRule kCreateOffer =
    internal::Change("CreateOffer", {internal::kOwnSupervisor});
inline constexpr policy::MethodRule kGetOffer = internal::Read("GetOffer");
inline constexpr policy::MethodRule kListOffers = internal::Read("ListOffers");
inline constexpr policy::MethodRule kUpdateOffer =
    internal::Change("UpdateOffer", {internal::kOwnSupervisor});
inline constexpr policy::MethodRule kReportCapacity =
    internal::Change("ReportCapacity", {internal::kOwnSupervisor, internal::kOwnCaseworker});

// Not a mutation in the sense of the chain: it needs no request_id, since a count that is not later changes
// nothing.
inline constexpr policy::MethodRule kReportPlaces = internal::ReadBy("ReportPlaces", {internal::kServices});

inline constexpr policy::MethodRule kCreateProgramme =
    internal::Change("CreateProgramme", {internal::kOperator, internal::kOwnSupervisor});
inline constexpr policy::MethodRule kGetProgramme = internal::Read("GetProgramme");
inline constexpr policy::MethodRule kListProgrammes = internal::Read("ListProgrammes");
inline constexpr policy::MethodRule kUpdateProgramme =
    internal::Change("UpdateProgramme", {internal::kOperator, internal::kOwnSupervisor});
inline constexpr policy::MethodRule kEndProgramme =
    internal::Change("EndProgramme", {internal::kOperator, internal::kOwnSupervisor});

inline constexpr policy::MethodRule kCreateCoordinationAgreement =
    internal::Change("CreateCoordinationAgreement", {internal::kOperator});
inline constexpr policy::MethodRule kGetCoordinationAgreement = internal::Read("GetCoordinationAgreement");
inline constexpr policy::MethodRule kListCoordinationAgreements =
    internal::Read("ListCoordinationAgreements");
inline constexpr policy::MethodRule kEndCoordinationAgreement =
    internal::Change("EndCoordinationAgreement", {internal::kOperator});

inline constexpr policy::MethodRule kCreateSuccession =
    internal::Change("CreateSuccession", {internal::kOperator});
inline constexpr policy::MethodRule kGetSuccession = internal::Read("GetSuccession");
inline constexpr policy::MethodRule kListSuccessions = internal::Read("ListSuccessions");
inline constexpr policy::MethodRule kEndSuccession = internal::Change("EndSuccession", {internal::kOperator});
// Who takes over the offers of another system: the operator for anybody, a supervisor for the own body.
inline constexpr policy::MethodRule kImportOffers =
    internal::Change("ImportOffers", {internal::kOperator, internal::kOwnSupervisor});
inline constexpr policy::MethodRule kExportOffers = internal::Read("ExportOffers");
inline constexpr policy::MethodRule kImportTerritories =
    internal::Change("ImportTerritories", {internal::kOperator});
inline constexpr policy::MethodRule kGetTerritory = internal::Read("GetTerritory");
inline constexpr policy::MethodRule kListTerritories = internal::Read("ListTerritories");

inline constexpr policy::MethodRule kResolveRoute = internal::Read("ResolveRoute");
inline constexpr policy::MethodRule kEnquire =
    internal::Change("Enquire", {internal::kOwnSupervisor, internal::kOwnCaseworker});
inline constexpr policy::MethodRule kGetEnquiry = internal::ReadBy("GetEnquiry", {internal::kEitherSide});
inline constexpr policy::MethodRule kListEnquiries =
    internal::ReadBy("ListEnquiries", {internal::kOwnSupervisor, internal::kOwnCaseworker});
inline constexpr policy::MethodRule kAnswerEnquiry =
    internal::Change("AnswerEnquiry", {internal::kAskedSide});

// No method: enquiries that wait go to whoever stands in the place of the body that was asked.
inline constexpr policy::MethodRule kEnquirySuccessions = {
    .service = internal::kService,
    .method = "(successions)",
    .mutation = true,
    .grants = {policy::Grant{{policy::Role::kService}, {policy::Relation::kAnyone}}}};
// No method: the offers of a body that is no more go to whoever stands in its place.
inline constexpr policy::MethodRule kInheritOffers = {
    .service = internal::kService,
    .method = "(inheritance)",
    .mutation = true,
    .grants = {policy::Grant{{policy::Role::kService}, {policy::Relation::kAnyone}}}};

inline constexpr policy::MethodRule kListDirectoryTasks = internal::ReadBy(
    "ListDirectoryTasks", {internal::kOperator, internal::kOwnSupervisor, internal::kOwnCaseworker});
inline constexpr policy::MethodRule kListChanges = internal::Read("ListChanges");
inline constexpr policy::MethodRule kWatchChanges = internal::Read("WatchChanges");

// All of them.
inline constexpr std::array kDirectoryRules = {
    &kCreateBody,
    &kGetBody,
    &kListBodies,
    &kUpdateBody,
    &kSuspendBody,
    &kReactivateBody,
    &kDissolveBody,
    &kCreateUnit,
    &kGetUnit,
    &kListUnits,
    &kUpdateUnit,
    &kCreateOffer,
    &kGetOffer,
    &kListOffers,
    &kUpdateOffer,
    &kReportCapacity,
    &kReportPlaces,
    &kCreateProgramme,
    &kGetProgramme,
    &kListProgrammes,
    &kUpdateProgramme,
    &kEndProgramme,
    &kCreateCoordinationAgreement,
    &kGetCoordinationAgreement,
    &kListCoordinationAgreements,
    &kEndCoordinationAgreement,
    &kCreateSuccession,
    &kGetSuccession,
    &kListSuccessions,
    &kEndSuccession,
    &kImportOffers,
    &kExportOffers,
    &kImportTerritories,
    &kGetTerritory,
    &kListTerritories,
    &kResolveRoute,
    &kEnquire,
    &kGetEnquiry,
    &kListEnquiries,
    &kAnswerEnquiry,
    &kListDirectoryTasks,
    &kListChanges,
    &kWatchChanges,
};

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_DIRECTORY_POLICY_H_
