// Any message, for people: fields in words, times in their zone, what is absent left out.
#ifndef WAYPOST_TOOLS_WAYPOST_DETAILS_H_
#define WAYPOST_TOOLS_WAYPOST_DETAILS_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/time/time.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::cli {

// One line a field, nested messages indented, with a final line break. Texts are made printable.
std::string Details(const google::protobuf::Message& message, absl::TimeZone zone);

// The original text, or any other where there is none.
std::string Original(const type::v1::LocalizedText& text);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_DETAILS_H_
