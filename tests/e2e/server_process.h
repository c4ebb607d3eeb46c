// Whole servers as processes of their own, for tests: started on free ports, waited for, killed, and never
// left behind. Not thread-safe, except where it is said.
#ifndef WAYPOST_TESTS_E2E_SERVER_PROCESS_H_
#define WAYPOST_TESTS_E2E_SERVER_PROCESS_H_

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/testing/temp_folder.h"

namespace waypost::e2e {

using ::waypost::testing::TempFolder;

void WriteFile(const std::string& path, std::string_view text);
// Empty when there is none.
std::string ReadFile(const std::string& path);

// The path of a program of this build: in WAYPOST_BIN_DIR, or beside the running test.
std::string Program(std::string_view name);

// A child. It dies with the test, whatever becomes of that.
class Process {
 public:
  // `output` takes what it prints, errors included, unless `errors` takes those. Must be called on the test's
  // main thread: the child dies with the thread that began it.
  Process(const std::vector<std::string>& command, std::string output, const std::string& errors = "");
  // Kills it.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // What it has printed.
  std::string Printed() const { return ReadFile(output_); }
  void Signal(int signal) const;
  // The exit code, or 128 + the signal that ended it; nullopt when it still runs after `timeout`.
  std::optional<int> WaitForExit(absl::Duration timeout);

 private:
  const std::string output_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  std::optional<int> exit_code_;
};

// What a program that is to end by itself did.
struct Outcome {
  int exit_code = -1;  // -1: it had to be killed after 30 s
  std::string printed;
  std::string errors;  // of RunApart
};
Outcome RunToEnd(const std::vector<std::string>& command, const TempFolder& folder);
// With standard error apart from what it prints.
Outcome RunApart(const std::vector<std::string>& command, const TempFolder& folder);

// A server that serves.
class Server {
 public:
  // Starts `command` with --port-file and the rest that every server here needs, and waits until its health
  // is SERVING. `name` is of files in `folder`. `port` 0: a free one. It has metrics only where `command`
  // says --metrics-listen.
  static absl::StatusOr<std::unique_ptr<Server>> Start(std::vector<std::string> command,
                                                       const TempFolder& folder, std::string_view name,
                                                       int port = 0);

  Process& process() { return process_; }
  int port() const { return port_; }
  // 0 without metrics.
  int metrics_port() const { return metrics_port_; }
  std::string address() const;
  // From the start of the process until its port file was there, and until it served.
  absl::Duration start_time() const { return start_time_; }
  absl::Duration serving_time() const { return serving_time_; }
  // A new connection.
  std::shared_ptr<grpc::Channel> Connect() const;

 private:
  Server(const std::vector<std::string>& command, const std::string& output) : process_(command, output) {}
  absl::Status AwaitPort(const std::string& port_file, absl::Time began);
  absl::Status AwaitServing(absl::Time began);

  Process process_;
  int port_ = 0;
  int metrics_port_ = 0;
  absl::Duration start_time_, serving_time_;
};

// What grpc.health.v1.Health says of the whole server: true for SERVING. The error of the call otherwise.
absl::StatusOr<bool> IsServing(const std::shared_ptr<grpc::Channel>& channel);

// A whole node of the demonstration, with its store in `data` and its keys in `keys` of the folder: to be
// started there again, too.
absl::StatusOr<std::unique_ptr<Server>> StartDemoNode(const TempFolder& folder,
                                                      const std::vector<std::string>& options = {},
                                                      int port = 0);

}  // namespace waypost::e2e

#endif  // WAYPOST_TESTS_E2E_SERVER_PROCESS_H_
