#include "tools/waypost/session.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/api/names.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/claims.h"
#include "common/identity/jws.h"
#include "common/status/errors.h"
#include "tools/waypost/connection.h"
#include "tools/waypost/details.h"
#include "tools/waypost/failure.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/offline_queue.h"
#include "tools/waypost/referral_actions.h"
#include "tools/waypost/times.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kPageSizeMax = 500;
constexpr size_t kMaxTokenFileBytes = 64 * 1024;

std::string Trimmed(std::string_view text) {
  return std::string(base::ToStd(absl::StripAsciiWhitespace(base::ToAbsl(text))));
}

// Reads change nothing, so they may be repeated; opening personal data leaves a record each time.
bool IsRead(std::string_view method) {
  const std::string_view name = method.substr(method.rfind('/') + 1);
  for (const std::string_view verb : {"Get", "List", "Resolve", "Find"}) {
    if (name.substr(0, verb.size()) == verb) return true;
  }
  return false;
}

absl::Status CannotBeKept() {
  return error::InvalidField("--later", "goes with changes of a referral only");
}

const FieldDescriptor* TextField(const Message& message, const std::string& name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  const bool is_text =
      field != nullptr && !field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  return is_text ? field : nullptr;
}

std::string GetText(const Message& message, const std::string& name) {
  const FieldDescriptor* field = TextField(message, name);
  return field == nullptr ? "" : message.GetReflection()->GetString(message, field);
}

void SetText(Message& message, const std::string& name, std::string text) {
  if (const FieldDescriptor* field = TextField(message, name); field != nullptr) {
    message.GetReflection()->SetString(&message, field, std::move(text));
  }
}

}  // namespace

void Session::On(CLI::App& leaf, Command command) {
  OnWithCode(leaf, [command = std::move(command)]() -> absl::StatusOr<ExitCode> {
    WAYPOST_RETURN_IF_ERROR(command());
    return ExitCode::kOk;
  });
}

void Session::OnWithCode(CLI::App& leaf, CommandWithCode command) {
  leaf.callback([this, command = std::move(command)] { command_ = command; });
}

ExitCode Session::Run() {
  const absl::StatusOr<ExitCode> code = command_();
  env_.out.flush();
  if (!last_hint_.empty()) Hint(last_hint_);
  if ((code.ok() || kept_) && env_.out) return kept_ ? ExitCode::kOk : *code;
  const absl::Status status = code.ok() || kept_ ? error::Make(absl::StatusCode::kInternal, "OUTPUT_FAILED",
                                                               "the output cannot be written")
                                                 : code.status();
  TellFailure(status);
  return ExitCodeFor(status);
}

void Session::TellFailure(const absl::Status& status) {
  const std::string_view id = used_request_id_ ? std::string_view(request_id_) : std::string_view();
  if (json()) {
    env_.err << FailureJson(status, id).dump() << '\n';
  } else {
    env_.err << FailureText(status, id);
  }
}

absl::StatusOr<rpc::TokenSource> Session::MakeTokenSource() {
  std::string token = options_.token;
  std::string file = options_.token_file;
  if (token.empty() && file.empty()) {
    token = env_.variable("WAYPOST_TOKEN").value_or("");
    if (token.empty()) file = env_.variable("WAYPOST_TOKEN_FILE").value_or("");
  }
  if (token.empty() && file.empty()) return rpc::TokenSource();
  if (token.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string content, ReadFile(file, kMaxTokenFileBytes));
    token = Trimmed(content);
  }
  WAYPOST_RETURN_IF_ERROR(CheckToken(token));
  // A file is read again for each call: whoever renews tokens replaces it.
  return rpc::TokenSource([token, file] {
    if (file.empty()) return token;
    const absl::StatusOr<std::string> content = ReadFile(file, kMaxTokenFileBytes);
    const std::string renewed = content.ok() ? Trimmed(*content) : token;
    return CheckToken(renewed).ok() ? renewed : token;
  });
}

absl::StatusOr<ServerAddress> Session::Address() const {
  std::string server = options_.server;
  if (server.empty()) server = env_.variable("WAYPOST_SERVER").value_or(std::string(kDefaultServer));
  return ParseServer(server);
}

absl::StatusOr<std::string> Session::server() const {
  WAYPOST_ASSIGN_OR_RETURN(const ServerAddress address, Address());
  return base::Cat(address.host, ":", address.port);
}

absl::Status Session::Connect() {
  WAYPOST_ASSIGN_OR_RETURN(const ServerAddress address, Address());
  WAYPOST_ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel,
                           OpenChannel(address, options_.tls_ca_file));
  WAYPOST_ASSIGN_OR_RETURN(rpc::TokenSource token, MakeTokenSource());
  rpc::RetryPolicy policy;
  const auto timeout = ParseSpan(options_.timeout);
  if (!timeout.has_value() || *timeout <= absl::ZeroDuration()) {
    return error::InvalidField("--timeout", "must be a span as 10s or 2m");
  }
  policy.attempt_timeout = *timeout;
  caller_ = std::make_unique<Caller>(std::move(channel), policy, env_.sleep, std::move(token));
  return absl::OkStatus();
}

absl::StatusOr<Caller*> Session::caller() {
  // What can be kept does not come here.
  if (!options_.later.empty()) return CannotBeKept();
  if (caller_ == nullptr) WAYPOST_RETURN_IF_ERROR(Connect());
  return caller_.get();
}

const std::string& Session::request_id() {
  if (request_id_.empty()) {
    request_id_ = options_.request_id.empty() ? RandomUuid(env_.random) : options_.request_id;
  }
  return request_id_;
}

std::string Session::OwnBody() {
  const auto source = MakeTokenSource();
  if (!source.ok() || *source == nullptr) return "";
  const auto token = identity::ParseJws((*source)());
  const auto claims =
      token.ok() ? identity::ParseClaims(token->payload) : absl::StatusOr<identity::Claims>(token.status());
  return claims.ok() ? claims->body : "";
}

absl::Status Session::Keep(const std::string& method, Message& request, const Message& response) {
  if (!CanBeKept(method, request, response)) return CannotBeKept();
  // So that what comes after can name it, a new referral gets its name here.
  const auto name_new = [this](referral::v1::Referral& created) {
    const std::string body = OwnBody();
    if (!created.name().empty() || created.has_protection() || body.empty()) return;
    created.set_name("referrals/" + api::NewIdOf(env_.clock.Now(), env_.random, body));
  };
  if (auto* create =
          google::protobuf::DynamicCastToGenerated<referral::v1::CreateReferralRequest>(&request)) {
    name_new(*create->mutable_referral());
  }
  auto* submit = google::protobuf::DynamicCastToGenerated<referral::v1::SubmitReferralRequest>(&request);
  if (submit != nullptr && submit->name().empty()) name_new(*submit->mutable_referral());
  if (GetText(request, "request_id").empty()) SetText(request, "request_id", request_id());
  WAYPOST_ASSIGN_OR_RETURN(const auto queue,
                           OfflineQueue::Open(options_.later, OfflineQueue::Missing::kIsEmpty));
  QueuedChange change;
  change.method = method.substr(method.rfind('/') + 1);
  change.referral = ReferralIn(request);
  change.request_id = GetText(request, "request_id");
  change.kept_time = ShowTime(env_.clock.Now(), absl::UTCTimeZone());
  change.etag = EtagIn(request);
  change.request.reset(request.New());
  change.request->CopyFrom(request);
  const bool blind = change.etag.empty() && !change.referral.empty() && change.method != "CreateReferral" &&
                     !(submit != nullptr && submit->name().empty());
  WAYPOST_RETURN_IF_ERROR(queue->Add(std::move(change)));
  const QueuedChange& kept = queue->changes().back();
  if (json()) {
    const nlohmann::ordered_json line = {{"kept", kept.method},
                                         {"referral", kept.referral},
                                         {"requestId", kept.request_id},
                                         {"file", options_.later}};
    env_.out << line.dump() << '\n';
  } else {
    env_.out << "kept in " << Printable(options_.later) << ": " << ActionName(kept.method) << ' '
             << Printable(kept.key()) << '\n';
  }
  if (blind) Hint("Without --etag it will be carried out whatever has happened by then.");
  kept_ = true;
  return absl::CancelledError("kept for later");
}

absl::Status Session::Call(const std::string& method, Message& request, Message& response,
                           const Caller::OnAttempt& on_attempt) {
  if (!options_.later.empty()) return Keep(method, request, response);
  WAYPOST_ASSIGN_OR_RETURN(Caller * caller, this->caller());
  const bool is_change = TextField(request, "request_id") != nullptr;
  if (is_change && GetText(request, "request_id").empty()) {
    SetText(request, "request_id", request_id());
    used_request_id_ = true;
  }
  return caller->Unary(method, request, response, is_change || IsRead(method), on_attempt);
}

absl::Status Session::ListAll(const std::string& method, const PageOptions& page, Message& request,
                              Message& response) {
  const FieldDescriptor* size = request.GetDescriptor()->FindFieldByName("page_size");
  const FieldDescriptor* items = ItemsOf(*response.GetDescriptor());
  SetText(request, "page_token", page.page_token);
  std::unique_ptr<Message> next(response.New());
  for (;;) {
    const int64_t have = response.GetReflection()->FieldSize(response, items);
    const int64_t wanted =
        page.limit == 0 ? kPageSizeMax : std::min<int64_t>(kPageSizeMax, page.limit - have);
    request.GetReflection()->SetInt32(&request, size, static_cast<int32_t>(wanted));
    WAYPOST_RETURN_IF_ERROR(Call(method, request, *next));
    const std::string token = GetText(*next, "next_page_token");
    response.MergeFrom(*next);
    SetText(response, "next_page_token", token);
    if (token.empty()) return absl::OkStatus();
    const int64_t now_have = response.GetReflection()->FieldSize(response, items);
    if (page.limit > 0 && now_have >= page.limit) {
      last_hint_ = base::Cat("There are more: --limit 0 for all, or --page-token ", token);
      return absl::OkStatus();
    }
    if (env_.err_is_terminal) env_.err << '\r' << now_have << " …" << std::flush;
    SetText(request, "page_token", token);
    next->Clear();
  }
}

absl::Status Session::Show(const Message& message) {
  if (json()) return ShowJson(message);
  const std::string details = Details(message, zone());
  if (details.empty()) Hint("There is nothing of that.");
  env_.out << details;
  return absl::OkStatus();
}

absl::Status Session::Show(const Message& message, const Table& table, std::string_view nothing) {
  if (json()) return ShowJson(message);
  if (table.empty()) {
    Hint(nothing);
  } else {
    env_.out << table.ToText(colour());
  }
  return absl::OkStatus();
}

absl::Status Session::ShowJson(const Message& message) {
  WAYPOST_ASSIGN_OR_RETURN(const std::string text, ToJson(message));
  env_.out << text << (text.empty() || text.back() != '\n' ? "\n" : "");
  return absl::OkStatus();
}

void Session::Hint(std::string_view text) {
  if (!json()) env_.err << (env_.err_is_terminal ? "\r" : "") << Printable(text, true) << '\n';
}

void AddPageFlags(CLI::App& app, PageOptions& page) {
  app.add_option("--limit", page.limit, "how many at most; 0 for all")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  app.add_option("--page-token", page.page_token, "where to go on, from the listing before");
}

void AddLaterFlag(CLI::App& app, Session& session) {
  app.add_option("--later", session.options().later,
                 "a change is not sent but kept in this file, for `waypost send-later`; the file holds "
                 "personal data, and is yours alone")
      ->type_name("FILE");
}

std::string RandomUuid(base::Random& random) {
  std::string bytes = random.Bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  std::string text = base::ToHex(bytes);
  for (const size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

const FieldDescriptor* ItemsOf(const Descriptor& response) {
  for (int i = 0; i < response.field_count(); ++i) {
    const FieldDescriptor* field = response.field(i);
    if (field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return field;
  }
  return nullptr;
}

}  // namespace waypost::cli
