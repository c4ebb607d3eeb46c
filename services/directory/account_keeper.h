// Tells the node whose accounts follow a succession: once at the start, then after each change of one.
#ifndef WAYPOST_SERVICES_DIRECTORY_ACCOUNT_KEEPER_H_
#define WAYPOST_SERVICES_DIRECTORY_ACCOUNT_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "common/rpc/environment.h"
#include "services/directory/directory_repository.h"

namespace waypost::directory {

// Reported after every commit that changed a succession.
inline constexpr std::string_view kSuccessionsFeed = "successions";

// Thread-safe.
class AccountKeeper {
 public:
  // Follows from now on. `env` must outlive this.
  explicit AccountKeeper(const rpc::Environment& env);
  ~AccountKeeper();
  AccountKeeper(const AccountKeeper&) = delete;
  AccountKeeper& operator=(const AccountKeeper&) = delete;

  // Tells of all successions that are in the store.
  absl::Status Load();
  // Again, where a change could not be read.
  void Tick();

 private:
  absl::Status Read();

  const rpc::Environment& env_;
  const DirectoryRepository repository_ = {};
  std::atomic<bool> behind_{false};
  uint64_t subscription_ = 0;
};

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ACCOUNT_KEEPER_H_
