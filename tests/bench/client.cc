// Sends one kind of call for some seconds and prints, as JSON, what came of it. tools/bench runs it beside
// the servers it measures, on the same cores: so that it takes as little from them whatever it measures, it
// sends bytes that were made before, and looks into the answers only where that is said.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/directory_requests.h"
#include "tests/bench/load.h"
#include "tests/bench/requests.h"
#include "tests/e2e/server_process.h"
#include "waypost/bench/v1/echo.pb.h"
#include "waypost/referral/v1/referral_service.grpc.pb.h"

namespace {

using waypost::bench::BeginCall;
using waypost::bench::MakeSubmit;
namespace echo = waypost::bench::v1;
namespace directory = waypost::directory::v1;
namespace referral = waypost::referral::v1;

struct Options {
  std::string mode = "echo";
  int port = 0;
  int channels = 2;
  std::string token;
  std::string from = "bodies/es-bench-from";
  std::string to = "bodies/es-bench-to";
  std::string run = "r";
  std::string names_file;  // where submit writes, and disclose reads, names of referrals
  std::string times_file;  // where any load writes when each call was due, and how long it took
  std::string port_file;   // of a server that is being started
  uint32_t reply_bytes = 0;
  uint64_t bodies = 100'000;  // in the directory that offers are dealt out in, and routes asked of
  waypost::bench::LoadOptions load;
};

std::vector<std::shared_ptr<grpc::Channel>> Connect(const Options& options) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < options.channels; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("waypost.bench.channel", i);  // else they would share one connection
    channels.push_back(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(options.port),
                                                 grpc::InsecureChannelCredentials(), arguments));
  }
  return channels;
}

// One call's objects, used again by the next call of the same slot.
struct Slot {
  std::unique_ptr<grpc::ClientContext> context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

// Calls one method, with requests that are bytes.
class Caller {
 public:
  Caller(const Options& options, std::string method, std::string token)
      : method_(std::move(method)),
        bearer_(token.empty() ? std::string() : "Bearer " + token),
        slots_(static_cast<size_t>(options.load.in_flight)) {
    for (const auto& channel : Connect(options))
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
  }

  void Call(int slot, const std::string& request, std::function<void(grpc::Status)> done) {
    Slot& mine = slots_[static_cast<size_t>(slot)];
    mine.context = std::make_unique<grpc::ClientContext>();
    if (!bearer_.empty()) mine.context->AddMetadata("authorization", bearer_);
    const grpc::Slice slice(request);
    mine.request = grpc::ByteBuffer(&slice, 1);
    mine.response.Clear();
    stubs_[static_cast<size_t>(slot) % stubs_.size()]->UnaryCall(
        mine.context.get(), method_, {}, &mine.request, &mine.response, std::move(done));
  }

  const grpc::ByteBuffer& response(int slot) const { return slots_[static_cast<size_t>(slot)].response; }

 private:
  const std::string method_;
  const std::string bearer_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Slot> slots_;
};

constexpr char kReferralService[] = "/waypost.referral.v1.ReferralService/";

waypost::bench::LoadResult RunEcho(const Options& options) {
  Caller caller(options, "/waypost.bench.v1.EchoService/Echo", "");
  const size_t bytes = MakeSubmit(options.from, options.to, options.run, 1).ByteSizeLong();
  echo::EchoRequest request;
  request.mutable_payload()->assign(options.reply_bytes == 0 ? bytes : 64, 'x');
  request.set_reply_bytes(options.reply_bytes);
  const std::string serialized = request.SerializeAsString();
  return waypost::bench::RunLoad(
      options.load, [&](int slot, uint64_t, auto done) { caller.Call(slot, serialized, std::move(done)); });
}

template <typename Message>
Message Parse(const grpc::ByteBuffer& buffer) {
  Message message;
  grpc::Slice slice;
  if (buffer.DumpToSingleSlice(&slice).ok())
    message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  return message;
}

waypost::bench::LoadResult RunSubmit(const Options& options) {
  Caller caller(options, std::string(kReferralService) + "SubmitReferral", options.token);
  const bool keeps_names = !options.names_file.empty();
  std::vector<std::vector<std::string>> names(static_cast<size_t>(options.load.in_flight));
  const waypost::bench::SubmitBytes submit(options.from, options.to, options.run);
  const auto result = waypost::bench::RunLoad(options.load, [&](int slot, uint64_t number, auto done) {
    caller.Call(slot, submit.Numbered(number), [&, slot, done = std::move(done)](grpc::Status status) {
      if (keeps_names && status.ok()) {
        names[static_cast<size_t>(slot)].push_back(Parse<referral::Referral>(caller.response(slot)).name());
      }
      done(std::move(status));
    });
  });
  if (!keeps_names) return result;
  std::ofstream file(options.names_file);
  for (const auto& list : names) {
    for (const std::string& name : list) file << name << "\n";
  }
  return result;
}

waypost::bench::LoadResult RunDisclose(const Options& options) {
  Caller caller(options, std::string(kReferralService) + "DiscloseReferral", options.token);
  std::vector<std::string> requests;
  std::ifstream file(options.names_file);
  for (std::string name; std::getline(file, name);) {
    referral::DiscloseReferralRequest request;
    request.set_name(name);
    request.add_sections(referral::SECTION_KIND_DETAILS);
    request.set_purpose(referral::PURPOSE_DELIVER_SERVICE);
    requests.push_back(request.SerializeAsString());
  }
  return waypost::bench::RunLoad(options.load, [&](int slot, uint64_t number, auto done) {
    caller.Call(slot, requests[number % requests.size()], std::move(done));
  });
}

waypost::bench::LoadResult RunList(const Options& options) {
  Caller caller(options, std::string(kReferralService) + "ListReferrals", options.token);
  referral::ListReferralsRequest request;
  request.set_box(referral::BOX_INBOX);
  request.set_page_size(50);
  const std::string serialized = request.SerializeAsString();
  return waypost::bench::RunLoad(
      options.load, [&](int slot, uint64_t, auto done) { caller.Call(slot, serialized, std::move(done)); });
}

constexpr char kDirectoryService[] = "/waypost.directory.v1.DirectoryService/";

// Fills a directory with bodies or offers.
waypost::bench::LoadResult RunDirectory(const Options& options) {
  const bool is_bodies = options.mode == "bodies";
  Caller caller(options, std::string(kDirectoryService) + (is_bodies ? "CreateBody" : "ImportOffers"),
                options.token);
  const auto make = [&](uint64_t number) {
    if (is_bodies) return waypost::bench::MakeBody(number).SerializeAsString();
    return waypost::bench::MakeOffers(number, options.bodies).SerializeAsString();
  };
  return waypost::bench::RunLoad(options.load, [&](int slot, uint64_t number, auto done) {
    caller.Call(slot, make(number), std::move(done));
  });
}

// Asks the directory for routes, and counts whom it names: an empty answer is quickly given.
waypost::bench::LoadResult RunRoutes(const Options& options) {
  Caller caller(options, std::string(kDirectoryService) + "ResolveRoute", options.token);
  std::atomic<uint64_t> answers = 0;
  std::atomic<uint64_t> answers_with_candidates = 0;
  std::atomic<uint64_t> candidates = 0;
  auto result = waypost::bench::RunLoad(options.load, [&](int slot, uint64_t number, auto done) {
    caller.Call(slot, waypost::bench::MakeRoute(number, options.bodies).SerializeAsString(),
                [&, slot, done = std::move(done)](grpc::Status status) {
                  if (status.ok()) {
                    const auto answer = Parse<directory::ResolveRouteResponse>(caller.response(slot));
                    ++answers;
                    if (answer.candidates_size() > 0) ++answers_with_candidates;
                    candidates += static_cast<uint64_t>(answer.candidates_size());
                  }
                  done(std::move(status));
                });
  });
  result.counted = {
      {"answers", answers}, {"answers_with_candidates", answers_with_candidates}, {"candidates", candidates}};
  return result;
}

// A line for each call: when it was due, in seconds by the clock that the operating system counts up since
// its start, and how many milliseconds it took.
void WriteTimes(const waypost::bench::LoadResult& result, const std::string& path) {
  std::ofstream file(path);
  file << std::fixed << std::setprecision(6);
  for (const auto& call : result.each_call) file << call.due_at << " " << call.ms << "\n";
}

// The size of one page of the inbox, to compare an echo of as many bytes with.
int PrintPageBytes(const Options& options) {
  const auto stub = referral::ReferralService::NewStub(Connect(options).front());
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + options.token);
  referral::ListReferralsRequest request;
  request.set_box(referral::BOX_INBOX);
  request.set_page_size(50);
  referral::ListReferralsResponse response;
  const grpc::Status status = stub->ListReferrals(&context, request, &response);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.error_message().c_str());
    return 1;
  }
  std::printf("{\"rows\": %d, \"bytes\": %zu}\n", response.referrals_size(), response.ByteSizeLong());
  return 0;
}

// Waits until the server that writes the port file is SERVING, and says when it was, by the clock that the
// operating system counts up since its start.
int PrintServingTime(const Options& options) {
  constexpr auto kLimit = std::chrono::seconds(60);
  constexpr auto kPoll = std::chrono::milliseconds(1);
  const auto began = std::chrono::steady_clock::now();
  std::shared_ptr<grpc::Channel> channel;
  while (std::chrono::steady_clock::now() - began < kLimit) {
    if (channel == nullptr && std::filesystem::exists(options.port_file)) {
      Options to = options;
      to.port = nlohmann::json::parse(std::ifstream(options.port_file)).at("grpc").get<int>();
      channel = Connect(to).front();
    }
    if (channel != nullptr) {
      const auto serving = waypost::e2e::IsServing(channel);
      if (serving.ok() && *serving) {
        const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
        std::printf("{\"serving_at\": %.6f}\n", now.count());
        return 0;
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
  std::fprintf(stderr, "the server does not come to serve\n");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"One kind of call, under load."};
  app.add_option("--mode", options.mode)
      ->check(CLI::IsMember({"echo", "submit", "disclose", "list", "bodies", "offers", "routes", "page-bytes",
                             "request-bytes", "serving"}));
  app.add_option("--port", options.port);
  app.add_option("--channels", options.channels);
  app.add_option("--token", options.token);
  app.add_option("--from", options.from);
  app.add_option("--to", options.to);
  app.add_option("--run", options.run);
  app.add_option("--names-file", options.names_file);
  app.add_option("--times-file", options.times_file);
  app.add_option("--port-file", options.port_file);
  app.add_option("--reply-bytes", options.reply_bytes);
  app.add_option("--bodies", options.bodies);
  app.add_option("--calls", options.load.calls);
  app.add_option("--in-flight", options.load.in_flight);
  app.add_option("--seconds", options.load.seconds);
  app.add_option("--warm-up", options.load.warm_up_seconds);
  app.add_option("--rate", options.load.rate);
  CLI11_PARSE(app, argc, argv);
  options.load.keeps_each_call = !options.times_file.empty();
  if (options.mode == "page-bytes") return PrintPageBytes(options);
  if (options.mode == "serving") return PrintServingTime(options);
  if (options.mode == "request-bytes") {
    std::printf("{\"bytes\": %zu}\n", MakeSubmit(options.from, options.to, options.run, 1).ByteSizeLong());
    return 0;
  }
  const auto result = options.mode == "echo"       ? RunEcho(options)
                      : options.mode == "submit"   ? RunSubmit(options)
                      : options.mode == "disclose" ? RunDisclose(options)
                      : options.mode == "list"     ? RunList(options)
                      : options.mode == "routes"   ? RunRoutes(options)
                                                   : RunDirectory(options);
  if (options.load.keeps_each_call) WriteTimes(result, options.times_file);
  std::printf("%s\n", waypost::bench::ToJson(result).c_str());
  return result.errors == 0 ? 0 : 1;
}
