#include "common/status/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace waypost::error {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FieldViolations, TellsEverythingWrongAtOnce) {
  FieldViolations violations;
  EXPECT_TRUE(violations.ToStatus().ok());
  violations.Add("persons[0].age_band", "is required");
  violations.Add("theme", "unknown value 99");
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_THAT(ViolationsOf(status),
              ElementsAre("persons[0].age_band: is required", "theme: unknown value 99"));
}

TEST(FieldViolations, NamesSoManyAndCountsTheOthers) {
  FieldViolations violations;
  const std::string description(200, 'x');
  for (size_t i = 0; i < kMaxFieldViolations + 5; ++i) violations.Add("f", description);
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(ViolationsOf(status).size(), kMaxFieldViolations);
  EXPECT_LT(status.message().size(), kFieldMessageBytes + 300);
  EXPECT_THAT(std::string(status.message()), HasSubstr("; and 19 more"));
}

TEST(Errors, InvalidTransitionNamesWhatTheStateTakes) {
  const absl::Status status = InvalidTransition("referrals/1", "COMPLETED", "ACCEPT", {"REOPEN"});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "INVALID_TRANSITION");
  EXPECT_EQ(MetadataOf(status, "state"), "COMPLETED");
  EXPECT_EQ(MetadataOf(status, "event"), "ACCEPT");
  EXPECT_EQ(MetadataOf(status, "allowed"), "REOPEN");
}

TEST(Errors, ADuplicateIsNotARetryAndAnEtagIs) {
  EXPECT_EQ(RequestIdReused("r").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(EtagMismatch("referrals/1").code(), absl::StatusCode::kAborted);
}

TEST(Errors, OverloadSaysWhenToComeBack) {
  EXPECT_TRUE(Overloaded("writes").GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  EXPECT_THAT(std::string(StoreFailed().message()), HasSubstr("same request_id"));
}

TEST(Errors, WhoSendsTooMuchIsToldHowLongToWait) {
  const absl::Status status = RateLimited(20, absl::Milliseconds(1500));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "RATE_LIMITED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("more than 20 requests a second"));
  google::rpc::RetryInfo info;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.RetryInfo");
  ASSERT_TRUE(payload.has_value());
  ASSERT_TRUE(info.ParseFromString(std::string(*payload)));
  EXPECT_EQ(info.retry_delay().seconds(), 1);
  EXPECT_EQ(info.retry_delay().nanos(), 500'000'000);
}

TEST(Errors, TooBusyIsTheServerAndNotALimitThatTheCallPasses) {
  for (const absl::Status& busy : {Overloaded("writes"), RateLimited(20, absl::Seconds(1)), DiskFull()}) {
    EXPECT_TRUE(IsTooBusy(busy)) << busy;
  }
  for (const absl::Status& other :
       {LimitExceeded("notes", 1000, 1001), TooManyWatches(200), StoreFailed(), Unavailable("x", "y"),
        absl::ResourceExhaustedError("the message is too large"), absl::OkStatus()}) {
    EXPECT_FALSE(IsTooBusy(other)) << other;
  }
}

TEST(Errors, AStatusFromElsewhereHasNoReason) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
}

}  // namespace
}  // namespace waypost::error
