#include "tools/waypost/caller.h"

#include <future>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"

namespace waypost::cli {

ServerStream::ServerStream(Stub& stub, const std::string& method, const std::string& token,
                           const google::protobuf::Message& request, google::protobuf::Message& message)
    : message_(message) {
  if (!token.empty()) context_.AddMetadata("authorization", base::Cat("Bearer ", token));
  call_ = stub.PrepareCall(&context_, "/" + method, &queue_);
  call_->StartCall(this);
  if (!Await()) {
    ended_ = true;
    return;
  }
  call_->WriteLast(request, grpc::WriteOptions(), this);
  Await();  // when it fails, so does the first read
}

ServerStream::~ServerStream() {
  if (!ended_) context_.TryCancel();
  if (reading_) Await();
  if (!finished_) Finish().IgnoreError();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool ServerStream::Await() {
  void* tag = nullptr;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

ServerStream::Event ServerStream::Next(absl::Duration wait) {
  if (ended_) return Event::kEnded;
  if (!reading_) {
    call_->Read(&message_, this);
    reading_ = true;
  }
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = absl::ToChronoTime(absl::Now() + wait);
  if (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::TIMEOUT) return Event::kIdle;
  reading_ = false;
  if (ok) return Event::kMessage;
  ended_ = true;
  return Event::kEnded;
}

absl::Status ServerStream::Finish() {
  if (finished_) return status_;
  grpc::Status status;
  call_->Finish(&status, this);
  Await();
  finished_ = true;
  status_ = rpc::FromGrpc(status);
  return status_;
}

Caller::Caller(std::shared_ptr<grpc::Channel> channel, rpc::RetryPolicy policy, rpc::Sleeper sleep,
               rpc::TokenSource token)
    : channel_(std::move(channel)),
      stub_(channel_),
      policy_(policy),
      sleep_(std::move(sleep)),
      token_(std::move(token)) {}

absl::Status Caller::Unary(const std::string& method, const google::protobuf::Message& request,
                           google::protobuf::Message& response, bool idempotent,
                           const OnAttempt& on_attempt) {
  return rpc::CallWithRetry(policy_, idempotent, sleep_, random_, token_, [&](grpc::ClientContext& context) {
    std::promise<grpc::Status> done;
    stub_.UnaryCall(&context, "/" + method, grpc::StubOptions(), &request, &response,
                    [&done](grpc::Status status) { done.set_value(std::move(status)); });
    absl::Status ended = rpc::FromGrpc(done.get_future().get());
    if (on_attempt) on_attempt(ended);
    return ended;
  });
}

std::unique_ptr<ServerStream> Caller::Open(const std::string& method,
                                           const google::protobuf::Message& request,
                                           google::protobuf::Message& message) {
  return std::make_unique<ServerStream>(stub_, method, token_ ? token_() : "", request, message);
}

}  // namespace waypost::cli
