// Keeps a number of calls in flight, or sends them at a rate, for some seconds, and says how long they took.
#ifndef WAYPOST_TESTS_BENCH_LOAD_H_
#define WAYPOST_TESTS_BENCH_LOAD_H_

#include <grpcpp/client_context.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace waypost::bench {

struct LoadOptions {
  int in_flight = 64;
  double seconds = 5;
  double warm_up_seconds = 1;
  // Calls a second, evenly spaced; 0: as fast as in_flight allows. A call that is due late is timed from when
  // it was due, so that a stall is not hidden by the calls that were never sent.
  double rate = 0;
  // Ends after so many, however long they take; 0: after the time.
  uint64_t calls = 0;
  // Every measured call on its own, too: LoadResult::each_call.
  bool keeps_each_call = false;
};

struct TimedCall {
  double due_at = 0;  // seconds, by the steady clock
  double ms = 0;
};

struct LoadResult {
  uint64_t calls = 0;
  uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  // Calls sent in each second of the measurement: how steady it was.
  std::vector<uint64_t> each_second;
  // In no order; those that failed are not among them.
  std::vector<TimedCall> each_call;
  // What whoever began the calls has counted in all their answers, by name.
  std::map<std::string, uint64_t> counted;
};

// Begins one call and, when it is answered, calls `done` with its status. `slot` is from 0 to in_flight - 1:
// the calls of one slot never overlap. `number` is different for every call.
using BeginCall = std::function<void(int slot, uint64_t number, std::function<void(grpc::Status)> done)>;

LoadResult RunLoad(const LoadOptions& options, const BeginCall& begin);

std::string ToJson(const LoadResult& result);

}  // namespace waypost::bench

#endif  // WAYPOST_TESTS_BENCH_LOAD_H_
