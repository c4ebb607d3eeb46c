#include "common/runtime/audit_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/channel_interface.h>

#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "waypost/audit/v1/audit_service.grpc.pb.h"

namespace waypost::runtime {
namespace {

// The relay repeats what fails; one attempt must only not hang.
constexpr absl::Duration kDeliveryTimeout = absl::Seconds(20);

class AuditSink final : public outbox::Sink {
 public:
  AuditSink(std::shared_ptr<grpc::ChannelInterface> channel, rpc::TokenSource token)
      : channel_(std::move(channel)),
        stub_(audit::v1::AuditService::NewStub(channel_)),
        token_(std::move(token)) {}

  std::string_view name() const override { return "audit"; }

  absl::Status Deliver(const std::vector<event::v1::Envelope>& batch) override {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kDeliveryTimeout));
    context.AddMetadata("authorization", base::Cat("Bearer ", token_()));
    audit::v1::AppendRequest request;
    for (const event::v1::Envelope& envelope : batch) *request.add_envelopes() = envelope;
    audit::v1::AppendResponse response;
    return rpc::FromGrpc(stub_->Append(&context, request, &response));
  }

 private:
  const std::shared_ptr<grpc::ChannelInterface> channel_;
  const std::unique_ptr<audit::v1::AuditService::Stub> stub_;
  const rpc::TokenSource token_;
};

}  // namespace

std::unique_ptr<outbox::Sink> MakeAuditSink(std::shared_ptr<grpc::ChannelInterface> audit,
                                            rpc::TokenSource token) {
  return std::make_unique<AuditSink>(std::move(audit), std::move(token));
}

}  // namespace waypost::runtime
