// One run of the tool: its options, its connection, its output.
#ifndef WAYPOST_TOOLS_WAYPOST_SESSION_H_
#define WAYPOST_TOOLS_WAYPOST_SESSION_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/caller.h"
#include "tools/waypost/connection.h"
#include "tools/waypost/environment.h"
#include "tools/waypost/exit_codes.h"
#include "tools/waypost/message_flags.h"
#include "tools/waypost/table.h"

namespace waypost::cli {

// What every command takes. Empty means not given.
struct GlobalOptions {
  std::string server;
  std::string token;
  std::string token_file;
  std::string tls_ca_file;
  std::string output = "table";
  std::string timeout = "10s";
  std::string request_id;
  bool utc = false;
  // A file that changes of referrals are kept in instead of being sent.
  std::string later;
};

// A listing's length and beginning.
struct PageOptions {
  // 0: everything.
  int64_t limit = 200;
  std::string page_token;
};

// Not thread-safe, but for what caller() returns.
class Session {
 public:
  using Command = std::function<absl::Status()>;
  using CommandWithCode = std::function<absl::StatusOr<ExitCode>()>;

  explicit Session(const Environment& env) : env_(env) {}

  const Environment& env() const { return env_; }
  GlobalOptions& options() { return options_; }
  bool json() const { return options_.output == "json"; }
  // Only towards a terminal, and not where $NO_COLOR is set.
  bool colour() const { return env_.out_is_terminal && !env_.variable("NO_COLOR").has_value(); }
  absl::TimeZone zone() const { return options_.utc ? absl::UTCTimeZone() : env_.zone; }
  ValueContext values() const { return {env_.clock.Now(), zone()}; }

  // Makes `leaf` run `command` once the whole line is parsed.
  void On(CLI::App& leaf, Command command);
  void OnWithCode(CLI::App& leaf, CommandWithCode command);
  // Runs what On() chose, tells of a failure, and gives the exit code.
  ExitCode Run();
  void TellFailure(const absl::Status& status);

  // Opened at the first use.
  absl::StatusOr<Caller*> caller();
  // Which server that is: "host:port".
  absl::StatusOr<std::string> server() const;
  // The one given, or a random UUID that stays the same through the run.
  const std::string& request_id();
  bool used_request_id() const { return used_request_id_; }

  // Calls `method` ("waypost.directory.v1.DirectoryService/GetBody"). A request that has an empty
  // `request_id` gets this run's. Repeats after a transient error what may be repeated: reads, and changes
  // with a request_id. With --later, a change of a referral is kept, and the status ends the command well; a
  // call that cannot be kept is INVALID_FIELD. `on_attempt` is told how each attempt ended.
  absl::Status Call(const std::string& method, google::protobuf::Message& request,
                    google::protobuf::Message& response, const Caller::OnAttempt& on_attempt = nullptr);
  // Calls a List method until `page.limit` items are there or no more are; `response` holds them all. Tells
  // on the error stream when there are more.
  absl::Status ListAll(const std::string& method, const PageOptions& page, google::protobuf::Message& request,
                       google::protobuf::Message& response);

  // Results. The message as JSON, or as details.
  absl::Status Show(const google::protobuf::Message& message);
  // The message as JSON, or the table; `nothing` instead of an empty table.
  absl::Status Show(const google::protobuf::Message& message, const Table& table, std::string_view nothing);
  absl::Status ShowJson(const google::protobuf::Message& message);
  // Something for people only, on the error stream.
  void Hint(std::string_view text);

 private:
  absl::StatusOr<ServerAddress> Address() const;
  absl::StatusOr<rpc::TokenSource> MakeTokenSource();
  absl::Status Connect();
  absl::Status Keep(const std::string& method, google::protobuf::Message& request,
                    const google::protobuf::Message& response);
  // The body of the caller's token; empty where there is none that can be read.
  std::string OwnBody();

  Environment env_;
  GlobalOptions options_;
  CommandWithCode command_;
  std::unique_ptr<Caller> caller_;
  std::string request_id_;
  bool used_request_id_ = false;
  bool kept_ = false;
  std::string last_hint_;  // for after the results
};

// --limit and --page-token.
void AddPageFlags(CLI::App& app, PageOptions& page);

// --later, of a change that can be kept. A group takes it too, before the name of the command.
void AddLaterFlag(CLI::App& app, Session& session);

// A random UUID (RFC 9562, version 4).
std::string RandomUuid(base::Random& random);

// The only repeated message field of a listing; nullptr when there is none.
const google::protobuf::FieldDescriptor* ItemsOf(const google::protobuf::Descriptor& response);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_SESSION_H_
