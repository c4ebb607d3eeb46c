// Messages as JSON (the proto3 mapping), and the documents that commands read and write.
#ifndef WAYPOST_TOOLS_WAYPOST_JSON_TEXT_H_
#define WAYPOST_TOOLS_WAYPOST_JSON_TEXT_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/waypost/environment.h"

namespace waypost::cli {

// What one command reads as a document: the server takes no more in one message.
inline constexpr size_t kMaxDocumentBytes = 4 * 1024 * 1024;

// Indented, with a final line break; or on one line without one.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);
absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message);

// Replaces `message`. Unknown fields and unknown enum values are INVALID_ARGUMENT / INVALID_FIELD on `what`;
// the message says where, and repeats no values.
absl::Status FromJson(std::string_view json, std::string_view what, google::protobuf::Message& message);

// The whole file. INVALID_ARGUMENT when it cannot be read or has more than `bytes_max`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);
// As ReadFile, or standard input for "-".
absl::StatusOr<std::string> ReadDocument(const Environment& env, const std::string& path,
                                         size_t bytes_max = kMaxDocumentBytes);
// Replaces or makes the file, whole or not at all: it is written beside and then renamed. Only its owner may
// read it. INTERNAL when that fails.
absl::Status WriteFile(const std::string& path, std::string_view content);
// `text` itself; the file for "@FILE", standard input for "-" or "@-".
absl::StatusOr<std::string> InlineDocument(const Environment& env, const std::string& text);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_JSON_TEXT_H_
