// Tells the directory how many places of each group of an offer are taken, so that nobody is shown a free
// place where there is none. A row says which groups the directory is yet to be told of; the transaction that
// changes a count writes it, one for each group however often it changes. It is deleted once the directory
// has that very count: one that has changed meanwhile stays, and what was told before a crash is told again,
// which changes nothing. So nothing is lost while the directory is away. And at each start it is told of
// every count: a store of before there were such rows, and one that was restored, here or there, come right
// by that.
//
// Protected referrals are in no count. How many wait is told to nobody.
#ifndef WAYPOST_SERVICES_REFERRAL_PLACES_KEEPER_H_
#define WAYPOST_SERVICES_REFERRAL_PLACES_KEEPER_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/step_thread.h"
#include "common/rpc/client.h"
#include "common/rpc/environment.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "services/referral/waiting_list.h"
#include "waypost/directory/v1/requests.pb.h"

namespace grpc {
class ChannelInterface;
}  // namespace grpc

namespace waypost::referral {

// Who is told: the directory.
class PlacesSink {
 public:
  virtual ~PlacesSink() = default;
  // One result for each report, in their order. Blocks for some seconds at most.
  virtual absl::StatusOr<directory::v1::ReportPlacesResponse> Report(
      const directory::v1::ReportPlacesRequest& request) = 0;
};
// Thread-safe.
std::unique_ptr<PlacesSink> MakePlacesSink(std::shared_ptr<grpc::ChannelInterface> directory,
                                           rpc::TokenSource token);

struct PlacesKeeperOptions {
  // Groups in one report, no more than the directory takes.
  int batch = 50;
  // Groups that are told of a second.
  int rate = 500;
  // Before it is tried again what could not be told.
  absl::Duration retry_after = absl::Seconds(10);
};

// What one step has done.
struct PlacesStep {
  int told = 0;
  // There is more to do at once.
  bool more = false;
};

class PlacesKeeper {
 public:
  // Both must outlive this.
  PlacesKeeper(const rpc::Environment& env, PlacesSink& sink, PlacesKeeperOptions options = {});
  PlacesKeeper(const PlacesKeeper&) = delete;
  PlacesKeeper& operator=(const PlacesKeeper&) = delete;

  // Works on a thread of its own from now on.
  void Start();
  // Waits for what is in flight.
  void Stop() { thread_.Stop(); }

  // One batch, at the time that the clock says; for Start's thread and for tests. Not beside Start. Nothing
  // where an attempt failed less than retry_after ago.
  absl::StatusOr<PlacesStep> Step();

 private:
  // Groups, and what is told of each.
  struct Batch {
    std::vector<GroupKey> groups;
    directory::v1::ReportPlacesRequest request;
  };

  base::StepAndRest StepThenRest();
  absl::StatusOr<bool> WalkFirst();
  void NoteFailure(const absl::Status& status, const Batch& batch, absl::Time now);
  absl::StatusOr<Batch> NextBatch(absl::Time now) const;
  absl::Status Settle(const Batch& batch, const directory::v1::ReportPlacesResponse& told);
  void NoteLag(absl::Time now, bool all_told);

  const rpc::Environment& env_;
  PlacesSink& sink_;
  const PlacesKeeperOptions options_;
  prometheus::Gauge& lag_;
  prometheus::Counter& failures_;
  // The thread's own.
  bool walked_first_ = false;
  std::string walked_to_;          // in the first walk
  std::optional<GroupKey> after_;  // the group that the next batch begins after
  int alone_ = 0;                  // groups that are told one by one, since a report of several was refused
  absl::Time not_before_ = absl::InfinitePast();
  absl::Time all_told_at_ = absl::InfinitePast();  // InfinitePast: it has only begun

  base::StepThread thread_;  // last: it uses the others
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PLACES_KEEPER_H_
