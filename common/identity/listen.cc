#include "common/identity/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

constexpr std::string_view kUnix = "unix:";

bool IsPort(std::string_view port) {
  return !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsLoopbackV6(const std::string& host) {
  in6_addr address = {};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
}

}  // namespace

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost") return true;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    return IsLoopbackV6(std::string(host.substr(1, host.size() - 2)));
  }
  const std::string text(host);
  in_addr address = {};
  if (text.find('\0') != std::string::npos) return false;
  // inet_pton takes four decimal numbers only, not "127.1" nor "0x7f.0.0.1".
  if (::inet_pton(AF_INET, text.c_str(), &address) == 1) return (ntohl(address.s_addr) >> 24) == 127;
  return IsLoopbackV6(text);
}

bool IsLoopback(std::string_view address) {
  if (address.substr(0, kUnix.size()) == kUnix) return address.size() > kUnix.size();
  if (IsLoopbackHost(address)) return true;
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || !IsPort(address.substr(colon + 1))) return false;
  const std::string_view host = address.substr(0, colon);
  // An IPv6 address with a port needs its brackets: in "::1:80" the 80 is part of the address.
  return (host.find(':') == std::string_view::npos || host.front() == '[') && IsLoopbackHost(host);
}

absl::Status CheckListeners(bool demo, const std::vector<std::string>& addresses) {
  if (!demo) return absl::OkStatus();
  for (const std::string& address : addresses) {
    if (IsLoopback(address)) continue;
    return error::Make(
        absl::StatusCode::kFailedPrecondition, "DEMO_REFUSED",
        base::Cat("a demo node must not listen on '", address, "': use 127.0.0.1, [::1], localhost or unix:"),
        {{"address", address}});
  }
  if (!addresses.empty()) return absl::OkStatus();
  return error::Make(absl::StatusCode::kFailedPrecondition, "DEMO_REFUSED",
                     "a demo node must say where it listens: use 127.0.0.1, [::1], localhost or unix:");
}

}  // namespace waypost::identity
