// Callers of whole servers: tokens, stubs, and the few calls that every test here begins with.
#ifndef WAYPOST_TESTS_E2E_CALLERS_H_
#define WAYPOST_TESTS_E2E_CALLERS_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/rpc/status_conversion.h"
#include "tests/e2e/server_process.h"
#include "waypost/audit/v1/audit_service.grpc.pb.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"
#include "waypost/referral/v1/referral_service.grpc.pb.h"

namespace waypost::e2e {

inline constexpr std::string_view kFrom = "bodies/es-test-from";
inline constexpr std::string_view kTo = "bodies/es-test-to";
inline constexpr std::string_view kOperator = "bodies/es-test-operator";

// The context of a call that is given up after 30 s.
void Prepare(const std::string& token, grpc::ClientContext& context);

// Calls `method` of `stub`, as in Ask(*stub, &ReferralService::Stub::GetReferral, token, request).
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Ask(Stub& stub,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                             const std::string& token, const Request& request) {
  grpc::ClientContext context;
  Prepare(token, context);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (status.ok()) return response;
  return rpc::FromGrpc(status);
}

using DirectoryStub = directory::v1::DirectoryService::Stub;
using ReferralStub = referral::v1::ReferralService::Stub;
using AuditStub = audit::v1::AuditService::Stub;

// Who has the tokens of a test, where nothing else is said.
inline constexpr std::string_view kTestSubject = "test";

// The tokens of a test's people.
struct Tokens {
  std::string operators;  // of kOperator: operator and auditor
  std::string from;       // of kFrom: supervisor and auditor
  std::string to;         // of kTo: the same
};

// Of the built-in issuer of the demonstration in `data_dir`, which a node has stamped.
absl::StatusOr<Tokens> DemoTokens(const std::string& data_dir);

// Of the same issuer: a supervisor of each of these bodies, in order. Another subject is another person.
absl::StatusOr<std::vector<std::string>> DemoSupervisors(const std::string& data_dir,
                                                         const std::vector<std::string>& bodies,
                                                         std::string_view subject = kTestSubject);

// Makes a municipality, or finds it made.
absl::Status CreateBody(DirectoryStub& directory, const Tokens& tokens, std::string_view name);
// Makes kFrom and kTo, or finds them made.
absl::Status CreateBodies(DirectoryStub& directory, const Tokens& tokens);

// The request with which kFrom refers a case to kTo. Its request id and own reference are made of `run` and
// `number`.
referral::v1::SubmitReferralRequest SubmitOf(std::string_view run, uint64_t number);

// Submits SubmitOf(run, number), again while the referral service has not heard of the bodies yet.
absl::StatusOr<referral::v1::Referral> SubmitFirst(ReferralStub& stub, Server& server, const Tokens& tokens,
                                                   std::string_view run, uint64_t number);

}  // namespace waypost::e2e

#endif  // WAYPOST_TESTS_E2E_CALLERS_H_
