#include "services/audit/module.h"

#include <string_view>
#include <utility>

#include "common/base/status_macros.h"
#include "common/outbox/lane.h"
#include "common/rpc/change_hub.h"
#include "common/rpc/environment.h"
#include "services/audit/audit_service.h"

namespace waypost::audit {
namespace {

constexpr std::string_view kName = "audit";

// Has nothing in the background: what other services relay arrives as calls.
class AuditModule final : public runtime::Module {
 public:
  AuditModule(const runtime::ModuleContext& context, outbox::Lane lane)
      : lane_(std::move(lane)), env_{context.node, context.store, lane_, hub_}, service_(env_, kLogName) {}

  std::string_view name() const override { return kName; }
  grpc::Service& service() override { return service_; }
  absl::Status Start(const runtime::Peers& /*peers*/) override { return absl::OkStatus(); }
  void Stop() override {}
  void Tick(absl::Time /*now*/) override {}

 private:
  rpc::ChangeHub hub_;
  const outbox::Lane lane_;
  const rpc::Environment env_;
  AuditService service_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context) {
  // A log that cannot be read is found before anyone relies on it.
  WAYPOST_ASSIGN_OR_RETURN(const std::unique_ptr<store::Reader> snapshot, context.store.Snapshot());
  WAYPOST_RETURN_IF_ERROR(AuditRepository(kLogName).Tree(*snapshot).status());
  WAYPOST_ASSIGN_OR_RETURN(outbox::Lane lane, outbox::Lane::Open(context.store, kName));
  return std::make_unique<AuditModule>(context, std::move(lane));
}

}  // namespace waypost::audit
