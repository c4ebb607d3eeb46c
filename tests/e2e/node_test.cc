// The programs as an operator meets them: how they start and end, what they refuse, and services that run in
// processes of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/identity/jws.h"
#include "common/identity/testing.h"
#include "tests/e2e/callers.h"
#include "tests/e2e/server_process.h"

namespace waypost::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class NodeTest : public ::testing::Test {
 protected:
  std::vector<std::string> Demo(std::string_view data = "data", std::string_view keys = "keys") const {
    return {Program("waypost-node"), "--demo", "--data-dir", folder_ / data, "--key-dir", folder_ / keys};
  }
  // A server that is expected to serve.
  std::unique_ptr<Server> Serve(std::vector<std::string> command, std::string_view name, int port = 0) const {
    auto server = Server::Start(std::move(command), folder_, name, port);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  static void Stop(Server& server) {
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().WaitForExit(absl::Seconds(10)), 0) << server.process().Printed();
  }
  // What becomes of a command that is expected to be refused. It would listen on a free port.
  Outcome Refused(std::vector<std::string> command) const {
    command.insert(command.end(), {"--metrics-listen", "none", "--access-log", folder_ / "refused.log"});
    return RunToEnd(command, folder_);
  }
  Outcome RefusedOnAFreePort(std::vector<std::string> command) const {
    command.insert(command.end(), {"--listen", "127.0.0.1:0"});
    return Refused(std::move(command));
  }
  std::string Configure(std::string_view text) const {
    WriteFile(folder_ / "node.textproto", text);
    return folder_ / "node.textproto";
  }
  // A configuration for production, with an issuer whose keys are in a file.
  std::string Production(std::string_view more = "") const {
    WriteFile(folder_ / "jwks.json", identity::JwksOf({&issuer_key_}));
    return Configure(base::Cat("issuers { issuer: '", identity::kTestIssuer, "' audience: '",
                               identity::kTestAudience, "' jwks: '", folder_ / "jwks.json", "' }\n", more));
  }
  std::string Mint(std::string_view body, const std::vector<std::string>& roles,
                   std::string_view subject = "person-1") const {
    const int64_t now = absl::ToUnixSeconds(absl::Now());
    nlohmann::json claims = identity::TestClaims();
    claims.update({{"iat", now},
                   {"nbf", now},
                   {"exp", now + 3600},
                   {"body", body},
                   {"roles", roles},
                   {"sub", subject}});
    claims.erase("units");
    const auto token = issuer_key_.Sign(claims.dump());
    EXPECT_TRUE(token.ok()) << token.status();
    return token.value_or("");
  }

  const TempFolder folder_;
  const identity::PrivateKey issuer_key_ =
      identity::PrivateKey::Generate(identity::Algorithm::kEs256, "test-1").value();
};

// The median of five starts is held to the promise: one start may meet the machine busy with something else.
TEST_F(NodeTest, ServesWithinASecond) {
  constexpr absl::Duration kPromise = absl::Seconds(1);
  constexpr int kStarts = 5;
  for (const bool is_used : {false, true}) {
    std::vector<absl::Duration> times;
    for (int i = 0; i < kStarts; ++i) {
      const std::string number = is_used ? "0" : base::Cat(i);
      const auto node = Serve(Demo("data-" + number, "keys-" + number), "node");
      ASSERT_NE(node, nullptr);
      EXPECT_LE(node->start_time(), node->serving_time());
      times.push_back(node->serving_time());
      Stop(*node);
    }
    std::sort(times.begin(), times.end());
    std::printf("%s folder: serves after %.0f ms, from %.0f to %.0f\n", is_used ? "used" : "new",
                absl::ToDoubleMilliseconds(times[kStarts / 2]), absl::ToDoubleMilliseconds(times.front()),
                absl::ToDoubleMilliseconds(times.back()));
    EXPECT_LT(times[kStarts / 2], kPromise) << (is_used ? "used folder" : "new folder");
  }
}

TEST_F(NodeTest, EndsCleanly) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  const pid_t pid = node->process().pid();
  const auto channel = node->Connect();
  EXPECT_EQ(IsServing(channel).value_or(false), true);
  Stop(*node);
  EXPECT_FALSE(std::filesystem::exists(base::Cat("/proc/", pid)));
  EXPECT_FALSE(IsServing(channel).ok());
}

// Its listener for metrics looks only every two seconds whether it is to end, unless it is woken.
TEST_F(NodeTest, EndsWithinASecondWithMetrics) {
  std::vector<std::string> command = Demo();
  command.insert(command.end(), {"--metrics-listen", "127.0.0.1:0"});
  const auto node = Serve(command, "node");
  ASSERT_NE(node, nullptr);
  ASSERT_NE(node->metrics_port(), 0);
  const absl::Time asked = absl::Now();
  Stop(*node);
  const absl::Duration took = absl::Now() - asked;
  std::printf("ends after %.0f ms\n", absl::ToDoubleMilliseconds(took));
  EXPECT_LT(took, absl::Seconds(1));
}

TEST_F(NodeTest, InterruptEndsItToo) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  node->process().Signal(SIGINT);
  EXPECT_EQ(node->process().WaitForExit(absl::Seconds(10)), 0) << node->process().Printed();
}

TEST_F(NodeTest, EndsWhileAStreamIsOpen) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  const auto tokens = DemoTokens(folder_ / "data");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const auto stub = directory::v1::DirectoryService::NewStub(node->Connect());
  ASSERT_TRUE(CreateBodies(*stub, *tokens).ok());
  grpc::ClientContext context;
  Prepare(tokens->from, context);
  const auto stream = stub->WatchChanges(&context, directory::v1::WatchChangesRequest());
  directory::v1::WatchChangesResponse change;
  ASSERT_TRUE(stream->Read(&change));
  Stop(*node);
  while (stream->Read(&change)) {
  }
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(NodeTest, ReflectionListsAndDescribesEveryService) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  const Outcome listed =
      RunToEnd({Program("waypost"), "--server", node->address(), "call", "--list"}, folder_);
  EXPECT_EQ(listed.exit_code, 0) << listed.printed;
  for (const std::string service :
       {"waypost.directory.v1.DirectoryService", "waypost.referral.v1.ReferralService",
        "waypost.audit.v1.AuditService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(listed.printed, HasSubstr(service));
    if (service.starts_with("grpc.")) continue;
    const Outcome described =
        RunToEnd({Program("waypost"), "--server", node->address(), "call", "--describe", service}, folder_);
    EXPECT_EQ(described.exit_code, 0) << described.printed;
    EXPECT_THAT(described.printed, HasSubstr("rpc "));
  }
}

TEST_F(NodeTest, UnknownKeyIsRefusedWithItsPlace) {
  const std::string file = Configure("demo: true\n  no_such_key: 1\n");
  const Outcome outcome = RefusedOnAFreePort({Program("waypost-node"), "--config", file, "--data-dir",
                                              folder_ / "data", "--key-dir", folder_ / "keys"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.printed, AllOf(HasSubstr(base::Cat(file, ":2:")), HasSubstr("no_such_key")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data"));
}

TEST_F(NodeTest, WrongValueIsRefusedWithItsPlace) {
  const std::string file = Configure("limits {\n  read_threads: many\n}\n");
  const Outcome outcome = RefusedOnAFreePort({Program("waypost-node"), "--config", file});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.printed, HasSubstr(base::Cat(file, ":2:")));
}

TEST_F(NodeTest, UnknownFlagAndMissingFileAreRefused) {
  auto command = Demo();
  command.push_back("--no-such-flag");
  const Outcome flag = RefusedOnAFreePort(command);
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_THAT(flag.printed, HasSubstr("no-such-flag"));
  command.back() = "--config";
  command.push_back(folder_ / "absent");
  const Outcome file = RefusedOnAFreePort(command);
  EXPECT_EQ(file.exit_code, 2);
  EXPECT_THAT(file.printed, HasSubstr(folder_ / "absent"));
}

TEST_F(NodeTest, FoldersAndIssuerAreRequired) {
  const Outcome neither = RefusedOnAFreePort({Program("waypost-node"), "--demo"});
  EXPECT_EQ(neither.exit_code, 2);
  EXPECT_THAT(neither.printed, AllOf(HasSubstr("data_dir"), HasSubstr("key_dir")));
  const Outcome no_keys =
      RefusedOnAFreePort({Program("waypost-node"), "--demo", "--data-dir", folder_ / "data"});
  EXPECT_EQ(no_keys.exit_code, 2);
  EXPECT_THAT(no_keys.printed, HasSubstr("key_dir"));
  const Outcome no_issuer = RefusedOnAFreePort(
      {Program("waypost-node"), "--data-dir", folder_ / "data", "--key-dir", folder_ / "keys"});
  EXPECT_EQ(no_issuer.exit_code, 2);
  EXPECT_THAT(no_issuer.printed, HasSubstr("issuers"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data"));
}

TEST_F(NodeTest, KeysDoNotBelongInTheDataFolder) {
  const Outcome outcome = RefusedOnAFreePort(Demo("data", "data/keys"));
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.printed, HasSubstr("data/keys"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data/keys"));
}

TEST_F(NodeTest, LostKeysAreNotMadeAnew) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  Stop(*node);
  std::filesystem::rename(folder_ / "keys", folder_ / "elsewhere");
  const Outcome outcome = RefusedOnAFreePort(Demo());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.printed, HasSubstr(folder_ / "keys"));
  const auto again = Serve(Demo("data", "elsewhere"), "node");
  ASSERT_NE(again, nullptr) << "the folder is unharmed";
}

TEST_F(NodeTest, DemonstrationFolderStaysOne) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  Stop(*node);
  const Outcome outcome = RefusedOnAFreePort({Program("waypost-node"), "--config", Production(), "--data-dir",
                                              folder_ / "data", "--key-dir", folder_ / "keys"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.printed, AllOf(HasSubstr(folder_ / "data"), HasSubstr("demo")));
}

TEST_F(NodeTest, ProductionFolderStaysOne) {
  const auto node = Serve({Program("waypost-node"), "--config", Production(), "--data-dir", folder_ / "data",
                           "--key-dir", folder_ / "keys"},
                          "node");
  ASSERT_NE(node, nullptr);
  Stop(*node);
  const Outcome outcome = RefusedOnAFreePort(Demo());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.printed, AllOf(HasSubstr(folder_ / "data"), HasSubstr("demo")));
  const Outcome both = RefusedOnAFreePort({Program("waypost-node"), "--demo", "--config", Production(),
                                           "--data-dir", folder_ / "new", "--key-dir", folder_ / "new-keys"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_THAT(both.printed, HasSubstr("issuers"));
}

TEST_F(NodeTest, ForeignFolderIsRefusedAndLeftAlone) {
  const auto other = Serve(Demo("other"), "other");  // so that there are keys
  ASSERT_NE(other, nullptr);
  Stop(*other);
  std::filesystem::create_directory(folder_ / "data");
  WriteFile(folder_ / "data/letter.txt", "not ours");
  const Outcome outcome = RefusedOnAFreePort(Demo());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.printed, HasSubstr(folder_ / "data"));
  EXPECT_EQ(RefusedOnAFreePort(Demo("data", "no-keys")).exit_code, 1);
  EXPECT_EQ(ReadFile(folder_ / "data/letter.txt"), "not ours");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data/WAYPOST"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "no-keys"));
}

TEST_F(NodeTest, SecondNodeOnTheFolderIsRefused) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  const Outcome outcome = RefusedOnAFreePort(Demo());
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.printed, AllOf(HasSubstr(folder_ / "data"), HasSubstr("in use by another process")));
  EXPECT_EQ(IsServing(node->Connect()).value_or(false), true) << "the first is not disturbed";
}

TEST_F(NodeTest, TakenPortIsRefused) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  auto command = Demo("data-2", "keys-2");
  command.insert(command.end(), {"--listen", node->address()});
  const Outcome outcome = Refused(command);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.printed, HasSubstr(node->address()));
}

TEST_F(NodeTest, PlainTextLeavesTheMachineNever) {
  for (const std::string address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0"}) {
    const Outcome outcome = Refused({Program("waypost-node"), "--config", Production(), "--data-dir",
                                     folder_ / "data", "--key-dir", folder_ / "keys", "--listen", address});
    EXPECT_EQ(outcome.exit_code, 2) << address;
    EXPECT_THAT(outcome.printed, AllOf(HasSubstr(address), HasSubstr("tls_certificate_file")));
    auto demo = Demo();
    demo.insert(demo.end(), {"--listen", address});
    EXPECT_EQ(Refused(demo).exit_code, 2) << address;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data"));
}

TEST_F(NodeTest, OtherIssuersTokensAreRefused) {
  const auto node = Serve(Demo(), "node");
  ASSERT_NE(node, nullptr);
  const auto stub = directory::v1::DirectoryService::NewStub(node->Connect());
  for (const std::string& token : {std::string("x"), Mint(kFrom, {"supervisor"})}) {
    const auto answer = Ask(*stub, &DirectoryStub::ListBodies, token, directory::v1::ListBodiesRequest());
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnauthenticated) << answer.status();
  }
}

// From the directory, through the replica, to the rule; over gRPC all of it.
TEST_F(NodeTest, ABodyThatRequiresApprovalSendsOnlyWhatASecondPersonApproved) {
  const auto node = Serve({Program("waypost-node"), "--config", Production(), "--data-dir", folder_ / "data",
                           "--key-dir", folder_ / "keys"},
                          "node");
  ASSERT_NE(node, nullptr);
  const Tokens tokens{.operators = Mint(kOperator, {"operator"}),
                      .from = Mint(kFrom, {"supervisor"}, "second-person"),
                      .to = Mint(kTo, {"supervisor"})};
  const std::string caseworker = Mint(kFrom, {"caseworker"});
  const auto directory = directory::v1::DirectoryService::NewStub(node->Connect());
  ASSERT_TRUE(CreateBodies(*directory, tokens).ok());
  directory::v1::UpdateBodyRequest require;
  require.mutable_body()->set_name(std::string(kFrom));
  require.mutable_body()->set_approval_required(true);
  require.mutable_update_mask()->add_paths("approval_required");
  require.set_request_id("require-approval");
  EXPECT_EQ(Ask(*directory, &DirectoryStub::UpdateBody, tokens.from, require).status().code(),
            absl::StatusCode::kPermissionDenied);
  const auto changed = Ask(*directory, &DirectoryStub::UpdateBody, tokens.operators, require);
  ASSERT_TRUE(changed.ok()) << changed.status();

  const auto stub = referral::v1::ReferralService::NewStub(node->Connect());
  // What is sent before the replica knows goes through.
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  absl::Status at_once;
  for (uint64_t i = 0; at_once.code() != absl::StatusCode::kFailedPrecondition && absl::Now() < give_up;
       ++i) {
    at_once = Ask(*stub, &ReferralStub::SubmitReferral, caseworker, SubmitOf("at-once", i)).status();
  }
  ASSERT_EQ(at_once.code(), absl::StatusCode::kFailedPrecondition) << at_once;

  const referral::v1::SubmitReferralRequest content = SubmitOf("draft", 1);
  referral::v1::CreateReferralRequest create;
  *create.mutable_referral() = content.referral();
  *create.mutable_sections() = content.sections();
  create.set_request_id("create-draft");
  const auto draft = Ask(*stub, &ReferralStub::CreateReferral, caseworker, create);
  ASSERT_TRUE(draft.ok()) << draft.status();
  const auto submit = [&](const std::string& id) {
    referral::v1::SubmitReferralRequest request;
    request.set_name(draft->name());
    request.set_request_id(id);
    return Ask(*stub, &ReferralStub::SubmitReferral, caseworker, request);
  };
  referral::v1::ApproveReferralRequest approve;
  approve.set_name(draft->name());
  approve.set_request_id("approve-draft");
  EXPECT_EQ(submit("submit-first").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Ask(*stub, &ReferralStub::ApproveReferral, caseworker, approve).status().code(),
            absl::StatusCode::kPermissionDenied);
  const auto approved = Ask(*stub, &ReferralStub::ApproveReferral, tokens.from, approve);
  ASSERT_TRUE(approved.ok()) << approved.status();
  const auto sent = submit("submit-again");
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->state(), referral::v1::REFERRAL_STATE_REQUESTED);
  Stop(*node);
}

// The three services, each a process with a folder of its own.
class ClusterTest : public NodeTest {
 protected:
  void SetUp() override {
    WriteFile(folder_ / "secret", "0123456789abcdef0123456789abcdef\n");
    ASSERT_NE(audit_ = Serve(Service("audit"), "audit"), nullptr);
    ASSERT_NE(directory_ = Serve(Service("directory"), "directory"), nullptr);
    ASSERT_NE(referral_ = Serve(Service("referral"), "referral"), nullptr);
    tokens_ = {.operators = Mint(kOperator, {"operator", "auditor"}),
               .from = Mint(kFrom, {"supervisor", "auditor"}),
               .to = Mint(kTo, {"supervisor", "auditor"})};
  }

  std::vector<std::string> Service(std::string_view name) const {
    std::vector<std::string> command = {Program(base::Cat("waypost-", name)),
                                        "--config",
                                        Production(),
                                        "--data-dir",
                                        folder_ / name,
                                        "--key-dir",
                                        folder_ / base::Cat(name, "-keys"),
                                        "--service-secret-file",
                                        folder_ / "secret"};
    if (audit_ != nullptr) command.insert(command.end(), {"--audit", audit_->address()});
    if (directory_ != nullptr) command.insert(command.end(), {"--directory", directory_->address()});
    return command;
  }

  // How often the log has `name` at its first revision, once it has it or 20 s have passed.
  int TimesInLog(const std::string& name) {
    const auto stub = audit::v1::AuditService::NewStub(audit_->Connect());
    audit::v1::ListEntriesRequest request;
    request.set_resource(name);
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (true) {
      const auto page = Ask(*stub, &AuditStub::ListEntries, tokens_.to, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok() || page->entries_size() > 0 || absl::Now() > until) {
        return page.ok() ? page->entries_size() : -1;
      }
      EXPECT_FALSE(audit_->process().WaitForExit(absl::Milliseconds(20)).has_value());
    }
  }

  Tokens tokens_;
  std::unique_ptr<Server> audit_, directory_, referral_;
};

TEST_F(ClusterTest, ReferralCrossesProcessesAndAuditMayBeAway) {
  const auto directory = directory::v1::DirectoryService::NewStub(directory_->Connect());
  const absl::Status created = CreateBodies(*directory, tokens_);
  ASSERT_TRUE(created.ok()) << created;
  const auto stub = referral::v1::ReferralService::NewStub(referral_->Connect());
  const auto first = SubmitFirst(*stub, *referral_, tokens_, "cluster", 1);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(TimesInLog(first->name()), 1);
  EXPECT_EQ(TimesInLog(std::string(kTo)), 1) << "the directory's events come as well";

  const int port = audit_->port();
  Stop(*audit_);
  std::vector<std::string> meanwhile;
  for (uint64_t number = 2; number < 12; ++number) {
    const auto made = Ask(*stub, &ReferralStub::SubmitReferral, tokens_.from, SubmitOf("cluster", number));
    ASSERT_TRUE(made.ok()) << "the audit service is away: " << made.status();
    meanwhile.push_back(made->name());
  }
  EXPECT_EQ(IsServing(referral_->Connect()).value_or(false), true);

  audit_.reset();
  ASSERT_NE(audit_ = Serve(Service("audit"), "audit", port), nullptr);
  for (const std::string& name : meanwhile) EXPECT_EQ(TimesInLog(name), 1) << name;
  EXPECT_EQ(TimesInLog(first->name()), 1);
  for (Server* server : {referral_.get(), directory_.get(), audit_.get()}) Stop(*server);
}

TEST_F(ClusterTest, ServicesOfAnotherSecretAreStrangers) {
  WriteFile(folder_ / "secret", "another-secret-another-secret-32");
  audit_.reset();
  ASSERT_NE(audit_ = Serve(Service("audit"), "audit"), nullptr);
  const auto stub = audit::v1::AuditService::NewStub(audit_->Connect());
  const audit::v1::AppendRequest request;
  for (const std::string token : {"0123456789abcdef0123456789abcdef", "", "x"}) {
    const auto answer = Ask(*stub, &AuditStub::Append, token, request);
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnauthenticated) << answer.status();
  }
  EXPECT_EQ(Ask(*stub, &AuditStub::Append, tokens_.from, request).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(NodeTest, ShortSecretIsRefused) {
  WriteFile(folder_ / "secret", "too short\n");
  const Outcome outcome =
      RefusedOnAFreePort({Program("waypost-audit"), "--config", Production(), "--data-dir", folder_ / "data",
                          "--key-dir", folder_ / "keys", "--service-secret-file", folder_ / "secret"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.printed, AllOf(HasSubstr("32 characters"), ::testing::Not(HasSubstr("too short"))));
}

// "Required where a service runs in a process of its own."
TEST_F(NodeTest, LoneServiceNeedsTheSecretAndItsPeers) {
  const auto refused = [this](std::string_view service, const std::vector<std::string>& more) {
    std::vector<std::string> command = {Program(service), "--config",  Production(),    "--data-dir",
                                        folder_ / "data", "--key-dir", folder_ / "keys"};
    command.insert(command.end(), more.begin(), more.end());
    const Outcome outcome = RefusedOnAFreePort(command);
    EXPECT_EQ(outcome.exit_code, 2);
    return outcome.printed;
  };
  EXPECT_THAT(
      refused("waypost-referral", {}),
      AllOf(HasSubstr("service_secret_file"), HasSubstr("directory_address"), HasSubstr("audit_address")));
  EXPECT_THAT(refused("waypost-referral", {"--audit", "127.0.0.1:1"}),
              AllOf(HasSubstr("directory_address"), ::testing::Not(HasSubstr("audit_address"))));
  EXPECT_THAT(refused("waypost-directory", {}),
              AllOf(HasSubstr("audit_address"), ::testing::Not(HasSubstr("directory_address"))));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data"));
}

}  // namespace
}  // namespace waypost::e2e
