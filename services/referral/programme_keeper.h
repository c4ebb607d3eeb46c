// Looks at what is open under a programme whose end was set, moved or put off, and under an offer that came
// under another programme: marks each referral and each enrolment, or takes its mark away, in a transaction
// of its own. The replica of the directory asks for walks as it learns of such changes; how far a walk is, is
// remembered with every batch, and looked at twice either is changed once. So nothing is lost by an outage.
//
// What is sent after the replica knows is judged as it is sent; what was sent before is in the walk.
#ifndef WAYPOST_SERVICES_REFERRAL_PROGRAMME_KEEPER_H_
#define WAYPOST_SERVICES_REFERRAL_PROGRAMME_KEEPER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/step_thread.h"
#include "common/rpc/environment.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/referral/programme_rows.h"
#include "services/referral/referral_change.h"

namespace waypost::referral {

struct ProgrammeKeeperOptions {
  // Referrals or enrolments looked at in one step, all of them in flight at once.
  int batch = 64;
  // As many are looked at a second.
  int rate = 500;
  // Before what could not be looked at is tried again.
  absl::Duration retry_after = absl::Seconds(10);
};

// What one step has done.
struct ProgrammeStep {
  int looked_at = 0;
  int changed = 0;
  int failed = 0;  // without what is protected: that is in no number that somebody reads
  // Something could not be looked at: there is another walk.
  bool walks_again = false;
  // There is more to do at once.
  bool more = false;
};

class ProgrammeKeeper {
 public:
  // All must outlive this.
  ProgrammeKeeper(const rpc::Environment& env, ReferralChange& change, ProgrammeKeeperOptions options = {});
  ProgrammeKeeper(const ProgrammeKeeper&) = delete;
  ProgrammeKeeper& operator=(const ProgrammeKeeper&) = delete;

  // Works on a thread of its own from now on.
  void Start();
  // Waits for what is in flight.
  void Stop() { thread_.Stop(); }

  // One batch, at the time that the clock says; for Start's thread and for tests. Not beside Start.
  absl::StatusOr<ProgrammeStep> Step();

 private:
  // What was seen of one referral or enrolment, and whether it was changed.
  struct Looked {
    bool changed = false;
    bool is_protected = false;
  };

  base::StepAndRest StepThenRest();
  absl::Status AskForFirst();
  absl::StatusOr<ProgrammeStep> WalkProgramme(rows::ProgrammeWalk walk);
  absl::StatusOr<ProgrammeStep> WalkBatch(rows::ProgrammeWalk walk, absl::Time now);
  absl::StatusOr<std::vector<std::string>> NextNames(const rows::ProgrammeWalk& walk);
  ProgrammeStep Look(const std::vector<std::string>& names, bool index, absl::Time now);
  absl::Status LookAtReferral(rpc::Mutation& mutation, const std::string& name, bool index, Looked& looked);
  absl::Status LookAtEnrolment(rpc::Mutation& mutation, const std::string& name, bool index, Looked& looked);

  const rpc::Environment& env_;
  ReferralChange& change_;
  const ProgrammeKeeperOptions options_;
  prometheus::Counter& changed_;
  prometheus::Gauge& walking_;
  prometheus::Gauge& failed_;
  // The thread's own.
  bool asked_for_first_ = false;
  std::string turn_;  // the walk that ended last, or could not: another one goes on
  absl::Time not_before_ = absl::InfinitePast();

  base::StepThread thread_;  // last: it uses the others
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PROGRAMME_KEEPER_H_
