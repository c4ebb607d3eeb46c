#include "services/referral/clock_keeper.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "common/base/status_macros.h"
#include "common/base/thread_name.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "services/referral/referral_policy.h"

namespace waypost::referral {
namespace {

constexpr absl::Duration kIdle = absl::Seconds(1);
// Rows are looked for from where the last batch ended; from the first one again after so long, for what was
// written behind it meanwhile.
constexpr absl::Duration kFromTheFirst = absl::Seconds(2);
constexpr std::string_view kMetricsService = "referral";

double LateSeconds(const rows::WakeRow& row, absl::Time now) {
  return std::max(0.0, absl::ToDoubleSeconds(now - row.time));
}

}  // namespace

ClockKeeper::ClockKeeper(const rpc::Environment& env, ReferralChange& change, KeeperOptions options)
    : env_(env), change_(change), options_(options) {}

ClockKeeper::~ClockKeeper() {
  Stop();
}

void ClockKeeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ClockKeeper::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void ClockKeeper::Run() {
  base::NameThisThread("clocks");
  while (true) {
    const absl::Time began = env_.node.clock.Now();
    const absl::StatusOr<KeeperStep> step = Step();
    absl::Duration rest = kIdle;
    if (step.ok() && step->more) {
      const bool held_up = began < catching_up_until_;
      const int rate = held_up ? options_.catch_up_rate : options_.fire_rate;
      rest = absl::Seconds(static_cast<double>(kBatch) / rate) - (env_.node.clock.Now() - began);
    }
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), std::clamp(rest, absl::ZeroDuration(), kIdle));
    if (stopping_) return;
  }
}

absl::StatusOr<KeeperStep> ClockKeeper::Step() {
  const absl::Time now = env_.node.clock.Now();
  WAYPOST_RETURN_IF_ERROR(NoteThatItRuns(now));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<rows::WakeRow> rows, NextRows(now));
  env_.node.metrics.SetClockLag(kMetricsService, rows.empty() ? 0 : LateSeconds(rows.front(), now));
  if (rows.empty()) return KeeperStep{};
  KeeperStep step = Fire(rows, now);
  env_.node.metrics.CountClocks(kMetricsService, step.fired, step.refused);
  step.more = static_cast<int>(rows.size()) == kBatch;
  return step;
}

// Before anything fires: a clock must not escalate for a time in which nobody could answer.
absl::Status ClockKeeper::NoteThatItRuns(absl::Time now) {
  if (now < next_beat_) return absl::OkStatus();
  bool outage = false;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<absl::Time> last, rows::GetBeat(writer));
    outage = last.has_value() && now - *last > options_.outage;
    if (outage) {
      WAYPOST_RETURN_IF_ERROR(rows::DeleteOutages(writer, now - kRememberOutages));
      rows::PutOutage(writer, {.begin = *last, .end = now});
    }
    // A clock that was put back tells of no outage.
    if (!last.has_value() || now > *last) rows::PutBeat(writer, now);
    return absl::OkStatus();
  }));
  const bool first = next_beat_ == absl::InfinitePast();
  next_beat_ = now + std::min(kBeatEvery, options_.outage / 3);
  if (outage) catching_up_until_ = now + absl::Minutes(10);
  if (!outage && !first) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(outages_, rows::ListOutages(*reader));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<rows::WakeRow>> ClockKeeper::NextRows(absl::Time now) {
  if (now >= from_the_first_at_) {
    after_.clear();
    from_the_first_at_ = now + kFromTheFirst;
  }
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(std::vector<rows::WakeRow> rows, rows::ListWakes(*reader, after_, now, kBatch));
  if (!rows.empty()) after_ = rows.back().key;
  return rows;
}

KeeperStep ClockKeeper::Fire(const std::vector<rows::WakeRow>& rows, absl::Time now) {
  std::atomic<int> fired = 0;
  std::atomic<int> refused = 0;
  absl::BlockingCounter left(static_cast<int>(rows.size()));
  for (const rows::WakeRow& row : rows) {
    auto changed = std::make_shared<bool>(false);
    rpc::SystemChange(
        env_, kClocks, now,
        [this, &row, changed](rpc::Mutation& mutation) { return FireOne(mutation, row, *changed); },
        [&, changed](const absl::Status& status) {
          if (!status.ok()) ++refused;
          if (status.ok() && *changed) ++fired;
          left.DecrementCount();
        });
  }
  left.Wait();
  return {.fired = fired, .refused = refused};
}

absl::Status ClockKeeper::FireOne(rpc::Mutation& mutation, const rows::WakeRow& row, bool& changed) {
  changed = false;
  const absl::StatusOr<ReferralRecord> current = rows::Get(mutation.writer(), row.name);
  if (absl::IsNotFound(current.status())) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(current.status());
  const std::optional<Command> command = WhatIsDue(*current, outages_, mutation.call().now);
  if (!command.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           mutation.Authorize({.name = row.name, .relations = {policy::Relation::kAnyone}}));
  WAYPOST_RETURN_IF_ERROR(change_.RunAsSystem(mutation, as, *current, *command));
  changed = true;
  return absl::OkStatus();
}

}  // namespace waypost::referral
