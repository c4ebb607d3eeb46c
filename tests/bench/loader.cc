// waypost-bench-loader: fills the folder of a node that is not running with referrals, exactly as many calls
// of SubmitReferral would have, and much faster.
//
// It is a node itself, composed of the audit service and the module of fill.h: folder, keys and store are
// opened by what opens them in waypost-node. It writes everything that a submission writes, the record of the
// request id and the event in the outbox included, and ends only when the relay has taken every event to the
// audit log, so that a node that starts afterwards has nothing to catch up with. It works on demonstration
// folders alone.
//
// The bodies must be in the directory, that of --from with the unit "intake", and the node must have run long
// enough for the referral service to have heard of them. Progress goes to stderr; at the end one line of JSON
// to stdout.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/runtime/node.h"
#include "services/audit/module.h"
#include "tests/bench/fill.h"

namespace {

using waypost::bench::FillModule;
using waypost::bench::FillOptions;
using SteadyClock = std::chrono::steady_clock;

constexpr absl::Duration kRelayPoll = absl::Milliseconds(100);
constexpr auto kProgress = std::chrono::seconds(2);

struct Options {
  std::string data_dir;
  std::string key_dir;
  FillOptions fill{
      .referrals = 1'000'000, .from = "bodies/es-bench-from", .to = {"bodies/es-bench-to"}, .run = "loaded"};
};

double SecondsSince(SteadyClock::time_point began) {
  return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

// Says how far the filling is, until it is destroyed.
class Progress {
 public:
  Progress(const FillModule& module, uint64_t wanted)
      : module_(module), wanted_(wanted), thread_([this] { Run(); }) {}
  ~Progress() {
    stopping_ = true;
    thread_.join();
  }

 private:
  void Run() const {
    const auto began = SteadyClock::now();
    auto next = began + kProgress;
    while (!stopping_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (SteadyClock::now() < next) continue;
      next += kProgress;
      const auto done = static_cast<double>(module_.done());
      std::fprintf(stderr, "  %.0f of %llu referrals, %.0f/s\n", done,
                   static_cast<unsigned long long>(wanted_), done / SecondsSince(began));
    }
  }

  const FillModule& module_;
  const uint64_t wanted_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

absl::Status Load(const Options& options) {
  waypost::config::v1::NodeConfig config;
  config.set_demo(true);
  config.set_data_dir(options.data_dir);
  config.set_key_dir(options.key_dir);
  config.set_listen("127.0.0.1:0");
  config.set_access_log_file("/dev/null");
  WAYPOST_RETURN_IF_ERROR(waypost::runtime::CompleteConfig(config));
  FillModule* filling = nullptr;
  const auto make = [&](waypost::runtime::Workshop& workshop) -> absl::StatusOr<waypost::runtime::Modules> {
    waypost::runtime::Modules modules;
    WAYPOST_ASSIGN_OR_RETURN(modules.emplace_back(), waypost::audit::MakeModule(workshop.ContextOf("audit")));
    WAYPOST_ASSIGN_OR_RETURN(auto module,
                             FillModule::Make(workshop.ContextOf("referral"), workshop.keys(), options.fill));
    filling = module.get();
    modules.push_back(std::move(module));
    return modules;
  };
  const waypost::base::SystemClock clock;
  WAYPOST_ASSIGN_OR_RETURN(const auto node, waypost::runtime::Node::Start(
                                                config, {"audit", "directory", "referral"}, make, clock));
  const auto began = SteadyClock::now();
  {
    const Progress progress(*filling, options.fill.referrals);
    WAYPOST_RETURN_IF_ERROR(filling->Fill());
  }
  const double filled = SecondsSince(began);
  std::fprintf(stderr, "  the relay takes the rest to the audit log\n");
  while (true) {
    WAYPOST_ASSIGN_OR_RETURN(const bool relayed, filling->Relayed());
    if (relayed) break;
    absl::SleepFor(kRelayPoll);
  }
  const nlohmann::json report = {
      {"referrals", filling->done()},
      {"seconds", SecondsSince(began)},
      {"seconds_without_relay", filled},
      {"began_at", static_cast<double>(absl::ToUnixMicros(filling->began())) / 1e6}};
  node->Stop();
  std::printf("%s\n", report.dump().c_str());
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Fills the folder of a node that is not running with referrals."};
  app.add_option("--data-dir", options.data_dir)->required();
  app.add_option("--key-dir", options.key_dir)->required();
  app.add_option("--referrals", options.fill.referrals, "how many");
  app.add_option("--from", options.fill.from, "the body that refers them");
  app.add_option("--to", options.fill.to, "the body that receives them; of several, each its share");
  app.add_option("--run", options.fill.run, "makes request ids unlike those of another run");
  app.add_option("--threads", options.fill.threads, "that prepare");
  double due_in_seconds = 0;
  app.add_option("--due-in-seconds", due_in_seconds, "when answers to them are due; 0: after the usual time");
  CLI11_PARSE(app, argc, argv);
  options.fill.due_in = absl::Seconds(due_in_seconds);
  const absl::Status status = Load(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "waypost-bench-loader: %s\n", std::string(status.message()).c_str());
  return 1;
}
