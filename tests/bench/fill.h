// Submits referrals to a store without gRPC: a module that stands in a node where the referral service would.
#ifndef WAYPOST_TESTS_BENCH_FILL_H_
#define WAYPOST_TESTS_BENCH_FILL_H_

#include <grpcpp/impl/service_type.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/crypto/body_keys.h"
#include "common/runtime/outbox_module.h"
#include "services/referral/directory_replica.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_sealing.h"

namespace waypost::bench {

struct FillOptions {
  uint64_t referrals = 0;
  std::string from;             // "bodies/es-bench-from"
  std::vector<std::string> to;  // taken in turns
  std::string run;              // makes request ids and own references unlike those of other runs
  int threads = 2;              // that prepare; the store's writer is one more
  // All were made at the moment at which the filling began, and answers to all are due so long after it.
  // Zero: each is made as it comes, and due after the usual time.
  absl::Duration due_in = absl::ZeroDuration();
};

// Runs the course of a command that SubmitReferral runs, from sealing to the outbox's event and the record of
// the request id. What is left out is what stands before it in a call: the chain (authentication, admission,
// access log, metrics of requests), and the validation of requests that are made here. The relay takes the
// events to the audit service, as in any node.
class FillModule final : public runtime::Module {
 public:
  // What `context` refers to, and `keys`, must outlive this.
  static absl::StatusOr<std::unique_ptr<FillModule>> Make(const runtime::ModuleContext& context,
                                                          crypto::BodyKeys& keys, const FillOptions& options);

  std::string_view name() const override { return "referral"; }
  grpc::Service& service() override { return no_methods_; }
  absl::Status Start(const runtime::Peers& peers) override;
  void Stop() override;
  void Tick(absl::Time) override {}

  // Returns once every referral is durable, or with the first error. Once, after Start.
  absl::Status Fill();
  // When the filling began; all are due from then on where they are due at once. After Fill.
  absl::Time began() const { return began_; }
  // How many are durable. Thread-safe.
  uint64_t done() const { return done_.load(std::memory_order_relaxed); }
  // True once the relay has taken every event out of the outbox.
  absl::StatusOr<bool> Relayed() const;

 private:
  struct Submission;
  // The replica of the directory as the node left it. Nothing follows the directory here, so nothing in it
  // changes: its age does not matter.
  class StandingBodies final : public referral::BodyRegistry {
   public:
    explicit StandingBodies(store::Store& store) : replica_(store) {}
    absl::Status CheckFresh(absl::Time) const override { return absl::OkStatus(); }
    absl::StatusOr<referral::BodyFacts> Find(const store::Reader& reader,
                                             std::string_view body) const override {
      return replica_.Find(reader, body);
    }
    absl::StatusOr<referral::UnitFacts> FindUnit(const store::Reader& reader,
                                                 std::string_view unit) const override {
      return replica_.FindUnit(reader, unit);
    }
    absl::StatusOr<referral::OfferFacts> FindOffer(const store::Reader& reader,
                                                   std::string_view offer) const override {
      return replica_.FindOffer(reader, offer);
    }
    absl::StatusOr<referral::CalendarPtr> FindCalendar(const store::Reader& reader, std::string_view body,
                                                       std::string_view unit) const override {
      return replica_.FindCalendar(reader, body, unit);
    }
    absl::StatusOr<std::optional<referral::Successor>> FindSuccessor(const store::Reader& reader,
                                                                     std::string_view body,
                                                                     type::v1::Theme theme,
                                                                     std::string_view territory,
                                                                     absl::Time now) const override {
      return replica_.FindSuccessor(reader, body, theme, territory, now);
    }
    absl::StatusOr<std::string> FindCoordinator(const store::Reader& reader, type::v1::Theme theme,
                                                std::string_view territory, absl::Time now) const override {
      return replica_.FindCoordinator(reader, theme, territory, now);
    }
    absl::StatusOr<referral::RouteFacts> FindRoute(const store::Reader& reader, const referral::Route& route,
                                                   absl::Time now) const override {
      return replica_.FindRoute(reader, route, now);
    }

   private:
    const referral::DirectoryReplica replica_;
  };

  FillModule(const runtime::ModuleContext& context, crypto::BodyKeys& keys,
             std::unique_ptr<runtime::OutboxBase> outbox, const FillOptions& options);

  // One preparing thread: takes numbers until there are no more or something failed.
  void Submit();
  absl::StatusOr<std::unique_ptr<Submission>> Prepare(uint64_t number);
  // Takes a place among those in flight; false when something has failed.
  bool Enter();
  void Leave(const absl::Status& status);
  bool MayEnter() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return in_flight_ < kInFlightMax || !failure_.ok();
  }
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return in_flight_ == 0; }

  // Two of the store's groups: one that runs and one that is prepared meanwhile. More would hold up the
  // relay, whose transactions wait in the same queue.
  static constexpr int kInFlightMax = 512;

  grpc::Service no_methods_;
  const runtime::ModuleContext context_;
  const FillOptions options_;
  const referral::ClockTable clocks_;
  const std::unique_ptr<runtime::OutboxBase> outbox_;
  const StandingBodies bodies_;
  referral::Sealing sealing_;
  referral::ReferralChange change_;
  std::shared_ptr<const policy::Caller> caller_;  // set by Fill

  absl::Time began_;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> done_{0};
  absl::Mutex mutex_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::bench

#endif  // WAYPOST_TESTS_BENCH_FILL_H_
