// Small text helpers over std::string_view.
#ifndef WAYPOST_COMMON_BASE_STRINGS_H_
#define WAYPOST_COMMON_BASE_STRINGS_H_

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "common/base/abseil.h"

namespace waypost::base {

namespace internal {
inline absl::AlphaNum Piece(std::string_view text) {
  return absl::AlphaNum(ToAbsl(text));
}
template <typename Number>
requires std::is_arithmetic_v<Number> absl::AlphaNum Piece(Number number) {
  return absl::AlphaNum(number);
}
}  // namespace internal

// Concatenates texts and numbers: absl::StrCat for std::string_view.
template <typename... Pieces>
std::string Cat(const Pieces&... pieces) {
  return absl::StrCat(internal::Piece(pieces)...);
}

// Lower-case hexadecimal of `bytes`.
std::string ToHex(std::string_view bytes);

// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view text);

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_STRINGS_H_
