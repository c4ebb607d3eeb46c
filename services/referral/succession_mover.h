// Moves the work of a body to whoever stands in its place, once the first day of a succession has come: walks
// all referrals, batch by batch, and changes each that concerns the predecessor in a transaction of its own,
// with its keys, own references, enrolments and rights requests. The walk is remembered with every batch, and
// a referral that was moved no longer concerns the predecessor: begun again anywhere, it does nothing twice.
//
// The move begins with a transaction after which nothing new comes to the predecessor (see SuccessionDay), so
// that what came before is met by the walk. What could not be moved, because others changed it meanwhile or a
// key could not be read, is tried again in another walk; the move has ended when a walk leaves nothing over.
// Between two walks it is the turn of the other successions whose day has come, so that none holds up
// another. What a succession with a last day kept from another one of its predecessor is that one's from the
// day after: its move is begun anew then, with a walk over all.
#ifndef WAYPOST_SERVICES_REFERRAL_SUCCESSION_MOVER_H_
#define WAYPOST_SERVICES_REFERRAL_SUCCESSION_MOVER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/step_thread.h"
#include "common/rpc/environment.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_sealing.h"
#include "services/referral/succession_rows.h"

namespace waypost::referral {

struct MoverOptions {
  // Referrals looked at in one step: those of them that move are in flight at once.
  int batch = 64;
  // Referrals looked at a second.
  int rate = 2000;
  // Before what was left over is tried again.
  absl::Duration retry_after = absl::Seconds(10);
};

// What one step has done.
struct MoverStep {
  int looked_at = 0;
  int moved = 0;
  int failed = 0;
  // There is more to do at once.
  bool more = false;
};

class SuccessionMover {
 public:
  // All must outlive this.
  SuccessionMover(const rpc::Environment& env, ReferralChange& change, Sealing& sealing,
                  const BodyRegistry& bodies, MoverOptions options = {});
  SuccessionMover(const SuccessionMover&) = delete;
  SuccessionMover& operator=(const SuccessionMover&) = delete;

  // Works on a thread of its own from now on.
  void Start();
  // Waits for what is in flight.
  void Stop() { thread_.Stop(); }

  // One batch, at the time that the clock says; for Start's thread and for tests. Not beside Start.
  absl::StatusOr<MoverStep> Step();

 private:
  struct Plan;

  base::StepAndRest StepThenRest();
  // Whose turn it is: the one that walks, to the end of its walk, then the next one, and around. Null: none,
  // or all of them rest.
  const rows::OpenMove* Choose(const std::vector<rows::OpenMove>& open, absl::Time now) const;
  // After a walk: it is the next one's turn; what was left over is not tried again at once.
  void PassOn(const rows::OpenMove& walked);
  void Rest(const rows::OpenMove& walked, absl::Time now);
  // One batch of it.
  absl::StatusOr<MoverStep> Walk(const rows::OpenMove& open, absl::Time now);
  absl::StatusOr<storage::v1::SuccessionMoveRecord> Begin(const rows::OpenMove& open, absl::Time now);
  // The referrals of a batch that move, each with what it is to hold then, and those that stay and leave a
  // list. Counts in `move` what nobody took over.
  absl::StatusOr<std::vector<std::shared_ptr<const Plan>>> Prepare(const std::vector<std::string>& names,
                                                                   absl::Time now,
                                                                   storage::v1::SuccessionMoveRecord& move);
  absl::StatusOr<std::shared_ptr<const Plan>> PrepareOne(const store::Reader& reader,
                                                         const storage::v1::ReferralRecord& record,
                                                         command::BodyMove body, absl::Time now);
  // Of one that stays, and waits or is offered a place where its body delivers no longer; null of any other.
  absl::StatusOr<std::shared_ptr<const Plan>> PrepareStay(const store::Reader& reader,
                                                          const storage::v1::ReferralRecord& record,
                                                          const std::string& body);
  // What became of the plans. What is protected is in no figure.
  struct Carried {
    int moved = 0;             // to the successor
    int moved_in_figures = 0;  // of these
    int failed = 0;            // that are in figures
    int failed_protected = 0;
  };
  Carried Carry(const std::vector<std::shared_ptr<const Plan>>& plans, absl::Time now,
                const std::string& succession);
  absl::Status CarryOne(rpc::Mutation& mutation, const Plan& plan, const std::string& succession);
  absl::Status Note(storage::v1::SuccessionMoveRecord move, const std::vector<std::string>& names,
                    absl::Time now);

  // Another succession of the predecessor has ended: what that one kept goes by this one.
  static void BeginAnew(store::Writer& writer, const rows::OpenMove& open,
                        storage::v1::SuccessionMoveRecord& move);
  absl::Status LeaveLists(rpc::Mutation& mutation, const storage::v1::ReferralRecord& current,
                          const command::BodyMove& stay);
  absl::Status GiveAway(const storage::v1::SuccessionMoveRecord& move, absl::Time now);
  void Count(const storage::v1::SuccessionMoveRecord& move, int moved);

  const rpc::Environment& env_;
  ReferralChange& change_;
  Sealing& sealing_;
  const BodyRegistry& bodies_;
  const MoverOptions options_;
  prometheus::Counter& moved_;
  prometheus::Gauge& moving_;
  prometheus::Gauge& left_behind_;
  prometheus::Gauge& failed_;
  // The thread's own.
  std::pair<std::string, std::string> turn_;  // first day and name: who walks, or where to look for the next
  std::map<std::string, absl::Time> not_before_;  // by succession: those that rest
  struct LastWalk {
    int64_t left_behind = 0;
    int64_t failed = 0;
  };
  std::map<std::string, LastWalk> last_walks_;  // by succession

  base::StepThread thread_;  // last: it uses the others
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_SUCCESSION_MOVER_H_
