// waypost: the command line tool.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "common/crypto/random.h"
#include "tools/waypost/app.h"

namespace {

// Waits for Ctrl-C or a request to end, and ends the process unless the command does it in good order.
// Returns after SIGUSR1.
void WatchSignals(const sigset_t& signals, waypost::cli::Interrupts& interrupts) {
  for (;;) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal == SIGUSR1) return;
    if (signal > 0 && !interrupts.Request()) _exit(128 + signal);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Before any thread is made: all of them inherit it, and WatchSignals alone receives.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  waypost::cli::Interrupts interrupts;
  std::thread watcher([&signals, &interrupts] { WatchSignals(signals, interrupts); });
  const waypost::base::SystemClock clock;
  waypost::crypto::SystemRandom random;
  const waypost::cli::Environment env = {
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .out_is_terminal = isatty(STDOUT_FILENO) != 0,
      .err_is_terminal = isatty(STDERR_FILENO) != 0,
      .variable = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
      },
      .clock = clock,
      .random = random,
      .zone = absl::LocalTimeZone(),
      .sleep = [](absl::Duration wait) { absl::SleepFor(wait); },
      .interrupts = interrupts,
  };
  const waypost::cli::ExitCode code = waypost::cli::RunCli({argv + 1, argv + argc}, env);
  pthread_kill(watcher.native_handle(), SIGUSR1);
  watcher.join();
  return static_cast<int>(code);
}
