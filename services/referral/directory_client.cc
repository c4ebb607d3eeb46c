#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/channel_interface.h>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/thread_name.h"
#include "common/rpc/status_conversion.h"
#include "services/referral/directory_replica.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"

namespace waypost::referral {
namespace {

constexpr absl::Duration kRetryAfter = absl::Milliseconds(500);

}  // namespace

DirectoryFollower::DirectoryFollower(DirectoryReplica& replica,
                                     std::shared_ptr<grpc::ChannelInterface> directory,
                                     rpc::TokenSource token, const base::Clock& clock,
                                     telemetry::Metrics& metrics)
    : replica_(replica),
      directory_(std::move(directory)),
      token_(std::move(token)),
      clock_(clock),
      metrics_(metrics) {}

DirectoryFollower::~DirectoryFollower() {
  Stop();
}

void DirectoryFollower::Start() {
  thread_ = std::thread([this] { Run(); });
}

void DirectoryFollower::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (following_ != nullptr) following_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

bool DirectoryFollower::Stopping() {
  const absl::MutexLock lock(&mutex_);
  return stopping_;
}

void DirectoryFollower::Run() {
  base::NameThisThread("dir-follower");
  while (!Stopping()) {
    // Whatever ended it: the cursor is durable, so the next stream goes on where this one stopped.
    Follow().IgnoreError();
    metrics_.SetReplicaAge("referral", absl::ToDoubleSeconds(replica_.Age(clock_.Now())));
    const absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kRetryAfter);
  }
}

absl::Status DirectoryFollower::Follow() {
  grpc::ClientContext context;
  context.AddMetadata("authorization", base::Cat("Bearer ", token_()));
  {
    const absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::CancelledError("stopping");
    following_ = &context;
  }
  const auto stub = directory::v1::DirectoryService::NewStub(directory_);
  directory::v1::WatchChangesRequest request;
  absl::Status status = [&]() -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(*request.mutable_cursor(), replica_.Cursor());
    const auto stream = stub->WatchChanges(&context, request);
    directory::v1::WatchChangesResponse changes;
    while (stream->Read(&changes)) {
      WAYPOST_RETURN_IF_ERROR(replica_.Apply(changes, clock_.Now()));
      metrics_.SetReplicaAge("referral", absl::ToDoubleSeconds(replica_.Age(clock_.Now())));
    }
    return rpc::FromGrpc(stream->Finish());
  }();
  const absl::MutexLock lock(&mutex_);
  following_ = nullptr;
  return status;
}

}  // namespace waypost::referral
