#include "services/referral/places_keeper.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "prometheus/registry.h"
#include "services/referral/group_rows.h"

namespace waypost::referral {
namespace {

using directory::v1::PlacesReport;
using directory::v1::ReportPlacesResponse;
using storage::v1::GroupCountRecord;

constexpr absl::Duration kIdle = absl::Seconds(1);
constexpr int kWalkedInStep = 500;
// No more than the directory takes, whatever was counted.
constexpr int64_t kMaxTold = 1'000'000;

// The directory has another count than there is here, of this revision or a later one: one of the two stores
// was restored. The next report goes over it.
bool IsBehind(const PlacesReport& report, const ReportPlacesResponse::Result& result) {
  if (result.outcome() != directory::v1::PLACES_OUTCOME_OLDER) return false;
  return result.revision() > report.revision() || result.taken() != report.taken();
}

}  // namespace

PlacesKeeper::PlacesKeeper(const rpc::Environment& env, PlacesSink& sink, PlacesKeeperOptions options)
    : env_(env),
      sink_(sink),
      options_(options),
      lag_(prometheus::BuildGauge()
               .Name("waypost_places_lag_seconds")
               .Help("Since when the directory has not been told of every count of places, 0 when it was")
               .Register(*env.node.metrics.registry())
               .Add({})),
      failures_(prometheus::BuildCounter()
                    .Name("waypost_places_failures_total")
                    .Help("Attempts to tell the directory of counts of places that failed")
                    .Register(*env.node.metrics.registry())
                    .Add({})),
      thread_("places", kIdle) {}

void PlacesKeeper::Start() {
  thread_.Start([this] { return StepThenRest(); });
}

base::StepAndRest PlacesKeeper::StepThenRest() {
  const absl::Time began = env_.node.clock.Now();
  const absl::StatusOr<PlacesStep> step = Step();
  if (!step.ok() || !step->more) return {};
  return base::AtRate(step->told, options_.rate, env_.node.clock.Now() - began);
}

absl::StatusOr<PlacesStep> PlacesKeeper::Step() {
  const absl::Time now = env_.node.clock.Now();
  // Later than it ever waits: the clock was put back since.
  if (not_before_ > now + options_.retry_after) not_before_ = absl::InfinitePast();
  if (now < not_before_) {
    NoteLag(now, /*all_told=*/false);
    return PlacesStep{};
  }
  WAYPOST_ASSIGN_OR_RETURN(const bool walks, WalkFirst());
  if (walks) return PlacesStep{.more = true};
  WAYPOST_ASSIGN_OR_RETURN(const Batch batch, NextBatch(now));
  const bool from_the_first = !after_.has_value();
  const bool full =
      alone_ > 0 ? !batch.groups.empty() : static_cast<int>(batch.groups.size()) == options_.batch;
  if (!batch.groups.empty()) {
    absl::StatusOr<ReportPlacesResponse> told = sink_.Report(batch.request);
    absl::Status status = told.ok() ? Settle(batch, *told) : told.status();
    if (!status.ok()) {
      NoteFailure(status, batch, now);
      return status;
    }
    alone_ = std::max(0, alone_ - 1);
  }
  after_.reset();
  if (full) after_ = batch.groups.back();
  NoteLag(now, !full && (from_the_first || batch.groups.empty()));
  return PlacesStep{.told = static_cast<int>(batch.groups.size()), .more = full || !from_the_first};
}

// One that cannot be told must not keep the others from being told.
void PlacesKeeper::NoteFailure(const absl::Status& status, const Batch& batch, absl::Time now) {
  failures_.Increment();
  not_before_ = now + options_.retry_after;
  NoteLag(now, /*all_told=*/false);
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return;
  if (batch.groups.size() > 1) {
    alone_ = static_cast<int>(batch.groups.size());
  } else {
    alone_ = std::max(0, alone_ - 1);
    after_ = batch.groups.front();
  }
}

// True while there is something to walk over.
absl::StatusOr<bool> PlacesKeeper::WalkFirst() {
  if (walked_first_) return false;
  rows::Counted counted;
  {
    WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
    WAYPOST_ASSIGN_OR_RETURN(counted, rows::ListCounted(*reader, walked_to_, kWalkedInStep));
  }
  if (!counted.groups.empty()) {
    WAYPOST_RETURN_IF_ERROR(store::TransactAndWait(env_.store, [&](store::Writer& writer) {
      for (const GroupKey& group : counted.groups) rows::PutUntold(writer, group);
      return absl::OkStatus();
    }));
  }
  walked_to_ = counted.position;
  walked_first_ = walked_to_.empty();
  return !walked_first_;
}

// REQUIRES: `now` was before the snapshot, so that each count is at least as new as it says.
absl::StatusOr<PlacesKeeper::Batch> PlacesKeeper::NextBatch(absl::Time now) const {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  Batch batch;
  WAYPOST_ASSIGN_OR_RETURN(batch.groups, rows::ListUntold(*reader, after_, alone_ > 0 ? 1 : options_.batch));
  for (const GroupKey& group : batch.groups) {
    WAYPOST_ASSIGN_OR_RETURN(const GroupCountRecord count, rows::GetGroupCount(*reader, group));
    PlacesReport& report = *batch.request.add_reports();
    report.set_offer(group.offer);
    report.set_group_id(group.group_id);
    report.set_taken(static_cast<int32_t>(std::min(rows::TakenOf(count), kMaxTold)));
    report.set_revision(count.revision());
    *report.mutable_count_time() = api::ToTimestamp(now);
  }
  return batch;
}

absl::Status PlacesKeeper::Settle(const Batch& batch, const ReportPlacesResponse& told) {
  if (told.results_size() != batch.request.reports_size()) return error::DataLoss("answer of the directory");
  return store::TransactAndWait(env_.store, [&](store::Writer& writer) -> absl::Status {
    for (int i = 0; i < told.results_size(); ++i) {
      const GroupKey& group = batch.groups[static_cast<size_t>(i)];
      WAYPOST_ASSIGN_OR_RETURN(GroupCountRecord count, rows::GetGroupCount(writer, group));
      if (IsBehind(batch.request.reports(i), told.results(i))) {
        count.set_revision(std::max(count.revision(), told.results(i).revision()));
        rows::NoteTaken(writer, group, count);
        WAYPOST_RETURN_IF_ERROR(rows::PutGroupCount(writer, group, count));
        continue;
      }
      if (count.revision() == batch.request.reports(i).revision()) rows::DeleteUntold(writer, group);
    }
    return absl::OkStatus();
  });
}

void PlacesKeeper::NoteLag(absl::Time now, bool all_told) {
  // It has only begun, or the clock was put back.
  if (all_told || all_told_at_ == absl::InfinitePast() || all_told_at_ > now) all_told_at_ = now;
  lag_.Set(absl::ToDoubleSeconds(now - all_told_at_));
}

}  // namespace waypost::referral
