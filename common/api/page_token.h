// Page tokens: positions in an index, sealed so that a client can neither read nor make them, and bound to
// the caller, the method and the query they were returned for.
#ifndef WAYPOST_COMMON_API_PAGE_TOKEN_H_
#define WAYPOST_COMMON_API_PAGE_TOKEN_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
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

// Thread-safe. All replicas of a node share the keys; tokens of the previous key are still read. Sealing and
// opening take no lock.
class PageTokens {
 public:
  static constexpr size_t kMaxTokenBytes = 8 * 1024;

  // `random` must outlive this.
  PageTokens(crypto::SecretKey current, crypto::SecretKey previous, base::Random& random);

  // From now on these are the keys. Changes nothing when they are already, so that it can be called every
  // second; else not more often than keys change, since the keys before are kept: see sets_.
  void Renew(crypto::SecretKey current, crypto::SecretKey previous);

  // URL-safe base64, without padding. REQUIRES: position fits kMaxTokenBytes.
  absl::StatusOr<std::string> Seal(std::string_view position, const PageScope& scope) const;

  // The position; empty for an empty token. PAGE_TOKEN_INVALID for anything else that Seal did not make for
  // this very scope.
  absl::StatusOr<std::string> Open(std::string_view token, const PageScope& scope) const;

 private:
  struct Keys {
    crypto::SecretKey current;
    crypto::SecretKey previous;
  };

  base::Random& random_;
  // The last of sets_.
  std::atomic<const Keys*> keys_{nullptr};
  absl::Mutex mutex_;
  // All that there were since the start: a call under way may still use one that was replaced. At one in 30
  // days they are never many.
  std::vector<std::unique_ptr<const Keys>> sets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::api

#endif  // WAYPOST_COMMON_API_PAGE_TOKEN_H_
