#include "common/testing/service_rig.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "common/crypto/random.h"
#include "common/outbox/keys.h"

namespace waypost::testing {
namespace {

// A rig that cannot be put together is no test.
[[noreturn]] void Die(const absl::Status& status) {
  std::cerr << "service rig: " << status << std::endl;
  std::abort();
}

template <typename Value>
Value OrDie(absl::StatusOr<Value> value) {
  if (!value.ok()) Die(value.status());
  return *std::move(value);
}

std::unique_ptr<base::Random> MakeRandom(bool system) {
  if (system) return std::make_unique<crypto::SystemRandom>();
  return std::make_unique<FakeRandom>();
}

// The clock stands, so the buckets of the rate limit are never filled again: what a test sends must fit.
constexpr rpc::chain::AdmissionLimits kLimits = {.in_flight = 4096, .body_rate = 1e9, .body_burst = 1e9};

// Counts what a body reads.
class CountingWriter final : public store::Writer {
 public:
  CountingWriter(store::Writer& writer, std::atomic<uint64_t>& reads) : writer_(writer), reads_(reads) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    ++reads_;
    return writer_.Get(key);
  }
  std::unique_ptr<store::Cursor> Scan(const store::KeyRange& range) const override {
    ++reads_;
    return writer_.Scan(range);
  }
  void Put(std::string_view key, std::string_view value) override { writer_.Put(key, value); }
  void Delete(std::string_view key) override { writer_.Delete(key); }

 private:
  store::Writer& writer_;
  std::atomic<uint64_t>& reads_;
};

}  // namespace

void FailingStore::BeforeNext(std::function<void()> hook) {
  const absl::MutexLock lock(&mutex_);
  before_next_ = std::move(hook);
}

void FailingStore::Refuse(absl::Status status) {
  const absl::MutexLock lock(&mutex_);
  refused_ = std::move(status);
}

void FailingStore::FailCommits(absl::Status status) {
  const absl::MutexLock lock(&mutex_);
  failed_ = std::move(status);
}

void FailingStore::Transact(store::Body body, store::Done done) {
  ++transactions_;
  absl::Status refused;
  absl::Status failed;
  std::function<void()> before;
  {
    const absl::MutexLock lock(&mutex_);
    refused = refused_;
    failed = failed_;
    before = std::exchange(before_next_, nullptr);
  }
  if (before != nullptr) before();
  if (!refused.ok()) return std::move(done)(std::move(refused));
  store_.Transact(
      [reads = reads_, body = std::move(body), failed](store::Writer& writer) mutable {
        CountingWriter counting(writer, *reads);
        absl::Status status = body(counting);
        return status.ok() ? failed : status;
      },
      std::move(done));
}

ServiceRig::ServiceRig(RigOptions options)
    : options_(std::move(options)),
      clock_(options_.now),
      random_(MakeRandom(options_.system_random)),
      admission_(kLimits),
      log_file_(std::tmpfile()),
      log_(std::make_unique<telemetry::LogWriter>(log_file_)),
      page_tokens_(crypto::SecretKey::Generate(*random_), crypto::SecretKey::Generate(*random_), *random_),
      idempotency_key_(random_->Bytes(32)) {
  store::Store* base = &memory_;
  if (options_.on_disk) {
    store::RocksOptions rocks;
    rocks.path = folder_.path() + "/data";
    rocks.parts = {options_.service};
    rocks_ = OrDie(store::RocksNode::Open(std::move(rocks)));
    base = &rocks_->store(options_.service);
  }
  rerunning_ = std::make_unique<store::RerunningStore>(*base, options_.body_runs);
  failing_ = std::make_unique<FailingStore>(*rerunning_);
  lane_ = std::make_unique<outbox::Lane>(OrDie(outbox::Lane::Open(*failing_, options_.service)));
  executor_ = std::make_unique<rpc::Executor>(options_.executor_threads, options_.executor_queue);
  node_ = std::make_unique<rpc::NodeEnvironment>(
      rpc::NodeEnvironment{authenticator_, admission_, clock_, *random_, *executor_, metrics_, *log_,
                           page_tokens_, idempotency_key_, accounts_});
  env_ = std::make_unique<rpc::Environment>(rpc::Environment{*node_, *failing_, *lane_, hub_});
}

ServiceRig::~ServiceRig() {
  StopServing();
  executor_.reset();
  log_.reset();
  std::fclose(log_file_);
}

void ServiceRig::Serve(const std::vector<grpc::Service*>& services) {
  server_ = OrDie(rpc::Server::Start({.listen = "127.0.0.1:0"}, services));
  server_->SetServing(true);
  if (options_.over_socket) {
    channel_ =
        grpc::CreateChannel(base::Cat("127.0.0.1:", server_->port()), grpc::InsecureChannelCredentials());
  } else {
    channel_ = server_->InProcessChannel();
  }
}

void ServiceRig::StopServing() {
  channel_.reset();
  server_.reset();
}

std::string ServiceRig::TokenOf(std::string_view body, policy::Roles roles, std::vector<std::string> units,
                                std::string_view actor, absl::Time expires) {
  policy::Caller caller;
  caller.body = body;
  caller.actor = actor.empty() ? base::Cat("p-", ++actors_) : std::string(actor);
  caller.roles = roles;
  caller.units = std::move(units);
  caller.expires = expires;
  return authenticator_.Add(std::move(caller));
}

std::map<std::string, std::string> ServiceRig::Dump() const {
  std::map<std::string, std::string> rows;
  const auto reader = OrDie(failing_->Snapshot());
  const auto at = reader->Scan({});
  for (; at->Valid(); at->Next()) rows.emplace(at->key(), at->value());
  if (!at->status().ok()) Die(at->status());
  return rows;
}

std::vector<event::v1::Envelope> ServiceRig::Envelopes() const {
  std::vector<event::v1::Envelope> envelopes;
  const auto reader = OrDie(failing_->Snapshot());
  const auto at = reader->Scan(store::PrefixRange(outbox::EventPrefix(options_.service)));
  for (; at->Valid(); at->Next()) {
    if (!envelopes.emplace_back().ParseFromString(std::string(at->value())))
      Die(absl::DataLossError("envelope"));
  }
  if (!at->status().ok()) Die(at->status());
  return envelopes;
}

std::vector<event::v1::Event> ServiceRig::Events() const {
  std::vector<event::v1::Event> events;
  for (const event::v1::Envelope& envelope : Envelopes()) {
    if (!events.emplace_back().ParseFromString(envelope.event())) Die(absl::DataLossError("event"));
  }
  return events;
}

std::vector<std::string> ServiceRig::FilesHolding(std::string_view bytes) const {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    if (content.find(bytes) != std::string::npos) found.push_back(entry.path().filename().string());
  }
  return found;
}

std::string ServiceRig::EndLog() {
  StopServing();
  log_.reset();
  std::string text;
  std::rewind(log_file_);
  for (int c = std::fgetc(log_file_); c != EOF; c = std::fgetc(log_file_))
    text.push_back(static_cast<char>(c));
  return text;
}

}  // namespace waypost::testing
