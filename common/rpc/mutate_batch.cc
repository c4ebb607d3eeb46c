#include "common/rpc/mutate_batch.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "common/rpc/request_state.h"
#include "common/status/errors.h"

namespace waypost::rpc::internal {
namespace {

// Rows that are prepared in one piece of work: reads get their turn in between.
constexpr size_t kRowsPerWork = 25;

struct RowRun {
  explicit RowRun(BatchRow given, const Environment& env, const Call& call)
      : row(std::move(given)), state{.env = env, .call = call} {}

  absl::Status Run(store::Writer& writer) {
    Mutation mutation(state, writer);
    WAYPOST_RETURN_IF_ERROR(body(mutation));
    if (!state.authorized) return absl::InternalError("a handler changed something without authority");
    mutation.Remember(row.response->SerializeAsString());
    return absl::OkStatus();
  }

  // What the row is answered with, after its transaction or in place of it.
  absl::Status Settle(absl::Status status) {
    if (state.replayed && status.code() == absl::StatusCode::kAborted) {
      return row.response->ParseFromString(state.replayed_response) ? absl::OkStatus()
                                                                    : error::DataLoss("idempotency record");
    }
    if (status.ok()) Notify(state);
    return status;
  }

  BatchRow row;
  MutationState state;
  MutationBody body = nullptr;
};

// Lives until its last row is done.
class RunningBatch : public std::enable_shared_from_this<RunningBatch> {
 public:
  RunningBatch(std::unique_ptr<UnaryCall> call, const policy::MethodRule& row_rule,
               std::function<void(const BatchResults&)> fill)
      : call_(std::move(call)),
        row_call_{.rule = row_rule,
                  .caller = call_->pending.call().caller,
                  .now = call_->pending.call().now,
                  .trace = call_->pending.call().trace},
        fill_(std::move(fill)) {}

  void Start(std::vector<BatchRow> rows) {
    runs_.reserve(rows.size());
    for (BatchRow& row : rows) {
      runs_.push_back(std::make_unique<RowRun>(std::move(row), call_->env, row_call_));
    }
    results_.assign(runs_.size(), absl::OkStatus());
    left_ = runs_.size();
    for (size_t from = 0; from < runs_.size(); from += kRowsPerWork) {
      const size_t to = std::min(from + kRowsPerWork, runs_.size());
      const bool taken = call_->env.node.executor.Submit([self = shared_from_this(), from, to] {
        for (size_t i = from; i < to; ++i) self->Begin(i);
      });
      for (size_t i = from; !taken && i < to; ++i) Done(i, error::Overloaded("changes"));
    }
  }

 private:
  void Begin(size_t index) {
    RowRun& run = *runs_[index];
    const absl::Status named = CheckRequestId(run.row.request_id);
    if (!named.ok()) return Done(index, named);
    SetRequest(run.state, *run.row.request, run.row.request_id);
    absl::StatusOr<MutationBody> body = run.row.prepare(row_call_);
    if (!body.ok()) return Refuse(index, body.status());
    run.body = *std::move(body);
    call_->env.store.Transact(
        [&run](store::Writer& writer) { return run.Run(writer); },
        [self = shared_from_this(), index](absl::Status status) { self->Done(index, std::move(status)); });
  }

  // It cannot be prepared now. Perhaps it could before, and was carried out.
  void Refuse(size_t index, absl::Status failure) {
    const auto snapshot = call_->env.store.Snapshot();
    if (!snapshot.ok()) return Done(index, snapshot.status());
    absl::Status replay = CheckReplay(runs_[index]->state, **snapshot);
    Done(index, replay.ok() ? std::move(failure) : std::move(replay));
  }

  void Done(size_t index, absl::Status status) {
    results_[index] = runs_[index]->Settle(std::move(status));
    if (left_.fetch_sub(1) != 1) return;
    fill_(results_);
    call_->Answer(absl::OkStatus());
  }

  const std::unique_ptr<UnaryCall> call_;
  const Call row_call_;
  const std::function<void(const BatchResults&)> fill_;
  std::vector<std::unique_ptr<RowRun>> runs_;
  BatchResults results_;  // each written by one thread, read after the last is done
  std::atomic<size_t> left_ = 0;
};

}  // namespace

void RunBatch(std::unique_ptr<UnaryCall> call, const policy::MethodRule& row_rule, std::vector<BatchRow> rows,
              std::function<void(const BatchResults&)> fill) {
  std::make_shared<RunningBatch>(std::move(call), row_rule, std::move(fill))->Start(std::move(rows));
}

}  // namespace waypost::rpc::internal
