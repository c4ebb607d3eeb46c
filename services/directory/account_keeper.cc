#include "services/directory/account_keeper.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/rpc/chain/successor_accounts.h"

namespace waypost::directory {
namespace {

// Successions read at a time.
constexpr int kPage = 500;

}  // namespace

AccountKeeper::AccountKeeper(const rpc::Environment& env) : env_(env) {
  // A few rows, and seldom: they are read on the thread that has committed the change.
  subscription_ = env_.hub.Subscribe(kSuccessionsFeed, [this] { Load().IgnoreError(); });
}

AccountKeeper::~AccountKeeper() {
  env_.hub.Unsubscribe(kSuccessionsFeed, subscription_);
}

absl::Status AccountKeeper::Load() {
  // Before it is read: a change that fails meanwhile, on another thread, is not taken for read.
  behind_.store(false);
  absl::Status status = Read();
  if (!status.ok()) behind_.store(true);
  return status;
}

void AccountKeeper::Tick() {
  if (behind_.load()) Load().IgnoreError();
}

absl::Status AccountKeeper::Read() {
  WAYPOST_ASSIGN_OR_RETURN(const auto reader, env_.store.Snapshot());
  std::vector<rpc::chain::AccountSuccession> found;
  std::string position;
  do {
    WAYPOST_ASSIGN_OR_RETURN(auto page,
                             repository_.List(*reader, v1::ListSuccessionsRequest(), position, kPage));
    for (const Stored<v1::Succession>& stored : page.items) {
      auto said = rpc::chain::AccountSuccessionOf(stored.resource, stored.revision);
      if (said.has_value()) found.push_back(*std::move(said));
    }
    position = std::move(page.next);
  } while (!position.empty());
  env_.node.accounts.Record(found);
  return absl::OkStatus();
}

}  // namespace waypost::directory
