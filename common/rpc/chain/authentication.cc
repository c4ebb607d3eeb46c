#include "common/rpc/chain/authentication.h"

#include "absl/strings/match.h"
#include "common/base/abseil.h"
#include "common/status/errors.h"

namespace waypost::rpc::chain {

absl::StatusOr<std::string_view> BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(base::ToAbsl(authorization), base::ToAbsl(kScheme)))
    return error::TokenMissing();
  authorization.remove_prefix(kScheme.size());
  if (authorization.empty()) return error::TokenMissing();
  return authorization;
}

}  // namespace waypost::rpc::chain
