// Successions that take effect: what moves, who can open it then, and what a crash or a submit in between
// does.
#include "services/referral/succession_mover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/store/keys.h"
#include "services/referral/referral_play_testing.h"
#include "services/referral/referral_rig.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);
constexpr std::string_view kThirdDesk = "bodies/es-getafe/units/madrid";

class SuccessionMoverTest : public ::testing::Test {
 protected:
  SuccessionMover& Mover() {
    if (mover_ == nullptr) Restart();
    return *mover_;
  }
  // As after a start of the process.
  void Restart(int batch = 64) {
    mover_ = std::make_unique<SuccessionMover>(r.rig.env(), r.change(), r.sealing, r.replica,
                                               MoverOptions{.batch = batch});
  }
  // Until nothing is left to be moved.
  int MoveAll() {
    int moved = 0;
    for (int steps = 0; steps < 1000; ++steps) {
      const auto step = Mover().Step();
      EXPECT_TRUE(step.ok()) << step.status();
      if (!step.ok() || !step->more) return moved;
      moved += step->moved;
    }
    ADD_FAILURE() << "the move does not end";
    return moved;
  }

  void Record(const directory::v1::Succession& succession) { r.SetSuccession(succession); }
  void NextDay() {
    r.rig.clock().Advance(kDay);
    r.Refresh();
  }
  // Of the day before kSuccession begins, and over it: a replica is relied on for a minute.
  static constexpr absl::Duration kOverMidnight = absl::Seconds(30);
  void ShortlyBeforeMidnight() {
    r.rig.clock().Advance(absl::Hours(14) - kOverMidnight / 2);
    r.Refresh();
  }
  storage::v1::SuccessionMoveRecord Move() {
    return rows::GetMove(**r.rig.store().Snapshot(), kSuccession)->value();
  }
  std::vector<std::string> EventsOf(const std::string& name) {
    std::vector<std::string> events;
    for (const auto& entry : r.History(name)) events.push_back(entry.event());
    return events;
  }
  std::vector<std::string> Box(const std::string& token, v1::Box box) {
    v1::ListReferralsRequest request;
    request.set_box(box);
    std::vector<std::string> names;
    const auto page = Must(r.Do(token, &Stub::ListReferrals, request));
    for (const auto& row : page.referrals()) names.push_back(row.name());
    return names;
  }
  absl::StatusOr<v1::DiscloseReferralResponse> Open(const std::string& token, const std::string& name,
                                                    v1::SectionKind section) {
    return r.Do(token, &Stub::DiscloseReferral, r.Disclose(name, {section}));
  }
  // Whatever a body has keys of, as text.
  std::vector<std::string> Opened(const std::string& name, std::string_view body) {
    std::vector<std::string> opened;
    for (const auto& sections : r.OpenableBy(name, body)) opened.push_back(sections.SerializeAsString());
    return opened;
  }
  std::vector<std::string> FindOwn(const std::string& token) {
    v1::FindByOwnReferenceRequest request;
    request.set_own_reference(std::string(kOwnReference));
    std::vector<std::string> names;
    const auto found = Must(r.Do(token, &Stub::FindByOwnReference, request));
    for (const auto& row : found.referrals()) names.push_back(row.name());
    return names;
  }

  // A referral whose people have a place each, by an enrolment.
  v1::Referral Enrolled(int persons = 1) {
    r.SetGroups(kOffer, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT,
                {{.group_id = "a", .places = 2}});
    auto accept = On<v1::AcceptReferralRequest>(r.Requested(persons));
    accept.set_offer(std::string(kOffer));
    for (int i = 1; i <= persons; ++i) {
      accept.add_places()->set_person(static_cast<uint32_t>(i));
      accept.mutable_places(i - 1)->set_group_id("a");
    }
    return Must(r.Do(r.receiver, &Stub::AcceptReferral, accept));
  }
  static v1::StartEnrolmentRequest Starting(const std::string& enrolment, int persons = 1) {
    auto start = On<v1::StartEnrolmentRequest>(enrolment);
    for (int i = 1; i <= persons; ++i) {
      v1::PersonOutcome& outcome = *start.add_outcomes() = Outcomes(PositiveOutcome())[0];
      outcome.set_person(static_cast<uint32_t>(i));
      outcome.mutable_outcome()->set_kind(v1::OUTCOME_KIND_ENROLLED);
    }
    return start;
  }
  // It names a rights request that is not there: it cannot be moved.
  void Spoil(const std::string& name) {
    const ReferralRecord before = r.Record(name);
    ReferralRecord after = before;
    after.add_right_marks()->set_request("rightsRequests/none");
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  rows::Put(writer, &before, after, {});
                  return absl::OkStatus();
                }).ok());
  }

  ReferralRig r;
  std::unique_ptr<SuccessionMover> mover_;
};

TEST_F(SuccessionMoverTest, TheOldAccountsFollowTheWork) {
  const std::string name = r.InProgress();
  directory::v1::Succession merged = Merged(kReceivingBody, kThirdBody);
  merged.set_accounts_until("2026-05-06");
  *merged.mutable_shares(0)->add_units() = [] {
    directory::v1::UnitSuccession unit;
    unit.set_unit(std::string(kReceivingUnit));
    unit.set_successor_unit(std::string(kThirdDesk));
    return unit;
  }();
  r.SetUnit(kThirdDesk, directory::v1::UNIT_STATUS_ACTIVE);
  Record(merged);
  Must(r.Get(r.receiver, name));
  NextDay();
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND") << "it is the successor's, and has not moved yet";
  EXPECT_EQ(MoveAll(), 1);
  Must(r.Get(r.receiver, name));
  Must(Open(r.receiver, name, v1::SECTION_KIND_DETAILS));
  EXPECT_EQ(r.Record(name).receiving().unit(), kThirdDesk);
  Must(r.Get(r.receiving_caseworker, name));
  NextDay();
  Must(r.Do(r.receiver, &Stub::CompleteReferral, r.Complete(name)));
  EXPECT_EQ(r.EventsOf(name).back().body(), kThirdBody);
  NextDay();
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND") << "their time is over";
  EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
}

// Of the receiving body's language work, with the unit that has it.
directory::v1::SuccessionShare LanguageShare() {
  directory::v1::SuccessionShare share;
  share.set_successor(std::string(kThirdBody));
  share.add_themes(type::v1::THEME_LANGUAGE);
  share.add_units()->set_unit(std::string(kReceivingUnit));
  share.mutable_units(0)->set_successor_unit(std::string(kThirdDesk));
  return share;
}

TEST_F(SuccessionMoverTest, TheAccountsOfAUnitFollowItsWorkInASplit) {
  const std::string name = r.InProgress();
  directory::v1::Succession split = Merged(kReceivingBody, kFourthBody);
  split.set_kind(directory::v1::SUCCESSION_KIND_SPLIT);
  *split.add_shares() = LanguageShare();
  split.set_accounts_until("2026-05-06");
  r.SetUnit(kThirdDesk, directory::v1::UNIT_STATUS_ACTIVE);
  const std::string of_two_units = r.rig.TokenOf(
      kReceivingBody, {policy::Role::kCaseworker},
      {std::string(kReceivingUnit), std::string(kOtherReceivingUnit)}, "actors/twoxxxxxxxxxxxxx");
  const std::string of_one_that_stays =
      r.rig.TokenOf(kReceivingBody, {policy::Role::kCaseworker}, {std::string(kOtherReceivingUnit)},
                    "actors/otherxxxxxxxxxxx");
  Record(split);
  Must(r.Get(r.receiving_caseworker, name));
  Must(r.Get(of_two_units, name));
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(name).receiving().unit(), kThirdDesk);
  Must(r.Get(r.receiving_caseworker, name));
  Must(Open(r.receiving_caseworker, name, v1::SECTION_KIND_DETAILS));
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND") << "a supervisor acts for the whole body";
  EXPECT_EQ(ReasonOf(r.Get(of_two_units, name)), "NOT_FOUND") << "the other unit is named nowhere";
  EXPECT_EQ(ReasonOf(r.Get(of_one_that_stays, name)), "NOT_FOUND");
  NextDay();
  Must(r.Do(r.receiving_caseworker, &Stub::CompleteReferral, r.Complete(name)));
  EXPECT_EQ(r.EventsOf(name).back().body(), kThirdBody);
  NextDay();
  EXPECT_EQ(ReasonOf(r.Get(r.receiving_caseworker, name)), "NOT_FOUND") << "their time is over";
}

TEST_F(SuccessionMoverTest, TheAccountsOfAUnitFollowAMovedCompetenceWhereItIsSaid) {
  const std::string name = r.InProgress();
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  *moved.mutable_shares(0) = LanguageShare();
  r.SetUnit(kThirdDesk, directory::v1::UNIT_STATUS_ACTIVE);
  const std::vector<std::string> opened = Opened(name, kReceivingBody);
  Record(moved);
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(Opened(name, kThirdBody), opened);
  EXPECT_THAT(Opened(name, kReceivingBody), IsEmpty());
  EXPECT_EQ(ReasonOf(r.Get(r.receiving_caseworker, name)), "NOT_FOUND")
      << "the unit may have work that stays";
  moved.set_accounts_until("2026-05-05");
  Record(moved);
  Must(r.Get(r.receiving_caseworker, name));
  Must(Open(r.receiving_caseworker, name, v1::SECTION_KIND_DETAILS));
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND");
}

TEST_F(SuccessionMoverTest, NobodysAccountFollowsWhatWasRecordedWithoutADay) {
  const std::string name = r.InProgress();
  r.Succeed(Merged(kReceivingBody, kThirdBody));
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND");
}

TEST_F(SuccessionMoverTest, AProcessThatStartsKnowsWhoseAccountsFollow) {
  directory::v1::Succession merged = Merged(kReceivingBody, kThirdBody);
  merged.set_accounts_until("2026-06-01");
  Record(merged);
  NextDay();
  rpc::chain::SuccessorAccounts accounts;
  policy::Caller caller;
  caller.body = std::string(kReceivingBody);
  const auto before = std::make_shared<const policy::Caller>(caller);
  ASSERT_TRUE(DirectoryReplica(r.rig.store(), &accounts).LoadAccounts().ok());
  EXPECT_EQ(accounts.ActingCaller(before, r.rig.clock().Now())->body, kThirdBody);
}

TEST_F(SuccessionMoverTest, NothingMovesBeforeItsDay) {
  const std::string name = r.Requested();
  Record(Merged(kReceivingBody, kThirdBody));
  EXPECT_EQ(MoveAll(), 0);
  Must(r.Do(r.receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name)));
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(MoveAll(), 0) << "once";
  EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
}

TEST_F(SuccessionMoverTest, OpenWorkOfTheReceivingSideGoesWithItsKeys) {
  const std::string name = r.InProgress();
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  const int64_t revision = r.Record(name).revision();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(name).revision(), revision + 1);
  EXPECT_EQ(r.Record(name).state(), kInProgress);
  EXPECT_EQ(r.Record(name).case_holding_body(), kThirdBody);
  EXPECT_EQ(EventsOf(name).back(), "SUCCEED");
  EXPECT_EQ(r.EventsOf(name).back().type(), "referral.succeeded");
  // For those before it does not exist any longer, and no key of theirs is left.
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, name)), "NOT_FOUND");
  EXPECT_THAT(r.Wraps(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(Box(r.receiver, v1::BOX_INBOX), IsEmpty());
  EXPECT_THAT(Box(r.third, v1::BOX_INBOX), ElementsAre(name));
  const auto opened = Must(Open(r.third, name, v1::SECTION_KIND_DETAILS));
  EXPECT_THAT(opened.sections(0).details().given_name(), ::testing::HasSubstr(std::string(kGivenName)));
  EXPECT_EQ(r.OpenableBy(name, kThirdBody).size(), 1);
  Must(r.Do(r.third, &Stub::CompleteReferral, r.Complete(name)));
}

TEST_F(SuccessionMoverTest, BeforeAcceptanceTheSuccessorOpensTheScreeningAlone) {
  const std::string name = r.Requested();
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  MoveAll();
  Must(Open(r.third, name, v1::SECTION_KIND_SCREENING));
  EXPECT_EQ(ReasonOf(Open(r.third, name, v1::SECTION_KIND_DETAILS)), "NOT_YET_DISCLOSED");
  Must(r.Do(r.third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name)));
  Must(Open(r.third, name, v1::SECTION_KIND_DETAILS));
}

TEST_F(SuccessionMoverTest, TheReferringSideGoesWithDraftsReferencesAndOwnNotes) {
  const std::string sent = r.InProgress();
  const std::string draft = Must(r.Do(r.referrer, &Stub::CreateReferral, r.NewDraft())).name();
  auto note = On<v1::AddNoteRequest>(sent);
  note.set_text("own-note-of-the-side");
  note.set_visibility(v1::NOTE_VISIBILITY_OWN_SIDE);
  Must(r.Do(r.referrer, &Stub::AddNote, note));
  Record(Merged(kReferringBody, kThirdBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 2);
  EXPECT_THAT(FindOwn(r.referrer), IsEmpty());
  EXPECT_THAT(FindOwn(r.third), ::testing::UnorderedElementsAre(sent, draft));
  EXPECT_EQ(ReasonOf(r.Get(r.referrer, draft)), "NOT_FOUND");
  EXPECT_THAT(r.Wraps(draft, kReferringBody), IsEmpty());
  auto read = On<v1::DiscloseNotesRequest>(sent);
  read.add_notes(base::Cat(sent, "/notes/1"));
  read.set_purpose(v1::PURPOSE_DELIVER_SERVICE);
  const auto notes = Must(r.Do(r.third, &Stub::DiscloseNotes, read));
  ASSERT_EQ(notes.notes_size(), 1);
  EXPECT_EQ(notes.notes(0).text(), "own-note-of-the-side");
  Must(r.Do(r.third, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft)));
}

TEST_F(SuccessionMoverTest, TheArchiveOfABodyThatIsNoMoreGoesToo) {
  const std::string completed = r.Completed();
  const std::string declined = r.Declined();
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 2);
  Must(Open(r.third, completed, v1::SECTION_KIND_DETAILS));
  EXPECT_EQ(r.Record(declined).receiving().body(), kThirdBody);
  EXPECT_EQ(ReasonOf(Open(r.third, declined, v1::SECTION_KIND_SCREENING)), "ACCESS_ENDED");
  EXPECT_EQ(ReasonOf(r.Get(r.receiver, completed)), "NOT_FOUND");
}

TEST_F(SuccessionMoverTest, ACompetenceGoesWithItsThemeAndLeavesTheArchive) {
  const std::string open = r.Requested();
  auto other = r.NewReferral();
  other.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
  const std::string housing = Must(r.Do(r.referrer, &Stub::SubmitReferral, other)).name();
  const std::string ended = r.Declined();
  r.rig.clock().Advance(absl::Seconds(1));
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(ended)));
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  moved.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  moved.mutable_shares(0)->add_territories("ES30");
  Record(moved);
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(open).receiving().body(), kThirdBody);
  EXPECT_EQ(r.Record(housing).receiving().body(), kReceivingBody);
  EXPECT_EQ(r.Record(ended).receiving().body(), kReceivingBody);
  Must(r.Do(r.referrer, &Stub::SubmitReferral, other));
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::SubmitReferral, r.NewReferral())), "BODY_SUCCEEDED");
}

TEST_F(SuccessionMoverTest, WhatHasEndedIsNotOpenedAgainForABodyWhoseCompetenceMoved) {
  const std::string name = r.Completed();
  directory::v1::Succession moved = Merged(kReferringBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  Record(moved);
  NextDay();
  MoveAll();
  ASSERT_EQ(r.Record(name).referring().body(), kReferringBody) << "the archive stays";
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("She came back.");
  EXPECT_EQ(ReasonOf(r.Do(r.receiver, &Stub::ReopenReferral, reopen)), "BODY_SUCCEEDED");
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::ReopenReferral, reopen)), "BODY_SUCCEEDED");
}

TEST_F(SuccessionMoverTest, ASplitGivesToEachWhatItTookOver) {
  const std::string language = r.Requested();
  auto other = r.NewReferral();
  other.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
  const std::string housing = Must(r.Do(r.referrer, &Stub::SubmitReferral, other)).name();
  other.mutable_referral()->set_theme(type::v1::THEME_EDUCATION);
  const std::string health = Must(r.Do(r.referrer, &Stub::SubmitReferral, other)).name();
  directory::v1::Succession split = Merged(kReceivingBody, kThirdBody);
  split.set_kind(directory::v1::SUCCESSION_KIND_SPLIT);
  split.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  split.mutable_shares(0)->add_units()->set_unit(std::string(kReceivingUnit));
  split.mutable_shares(0)->mutable_units(0)->set_successor_unit(std::string(kThirdDesk));
  split.add_shares()->set_successor(std::string(kFourthBody));
  split.mutable_shares(1)->add_themes(type::v1::THEME_HOUSING);
  const std::map<std::string, std::vector<std::string>> opened = {
      {language, Opened(language, kReceivingBody)}, {housing, Opened(housing, kReceivingBody)}};
  Record(split);
  NextDay();
  EXPECT_EQ(MoveAll(), 2);
  EXPECT_THAT(opened.at(language), Not(IsEmpty()));
  EXPECT_EQ(Opened(language, kThirdBody), opened.at(language));
  EXPECT_EQ(Opened(housing, kFourthBody), opened.at(housing));
  for (const std::string& name : {language, housing}) EXPECT_THAT(Opened(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(Opened(language, kFourthBody), IsEmpty());
  EXPECT_THAT(Opened(housing, kThirdBody), IsEmpty());
  EXPECT_EQ(r.Record(language).receiving().body(), kThirdBody);
  EXPECT_EQ(r.Record(language).receiving().unit(), kThirdDesk);
  EXPECT_EQ(r.Record(housing).receiving().body(), kFourthBody);
  EXPECT_EQ(r.Record(housing).receiving().unit(), "");
  EXPECT_EQ(r.Record(health).receiving().body(), kReceivingBody) << "nobody took that over";
  EXPECT_EQ(Move().left_behind(), 1);
  EXPECT_EQ(Move().moved(), 2);
  EXPECT_TRUE(Move().has_end_time());
}

TEST_F(SuccessionMoverTest, BothSidesBecomeOneBody) {
  const std::string name = r.InProgress();
  auto reference = On<v1::AcceptReferralRequest>(r.Requested());
  reference.set_own_reference("theirs-4711");
  const std::string with_two = Must(r.Do(r.receiver, &Stub::AcceptReferral, reference)).name();
  Record(Merged(kReferringBody, kReceivingBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 2);
  EXPECT_EQ(r.Record(name).coordinating_body(), "");
  EXPECT_THAT(Box(r.receiver, v1::BOX_OUTBOX), Contains(name));
  EXPECT_THAT(Box(r.receiver, v1::BOX_INBOX), Contains(name));
  Must(Open(r.receiver, name, v1::SECTION_KIND_DETAILS));
  // Its own reference stays the one that it looks up by; the other is a note of its own.
  const auto notes = r.Notes(with_two);
  ASSERT_EQ(notes.size(), 1);
  auto read = On<v1::DiscloseNotesRequest>(with_two);
  read.add_notes(base::Cat(with_two, "/notes/", notes[0].number()));
  read.set_purpose(v1::PURPOSE_DELIVER_SERVICE);
  EXPECT_EQ(Must(r.Do(r.receiver, &Stub::DiscloseNotes, read)).notes(0).text(), kOwnReference);
  // The end of it closes nothing: the keys are the body's own.
  Must(r.Do(r.receiver, &Stub::DeclineReferral, r.Decline(with_two)));
  Must(Open(r.receiver, with_two, v1::SECTION_KIND_DETAILS));
  Must(r.Do(r.receiver, &Stub::CompleteReferral, r.Complete(name)));
  Must(r.Do(r.receiver, &Stub::EraseReferral, On<v1::EraseReferralRequest>(name)));
  EXPECT_THAT(r.Wraps(name), IsEmpty());
  EXPECT_THAT(r.Sections(name), IsEmpty());
}

TEST_F(SuccessionMoverTest, WhoCoordinatedIsSucceededToo) {
  const std::string name = r.Requested();
  Record(Merged(kCoordinatingBody, kFourthBody));
  NextDay();
  MoveAll();
  EXPECT_EQ(r.Record(name).coordinating_body(), kFourthBody);
  EXPECT_EQ(ReasonOf(r.Get(r.coordinator, name)), "NOT_FOUND");
  Must(r.Get(r.fourth, name));
  const std::string later = r.Requested();
  EXPECT_EQ(r.Record(later).coordinating_body(), kFourthBody) << "by the agreement with the body before";
}

TEST_F(SuccessionMoverTest, FromItsDayOnThePredecessorGetsNothingAndSendsNothing) {
  const std::string draft = Must(r.Do(r.referrer, &Stub::CreateReferral, r.NewDraft())).name();
  const std::string open = r.Acknowledged();
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  // The move has not begun yet.
  const auto refused = r.Do(r.referrer, &Stub::SubmitReferral, r.NewReferral());
  ASSERT_EQ(ReasonOf(refused), "BODY_SUCCEEDED");
  EXPECT_THAT(std::string(base::ToStd(refused.status().message())),
              ::testing::HasSubstr(std::string(kThirdBody)));
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft))),
            "BODY_SUCCEEDED");
  auto create = r.NewDraft();
  create.mutable_referral()->mutable_referring()->clear_unit();
  EXPECT_EQ(ReasonOf(r.Do(r.receiver, &Stub::CreateReferral, create)), "BODY_SUCCEEDED");
  Must(r.Do(r.receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(open)));
  MoveAll();
  EXPECT_EQ(r.Record(open).receiving().body(), kThirdBody);
  Must(r.Do(r.referrer, &Stub::SubmitReferral, On<v1::SubmitReferralRequest>(draft)));
  EXPECT_EQ(r.Record(draft).receiving().body(), kThirdBody) << "a draft for it is for its successor";
}

TEST_F(SuccessionMoverTest, ACallFromBeforeMidnightIsMetByTheMoveOrRefused) {
  // By its own clock the call comes before the day; by the store the move has begun.
  r.rig.clock().Advance(kDay);
  Record(Merged(kReceivingBody, kThirdBody));
  MoveAll();
  r.rig.clock().Advance(-kDay);
  r.Refresh();
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::SubmitReferral, r.NewReferral())), "BODY_SUCCEEDED");
}

TEST_F(SuccessionMoverTest, ASubmitThatIsPreparedBeforeMidnightIsRefusedOnceTheMoveIsDone) {
  const std::string before = r.Requested();
  Record(Merged(kReceivingBody, kThirdBody));
  ShortlyBeforeMidnight();
  // Prepared, and not yet committed: midnight passes, and everything moves.
  r.rig.store().BeforeNext([&] {
    r.rig.clock().Advance(kOverMidnight);
    r.RunMover();
  });
  EXPECT_EQ(ReasonOf(r.Do(r.referrer, &Stub::SubmitReferral, r.NewReferral())), "BODY_SUCCEEDED");
  EXPECT_TRUE(Move().has_end_time());
  EXPECT_EQ(r.Record(before).receiving().body(), kThirdBody);
  EXPECT_THAT(Must(rows::ListNames(**r.rig.store().Snapshot(), {}, 10)), ElementsAre(before))
      << "nothing of it is stored";
}

TEST_F(SuccessionMoverTest, ASubmitFromBeforeMidnightThatCommitsBeforeTheMoveBeginsMovesToo) {
  Record(Merged(kReceivingBody, kThirdBody));
  ShortlyBeforeMidnight();
  r.rig.clock().Advance(kOverMidnight);
  // The mover has seen that the day has come, and has written nothing.
  std::string sent;
  r.rig.store().BeforeNext([&] {
    r.rig.clock().Advance(-kOverMidnight);
    sent = Must(r.Do(r.referrer, &Stub::SubmitReferral, r.NewReferral())).name();
    r.rig.clock().Advance(kOverMidnight);
  });
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(sent).receiving().body(), kThirdBody);
  EXPECT_THAT(r.Wraps(sent, kReceivingBody), IsEmpty());
}

TEST_F(SuccessionMoverTest, OfAMergerAndManySubmitsWhicheverCommitsFirstDecides) {
  constexpr size_t kSenders = 6;
  Record(Merged(kReceivingBody, kThirdBody));
  ShortlyBeforeMidnight();
  std::vector<std::vector<std::string>> sent(kSenders);
  std::vector<std::string> refused(kSenders);
  std::latch begun(kSenders);
  std::vector<std::thread> senders;
  for (size_t i = 0; i < kSenders; ++i) {
    // Each goes on until it is refused, so that calls from before midnight are on their way when the move
    // begins.
    senders.emplace_back([&, i] {
      for (int n = 0; n < 2000 && refused[i].empty(); ++n) {
        const auto answer = r.Do(r.referrer, &Stub::SubmitReferral, r.NewReferral());
        if (answer.ok()) sent[i].push_back(answer->name());
        if (!answer.ok()) refused[i] = ReasonOf(answer);
        if (n == 0) begun.count_down();
      }
    });
  }
  begun.wait();
  r.rig.clock().Advance(kOverMidnight);
  const int moved = MoveAll();
  for (std::thread& sender : senders) sender.join();
  int all = 0;
  for (size_t i = 0; i < kSenders; ++i) {
    EXPECT_EQ(refused[i], "BODY_SUCCEEDED");
    EXPECT_THAT(sent[i], Not(IsEmpty()));
    all += static_cast<int>(sent[i].size());
    for (const std::string& name : sent[i]) {
      EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
      EXPECT_THAT(r.Wraps(name, kReceivingBody), IsEmpty());
    }
  }
  EXPECT_EQ(moved, all) << "each once";
  EXPECT_TRUE(Move().has_end_time());
}

TEST_F(SuccessionMoverTest, BegunAgainAnywhereItGoesOnAndDoesNothingTwice) {
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back(i % 2 == 0 ? r.Accepted() : r.Requested());
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  // Each step by a process of its own; before each, the walk of the one before is forgotten, as where a crash
  // came between the last referral of a batch and the note of how far it is.
  for (int steps = 0; steps < 30; ++steps) {
    Restart(/*batch=*/3);
    const auto step = Mover().Step();
    ASSERT_TRUE(step.ok()) << step.status();
    if (!step->more) break;
    auto move = Move();
    if (move.has_end_time() || steps % 2 == 1) continue;
    move.clear_after();
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  rows::PutMove(writer, move);
                  return absl::OkStatus();
                }).ok());
    if (steps % 4 == 2) Restart(/*batch=*/7);
    ASSERT_TRUE(Mover().Step().ok());
  }
  EXPECT_TRUE(Move().has_end_time());
  EXPECT_EQ(Move().moved(), 10);
  for (const std::string& name : names) {
    EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
    const std::vector<std::string> events = EventsOf(name);
    EXPECT_EQ(std::count(events.begin(), events.end(), "SUCCEED"), 1);
  }
}

TEST_F(SuccessionMoverTest, GroupsPlacesAndEnrolmentsGoToTheSuccessor) {
  r.SetGroups(kOffer, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{.group_id = "a", .places = 2}});
  auto request = r.NewReferral();
  request.mutable_referral()->set_offer(std::string(kOffer));
  const std::string placed = Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
  auto accept = On<v1::AcceptReferralRequest>(placed);
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("a");
  Must(r.Do(r.receiver, &Stub::AcceptReferral, accept));
  const std::string waits = Must(r.Do(r.referrer, &Stub::SubmitReferral, request)).name();
  auto waitlist = On<v1::WaitlistReferralRequest>(waits);
  waitlist.set_group_id("a");
  *waitlist.mutable_review_time() = api::ToTimestamp(r.rig.clock().Now() + 30 * kDay);
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, waitlist));
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 2);
  const auto list = Must(r.Do(r.third, &EnrolmentStub::ListEnrolments, v1::ListEnrolmentsRequest()));
  ASSERT_EQ(list.enrolments_size(), 1);
  EXPECT_EQ(list.enrolments(0).provider(), kThirdBody);
  EXPECT_THAT(
      Must(r.Do(r.receiver, &EnrolmentStub::ListEnrolments, v1::ListEnrolmentsRequest())).enrolments(),
      IsEmpty());
  auto get = On<v1::GetWaitingListRequest>(WaitingListName({std::string(kOffer), "a"}));
  const auto group = Must(r.Do(r.third, &EnrolmentStub::GetWaitingList, get));
  EXPECT_EQ(group.provider(), kThirdBody);
  EXPECT_EQ(group.taken(), 1);
  EXPECT_EQ(group.waiting_count(), 1);
  auto offer = On<v1::OfferPlaceRequest>(waits);
  *offer.mutable_answer_by_time() = api::ToTimestamp(r.rig.clock().Now() + 3 * kDay);
  Must(r.Do(r.third, &Stub::OfferPlace, offer));
}

// Lists and places of an offer that stays with another body than the referral.
class LostListTest : public SuccessionMoverTest {
 protected:
  static constexpr std::string_view kTheirs = "offers/getafe-asl";

  LostListTest() {
    SetGroups(kOffer, kReceivingBody, "ES300/28001", 1);
    SetGroups(kTheirs, kThirdBody, "ES300/28058", 1);
  }
  void SetGroups(std::string_view offer, std::string_view provider, std::string_view territory, int places) {
    directory::v1::WatchChangesResponse changes;
    auto& change = *changes.add_changes();
    change.set_revision(1'000'000 + ++revision_);
    directory::v1::Offer& made = *change.mutable_offer();
    made.set_name(std::string(offer));
    made.set_provider(std::string(provider));
    made.set_status(directory::v1::OFFER_STATUS_ACTIVE);
    made.set_kind(directory::v1::OFFER_KIND_ONE_OFF);
    made.set_theme(type::v1::THEME_LANGUAGE);
    made.add_territories(std::string(territory));
    for (const std::string_view id : {"a", "b"}) {
      auto& group = *made.add_groups();
      group.set_group_id(std::string(id));
      group.set_permanent(true);
      group.mutable_capacity()->set_places(places);
    }
    changes.set_next_cursor(base::Cat("lists-", revision_));
    changes.set_up_to_date(true);
    ASSERT_TRUE(r.replica.Apply(changes, r.rig.clock().Now()).ok());
  }
  v1::WaitlistReferralRequest ToList(std::string_view name, std::string_view offer) {
    auto request = On<v1::WaitlistReferralRequest>(name);
    *request.mutable_review_time() = api::ToTimestamp(r.rig.clock().Now() + 30 * kDay);
    request.set_offer(std::string(offer));
    request.set_group_id("a");
    return request;
  }
  v1::OfferPlaceRequest Offered(std::string_view name) {
    auto request = On<v1::OfferPlaceRequest>(name);
    *request.mutable_answer_by_time() = api::ToTimestamp(r.rig.clock().Now() + 3 * kDay);
    return request;
  }
  // One is offered the only place, and one waits; then the referrals go to the third body, and the offer
  // stays.
  void WaitAndLose(const directory::v1::Succession& succession) {
    offered_ = r.Requested();
    Must(r.Do(r.receiver, &Stub::WaitlistReferral, ToList(offered_, kOffer)));
    Must(r.Do(r.receiver, &Stub::OfferPlace, Offered(offered_)));
    r.rig.clock().Advance(absl::Seconds(5));
    waits_ = r.Requested();
    Must(r.Do(r.receiver, &Stub::WaitlistReferral, ToList(waits_, kOffer)));
    since_ = r.Record(waits_).waiting().since_time();
    due_ = r.Record(waits_).due();
    Record(succession);
    NextDay();
    EXPECT_EQ(MoveAll(), 2);
  }
  v1::WaitingList List(const std::string& token, std::string_view offer) {
    return Must(r.Do(token, &EnrolmentStub::GetWaitingList,
                     On<v1::GetWaitingListRequest>(WaitingListName({std::string(offer), "a"}))));
  }
  void ExpectListLeft(const std::string& keeper) {
    EXPECT_EQ(List(keeper, kOffer).taken(), 0);
    EXPECT_EQ(List(keeper, kOffer).waiting_count(), 0);
    EXPECT_EQ(List(keeper, kOffer).next_referral(), "");
    EXPECT_EQ(List(keeper, kOffer).free(), 1);
    EXPECT_THAT(Must(r.Do(keeper, &EnrolmentStub::ListWaitingList,
                          On<v1::ListWaitingListRequest>(WaitingListName({std::string(kOffer), "a"}))))
                    .entries(),
                IsEmpty());
    for (const std::string& name : {offered_, waits_}) {
      EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
      EXPECT_EQ(r.Record(name).state(), kWaitlisted);
      EXPECT_EQ(r.History(name).back().event(), "SUCCEED");
      EXPECT_EQ(r.History(name).back().next_on_list(), "") << "is nobody's to know here";
      EXPECT_EQ(r.Record(name).due().clock(), v1::CLOCK_REVIEW);
    }
    EXPECT_EQ(r.Record(waits_).due().SerializeAsString(), due_.SerializeAsString());
  }
  void ExpectTheSuccessorGoesOn() {
    // The referral asks for no offer of the successor: what is offered is a place in none.
    EXPECT_EQ(ReasonOf(r.Do(r.third, &Stub::OfferPlace, Offered(waits_))), "OK");
    auto stay = On<v1::AnswerOfferRequest>(waits_);
    stay.set_answer(v1::AnswerOfferRequest::ANSWER_STAY_ON_LIST);
    Must(r.Do(r.referrer, &Stub::AnswerOffer, stay));
    r.rig.clock().Advance(absl::Seconds(5));
    r.Refresh();
    const auto joined = Must(r.Do(r.third, &Stub::WaitlistReferral, ToList(waits_, kTheirs)));
    EXPECT_EQ(joined.waiting().since_time().SerializeAsString(), since_.SerializeAsString());
    EXPECT_EQ(joined.waiting().position(), 1);
    const auto first = Must(r.Do(r.third, &Stub::WaitlistReferral, ToList(offered_, kTheirs)));
    EXPECT_EQ(first.waiting().position(), 1) << "it has waited longer";
    EXPECT_EQ(List(r.third, kTheirs).next_referral(), offered_);
    EXPECT_EQ(List(r.third, kTheirs).free(), 1);
    EXPECT_EQ(ReasonOf(r.Do(r.third, &Stub::WaitlistReferral, ToList(waits_, kTheirs))), "ALREADY_ON_LIST");
    Must(r.Do(r.third, &Stub::OfferPlace, Offered(offered_)));
    Must(r.Do(r.third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(offered_)));
    EXPECT_EQ(List(r.third, kTheirs).taken(), 1);
    EXPECT_EQ(List(r.third, kTheirs).free(), 0);
    EXPECT_EQ(ReasonOf(r.Do(r.third, &Stub::OfferPlace, Offered(waits_))), "NO_PLACE_FREE");
  }

  int revision_ = 0;
  std::string offered_;
  std::string waits_;
  google::protobuf::Timestamp since_;
  v1::Due due_;
};

TEST_F(LostListTest, WhereACompetenceMovedTheListStaysAndTheReferralsLeaveIt) {
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  moved.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  WaitAndLose(moved);
  ExpectListLeft(r.receiver);
  ExpectTheSuccessorGoesOn();
}

directory::v1::Succession LanguageMovedWithItsOffers() {
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  moved.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  moved.set_offers_follow(true);
  return moved;
}

TEST_F(LostListTest, WhereItsOffersFollowTheListGoesWithTheReferrals) {
  WaitAndLose(LanguageMovedWithItsOffers());
  for (const std::string& name : {offered_, waits_}) {
    EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
    EXPECT_EQ(r.Record(name).waiting().offer(), kOffer);
    EXPECT_EQ(r.Record(name).waiting().group_id(), "a");
  }
  EXPECT_EQ(r.Record(offered_).state(), kOffered) << "the place is on offer still";
  EXPECT_EQ(r.Record(waits_).state(), kWaitlisted);
  EXPECT_EQ(r.Record(waits_).waiting().since_time().SerializeAsString(), since_.SerializeAsString());
  EXPECT_EQ(r.Record(waits_).due().SerializeAsString(), due_.SerializeAsString());
  EXPECT_EQ(List(r.third, kOffer).provider(), kThirdBody);
  EXPECT_EQ(List(r.third, kOffer).free(), 0);
  EXPECT_EQ(List(r.receiver, kOffer).waiting_count(), 0) << "is not told any longer";
  EXPECT_EQ(ReasonOf(r.Do(r.third, &Stub::OfferPlace, Offered(waits_))), "NO_PLACE_FREE");
  Must(r.Do(r.third, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(offered_)));
  EXPECT_EQ(List(r.third, kOffer).taken(), 1);
  EXPECT_EQ(List(r.third, kOffer).waiting_count(), 1);
}

TEST_F(LostListTest, WhoStaysLeavesTheListOfAnOfferThatWent) {
  auto housing = r.NewReferral();
  housing.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
  const std::string offered = Must(r.Do(r.referrer, &Stub::SubmitReferral, housing)).name();
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, ToList(offered, kOffer)));
  Must(r.Do(r.receiver, &Stub::OfferPlace, Offered(offered)));
  r.rig.clock().Advance(absl::Seconds(5));
  const std::string waits = Must(r.Do(r.referrer, &Stub::SubmitReferral, housing)).name();
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, ToList(waits, kOffer)));
  const ReferralRecord before = r.Record(waits);
  Record(LanguageMovedWithItsOffers());
  NextDay();
  EXPECT_EQ(MoveAll(), 0) << "they are of another theme";
  EXPECT_EQ(Move().moved(), 0);
  EXPECT_EQ(Move().failed(), 0);
  EXPECT_TRUE(Move().has_end_time());
  for (const std::string& name : {offered, waits}) {
    Must(r.Get(r.receiver, name));
    EXPECT_EQ(r.Record(name).state(), kWaitlisted);
    EXPECT_EQ(r.Record(name).waiting().offer(), "");
    EXPECT_EQ(r.Record(name).receiving().body(), kReceivingBody);
    EXPECT_EQ(r.History(name).back().event(), "SUCCEED");
    EXPECT_EQ(r.History(name).back().next_on_list(), "");
    EXPECT_EQ(r.Record(name).due().clock(), v1::CLOCK_REVIEW);
  }
  EXPECT_EQ(r.Record(waits).receiving().SerializeAsString(), before.receiving().SerializeAsString());
  EXPECT_EQ(r.Record(waits).waiting().since_time().SerializeAsString(),
            before.waiting().since_time().SerializeAsString());
  EXPECT_EQ(List(r.third, kOffer).waiting_count(), 0);
  EXPECT_EQ(List(r.third, kOffer).free(), 1);
  const int64_t revision = r.Record(waits).revision();
  Restart();
  EXPECT_EQ(MoveAll(), 0);
  EXPECT_EQ(r.Record(waits).revision(), revision) << "once";
}

TEST_F(LostListTest, WhatANarrowerOneKeptIsLeftWhenThatEnds) {
  auto housing = r.NewReferral();
  housing.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
  const std::string waits = Must(r.Do(r.referrer, &Stub::SubmitReferral, housing)).name();
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, ToList(waits, kOffer)));
  directory::v1::Succession narrow = Merged(kReceivingBody, kFourthBody);
  narrow.set_name("successions/narrow");
  narrow.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  narrow.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  narrow.mutable_shares(0)->add_territories("ES300/28001");
  Record(narrow);
  Record(LanguageMovedWithItsOffers());
  NextDay();
  MoveAll();
  EXPECT_TRUE(Move().has_end_time());
  EXPECT_EQ(r.Record(waits).waiting().offer(), kOffer) << "the offer is of what the narrower one has";
  narrow.mutable_period()->set_end_date(narrow.period().start_date());
  Record(narrow);
  Record(narrow);
  MoveAll();
  EXPECT_EQ(r.Record(waits).waiting().offer(), kOffer) << "its last day";
  NextDay();
  Restart();
  MoveAll();
  EXPECT_EQ(r.Record(waits).waiting().offer(), "");
  EXPECT_EQ(r.Record(waits).state(), kWaitlisted);
  EXPECT_EQ(r.Record(waits).receiving().body(), kReceivingBody);
  EXPECT_EQ(List(r.third, kOffer).waiting_count(), 0);
  EXPECT_TRUE(Move().has_end_time());
  const int64_t revision = r.Record(waits).revision();
  NextDay();
  Restart();
  EXPECT_EQ(MoveAll(), 0);
  EXPECT_EQ(r.Record(waits).revision(), revision) << "once";
}

// Of two bodies: an ended referral of a theme whose competence moved for one day, from a body that is no more
// from that day on.
class KeptArchiveTest : public SuccessionMoverTest {
 protected:
  void GoesAfterTheDay(bool narrow_first) {
    const std::string ended = r.Completed();
    directory::v1::Succession narrow = Merged(kReceivingBody, kFourthBody);
    narrow.set_name("successions/narrow");
    narrow.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
    narrow.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
    narrow.mutable_period()->set_end_date(narrow.period().start_date());
    if (narrow_first) Record(narrow);
    Record(Merged(kReceivingBody, kThirdBody));
    if (!narrow_first) Record(narrow);
    NextDay();
    MoveAll();
    EXPECT_EQ(r.Record(ended).receiving().body(), kReceivingBody) << "only open work went";
    EXPECT_TRUE(Move().has_end_time());
    NextDay();
    Restart();
    EXPECT_EQ(MoveAll(), 1);
    EXPECT_EQ(r.Record(ended).receiving().body(), kThirdBody);
    EXPECT_TRUE(Move().has_end_time());
    const int64_t revision = r.Record(ended).revision();
    NextDay();
    Restart();
    EXPECT_EQ(MoveAll(), 0);
    EXPECT_EQ(r.Record(ended).revision(), revision) << "once";
  }
};

TEST_F(KeptArchiveTest, GoesWhenTheNarrowerOneEndsThatWasKnownFirst) {
  GoesAfterTheDay(/*narrow_first=*/true);
}

TEST_F(KeptArchiveTest, GoesWhenTheNarrowerOneEndsThatWasKnownLast) {
  GoesAfterTheDay(/*narrow_first=*/false);
}

TEST_F(LostListTest, WhatIsFreedOnTheOtherListNamesNobodyToTheSuccessor) {
  auto accept = On<v1::AcceptReferralRequest>(r.Requested());
  accept.set_offer(std::string(kOffer));
  accept.add_places()->set_person(1);
  accept.mutable_places(0)->set_group_id("a");
  Must(r.Do(r.receiver, &Stub::AcceptReferral, accept));
  auto housing = r.NewReferral();
  housing.mutable_referral()->set_theme(type::v1::THEME_HOUSING);
  const std::string stays = Must(r.Do(r.referrer, &Stub::SubmitReferral, housing)).name();
  Must(r.Do(r.receiver, &Stub::WaitlistReferral, ToList(stays, kOffer)));
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  moved.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  Record(moved);
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(List(r.receiver, kOffer).taken(), 1) << "whoever has the place keeps it";
  EXPECT_EQ(Must(r.Do(r.third, &Stub::DeclineReferral, r.Decline(accept.name()))).next_on_list(), "");
  EXPECT_EQ(r.History(accept.name()).back().next_on_list(), "");
  EXPECT_EQ(List(r.receiver, kOffer).free(), 1);
  EXPECT_EQ(List(r.receiver, kOffer).next_referral(), stays);
}

TEST_F(LostListTest, ByASplitByTerritoryTheListGoesElsewhereAndTheReferralsLeaveIt) {
  directory::v1::Succession split = Merged(kReceivingBody, kThirdBody);
  split.set_kind(directory::v1::SUCCESSION_KIND_SPLIT);
  split.mutable_shares(0)->add_territories("ES300/28058");
  split.add_shares()->set_successor(std::string(kFourthBody));
  split.mutable_shares(1)->add_territories("ES300/28001");
  WaitAndLose(split);
  EXPECT_EQ(List(r.fourth, kOffer).provider(), kFourthBody);
  ExpectListLeft(r.fourth);
  ExpectTheSuccessorGoesOn();
}

TEST_F(SuccessionMoverTest, AnErasedPersonsEnrolmentHoldsUpNoMove) {
  const v1::Referral accepted = Enrolled(2);
  Must(r.Do(r.receiver, &EnrolmentStub::StartEnrolment, Starting(accepted.places(0).enrolment(), 2)));
  auto leave = On<v1::LeaveEnrolmentRequest>(accepted.places(0).enrolment());
  leave.set_reason(v1::LEAVE_REASON_GOAL_REACHED);
  leave.set_destination(v1::LEAVE_DESTINATION_UNKNOWN);
  Must(r.Do(r.receiver, &EnrolmentStub::LeaveEnrolment, leave));
  const std::string& name = accepted.name();
  const auto right =
      Must(r.Do(r.referrer, &Stub::RecordRightsRequest, r.Right(name, v1::RIGHT_KIND_OBJECTION, 1)));
  Must(r.Do(r.receiver, &Stub::AnswerRightsRequest,
            r.Receipt(right.name(), name, v1::RIGHT_ANSWER_STOPPED_ERASED)));
  EXPECT_EQ(r.Record(name).state(), kCompleted);
  const v1::Referral seen = Must(r.Get(r.receiver, name));
  EXPECT_THAT(seen.places(), Not(IsEmpty()));
  for (const v1::PersonPlace& place : seen.places()) {
    EXPECT_EQ(place.enrolment(), place.person() == 1 ? "" : accepted.places(1).enrolment())
        << "no referral names an enrolment that is gone";
  }
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
  EXPECT_TRUE(Move().has_end_time());
  EXPECT_EQ(Move().failed(), 0);
}

TEST_F(SuccessionMoverTest, WhoStillAttendsMovesThoughTheReferralForgotTheirPlace) {
  const v1::Referral accepted = Enrolled();
  const std::string enrolment = accepted.places(0).enrolment();
  Must(r.Do(r.receiver, &EnrolmentStub::StartEnrolment, Starting(enrolment)));
  auto reopen = On<v1::ReopenReferralRequest>(accepted.name());
  reopen.set_text("why");
  Must(r.Do(r.referrer, &Stub::ReopenReferral, reopen));
  EXPECT_THAT(r.Record(accepted.name()).places(), IsEmpty());
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  const auto get = On<v1::GetEnrolmentRequest>(enrolment);
  EXPECT_EQ(Must(r.Do(r.third, &EnrolmentStub::GetEnrolment, get)).provider(), kThirdBody);
  const auto list = Must(r.Do(r.third, &EnrolmentStub::ListEnrolments, v1::ListEnrolmentsRequest()));
  EXPECT_EQ(list.enrolments_size(), 1);
}

TEST_F(SuccessionMoverTest, WhereACompetenceMovesWhoStillAttendsIsWork) {
  const v1::Referral accepted = Enrolled();
  const std::string& name = accepted.name();
  const std::string enrolment = accepted.places(0).enrolment();
  Must(r.Do(r.receiver, &EnrolmentStub::StartEnrolment, Starting(enrolment)));
  auto reopen = On<v1::ReopenReferralRequest>(name);
  reopen.set_text("why");
  Must(r.Do(r.referrer, &Stub::ReopenReferral, reopen));
  Must(r.Do(r.receiver, &Stub::DeclineReferral, r.Decline(name)));
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(name)));
  ASSERT_FALSE(IsOpenWork(r.Record(name))) << "the record alone does not tell";
  const std::string archived = r.Declined();
  Must(r.Do(r.referrer, &Stub::SettleFollowUp, On<v1::SettleFollowUpRequest>(archived)));
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody);
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  Record(moved);
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
  EXPECT_EQ(
      Must(r.Do(r.third, &EnrolmentStub::GetEnrolment, On<v1::GetEnrolmentRequest>(enrolment))).provider(),
      kThirdBody);
  EXPECT_EQ(r.Record(archived).receiving().body(), kReceivingBody);
}

TEST_F(SuccessionMoverTest, OneThatCannotEndHoldsUpNoOther) {
  const std::string stuck = r.Requested();
  const std::string fine = r.Acknowledged();
  Spoil(stuck);
  directory::v1::Succession other = Merged(kReferringBody, kFourthBody);
  other.set_name("successions/es-zz-after-the-first");
  Record(other);
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  for (int walks = 0; walks < 5; ++walks) {
    MoveAll();
    r.rig.clock().Advance(absl::Seconds(11));
  }
  EXPECT_FALSE(Move().has_end_time());
  EXPECT_GT(Move().walk(), 3U) << "it is tried again";
  EXPECT_EQ(r.Record(fine).receiving().body(), kThirdBody);
  EXPECT_EQ(r.Record(fine).referring().body(), kFourthBody) << "the other one goes on meanwhile";
  EXPECT_EQ(r.Record(stuck).receiving().body(), kReceivingBody);
}

TEST_F(SuccessionMoverTest, WhatCannotBeReadHoldsUpNoOther) {
  const std::string unreadable = r.Requested();
  const std::string fine = r.Requested();
  const auto dump = r.rig.Dump();
  const std::string row = r.Record(unreadable).SerializeAsString();
  for (const auto& [key, value] : dump) {
    if (value != row) continue;
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&key = key](store::Writer& writer) {
                  writer.Put(key, "\xff");
                  return absl::OkStatus();
                }).ok());
  }
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(fine).receiving().body(), kThirdBody);
  EXPECT_FALSE(Move().has_end_time());
}

TEST_F(SuccessionMoverTest, ARightThatIsToBeAnsweredIsTheSuccessorsToAnswer) {
  const std::string name = r.Accepted();
  const auto right = Must(r.Do(r.referrer, &Stub::RecordRightsRequest, r.Right(name, v1::RIGHT_KIND_ACCESS)));
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  MoveAll();
  EXPECT_THAT(Must(r.Do(r.receiver, &Stub::ListRightsRequests, v1::ListRightsRequestsRequest())).tasks(),
              IsEmpty());
  EXPECT_EQ(Must(r.Do(r.third, &Stub::ListRightsRequests, v1::ListRightsRequestsRequest())).tasks_size(), 1);
  Must(r.Do(r.third, &Stub::AnswerRightsRequest, r.Receipt(right.name(), name, v1::RIGHT_ANSWER_PROVIDED)));
}

TEST_F(SuccessionMoverTest, WhereAKeyWasDestroyedTheRestMoves) {
  const std::string name = r.InProgress();
  const uint32_t key = r.Wraps(name, kReceivingBody).front().record.key_id();
  r.rig.clock().Advance(kDay);
  ASSERT_TRUE(r.key_provider.Rotate(r.rig.clock().Now()).ok());
  r.rig.clock().Advance(crypto::kMinRetirement);
  const absl::Status destroyed = r.keys.Destroy(key, r.rig.clock().Now());
  ASSERT_TRUE(destroyed.ok()) << destroyed;
  Record(Merged(kReceivingBody, kThirdBody));
  r.Refresh();
  EXPECT_EQ(MoveAll(), 1);
  EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
  EXPECT_THAT(r.Wraps(name, kReceivingBody), IsEmpty());
  EXPECT_THAT(r.Wraps(name, kThirdBody), IsEmpty());
}

TEST_F(SuccessionMoverTest, NoFigureCountsWhatIsProtectedAndItIsTriedAgainAllTheSame) {
  const auto figure = [&](const std::string& name) {
    for (const auto& family : r.rig.env().node.metrics.registry()->Collect()) {
      if (family.name != name) continue;
      const auto& metric = family.metric.front();
      return family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
    }
    return -1.0;
  };
  r.Requested();
  v1::SubmitReferralRequest request = r.NewReferral();
  request.mutable_referral()->mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  std::vector<std::string> shelters;
  for (int i = 0; i < 3; ++i) {
    shelters.push_back(Must(r.Do(r.referring_caseworker, &Stub::SubmitReferral, request)).name());
  }
  // One cannot be prepared, and one cannot be carried out.
  const auto right = Must(
      r.Do(r.referring_caseworker, &Stub::RecordRightsRequest, r.Right(shelters[1], v1::RIGHT_KIND_ACCESS)));
  const std::string holdings = store::KeyBuilder().Text("held").Text(rows::IdOfName(shelters[0])).Take();
  const std::string rights = store::KeyBuilder().Text("right").Text(right.name().substr(15)).Take();
  const auto before = r.rig.Dump();
  ASSERT_TRUE(before.contains(holdings));
  ASSERT_TRUE(before.contains(rights));
  const auto put = [&](const std::string& key, std::string_view value) {
    ASSERT_TRUE(store::TransactAndWait(r.rig.store(), [&](store::Writer& writer) {
                  writer.Put(key, value);
                  return absl::OkStatus();
                }).ok());
  };
  put(holdings, "not a record");
  put(rights, "not a record");
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  MoveAll();
  EXPECT_EQ(Move().moved(), 1);
  EXPECT_EQ(Move().failed(), 0);
  EXPECT_EQ(Move().walk(), 1U) << "a walk more would tell";
  EXPECT_FALSE(Move().has_end_time());
  EXPECT_EQ(figure("waypost_succession_moved_total"), 1);
  EXPECT_EQ(figure("waypost_succession_failed"), 0);
  EXPECT_EQ(r.Record(shelters[2]).receiving().body(), kThirdBody);
  // Also by a process that was not there.
  Restart();
  put(holdings, before.at(holdings));
  put(rights, before.at(rights));
  r.rig.clock().Advance(absl::Hours(1));
  r.Refresh();
  MoveAll();
  for (const std::string& name : shelters) EXPECT_EQ(r.Record(name).receiving().body(), kThirdBody);
  EXPECT_TRUE(Move().has_end_time());
  EXPECT_EQ(Move().moved(), 1);
}

TEST_F(SuccessionMoverTest, AnOperatorSeesHowFarItIs) {
  for (int i = 0; i < 3; ++i) r.Requested();
  directory::v1::Succession other = Merged(kFifthBody, kSixthBody);
  other.set_name("successions/es-a");
  Record(other);
  Record(Merged(kReceivingBody, kThirdBody));
  NextDay();
  const std::string node_operator =
      r.rig.TokenOf("bodies/es-node", {policy::Role::kOperator}, {}, "actors/opxxxxxxxxxxxxxx");
  v1::ListSuccessionMovesRequest request;
  request.set_page_size(1);
  EXPECT_THAT(Must(r.Do(node_operator, &SuccessionStub::ListSuccessionMoves, request)).moves(), IsEmpty());
  MoveAll();
  const auto first = Must(r.Do(node_operator, &SuccessionStub::ListSuccessionMoves, request));
  ASSERT_EQ(first.moves_size(), 1);
  EXPECT_EQ(first.moves(0).succession(), "successions/es-a");
  EXPECT_EQ(first.moves(0).moved_count(), 0);
  request.set_page_token(first.next_page_token());
  const auto second = Must(r.Do(node_operator, &SuccessionStub::ListSuccessionMoves, request));
  ASSERT_EQ(second.moves_size(), 1);
  EXPECT_EQ(second.moves(0).predecessor(), kReceivingBody);
  EXPECT_EQ(second.moves(0).moved_count(), 3);
  EXPECT_EQ(second.moves(0).looked_at_count(), 3);
  EXPECT_TRUE(second.moves(0).has_end_time());
  Must(r.Do(r.referrer, &SuccessionStub::ListSuccessionMoves, v1::ListSuccessionMovesRequest()));
  EXPECT_EQ(ReasonOf(r.Do(r.referring_caseworker, &SuccessionStub::ListSuccessionMoves,
                          v1::ListSuccessionMovesRequest())),
            "NOT_ALLOWED");
}

// Who takes over what, as it is told to caseworkers (docs/concepts/successions.md), written once more: of
// several shares the one with the narrowest territory, then the one that names the theme; of a competence
// only what is still at work.
struct Takeover {
  struct Share {
    std::string body;
    type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;  // all of them
    std::string territory = {};                           // wherever
  };
  directory::v1::SuccessionKind kind = directory::v1::SUCCESSION_KIND_MERGED;
  std::vector<Share> shares;

  bool whole() const { return kind != directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED; }
  // Empty: nobody.
  std::string Taker(type::v1::Theme theme, const std::string& territory) const {
    const Share* best = nullptr;
    const auto rank = [](const Share& share) {
      return std::pair(share.territory.size(), share.theme != type::v1::THEME_UNSPECIFIED);
    };
    for (const Share& share : shares) {
      const bool of_theme = share.theme == type::v1::THEME_UNSPECIFIED || share.theme == theme;
      if (!of_theme || !territory.starts_with(share.territory)) continue;
      if (best == nullptr || rank(share) > rank(*best)) best = &share;
    }
    return best == nullptr ? std::string() : best->body;
  }
  directory::v1::Succession Recorded(std::string_view from) const {
    directory::v1::Succession succession = Merged(from, shares.at(0).body);
    succession.set_kind(kind);
    succession.clear_shares();
    for (const Share& share : shares) {
      directory::v1::SuccessionShare& added = *succession.add_shares();
      added.set_successor(share.body);
      if (share.theme != type::v1::THEME_UNSPECIFIED) added.add_themes(share.theme);
      if (!share.territory.empty()) added.add_territories(share.territory);
    }
    return succession;
  }
};

constexpr std::string_view kMadrid = "ES300/28058";
constexpr std::string_view kElsewhere = "ES511";

std::vector<Takeover> Takeovers() {
  const std::string third(kThirdBody);
  const std::string fourth(kFourthBody);
  return {
      {.shares = {{.body = third}}},
      {.kind = directory::v1::SUCCESSION_KIND_SPLIT,
       .shares = {{.body = third, .theme = type::v1::THEME_LANGUAGE},
                  {.body = fourth, .theme = type::v1::THEME_HOUSING}}},
      {.kind = directory::v1::SUCCESSION_KIND_SPLIT,
       .shares = {{.body = third},
                  {.body = third, .theme = type::v1::THEME_LANGUAGE, .territory = "ES30"},
                  {.body = fourth, .territory = std::string(kMadrid)}}},
      {.kind = directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED,
       .shares = {{.body = third, .theme = type::v1::THEME_LANGUAGE, .territory = "ES30"}}},
  };
}

TEST(TakeoverTest, TheNarrowestTerritoryCountsThenTheTheme) {
  const std::vector<Takeover> all = Takeovers();
  EXPECT_EQ(all[1].Taker(type::v1::THEME_HOUSING, std::string(kMadrid)), kFourthBody);
  EXPECT_EQ(all[1].Taker(type::v1::THEME_EDUCATION, std::string(kMadrid)), "");
  EXPECT_EQ(all[2].Taker(type::v1::THEME_LANGUAGE, std::string(kMadrid)), kFourthBody);
  EXPECT_EQ(all[2].Taker(type::v1::THEME_LANGUAGE, std::string(kElsewhere)), kThirdBody);
  EXPECT_EQ(all[3].Taker(type::v1::THEME_LANGUAGE, std::string(kElsewhere)), "");
}

// Whole histories by chance, with a succession in the middle of them.
class SuccessionHistoriesTest : public SuccessionMoverTest, public ::testing::WithParamInterface<int> {
 protected:
  std::vector<std::string> AllNames() {
    return Must(rows::ListNames(**r.rig.store().Snapshot(), "", 10'000));
  }

  void DoSomething(Play& play) {
    const std::vector<std::string> names = AllNames();
    std::optional<Deed> deed;
    if (names.size() < 5 || play.Below(8) == 0) deed = play.Open();
    if (!deed.has_value())
      deed = play.Choose(names[static_cast<size_t>(play.Below(static_cast<int>(names.size())))]);
    if (deed.has_value()) deed->send(*r.stub).IgnoreError();
  }

  // By what has happened: the receiving body has what it works on, also while it is asked to give it back.
  std::string HolderByHistory(const ReferralRecord& record) {
    bool receiver_has_it = false;
    for (const auto& entry : r.History(record.name())) {
      const State state = entry.state();
      receiver_has_it = state == kAccepted || state == kInProgress || state == kOnHold ||
                        (state == kCancelRequested && receiver_has_it);
    }
    return receiver_has_it ? record.receiving().body() : record.referring().body();
  }
  std::map<std::string, ReferralRecord> AllRecords() {
    std::map<std::string, ReferralRecord> all;
    for (const std::string& name : AllNames()) all[name] = r.Record(name);
    return all;
  }
  bool Happened(const std::string& name, std::string_view event) {
    const std::vector<std::string> events = EventsOf(name);
    return std::find(events.begin(), events.end(), event) != events.end();
  }
  // One side of a referral, after the move; `before` is what it was, or null where it was made since.
  void CheckSide(const Takeover& takeover, std::string_view gone, const ReferralRecord* before,
                 const ReferralRecord& now, bool referring) {
    const auto body_of = [referring](const ReferralRecord& record) {
      return referring ? record.referring().body() : record.receiving().body();
    };
    const std::string taker = takeover.Taker(now.theme(), now.territory());
    SCOPED_TRACE(
        base::Cat(now.name(), referring ? ", referring" : ", receiving", ", taken by '", taker, "'"));
    if (before == nullptr) {
      EXPECT_TRUE(taker.empty() || body_of(now) != gone) << "begun with a body that was succeeded";
      return;
    }
    // Whom it should never have reached has no part in it, and nothing of it moves.
    if (!referring && Happened(now.name(), "REPORT_MISDIRECTED")) return;
    if (body_of(*before) != gone || taker.empty()) {
      EXPECT_EQ(body_of(now), body_of(*before));
      return;
    }
    const bool was_work = !IsEnd(before->state()) || before->has_due();
    if (takeover.whole() || (was_work && !IsEnd(now.state()))) {
      EXPECT_EQ(body_of(now), taker);
    } else if (!was_work && !now.has_due() && !Happened(now.name(), "REOPEN")) {
      EXPECT_EQ(body_of(now), gone) << "the archive stays";
    }
  }

  // At every moment one body answers for each case, and keys are of those who have part in it.
  void CheckAll() {
    for (const std::string& name : AllNames()) {
      const ReferralRecord record = r.Record(name);
      EXPECT_FALSE(record.case_holding_body().empty());
      if (!IsEnd(record.state())) {
        EXPECT_EQ(record.case_holding_body(), HolderByHistory(record)) << name;
      }
      for (const Wrap& wrap : r.Wraps(name)) {
        EXPECT_TRUE(wrap.body == record.referring().body() || wrap.body == record.receiving().body())
            << name << " " << wrap.body;
      }
      const auto history = r.History(name);
      for (size_t i = 0; i < history.size(); ++i) {
        EXPECT_EQ(history[i].revision(), static_cast<int64_t>(i) + 1) << name;
      }
    }
  }
};

TEST_P(SuccessionHistoriesTest, EachHasWhatItTookOverAndThePredecessorNothingOfIt) {
  Play play(*r.stub,
            {.players = {{std::string(kReferringBody), r.referrer},
                         {std::string(kReceivingBody), r.receiver},
                         {std::string(kThirdBody), r.third},
                         {std::string(kFourthBody), r.fourth}},
             .now = [this] { return r.rig.clock().Now(); },
             .seed = static_cast<unsigned>(GetParam()),
             .themes = {type::v1::THEME_LANGUAGE, type::v1::THEME_HOUSING, type::v1::THEME_EDUCATION},
             .territories = {std::string(kMadrid), std::string(kElsewhere)}});
  // Each takeover of either side.
  const std::string_view gone = GetParam() % 2 == 0 ? kReceivingBody : kReferringBody;
  const Takeover takeover = Takeovers().at(static_cast<size_t>(GetParam() / 2 % 4));
  for (int i = 0; i < 60; ++i) DoSomething(play);
  CheckAll();
  const auto before = AllRecords();
  Record(takeover.Recorded(gone));
  NextDay();
  Restart(/*batch=*/4);
  bool more = true;
  while (more) {
    for (int i = 0; i < 3; ++i) DoSomething(play);
    const auto step = Mover().Step();
    ASSERT_TRUE(step.ok()) << step.status();
    more = step->more;
    CheckAll();
  }
  EXPECT_TRUE(Move().has_end_time());
  for (int i = 0; i < 20; ++i) DoSomething(play);
  CheckAll();
  for (const auto& [name, now] : AllRecords()) {
    const auto was = before.find(name);
    for (const bool referring : {true, false}) {
      CheckSide(takeover, gone, was == before.end() ? nullptr : &was->second, now, referring);
    }
    if (takeover.whole() && !takeover.Taker(now.theme(), now.territory()).empty()) {
      EXPECT_THAT(BodiesOf(now), Not(Contains(std::string(gone)))) << name;
      EXPECT_THAT(r.Wraps(name, gone), IsEmpty()) << name;
      EXPECT_TRUE(r.OpenableBy(name, gone).empty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SuccessionHistoriesTest, ::testing::Range(0, 8));

}  // namespace
}  // namespace waypost::referral
