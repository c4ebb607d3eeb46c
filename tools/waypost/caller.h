// Calls by name, for messages of any type: unary ones with retries, and streams from the server.
#ifndef WAYPOST_TOOLS_WAYPOST_CALLER_H_
#define WAYPOST_TOOLS_WAYPOST_CALLER_H_

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/crypto/random.h"
#include "common/rpc/client.h"

namespace waypost::cli {

using Stub = grpc::TemplatedGenericStub<google::protobuf::MessageLite, google::protobuf::MessageLite>;

// One stream of answers to one request. Used by one thread.
class ServerStream {
 public:
  enum class Event { kMessage, kIdle, kEnded };

  // Sends `request` and closes the sending side. Messages are read into `message`. Both outlive this.
  ServerStream(Stub& stub, const std::string& method, const std::string& token,
               const google::protobuf::Message& request, google::protobuf::Message& message);
  // Cancels what has not ended.
  ~ServerStream();
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;

  // Waits for the next message, at most `wait`; kEnded stays kEnded.
  Event Next(absl::Duration wait);
  // How it ended. REQUIRES: Next returned kEnded.
  absl::Status Finish();

 private:
  using Call = grpc::ClientAsyncReaderWriter<google::protobuf::MessageLite, google::protobuf::MessageLite>;

  // Waits for the operation under way; false when it failed.
  bool Await();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Call> call_;
  google::protobuf::Message& message_;
  bool reading_ = false;
  bool ended_ = false;
  bool finished_ = false;
  absl::Status status_;
};

// Thread-safe.
class Caller {
 public:
  Caller(std::shared_ptr<grpc::Channel> channel, rpc::RetryPolicy policy, rpc::Sleeper sleep,
         rpc::TokenSource token);

  // Is told how each attempt ended.
  using OnAttempt = std::function<void(const absl::Status&)>;

  // `method` as in "waypost.referral.v1.ReferralService/AcceptReferral". Repeats what rpc::ShouldRetry
  // allows.
  absl::Status Unary(const std::string& method, const google::protobuf::Message& request,
                     google::protobuf::Message& response, bool idempotent,
                     const OnAttempt& on_attempt = nullptr);

  std::unique_ptr<ServerStream> Open(const std::string& method, const google::protobuf::Message& request,
                                     google::protobuf::Message& message);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  Stub stub_;
  rpc::RetryPolicy policy_;
  rpc::Sleeper sleep_;
  crypto::SystemRandom random_;
  rpc::TokenSource token_;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_CALLER_H_
