// The audit service as a sink of an outbox.
#ifndef WAYPOST_COMMON_RUNTIME_AUDIT_CLIENT_H_
#define WAYPOST_COMMON_RUNTIME_AUDIT_CLIENT_H_

#include <memory>

#include "common/outbox/relay.h"
#include "common/rpc/client.h"

namespace grpc {
class ChannelInterface;
}  // namespace grpc

namespace waypost::runtime {

std::unique_ptr<outbox::Sink> MakeAuditSink(std::shared_ptr<grpc::ChannelInterface> audit,
                                            rpc::TokenSource token);

}  // namespace waypost::runtime

#endif  // WAYPOST_COMMON_RUNTIME_AUDIT_CLIENT_H_
