#include "common/status/errors.h"

#include <cmath>

#include "absl/strings/cord.h"
#include "absl/strings/str_join.h"
#include "common/base/abseil.h"
#include "common/base/strings.h"
#include "google/rpc/error_details.pb.h"

namespace waypost::error {
namespace {

using base::Cat;
using base::ToAbsl;

// The reasons of IsTooBusy.
constexpr std::string_view kOverloaded = "OVERLOADED";
constexpr std::string_view kRateLimited = "RATE_LIMITED";
constexpr std::string_view kDiskFull = "DISK_FULL";

constexpr std::string_view kErrorInfoUrl = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr std::string_view kBadRequestUrl = "type.googleapis.com/google.rpc.BadRequest";
constexpr std::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";

template <typename Message>
bool ReadPayload(const absl::Status& status, std::string_view url, Message& message) {
  const auto payload = status.GetPayload(ToAbsl(url));
  return payload.has_value() && message.ParseFromString(std::string(*payload));
}

template <typename Message>
void WritePayload(absl::Status& status, std::string_view url, const Message& message) {
  status.SetPayload(ToAbsl(url), absl::Cord(message.SerializeAsString()));
}

}  // namespace

absl::Status Make(absl::StatusCode code, std::string_view reason, std::string_view message,
                  const Metadata& metadata) {
  absl::Status status(code, ToAbsl(message));
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kDomain));
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  WritePayload(status, kErrorInfoUrl, info);
  return status;
}

absl::Status WithRetry(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo info;
  const int64_t nanos = absl::ToInt64Nanoseconds(delay);
  info.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  WritePayload(status, kRetryInfoUrl, info);
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  return ReadPayload(status, kErrorInfoUrl, info) ? info.reason() : std::string();
}

std::string MetadataOf(const absl::Status& status, std::string_view key) {
  google::rpc::ErrorInfo info;
  if (!ReadPayload(status, kErrorInfoUrl, info)) return {};
  const auto found = info.metadata().find(std::string(key));
  return found == info.metadata().end() ? std::string() : found->second;
}

void FieldViolations::Add(std::string_view field, std::string_view description) {
  if (violations_.size() < kMaxFieldViolations) {
    violations_.emplace_back(field, description);
  } else {
    ++left_out_;
  }
}

absl::Status FieldViolations::ToStatus() const {
  if (violations_.empty()) return absl::OkStatus();
  std::string message;
  size_t unsaid = left_out_;
  google::rpc::BadRequest bad;
  for (const auto& [field, description] : violations_) {
    if (message.size() < kFieldMessageBytes) {
      message += Cat(message.empty() ? "" : "; ", field, ": ", description);
    } else {
      ++unsaid;
    }
    auto* violation = bad.add_field_violations();
    violation->set_field(field);
    violation->set_description(description);
  }
  if (unsaid > 0) message += Cat("; and ", unsaid, " more");
  absl::Status status = Make(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", message,
                             {{"field", violations_.front().first}});
  WritePayload(status, kBadRequestUrl, bad);
  return status;
}

absl::Status InvalidField(std::string_view field, std::string_view description) {
  FieldViolations violations;
  violations.Add(field, description);
  return violations.ToStatus();
}

std::vector<std::string> ViolationsOf(const absl::Status& status) {
  std::vector<std::string> lines;
  google::rpc::BadRequest bad;
  if (!ReadPayload(status, kBadRequestUrl, bad)) return lines;
  for (const auto& violation : bad.field_violations()) {
    lines.push_back(Cat(violation.field(), ": ", violation.description()));
  }
  return lines;
}

absl::Status TokenMissing() {
  return Make(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
              "no bearer token: send the metadata 'authorization: Bearer <token>'");
}

absl::Status TokenRefused(std::string_view why) {
  return Make(absl::StatusCode::kUnauthenticated, "TOKEN_REFUSED",
              Cat("the bearer token is refused: ", why, "; ask your provider for a new one"),
              {{"why", std::string(why)}});
}

absl::Status PermissionDenied(std::string_view method, std::string_view why) {
  return Make(absl::StatusCode::kPermissionDenied, "NOT_ALLOWED", Cat(method, " is not allowed: ", why),
              {{"method", std::string(method)}});
}

absl::Status NotFound(std::string_view resource_name) {
  return Make(absl::StatusCode::kNotFound, "NOT_FOUND",
              Cat("'", resource_name, "' does not exist, or you may not see it"),
              {{"resource", std::string(resource_name)}});
}

absl::Status AlreadyExists(std::string_view resource_name) {
  return Make(absl::StatusCode::kAlreadyExists, "ALREADY_EXISTS",
              Cat("'", resource_name, "' exists already: read it, or choose another id"),
              {{"resource", std::string(resource_name)}});
}

absl::Status EtagMismatch(std::string_view resource_name) {
  return Make(absl::StatusCode::kAborted, "ETAG_MISMATCH",
              Cat("'", resource_name, "' has changed since you read it: read it again and repeat the call"),
              {{"resource", std::string(resource_name)}});
}

absl::Status RequestIdReused(std::string_view request_id) {
  return Make(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
              Cat("request_id '", request_id,
                  "' was used before with other content: use a new one for a new request"),
              {{"request_id", std::string(request_id)}});
}

absl::Status InvalidTransition(std::string_view resource_name, std::string_view state, std::string_view event,
                               const std::vector<std::string>& allowed) {
  const std::string list = absl::StrJoin(allowed, ", ");
  return Make(absl::StatusCode::kFailedPrecondition, "INVALID_TRANSITION",
              Cat("'", resource_name, "' is ", state, ", which does not take ", event,
                  "; it takes: ", list.empty() ? "nothing more" : list),
              {{"resource", std::string(resource_name)},
               {"state", std::string(state)},
               {"event", std::string(event)},
               {"allowed", list}});
}

absl::Status PageTokenInvalid() {
  return Make(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID",
              "page_token is not one that this query returned to you: start again without it");
}

absl::Status CursorTooOld(std::string_view oldest) {
  return Make(absl::StatusCode::kOutOfRange, "CURSOR_TOO_OLD",
              Cat("what follows the cursor is not kept any longer, or the cursor was never given: list "
                  "afresh, then watch from '",
                  oldest, "'"),
              {{"oldest", std::string(oldest)}});
}

absl::Status LimitExceeded(std::string_view limit, int64_t allowed, int64_t given) {
  return Make(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
              Cat(limit, " is limited to ", allowed, "; given: ", given),
              {{"limit", std::string(limit)}, {"allowed", Cat(allowed)}, {"given", Cat(given)}});
}

absl::Status TooManyWatches(int64_t allowed) {
  return Make(absl::StatusCode::kResourceExhausted, "LIMIT_EXCEEDED",
              Cat("your body keeps ", allowed,
                  " watches open, as many as it may: end one, or share it among those who need it"),
              {{"limit", "open watches of a body"}, {"allowed", Cat(allowed)}, {"given", Cat(allowed + 1)}});
}

absl::Status Overloaded(std::string_view what) {
  return WithRetry(
      Make(absl::StatusCode::kResourceExhausted, kOverloaded,
           Cat("too much work is waiting for ", what, ": try again shortly"), {{"what", std::string(what)}}),
      absl::Milliseconds(200));
}

absl::Status RateLimited(int64_t per_second, absl::Duration wait) {
  return WithRetry(Make(absl::StatusCode::kResourceExhausted, kRateLimited,
                        Cat("your body sends more than ", per_second, " requests a second: slow down")),
                   wait);
}

absl::Status DiskFull() {
  return WithRetry(Make(absl::StatusCode::kResourceExhausted, kDiskFull,
                        "the node's disk is full: nothing was written; reads go on"),
                   absl::Seconds(30));
}

bool IsTooBusy(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return reason == kOverloaded || reason == kRateLimited || reason == kDiskFull;
}

absl::Status StoreFailed() {
  return WithRetry(Make(absl::StatusCode::kUnavailable, "STORE_FAILED",
                        "the node's store has failed and it is restarting: repeat the call with the same "
                        "request_id"),
                   absl::Seconds(2));
}

absl::Status Unavailable(std::string_view what, std::string_view why) {
  return WithRetry(Make(absl::StatusCode::kUnavailable, "UNAVAILABLE", Cat(what, " is unavailable: ", why),
                        {{"what", std::string(what)}}),
                   absl::Seconds(1));
}

absl::Status DeadlinePassed() {
  return Make(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
              "the call's deadline had passed before work on it began");
}

absl::Status DataLoss(std::string_view what) {
  return Make(absl::StatusCode::kDataLoss, "DATA_LOSS", Cat("stored data cannot be read: ", what),
              {{"what", std::string(what)}});
}

}  // namespace waypost::error
