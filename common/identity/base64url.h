// Base 64 for URLs without padding (RFC 7515, section 2), strictly: each text has one reading.
#ifndef WAYPOST_COMMON_IDENTITY_BASE64URL_H_
#define WAYPOST_COMMON_IDENTITY_BASE64URL_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "common/base/abseil.h"

namespace waypost::identity {

inline std::string EncodeBase64Url(std::string_view bytes) {
  return absl::WebSafeBase64Escape(base::ToAbsl(bytes));
}

// nullopt for other characters, padding, white space, and stray bits in the last character.
inline std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(base::ToAbsl(text), &bytes)) return std::nullopt;
  if (EncodeBase64Url(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_BASE64URL_H_
