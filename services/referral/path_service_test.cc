// Paths through gRPC on the real store: what was told once goes along from step to step, and so do the rights
// of the person.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <functional>
#include <optional>
#include <set>
#include <thread>

#include "absl/strings/str_replace.h"
#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/store/store.h"
#include "services/referral/path_policy.h"
#include "services/referral/path_repository.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_rig.h"
#include "services/referral/retention_keeper.h"
#include "services/referral/rights_repository.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the rig and the referrals of this room
using policy::Role;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kLanguageOffer = "offers/getafe-language";
constexpr std::string_view kUnknownPath = "paths/01jd000000000000000000zzzz";
constexpr std::string_view kUnknownReferral = "referrals/01jd000000000000000000zzzz";

// Led by the receiving body, to which the referring one had referred the person.
class PathTest : public ::testing::Test, protected ReferralRig {
 protected:
  PathTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    fifth = rig.TokenOf(kFifthBody, {Role::kSupervisor}, {}, "actors/pilarxxxxxxxxxxx");
    SetGroups(kLanguageOffer, kThirdBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 5}});
  }

  static v1::Disclosure Consent() {
    v1::Disclosure disclosure = CompleteDisclosure();
    disclosure.mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
    disclosure.set_refusal_costs_nothing(true);
    return disclosure;
  }

  static v1::CreatePathRequest NewPath(std::string_view referral,
                                       const std::vector<type::v1::Theme>& themes = {
                                           type::v1::THEME_LANGUAGE, type::v1::THEME_CULTURE_AND_SPORT,
                                           type::v1::THEME_VOCATIONAL_TRAINING, type::v1::THEME_EMPLOYMENT}) {
    v1::CreatePathRequest request;
    request.set_referral(std::string(referral));
    request.set_person(1);
    for (const type::v1::Theme theme : themes) request.add_steps()->set_theme(theme);
    return request;
  }
  std::string Led(const std::string& referral) {
    return Must(Do(receiver, &PathStub::CreatePath, NewPath(referral))).name();
  }
  std::string Led() { return Led(Completed()); }

  static v1::TakeStepRequest Step(std::string_view path, uint32_t step, std::string_view body,
                                  const v1::Disclosure& disclosure = CompleteDisclosure()) {
    auto request = On<v1::TakeStepRequest>(path);
    request.set_step(step);
    request.mutable_receiving()->set_body(std::string(body));
    request.set_territory("ES300/28065");
    request.set_priority(v1::PRIORITY_NORMAL);
    *request.mutable_disclosure() = disclosure;
    return request;
  }
  std::string Take(const std::string& token, const v1::TakeStepRequest& request) {
    return Must(Do(token, &PathStub::TakeStep, request)).referral().name();
  }
  std::string Take(std::string_view path, uint32_t step, std::string_view body,
                   const v1::Disclosure& disclosure = CompleteDisclosure()) {
    return Take(receiver, Step(path, step, body, disclosure));
  }
  void Finish(const std::string& token, const std::string& name) {
    Must(Do(token, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
    Must(Do(token, &Stub::StartReferral, On<v1::StartReferralRequest>(name)));
    Must(Do(token, &Stub::CompleteReferral, Complete(name)));
  }

  // At the third body: enrolled, there, and left again.
  void AttendTheCourse(std::string_view path, const std::string& first) {
    auto accept = On<v1::AcceptReferralRequest>(first);
    accept.set_offer(std::string(kLanguageOffer));
    accept.add_places()->set_person(1);
    accept.mutable_places(0)->set_group_id("alpha");
    const std::string enrolment = Must(Do(third, &Stub::AcceptReferral, accept)).places(0).enrolment();
    EXPECT_EQ(GivenNameBy(third, first), base::Cat(kGivenName, "-1")) << "she has not told it again";
    auto start = On<v1::StartEnrolmentRequest>(enrolment);
    v1::PersonOutcome outcome = Outcomes(PositiveOutcome())[0];
    outcome.mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
    *start.add_outcomes() = outcome;
    Must(Do(third, &EnrolmentStub::StartEnrolment, start));
    EXPECT_EQ(Record(first).state(), kCompleted);
    EXPECT_EQ(StateOfStep(path, 1), kStepUnderWay) << "she is in the course";
    auto leave = On<v1::LeaveEnrolmentRequest>(enrolment);
    leave.set_reason(v1::LEAVE_REASON_GOAL_REACHED);
    leave.set_destination(v1::LEAVE_DESTINATION_VOCATIONAL_TRAINING);
    Must(Do(third, &EnrolmentStub::LeaveEnrolment, leave));
  }

  absl::StatusOr<v1::Path> Seen(const std::string& token, std::string_view path) {
    return Do(token, &PathStub::GetPath, On<v1::GetPathRequest>(path));
  }
  v1::Path Seen(std::string_view path) { return Must(Seen(receiver, path)); }
  StepState StateOfStep(std::string_view path, int step) { return Seen(path).steps(step - 1).state(); }
  std::vector<std::string> List(const std::string& token, bool ended = false) {
    v1::ListPathsRequest request;
    request.set_ended(ended);
    std::vector<std::string> names;
    const auto page = Must(Do(token, &PathStub::ListPaths, request));
    for (const v1::Path& path : page.paths()) names.push_back(path.name());
    return names;
  }
  std::string End(std::string_view path, v1::PathEndReason reason = v1::PATH_END_REASON_GOAL_REACHED) {
    auto request = On<v1::EndPathRequest>(path);
    request.set_reason(reason);
    return ReasonOf(Do(receiver, &PathStub::EndPath, request));
  }
  // The types of the events about a resource.
  std::vector<std::string> Told(const std::string& name) {
    std::vector<std::string> types;
    for (const auto& event : EventsOf(name)) types.push_back(event.type());
    return types;
  }
  std::string GivenNameBy(const std::string& token, const std::string& name) {
    const auto opened = Do(token, &Stub::DiscloseReferral,
                           Disclose(name, {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS}));
    return opened.ok() ? opened->sections(0).details().given_name() : ReasonOf(opened);
  }
  v1::RightsRequest Withdrawn(const std::string& token, const std::string& name) {
    return Must(Do(token, &Stub::RecordRightsRequest, Right(name, v1::RIGHT_KIND_WITHDRAWAL)));
  }
  std::optional<PathRecord> Stored(std::string_view path) {
    return Must(rows::FindPath(**rig.store().Snapshot(), path));
  }
  // The receiving body's work, or that of one theme, goes to another body, and all of it has moved.
  void MoveWork(std::string_view to,
                directory::v1::SuccessionKind kind = directory::v1::SUCCESSION_KIND_MERGED,
                type::v1::Theme theme = type::v1::THEME_UNSPECIFIED) {
    directory::v1::Succession succession = Merged(kReceivingBody, to);
    succession.set_kind(kind);
    if (theme != type::v1::THEME_UNSPECIFIED) succession.mutable_shares(0)->add_themes(theme);
    Succeed(succession);
  }
  // About housing, and accepted.
  std::string AcceptedForHousing() {
    v1::SubmitReferralRequest submit = NewReferral();
    submit.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
    const std::string name = Must(Do(referrer, &Stub::SubmitReferral, submit)).name();
    Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
    return name;
  }
  std::set<std::string> ChainOf(std::string_view name) {
    std::set<std::string> names;
    for (const auto& record : Must(rows::Chain(**rig.store().Snapshot(), name, kMaxReach))) {
      names.insert(record.name());
    }
    return names;
  }

  std::string fifth;
};

// --- Told once

TEST_F(PathTest, FromALanguageCourseByAnActivityAndATrainingToAJob) {
  const std::string began = Completed();
  const v1::Path path = Must(Do(receiving_caseworker, &PathStub::CreatePath, NewPath(began)));
  EXPECT_EQ(path.body(), kReceivingBody);
  EXPECT_EQ(path.referral(), began);
  ASSERT_EQ(path.steps_size(), 4);
  for (const v1::PathStep& step : path.steps()) EXPECT_EQ(step.state(), kStepPlanned);

  v1::TakeStepRequest language = Step(path.name(), 1, kThirdBody);
  language.set_offer(std::string(kLanguageOffer));
  language.mutable_receiving()->set_unit(std::string(kThirdUnit));
  const v1::TakeStepResponse taken = Must(Do(receiving_caseworker, &PathStub::TakeStep, language));
  const std::string first = taken.referral().name();
  EXPECT_EQ(taken.path().steps(0).referral(), first);
  EXPECT_EQ(taken.path().steps(0).state(), kStepUnderWay);
  EXPECT_EQ(taken.path().revision(), 2);
  EXPECT_EQ(taken.referral().state(), kRequested);
  EXPECT_EQ(taken.referral().theme(), type::v1::THEME_LANGUAGE);
  EXPECT_EQ(taken.referral().path(), path.name());
  EXPECT_EQ(taken.referral().referring().unit(), kReceivingUnit) << "the unit that has the person's case";
  EXPECT_THAT(taken.referral().hops(), IsEmpty());
  EXPECT_EQ(taken.referral().forwarded_from(), "");
  EXPECT_EQ(Record(first).origin_body(), kReceivingBody);
  AttendTheCourse(path.name(), first);
  EXPECT_EQ(StateOfStep(path.name(), 1), kStepDone);

  // The activity does not come about at the first place; at the second it does.
  const std::string refused = Take(path.name(), 2, kFourthBody);
  Must(Do(fourth, &Stub::DeclineReferral, Decline(refused)));
  EXPECT_EQ(StateOfStep(path.name(), 2), kStepNotReached);
  const std::string second = Take(path.name(), 2, kFifthBody);
  EXPECT_EQ(Seen(path.name()).steps(1).referral(), second);
  Finish(fifth, second);
  EXPECT_EQ(StateOfStep(path.name(), 2), kStepDone);

  // The training decides by something else.
  v1::TakeStepRequest training = Step(path.name(), 3, kFourthBody);
  training.mutable_screening()->set_text("speaks B1 by now");
  const std::string third_step = Take(receiver, training);
  const auto screened =
      Must(Do(fourth, &Stub::DiscloseReferral,
              Disclose(third_step, {v1::SECTION_KIND_SCREENING}, v1::PURPOSE_ASSESS_REQUEST)));
  EXPECT_EQ(screened.sections(0).screening().text(), "speaks B1 by now");
  Finish(fourth, third_step);
  EXPECT_EQ(GivenNameBy(fourth, third_step), base::Cat(kGivenName, "-1"));
  const std::string job = Take(path.name(), 4, kSixthBody);
  EXPECT_EQ(Record(job).theme(), type::v1::THEME_EMPLOYMENT);

  EXPECT_EQ(End(path.name()), "OK");
  EXPECT_EQ(Record(job).state(), kRequested) << "its referrals go on";
  EXPECT_THAT(Told(path.name()),
              ElementsAre("referral.path_created", "referral.path_step_taken", "referral.path_step_taken",
                          "referral.path_step_taken", "referral.path_step_taken", "referral.path_step_taken",
                          "referral.path_ended"));
  for (const auto& event : EventsOf(path.name())) {
    EXPECT_THAT(event.parties(), ElementsAre(kReceivingBody));
  }
  // Nobody else sees that it is one.
  for (const auto& [token, name] : std::vector<std::pair<std::string, std::string>>{
           {referrer, began}, {third, first}, {fifth, second}, {fourth, third_step}}) {
    EXPECT_EQ(Must(Get(token, name)).path(), "");
    EXPECT_EQ(Seen(token, path.name()).status().code(), absl::StatusCode::kNotFound);
  }
}

TEST_F(PathTest, AStepIsASubmissionInEverything) {
  const std::string path = Led();
  const v1::Referral sent = Must(Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody))).referral();
  const ReferralRecord record = Record(sent.name());
  EXPECT_TRUE(record.has_submit_time());
  EXPECT_EQ(record.due().clock(), v1::CLOCK_ACKNOWLEDGE);
  EXPECT_NE(record.wake(), storage::v1::WAKE_UNSPECIFIED);
  EXPECT_EQ(record.coordinating_body(), kCoordinatingBody) << "who coordinates language courses";
  EXPECT_EQ(record.persons(0).disclosure().recipient(), kThirdBody);
  EXPECT_THAT(record.persons(0).disclosure().fields(), Contains("details.given_name"));
  EXPECT_FALSE(record.persons(0).has_outcome());
  EXPECT_THAT(Told(sent.name()), ElementsAre("referral.submitted"));
  EXPECT_EQ(History(sent.name()).size(), 1u);
  EXPECT_FALSE(History(sent.name())[0].counted().empty()) << "it is in the statistics";
  // The recipient decides by the screening section alone.
  EXPECT_EQ(GivenNameBy(third, sent.name()), "NOT_YET_DISCLOSED");
  for (const auto& sections : OpenableBy(sent.name(), kThirdBody)) {
    EXPECT_FALSE(sections.has_details());
  }
  EXPECT_EQ(OpenableBy(sent.name(), kReceivingBody)[0].details().needs(), base::Cat(kNeeds, "-1"));
  EXPECT_THAT(OpenableBy(sent.name(), kReferringBody), IsEmpty()) << "it was told of none of it";
  // No byte of what was told lies anywhere in the clear.
  for (const auto& [key, value] : rig.Dump()) {
    EXPECT_THAT(value, Not(HasSubstr(std::string(kGivenName))));
    EXPECT_THAT(value, Not(HasSubstr(std::string(kNeeds))));
  }
}

TEST_F(PathTest, AlertsGoAlongOnlyWhereASafeguardingOfficerNamesThem) {
  const std::string path = Led();
  const std::string officer = rig.TokenOf(kReceivingBody, {Role::kSupervisor, Role::kSafeguardingOfficer}, {},
                                          "actors/bothxxxxxxxxxxxx");
  for (const std::string& token : {receiver, officer}) {
    const std::string plain = Take(token, Step(path, 1, kThirdBody));
    EXPECT_THAT(Record(plain).persons(0).disclosure().sections(),
                ElementsAre(v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS));
    ASSERT_EQ(OpenableBy(plain, kReceivingBody).size(), 1u);
    EXPECT_FALSE(OpenableBy(plain, kReceivingBody)[0].has_alerts());
    Must(Do(third, &Stub::DeclineReferral, Decline(plain)));
  }
  v1::TakeStepRequest request = Step(path, 2, kFourthBody);
  request.add_sections(v1::SECTION_KIND_DETAILS);
  request.add_sections(v1::SECTION_KIND_ALERTS);
  const auto refused = Do(receiver, &PathStub::TakeStep, request);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(refused), "NOT_ALLOWED");
  EXPECT_EQ(Seen(path).steps(1).state(), kStepPlanned) << "nothing is sent";
  // The last referral has none: they are taken from where the path began.
  const std::string told = Take(officer, request);
  const auto opened = OpenableBy(told, kReceivingBody);
  ASSERT_EQ(opened.size(), 1u);
  EXPECT_THAT(opened[0].alerts().alerts(), ElementsAre(base::Cat(kAlert, "-1")));
  EXPECT_EQ(opened[0].details().given_name(), base::Cat(kGivenName, "-1"));
  EXPECT_EQ(opened[0].screening().text(), base::Cat(kScreening, "-1"));
}

TEST_F(PathTest, WhatNothingGoesAlongFromMayChangeMeanwhile) {
  v1::SubmitReferralRequest submit = NewReferral();
  submit.mutable_sections(0)->clear_screening();
  const std::string began = Must(Do(referrer, &Stub::SubmitReferral, submit)).name();
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(began)));
  const std::string path = Led(began);
  const std::string first = Take(path, 1, kThirdBody);  // with details alone
  v1::TakeStepRequest alerts = Step(path, 2, kFourthBody);
  alerts.add_sections(v1::SECTION_KIND_ALERTS);
  const std::string officer = rig.TokenOf(kReceivingBody, {Role::kSupervisor, Role::kSafeguardingOfficer}, {},
                                          "actors/bothxxxxxxxxxxxx");
  const uint64_t before = rig.store().transactions();
  rig.store().BeforeNext(
      [&] { Must(Do(third, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(first))); });
  const std::string second = Take(officer, alerts);
  EXPECT_EQ(rig.store().transactions() - before, 2U) << "the other change, and the step, prepared once";
  ASSERT_EQ(OpenableBy(second, kReceivingBody).size(), 1U);
  EXPECT_THAT(OpenableBy(second, kReceivingBody)[0].alerts().alerts(), ElementsAre(base::Cat(kAlert, "-1")));
  // What does go along is looked at as it is then.
  const v1::TakeStepRequest details = Step(path, 3, kFourthBody);
  const uint64_t again = rig.store().transactions();
  rig.store().BeforeNext(
      [&] { Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(first))); });
  Take(receiver, details);
  EXPECT_EQ(rig.store().transactions() - again, 3U) << "prepared once more";
}

TEST_F(PathTest, OnlyTheSectionsThatAreNamedGoAlongAndTheStepAfterHasAllOfThemStill) {
  const std::string path = Led();
  v1::TakeStepRequest request = Step(path, 1, kThirdBody);
  request.add_sections(v1::SECTION_KIND_SCREENING);
  request.mutable_screening()->set_text("evenings only");
  const std::string scant = Take(receiver, request);
  auto opened = OpenableBy(scant, kReceivingBody);
  ASSERT_EQ(opened.size(), 1u);
  EXPECT_FALSE(opened[0].has_details());
  EXPECT_EQ(opened[0].screening().text(), "evenings only");
  const std::string whole = Take(path, 2, kFourthBody);
  opened = OpenableBy(whole, kReceivingBody);
  ASSERT_EQ(opened.size(), 1u);
  EXPECT_EQ(opened[0].details().given_name(), base::Cat(kGivenName, "-1"));
  EXPECT_EQ(opened[0].screening().text(), "evenings only") << "of the last one that has it";
}

TEST_F(PathTest, ThePersonIsFoundAgainByTheLeadingBody) {
  v1::SubmitReferralRequest submit = NewReferral();
  v1::PersonDetails& details = *submit.mutable_sections(0)->mutable_details();
  details.set_family_name("Koval");
  details.set_birth_date("1990-03-04");
  const std::string began = Must(Do(referrer, &Stub::SubmitReferral, submit)).name();
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(began)));
  const std::string step = Take(Led(began), 1, kThirdBody);
  v1::CheckDuplicatesRequest check;
  check.add_persons()->set_given_name(details.given_name());
  check.mutable_persons(0)->set_family_name("Koval");
  check.mutable_persons(0)->set_birth_date("1990-03-04");
  const auto found = Must(Do(receiver, &IntakeStub::CheckDuplicates, check));
  ASSERT_EQ(found.matches_size(), 1);
  EXPECT_EQ(found.matches(0).referral().name(), step);
}

TEST_F(PathTest, OneOfAFamilyGoesAlongAloneUnderHerNumber) {
  const std::string began = Completed(3);
  v1::CreatePathRequest request = NewPath(began);
  request.set_person(2);
  const std::string path = Must(Do(receiver, &PathStub::CreatePath, request)).name();
  const std::string step = Take(path, 1, kThirdBody);
  ASSERT_EQ(Record(step).persons_size(), 1);
  EXPECT_EQ(Record(step).persons(0).number(), 2u);
  const auto opened = OpenableBy(step, kReceivingBody);
  ASSERT_EQ(opened.size(), 1u);
  EXPECT_EQ(opened[0].details().given_name(), base::Cat(kGivenName, "-2"));
  // Each of them may be on one.
  request.set_person(1);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, request)), "OK");
  const auto again = Do(receiver, &PathStub::CreatePath, request);
  EXPECT_EQ(ReasonOf(again), "PATH_OPEN");
  EXPECT_NE(error::MetadataOf(again.status(), "path"), "");
  // Nor from a step of it; and another body may lead one of its own.
  request = NewPath(step);
  request.set_person(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, request)), "PATH_OPEN");
  request.set_referral(began);
  EXPECT_EQ(ReasonOf(Do(referrer, &PathStub::CreatePath, request)), "OK");
  EXPECT_EQ(End(path), "OK");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, request)), "OK") << "the other one has ended";
}

TEST_F(PathTest, AForwardedStepIsWhereTheCaseWent) {
  const std::string path = Led();
  const std::string step = Take(path, 1, kThirdBody);
  auto propose = On<v1::ProposeForwardRequest>(step);
  propose.set_body(std::string(kFourthBody));
  Must(Do(third, &Stub::ProposeForward, propose));
  const std::string next =
      Must(Do(receiver, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(step, kFourthBody)))
          .forwarded_to();
  EXPECT_EQ(StateOfStep(path, 1), kStepUnderWay);
  Finish(fourth, next);
  EXPECT_EQ(StateOfStep(path, 1), kStepDone);
  EXPECT_EQ(Seen(path).steps(0).referral(), step);
}

TEST_F(PathTest, OnePathIsOpenAlsoWhereTheCaseWentOn) {
  const std::string began = Requested();
  const std::string path = Must(Do(referrer, &PathStub::CreatePath, NewPath(began))).name();
  auto propose = On<v1::ProposeForwardRequest>(began);
  propose.set_body(std::string(kThirdBody));
  Must(Do(receiver, &Stub::ProposeForward, propose));
  const std::string next =
      Must(Do(referrer, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(began, kThirdBody)))
          .forwarded_to();
  const auto again = Do(referrer, &PathStub::CreatePath, NewPath(next));
  EXPECT_EQ(ReasonOf(again), "PATH_OPEN");
  EXPECT_EQ(error::MetadataOf(again.status(), "path"), path);
  // Nor from a step that was forwarded.
  const std::string step = Take(referrer, Step(path, 1, kFourthBody));
  propose = On<v1::ProposeForwardRequest>(step);
  propose.set_body(std::string(kFifthBody));
  Must(Do(fourth, &Stub::ProposeForward, propose));
  const std::string further =
      Must(Do(referrer, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(step, kFifthBody)))
          .forwarded_to();
  EXPECT_EQ(ReasonOf(Do(referrer, &PathStub::CreatePath, NewPath(further))), "PATH_OPEN");
  // Another body leads one of its own; and so does this one once that has ended.
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(next)));
  EXPECT_EQ(ReasonOf(Do(third, &PathStub::CreatePath, NewPath(next))), "OK");
  auto end = On<v1::EndPathRequest>(path);
  end.set_reason(v1::PATH_END_REASON_GOAL_REACHED);
  Must(Do(referrer, &PathStub::EndPath, end));
  EXPECT_EQ(ReasonOf(Do(referrer, &PathStub::CreatePath, NewPath(next))), "OK");
}

// --- What is refused

TEST_F(PathTest, ItBeginsOnlyFromWhatTheBodyMayOpen) {
  const std::string requested = Requested();
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, NewPath(requested))), "NOT_YET_DISCLOSED");
  EXPECT_EQ(ReasonOf(Do(referrer, &PathStub::CreatePath, NewPath(requested))), "OK");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, NewPath(Declined()))), "ACCESS_ENDED");
  const std::string draft = Must(Do(referrer, &Stub::CreateReferral, NewDraft())).name();
  EXPECT_EQ(ReasonOf(Do(referrer, &PathStub::CreatePath, NewPath(draft))), "INVALID_FIELD");
  EXPECT_EQ(Do(third, &PathStub::CreatePath, NewPath(requested)).status().code(),
            absl::StatusCode::kNotFound);
  const std::string completed = Completed();
  v1::CreatePathRequest nobody = NewPath(completed);
  nobody.set_person(7);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, nobody)), "INVALID_FIELD");
  v1::CreatePathRequest offer = NewPath(completed);
  offer.mutable_steps(2)->set_offer("offers/nowhere");
  const auto refused = Do(receiver, &PathStub::CreatePath, offer);
  EXPECT_THAT(error::ViolationsOf(refused.status()), ElementsAre(HasSubstr("steps[2].offer")));
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(completed)));
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, NewPath(completed))), "SHARE_ERASED");
}

TEST_F(PathTest, AStepIsLawfulCompleteAndToABodyThatTakesIt) {
  const std::string path = Led();
  const auto reason = [&](const v1::TakeStepRequest& request) {
    return ReasonOf(Do(receiver, &PathStub::TakeStep, request));
  };
  v1::TakeStepRequest request = Step(path, 1, kThirdBody);
  request.mutable_disclosure()->clear_referring_basis();
  const auto incomplete = Do(receiver, &PathStub::TakeStep, request);
  EXPECT_EQ(ReasonOf(incomplete), "REFERRAL_INCOMPLETE");
  EXPECT_THAT(error::ViolationsOf(incomplete.status()), Contains(HasSubstr("disclosure.referring_basis")));
  EXPECT_THAT(error::ViolationsOf(incomplete.status()), Not(Contains(HasSubstr("persons[0]"))));
  request = Step(path, 1, kThirdBody);
  request.set_priority(v1::PRIORITY_EMERGENCY);
  EXPECT_EQ(reason(request), "REFERRAL_INCOMPLETE") << "nobody was telephoned";
  EXPECT_EQ(reason(Step(path, 1, kSuspendedBody)), "BODY_NOT_ACTIVE");
  EXPECT_EQ(reason(Step(path, 1, kEnforcementBody)), "INVALID_FIELD");
  EXPECT_EQ(reason(Step(path, 1, kReceivingBody)), "INVALID_FIELD") << "to oneself";
  EXPECT_EQ(reason(Step(path, 9, kThirdBody)), "INVALID_FIELD");
  request = Step(path, 1, kThirdBody);
  request.set_offer(std::string(kOffer));
  EXPECT_EQ(reason(request), "INVALID_FIELD") << "an offer of another body";
  request.set_offer(std::string(kThirdOffer));
  SetOffer(kThirdOffer, kThirdBody, directory::v1::OFFER_STATUS_INACTIVE);
  EXPECT_EQ(reason(request), "OFFER_NOT_ACTIVE");
  SetProgramme("programmes/estia", "2026-04-30");
  SetOfferOf("programmes/estia", "offers/getafe-estia", kThirdBody);
  request.set_offer("offers/getafe-estia");
  EXPECT_EQ(reason(request), "PROGRAMME_ENDED");
  SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE, false, /*approval_required=*/true);
  EXPECT_EQ(reason(request), "PROGRAMME_ENDED") << "not even as a draft";
  EXPECT_EQ(Seen(path).revision(), 1);
  SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
  EXPECT_EQ(reason(Step(path, 1, kThirdBody)), "OK");
  const auto twice = Do(receiver, &PathStub::TakeStep, Step(path, 1, kFourthBody));
  EXPECT_EQ(ReasonOf(twice), "INVALID_TRANSITION");
  EXPECT_EQ(error::MetadataOf(twice.status(), "state"), "UNDER_WAY");
}

TEST_F(PathTest, StepsToComeArePlannedAnew) {
  const std::string path = Led();
  Take(path, 1, kThirdBody);
  auto update = On<v1::UpdatePathRequest>(path);
  update.add_steps()->set_number(1);
  update.add_steps()->set_number(3);
  update.mutable_steps(1)->set_state(kStepSkipped);
  update.add_steps()->set_theme(type::v1::THEME_RECOGNITION_OF_QUALIFICATIONS);
  update.mutable_steps(2)->set_offer(std::string(kThirdOffer));
  const v1::Path planned = Must(Do(receiver, &PathStub::UpdatePath, update));
  ASSERT_EQ(planned.steps_size(), 3);
  EXPECT_EQ(planned.steps(0).state(), kStepUnderWay);
  EXPECT_EQ(planned.steps(1).state(), kStepSkipped);
  EXPECT_EQ(planned.steps(2).number(), 5u);
  EXPECT_EQ(Do(receiver, &PathStub::TakeStep, Step(path, 3, kThirdBody)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Record(Take(path, 5, kThirdBody)).offer(), kThirdOffer) << "as planned";
  EXPECT_EQ(planned.steps(1).theme(), type::v1::THEME_VOCATIONAL_TRAINING) << "left out, and as it was";
  auto again = On<v1::UpdatePathRequest>(path);
  for (const uint32_t number : {1u, 3u, 5u}) again.add_steps()->set_number(number);
  const v1::Path named = Must(Do(receiver, &PathStub::UpdatePath, again));
  EXPECT_EQ(named.steps(1).state(), kStepPlanned);
  EXPECT_EQ(named.steps(1).theme(), type::v1::THEME_VOCATIONAL_TRAINING) << "named by its number alone";
  // What is read can be sent back.
  auto same = On<v1::UpdatePathRequest>(path);
  *same.mutable_steps() = Seen(path).steps();
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::UpdatePath, same)), "OK");
  same.mutable_steps()->DeleteSubrange(0, 1);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::UpdatePath, same)), "INVALID_FIELD") << "it was taken";
}

TEST_F(PathTest, WhatHasEndedIsOver) {
  const std::string path = Led();
  EXPECT_EQ(End(path, v1::PATH_END_REASON_PERSON_STOPPED), "OK");
  EXPECT_EQ(Seen(path).end_reason(), v1::PATH_END_REASON_PERSON_STOPPED);
  EXPECT_EQ(End(path), "INVALID_TRANSITION");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody))), "INVALID_TRANSITION");
  auto update = On<v1::UpdatePathRequest>(path);
  update.add_steps()->set_number(1);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::UpdatePath, update)), "INVALID_TRANSITION");
}

// --- A second person approves it first

// The leading body has all its referrals approved; its caseworker takes the steps.
class PathApprovalTest : public PathTest {
 protected:
  // Once `path` is made: what leads to it is sent without.
  void HaveApproved() {
    SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE, /*enforcement=*/false,
            /*approval_required=*/true);
  }
  // The draft of a step.
  std::string Draft(std::string_view path, uint32_t step = 1, std::string_view body = kThirdBody,
                    const v1::Disclosure& disclosure = CompleteDisclosure()) {
    const auto taken =
        Must(Do(receiving_caseworker, &PathStub::TakeStep, Step(path, step, body, disclosure)));
    EXPECT_EQ(taken.referral().state(), kDraft);
    return taken.referral().name();
  }
  std::string Approve(const std::string& token, const std::string& draft) {
    return ReasonOf(Do(token, &Stub::ApproveReferral, On<v1::ApproveReferralRequest>(draft)));
  }
  std::string Submit(const std::string& token, const std::string& draft) {
    return ReasonOf(Do(token, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft)));
  }
  std::string Cancel(const std::string& token, const std::string& draft) {
    auto cancel = On<v1::CancelReferralRequest>(draft);
    cancel.set_reason(v1::CANCEL_REASON_ENTERED_IN_ERROR);
    return ReasonOf(Do(token, &Stub::CancelReferral, cancel));
  }
};

TEST_F(PathApprovalTest, AStepIsTakenOnceASecondPersonApprovesAndItIsSubmitted) {
  const std::string path = Led();
  HaveApproved();
  const auto taken = Must(Do(receiving_caseworker, &PathStub::TakeStep, Step(path, 1, kThirdBody)));
  const std::string draft = taken.referral().name();
  EXPECT_EQ(taken.referral().state(), kDraft);
  EXPECT_EQ(taken.referral().path(), path);
  EXPECT_THAT(taken.referral().allowed_actions(), Not(Contains("UPDATE")));
  EXPECT_THAT(taken.referral().allowed_actions(), Contains("CANCEL"));
  EXPECT_EQ(taken.path().steps(0).state(), kStepToBeApproved);
  EXPECT_EQ(taken.path().steps(0).draft(), draft);
  EXPECT_EQ(taken.path().steps(0).referral(), "");
  EXPECT_EQ(Get(third, draft).status().code(), absl::StatusCode::kNotFound) << "nothing is disclosed";
  EXPECT_THAT(Wraps(draft, kThirdBody), IsEmpty());
  EXPECT_FALSE(Record(draft).has_due()) << "no clock runs";
  EXPECT_EQ(OpenableBy(draft, kReceivingBody)[0].details().given_name(), base::Cat(kGivenName, "-1"))
      << "who approves it reads what is sent";

  EXPECT_EQ(Submit(receiving_caseworker, draft), "APPROVAL_MISSING");
  EXPECT_EQ(StateOfStep(path, 1), kStepToBeApproved);
  EXPECT_EQ(Approve(receiver, draft), "OK");
  EXPECT_EQ(StateOfStep(path, 1), kStepToBeApproved) << "approving does not send it";
  EXPECT_EQ(Submit(receiving_caseworker, draft), "OK");
  EXPECT_EQ(StateOfStep(path, 1), kStepUnderWay);
  EXPECT_EQ(Seen(path).steps(0).referral(), draft);
  EXPECT_EQ(Seen(path).steps(0).draft(), "");
  EXPECT_EQ(Record(draft).due().clock(), v1::CLOCK_ACKNOWLEDGE);
  EXPECT_EQ(Record(draft).persons(0).disclosure().recipient(), kThirdBody);
  EXPECT_EQ(GivenNameBy(third, draft), "NOT_YET_DISCLOSED");
  EXPECT_EQ(Must(Get(third, draft)).path(), "");
  EXPECT_THAT(Told(path),
              ElementsAre("referral.path_created", "referral.path_step_drafted", "referral.path_step_taken"));
  Finish(third, draft);
  EXPECT_EQ(StateOfStep(path, 1), kStepDone);
}

TEST_F(PathApprovalTest, ASupervisorDoesNotApproveWhatSheTookHerself) {
  const std::string path = Led();
  HaveApproved();
  const std::string draft = Take(path, 1, kThirdBody);
  EXPECT_EQ(Approve(receiver, draft), "SECOND_PERSON_REQUIRED");
  EXPECT_EQ(Submit(receiver, draft), "APPROVAL_MISSING");
  EXPECT_EQ(Approve(receiving_caseworker, draft), "NOT_ALLOWED");
  const std::string second = rig.TokenOf(kReceivingBody, {Role::kSupervisor}, {}, "actors/secondxxxxxxxxxx");
  EXPECT_EQ(Approve(second, draft), "OK");
  EXPECT_EQ(Submit(receiver, draft), "OK");
}

TEST_F(PathApprovalTest, AStepAgainstThePersonsWishIsApprovedToo) {
  v1::SubmitReferralRequest submit = NewReferral();
  const std::string began = Must(Do(referrer, &Stub::SubmitReferral, submit)).name();
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(began)));
  const std::string path = Led(began);
  // She did not agree: it was sent for a named ground, and so is each step.
  ASSERT_TRUE(store::TransactAndWait(rig.store(), [&](store::Writer& writer) -> absl::Status {
                ReferralRecord record = Must(rows::Get(writer, began));
                record.mutable_persons(0)->set_agreement(v1::AGREEMENT_REFUSED);
                rows::PutRecordAlone(writer, record);
                return absl::OkStatus();
              }).ok());
  v1::Disclosure against = CompleteDisclosure();
  EXPECT_EQ(ReasonOf(Do(receiving_caseworker, &PathStub::TakeStep, Step(path, 1, kThirdBody, against))),
            "REFERRAL_INCOMPLETE");
  against.set_override_ground(v1::OVERRIDE_GROUND_VITAL_INTERESTS);
  const std::string draft = Draft(path, 1, kThirdBody, against);
  EXPECT_EQ(Submit(receiving_caseworker, draft), "APPROVAL_MISSING");
  EXPECT_EQ(Approve(receiver, draft), "OK");
  EXPECT_EQ(Submit(receiving_caseworker, draft), "OK");
  EXPECT_EQ(StateOfStep(path, 1), kStepUnderWay);
}

TEST_F(PathApprovalTest, WhatIsCancelledGivesTheStepBack) {
  const std::string path = Led();
  const std::string declined = Take(path, 2, kFourthBody);
  Must(Do(fourth, &Stub::DeclineReferral, Decline(declined)));
  HaveApproved();
  const std::string first = Draft(path, 1);
  const std::string again = Draft(path, 2);
  EXPECT_EQ(Seen(path).steps(1).state(), kStepToBeApproved);
  EXPECT_EQ(Seen(path).steps(1).referral(), declined) << "by which it was taken last";
  EXPECT_EQ(Cancel(receiver, first), "OK") << "a supervisor who does not approve it";
  EXPECT_EQ(Cancel(receiving_caseworker, again), "OK");
  EXPECT_EQ(StateOfStep(path, 1), kStepPlanned);
  EXPECT_EQ(StateOfStep(path, 2), kStepNotReached) << "as it was";
  EXPECT_EQ(Submit(receiving_caseworker, first), "INVALID_TRANSITION");
  EXPECT_THAT(Told(path), Contains("referral.path_step_given_back"));
  const std::string anew = Draft(path, 1, kFifthBody);
  EXPECT_EQ(Approve(receiver, anew), "OK");
  EXPECT_EQ(Submit(receiving_caseworker, anew), "OK");
  EXPECT_EQ(Seen(path).steps(0).referral(), anew);
}

TEST_F(PathApprovalTest, ItIsSentAsItIsOrNotAtAll) {
  const std::string path = Led();
  HaveApproved();
  const std::string draft = Draft(path);
  v1::UpdateReferralRequest update;
  update.mutable_referral()->set_name(draft);
  update.mutable_referral()->set_priority(v1::PRIORITY_URGENT);
  update.mutable_update_mask()->add_paths("priority");
  const auto refused = Do(receiving_caseworker, &Stub::UpdateReferral, update);
  EXPECT_EQ(ReasonOf(refused), "DRAFT_OF_A_STEP");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("take the step anew"));
  // Nor is the step left out, or forgotten.
  auto plan = On<v1::UpdatePathRequest>(path);
  plan.add_steps()->set_number(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::UpdatePath, plan)), "INVALID_FIELD");
  plan.add_steps()->set_number(1);
  plan.mutable_steps()->SwapElements(0, 1);
  plan.mutable_steps(0)->set_state(kStepSkipped);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::UpdatePath, plan)), "INVALID_TRANSITION");
  plan.mutable_steps(0)->clear_state();
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::UpdatePath, plan)), "OK");
  EXPECT_EQ(Seen(path).steps(0).draft(), draft);
}

TEST_F(PathApprovalTest, WhoTakesItTooIsToldWhichDraftThereIsIfSheMayReadIt) {
  const std::string path = Led();
  auto assign = On<v1::AssignReferralRequest>(Take(path, 2, kFourthBody));
  assign.set_unit(std::string(kOtherReceivingUnit));
  assign.set_assignee("actors/assignedxxxxxxxx");
  Must(Do(receiver, &Stub::AssignReferral, assign));
  HaveApproved();
  const std::string draft = Draft(path);
  const auto refused = Do(receiver, &PathStub::TakeStep, Step(path, 1, kFourthBody));
  EXPECT_EQ(ReasonOf(refused), "STEP_TO_BE_APPROVED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "draft"), draft);
  EXPECT_EQ(error::MetadataOf(refused.status(), "resource"), path);
  // She has another step alone.
  const std::string assigned =
      rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {}, "actors/assignedxxxxxxxx");
  const auto unnamed = Do(assigned, &PathStub::TakeStep, Step(path, 1, kFourthBody));
  EXPECT_EQ(ReasonOf(unnamed), "STEP_TO_BE_APPROVED");
  EXPECT_EQ(error::MetadataOf(unnamed.status(), "draft"), "");
  EXPECT_THAT(std::string(unnamed.status().message()), Not(HasSubstr("referrals/")));
  EXPECT_EQ(Must(Seen(assigned, path)).steps(0).draft(), "");
  EXPECT_EQ(Must(Seen(assigned, path)).steps(0).state(), kStepToBeApproved);
}

TEST_F(PathApprovalTest, RepeatedItIsAnsweredWithTheSameDraft) {
  const std::string path = Led();
  HaveApproved();
  v1::TakeStepRequest take = Step(path, 1, kThirdBody);
  take.set_request_id("6f0d1c1e-6f1c-4f0e-9a55-0d8f2f4d7b01");
  const auto first = Must(Do(receiving_caseworker, &PathStub::TakeStep, take));
  const auto again = Must(Do(receiving_caseworker, &PathStub::TakeStep, take));
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
}

// Whether approval is needed is asked when it is taken, in the transaction.
TEST_F(PathApprovalTest, ABodyThatBeginsToApproveMeanwhileHasADraft) {
  const std::string path = Led();
  rig.store().BeforeNext([&] { HaveApproved(); });
  const auto taken = Must(Do(receiving_caseworker, &PathStub::TakeStep, Step(path, 1, kThirdBody)));
  EXPECT_EQ(taken.referral().state(), kDraft);
  EXPECT_THAT(Wraps(taken.referral().name(), kThirdBody), IsEmpty());
}

TEST_F(PathApprovalTest, WhatChangedSinceMakesItOutOfDate) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  HaveApproved();
  const std::string draft = Draft(path);
  EXPECT_EQ(Approve(receiver, draft), "OK");
  const std::string request =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_RECTIFICATION))).name();
  ASSERT_EQ(Record(draft).right_marks_size(), 1) << "it reaches the draft";
  EXPECT_EQ(Submit(receiving_caseworker, draft), "RECTIFICATION_PENDING");
  auto right = Receipt(request, began, v1::RIGHT_ANSWER_RECTIFIED);
  right.mutable_corrected()->set_person(1);
  right.mutable_corrected()->mutable_details()->set_given_name("Olha-as-it-is-written");
  Must(Do(receiver, &Stub::AnswerRightsRequest, right));
  auto refuse = Receipt(request, draft, v1::RIGHT_ANSWER_REFUSED);
  refuse.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
  Must(Do(receiver, &Stub::AnswerRightsRequest, refuse));
  EXPECT_EQ(Submit(receiving_caseworker, draft), "STEP_OUTDATED");
  EXPECT_EQ(Approve(receiver, draft), "STEP_OUTDATED") << "nor is it approved";
  EXPECT_EQ(Cancel(receiving_caseworker, draft), "OK");
  const std::string anew = Draft(path);
  EXPECT_EQ(Approve(receiver, anew), "OK");
  EXPECT_EQ(Submit(receiving_caseworker, anew), "OK");
  EXPECT_EQ(OpenableBy(anew, kReceivingBody)[0].details().given_name(), "Olha-as-it-is-written");
}

TEST_F(PathApprovalTest, AnotherStepMeanwhileDoesNotMatterButAnErasureDoes) {
  const std::string began = Completed();
  const std::string path = Led(began);
  HaveApproved();
  const std::string draft = Draft(path);
  const std::string other = Draft(path, 2, kFourthBody);
  for (const std::string& name : {draft, other}) EXPECT_EQ(Approve(receiver, name), "OK");
  EXPECT_EQ(Submit(receiving_caseworker, other), "OK");
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(began)));
  EXPECT_EQ(Submit(receiving_caseworker, draft), "STEP_OUTDATED");
  EXPECT_FALSE(Seen(path).has_end_time()) << "the other step has it still";
}

TEST_F(PathApprovalTest, WhereNothingIsLeftButADraftThePathEndsAndItIsNotSent) {
  const std::string began = Completed();
  const std::string path = Led(began);
  HaveApproved();
  const std::string draft = Draft(path);
  EXPECT_EQ(Approve(receiver, draft), "OK");
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(began)));
  EXPECT_EQ(Seen(path).end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(Submit(receiving_caseworker, draft), "INVALID_TRANSITION");
  EXPECT_EQ(Cancel(receiving_caseworker, draft), "OK");
}

TEST_F(PathApprovalTest, AWithdrawalInBetweenEndsTheDraftOrStopsIt) {
  for (const bool consent : {true, false}) {
    SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
    const std::string began = Completed();
    const std::string path = Led(began);
    HaveApproved();
    const std::string draft = Draft(path, 1, kThirdBody, consent ? Consent() : CompleteDisclosure());
    EXPECT_EQ(Approve(receiver, draft), "OK");
    const v1::RightsRequest request = Withdrawn(referrer, began);
    EXPECT_EQ(request.holder_count(), 3) << "two sides, and the one that has the draft";
    EXPECT_EQ(Record(draft).right_marks_size(), 1);
    EXPECT_EQ(Record(draft).state(), consent ? kCancelled : kDraft);
    EXPECT_EQ(Seen(path).end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
    EXPECT_EQ(Seen(path).steps(0).state(), kStepPlanned);
    EXPECT_EQ(Submit(receiving_caseworker, draft), consent ? "INVALID_TRANSITION" : "DISCLOSURE_STOPPED");
    EXPECT_EQ(Get(third, draft).status().code(), absl::StatusCode::kNotFound);
  }
}

TEST_F(PathApprovalTest, WhatWasMisdirectedIsGoneFromADraftToo) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  HaveApproved();
  const std::string draft = Draft(path);
  auto report = On<v1::ReportMisdirectedRequest>(began);
  report.set_text("to the wrong body");
  Must(Do(referrer, &Stub::ReportMisdirected, report));
  EXPECT_EQ(Record(draft).state(), kCancelled);
  EXPECT_THAT(Sections(draft), IsEmpty());
  EXPECT_THAT(Wraps(draft), IsEmpty());
  EXPECT_FALSE(Stored(path).has_value());
}

TEST_F(PathApprovalTest, EndingThePathCancelsItsDrafts) {
  const std::string path = Led();
  const std::string sent = Take(path, 2, kFourthBody);
  HaveApproved();
  const std::string draft = Draft(path);
  EXPECT_EQ(End(path, v1::PATH_END_REASON_MOVED_AWAY), "OK");
  EXPECT_EQ(Record(draft).state(), kCancelled);
  EXPECT_EQ(Record(draft).cancel_reason(), v1::CANCEL_REASON_MOVED_AWAY);
  EXPECT_EQ(Record(sent).state(), kRequested);
  EXPECT_EQ(StateOfStep(path, 1), kStepPlanned);
  EXPECT_THAT(Told(path), Not(Contains("referral.path_step_given_back"))) << "its end says so";
}

TEST_F(PathApprovalTest, ADraftIsNotProtectedAndWhatTheOtherSideProtectsEndsIt) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  HaveApproved();
  const std::string draft = Draft(path);
  EXPECT_EQ(Approve(receiver, draft), "OK");
  auto assign = On<v1::AssignReferralRequest>(draft);
  assign.set_protection(v1::PROTECTION_GROUND_SHELTER);
  EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AssignReferral, assign)), "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(StateOfStep(path, 1), kStepToBeApproved);
  auto protect = On<v1::AssignReferralRequest>(began);
  protect.set_protection(v1::PROTECTION_GROUND_SHELTER);
  Must(Do(referrer, &Stub::AssignReferral, protect));
  EXPECT_EQ(Stored(path)->end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(Submit(receiving_caseworker, draft), "INVALID_TRANSITION");
  EXPECT_EQ(Record(draft).state(), kDraft);
}

TEST_F(PathApprovalTest, ADraftMovesWithThePath) {
  const std::string path = Led();
  HaveApproved();
  const std::string draft = Draft(path);
  MoveWork(kFourthBody);
  EXPECT_EQ(Record(draft).referring().body(), kFourthBody);
  const v1::Path moved = Must(Seen(fourth, path));
  EXPECT_EQ(moved.steps(0).state(), kStepToBeApproved);
  EXPECT_EQ(moved.steps(0).draft(), draft);
  EXPECT_EQ(Approve(fourth, draft), "OK");
  EXPECT_EQ(Submit(fourth, draft), "OK");
  EXPECT_EQ(Must(Seen(fourth, path)).steps(0).state(), kStepUnderWay);
}

TEST_F(PathApprovalTest, WhereThePathStaysTheStepIsFreeAndTheDraftIsTheSuccessors) {
  const std::string path = Led(AcceptedForHousing());
  HaveApproved();
  const std::string draft = Draft(path);
  MoveWork(kFourthBody, directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED, type::v1::THEME_LANGUAGE);
  ASSERT_EQ(Record(draft).referring().body(), kFourthBody);
  EXPECT_EQ(Record(draft).path(), "");
  EXPECT_EQ(StateOfStep(path, 1), kStepPlanned);
  EXPECT_EQ(Submit(fourth, draft), "OK") << "that body has nothing approved";
  EXPECT_EQ(StateOfStep(path, 1), kStepPlanned) << "it is no step of it";
}

TEST_F(PathApprovalTest, OfTwoWhoTakeAStepOneHasTheDraft) {
  for (const RaceOrder order : {RaceOrder::kOneFirst, RaceOrder::kOtherFirst, RaceOrder::kAtOnce}) {
    SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
    const std::string path = Led();
    HaveApproved();
    std::string one;
    std::string other;
    RunBoth(
        order, [&] { one = ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody))); },
        [&] { other = ReasonOf(Do(receiving_caseworker, &PathStub::TakeStep, Step(path, 1, kFourthBody))); });
    std::vector<std::string> reasons = {one, other};
    std::sort(reasons.begin(), reasons.end());
    EXPECT_THAT(reasons, ElementsAre("OK", "STEP_TO_BE_APPROVED"));
    EXPECT_EQ(Must(rows::LinksOfPath(**rig.store().Snapshot(), path)).size(), 2u);
    EXPECT_EQ(Record(Seen(path).steps(0).draft()).receiving().body(), one == "OK" ? kThirdBody : kFourthBody);
  }
}

TEST_F(PathApprovalTest, OfACancellationAndAnApprovalThatRaceTheStepIsGivenBackOnceAndNeverSent) {
  for (const RaceOrder order : {RaceOrder::kOneFirst, RaceOrder::kOtherFirst, RaceOrder::kAtOnce}) {
    SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
    const std::string path = Led();
    HaveApproved();
    const std::string draft = Draft(path);
    RunBoth(
        order, [&] { Approve(receiver, draft); },
        [&] { EXPECT_EQ(Cancel(receiving_caseworker, draft), "OK"); });
    EXPECT_EQ(Record(draft).state(), kCancelled);
    EXPECT_EQ(StateOfStep(path, 1), kStepPlanned);
    EXPECT_EQ(Submit(receiving_caseworker, draft), "INVALID_TRANSITION");
    const std::vector<std::string> told = Told(path);
    EXPECT_EQ(std::count(told.begin(), told.end(), "referral.path_step_given_back"), 1);
  }
}

TEST_F(PathApprovalTest, OfACancellationAndASubmissionThatRaceTheStepAndItsReferralAgree) {
  for (const RaceOrder order : {RaceOrder::kOneFirst, RaceOrder::kOtherFirst, RaceOrder::kAtOnce}) {
    SetBody(kReceivingBody, directory::v1::BODY_STATUS_ACTIVE);
    const std::string path = Led();
    HaveApproved();
    const std::string draft = Draft(path);
    EXPECT_EQ(Approve(receiver, draft), "OK");
    std::string sent;
    RunBoth(
        order, [&] { sent = Submit(receiving_caseworker, draft); },
        [&] { EXPECT_EQ(Cancel(receiver, draft), "OK") << "sent or not"; });
    EXPECT_EQ(Record(draft).state(), kCancelled);
    EXPECT_EQ(Record(draft).has_submit_time(), sent == "OK");
    EXPECT_EQ(StateOfStep(path, 1), sent == "OK" ? kStepNotReached : kStepPlanned);
    EXPECT_EQ(Seen(path).steps(0).draft(), "");
  }
}

// --- Rights travel along

TEST_F(PathTest, AWithdrawalAtOneStepReachesTheOthersAndWhereItBegan) {
  v1::SubmitReferralRequest submit = NewReferral();
  *submit.mutable_referral()->mutable_persons(0)->mutable_disclosure() = Consent();
  const std::string began = Must(Do(referrer, &Stub::SubmitReferral, submit)).name();
  Must(Do(receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(began)));
  const std::string path = Led(began);
  const std::string first = Take(path, 1, kThirdBody, Consent());
  const std::string second = Take(path, 2, kFourthBody, Consent());
  const std::string third_step = Take(path, 3, kFifthBody, Consent());
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(first)));
  Must(Do(fourth, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second)));

  const v1::RightsRequest request = Withdrawn(fourth, second);
  EXPECT_EQ(request.holder_count(), 8) << "two sides of four referrals";
  for (const std::string& name : {began, first, second, third_step}) {
    ASSERT_EQ(Record(name).right_marks_size(), 1) << name;
    EXPECT_EQ(Record(name).right_marks(0).request(), request.name());
    EXPECT_EQ(Record(name).state(), kCancelled) << name << ": it rested on consent";
    EXPECT_EQ(Record(name).cancel_reason(), v1::CANCEL_REASON_PERSON_WITHDREW);
  }
  EXPECT_EQ(GivenNameBy(third, first), "ACCESS_ENDED");
  const v1::Path ended = Seen(path);
  EXPECT_EQ(ended.end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(ended.steps(3).state(), kStepPlanned) << "and is not taken";
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 4, kSixthBody, Consent()))),
            "INVALID_TRANSITION");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, NewPath(began))), "ACCESS_ENDED");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, NewPath(first))), "DISCLOSURE_STOPPED");

  // Each sees the sides of its own referrals: the path is the leading body's.
  const auto shown_to = [&](const std::string& token) {
    std::set<std::string> bodies;
    const auto shown =
        Must(Do(token, &Stub::GetRightsRequest, On<v1::GetRightsRequestRequest>(request.name())));
    for (const auto& holder : shown.holders()) bodies.insert(holder.body());
    return bodies;
  };
  EXPECT_THAT(shown_to(fourth), UnorderedElementsAre(kFourthBody, kReceivingBody));
  EXPECT_THAT(shown_to(third), UnorderedElementsAre(kThirdBody, kReceivingBody));
  EXPECT_THAT(shown_to(referrer), UnorderedElementsAre(kReferringBody, kReceivingBody))
      << "where she was referred first does not learn of the steps";
  EXPECT_EQ(shown_to(receiver).size(), 5u);
  v1::ListRightsRequestsRequest owed;
  for (const std::string& token : {referrer, receiver, third, fourth, fifth}) {
    EXPECT_THAT(Must(Do(token, &Stub::ListRightsRequests, owed)).tasks(), Not(IsEmpty()));
  }
}

TEST_F(PathTest, AWithdrawalWhereItBeganReachesEveryStepAndWhatAStepWasPassedOnBy) {
  const std::string began = Completed();
  const std::string path = Led(began);
  const std::string first = Take(path, 1, kThirdBody);
  const std::string second = Take(path, 2, kFourthBody);
  Must(Do(fourth, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(second)));
  const std::string handed =
      Must(Do(fourth, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(second, kFifthBody)))
          .forwarded_to();
  // The recipient of a step leads a path of its own from it.
  auto own = NewPath(second);
  const std::string further = Must(Do(fourth, &PathStub::CreatePath, own)).name();
  const std::string beyond = Take(fourth, Step(further, 1, kSixthBody));
  Withdrawn(referrer, began);
  for (const std::string& name : {began, first, second, handed, beyond}) {
    EXPECT_EQ(Record(name).right_marks_size(), 1) << name;
  }
  EXPECT_EQ(Record(first).state(), kRequested) << "it did not rest on consent: marked, and goes on";
  EXPECT_EQ(Seen(path).end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(Must(Seen(fourth, further)).end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
}

TEST_F(PathTest, ARightOfOneOfAFamilyDoesNotReachTheStepsOfAnother) {
  const std::string began = Completed(2);
  auto of_second = NewPath(began);
  of_second.set_person(2);
  const std::string path = Must(Do(receiver, &PathStub::CreatePath, of_second)).name();
  const std::string step = Take(path, 1, kThirdBody);
  Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_WITHDRAWAL, 1)));
  EXPECT_EQ(Record(step).right_marks_size(), 0);
  EXPECT_FALSE(Seen(path).has_end_time());
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFourthBody))), "OK");
  Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_WITHDRAWAL, 2)));
  EXPECT_EQ(Record(step).right_marks_size(), 1);
  EXPECT_EQ(Seen(path).end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
}

TEST_F(PathTest, AnObjectionStopsTheNextStepUntilAllHaveRefusedIt) {
  const std::string began = Completed();
  const std::string path = Led(began);
  const std::string first = Take(path, 1, kThirdBody);
  const std::string request =
      Must(Do(third, &Stub::RecordRightsRequest, Right(first, v1::RIGHT_KIND_OBJECTION))).name();
  EXPECT_FALSE(Seen(path).has_end_time());
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFourthBody))), "DISCLOSURE_STOPPED");
  for (const auto& [token, name] : std::vector<std::pair<std::string, std::string>>{
           {third, first}, {receiver, first}, {receiver, began}}) {
    Must(Do(token, &Stub::AnswerRightsRequest, Receipt(request, name, v1::RIGHT_ANSWER_REFUSED)));
    EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFourthBody))), "DISCLOSURE_STOPPED");
  }
  Must(Do(referrer, &Stub::AnswerRightsRequest, Receipt(request, began, v1::RIGHT_ANSWER_REFUSED)));
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFourthBody))), "OK");
}

TEST_F(PathTest, NoStepSendsWhatIsToBePutRight) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  const std::string request =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_RECTIFICATION))).name();
  const auto refused = Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody));
  EXPECT_EQ(ReasonOf(refused), "RECTIFICATION_PENDING");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(error::MetadataOf(refused.status(), "resource"), path);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("AnswerRightsRequest"));
  EXPECT_FALSE(Seen(path).has_end_time()) << "it stops nothing else";
  const auto accurate = [this](const std::string& token, const std::string& asked, const std::string& name) {
    auto answer = Receipt(asked, name, v1::RIGHT_ANSWER_REFUSED);
    answer.set_refusal_ground(v1::REFUSAL_GROUND_ACCURATE);
    Must(Do(token, &Stub::AnswerRightsRequest, answer));
  };
  accurate(referrer, request, began);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody))), "RECTIFICATION_PENDING");
  auto right = Receipt(request, began, v1::RIGHT_ANSWER_RECTIFIED);
  right.mutable_corrected()->set_person(1);
  right.mutable_corrected()->mutable_details()->set_given_name("Olha-as-it-is-written");
  Must(Do(receiver, &Stub::AnswerRightsRequest, right));
  const std::string step = Take(path, 1, kThirdBody);
  EXPECT_EQ(OpenableBy(step, kReceivingBody)[0].details().given_name(), "Olha-as-it-is-written");

  // The next one is taken from the step: what is answered there counts.
  const std::string again =
      Must(Do(third, &Stub::RecordRightsRequest, Right(step, v1::RIGHT_KIND_RECTIFICATION))).name();
  accurate(third, again, step);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFourthBody))), "RECTIFICATION_PENDING");
  accurate(receiver, again, step);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFourthBody))), "OK");
}

TEST_F(PathTest, WhatWasMisdirectedIsGoneFromTheStepsToo) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  const std::string first = Take(path, 1, kThirdBody);
  Finish(third, first);
  const std::string second = Take(path, 2, kFourthBody);
  auto propose = On<v1::ProposeForwardRequest>(second);
  propose.set_body(std::string(kFifthBody));
  Must(Do(fourth, &Stub::ProposeForward, propose));
  const std::string passed_on =
      Must(Do(receiver, &Stub::ConfirmForward, ToBody<v1::ConfirmForwardRequest>(second, kFifthBody)))
          .forwarded_to();
  // A path of who made the mistake is not concerned.
  const std::string own = Must(Do(referrer, &PathStub::CreatePath, NewPath(began))).name();
  const std::string own_step = Take(referrer, Step(own, 1, kSixthBody));
  auto report = On<v1::ReportMisdirectedRequest>(began);
  report.set_text("to the wrong body");
  Must(Do(referrer, &Stub::ReportMisdirected, report));
  for (const std::string& name : {first, second, passed_on}) {
    EXPECT_EQ(Record(name).receiver_access(), storage::v1::RECEIVER_ACCESS_CUT) << name;
    EXPECT_THAT(Sections(name), IsEmpty());
    EXPECT_THAT(Wraps(name), IsEmpty());
  }
  EXPECT_EQ(Get(third, first).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Get(fifth, passed_on).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(Stored(path).has_value());
  EXPECT_THAT(Told(path), Contains("referral.path_erased"));
  EXPECT_EQ(Record(own_step).state(), kRequested);
  EXPECT_FALSE(Must(Seen(referrer, own)).has_end_time());
}

// The leading body referred the person by the step itself: what it knows of her is the same as in the first.
TEST_F(PathTest, WhatWasMisdirectedIsGoneFromAPathThatBeganFromAStep) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  const std::string first = Take(path, 1, kThirdBody);
  ASSERT_EQ(End(path), "OK");
  const std::string again = Led(first);
  const std::string second = Take(again, 1, kFourthBody);
  Finish(fourth, second);
  ASSERT_EQ(End(again), "OK");
  const std::string once_more = Led(second);
  const std::string last = Take(once_more, 1, kFifthBody);
  auto report = On<v1::ReportMisdirectedRequest>(began);
  report.set_text("to the wrong body");
  Must(Do(referrer, &Stub::ReportMisdirected, report));
  for (const std::string& name : {first, second, last}) {
    EXPECT_EQ(Record(name).receiver_access(), storage::v1::RECEIVER_ACCESS_CUT) << name;
    EXPECT_THAT(Sections(name), IsEmpty());
    EXPECT_THAT(Wraps(name), IsEmpty());
  }
  EXPECT_EQ(Get(fifth, last).status().code(), absl::StatusCode::kNotFound);
  for (const std::string& name : {path, again, once_more}) EXPECT_FALSE(Stored(name).has_value()) << name;
}

TEST_F(PathTest, WhatWasMisdirectedIsGoneFromAPathThatBeganFromAHandOver) {
  const std::string began = Accepted();
  const std::string handed =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(began, kThirdBody)))
          .forwarded_to();
  const std::string path = Led(handed);
  const std::string step = Take(path, 1, kFourthBody);
  auto report = On<v1::ReportMisdirectedRequest>(began);
  report.set_text("to the wrong body");
  Must(Do(referrer, &Stub::ReportMisdirected, report));
  EXPECT_EQ(Record(step).receiver_access(), storage::v1::RECEIVER_ACCESS_CUT);
  EXPECT_THAT(Sections(step), IsEmpty());
  EXPECT_THAT(Wraps(step), IsEmpty());
  EXPECT_FALSE(Stored(path).has_value());
}

// --- Erasing

TEST_F(PathTest, ItGoesWithTheLastShareOfItsBody) {
  const std::string began = Completed();
  const std::string path = Led(began);
  const std::string step = Take(path, 1, kThirdBody);
  Finish(third, step);
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(began)));
  EXPECT_FALSE(Seen(path).has_end_time()) << "the step has it still";
  const std::string next = Take(path, 2, kFourthBody);
  EXPECT_EQ(OpenableBy(next, kReceivingBody)[0].details().given_name(), base::Cat(kGivenName, "-1"));
  Must(Do(fourth, &Stub::DeclineReferral, Decline(next)));
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(next)));
  EXPECT_EQ(Must(Get(receiver, next)).path(), "");
  Must(Do(receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(step)));
  EXPECT_FALSE(Stored(path).has_value());
  EXPECT_EQ(Seen(receiver, path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(List(receiver), IsEmpty());
  EXPECT_THAT(List(receiver, true), IsEmpty());
  const std::vector<std::string> told = Told(path);
  EXPECT_THAT(std::vector<std::string>(told.end() - 2, told.end()),
              ElementsAre("referral.path_ended", "referral.path_erased"));
  // A right still reaches whoever holds something.
  EXPECT_THAT(ChainOf(step), UnorderedElementsAre(began, step, next));
  Withdrawn(referrer, began);
  EXPECT_EQ(Record(step).right_marks_size(), 1);
}

TEST_F(PathTest, AnAnswerThatErasesThePersonEndsItToo) {
  const std::string began = Completed(2);
  const std::string path = Led(began);
  const std::string request =
      Must(Do(referrer, &Stub::RecordRightsRequest, Right(began, v1::RIGHT_KIND_OBJECTION))).name();
  Must(Do(receiver, &Stub::AnswerRightsRequest, Receipt(request, began, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  EXPECT_FALSE(Stored(path).has_value()) << "nothing is held of her, though of the other one";
}

TEST_F(PathTest, RetentionTakesItWithTheShares) {
  ClockTable clocks = ClockTable::Standard();
  clocks.retention.others.days = 30;
  ReferralChange change(sealing, replica, clocks);
  RetentionKeeper keeper(rig.env(), change, RetentionOptions());
  const std::string path = Led();
  const std::string step = Take(path, 1, kThirdBody);
  Finish(third, step);
  const auto run = [&](int days) {
    rig.clock().Advance(absl::Hours(24 * days));
    Refresh();
    while (Must(keeper.Step()).more) {
    }
  };
  run(29);
  EXPECT_TRUE(Stored(path).has_value());
  run(10);
  EXPECT_TRUE(Record(step).has_referring_erase_time());
  EXPECT_FALSE(Stored(path).has_value());
}

// --- Protected

TEST_F(PathTest, WhatIsProtectedHasNoPathAndWhatHasOneIsNotProtected) {
  v1::SubmitReferralRequest request = NewReferral();
  v1::Protection& protection = *request.mutable_referral()->mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
  protection.add_receiving_readers("actors/raulxxxxxxxxxxxx");
  const std::string hidden = Must(Do(referring_caseworker, &Stub::SubmitReferral, request)).name();
  EXPECT_EQ(ReasonOf(Do(referring_caseworker, &PathStub::CreatePath, NewPath(hidden))),
            "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(Do(referrer, &PathStub::CreatePath, NewPath(hidden)).status().code(),
            absl::StatusCode::kNotFound);
  // Whoever does not read it is told in any role what she is told of a name that nobody has.
  const auto said = [this](const std::string& token, std::string_view name) {
    const auto answer = Do(token, &PathStub::CreatePath, NewPath(name));
    return absl::StrReplaceAll(answer.status().ToString(), {{base::ToAbsl(name), "NAME"}});
  };
  for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody, kFourthBody}) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const Role role = static_cast<Role>(i);
      const std::string token =
          rig.TokenOf(body, {role}, {std::string(kReferringUnit), std::string(kReceivingUnit)},
                      "actors/otherxxxxxxxxxxx");
      EXPECT_EQ(said(token, hidden), said(token, kUnknownReferral))
          << policy::RoleName(role) << " of " << body;
    }
  }

  const std::string began = Accepted();
  const std::string path = Led(began);
  const std::string step = Take(path, 1, kThirdBody);
  for (const std::string& name : {began, step}) {
    auto assign = On<v1::AssignReferralRequest>(name);
    assign.set_protection(v1::PROTECTION_GROUND_SHELTER);
    EXPECT_EQ(ReasonOf(Do(receiver, &Stub::AssignReferral, assign)), "PROTECTED_IS_UNLINKED") << name;
  }
}

// --- Who

// What somebody is to the path.
enum class Part {
  kMemberWhereItBegan,
  kMemberOfAStep,
  kAssignee,
  kOtherUnit,
  kOtherSide,
  kRecipient,
  kStranger
};
constexpr std::array kParts = {
    Part::kMemberWhereItBegan, Part::kMemberOfAStep, Part::kAssignee, Part::kOtherUnit,
    Part::kOtherSide,          Part::kRecipient,     Part::kStranger};

class PathAuthorityTest : public PathTest {
 protected:
  PathAuthorityTest() {
    began_ = Completed();
    path_ = Led(began_);
    step_ = Take(path_, 1, kThirdBody);
    auto assign = On<v1::AssignReferralRequest>(step_);
    assign.set_unit(std::string(kOtherReceivingUnit));
    assign.set_assignee("actors/assignedxxxxxxxx");
    Must(Do(receiver, &Stub::AssignReferral, assign));
  }

  std::string TokenFor(Role role, Part part) {
    switch (part) {
      case Part::kMemberWhereItBegan:
        return rig.TokenOf(kReceivingBody, {role}, {std::string(kReceivingUnit)}, "actors/plainxxxxxxxxxxx");
      case Part::kMemberOfAStep:
        return rig.TokenOf(kReceivingBody, {role}, {std::string(kOtherReceivingUnit)},
                           "actors/plainxxxxxxxxxxx");
      case Part::kAssignee:
        return rig.TokenOf(kReceivingBody, {role}, {}, "actors/assignedxxxxxxxx");
      case Part::kOtherUnit:
        return rig.TokenOf(kReceivingBody, {role}, {std::string(kDutyDesk)}, "actors/plainxxxxxxxxxxx");
      case Part::kOtherSide:
        return rig.TokenOf(kReferringBody, {role}, {std::string(kReferringUnit)}, "actors/plainxxxxxxxxxxx");
      case Part::kRecipient:
        return rig.TokenOf(kThirdBody, {role}, {std::string(kThirdUnit)}, "actors/assignedxxxxxxxx");
      default:
        return rig.TokenOf(kFourthBody, {role}, {}, "actors/plainxxxxxxxxxxx");
    }
  }

  using Caller = std::function<absl::Status(const std::string& token, std::string_view path)>;
  // Of what is about one path. Changes are sent with an etag of nothing: who may make them is told ABORTED.
  std::vector<std::pair<std::string, Caller>> Methods() {
    std::vector<std::pair<std::string, Caller>> methods;
    methods.emplace_back("GetPath", [this](const std::string& token, std::string_view path) {
      return Seen(token, path).status();
    });
    methods.emplace_back("UpdatePath", [this](const std::string& token, std::string_view path) {
      auto request = On<v1::UpdatePathRequest>(path, "\"999\"");
      request.add_steps()->set_theme(type::v1::THEME_HOUSING);
      return Do(token, &PathStub::UpdatePath, request).status();
    });
    methods.emplace_back("TakeStep", [this](const std::string& token, std::string_view path) {
      v1::TakeStepRequest request = Step(path, 2, kFourthBody);
      request.set_etag("\"999\"");
      return Do(token, &PathStub::TakeStep, request).status();
    });
    methods.emplace_back("EndPath", [this](const std::string& token, std::string_view path) {
      auto request = On<v1::EndPathRequest>(path, "\"999\"");
      request.set_reason(v1::PATH_END_REASON_MOVED_AWAY);
      return Do(token, &PathStub::EndPath, request).status();
    });
    return methods;
  }

  std::string began_;
  std::string path_;
  std::string step_;
};

TEST_F(PathAuthorityTest, EveryMethodRoleAndPart) {
  const auto methods = Methods();
  for (const Part part : kParts) {
    for (int i = 0; i < policy::kRoleCount; ++i) {
      const Role role = static_cast<Role>(i);
      const std::string token = TokenFor(role, part);
      const bool own = part != Part::kOtherSide && part != Part::kRecipient && part != Part::kStranger;
      const bool works = role == Role::kSupervisor || role == Role::kCaseworker;
      const bool has_it = own && part != Part::kOtherUnit;
      const bool allowed = own && (role == Role::kSupervisor || (role == Role::kCaseworker && has_it));
      const std::string who = base::Cat(policy::RoleName(role), ", part ", static_cast<int>(part));
      for (const auto& [method, call] : methods) {
        const absl::Status status = call(token, path_);
        if (!works) {
          EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << method << " as " << who;
        } else if (!allowed) {
          EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << method << " as " << who;
          EXPECT_EQ(call(token, kUnknownPath).code(), absl::StatusCode::kNotFound);
        } else if (method == "GetPath") {
          EXPECT_TRUE(status.ok()) << who << ": " << status;
        } else {
          EXPECT_EQ(error::ReasonOf(status), "ETAG_MISMATCH") << method << " as " << who << ": " << status;
        }
      }
      v1::ListPathsRequest list;
      const auto listed = Do(token, &PathStub::ListPaths, list);
      EXPECT_EQ(listed.ok(), works) << who;
      if (listed.ok()) {
        EXPECT_EQ(listed->paths_size(), allowed ? 1 : 0) << who;
      }
      // Who may make one from a referral is who may work with the referral, on either side.
      const bool has_began =
          part == Part::kMemberWhereItBegan || part == Part::kOtherSide || (role == Role::kSupervisor && own);
      const auto made = Do(token, &PathStub::CreatePath, [&] {
        v1::CreatePathRequest request = NewPath(began_);
        request.set_person(7);
        return request;
      }());
      EXPECT_EQ(ReasonOf(made) == "INVALID_FIELD", works && has_began) << who << ": " << made.status();
    }
  }
  EXPECT_EQ(Seen(path_).revision(), 2) << "nothing was changed on the way";
}

TEST_F(PathAuthorityTest, EveryMethodOfTheServiceHasItsRule) {
  const auto* described =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(std::string(kPathService));
  ASSERT_NE(described, nullptr);
  std::set<std::string> rules;
  for (const policy::MethodRule* rule : kPathMethodRules) rules.insert(std::string(rule->method));
  ASSERT_EQ(described->method_count(), static_cast<int>(rules.size()));
  for (int i = 0; i < described->method_count(); ++i) {
    EXPECT_TRUE(rules.contains(described->method(i)->name())) << described->method(i)->name();
  }
}

TEST_F(PathAuthorityTest, ItNamesNoReferralThatTheCallerMayNotRead) {
  const v1::Path to_first = Must(Seen(TokenFor(Role::kCaseworker, Part::kMemberWhereItBegan), path_));
  EXPECT_EQ(to_first.referral(), began_);
  EXPECT_EQ(to_first.steps(0).referral(), "");
  EXPECT_EQ(to_first.steps(0).state(), kStepUnderWay) << "how far she has come is the path";
  const v1::Path to_second = Must(Seen(TokenFor(Role::kCaseworker, Part::kAssignee), path_));
  EXPECT_EQ(to_second.referral(), "");
  EXPECT_EQ(to_second.steps(0).referral(), step_);
  EXPECT_EQ(Seen(path_).steps(0).referral(), step_);
}

TEST_F(PathAuthorityTest, NorDoesARefusalNameOne) {
  Must(Do(referrer, &Stub::RecordRightsRequest, Right(began_, v1::RIGHT_KIND_OBJECTION)));
  const std::string assigned = TokenFor(Role::kCaseworker, Part::kAssignee);
  ASSERT_FALSE(Get(assigned, began_).ok());
  const auto refused = Do(assigned, &PathStub::TakeStep, Step(path_, 2, kFourthBody));
  EXPECT_EQ(ReasonOf(refused), "DISCLOSURE_STOPPED");
  EXPECT_EQ(error::MetadataOf(refused.status(), "resource"), path_);
  EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("referrals/")));
}

TEST_F(PathAuthorityTest, WhoHasItByAssignmentHasTheNextStepHerself) {
  const std::string assigned = TokenFor(Role::kCaseworker, Part::kAssignee);
  const std::string next = Take(assigned, Step(path_, 2, kFourthBody));
  EXPECT_EQ(Record(next).referring().unit(), "");
  EXPECT_EQ(Record(next).referring().assignee(), "actors/assignedxxxxxxxx");
  EXPECT_EQ(ReasonOf(Get(assigned, next)), "OK");
}

// --- Again, at once, page by page

TEST_F(PathTest, RepeatedItIsAnsweredAsBefore) {
  const std::string began = Completed();
  v1::CreatePathRequest create = NewPath(began);
  create.set_request_id("6f0d1c1e-6f1c-4f0e-9a55-0d8f2f4d7a01");
  const v1::Path path = Must(Do(receiver, &PathStub::CreatePath, create));
  EXPECT_EQ(Must(Do(receiver, &PathStub::CreatePath, create)).name(), path.name());
  v1::TakeStepRequest take = Step(path.name(), 1, kThirdBody);
  take.set_request_id("6f0d1c1e-6f1c-4f0e-9a55-0d8f2f4d7a02");
  take.set_etag(path.etag());
  const v1::TakeStepResponse taken = Must(Do(receiver, &PathStub::TakeStep, take));
  const v1::TakeStepResponse again = Must(Do(receiver, &PathStub::TakeStep, take));
  EXPECT_EQ(again.SerializeAsString(), taken.SerializeAsString()) << "though the step is under way";
  EXPECT_EQ(Seen(path.name()).revision(), 2);
  take.set_step(2);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, take)), "REQUEST_ID_REUSED");
  take.set_request_id("6f0d1c1e-6f1c-4f0e-9a55-0d8f2f4d7a03");
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, take)), "ETAG_MISMATCH");
  auto end = On<v1::EndPathRequest>(path.name());
  end.set_reason(v1::PATH_END_REASON_MOVED_AWAY);
  end.set_request_id("6f0d1c1e-6f1c-4f0e-9a55-0d8f2f4d7a04");
  const v1::Path ended = Must(Do(receiver, &PathStub::EndPath, end));
  EXPECT_EQ(Must(Do(receiver, &PathStub::EndPath, end)).etag(), ended.etag());
}

TEST_F(PathTest, TwoTakeTheSameStepAndOneReferralIsSent) {
  for (int round = 0; round < 10; ++round) {
    const std::string path = Led();
    std::vector<std::string> reasons(2);
    std::barrier together(2);
    const auto take = [&](size_t which) {
      together.arrive_and_wait();
      reasons[which] =
          ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 1, which == 0 ? kThirdBody : kFourthBody)));
    };
    std::thread other([&] { take(1); });
    take(0);
    other.join();
    std::sort(reasons.begin(), reasons.end());
    ASSERT_THAT(reasons, ElementsAre("INVALID_TRANSITION", "OK")) << round;
    EXPECT_EQ(Must(rows::LinksOfPath(**rig.store().Snapshot(), path)).size(), 2u);
  }
}

TEST_F(PathTest, OfAStepAndAWithdrawalThatRaceTheReferralIsMarkedOrNeverSent) {
  std::set<std::string> seen;
  const auto run = [&](const std::function<void(const std::string&, const std::string&)>& both) {
    const std::string began = Completed();
    const std::string path = Led(began);
    both(began, path);
    const PathRecord stored = *Stored(path);
    EXPECT_EQ(stored.end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
    const std::string& step = stored.steps(0).referral();
    if (!step.empty()) {
      EXPECT_EQ(Record(step).right_marks_size(), 1);
      EXPECT_EQ(Record(step).state(), kCancelled) << "it rested on consent";
    }
    seen.insert(step.empty() ? "never sent" : "marked");
  };
  const auto take = [&](const std::string& path) {
    const std::string reason =
        ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody, Consent())));
    EXPECT_TRUE(reason == "OK" || reason == "INVALID_TRANSITION") << reason;
  };
  run([&](const std::string& began, const std::string& path) {
    Withdrawn(referrer, began);
    take(path);
  });
  EXPECT_THAT(seen, ElementsAre("never sent"));
  run([&](const std::string& began, const std::string& path) {
    take(path);
    Withdrawn(referrer, began);
  });
  EXPECT_THAT(seen, ElementsAre("marked", "never sent"));
  for (int round = 0; round < 20; ++round) {
    run([&](const std::string& began, const std::string& path) {
      std::barrier together(2);
      std::thread other([&] {
        together.arrive_and_wait();
        Withdrawn(referrer, began);
      });
      together.arrive_and_wait();
      take(path);
      other.join();
    });
  }
}

TEST_F(PathTest, ListsTheNewestFirstPageByPage) {
  std::vector<std::string> open;
  for (int i = 0; i < 5; ++i) {
    rig.clock().Advance(absl::Seconds(1));
    Refresh();
    open.insert(open.begin(), Led());
  }
  ASSERT_EQ(End(open[2]), "OK");
  const std::string ended = open[2];
  open.erase(open.begin() + 2);
  EXPECT_EQ(List(receiver), open);
  EXPECT_THAT(List(receiver, true), ElementsAre(ended));
  EXPECT_THAT(List(referrer), IsEmpty());
  v1::ListPathsRequest request;
  request.set_page_size(3);
  const auto page = Must(Do(receiver, &PathStub::ListPaths, request));
  ASSERT_EQ(page.paths_size(), 3);
  request.set_page_token(page.next_page_token());
  const auto rest = Must(Do(receiver, &PathStub::ListPaths, request));
  ASSERT_EQ(rest.paths_size(), 1);
  EXPECT_EQ(rest.paths(0).name(), open[3]);
  EXPECT_EQ(rest.next_page_token(), "");
  request.set_ended(true);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::ListPaths, request)), "PAGE_TOKEN_INVALID");
}

// She has one of many: what she does not see is read, too.
TEST_F(PathTest, APageReadsSoMuchAndNoMore) {
  const std::string mine = Accepted();
  auto assign = On<v1::AssignReferralRequest>(mine);
  assign.set_unit(std::string(kOtherReceivingUnit));
  assign.set_assignee("actors/assignedxxxxxxxx");
  Must(Do(receiver, &Stub::AssignReferral, assign));
  const std::string hers = Led(mine);
  const std::string other = Completed();
  constexpr int kPerPage = kMaxReadForPaths / 2;  // a path and its referral
  ASSERT_TRUE(store::TransactAndWait(rig.store(), [&](store::Writer& writer) {
                for (int i = 1; i <= kPerPage + 7; ++i) {
                  const absl::Time made = rig.clock().Now() + absl::Seconds(i);
                  const path::Create create{.name = rows::PathNameOfId(api::NewId(made, rig.random())),
                                            .body = std::string(kReceivingBody),
                                            .referral = other,
                                            .person = 1,
                                            .steps = {}};
                  rows::PutPath(writer, nullptr, OpenPath(create, made).next);
                  rows::PutPathLink(writer, {.path = create.name,
                                             .referral = other,
                                             .kind = storage::v1::PATH_LINK_KIND_BEGAN_RECEIVING});
                }
                return absl::OkStatus();
              }).ok());
  const std::string assigned =
      rig.TokenOf(kReceivingBody, {Role::kCaseworker}, {}, "actors/assignedxxxxxxxx");
  v1::ListPathsRequest request;
  request.set_page_size(10);
  const auto first = Must(Do(assigned, &PathStub::ListPaths, request));
  EXPECT_THAT(first.paths(), IsEmpty());
  ASSERT_NE(first.next_page_token(), "");
  request.set_page_token(first.next_page_token());
  const auto second = Must(Do(assigned, &PathStub::ListPaths, request));
  ASSERT_EQ(second.paths_size(), 1);
  EXPECT_EQ(second.paths(0).name(), hers);
  EXPECT_EQ(second.next_page_token(), "");
  // A supervisor sees them all, each once.
  std::set<std::string> seen;
  v1::ListPathsRequest all;
  all.set_page_size(200);
  do {
    const auto page = Must(Do(receiver, &PathStub::ListPaths, all));
    for (const v1::Path& path : page.paths()) EXPECT_TRUE(seen.insert(path.name()).second) << path.name();
    all.set_page_token(page.next_page_token());
  } while (!all.page_token().empty());
  EXPECT_EQ(seen.size(), static_cast<size_t>(kPerPage + 8));
}

// All of them erased: what is left are their links.
TEST_F(PathTest, OfAReferralABodyLeadsSoManyPathsWhateverTheOtherSideHasLed) {
  const std::string began = Completed();
  const auto link = [&](storage::v1::PathLinkKind kind) {
    EXPECT_TRUE(store::TransactAndWait(rig.store(), [&](store::Writer& writer) {
                  for (int i = 0; i < kMaxPathsOfReferral; ++i) {
                    const std::string id = api::NewId(rig.clock().Now(), rig.random());
                    rows::PutPathLink(writer,
                                      {.path = rows::PathNameOfId(id), .referral = began, .kind = kind});
                  }
                  return absl::OkStatus();
                }).ok());
  };
  link(storage::v1::PATH_LINK_KIND_BEGAN_REFERRING);
  const std::string path = Led(began);
  EXPECT_EQ(End(path), "OK");
  link(storage::v1::PATH_LINK_KIND_BEGAN_RECEIVING);
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::CreatePath, NewPath(began))), "LIMIT_EXCEEDED");
}

TEST_F(PathTest, TooManyReferralsOfAPathAreRefused) {
  const std::string path = Led();
  for (int i = 1; i < kMaxPathReferrals; ++i) {
    Must(Do(third, &Stub::DeclineReferral, Decline(Take(path, 1, kThirdBody))));
  }
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 1, kThirdBody))), "LIMIT_EXCEEDED");
  EXPECT_EQ(Withdrawn(referrer, Seen(path).referral()).holder_count(), 2 * kMaxPathReferrals);
}

// --- Another body in the place of the one that leads it

TEST_F(PathTest, ItGoesWithTheWorkToWhoStandsInItsBodysPlace) {
  const std::string began = Completed();
  const std::string path = Led(began);
  const std::string step = Take(path, 1, kThirdBody);
  SetSuccession(Merged(kReceivingBody, kFourthBody));
  rig.clock().Advance(absl::Hours(24));
  Refresh();
  EXPECT_EQ(ReasonOf(Do(receiver, &PathStub::TakeStep, Step(path, 2, kFifthBody))), "BODY_SUCCEEDED");
  RunMover();
  EXPECT_EQ(Seen(receiver, path).status().code(), absl::StatusCode::kNotFound);
  const v1::Path moved = Must(Seen(fourth, path));
  EXPECT_EQ(moved.body(), kFourthBody);
  EXPECT_EQ(moved.referral(), began);
  EXPECT_EQ(moved.steps(0).referral(), step);
  EXPECT_THAT(List(fourth), ElementsAre(path));
  EXPECT_THAT(List(receiver), IsEmpty());
  EXPECT_EQ(Must(Get(fourth, step)).path(), path);
  const std::string next = Take(fourth, Step(path, 2, kFifthBody));
  EXPECT_EQ(OpenableBy(next, kFourthBody)[0].details().given_name(), base::Cat(kGivenName, "-1"));
  const std::vector<std::string> told = Told(path);
  EXPECT_THAT(told, Contains("referral.path_succeeded"));
  EXPECT_EQ(std::count(told.begin(), told.end(), "referral.path_succeeded"), 1);
}

TEST_F(PathTest, OfALostCompetenceAPathStaysWhereAStepIsNotCovered) {
  const std::string path = Led(AcceptedForHousing());
  const std::string step = Take(path, 1, kThirdBody);
  MoveWork(kFourthBody, directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED, type::v1::THEME_LANGUAGE);
  ASSERT_EQ(Record(step).referring().body(), kFourthBody);
  const v1::Path stayed = Seen(path);
  EXPECT_EQ(stayed.body(), kReceivingBody);
  EXPECT_FALSE(stayed.has_end_time());
  EXPECT_EQ(stayed.steps(0).state(), kStepUnderWay);
  EXPECT_EQ(stayed.steps(0).referral(), "") << "another body's by now";
  EXPECT_EQ(Seen(fourth, path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(List(fourth), IsEmpty());
  EXPECT_EQ(Must(Get(fourth, step)).path(), "") << "it does not learn of the others";
  EXPECT_THAT(Told(path), Not(Contains("referral.path_succeeded")));
  const std::string next = Take(path, 4, kFifthBody);
  EXPECT_EQ(OpenableBy(next, kReceivingBody)[0].details().given_name(), base::Cat(kGivenName, "-1"));
}

TEST_F(PathTest, OfALostCompetenceAPathGoesAlongWhereAllOfItIsCovered) {
  v1::CreatePathRequest create = NewPath(
      AcceptedForHousing(), {type::v1::THEME_LANGUAGE, type::v1::THEME_EMPLOYMENT, type::v1::THEME_LANGUAGE});
  const std::string path = Must(Do(receiver, &PathStub::CreatePath, create)).name();
  auto skip = On<v1::UpdatePathRequest>(path);
  for (const uint32_t number : {1u, 2u, 3u}) skip.add_steps()->set_number(number);
  skip.mutable_steps(1)->set_state(kStepSkipped);
  Must(Do(receiver, &PathStub::UpdatePath, skip));
  const std::string step = Take(path, 1, kThirdBody);
  MoveWork(kFourthBody, directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED, type::v1::THEME_LANGUAGE);
  EXPECT_EQ(Seen(receiver, path).status().code(), absl::StatusCode::kNotFound);
  const v1::Path moved = Must(Seen(fourth, path));
  EXPECT_EQ(moved.body(), kFourthBody);
  EXPECT_EQ(moved.steps(0).referral(), step);
  EXPECT_EQ(Must(Get(fourth, step)).path(), path);
  const std::string next = Take(fourth, Step(path, 3, kFifthBody));
  EXPECT_EQ(OpenableBy(next, kFourthBody)[0].details().given_name(), base::Cat(kGivenName, "-1"));
}

TEST_F(PathTest, OfALostCompetenceAPathThatIsLeftWithNothingEnds) {
  const std::string began = Accepted();
  const std::string path = Led(began);
  MoveWork(kFourthBody, directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED, type::v1::THEME_LANGUAGE);
  ASSERT_EQ(Record(began).receiving().body(), kFourthBody);
  EXPECT_FALSE(Stored(path).has_value());
  EXPECT_THAT(Told(path),
              ElementsAre("referral.path_created", "referral.path_ended", "referral.path_erased"));
  EXPECT_THAT(List(fourth), IsEmpty());
}

TEST_F(PathTest, WhereTheSuccessorLeadsOneAlreadyThatOneGoesOn) {
  const std::string began = Completed();
  const std::string led = Led(began);
  const std::string kept = Must(Do(referrer, &PathStub::CreatePath, NewPath(began))).name();
  MoveWork(kReferringBody);
  EXPECT_THAT(List(referrer), ElementsAre(kept));
  EXPECT_THAT(List(referrer, true), ElementsAre(led));
  EXPECT_EQ(Must(Seen(referrer, led)).end_reason(), v1::PATH_END_REASON_REPLACED);
}

TEST_F(PathTest, AlsoWhereItLeadsThatFromAReferralThatContinuesTheOther) {
  const std::string began = Accepted();
  const std::string led = Led(began);
  Take(led, 1, kFourthBody);
  const std::string continued =
      Must(Do(receiver, &Stub::HandOverReferral, ToBody<v1::HandOverReferralRequest>(began, kThirdBody)))
          .forwarded_to();
  Must(Do(third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(continued)));
  const std::string kept = Must(Do(third, &PathStub::CreatePath, NewPath(continued))).name();
  ASSERT_THAT(List(receiver), ElementsAre(led)) << "each body one";
  MoveWork(kThirdBody);
  EXPECT_THAT(List(third), ElementsAre(kept));
  EXPECT_THAT(List(third, true), ElementsAre(led));
  EXPECT_EQ(Must(Seen(third, led)).end_reason(), v1::PATH_END_REASON_REPLACED);
}

}  // namespace
}  // namespace waypost::referral
