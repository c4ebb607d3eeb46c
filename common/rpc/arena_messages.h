// Requests and responses of a method on one arena each call: a message of many parts is made and freed at the
// cost of its bytes. For the methods that are called most; set it before the server starts:
//
//   SetMessageAllocatorFor_SubmitReferral(&submit_messages_);
//
// A handler fills such a response in place: a message moved into it from elsewhere is copied.
#ifndef WAYPOST_COMMON_RPC_ARENA_MESSAGES_H_
#define WAYPOST_COMMON_RPC_ARENA_MESSAGES_H_

#include <grpcpp/support/message_allocator.h>

#include "google/protobuf/arena.h"

namespace waypost::rpc {

// Thread-safe. Must outlive the server's calls.
template <typename Request, typename Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override { return new Holder(); }

 private:
  // Ends with the call: gRPC says when.
  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    Holder() : arena_(Options()) {
      this->set_request(google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }
    void Release() override { delete this; }

   private:
    static google::protobuf::ArenaOptions Options() {
      google::protobuf::ArenaOptions options;
      options.start_block_size = 4 * 1024;
      return options;
    }

    google::protobuf::Arena arena_;
  };
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_ARENA_MESSAGES_H_
