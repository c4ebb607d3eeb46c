// A process of Waypost: everything that its services share, from the folder to the listener, and the order in
// which it is begun and ended.
#ifndef WAYPOST_COMMON_RUNTIME_NODE_H_
#define WAYPOST_COMMON_RUNTIME_NODE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/crypto/body_keys.h"
#include "common/runtime/config.h"
#include "common/runtime/module.h"

namespace waypost::runtime {

// How long calls under way may go on after a request to stop.
inline constexpr absl::Duration kShutdownGrace = absl::Seconds(5);

// What a composition may build modules from.
class Workshop {
 public:
  virtual ~Workshop() = default;
  // The context of the service whose store part is `part`, one of those that Run was given.
  virtual ModuleContext ContextOf(std::string_view part) = 0;
  virtual crypto::BodyKeys& keys() = 0;
  // As it was read: complete and within bounds.
  virtual const config::v1::NodeConfig& config() const = 0;
};

using Modules = std::vector<std::unique_ptr<Module>>;
using MakeModules = std::function<absl::StatusOr<Modules>(Workshop&)>;

// A whole process: reads the command line, starts, serves until SIGTERM or SIGINT, ends. `parts` are the
// services it runs, each with a part of the store. Returns the exit code: 0 after a clean end, 2 for a
// command line or configuration that is refused, 1 for what could not be started. When the store fails the
// process ends at once with code 74 and a last message that says so.
int Run(const std::string& program, const std::vector<std::string>& parts, const MakeModules& make, int argc,
        char** argv);

// The same without signals and the command line, for tests. Not thread-safe.
class Node {
 public:
  static absl::StatusOr<std::unique_ptr<Node>> Start(const config::v1::NodeConfig& config,
                                                     const std::vector<std::string>& parts,
                                                     const MakeModules& make, const base::Clock& clock);
  virtual ~Node() = default;

  virtual int port() const = 0;
  // 0 without a listener for metrics.
  virtual int metrics_port() const = 0;
  // True once every module is ready.
  virtual bool Serving() const = 0;
  // Refuses new calls, lets those under way finish, and ends everything in the background.
  virtual void Stop() = 0;
};

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_NODE_H_
