#include "common/runtime/outbox_module.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/rpc/mutation.h"
#include "common/runtime/audit_client.h"

namespace waypost::runtime {
namespace {

// With so many calls in flight both cores have work, and what the relay does is taken from the callers.
constexpr int kBusyCalls = 32;

}  // namespace

absl::StatusOr<std::unique_ptr<OutboxBase>> OutboxBase::Open(const ModuleContext& context,
                                                             std::string_view service) {
  WAYPOST_ASSIGN_OR_RETURN(outbox::Lane lane, outbox::Lane::Open(context.store, service));
  return std::unique_ptr<OutboxBase>(new OutboxBase(context, service, std::move(lane)));
}

OutboxBase::OutboxBase(const ModuleContext& context, std::string_view service, outbox::Lane lane)
    : service_(service), lane_(std::move(lane)), env_{context.node, context.store, lane_, hub_} {}

OutboxBase::~OutboxBase() {
  Stop();
}

void OutboxBase::Start(const Peers& peers) {
  sink_ = MakeAuditSink(peers.audit, peers.token);
  outbox::RelayOptions options;
  options.node_is_busy = [&admission = env_.node.admission] { return admission.in_flight() >= kBusyCalls; };
  options.all_sinks = {std::string(sink_->name())};
  relay_ = std::make_unique<outbox::Relay>(env_.store, service_, lane_.name(), *sink_, env_.node.metrics,
                                           env_.node.clock, std::move(options));
  subscription_ = hub_.Subscribe(rpc::kOutboxFeed, [this] { relay_->Notify(); });
  relay_->Start();
}

void OutboxBase::Stop() {
  hub_.Close();
  if (relay_ == nullptr) return;
  hub_.Unsubscribe(rpc::kOutboxFeed, subscription_);
  relay_.reset();
}

void OutboxBase::Tick(absl::Time now) {
  hub_.Changed(rpc::kTickFeed);
  // What fails is made up for by the next tick.
  idempotency_.Step(env_.store, now, kSweepPerTick).status().IgnoreError();
  feeds_.Step(env_.store, now).status().IgnoreError();
}

}  // namespace waypost::runtime
