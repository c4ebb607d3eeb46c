#include "common/rpc/client.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/time/clock.h"
#include "common/base/big_endian.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "google/rpc/error_details.pb.h"

namespace waypost::rpc {
namespace {

absl::Duration RetryDelayIn(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.RetryInfo");
  google::rpc::RetryInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return absl::ZeroDuration();
  return absl::Seconds(info.retry_delay().seconds()) + absl::Nanoseconds(info.retry_delay().nanos());
}

// Half to one and a half times the wait, so that clients do not come back together.
absl::Duration WithJitter(absl::Duration wait, base::Random& random) {
  constexpr double kScale = 1.0 / 18446744073709551616.0;  // 2^-64
  return wait * (0.5 + static_cast<double>(base::ReadBigEndian(random.Bytes(8))) * kScale);
}

}  // namespace

bool ShouldRetry(const absl::Status& status, bool idempotent) {
  return idempotent && (status.code() == absl::StatusCode::kUnavailable || error::IsTooBusy(status));
}

absl::Status CallWithRetry(const RetryPolicy& policy, bool idempotent, const Sleeper& sleep,
                           base::Random& random, const TokenSource& token,
                           absl::FunctionRef<absl::Status(grpc::ClientContext&)> attempt) {
  absl::Duration backoff = policy.backoff_min;
  for (int tried = 1;; ++tried) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + policy.attempt_timeout));
    if (token) context.AddMetadata("authorization", base::Cat("Bearer ", token()));
    absl::Status status = attempt(context);
    if (status.ok() || tried >= policy.attempts || !ShouldRetry(status, idempotent)) return status;
    sleep(std::max(RetryDelayIn(status), WithJitter(backoff, random)));
    backoff = std::min(backoff * 2, policy.backoff_max);
  }
}

}  // namespace waypost::rpc
