#include "common/rpc/call.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::rpc {
namespace {

constexpr size_t kMinRequestId = 8;
constexpr size_t kMaxRequestId = 64;

std::string_view HeaderOf(const grpc::CallbackServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

}  // namespace

PendingCall::PendingCall(const NodeEnvironment& node, const policy::MethodRule& rule,
                         const chain::Incoming& incoming)
    : node_(node),
      access_(node.metrics.ForMethod(rule.service, rule.method), node.log, rule, node.clock.Now()),
      call_{.rule = rule,
            .caller = nullptr,
            .now = node.clock.Now(),
            .trace = telemetry::ContinueTrace(incoming.traceparent, node.random)},
      deadline_(incoming.deadline) {}

PendingCall::~PendingCall() {
  if (!answered_) Answered(absl::InternalError("call dropped without an answer"));
  if (!is_watch_) return;
  access_.WatchClosed();
  node_.admission.CloseWatch(call_.caller->body);
}

absl::Status PendingCall::Admit(const chain::Incoming& incoming) {
  WAYPOST_RETURN_IF_ERROR(node_.admission.Enter());
  entered_ = true;
  if (call_.now > deadline_) return error::DeadlinePassed();
  WAYPOST_ASSIGN_OR_RETURN(const std::string_view token, chain::BearerToken(incoming.authorization));
  WAYPOST_ASSIGN_OR_RETURN(call_.caller, node_.authenticator.Authenticate(token, call_.now));
  // A token is good for its own body; from here on whoever stands in that body's place is the caller's.
  if (!call_.rule.own_body) {
    call_.caller = node_.accounts.ActingCaller(std::move(call_.caller), call_.now);
  }
  WAYPOST_RETURN_IF_ERROR(node_.admission.CheckRate(call_.caller->body, call_.now));
  return policy::MayCallAtAll(call_.rule, *call_.caller);
}

absl::Status PendingCall::BecomeWatch() {
  WAYPOST_RETURN_IF_ERROR(node_.admission.OpenWatch(call_.caller->body));
  is_watch_ = true;
  LeaveFlight();
  access_.WatchOpened();
  return absl::OkStatus();
}

void PendingCall::LeaveFlight() {
  if (entered_) node_.admission.Leave();
  entered_ = false;
}

void PendingCall::Answered(const absl::Status& status) {
  answered_ = true;
  LeaveFlight();
  access_.Finish(status, node_.clock.Now(), call_.caller.get(), call_.trace);
}

chain::Incoming IncomingOf(const grpc::CallbackServerContext& context) {
  return {.authorization = HeaderOf(context, "authorization"),
          .traceparent = HeaderOf(context, "traceparent"),
          .deadline = absl::FromChrono(context.deadline())};
}

absl::Status CheckRequestId(std::string_view request_id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  };
  if (request_id.size() >= kMinRequestId && request_id.size() <= kMaxRequestId &&
      std::all_of(request_id.begin(), request_id.end(), allowed)) {
    return absl::OkStatus();
  }
  return error::InvalidField("request_id",
                             base::Cat(request_id.empty() ? "is required on every change: " : "must be ",
                                       "8 to 64 of A-Z, a-z, 0-9, '.', '_', ':', '-'; a new random UUID "
                                       "for each new request, the same one when you repeat it"));
}

}  // namespace waypost::rpc
