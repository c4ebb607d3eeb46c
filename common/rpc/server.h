// A gRPC server with what every Waypost process serves: its services, health and reflection.
#ifndef WAYPOST_COMMON_RPC_SERVER_H_
#define WAYPOST_COMMON_RPC_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace waypost::rpc {

inline constexpr int kMaxMessageBytes = 4 * 1024 * 1024;
// What gRPC may hold for all connections together; then it reads no more until some of it is answered.
inline constexpr size_t kMaxTransportBytes = size_t{512} * 1024 * 1024;
// Calls at once on one connection: more wait in their client.
inline constexpr int kMaxStreamsOfAConnection = 1000;
// A peer is asked after so long whether it is still there, and has 20 s to answer: one that has vanished
// leaves its watches within this time and not when its token expires.
inline constexpr absl::Duration kKeepalive = absl::Seconds(60);

struct ServerOptions {
  // "127.0.0.1:7400"; port 0 picks a free one.
  std::string listen;
  // Files in PEM; both or neither. Without them the listener takes plain text, which only loopback may.
  std::string tls_certificate_file = {};
  std::string tls_key_file = {};
};

// Thread-safe. Begins NOT_SERVING: SetServing(true) once everything behind it is ready.
class Server {
 public:
  // `services` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const std::vector<grpc::Service*>& services);
  ~Server();

  int port() const { return port_; }
  void SetServing(bool serving);
  // Calls to this very process, without a socket.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // Refuses new calls, gives those under way up to `grace`, cancels the rest, and returns when all have
  // ended.
  void Shutdown(absl::Duration grace);

 private:
  Server() = default;

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace waypost::rpc

#endif  // WAYPOST_COMMON_RPC_SERVER_H_
