#include "services/directory/module.h"

#include <string_view>
#include <utility>

#include "common/base/status_macros.h"
#include "common/runtime/outbox_module.h"
#include "services/directory/account_keeper.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_repository.h"
#include "services/directory/directory_service.h"
#include "services/directory/enquiry_mover.h"
#include "services/directory/enquiry_repository.h"
#include "services/directory/offer_inheritance.h"

namespace waypost::directory {
namespace {

constexpr std::string_view kName = "directory";

class DirectoryModule final : public runtime::Module {
 public:
  explicit DirectoryModule(std::unique_ptr<runtime::OutboxBase> outbox)
      : outbox_(std::move(outbox)),
        service_(outbox_->env()),
        inheritance_(outbox_->env()),
        accounts_(outbox_->env()) {}

  // Before anybody is served.
  absl::Status LoadAccounts() { return accounts_.Load(); }
  // Before anybody is served: of a store from before, seconds for each hundred thousand rows.
  absl::Status CompleteIndexes() {
    for (bool done = false; !done;) {
      WAYPOST_RETURN_IF_ERROR(
          store::TransactAndWait(outbox_->env().store, [this, &done](store::Writer& writer) -> absl::Status {
            WAYPOST_ASSIGN_OR_RETURN(done, repository_.CompleteIndexes(writer));
            return absl::OkStatus();
          }));
    }
    return absl::OkStatus();
  }

  std::string_view name() const override { return kName; }
  grpc::Service& service() override { return service_; }
  absl::Status Start(const runtime::Peers& peers) override {
    outbox_->Start(peers);
    return absl::OkStatus();
  }
  void Stop() override { outbox_->Stop(); }
  void Tick(absl::Time now) override {
    outbox_->Tick(now);
    accounts_.Tick();
    HandOnOffers(now);
    SweepEnquiries(now);
    MoveEnquiries(now);
  }

 private:
  // Of bodies that are no more. What fails is made up for by the next tick.
  void HandOnOffers(absl::Time now) {
    for (int i = 0; i < kInheritanceStepsInTick; ++i) {
      const absl::StatusOr<bool> more = inheritance_.Step(now);
      if (!more.ok() || !*more) return;
    }
  }

  // Writes only where there is something to remove. What fails is made up for by the next tick.
  void SweepEnquiries(absl::Time now) {
    const auto reader = outbox_->env().store.Snapshot();
    if (!reader.ok() || !enquiries_.AnyExpired(**reader, now)) return;
    store::TransactAndWait(outbox_->env().store, [this, now](store::Writer& writer) {
      return enquiries_.Sweep(writer, now, kEnquiriesSweptInStep).status();
    }).IgnoreError();
  }

  // The same.
  void MoveEnquiries(absl::Time now) {
    const auto reader = outbox_->env().store.Snapshot();
    if (!reader.ok() || !mover_.AnyDue(**reader, now)) return;
    mover_.Step(outbox_->env(), now).IgnoreError();
  }

  const std::unique_ptr<runtime::OutboxBase> outbox_;
  DirectoryService service_;
  const DirectoryRepository repository_ = {};
  const EnquiryRepository enquiries_ = {};
  const EnquiryMover mover_ = {};
  OfferInheritance inheritance_;
  AccountKeeper accounts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<runtime::Module>> MakeModule(const runtime::ModuleContext& context) {
  WAYPOST_ASSIGN_OR_RETURN(std::unique_ptr<runtime::OutboxBase> outbox,
                           runtime::OutboxBase::Open(context, kName));
  auto module = std::make_unique<DirectoryModule>(std::move(outbox));
  WAYPOST_RETURN_IF_ERROR(module->LoadAccounts());
  WAYPOST_RETURN_IF_ERROR(module->CompleteIndexes());
  return module;
}

}  // namespace waypost::directory
