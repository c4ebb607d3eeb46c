// Where Prometheus fetches the metrics of a process.
#ifndef WAYPOST_COMMON_RUNTIME_METRICS_LISTENER_H_
#define WAYPOST_COMMON_RUNTIME_METRICS_LISTENER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
class Registry;
}  // namespace prometheus

namespace waypost::runtime {

// Plain HTTP on a thread of its own. Made and ended on one thread.
class MetricsListener {
 public:
  // `address` is host and port, as in "127.0.0.1:9464"; port 0 picks a free one. UNAVAILABLE when it cannot
  // be listened on. What is in `registry` is at /metrics, for as long as the registry lives.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Start(
      const std::string& address, const std::shared_ptr<prometheus::Registry>& registry);
  // Ends it within some 20 ms. A client that is connected and says nothing holds it up for 2 s at most.
  ~MetricsListener();
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

  // The one that was taken.
  int port() const;

 private:
  MetricsListener(std::string host, std::unique_ptr<prometheus::Exposer> exposer);

  const std::string host_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_METRICS_LISTENER_H_
