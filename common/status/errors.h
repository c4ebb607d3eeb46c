// The catalogue: every error that Waypost can answer with is made here or, for what one service alone
// can say, in that service's own errors.h, by Make(). Each carries google.rpc.ErrorInfo{reason, domain
// "waypost", metadata}. A message says what was wrong, with which value, and what to do; it never
// holds personal data, since it is logged.
#ifndef WAYPOST_COMMON_STATUS_ERRORS_H_
#define WAYPOST_COMMON_STATUS_ERRORS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace waypost::error {

inline constexpr std::string_view kDomain = "waypost";

using Metadata = std::vector<std::pair<std::string, std::string>>;

// The general maker. `reason` is UPPER_SNAKE_CASE and listed in docs/reference/errors.md.
absl::Status Make(absl::StatusCode code, std::string_view reason, std::string_view message,
                  const Metadata& metadata = {});

// Adds google.rpc.RetryInfo, for UNAVAILABLE and RESOURCE_EXHAUSTED.
absl::Status WithRetry(absl::Status status, absl::Duration delay);

// The reason in a status made here; empty when it has none.
std::string ReasonOf(const absl::Status& status);

// One ErrorInfo metadata value; empty when absent.
std::string MetadataOf(const absl::Status& status, std::string_view key);

// An answer names so many violations and counts the others: it has to fit into the trailers of a call.
inline constexpr size_t kMaxFieldViolations = 20;
// The message stops naming them after so much; the details go on.
inline constexpr size_t kFieldMessageBytes = 1024;

// Collects everything wrong with a request, so that the caller is told all of it at once.
class FieldViolations {
 public:
  // `field` is a path as in "persons[1].age_band". `description` must not repeat personal data.
  void Add(std::string_view field, std::string_view description);
  bool empty() const { return violations_.empty(); }
  // OK when empty; otherwise INVALID_ARGUMENT / INVALID_FIELD with google.rpc.BadRequest.
  absl::Status ToStatus() const;

 private:
  std::vector<std::pair<std::string, std::string>> violations_;
  size_t left_out_ = 0;
};

// One violation; shorthand.
absl::Status InvalidField(std::string_view field, std::string_view description);

// The violations inside a status, as "field: description"; for tests and the CLI.
std::vector<std::string> ViolationsOf(const absl::Status& status);

// --- Authentication and authority -------------------------------------------------------------------
absl::Status TokenMissing();
// `why` names the check that failed ("expired", "wrong audience", ...); never the token.
absl::Status TokenRefused(std::string_view why);
// The caller's roles do not allow the method at all, or its relation to the resource does not.
absl::Status PermissionDenied(std::string_view method, std::string_view why);

// --- Resources --------------------------------------------------------------------------------------
// There is no such resource, or this caller may not know of it: the two are not told apart.
absl::Status NotFound(std::string_view resource_name);
absl::Status AlreadyExists(std::string_view resource_name);
// ABORTED: read the resource again and repeat the decision.
absl::Status EtagMismatch(std::string_view resource_name);
// INVALID_ARGUMENT: the request_id was used with other content.
absl::Status RequestIdReused(std::string_view request_id);
// FAILED_PRECONDITION. `allowed`: the events that the state does take.
absl::Status InvalidTransition(std::string_view resource_name, std::string_view state, std::string_view event,
                               const std::vector<std::string>& allowed);
absl::Status PageTokenInvalid();
// OUT_OF_RANGE: the cursor is older than what is kept; start again from `oldest`.
absl::Status CursorTooOld(std::string_view oldest);

// --- The system -------------------------------------------------------------------------------------
// RESOURCE_EXHAUSTED: a documented limit was passed.
absl::Status LimitExceeded(std::string_view limit, int64_t allowed, int64_t given);
// RESOURCE_EXHAUSTED: the caller's body keeps as many watches open as it may.
absl::Status TooManyWatches(int64_t allowed);
// RESOURCE_EXHAUSTED: too much work is waiting for `what`; carries RetryInfo.
absl::Status Overloaded(std::string_view what);
// RESOURCE_EXHAUSTED: the caller's body sends more than `per_second` requests; carries RetryInfo, `wait`.
absl::Status RateLimited(int64_t per_second, absl::Duration wait);
// RESOURCE_EXHAUSTED: nothing was written; carries RetryInfo.
absl::Status DiskFull();
// One of these three: there is no room now, nothing was begun, and the same call may succeed later. Any other
// limit, whatever its code, is one that the call itself passes, and passes again when it is sent again.
bool IsTooBusy(const absl::Status& status);
// UNAVAILABLE: the store has failed; the process is about to end.
absl::Status StoreFailed();
absl::Status Unavailable(std::string_view what, std::string_view why);
absl::Status DeadlinePassed();
// INTERNAL: stored bytes cannot be read; `what` names the record kind and key, never content.
absl::Status DataLoss(std::string_view what);

}  // namespace waypost::error

#endif  // WAYPOST_COMMON_STATUS_ERRORS_H_
