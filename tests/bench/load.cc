#include "tests/bench/load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <queue>
#include <thread>

namespace waypost::bench {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// One slot's calls, one after the other.
struct Slot {
  std::vector<float> latencies_ms;
  std::vector<uint64_t> each_second;
  std::vector<TimedCall> each_call;
  uint64_t errors = 0;
  std::string first_error;
};

class Load {
 public:
  Load(const LoadOptions& options, const BeginCall& begin)
      : options_(options),
        begin_(begin),
        slots_(static_cast<size_t>(options.in_flight)),
        live_(options.in_flight) {}

  LoadResult Run() {
    start_ = Clock::now();
    measure_from_ = start_ + ToDuration(options_.warm_up_seconds);
    stop_at_ = measure_from_ + ToDuration(options_.seconds);
    for (int i = 0; i < options_.in_flight; ++i) Next(i);
    while (live_.load() > 0) {
      SendDue();
      std::this_thread::sleep_for(std::chrono::microseconds(options_.rate > 0 ? 50 : 2000));
    }
    return Summarize();
  }

 private:
  struct Waiting {
    Clock::time_point due;
    int slot = 0;
    uint64_t number = 0;
    bool operator<(const Waiting& other) const { return due > other.due; }  // the earliest on top
  };

  static Clock::duration ToDuration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  // With a rate, the call's place in an even schedule; otherwise now.
  Clock::time_point DueOf(uint64_t number) const {
    if (options_.rate <= 0) return Clock::now();
    return start_ + ToDuration(static_cast<double>(number) / options_.rate);
  }

  void Next(int slot) {
    const uint64_t number = next_.fetch_add(1);
    const Clock::time_point due = DueOf(number);
    if (due >= stop_at_ || (options_.calls > 0 && number >= options_.calls)) {
      live_.fetch_sub(1);
      return;
    }
    if (due <= Clock::now()) return Send(slot, number, due);
    const std::lock_guard lock(mutex_);
    waiting_.push({due, slot, number});
  }

  // Sends what is due, when it is due, on the thread that runs the load.
  void SendDue() {
    while (true) {
      Waiting next;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty() || waiting_.top().due > Clock::now()) return;
        next = waiting_.top();
        waiting_.pop();
      }
      Send(next.slot, next.number, next.due);
    }
  }

  void Send(int slot, uint64_t number, Clock::time_point due) {
    begin_(slot, number, [this, slot, due](const grpc::Status& status) {
      Slot& mine = slots_[static_cast<size_t>(slot)];
      if (!status.ok()) {
        if (mine.errors++ == 0) mine.first_error = status.error_message();
      } else if (due >= measure_from_) {
        const double ms = Seconds(Clock::now() - due) * 1000;
        mine.latencies_ms.push_back(static_cast<float>(ms));
        if (options_.keeps_each_call) mine.each_call.push_back({Seconds(due.time_since_epoch()), ms});
        const auto second = static_cast<size_t>(Seconds(due - measure_from_));
        if (mine.each_second.size() <= second) mine.each_second.resize(second + 1);
        ++mine.each_second[second];
      }
      Next(slot);
    });
  }

  LoadResult Summarize() const {
    LoadResult result;
    std::vector<float> all;
    for (const Slot& slot : slots_) {
      all.insert(all.end(), slot.latencies_ms.begin(), slot.latencies_ms.end());
      result.each_second.resize(std::max(result.each_second.size(), slot.each_second.size()));
      for (size_t i = 0; i < slot.each_second.size(); ++i) result.each_second[i] += slot.each_second[i];
      result.each_call.insert(result.each_call.end(), slot.each_call.begin(), slot.each_call.end());
      result.errors += slot.errors;
      if (result.first_error.empty()) result.first_error = slot.first_error;
    }
    std::sort(all.begin(), all.end());
    result.calls = all.size();
    result.seconds = Seconds(stop_at_ - measure_from_);
    result.per_second = static_cast<double>(all.size()) / result.seconds;
    if (all.empty()) return result;
    result.p50_ms = all[all.size() / 2];
    result.p99_ms = all[all.size() * 99 / 100];
    result.max_ms = all.back();
    return result;
  }

  const LoadOptions options_;
  const BeginCall& begin_;
  std::vector<Slot> slots_;
  std::mutex mutex_;
  std::priority_queue<Waiting> waiting_;
  std::atomic<uint64_t> next_{0};
  std::atomic<int> live_;
  Clock::time_point start_, measure_from_, stop_at_;
};

}  // namespace

LoadResult RunLoad(const LoadOptions& options, const BeginCall& begin) {
  return Load(options, begin).Run();
}

std::string ToJson(const LoadResult& result) {
  return nlohmann::json{
      {"calls", result.calls},     {"errors", result.errors},         {"first_error", result.first_error},
      {"seconds", result.seconds}, {"per_second", result.per_second}, {"p50_ms", result.p50_ms},
      {"p99_ms", result.p99_ms},   {"max_ms", result.max_ms},         {"each_second", result.each_second},
      {"counted", result.counted}}
      .dump();
}

}  // namespace waypost::bench
