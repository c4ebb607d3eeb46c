#include "services/directory/module.h"

#include <string_view>
#include <utility>

#include "common/base/status_macros.h"
#include "common/runtime/outbox_module.h"
#include "services/directory/directory_service.h"

namespace waypost::directory {
namespace {

constexpr std::string_view kName = "directory";

class DirectoryModule final : public runtime::Module {
 public:
  explicit DirectoryModule(std::unique_ptr<runtime::OutboxBase> outbox)
      : outbox_(std::move(outbox)), service_(outbox_->env()) {}

  std::string_view name() const override { return kName; }
  grpc::Service& service() override { return service_; }
  absl::Status Start(const runtime::Peers& peers) override {
    outbox_->Start(peers);
    return absl::OkStatus();
  }
  void Stop() override { outbox_->Stop(); }
  void Tick(absl::Time now) override { outbox_->Tick(now); }

 private:
  const std::unique_ptr<runtime::OutboxBase> outbox_;
  DirectoryService service_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context) {
  WAYPOST_ASSIGN_OR_RETURN(std::unique_ptr<runtime::OutboxBase> outbox,
                           runtime::OutboxBase::Open(context, kName));
  return std::make_unique<DirectoryModule>(std::move(outbox));
}

}  // namespace waypost::directory
