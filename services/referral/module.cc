#include "services/referral/module.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/runtime/outbox_module.h"
#include "common/status/errors.h"
#include "services/referral/breach_service.h"
#include "services/referral/clock_keeper.h"
#include "services/referral/correction_rows.h"
#include "services/referral/correction_service.h"
#include "services/referral/directory_replica.h"
#include "services/referral/enrolment_service.h"
#include "services/referral/intake_service.h"
#include "services/referral/key_renewal.h"
#include "services/referral/path_service.h"
#include "services/referral/places_keeper.h"
#include "services/referral/programme_keeper.h"
#include "services/referral/receipt_signature.h"
#include "services/referral/referral_sealing.h"
#include "services/referral/referral_service.h"
#include "services/referral/retention_keeper.h"
#include "services/referral/statistics_service.h"
#include "services/referral/succession_mover.h"
#include "services/referral/succession_service.h"

namespace waypost::referral {
namespace {

StepTimes StepTimesOf(const config::v1::NodeConfig::StepTimes& given) {
  return {.emergency = absl::Seconds(given.emergency_seconds()),
          .urgent = absl::Seconds(given.urgent_seconds()),
          .normal = absl::Seconds(given.normal_seconds())};
}

RetentionTable RetentionTableOf(const config::v1::NodeConfig::Retention& given) {
  RetentionTable table;
  for (const auto& rule : given.rules()) {
    RetentionRule& made = rule.code().empty() ? table.others : table.by_code[rule.code()];
    made = {.days = rule.days(), .law = rule.law()};
  }
  return table;
}

ClockTable TableOf(const config::v1::NodeConfig::Clocks& given,
                   const config::v1::NodeConfig::Retention& retention) {
  ClockTable table;
  table.retention = RetentionTableOf(retention);
  for (const auto& times : given.step_times()) {
    if (times.theme() == type::v1::THEME_UNSPECIFIED) {
      table.step_times = StepTimesOf(times);
    } else {
      table.by_theme[times.theme()] = StepTimesOf(times);
    }
  }
  table.reminder_share = given.reminder_percent() / 100.0;
  table.lapse_share = given.lapse_percent() / 100.0;
  table.remind_again_share = given.remind_again_percent() / 100.0;
  return table;
}

KeeperOptions KeeperOptionsOf(const config::v1::NodeConfig::Clocks& given) {
  return {.outage = absl::Seconds(given.outage_seconds()),
          .fire_rate = given.fire_rate(),
          .catch_up_rate = given.catch_up_rate()};
}

Publication PublicationOf(const config::v1::NodeConfig::Statistics& given) {
  const bool quarterly = given.period() == config::v1::NodeConfig::STATISTICS_PERIOD_QUARTER;
  return {.threshold = given.threshold(),
          .period_kind = quarterly ? v1::STATISTICS_PERIOD_KIND_QUARTER : v1::STATISTICS_PERIOD_KIND_MONTH};
}

class ReferralModule final : public runtime::Module {
 public:
  ReferralModule(const runtime::ModuleContext& context, crypto::BodyKeys& keys,
                 const config::v1::NodeConfig& config, std::unique_ptr<runtime::OutboxBase> outbox,
                 ReceiptSigner signer)
      : context_(context),
        clocks_(TableOf(config.clocks(), config.retention())),
        outbox_(std::move(outbox)),
        sealing_(keys, context.node.random),
        signer_(std::move(signer)),
        replica_(context.store, &context.node.accounts),
        service_(outbox_->env(), sealing_, replica_, signer_, clocks_),
        enrolments_(outbox_->env(), service_.change().clockwork()),
        intake_(outbox_->env(), sealing_, service_.change()),
        corrections_(outbox_->env()),
        breaches_(outbox_->env(), service_.change().clockwork()),
        paths_(outbox_->env(), service_.change()),
        statistics_(outbox_->env(), PublicationOf(config.statistics())),
        keeper_(outbox_->env(), service_.change(), KeeperOptionsOf(config.clocks())),
        retention_(outbox_->env(), service_.change(), {.erase_rate = config.retention().erase_rate()}),
        successions_(outbox_->env()),
        mover_(outbox_->env(), service_.change(), sealing_, replica_),
        programmes_(outbox_->env(), service_.change()) {}

  // Before anybody is served.
  absl::Status LoadAccounts() const { return replica_.LoadAccounts(); }

  // What an older store lacks. Before anybody is served.
  absl::Status BringForward() const { return rows::CompleteOperatorRows(context_.store); }

  std::string_view name() const override { return "referral"; }
  grpc::Service& service() override { return service_; }
  std::vector<grpc::Service*> more_services() override {
    return {&enrolments_, &intake_, &corrections_, &breaches_, &paths_, &statistics_, &successions_};
  }

  absl::Status Start(const runtime::Peers& peers) override {
    outbox_->Start(peers);
    follower_.emplace(replica_, peers.directory, peers.token, context_.node.clock, context_.node.metrics);
    follower_->Start();
    keeper_.Start();
    retention_.Start();
    mover_.Start();
    programmes_.Start();
    places_sink_ = MakePlacesSink(peers.directory, peers.token);
    places_.emplace(outbox_->env(), *places_sink_);
    places_->Start();
    return absl::OkStatus();
  }

  void Stop() override {
    if (places_.has_value()) places_->Stop();
    programmes_.Stop();
    mover_.Stop();
    retention_.Stop();
    keeper_.Stop();
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
  void Tick(absl::Time now) override {
    outbox_->Tick(now);
    SweepCorrections(now);
  }

 private:
  // Writes only where there is something to remove. What fails is made up for by the next tick.
  void SweepCorrections(absl::Time now) {
    constexpr int kSweptInStep = 500;
    const auto reader = context_.store.Snapshot();
    if (!reader.ok() || !rows::AnyCorrectionExpired(**reader, now)) return;
    store::TransactAndWait(context_.store, [now](store::Writer& writer) {
      return rows::SweepCorrections(writer, now, kSweptInStep);
    }).IgnoreError();
  }

  const runtime::ModuleContext context_;
  const ClockTable clocks_;
  const std::unique_ptr<runtime::OutboxBase> outbox_;
  Sealing sealing_;
  const ReceiptSigner signer_;
  DirectoryReplica replica_;
  ReferralService service_;
  EnrolmentService enrolments_;
  IntakeService intake_;
  CorrectionService corrections_;
  BreachService breaches_;
  PathService paths_;
  StatisticsService statistics_;
  ClockKeeper keeper_;
  RetentionKeeper retention_;
  SuccessionService successions_;
  SuccessionMover mover_;
  ProgrammeKeeper programmes_;
  std::optional<DirectoryFollower> follower_;
  std::unique_ptr<PlacesSink> places_sink_;
  std::optional<PlacesKeeper> places_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context,
                                                            crypto::BodyKeys& keys,
                                                            const config::v1::NodeConfig& config) {
  WAYPOST_ASSIGN_OR_RETURN(auto outbox, runtime::OutboxBase::Open(context, "referral"));
  WAYPOST_ASSIGN_OR_RETURN(ReceiptSigner signer, ReceiptSigner::Make(keys.provider()));
  auto module = std::make_unique<ReferralModule>(context, keys, config, std::move(outbox), std::move(signer));
  WAYPOST_RETURN_IF_ERROR(module->LoadAccounts());
  WAYPOST_RETURN_IF_ERROR(module->BringForward());
  return module;
}

}  // namespace waypost::referral
