#include "tests/e2e/server_process.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace waypost::e2e {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(30);
constexpr absl::Duration kPoll = absl::Milliseconds(2);

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::abort();
}

int NewFile(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) Die(path.c_str());
  return file;
}

// The child's side of the fork: nothing but system calls.
[[noreturn]] void Become(char* const* arguments, int output, int errors, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  close_range(3, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(arguments[0], arguments);
  _exit(127);
}

}  // namespace

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string Program(std::string_view name) {
  const char* folder = std::getenv("WAYPOST_BIN_DIR");
  const std::filesystem::path bin = folder != nullptr
                                        ? std::filesystem::path(folder)
                                        : std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return (bin / name).string();
}

Process::Process(const std::vector<std::string>& command, std::string output, const std::string& errors)
    : output_(std::move(output)) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int file = NewFile(output_);
  const int errors_file = errors.empty() ? file : NewFile(errors);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) Die("fork");
  if (pid_ == 0) Become(arguments.data(), file, errors_file, parent);
  close(file);
  if (errors_file != file) close(errors_file);
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) Die("pidfd_open");
}

Process::~Process() {
  Signal(SIGKILL);
  WaitForExit(absl::InfiniteDuration());
  close(pidfd_);
}

void Process::Signal(int signal) const {
  if (!exit_code_.has_value()) kill(pid_, signal);
}

std::optional<int> Process::WaitForExit(absl::Duration timeout) {
  if (exit_code_.has_value()) return exit_code_;
  const absl::Time until = absl::Now() + timeout;
  pollfd ended{.fd = pidfd_, .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    const absl::Duration left = std::max(until - absl::Now(), absl::ZeroDuration());
    const int ms = left == absl::InfiniteDuration() ? -1 : static_cast<int>(absl::ToInt64Milliseconds(left));
    ready = poll(&ended, 1, ms);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) Die("waitpid");
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

Outcome RunToEnd(const std::vector<std::string>& command, const TempFolder& folder) {
  Process process(command, folder / "printed");
  const auto code = process.WaitForExit(absl::Seconds(30));
  return {.exit_code = code.value_or(-1), .printed = process.Printed(), .errors = ""};
}

Outcome RunApart(const std::vector<std::string>& command, const TempFolder& folder) {
  const std::string errors = folder / "errors";
  Process process(command, folder / "printed", errors);
  const auto code = process.WaitForExit(absl::Seconds(30));
  return {.exit_code = code.value_or(-1), .printed = process.Printed(), .errors = ReadFile(errors)};
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(std::vector<std::string> command,
                                                      const TempFolder& folder, std::string_view name,
                                                      int port) {
  const std::string port_file = folder / base::Cat(name, ".ports");
  std::filesystem::remove(port_file);
  if (std::find(command.begin(), command.end(), "--metrics-listen") == command.end()) {
    command.insert(command.end(), {"--metrics-listen", "none"});
  }
  command.insert(command.end(), {"--listen", base::Cat("127.0.0.1:", port), "--port-file", port_file,
                                 "--access-log", folder / base::Cat(name, ".access.log")});
  const absl::Time began = absl::Now();
  std::unique_ptr<Server> server(new Server(command, folder / base::Cat(name, ".out")));
  WAYPOST_RETURN_IF_ERROR(server->AwaitPort(port_file, began));
  WAYPOST_RETURN_IF_ERROR(server->AwaitServing(began));
  return server;
}

absl::Status Server::AwaitPort(const std::string& port_file, absl::Time began) {
  while (!std::filesystem::exists(port_file)) {
    if (const auto code = process_.WaitForExit(kPoll); code.has_value()) {
      return absl::AbortedError(base::Cat("ended with ", *code, ": ", process_.Printed()));
    }
    if (absl::Now() - began > kStartLimit) return absl::DeadlineExceededError("no port file");
  }
  start_time_ = absl::Now() - began;
  const auto ports = nlohmann::json::parse(ReadFile(port_file));
  port_ = ports.at("grpc").get<int>();
  metrics_port_ = ports.at("metrics").get<int>();
  return absl::OkStatus();
}

absl::Status Server::AwaitServing(absl::Time began) {
  const auto channel = Connect();
  while (true) {
    const auto serving = IsServing(channel);
    if (serving.ok() && *serving) break;
    if (process_.WaitForExit(kPoll).has_value()) return absl::AbortedError(process_.Printed());
    if (absl::Now() - began > kStartLimit) return absl::DeadlineExceededError("does not come to serve");
  }
  serving_time_ = absl::Now() - began;
  return absl::OkStatus();
}

std::string Server::address() const {
  return base::Cat("127.0.0.1:", port_);
}

std::shared_ptr<grpc::Channel> Server::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
}

absl::StatusOr<bool> IsServing(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);  // HealthCheckRequest without a service
  grpc::ByteBuffer response;
  grpc::Status status;
  absl::Notification answered;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                 [&](grpc::Status outcome) {
                   status = std::move(outcome);
                   answered.Notify();
                 });
  answered.WaitForNotification();
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  grpc::Slice bytes;
  if (!response.DumpToSingleSlice(&bytes).ok()) return absl::DataLossError("health");
  // HealthCheckResponse{status: SERVING}: field 1, varint 1.
  return std::string_view(reinterpret_cast<const char*>(bytes.begin()), bytes.size()) == "\x08\x01";
}

absl::StatusOr<std::unique_ptr<Server>> StartDemoNode(const TempFolder& folder,
                                                      const std::vector<std::string>& options, int port) {
  std::vector<std::string> command = {Program("waypost-node"), "--demo",    "--data-dir",
                                      folder / "data",         "--key-dir", folder / "keys"};
  command.insert(command.end(), options.begin(), options.end());
  return Server::Start(std::move(command), folder, "node", port);
}

}  // namespace waypost::e2e
