// What keeps the clocks of cases from ringing, counted beside what Metrics says of them.
#ifndef WAYPOST_COMMON_TELEMETRY_CLOCK_FAILURES_H_
#define WAYPOST_COMMON_TELEMETRY_CLOCK_FAILURES_H_

#include <string_view>

#include "common/telemetry/metrics.h"
#include "prometheus/counter.h"

namespace waypost::telemetry {

// Thread-safe. The counters are known before there is any failure; two of one service count together.
class ClockFailures {
 public:
  // `metrics` must outlive this.
  ClockFailures(Metrics& metrics, std::string_view service);

  // A step that did nothing because the store failed.
  void CountStep() { steps_.Increment(); }
  // Rows of the index that cannot be read, and are passed over.
  void CountRows(int rows) { rows_.Increment(rows); }

 private:
  ClockFailures(prometheus::Family<prometheus::Counter>& family, std::string_view service);

  prometheus::Counter& steps_;
  prometheus::Counter& rows_;
};

}  // namespace waypost::telemetry

#endif  // WAYPOST_COMMON_TELEMETRY_CLOCK_FAILURES_H_
