#include "common/identity/listen.h"

#include <gtest/gtest.h>

#include <string>

#include "common/status/errors.h"

namespace waypost::identity {
namespace {

TEST(IsLoopback, TakesWhatOnlyThisMachineReaches) {
  for (const char* address : {"127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1", "127.255.255.254:1", "[::1]:0",
                              "[::1]:443", "[::1]", "::1", "localhost", "localhost:50051",
                              "unix:/run/waypost.sock", "unix:waypost.sock", "[0:0:0:0:0:0:0:1]:1"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
}

TEST(IsLoopback, RefusesEverythingElse) {
  for (const char* address : {"",
                              ":",
                              ":8080",
                              "0.0.0.0:8080",
                              "0.0.0.0",
                              "[::]:8080",
                              "::",
                              "10.0.0.1:80",
                              "128.0.0.1:80",
                              "192.168.127.1:1",
                              "127.0.0.1.example.org:80",
                              "127.1:80",
                              "0x7f.0.0.1:80",
                              "2130706433:80",
                              "0177.0.0.1:80",
                              "localhost.example:1",
                              "LOCALHOST.evil:1",
                              "example.org:80",
                              "127.0.0.1:",
                              "127.0.0.1:port",
                              "127.0.0.1:80,0.0.0.0:80",
                              "127.0.0.1:123456",
                              "[::2]:80",
                              "[::ffff:127.0.0.1]:80",
                              "::1:80",
                              "[::1",
                              "x::1]",
                              "x::1]:80",
                              "[::1]x",
                              "[]:80",
                              "unix:",
                              "dns:localhost:80",
                              "ipv4:0.0.0.0:80",
                              " 127.0.0.1:80",
                              "localhost:80 "}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
  EXPECT_FALSE(IsLoopback(std::string("127.0.0.1\0.evil:80", 18)));
}

TEST(CheckListeners, ADemoListensOnLoopbackOnly) {
  EXPECT_TRUE(CheckListeners(true, {"127.0.0.1:1", "unix:/a", "[::1]:2"}).ok());
  EXPECT_EQ(error::ReasonOf(CheckListeners(true, {"127.0.0.1:1", "0.0.0.0:2"})), "DEMO_REFUSED");
  EXPECT_EQ(CheckListeners(true, {"example.org:2"}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(CheckListeners(true, {}).ok());
  EXPECT_TRUE(CheckListeners(false, {"0.0.0.0:2"}).ok());
  EXPECT_TRUE(CheckListeners(false, {}).ok());
}

}  // namespace
}  // namespace waypost::identity
