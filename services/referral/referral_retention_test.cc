#include "services/referral/referral_retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using testing::After;
using testing::DecideBy;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Now;
using testing::RecordIn;

constexpr v1::Party kBoth[] = {v1::PARTY_REFERRING, v1::PARTY_RECEIVING};
constexpr std::string_view kRule = "es/ley-39-2015/art-17";  // of everybody in a complete referral

RetentionTable Table(int days) {
  RetentionTable table;
  table.by_code[std::string(kRule)] = {.days = days};
  return table;
}

// The first moment after the last day.
absl::Time Day(int year, int month, int day) {
  return absl::FromCivil(absl::CivilDay(year, month, day), absl::UTCTimeZone());
}

std::string KeptUntil(const ReferralRecord& record, v1::Party party) {
  const auto* share = RetentionOf(record, party);
  return share == nullptr ? "" : share->entry().kept_until();
}

ReferralRecord Used(v1::RightKind kind, v1::RightAnswer answer, v1::Party party = v1::PARTY_REFERRING) {
  ReferralRecord record = RecordIn(kCompleted);
  auto& mark = *record.add_right_marks();
  mark.set_person(1);
  mark.set_kind(kind);
  mark.set_referring_asked(true);
  mark.set_receiving_asked(true);
  if (party == v1::PARTY_REFERRING) mark.set_referring_answer(answer);
  if (party == v1::PARTY_RECEIVING) mark.set_receiving_answer(answer);
  return record;
}

TEST(Retention, OnlyWhatHasEndedRunsOut) {
  for (int i = 1; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    const ReferralRecord record = RecordIn(state);
    for (const v1::Party party : kBoth) {
      EXPECT_EQ(KeepsShare(record, party), IsEnd(state)) << StateName(state);
      EXPECT_EQ(RetentionOf(record, party) != nullptr, IsEnd(state)) << StateName(state);
      const auto due =
          DueErasure(record, {.party = party, .ended = Now() - absl::Hours(24 * 9999)}, Table(1), Now());
      EXPECT_EQ(due.ok(), IsEnd(state)) << StateName(state);
    }
  }
}

TEST(Retention, WhatWasNeverSentOrCutOffIsNoShareOfTheReceivingBody) {
  ReferralRecord record =
      After(Actor::kReferring, RecordIn(kDraft), command::Cancel{v1::CANCEL_REASON_NEED_MET});
  EXPECT_TRUE(KeepsShare(record, v1::PARTY_REFERRING));
  EXPECT_FALSE(KeepsShare(record, v1::PARTY_RECEIVING));
  record = After(Actor::kReferring, RecordIn(kInProgress), command::Misdirected{});
  EXPECT_FALSE(KeepsShare(record, v1::PARTY_RECEIVING));
}

TEST(Retention, TheLastDayIsKept) {
  const ReferralRecord record = RecordIn(kCompleted);  // ended on 4 May 2026
  const NextErasure next = NextErasureOf(record, v1::PARTY_RECEIVING, Table(10), EndOf(record));
  EXPECT_EQ(next.time, Day(2026, 5, 15));
  EXPECT_THAT(next.persons, ElementsAre(1));
  EXPECT_THAT(next.rules, ElementsAre(kRule));
  EXPECT_TRUE(next.whole);
  const command::EndRetention end{.party = v1::PARTY_RECEIVING, .ended = EndOf(record)};
  EXPECT_FALSE(DueErasure(record, end, Table(10), next.time - absl::Microseconds(1)).ok());
  EXPECT_TRUE(DueErasure(record, end, Table(10), next.time).ok());
}

TEST(Retention, ARuleThatHasNoEntryIsOneOfTheOthers) {
  const ReferralRecord record = RecordIn(kCompleted);
  RetentionTable table;
  table.others.days = 3;
  EXPECT_EQ(NextErasureOf(record, v1::PARTY_REFERRING, table, EndOf(record)).time, Day(2026, 5, 8));
  EXPECT_EQ(KeptUntil(record, v1::PARTY_REFERRING), "2031-05-04") << "five years, as nothing is configured";
}

TEST(Retention, WhoseRuleRunsOutFirstIsErasedFirst) {
  ReferralRecord record = RecordIn(kCompleted);
  *record.add_persons() = testing::CompletePerson(2);
  *record.mutable_persons(1)->mutable_disclosure() = testing::CompleteDisclosure();
  record.mutable_persons(1)->mutable_disclosure()->set_retention_rule("es/short");
  RetentionTable table = Table(100);
  table.by_code["es/short"] = {.days = 10};
  const NextErasure first = NextErasureOf(record, v1::PARTY_RECEIVING, table, EndOf(record));
  EXPECT_EQ(first.time, Day(2026, 5, 15));
  EXPECT_THAT(first.persons, ElementsAre(2));
  EXPECT_THAT(first.rules, ElementsAre("es/short"));
  EXPECT_FALSE(first.whole);
  auto& erasure = *record.add_person_erasures();
  erasure.set_person(2);
  erasure.set_party(v1::PARTY_RECEIVING);
  const NextErasure second = NextErasureOf(record, v1::PARTY_RECEIVING, table, EndOf(record));
  EXPECT_THAT(second.persons, ElementsAre(1));
  EXPECT_TRUE(second.whole);
  EXPECT_FALSE(NextErasureOf(record, v1::PARTY_REFERRING, table, EndOf(record)).whole);
}

TEST(Retention, ALawThatABodyNamedKeepsItLonger) {
  ReferralRecord record = Used(v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RETAINED);
  record.mutable_right_marks(0)->set_referring_retained_until("2027-12-31");
  EXPECT_EQ(NextErasureOf(record, v1::PARTY_REFERRING, Table(10), EndOf(record)).time, Day(2028, 1, 1));
  EXPECT_EQ(NextErasureOf(record, v1::PARTY_RECEIVING, Table(10), EndOf(record)).time, Day(2026, 5, 15));
  record.mutable_right_marks(0)->set_referring_retained_until("2026-05-05");
  EXPECT_EQ(NextErasureOf(record, v1::PARTY_REFERRING, Table(10), EndOf(record)).time, Day(2026, 5, 15));
}

TEST(Retention, AHoldSuspendsItAndItsReleaseLetsItRun) {
  const ReferralRecord ended = RecordIn(kCompleted);
  const ReferralRecord held =
      After(Actor::kReferring, ended, command::PlaceHold{"es/ley-1-2000/art-328", ""});
  const auto* share = RetentionOf(held, v1::PARTY_REFERRING);
  ASSERT_NE(share, nullptr);
  EXPECT_EQ(share->entry().held_back(), v1::HELD_BACK_REASON_LEGAL_HOLD);
  EXPECT_FALSE(share->has_look_time());
  EXPECT_EQ(share->entry().kept_until(), "2031-05-04");
  EXPECT_TRUE(RetentionOf(held, v1::PARTY_RECEIVING)->has_look_time()) << "each side's own";
  const command::EndRetention end{.party = v1::PARTY_REFERRING, .ended = EndOf(held)};
  EXPECT_EQ(error::ReasonOf(DueErasure(held, end, Table(1), Day(2040, 1, 1)).status()), "NOTHING_DUE");
  const ReferralRecord released = After(Actor::kReferring, held, command::ReleaseHold{});
  EXPECT_TRUE(RetentionOf(released, v1::PARTY_REFERRING)->has_look_time());
}

TEST(Retention, AHoldThatEndsIsLookedAtThen) {
  const ReferralRecord held = After(Actor::kReferring, RecordIn(kCompleted),
                                    command::PlaceHold{"es/ley-1-2000/art-328", "2033-01-31"});
  const auto* share = RetentionOf(held, v1::PARTY_REFERRING);
  EXPECT_EQ(api::FromTimestamp(share->look_time()), Day(2033, 2, 1));
  const command::EndRetention end{.party = v1::PARTY_REFERRING, .ended = EndOf(held)};
  EXPECT_FALSE(DueErasure(held, end, Table(1), Day(2033, 2, 1) - absl::Seconds(1)).ok());
  EXPECT_TRUE(DueErasure(held, end, Table(1), Day(2033, 2, 1)).ok());
}

TEST(Retention, RightsThatNeedWhatIsHeldKeepIt) {
  struct Row {
    v1::RightKind kind;
    v1::RightAnswer answer;
    v1::HeldBackReason reason;
  };
  constexpr auto kNot = v1::HELD_BACK_REASON_UNSPECIFIED;
  constexpr auto kRequest = v1::HELD_BACK_REASON_RIGHTS_REQUEST;
  constexpr auto kRestriction = v1::HELD_BACK_REASON_RESTRICTION;
  for (const Row& row : {
           Row{v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_UNSPECIFIED, kRequest},
           Row{v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_PROVIDED, kNot},
           Row{v1::RIGHT_KIND_ACCESS, v1::RIGHT_ANSWER_REFUSED, kNot},
           Row{v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_UNSPECIFIED, kRequest},
           Row{v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_RESTRICTED, kRestriction},
           Row{v1::RIGHT_KIND_RESTRICTION, v1::RIGHT_ANSWER_REFUSED, kNot},
           Row{v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_UNSPECIFIED, kNot},
           Row{v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RESTRICTED, kRestriction},
           Row{v1::RIGHT_KIND_OBJECTION, v1::RIGHT_ANSWER_RETAINED, kNot},
           Row{v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_UNSPECIFIED, kNot},
           Row{v1::RIGHT_KIND_WITHDRAWAL, v1::RIGHT_ANSWER_RETAINED, kNot},
       }) {
    for (const v1::Party party : kBoth) {
      const ReferralRecord record = Used(row.kind, row.answer, party);
      EXPECT_EQ(HeldBackBy(record, party, Now()), row.reason)
          << KindName(row.kind) << " " << AnswerName(row.answer);
    }
  }
}

TEST(Retention, OnePersonsRightKeepsWhatIsHeldOfThatPersonAndOfNobodyElse) {
  for (const v1::RightKind kind : {v1::RIGHT_KIND_ACCESS, v1::RIGHT_KIND_RESTRICTION}) {
    for (const v1::Party party : kBoth) {
      ReferralRecord record = Used(kind, v1::RIGHT_ANSWER_UNSPECIFIED, party);
      *record.add_persons() = testing::CompletePerson(2);
      EXPECT_EQ(HeldBackBy(record, party, Now()), v1::HELD_BACK_REASON_UNSPECIFIED);
      const command::EndRetention end{.party = party, .ended = Now() - absl::Hours(24 * 366 * 6)};
      const auto due = DueErasure(record, end, Table(10), Now());
      ASSERT_TRUE(due.ok()) << due.status();
      EXPECT_THAT(due->persons, ElementsAre(2));
      EXPECT_FALSE(due->whole) << "the file is of the other one, too";
      const ReferralRecord after = After(Actor::kSystem, record, end);
      ASSERT_EQ(after.person_erasures_size(), 1);
      EXPECT_EQ(HeldBackBy(after, party, Now()), v1::HELD_BACK_REASON_RIGHTS_REQUEST);
      EXPECT_FALSE(RetentionOf(after, party)->has_look_time());
      EXPECT_THAT(RetentionOf(after, party)->entry().persons(), ElementsAre(1));
    }
  }
}

TEST(Retention, OpeningItAgainForgetsTheDate) {
  const ReferralRecord ended = RecordIn(kCompleted);
  ASSERT_FALSE(ended.retention().empty());
  command::Reopen reopen;
  const ReferralRecord open = After(Actor::kReceiving, ended, reopen);
  EXPECT_THAT(open.retention(), IsEmpty());
}

TEST(Retention, ErasesOneSideAndThenTheOtherWithTheSections) {
  const ReferralRecord ended = RecordIn(kCompleted);
  const absl::Time long_ago = Now() - absl::Hours(24 * 366 * 6);
  const auto first = DecideBy(Actor::kSystem, ended, command::EndRetention{v1::PARTY_RECEIVING, long_ago});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->effects, Effects{Effect::kEraseReceivingShare});
  EXPECT_TRUE(first->next.has_receiving_erase_time());
  EXPECT_EQ(RetentionOf(first->next, v1::PARTY_RECEIVING), nullptr);
  EXPECT_NE(RetentionOf(first->next, v1::PARTY_REFERRING), nullptr);
  EXPECT_THAT(first->facts, ElementsAre(std::pair<std::string, std::string>("party", "RECEIVING"),
                                        std::pair<std::string, std::string>("rules", std::string(kRule))));
  const auto second =
      DecideBy(Actor::kSystem, first->next, command::EndRetention{v1::PARTY_REFERRING, long_ago});
  ASSERT_TRUE(second.ok()) << second.status();
  Effects both = {Effect::kEraseReferringShare, Effect::kDropSections};
  EXPECT_EQ(second->effects, both);
  EXPECT_THAT(second->next.persons(), IsEmpty());
  EXPECT_THAT(second->next.retention(), IsEmpty());
  const auto third =
      DecideBy(Actor::kSystem, second->next, command::EndRetention{v1::PARTY_REFERRING, long_ago});
  EXPECT_EQ(error::ReasonOf(third.status()), "NOTHING_DUE");
}

// What a declined body has left is a file of its own: its date stays when the other side has erased first.
TEST(Retention, TheDateStaysWhenThePersonsAreGone) {
  const ReferralRecord declined = RecordIn(kDeclined);
  const std::string kept = KeptUntil(declined, v1::PARTY_RECEIVING);
  ASSERT_EQ(kept, "2031-05-04");
  ClockTable clocks;
  clocks.retention = Table(2);
  const auto erased = DecideBy(Actor::kSystem, declined,
                               command::EndRetention{v1::PARTY_REFERRING, Now() - absl::Hours(24 * 3000)});
  ASSERT_TRUE(erased.ok()) << erased.status();
  ASSERT_THAT(erased->next.persons(), IsEmpty());
  EXPECT_EQ(KeptUntil(erased->next, v1::PARTY_RECEIVING), kept);
  EXPECT_THAT(RetentionOf(erased->next, v1::PARTY_RECEIVING)->entry().rules(), ElementsAre(kRule));
}

TEST(Retention, ALaterEndDatesItLater) {
  ReferralRecord record = RecordIn(kCompleted);
  DateRetentionFrom(v1::PARTY_RECEIVING, Table(10), Day(2026, 6, 1), absl::InfinitePast(), Now(), record);
  EXPECT_EQ(KeptUntil(record, v1::PARTY_RECEIVING), "2026-06-11");
  EXPECT_EQ(KeptUntil(record, v1::PARTY_REFERRING), "2031-05-04");
  DateRetentionFrom(v1::PARTY_RECEIVING, Table(10), Day(2026, 6, 1), Day(2030, 1, 1), Now(), record);
  EXPECT_EQ(api::FromTimestamp(RetentionOf(record, v1::PARTY_RECEIVING)->look_time()), Day(2030, 1, 1));
  EXPECT_EQ(record.retention_size(), 2);
}

TEST(Retention, TablesThatDateDifferentlyHaveDifferentTexts) {
  EXPECT_EQ(Table(10).Text(), Table(10).Text());
  EXPECT_NE(Table(10).Text(), Table(11).Text());
  RetentionTable others = Table(10);
  others.others.days = 7;
  EXPECT_NE(Table(10).Text(), others.Text());
}

}  // namespace
}  // namespace waypost::referral
