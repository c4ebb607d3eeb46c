#include "common/status/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(Errors, AStatusFromElsewhereHasNoReason) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
}

}  // namespace
}  // namespace waypost::error
