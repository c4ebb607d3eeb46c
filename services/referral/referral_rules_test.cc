#include "services/referral/referral_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using testing::After;
using ::testing::Contains;
using testing::DecideBy;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Now;
using testing::RecordIn;

constexpr Actor kReferring = Actor::kReferring;
constexpr Actor kReceiving = Actor::kReceiving;
constexpr Actor kSystem = Actor::kSystem;
using storage::v1::RECEIVER_ACCESS_CUT;
using storage::v1::RECEIVER_ACCESS_ENDED;
using storage::v1::RECEIVER_ACCESS_FULL;
using storage::v1::RECEIVER_ACCESS_NONE;
using storage::v1::RECEIVER_ACCESS_SCREENING;

std::string Reason(const absl::StatusOr<Decision>& decision) {
  return error::ReasonOf(decision.status());
}

absl::Time DueTime(const ReferralRecord& record) {
  return api::FromTimestamp(record.due().time());
}

// --- Submitting ------------------------------------------------------------------------------------------

std::shared_ptr<const command::Create> Shared(command::Create create) {
  return std::make_shared<const command::Create>(std::move(create));
}

TEST(Submit, SendsADraft) {
  const ReferralRecord draft = RecordIn(kDraft);
  EXPECT_EQ(draft.receiver_access(), RECEIVER_ACCESS_NONE);
  const auto decision = DecideBy(kReferring, draft, testing::CommandFor(Event::kSubmit));
  ASSERT_TRUE(decision.ok()) << decision.status();
  const ReferralRecord& next = decision->next;
  EXPECT_EQ(next.state(), kRequested);
  EXPECT_EQ(next.receiver_access(), RECEIVER_ACCESS_SCREENING);
  EXPECT_EQ(next.persons(0).disclosure().recipient(), testing::kReceivingBody);
  EXPECT_EQ(next.coordinating_body(), testing::kCoordinatingBody);
  EXPECT_EQ(next.case_holding_body(), testing::kReferringBody);
  EXPECT_EQ(decision->effects, Effects{Effect::kOpenScreening});
  EXPECT_EQ(api::FromTimestamp(next.submit_time()), Now());
}

TEST(Submit, InOneStepIsTheSameAsByADraft) {
  command::Submit submit{Shared(testing::CreateCommand()), false, std::string(testing::kCoordinatingBody)};
  const ReferralRecord direct = After(kReferring, ReferralRecord(), submit);
  ReferralRecord by_draft = After(kReferring, ReferralRecord(), testing::CreateCommand());
  by_draft = After(kReferring, by_draft, testing::CommandFor(Event::kSubmit));
  by_draft.set_revision(1);
  EXPECT_EQ(direct.DebugString(), by_draft.DebugString());
}

TEST(Submit, NeedsADraftOrANewReferral) {
  EXPECT_EQ(Reason(DecideBy(kReferring, ReferralRecord(), command::Submit{})), "INVALID_FIELD");
  command::Submit both{Shared(testing::CreateCommand()), false, ""};
  EXPECT_EQ(Reason(DecideBy(kReferring, RecordIn(kDraft), both)), "INVALID_FIELD");
}

TEST(Submit, TellsEverythingThatIsMissingAtOnce) {
  command::Create create;
  create.name = testing::kName;
  create.referral.add_persons()->set_number(1);
  const ReferralRecord draft = After(kReferring, ReferralRecord(), create);
  const auto decision = DecideBy(kReferring, draft, command::Submit{});
  ASSERT_EQ(Reason(decision), "REFERRAL_INCOMPLETE");
  EXPECT_EQ(decision.status().code(), absl::StatusCode::kFailedPrecondition);
  const auto missing = error::ViolationsOf(decision.status());
  for (const std::string field :
       {"theme", "priority", "territory", "receiving.body", "persons[0].age_band", "persons[0].agreement",
        "persons[0].secrecy_release", "persons[0].disclosure.purpose", "persons[0].disclosure.retention_rule",
        "persons[0].disclosure.referring_basis.article_6", "persons[0].disclosure.receiving_basis.article_6",
        "persons[0].disclosure.informed_how", "sections"}) {
    EXPECT_THAT(missing, Contains(HasSubstr(field + ": "))) << field;
  }
}

TEST(Submit, NeedsAPerson) {
  command::Create create = testing::CreateCommand();
  create.referral.clear_persons();
  create.filled.clear();
  const auto decision = DecideBy(kReferring, ReferralRecord(), command::Submit{Shared(create), false, ""});
  EXPECT_THAT(error::ViolationsOf(decision.status()), Contains("persons: at least one is required"));
}

TEST(Submit, AnEmergencyNeedsATelephoneHandOverToTheReceivingBody) {
  command::Create create = testing::CreateCommand();
  create.referral.set_priority(v1::PRIORITY_EMERGENCY);
  const auto submit = [&] {
    return DecideBy(kReferring, ReferralRecord(), command::Submit{Shared(create), false, ""});
  };
  EXPECT_THAT(error::ViolationsOf(submit().status()), Contains(HasSubstr("telephone_handover: ")));
  v1::TelephoneHandover& call = *create.referral.mutable_telephone_handover();
  *call.mutable_time() = api::ToTimestamp(Now() + absl::Minutes(1));
  call.set_unit(std::string(testing::kThirdUnit));
  EXPECT_THAT(error::ViolationsOf(submit().status()), ::testing::SizeIs(2));
  *call.mutable_time() = api::ToTimestamp(Now());
  call.set_unit(std::string(testing::kReceivingUnit));
  ASSERT_TRUE(submit().ok()) << submit().status();
  EXPECT_EQ(DueTime(submit()->next), Now() + absl::Hours(24));
}

TEST(Submit, TheReceivingBodyIsAnotherBody) {
  command::Create create = testing::CreateCommand();
  create.referral.mutable_receiving()->set_body(std::string(testing::kReferringBody));
  create.referral.mutable_receiving()->clear_unit();
  EXPECT_EQ(Reason(DecideBy(kReferring, ReferralRecord(), create)), "INVALID_FIELD");
}

TEST(Submit, UnitsBelongToTheirBodies) {
  for (const bool referring : {true, false}) {
    command::Create create = testing::CreateCommand();
    auto& side = referring ? *create.referral.mutable_referring() : *create.referral.mutable_receiving();
    side.set_unit(std::string(testing::kThirdUnit));
    EXPECT_EQ(Reason(DecideBy(kReferring, ReferralRecord(), create)), "INVALID_FIELD");
    side.set_unit("bodies/es-fuenlabrada-norte/units/u1");  // a longer name of a body is another body
    EXPECT_EQ(Reason(DecideBy(kReferring, ReferralRecord(), create)), "INVALID_FIELD");
  }
}

// --- A second person -------------------------------------------------------------------------------------

ReferralRecord DraftAgainstTheWish() {
  command::Create create = testing::CreateCommand();
  v1::Person& person = *create.referral.mutable_persons(0);
  person.set_agreement(v1::AGREEMENT_REFUSED);
  person.mutable_disclosure()->set_override_ground(v1::OVERRIDE_GROUND_CHILD_AT_RISK);
  return After(kReferring, ReferralRecord(), create);
}

absl::StatusOr<Decision> ByOther(const ReferralRecord& record, const Command& command) {
  const policy::Caller other = testing::CallerOf(testing::kReferringBody, "p-second");
  return Decide(record, command, testing::As(other, {policy::Relation::kReferring}), Now());
}

TEST(Approve, ADisclosureAgainstThePersonsWishNeedsASecondPerson) {
  const ReferralRecord draft = DraftAgainstTheWish();
  EXPECT_EQ(Reason(DecideBy(kReferring, draft, command::Submit{})), "APPROVAL_MISSING");
  EXPECT_EQ(Reason(DecideBy(kReferring, draft, command::Approve{})), "SECOND_PERSON_REQUIRED");
  const auto approved = ByOther(draft, command::Approve{});
  ASSERT_TRUE(approved.ok()) << approved.status();
  const auto sent = DecideBy(kReferring, approved->next, command::Submit{});
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_FALSE(sent->next.has_approval()) << "used up";
}

TEST(Approve, NobodyWhoWroteTheDraftApprovesIt) {
  const policy::Caller second = testing::CallerOf(testing::kReferringBody, "p-second");
  const auto as_second = testing::As(second, {policy::Relation::kReferring});
  const auto changed = Decide(DraftAgainstTheWish(), testing::CommandFor(Event::kUpdate), as_second, Now());
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(Reason(DecideBy(kReferring, changed->next, command::Approve{})), "SECOND_PERSON_REQUIRED")
      << "who wrote it first";
  EXPECT_EQ(Reason(ByOther(changed->next, command::Approve{})), "SECOND_PERSON_REQUIRED")
      << "who wrote it last";
  const policy::Caller other = testing::CallerOf(testing::kReferringBody, "p-third");
  EXPECT_TRUE(
      Decide(changed->next, command::Approve{}, testing::As(other, {policy::Relation::kReferring}), Now())
          .ok());
}

TEST(Approve, IsGoneWithTheNextChange) {
  const auto approved = ByOther(DraftAgainstTheWish(), command::Approve{});
  const ReferralRecord changed = After(kReferring, approved->next, testing::CommandFor(Event::kUpdate));
  EXPECT_EQ(Reason(DecideBy(kReferring, changed, command::Submit{})), "APPROVAL_MISSING");
}

TEST(Approve, ABodyCanRequireItOfAll) {
  const ReferralRecord draft = RecordIn(kDraft);
  const command::Submit submit{{}, true, ""};
  EXPECT_EQ(Reason(DecideBy(kReferring, draft, submit)), "APPROVAL_MISSING");
  const auto approved = ByOther(draft, command::Approve{});
  EXPECT_TRUE(DecideBy(kReferring, approved->next, submit).ok());
}

TEST(Approve, SecrecyThatNobodyReleasedNeedsItToo) {
  command::Create create = testing::CreateCommand();
  create.referral.mutable_persons(0)->set_secrecy_release(v1::SECRECY_RELEASE_NOT_RELEASED);
  const auto no_ground = DecideBy(kReferring, ReferralRecord(), command::Submit{Shared(create), false, ""});
  EXPECT_THAT(error::ViolationsOf(no_ground.status()), Contains(HasSubstr("override_ground")));
  create.referral.mutable_persons(0)->mutable_disclosure()->set_override_ground(
      v1::OVERRIDE_GROUND_COURT_ORDER);
  EXPECT_EQ(Reason(DecideBy(kReferring, ReferralRecord(), command::Submit{Shared(create), false, ""})),
            "APPROVAL_MISSING");
}

TEST(Approve, AHandOverAgainstTheWishNeedsAnotherPersonOfTheReceivingSide) {
  ReferralRecord record = RecordIn(kInProgress);
  record.mutable_persons(0)->set_agreement(v1::AGREEMENT_REFUSED);
  command::HandOver hand_over{testing::ToThird()};
  hand_over.to.disclosures[0].mutable_disclosure()->set_override_ground(v1::OVERRIDE_GROUND_CHILD_AT_RISK);
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, hand_over)), "APPROVAL_MISSING");
  const ReferralRecord by_referring = After(kReferring, record, command::Approve{});
  EXPECT_EQ(Reason(DecideBy(kReceiving, by_referring, hand_over)), "APPROVAL_MISSING") << "the other side's";
  const ReferralRecord by_same_person = After(kReceiving, record, command::Approve{});
  EXPECT_EQ(Reason(DecideBy(kReceiving, by_same_person, hand_over)), "APPROVAL_MISSING")
      << "the caller's own";
  const policy::Caller second = testing::CallerOf(testing::kReceivingBody, "p-second");
  const auto approved =
      Decide(record, command::Approve{}, testing::As(second, {policy::Relation::kReceiving}), Now());
  EXPECT_TRUE(DecideBy(kReceiving, approved->next, hand_over).ok());
}

// Every approval that there may be.
enum class ApprovedBy { kNobody, kCaller, kColleague, kOtherSide };

ReferralRecord Approved(const ReferralRecord& record, Actor sender, ApprovedBy by) {
  if (by == ApprovedBy::kNobody) return record;
  if (by == ApprovedBy::kCaller) return After(sender, record, command::Approve{});
  const bool of_referring = (sender == kReferring) == (by == ApprovedBy::kColleague);
  const policy::Caller second =
      testing::CallerOf(of_referring ? testing::kReferringBody : testing::kReceivingBody, "p-second");
  const auto relation = of_referring ? policy::Relation::kReferring : policy::Relation::kReceiving;
  return Decide(record, command::Approve{}, testing::As(second, {relation}), Now())->next;
}

// `command`, where the directory says so of whoever sends.
Command Requiring(bool required, Command command) {
  if (auto* const confirm = std::get_if<command::ConfirmForward>(&command)) {
    confirm->to.approval_required = required;
  } else if (auto* const hand_over = std::get_if<command::HandOver>(&command)) {
    hand_over->to.approval_required = required;
  } else {
    std::get<command::Reopen>(command).approval_required = required;
  }
  return command;
}

TEST(Approve, WhatABodySendsOnOrAgainIsApprovedWhereItRequiresThat) {
  struct Way {
    Event event;
    State from;
    Actor by;
    bool sends = true;
  };
  constexpr Way kWays[] = {{Event::kConfirmForward, kAcknowledged, kReferring},
                           {Event::kHandOver, kInProgress, kReceiving},
                           {Event::kReopen, kCompleted, kReferring},
                           // It goes on where it was.
                           {Event::kReopen, kCompleted, kReceiving, false}};
  for (const Way& way : kWays) {
    const ReferralRecord record = testing::RecordReadyFor(way.from, way.event, way.by);
    for (const bool required : {false, true}) {
      const Command command = Requiring(required, testing::CommandFor(way.event, way.by));
      for (const ApprovedBy approved :
           {ApprovedBy::kNobody, ApprovedBy::kCaller, ApprovedBy::kColleague, ApprovedBy::kOtherSide}) {
        SCOPED_TRACE(base::Cat(EventName(way.event), " ", static_cast<int>(way.by), " ", required ? 1 : 0,
                               " ", static_cast<int>(approved)));
        const auto decision = DecideBy(way.by, Approved(record, way.by, approved), command);
        const bool suffices = !required || !way.sends || approved == ApprovedBy::kColleague;
        EXPECT_EQ(Reason(decision), suffices ? "" : "APPROVAL_MISSING");
        if (suffices && way.sends) {
          ASSERT_TRUE(decision.ok());
          EXPECT_EQ(ApprovalOf(decision->next, v1::PARTY_REFERRING), nullptr) << "used up";
          EXPECT_EQ(ApprovalOf(decision->next, v1::PARTY_RECEIVING), nullptr) << "used up";
        }
      }
    }
  }
}

TEST(Approve, AForwardIsApprovedOnceItIsProposed) {
  const Command confirm = Requiring(true, testing::CommandFor(Event::kConfirmForward));
  const Command to_third = testing::CommandFor(Event::kProposeForward);
  const Command to_fourth = command::ProposeForward{std::string(testing::kFourthBody), "", ""};
  const auto approved = [](const ReferralRecord& record) {
    return Approved(record, kReferring, ApprovedBy::kColleague);
  };
  for (const State state : {kRequested, kAcknowledged, kNeedsInfo, kWaitlisted}) {
    SCOPED_TRACE(StateName(state));
    const ReferralRecord record = RecordIn(state);
    const ReferralRecord before = After(kReceiving, approved(record), to_third);
    EXPECT_EQ(Reason(DecideBy(kReferring, before, confirm)), "APPROVAL_MISSING") << "of nothing proposed";
    const ReferralRecord other = After(kReceiving, approved(After(kReceiving, record, to_fourth)), to_third);
    EXPECT_EQ(Reason(DecideBy(kReferring, other, confirm)), "APPROVAL_MISSING") << "of another recipient";
    const ReferralRecord after = approved(After(kReceiving, other, to_third));
    EXPECT_EQ(Reason(DecideBy(kReferring, after, confirm)), "");
  }
}

TEST(Approve, EachSideHasItsOwn) {
  ReferralRecord record = testing::RecordReadyFor(kAcknowledged, Event::kConfirmForward, kReferring);
  record.mutable_persons(0)->set_agreement(v1::AGREEMENT_REFUSED);
  command::NewRecipient to = testing::ToThird();
  to.disclosures[0].mutable_disclosure()->set_override_ground(v1::OVERRIDE_GROUND_CHILD_AT_RISK);
  const command::ConfirmForward confirm{to};
  const command::ForwardByDuty by_duty{to, "es/ley-40-2015/art-14"};
  for (const Actor first : {kReferring, kReceiving}) {
    const Actor second = first == kReferring ? kReceiving : kReferring;
    const ReferralRecord one = Approved(record, first, ApprovedBy::kColleague);
    EXPECT_EQ(Reason(DecideBy(kReferring, one, confirm)), first == kReferring ? "" : "APPROVAL_MISSING");
    EXPECT_EQ(Reason(DecideBy(kReceiving, one, by_duty)), first == kReceiving ? "" : "APPROVAL_MISSING");
    const ReferralRecord both = Approved(one, second, ApprovedBy::kColleague);
    EXPECT_EQ(Reason(DecideBy(kReferring, both, confirm)), "");
    EXPECT_EQ(Reason(DecideBy(kReceiving, both, by_duty)), "");
  }
}

TEST(Approve, TheReceivingSidesCountsWhereARecordHasItInPlaceOfTheOtherOnes) {
  ReferralRecord record = RecordIn(kInProgress);
  record.mutable_approval()->set_actor("p-second");
  record.mutable_approval()->set_party(v1::PARTY_RECEIVING);
  const Command hand_over = Requiring(true, testing::CommandFor(Event::kHandOver));
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, hand_over)), "");
  EXPECT_EQ(ApprovalOf(record, v1::PARTY_REFERRING), nullptr);
}

TEST(Approve, IsErasedWithTheShareOfItsSide) {
  for (const Actor by : {kReferring, kReceiving}) {
    ReferralRecord record = Approved(RecordIn(kCompleted), kReferring, ApprovedBy::kColleague);
    record = Approved(record, kReceiving, ApprovedBy::kColleague);
    const ReferralRecord erased = After(by, record, command::Erase{});
    EXPECT_EQ(ApprovalOf(erased, v1::PARTY_REFERRING) == nullptr, by == kReferring);
    EXPECT_EQ(ApprovalOf(erased, v1::PARTY_RECEIVING) == nullptr, by == kReceiving);
  }
}

TEST(Approve, WithinOneBodyAColleagueOfEitherSideIsASecondPerson) {
  ReferralRecord record = RecordIn(kInProgress);
  record.mutable_receiving()->set_body(std::string(testing::kReferringBody));
  record.mutable_receiving()->clear_unit();
  const Command hand_over = Requiring(true, testing::CommandFor(Event::kHandOver));
  const auto decide = [&](const ReferralRecord& current, const Command& command, std::string_view actor) {
    const policy::Caller caller = testing::CallerOf(testing::kReferringBody, actor);
    return Decide(current, command,
                  testing::As(caller, {policy::Relation::kReferring, policy::Relation::kReceiving}), Now());
  };
  EXPECT_EQ(Reason(decide(record, hand_over, "p-eva")), "APPROVAL_MISSING");
  const auto approved = decide(record, command::Approve{}, "p-second");
  ASSERT_TRUE(approved.ok()) << approved.status();
  EXPECT_EQ(Reason(decide(approved->next, hand_over, "p-second")), "APPROVAL_MISSING");
  EXPECT_EQ(Reason(decide(approved->next, hand_over, "p-eva")), "");
}

// --- Drafts ----------------------------------------------------------------------------------------------

TEST(Update, ChangesOnlyWhatTheMaskNames) {
  const ReferralRecord draft = RecordIn(kDraft);
  command::Update update{testing::CompleteReferral(), {}, {"priority", "territory"}};
  update.referral.set_priority(v1::PRIORITY_URGENT);
  update.referral.set_territory("ES30");
  update.referral.set_theme(type::v1::THEME_HOUSING);
  const ReferralRecord next = After(kReferring, draft, update);
  EXPECT_EQ(next.priority(), v1::PRIORITY_URGENT);
  EXPECT_EQ(next.territory(), "ES30");
  EXPECT_EQ(next.theme(), type::v1::THEME_LANGUAGE);
}

TEST(Update, APersonKeepsTheSectionsThatWereFilledIn) {
  const ReferralRecord draft = RecordIn(kDraft);
  ASSERT_FALSE(draft.persons(0).disclosure().fields().empty());
  command::Update update{testing::CompleteReferral(), {}, {"persons"}};
  update.referral.mutable_persons(0)->mutable_disclosure()->add_fields("made.up");
  update.referral.mutable_persons(0)->mutable_disclosure()->set_recipient("bodies/made-up");
  *update.referral.mutable_persons(0)->mutable_outcome() = testing::PositiveOutcome();
  const ReferralRecord next = After(kReferring, draft, update);
  EXPECT_EQ(next.persons(0).DebugString(), draft.persons(0).DebugString());
}

TEST(Update, NamesThePersonsThatAreGone) {
  command::Create create = testing::CreateCommand();
  *create.referral.add_persons() = testing::CompletePerson(2);
  const ReferralRecord draft = After(kReferring, ReferralRecord(), create);
  const auto decision =
      DecideBy(kReferring, draft, command::Update{testing::CompleteReferral(), {}, {"persons"}});
  ASSERT_TRUE(decision.ok());
  EXPECT_THAT(decision->removed_persons, ::testing::ElementsAre(2));
}

TEST(Update, TakesNothingAwayThatIsUnderALegalHold) {
  const ReferralRecord held = After(kReferring, RecordIn(kDraft), testing::CommandFor(Event::kPlaceHold));
  const command::Update persons{testing::CompleteReferral(), {}, {"persons"}};
  EXPECT_EQ(Reason(DecideBy(kReferring, held, persons)), "LEGAL_HOLD");
  const command::Update sections{{}, {{1, {v1::SECTION_KIND_ALERTS}, {"alerts.alerts"}}}, {"sections"}};
  EXPECT_EQ(Reason(DecideBy(kReferring, held, sections)), "LEGAL_HOLD");
  EXPECT_TRUE(DecideBy(kReferring, held, testing::CommandFor(Event::kUpdate)).ok());
}

TEST(Update, SectionsReplaceThoseOfThePersonsNamed) {
  command::Update update{{}, {{1, {v1::SECTION_KIND_ALERTS}, {"alerts.alerts"}}}, {"sections"}};
  const ReferralRecord next = After(kReferring, RecordIn(kDraft), update);
  EXPECT_THAT(next.persons(0).disclosure().fields(), ::testing::ElementsAre("alerts.alerts"));
  EXPECT_THAT(next.persons(0).disclosure().sections(), ::testing::ElementsAre(v1::SECTION_KIND_ALERTS));
  update.filled[0].person = 7;
  EXPECT_EQ(Reason(DecideBy(kReferring, RecordIn(kDraft), update)), "INVALID_FIELD");
}

// --- Due times -------------------------------------------------------------------------------------------

TEST(Due, EachStepHasItsClock) {
  const absl::Duration two_weeks = absl::Hours(24 * 14);
  ReferralRecord record = RecordIn(kRequested);
  EXPECT_EQ(record.due().clock(), v1::CLOCK_ACKNOWLEDGE);
  EXPECT_EQ(record.due().party(), v1::PARTY_RECEIVING);
  EXPECT_EQ(DueTime(record), Now() - absl::Hours(1) + two_weeks);
  record = After(kReceiving, record, command::Acknowledge{});
  EXPECT_EQ(record.due().clock(), v1::CLOCK_DECIDE);
  EXPECT_EQ(DueTime(record), Now() + two_weeks);
  record = After(kReceiving, record, command::Accept{});
  EXPECT_EQ(record.due().clock(), v1::CLOCK_START);
  EXPECT_EQ(DueTime(record), Now() + two_weeks);
  record = After(kReceiving, record, command::Start{});
  EXPECT_FALSE(record.has_due());
}

TEST(Due, StepTimesFollowPriority) {
  EXPECT_EQ(ClockTable::Standard().StepTime(type::v1::THEME_HOUSING, v1::PRIORITY_EMERGENCY),
            absl::Hours(24));
  EXPECT_EQ(ClockTable::Standard().StepTime(type::v1::THEME_HOUSING, v1::PRIORITY_URGENT), absl::Hours(72));
  EXPECT_EQ(ClockTable::Standard().StepTime(type::v1::THEME_HOUSING, v1::PRIORITY_NORMAL),
            absl::Hours(24 * 14));
}

TEST(Due, AQuestionRestsTheReceiversClockAndRunsTheReferrers) {
  const ReferralRecord before = RecordIn(kAcknowledged);
  const ReferralRecord asked = After(kReceiving, before, command::RequestInformation{});
  EXPECT_EQ(asked.due().clock(), v1::CLOCK_INFORMATION);
  EXPECT_EQ(asked.due().party(), v1::PARTY_REFERRING);
  const absl::Duration rest = absl::Hours(50);
  for (const bool answered : {true, false}) {
    const ReferralRecord after = answered
                                     ? After(kReferring, asked, command::ProvideInformation{}, Now() + rest)
                                     : After(kSystem, asked, command::InformationLapse{}, Now() + rest);
    EXPECT_EQ(after.state(), kAcknowledged);
    EXPECT_EQ(after.due().clock(), v1::CLOCK_DECIDE);
    EXPECT_EQ(DueTime(after), DueTime(before) + rest);
    EXPECT_FALSE(after.has_paused_due());
  }
}

TEST(Due, AnswersReturnToWhereItWas) {
  const ReferralRecord asked = After(kReceiving, RecordIn(kRequested), command::RequestInformation{});
  EXPECT_EQ(After(kReferring, asked, command::ProvideInformation{}).state(), kRequested);
}

TEST(Due, ReviewsAndOffersAreAhead) {
  const absl::Time past = Now() - absl::Seconds(1);
  const absl::Time far = Now() + kMaxReviewAhead + absl::Hours(1);
  for (const absl::Time time : {past, Now(), far}) {
    EXPECT_EQ(Reason(DecideBy(kReceiving, RecordIn(kRequested), command::Waitlist{time})), "INVALID_FIELD");
    EXPECT_EQ(Reason(DecideBy(kReceiving, RecordIn(kWaitlisted), command::OfferPlace{time})),
              "INVALID_FIELD");
    EXPECT_EQ(Reason(DecideBy(kReceiving, RecordIn(kInProgress),
                              command::Hold{v1::HOLD_REASON_WAITING_FOR_PERSON, time})),
              "INVALID_FIELD");
  }
  EXPECT_EQ(Reason(DecideBy(kReceiving, RecordIn(kWaitlisted),
                            command::OfferPlace{Now() + kMaxOfferAhead + absl::Seconds(1)})),
            "INVALID_FIELD");
}

TEST(Due, NeverGoesBackInTime) {
  const ReferralRecord record = RecordIn(kRequested);
  const absl::Time earlier = Now() - absl::Hours(5);
  const ReferralRecord next = After(kReceiving, record, command::Acknowledge{}, earlier);
  EXPECT_EQ(api::FromTimestamp(next.update_time()), api::FromTimestamp(record.update_time()));
}

// --- Questions, places -----------------------------------------------------------------------------------

TEST(Question, IsAskedTwiceAtMost) {
  ReferralRecord record = RecordIn(kAcknowledged);
  for (int i = 0; i < 2; ++i) {
    record = After(kReceiving, record, command::RequestInformation{});
    record = After(kReferring, record, command::ProvideInformation{});
  }
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, command::RequestInformation{})), "TOO_MANY_QUESTIONS");
}

TEST(Place, TakenIsAcceptedByTheReceivingBody) {
  const ReferralRecord taken = After(kReferring, RecordIn(kOffered), command::TakePlace{});
  EXPECT_EQ(taken.state(), kOffered);
  EXPECT_TRUE(taken.place_taken());
  EXPECT_EQ(taken.due().party(), v1::PARTY_RECEIVING);
  EXPECT_EQ(After(kReceiving, taken, command::Accept{}).state(), kAccepted);
  EXPECT_FALSE(After(kReferring, taken, command::StayOnList{}).place_taken());
}

TEST(Place, LeavingTheListEndsAccess) {
  const auto decision = DecideBy(kReferring, RecordIn(kOffered), command::LeaveList{});
  EXPECT_EQ(decision->next.state(), kCancelled);
  EXPECT_EQ(decision->next.cancel_reason(), v1::CANCEL_REASON_PLACE_REFUSED);
  EXPECT_TRUE(decision->effects.Has(Effect::kCloseReceiver));
}

// --- Accepting, holding, ending --------------------------------------------------------------------------

TEST(Accept, OpensEverythingAndTakesTheCase) {
  for (const State state : {kRequested, kAcknowledged, kNeedsInfo, kWaitlisted, kOffered}) {
    const auto decision = DecideBy(kReceiving, RecordIn(state), command::Accept{});
    ASSERT_TRUE(decision.ok());
    EXPECT_EQ(decision->effects, Effects{Effect::kOpenAll});
    EXPECT_EQ(decision->next.receiver_access(), RECEIVER_ACCESS_FULL);
    EXPECT_EQ(decision->next.case_holding_body(), testing::kReceivingBody);
    EXPECT_FALSE(decision->next.has_paused_due());
  }
}

TEST(Accept, MayNameAnAppointmentAndAUnit) {
  command::Accept accept;
  accept.appointment.emplace();
  *accept.appointment->mutable_time() = api::ToTimestamp(Now() + absl::Hours(48));
  accept.appointment->set_zone("Europe/Madrid");
  accept.unit = "bodies/es-madrid/units/language";
  const ReferralRecord next = After(kReceiving, RecordIn(kRequested), accept);
  ASSERT_EQ(next.appointments_size(), 1);
  EXPECT_EQ(next.appointments(0).number(), 1u);
  EXPECT_EQ(next.appointments(0).status(), v1::APPOINTMENT_STATUS_SCHEDULED);
  EXPECT_EQ(next.receiving().unit(), "bodies/es-madrid/units/language");
  accept.unit = testing::kThirdUnit;
  EXPECT_EQ(Reason(DecideBy(kReceiving, RecordIn(kRequested), accept)), "INVALID_FIELD");
}

TEST(CaseHolder, IsExactlyOneBodyInEveryState) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const ReferralRecord record = RecordIn(state);
    const bool receiving = state == kAccepted || state == kInProgress || state == kOnHold ||
                           state == kCancelRequested || state == kCompleted;
    EXPECT_EQ(record.case_holding_body(), receiving ? testing::kReceivingBody : testing::kReferringBody)
        << StateName(state);
  }
}

TEST(CaseHolder, AWishToCancelLeavesItWhereItWas) {
  const ReferralRecord undecided =
      After(kReferring, RecordIn(kAcknowledged), command::Cancel{v1::CANCEL_REASON_NEED_MET});
  EXPECT_EQ(undecided.state(), kCancelRequested);
  EXPECT_EQ(undecided.case_holding_body(), testing::kReferringBody);
}

TEST(Access, EndsWithEveryEndButCompletion) {
  for (const State state : {kDeclined, kForwarded, kEndedWithoutResult, kCancelled, kLapsed}) {
    EXPECT_EQ(RecordIn(state).receiver_access(), RECEIVER_ACCESS_ENDED) << StateName(state);
  }
  EXPECT_EQ(RecordIn(kCompleted).receiver_access(), RECEIVER_ACCESS_FULL);
  const auto complete = DecideBy(kReceiving, RecordIn(kInProgress), testing::CommandFor(Event::kComplete));
  EXPECT_TRUE(complete->effects.empty());
  const auto end = DecideBy(kReceiving, RecordIn(kInProgress), testing::CommandFor(Event::kEndWithoutResult));
  EXPECT_EQ(end->effects, Effects{Effect::kCloseReceiver});
}

TEST(Access, ADraftThatIsCancelledNeverHadAny) {
  const auto decision = DecideBy(kReferring, RecordIn(kDraft), command::Cancel{v1::CANCEL_REASON_NEED_MET});
  EXPECT_TRUE(decision->effects.empty());
  EXPECT_EQ(decision->next.receiver_access(), RECEIVER_ACCESS_NONE);
}

TEST(Finish, EveryPersonNeedsAnOutcome) {
  ReferralRecord record = RecordIn(kInProgress);
  *record.add_persons() = testing::CompletePerson(2);
  const auto decision =
      DecideBy(kReceiving, record, command::Complete{testing::Outcomes(testing::PositiveOutcome())});
  EXPECT_THAT(error::ViolationsOf(decision.status()), Contains("outcomes: person 2 has no outcome"));
}

TEST(Finish, OutcomesAreKeptAndFollowUpsAreDue) {
  v1::Outcome outcome = testing::PositiveOutcome();
  outcome.set_follow_up_date("2026-08-01");
  const ReferralRecord next =
      After(kReceiving, RecordIn(kInProgress), command::Complete{testing::Outcomes(outcome)});
  EXPECT_EQ(next.persons(0).outcome().DebugString(), outcome.DebugString());
  EXPECT_EQ(next.due().clock(), v1::CLOCK_FOLLOW_UP);
  EXPECT_EQ(absl::FormatTime("%Y-%m-%d", DueTime(next), absl::UTCTimeZone()), "2026-08-01");
  EXPECT_FALSE(RecordIn(kCompleted).has_due());
}

TEST(Finish, OfWhatWasToBeCancelledOnlyWhereItWasAccepted) {
  ReferralRecord undecided =
      After(kReferring, RecordIn(kAcknowledged), command::Cancel{v1::CANCEL_REASON_NEED_MET});
  EXPECT_EQ(Reason(DecideBy(kReceiving, undecided, testing::CommandFor(Event::kComplete))), "NEVER_ACCEPTED");
  EXPECT_EQ(Reason(DecideBy(kReceiving, undecided, testing::CommandFor(Event::kEndWithoutResult))),
            "NEVER_ACCEPTED");
  const ReferralRecord finished =
      After(kReceiving, RecordIn(kCancelRequested), testing::CommandFor(Event::kComplete));
  EXPECT_EQ(finished.cancel_reason(), v1::CANCEL_REASON_UNSPECIFIED);
}

TEST(Cancel, RefusedGoesBackToWhereItWasFromEveryState) {
  for (const State state : {kAcknowledged, kNeedsInfo, kAccepted, kInProgress, kOnHold}) {
    const ReferralRecord before = RecordIn(state);
    const ReferralRecord asked = After(kReferring, before, command::Cancel{v1::CANCEL_REASON_NEED_MET});
    EXPECT_EQ(asked.due().clock(), v1::CLOCK_CANCEL);
    EXPECT_EQ(asked.due().party(), v1::PARTY_RECEIVING);
    const ReferralRecord after = After(kReceiving, asked, command::RefuseCancel{});
    EXPECT_EQ(after.state(), state);
    EXPECT_EQ(after.due().DebugString(), before.due().DebugString());
    EXPECT_EQ(after.cancel_reason(), v1::CANCEL_REASON_UNSPECIFIED);
    EXPECT_EQ(after.case_holding_body(), before.case_holding_body());
    EXPECT_EQ(after.hold_reason(), before.hold_reason());
  }
}

TEST(Cancel, AQuestionStillKnowsItsWayBackAfterwards) {
  ReferralRecord record =
      After(kReferring, RecordIn(kNeedsInfo), command::Cancel{v1::CANCEL_REASON_NEED_MET});
  record = After(kReceiving, record, command::RefuseCancel{});
  EXPECT_EQ(After(kReferring, record, command::ProvideInformation{}).state(), kAcknowledged);
}

TEST(Lapse, OnlyAfterEscalationOfThisVeryStep) {
  EXPECT_EQ(Reason(DecideBy(kSystem, RecordIn(kRequested), command::Lapse{})), "NOT_ESCALATED");
  ReferralRecord record =
      After(kSystem, testing::RecordReadyFor(kRequested, Event::kEscalate, kSystem), command::Escalate{});
  record = After(kReceiving, record, command::Acknowledge{});
  EXPECT_EQ(Reason(DecideBy(kSystem, record, command::Lapse{})), "NOT_ESCALATED");
  const ReferralRecord lapsed = RecordIn(kLapsed);
  EXPECT_EQ(lapsed.due().clock(), v1::CLOCK_FOLLOW_UP);
  EXPECT_EQ(lapsed.due().party(), v1::PARTY_REFERRING);
}

// --- Sending on ------------------------------------------------------------------------------------------

ReferralRecord Proposed() {
  return After(kReceiving, RecordIn(kAcknowledged), testing::CommandFor(Event::kProposeForward));
}

TEST(Forward, ConfirmedOpensALinkedReferral) {
  const auto decision = DecideBy(kReferring, Proposed(), testing::CommandFor(Event::kConfirmForward));
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.state(), kForwarded);
  EXPECT_EQ(decision->next.forwarded_to(), testing::kLinkedName);
  EXPECT_EQ(decision->next.case_holding_body(), testing::kReferringBody);
  EXPECT_TRUE(decision->effects.Has(Effect::kCloseReceiver));
  ASSERT_TRUE(decision->linked.has_value());
  const ReferralRecord& linked = *decision->linked;
  EXPECT_EQ(linked.state(), kRequested);
  EXPECT_EQ(linked.revision(), 1);
  EXPECT_EQ(linked.name(), testing::kLinkedName);
  EXPECT_EQ(linked.forwarded_from(), testing::kName);
  EXPECT_EQ(linked.referring().body(), testing::kReferringBody);
  EXPECT_EQ(linked.receiving().body(), testing::kThirdBody);
  EXPECT_EQ(linked.receiving().unit(), testing::kThirdUnit) << "as proposed";
  EXPECT_EQ(linked.case_holding_body(), testing::kReferringBody);
  EXPECT_EQ(linked.coordinating_body(), testing::kCoordinatingBody);
  EXPECT_EQ(linked.receiver_access(), RECEIVER_ACCESS_SCREENING);
  EXPECT_EQ(linked.persons(0).disclosure().recipient(), testing::kThirdBody);
  EXPECT_EQ(linked.persons(0).disclosure().fields_size(), Proposed().persons(0).disclosure().fields_size());
  EXPECT_EQ(linked.due().clock(), v1::CLOCK_ACKNOWLEDGE);
  ASSERT_EQ(linked.hops_size(), 1);
  EXPECT_EQ(linked.hops(0).from_body(), testing::kReceivingBody);
  EXPECT_EQ(linked.hops(0).to_body(), testing::kThirdBody);
  EXPECT_EQ(linked.hops(0).kind(), v1::HOP_KIND_FORWARD);
}

TEST(Forward, NeedsAProposalAndItsVeryRecipient) {
  const Command confirm = testing::CommandFor(Event::kConfirmForward);
  EXPECT_EQ(Reason(DecideBy(kReferring, RecordIn(kAcknowledged), confirm)), "FORWARD_NOT_PROPOSED");
  command::ConfirmForward other{testing::ToThird()};
  other.to.body = testing::kFourthBody;
  EXPECT_EQ(Reason(DecideBy(kReferring, Proposed(), other)), "FORWARD_DIFFERS");
}

TEST(Forward, AProposalIsGoneWithTheState) {
  ReferralRecord record = After(kReceiving, Proposed(), command::RequestInformation{});
  EXPECT_FALSE(record.has_forward_proposal());
}

TEST(Forward, NeedsACompleteDisclosureForEachPerson) {
  command::ConfirmForward confirm{testing::ToThird()};
  confirm.to.disclosures.clear();
  EXPECT_EQ(Reason(DecideBy(kReferring, Proposed(), confirm)), "INVALID_FIELD");
  confirm.to.disclosures = testing::NewDisclosures();
  confirm.to.disclosures.push_back(confirm.to.disclosures[0]);
  EXPECT_EQ(Reason(DecideBy(kReferring, Proposed(), confirm)), "INVALID_FIELD") << "twice";
  confirm.to.disclosures.pop_back();
  confirm.to.disclosures[0].set_person(9);
  EXPECT_EQ(Reason(DecideBy(kReferring, Proposed(), confirm)), "INVALID_FIELD") << "nobody";
  confirm.to.disclosures = testing::NewDisclosures();
  confirm.to.disclosures[0].mutable_disclosure()->mutable_receiving_basis()->clear_article_6();
  EXPECT_EQ(Reason(DecideBy(kReferring, Proposed(), confirm)), "REFERRAL_INCOMPLETE");
}

TEST(Forward, VisitsNoBodyTwice) {
  ReferralRecord record = RecordIn(kAcknowledged);
  v1::Hop& hop = *record.add_hops();
  hop.set_from_body("bodies/es-alcorcon");
  hop.set_to_body(std::string(testing::kReceivingBody));
  record.set_origin_body("bodies/es-parla");
  for (const std::string body :
       {"bodies/es-alcorcon", "bodies/es-parla", "bodies/es-madrid", "bodies/es-fuenlabrada"}) {
    EXPECT_EQ(Reason(DecideBy(kReceiving, record, command::ProposeForward{body, "", ""})), "ALREADY_VISITED")
        << body;
    command::ForwardByDuty by_duty{testing::ToThird(), "es/ley-40-2015/art-14"};
    by_duty.to.body = body;
    EXPECT_EQ(Reason(DecideBy(kReceiving, record, by_duty)), "ALREADY_VISITED") << body;
  }
  EXPECT_TRUE(DecideBy(kReceiving, record, command::ProposeForward{"bodies/es-mostoles", "", ""}).ok());
}

TEST(Forward, HasFiveHopsAtMost) {
  ReferralRecord record = Proposed();
  for (int i = 0; i < 4; ++i) record.add_hops()->set_from_body("bodies/es-x" + std::to_string(i));
  const auto fifth = DecideBy(kReferring, record, testing::CommandFor(Event::kConfirmForward));
  ASSERT_TRUE(fifth.ok());
  EXPECT_EQ(fifth->linked->hops_size(), kMaxHops);
  ReferralRecord last = *fifth->linked;
  EXPECT_EQ(
      Reason(Decide(
          last, command::ProposeForward{"bodies/es-y", "", ""},
          testing::As(testing::CallerOf(testing::kThirdBody, "p-x"), {policy::Relation::kReceiving}), Now())),
      "TOO_MANY_HOPS");
  record.add_hops();
  for (const auto& [actor, event] :
       {std::pair{kReferring, Event::kConfirmForward}, std::pair{kReceiving, Event::kProposeForward},
        std::pair{kReceiving, Event::kForwardByDuty}}) {
    EXPECT_EQ(Reason(DecideBy(actor, record, testing::CommandFor(event))), "TOO_MANY_HOPS");
  }
}

TEST(Forward, ByDutyRecordsTheLaw) {
  const auto decision =
      DecideBy(kReceiving, RecordIn(kAcknowledged), testing::CommandFor(Event::kForwardByDuty));
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(decision->linked->hops(0).law(), "es/ley-40-2015/art-14");
  EXPECT_EQ(decision->linked->hops(0).kind(), v1::HOP_KIND_FORWARD_BY_DUTY);
  EXPECT_EQ(decision->linked->referring().body(), testing::kReferringBody);
}

TEST(Forward, AnEmergencyIsTelephonedToTheNewRecipientToo) {
  ReferralRecord record = RecordIn(kAcknowledged);
  record.set_priority(v1::PRIORITY_EMERGENCY);
  command::ForwardByDuty by_duty{testing::ToThird(), "es/ley-40-2015/art-14"};
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, by_duty)), "REFERRAL_INCOMPLETE");
  by_duty.to.telephone_handover.emplace();
  *by_duty.to.telephone_handover->mutable_time() = api::ToTimestamp(Now());
  by_duty.to.telephone_handover->set_unit(std::string(testing::kReceivingUnit));
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, by_duty)), "REFERRAL_INCOMPLETE") << "another body's desk";
  by_duty.to.telephone_handover->set_unit(std::string(testing::kThirdUnit));
  EXPECT_TRUE(DecideBy(kReceiving, record, by_duty).ok());
}

// --- Handing over ----------------------------------------------------------------------------------------

Decision HandedOver(State state) {
  auto decision = DecideBy(kReceiving, RecordIn(state), command::HandOver{testing::ToThird()});
  EXPECT_TRUE(decision.ok()) << decision.status();
  return *std::move(decision);
}

absl::StatusOr<Decision> ByThird(const ReferralRecord& record, const Command& command) {
  return Decide(
      record, command,
      testing::As(testing::CallerOf(testing::kThirdBody, "p-third"), {policy::Relation::kReceiving}), Now());
}

TEST(HandOver, HoldsTheOldOneUntilTheNewOneIsAccepted) {
  for (const State state : {kAccepted, kInProgress, kOnHold}) {
    const Decision asked = HandedOver(state);
    EXPECT_EQ(asked.next.state(), kOnHold);
    EXPECT_EQ(asked.next.hold_reason(), v1::HOLD_REASON_HAND_OVER);
    EXPECT_EQ(asked.next.case_holding_body(), testing::kReceivingBody);
    EXPECT_EQ(asked.next.receiver_access(), RECEIVER_ACCESS_FULL);
    EXPECT_EQ(asked.linked->referring().body(), testing::kReceivingBody);
    EXPECT_EQ(asked.linked->case_holding_body(), testing::kReceivingBody);
    EXPECT_EQ(asked.linked->origin_body(), testing::kReferringBody);
    const auto accepted = ByThird(*asked.linked, command::Accept{});
    ASSERT_TRUE(accepted.ok());
    EXPECT_EQ(accepted->next.case_holding_body(), testing::kThirdBody);
    ASSERT_EQ(accepted->follow_ups.size(), 1u);
    EXPECT_EQ(accepted->follow_ups[0].referral, testing::kName);
    const auto taken = DecideAsSystem(asked.next, accepted->follow_ups[0].command, Now());
    ASSERT_TRUE(taken.ok());
    EXPECT_EQ(taken->next.state(), kForwarded);
    EXPECT_EQ(taken->next.case_holding_body(), testing::kThirdBody);
    EXPECT_EQ(taken->next.receiver_access(), RECEIVER_ACCESS_ENDED);
    EXPECT_FALSE(taken->next.hand_over_pending());
    EXPECT_EQ(taken->next.hold_reason(), v1::HOLD_REASON_UNSPECIFIED);
  }
}

TEST(HandOver, IsTriedSoOftenAndNoMore) {
  ReferralRecord record = RecordIn(kInProgress);
  int tries = 0;
  while (true) {
    const auto asked = DecideBy(kReceiving, record, command::HandOver{testing::ToThird()});
    if (!asked.ok()) {
      EXPECT_EQ(Reason(asked), "TOO_MANY_HAND_OVERS");
      break;
    }
    ASSERT_LT(++tries, 100);
    record = After(Actor::kSystem, asked->next, command::HandOverNotTaken{});
  }
  EXPECT_EQ(tries, kMaxHandOvers);
}

TEST(HandOver, NotTakenGoesBackToWhereItWas) {
  for (const State state : {kAccepted, kInProgress, kOnHold}) {
    const ReferralRecord before = RecordIn(state);
    const Decision asked = HandedOver(state);
    const auto declined = ByThird(*asked.linked, testing::CommandFor(Event::kDecline));
    ASSERT_TRUE(declined.ok());
    ASSERT_EQ(declined->follow_ups.size(), 1u);
    const auto back = DecideAsSystem(asked.next, declined->follow_ups[0].command, Now());
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->next.state(), state);
    EXPECT_EQ(back->next.due().DebugString(), before.due().DebugString());
    EXPECT_EQ(back->next.forwarded_to(), "");
    EXPECT_EQ(back->next.case_holding_body(), testing::kReceivingBody);
  }
}

TEST(HandOver, ADeclineAfterAcceptanceDoesNotComeBack) {
  const Decision asked = HandedOver(kInProgress);
  const auto accepted = ByThird(*asked.linked, command::Accept{});
  const auto declined = ByThird(accepted->next, testing::CommandFor(Event::kDecline));
  ASSERT_TRUE(declined.ok());
  EXPECT_THAT(declined->follow_ups, IsEmpty());
}

TEST(HandOver, SentOnIsStillWaitedFor) {
  const Decision asked = HandedOver(kInProgress);
  command::ForwardByDuty onward{testing::ToThird(), "es/ley-40-2015/art-14"};
  onward.to.linked_name = "referrals/01jd0000000000000000000003";
  onward.to.body = testing::kFourthBody;
  const auto forwarded = ByThird(*asked.linked, onward);
  ASSERT_TRUE(forwarded.ok()) << forwarded.status();
  ASSERT_EQ(forwarded->follow_ups.size(), 1u);
  const auto moved = DecideAsSystem(asked.next, forwarded->follow_ups[0].command, Now());
  ASSERT_TRUE(moved.ok());
  EXPECT_EQ(moved->next.state(), kOnHold);
  EXPECT_EQ(moved->next.forwarded_to(), onward.to.linked_name);
  EXPECT_EQ(forwarded->linked->hand_over_of(), testing::kName);
}

TEST(HandOver, BlocksWhatWouldLeaveTwoHolders) {
  const Decision asked = HandedOver(kInProgress);
  for (const Event event : {Event::kResume, Event::kComplete, Event::kEndWithoutResult, Event::kHandOver}) {
    EXPECT_EQ(Reason(DecideBy(kReceiving, asked.next, testing::CommandFor(event))), "HAND_OVER_PENDING")
        << EventName(event);
  }
  const ReferralRecord cancelling = After(kReferring, asked.next, testing::CommandFor(Event::kCancel));
  EXPECT_EQ(Reason(DecideBy(kReceiving, cancelling, command::ConfirmCancel{})), "HAND_OVER_PENDING");
}

TEST(HandOver, NotTakenWhileACancellationWaits) {
  const ReferralRecord before = RecordIn(kInProgress);
  const Decision asked = HandedOver(kInProgress);
  const ReferralRecord cancelling = After(kReferring, asked.next, testing::CommandFor(Event::kCancel));
  const ReferralRecord back = After(kSystem, cancelling, command::HandOverNotTaken{});
  EXPECT_EQ(back.state(), kCancelRequested);
  EXPECT_EQ(back.due().clock(), v1::CLOCK_CANCEL);
  const ReferralRecord refused = After(kReceiving, back, command::RefuseCancel{});
  EXPECT_EQ(refused.state(), kInProgress);
  EXPECT_EQ(refused.due().DebugString(), before.due().DebugString());
  EXPECT_EQ(After(kReceiving, back, command::ConfirmCancel{}).state(), kCancelled);
}

TEST(HandOver, NotTakenGivesAHoldItsReasonBack) {
  const v1::HoldReason reason = RecordIn(kOnHold).hold_reason();
  ASSERT_EQ(reason, v1::HOLD_REASON_WAITING_FOR_PERSON);
  const ReferralRecord asked = HandedOver(kOnHold).next;
  EXPECT_EQ(asked.hold_reason(), v1::HOLD_REASON_HAND_OVER);
  const ReferralRecord back = After(kSystem, asked, command::HandOverNotTaken{});
  EXPECT_EQ(back.state(), kOnHold);
  EXPECT_EQ(back.hold_reason(), reason);
  // Also when somebody wished to cancel in between.
  ReferralRecord cancelling = After(kReferring, asked, testing::CommandFor(Event::kCancel));
  cancelling = After(kSystem, cancelling, command::HandOverNotTaken{});
  EXPECT_EQ(After(kReceiving, cancelling, command::RefuseCancel{}).hold_reason(), reason);
  const ReferralRecord working = After(kSystem, HandedOver(kInProgress).next, command::HandOverNotTaken{});
  EXPECT_EQ(working.hold_reason(), v1::HOLD_REASON_UNSPECIFIED);
}

TEST(HandOver, LapsedOwesNothingInTheLinkedOne) {
  ReferralRecord linked = *HandedOver(kInProgress).linked;
  *linked.mutable_escalate_time() = linked.update_time();
  const auto lapsed = DecideBy(kSystem, linked, command::Lapse{});
  ASSERT_TRUE(lapsed.ok()) << lapsed.status();
  EXPECT_FALSE(lapsed->next.has_due()) << "the case is back with whoever wanted to hand it over";
  EXPECT_EQ(lapsed->next.wake(), storage::v1::WAKE_NEVER);
  ASSERT_EQ(lapsed->follow_ups.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<command::HandOverNotTaken>(lapsed->follow_ups[0].command));
}

TEST(HandOver, WithoutOneTheSystemHasNothingToTell) {
  EXPECT_EQ(Reason(DecideBy(kSystem, RecordIn(kOnHold), command::HandOverNotTaken{})),
            "NO_HAND_OVER_PENDING");
}

TEST(HandOver, ThatWasNotTakenIsNotReopened) {
  const Decision asked = HandedOver(kInProgress);
  const policy::Caller holder = testing::CallerOf(testing::kReceivingBody, "p-luis");
  const auto as = testing::As(holder, {policy::Relation::kReferring});
  const auto cancelled = Decide(*asked.linked, testing::CommandFor(Event::kCancel), as, Now());
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled->follow_ups.size(), 1u);
  EXPECT_EQ(Reason(Decide(cancelled->next, command::Reopen{}, as, Now())), "HAND_OVER_AGAIN");
}

// --- Reopening, cutting, erasing -------------------------------------------------------------------------

TEST(Reopen, WithinNinetyDays) {
  const ReferralRecord record = RecordIn(kCompleted);
  const absl::Time end = api::FromTimestamp(record.end_time());
  EXPECT_TRUE(DecideBy(kReceiving, record, command::Reopen{}, end + absl::Hours(24 * 90)).ok());
  EXPECT_EQ(
      Reason(DecideBy(kReceiving, record, command::Reopen{}, end + absl::Hours(24 * 90) + absl::Seconds(1))),
      "REOPEN_TOO_LATE");
}

TEST(Reopen, ByTheReferringBodyAsksAfresh) {
  for (const State state : {kCompleted, kEndedWithoutResult, kCancelled, kLapsed}) {
    const auto decision = DecideBy(kReferring, RecordIn(state), command::Reopen{});
    ASSERT_TRUE(decision.ok()) << StateName(state) << decision.status();
    const ReferralRecord& next = decision->next;
    EXPECT_EQ(next.receiver_access(), RECEIVER_ACCESS_SCREENING);
    EXPECT_TRUE(decision->effects.Has(Effect::kCloseReceiver));
    EXPECT_TRUE(decision->effects.Has(Effect::kOpenScreening));
    EXPECT_EQ(next.case_holding_body(), testing::kReferringBody);
    EXPECT_FALSE(next.has_end_time());
    EXPECT_FALSE(next.persons(0).has_outcome());
    EXPECT_EQ(next.questions_asked(), 0);
    EXPECT_EQ(next.due().clock(), v1::CLOCK_ACKNOWLEDGE);
    EXPECT_EQ(next.cancel_reason(), v1::CANCEL_REASON_UNSPECIFIED);
  }
}

TEST(Reopen, ByTheReceivingBodyGoesOn) {
  const auto decision = DecideBy(kReceiving, RecordIn(kCompleted), command::Reopen{});
  EXPECT_EQ(decision->next.state(), kInProgress);
  EXPECT_EQ(decision->next.case_holding_body(), testing::kReceivingBody);
  EXPECT_TRUE(decision->effects.empty());
}

TEST(Reopen, ChecksTheBasisAgain) {
  ReferralRecord record = RecordIn(kCompleted);
  record.mutable_persons(0)->mutable_disclosure()->clear_retention_rule();
  EXPECT_EQ(Reason(DecideBy(kReferring, record, command::Reopen{})), "REFERRAL_INCOMPLETE");
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, command::Reopen{})), "REFERRAL_INCOMPLETE");
  EXPECT_TRUE(DecideBy(kReferring, record, command::Reopen{testing::NewDisclosures()}).ok());
}

TEST(Reopen, NotWhereAccessWasCutOrDataIsErased) {
  const ReferralRecord cut = After(kReferring, RecordIn(kInProgress), command::Misdirected{});
  EXPECT_EQ(Reason(DecideBy(kReferring, cut, command::Reopen{})), "ACCESS_ENDED");
  for (const Actor actor : {kReferring, kReceiving}) {
    const ReferralRecord erased = After(actor, RecordIn(kCompleted), command::Erase{});
    EXPECT_EQ(Reason(DecideBy(kReferring, erased, command::Reopen{})), "SHARE_ERASED");
    EXPECT_EQ(Reason(DecideBy(kReceiving, erased, command::Reopen{})), "SHARE_ERASED");
  }
  const ReferralRecord draft = After(kReferring, RecordIn(kDraft), testing::CommandFor(Event::kCancel));
  EXPECT_EQ(Reason(DecideBy(kReferring, draft, command::Reopen{})), "NEVER_SENT");
}

TEST(Misdirected, CutsAccessAtOnceFromEveryOpenState) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    if (!IsOpen(state)) continue;
    const auto decision = DecideBy(kReferring, RecordIn(state), command::Misdirected{});
    ASSERT_TRUE(decision.ok());
    EXPECT_EQ(decision->next.state(), kCancelled);
    EXPECT_EQ(decision->next.receiver_access(), RECEIVER_ACCESS_CUT);
    EXPECT_EQ(decision->effects, Effects{Effect::kCloseReceiver});
    EXPECT_EQ(decision->next.case_holding_body(), testing::kReferringBody);
    // The breach is the referring body's to deal with, within 72 hours.
    EXPECT_EQ(decision->next.due().clock(), v1::CLOCK_FOLLOW_UP);
    EXPECT_EQ(decision->next.due().party(), v1::PARTY_REFERRING);
    EXPECT_EQ(api::FromTimestamp(decision->next.due().time()), Now() + absl::Hours(72));
    const ReferralRecord settled = After(kReferring, decision->next, command::SettleFollowUp{});
    EXPECT_FALSE(settled.has_due());
  }
}

TEST(Misdirected, FollowsAPendingHandOver) {
  const Decision asked = HandedOver(kInProgress);
  const auto cut = DecideBy(kReferring, asked.next, command::Misdirected{});
  ASSERT_EQ(cut->follow_ups.size(), 1u);
  EXPECT_EQ(cut->follow_ups[0].referral, testing::kLinkedName);
  const auto linked = DecideAsSystem(*asked.linked, cut->follow_ups[0].command, Now());
  ASSERT_TRUE(linked.ok());
  EXPECT_EQ(linked->next.receiver_access(), RECEIVER_ACCESS_CUT);
  EXPECT_TRUE(linked->effects.Has(Effect::kDropSections)) << "who passed it on should not have it either";
  EXPECT_THAT(linked->follow_ups, IsEmpty()) << "the one it came from is cut already";
}

TEST(Misdirected, ReachesWhatHasEnded) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    if (!IsEnd(state)) continue;
    const auto cut = DecideAsSystem(RecordIn(state), command::Misdirected{}, Now());
    ASSERT_TRUE(cut.ok()) << StateName(state) << cut.status();
    EXPECT_EQ(cut->next.state(), state);
    EXPECT_EQ(cut->next.receiver_access(), RECEIVER_ACCESS_CUT);
    EXPECT_TRUE(cut->next.has_referring_erase_time());
    EXPECT_EQ(cut->next.persons_size(), 0);
    EXPECT_TRUE(cut->effects.Has(Effect::kDropSections));
    EXPECT_TRUE(cut->effects.Has(Effect::kEraseReferringShare));
  }
}

TEST(Erase, TheSectionsGoWhenTheLastWhoReadsThemIsDone) {
  ReferralRecord record = RecordIn(kInProgress);
  record = After(Actor::kSystem, record, testing::CommandFor(Event::kObject));
  auto answer = std::get<command::AnswerRight>(testing::CommandFor(Event::kAnswerRight));
  answer.answer = v1::RIGHT_ANSWER_STOPPED_ERASED;
  answer.law.clear();
  answer.retained_until.clear();
  record = After(kReferring, record, answer);
  ASSERT_TRUE(record.has_referring_erase_time());
  ASSERT_EQ(record.persons_size(), 1) << "the receiving body works with it";
  const auto ended = DecideBy(kReceiving, record, testing::CommandFor(Event::kEndWithoutResult));
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_TRUE(ended->effects.Has(Effect::kDropSections));
  EXPECT_EQ(ended->next.persons_size(), 0);
}

TEST(Rule, PassesNobodyOnWhoHasStoppedIt) {
  ReferralRecord record = testing::RecordReadyFor(kRequested, Event::kRule, Actor::kCoordinating);
  *record.add_persons() = testing::CompletePerson(2);
  record = After(Actor::kSystem, record, testing::CommandFor(Event::kObject));
  EXPECT_EQ(Reason(DecideBy(Actor::kCoordinating, record, testing::CommandFor(Event::kRule))),
            "DISCLOSURE_STOPPED");
  EXPECT_EQ(Reason(DecideBy(Actor::kCoordinating, record, testing::CommandFor(Event::kAssume))),
            "DISCLOSURE_STOPPED");
}

TEST(Rule, AnEmergencyIsTelephonedToTheNewRecipientToo) {
  ReferralRecord record = testing::RecordReadyFor(kRequested, Event::kRule, Actor::kCoordinating);
  record.set_priority(v1::PRIORITY_EMERGENCY);
  auto rule = std::get<command::Rule>(testing::CommandFor(Event::kRule));
  EXPECT_EQ(Reason(DecideBy(Actor::kCoordinating, record, rule)), "REFERRAL_INCOMPLETE");
  v1::TelephoneHandover call;
  *call.mutable_time() = api::ToTimestamp(Now() - absl::Minutes(10));
  call.set_unit(std::string(testing::kThirdUnit));
  rule.to.telephone_handover = call;
  const auto ruled = DecideBy(Actor::kCoordinating, record, rule);
  ASSERT_TRUE(ruled.ok()) << ruled.status();
  EXPECT_EQ(ruled->linked->telephone_handover().unit(), call.unit());
  EXPECT_TRUE(DecideBy(Actor::kCoordinating, record, testing::CommandFor(Event::kAssume)).ok())
      << "the coordinating body takes it itself";
}

TEST(Erase, TakesOnesOwnShare) {
  const auto decision = DecideBy(kReceiving, RecordIn(kCompleted), command::Erase{});
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(decision->effects, Effects{Effect::kEraseReceivingShare});
  EXPECT_EQ(decision->next.persons_size(), 1) << "the referring body's file stays";
  EXPECT_EQ(Reason(DecideBy(kReceiving, decision->next, command::Erase{})), "SHARE_ERASED");
  EXPECT_EQ(Reason(DecideBy(kReceiving, decision->next, command::AddNote{})), "SHARE_ERASED");
}

TEST(Erase, WithTheLastHolderTheSectionsGo) {
  ReferralRecord record = After(kReferring, RecordIn(kCompleted), command::Erase{});
  EXPECT_EQ(record.persons_size(), 1) << "the receiving body still holds them";
  const auto last = DecideBy(kReceiving, record, command::Erase{});
  EXPECT_EQ(last->effects, (Effects{Effect::kEraseReceivingShare, Effect::kDropSections}));
  EXPECT_EQ(last->next.persons_size(), 0);
  const auto alone = DecideBy(kReferring, RecordIn(kDeclined), command::Erase{});
  EXPECT_EQ(alone->effects, (Effects{Effect::kEraseReferringShare, Effect::kDropSections}));
}

// --- No change of state ----------------------------------------------------------------------------------

TEST(Claim, TakesFromTheQueueOnly) {
  const ReferralRecord claimed = After(kReceiving, RecordIn(kRequested), command::Claim{});
  EXPECT_EQ(claimed.receiving().assignee(), "p-luis");
  EXPECT_EQ(Reason(DecideBy(kReceiving, claimed, command::Claim{})), "ALREADY_ASSIGNED");
  EXPECT_TRUE(DecideBy(kReferring, claimed, command::Claim{}).ok()) << "each side has its own queue";
  const ReferralRecord returned = After(kReceiving, claimed, command::Assign{"", ""});
  EXPECT_TRUE(DecideBy(kReceiving, returned, command::Claim{}).ok());
}

TEST(Assign, ToUnitsOfOnesOwnBody) {
  const ReferralRecord record = RecordIn(kRequested);
  EXPECT_EQ(
      Reason(DecideBy(kReceiving, record, command::Assign{std::string(testing::kReferringUnit), "p-x"})),
      "INVALID_FIELD");
  const ReferralRecord next =
      After(kReceiving, record, command::Assign{"bodies/es-madrid/units/language", "p-x"});
  EXPECT_EQ(next.receiving().unit(), "bodies/es-madrid/units/language");
  EXPECT_EQ(next.referring().assignee(), "");
}

TEST(Dates, AreAgreedByTheOtherSide) {
  const absl::Time later = Now() + absl::Hours(24 * 20);
  for (const Actor proposer : {kReferring, kReceiving}) {
    const Actor other = proposer == kReferring ? kReceiving : kReferring;
    const ReferralRecord proposed = After(proposer, RecordIn(kRequested), command::ProposeDate{later});
    EXPECT_EQ(Reason(DecideBy(proposer, proposed, command::AgreeDate{})), "NO_DATE_PROPOSED");
    EXPECT_EQ(Reason(DecideBy(proposer, proposed, command::RefuseDate{})), "NO_DATE_PROPOSED");
    const ReferralRecord agreed = After(other, proposed, command::AgreeDate{});
    EXPECT_EQ(DueTime(agreed), later);
    EXPECT_EQ(agreed.due().clock(), v1::CLOCK_ACKNOWLEDGE);
    EXPECT_FALSE(agreed.has_date_proposal());
    const ReferralRecord refused = After(other, proposed, command::RefuseDate{});
    EXPECT_EQ(DueTime(refused), DueTime(proposed));
    EXPECT_FALSE(refused.has_date_proposal());
  }
}

TEST(Dates, AProposalIsForOneClock) {
  ReferralRecord record =
      After(kReferring, RecordIn(kRequested), command::ProposeDate{Now() + absl::Hours(24)});
  record = After(kReceiving, record, command::Acknowledge{});
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, command::AgreeDate{})), "NO_DATE_PROPOSED");
}

TEST(Dates, NeedSomethingDueAndTheFuture) {
  EXPECT_EQ(Reason(DecideBy(kReferring, RecordIn(kInProgress), testing::CommandFor(Event::kProposeDate))),
            "NOTHING_DUE");
  EXPECT_EQ(Reason(DecideBy(kReferring, RecordIn(kRequested), command::ProposeDate{Now()})), "INVALID_FIELD");
  const ReferralRecord proposed =
      After(kReferring, RecordIn(kRequested), command::ProposeDate{Now() + absl::Hours(1)});
  EXPECT_EQ(Reason(DecideBy(kReceiving, proposed, command::AgreeDate{}, Now() + absl::Hours(2))),
            "INVALID_FIELD");
}

// Where a case can stand, and which of its clocks run there.
struct Standing {
  std::string name;
  ReferralRecord record;
  v1::Clock due;  // CLOCK_UNSPECIFIED: nothing is
  bool start_beside = false;
};

std::vector<Standing> EveryStanding() {
  const ReferralRecord handed_over =
      After(kReceiving, RecordIn(kAccepted), testing::CommandFor(Event::kHandOver));
  return {{"REQUESTED", RecordIn(kRequested), v1::CLOCK_ACKNOWLEDGE},
          {"ACKNOWLEDGED", RecordIn(kAcknowledged), v1::CLOCK_DECIDE},
          {"NEEDS_INFO", RecordIn(kNeedsInfo), v1::CLOCK_INFORMATION},
          {"WAITLISTED", RecordIn(kWaitlisted), v1::CLOCK_REVIEW, true},
          {"OFFERED", RecordIn(kOffered), v1::CLOCK_OFFER},
          {"OFFERED, taken", After(kReferring, RecordIn(kOffered), command::TakePlace{}), v1::CLOCK_DECIDE},
          {"ACCEPTED", RecordIn(kAccepted), v1::CLOCK_START},
          {"IN_PROGRESS", RecordIn(kInProgress), v1::CLOCK_UNSPECIFIED},
          {"ON_HOLD", RecordIn(kOnHold), v1::CLOCK_REVIEW},
          {"ON_HOLD, handed over before it began", handed_over, v1::CLOCK_REVIEW, true},
          {"CANCEL_REQUESTED", RecordIn(kCancelRequested), v1::CLOCK_CANCEL},
          {"CANCEL_REQUESTED, handed over before it began",
           After(kReferring, handed_over, testing::CommandFor(Event::kCancel)), v1::CLOCK_CANCEL}};
}

absl::Time StartTime(const ReferralRecord& record) {
  return api::FromTimestamp(record.start_due_time());
}

// The side has proposed that date for the clock; what follows from either answer.
void CheckProposed(const Standing& standing, v1::Clock clock, Actor proposer, const ReferralRecord& proposed,
                   absl::Time later) {
  const Actor other = proposer == kReferring ? kReceiving : kReferring;
  const ReferralRecord& before = standing.record;
  EXPECT_EQ(proposed.date_proposal().clock(), clock == v1::CLOCK_UNSPECIFIED ? standing.due : clock);
  EXPECT_EQ(Reason(DecideBy(proposer, proposed, command::AgreeDate{})), "NO_DATE_PROPOSED");
  const ReferralRecord agreed = After(other, proposed, command::AgreeDate{});
  const bool moves_start = clock == v1::CLOCK_START && standing.due != v1::CLOCK_START;
  EXPECT_EQ(DueTime(agreed), moves_start ? DueTime(before) : later);
  EXPECT_EQ(StartTime(agreed), moves_start ? later : StartTime(before));
  EXPECT_EQ(agreed.state(), before.state());
  for (const ReferralRecord& same : {proposed, After(other, proposed, command::RefuseDate{})}) {
    EXPECT_EQ(DueTime(same), DueTime(before));
    EXPECT_EQ(StartTime(same), StartTime(before));
    EXPECT_EQ(api::FromTimestamp(same.wake_time()), api::FromTimestamp(before.wake_time()));
  }
  for (const Actor side : {proposer, other}) {
    EXPECT_EQ(Reason(DecideBy(side, agreed, command::AgreeDate{})), "NO_DATE_PROPOSED") << "once";
  }
}

TEST(Dates, AreForTheClockOfWhatIsDueOrForTheStartThatRunsBeside) {
  const absl::Time later = Now() + absl::Hours(24 * 20);
  std::set<State> seen;
  for (const Standing& standing : EveryStanding()) {
    seen.insert(standing.record.state());
    for (int number = v1::Clock_MIN; number <= v1::Clock_MAX; ++number) {
      const auto clock = static_cast<v1::Clock>(number);
      const bool named = clock == v1::CLOCK_UNSPECIFIED || clock == standing.due ||
                         (clock == v1::CLOCK_START && standing.start_beside);
      for (const Actor side : {kReferring, kReceiving}) {
        SCOPED_TRACE(base::Cat(standing.name, " ", v1::Clock_Name(clock), " ", ActorName(side)));
        const auto proposed = DecideBy(side, standing.record, command::ProposeDate{later, clock});
        if (!named || standing.due == v1::CLOCK_UNSPECIFIED) {
          EXPECT_EQ(Reason(proposed), "NOTHING_DUE");
          continue;
        }
        ASSERT_TRUE(proposed.ok()) << proposed.status();
        CheckProposed(standing, clock, side, proposed->next, later);
      }
    }
  }
  for (int i = 0; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    EXPECT_EQ(IsOpen(state), seen.contains(state)) << StateName(state);
    if (IsOpen(state)) continue;
    EXPECT_EQ(Reason(DecideBy(kReferring, RecordIn(state), command::ProposeDate{later, v1::CLOCK_START})),
              "INVALID_TRANSITION");
  }
}

TEST(Dates, OfTheStartAreLimitedAsThoseOfWhatIsDue) {
  for (const v1::Clock clock : {v1::CLOCK_REVIEW, v1::CLOCK_START}) {
    const auto propose = [clock](absl::Time time) {
      return DecideBy(kReceiving, RecordIn(kWaitlisted), command::ProposeDate{time, clock});
    };
    EXPECT_EQ(Reason(propose(Now())), "INVALID_FIELD");
    EXPECT_EQ(Reason(propose(Now() + kMaxDateAhead + absl::Seconds(1))), "INVALID_FIELD");
    EXPECT_TRUE(propose(Now() + kMaxDateAhead).ok());
    const ReferralRecord soon = propose(Now() + absl::Hours(1))->next;
    EXPECT_EQ(Reason(DecideBy(kReferring, soon, command::AgreeDate{}, Now() + absl::Hours(2))),
              "INVALID_FIELD")
        << "it has passed";
  }
}

// Whatever happens: as long as the state is the same, the start that was proposed can be agreed on.
TEST(Dates, AProposedStartEndsWithTheState) {
  for (const Standing& standing : EveryStanding()) {
    if (!standing.start_beside && standing.due != v1::CLOCK_START) continue;
    const ReferralRecord proposed =
        After(kReceiving, standing.record, command::ProposeDate{Now() + absl::Hours(240), v1::CLOCK_START});
    int stood = 0;
    int ended = 0;
    for (int i = 0; i < kEventCount; ++i) {
      const Event event = static_cast<Event>(i);
      const bool about_it =
          event == Event::kProposeDate || event == Event::kAgreeDate || event == Event::kRefuseDate;
      if (about_it || !testing::HasCommand(event)) continue;
      for (const Actor actor : {kReferring, kReceiving, Actor::kCoordinating, kSystem}) {
        const auto decision = DecideBy(actor, proposed, testing::CommandFor(event, actor));
        if (!decision.ok()) continue;
        const bool same = decision->next.state() == proposed.state();
        EXPECT_EQ(decision->next.has_date_proposal(), same) << standing.name << " " << EventName(event);
        (same ? stood : ended) += 1;
      }
    }
    EXPECT_GT(stood, 5) << standing.name;
    EXPECT_GT(ended, 1) << standing.name;
  }
}

TEST(Priority, IsOnlyRaised) {
  const ReferralRecord normal = RecordIn(kRequested);
  EXPECT_EQ(Reason(DecideBy(kReferring, normal, command::ChangePriority{v1::PRIORITY_NORMAL, {}})),
            "PRIORITY_NOT_RAISED");
  const ReferralRecord urgent = After(kReceiving, normal, command::ChangePriority{v1::PRIORITY_URGENT, {}});
  EXPECT_EQ(DueTime(urgent), Now() + absl::Hours(72));
  EXPECT_EQ(Reason(DecideBy(kReferring, urgent, command::ChangePriority{v1::PRIORITY_NORMAL, {}})),
            "PRIORITY_NOT_RAISED");
  command::ChangePriority emergency{v1::PRIORITY_EMERGENCY, {}};
  EXPECT_EQ(Reason(DecideBy(kReferring, urgent, emergency)), "INVALID_FIELD");
  emergency.telephone_handover.emplace();
  *emergency.telephone_handover->mutable_time() = api::ToTimestamp(Now());
  emergency.telephone_handover->set_unit(std::string(testing::kReceivingUnit));
  const ReferralRecord raised = After(kReferring, urgent, emergency);
  EXPECT_EQ(DueTime(raised), Now() + absl::Hours(24));
  EXPECT_EQ(Reason(DecideBy(kReferring, raised, emergency)), "PRIORITY_NOT_RAISED");
}

TEST(Priority, NeverMovesAnEarlierDueTime) {
  ReferralRecord record = RecordIn(kRequested);
  *record.mutable_due()->mutable_time() = api::ToTimestamp(Now() + absl::Hours(2));
  const ReferralRecord next = After(kReferring, record, command::ChangePriority{v1::PRIORITY_URGENT, {}});
  EXPECT_EQ(DueTime(next), Now() + absl::Hours(2));
}

TEST(Appointments, AreMadeAttendedMissedAndMoved) {
  const absl::Time first = Now() + absl::Hours(24);
  const auto record = [](uint32_t number, v1::AppointmentStatus status, std::optional<absl::Time> time) {
    return command::RecordAppointment{number, status, time, time.has_value() ? "Europe/Madrid" : ""};
  };
  ReferralRecord made =
      After(kReceiving, RecordIn(kAccepted), record(0, v1::APPOINTMENT_STATUS_SCHEDULED, first));
  EXPECT_EQ(Reason(DecideBy(kReceiving, made, record(1, v1::APPOINTMENT_STATUS_ATTENDED, {}))),
            "INVALID_FIELD")
      << "still to come";
  EXPECT_EQ(Reason(DecideBy(kReceiving, made, record(2, v1::APPOINTMENT_STATUS_ATTENDED, {}))),
            "INVALID_FIELD");
  EXPECT_EQ(Reason(DecideBy(kReceiving, made, record(1, v1::APPOINTMENT_STATUS_MOVED, {}))), "INVALID_FIELD");
  EXPECT_EQ(Reason(DecideBy(kReceiving, made, record(0, v1::APPOINTMENT_STATUS_ATTENDED, first))),
            "INVALID_FIELD");
  const ReferralRecord moved =
      After(kReceiving, made, record(1, v1::APPOINTMENT_STATUS_MOVED, first + absl::Hours(24)));
  ASSERT_EQ(moved.appointments_size(), 2);
  EXPECT_EQ(moved.appointments(0).status(), v1::APPOINTMENT_STATUS_MOVED);
  EXPECT_EQ(moved.appointments(1).number(), 2u);
  const absl::Time afterwards = first + absl::Hours(30);
  EXPECT_EQ(Reason(DecideBy(kReceiving, moved, record(1, v1::APPOINTMENT_STATUS_MISSED, {}), afterwards)),
            "INVALID_FIELD")
      << "it was moved";
  const ReferralRecord missed =
      After(kReceiving, moved, record(2, v1::APPOINTMENT_STATUS_MISSED, {}), afterwards);
  EXPECT_EQ(missed.appointments(1).status(), v1::APPOINTMENT_STATUS_MISSED);
}

TEST(Appointments, HaveALimit) {
  ReferralRecord record = RecordIn(kAccepted);
  for (int i = 0; i < kMaxAppointments; ++i) record.add_appointments();
  EXPECT_EQ(Reason(DecideBy(kReceiving, record, testing::CommandFor(Event::kRecordAppointment))),
            "LIMIT_EXCEEDED");
}

TEST(Notes, HaveNumbersAndALimit) {
  ReferralRecord record = RecordIn(kDraft);
  EXPECT_EQ(*TakeNoteNumber(record), 1u);
  EXPECT_EQ(*TakeNoteNumber(record), 2u);
  record.set_next_note(kMaxNotes);
  EXPECT_TRUE(TakeNoteNumber(record).ok());
  EXPECT_EQ(error::ReasonOf(TakeNoteNumber(record).status()), "LIMIT_EXCEEDED");
}

TEST(Decide, IsPure) {
  const ReferralRecord record = RecordIn(kRequested);
  const Command command = testing::CommandFor(Event::kAccept);
  const auto first = DecideBy(kReceiving, record, command);
  const auto second = DecideBy(kReceiving, record, command);
  EXPECT_EQ(first->next.SerializeAsString(), second->next.SerializeAsString());
  EXPECT_EQ(record.DebugString(), RecordIn(kRequested).DebugString());
}

TEST(Decide, ALostWayBackIsDataLoss) {
  ReferralRecord record = RecordIn(kNeedsInfo);
  record.clear_state_before_question();
  EXPECT_EQ(DecideBy(kReferring, record, command::ProvideInformation{}).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace waypost::referral
