#include "common/identity/jwks_source.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "common/base/strings.h"
#include "common/crypto/testing.h"
#include "common/identity/signing_keys.h"
#include "common/testing/temp_folder.h"

namespace waypost::identity {
namespace {

// Answers every request on a loopback port with the same bytes.
class TestServer {
 public:
  explicit TestServer(std::string answer)
      : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 4), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::string Url() const { return base::Cat("http://127.0.0.1:", port_, "/jwks"); }
  int requests() const { return requests_; }

 private:
  void Serve() {
    for (;;) {
      const int connection = ::accept(socket_, nullptr, nullptr);
      if (connection < 0) return;
      ++requests_;
      char request[4096];
      if (::recv(connection, request, sizeof(request), 0) > 0) {
        // The client may hang up early, as it should on what is too large.
        for (size_t at = 0; at < answer_.size();) {
          const ssize_t sent = ::send(connection, answer_.data() + at, answer_.size() - at, MSG_NOSIGNAL);
          if (sent <= 0) break;
          at += static_cast<size_t>(sent);
        }
      }
      ::close(connection);
    }
  }

  const std::string answer_;
  const int socket_;
  int port_ = 0;
  std::atomic<int> requests_{0};
  std::thread thread_;
};

absl::StatusOr<std::string> Fetch(const std::string& url) {
  const auto source = HttpJwksSource::Create(url, absl::Seconds(5));
  return source.ok() ? (*source)->Fetch() : source.status();
}

TEST(HttpJwksSource, GetsTheKeys) {
  const TestServer server("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}");
  const auto keys = Fetch(server.Url());
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(*keys, "{\"keys\":[]}");
  EXPECT_EQ(server.requests(), 1);
}

TEST(HttpJwksSource, FollowsNoRedirect) {
  const TestServer target("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  const TestServer server(
      base::Cat("HTTP/1.1 302 Found\r\nLocation: ", target.Url(), "\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(Fetch(server.Url()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(target.requests(), 0);
}

TEST(HttpJwksSource, TakesNothingButA200) {
  for (const char* status : {"204 No Content", "404 Not Found", "500 Oops"}) {
    const TestServer server(base::Cat("HTTP/1.1 ", status, "\r\nContent-Length: 2\r\n\r\n{}"));
    EXPECT_EQ(Fetch(server.Url()).status().code(), absl::StatusCode::kUnavailable) << status;
  }
}

TEST(HttpJwksSource, HasASizeLimitDeclaredOrNot) {
  const std::string large(kMaxJwksBytes + 1, ' ');
  for (const std::string& head : {base::Cat("Content-Length: ", large.size(), "\r\n"), std::string()}) {
    const TestServer server(base::Cat("HTTP/1.1 200 OK\r\nConnection: close\r\n", head, "\r\n", large));
    EXPECT_EQ(Fetch(server.Url()).status().code(), absl::StatusCode::kUnavailable) << head;
  }
}

TEST(HttpJwksSource, ABrokenAnswerIsUnavailable) {
  const TestServer cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\"");
  EXPECT_EQ(Fetch(cut.Url()).status().code(), absl::StatusCode::kUnavailable);
  const TestServer silent("");
  EXPECT_EQ(Fetch(silent.Url()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(CheckJwksUrl, TakesHttpsAndLoopback) {
  for (const char* url : {"https://issuer.example/jwks", "https://issuer.example:8443/a?b=c",
                          "http://127.0.0.1:8080/j", "http://localhost/j", "http://[::1]:1/j"}) {
    EXPECT_TRUE(CheckJwksUrl(url).ok()) << url;
  }
  for (const char* url :
       {"", "jwks", "/etc/jwks", "http://issuer.example/jwks", "file:///etc/jwks", "ftp://127.0.0.1/j",
        "http://127.0.0.1.evil.example/j", "https://user@issuer.example/j",
        "https://user:secret@issuer.example/j", "https://issuer.example/j#x", "https://",
        "http://localhost@evil.example/j", "gopher://127.0.0.1/"}) {
    EXPECT_EQ(CheckJwksUrl(url).code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_FALSE(HttpJwksSource::Create(url).ok()) << url;
  }
}

TEST(FileJwksSource, ReadsTheFileAtEveryFetch) {
  const testing::TempFolder folder;
  FileJwksSource source(folder / "jwks.json");
  EXPECT_EQ(source.Fetch().status().code(), absl::StatusCode::kUnavailable);
  std::ofstream(folder / "jwks.json") << "one";
  EXPECT_EQ(*source.Fetch(), "one");
  std::ofstream(folder / "jwks.json") << "two";
  EXPECT_EQ(*source.Fetch(), "two");
  std::ofstream(folder / "jwks.json") << std::string(2 * kMaxJwksBytes, ' ');
  EXPECT_FALSE(ParseKeySet(*source.Fetch()).ok());
}

}  // namespace
}  // namespace waypost::identity
