// Erases what bodies have kept as long as their retention rules say. A row of an index says when each share
// is to be looked at, so that what is not due costs nothing.
//
// Erasing is a change like any other, decided on the record as it is in its transaction: what was opened
// again or came under a hold in between stays, and looked at twice, by two processes or after a crash, a
// share is erased and counted once. When the rules of the configuration have changed, all that has ended is
// dated anew before anything is erased.
#ifndef WAYPOST_SERVICES_REFERRAL_RETENTION_KEEPER_H_
#define WAYPOST_SERVICES_REFERRAL_RETENTION_KEEPER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/step_thread.h"
#include "common/rpc/environment.h"
#include "services/referral/referral_change.h"
#include "services/referral/retention_repository.h"

namespace waypost::referral {

struct RetentionOptions {
  int erase_rate = 50;  // shares a second
};

// What one step has done.
struct RetentionStep {
  int erased = 0;   // shares of which something was erased
  int dated = 0;    // referrals or shares whose date was moved
  int refused = 0;  // that failed: they are tried again
  bool more = false;
};

class RetentionKeeper {
 public:
  // Shares looked at in one step, all of them in flight at once.
  static constexpr int kBatch = 32;
  // Referrals dated in one transaction.
  static constexpr int kDatedAtOnce = 128;
  // An enrolment that has not ended is asked after again.
  static constexpr absl::Duration kLookAgain = absl::Hours(24 * 30);

  // All must outlive this.
  RetentionKeeper(const rpc::Environment& env, ReferralChange& change, RetentionOptions options);
  RetentionKeeper(const RetentionKeeper&) = delete;
  RetentionKeeper& operator=(const RetentionKeeper&) = delete;

  // Works on a thread of its own from now on.
  void Start();
  // Waits for what is in flight.
  void Stop() { thread_.Stop(); }

  // One batch, at the time that the clock says; for Start's thread and for tests. Not beside Start.
  absl::StatusOr<RetentionStep> Step();

 private:
  enum class Did { kLooked, kDated, kErased };

  const RetentionTable& table() const { return change_.clockwork().clocks.retention; }
  base::StepAndRest StepThenRest();
  // True when all is dated by the rules at hand.
  absl::StatusOr<bool> DateAll(absl::Time now, RetentionStep& step);
  absl::StatusOr<std::vector<rows::RetentionRow>> NextRows(absl::Time now);
  RetentionStep Erase(const std::vector<rows::RetentionRow>& rows, absl::Time now);
  absl::Status EraseOne(rpc::Mutation& mutation, const rows::RetentionRow& row, Did& did);
  absl::Status NoteTheRun(absl::Time now);

  const rpc::Environment& env_;
  ReferralChange& change_;
  const RetentionOptions options_;
  // The thread's own.
  bool all_dated_ = false;
  std::string after_;  // the row that the next batch begins after
  absl::Time next_note_ = absl::InfinitePast();

  base::StepThread thread_;  // last: it uses the others
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_RETENTION_KEEPER_H_
