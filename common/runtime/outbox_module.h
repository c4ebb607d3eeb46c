// What every service that writes events has in common: its lane, its hub, the relay to the audit service,
// and the removing of what has expired: idempotency records, and what watchers can no longer ask for.
#ifndef WAYPOST_COMMON_RUNTIME_OUTBOX_MODULE_H_
#define WAYPOST_COMMON_RUNTIME_OUTBOX_MODULE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/outbox/lane.h"
#include "common/outbox/relay.h"
#include "common/rpc/change_hub.h"
#include "common/rpc/environment.h"
#include "common/rpc/feed.h"
#include "common/rpc/mutation.h"
#include "common/runtime/module.h"

namespace waypost::runtime {

// How many idempotency records of days that have passed are removed in one tick.
inline constexpr int kSweepPerTick = 2000;

class OutboxBase {
 public:
  static absl::StatusOr<std::unique_ptr<OutboxBase>> Open(const ModuleContext& context,
                                                          std::string_view service);
  ~OutboxBase();

  const rpc::Environment& env() const { return env_; }
  rpc::ChangeHub& hub() { return hub_; }

  // Begins to relay to the audit service.
  void Start(const Peers& peers);
  void Stop();
  // Sweeps, trims feeds, and ticks watches.
  void Tick(absl::Time now);

 private:
  OutboxBase(const ModuleContext& context, std::string_view service, outbox::Lane lane);

  const std::string service_;
  rpc::ChangeHub hub_;
  const outbox::Lane lane_;
  const rpc::Environment env_;
  std::unique_ptr<outbox::Sink> sink_;
  std::unique_ptr<outbox::Relay> relay_;
  uint64_t subscription_ = 0;
  rpc::FeedTrimmer feeds_;
  rpc::IdempotencySweeper idempotency_;
};

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_OUTBOX_MODULE_H_
