// Which addresses only this machine can reach. Pure.
#ifndef WAYPOST_COMMON_IDENTITY_LISTEN_H_
#define WAYPOST_COMMON_IDENTITY_LISTEN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace waypost::identity {

// True for "localhost", an IPv4 address of 127.0.0.0/8 and "::1" (with or without brackets). No other name is
// trusted to resolve to this machine, and no other spelling of these addresses is taken.
bool IsLoopbackHost(std::string_view host);

// True for an address to listen on, as gRPC takes it, that only this machine can reach: such a host with or
// without a port ("127.0.0.1:8080", "[::1]:0", "localhost:1"), or "unix:path".
bool IsLoopback(std::string_view address);

// A demo node listens on loopback only: FAILED_PRECONDITION / DEMO_REFUSED naming the first address that is
// not, and when there is none at all. OK for a node that is no demo.
absl::Status CheckListeners(bool demo, const std::vector<std::string>& addresses);

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_LISTEN_H_
