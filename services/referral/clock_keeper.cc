#include "services/referral/clock_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutation.h"
#include "common/rpc/system_change.h"
#include "common/telemetry/log.h"
#include "services/referral/referral_policy.h"

namespace waypost::referral {
namespace {

constexpr int kStepsInSecond = 4;
constexpr absl::Duration kIdle = absl::Milliseconds(1000 / kStepsInSecond);
// Rows are looked for from where the last batch ended; from the first one again after so long, for what was
// written behind it meanwhile.
constexpr absl::Duration kFromTheFirst = absl::Seconds(2);
constexpr std::string_view kMetricsService = "referral";

double LateSeconds(const rows::WakeRow& row, absl::Time now) {
  return std::max(0.0, absl::ToDoubleSeconds(now - row.time));
}

}  // namespace

ClockKeeper::ClockKeeper(const rpc::Environment& env, ReferralChange& change, KeeperOptions options)
    : env_(env),
      change_(change),
      options_(options),
      failures_(env.node.metrics, kMetricsService),
      thread_("clocks", kIdle) {}

void ClockKeeper::Start() {
  env_.node.metrics.CountClocks(kMetricsService, 0, 0);
  thread_.Start([this] { return StepThenRest(); });
}

base::StepAndRest ClockKeeper::StepThenRest() {
  const absl::Time began = env_.node.clock.Now();
  const absl::StatusOr<KeeperStep> step = Step();
  if (!step.ok() || !step->more) return {};
  return base::AtRate(step->looked_at, RateAt(began), env_.node.clock.Now() - began);
}

int ClockKeeper::RateAt(absl::Time now) const {
  return now < catching_up_until_ ? options_.catch_up_rate : options_.fire_rate;
}

int ClockKeeper::BatchAt(absl::Time now) const {
  return std::clamp(RateAt(now) / kStepsInSecond, 1, kBatch);
}

absl::StatusOr<KeeperStep> ClockKeeper::Step() {
  const absl::Time now = env_.node.clock.Now();
  absl::StatusOr<KeeperStep> step = StepAt(now);
  if (!step.ok()) {
    failures_.CountStep();
    Report(now, "the clocks of referrals stand still; it is tried again",
           base::ToStd(step.status().message()));
  }
  return step;
}

absl::StatusOr<KeeperStep> ClockKeeper::StepAt(absl::Time now) {
  NoticeClockPutBack(now);
  WAYPOST_RETURN_IF_ERROR(NoteThatItRuns(now));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<rows::WakeRow> rows, NextRows(now));
  env_.node.metrics.SetClockLag(kMetricsService, rows.empty() ? 0 : LateSeconds(rows.front(), now));
  KeeperStep step;
  if (!rows.empty()) {
    step = Fire(rows, now);
    env_.node.metrics.CountClocks(kMetricsService, step.fired, step.refused);
  }
  step.more = !swept_;
  return step;
}

// One line now and then: what goes wrong goes wrong in every step.
void ClockKeeper::Report(absl::Time now, std::string_view message, std::string_view error) {
  if (now < next_log_) return;
  next_log_ = now + kLogEvery;
  env_.node.log.Write(
      telemetry::ToJson(now, telemetry::Severity::kError, message,
                        {{"service", std::string(kMetricsService)}, {"error", std::string(error)}}));
}

// Times that were set by a clock that ran ahead would be waited for until it is that late.
void ClockKeeper::NoticeClockPutBack(absl::Time now) {
  if (now < last_step_) {
    next_beat_ = absl::InfinitePast();
    next_log_ = absl::InfinitePast();
    from_the_first_at_ = absl::InfinitePast();
    catching_up_until_ = absl::InfinitePast();
  }
  last_step_ = now;
}

// Before anything fires: a clock must not escalate for a time in which nobody could answer.
absl::Status ClockKeeper::NoteThatItRuns(absl::Time now) {
  if (now >= next_beat_) WAYPOST_RETURN_IF_ERROR(Beat(now));
  if (!outages_stale_) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(outages_, rows::ListOutages(*reader));
  outages_stale_ = false;
  return absl::OkStatus();
}

absl::Status ClockKeeper::Beat(absl::Time now) {
  bool outage = false;
  bool put_back = false;
  WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(const std::optional<absl::Time> last, rows::GetBeat(writer));
    outage = last.has_value() && now - *last > options_.outage;
    // A clock that was put back tells of no outage, and what it told before it was put back is not true.
    put_back = last.has_value() && now < *last;
    if (outage || put_back) {
      WAYPOST_RETURN_IF_ERROR(rows::DeleteOutages(writer, now - kRememberOutages, now));
    }
    if (outage) rows::PutOutage(writer, {.begin = *last, .end = now});
    rows::PutBeat(writer, now);
    return absl::OkStatus();
  }));
  next_beat_ = now + std::min(kBeatEvery, options_.outage / 3);
  if (outage) catching_up_until_ = now + kCatchUp;
  outages_stale_ = outages_stale_ || outage || put_back;
  return absl::OkStatus();
}

// A sweep goes on to its end, however many rows at its head stay there: what comes later rings, too.
absl::StatusOr<std::vector<rows::WakeRow>> ClockKeeper::NextRows(absl::Time now) {
  if (swept_ && now >= from_the_first_at_) {
    after_.clear();
    from_the_first_at_ = now + kFromTheFirst;
  }
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  WAYPOST_ASSIGN_OR_RETURN(rows::Wakes wakes, rows::ListWakes(*reader, after_, now, BatchAt(now)));
  if (!wakes.last_key.empty()) after_ = wakes.last_key;
  swept_ = !wakes.more;
  if (wakes.unreadable > 0) {
    failures_.CountRows(wakes.unreadable);
    Report(now, "rows of the clocks of referrals cannot be read; they are passed over",
           base::Cat(wakes.unreadable, " rows"));
  }
  return std::move(wakes.rows);
}

KeeperStep ClockKeeper::Fire(const std::vector<rows::WakeRow>& rows, absl::Time now) {
  std::vector<Did> did(rows.size(), Did::kLooked);
  const std::vector<absl::Status> results = rpc::SystemChangesAndWait(
      env_, kClocks, now, rows.size(),
      [&](size_t i, rpc::Mutation& mutation) { return FireOne(mutation, rows[i], did[i]); });
  KeeperStep step{.looked_at = static_cast<int>(rows.size())};
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!results[i].ok()) ++step.refused;
    if (results[i].ok() && did[i] == Did::kFired) ++step.fired;
  }
  return step;
}

absl::Status ClockKeeper::FireOne(rpc::Mutation& mutation, const rows::WakeRow& row, Did& did) {
  did = Did::kLooked;
  const absl::StatusOr<ReferralRecord> current = rows::Get(mutation.writer(), row.name);
  if (absl::IsNotFound(current.status())) {
    mutation.writer().Delete(row.key);
    return absl::OkStatus();
  }
  WAYPOST_RETURN_IF_ERROR(current.status());
  if (rows::WakeKeyOf(*current) != row.key) {
    // The record has another row, or none: nobody else takes this one away.
    mutation.writer().Delete(row.key);
    return absl::OkStatus();
  }
  Moment at(mutation.call().now);
  if (!outages_.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(at.calendars, CalendarsOf(change_.clockwork().bodies, mutation.writer(),
                                                       command::Escalate{}, *current));
  }
  const std::optional<Command> command = WhatIsDue(*current, outages_, at);
  if (!command.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           mutation.Authorize({.name = row.name, .relations = {policy::Relation::kAnyone}}));
  WAYPOST_RETURN_IF_ERROR(change_.RunAsSystem(mutation, as, *current, *command));
  did = Did::kFired;
  return absl::OkStatus();
}

}  // namespace waypost::referral
