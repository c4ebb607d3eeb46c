// A service as a process sees it: a gRPC service, and work in the background. Every service's module.h makes
// one; a main.cc composes them.
#ifndef WAYPOST_COMMON_RUNTIME_MODULE_H_
#define WAYPOST_COMMON_RUNTIME_MODULE_H_

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/client.h"
#include "common/rpc/environment.h"
#include "common/store/store.h"

namespace grpc {
class ChannelInterface;
class Service;
}  // namespace grpc

namespace waypost::runtime {

// What a module is made from. Everything outlives the module.
struct ModuleContext {
  const rpc::NodeEnvironment& node;
  store::Store& store;  // the service's own part
};

// How a module reaches other services, once every listener is up.
struct Peers {
  std::shared_ptr<grpc::ChannelInterface> directory;
  std::shared_ptr<grpc::ChannelInterface> audit;
  rpc::TokenSource token;  // of the service role
};

// Made and ended on one thread; the rest is said at each method.
class Module {
 public:
  virtual ~Module() = default;
  // "referral": the part of the store, the lane of the outbox.
  virtual std::string_view name() const = 0;
  virtual grpc::Service& service() = 0;
  // Services of the same part beside it.
  virtual std::vector<grpc::Service*> more_services() { return {}; }
  // Begins what runs in the background. Once, after the server listens.
  virtual absl::Status Start(const Peers& peers) = 0;
  // Ends it. Before the server is destroyed; Start may not have been called.
  virtual void Stop() = 0;
  // True once the module can answer as it should; health waits for it. Thread-safe.
  virtual bool Ready() const { return true; }
  // True for a service that stores wraps and lookups. Only a process that has such a service rotates keys:
  // any other would find nothing to renew, and destroy keys that are still needed.
  virtual bool KeepsKeys() const { return false; }
  // Renews whatever is stored under a key that was retired; OK once nothing is left under one. Blocks; called
  // on the housekeeping thread.
  virtual absl::Status RenewKeys(absl::Time) { return absl::OkStatus(); }
  // Called every second or so on the housekeeping thread: sweeps, trims, ticks watches. May block a little.
  virtual void Tick(absl::Time now) = 0;
};

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_MODULE_H_
