// The chain's third link: who is calling.
#ifndef WAYPOST_COMMON_RPC_CHAIN_AUTHENTICATION_H_
#define WAYPOST_COMMON_RPC_CHAIN_AUTHENTICATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"

namespace waypost::rpc::chain {

// Turns a token into a caller. Thread-safe; called for every request, so it must not block.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual absl::StatusOr<std::shared_ptr<const policy::Caller>> Authenticate(std::string_view token,
                                                                             absl::Time now) = 0;
};

// The token in "Bearer <token>" (RFC 6750; the scheme in any case). TOKEN_MISSING without one.
absl::StatusOr<std::string_view> BearerToken(std::string_view authorization);

}  // namespace waypost::rpc::chain

#endif  // WAYPOST_COMMON_RPC_CHAIN_AUTHENTICATION_H_
