// A service's outbox: one event for every change, appended in the transaction that makes the change.
#ifndef WAYPOST_COMMON_OUTBOX_LANE_H_
#define WAYPOST_COMMON_OUTBOX_LANE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"

namespace waypost::outbox {

// One writer's ordered, gap-free run of events. The writer that opens a lane last owns it: appends of an
// earlier owner fail (ABORTED / LANE_FENCED), so that two processes can never interleave. Thread-safe.
class Lane {
 public:
  // Takes the lane over, raising its epoch durably. Blocks; for start-up.
  static absl::StatusOr<Lane> Open(store::Store& store, std::string_view name);

  // Within the caller's transaction: appends canonical event bytes and their 32-byte nonce. Returns the
  // position, from 1, without gaps among committed transactions.
  absl::StatusOr<uint64_t> Append(store::Writer& writer, std::string_view event,
                                  std::string_view nonce) const;

  const std::string& name() const { return name_; }
  uint64_t epoch() const { return epoch_; }

 private:
  Lane(std::string name, uint64_t epoch);

  std::string name_;
  uint64_t epoch_;
  std::string head_key_;
};

// The last position given in a lane, 0 when it is empty.
absl::StatusOr<uint64_t> HeadOf(const store::Reader& reader, std::string_view lane);

}  // namespace waypost::outbox

#endif  // WAYPOST_COMMON_OUTBOX_LANE_H_
