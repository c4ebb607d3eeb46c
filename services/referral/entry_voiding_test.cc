#include "services/referral/entry_voiding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the referrals of this room
using ::testing::ElementsAre;
using ::testing::Pair;

std::string ReasonOf(const absl::StatusOr<Decision>& decision) {
  return decision.ok() ? "OK" : error::ReasonOf(decision.status());
}

command::VoidEntry Note(std::string_view body, bool is_void = false) {
  return {.note = 3,
          .reason = v1::VOID_REASON_WRONG_CONTENT,
          .note_body = std::string(body),
          .note_void = is_void};
}

command::VoidEntry Appointment(uint32_t number) {
  return {.appointment = number, .reason = v1::VOID_REASON_WRONG_PERSON};
}

ReferralRecord WithAppointment(State state = kAccepted) {
  ReferralRecord record = RecordIn(state);
  v1::Appointment& appointment = *record.add_appointments();
  appointment.set_number(1);
  *appointment.mutable_time() = api::ToTimestamp(Now() - absl::Hours(2));
  appointment.set_zone("Europe/Madrid");
  appointment.set_status(v1::APPOINTMENT_STATUS_SCHEDULED);
  return record;
}

TEST(EntryVoiding, ANoteIsVoidedOnceAndByTheBodyThatWroteItAlone) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
      const bool takes = actor == Actor::kReferring || state != kDraft;
      const std::string_view own = actor == Actor::kReferring ? kReferringBody : kReceivingBody;
      const std::string_view other = actor == Actor::kReferring ? kReceivingBody : kReferringBody;
      const ReferralRecord record = RecordIn(state);
      const auto reason = [&](const command::VoidEntry& entry) {
        return ReasonOf(DecideBy(actor, record, entry));
      };
      EXPECT_EQ(reason(Note(own)), takes ? "OK" : "INVALID_TRANSITION") << StateName(state);
      EXPECT_EQ(reason(Note(own, true)), takes ? "ENTRY_VOID" : "INVALID_TRANSITION");
      EXPECT_EQ(reason(Note(other)), takes ? "NOT_YOUR_ENTRY" : "INVALID_TRANSITION");
      EXPECT_EQ(reason(Note(other, true)), takes ? "NOT_YOUR_ENTRY" : "INVALID_TRANSITION");
    }
  }
}

TEST(EntryVoiding, WhatIsVoidIsSaidInCodes) {
  const auto decision = DecideBy(Actor::kReferring, RecordIn(kCompleted), Note(kReferringBody));
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.state(), kCompleted);
  ASSERT_TRUE(decision->voided.has_value());
  EXPECT_EQ(decision->voided->note, 3U);
  EXPECT_EQ(decision->voided->entry, std::string(kName) + "/notes/3");
  EXPECT_EQ(decision->voided->voiding.reason(), v1::VOID_REASON_WRONG_CONTENT);
  EXPECT_EQ(decision->voided->voiding.actor(), "p-ana");
  EXPECT_EQ(api::FromTimestamp(decision->voided->voiding.time()), Now());
  EXPECT_THAT(decision->facts, ElementsAre(Pair("entry", "notes/3"), Pair("reason", "WRONG_CONTENT")));
}

TEST(EntryVoiding, AnAppointmentIsVoidedByTheReceivingBody) {
  const ReferralRecord record = WithAppointment();
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, record, Appointment(1))), "NOT_YOUR_ENTRY");
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, Appointment(2))), "INVALID_FIELD");
  const auto decision = DecideBy(Actor::kReceiving, record, Appointment(1));
  ASSERT_TRUE(decision.ok()) << decision.status();
  ASSERT_TRUE(decision->voided.has_value());
  EXPECT_EQ(decision->voided->note, 0U);
  EXPECT_EQ(decision->voided->entry, "appointments/1");
  const v1::Appointment& appointment = decision->next.appointments(0);
  EXPECT_EQ(appointment.voided().reason(), v1::VOID_REASON_WRONG_PERSON);
  EXPECT_EQ(appointment.status(), v1::APPOINTMENT_STATUS_SCHEDULED) << "what it said stays";
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, decision->next, Appointment(1))), "ENTRY_VOID");
}

TEST(EntryVoiding, NothingFollowsFromAVoidAppointment) {
  const ReferralRecord record = After(Actor::kReceiving, WithAppointment(), Appointment(1));
  for (const auto status :
       {v1::APPOINTMENT_STATUS_ATTENDED, v1::APPOINTMENT_STATUS_MISSED, v1::APPOINTMENT_STATUS_MOVED}) {
    command::RecordAppointment became{1, status, std::nullopt, ""};
    if (status == v1::APPOINTMENT_STATUS_MOVED) {
      became.time = Now() + absl::Hours(24);
      became.zone = "Europe/Madrid";
    }
    EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, became)), "ENTRY_VOID") << status;
    EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, WithAppointment(), became)), "OK") << status;
  }
}

TEST(EntryVoiding, WhatBecameOfAnAppointmentCanBeWrongToo) {
  ReferralRecord record = WithAppointment(kCompleted);
  record.mutable_appointments(0)->set_status(v1::APPOINTMENT_STATUS_MISSED);
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, Appointment(1))), "OK");
}

TEST(EntryVoiding, AnErasedShareHasNoEntries) {
  const ReferralRecord receiving = After(Actor::kReceiving, RecordIn(kCompleted), command::Erase{});
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, receiving, Note(kReceivingBody))), "SHARE_ERASED");
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, receiving, Note(kReferringBody))), "OK");
  const ReferralRecord referring = After(Actor::kReferring, RecordIn(kCompleted), command::Erase{});
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, referring, Note(kReferringBody))), "SHARE_ERASED");
}

TEST(EntryVoiding, WhoVoidedItIsShownToThatBodyAlone) {
  const ReferralRecord record = After(Actor::kReceiving, WithAppointment(), Appointment(1));
  const auto receiving = ToReferral(record, As(Receiver(), {policy::Relation::kReceiving}), Now());
  EXPECT_EQ(receiving.appointments(0).voided().actor(), "p-luis");
  const auto referring = ToReferral(record, As(Referrer(), {policy::Relation::kReferring}), Now());
  EXPECT_EQ(referring.appointments(0).voided().actor(), "");
  EXPECT_EQ(referring.appointments(0).voided().reason(), v1::VOID_REASON_WRONG_PERSON);
  EXPECT_FALSE(ToReferral(WithAppointment(), As(Referrer(), {policy::Relation::kReferring}), Now())
                   .appointments(0)
                   .has_voided());
  storage::v1::NoteRecord note;
  note.set_number(1);
  note.set_body(std::string(kReceivingBody));
  note.set_visibility(v1::NOTE_VISIBILITY_BOTH_SIDES);
  note.mutable_voided()->set_actor("p-luis");
  EXPECT_EQ(ToNote(record, note, Receiver()).voided().actor(), "p-luis");
  EXPECT_TRUE(ToNote(record, note, Referrer()).has_voided());
  EXPECT_EQ(ToNote(record, note, Referrer()).voided().actor(), "");
  EXPECT_TRUE(MayKnowNote(record, note, As(Referrer(), {policy::Relation::kReferring})));
  EXPECT_FALSE(MayOpenNote(record, note, As(Referrer(), {policy::Relation::kReferring})));
  EXPECT_TRUE(MayOpenNote(record, note, As(Receiver(), {policy::Relation::kReceiving})));
}

// --- Outcomes --------------------------------------------------------------------------------------------

v1::Outcome OutcomeOf(v1::OutcomeKind kind, std::string_view follow_up = "") {
  v1::Outcome outcome = PositiveOutcome();
  outcome.set_kind(kind);
  if (kind == v1::OUTCOME_KIND_REFUSED) outcome.set_remedy(v1::REMEDY_OBJECTION);
  outcome.set_follow_up_date(std::string(follow_up));
  return outcome;
}

command::VoidOutcome Right(uint32_t person, const v1::Outcome& outcome) {
  return {.person = person, .reason = v1::VOID_REASON_WRONG_CONTENT, .outcome = outcome};
}

// Ended with that outcome of each of two people.
ReferralRecord Ended(const v1::Outcome& first, const v1::Outcome& second, bool completed = true) {
  ReferralRecord record = RecordIn(kInProgress);
  *record.add_persons() = CompletePerson(2);
  record.mutable_persons(1)->mutable_disclosure()->add_sections(v1::SECTION_KIND_DETAILS);
  std::vector<v1::PersonOutcome> outcomes = {Outcomes(first)[0], Outcomes(second)[0]};
  outcomes[1].set_person(2);
  if (completed) return After(Actor::kReceiving, record, command::Complete{outcomes});
  return After(Actor::kReceiving, record, command::EndWithoutResult{outcomes});
}

TEST(OutcomeVoiding, InEveryStateByEveryoneOnlyWhereThereAreOutcomesByWhoGaveThem) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    for (const Actor actor : {Actor::kReferring, Actor::kReceiving, Actor::kCoordinating, Actor::kSystem}) {
      const ReferralRecord record = RecordReadyFor(state, Event::kVoidOutcome, actor);
      const auto decision = DecideBy(actor, record, CommandFor(Event::kVoidOutcome, actor));
      const bool takes = actor == Actor::kReceiving && (state == kCompleted || state == kEndedWithoutResult);
      EXPECT_EQ(ReasonOf(decision), takes ? "OK" : "INVALID_TRANSITION")
          << StateName(state) << " by " << ActorName(actor);
      if (!decision.ok()) continue;
      EXPECT_EQ(decision->next.state(), state);
    }
  }
}

TEST(OutcomeVoiding, TheWrongOneIsKeptWithTheRightOneInItsPlace) {
  const v1::Outcome wrong = OutcomeOf(v1::OUTCOME_KIND_REFUSED);
  const v1::Outcome right = OutcomeOf(v1::OUTCOME_KIND_PERSON_WITHDREW);
  const ReferralRecord record = Ended(OutcomeOf(v1::OUTCOME_KIND_PROVIDED), wrong);
  const auto decision = DecideBy(Actor::kReceiving, record, Right(2, right));
  ASSERT_TRUE(decision.ok()) << decision.status();
  const v1::Person& person = decision->next.persons(1);
  EXPECT_EQ(person.outcome().DebugString(), right.DebugString());
  ASSERT_EQ(person.voided_outcomes_size(), 1);
  EXPECT_EQ(person.voided_outcomes(0).outcome().DebugString(), wrong.DebugString());
  EXPECT_EQ(person.voided_outcomes(0).voided().reason(), v1::VOID_REASON_WRONG_CONTENT);
  EXPECT_EQ(api::FromTimestamp(person.voided_outcomes(0).voided().time()), Now());
  EXPECT_EQ(person.voided_outcomes(0).voided().actor(), Receiver().actor);
  EXPECT_EQ(decision->next.persons(0).DebugString(), record.persons(0).DebugString()) << "one by one";
  EXPECT_EQ(decision->next.end_time().DebugString(), record.end_time().DebugString());
  ASSERT_TRUE(decision->voided.has_value());
  EXPECT_EQ(decision->voided->entry, "outcomes/2");
  EXPECT_EQ(decision->voided->note, 0U);
  EXPECT_THAT(decision->facts, ElementsAre(Pair("entry", "outcomes/2"), Pair("reason", "WRONG_CONTENT")));
}

TEST(OutcomeVoiding, TheRightOneIsCheckedAsAtTheEnd) {
  const ReferralRecord record =
      Ended(OutcomeOf(v1::OUTCOME_KIND_PROVIDED), OutcomeOf(v1::OUTCOME_KIND_PERSON_WITHDREW));
  const auto reason = [&](uint32_t person, const v1::Outcome& right) {
    return ReasonOf(DecideBy(Actor::kReceiving, record, Right(person, right)));
  };
  EXPECT_EQ(reason(2, OutcomeOf(v1::OUTCOME_KIND_REFUSED)), "OK");
  EXPECT_EQ(reason(3, OutcomeOf(v1::OUTCOME_KIND_REFUSED)), "INVALID_FIELD") << "there is no third person";
  EXPECT_EQ(reason(2, OutcomeOf(v1::OUTCOME_KIND_PERSON_WITHDREW)), "INVALID_FIELD") << "it says so already";
  EXPECT_EQ(reason(2, OutcomeOf(v1::OUTCOME_KIND_UNSPECIFIED)), "INVALID_FIELD");
  v1::Outcome bad = OutcomeOf(v1::OUTCOME_KIND_REFUSED);
  bad.clear_remedy();
  const auto decision = DecideBy(Actor::kReceiving, record, Right(2, bad));
  EXPECT_THAT(error::ViolationsOf(decision.status()), ElementsAre(::testing::StartsWith("outcome.remedy: ")));
  bad = OutcomeOf(v1::OUTCOME_KIND_ADVISED);
  bad.clear_informed_by();
  EXPECT_EQ(reason(2, bad), "INVALID_FIELD") << "somebody told the person";
  bad = OutcomeOf(v1::OUTCOME_KIND_ADVISED);
  bad.set_date("2027-01-01");
  EXPECT_EQ(reason(2, bad), "INVALID_FIELD") << "it is still to come";
}

TEST(OutcomeVoiding, TheReferralEndsAsItEnded) {
  const v1::Outcome result = OutcomeOf(v1::OUTCOME_KIND_PROVIDED);
  const v1::Outcome none = OutcomeOf(v1::OUTCOME_KIND_PERSON_WITHDREW);
  const v1::Outcome other = OutcomeOf(v1::OUTCOME_KIND_UNREACHABLE);
  const auto reason = [](const ReferralRecord& record, uint32_t person, const v1::Outcome& right) {
    return ReasonOf(DecideBy(Actor::kReceiving, record, Right(person, right)));
  };
  EXPECT_EQ(reason(Ended(result, none), 1, other), "OUTCOME_OF_OTHER_END") << "no result would be left";
  EXPECT_EQ(reason(Ended(result, none), 1, OutcomeOf(v1::OUTCOME_KIND_ADVISED)), "OK");
  EXPECT_EQ(reason(Ended(result, none), 2, other), "OK");
  EXPECT_EQ(reason(Ended(result, result), 1, other), "OK");
  EXPECT_EQ(reason(Ended(none, none, false), 1, result), "OUTCOME_OF_OTHER_END");
  EXPECT_EQ(reason(Ended(none, none, false), 1, other), "OK");
}

TEST(OutcomeVoiding, WithinNinetyDaysAndNotOfWhatIsErasedOrCut) {
  const v1::Outcome right = OutcomeOf(v1::OUTCOME_KIND_ADVISED);
  const ReferralRecord record =
      Ended(OutcomeOf(v1::OUTCOME_KIND_PROVIDED), OutcomeOf(v1::OUTCOME_KIND_PERSON_WITHDREW));
  const absl::Time last = api::FromTimestamp(record.end_time()) + absl::Hours(24 * 90);
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, Right(2, right), last)), "OK");
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, Right(2, right), last + absl::Seconds(1))),
            "VOID_TOO_LATE");
  const auto changed = [&](auto change) {
    ReferralRecord other = record;
    change(other);
    return ReasonOf(DecideBy(Actor::kReceiving, other, Right(2, right)));
  };
  const auto now = api::ToTimestamp(Now());
  EXPECT_EQ(changed([&](auto& other) { *other.mutable_referring_erase_time() = now; }), "SHARE_ERASED");
  EXPECT_EQ(changed([&](auto& other) { *other.mutable_receiving_erase_time() = now; }), "SHARE_ERASED");
  EXPECT_EQ(changed([](auto& other) { other.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT); }),
            "ACCESS_ENDED");
  EXPECT_EQ(changed([](auto& other) { other.add_person_erasures()->set_person(2); }), "SHARE_ERASED");
  EXPECT_EQ(changed([](auto& other) { other.add_person_erasures()->set_person(1); }), "OK");
}

TEST(OutcomeVoiding, WhatIsOwedIsWhatTheRightOnesSay) {
  const auto with = [](std::string_view day) { return OutcomeOf(v1::OUTCOME_KIND_PROVIDED, day); };
  const auto advised = [](std::string_view day) { return OutcomeOf(v1::OUTCOME_KIND_ADVISED, day); };
  const auto due = [](const ReferralRecord& record) -> std::string {
    if (!record.has_due()) return "nothing";
    EXPECT_EQ(record.due().clock(), v1::CLOCK_FOLLOW_UP);
    EXPECT_EQ(record.due().party(), v1::PARTY_RECEIVING);
    return absl::FormatTime("%Y-%m-%d", api::FromTimestamp(record.due().time()), absl::UTCTimeZone());
  };
  const auto after = [](const ReferralRecord& record, uint32_t person, const v1::Outcome& right) {
    return After(Actor::kReceiving, record, Right(person, right));
  };
  const ReferralRecord record = Ended(with("2026-08-01"), with("2026-09-01"));
  ASSERT_EQ(due(record), "2026-08-01");
  EXPECT_EQ(due(after(record, 1, advised("2026-08-01"))), "2026-08-01");
  EXPECT_EQ(due(after(record, 1, advised(""))), "2026-09-01") << "the other one is owed";
  EXPECT_EQ(due(after(record, 1, advised("2026-07-01"))), "2026-07-01");
  EXPECT_EQ(due(after(record, 1, advised("2026-10-01"))), "2026-09-01");
  EXPECT_EQ(due(after(Ended(with("2026-08-01"), with("")), 1, advised(""))), "nothing");
  const ReferralRecord settled = After(Actor::kReceiving, record, command::SettleFollowUp{});
  EXPECT_EQ(due(after(settled, 2, advised("2026-09-01"))), "nothing") << "it was settled";
  const ReferralRecord later = after(settled, 2, advised("2026-10-01"));
  EXPECT_EQ(due(later), "2026-10-01");
  EXPECT_EQ(due(after(later, 2, advised(""))), "nothing") << "that of the first was settled";
}

TEST(OutcomeVoiding, AsOftenAsItTakesUpToALimit) {
  ReferralRecord record = RecordReadyFor(kCompleted, Event::kVoidOutcome, Actor::kReceiving);
  const auto right = [&] {
    return Right(
        1, OutcomeOf(record.persons(0).voided_outcomes_size() % 2 == 0 ? v1::OUTCOME_KIND_PERSON_WITHDREW
                                                                       : v1::OUTCOME_KIND_ADVISED));
  };
  for (int i = 0; i < kMaxVoidedOutcomes; ++i) record = After(Actor::kReceiving, record, right());
  EXPECT_EQ(record.persons(0).voided_outcomes_size(), kMaxVoidedOutcomes);
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, right())), "LIMIT_EXCEEDED");
}

TEST(OutcomeVoiding, IsShownWithThePersonToWhomCouldSeeTheOutcome) {
  const ReferralRecord record =
      After(Actor::kReceiving,
            Ended(OutcomeOf(v1::OUTCOME_KIND_PROVIDED), OutcomeOf(v1::OUTCOME_KIND_PERSON_WITHDREW)),
            Right(2, OutcomeOf(v1::OUTCOME_KIND_ADVISED)));
  const auto referring = As(Referrer(), {policy::Relation::kReferring});
  const auto receiving = As(Receiver(), {policy::Relation::kReceiving});
  const v1::Referral to_referring = ToReferral(record, referring, Now());
  ASSERT_EQ(to_referring.persons(1).voided_outcomes_size(), 1);
  EXPECT_EQ(to_referring.persons(1).voided_outcomes(0).outcome().kind(), v1::OUTCOME_KIND_PERSON_WITHDREW);
  EXPECT_EQ(to_referring.persons(1).voided_outcomes(0).voided().actor(), "");
  const v1::Referral to_receiving = ToReferral(record, receiving, Now());
  EXPECT_EQ(to_receiving.persons(1).voided_outcomes(0).voided().actor(), Receiver().actor);
  const auto coordinating = As(Coordinator(), {policy::Relation::kCoordinating});
  EXPECT_EQ(ToReferral(record, coordinating, Now()).persons_size(), 0);
  // Opened again, what was wrong is still to be seen; asked afresh, the other side sees no more than anybody.
  const ReferralRecord reopened = After(Actor::kReferring, record, command::Reopen{});
  EXPECT_EQ(ToReferral(reopened, referring, Now()).persons(1).voided_outcomes_size(), 1);
  EXPECT_EQ(ToReferral(reopened, receiving, Now()).persons(1).voided_outcomes_size(), 0);
}

}  // namespace
}  // namespace waypost::referral
