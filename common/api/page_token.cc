#include "common/api/page_token.h"

#include "absl/strings/escaping.h"
#include "common/base/abseil.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::api {
namespace {

// Lengths before the parts, so that no two scopes give the same bytes.
std::string AssociatedData(const PageScope& scope) {
  std::string data = "waypost/page-token/1";
  for (const std::string_view part : {scope.body, scope.actor, scope.method, scope.query}) {
    data += base::Cat("/", part.size(), ":");
    data += part;
  }
  return data;
}

}  // namespace

absl::StatusOr<std::string> PageTokens::Seal(std::string_view position, const PageScope& scope) const {
  WAYPOST_ASSIGN_OR_RETURN(const std::string sealed,
                           crypto::Seal(current_, AssociatedData(scope), position, random_));
  return absl::WebSafeBase64Escape(sealed);
}

absl::StatusOr<std::string> PageTokens::Open(std::string_view token, const PageScope& scope) const {
  if (token.empty()) return std::string();
  std::string sealed;
  if (token.size() > kMaxTokenBytes || !absl::WebSafeBase64Unescape(base::ToAbsl(token), &sealed)) {
    return error::PageTokenInvalid();
  }
  // Abseil also reads white space, padding and stray last bits: of one token there shall be one spelling.
  if (absl::WebSafeBase64Escape(sealed) != token) return error::PageTokenInvalid();
  const std::string data = AssociatedData(scope);
  for (const crypto::SecretKey* key : {&current_, &previous_}) {
    auto position = crypto::Open(*key, data, sealed);
    if (position.ok()) return position;
  }
  return error::PageTokenInvalid();
}

}  // namespace waypost::api
