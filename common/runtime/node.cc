#include "common/runtime/node.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/api/page_token.h"
#include "common/base/status_macros.h"
#include "common/base/step_thread.h"
#include "common/base/strings.h"
#include "common/crypto/file_key_provider.h"
#include "common/crypto/random.h"
#include "common/identity/data_folder.h"
#include "common/identity/demo_issuer.h"
#include "common/identity/jwks_source.h"
#include "common/identity/key_refresher.h"
#include "common/identity/listen.h"
#include "common/identity/token_verifier.h"
#include "common/rpc/chain/admission.h"
#include "common/rpc/chain/successor_accounts.h"
#include "common/rpc/environment.h"
#include "common/rpc/executor.h"
#include "common/rpc/server.h"
#include "common/runtime/key_rotation.h"
#include "common/runtime/metrics_listener.h"
#include "common/runtime/node_authenticator.h"
#include "common/status/errors.h"
#include "common/store/rocksdb_store.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"

namespace waypost::runtime {
namespace {

using config::v1::NodeConfig;

constexpr size_t kMinServiceSecret = 32;
// sysexits.h EX_IOERR.
constexpr int kExitStoreFailed = 74;
constexpr absl::Duration kTick = absl::Seconds(1);
// How often it looks whether its modules are ready, until they are.
constexpr absl::Duration kReadyPoll = absl::Milliseconds(10);

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return absl::NotFoundError(base::Cat("cannot read '", path, "': check that it exists and is readable"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The secret that the services of a cluster share; random in a process that has them all.
absl::StatusOr<std::string> ServiceSecret(const NodeConfig& config, base::Random& random) {
  if (config.service_secret_file().empty()) return base::ToHex(random.Bytes(32));
  WAYPOST_ASSIGN_OR_RETURN(std::string secret, ReadAll(config.service_secret_file()));
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.size() >= kMinServiceSecret) return secret;
  return error::InvalidField("service_secret_file", "the secret must have at least 32 characters");
}

absl::StatusOr<std::shared_ptr<identity::JwksSource>> KeysOf(const std::string& where) {
  if (where.find("://") == std::string::npos) return std::make_shared<identity::FileJwksSource>(where);
  WAYPOST_ASSIGN_OR_RETURN(std::unique_ptr<identity::HttpJwksSource> source,
                           identity::HttpJwksSource::Create(where));
  return std::shared_ptr<identity::JwksSource>(std::move(source));
}

// What an organisation's provider may give: every role but that of Waypost's own services.
policy::Roles RolesOfPeople() {
  policy::Roles roles;
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const auto role = static_cast<policy::Role>(i);
    if (role != policy::Role::kService) roles.Add(role);
  }
  return roles;
}

absl::StatusOr<std::vector<identity::TrustedIssuer>> IssuersOf(const NodeConfig& config,
                                                               const identity::DataFolder& folder,
                                                               base::Random& random) {
  std::vector<identity::TrustedIssuer> issuers;
  if (folder.demo()) {
    WAYPOST_ASSIGN_OR_RETURN(const auto demo, identity::DemoIssuer::Open(folder, random));
    issuers.push_back(demo->Trust());
  }
  for (const NodeConfig::Issuer& issuer : config.issuers()) {
    WAYPOST_ASSIGN_OR_RETURN(auto keys, KeysOf(issuer.jwks()));
    issuers.push_back({.issuer = issuer.issuer(),
                       .audience = issuer.audience(),
                       .keys = std::move(keys),
                       .bodies = {issuer.bodies().begin(), issuer.bodies().end()},
                       .roles = RolesOfPeople()});
  }
  return issuers;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelInterface>> ConnectTo(const std::string& address,
                                                                  const std::string& ca_file) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  if (ca_file.empty()) {
    if (!identity::IsLoopback(address)) {
      return error::InvalidField("peer_ca_file", base::Cat("is required to reach '", address, "'"));
    }
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }
  grpc::SslCredentialsOptions tls;
  WAYPOST_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadAll(ca_file));
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(tls), arguments);
}

// Feeds the store's measurements to the metrics.
class GroupObserver final : public store::StoreObserver {
 public:
  explicit GroupObserver(telemetry::Metrics& metrics) : metrics_(metrics) {}
  void OnGroup(const store::GroupReport& group) override {
    metrics_.RecordGroup({.bodies = group.bodies,
                          .rows = group.rows,
                          .bytes = group.bytes,
                          .run = group.run_time,
                          .sync = group.sync_time});
  }

 private:
  telemetry::Metrics& metrics_;
};

[[noreturn]] void EndOnStoreFailure(const absl::Status& status) {
  std::fprintf(
      stderr,
      "waypost: the store has failed: %s. Nothing that was acknowledged is lost; the process ends so that "
      "its supervisor restarts it. Check the disk.\n",
      std::string(status.message()).c_str());
  std::fflush(stderr);
  std::_Exit(kExitStoreFailed);
}

struct FileCloser {
  void operator()(std::FILE* file) const {
    if (file != stdout) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

absl::StatusOr<File> OpenLog(const std::string& path) {
  if (path.empty() || path == "-") return File(stdout);
  File file(std::fopen(path.c_str(), "ae"));
  if (file == nullptr)
    return error::InvalidField("access_log_file", base::Cat("cannot append to '", path, "'"));
  return file;
}

class RunningNode final : public Node, public Workshop {
 public:
  RunningNode(const NodeConfig& config, const base::Clock& clock) : config_(config), clock_(clock) {}
  ~RunningNode() override { Stop(); }

  absl::Status Open(const std::vector<std::string>& parts);
  absl::Status Serve(const MakeModules& make);

  int port() const override { return server_->port(); }
  int metrics_port() const override { return metrics_port_; }
  bool Serving() const override { return serving_.load(); }
  void Stop() override;

  ModuleContext ContextOf(std::string_view part) override { return {*environment_, store_->store(part)}; }
  crypto::BodyKeys& keys() override { return *body_keys_; }
  const NodeConfig& config() const override { return config_; }

 private:
  absl::Status OpenIdentity();
  absl::Status OpenFolder();
  absl::Status OpenStore(const std::vector<std::string>& parts);
  absl::Status ExposeMetrics();
  absl::Status StartModules();
  base::StepAndRest Housekeep();
  base::StepAndRest KeepKeys();
  void RenewPageTokens();
  void CountDroppedLines();
  void LogRefresh(const absl::Status& status);
  void UpdateHealth();

  const NodeConfig config_;
  const base::Clock& clock_;
  crypto::SystemRandom random_;
  File log_file_;
  std::optional<telemetry::LogWriter> log_;
  telemetry::Metrics metrics_;
  GroupObserver observer_{metrics_};
  std::unique_ptr<crypto::FileKeyProvider> key_provider_;
  std::optional<crypto::BodyKeys> body_keys_;
  std::optional<identity::DataFolder> folder_;
  std::unique_ptr<identity::TokenVerifier> verifier_;
  std::unique_ptr<identity::KeyRefresher> refresher_;
  std::string service_secret_;
  std::optional<NodeAuthenticator> authenticator_;
  std::optional<rpc::chain::Admission> admission_;
  rpc::chain::SuccessorAccounts accounts_;
  std::optional<api::PageTokens> page_tokens_;
  std::string idempotency_key_;
  std::unique_ptr<store::RocksNode> store_;
  std::optional<rpc::Executor> executor_;
  std::optional<rpc::NodeEnvironment> environment_;
  Modules modules_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<MetricsListener> metrics_listener_;
  int metrics_port_ = 0;
  std::atomic<bool> serving_{false};
  std::atomic<bool> stopping_{false};
  // The housekeeping thread's own.
  uint64_t dropped_counted_ = 0;
  absl::Time next_tick_ = absl::InfinitePast();

  base::StepThread housekeeping_{"housekeeping", kTick};  // last: they use the others
  base::StepThread key_keeping_{"key-keeping", kRotationCheck};
};

// What a service in a process of its own cannot do without. It would start, and never be ready.
absl::Status CheckAlone(const NodeConfig& config, std::string_view part) {
  error::FieldViolations missing;
  if (config.service_secret_file().empty()) {
    missing.Add("service_secret_file",
                "is required where a service runs in a process of its own: its peers know it by it");
  }
  if (part == "referral" && config.directory_address().empty()) {
    missing.Add("directory_address", "is required where the directory is another process");
  }
  if (part != "audit" && config.audit_address().empty()) {
    missing.Add("audit_address", "is required where the audit service is another process");
  }
  return missing.ToStatus();
}

absl::Status RunningNode::Open(const std::vector<std::string>& parts) {
  if (parts.size() == 1) WAYPOST_RETURN_IF_ERROR(CheckAlone(config_, parts.front()));
  WAYPOST_RETURN_IF_ERROR(identity::CheckListeners(config_.demo(), {config_.listen()}));
  WAYPOST_ASSIGN_OR_RETURN(log_file_, OpenLog(config_.access_log_file()));
  log_.emplace(log_file_.get());
  WAYPOST_RETURN_IF_ERROR(OpenIdentity());
  WAYPOST_RETURN_IF_ERROR(OpenStore(parts));
  const auto& limits = config_.limits();
  executor_.emplace(limits.read_threads(), limits.read_queue());
  admission_.emplace(rpc::chain::AdmissionLimits{.in_flight = limits.in_flight(),
                                                 .body_rate = static_cast<double>(limits.body_rate()),
                                                 .body_burst = static_cast<double>(limits.body_rate()),
                                                 .watches = limits.watches(),
                                                 .body_watches = limits.body_watches()});
  environment_.emplace(rpc::NodeEnvironment{*authenticator_, *admission_, clock_, random_, *executor_,
                                            metrics_, *log_, *page_tokens_, idempotency_key_, accounts_});
  return absl::OkStatus();
}

absl::Status RunningNode::OpenIdentity() {
  // The first start makes the keys, before anything can be sealed under them; later ones must find them.
  WAYPOST_ASSIGN_OR_RETURN(const bool unused, identity::DataFolder::IsUnused(config_.data_dir()));
  // A folder that has content says first whether it is ours.
  if (!unused) WAYPOST_RETURN_IF_ERROR(OpenFolder());
  WAYPOST_ASSIGN_OR_RETURN(
      key_provider_,
      crypto::FileKeyProvider::Open(
          {.dir = config_.key_dir(), .data_dir = config_.data_dir(), .create = unused}, clock_, random_));
  if (unused) WAYPOST_RETURN_IF_ERROR(OpenFolder());
  body_keys_.emplace(*key_provider_, random_);
  identity::TokenVerifier::Options options{.issuers = {}, .actor_key = crypto::SecretKey::Generate(random_)};
  options.signature_rate = config_.limits().signature_rate();
  WAYPOST_ASSIGN_OR_RETURN(options.issuers, IssuersOf(config_, *folder_, random_));
  WAYPOST_ASSIGN_OR_RETURN(options.actor_key, key_provider_->NodeSecret("actor"));
  WAYPOST_ASSIGN_OR_RETURN(verifier_, identity::TokenVerifier::Create(std::move(options), clock_));
  // What is in a file or built in must be right; what is fetched may come later.
  const absl::Status refreshed = verifier_->Refresh();
  if (!refreshed.ok() && refreshed.code() != absl::StatusCode::kUnavailable) return refreshed;
  refresher_ = std::make_unique<identity::KeyRefresher>(
      *verifier_,
      identity::KeyRefresher::Options{.report = [this](const absl::Status& status) { LogRefresh(status); }});
  WAYPOST_ASSIGN_OR_RETURN(service_secret_, ServiceSecret(config_, random_));
  authenticator_.emplace(*verifier_, service_secret_);
  WAYPOST_ASSIGN_OR_RETURN(crypto::PeriodSecrets page, PageTokenKeys(*key_provider_, clock_.Now()));
  page_tokens_.emplace(std::move(page.current), std::move(page.previous), random_);
  WAYPOST_ASSIGN_OR_RETURN(const crypto::SecretKey idempotency, key_provider_->NodeSecret("idempotency"));
  idempotency_key_ = idempotency.bytes();
  return absl::OkStatus();
}

absl::Status RunningNode::OpenFolder() {
  WAYPOST_ASSIGN_OR_RETURN(folder_, identity::DataFolder::Open({.dir = config_.data_dir(),
                                                                .demo = config_.demo(),
                                                                .other_issuer = config_.issuers_size() > 0,
                                                                .now = clock_.Now()},
                                                               random_));
  return absl::OkStatus();
}

absl::Status RunningNode::OpenStore(const std::vector<std::string>& parts) {
  store::RocksOptions options;
  options.path = base::Cat(config_.data_dir(), "/store");
  options.parts = parts;
  options.queue_max = config_.limits().write_queue();
  options.observer = &observer_;
  options.on_fatal = [](const absl::Status& status) { EndOnStoreFailure(status); };
  WAYPOST_ASSIGN_OR_RETURN(store_, store::RocksNode::Open(std::move(options)));
  return absl::OkStatus();
}

absl::Status RunningNode::Serve(const MakeModules& make) {
  WAYPOST_ASSIGN_OR_RETURN(modules_, make(*this));
  std::vector<grpc::Service*> services;
  for (const auto& module : modules_) {
    services.push_back(&module->service());
    for (grpc::Service* const more : module->more_services()) services.push_back(more);
  }
  WAYPOST_ASSIGN_OR_RETURN(server_,
                           rpc::Server::Start({.listen = config_.listen(),
                                               .tls_certificate_file = config_.tls_certificate_file(),
                                               .tls_key_file = config_.tls_key_file()},
                                              services));
  WAYPOST_RETURN_IF_ERROR(ExposeMetrics());
  WAYPOST_RETURN_IF_ERROR(StartModules());
  housekeeping_.Start([this] { return Housekeep(); });
  const bool keeps_keys =
      std::any_of(modules_.begin(), modules_.end(), [](const auto& module) { return module->KeepsKeys(); });
  if (keeps_keys) key_keeping_.Start([this] { return KeepKeys(); });
  return absl::OkStatus();
}

absl::Status RunningNode::ExposeMetrics() {
  if (config_.metrics_listen().empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(metrics_listener_,
                           MetricsListener::Start(config_.metrics_listen(), metrics_.registry()));
  metrics_port_ = metrics_listener_->port();
  return absl::OkStatus();
}

absl::Status RunningNode::StartModules() {
  const std::shared_ptr<grpc::ChannelInterface> self = server_->InProcessChannel();
  Peers peers{.directory = self, .audit = self, .token = [secret = service_secret_] { return secret; }};
  if (!config_.directory_address().empty()) {
    WAYPOST_ASSIGN_OR_RETURN(peers.directory, ConnectTo(config_.directory_address(), config_.peer_ca_file()));
  }
  if (!config_.audit_address().empty()) {
    WAYPOST_ASSIGN_OR_RETURN(peers.audit, ConnectTo(config_.audit_address(), config_.peer_ca_file()));
  }
  for (const auto& module : modules_) WAYPOST_RETURN_IF_ERROR(module->Start(peers));
  return absl::OkStatus();
}

base::StepAndRest RunningNode::Housekeep() {
  UpdateHealth();
  // Read once: a clock that moves on during a tick must not put off the next.
  if (const absl::Time now = clock_.Now(); now >= next_tick_) {
    RenewPageTokens();
    for (const auto& module : modules_) module->Tick(now);
    CountDroppedLines();
    next_tick_ = now + kTick;
  }
  return {.more = !serving_, .rest = kReadyPoll};
}

// Keys of an issuer that cannot be fetched: people are refused once the known ones are a day old.
void RunningNode::LogRefresh(const absl::Status& status) {
  if (status.ok()) return;
  log_->Write(telemetry::ToJson(clock_.Now(), telemetry::Severity::kWarning,
                                "an issuer's keys could not be fetched",
                                {{"error", std::string(base::ToStd(status.message()))}}));
}

// With the old keys listings go on; tokens that another replica made under the new ones are refused
// meanwhile.
void RunningNode::RenewPageTokens() {
  const absl::Status renewed = RenewPageTokenKeys(*key_provider_, clock_.Now(), *page_tokens_);
  if (renewed.ok()) return;
  log_->Write(telemetry::ToJson(clock_.Now(), telemetry::Severity::kError,
                                "the keys of page tokens could not be renewed; it is tried again",
                                {{"error", std::string(base::ToStd(renewed.message()))}}));
}

void RunningNode::CountDroppedLines() {
  const uint64_t dropped = log_->dropped();
  metrics_.CountDroppedLogLines(static_cast<double>(dropped - dropped_counted_));
  dropped_counted_ = dropped;
}

// Apart from housekeeping: with many referrals it takes minutes.
base::StepAndRest RunningNode::KeepKeys() {
  // Its thread is stopped last; no pass begins once the node stops.
  if (stopping_) return {};
  const RotationWork work{.renew = [this](absl::Time now) -> absl::Status {
                            for (const auto& module : modules_)
                              WAYPOST_RETURN_IF_ERROR(module->RenewKeys(now));
                            return absl::OkStatus();
                          },
                          .purge = [this] { return store_->PurgeDeleted(); }};
  const auto destroyed = RotateKeys(*body_keys_, work, clock_.Now());
  if (!destroyed.ok()) {
    log_->Write(telemetry::ToJson(clock_.Now(), telemetry::Severity::kError,
                                  "key rotation failed; it is tried again",
                                  {{"error", std::string(base::ToStd(destroyed.status().message()))}}));
  } else if (*destroyed > 0) {
    log_->Write(telemetry::ToJson(clock_.Now(), telemetry::Severity::kInfo, "retired keys destroyed",
                                  {{"keys", base::Cat(*destroyed)}}));
  }
  return {};
}

void RunningNode::UpdateHealth() {
  bool ready = true;
  for (const auto& module : modules_) ready = ready && module->Ready();
  if (ready == serving_.exchange(ready)) return;
  server_->SetServing(ready);
}

void RunningNode::Stop() {
  if (stopping_.exchange(true)) return;
  housekeeping_.Stop();
  serving_ = false;
  if (server_ != nullptr) server_->SetServing(false);
  // First what calls this very server from inside: its streams would hold the shutdown up.
  for (const auto& module : modules_) module->Stop();
  if (server_ != nullptr) server_->Shutdown(kShutdownGrace);
  // Until then the end could be watched.
  metrics_listener_.reset();
  refresher_.reset();
  // What is queued still uses the modules.
  executor_.reset();
  // Last: it may take minutes, and only the process waits for it by then. Killed, it loses nothing.
  key_keeping_.Stop();
}

absl::Status WritePorts(const std::string& path, const Node& node) {
  if (path.empty()) return absl::OkStatus();
  const std::string temporary = base::Cat(path, ".tmp");
  {
    std::ofstream file(temporary);
    file << "{\"grpc\": " << node.port() << ", \"metrics\": " << node.metrics_port()
         << ", \"pid\": " << getpid() << "}\n";
    if (!file.flush()) return error::InvalidField("--port-file", base::Cat("cannot write '", path, "'"));
  }
  if (std::rename(temporary.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return error::InvalidField("--port-file", base::Cat("cannot write '", path, "'"));
}

void PrintError(const std::string& program, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), std::string(status.message()).c_str());
}

// Waits until it is asked to stop; says so on the way.
void WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const NodeConfig& config,
                                                  const std::vector<std::string>& parts,
                                                  const MakeModules& make, const base::Clock& clock) {
  auto node = std::make_unique<RunningNode>(config, clock);
  WAYPOST_RETURN_IF_ERROR(node->Open(parts));
  WAYPOST_RETURN_IF_ERROR(node->Serve(make));
  return node;
}

int Run(const std::string& program, const std::vector<std::string>& parts, const MakeModules& make, int argc,
        char** argv) {
  const auto line = ParseCommandLine(program, argc, argv);
  if (!line.ok()) {
    PrintError(program, line.status());
    return 2;
  }
  if (!line->has_value()) return 0;
  // Every thread inherits the mask: the signals come to sigwait alone.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // Debian builds Abseil with the search for lock cycles on, which every lock then pays for. Tests keep it.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const base::SystemClock clock;
  const auto node = Node::Start((*line)->config, parts, make, clock);
  if (!node.ok()) {
    PrintError(program, node.status());
    return node.status().code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
  }
  const absl::Status ports = WritePorts((*line)->port_file, **node);
  if (!ports.ok()) {
    PrintError(program, ports);
    return 2;
  }
  std::fprintf(stderr, "%s: serves gRPC on port %d, metrics on port %d\n", program.c_str(), (*node)->port(),
               (*node)->metrics_port());
  WaitForSignal(signals);
  std::fprintf(stderr, "%s: stopping\n", program.c_str());
  (*node)->Stop();
  return 0;
}

}  // namespace waypost::runtime
