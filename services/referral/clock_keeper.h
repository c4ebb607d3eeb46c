// Looks at the clocks of referrals and does what is due: reminds, escalates, lets lapse. A row of an index
// says when each referral is to be looked at next, so that a million clocks that are not due cost nothing.
//
// Firing is a change like any other, decided on the row as it is in its transaction: fired twice, by two
// processes or after a crash, it changes something once. What this system itself was down for is no silence
// of anybody: it notes when it last ran, and gives the time back to every clock that ran meanwhile.
#ifndef WAYPOST_SERVICES_REFERRAL_CLOCK_KEEPER_H_
#define WAYPOST_SERVICES_REFERRAL_CLOCK_KEEPER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/rate_bucket.h"
#include "common/base/step_thread.h"
#include "common/rpc/environment.h"
#include "common/telemetry/clock_failures.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_repository.h"

namespace waypost::referral {

struct KeeperOptions {
  // Longer than this without a sign of life is an outage.
  absl::Duration outage = absl::Minutes(5);
  // Clocks fired a second, and those that an outage has held up.
  int fire_rate = 4500;
  int catch_up_rate = 500;
};

// What one step has done.
struct KeeperStep {
  int looked_at = 0;  // clocks, whatever came of them
  int fired = 0;      // that changed a referral
  int refused = 0;    // that the rules refused, or that failed: they are tried again
  bool more = false;
};

class ClockKeeper {
 public:
  // Clocks looked at in one step at most, all of them in flight at once: few, since a submission waits behind
  // them.
  static constexpr int kBatch = 64;
  // How often at most it logs that it cannot work.
  static constexpr absl::Duration kLogEvery = absl::Minutes(1);
  // How often it notes that it runs.
  static constexpr absl::Duration kBeatEvery = absl::Seconds(15);
  // How long clocks that an outage has held up are fired more slowly.
  static constexpr absl::Duration kCatchUp = absl::Minutes(10);
  // How long outages are remembered: longer than any clock runs.
  static constexpr absl::Duration kRememberOutages = absl::Hours(24 * 800);

  // All must outlive this.
  ClockKeeper(const rpc::Environment& env, ReferralChange& change, KeeperOptions options);
  ClockKeeper(const ClockKeeper&) = delete;
  ClockKeeper& operator=(const ClockKeeper&) = delete;

  // Works on a thread of its own from now on.
  void Start();
  // Waits for what is in flight.
  void Stop() { thread_.Stop(); }

  // One batch, at the time that the clock says; for Start's thread and for tests. Not beside Start.
  absl::StatusOr<KeeperStep> Step();

  // One step, and how long to rest before the next: for Start's thread and tests. Not beside Start.
  base::StepAndRest StepThenRest();

 private:
  // What came of one clock: it was looked at alone where the referral is as it was.
  enum class Did { kLooked, kFired };

  // Clocks fired a second at that time, while more are due: fewer for kCatchUp after an outage was noticed.
  int RateAt(absl::Time now) const;
  // Clocks of one step: fewer at a low rate, so that it does not rest for long between two steps.
  int BatchAt(absl::Time now) const;
  absl::StatusOr<KeeperStep> StepAt(absl::Time now);
  void NoticeClockPutBack(absl::Time now);
  absl::Status NoteThatItRuns(absl::Time now);
  absl::Status Beat(absl::Time now);
  absl::StatusOr<std::vector<rows::WakeRow>> NextRows(absl::Time now);
  KeeperStep Fire(const std::vector<rows::WakeRow>& rows, absl::Time now);
  absl::Status FireOne(rpc::Mutation& mutation, const rows::WakeRow& row, Did& did);
  void Report(absl::Time now, std::string_view message, std::string_view error);

  const rpc::Environment& env_;
  ReferralChange& change_;
  const KeeperOptions options_;
  telemetry::ClockFailures failures_;
  // The thread's own.
  absl::Time next_beat_ = absl::InfinitePast();
  absl::Time catching_up_until_ = absl::InfinitePast();
  absl::Time last_step_ = absl::InfinitePast();
  absl::Time next_log_ = absl::InfinitePast();
  std::vector<Outage> outages_;
  bool outages_stale_ = true;
  std::string after_;  // the row that the next batch begins after
  bool swept_ = true;  // the last batch reached what is not due yet
  absl::Time from_the_first_at_ = absl::InfinitePast();

  base::StepThread thread_;  // last: it uses the others
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_CLOCK_KEEPER_H_
