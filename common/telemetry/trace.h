// W3C Trace Context (https://www.w3.org/TR/trace-context/): the ids that tie one request's log lines together
// across services.
#ifndef WAYPOST_COMMON_TELEMETRY_TRACE_H_
#define WAYPOST_COMMON_TELEMETRY_TRACE_H_

#include <string>
#include <string_view>

#include "common/base/random.h"

namespace waypost::telemetry {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits
  std::string span_id;   // 16, made here: this call
  bool sampled = false;

  // The header to send with calls made on behalf of this one.
  std::string ToTraceparent() const;
};

// Continues the trace that `traceparent` names; begins a new one when it is empty or malformed, as the
// standard asks.
TraceContext ContinueTrace(std::string_view traceparent, base::Random& random);

}  // namespace waypost::telemetry

#endif  // WAYPOST_COMMON_TELEMETRY_TRACE_H_
