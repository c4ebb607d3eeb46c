// waypost call: any method of any service that the server offers.
#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/commands.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/reflection_client.h"
#include "tools/waypost/times.h"

namespace waypost::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr absl::Duration kInterruptCheck = absl::Milliseconds(200);
constexpr absl::Duration kReflectionTimeout = absl::Seconds(10);

struct CallOptions {
  std::string method;
  std::string json = "{}";
  bool list = false;
  std::string describe;
};

absl::Status ListServices(Session& session, ReflectionClient& client) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> services, client.ListServices());
  if (session.json()) {
    session.env().out << nlohmann::ordered_json{{"services", services}}.dump(1) << '\n';
    return absl::OkStatus();
  }
  for (const std::string& service : services) session.env().out << Printable(service) << '\n';
  return absl::OkStatus();
}

std::string Signature(const MethodDescriptor& method) {
  return base::Cat("rpc ", method.name(), "(", method.client_streaming() ? "stream " : "",
                   method.input_type()->full_name(), ") returns (",
                   method.server_streaming() ? "stream " : "", method.output_type()->full_name(), ")");
}

nlohmann::ordered_json MethodJson(const MethodDescriptor& method) {
  return {{"name", method.name()},
          {"request", method.input_type()->full_name()},
          {"response", method.output_type()->full_name()},
          {"serverStreaming", method.server_streaming()},
          {"clientStreaming", method.client_streaming()}};
}

// With both messages as they stand in a .proto file.
void DescribeMethod(Session& session, const MethodDescriptor& method) {
  const std::string request = method.input_type()->DebugString();
  const std::string response = method.output_type()->DebugString();
  std::ostream& out = session.env().out;
  if (!session.json()) {
    out << Signature(method) << "\n\n" << request << '\n' << response;
    return;
  }
  nlohmann::ordered_json described = MethodJson(method);
  described["requestMessage"] = request;
  described["responseMessage"] = response;
  out << described.dump(1) << '\n';
}

absl::Status Describe(Session& session, ReflectionClient& client, const std::string& name) {
  std::ostream& out = session.env().out;
  if (name.find('/') != std::string::npos) {
    WAYPOST_ASSIGN_OR_RETURN(const MethodDescriptor* method, client.FindMethod(name));
    DescribeMethod(session, *method);
    return absl::OkStatus();
  }
  WAYPOST_ASSIGN_OR_RETURN(const ServiceDescriptor* service, client.FindService(name));
  if (!session.json()) out << service->full_name() << '\n';
  nlohmann::ordered_json methods = nlohmann::ordered_json::array();
  for (int i = 0; i < service->method_count(); ++i) {
    const MethodDescriptor& method = *service->method(i);
    if (!session.json()) out << "  " << Signature(method) << '\n';
    methods.push_back(MethodJson(method));
  }
  if (session.json()) {
    out << nlohmann::ordered_json{{"service", service->full_name()}, {"methods", methods}}.dump(1) << '\n';
  }
  return absl::OkStatus();
}

absl::Status Follow(Session& session, Caller& caller, const std::string& path, const Message& request,
                    Message& response) {
  const Interrupts::Handling handling(session.env().interrupts);
  const auto stream = caller.Open(path, request, response);
  for (;;) {
    const ServerStream::Event event = stream->Next(kInterruptCheck);
    if (session.env().interrupts.requested()) return absl::OkStatus();
    if (event == ServerStream::Event::kEnded) return stream->Finish();
    if (event == ServerStream::Event::kIdle) continue;
    WAYPOST_ASSIGN_OR_RETURN(const std::string line, ToJsonLine(response));
    session.env().out << line << '\n' << std::flush;
  }
}

absl::Status CallMethod(Session& session, Caller& caller, ReflectionClient& client,
                        const CallOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(const MethodDescriptor* method, client.FindMethod(options.method));
  if (method->client_streaming()) return error::InvalidField("method", "takes a stream of requests");
  WAYPOST_ASSIGN_OR_RETURN(const std::string json, InlineDocument(session.env(), options.json));
  const std::unique_ptr<Message> request = client.NewMessage(*method->input_type());
  const std::unique_ptr<Message> response = client.NewMessage(*method->output_type());
  WAYPOST_RETURN_IF_ERROR(FromJson(json, "the request", *request));
  const std::string path = base::Cat(method->service()->full_name(), "/", method->name());
  if (method->server_streaming()) return Follow(session, caller, path, *request, *response);
  WAYPOST_RETURN_IF_ERROR(session.Call(path, *request, *response));
  return session.ShowJson(*response);
}

absl::Status RunCall(Session& session, const CallOptions& options) {
  WAYPOST_ASSIGN_OR_RETURN(Caller * caller, session.caller());
  ReflectionClient client(*caller, kReflectionTimeout);
  if (options.list) return ListServices(session, client);
  if (!options.describe.empty()) return Describe(session, client, options.describe);
  if (options.method.empty()) {
    return error::InvalidField("call", "needs Service/Method, --list or --describe SERVICE");
  }
  return CallMethod(session, *caller, client, options);
}

}  // namespace

void AddReflectionCommand(CLI::App& root, Session& session) {
  CLI::App& leaf = *root.add_subcommand(
      "call",
      "Call any method of the server, in JSON: waypost call ReferralService/GetReferral '{\"name\":\"…\"}'");
  auto options = std::make_shared<CallOptions>();
  leaf.add_option("method", options->method, "Service/Method; the service may go without its package");
  leaf.add_option("request", options->json, "as JSON; @FILE, or - for standard input; {} if absent");
  leaf.add_flag("--list", options->list, "the services that the server offers");
  leaf.add_option("--describe", options->describe, "the methods of a service; the messages of Service/Method")
      ->type_name("NAME");
  session.On(leaf, [&session, options] { return RunCall(session, *options); });
}

}  // namespace waypost::cli
