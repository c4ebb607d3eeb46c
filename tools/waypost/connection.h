// Which server, and how to reach it without giving a token away.
#ifndef WAYPOST_TOOLS_WAYPOST_CONNECTION_H_
#define WAYPOST_TOOLS_WAYPOST_CONNECTION_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace waypost::cli {

inline constexpr std::string_view kDefaultServer = "127.0.0.1:7400";
inline constexpr int kDefaultPort = 7400;

struct ServerAddress {
  // Without brackets.
  std::string host;
  int port = kDefaultPort;
  // Reached without a network: "localhost", 127.0.0.0/8 or ::1.
  bool is_loopback = false;

  // "dns:///host:port", an IPv6 host in brackets.
  std::string Target() const;
};

// Reads "host:port", "host", "[::1]:7400" or "[::1]". INVALID_ARGUMENT for anything else, URLs included.
absl::StatusOr<ServerAddress> ParseServer(std::string_view text);

// INVALID_ARGUMENT unless `token` can travel in a header: 1 to 16384 characters of printable ASCII, no
// spaces.
absl::Status CheckToken(std::string_view token);

// A channel, not connected yet. With `tls_ca_file` (PEM), TLS that trusts those authorities; without, plain
// text, which is refused with INVALID_ARGUMENT to any address but loopback.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const ServerAddress& address,
                                                           const std::string& tls_ca_file);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_CONNECTION_H_
