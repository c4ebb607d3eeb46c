#include "tools/waypost/import_run.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "google/rpc/error_details.pb.h"
#include "tools/waypost/csv_import.h"
#include "tools/waypost/exit_codes.h"

namespace waypost::cli {
namespace {

// No other row would fare better.
bool EndsTheRun(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnauthenticated ||
         status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

// The row itself may be good.
bool IsTransient(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kAborted ||
         error::IsTooBusy(status);
}

// Shared by the threads of one run.
class Run {
 public:
  Run(const std::vector<ImportItem>& items, const ImportRunOptions& options, const Interrupts& interrupts)
      : items_(items),
        options_(options),
        interrupts_(interrupts),
        results_(items.size()),
        is_done_(items.size()) {}

  void Work() {
    while (!Ends()) {
      const auto [from, to] = Take();
      if (from == to) return;
      SendAll(from, to);
      AfterCall();
    }
  }

  // After all threads have ended.
  ImportOutcome Finish() {
    for (; told_ < items_.size(); ++told_) options_.on_result(items_[told_], results_[told_]);
    AfterCall();
    for (const RowResult& result : results_) {
      outcome_.submitted_before += result.kind == RowResult::Kind::kSubmittedBefore ? 1 : 0;
      outcome_.submitted += result.kind == RowResult::Kind::kSubmitted ? 1 : 0;
      outcome_.failed += result.kind == RowResult::Kind::kFailed ? 1 : 0;
      outcome_.not_sent += result.kind == RowResult::Kind::kNotSent ? 1 : 0;
    }
    return outcome_;
  }

 private:
  bool Ends() const { return stopped_ || interrupts_.requested(); }

  void AfterCall() {
    if (options_.on_call == nullptr) return;
    const std::lock_guard lock(mutex_);
    const absl::Status kept = options_.on_call();
    if (!kept.ok()) Stop(kept);
  }

  // REQUIRES: mutex_.
  void Stop(const absl::Status& why) {
    if (outcome_.stopped_by.ok()) outcome_.stopped_by = why;
    stopped_ = true;
  }

  // What is known of it without sending it.
  std::optional<RowResult> WithoutSending(const ImportItem& item) const {
    if (options_.submitted_before != nullptr) {
      if (std::optional<std::string> referral = options_.submitted_before(item); referral.has_value()) {
        RowResult result{.kind = RowResult::Kind::kSubmittedBefore, .referral = {}, .status = {}};
        result.referral.set_name(*std::move(referral));
        return result;
      }
    }
    if (item.problems.empty()) return std::nullopt;
    return RowResult{.kind = RowResult::Kind::kFailed, .referral = {}, .status = {}};
  }

  // The rows of the next call: one at least, while there are any.
  std::pair<size_t, size_t> Take() {
    const std::lock_guard lock(next_mutex_);
    const size_t from = next_;
    const size_t most = options_.submit_batch == nullptr ? 1 : kImportRowsPerCall;
    size_t bytes = 0;
    while (next_ < items_.size() && next_ - from < most) {
      bytes += items_[next_].request.ByteSizeLong();
      if (next_ > from && bytes > kImportBytesPerCall) break;
      ++next_;
    }
    return {from, next_};
  }

  void SendAll(size_t from, size_t to) {
    std::vector<size_t> to_send;
    for (size_t i = from; i < to; ++i) {
      if (std::optional<RowResult> known = WithoutSending(items_[i]); known.has_value()) {
        Done(i, *std::move(known));
      } else {
        to_send.push_back(i);
      }
    }
    if (options_.submit_batch == nullptr) {
      for (const size_t i : to_send) Done(i, Send(items_[i]));
    } else if (!to_send.empty()) {
      SendBatch(to_send);
    }
  }

  void SendBatch(const std::vector<size_t>& to_send) {
    referral::v1::BatchSubmitReferralsRequest request;
    for (const size_t i : to_send) *request.add_requests() = items_[i].request;
    referral::v1::BatchSubmitReferralsResponse response;
    const absl::Status status = options_.submit_batch(request, response);
    if (status.ok() && response.results_size() == request.requests_size()) {
      return TakeAnswers(to_send, response);
    }
    for (size_t at = 0; at < to_send.size(); ++at) {
      const size_t i = to_send[at];
      if (EndsTheRun(status)) {
        // The first tells why. The others are as good as not sent: run again, they are carried out once.
        Done(i, at == 0 ? RowResult{.kind = RowResult::Kind::kFailed, .referral = {}, .status = status}
                        : RowResult());
      } else {
        SendAlone(i);  // as where one is too large
      }
    }
  }

  // REQUIRES: a result for each row that was sent.
  void TakeAnswers(const std::vector<size_t>& sent, referral::v1::BatchSubmitReferralsResponse& response) {
    std::vector<size_t> again;
    for (size_t at = 0; at < sent.size(); ++at) {
      std::optional<RowResult> result = ResultOf(*response.mutable_results(static_cast<int>(at)));
      if (result.has_value()) {
        Done(sent[at], *std::move(result));
      } else {
        again.push_back(sent[at]);
      }
    }
    if (again.empty()) return;
    // What was answered is kept before anything waits for the others.
    AfterCall();
    for (const size_t i : again) SendAlone(i);
  }

  // One of several: what it answers is kept before the next one is sent, which is not once the run ends.
  void SendAlone(size_t index) {
    const bool is_sent = !Ends();
    Done(index, Send(items_[index]));
    if (is_sent) AfterCall();
  }

  // Nothing for a row that is to be sent again.
  static std::optional<RowResult> ResultOf(referral::v1::BatchSubmitResult& result) {
    if (result.has_referral()) {
      return RowResult{.kind = RowResult::Kind::kSubmitted,
                       .referral = std::move(*result.mutable_referral()),
                       .status = absl::OkStatus()};
    }
    const google::rpc::Status& error = result.error();
    absl::Status status = rpc::FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(error.code()),
                                                     error.message(), error.SerializeAsString()));
    // It has the same request id: carried out after all, it is not carried out twice.
    if (IsTransient(status)) return std::nullopt;
    return RowResult{.kind = RowResult::Kind::kFailed, .referral = {}, .status = std::move(status)};
  }

  // Nothing is sent any more once the run ends.
  RowResult Send(const ImportItem& item) const {
    RowResult result;
    if (Ends()) return result;
    result.status = options_.submit(item.request, result.referral);
    result.kind = result.status.ok() ? RowResult::Kind::kSubmitted : RowResult::Kind::kFailed;
    return result;
  }

  void Done(size_t index, RowResult result) {
    const std::lock_guard lock(mutex_);
    if (EndsTheRun(result.status)) Stop(result.status);
    if (result.kind == RowResult::Kind::kSubmitted && options_.on_submitted != nullptr) {
      options_.on_submitted(items_[index], result.referral.name());
    }
    ++progress_.done;
    progress_.failed += result.kind == RowResult::Kind::kFailed ? 1 : 0;
    progress_.all = items_.size();
    results_[index] = std::move(result);
    is_done_[index] = true;
    for (; told_ < items_.size() && is_done_[told_]; ++told_)
      options_.on_result(items_[told_], results_[told_]);
    options_.on_progress(progress_);
  }

  const std::vector<ImportItem>& items_;
  const ImportRunOptions& options_;
  const Interrupts& interrupts_;
  std::mutex next_mutex_;  // guards next_
  size_t next_ = 0;
  std::atomic<bool> stopped_ = false;

  std::mutex mutex_;  // guards all below, until Finish
  std::vector<RowResult> results_;
  std::vector<bool> is_done_;
  size_t told_ = 0;
  ImportProgress progress_;
  ImportOutcome outcome_;
};

std::string ErrorLine(const RowProblem& problem, std::string_view reason, const ImportItem& item) {
  return CsvLine({base::Cat(problem.row), base::Cat(problem.line), problem.field, problem.problem,
                  std::string(reason), item.request.request_id()});
}

google::rpc::BadRequest BadRequestIn(const absl::Status& status) {
  google::rpc::BadRequest bad_request;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  if (payload.has_value() && !bad_request.ParseFromString(std::string(*payload))) bad_request.Clear();
  return bad_request;
}

}  // namespace

ImportOutcome RunImport(const std::vector<ImportItem>& items, const ImportRunOptions& options,
                        const Interrupts& interrupts) {
  Run run(items, options, interrupts);
  {
    std::vector<std::jthread> threads;
    const size_t count = std::min(items.size(), static_cast<size_t>(std::max(options.in_flight, 1)));
    for (size_t i = 0; i < count; ++i) threads.emplace_back([&run] { run.Work(); });
  }
  return run.Finish();
}

std::string ErrorFileHeader() {
  return CsvLine({"row", "line", "field", "problem", "reason", "request_id"});
}

std::string ErrorFileLines(const ImportItem& item, const RowResult& result) {
  std::string lines;
  switch (result.kind) {
    case RowResult::Kind::kSubmitted:
    case RowResult::Kind::kSubmittedBefore:
      return lines;
    case RowResult::Kind::kNotSent:
      return ErrorLine({item.row, item.line, "", "was not sent: the import ended before"}, "NOT_SENT", item);
    case RowResult::Kind::kFailed:
      break;
  }
  for (const RowProblem& problem : item.problems) lines += ErrorLine(problem, "ROW_INVALID", item);
  if (result.status.ok()) return lines;
  const std::string known = error::ReasonOf(result.status);
  const std::string_view reason =
      known.empty() ? StatusCodeName(result.status.code()) : std::string_view(known);
  const google::rpc::BadRequest bad_request = BadRequestIn(result.status);
  for (const auto& violation : bad_request.field_violations()) {
    lines += ErrorLine({item.row, item.line, violation.field(), violation.description()}, reason, item);
  }
  if (bad_request.field_violations().empty()) {
    lines +=
        ErrorLine({item.row, item.line, "", std::string(base::ToStd(result.status.message()))}, reason, item);
  }
  return lines;
}

}  // namespace waypost::cli
