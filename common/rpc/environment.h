// What the handlers of a service work with. Composed once by its module; everything outlives the server.
#ifndef WAYPOST_COMMON_RPC_ENVIRONMENT_H_
#define WAYPOST_COMMON_RPC_ENVIRONMENT_H_

#include <string>

#include "common/api/page_token.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/outbox/lane.h"
#include "common/rpc/chain/admission.h"
#include "common/rpc/chain/authentication.h"
#include "common/rpc/chain/successor_accounts.h"
#include "common/rpc/change_hub.h"
#include "common/rpc/executor.h"
#include "common/store/store.h"
#include "common/telemetry/log.h"
#include "common/telemetry/metrics.h"

namespace waypost::rpc {

// Shared by every service of a process.
struct NodeEnvironment {
  chain::Authenticator& authenticator;
  chain::Admission& admission;
  const base::Clock& clock;
  base::Random& random;
  Executor& executor;
  telemetry::Metrics& metrics;
  telemetry::LogWriter& log;
  const api::PageTokens& page_tokens;
  // Keys the fingerprints of requests; the same on every replica.
  const std::string& idempotency_key;
  // For whom accounts act; told of successions by the services that know of them.
  chain::SuccessorAccounts& accounts;
};

// One service's own.
struct Environment {
  const NodeEnvironment& node;
  store::Store& store;
  const outbox::Lane& lane;
  ChangeHub& hub;
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_ENVIRONMENT_H_
