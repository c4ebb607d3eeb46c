#include "common/identity/caller_cache.h"

#include <algorithm>
#include <utility>

namespace waypost::identity {

CallerCache::CallerCache(size_t entries) : shard_limit_(std::max<size_t>(1, entries / kShards)) {}

std::shared_ptr<const policy::Caller> CallerCache::Get(const crypto::Hash& token, uint64_t generation,
                                                       absl::Time now) {
  Shard& shard = ShardOf(token);
  const absl::MutexLock lock(&shard.mutex);
  const auto place = shard.places.find(token);
  if (place == shard.places.end()) return nullptr;
  Slot& slot = shard.slots[place->second];
  if (slot.generation != generation || now >= slot.caller->expires) return nullptr;
  slot.used = true;
  return slot.caller;
}

size_t CallerCache::PlaceFor(Shard& shard) {
  if (shard.slots.size() < shard_limit_) {
    shard.slots.emplace_back();
    return shard.slots.size() - 1;
  }
  while (std::exchange(shard.slots[shard.hand].used, false))
    shard.hand = (shard.hand + 1) % shard.slots.size();
  const size_t place = shard.hand;
  shard.hand = (shard.hand + 1) % shard.slots.size();
  shard.places.erase(shard.slots[place].token);
  return place;
}

void CallerCache::Put(const crypto::Hash& token, uint64_t generation,
                      std::shared_ptr<const policy::Caller> caller) {
  Shard& shard = ShardOf(token);
  const absl::MutexLock lock(&shard.mutex);
  const auto known = shard.places.find(token);
  const size_t place = known != shard.places.end() ? known->second : PlaceFor(shard);
  shard.places[token] = place;
  shard.slots[place] = {.token = token, .generation = generation, .used = false, .caller = std::move(caller)};
}

void CallerCache::Clear() {
  for (Shard& shard : shards_) {
    const absl::MutexLock lock(&shard.mutex);
    shard.places.clear();
    shard.slots.clear();
    shard.hand = 0;
  }
}

size_t CallerCache::size() const {
  size_t total = 0;
  for (const Shard& shard : shards_) {
    const absl::MutexLock lock(&shard.mutex);
    total += shard.places.size();
  }
  return total;
}

}  // namespace waypost::identity
