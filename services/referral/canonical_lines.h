// Texts that are hashed or signed: the same facts give the same bytes. docs/reference/receipts.md has the
// formats.
#ifndef WAYPOST_SERVICES_REFERRAL_CANONICAL_LINES_H_
#define WAYPOST_SERVICES_REFERRAL_CANONICAL_LINES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "common/api/resource.h"
#include "common/base/strings.h"

namespace waypost::referral {

// Microseconds, in UTC.
inline std::string CanonicalTime(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", api::FromTimestamp(time), absl::UTCTimeZone());
}

// Writes lines of a word, a blank and a value, each ended by a line feed.
class CanonicalLines {
 public:
  CanonicalLines() { text_.reserve(1'024); }

  // What is empty has no line.
  void Add(std::string_view field, std::string_view value) {
    if (value.empty()) return;
    if (value.find('\n') != std::string_view::npos) is_plain_ = false;
    text_.append(field).append(" ").append(value).append("\n");
  }
  // As the protos number it; 0 is empty.
  void Add(std::string_view field, int64_t value) {
    if (value != 0) Add(field, base::Cat(value));
  }
  template <typename Values>
  void AddAll(std::string_view field, const Values& values) {
    for (const auto& value : values) Add(field, value);
  }

  // False where a value has a line feed: the text could be read as that of other facts.
  bool is_plain() const { return is_plain_; }
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
  bool is_plain_ = true;
};

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_CANONICAL_LINES_H_
