#include "common/outbox/relay.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/big_endian.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/thread_name.h"
#include "common/outbox/keys.h"
#include "common/outbox/lane.h"
#include "common/status/errors.h"

namespace waypost::outbox {
namespace {

// One delivery stays well under the message limit, whatever the events hold.
constexpr size_t kMaxBatchBytes = 1024 * 1024;

absl::StatusOr<uint64_t> ReadCursor(const store::Reader& reader, std::string_view key) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, reader.Get(key));
  if (!value.has_value()) return uint64_t{0};
  if (value->size() != 8) return error::DataLoss("outbox cursor");
  return base::ReadBigEndian(*value);
}

}  // namespace

Relay::Relay(store::Store& store, std::string_view service, std::string_view lane, Sink& sink,
             telemetry::Metrics& metrics, const base::Clock& clock, RelayOptions options)
    : store_(store),
      service_(service),
      lane_(lane),
      sink_(sink),
      metrics_(metrics),
      clock_(clock),
      options_(std::move(options)),
      cursor_key_(CursorKey(lane, sink.name())) {
  metrics_.CountRelayFailures(service_, sink_.name(), 0);
}

Relay::~Relay() {
  Stop();
}

void Relay::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Relay::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Relay::Notify() {
  const absl::MutexLock lock(&mutex_);
  notified_ = true;
}

void Relay::Run() {
  base::NameThisThread("relay");
  absl::Duration backoff = options_.backoff_min;
  while (true) {
    const absl::StatusOr<int> delivered = RunOnce();
    absl::Duration wait = absl::ZeroDuration();
    if (!delivered.ok()) {
      wait = backoff;
      backoff = std::min(backoff * 2, options_.backoff_max);
    } else {
      backoff = options_.backoff_min;
      wait = *delivered == 0 ? options_.poll : GiveWay();
    }
    const absl::MutexLock lock(&mutex_);
    if (wait > absl::ZeroDuration()) {
      // Only one that rests because there was nothing to do is woken by there being something.
      const bool idle = delivered.ok() && *delivered == 0;
      const auto woken = [this, idle]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || (notified_ && idle);
      };
      mutex_.AwaitWithTimeout(absl::Condition(&woken), wait);
    }
    notified_ = false;
    if (stopping_) return;
  }
}

absl::Duration Relay::GiveWay() const {
  const bool gives = options_.node_is_busy && lag_ < options_.give_way_until && options_.node_is_busy();
  return gives ? options_.give_way : absl::ZeroDuration();
}

absl::StatusOr<int> Relay::RunOnce() {
  absl::StatusOr<int> delivered = DeliverBatch();
  if (!delivered.ok()) metrics_.CountRelayFailures(service_, sink_.name(), 1);
  return delivered;
}

absl::StatusOr<int> Relay::DeliverBatch() {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<event::v1::Envelope> batch, ReadBatch());
  // What waits is delivered though its lag cannot be told.
  if (!ReportLag(batch).ok()) metrics_.CountRelayFailures(service_, sink_.name(), 1);
  if (batch.empty()) return 0;
  WAYPOST_RETURN_IF_ERROR(sink_.Deliver(batch));
  const uint64_t last = batch.back().position();
  WAYPOST_RETURN_IF_ERROR(Advance(cursor_, last));
  cursor_ = last;
  return static_cast<int>(batch.size());
}

absl::StatusOr<std::vector<event::v1::Envelope>> Relay::ReadBatch() {
  WAYPOST_ASSIGN_OR_RETURN(const std::unique_ptr<store::Reader> reader, store_.Snapshot());
  if (!cursor_read_) {
    WAYPOST_ASSIGN_OR_RETURN(cursor_, ReadCursor(*reader, cursor_key_));
    cursor_read_ = true;
  }
  std::vector<event::v1::Envelope> batch;
  size_t bytes = 0;
  store::KeyRange range = store::PrefixRange(EventPrefix(lane_));
  range.begin = EventKey(lane_, cursor_ + 1);
  const std::unique_ptr<store::Cursor> at = reader->Scan(range);
  for (; at->Valid() && static_cast<int>(batch.size()) < options_.batch_events && bytes < kMaxBatchBytes;
       at->Next()) {
    event::v1::Envelope envelope;
    if (!envelope.ParseFromArray(at->value().data(), static_cast<int>(at->value().size()))) {
      return error::DataLoss(base::Cat("outbox event after position ", cursor_, " of lane ", lane_));
    }
    bytes += at->value().size();
    batch.push_back(std::move(envelope));
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  return batch;
}

absl::Status Relay::Advance(uint64_t from, uint64_t to) {
  return store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
    uint64_t slowest = to;
    for (const std::string& sink : options_.all_sinks) {
      if (sink == sink_.name()) continue;
      WAYPOST_ASSIGN_OR_RETURN(const uint64_t other, ReadCursor(writer, CursorKey(lane_, sink)));
      slowest = std::min(slowest, other);
    }
    std::string cursor;
    base::AppendBigEndian(to, cursor);
    writer.Put(cursor_key_, cursor);
    // What another sink has not passed stays; that sink's own relay lets it go, since `from` is then older.
    const uint64_t first = options_.all_sinks.size() > 1 ? 0 : from + 1;
    if (first > 0) {
      for (uint64_t position = first; position <= slowest; ++position)
        writer.Delete(EventKey(lane_, position));
      return absl::OkStatus();
    }
    return DeletePassed(writer, slowest);
  });
}

absl::Status Relay::DeletePassed(store::Writer& writer, uint64_t up_to) const {
  std::vector<std::string> passed;
  store::KeyRange range = store::PrefixRange(EventPrefix(lane_));
  range.end = EventKey(lane_, up_to + 1);
  const auto at = writer.Scan(range);
  for (; at->Valid() && passed.size() < store::kMaxWritesPerTransaction / 2; at->Next()) {
    passed.emplace_back(at->key());
  }
  WAYPOST_RETURN_IF_ERROR(at->status());
  for (const std::string& key : passed) writer.Delete(key);
  return absl::OkStatus();
}

absl::Status Relay::ReportLag(const std::vector<event::v1::Envelope>& waiting) {
  if (waiting.empty()) {
    metrics_.SetRelayLag(service_, sink_.name(), 0, 0);
    return absl::OkStatus();
  }
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, store_.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t head, HeadOf(*reader, lane_));
  event::v1::Event oldest;
  // Whether it can be read is for the sink to say.
  if (!oldest.ParseFromString(waiting.front().event())) return absl::OkStatus();
  const absl::Time since = absl::FromUnixSeconds(oldest.time().seconds());
  lag_ = clock_.Now() - since;
  metrics_.SetRelayLag(service_, sink_.name(), static_cast<double>(head - cursor_),
                       std::max(0.0, absl::ToDoubleSeconds(lag_)));
  return absl::OkStatus();
}

}  // namespace waypost::outbox
