// Answers that are made of rows which are stored as they are sent.
#ifndef WAYPOST_COMMON_API_STORED_ROWS_H_
#define WAYPOST_COMMON_API_STORED_ROWS_H_

#include <string>
#include <utility>

#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"

namespace waypost::api {

// Adds a serialized message to the repeated message field `field_number` of `answer`, without parsing it: it
// is sent as it is, and is an element like any other to whoever parses the answer. `answer` itself does not
// show it. REQUIRES: `row` is a valid message of the field's type.
inline void AddStoredRow(google::protobuf::Message& answer, int field_number, std::string row) {
  auto* fields = answer.GetReflection()->MutableUnknownFields(&answer);
  *fields->AddLengthDelimited(field_number) = std::move(row);
}

}  // namespace waypost::api

#endif  // WAYPOST_COMMON_API_STORED_ROWS_H_
