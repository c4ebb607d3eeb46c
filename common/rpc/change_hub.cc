#include "common/rpc/change_hub.h"

#include <algorithm>

#include "common/base/abseil.h"

namespace waypost::rpc {

uint64_t ChangeHub::Subscribe(std::string_view feed, Listener listener) {
  const absl::MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  ++count_;
  listeners_[std::string(feed)].emplace_back(id, std::move(listener));
  return id;
}

void ChangeHub::Unsubscribe(std::string_view feed, uint64_t id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = listeners_.find(base::ToAbsl(feed));
  if (found == listeners_.end()) return;
  auto& list = found->second;
  const size_t before = list.size();
  list.erase(std::remove_if(list.begin(), list.end(), [id](const auto& entry) { return entry.first == id; }),
             list.end());
  count_ -= static_cast<int>(before - list.size());
  if (list.empty()) listeners_.erase(found);
}

void ChangeHub::Close() {
  closing_.store(true, std::memory_order_relaxed);
  Changed(kTickFeed);
}

int ChangeHub::listeners() const {
  const absl::MutexLock lock(&mutex_);
  return count_;
}

void ChangeHub::Changed(std::string_view feed) {
  const absl::MutexLock lock(&mutex_);
  const auto found = listeners_.find(base::ToAbsl(feed));
  if (found == listeners_.end()) return;
  for (const auto& [id, listener] : found->second) listener();
}

}  // namespace waypost::rpc
