#include "services/referral/entry_voiding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/api/resource.h"
#include "common/status/errors.h"
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

}  // namespace
}  // namespace waypost::referral
