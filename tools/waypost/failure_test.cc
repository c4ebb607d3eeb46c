#include "tools/waypost/failure.h"

#include <gtest/gtest.h>

#include "common/status/errors.h"

namespace waypost::cli {
namespace {

TEST(FailureTest, TellsEveryFieldThatIsWrong) {
  error::FieldViolations violations;
  violations.Add("persons[0].age_band", "is required");
  violations.Add("territory", "is no territory");
  const std::string text = FailureText(violations.ToStatus(), "");
  EXPECT_NE(text.find("\n  persons[0].age_band: is required\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  territory: is no territory\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reason: INVALID_FIELD"), std::string::npos) << text;
  EXPECT_EQ(text.find("request id"), std::string::npos);
}

TEST(FailureTest, SaysASingleViolationOnce) {
  const std::string text = FailureText(error::InvalidField("territory", "is no territory"), "");
  EXPECT_EQ(text.find("is no territory"), text.rfind("is no territory")) << text;
}

TEST(FailureTest, TellsReasonMetadataAndRequestId) {
  const std::string text = FailureText(
      error::InvalidTransition("referrals/1", "DECLINED", "ACCEPT", {"NOTE", "REOPEN"}), "id-12345");
  EXPECT_NE(text.find("reason: INVALID_TRANSITION ("), std::string::npos) << text;
  EXPECT_NE(text.find("state DECLINED"), std::string::npos) << text;
  EXPECT_NE(text.find("--request-id id-12345"), std::string::npos) << text;
}

TEST(FailureTest, SaysWhereATokenIsGiven) {
  EXPECT_NE(FailureText(error::TokenMissing(), "").find("set WAYPOST_TOKEN,"), std::string::npos);
  EXPECT_EQ(FailureText(absl::UnavailableError("away"), "").find("WAYPOST_TOKEN"), std::string::npos);
}

TEST(FailureTest, FallsBackToTheCode) {
  EXPECT_EQ(FailureText(absl::UnavailableError("connection refused"), ""),
            "waypost: connection refused\n  reason: UNAVAILABLE\n");
}

TEST(FailureTest, IsPrintable) {
  EXPECT_EQ(FailureText(absl::InternalError("a\x1b[2Jb"), "").find('\x1b'), std::string::npos);
}

TEST(FailureTest, HasAJsonForm) {
  const auto json = FailureJson(error::InvalidField("territory", "is no territory"), "id-12345");
  const auto& failure = json.at("error");
  EXPECT_EQ(failure.at("code"), "INVALID_ARGUMENT");
  EXPECT_EQ(failure.at("reason"), "INVALID_FIELD");
  EXPECT_EQ(failure.at("fieldViolations").at(0).at("field"), "territory");
  EXPECT_EQ(failure.at("requestId"), "id-12345");
  EXPECT_EQ(failure.at("exitCode"), 2);
}

}  // namespace
}  // namespace waypost::cli
