// The requests that the benchmarks send.
#ifndef WAYPOST_TESTS_BENCH_REQUESTS_H_
#define WAYPOST_TESTS_BENCH_REQUESTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waypost/referral/v1/referral.pb.h"

namespace waypost::bench {

// A referral of one person with screening and details, from `from` to `to`, ready to be sent. `run` and
// `number` make its request_id, its own reference and its person unlike every other's.
referral::v1::SubmitReferralRequest MakeSubmit(std::string_view from, std::string_view to,
                                               std::string_view run, uint64_t number);

// The same, serialized once: only the number differs from call to call. Thread-safe.
class SubmitBytes {
 public:
  SubmitBytes(std::string_view from, std::string_view to, std::string_view run);
  // REQUIRES: number < 10^12.
  std::string Numbered(uint64_t number) const;

 private:
  std::string bytes_;
  std::vector<size_t> places_;  // of the number's digits
};

}  // namespace waypost::bench

#endif  // WAYPOST_TESTS_BENCH_REQUESTS_H_
