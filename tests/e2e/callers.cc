#include "tests/e2e/callers.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/random.h"
#include "common/identity/data_folder.h"
#include "common/identity/demo_issuer.h"
#include "tests/bench/requests.h"

namespace waypost::e2e {

using policy::Role;

void Prepare(const std::string& token, grpc::ClientContext& context) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
  context.AddMetadata("authorization", "Bearer " + token);
}

absl::StatusOr<Tokens> DemoTokens(const std::string& data_dir) {
  crypto::SystemRandom random;
  const absl::Time now = absl::Now();
  WAYPOST_ASSIGN_OR_RETURN(const auto folder,
                           identity::DataFolder::Open({.dir = data_dir, .demo = true, .now = now}, random));
  WAYPOST_ASSIGN_OR_RETURN(const auto issuer, identity::DemoIssuer::Open(folder, random));
  const auto mint = [&](std::string_view body, policy::Roles roles) {
    return issuer->Mint({.body = std::string(body), .subject = "test", .roles = roles}, now);
  };
  Tokens tokens;
  WAYPOST_ASSIGN_OR_RETURN(tokens.operators, mint(kOperator, {Role::kOperator, Role::kAuditor}));
  WAYPOST_ASSIGN_OR_RETURN(tokens.from, mint(kFrom, {Role::kSupervisor, Role::kAuditor}));
  WAYPOST_ASSIGN_OR_RETURN(tokens.to, mint(kTo, {Role::kSupervisor, Role::kAuditor}));
  return tokens;
}

absl::Status CreateBodies(DirectoryStub& directory, const Tokens& tokens) {
  for (const std::string_view name : {kFrom, kTo}) {
    const std::string id(name.substr(name.find('/') + 1));
    directory::v1::CreateBodyRequest request;
    request.set_request_id(base::Cat("create-", id));
    request.set_body_id(id);
    auto& body = *request.mutable_body();
    (*body.mutable_display_name()->mutable_text())["en"] = id;
    body.mutable_display_name()->set_original_language("en");
    body.set_kind(directory::v1::BODY_KIND_MUNICIPALITY);
    body.set_level(type::v1::LEVEL_LOCAL);
    body.add_territories("ES300");
    body.add_languages("es");
    WAYPOST_RETURN_IF_ERROR(Ask(directory, &DirectoryStub::CreateBody, tokens.operators, request).status());
  }
  return absl::OkStatus();
}

referral::v1::SubmitReferralRequest SubmitOf(std::string_view run, uint64_t number) {
  referral::v1::SubmitReferralRequest request = bench::MakeSubmit(kFrom, kTo, run, number);
  // These callers are members of no unit.
  request.mutable_referral()->mutable_referring()->clear_unit();
  return request;
}

absl::StatusOr<referral::v1::Referral> SubmitFirst(ReferralStub& stub, Server& server, const Tokens& tokens,
                                                   std::string_view run, uint64_t number) {
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (true) {
    auto answer = Ask(stub, &ReferralStub::SubmitReferral, tokens.from, SubmitOf(run, number));
    if (answer.ok() || absl::Now() > until) return answer;
    if (server.process().WaitForExit(absl::Milliseconds(10)).has_value()) return answer;
  }
}

}  // namespace waypost::e2e
