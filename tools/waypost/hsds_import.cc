#include "tools/waypost/hsds_import.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/hsds_package.h"
#include "tools/waypost/hsds_schema.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

// One service of a portion, as it would be sent.
struct Row {
  pb::OfferToImport offer;
  // Where it is and whose; problem and reason are empty.
  BatchProblem place;
  bool is_right = true;
};

struct ReadRows {
  std::vector<Row> rows;
  std::vector<BatchProblem> problems;
  // Rows, and documents that cannot be read at all.
  size_t failed = 0;
  // Of the services that could not be read: each with a place where it stands.
  std::map<std::string, BatchProblem> refused;
};

// Where an id was first met.
struct FirstPlace {
  std::string file;
  uint64_t row = 0;
  bool is_right = false;
};

// Both passes over the files.
class Run {
 public:
  Run(HsdsFiles& files, const HsdsMapping& mapping, const HsdsImportOptions& options,
      const Interrupts& interrupts)
      : files_(files), mapping_(mapping), options_(options), interrupts_(interrupts) {}

  absl::StatusOr<BatchOutcome> Do() {
    InThreads([this] { Pass([this](ReadRows read) { Check(std::move(read)); }); });
    WAYPOST_RETURN_IF_ERROR(failure_);
    TellDuplicates();
    progress_ = {.is_sending = true, .done = 0, .failed = outcome_.failed, .all = rows_ - outcome_.failed};
    if (options_.dry_run || interrupts_.requested()) {
      outcome_.not_sent = rows_ - outcome_.failed;
      return std::move(outcome_);
    }
    files_.Rewind();
    InThreads([this] { Pass([this](ReadRows read) { Send(std::move(read)); }); });
    // A file that was there for the first pass: what was sent is to be told all the same.
    if (outcome_.stopped_by.ok()) outcome_.stopped_by = failure_;
    const size_t told = outcome_.created + outcome_.updated + outcome_.unchanged + outcome_.failed;
    outcome_.not_sent = rows_ - std::min(rows_, told);
    return std::move(outcome_);
  }

 private:
  template <typename Work>
  void InThreads(const Work& work) const {
    std::vector<std::jthread> threads;
    for (int i = 0; i < std::max(options_.in_flight, 1); ++i) threads.emplace_back(work);
  }

  template <typename Take>
  void Pass(const Take& take) {
    while (!HasEnded()) {
      absl::StatusOr<std::optional<HsdsPortion>> portion = files_.Next();
      if (!portion.ok()) return End(portion.status());
      if (!portion->has_value()) return;
      take(Read(**portion));
    }
  }

  bool HasEnded() {
    const std::lock_guard lock(mutex_);
    return !failure_.ok() || !outcome_.stopped_by.ok() || interrupts_.requested();
  }

  void End(absl::Status failure) {
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = std::move(failure);
  }

  ReadRows Read(const HsdsPortion& portion) const {
    ReadRows read;
    for (size_t i = 0; i < portion.documents.size(); ++i) {
      const uint64_t line = portion.first_line == 0 ? 0 : portion.first_line + i;
      const std::string& document = portion.documents[i];
      const bool is_empty = document.find_first_not_of(" \t\r") == std::string::npos;
      if (line > 0 && is_empty) continue;
      ReadDocument(portion.file, line, document, read);
    }
    return read;
  }

  void ReadDocument(size_t file, uint64_t line, const std::string& document, ReadRows& read) const {
    HsdsPackage package = ParseHsds(document);
    read.failed += package.rows - package.services.size();
    if (package.rows == 0) ++read.failed;
    const auto place = [&](uint64_t row) {
      return BatchProblem{.file = files_.paths()[file], .row = line > 0 ? line : row};
    };
    const auto tell = [&](HsdsReport& report, bool is_of_package) {
      BatchProblem problem = place(report.row);
      problem.id = std::move(report.id);
      problem.field = std::move(report.pointer);
      problem.value = std::move(report.value);
      problem.problem = std::move(report.problem);
      problem.reason = "ROW_INVALID";
      if (is_of_package && !problem.id.empty()) {
        BatchProblem at = place(report.row);
        at.id = problem.id;
        read.refused.emplace(problem.id, std::move(at));
      }
      read.problems.push_back(std::move(problem));
    };
    if (package.rows == 0 && package.reports.empty()) {
      package.reports.push_back({.row = 0, .pointer = "", .problem = "has no services: give some"});
    }
    for (HsdsReport& report : package.reports) tell(report, true);
    for (HsdsService& service : package.services) {
      std::vector<HsdsReport> reports;
      schema_.Hold(service, options_.strict, reports);
      HsdsOfferRow mapped = MapHsdsService(service, mapping_);
      std::move(reports.begin(), reports.end(), std::back_inserter(mapped.reports));
      Row row = {
          .offer = std::move(mapped.row), .place = place(service.row), .is_right = mapped.reports.empty()};
      row.place.id = service.id;
      if (!row.is_right) ++read.failed;
      for (HsdsReport& report : mapped.reports) tell(report, false);
      read.rows.push_back(std::move(row));
    }
  }

  // The first pass: counts, and keeps every id with the places where it stands.
  void Check(ReadRows read) {
    const std::lock_guard lock(mutex_);
    for (BatchProblem& problem : read.problems) outcome_.Add(std::move(problem));
    outcome_.failed += read.failed;
    rows_ += read.failed;
    for (auto& [id, place] : read.refused) Meet(std::move(place), false);
    for (Row& row : read.rows) {
      if (row.is_right) ++rows_;
      Meet(std::move(row.place), row.is_right);
    }
    if (rows_ > kMaxHsdsImportRows && failure_.ok()) {
      failure_ = error::InvalidField(
          "file", base::Cat("has more than ", kMaxHsdsImportRows, " services: import it in parts"));
    }
    progress_.done = rows_;
    progress_.failed = outcome_.failed;
    options_.on_progress(progress_);
  }

  void Meet(BatchProblem place, bool is_right) {
    const auto [first, is_new] = ids_.try_emplace(place.id, FirstPlace{place.file, place.row, is_right});
    if (is_new) return;
    auto& places = shared_[place.id];
    if (places.empty()) {
      BatchProblem before = {.file = first->second.file, .row = first->second.row};
      before.id = place.id;
      places.emplace_back(std::move(before), first->second.is_right);
    }
    places.emplace_back(std::move(place), is_right);
  }

  // None of those that share an id is known to be the right one.
  void TellDuplicates() {
    for (auto& [id, places] : shared_) {
      for (auto& [place, is_right] : places) {
        if (is_right) ++outcome_.failed;
        place.field = "/id";
        place.problem = "is the id of several services: keep one of them";
        place.reason = "ROW_INVALID";
        outcome_.Add(std::move(place));
      }
    }
  }

  // The second pass. Of rows that are not right the first one told.
  void Send(ReadRows read) {
    std::vector<Row> rows;
    for (Row& row : read.rows) {
      if (row.is_right && !shared_.contains(row.place.id)) rows.push_back(std::move(row));
    }
    size_t begin = 0;
    while (begin < rows.size() && !HasEnded()) {
      pb::ImportOffersRequest request;
      size_t end = begin;
      int places = 0;
      size_t bytes = 0;
      while (end < rows.size() && request.offers_size() < kHsdsRowsPerCall && places < kHsdsPlacesPerCall &&
             bytes < kHsdsBytesPerCall) {
        places += rows[end].offer.offer().territories_size();
        bytes += rows[end].offer.ByteSizeLong();
        request.add_offers()->Swap(&rows[end++].offer);
      }
      SendSome(request, rows, begin, end);
      begin = end;
    }
  }

  void SendSome(pb::ImportOffersRequest& request, const std::vector<Row>& rows, size_t begin, size_t end) {
    {
      const std::lock_guard lock(mutex_);
      request.set_request_id(BatchRequestId(options_.run, ++calls_));
    }
    pb::ImportOffersResponse response;
    const absl::Status status = options_.send(request, response);
    const std::lock_guard lock(mutex_);
    if (EndsTheImport(status)) {
      if (outcome_.stopped_by.ok()) outcome_.stopped_by = status;
      return;
    }
    for (size_t i = begin; i < end; ++i) {
      const int index = static_cast<int>(i - begin);
      if (status.ok() && index < response.results_size()) {
        outcome_.Count(response.results(index), rows[i].place);
      } else {
        Refused(status, rows[i].place);
      }
    }
    progress_.done += end - begin;
    progress_.failed = outcome_.failed;
    options_.on_progress(progress_);
  }

  // The whole call was refused, as where the caller may not keep the offers of a provider.
  void Refused(const absl::Status& status, const BatchProblem& place) {
    ++outcome_.failed;
    BatchProblem problem = place;
    problem.problem = status.ok() ? "got no answer" : std::string(base::ToStd(status.message()));
    problem.reason = error::ReasonOf(status);
    outcome_.Add(std::move(problem));
  }

  HsdsFiles& files_;
  const HsdsMapping& mapping_;
  const HsdsImportOptions& options_;
  const Interrupts& interrupts_;
  const HsdsSchema schema_;

  std::mutex mutex_;  // guards all below while threads run
  BatchOutcome outcome_;
  HsdsProgress progress_;
  absl::Status failure_;
  size_t rows_ = 0;
  uint64_t calls_ = 0;
  std::unordered_map<std::string, FirstPlace> ids_;
  // Every place of an id that has several.
  std::unordered_map<std::string, std::vector<std::pair<BatchProblem, bool>>> shared_;
};

}  // namespace

absl::StatusOr<BatchOutcome> RunHsdsImport(HsdsFiles& files, const HsdsMapping& mapping,
                                           const HsdsImportOptions& options, const Interrupts& interrupts) {
  return Run(files, mapping, options, interrupts).Do();
}

}  // namespace waypost::cli
