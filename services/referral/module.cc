#include "services/referral/module.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/runtime/outbox_module.h"
#include "common/status/errors.h"
#include "services/referral/directory_replica.h"
#include "services/referral/enrolment_service.h"
#include "services/referral/key_renewal.h"
#include "services/referral/referral_sealing.h"
#include "services/referral/referral_service.h"

namespace waypost::referral {
namespace {

class ReferralModule final : public runtime::Module {
 public:
  ReferralModule(const runtime::ModuleContext& context, crypto::BodyKeys& keys,
                 std::unique_ptr<runtime::OutboxBase> outbox)
      : context_(context),
        outbox_(std::move(outbox)),
        sealing_(keys, context.node.random),
        replica_(context.store),
        service_(outbox_->env(), sealing_, replica_),
        enrolments_(outbox_->env(), replica_) {}

  std::string_view name() const override { return "referral"; }
  grpc::Service& service() override { return service_; }
  std::vector<grpc::Service*> more_services() override { return {&enrolments_}; }

  absl::Status Start(const runtime::Peers& peers) override {
    outbox_->Start(peers);
    follower_.emplace(replica_, peers.directory, peers.token, context_.node.clock, context_.node.metrics);
    follower_->Start();
    return absl::OkStatus();
  }

  void Stop() override {
    if (follower_.has_value()) follower_->Stop();
    outbox_->Stop();
  }

  bool Ready() const override { return replica_.CheckFresh(context_.node.clock.Now()).ok(); }
  bool KeepsKeys() const override { return true; }
  absl::Status RenewKeys(absl::Time now) override {
    WAYPOST_ASSIGN_OR_RETURN(const RenewalReport report, referral::RenewKeys(context_.store, sealing_, now));
    if (report.missed == 0) return absl::OkStatus();
    return error::Unavailable("key renewal", "referrals were changed meanwhile; it is tried again");
  }
  void Tick(absl::Time now) override { outbox_->Tick(now); }

 private:
  const runtime::ModuleContext context_;
  const std::unique_ptr<runtime::OutboxBase> outbox_;
  Sealing sealing_;
  DirectoryReplica replica_;
  ReferralService service_;
  EnrolmentService enrolments_;
  std::optional<DirectoryFollower> follower_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context,
                                                            crypto::BodyKeys& keys) {
  WAYPOST_ASSIGN_OR_RETURN(auto outbox, runtime::OutboxBase::Open(context, "referral"));
  return std::make_unique<ReferralModule>(context, keys, std::move(outbox));
}

}  // namespace waypost::referral
