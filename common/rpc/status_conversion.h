// Between absl::Status and what travels on the wire: the details go as google.rpc.Status in the trailer
// grpc-status-details-bin, where every gRPC and Connect client looks for them.
#ifndef WAYPOST_COMMON_RPC_STATUS_CONVERSION_H_
#define WAYPOST_COMMON_RPC_STATUS_CONVERSION_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace waypost::rpc {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_STATUS_CONVERSION_H_
