#include "services/referral/referral_rights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_retention.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the referrals of this room
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const std::string kRequest(kRightsRequest);

v1::Person OnConsent(uint32_t number) {
  v1::Person person = CompletePerson(number);
  person.mutable_disclosure()->mutable_receiving_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
  person.mutable_disclosure()->set_refusal_costs_nothing(true);
  return person;
}

ReferralRecord WithPersons(State state, const std::vector<v1::Person>& persons) {
  ReferralRecord record = RecordIn(state);
  const v1::Disclosure filled = record.persons(0).disclosure();
  record.clear_persons();
  for (const v1::Person& person : persons) {
    v1::Disclosure& disclosure = *(*record.add_persons() = person).mutable_disclosure();
    *disclosure.mutable_sections() = filled.sections();
    *disclosure.mutable_fields() = filled.fields();
  }
  return record;
}

ReferralRecord Used(const ReferralRecord& record, const Command& command) {
  return After(Actor::kSystem, record, command);
}
ReferralRecord Objected(const ReferralRecord& record, uint32_t person = 1) {
  return Used(record, command::Object{{kRequest, person}});
}

command::AnswerRight AnswerTo(v1::RightAnswer answer, uint32_t person = 1) {
  command::AnswerRight command{.use = {kRequest, person}, .answer = answer, .law = {}, .retained_until = {}};
  if (answer == v1::RIGHT_ANSWER_RETAINED) command.law = "es/ley-39-2015/art-17";
  if (answer == v1::RIGHT_ANSWER_REFUSED) command.ground = v1::REFUSAL_GROUND_DOES_NOT_APPLY;
  return command;
}

std::vector<uint32_t> Numbers(const google::protobuf::RepeatedPtrField<v1::Person>& persons) {
  std::vector<uint32_t> numbers;
  for (const v1::Person& person : persons) numbers.push_back(person.number());
  return numbers;
}

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : error::ReasonOf(status);
}

// --- Tables: once more, in words

TEST(Rights, EveryAnswerFitsTheRightsThatTheTableNames) {
  const std::map<std::string, std::set<std::string>> words = {
      {"WITHDRAWAL", {"STOPPED_ERASED", "RETAINED", "REFUSED"}},
      {"OBJECTION", {"STOPPED_ERASED", "RESTRICTED", "RETAINED", "REFUSED", "LIFTED"}},
      {"RECTIFICATION", {"RECTIFIED", "REFUSED"}},
      {"RESTRICTION", {"RESTRICTED", "REFUSED", "LIFTED"}},
      {"ACCESS", {"PROVIDED", "REFUSED"}}};
  int kinds = 0;
  for (int kind = 0; kind <= v1::RightKind_MAX; ++kind) {
    if (!v1::RightKind_IsValid(kind)) continue;
    const auto row = words.find(KindName(static_cast<v1::RightKind>(kind)));
    kinds += row != words.end() ? 1 : 0;
    for (int answer = 0; answer <= v1::RightAnswer_MAX; ++answer) {
      if (!v1::RightAnswer_IsValid(answer)) continue;
      const bool expected =
          row != words.end() && row->second.contains(AnswerName(static_cast<v1::RightAnswer>(answer)));
      EXPECT_EQ(Fits(static_cast<v1::RightKind>(kind), static_cast<v1::RightAnswer>(answer)), expected)
          << kind << " " << answer;
    }
  }
  EXPECT_EQ(kinds, static_cast<int>(words.size()));
  EXPECT_EQ(kinds, v1::RightKind_descriptor()->value_count() - 1) << "every right has its answers";
}

TEST(Rights, EveryGroundFitsTheRightsThatTheTableNames) {
  const std::set<std::string> always = {"IDENTITY_NOT_ESTABLISHED", "UNFOUNDED_OR_EXCESSIVE"};
  for (int kind = 1; kind <= v1::RightKind_MAX; ++kind) {
    if (!v1::RightKind_IsValid(kind)) continue;
    const std::string right = KindName(static_cast<v1::RightKind>(kind));
    for (int ground = 0; ground <= v1::RefusalGround_MAX; ++ground) {
      const std::string word = GroundName(static_cast<v1::RefusalGround>(ground));
      const bool expected = always.contains(word) || (word == "COMPELLING_GROUNDS" && right == "OBJECTION") ||
                            (word == "LEGAL_CLAIMS" && (right == "WITHDRAWAL" || right == "OBJECTION")) ||
                            (word == "DOES_NOT_APPLY" && right != "ACCESS" && right != "RECTIFICATION") ||
                            (word == "ACCURATE" && right == "RECTIFICATION") ||
                            (word == "RIGHTS_OF_OTHERS" && right == "ACCESS");
      EXPECT_EQ(Fits(static_cast<v1::RightKind>(kind), static_cast<v1::RefusalGround>(ground)), expected)
          << right << " " << word;
    }
  }
}

TEST(Rights, WhatIsDoneIsNotAnsweredAnew) {
  const std::set<std::string> open = {"STOPPED_ERASED", "RECTIFIED", "RESTRICTED",
                                      "RETAINED",       "REFUSED",   "PROVIDED"};
  std::set<std::string> open_or_lifted = open;
  open_or_lifted.insert("LIFTED");
  const std::map<std::string, std::set<std::string>> words = {
      {"UNSPECIFIED", open},        {"RETAINED", open},     {"REFUSED", open}, {"RESTRICTED", open_or_lifted},
      {"RECTIFIED", {"RECTIFIED"}}, {"STOPPED_ERASED", {}}, {"PROVIDED", {}},  {"LIFTED", {}}};
  ASSERT_EQ(static_cast<int>(words.size()), v1::RightAnswer_descriptor()->value_count());
  for (int given = 0; given <= v1::RightAnswer_MAX; ++given) {
    for (int next = 0; next <= v1::RightAnswer_MAX; ++next) {
      const auto from = static_cast<v1::RightAnswer>(given);
      const auto to = static_cast<v1::RightAnswer>(next);
      EXPECT_EQ(MayReplace(from, to), words.at(AnswerName(from)).contains(AnswerName(to)))
          << AnswerName(from) << " " << AnswerName(to);
    }
  }
}

TEST(Rights, RestrictedDataIsOpenedForWhatTheArticleAllows) {
  const std::set<v1::Purpose> allowed = {v1::PURPOSE_PROTECT_PERSON, v1::PURPOSE_ANSWER_RIGHTS_REQUEST,
                                         v1::PURPOSE_HANDLE_COMPLAINT, v1::PURPOSE_LEGAL_OBLIGATION};
  for (int purpose = 0; purpose <= v1::Purpose_MAX; ++purpose) {
    EXPECT_EQ(AllowedUnderRestriction(static_cast<v1::Purpose>(purpose)),
              allowed.contains(static_cast<v1::Purpose>(purpose)));
  }
}

TEST(Rights, AnAnswerIsOwedWithinAMonth) {
  const auto at = [](int year, int month, int day) {
    return absl::FromCivil(absl::CivilSecond(year, month, day, 9, 30, 1), absl::UTCTimeZone());
  };
  EXPECT_EQ(AnswerDue(at(2026, 5, 4)), at(2026, 6, 4));
  EXPECT_EQ(AnswerDue(at(2026, 1, 31)), at(2026, 2, 28)) << "a month without that day ends on its last";
  EXPECT_EQ(AnswerDue(at(2028, 1, 30)), at(2028, 2, 29));
  EXPECT_EQ(AnswerDue(at(2026, 12, 31)), at(2027, 1, 31));
}

// --- A referral

TEST(Rights, AWithdrawalOfConsentEndsWhatIsOpenAndHasNobodyElse) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const bool open = state == kDraft || IsOpen(state);
    EXPECT_EQ(WithdrawalEnds(WithPersons(state, {OnConsent(1)}), 1), open) << StateName(state);
    EXPECT_FALSE(WithdrawalEnds(WithPersons(state, {CompletePerson(1)}), 1)) << "another basis";
    EXPECT_FALSE(WithdrawalEnds(WithPersons(state, {OnConsent(1), OnConsent(2)}), 1)) << "somebody else";
    EXPECT_FALSE(WithdrawalEnds(WithPersons(state, {OnConsent(1)}), 2)) << "nobody of it";
  }
  v1::Person referring = CompletePerson(1);
  referring.mutable_disclosure()->mutable_referring_basis()->set_article_6(v1::LEGAL_BASIS_CONSENT);
  EXPECT_TRUE(RestsOnConsent(WithPersons(kRequested, {referring}), 1)) << "on either side";
}

TEST(Rights, AWithdrawalOfConsentTakesOutOneOfSeveral) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const ReferralRecord record = WithPersons(state, {OnConsent(1), CompletePerson(2), OnConsent(3)});
    const bool open = state == kDraft || IsOpen(state);
    const auto first = DecideBy(Actor::kSystem, record, command::Withdraw{{kRequest, 1}});
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(Numbers(first->next.persons()),
              open ? (std::vector<uint32_t>{2, 3}) : (std::vector<uint32_t>{1, 2, 3}));
    EXPECT_EQ(Numbers(first->next.withdrawn_persons()),
              open ? std::vector<uint32_t>{1} : std::vector<uint32_t>{});
    EXPECT_EQ(first->closed_persons, open ? std::vector<uint32_t>{1} : std::vector<uint32_t>{});
    EXPECT_EQ(first->next.state(), state);
    const auto other = DecideBy(Actor::kSystem, record, command::Withdraw{{kRequest, 2}});
    ASSERT_TRUE(other.ok());
    EXPECT_THAT(Numbers(other->next.persons()), ElementsAre(1, 2, 3)) << "rests on a public task";
    EXPECT_TRUE(IsStopped(other->next, 2));
  }
}

// Who withdrew consent after the end would be back in an open case.
TEST(Rights, WhatSomebodyWithdrewConsentInIsNotReopened) {
  const ReferralRecord ended = WithPersons(kCompleted, {OnConsent(1), CompletePerson(2), CompletePerson(3)});
  const auto reopened = [](const ReferralRecord& record) {
    const std::string by_referring =
        ReasonOf(DecideBy(Actor::kReferring, record, command::Reopen{}).status());
    EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, command::Reopen{}).status()), by_referring);
    return by_referring;
  };
  EXPECT_EQ(reopened(ended), "OK");
  const ReferralRecord marked = Used(ended, command::Withdraw{{kRequest, 2}});
  EXPECT_EQ(reopened(marked), "OK") << "rests on a public task: marked, and the others go on";
  const ReferralRecord withdrew = Used(ended, command::Withdraw{{kRequest, 1}});
  EXPECT_EQ(reopened(withdrew), "DISCLOSURE_STOPPED");
  ReferralRecord refused = withdrew;
  for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
    refused = After(actor, refused, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
  }
  EXPECT_EQ(reopened(refused), "OK") << "every side has refused: the mark stops nothing";
  command::Reopen names;
  names.disclosures.emplace_back().set_person(2);
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, marked, names).status()), "DISCLOSURE_STOPPED")
      << "nothing further is disclosed of who is marked";
}

TEST(Rights, WhoHoldsSomethingIsAsked) {
  const auto asked = [](const ReferralRecord& record) {
    const ReferralRecord objected = Objected(record);
    const auto& mark = objected.right_marks(0);
    return std::string(mark.referring_asked() ? "R" : "") + (mark.receiving_asked() ? "r" : "");
  };
  EXPECT_EQ(asked(RecordIn(kDraft)), "R") << "the other side does not know of it";
  EXPECT_EQ(asked(RecordIn(kRequested)), "Rr");
  EXPECT_EQ(asked(RecordIn(kDeclined)), "Rr") << "it may have a file of its own";
  EXPECT_EQ(asked(After(Actor::kReferring, RecordIn(kRequested), command::Misdirected{})), "R");
  EXPECT_EQ(asked(After(Actor::kReferring, RecordIn(kCompleted), command::Erase{})), "r");
  EXPECT_EQ(asked(After(Actor::kReceiving, RecordIn(kCompleted), command::Erase{})), "R");
}

TEST(Rights, NothingFurtherIsDisclosedUntilAllWhoWereAskedRefuse) {
  for (const Command& use :
       {Command(command::Withdraw{{kRequest, 1}}), Command(command::Object{{kRequest, 1}}),
        Command(command::Restrict{{kRequest, 1}})}) {
    ReferralRecord record = Used(RecordIn(kAcknowledged), use);
    EXPECT_TRUE(IsStopped(record, 1));
    EXPECT_FALSE(IsStopped(record, 2));
    record = After(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
    EXPECT_TRUE(IsStopped(record, 1)) << "the other side has not answered";
    record = After(Actor::kReferring, record, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
    EXPECT_FALSE(IsStopped(record, 1));
  }
}

TEST(Rights, AStoppedPersonIsNotSentOn) {
  const ReferralRecord stopped = Objected(RecordIn(kAcknowledged));
  const auto refused = [](Actor actor, const ReferralRecord& record, const Command& command) {
    return ReasonOf(DecideBy(actor, record, command).status());
  };
  EXPECT_EQ(refused(Actor::kReceiving, stopped, CommandFor(Event::kForwardByDuty)), "DISCLOSURE_STOPPED");
  EXPECT_EQ(refused(Actor::kReceiving, stopped, CommandFor(Event::kProposeForward)), "DISCLOSURE_STOPPED");
  ReferralRecord proposed =
      After(Actor::kReceiving, RecordIn(kAcknowledged), CommandFor(Event::kProposeForward));
  EXPECT_EQ(refused(Actor::kReferring, Objected(proposed), CommandFor(Event::kConfirmForward)),
            "DISCLOSURE_STOPPED");
  EXPECT_EQ(refused(Actor::kReceiving, Objected(RecordIn(kInProgress)), CommandFor(Event::kHandOver)),
            "DISCLOSURE_STOPPED");
  EXPECT_EQ(refused(Actor::kReferring, Objected(RecordIn(kCancelled)), command::Reopen{}),
            "DISCLOSURE_STOPPED");
  EXPECT_EQ(refused(Actor::kReceiving, Objected(RecordIn(kCompleted)), command::Reopen{}),
            "DISCLOSURE_STOPPED");
  EXPECT_EQ(refused(Actor::kReferring, Objected(RecordIn(kDraft)), CommandFor(Event::kSubmit)),
            "DISCLOSURE_STOPPED");
  for (const std::string& action :
       AllowedActions(stopped, As(Receiver(), {policy::Relation::kReceiving}), Now()))
    EXPECT_THAT(action, Not(StartsWith("FORWARD"))) << "what would be refused is not offered";
}

TEST(Rights, OthersAreSentOnWithoutTheStoppedPerson) {
  const ReferralRecord record = Objected(WithPersons(kAcknowledged, {CompletePerson(1), CompletePerson(2)}));
  command::ForwardByDuty forward{ToThird(), "es/ley-40-2015/art-14"};
  forward.to.disclosures[0].set_person(2);
  const auto decision = DecideBy(Actor::kReceiving, record, forward);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_THAT(Numbers(decision->linked->persons()), ElementsAre(2));
  EXPECT_THAT(decision->linked->right_marks(), IsEmpty());
  forward.to.disclosures.push_back(forward.to.disclosures[0]);
  forward.to.disclosures[1].set_person(1);
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, forward).status()), "DISCLOSURE_STOPPED");
}

TEST(Rights, AnAnswerThatDoesNotFitIsRefused) {
  const ReferralRecord record = Used(RecordIn(kRequested), command::Withdraw{{kRequest, 1}});
  const auto answer = [&](const command::AnswerRight& command) {
    return DecideBy(Actor::kReceiving, record, command).status();
  };
  EXPECT_THAT(error::ViolationsOf(answer(AnswerTo(v1::RIGHT_ANSWER_RESTRICTED))),
              Contains(StartsWith("answer: RESTRICTED")));
  auto refusal = AnswerTo(v1::RIGHT_ANSWER_REFUSED);
  refusal.ground = v1::REFUSAL_GROUND_COMPELLING_GROUNDS;
  EXPECT_THAT(error::ViolationsOf(answer(refusal)), Contains(StartsWith("refusal_ground: COMPELLING")));
  auto retained = AnswerTo(v1::RIGHT_ANSWER_RETAINED);
  retained.retained_until = "2026-05-04";
  EXPECT_THAT(error::ViolationsOf(answer(retained)), Contains(StartsWith("retained_until: ")));
  retained.retained_until = "2026-05-05";
  EXPECT_TRUE(answer(retained).ok());
  auto other = AnswerTo(v1::RIGHT_ANSWER_RETAINED);
  other.use.request = "rightsRequests/another";
  EXPECT_EQ(ReasonOf(answer(other)), "NOTHING_TO_ANSWER");
}

TEST(Rights, AnErasureEndsWhatHasNobodyElseUnlessTheOtherSideHasTakenIt) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const ReferralRecord one = WithPersons(state, {CompletePerson(1)});
    const bool open = state == kDraft || IsOpen(state);
    EXPECT_EQ(ErasureEnds(one, 1, v1::PARTY_RECEIVING), open) << StateName(state);
    EXPECT_EQ(ErasureEnds(one, 1, v1::PARTY_REFERRING), open && !one.has_accept_time()) << StateName(state);
    EXPECT_FALSE(
        ErasureEnds(WithPersons(state, {CompletePerson(1), CompletePerson(2)}), 1, v1::PARTY_RECEIVING));
  }
}

TEST(Rights, OneSidesErasureOfOneOfSeveralIsItsOwn) {
  const ReferralRecord record = Objected(WithPersons(kCompleted, {CompletePerson(1), CompletePerson(2)}));
  auto receiving = DecideBy(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  ASSERT_TRUE(receiving.ok()) << receiving.status();
  ASSERT_EQ(receiving->person_erasures.size(), 1U);
  EXPECT_EQ(receiving->person_erasures[0].body, kReceivingBody);
  EXPECT_EQ(receiving->person_erasures[0].person, 1U);
  EXPECT_THAT(receiving->removed_persons, IsEmpty()) << "the referring body has it still";
  EXPECT_FALSE(receiving->next.has_receiving_erase_time()) << "the other person's file stays";
  EXPECT_EQ(ReasonOf(CheckRights(receiving->next, {1}, {v1::SECTION_KIND_SCREENING}, v1::PURPOSE_SUPERVISE,
                                 As(Receiver(), {policy::Relation::kReceiving}))),
            "SHARE_ERASED");
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, receiving->next, command::Reopen{}).status()),
            "SHARE_ERASED");
  const auto both = DecideBy(Actor::kReferring, receiving->next, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  ASSERT_TRUE(both.ok());
  EXPECT_THAT(both->removed_persons, ElementsAre(1)) << "now nobody has";
  EXPECT_THAT(Numbers(both->next.persons()), ElementsAre(2));
}

TEST(Rights, TheReceivingBodysErasureWhileItWorksTakesThePersonOut) {
  const ReferralRecord record = Objected(WithPersons(kInProgress, {CompletePerson(1), CompletePerson(2)}));
  const ReferralRecord after = After(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  EXPECT_THAT(Numbers(after.persons()), ElementsAre(2)) << "no outcome is owed of the other";
  EXPECT_THAT(Numbers(after.withdrawn_persons()), ElementsAre(1));
}

TEST(Rights, TheOnlyPersonsErasureTakesTheWholeShare) {
  const ReferralRecord record = Objected(RecordIn(kCompleted));
  const auto decision = DecideBy(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  ASSERT_TRUE(decision.ok());
  EXPECT_TRUE(decision->effects.Has(Effect::kEraseReceivingShare));
  EXPECT_FALSE(decision->effects.Has(Effect::kDropSections)) << "the referring body has its own";
  const auto both = DecideBy(Actor::kReferring, decision->next, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  ASSERT_TRUE(both.ok());
  EXPECT_TRUE(both->effects.Has(Effect::kDropSections));
}

TEST(Rights, ARestrictionOpensForItsPurposesAlone) {
  const ReferralRecord record = Used(WithPersons(kInProgress, {CompletePerson(1), CompletePerson(2)}),
                                     command::Restrict{{kRequest, 1}});
  const auto check = [&](const std::vector<uint32_t>& persons, v1::Purpose purpose,
                         const policy::Caller& caller, policy::Relation relation) {
    return ReasonOf(
        CheckRights(record, persons, {v1::SECTION_KIND_DETAILS}, purpose, As(caller, {relation})));
  };
  for (int purpose = 1; purpose <= v1::Purpose_MAX; ++purpose) {
    const auto given = static_cast<v1::Purpose>(purpose);
    const std::string expected = AllowedUnderRestriction(given) ? "OK" : "USE_RESTRICTED";
    EXPECT_EQ(check({1}, given, Receiver(), policy::Relation::kReceiving), expected);
    EXPECT_EQ(check({}, given, Receiver(), policy::Relation::kReceiving), expected) << "everybody's";
    EXPECT_EQ(check({2}, given, Receiver(), policy::Relation::kReceiving), "OK");
    EXPECT_EQ(check({1}, given, Referrer(), policy::Relation::kReferring), "OK");
  }
}

TEST(Rights, WhatWasNotOpenBeforeStaysShut) {
  const auto receiver = As(Receiver(), {policy::Relation::kReceiving});
  const ReferralRecord before = Objected(RecordIn(kAcknowledged));
  const ReferralRecord accepted = After(Actor::kReceiving, before, command::Accept{});
  const auto check = [&](const ReferralRecord& record, v1::SectionKind section) {
    return ReasonOf(CheckRights(record, {}, {section}, v1::PURPOSE_DELIVER_SERVICE, receiver));
  };
  EXPECT_EQ(check(accepted, v1::SECTION_KIND_DETAILS), "DISCLOSURE_STOPPED");
  EXPECT_EQ(check(accepted, v1::SECTION_KIND_SCREENING), "OK");
  EXPECT_EQ(check(Objected(RecordIn(kAccepted)), v1::SECTION_KIND_DETAILS), "OK") << "it has had it";
  // A second use of a right does not open what the first kept back.
  const ReferralRecord twice = Used(accepted, command::Object{{"rightsRequests/second", 1}});
  EXPECT_FALSE(twice.right_marks(1).receiver_had_all());
  // Refused by both, the rest is theirs to open: the keys are given then.
  const ReferralRecord refused = After(Actor::kReferring, accepted, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
  const auto last = DecideBy(Actor::kReceiving, refused, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
  ASSERT_TRUE(last.ok());
  EXPECT_TRUE(last->effects.Has(Effect::kOpenAll));
  EXPECT_EQ(check(last->next, v1::SECTION_KIND_DETAILS), "OK");
}

TEST(Rights, AskingForAccessStopsNothing) {
  const ReferralRecord record = Used(RecordIn(kAcknowledged), command::AskAccess{{kRequest, 1}});
  EXPECT_FALSE(IsStopped(record, 1));
  EXPECT_TRUE(DecideBy(Actor::kReceiving, record, CommandFor(Event::kForwardByDuty)).ok());
  const ReferralRecord answered = After(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_PROVIDED));
  EXPECT_FALSE(HasAnswerToGive(answered, v1::PARTY_RECEIVING));
  EXPECT_TRUE(HasAnswerToGive(answered, v1::PARTY_REFERRING));
}

// --- Rectification

ReferralRecord ToRectify(const ReferralRecord& record, uint32_t person = 1) {
  return Used(record, command::Rectify{{kRequest, person}});
}

command::AnswerRight Rectified(const std::vector<v1::SectionKind>& sections,
                               const std::vector<std::string>& fields, uint32_t person = 1) {
  command::AnswerRight answer = AnswerTo(v1::RIGHT_ANSWER_RECTIFIED, person);
  if (!sections.empty()) answer.corrected = CorrectedSections{person, sections, fields};
  return answer;
}

std::vector<std::string> FieldsOf(const v1::Person& person) {
  return {person.disclosure().fields().begin(), person.disclosure().fields().end()};
}

TEST(Rights, AskingForRectificationStopsNothing) {
  for (int i = 1; i < kStateCount; ++i) {
    const ReferralRecord record = ToRectify(RecordIn(static_cast<State>(i)));
    EXPECT_FALSE(IsStopped(record, 1));
    EXPECT_TRUE(HasAnswerToGive(record, v1::PARTY_REFERRING));
    EXPECT_EQ(HeldBackByRights(record, 1, v1::PARTY_REFERRING), v1::HELD_BACK_REASON_UNSPECIFIED);
  }
  const ReferralRecord record = ToRectify(RecordIn(kAcknowledged));
  EXPECT_TRUE(DecideBy(Actor::kReceiving, record, CommandFor(Event::kForwardByDuty)).ok());
}

TEST(Rights, OneSidePutsItRightAndTheOtherSaysSo) {
  for (const Actor first : {Actor::kReferring, Actor::kReceiving}) {
    const Actor second = first == Actor::kReferring ? Actor::kReceiving : Actor::kReferring;
    const ReferralRecord record = ToRectify(RecordIn(kInProgress));
    const auto bare = DecideBy(first, record, Rectified({}, {}));
    EXPECT_THAT(error::ViolationsOf(bare.status()), Contains(StartsWith("corrected: ")))
        << "nobody has put it right";
    const ReferralRecord right = After(
        first, record, Rectified({v1::SECTION_KIND_DETAILS}, {"details.given_name", "details.birth_date"}));
    EXPECT_THAT(FieldsOf(right.persons(0)),
                UnorderedElementsAre("screening.text", "details.given_name", "details.birth_date"))
        << "family name and needs are no longer filled in";
    EXPECT_EQ(right.persons(0).disclosure().sections_size(), record.persons(0).disclosure().sections_size());
    EXPECT_EQ(right.state(), kInProgress);
    const ReferralRecord both = After(second, right, Rectified({}, {}));
    EXPECT_EQ(AnswersOwed(both, v1::PARTY_REFERRING) + AnswersOwed(both, v1::PARTY_RECEIVING), 0);
    // It can be put right again, by either; and is not made undone by another answer.
    EXPECT_EQ(ReasonOf(DecideBy(second, both, Rectified({v1::SECTION_KIND_SCREENING}, {})).status()), "OK");
    command::AnswerRight refused = AnswerTo(v1::RIGHT_ANSWER_REFUSED);
    refused.ground = v1::REFUSAL_GROUND_ACCURATE;
    EXPECT_EQ(ReasonOf(DecideBy(first, both, refused).status()), "NOTHING_TO_ANSWER");
  }
}

// Every way to send a case on.
struct Onward {
  Event event;
  State from;
  Actor by;
};
constexpr Onward kOnward[] = {{Event::kConfirmForward, kAcknowledged, Actor::kReferring},
                              {Event::kForwardByDuty, kAcknowledged, Actor::kReceiving},
                              {Event::kHandOver, kInProgress, Actor::kReceiving},
                              {Event::kRule, kAcknowledged, Actor::kCoordinating},
                              {Event::kAssume, kAcknowledged, Actor::kCoordinating}};

TEST(Rights, WhoIsSentWhatIsToBePutRightIsAskedToo) {
  for (const Onward& way : kOnward) {
    SCOPED_TRACE(EventName(way.event));
    const ReferralRecord record = ToRectify(testing::RecordReadyFor(way.from, way.event, way.by));
    const auto sent = DecideBy(way.by, record, CommandFor(way.event, way.by));
    ASSERT_TRUE(sent.ok()) << sent.status();
    ASSERT_TRUE(sent->linked.has_value());
    ASSERT_EQ(sent->linked->right_marks_size(), 1);
    const storage::v1::RightMarkRecord& mark = sent->linked->right_marks(0);
    EXPECT_EQ(mark.request(), kRequest);
    EXPECT_EQ(mark.kind(), v1::RIGHT_KIND_RECTIFICATION);
    EXPECT_EQ(AnswersOwed(*sent->linked, v1::PARTY_REFERRING), 1);
    EXPECT_EQ(AnswersOwed(*sent->linked, v1::PARTY_RECEIVING), 1);
    EXPECT_EQ(sent->next.right_marks_size(), 1) << "and those who were asked owe it still";
  }
}

TEST(Rights, WhatIsNoLongerAwaitedDoesNotGoAlong) {
  command::AnswerRight refused = AnswerTo(v1::RIGHT_ANSWER_REFUSED);
  refused.ground = v1::REFUSAL_GROUND_ACCURATE;
  const command::AnswerRight right = Rectified({v1::SECTION_KIND_DETAILS}, {"details.given_name"});
  const auto asked_after = [](const ReferralRecord& record) {
    return DecideBy(Actor::kReceiving, record, CommandFor(Event::kHandOver))->linked->right_marks_size();
  };
  const ReferralRecord record = ToRectify(RecordIn(kInProgress));
  for (const Actor first : {Actor::kReferring, Actor::kReceiving}) {
    const Actor second = first == Actor::kReferring ? Actor::kReceiving : Actor::kReferring;
    EXPECT_EQ(asked_after(After(first, record, right)), 0) << "what is sent is right";
    const ReferralRecord one_refused = After(first, record, refused);
    EXPECT_EQ(asked_after(one_refused), 1) << "the other one may know better";
    EXPECT_EQ(asked_after(After(second, one_refused, refused)), 0);
  }
  EXPECT_EQ(asked_after(Used(RecordIn(kInProgress), command::AskAccess{{kRequest, 1}})), 0);
}

TEST(Rights, OfSeveralOnlyWhoAskedAndGoesAlongIsAskedFor) {
  const ReferralRecord two = WithPersons(kInProgress, {CompletePerson(1), CompletePerson(2)});
  command::HandOver both{ToThird()};
  both.to.disclosures.push_back(both.to.disclosures[0]);
  both.to.disclosures[1].set_person(2);
  const auto sent = DecideBy(Actor::kReceiving, ToRectify(two, 2), both);
  ASSERT_TRUE(sent.ok()) << sent.status();
  ASSERT_EQ(sent->linked->right_marks_size(), 1);
  EXPECT_EQ(sent->linked->right_marks(0).person(), 2);
  // Who objected as well stays behind.
  const auto one = DecideBy(Actor::kReceiving, Objected(ToRectify(two, 2), 2), command::HandOver{ToThird()});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_THAT(Numbers(one->linked->persons()), ElementsAre(1));
  EXPECT_THAT(one->linked->right_marks(), IsEmpty());
}

TEST(Rights, WhatWasPutRightIsApprovedAnew) {
  ReferralRecord record = ToRectify(RecordIn(kInProgress));
  record.mutable_approval()->set_party(v1::PARTY_REFERRING);
  record.mutable_receiving_approval()->set_party(v1::PARTY_RECEIVING);
  const auto approvals = [](const ReferralRecord& of) {
    return (of.has_approval() ? 1 : 0) + (of.has_receiving_approval() ? 1 : 0);
  };
  command::AnswerRight refused = AnswerTo(v1::RIGHT_ANSWER_REFUSED);
  refused.ground = v1::REFUSAL_GROUND_ACCURATE;
  for (const Actor by : {Actor::kReferring, Actor::kReceiving}) {
    EXPECT_EQ(approvals(After(by, record, refused)), 2) << "nothing has changed";
    const ReferralRecord right =
        After(by, record, Rectified({v1::SECTION_KIND_DETAILS}, {"details.given_name"}));
    EXPECT_EQ(approvals(right), 0);
  }
}

TEST(Rights, OnlySectionsThatAreHeldArePutRight) {
  const ReferralRecord record = ToRectify(WithPersons(kInProgress, {CompletePerson(1), CompletePerson(2)}));
  const auto wrong = [&](const command::AnswerRight& answer) {
    return error::ViolationsOf(DecideBy(Actor::kReferring, record, answer).status());
  };
  EXPECT_THAT(wrong(Rectified({v1::SECTION_KIND_ALERTS}, {"alerts.alerts"})),
              ElementsAre(StartsWith("corrected.alerts: ")));
  command::AnswerRight of_another = Rectified({v1::SECTION_KIND_DETAILS}, {}, 2);
  EXPECT_THAT(wrong(of_another), ElementsAre(StartsWith("corrected.person: ")));
  // One that is empty now is a section still.
  const ReferralRecord emptied = After(Actor::kReferring, record, Rectified({v1::SECTION_KIND_DETAILS}, {}));
  EXPECT_THAT(FieldsOf(emptied.persons(0)), ElementsAre("screening.text"));
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, emptied,
                              Rectified({v1::SECTION_KIND_DETAILS}, {"details.given_name"}))
                         .status()),
            "OK");
}

TEST(Rights, OfAChildSomebodyIsNamedStill) {
  const ReferralRecord record = ToRectify(WithPersons(kInProgress, {CompleteChild(1)}));
  EXPECT_THAT(error::ViolationsOf(DecideBy(Actor::kReferring, record,
                                           Rectified({v1::SECTION_KIND_DETAILS}, {"details.given_name"}))
                                      .status()),
              ElementsAre(StartsWith("corrected.details.parental_responsibility_holders: ")));
  EXPECT_TRUE(DecideBy(Actor::kReferring, record,
                       Rectified({v1::SECTION_KIND_DETAILS}, {"details.parental_responsibility_holders"}))
                  .ok());
}

TEST(Rights, AHoldOfEitherSideKeepsWhatWouldBeOverwritten) {
  for (const Actor holder : {Actor::kReferring, Actor::kReceiving}) {
    const ReferralRecord held =
        After(holder, ToRectify(RecordIn(kInProgress)), command::PlaceHold{"es/ley-1-2000/art-328", ""});
    for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
      const auto answer = Rectified({v1::SECTION_KIND_SCREENING}, {"screening.text"});
      EXPECT_EQ(ReasonOf(DecideBy(actor, held, answer).status()), "LEGAL_HOLD");
      EXPECT_EQ(ReasonOf(DecideBy(actor, After(holder, held, command::ReleaseHold{}), answer).status()),
                "OK");
    }
  }
}

TEST(Rights, WhoHoldsNothingAnyMoreHasNothingToPutRight) {
  const ReferralRecord record = ToRectify(RecordIn(kCompleted));
  const ReferralRecord erased = After(Actor::kReceiving, record, command::Erase{});
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, erased, Rectified({}, {})).status()), "OK");
  const ReferralRecord none = After(Actor::kReferring, erased, command::Erase{});
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, none, Rectified({}, {})).status()), "OK");
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, none, Rectified({v1::SECTION_KIND_DETAILS}, {})).status()),
            "SHARE_ERASED");
}

// Who may open a section now may say how it is to be; every state, side and section.
TEST(Rights, PuttingRightIsForWhoMayOpen) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const ReferralRecord record = ToRectify(RecordIn(state));
    for (const bool officer : {false, true}) {
      policy::Caller referrer = Referrer();
      policy::Caller receiver = Receiver();
      if (officer) {
        referrer.roles.Add(policy::Role::kSafeguardingOfficer);
        receiver.roles.Add(policy::Role::kSafeguardingOfficer);
      }
      const auto reason = [&](const policy::Caller& caller, policy::Relation side, v1::SectionKind section) {
        return ReasonOf(CheckMayCorrect(record, Rectified({section}, {}), As(caller, {side})));
      };
      const std::string alerts = officer ? "OK" : "NOT_ALLOWED";
      EXPECT_EQ(reason(referrer, policy::Relation::kReferring, v1::SECTION_KIND_SCREENING), "OK");
      EXPECT_EQ(reason(referrer, policy::Relation::kReferring, v1::SECTION_KIND_DETAILS), "OK");
      EXPECT_EQ(reason(referrer, policy::Relation::kReferring, v1::SECTION_KIND_ALERTS), alerts);
      if (state == kDraft) continue;
      const bool full = record.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
      const bool screening = full || record.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING;
      const std::string beyond = full ? "OK" : screening ? "NOT_YET_DISCLOSED" : "ACCESS_ENDED";
      EXPECT_EQ(reason(receiver, policy::Relation::kReceiving, v1::SECTION_KIND_SCREENING),
                screening ? "OK" : "ACCESS_ENDED")
          << StateName(state);
      EXPECT_EQ(reason(receiver, policy::Relation::kReceiving, v1::SECTION_KIND_DETAILS), beyond);
      EXPECT_EQ(reason(receiver, policy::Relation::kReceiving, v1::SECTION_KIND_ALERTS),
                full ? alerts : beyond);
    }
  }
}

TEST(Rights, OfWhoWasTakenOutTheReceivingBodyPutsNothingRight) {
  const ReferralRecord record = ToRectify(Used(WithPersons(kInProgress, {OnConsent(1), CompletePerson(2)}),
                                               command::Withdraw{{"rightsRequests/first", 1}}));
  const auto answer = Rectified({v1::SECTION_KIND_SCREENING}, {"screening.text"});
  EXPECT_EQ(ReasonOf(CheckMayCorrect(record, answer, As(Receiver(), {policy::Relation::kReceiving}))),
            "ACCESS_ENDED");
  EXPECT_EQ(ReasonOf(CheckMayCorrect(record, answer, As(Referrer(), {policy::Relation::kReferring}))), "OK");
  const ReferralRecord right = After(Actor::kReferring, record, answer);
  EXPECT_THAT(FieldsOf(right.withdrawn_persons(0)), Contains("screening.text"));
}

// --- Restrictions that end

command::AnswerRight Lifted() {
  command::AnswerRight answer = AnswerTo(v1::RIGHT_ANSWER_LIFTED);
  answer.informed_how = v1::INFORMED_HOW_IN_PERSON;
  answer.informed_language = "uk";
  return answer;
}

TEST(Rights, DisclosureGoesOnOnceEverySideHasLiftedOrRefused) {
  for (const auto other : {v1::RIGHT_ANSWER_LIFTED, v1::RIGHT_ANSWER_REFUSED}) {
    for (const Actor first : {Actor::kReferring, Actor::kReceiving}) {
      const Actor second = first == Actor::kReferring ? Actor::kReceiving : Actor::kReferring;
      ReferralRecord record = Used(RecordIn(kInProgress), command::Restrict{{kRequest, 1}});
      record = After(first, record, AnswerTo(v1::RIGHT_ANSWER_RESTRICTED));
      record = After(second, record, AnswerTo(v1::RIGHT_ANSWER_RESTRICTED));
      const v1::Party party = first == Actor::kReferring ? v1::PARTY_REFERRING : v1::PARTY_RECEIVING;
      EXPECT_EQ(HeldBackByRights(record, 1, party), v1::HELD_BACK_REASON_RESTRICTION);
      record = After(first, record, Lifted());
      EXPECT_EQ(HeldBackByRights(record, 1, party), v1::HELD_BACK_REASON_UNSPECIFIED) << "its own share";
      EXPECT_TRUE(IsStopped(record, 1)) << "the other side has not";
      command::AnswerRight last = Lifted();
      if (other == v1::RIGHT_ANSWER_REFUSED) last = AnswerTo(other);
      record = After(second, record, last);
      EXPECT_FALSE(IsStopped(record, 1));
      EXPECT_EQ(ReasonOf(CheckRights(record, {1}, {v1::SECTION_KIND_DETAILS}, v1::PURPOSE_DELIVER_SERVICE,
                                     As(Receiver(), {policy::Relation::kReceiving}))),
                "OK");
      EXPECT_EQ(ReasonOf(DecideBy(first, record, AnswerTo(v1::RIGHT_ANSWER_RESTRICTED)).status()),
                "NOTHING_TO_ANSWER")
          << "what was lifted is so: the person may ask anew";
    }
  }
}

TEST(Rights, OnlyWhatIsRestrictedIsLifted) {
  const ReferralRecord record = Used(RecordIn(kInProgress), command::Restrict{{kRequest, 1}});
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, record, Lifted()).status()), "NOTHING_TO_ANSWER");
  const ReferralRecord refused = After(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, refused, Lifted()).status()), "NOTHING_TO_ANSWER");
  const ReferralRecord restricted = After(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_RESTRICTED));
  const auto lifted = DecideBy(Actor::kReceiving, restricted, Lifted());
  ASSERT_TRUE(lifted.ok()) << lifted.status();
  EXPECT_THAT(lifted->facts, Contains(Pair("answer", "LIFTED")));
  EXPECT_THAT(lifted->facts, Contains(Pair("informed_how", "IN_PERSON")));
  EXPECT_THAT(lifted->facts, Contains(Pair("informed_language", "uk")));
}

TEST(Rights, WhatWasKeptBackIsGivenOnceItIsLifted) {
  ReferralRecord record = Used(RecordIn(kAcknowledged), command::Restrict{{kRequest, 1}});
  record = After(Actor::kReceiving, record, command::Accept{});
  record = After(Actor::kReceiving, record, AnswerTo(v1::RIGHT_ANSWER_RESTRICTED));
  record = After(Actor::kReferring, record, AnswerTo(v1::RIGHT_ANSWER_REFUSED));
  const auto lifted = DecideBy(Actor::kReceiving, record, Lifted());
  ASSERT_TRUE(lifted.ok());
  EXPECT_TRUE(lifted->effects.Has(Effect::kOpenAll));
}

// --- What was cut off

TEST(Rights, WhoIsCutOffHasNothingToAnswerFor) {
  for (const Command& use :
       {Command(command::Withdraw{{kRequest, 1}}), Command(command::Object{{kRequest, 1}}),
        Command(command::Rectify{{kRequest, 1}}), Command(command::Restrict{{kRequest, 1}}),
        Command(command::AskAccess{{kRequest, 1}})}) {
    const ReferralRecord used = Used(RecordIn(kInProgress), use);
    const ReferralRecord cut = After(Actor::kReferring, used, command::Misdirected{});
    EXPECT_EQ(AnswersOwed(cut, v1::PARTY_RECEIVING), 0);
    EXPECT_FALSE(HasAnswerToGive(cut, v1::PARTY_RECEIVING));
    EXPECT_EQ(AnswersOwed(cut, v1::PARTY_REFERRING), 1) << "who sent it has its file";
    const ReferralRecord passed_on = After(Actor::kSystem, used, command::Misdirected{});
    EXPECT_EQ(AnswersOwed(passed_on, v1::PARTY_RECEIVING), 0);
    EXPECT_EQ(AnswersOwed(passed_on, v1::PARTY_REFERRING), 0) << "nor who should never have had it";
  }
}

TEST(Rights, WhoIsCutOffLeavesTheHolders) {
  const ReferralRecord cut =
      After(Actor::kReferring, Objected(RecordIn(kInProgress)), command::Misdirected{});
  storage::v1::RightsRequestRecord request;
  const auto add = [&request](std::string_view referral, v1::Party party, std::string_view body,
                              std::string_view other) {
    auto& held = *request.add_holders();
    held.mutable_holder()->set_referral(std::string(referral));
    held.mutable_holder()->set_party(party);
    held.mutable_holder()->set_body(std::string(body));
    held.set_other_body(std::string(other));
  };
  add(kName, v1::PARTY_REFERRING, kReferringBody, kReceivingBody);
  add(kName, v1::PARTY_RECEIVING, kReceivingBody, kReferringBody);
  add("referrals/other", v1::PARTY_RECEIVING, kThirdBody, kReferringBody);
  EXPECT_TRUE(LeaveHolders(cut, cut.right_marks(0), /*passed_on=*/false, request));
  ASSERT_EQ(request.holders_size(), 2);
  EXPECT_EQ(request.holders(0).holder().body(), kReferringBody);
  EXPECT_EQ(request.holders(0).other_body(), "") << "it is not shown to who is no side any more";
  EXPECT_EQ(request.holders(1).other_body(), kReferringBody);
}

TEST(Rights, TheSidesThatAMarkAsksJoinTheHolders) {
  const ReferralRecord opened = Objected(RecordIn(kInProgress));
  storage::v1::RightMarkRecord mark = opened.right_marks(0);
  storage::v1::RightsRequestRecord request;
  request.set_revision(3);
  JoinHolders(opened, mark, request);
  ASSERT_EQ(request.holders_size(), 2);
  EXPECT_EQ(request.holders(0).holder().referral(), kName);
  EXPECT_EQ(request.holders(0).holder().body(), kReferringBody);
  EXPECT_EQ(request.holders(1).holder().body(), kReceivingBody);
  EXPECT_EQ(request.revision(), 4);
  EXPECT_EQ(api::FromTimestamp(request.update_time()), api::FromTimestamp(opened.create_time()));
  mark.set_receiving_asked(false);
  JoinHolders(opened, mark, request);
  ASSERT_EQ(request.holders_size(), 3) << "who is not asked holds nothing";
  EXPECT_EQ(request.holders(2).holder().body(), kReferringBody);
  EXPECT_EQ(request.revision(), 5);
}

TEST(Rights, ALegalHoldKeepsThatSidesShareUntilItIsReleasedOrItsDayHasPassed) {
  for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
    const Actor other = actor == Actor::kReferring ? Actor::kReceiving : Actor::kReferring;
    const auto reason = [](Actor by, const ReferralRecord& record, const Command& command, absl::Time now) {
      return ReasonOf(DecideBy(by, record, command, now).status());
    };
    const ReferralRecord held = After(actor, Objected(RecordIn(kCompleted)),
                                      command::PlaceHold{"es/ley-1-2000/art-328", "2026-05-31"});
    const auto erase = AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED);
    EXPECT_EQ(reason(actor, held, command::Erase{}, Now()), "LEGAL_HOLD");
    EXPECT_EQ(reason(actor, held, erase, Now()), "LEGAL_HOLD");
    EXPECT_EQ(reason(actor, held, AnswerTo(v1::RIGHT_ANSWER_RETAINED), Now()), "OK");
    EXPECT_EQ(reason(other, held, command::Erase{}, Now()), "OK") << "the other side's share is its own";
    EXPECT_EQ(reason(other, held, command::ReleaseHold{}, Now()), "NO_LEGAL_HOLD");
    const absl::Time last = absl::FromCivil(absl::CivilSecond(2026, 5, 31, 23, 59, 59), absl::UTCTimeZone());
    EXPECT_EQ(reason(actor, held, command::Erase{}, last), "LEGAL_HOLD");
    EXPECT_EQ(reason(actor, held, command::Erase{}, last + absl::Seconds(1)), "OK");
    const ReferralRecord released = After(actor, held, command::ReleaseHold{});
    EXPECT_EQ(reason(actor, released, command::Erase{}, Now()), "OK");
    EXPECT_EQ(reason(actor, released, command::ReleaseHold{}, Now()), "NO_LEGAL_HOLD");
    // Another takes its place.
    const ReferralRecord twice = After(actor, held, command::PlaceHold{"es/ley-2", ""});
    ASSERT_EQ(twice.legal_holds_size(), 1);
    EXPECT_EQ(twice.legal_holds(0).hold().law(), "es/ley-2");
  }
}

TEST(Rights, ErasingByHandWaitsForWhoAskedForACopyOrARestriction) {
  struct Row {
    Command use;
    v1::RightAnswer answer;
    std::string after;
  };
  for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
    for (const Row& row :
         {Row{command::AskAccess{{kRequest, 1}}, v1::RIGHT_ANSWER_PROVIDED, "OK"},
          Row{command::Restrict{{kRequest, 1}}, v1::RIGHT_ANSWER_RESTRICTED, "HELD_BY_RIGHT"},
          Row{command::Restrict{{kRequest, 1}}, v1::RIGHT_ANSWER_REFUSED, "OK"}}) {
      const ReferralRecord asked =
          Used(WithPersons(kCompleted, {CompletePerson(1), CompletePerson(2)}), row.use);
      const auto erase = [&](const ReferralRecord& record) {
        return ReasonOf(DecideBy(actor, record, command::Erase{}).status());
      };
      EXPECT_EQ(erase(asked), "HELD_BY_RIGHT");
      EXPECT_EQ(erase(After(actor, asked, AnswerTo(row.answer))), row.after);
    }
    EXPECT_EQ(ReasonOf(DecideBy(actor, Objected(RecordIn(kCompleted)), command::Erase{}).status()), "OK");
    // Who has it erased by a right gives up the other one.
    ReferralRecord both = Used(RecordIn(kCompleted), command::AskAccess{{"rightsRequests/other", 1}});
    both = Objected(both);
    EXPECT_TRUE(DecideBy(actor, both, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED)).ok());
  }
}

TEST(Rights, TheLastErasureByTheReferringBodyEndsWhatIsOpen) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    ReferralRecord record = WithPersons(state, {CompletePerson(1), CompletePerson(2)});
    EXPECT_FALSE(ErasureEnds(record, 2, v1::PARTY_REFERRING));
    auto& erasure = *record.add_person_erasures();
    erasure.set_person(1);
    erasure.set_party(v1::PARTY_REFERRING);
    const bool open = state == kDraft || IsOpen(state);
    EXPECT_EQ(ErasureEnds(record, 2, v1::PARTY_REFERRING), open && !record.has_accept_time())
        << StateName(state) << ": nobody is left of whom it holds anything";
    EXPECT_FALSE(ErasureEnds(record, 2, v1::PARTY_RECEIVING)) << "it has the other one still";
  }
}

// --- What only a body under legal hold could open

ReferralRecord HeldByReceiver(const ReferralRecord& record, std::string_view until = {}) {
  return After(Actor::kReceiving, record, command::PlaceHold{"es/ley-1-2000/art-328", std::string(until)});
}

TEST(Rights, TheEndOfACaseLeavesWhatOnlyABodyUnderHoldCouldOpen) {
  for (const Command& end :
       {Command(command::EndWithoutResult{Outcomes(NegativeOutcome())}), Command(command::ConfirmCancel{})}) {
    ReferralRecord record =
        After(Actor::kReferring, Objected(RecordIn(kInProgress)), AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
    if (std::holds_alternative<command::ConfirmCancel>(end)) {
      record = After(Actor::kReferring, record, command::Cancel{v1::CANCEL_REASON_NEED_MET});
    }
    const auto without = DecideBy(Actor::kReceiving, record, end);
    ASSERT_TRUE(without.ok()) << without.status();
    EXPECT_TRUE(without->effects.Has(Effect::kDropSections));

    const auto ended = DecideBy(Actor::kReceiving, HeldByReceiver(record), end);
    ASSERT_TRUE(ended.ok()) << ended.status();
    EXPECT_FALSE(ended->effects.Has(Effect::kDropSections));
    EXPECT_THAT(Numbers(ended->next.persons()), ElementsAre(1));
    EXPECT_EQ(ReasonOf(CheckMayOpen(ended->next, {v1::SECTION_KIND_SCREENING},
                                    As(Receiver(), {policy::Relation::kReceiving}))),
              "ACCESS_ENDED")
        << "it keeps what it cannot use";
    EXPECT_EQ(ReasonOf(DecideBy(Actor::kReceiving, ended->next, command::Erase{}).status()), "LEGAL_HOLD");
    const auto released = DecideBy(Actor::kReceiving, ended->next, command::ReleaseHold{});
    ASSERT_TRUE(released.ok());
    EXPECT_TRUE(released->effects.Has(Effect::kDropSections));
    EXPECT_THAT(released->next.persons(), IsEmpty());
    EXPECT_FALSE(released->next.has_receiving_erase_time()) << "its own reference and notes have their date";
  }
}

TEST(Rights, OfSeveralItKeepsThoseWhomNobodyElseHas) {
  ReferralRecord record = Objected(WithPersons(kInProgress, {CompletePerson(1), CompletePerson(2)}));
  record = After(Actor::kReferring, record, AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  command::EndWithoutResult end{Outcomes(NegativeOutcome())};
  end.outcomes.push_back(end.outcomes[0]);
  end.outcomes[1].set_person(2);
  const auto ended = DecideBy(Actor::kReceiving, HeldByReceiver(record), end);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_THAT(ended->removed_persons, IsEmpty());
  // The other body erases the rest: what the hold keeps stays.
  const auto erased = DecideBy(Actor::kReferring, ended->next, command::Erase{});
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_FALSE(erased->effects.Has(Effect::kDropSections));
  EXPECT_THAT(erased->removed_persons, ElementsAre(2));
  EXPECT_THAT(Numbers(erased->next.persons()), ElementsAre(1));
  const auto released = DecideBy(Actor::kReceiving, erased->next, command::ReleaseHold{});
  ASSERT_TRUE(released.ok());
  EXPECT_TRUE(released->effects.Has(Effect::kDropSections));
  // Or the hold goes first.
  const auto first = DecideBy(Actor::kReceiving, ended->next, command::ReleaseHold{});
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->removed_persons, ElementsAre(1));
  EXPECT_THAT(Numbers(first->next.persons()), ElementsAre(2)) << "the referring body's";
}

TEST(Rights, AHoldWhoseDayPassesLetsGoWhatItKept) {
  const ReferralRecord record =
      After(Actor::kReferring, Objected(RecordIn(kInProgress)), AnswerTo(v1::RIGHT_ANSWER_STOPPED_ERASED));
  const ReferralRecord ended = After(Actor::kReceiving, HeldByReceiver(record, "2026-05-31"),
                                     command::EndWithoutResult{Outcomes(NegativeOutcome())});
  const auto* share = RetentionOf(ended, v1::PARTY_RECEIVING);
  ASSERT_NE(share, nullptr);
  const absl::Time over = absl::FromCivil(absl::CivilDay(2026, 6, 1), absl::UTCTimeZone());
  EXPECT_EQ(api::FromTimestamp(share->look_time()), over) << "long before its own date";
  const command::EndRetention look{v1::PARTY_RECEIVING, EndOf(ended)};
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kSystem, ended, look, over - absl::Seconds(1)).status()), "NOTHING_DUE");
  const auto gone = DecideBy(Actor::kSystem, ended, look, over);
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_TRUE(gone->effects.Has(Effect::kDropSections));
  EXPECT_FALSE(gone->next.has_receiving_erase_time());
  EXPECT_EQ(RetentionOf(gone->next, v1::PARTY_RECEIVING)->entry().kept_until(), "2031-05-04")
      << "its own reference and notes have their date";
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kSystem, gone->next, look, over).status()), "NOTHING_DUE");
}

TEST(Rights, WhoWithdrawsWaitsNoMore) {
  ReferralRecord record = WithPersons(kWaitlisted, {OnConsent(1), OnConsent(2), CompletePerson(3)});
  record.mutable_waiting()->set_offer("offers/asl");
  record.mutable_waiting()->set_group_id("alpha");
  for (const uint32_t person : {1, 2}) record.mutable_waiting()->add_persons(person);
  record = Used(record, command::Withdraw{{kRequest, 1}});
  EXPECT_THAT(record.waiting().persons(), ElementsAre(2));
  record = Used(record, command::Withdraw{{kRequest, 2}});
  EXPECT_FALSE(record.has_waiting()) << "nobody is left who waits";
  EXPECT_THAT(Numbers(record.persons()), ElementsAre(3));
}

TEST(Rights, TheNumberOfSomebodyWhoWithdrewIsNotGivenToAnother) {
  const ReferralRecord record =
      Used(WithPersons(kDraft, {OnConsent(1), CompletePerson(2)}), command::Withdraw{{kRequest, 1}});
  command::Update update{CompleteReferral(), {}, {"persons"}};
  const auto decision = DecideBy(Actor::kReferring, record, update);
  EXPECT_THAT(error::ViolationsOf(decision.status()), Contains(StartsWith("referral.persons[0].number: ")));
}

TEST(Rights, OfOneReferralThereAreAsManyUsesAsTheLimit) {
  ReferralRecord record = RecordIn(kRequested);
  for (int i = 0; i < kMaxRightMarks; ++i) record = Objected(record);
  EXPECT_EQ(ReasonOf(DecideBy(Actor::kReferring, record, command::Object{{kRequest, 1}}).status()),
            "LIMIT_EXCEEDED");
}

TEST(Rights, ABodySeesTheHoldersOfItsOwnReferrals) {
  storage::v1::RightsRequestRecord record;
  record.set_name(kRequest);
  record.set_referral("referrals/b");
  record.set_recorded_by("bodies/m");
  record.set_origin_body("bodies/f");
  const auto add = [&record](std::string_view referral, std::string_view body, std::string_view other) {
    auto& held = *record.add_holders();
    held.mutable_holder()->set_referral(std::string(referral));
    held.mutable_holder()->set_body(std::string(body));
    held.mutable_holder()->set_actor("p-" + std::string(body));
    held.set_other_body(std::string(other));
  };
  add("referrals/a", "bodies/f", "bodies/m");
  add("referrals/a", "bodies/m", "bodies/f");
  add("referrals/b", "bodies/m", "bodies/g");
  add("referrals/b", "bodies/g", "bodies/m");
  add("referrals/c", "bodies/g", "bodies/h");
  add("referrals/c", "bodies/h", "bodies/g");
  const auto seen = [&](std::string_view body) {
    std::string text;
    const auto view = ToRightsRequest(record, body, {});
    EXPECT_EQ(view.holder_count(), 6);
    for (const auto& holder : view.holders()) {
      text += holder.referral().substr(10) + ":" + holder.body().substr(7) + " ";
      EXPECT_EQ(holder.actor().empty(), holder.body() != body);
    }
    return text + view.referral();
  };
  EXPECT_EQ(seen("bodies/f"), "a:f a:m b:m b:g c:g c:h referrals/b") << "it referred first";
  EXPECT_EQ(seen("bodies/m"), "a:f a:m b:m b:g referrals/b");
  EXPECT_EQ(seen("bodies/g"), "b:m b:g c:g c:h referrals/b");
  EXPECT_EQ(seen("bodies/h"), "c:g c:h ") << "nor where it was recorded";
}

TEST(Rights, OfAProtectedReferralOthersSeeWhatWasCountedBefore) {
  storage::v1::RightsRequestRecord record;
  record.set_name(kRequest);
  record.set_revision(3);
  record.set_referral("referrals/b");
  record.set_recorded_by("bodies/g");
  record.set_origin_body("bodies/f");
  const auto add = [&record](std::string_view referral, std::string_view body, std::string_view other) {
    auto& held = *record.add_holders();
    held.mutable_holder()->set_referral(std::string(referral));
    held.mutable_holder()->set_body(std::string(body));
    held.set_other_body(std::string(other));
  };
  add("referrals/a", "bodies/f", "bodies/m");
  add("referrals/a", "bodies/m", "bodies/f");
  add("referrals/b", "bodies/m", "bodies/g");
  add("referrals/b", "bodies/g", "bodies/m");
  record.mutable_holders(2)->mutable_holder()->set_answer(v1::RIGHT_ANSWER_RESTRICTED);
  HideHolders("referrals/b", record);
  record.mutable_holders(3)->mutable_holder()->set_answer(v1::RIGHT_ANSWER_RESTRICTED);
  MarkChanged(absl::UnixEpoch(), record, *record.mutable_holders(3));
  const Unread unread = {"referrals/b"};
  for (const std::string_view body : {"bodies/f", "bodies/m", "bodies/g"}) {
    const v1::RightsRequest view = ToRightsRequest(record, body, unread);
    EXPECT_EQ(view.holder_count(), 4) << body;
    EXPECT_EQ(view.answered_count(), 1) << body;
    EXPECT_EQ(view.revision(), 3) << body;
    EXPECT_EQ(view.referral() + view.recorded_by(), "") << body;
    EXPECT_EQ(view.holders_size(), body == "bodies/g" ? 0 : 2) << body;
  }
  const v1::RightsRequest read = ToRightsRequest(record, "bodies/g", {});
  EXPECT_EQ(read.holders_size(), 2);
  EXPECT_EQ(read.answered_count(), 2);
  EXPECT_EQ(read.revision(), 4);
  EXPECT_EQ(read.referral(), "referrals/b");
}

}  // namespace
}  // namespace waypost::referral
