#include "common/runtime/metrics_listener.h"

#include <netdb.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "common/base/thread_name.h"

namespace waypost::runtime {
namespace {

constexpr absl::Duration kKnockEvery = absl::Milliseconds(5);

// The host of "host:port", without the brackets of an IPv6 address.
std::string HostOf(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return std::string(host);
}

// Connects and hangs up. Waits for nobody; that it fails does no harm.
void Knock(const addrinfo& at) {
  const int socket = ::socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  (void)::connect(socket, at.ai_addr, at.ai_addrlen);
  ::close(socket);
}

}  // namespace

MetricsListener::MetricsListener(std::string host, std::unique_ptr<prometheus::Exposer> exposer)
    : host_(std::move(host)), exposer_(std::move(exposer)) {}

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Start(
    const std::string& address, const std::shared_ptr<prometheus::Registry>& registry) {
  std::unique_ptr<prometheus::Exposer> exposer;
  // The exposer reports a taken port by an exception of its own kind.
  try {
    exposer = std::make_unique<prometheus::Exposer>(address, 1);
  } catch (const std::exception& failure) {
    return absl::UnavailableError(
        base::Cat("cannot listen for metrics on ", address, ": is another process using the port?"));
  }
  exposer->RegisterCollectable(registry);
  return std::unique_ptr<MetricsListener>(new MetricsListener(HostOf(address), std::move(exposer)));
}

int MetricsListener::port() const {
  return exposer_->GetListeningPorts().front();
}

// The exposer's thread waits for a connection, and looks only every two seconds whether it has been told to
// end. A connection made after that wakes it at once. When it was told cannot be seen from here, hence the
// repeated knocks: one that comes too early is answered by nobody and costs nothing.
MetricsListener::~MetricsListener() {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const bool resolved = ::getaddrinfo(host_.c_str(), base::Cat(port()).c_str(), &hints, &found) == 0;
  absl::Notification ended;
  std::thread ending([this, &ended] {
    base::NameThisThread("metrics-end");
    exposer_.reset();
    ended.Notify();
  });
  while (!ended.WaitForNotificationWithTimeout(kKnockEvery)) {
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) Knock(*at);
  }
  ending.join();
  if (resolved) ::freeaddrinfo(found);
}

}  // namespace waypost::runtime
