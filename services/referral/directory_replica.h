// What the referral service keeps of the directory: rows in its own store, read inside its transactions, so
// that no command waits for the directory. A follower applies the directory's changes in order.
//
//   ("dir.body", name)                   status, enforcement, revision, approval required, calendar
//   ("dir.unit", name)                   status, kind, revision, calendar; whose it is, its name says
//   ("dir.offer", name)                  provider, status, revision, kind, theme, first territory, programme;
//                                        of each group: id, declared places, first day of its cohort
//   ("dir.offer_documents", offer)       what it requires; none where that is nothing
//   ("dir.programme", name)              revision, last day
//   offers of programmes                 see programme_rows.h, which is told of every end that changes
//   ("dir.agreements", theme, territory) of each agreement: name, coordinating body, first and last day,
//                                        revision
//   successions                          see succession_rows.h
//   ("dir.cursor", form of these rows)   what to resume after; written with every change, and so the version
//                                        of the rows, too
#ifndef WAYPOST_SERVICES_REFERRAL_DIRECTORY_REPLICA_H_
#define WAYPOST_SERVICES_REFERRAL_DIRECTORY_REPLICA_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/found_cache.h"
#include "common/rpc/chain/successor_accounts.h"
#include "common/rpc/client.h"
#include "common/store/store.h"
#include "common/telemetry/metrics.h"
#include "services/referral/referral_directory.h"
#include "waypost/directory/v1/requests.pb.h"

namespace grpc {
class ChannelInterface;
class ClientContext;
}  // namespace grpc

namespace waypost::referral {

// Beyond this age the replica is not relied on: a body may have been suspended meanwhile.
inline constexpr absl::Duration kMaxReplicaAge = absl::Seconds(60);

// Thread-safe.
class DirectoryReplica final : public BodyRegistry {
 public:
  // `store` must outlive this, and so must `accounts`, which is told whose accounts follow a succession: by
  // LoadAccounts of those that are known, and by Apply. Null: nobody is told.
  explicit DirectoryReplica(store::Store& store, rpc::chain::SuccessorAccounts* accounts = nullptr)
      : store_(store), accounts_(accounts) {}

  // Before anybody is served.
  absl::Status LoadAccounts() const;

  absl::Status CheckFresh(absl::Time now) const override;
  absl::StatusOr<BodyFacts> Find(const store::Reader& reader, std::string_view body) const override;
  absl::StatusOr<UnitFacts> FindUnit(const store::Reader& reader, std::string_view unit) const override;
  absl::StatusOr<OfferFacts> FindOffer(const store::Reader& reader, std::string_view offer) const override;
  absl::StatusOr<CalendarPtr> FindCalendar(const store::Reader& reader, std::string_view body,
                                           std::string_view unit) const override;
  absl::StatusOr<std::optional<Successor>> FindSuccessor(const store::Reader& reader, std::string_view body,
                                                         type::v1::Theme theme, std::string_view territory,
                                                         absl::Time now) const override;
  absl::StatusOr<RouteFacts> FindRoute(const store::Reader& reader, const Route& route,
                                       absl::Time now) const override;
  absl::StatusOr<std::string> FindCoordinator(const store::Reader& reader, type::v1::Theme theme,
                                              std::string_view territory, absl::Time now) const override;

  // Durable together: the changes and the cursor after them. Applying them again changes nothing.
  absl::Status Apply(const directory::v1::WatchChangesResponse& changes, absl::Time now);
  // What to resume after; empty at first.
  absl::StatusOr<std::string> Cursor() const;
  absl::Duration Age(absl::Time now) const;

 private:
  static constexpr size_t kMaxFound = 10'000;  // of each kind

  absl::StatusOr<RouteFacts> ReadRoute(const store::Reader& reader, const Route& route, absl::Time now) const;
  absl::StatusOr<std::string> ReadCoordinator(const store::Reader& reader, type::v1::Theme theme,
                                              std::string_view territory, absl::Time now) const;

  void TellAccounts(const directory::v1::WatchChangesResponse& changes) const;

  store::Store& store_;
  rpc::chain::SuccessorAccounts* const accounts_;
  mutable base::FoundCache<RouteFacts> found_routes_{kMaxFound};
  mutable base::FoundCache<std::string> found_coordinators_{kMaxFound};
  // By unit, or by body where there is none.
  mutable base::FoundCache<CalendarPtr> found_calendars_{kMaxFound};
  // When the replica was last known to be complete, in microseconds since 1970.
  std::atomic<int64_t> complete_at_{0};
};

// Follows the directory on a thread of its own, and begins again after every failure.
class DirectoryFollower {
 public:
  // All must outlive this.
  DirectoryFollower(DirectoryReplica& replica, std::shared_ptr<grpc::ChannelInterface> directory,
                    rpc::TokenSource token, const base::Clock& clock, telemetry::Metrics& metrics);
  ~DirectoryFollower();

  void Start();
  void Stop();

 private:
  void Run();
  absl::Status Follow();
  bool Stopping();

  DirectoryReplica& replica_;
  const std::shared_ptr<grpc::ChannelInterface> directory_;
  const rpc::TokenSource token_;
  const base::Clock& clock_;
  telemetry::Metrics& metrics_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* following_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_DIRECTORY_REPLICA_H_
