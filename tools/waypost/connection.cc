#include "tools/waypost/connection.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/json_text.h"

namespace waypost::cli {
namespace {

constexpr size_t kMaxTokenLength = 16384;
constexpr size_t kMaxCaBytes = 1024 * 1024;

bool IsLoopback(const std::string& host) {
  if (absl::AsciiStrToLower(host) == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsHost(const std::string& host, bool bracketed) {
  if (bracketed) {
    in6_addr v6{};
    return inet_pton(AF_INET6, host.c_str(), &v6) == 1;
  }
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') return false;
  }
  return true;
}

absl::Status NotAnAddress() {
  return error::InvalidField("--server", "must be HOST:PORT, as in 127.0.0.1:7400 or [::1]:7400");
}

}  // namespace

std::string ServerAddress::Target() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? base::Cat("dns:///[", host, "]:", port) : base::Cat("dns:///", host, ":", port);
}

absl::StatusOr<ServerAddress> ParseServer(std::string_view text) {
  ServerAddress address;
  const bool bracketed = !text.empty() && text[0] == '[';
  std::string_view rest;
  if (bracketed) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return NotAnAddress();
    address.host = std::string(text.substr(1, close - 1));
    rest = text.substr(close + 1);
  } else {
    const size_t colon = text.find(':');
    address.host = std::string(text.substr(0, colon));
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (!IsHost(address.host, bracketed)) return NotAnAddress();
  if (!rest.empty()) {
    const bool is_port = rest[0] == ':' && rest.size() > 1 && rest.size() <= 6 &&
                         rest.find_first_not_of("0123456789", 1) == std::string_view::npos &&
                         absl::SimpleAtoi(base::ToAbsl(rest.substr(1)), &address.port);
    if (!is_port || address.port < 1 || address.port > 65535) return NotAnAddress();
  }
  address.is_loopback = IsLoopback(address.host);
  return address;
}

absl::Status CheckToken(std::string_view token) {
  if (token.empty() || token.size() > kMaxTokenLength) {
    return error::InvalidField("token", base::Cat("must have 1 to ", kMaxTokenLength, " characters"));
  }
  for (const char c : token) {
    if (c <= ' ' || c > '~') return error::InvalidField("token", "has characters that no token has");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const ServerAddress& address,
                                                           const std::string& tls_ca_file) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix("waypost-cli");
  if (tls_ca_file.empty()) {
    if (!address.is_loopback) {
      return error::InvalidField("--server",
                                 base::Cat("is not this machine (", address.host,
                                           "): without --tls-ca the call, with its token, would travel "
                                           "in plain text"));
    }
    // Otherwise $http_proxy would carry it elsewhere.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel(address.Target(), grpc::InsecureChannelCredentials(), arguments);
  }
  grpc::SslCredentialsOptions tls;
  WAYPOST_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadFile(tls_ca_file, kMaxCaBytes));
  if (tls.pem_root_certs.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return error::InvalidField("--tls-ca", "holds no certificate in PEM");
  }
  return grpc::CreateCustomChannel(address.Target(), grpc::SslCredentials(tls), arguments);
}

}  // namespace waypost::cli
