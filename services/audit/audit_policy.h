// Who may call what of the audit service. Relations: kParty when the caller's body is a party to the record
// (or is the body whose records are listed); kAnyone for what shows no record: hashes, sizes, proofs.
// Accounts that follow a succession act for the successor everywhere but here: what a body was a party to is
// read by its own auditors, before the succession and after it, and by nobody whom it brought in.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_POLICY_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_POLICY_H_

#include <array>
#include <string_view>

#include "common/policy/policy.h"

namespace waypost::audit {

inline constexpr std::string_view kAuditService = "waypost.audit.v1.AuditService";

// Not a mutation in the sense of the chain: it needs no request_id, since event ids make it idempotent.
inline constexpr policy::MethodRule kAppend = {
    .service = kAuditService,
    .method = "Append",
    .grants = {policy::Grant{{policy::Role::kService}, {policy::Relation::kAnyone}}},
    .own_body = true};

inline constexpr policy::MethodRule kListEntries = {
    .service = kAuditService,
    .method = "ListEntries",
    .grants = {policy::Grant{{policy::Role::kAuditor}, {policy::Relation::kParty}}},
    .own_body = true};

inline constexpr policy::MethodRule kGetEntry = {
    .service = kAuditService,
    .method = "GetEntry",
    .grants = {policy::Grant{{policy::Role::kAuditor}, {policy::Relation::kParty}}},
    .own_body = true};

// Opens one record, which a supervisor may need as evidence without reading the body's whole log.
inline constexpr policy::MethodRule kGetProof = {
    .service = kAuditService,
    .method = "GetProof",
    .grants = {policy::Grant{{policy::Role::kAuditor, policy::Role::kSupervisor},
                             {policy::Relation::kParty}}},
    .own_body = true};

inline constexpr policy::MethodRule kGetInclusionProof = {
    .service = kAuditService,
    .method = "GetInclusionProof",
    .grants = {policy::Grant{{policy::Role::kAuditor, policy::Role::kSupervisor, policy::Role::kOperator},
                             {policy::Relation::kAnyone}}},
    .own_body = true};

inline constexpr policy::MethodRule kGetConsistencyProof = {
    .service = kAuditService,
    .method = "GetConsistencyProof",
    .grants = {policy::Grant{{policy::Role::kAuditor, policy::Role::kSupervisor, policy::Role::kOperator},
                             {policy::Relation::kAnyone}}},
    .own_body = true};

// Services read it too: a job compares the log with what they have.
inline constexpr policy::MethodRule kGetTreeHead = {
    .service = kAuditService,
    .method = "GetTreeHead",
    .grants = {policy::Grant{
        {policy::Role::kAuditor, policy::Role::kSupervisor, policy::Role::kOperator, policy::Role::kService},
        {policy::Relation::kAnyone}}},
    .own_body = true};

inline constexpr std::array kAuditMethods = {
    kAppend, kListEntries, kGetEntry, kGetProof, kGetInclusionProof, kGetConsistencyProof, kGetTreeHead};

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_POLICY_H_
