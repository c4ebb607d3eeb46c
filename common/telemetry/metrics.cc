#include "common/telemetry/metrics.h"

#include <algorithm>
#include <vector>

#include "common/base/strings.h"

namespace waypost::telemetry {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const std::vector<double>& LatencyBounds() {
  static const auto* const bounds =
      new std::vector<double>{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
  return *bounds;
}

prometheus::Histogram::BucketBoundaries GroupBounds() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256};
}

}  // namespace

void MethodMetrics::Record(absl::StatusCode code, absl::Duration duration) {
  const auto index = std::min(static_cast<size_t>(code), kCodes - 1);
  handled_[index]->Increment();
  seconds_->Observe(absl::ToDoubleSeconds(duration));
}

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      handled_(BuildCounter()
                   .Name("waypost_requests_total")
                   .Help("Requests answered, by method and gRPC code")
                   .Register(*registry_)),
      seconds_(BuildHistogram()
                   .Name("waypost_request_seconds")
                   .Help("Time from the arrival of a request to its answer, in seconds")
                   .Register(*registry_)),
      in_flight_(BuildGauge()
                     .Name("waypost_requests_in_flight")
                     .Help("Requests that have arrived and are not answered, open watches apart")
                     .Register(*registry_)),
      open_watches_(
          BuildGauge().Name("waypost_open_watches").Help("Watches that are open").Register(*registry_)),
      group_bodies_(BuildHistogram()
                        .Name("waypost_store_group_transactions")
                        .Help("Transactions committed by one sync")
                        .Register(*registry_)
                        .Add({}, GroupBounds())),
      group_sync_seconds_(BuildHistogram()
                              .Name("waypost_store_sync_seconds")
                              .Help("Time of one synced write, in seconds")
                              .Register(*registry_)
                              .Add({}, LatencyBounds())),
      group_run_seconds_(BuildCounter()
                             .Name("waypost_store_run_seconds_total")
                             .Help("Time the writer thread has spent in transaction bodies, in seconds")
                             .Register(*registry_)
                             .Add({})),
      written_rows_(BuildCounter()
                        .Name("waypost_store_written_rows_total")
                        .Help("Rows put or deleted")
                        .Register(*registry_)
                        .Add({})),
      written_bytes_(BuildCounter()
                         .Name("waypost_store_written_bytes_total")
                         .Help("Bytes of keys and values committed")
                         .Register(*registry_)
                         .Add({})),
      relay_lag_events_(BuildGauge()
                            .Name("waypost_relay_lag_events")
                            .Help("Events that a sink has yet to take")
                            .Register(*registry_)),
      relay_lag_seconds_(BuildGauge()
                             .Name("waypost_relay_lag_seconds")
                             .Help("How long the oldest event not yet taken by a sink has waited")
                             .Register(*registry_)),
      relay_failures_(BuildCounter()
                          .Name("waypost_relay_failures_total")
                          .Help("Attempts to hand events to a sink that failed")
                          .Register(*registry_)),
      clocks_(BuildCounter()
                  .Name("waypost_clocks_total")
                  .Help("Clocks of cases that rang, or were refused and are tried again")
                  .Register(*registry_)),
      clock_lag_(BuildGauge()
                     .Name("waypost_clock_lag_seconds")
                     .Help("How late the clock is that should have rung first; 0 when none is due")
                     .Register(*registry_)),
      replica_age_(BuildGauge()
                       .Name("waypost_replica_age_seconds")
                       .Help("Time since a service's replica of the directory was last known to be complete")
                       .Register(*registry_)),
      dropped_log_lines_(
          BuildCounter()
              .Name("waypost_log_lines_dropped_total")
              .Help("Access log lines dropped because the log could not be written fast enough")
              .Register(*registry_)
              .Add({})) {}

MethodMetrics& Metrics::ForMethod(std::string_view service, std::string_view method) {
  const absl::MutexLock lock(&mutex_);
  std::unique_ptr<MethodMetrics>& entry = methods_[base::Cat(service, "/", method)];
  if (entry == nullptr) {
    entry = std::make_unique<MethodMetrics>();
    const prometheus::Labels labels = {{"service", std::string(service)}, {"method", std::string(method)}};
    for (size_t code = 0; code < MethodMetrics::kCodes; ++code) {
      prometheus::Labels with_code = labels;
      with_code["code"] = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
      entry->handled_[code] = &handled_.Add(with_code);
    }
    entry->seconds_ = &seconds_.Add(labels, LatencyBounds());
    entry->in_flight_ = &in_flight_.Add(labels);
    entry->open_watches_ = &open_watches_;
    entry->labels_ = labels;
  }
  return *entry;
}

void Metrics::RecordGroup(const Group& group) {
  group_bodies_.Observe(static_cast<double>(group.bodies));
  group_sync_seconds_.Observe(absl::ToDoubleSeconds(group.sync));
  group_run_seconds_.Increment(absl::ToDoubleSeconds(group.run));
  written_rows_.Increment(static_cast<double>(group.rows));
  written_bytes_.Increment(static_cast<double>(group.bytes));
}

void Metrics::SetRelayLag(std::string_view service, std::string_view sink, double events,
                          double oldest_seconds) {
  const prometheus::Labels labels = {{"service", std::string(service)}, {"sink", std::string(sink)}};
  relay_lag_events_.Add(labels).Set(events);
  relay_lag_seconds_.Add(labels).Set(oldest_seconds);
}

void Metrics::CountRelayFailures(std::string_view service, std::string_view sink, double count) {
  relay_failures_.Add({{"service", std::string(service)}, {"sink", std::string(sink)}}).Increment(count);
}

void Metrics::CountClocks(std::string_view service, double fired, double refused) {
  clocks_.Add({{"service", std::string(service)}, {"result", "fired"}}).Increment(fired);
  clocks_.Add({{"service", std::string(service)}, {"result", "refused"}}).Increment(refused);
}

void Metrics::SetClockLag(std::string_view service, double seconds) {
  clock_lag_.Add({{"service", std::string(service)}}).Set(seconds);
}

void Metrics::SetReplicaAge(std::string_view service, double seconds) {
  replica_age_.Add({{"service", std::string(service)}}).Set(seconds);
}

void Metrics::CountDroppedLogLines(double count) {
  dropped_log_lines_.Increment(count);
}

}  // namespace waypost::telemetry
