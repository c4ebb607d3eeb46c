#include "tools/waypost/connection.h"

#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "tools/waypost/cli_test_util.h"

namespace waypost::cli {
namespace {

TEST(ParseServerTest, ReadsEveryForm) {
  const struct {
    const char* text;
    const char* target;
    bool is_loopback;
  } cases[] = {
      {"127.0.0.1:7400", "dns:///127.0.0.1:7400", true},
      {"127.8.9.1", "dns:///127.8.9.1:7400", true},
      {"localhost:1", "dns:///localhost:1", true},
      {"LOCALHOST", "dns:///LOCALHOST:7400", true},
      {"[::1]:80", "dns:///[::1]:80", true},
      {"[::1]", "dns:///[::1]:7400", true},
      {"[2001:db8::1]:80", "dns:///[2001:db8::1]:80", false},
      {"10.0.0.1:65535", "dns:///10.0.0.1:65535", false},
      {"waypost.example.org:443", "dns:///waypost.example.org:443", false},
      {"localhost.example.org", "dns:///localhost.example.org:7400", false},
      {"127.0.0.1.example.org", "dns:///127.0.0.1.example.org:7400", false},
      {"0.0.0.0:1", "dns:///0.0.0.0:1", false},
  };
  for (const auto& one : cases) {
    const auto address = ParseServer(one.text);
    ASSERT_TRUE(address.ok()) << one.text;
    EXPECT_EQ(address->Target(), one.target);
    EXPECT_EQ(address->is_loopback, one.is_loopback) << one.text;
  }
}

TEST(ParseServerTest, RefusesTheRest) {
  for (const char* text : {"", ":80", "http://localhost:80", "localhost:", "localhost:0", "localhost:65536",
                           "localhost:8x", "localhost:80:90", "::1", "[::1", "[localhost]:80", "[]:80",
                           "a b:80", "host/path", "host:-1", "host:+1", "[::1]80"}) {
    EXPECT_FALSE(ParseServer(text).ok()) << text;
  }
}

TEST(CheckTokenTest, TakesOnlyWhatAHeaderCanCarry) {
  EXPECT_TRUE(CheckToken("eyJ.abc-_.x").ok());
  for (const std::string& token :
       {std::string(), std::string("a b"), std::string("a\nb"), std::string("é"), std::string(16385, 'a')}) {
    EXPECT_FALSE(CheckToken(token).ok());
  }
}

TEST(OpenChannelTest, NeverSendsPlainTextToAnotherMachine) {
  const auto away = ParseServer("waypost.example.org:443");
  EXPECT_EQ(OpenChannel(*away, "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(OpenChannel(*ParseServer("127.0.0.1:1"), "").ok());
}

TEST(OpenChannelTest, NeedsACertificateInTheFile) {
  const testing::TestFolder folder;
  const auto away = ParseServer("waypost.example.org:443");
  EXPECT_FALSE(OpenChannel(*away, folder.Path("absent.pem")).ok());
  EXPECT_FALSE(OpenChannel(*away, folder.Write("key.pem", "-----BEGIN PRIVATE KEY-----\n")).ok());
  EXPECT_TRUE(OpenChannel(*away, folder.Write("ca.pem", "-----BEGIN CERTIFICATE-----\n…")).ok());
}

}  // namespace
}  // namespace waypost::cli
