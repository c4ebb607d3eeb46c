// Debian 12 builds Abseil with its own absl::string_view, which does not convert to or from
// std::string_view. Our interfaces use std types only; these two functions are the one bridge.
#ifndef WAYPOST_COMMON_BASE_ABSEIL_H_
#define WAYPOST_COMMON_BASE_ABSEIL_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace waypost::base {

inline absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view ToStd(absl::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_ABSEIL_H_
