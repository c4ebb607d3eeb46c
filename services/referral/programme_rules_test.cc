#include "services/referral/programme_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): records, commands and people of tests
using policy::Relation;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kOffer = "offers/flats";
constexpr std::string_view kOther = "offers/rooms";
constexpr std::string_view kEstia = "programmes/estia";
constexpr absl::Duration kDay = absl::Hours(24);

ProgrammeEndFacts EndAt(absl::Time over) {
  return {.programme = std::string(kEstia), .end_date = "2026-05-31", .over = over};
}
ProgrammeEnds Ends(absl::Time over) {
  ProgrammeEnds ends;
  ends.emplace(std::string(kOffer), EndAt(over));
  return ends;
}
Moment At(std::optional<ProgrammeEnds> ends, absl::Time now = Now()) {
  return {now, ClockTable::Standard(), SideCalendars(), std::move(ends)};
}

absl::StatusOr<Decision> Decided(Actor actor, const ReferralRecord& record, const Command& command,
                                 const Moment& at) {
  if (actor == Actor::kSystem) return DecideAsSystem(record, command, at);
  const auto& caller = actor == Actor::kReferring   ? Referrer()
                       : actor == Actor::kReceiving ? Receiver()
                                                    : Coordinator();
  const Relation relation = actor == Actor::kReferring   ? Relation::kReferring
                            : actor == Actor::kReceiving ? Relation::kReceiving
                                                         : Relation::kCoordinating;
  return Decide(record, command, As(caller, {relation}), at);
}

ReferralRecord Ready(State state, Event event, Actor actor) {
  ReferralRecord record = RecordReadyFor(state, event, actor);
  if (state != kNothing) record.set_offer(std::string(kOffer));
  return record;
}

ReferralRecord Next(Actor actor, const ReferralRecord& record, const Command& command, const Moment& at) {
  const auto decision = Decided(actor, record, command, at);
  EXPECT_TRUE(decision.ok()) << EventName(EventOf(command)) << ": " << decision.status();
  return decision.ok() ? decision->next : record;
}
ReferralRecord Marked(const ReferralRecord& record, absl::Time over, absl::Time now = Now()) {
  return Next(Actor::kSystem, record, command::ProgrammeEnding{}, At(Ends(over), now));
}
ReferralRecord GoesOn(const ReferralRecord& record, absl::Time now = Now()) {
  return Next(Actor::kSystem, record, command::ProgrammeGoesOn{}, At(ProgrammeEnds(), now));
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return api::FromTimestamp(time);
}
std::string Text(bool given, const v1::Due& due) {
  return given ? due.ShortDebugString() : std::string("nothing");
}
std::string DueText(const ReferralRecord& record) {
  return Text(record.has_due(), record.due());
}
std::string NaturalText(const ReferralRecord& record) {
  return Text(HasNaturalDue(record), NaturalDue(record));
}
bool IsHandOver(const ReferralRecord& record) {
  return record.due().clock() == v1::CLOCK_HAND_OVER;
}

// What must hold of every record. `put_off`: time was given back to the hand-over, too, so that what was set
// aside for it may come first though it is due after the programme's last day.
void Check(const ReferralRecord& record, bool ends, const std::string& what, bool put_off = false) {
  SCOPED_TRACE(what);
  EXPECT_EQ(record.has_programme_end(), IsOpen(record.state()) && ends);
  EXPECT_EQ(record.has_programme_over_time(), record.has_programme_end());
  if (!IsHandOver(record)) {
    EXPECT_FALSE(record.has_due_before_programme_end());
    EXPECT_FALSE(record.has_clock_before_programme_end());
  }
  const bool owes =
      record.has_programme_end() && record.state() != kCancelRequested && !record.hand_over_pending();
  if (IsHandOver(record)) {
    EXPECT_TRUE(owes);
    EXPECT_EQ(record.due().party(), v1::PARTY_RECEIVING);
    EXPECT_FALSE(record.has_lapse_time());
    EXPECT_NE(record.wake(), storage::v1::WAKE_LAPSE);
    if (record.has_due_before_programme_end()) {
      EXPECT_GT(TimeOf(record.due_before_programme_end().time()), TimeOf(record.due().time()));
    }
  } else if (owes) {
    ASSERT_TRUE(record.has_due());
    if (put_off) return;
    EXPECT_LE(TimeOf(record.due().time()), TimeOf(record.programme_over_time()));
  }
}

// Of these the clocks or the sides say when: a hand-over that is due instead changes what they may do.
const std::set<Event>& AboutWhatIsDue() {
  static const auto* const events =
      new std::set<Event>{Event::kReminder, Event::kGiveBackTime, Event::kEscalate,  Event::kLapse,
                          Event::kRemind,   Event::kProposeDate,  Event::kAgreeDate, Event::kRefuseDate};
  return *events;
}

// Calls `body` with every row of the table that has a command, for every state it begins in.
void ForEachStep(const std::function<void(State, Event, Actor, const std::string&)>& body) {
  for (const Transition& row : Transitions()) {
    if (!HasCommand(row.event)) continue;
    for (int i = 1; i < kStateCount; ++i) {
      const State state = static_cast<State>(i);
      if (!row.from.Has(state)) continue;
      body(state, row.event, row.actor,
           base::Cat(StateName(state), " ", EventName(row.event), " by ", ActorName(row.actor)));
    }
  }
}

TEST(ProgrammeEnd, IsOverWithItsLastDayWhereTheProviderIs) {
  const auto madrid = std::make_shared<calendar::WorkingCalendar>();
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Madrid", &madrid->zone));
  EXPECT_EQ(DayIsOver("2026-12-31", madrid),
            absl::FromCivil(absl::CivilSecond(2026, 12, 31, 23, 0, 0), absl::UTCTimeZone()));
  EXPECT_EQ(DayIsOver("2026-06-30", madrid),
            absl::FromCivil(absl::CivilSecond(2026, 6, 30, 22, 0, 0), absl::UTCTimeZone()));
  EXPECT_EQ(DayIsOver("2026-12-31", nullptr),
            absl::FromCivil(absl::CivilSecond(2027, 1, 1, 0, 0, 0), absl::UTCTimeZone()));
  EXPECT_EQ(DayIsOver("9999-12-31", nullptr), absl::InfiniteFuture());
  EXPECT_EQ(DayIsOver("", nullptr), absl::InfiniteFuture());
}

TEST(ProgrammeEnd, ConcernsWhereItHasPlacesOrElseWhereItWaitsOrElseWhatItAsksFor) {
  ReferralRecord record = RecordIn(kAccepted);
  record.clear_offer();
  EXPECT_THAT(OffersOf(record), IsEmpty());
  record.set_offer(std::string(kOffer));
  EXPECT_THAT(OffersOf(record), ElementsAre(kOffer));
  record.mutable_waiting()->set_offer(std::string(kOther));
  EXPECT_THAT(OffersOf(record), ElementsAre(kOther));
  record.add_places()->set_offer("offers/houses");
  record.add_places()->set_offer("offers/houses");
  EXPECT_THAT(OffersOf(record), ElementsAre("offers/houses"));
  EXPECT_THAT(OffersNamedIn(record), ElementsAre(kOffer, kOther, "offers/houses"));
  EXPECT_EQ(EndFor(record, Ends(Now())), nullptr) << "it is not where it has its places";
  record.add_places()->set_offer(std::string(kOffer));
  ProgrammeEnds ends = Ends(Now() + kDay);
  ends.emplace("offers/houses", EndAt(Now()));
  EXPECT_EQ(EndFor(record, ends)->over, Now()) << "the earliest";
}

TEST(ProgrammeEnd, AsksForAMarkOnceAndForItsRemovalOnce) {
  for (int i = 1; i < kStateCount; ++i) {
    ReferralRecord record = RecordIn(static_cast<State>(i));
    record.set_offer(std::string(kOffer));
    const bool open = IsOpen(record.state());
    EXPECT_EQ(WhatEnds(record, Ends(Now() + kDay)).has_value(), open) << StateName(record.state());
    EXPECT_FALSE(WhatEnds(record, ProgrammeEnds()).has_value());
    if (!open) continue;
    record = Marked(record, Now() + kDay);
    EXPECT_EQ(record.programme_end().programme(), kEstia);
    EXPECT_EQ(record.programme_end().end_date(), "2026-05-31");
    EXPECT_FALSE(WhatEnds(record, Ends(Now() + kDay)).has_value()) << "it says so already";
    EXPECT_EQ(EventOf(*WhatEnds(record, Ends(Now() + 2 * kDay))), Event::kProgrammeEnding) << "put off";
    EXPECT_EQ(EventOf(*WhatEnds(record, ProgrammeEnds())), Event::kProgrammeGoesOn);
    EXPECT_FALSE(WhatEnds(GoesOn(record), ProgrammeEnds()).has_value());
  }
}

TEST(ProgrammeEnd, OfEveryEnrolmentAsksForWhatItsMarkDoesNotSay) {
  const std::optional<ProgrammeEndFacts> none;
  const std::optional<ProgrammeEndFacts> ends = EndAt(Now() + kDay);
  const std::optional<ProgrammeEndFacts> ended = EndAt(Now() - kDay);
  std::optional<ProgrammeEndFacts> other = ends;
  other->programme = "programmes/rising";
  for (const Stay state : {kPlaced, kAttending, kPaused, kLeft}) {
    for (const auto& marked : {none, ends, ended, other}) {
      EnrolmentRecord record;
      record.set_name("enrolments/01jd-1-7");
      record.set_state(state);
      if (marked.has_value() && state != kLeft) {
        record = DecideEnrolment(record, enrolment::ProgrammeEnding{*marked}, Now())->next;
      }
      for (const auto& end : {none, ends, ended, other}) {
        SCOPED_TRACE(base::Cat(StayName(state), " ", record.ShortDebugString(), " ",
                               end.has_value() ? end->programme : "goes on"));
        const std::optional<EnrolmentCommand> command = WhatEnds(record, end);
        const bool same =
            end.has_value() == marked.has_value() &&
            (!end.has_value() || (end->over == marked->over && end->programme == marked->programme));
        ASSERT_EQ(command.has_value(), state != kLeft && !same);
        if (!command.has_value()) continue;
        EXPECT_EQ(EventOf(*command),
                  end.has_value() ? EnrolmentEvent::kProgrammeEnding : EnrolmentEvent::kProgrammeGoesOn);
        const auto decision = DecideEnrolment(record, *command, Now());
        ASSERT_TRUE(decision.ok()) << decision.status();
        EXPECT_EQ(decision->next.state(), state) << "nothing ends by it";
        EXPECT_FALSE(WhatEnds(decision->next, end).has_value()) << "once";
      }
    }
  }
}

// An hour: before whatever is due. A year: after it, where anything is. A day ago: found too late.
TEST(ProgrammeEnd, EveryStepOfATableThatIsMarkedKeepsWhatMustHold) {
  int steps = 0;
  for (const absl::Duration until : {absl::Hours(1), 365 * kDay, -kDay}) {
    ForEachStep([&](State state, Event event, Actor actor, const std::string& what) {
      const Moment at = At(Ends(Now() + until));
      ReferralRecord record = Ready(state, event, actor);
      if (IsOpen(state)) record = Marked(record, Now() + until);
      Check(record, true, base::Cat("before ", what));
      const auto decision = Decided(actor, record, CommandFor(event, actor), at);
      if (!decision.ok() && AboutWhatIsDue().contains(event)) return;
      ASSERT_TRUE(decision.ok()) << what << ": " << decision.status();
      const bool ends = EndFor(decision->next, *at.programme_ends) != nullptr;
      Check(decision->next, ends, what, event == Event::kGiveBackTime);
      ++steps;
    });
  }
  EXPECT_GT(steps, 400);
}

TEST(ProgrammeEnd, WhateverIsDoneWithAMarkTheRestIsAsWithoutIt) {
  int steps = 0;
  for (const absl::Duration until : {absl::Hours(1), 365 * kDay}) {
    ForEachStep([&](State state, Event event, Actor actor, const std::string& what) {
      if (!IsOpen(state) || AboutWhatIsDue().contains(event)) return;
      const ReferralRecord record = Ready(state, event, actor);
      const ReferralRecord plain = Next(actor, record, CommandFor(event, actor), At(ProgrammeEnds()));
      const ReferralRecord with =
          Next(actor, Marked(record, Now() + until), CommandFor(event, actor), At(Ends(Now() + until)));
      EXPECT_EQ(with.state(), plain.state()) << what;
      EXPECT_EQ(NaturalText(with), NaturalText(plain)) << what;
      EXPECT_EQ(with.paused_due().ShortDebugString(), plain.paused_due().ShortDebugString()) << what;
      EXPECT_EQ(with.due_before_cancel().ShortDebugString(), plain.due_before_cancel().ShortDebugString())
          << what;
      EXPECT_EQ(with.due_before_hand_over().ShortDebugString(),
                plain.due_before_hand_over().ShortDebugString())
          << what;
      EXPECT_EQ(with.start_due_time().ShortDebugString(), plain.start_due_time().ShortDebugString()) << what;
      if (!IsOpen(with.state())) return;
      // And when the mark goes, it is as if there had been none.
      const ReferralRecord after = GoesOn(with);
      EXPECT_EQ(DueText(after), DueText(plain)) << what;
      EXPECT_EQ(after.wake(), plain.wake()) << what;
      EXPECT_EQ(after.wake_time().ShortDebugString(), plain.wake_time().ShortDebugString()) << what;
      ++steps;
    });
  }
  EXPECT_GT(steps, 200);
}

TEST(ProgrammeEnd, PutOffOrBroughtForwardTheHandOverMoves) {
  ReferralRecord record = Ready(kInProgress, Event::kNote, Actor::kReceiving);
  record = Marked(record, Now() + 10 * kDay);
  ASSERT_TRUE(IsHandOver(record));
  EXPECT_EQ(TimeOf(record.due().time()), Now() + 10 * kDay);
  record = Marked(record, Now() + 90 * kDay, Now() + kDay);
  EXPECT_EQ(TimeOf(record.due().time()), Now() + 90 * kDay);
  record = Marked(record, Now() + 5 * kDay, Now() + 2 * kDay);
  EXPECT_EQ(TimeOf(record.due().time()), Now() + 5 * kDay);
  record = GoesOn(record, Now() + 3 * kDay);
  EXPECT_FALSE(record.has_due()) << "work in progress owes nothing by a date";
  EXPECT_FALSE(record.has_programme_end());
}

TEST(ProgrammeEnd, WhatIsDueBeforeStaysDue) {
  const ReferralRecord record = Ready(kAccepted, Event::kStart, Actor::kReceiving);
  ASSERT_EQ(record.due().clock(), v1::CLOCK_START);
  const absl::Time start = TimeOf(record.due().time());
  const ReferralRecord later = Marked(record, start + kDay);
  EXPECT_EQ(later.due().clock(), v1::CLOCK_START);
  EXPECT_EQ(Marked(record, start).due().clock(), v1::CLOCK_START) << "at the same instant";
  const ReferralRecord begun =
      Next(Actor::kReceiving, later, command::Start{}, At(Ends(start + kDay), Now()));
  EXPECT_TRUE(IsHandOver(begun)) << "and then the hand-over is";
  const ReferralRecord sooner = Marked(record, start - kDay);
  ASSERT_TRUE(IsHandOver(sooner));
  EXPECT_EQ(NaturalDue(sooner).clock(), v1::CLOCK_START);
  const v1::Referral shown = ToReferral(sooner, As(Receiver(), {Relation::kReceiving}), Now());
  EXPECT_EQ(TimeOf(shown.start_due_time()), start) << "shown as before";
  EXPECT_EQ(shown.programme_end().programme(), kEstia);
  const v1::Referral other = ToReferral(sooner, As(Coordinator(), {Relation::kCoordinating}), Now());
  EXPECT_FALSE(other.has_programme_end()) << "of the two sides alone";
}

TEST(ProgrammeEnd, IsRemindedEscalatedOnceAndEndsNothing) {
  ReferralRecord record =
      Marked(Ready(kRequested, Event::kAcknowledge, Actor::kReceiving), Now() + 10 * kDay);
  ASSERT_TRUE(IsHandOver(record));
  const Moment early = At(Ends(Now() + 10 * kDay), Now() + 10 * kDay - absl::Minutes(1));
  const auto reminder = WhatIsDue(record, {}, early);
  ASSERT_TRUE(reminder.has_value());
  EXPECT_EQ(EventOf(*reminder), Event::kReminder);
  record = Next(Actor::kSystem, record, *reminder, early);
  const Moment late = At(Ends(Now() + 10 * kDay), Now() + 10 * kDay + absl::Minutes(1));
  const auto escalation = WhatIsDue(record, {}, late);
  ASSERT_TRUE(escalation.has_value());
  EXPECT_EQ(EventOf(*escalation), Event::kEscalate);
  record = Next(Actor::kSystem, record, *escalation, late);
  EXPECT_TRUE(IsEscalated(record));
  // Whatever is done but what settles it leaves the silence as it is.
  record =
      Next(Actor::kReceiving, record, command::Acknowledge{}, At(Ends(Now() + 10 * kDay), Now() + 11 * kDay));
  EXPECT_TRUE(IsEscalated(record));
  EXPECT_TRUE(IsHandOver(record));
  for (absl::Time now = Now() + 11 * kDay; now < Now() + 400 * kDay; now += kDay) {
    const Moment at = At(Ends(Now() + 10 * kDay), now);
    const auto due = WhatIsDue(record, {}, at);
    if (!due.has_value()) continue;
    EXPECT_EQ(EventOf(*due), Event::kReminder) << "nothing else";
    record = Next(Actor::kSystem, record, *due, at);
  }
  EXPECT_EQ(record.state(), kAcknowledged);
  EXPECT_EQ(record.repeated_reminder_count(), kMaxRepeatedReminders);
  record = GoesOn(record, Now() + 400 * kDay);
  EXPECT_FALSE(IsEscalated(record)) << "that silence is over; what was set aside rings by itself";
}

TEST(ProgrammeEnd, ADateThatBothAgreedOnStandsUntilItEndsOnAnotherDay) {
  const absl::Time over = Now() + 10 * kDay;
  ReferralRecord record = Marked(Ready(kInProgress, Event::kNote, Actor::kReceiving), over);
  const Moment at = At(Ends(over));
  record = Next(Actor::kReceiving, record, command::ProposeDate{over + kDay}, at);
  record = Next(Actor::kReferring, record, command::AgreeDate{}, at);
  EXPECT_EQ(TimeOf(record.due().time()), over + kDay);
  record = Next(Actor::kReceiving, record, command::AddNote{}, at);
  EXPECT_EQ(TimeOf(record.due().time()), over + kDay);
  EXPECT_EQ(TimeOf(Marked(record, over + 5 * kDay).due().time()), over + 5 * kDay);
}

TEST(ProgrammeEnd, TheStartOfWhatWaitsOnAListRunsBesideItAndCanBePutOff) {
  const absl::Time over = Now() + absl::Hours(1);
  const absl::Time later = Now() + 20 * kDay;
  const Moment at = At(Ends(over));
  const ReferralRecord waits = Ready(kWaitlisted, Event::kNote, Actor::kReceiving);
  ReferralRecord record =
      Marked(Next(Actor::kReceiving, waits, command::ProposeDate{later, v1::CLOCK_START}, At({})), over);
  ASSERT_TRUE(IsHandOver(record));
  record = Next(Actor::kReferring, record, command::AgreeDate{}, at);
  EXPECT_EQ(TimeOf(record.start_due_time()), later);
  EXPECT_EQ(TimeOf(record.due().time()), over);
  record = Marked(Next(Actor::kReceiving, waits, command::ProposeDate{later}, At({})), over);
  EXPECT_FALSE(record.has_date_proposal()) << "the review is set aside";
  // Of a case that is accepted the start is set aside, too.
  const ReferralRecord accepted = Marked(Ready(kAccepted, Event::kNote, Actor::kReceiving), over);
  ASSERT_TRUE(IsHandOver(accepted));
  const auto refused = Decided(Actor::kReceiving, accepted, command::ProposeDate{later, v1::CLOCK_START}, at);
  EXPECT_EQ(error::ReasonOf(refused.status()), "NOTHING_DUE");
}

TEST(ProgrammeEnd, WhoAsksAnotherBodyToTakeItOverHasSettledItAsLongAsThatIsOpen) {
  const Moment at = At(Ends(Now() + absl::Hours(1)));
  const ReferralRecord record =
      Marked(Ready(kInProgress, Event::kHandOver, Actor::kReceiving), Now() + absl::Hours(1));
  const ReferralRecord asked = Next(Actor::kReceiving, record, command::HandOver{ToThird()}, at);
  EXPECT_EQ(asked.due().clock(), v1::CLOCK_REVIEW);
  EXPECT_TRUE(asked.has_programme_end());
  EXPECT_TRUE(IsHandOver(Next(Actor::kSystem, asked, command::HandOverNotTaken{}, at)));
  const ReferralRecord taken =
      Next(Actor::kSystem, asked, command::HandOverTaken{std::string(kThirdBody)}, at);
  EXPECT_EQ(taken.state(), kForwarded);
  EXPECT_FALSE(taken.has_programme_end());
}

TEST(ProgrammeEnd, WhatIsOpenedUnderItIsMarkedAtOnce) {
  command::HandOver hand_over{ToThird()};
  hand_over.to.offer = std::string(kOffer);
  const auto decision = Decided(Actor::kReceiving, Ready(kInProgress, Event::kHandOver, Actor::kReceiving),
                                hand_over, At(Ends(Now() + absl::Hours(1))));
  ASSERT_TRUE(decision.ok()) << decision.status();
  ASSERT_TRUE(decision->linked.has_value());
  EXPECT_EQ(decision->linked->programme_end().programme(), kEstia);
  EXPECT_TRUE(IsHandOver(*decision->linked));
  Check(*decision->linked, true, "linked");
}

TEST(ProgrammeEnd, TheEventNamesItUnlessItIsProtected) {
  ReferralRecord record = Ready(kInProgress, Event::kNote, Actor::kReceiving);
  const auto facts = [&record] {
    return DecideAsSystem(record, command::ProgrammeEnding{}, At(Ends(Now() + kDay)))->facts;
  };
  EXPECT_THAT(facts(), ElementsAre(std::pair<std::string, std::string>("programme", kEstia),
                                   std::pair<std::string, std::string>("end_date", "2026-05-31")));
  record.mutable_protection()->set_ground(v1::PROTECTION_GROUND_TRAFFICKING_INDICATORS);
  EXPECT_THAT(facts(), IsEmpty());
}

}  // namespace
}  // namespace waypost::referral
