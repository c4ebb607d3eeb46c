// One admitted call, and the proof that it was.
#ifndef WAYPOST_COMMON_RPC_CALL_H_
#define WAYPOST_COMMON_RPC_CALL_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/rpc/chain/access.h"
#include "common/rpc/chain/incoming.h"
#include "common/rpc/environment.h"
#include "common/telemetry/trace.h"

namespace waypost::rpc {

// What a handler may know of its caller. Immutable after admission.
struct Call {
  const policy::MethodRule& rule;
  std::shared_ptr<const policy::Caller> caller;  // never null in a handler
  absl::Time now;  // when the request was received: stamped once, decides deadlines
  telemetry::TraceContext trace;

  absl::StatusOr<policy::Authorized> Authorize(policy::Relations relations,
                                               std::string_view resource_name) const {
    return policy::Authorize(rule, *caller, relations, resource_name);
  }
};

// A call from its arrival to its answer: runs the chain, and writes metrics and the access log whatever
// happens. Not thread-safe; handed from thread to thread.
class PendingCall {
 public:
  PendingCall(const NodeEnvironment& node, const policy::MethodRule& rule, const chain::Incoming& incoming);
  // An unanswered call has been lost by its owner: that is a defect, and it is counted as INTERNAL.
  ~PendingCall();
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  // The chain: admission, deadline, authentication, for whom the account acts, the rate of that body, may
  // this role call this method at all. `incoming` only needs to live for this call.
  absl::Status Admit(const chain::Incoming& incoming);

  // From now on it is not among the calls in flight but among the open watches, until this is destroyed: a
  // stream that may stay open for hours. Fails when there is no place for it. REQUIRES: admitted; once.
  absl::Status BecomeWatch();

  // Records the outcome; the owner then finishes its reactor. Exactly once.
  void Answered(const absl::Status& status);

  const Call& call() const { return call_; }
  const NodeEnvironment& node() const { return node_; }
  // Has the client stopped waiting?
  bool DeadlinePassed() const { return node_.clock.Now() > deadline_; }

 private:
  void LeaveFlight();

  const NodeEnvironment& node_;
  chain::Access access_;
  Call call_;
  absl::Time deadline_;
  bool entered_ = false;
  bool is_watch_ = false;
  bool answered_ = false;
};

// Reads what the chain needs from gRPC's context.
chain::Incoming IncomingOf(const grpc::CallbackServerContext& context);

// The rule of a mutation's request_id (AIP-155): 8 to 64 of A-Z, a-z, 0-9, '.', '_', ':', '-'.
absl::Status CheckRequestId(std::string_view request_id);

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_CALL_H_
