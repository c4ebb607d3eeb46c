// Who calls a node: people and systems with a token of a trusted issuer, and the services of the same
// cluster, which share a secret.
#ifndef WAYPOST_COMMON_RUNTIME_NODE_AUTHENTICATOR_H_
#define WAYPOST_COMMON_RUNTIME_NODE_AUTHENTICATOR_H_

#include <memory>
#include <string>
#include <string_view>

#include "common/crypto/hash.h"
#include "common/identity/token_verifier.h"
#include "common/policy/policy.h"
#include "common/rpc/chain/authentication.h"
#include "common/rpc/system_change.h"

namespace waypost::runtime {

// Thread-safe.
class NodeAuthenticator final : public rpc::chain::Authenticator {
 public:
  // `verifier` must outlive this. REQUIRES: service_secret is not empty.
  NodeAuthenticator(identity::TokenVerifier& verifier, std::string service_secret)
      : verifier_(verifier), service_secret_(std::move(service_secret)) {
    service_ = rpc::SystemCaller();
  }

  absl::StatusOr<std::shared_ptr<const policy::Caller>> Authenticate(std::string_view token,
                                                                     absl::Time) override {
    if (crypto::ConstantTimeEquals(token, service_secret_)) return service_;
    return verifier_.Verify(token);
  }

 private:
  identity::TokenVerifier& verifier_;
  const std::string service_secret_;
  std::shared_ptr<const policy::Caller> service_;
};

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_NODE_AUTHENTICATOR_H_
