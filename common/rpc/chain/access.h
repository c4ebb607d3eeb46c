// The chain's outermost link: metrics and the access log, for every call, answered or refused.
#ifndef WAYPOST_COMMON_RPC_CHAIN_ACCESS_H_
#define WAYPOST_COMMON_RPC_CHAIN_ACCESS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"
#include "common/telemetry/trace.h"

namespace waypost::rpc::chain {

// One call's record. Everything given must outlive it. Not thread-safe.
class Access {
 public:
  Access(telemetry::MethodMetrics& metrics, telemetry::LogWriter& log, const policy::MethodRule& rule,
         absl::Time started);

  // From now on the call is an open watch and not in flight, though it is not answered; then, that it is no
  // watch any more. Once each, or neither.
  void WatchOpened();
  void WatchClosed();

  // Once, when the answer is known. `caller` is null when the call was not authenticated.
  void Finish(const absl::Status& status, absl::Time now, const policy::Caller* caller,
              const telemetry::TraceContext& trace);

 private:
  telemetry::MethodMetrics& metrics_;
  telemetry::LogWriter& log_;
  const policy::MethodRule& rule_;
  absl::Time started_;
  bool in_flight_ = true;
};

}  // namespace waypost::rpc::chain

#endif  // WAYPOST_COMMON_RPC_CHAIN_ACCESS_H_
