// Server streams that follow a feed from a cursor: in order, at least once, and without a thread while
// there is nothing to say.
#ifndef WAYPOST_COMMON_RPC_WATCH_H_
#define WAYPOST_COMMON_RPC_WATCH_H_

#include <grpcpp/impl/codegen/server_callback.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/call.h"
#include "common/rpc/environment.h"
#include "common/rpc/feed.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"

namespace waypost::rpc {

// Limits of every watch.
inline constexpr int kWatchBatch = 100;
// A consumer that leaves one message unread for so long is cut: its stream ends with CANCELLED.
inline constexpr absl::Duration kWatchStall = absl::Seconds(30);

// What a watch follows. `Response` is the streamed message.
template <typename Response>
struct WatchPlan {
  std::string feed;
  // The cursor: entries up to it have been seen. Nullopt: from now on, and the first message says at once, by
  // `make_quiet`, where that is.
  std::optional<uint64_t> after = 0;
  // The last cursor that can have been given: one beyond it is CURSOR_TOO_OLD. Null: `read` refuses it
  // itself. REQUIRED when `after` is nullopt.
  std::function<absl::StatusOr<uint64_t>(const store::Reader&)> head = nullptr;
  // Reads at most kWatchBatch messages after the cursor, and moves it. Runs on the executor.
  std::function<absl::StatusOr<std::vector<Response>>(const store::Reader&, uint64_t& cursor)> read = nullptr;
  // How often a quiet watch says that it is complete up to its cursor; zero for never.
  absl::Duration heartbeat = absl::ZeroDuration();
  // A message without a change: everything up to the cursor has been sent.
  std::function<Response(uint64_t cursor)> make_quiet = nullptr;
};

// One stream. Owns itself: gRPC's OnDone deletes it.
template <typename Response>
class Watch final : public grpc::ServerWriteReactor<Response> {
 public:
  // `open(const Call&)` authorizes and returns the plan; it runs on the calling thread and reads no store.
  template <typename Open>
  static Watch* Begin(const Environment& env, grpc::CallbackServerContext* context,
                      const policy::MethodRule& rule, Open&& open) {
    auto* watch = new Watch(env, context, rule);
    absl::Status status = watch->pending_.Admit(watch->incoming_);
    if (status.ok()) {
      absl::StatusOr<WatchPlan<Response>> plan = open(watch->pending_.call());
      status = plan.status();
      if (status.ok()) status = watch->pending_.BecomeWatch();
      if (status.ok()) watch->Follow(*std::move(plan));
    }
    if (!status.ok()) watch->End(status);
    return watch;
  }

  void OnWriteDone(bool ok) override {
    {
      const absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) cancelled_ = true;
    }
    Advance();
  }

  void OnCancel() override {
    {
      const absl::MutexLock lock(&mutex_);
      cancelled_ = true;
    }
    Advance();
  }

  void OnDone() override {
    if (changes_ != 0) env_.hub.Unsubscribe(plan_.feed, changes_);
    if (ticks_ != 0) env_.hub.Unsubscribe(kTickFeed, ticks_);
    Release();
  }

 private:
  Watch(const Environment& env, grpc::CallbackServerContext* context, const policy::MethodRule& rule)
      : env_(env), context_(context), incoming_(IncomingOf(*context)), pending_(env.node, rule, incoming_) {}

  // gRPC and each queued read hold one reference each.
  void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void Follow(WatchPlan<Response> plan) {
    plan_ = std::move(plan);
    cursor_ = plan_.after.value_or(0);
    changes_ = env_.hub.Subscribe(plan_.feed, [this] { Wake(); });
    ticks_ = env_.hub.Subscribe(kTickFeed, [this] { OnTick(); });
    Wake();
  }

  // There may be something new: read, unless a read or a write is under way, after which it is looked at
  // again.
  void Wake() {
    const absl::MutexLock lock(&mutex_);
    stale_ = true;
    if (!busy_ && !ended_) StartRead();
  }

  void StartRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    busy_ = true;
    stale_ = false;
    Retain();
    const bool taken = env_.node.executor.Submit([this] {
      Read();
      Release();
    });
    if (taken) return;
    // The executor is full: the next tick looks again. The queue limit is the back-pressure.
    busy_ = false;
    stale_ = true;
    references_.fetch_sub(1, std::memory_order_relaxed);
  }

  void Read() {
    {
      // What the plan reads from may be gone already.
      const absl::MutexLock lock(&mutex_);
      if (ended_) return;
    }
    const uint64_t before = cursor_;
    absl::StatusOr<std::vector<Response>> batch = [this]() -> absl::StatusOr<std::vector<Response>> {
      WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
      return begun_ ? plan_.read(*reader, cursor_) : FirstRead(*reader);
    }();
    {
      const absl::MutexLock lock(&mutex_);
      moved_ = cursor_ != before;
      if (batch.ok()) {
        batch_ = *std::move(batch);
        next_ = 0;
      } else {
        failure_ = batch.status();
      }
    }
    Advance();
  }

  absl::StatusOr<std::vector<Response>> FirstRead(const store::Reader& reader) {
    begun_ = true;
    if (plan_.head == nullptr) return plan_.read(reader, cursor_);
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t head, plan_.head(reader));
    if (!plan_.after.has_value()) {
      cursor_ = head;
      return std::vector<Response>{plan_.make_quiet(head)};
    }
    if (cursor_ <= head) return plan_.read(reader, cursor_);
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t oldest, OldestCursor(reader, plan_.feed));
    return error::CursorTooOld(base::Cat(oldest));
  }

  // The one place that decides what comes next. Any thread, any time.
  void Advance() {
    absl::Status end;
    {
      const absl::MutexLock lock(&mutex_);
      if (ended_ || writing_) return;  // OnWriteDone comes back here
      if (cancelled_) {
        end = absl::CancelledError(stalled_ ? "the client read more slowly than changes came"
                                            : "the client has gone");
      } else if (next_ < batch_.size()) {
        return Write(&batch_[next_++]);
      } else if (!failure_.ok()) {
        end = failure_;
      } else if (!busy_) {
        return;
      } else if (const absl::Time now = env_.node.clock.Now(); now >= pending_.call().caller->expires) {
        end = error::TokenRefused("expired while watching");
      } else if (env_.hub.closing()) {
        end = error::Unavailable("the node", "it is stopping; continue from your last cursor");
      } else if (stale_ || moved_ || !batch_.empty()) {
        moved_ = false;
        batch_.clear();
        return StartRead();
      } else if (HeartbeatDue(now)) {
        return WriteHeartbeat(now);
      } else {
        busy_ = false;
        return;
      }
      ended_ = true;
    }
    Finish(end);
  }

  bool HeartbeatDue(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return plan_.heartbeat > absl::ZeroDuration() && now - last_heartbeat_ >= plan_.heartbeat;
  }

  // Says that everything up to the cursor has been sent: at once when that is first so, and then now and
  // again.
  void WriteHeartbeat(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    last_heartbeat_ = now;
    busy_ = true;
    batch_ = {plan_.make_quiet(cursor_)};
    next_ = 1;
    Write(&batch_[0]);
  }

  void Write(const Response* message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    write_began_ = env_.node.clock.Now();
    this->StartWrite(message);
  }

  // Heartbeats, expired tokens, stalled consumers, and reads the executor refused.
  void OnTick() {
    absl::Status end;
    {
      const absl::MutexLock lock(&mutex_);
      if (ended_) return;
      const absl::Time now = env_.node.clock.Now();
      if (writing_ && now - write_began_ > kWatchStall) {
        return Cut();
      } else if (now >= pending_.call().caller->expires && !writing_) {
        end = error::TokenRefused("expired while watching");
      } else if (env_.hub.closing() && !writing_) {
        end = error::Unavailable("the node", "it is stopping; continue from your last cursor");
      } else if (stale_ && !busy_) {
        return StartRead();
      } else if (!busy_ && !writing_ && HeartbeatDue(now)) {
        return WriteHeartbeat(now);
      } else {
        return;
      }
      ended_ = true;
    }
    Finish(end);
  }

  // A status would wait behind what the client does not read. The stream is reset, and OnCancel goes on.
  void Cut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stalled_) return;
    stalled_ = true;
    context_->TryCancel();
  }

  void End(const absl::Status& status) {
    {
      const absl::MutexLock lock(&mutex_);
      ended_ = true;
    }
    Finish(status);
  }

  void Finish(const absl::Status& status) {
    pending_.Answered(status);
    grpc::ServerWriteReactor<Response>::Finish(ToGrpc(status));
  }

  const Environment& env_;
  grpc::CallbackServerContext* const context_;
  const chain::Incoming incoming_;
  PendingCall pending_;
  WatchPlan<Response> plan_;
  uint64_t changes_ = 0;  // subscriptions
  uint64_t ticks_ = 0;
  // Of the read under way; there is one at a time.
  uint64_t cursor_ = 0;
  bool begun_ = false;
  std::atomic<int> references_{1};

  absl::Mutex mutex_;
  std::vector<Response> batch_ ABSL_GUARDED_BY(mutex_);
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;   // a read is queued or its batch is not written out
  bool stale_ ABSL_GUARDED_BY(mutex_) = false;  // something may have come since the last read began
  // The last read passed entries, perhaps none of them for this caller: there may be more behind them.
  bool moved_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time write_began_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_heartbeat_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_WATCH_H_
