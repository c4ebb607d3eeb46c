// Partial updates (AIP-134).
#ifndef WAYPOST_COMMON_API_FIELD_MASK_H_
#define WAYPOST_COMMON_API_FIELD_MASK_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace waypost::api {

// Sets the fields of `target` that `mask` names to what `source` has, replacing repeated fields and messages
// whole; a field that `source` lacks is cleared. `updatable` lists the top-level fields a client may name. An
// empty mask means every updatable field that `source` has set. INVALID_FIELD on "update_mask" for a path
// that is not updatable, "*" included.
absl::Status ApplyMask(const google::protobuf::FieldMask& mask,
                       const std::vector<std::string_view>& updatable,
                       const google::protobuf::Message& source, google::protobuf::Message& target);

}  // namespace waypost::api

#endif  // WAYPOST_COMMON_API_FIELD_MASK_H_
