#include "tests/e2e/callers.h"

#include <functional>
#include <memory>
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

namespace {

using Mint = std::function<absl::StatusOr<std::string>(std::string_view body, policy::Roles roles)>;

// What makes tokens of the demonstration's issuer.
absl::StatusOr<Mint> DemoMint(const std::string& data_dir, std::string_view subject = kTestSubject) {
  crypto::SystemRandom random;
  const absl::Time now = absl::Now();
  WAYPOST_ASSIGN_OR_RETURN(const auto folder,
                           identity::DataFolder::Open({.dir = data_dir, .demo = true, .now = now}, random));
  WAYPOST_ASSIGN_OR_RETURN(auto issuer, identity::DemoIssuer::Open(folder, random));
  return [now, subject = std::string(subject),
          issuer = std::shared_ptr<identity::DemoIssuer>(std::move(issuer))](std::string_view body,
                                                                             policy::Roles roles) {
    return issuer->Mint({.body = std::string(body), .subject = subject, .roles = roles}, now);
  };
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DemoSupervisors(const std::string& data_dir,
                                                         const std::vector<std::string>& bodies,
                                                         std::string_view subject) {
  WAYPOST_ASSIGN_OR_RETURN(const Mint mint, DemoMint(data_dir, subject));
  std::vector<std::string> tokens;
  for (const std::string& body : bodies) {
    WAYPOST_ASSIGN_OR_RETURN(std::string token, mint(body, {Role::kSupervisor}));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

absl::StatusOr<Tokens> DemoTokens(const std::string& data_dir) {
  WAYPOST_ASSIGN_OR_RETURN(const Mint mint, DemoMint(data_dir));
  Tokens tokens;
  WAYPOST_ASSIGN_OR_RETURN(tokens.operators, mint(kOperator, {Role::kOperator, Role::kAuditor}));
  WAYPOST_ASSIGN_OR_RETURN(tokens.from, mint(kFrom, {Role::kSupervisor, Role::kAuditor}));
  WAYPOST_ASSIGN_OR_RETURN(tokens.to, mint(kTo, {Role::kSupervisor, Role::kAuditor}));
  return tokens;
}

absl::Status CreateBody(DirectoryStub& directory, const Tokens& tokens, std::string_view name) {
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
  return Ask(directory, &DirectoryStub::CreateBody, tokens.operators, request).status();
}

absl::Status CreateBodies(DirectoryStub& directory, const Tokens& tokens) {
  WAYPOST_RETURN_IF_ERROR(CreateBody(directory, tokens, kFrom));
  return CreateBody(directory, tokens, kTo);
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
