// Calls to other Waypost services: deadlines, tokens, and retries that know idempotency.
#ifndef WAYPOST_COMMON_RPC_CLIENT_H_
#define WAYPOST_COMMON_RPC_CLIENT_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/random.h"

namespace waypost::rpc {

struct RetryPolicy {
  int attempts = 5;
  absl::Duration backoff_min = absl::Milliseconds(50);
  absl::Duration backoff_max = absl::Seconds(5);
  absl::Duration attempt_timeout = absl::Seconds(10);
};

// Supplies the bearer token for each attempt, since it may be renewed between two.
using TokenSource = std::function<std::string()>;
// Waits; injected, so that tests do not.
using Sleeper = std::function<void(absl::Duration)>;

// Is it safe and useful to send the same call again? UNAVAILABLE is transient, and so is what
// error::IsTooBusy tells: a limit that the call itself passes, it passes again. ABORTED is so only for a
// caller that re-reads first, which this is not. A call that is not idempotent (a change without a
// request_id) is never sent twice, whatever the error.
bool ShouldRetry(const absl::Status& status, bool idempotent);

// Runs `attempt` until it succeeds, must not be repeated, or the attempts are used up. Honours
// google.rpc.RetryInfo; otherwise doubles the wait with jitter. Blocks: never on a gRPC thread.
absl::Status CallWithRetry(const RetryPolicy& policy, bool idempotent, const Sleeper& sleep,
                           base::Random& random, const TokenSource& token,
                           absl::FunctionRef<absl::Status(grpc::ClientContext&)> attempt);

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_CLIENT_H_
