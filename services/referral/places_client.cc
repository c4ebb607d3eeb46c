#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/channel_interface.h>

#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "services/referral/places_keeper.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"

namespace waypost::referral {
namespace {

// The keeper repeats what fails; one attempt must only not hang.
constexpr absl::Duration kReportTimeout = absl::Seconds(5);

class DirectorySink final : public PlacesSink {
 public:
  DirectorySink(std::shared_ptr<grpc::ChannelInterface> channel, rpc::TokenSource token)
      : channel_(std::move(channel)),
        stub_(directory::v1::DirectoryService::NewStub(channel_)),
        token_(std::move(token)) {}

  absl::StatusOr<directory::v1::ReportPlacesResponse> Report(
      const directory::v1::ReportPlacesRequest& request) override {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kReportTimeout));
    context.AddMetadata("authorization", base::Cat("Bearer ", token_()));
    directory::v1::ReportPlacesResponse response;
    WAYPOST_RETURN_IF_ERROR(rpc::FromGrpc(stub_->ReportPlaces(&context, request, &response)));
    return response;
  }

 private:
  const std::shared_ptr<grpc::ChannelInterface> channel_;
  const std::unique_ptr<directory::v1::DirectoryService::Stub> stub_;
  const rpc::TokenSource token_;
};

}  // namespace

std::unique_ptr<PlacesSink> MakePlacesSink(std::shared_ptr<grpc::ChannelInterface> directory,
                                           rpc::TokenSource token) {
  return std::make_unique<DirectorySink>(std::move(directory), std::move(token));
}

}  // namespace waypost::referral
