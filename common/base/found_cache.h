// What was found most recently in one version of some rows. Whoever finds another version in its transaction
// begins again: the rows decide, whichever process wrote them.
#ifndef WAYPOST_COMMON_BASE_FOUND_CACHE_H_
#define WAYPOST_COMMON_BASE_FOUND_CACHE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace waypost::base {

// Thread-safe.
template <typename Value>
class FoundCache {
 public:
  // Forgets everything when it holds that many.
  explicit FoundCache(size_t limit) : limit_(limit) {}

  // nullopt: not found in this version yet.
  std::optional<Value> Find(const std::string& version, const std::string& key) {
    const absl::MutexLock lock(&mutex_);
    if (version_ != version) {
      version_ = version;
      by_key_.clear();
      return std::nullopt;
    }
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? std::nullopt : std::optional<Value>(found->second);
  }

  // What Find did not know. Of a version that another one has come after, nothing is kept.
  void Keep(const std::string& version, const std::string& key, const Value& value) {
    const absl::MutexLock lock(&mutex_);
    if (version_ != version) return;
    if (by_key_.size() >= limit_) by_key_.clear();
    by_key_.emplace(key, value);
  }

 private:
  const size_t limit_;
  absl::Mutex mutex_;
  std::string version_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Value> by_key_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_FOUND_CACHE_H_
