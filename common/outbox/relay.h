// Ships a lane's events to a sink, in order, at least once. The sink deduplicates by event id, so a crash at
// any point loses nothing and adds nothing.
#ifndef WAYPOST_COMMON_OUTBOX_RELAY_H_
#define WAYPOST_COMMON_OUTBOX_RELAY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/store/store.h"
#include "common/telemetry/metrics.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::outbox {

// Where events go. Deliver is called by one thread at a time and may block.
class Sink {
 public:
  virtual ~Sink() = default;
  // Stable: the durable cursor is kept under it.
  virtual std::string_view name() const = 0;
  // OK once every event of the batch is durable at the sink, whether now or before.
  virtual absl::Status Deliver(const std::vector<event::v1::Envelope>& batch) = 0;
};

struct RelayOptions {
  // At most this many events in one delivery: as many as the audit service takes. Each waits for the writer a
  // few times, so on a node that is busy for long only large ones keep up.
  int batch_events = 1000;
  // After a failed delivery: doubled each time from the first to the second.
  absl::Duration backoff_min = absl::Milliseconds(50);
  absl::Duration backoff_max = absl::Seconds(5);
  // Looks at the outbox at least this often, though nobody has called Notify.
  absl::Duration poll = absl::Seconds(1);
  // While this says that callers are being served in numbers, the relay gives way: after a delivery it rests
  // for `give_way`, unless what waits is older than `give_way_until`. Empty: it never does.
  std::function<bool()> node_is_busy;
  absl::Duration give_way = absl::Seconds(1);
  absl::Duration give_way_until = absl::Seconds(30);
  // Every sink that must have passed an event before the outbox lets it go, this relay's included.
  std::vector<std::string> all_sinks;
};

// Thread-safe.
class Relay {
 public:
  // All must outlive this. `service` labels the metrics.
  Relay(store::Store& store, std::string_view service, std::string_view lane, Sink& sink,
        telemetry::Metrics& metrics, const base::Clock& clock, RelayOptions options);
  // Stops; a delivery under way is waited for.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Begins to ship on a thread of its own.
  void Start();
  void Stop();
  // There may be something new. Cheap; may be called from any thread.
  void Notify();

  // Delivers one batch and returns how many events it held; for Start's thread and for tests. Not beside
  // Start. A failure is counted, since the lag that was last measured may then be out of date.
  absl::StatusOr<int> RunOnce();
  // How long Start's thread rests after RunOnce has delivered something.
  absl::Duration GiveWay() const;

 private:
  void Run();
  absl::StatusOr<int> DeliverBatch();
  absl::StatusOr<std::vector<event::v1::Envelope>> ReadBatch();
  absl::Status Advance(uint64_t from, uint64_t to);
  absl::Status DeletePassed(store::Writer& writer, uint64_t up_to) const;
  absl::Status ReportLag(const std::vector<event::v1::Envelope>& waiting);

  store::Store& store_;
  const std::string service_;
  const std::string lane_;
  Sink& sink_;
  telemetry::Metrics& metrics_;
  const base::Clock& clock_;
  const RelayOptions options_;
  const std::string cursor_key_;
  uint64_t cursor_ = 0;  // the thread's own, once read
  bool cursor_read_ = false;
  absl::Duration lag_ = absl::ZeroDuration();  // the age of the oldest event of the last batch

  absl::Mutex mutex_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace waypost::outbox

#endif  // WAYPOST_COMMON_OUTBOX_RELAY_H_
