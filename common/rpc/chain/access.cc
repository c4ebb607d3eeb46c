#include "common/rpc/chain/access.h"

#include <string>

#include "common/status/errors.h"

namespace waypost::rpc::chain {

Access::Access(telemetry::MethodMetrics& metrics, telemetry::LogWriter& log, const policy::MethodRule& rule,
               absl::Time started)
    : metrics_(metrics), log_(log), rule_(rule), started_(started) {
  metrics_.Started();
}

void Access::WatchOpened() {
  metrics_.WatchOpened();
  metrics_.LeftFlight();
  in_flight_ = false;
}

void Access::WatchClosed() {
  metrics_.WatchClosed();
}

void Access::Finish(const absl::Status& status, absl::Time now, const policy::Caller* caller,
                    const telemetry::TraceContext& trace) {
  metrics_.Record(status.code(), now - started_);
  if (in_flight_) metrics_.LeftFlight();
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string reason = status.ok() ? std::string() : error::ReasonOf(status);
  telemetry::AccessRecord record{.time = started_,
                                 .service = rule_.service,
                                 .method = rule_.method,
                                 .code = code,
                                 .reason = reason,
                                 .body = {},
                                 .actor = {},
                                 .trace_id = trace.trace_id,
                                 .span_id = trace.span_id,
                                 .duration = now - started_};
  if (caller != nullptr) {
    record.body = caller->body;
    record.actor = caller->actor;
  }
  log_.Write(telemetry::ToJson(record));
}

}  // namespace waypost::rpc::chain
