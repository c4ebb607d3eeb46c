#include "common/api/page_token.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/abseil.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
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

PageTokens::PageTokens(crypto::SecretKey current, crypto::SecretKey previous, base::Random& random)
    : random_(random) {
  Renew(std::move(current), std::move(previous));
}

void PageTokens::Renew(crypto::SecretKey current, crypto::SecretKey previous) {
  const absl::MutexLock lock(&mutex_);
  const Keys* const keys = keys_.load(std::memory_order_relaxed);
  if (keys != nullptr && crypto::ConstantTimeEquals(keys->current.bytes(), current.bytes()) &&
      crypto::ConstantTimeEquals(keys->previous.bytes(), previous.bytes())) {
    return;
  }
  sets_.push_back(
      std::make_unique<const Keys>(Keys{.current = std::move(current), .previous = std::move(previous)}));
  keys_.store(sets_.back().get(), std::memory_order_release);
}

absl::StatusOr<std::string> PageTokens::Seal(std::string_view position, const PageScope& scope) const {
  WAYPOST_ASSIGN_OR_RETURN(
      const std::string sealed,
      crypto::Seal(keys_.load(std::memory_order_acquire)->current, AssociatedData(scope), position, random_));
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
  const Keys& keys = *keys_.load(std::memory_order_acquire);
  for (const crypto::SecretKey* key : {&keys.current, &keys.previous}) {
    auto position = crypto::Open(*key, data, sealed);
    if (position.ok()) return position;
  }
  return error::PageTokenInvalid();
}

}  // namespace waypost::api
