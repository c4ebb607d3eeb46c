#include "common/store/store.h"

#include "absl/synchronization/notification.h"

namespace waypost::store {

absl::StatusOr<std::vector<std::optional<std::string>>> Reader::GetMany(
    std::span<const std::string> keys) const {
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (const std::string& key : keys) {
    absl::StatusOr<std::optional<std::string>> value = Get(key);
    if (!value.ok()) return value.status();
    values.push_back(*std::move(value));
  }
  return values;
}

absl::Status TransactAndWait(Store& store, Body body) {
  // Shared: the store's thread may still be inside Notify when this one wakes and returns.
  struct Wait {
    absl::Status status;
    absl::Notification done;
  };
  const auto wait = std::make_shared<Wait>();
  store.Transact(std::move(body), [wait](absl::Status status) {
    wait->status = std::move(status);
    wait->done.Notify();
  });
  wait->done.WaitForNotification();
  return wait->status;
}

}  // namespace waypost::store
