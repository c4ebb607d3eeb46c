// Every step state × every act, every command on open and ended paths, and what of its referrals a path
// rests on.
#include "services/referral/path_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/path_policy.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the referrals of this room
using policy::Relation;
using policy::Role;
using storage::v1::PathStepRecord;
using storage::v1::ReferralRecord;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kPath = "paths/01jd0000000000000000000007";
constexpr std::string_view kOther = "referrals/01jd0000000000000000000005";

v1::PathStep Step(type::v1::Theme theme, std::string_view offer = {}) {
  v1::PathStep step;
  step.set_theme(theme);
  step.set_offer(std::string(offer));
  return step;
}

v1::PathStep Numbered(uint32_t number, StepState state = v1::PATH_STEP_STATE_UNSPECIFIED) {
  v1::PathStep step = Step(type::v1::THEME_HOUSING, "offers/other");
  step.set_number(number);
  step.set_state(state);
  return step;
}

// Language → training → job, led by the referring body.
PathRecord Planned() {
  return OpenPath({.name = std::string(kPath),
                   .body = std::string(kReferringBody),
                   .referral = std::string(kName),
                   .person = 1,
                   .steps = {Step(type::v1::THEME_LANGUAGE, "offers/language"),
                             Step(type::v1::THEME_EDUCATION), Step(type::v1::THEME_EMPLOYMENT)}},
                  Now())
      .next;
}

// A path whose second step is in that state.
struct Posed {
  PathRecord path;
  StepCourses courses;
};
Posed PosedIn(StepState state) {
  Posed posed{.path = Planned(), .courses = {}};
  PathStepRecord& step = *posed.path.mutable_steps(1);
  if (state == kStepPlanned) return posed;
  step.set_skipped(state == kStepSkipped);
  if (state == kStepSkipped) return posed;
  if (state == kStepToBeApproved) {
    step.set_draft(std::string(kOther));
    return posed;
  }
  step.set_referral(std::string(kOther));
  posed.courses[2].referral = state == kStepDone         ? kCompleted
                              : state == kStepNotReached ? kDeclined
                                                         : kAcknowledged;
  return posed;
}

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : error::ReasonOf(status);
}

constexpr std::array kStates = {kStepPlanned,    kStepUnderWay, kStepDone,
                                kStepNotReached, kStepSkipped,  kStepToBeApproved};
static_assert(kStates.size() + 1 == kStepStateCount);

TEST(PathMachineTest, SaysWhatEachStateTakes) {
  EXPECT_THAT(AllowedActs(kStepPlanned), ElementsAre("TAKE", "LEAVE_OUT", "PLAN", "REMOVE"));
  EXPECT_THAT(AllowedActs(kStepUnderWay), IsEmpty());
  EXPECT_THAT(AllowedActs(kStepDone), IsEmpty());
  EXPECT_THAT(AllowedActs(kStepNotReached), ElementsAre("TAKE", "LEAVE_OUT"));
  EXPECT_THAT(AllowedActs(kStepSkipped), ElementsAre("LEAVE_OUT", "PLAN", "REMOVE"));
  EXPECT_THAT(AllowedActs(kStepToBeApproved), IsEmpty());
  EXPECT_THAT(AllowedActs(v1::PATH_STEP_STATE_UNSPECIFIED), IsEmpty());
  EXPECT_EQ(StepStateName(kStepUnderWay), "UNDER_WAY");
  std::set<std::string_view> names;
  for (int event = 0; event < kPathEventCount; ++event) names.insert(PathEventName(PathEvent(event)));
  EXPECT_EQ(names.size(), static_cast<size_t>(kPathEventCount));
}

TEST(PathRulesTest, AStepIsWhereItsReferralAndItsEnrolmentsAre) {
  const PathStepRecord planned = Planned().steps(0);
  EXPECT_EQ(StateOf(planned, {}), kStepPlanned);
  PathStepRecord taken = planned;
  taken.set_referral(std::string(kOther));
  for (int i = kDraft; i <= kLapsed; ++i) {
    const auto state = static_cast<State>(i);
    const StepState expected = !IsEnd(state)         ? kStepUnderWay
                               : state == kCompleted ? kStepDone
                                                     : kStepNotReached;
    EXPECT_EQ(StateOf(taken, {{1, {.referral = state}}}), expected) << StateName(state);
    EXPECT_EQ(StateOf(taken, {{1, {.referral = state, .enrolment_open = true}}}), kStepUnderWay)
        << StateName(state) << ": she is still there";
    PathStepRecord skipped = taken;
    skipped.set_skipped(true);
    EXPECT_EQ(StateOf(skipped, {{1, {.referral = state}}}), kStepSkipped);
  }
}

TEST(PathRulesTest, BeginsWithItsStepsNumberedInOrder) {
  const PathRecord path = Planned();
  EXPECT_EQ(path.revision(), 1);
  ASSERT_EQ(path.steps_size(), 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(path.steps(i).number(), static_cast<uint32_t>(i + 1));
  EXPECT_EQ(path.steps(0).offer(), "offers/language");
  EXPECT_EQ(path.next_step(), 4u);
  EXPECT_FALSE(HasEnded(path));
}

// The whole table: step state × what is done with the step.
TEST(PathRulesTest, EveryStateTakesWhatTheTableSaysAndNothingElse) {
  for (const StepState state : kStates) {
    const Posed posed = PosedIn(state);
    ASSERT_EQ(StateOf(posed.path.steps(1), posed.courses), state);
    const bool taken = !posed.path.steps(1).referral().empty() || state == kStepToBeApproved;

    const auto take =
        DecidePath(posed.path, posed.courses, path::TakeStep{2, std::string(kLinkedName)}, Now());
    EXPECT_EQ(take.ok(), Takes(state, StepAct::kTake)) << StepStateName(state);
    if (take.ok()) {
      EXPECT_EQ(take->next.steps(1).referral(), kLinkedName);
      EXPECT_EQ(take->event, PathEvent::kTake);
    } else {
      EXPECT_EQ(ReasonOf(take.status()), "INVALID_TRANSITION");
      EXPECT_EQ(error::MetadataOf(take.status(), "state"), StepStateName(state));
    }

    const auto skip = DecidePath(posed.path, posed.courses,
                                 path::Update{{Numbered(1), Numbered(2, kStepSkipped), Numbered(3)}}, Now());
    EXPECT_EQ(skip.ok(), Takes(state, StepAct::kLeaveOut)) << StepStateName(state);
    if (skip.ok()) {
      EXPECT_TRUE(skip->next.steps(1).skipped());
      EXPECT_EQ(skip->next.steps(1).referral(), posed.path.steps(1).referral()) << "it stays to be seen";
    } else {
      EXPECT_EQ(ReasonOf(skip.status()), "INVALID_TRANSITION");
    }

    // To name a step as it is is no change of it, whatever its state.
    const auto plan = DecidePath(posed.path, posed.courses,
                                 path::Update{{Numbered(1), Numbered(2, kStepPlanned), Numbered(3)}}, Now());
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_FALSE(plan->next.steps(1).skipped());
    EXPECT_EQ(plan->next.steps(1).theme() == type::v1::THEME_HOUSING, Takes(state, StepAct::kPlan))
        << StepStateName(state);

    const auto remove =
        DecidePath(posed.path, posed.courses, path::Update{{Numbered(1), Numbered(3)}}, Now());
    EXPECT_EQ(remove.ok(), Takes(state, StepAct::kRemove)) << StepStateName(state);
    EXPECT_EQ(remove.ok(), !taken);
    if (!remove.ok()) {
      EXPECT_EQ(ReasonOf(remove.status()), "INVALID_FIELD");
    }
  }
}

TEST(PathRulesTest, ASkippedStepThatWasTakenOnceCanBeTakenUpAgainButIsNotForgotten) {
  Posed posed = PosedIn(kStepNotReached);
  posed.path.mutable_steps(1)->set_skipped(true);
  const auto removed = DecidePath(posed.path, posed.courses, path::Update{{Numbered(1), Numbered(3)}}, Now());
  EXPECT_EQ(ReasonOf(removed.status()), "INVALID_FIELD");
  const auto back =
      DecidePath(posed.path, posed.courses, path::Update{{Numbered(1), Numbered(2), Numbered(3)}}, Now());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(StateOf(back->next.steps(1), posed.courses), kStepNotReached);
  EXPECT_EQ(back->next.steps(1).theme(), type::v1::THEME_EDUCATION) << "as it was taken";
}

TEST(PathRulesTest, OfAPlannedStepWhatIsNotGivenStays) {
  const auto changed = [](type::v1::Theme theme, std::string_view offer) {
    v1::PathStep given = Step(theme, offer);
    given.set_number(1);
    const auto decided = DecidePath(Planned(), {}, path::Update{{given, Numbered(2), Numbered(3)}}, Now());
    return decided.value().next.steps(0);
  };
  const PathStepRecord named = changed(type::v1::THEME_UNSPECIFIED, "");
  EXPECT_EQ(named.theme(), type::v1::THEME_LANGUAGE);
  EXPECT_EQ(named.offer(), "offers/language");
  const PathStepRecord same = changed(type::v1::THEME_LANGUAGE, "");
  EXPECT_EQ(same.offer(), "offers/language");
  const PathStepRecord offered = changed(type::v1::THEME_UNSPECIFIED, "offers/other");
  EXPECT_EQ(offered.theme(), type::v1::THEME_LANGUAGE);
  EXPECT_EQ(offered.offer(), "offers/other");
  const PathStepRecord other = changed(type::v1::THEME_HEALTH, "");
  EXPECT_EQ(other.theme(), type::v1::THEME_HEALTH);
  EXPECT_EQ(other.offer(), "") << "it was one for the language";
}

// A step that was left out and is taken up again is as it was planned.
TEST(PathRulesTest, ASkippedStepComesBackAsItWas) {
  PathRecord path = Planned();
  path.mutable_steps(0)->set_skipped(true);
  v1::PathStep back;
  back.set_number(1);
  const auto decided = DecidePath(path, {}, path::Update{{back, Numbered(2), Numbered(3)}}, Now());
  ASSERT_TRUE(decided.ok()) << decided.status();
  EXPECT_FALSE(decided->next.steps(0).skipped());
  EXPECT_EQ(decided->next.steps(0).theme(), type::v1::THEME_LANGUAGE);
  EXPECT_EQ(decided->next.steps(0).offer(), "offers/language");
}

// A draft of a step, made in every state of it.
TEST(PathRulesTest, AStepHasADraftWhereItCouldBeTakenAndIsTakenOnceThatIsSent) {
  storage::v1::PathSourceRecord source;
  source.set_referral(std::string(kName));
  source.set_section(v1::SECTION_KIND_DETAILS);
  source.set_commitment("c");
  const path::DraftStep draft{.step = 2, .draft = std::string(kLinkedName), .sources = {source}};
  for (const StepState state : kStates) {
    const Posed posed = PosedIn(state);
    const auto drafted = DecidePath(posed.path, posed.courses, draft, Now());
    ASSERT_EQ(drafted.ok(), Takes(state, StepAct::kTake)) << StepStateName(state);
    if (!drafted.ok()) {
      EXPECT_EQ(ReasonOf(drafted.status()), "INVALID_TRANSITION");
      continue;
    }
    EXPECT_EQ(drafted->event, PathEvent::kDraftStep);
    const PathRecord& waits = drafted->next;
    EXPECT_EQ(StateOf(waits.steps(1), posed.courses), kStepToBeApproved);
    EXPECT_EQ(FindDrafted(waits, kLinkedName), &waits.steps(1));
    EXPECT_EQ(waits.steps(1).draft_sources_size(), 1);
    EXPECT_EQ(waits.steps(1).referral(), posed.path.steps(1).referral()) << "by which it was taken before";

    const auto sent = DecidePath(waits, posed.courses, path::SendDraft{std::string(kLinkedName)}, Now());
    ASSERT_TRUE(sent.ok()) << sent.status();
    EXPECT_EQ(sent->event, PathEvent::kTake);
    EXPECT_EQ(sent->next.steps(1).referral(), kLinkedName);
    EXPECT_EQ(sent->next.steps(1).draft(), "");
    EXPECT_EQ(sent->next.steps(1).draft_sources_size(), 0);
    EXPECT_EQ(FindDrafted(sent->next, kLinkedName), nullptr);
    EXPECT_EQ(
        ReasonOf(
            DecidePath(sent->next, posed.courses, path::SendDraft{std::string(kLinkedName)}, Now()).status()),
        "STEP_OUTDATED");

    const auto back = DecidePath(waits, posed.courses, path::GiveBack{std::string(kLinkedName)}, Now());
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->event, PathEvent::kGiveBack);
    EXPECT_EQ(StateOf(back->next.steps(1), posed.courses), state) << "as it was before";
    EXPECT_EQ(back->next.steps(1).draft_sources_size(), 0);

    const auto ended = DecidePath(waits, posed.courses, path::End{v1::PATH_END_REASON_GOAL_REACHED}, Now());
    ASSERT_TRUE(ended.ok()) << ended.status();
    EXPECT_EQ(ended->next.steps(1).draft(), "") << "it is sent no more";
    EXPECT_EQ(
        ReasonOf(DecidePath(ended->next, posed.courses, path::SendDraft{std::string(kLinkedName)}, Now())
                     .status()),
        "INVALID_TRANSITION");
  }
  const path::DraftStep nowhere{.step = 9, .draft = std::string(kLinkedName), .sources = {}};
  EXPECT_EQ(ReasonOf(DecidePath(Planned(), {}, nowhere, Now()).status()), "INVALID_FIELD");
  for (const std::string name : {"", "referrals/01jd0000000000000000000009"}) {
    EXPECT_EQ(FindDrafted(Planned(), name), nullptr) << name;
    EXPECT_EQ(ReasonOf(DecidePath(Planned(), {}, path::SendDraft{name}, Now()).status()), "STEP_OUTDATED");
    EXPECT_EQ(ReasonOf(DecidePath(Planned(), {}, path::GiveBack{name}, Now()).status()), "STEP_OUTDATED");
  }
}

TEST(PathRulesTest, ADraftHoldsWhileWhatItTakesAlongIsAsItWas) {
  PathRecord path = PosedIn(kStepToBeApproved).path;
  std::vector<storage::v1::PathSourceRecord> today(1);
  today[0].set_referral(std::string(kName));
  today[0].set_section(v1::SECTION_KIND_DETAILS);
  today[0].set_commitment("c");
  *path.mutable_steps(1)->add_draft_sources() = today[0];
  const std::vector<ReferralRecord> as_it_was = [] {
    std::vector<ReferralRecord> referrals = {RecordIn(kCompleted), RecordIn(kDraft)};
    referrals[1].set_name(std::string(kOther));
    return referrals;
  }();
  std::vector<ReferralRecord> referrals = as_it_was;
  const auto holds = [&] { return ReasonOf(CheckDraftHolds(path, path.steps(1), referrals, today)); };
  const auto mark = [&](size_t which, v1::RightKind kind) {
    referrals = as_it_was;
    storage::v1::RightMarkRecord& right = *referrals[which].add_right_marks();
    right.set_person(1);
    right.set_kind(kind);
    right.set_referring_asked(true);
  };
  EXPECT_EQ(holds(), "OK");
  for (const size_t which : {0u, 1u}) {
    mark(which, v1::RIGHT_KIND_OBJECTION);
    EXPECT_EQ(holds(), "DISCLOSURE_STOPPED") << which;
    mark(which, v1::RIGHT_KIND_RECTIFICATION);
    EXPECT_EQ(holds(), "RECTIFICATION_PENDING") << which;
    referrals[which].mutable_right_marks(0)->set_referring_answer(v1::RIGHT_ANSWER_REFUSED);
    EXPECT_EQ(holds(), "OK") << which;
  }
  referrals = as_it_was;
  *referrals[0].mutable_referring_erase_time() = api::ToTimestamp(Now());
  EXPECT_EQ(holds(), "STEP_OUTDATED") << "erased";
  referrals = as_it_was;
  referrals[0].mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  EXPECT_EQ(holds(), "STEP_OUTDATED") << "protected";
  for (const size_t gone : {0u, 1u}) {
    referrals = {as_it_was[1 - gone]};
    EXPECT_EQ(holds(), "STEP_OUTDATED") << "of the path no longer";
  }
  referrals = as_it_was;
  today[0].set_commitment("d");
  EXPECT_EQ(holds(), "STEP_OUTDATED") << "put right";
  today[0].clear_commitment();
  EXPECT_EQ(holds(), "STEP_OUTDATED") << "there no longer";
  today.clear();
  EXPECT_EQ(holds(), "STEP_OUTDATED");
}

TEST(PathRulesTest, NothingIsTakenAlongFromADraft) {
  std::vector<ReferralRecord> referrals = {RecordIn(kCompleted), RecordIn(kDraft)};
  referrals[1].set_name(std::string(kOther));
  const auto sources = SourcesOf(Planned(), referrals, {v1::SECTION_KIND_DETAILS});
  ASSERT_TRUE(sources.ok()) << sources.status();
  EXPECT_EQ(sources->front().referral->name(), kName);
  referrals.erase(referrals.begin());
  EXPECT_EQ(ReasonOf(SourcesOf(Planned(), referrals, {v1::SECTION_KIND_DETAILS}).status()), "SHARE_ERASED");
}

TEST(PathRulesTest, NumbersAreNeverUsedAgain) {
  const auto first = DecidePath(
      Planned(), {}, path::Update{{Numbered(3), Step(type::v1::THEME_HEALTH), Numbered(1)}}, Now());
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->next.steps_size(), 3);
  EXPECT_EQ(first->next.steps(0).number(), 3u);
  EXPECT_EQ(first->next.steps(1).number(), 4u);
  EXPECT_EQ(first->next.steps(2).number(), 1u);
  const auto second = DecidePath(first->next, {}, path::Update{{Step(type::v1::THEME_LANGUAGE)}}, Now());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->next.steps(0).number(), 5u);
  EXPECT_EQ(second->next.revision(), 3);
}

TEST(PathRulesTest, StepsThatDoNotFitAreToldAtOnce) {
  const auto wrong =
      DecidePath(Planned(), {}, path::Update{{Numbered(1), Numbered(1), Numbered(9), Numbered(2)}}, Now());
  EXPECT_EQ(ReasonOf(wrong.status()), "INVALID_FIELD");
  EXPECT_THAT(error::ViolationsOf(wrong.status()),
              ElementsAre("steps[1].number: is given twice", "steps[2].number: is no step of this path"));
  const auto none = DecidePath(Planned(), {}, path::TakeStep{9, std::string(kLinkedName)}, Now());
  EXPECT_EQ(ReasonOf(none.status()), "INVALID_FIELD");
  Posed posed = PosedIn(kStepDone);
  posed.path.mutable_steps(0)->set_referral(std::string(kLinkedName));
  posed.courses[1].referral = kCompleted;
  const auto turned = DecidePath(posed.path, posed.courses, path::Update{{Numbered(2), Numbered(1)}}, Now());
  EXPECT_EQ(ReasonOf(turned.status()), "INVALID_FIELD") << "what was taken stands in its order";
}

TEST(PathRulesTest, WhatHasEndedTakesNothingButAnotherBody) {
  const auto ended = DecidePath(Planned(), {}, path::End{v1::PATH_END_REASON_GOAL_REACHED}, Now());
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->next.end_reason(), v1::PATH_END_REASON_GOAL_REACHED);
  EXPECT_TRUE(HasEnded(ended->next));
  for (const PathCommand& command :
       {PathCommand(path::Update{{Numbered(1)}}), PathCommand(path::TakeStep{1, std::string(kLinkedName)}),
        PathCommand(path::End{v1::PATH_END_REASON_REPLACED}), PathCommand(path::EndShare{}),
        PathCommand(path::DraftStep{1, std::string(kLinkedName), {}}),
        PathCommand(path::SendDraft{std::string(kLinkedName)}),
        PathCommand(path::GiveBack{std::string(kLinkedName)})}) {
    const auto refused = DecidePath(ended->next, {}, command, Now());
    EXPECT_EQ(ReasonOf(refused.status()), "INVALID_TRANSITION");
    EXPECT_EQ(error::MetadataOf(refused.status(), "state"), "ENDED");
  }
  const auto moved = DecidePath(ended->next, {}, path::Succeed{std::string(kThirdBody)}, Now());
  ASSERT_TRUE(moved.ok());
  EXPECT_EQ(moved->next.body(), kThirdBody);
  const auto share = DecidePath(Planned(), {}, path::EndShare{}, Now());
  EXPECT_EQ(share->next.end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
}

TEST(PathRulesTest, TimeDoesNotGoBack) {
  const auto earlier =
      DecidePath(Planned(), {}, path::End{v1::PATH_END_REASON_MOVED_AWAY}, Now() - absl::Hours(1));
  EXPECT_EQ(api::FromTimestamp(earlier->next.end_time()), Now());
}

TEST(PathRulesTest, AReferralThatIsProtectedIsForgottenAndThePathEnds) {
  PathRecord path = PosedIn(kStepUnderWay).path;
  const PathDecision step = ForgetReferral(path, kOther, Now());
  EXPECT_EQ(step.event, PathEvent::kShareEnded);
  EXPECT_EQ(step.next.end_reason(), v1::PATH_END_REASON_SHARE_ENDED);
  EXPECT_EQ(step.next.steps(1).referral(), "");
  EXPECT_EQ(step.next.referral(), kName);
  EXPECT_EQ(step.next.revision(), path.revision() + 1);
  EXPECT_EQ(StateOf(step.next.steps(1), {}), kStepPlanned) << "as if it had not been taken";
  EXPECT_EQ(ForgetReferral(path, kName, Now()).next.referral(), "");
  EXPECT_EQ(ForgetReferral(path, kName, Now()).next.steps(1).referral(), kOther);
  // It forgets it after its end, too, which stays what it was.
  *path.mutable_end_time() = api::ToTimestamp(Now());
  path.set_end_reason(v1::PATH_END_REASON_GOAL_REACHED);
  const PathDecision ended = ForgetReferral(path, kOther, Now() + absl::Hours(1));
  EXPECT_EQ(ended.event, PathEvent::kUpdate);
  EXPECT_EQ(ended.next.end_reason(), v1::PATH_END_REASON_GOAL_REACHED);
  EXPECT_EQ(api::FromTimestamp(ended.next.end_time()), Now());
  EXPECT_EQ(ended.next.steps(1).referral(), "");
}

// --- What a path rests on
TEST(PathRulesTest, SectionsGoAlongFromTheLastReferralInWhichTheBodyHoldsThem) {
  const PathRecord path = Planned();
  ReferralRecord first = RecordIn(kCompleted);
  ReferralRecord second = RecordIn(kDeclined);
  second.set_name(std::string(kOther));
  const auto from = [&](const ReferralRecord& a, const ReferralRecord& b) -> std::string {
    const std::vector<ReferralRecord> referrals = {a, b};
    const auto sources = SourcesOf(path, referrals, {v1::SECTION_KIND_DETAILS});
    return sources.ok() ? sources->front().referral->name() : ReasonOf(sources.status());
  };
  EXPECT_EQ(from(first, second), kOther) << "whatever became of it";
  ReferralRecord erased = second;
  *erased.mutable_referring_erase_time() = api::ToTimestamp(Now());
  EXPECT_EQ(from(first, erased), kName);
  ReferralRecord first_erased = first;
  *first_erased.mutable_referring_erase_time() = api::ToTimestamp(Now());
  EXPECT_EQ(from(first_erased, erased), "SHARE_ERASED");
  ReferralRecord person_erased = second;
  person_erased.add_person_erasures()->set_person(1);
  person_erased.mutable_person_erasures(0)->set_party(v1::PARTY_REFERRING);
  EXPECT_EQ(from(first, person_erased), kName);
  // A right stops all of it, in whichever referral it is marked, and whatever is left of that.
  for (ReferralRecord stopped : {first, erased}) {
    storage::v1::RightMarkRecord& mark = *stopped.add_right_marks();
    mark.set_person(1);
    mark.set_kind(v1::RIGHT_KIND_OBJECTION);
    mark.set_referring_asked(true);
    EXPECT_EQ(from(stopped, second), "DISCLOSURE_STOPPED");
    const auto refused = SourcesOf(path, {stopped, second}, {v1::SECTION_KIND_DETAILS});
    EXPECT_EQ(error::MetadataOf(refused.status(), "resource"), kPath);
    EXPECT_EQ(refused.status().message().find("referrals/"), absl::string_view::npos) << refused.status();
    mark.set_person(2);
    EXPECT_EQ(from(stopped, second), kOther) << "somebody else's";
  }
  ReferralRecord hidden = second;
  hidden.mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  EXPECT_EQ(from(first, hidden), kName);
}

TEST(PathRulesTest, EachSectionGoesAlongFromTheLastReferralThatHasIt) {
  const PathRecord path = Planned();
  const auto with = [](std::string_view name, const std::vector<v1::SectionKind>& sections) {
    ReferralRecord record = RecordIn(kCompleted);
    record.set_name(std::string(name));
    v1::Disclosure& disclosure = *record.mutable_persons(0)->mutable_disclosure();
    disclosure.clear_sections();
    for (const v1::SectionKind section : sections) disclosure.add_sections(section);
    return record;
  };
  const std::vector<ReferralRecord> referrals = {
      with(kName, {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS}),
      with(kOther, {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS}),
      with(kLinkedName, {v1::SECTION_KIND_SCREENING})};
  const auto sources = SourcesOf(
      path, referrals, {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS});
  ASSERT_TRUE(sources.ok()) << sources.status();
  ASSERT_EQ(sources->size(), 3u);
  EXPECT_EQ((*sources)[0].referral->name(), kLinkedName);
  EXPECT_THAT((*sources)[0].sections, ElementsAre(v1::SECTION_KIND_SCREENING));
  EXPECT_EQ((*sources)[1].referral->name(), kOther);
  EXPECT_THAT((*sources)[1].sections, ElementsAre(v1::SECTION_KIND_DETAILS));
  EXPECT_EQ((*sources)[2].referral->name(), kName);
  EXPECT_THAT((*sources)[2].sections, ElementsAre(v1::SECTION_KIND_ALERTS));
  // What is not asked for is taken from nowhere; who she is, the last one says.
  const auto details = SourcesOf(path, referrals, {v1::SECTION_KIND_DETAILS});
  ASSERT_TRUE(details.ok());
  ASSERT_EQ(details->size(), 2u);
  EXPECT_EQ((*details)[0].referral->name(), kLinkedName);
  EXPECT_THAT((*details)[0].sections, IsEmpty());
  EXPECT_EQ((*details)[1].referral->name(), kOther);
}

// A right that has reached the source does not reach who is sent a copy of it afterwards.
TEST(PathRulesTest, WhatIsToBePutRightDoesNotGoAlong) {
  const PathRecord path = Planned();
  std::vector<ReferralRecord> referrals = {RecordIn(kCompleted), RecordIn(kCompleted)};
  referrals[1].set_name(std::string(kOther));
  for (ReferralRecord& referral : referrals) {
    v1::Disclosure& disclosure = *referral.mutable_persons(0)->mutable_disclosure();
    disclosure.clear_sections();
    disclosure.add_sections(v1::SECTION_KIND_SCREENING);
    disclosure.add_sections(v1::SECTION_KIND_DETAILS);
    storage::v1::RightMarkRecord& mark = *referral.add_right_marks();
    mark.set_person(1);
    mark.set_kind(v1::RIGHT_KIND_RECTIFICATION);
    mark.set_referring_asked(true);
    mark.set_receiving_asked(true);
  }
  const auto sends = [&] {
    return ReasonOf(SourcesOf(path, referrals, {v1::SECTION_KIND_DETAILS}).status());
  };
  EXPECT_EQ(sends(), "RECTIFICATION_PENDING");
  storage::v1::RightMarkRecord& source = *referrals[1].mutable_right_marks(0);
  source.set_referring_answer(v1::RIGHT_ANSWER_REFUSED);
  EXPECT_EQ(sends(), "RECTIFICATION_PENDING") << "the other side may know better";
  source.set_receiving_answer(v1::RIGHT_ANSWER_REFUSED);
  EXPECT_EQ(sends(), "OK") << "it is right as it is there; nothing is taken from the first one";
  source.clear_referring_answer();
  source.set_receiving_answer(v1::RIGHT_ANSWER_RECTIFIED);
  EXPECT_EQ(sends(), "OK") << "both sides have it right by then";
  source.clear_receiving_answer();
  source.set_person(2);
  EXPECT_EQ(sends(), "OK") << "somebody else's";
  source.set_person(1);
  EXPECT_EQ(ReasonOf(SourcesOf(path, referrals, {v1::SECTION_KIND_ALERTS}).status()), "OK")
      << "nothing is sent";
}

TEST(PathRulesTest, AlertsGoAlongFromWhoOpensThemAndNamesThem) {
  v1::TakeStepRequest request;
  policy::Caller caller = Referrer();
  caller.roles = {Role::kSupervisor};
  auto sections = SectionsOfStep(request, caller);
  ASSERT_TRUE(sections.ok());
  EXPECT_THAT(*sections, ElementsAre(v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS));
  request.add_sections(v1::SECTION_KIND_ALERTS);
  EXPECT_EQ(SectionsOfStep(request, caller).status().code(), absl::StatusCode::kPermissionDenied);
  caller.roles = {Role::kSupervisor, Role::kSafeguardingOfficer};
  sections = SectionsOfStep(request, caller);
  ASSERT_TRUE(sections.ok());
  EXPECT_THAT(*sections, ElementsAre(v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_ALERTS));
  request.clear_sections();
  sections = SectionsOfStep(request, caller);
  ASSERT_TRUE(sections.ok());
  EXPECT_THAT(*sections, ElementsAre(v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS))
      << "not named, they stay where they are";
}

TEST(PathRulesTest, AReceivingBodyHoldsWhatItAcceptedAndStillOpens) {
  for (const State state : {kRequested, kAccepted, kInProgress, kCompleted, kDeclined, kCancelled}) {
    const ReferralRecord record = RecordIn(state);
    const bool opens = state == kAccepted || state == kInProgress || state == kCompleted;
    EXPECT_EQ(HoldsSections(record, kReceivingBody, 1), opens) << StateName(state);
    EXPECT_EQ(HoldsSections(record, kReferringBody, 1), true) << StateName(state);
    EXPECT_FALSE(HoldsSections(record, kThirdBody, 1));
    EXPECT_FALSE(HoldsSections(record, kReferringBody, 2)) << "no such person";
  }
}

TEST(PathRulesTest, BeginsWhereTheSectionsMayBeOpened) {
  const auto begin = [](const ReferralRecord& record, const policy::Caller& caller, Relation side) {
    return ReasonOf(CheckMayBegin(record, 1, As(caller, {side})));
  };
  EXPECT_EQ(begin(RecordIn(kRequested), Referrer(), Relation::kReferring), "OK");
  EXPECT_EQ(begin(RecordIn(kCompleted), Receiver(), Relation::kReceiving), "OK");
  EXPECT_EQ(begin(RecordIn(kRequested), Receiver(), Relation::kReceiving), "NOT_YET_DISCLOSED");
  EXPECT_EQ(begin(RecordIn(kDeclined), Receiver(), Relation::kReceiving), "ACCESS_ENDED");
  EXPECT_EQ(begin(RecordIn(kDraft), Referrer(), Relation::kReferring), "INVALID_FIELD");
  ReferralRecord erased = RecordIn(kCompleted);
  *erased.mutable_referring_erase_time() = api::ToTimestamp(Now());
  EXPECT_EQ(begin(erased, Referrer(), Relation::kReferring), "SHARE_ERASED");
  EXPECT_EQ(ReasonOf(CheckMayBegin(RecordIn(kCompleted), 7, As(Referrer(), {Relation::kReferring}))),
            "INVALID_FIELD");
  ReferralRecord hidden = RecordIn(kCompleted);
  hidden.mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  EXPECT_EQ(begin(hidden, Referrer(), Relation::kReferring), "PROTECTED_IS_UNLINKED");
  ReferralRecord stopped = RecordIn(kCompleted);
  stopped.add_right_marks()->set_person(1);
  stopped.mutable_right_marks(0)->set_kind(v1::RIGHT_KIND_WITHDRAWAL);
  stopped.mutable_right_marks(0)->set_referring_asked(true);
  EXPECT_EQ(begin(stopped, Referrer(), Relation::kReferring), "DISCLOSURE_STOPPED");
}

// --- Who
TEST(PathRulesTest, ItIsThereForSupervisorsAndForWhoHasOneOfItsReferrals) {
  const PathRecord path = Planned();
  ReferralRecord began = RecordIn(kCompleted);
  ReferralRecord step = RecordIn(kRequested);
  step.set_name(std::string(kOther));
  step.mutable_referring()->set_unit("bodies/es-fuenlabrada/units/housing");
  step.mutable_referring()->set_assignee("p-assigned");
  const std::vector<ReferralRecord> referrals = {began, step};
  policy::Caller caller{
      .body = std::string(kReferringBody), .actor = "p", .roles = {Role::kCaseworker}, .units = {}};
  const auto may = [&] {
    return policy::Authorize(kGetPath, caller, RelationsToPath(path, referrals, caller), kPath).ok();
  };
  EXPECT_FALSE(may());
  EXPECT_TRUE(RelationsToPath(path, referrals, caller).empty()) << "it does not exist for her";
  caller.units = {std::string(kReferringUnit)};
  EXPECT_TRUE(may()) << "of the referral that it began from";
  caller.units = {"bodies/es-fuenlabrada/units/housing"};
  EXPECT_TRUE(may()) << "of a step";
  const v1::Path shown = ToPath(path, {}, referrals, caller);
  EXPECT_EQ(shown.referral(), "") << "of another unit: not hers to read";
  caller.units = {};
  caller.actor = "p-assigned";
  EXPECT_TRUE(may());
  caller.body = std::string(kReceivingBody);
  EXPECT_TRUE(RelationsToPath(path, referrals, caller).empty()) << "the same pseudonym of another body";
  caller.roles = {Role::kSupervisor};
  EXPECT_TRUE(RelationsToPath(path, referrals, caller).empty()) << "the other side does not know of it";
  caller.body = std::string(kReferringBody);
  EXPECT_TRUE(may());
  EXPECT_EQ(ToPath(path, {}, referrals, caller).referral(), kName);
}

TEST(PathRulesTest, NamesHaveAForm) {
  EXPECT_TRUE(IsPathName(kPath));
  EXPECT_FALSE(IsPathName("paths/"));
  EXPECT_FALSE(IsPathName(kName));
}

}  // namespace
}  // namespace waypost::referral
