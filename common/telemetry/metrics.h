// The metrics of a process. Names stand here and nowhere else; docs/operating lists them.
#ifndef WAYPOST_COMMON_TELEMETRY_METRICS_H_
#define WAYPOST_COMMON_TELEMETRY_METRICS_H_

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace waypost::telemetry {

// The counters of one method, found once and then used without a lookup. Thread-safe.
class MethodMetrics {
 public:
  void Record(absl::StatusCode code, absl::Duration duration);
  void Started() { in_flight_->Increment(); }
  // Every Started is paired with one of it.
  void LeftFlight() { in_flight_->Decrement(); }
  // A method that no watch was opened of has no gauge of them.
  void WatchOpened() { open_watches_->Add(labels_).Increment(); }
  void WatchClosed() { open_watches_->Add(labels_).Decrement(); }

 private:
  friend class Metrics;
  static constexpr size_t kCodes = 17;
  std::array<prometheus::Counter*, kCodes> handled_ = {};
  prometheus::Histogram* seconds_ = nullptr;
  prometheus::Gauge* in_flight_ = nullptr;
  prometheus::Family<prometheus::Gauge>* open_watches_ = nullptr;
  prometheus::Labels labels_;
};

// Thread-safe. Labels never hold a body, a person or a resource.
class Metrics {
 public:
  Metrics();

  // The same object for the same service and method; lives as long as this.
  MethodMetrics& ForMethod(std::string_view service, std::string_view method);

  // The store: one commit group.
  struct Group {
    size_t bodies = 0;
    size_t rows = 0;
    size_t bytes = 0;
    absl::Duration run;
    absl::Duration sync;
  };
  void RecordGroup(const Group& group);
  // The relay: how many events a sink has yet to take, and for how long the oldest has waited.
  void SetRelayLag(std::string_view service, std::string_view sink, double events, double oldest_seconds);
  // The relay: attempts that failed, at the store or at the sink. 0 makes the counter known before any has.
  void CountRelayFailures(std::string_view service, std::string_view sink, double count);
  // Clocks of cases: those that rang, and those that were refused and are tried again.
  void CountClocks(std::string_view service, double fired, double refused);
  // How late the clock is that should have rung first; 0 when none is due.
  void SetClockLag(std::string_view service, double seconds);
  void SetReplicaAge(std::string_view service, double seconds);
  void CountDroppedLogLines(double count);

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Family<prometheus::Gauge>& in_flight_;
  prometheus::Family<prometheus::Gauge>& open_watches_;
  prometheus::Histogram& group_bodies_;
  prometheus::Histogram& group_sync_seconds_;
  prometheus::Counter& group_run_seconds_;
  prometheus::Counter& written_rows_;
  prometheus::Counter& written_bytes_;
  prometheus::Family<prometheus::Gauge>& relay_lag_events_;
  prometheus::Family<prometheus::Gauge>& relay_lag_seconds_;
  prometheus::Family<prometheus::Counter>& relay_failures_;
  prometheus::Family<prometheus::Counter>& clocks_;
  prometheus::Family<prometheus::Gauge>& clock_lag_;
  prometheus::Family<prometheus::Gauge>& replica_age_;
  prometheus::Counter& dropped_log_lines_;

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<MethodMetrics>> methods_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::telemetry

#endif  // WAYPOST_COMMON_TELEMETRY_METRICS_H_
