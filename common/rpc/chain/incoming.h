// What the chain needs to know of a request, apart from gRPC, so that its links are tested without a server.
#ifndef WAYPOST_COMMON_RPC_CHAIN_INCOMING_H_
#define WAYPOST_COMMON_RPC_CHAIN_INCOMING_H_

#include <string_view>

#include "absl/time/time.h"

namespace waypost::rpc::chain {

// Views into the request's metadata; valid for the call.
struct Incoming {
  std::string_view authorization;  // the header's whole value
  std::string_view traceparent;
  absl::Time deadline = absl::InfiniteFuture();
};

}  // namespace waypost::rpc::chain

#endif  // WAYPOST_COMMON_RPC_CHAIN_INCOMING_H_
