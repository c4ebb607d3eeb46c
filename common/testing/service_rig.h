// What a service needs around it in a test: a clock that the test turns, callers by their tokens, a store on
// disk or in memory that can be made to fail, a gRPC server, and a look at what was written.
#ifndef WAYPOST_COMMON_TESTING_SERVICE_RIG_H_
#define WAYPOST_COMMON_TESTING_SERVICE_RIG_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/api/page_token.h"
#include "common/base/strings.h"
#include "common/outbox/lane.h"
#include "common/rpc/change_hub.h"
#include "common/rpc/environment.h"
#include "common/rpc/executor.h"
#include "common/rpc/server.h"
#include "common/rpc/status_conversion.h"
#include "common/store/memory_store.h"
#include "common/store/rocksdb_store.h"
#include "common/store/testing/rerunning_store.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/testing/fakes.h"
#include "common/testing/temp_folder.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::testing {

// Passes everything on, until it is told to fail. Thread-safe.
class FailingStore final : public store::Store {
 public:
  // `store` must outlive this.
  explicit FailingStore(store::Store& store) : store_(store) {}

  // Transactions are answered so without being run, as when too many wait. OK ends it.
  void Refuse(absl::Status status);
  // Bodies are run, but what they wrote is not committed, as when the disk fails. OK ends it.
  void FailCommits(absl::Status status);
  // Runs once: before the next transaction, on the thread that asks for it.
  void BeforeNext(std::function<void()> hook);
  uint64_t transactions() const { return transactions_.load(); }
  // Gets and scans of bodies: what everybody who writes waits for.
  uint64_t reads_by_bodies() const { return reads_->load(); }

  absl::StatusOr<std::unique_ptr<store::Reader>> Snapshot() const override { return store_.Snapshot(); }
  void Transact(store::Body body, store::Done done) override;

 private:
  store::Store& store_;
  std::atomic<uint64_t> transactions_{0};
  // Bodies that wait still may outlive this.
  const std::shared_ptr<std::atomic<uint64_t>> reads_ = std::make_shared<std::atomic<uint64_t>>(0);
  absl::Mutex mutex_;
  std::function<void()> before_next_ ABSL_GUARDED_BY(mutex_);
  absl::Status refused_ ABSL_GUARDED_BY(mutex_);
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
};

struct RigOptions {
  // The service: the part of the store, the lane of the outbox.
  std::string service;
  // RocksDB in a folder of its own, gone with the rig; in memory otherwise.
  bool on_disk = true;
  // How often each transaction body runs before it commits.
  int body_runs = 1;
  // Where the clock stands at first.
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  // Random bytes of the operating system, where a test depends on there being no two alike.
  bool system_random = false;
  int executor_threads = 2;
  size_t executor_queue = 1000;
  // A socket of the loopback interface; a channel within the process otherwise.
  bool over_socket = false;
};

// Everything is there when it is made, apart from the server: a service is made with env(), then served.
// Thread-safe, except for Serve and StopServing.
class ServiceRig {
 public:
  explicit ServiceRig(RigOptions options);
  // Calls under way are cancelled.
  ~ServiceRig();
  ServiceRig(const ServiceRig&) = delete;
  ServiceRig& operator=(const ServiceRig&) = delete;

  const rpc::Environment& env() const { return *env_; }
  FakeClock& clock() { return clock_; }
  base::Random& random() { return *random_; }
  FakeAuthenticator& authenticator() { return authenticator_; }
  rpc::chain::Admission& admission() { return admission_; }
  rpc::chain::SuccessorAccounts& accounts() { return accounts_; }
  rpc::Executor& executor() { return *executor_; }
  rpc::ChangeHub& hub() { return hub_; }
  // The store as the service sees it.
  FailingStore& store() { return *failing_; }
  // REQUIRES: on_disk.
  store::RocksNode& rocks() { return *rocks_; }

  // `service` must outlive the serving: StopServing, or the rig, ends it.
  void Serve(grpc::Service& service) { Serve(std::vector<grpc::Service*>{&service}); }
  void Serve(const std::vector<grpc::Service*>& services);
  void StopServing();
  std::shared_ptr<grpc::Channel> channel() { return channel_; }

  // The token of somebody: a new pseudonym each time, unless `actor` names one.
  std::string TokenOf(std::string_view body, policy::Roles roles, std::vector<std::string> units = {},
                      std::string_view actor = {}, absl::Time expires = absl::InfiniteFuture());

  // One unary call as somebody. A change gets a new request id unless it has one.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub, std::string_view token,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                Request request) {
    if constexpr (requires { request.set_request_id(""); }) {
      if (request.request_id().empty()) request.set_request_id(NewRequestId());
    }
    return CallAsItIs(stub, token, method, request);
  }
  // The same with the request just as it is.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> CallAsItIs(Stub& stub, std::string_view token,
                                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                                   Response*),
                                      const Request& request) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", base::Cat("Bearer ", token));
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response;
  }
  std::string NewRequestId() { return base::Cat("request-", ++requests_); }

  // Everything in the store, by key.
  std::map<std::string, std::string> Dump() const;
  // The outbox, in order, and the events in it.
  std::vector<event::v1::Envelope> Envelopes() const;
  std::vector<event::v1::Event> Events() const;
  // Files of the data folder that hold these bytes. REQUIRES: on_disk.
  std::vector<std::string> FilesHolding(std::string_view bytes) const;
  // What was logged so far; ends the log.
  std::string EndLog();

 private:
  const RigOptions options_;
  FakeClock clock_;
  const std::unique_ptr<base::Random> random_;
  FakeAuthenticator authenticator_;
  rpc::chain::Admission admission_;
  rpc::chain::SuccessorAccounts accounts_;
  telemetry::Metrics metrics_;
  std::FILE* const log_file_;
  std::unique_ptr<telemetry::LogWriter> log_;
  const api::PageTokens page_tokens_;
  const std::string idempotency_key_;
  TempFolder folder_;
  store::MemoryStore memory_;
  std::unique_ptr<store::RocksNode> rocks_;
  std::unique_ptr<store::RerunningStore> rerunning_;
  std::unique_ptr<FailingStore> failing_;
  std::unique_ptr<outbox::Lane> lane_;
  rpc::ChangeHub hub_;
  std::unique_ptr<rpc::Executor> executor_;
  std::unique_ptr<rpc::NodeEnvironment> node_;
  std::unique_ptr<rpc::Environment> env_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::atomic<int> requests_{100'000};
  std::atomic<int> actors_{0};
};

}  // namespace waypost::testing

#endif  // WAYPOST_COMMON_TESTING_SERVICE_RIG_H_
