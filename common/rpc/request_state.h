// What every shape of a mutation does before and after its transaction. For common/rpc alone.
#ifndef WAYPOST_COMMON_RPC_REQUEST_STATE_H_
#define WAYPOST_COMMON_RPC_REQUEST_STATE_H_

#include <string_view>

#include "common/rpc/mutation.h"
#include "google/protobuf/message.h"

namespace waypost::rpc::internal {

// Binds the state to a request and its id: what a repeat is known by.
void SetRequest(MutationState& state, const google::protobuf::Message& request, std::string_view request_id);

// Tells the watchers, once it is durable.
void Notify(const MutationState& state);

}  // namespace waypost::rpc::internal

#endif  // WAYPOST_COMMON_RPC_REQUEST_STATE_H_
