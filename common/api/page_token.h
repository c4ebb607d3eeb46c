// Page tokens: positions in an index, sealed so that a client can neither read nor make them, and bound to
// the caller, the method and the query they were returned for.
#ifndef WAYPOST_COMMON_API_PAGE_TOKEN_H_
#define WAYPOST_COMMON_API_PAGE_TOKEN_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/random.h"
#include "common/crypto/aead.h"

namespace waypost::api {

// What a token is good for. `query` is the request's fields apart from page_size and page_token, serialized.
struct PageScope {
  std::string_view body;
  std::string_view actor;
  std::string_view method;
  std::string_view query;
};

// Thread-safe. All replicas of a node share the keys; tokens of the previous key are still read.
class PageTokens {
 public:
  static constexpr size_t kMaxTokenBytes = 8 * 1024;

  // `random` must outlive this.
  PageTokens(crypto::SecretKey current, crypto::SecretKey previous, base::Random& random)
      : current_(std::move(current)), previous_(std::move(previous)), random_(random) {}

  // URL-safe base64, without padding. REQUIRES: position fits kMaxTokenBytes.
  absl::StatusOr<std::string> Seal(std::string_view position, const PageScope& scope) const;

  // The position; empty for an empty token. PAGE_TOKEN_INVALID for anything else that Seal did not make for
  // this very scope.
  absl::StatusOr<std::string> Open(std::string_view token, const PageScope& scope) const;

 private:
  crypto::SecretKey current_;
  crypto::SecretKey previous_;
  base::Random& random_;
};

}  // namespace waypost::api

#endif  // WAYPOST_COMMON_API_PAGE_TOKEN_H_
