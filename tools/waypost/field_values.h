// Text as values of a message's fields.
#ifndef WAYPOST_TOOLS_WAYPOST_FIELD_VALUES_H_
#define WAYPOST_TOOLS_WAYPOST_FIELD_VALUES_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tools/waypost/message_flags.h"

namespace waypost::cli {

// True for "google.protobuf.Timestamp" and the like.
bool IsMessage(const google::protobuf::FieldDescriptor& field, std::string_view type_name);

// Sets `field` of `message` from text: one value, or any number for a repeated field, which they replace.
// Takes scalars, enums (in words), timestamps, LocalizedText ("es=Vivienda"), and other messages as JSON.
// INVALID_ARGUMENT / INVALID_FIELD on `what`, without the value.
absl::Status SetField(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
                      const std::vector<std::string>& values, const ValueContext& context,
                      std::string_view what);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_FIELD_VALUES_H_
