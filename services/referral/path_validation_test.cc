#include "services/referral/path_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status/errors.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the referrals of this room
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kPath = "paths/01jd0000000000000000000007";

template <typename Request>
std::vector<std::string> Wrong(const Request& request) {
  return error::ViolationsOf(Validate(request));
}

v1::TakeStepRequest GoodStep() {
  v1::TakeStepRequest request;
  request.set_name(std::string(kPath));
  request.set_step(1);
  request.mutable_receiving()->set_body(std::string(kThirdBody));
  request.set_territory("ES300");
  request.set_priority(v1::PRIORITY_NORMAL);
  *request.mutable_disclosure() = CompleteDisclosure();
  return request;
}

TEST(PathValidationTest, APathHasATheReferralAPersonAndOneToTwentySteps) {
  v1::CreatePathRequest request;
  EXPECT_EQ(Wrong(request).size(), 3u);
  request.set_referral(std::string(kName));
  request.set_person(1);
  for (int i = 0; i < 20; ++i) request.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
  EXPECT_THAT(Wrong(request), IsEmpty());
  request.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
  EXPECT_THAT(Wrong(request), ElementsAre("steps: must be 1 to 20"));
  request.mutable_steps()->RemoveLast();
  request.set_person(21);
  request.mutable_steps(3)->clear_theme();
  request.mutable_steps(4)->set_offer("offer");
  EXPECT_THAT(Wrong(request), ElementsAre("person: must be 1 to 20", "steps[3].theme: is required",
                                          HasSubstr("steps[4].offer")));
}

TEST(PathValidationTest, OfAStepThatIsThereTheNumberSuffices) {
  v1::UpdatePathRequest request;
  request.set_name(std::string(kPath));
  request.add_steps()->set_number(1);
  request.add_steps()->set_theme(type::v1::THEME_LANGUAGE);
  EXPECT_THAT(Wrong(request), IsEmpty());
  request.mutable_steps(1)->set_state(static_cast<v1::PathStepState>(99));
  request.set_name(std::string(kName));
  EXPECT_EQ(Wrong(request).size(), 2u);
}

TEST(PathValidationTest, AStepIsCheckedAsTheSubmissionThatItIsInItsOwnFields) {
  EXPECT_THAT(Wrong(GoodStep()), IsEmpty());
  EXPECT_EQ(Wrong(v1::TakeStepRequest()).size(), 6u);
  v1::TakeStepRequest request = GoodStep();
  request.mutable_receiving()->set_unit("unit");
  request.mutable_disclosure()->set_retention_rule("No Code");
  request.mutable_screening()->set_text(std::string(4'001, 'x'));
  const std::vector<std::string> wrong = Wrong(request);
  EXPECT_THAT(wrong, ElementsAre(HasSubstr("receiving.unit: "), HasSubstr("disclosure.retention_rule: "),
                                 HasSubstr("screening.text: ")));
  for (const std::string& each : wrong) EXPECT_NE(each.find("referral."), 0u) << each;
  EXPECT_EQ(error::MetadataOf(Validate(request), "field"), "receiving.unit");
}

TEST(PathValidationTest, SectionsAreNamedOnceEach) {
  v1::TakeStepRequest request = GoodStep();
  for (const v1::SectionKind section :
       {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS}) {
    request.add_sections(section);
  }
  EXPECT_THAT(Wrong(request), IsEmpty());
  request.set_sections(1, v1::SECTION_KIND_ALERTS);
  request.set_sections(0, v1::SECTION_KIND_UNSPECIFIED);
  EXPECT_THAT(Wrong(request), ElementsAre("sections[0]: is required", "sections[2]: is given twice"));
  request.add_sections(v1::SECTION_KIND_DETAILS);
  EXPECT_THAT(Wrong(request), ElementsAre("sections: must be at most 3"));
  request.clear_sections();
  request.add_sections(static_cast<v1::SectionKind>(99));
  EXPECT_THAT(Wrong(request), ElementsAre("sections[0]: must be a known value"));
}

TEST(PathValidationTest, WhatIsMissingIsToldInItsFields) {
  error::FieldViolations missing;
  missing.Add("persons[0].disclosure.purpose", "is required");
  missing.Add("telephone_handover", "an emergency needs one");
  const absl::Status status = InFieldsOfStep(Incomplete(kName, missing));
  EXPECT_EQ(error::ReasonOf(status), "REFERRAL_INCOMPLETE");
  EXPECT_EQ(error::MetadataOf(status, "resource"), kName);
  EXPECT_THAT(error::ViolationsOf(status),
              ElementsAre("disclosure.purpose: is required", "telephone_handover: an emergency needs one"));
  EXPECT_TRUE(InFieldsOfStep(absl::OkStatus()).ok());
  const absl::Status other = ShareErased(kName);
  EXPECT_EQ(InFieldsOfStep(other), other);
}

TEST(PathValidationTest, TheSystemAloneEndsAPathWithTheShare) {
  v1::EndPathRequest request;
  request.set_name(std::string(kPath));
  EXPECT_THAT(Wrong(request), ElementsAre("reason: is required"));
  request.set_reason(v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_THAT(Wrong(request), ElementsAre("reason: is set by the system alone"));
  request.set_reason(v1::PATH_END_REASON_MOVED_AWAY);
  EXPECT_THAT(Wrong(request), IsEmpty());
}

}  // namespace
}  // namespace waypost::referral
