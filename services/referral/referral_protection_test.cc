#include "services/referral/referral_protection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using policy::Relations;
using policy::Role;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// With one reader on each side.
ReferralRecord Protected(ReferralRecord record) {
  record.mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
  record.mutable_protection()->add_referring_readers("p-eva");
  record.mutable_protection()->add_receiving_readers("p-raul");
  record.set_protected_since_revision(1);
  record.clear_coordinating_body();
  return record;
}
ReferralRecord ProtectedIn(State state) {
  return Protected(testing::RecordIn(state));
}

policy::Caller Somebody(std::string_view body, policy::Roles roles, std::string_view actor) {
  return {.body = std::string(body),
          .actor = std::string(actor),
          .roles = roles,
          .units = {std::string(testing::kReferringUnit), std::string(testing::kReceivingUnit)}};
}

command::Assign Readers(std::vector<std::string> readers,
                        v1::ProtectionGround ground = v1::PROTECTION_GROUND_UNSPECIFIED) {
  return {.unit = {}, .assignee = {}, .readers = std::move(readers), .protection = ground};
}

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : error::ReasonOf(status);
}

TEST(Protection, InEveryStateItIsForItsReadersWhateverTheRoleAndForNobodyElse) {
  for (int i = kDraft; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    const ReferralRecord record = ProtectedIn(state);
    const bool sent = record.has_submit_time();
    for (int r = 0; r < policy::kRoleCount; ++r) {
      const policy::Roles role = {static_cast<Role>(r)};
      const auto relations = [&](std::string_view body, std::string_view actor) {
        return RelationsOf(record, Somebody(body, role, actor));
      };
      EXPECT_EQ(relations(testing::kReferringBody, "p-eva"),
                (Relations{Relation::kReferring, Relation::kReader, Relation::kAssignee}));
      EXPECT_EQ(
          relations(testing::kReceivingBody, "p-raul"),
          sent ? (Relations{Relation::kReceiving, Relation::kReader, Relation::kAssignee}) : Relations())
          << StateName(state);
      // The same pseudonym of another body is another person; all others have no part.
      for (const std::string_view body : {testing::kReferringBody, testing::kReceivingBody,
                                          testing::kCoordinatingBody, testing::kFourthBody}) {
        EXPECT_EQ(relations(body, "p-other"), Relations()) << body << " " << StateName(state);
      }
      EXPECT_EQ(relations(testing::kReceivingBody, "p-eva"), Relations());
      EXPECT_EQ(relations(testing::kReferringBody, "p-raul"), Relations());
    }
  }
}

TEST(Protection, WhatWasMisdirectedHasNoReadersThere) {
  ReferralRecord record = ProtectedIn(kRequested);
  record.set_receiver_access(storage::v1::RECEIVER_ACCESS_CUT);
  EXPECT_TRUE(RelationsOf(record, Somebody(testing::kReceivingBody, {Role::kCaseworker}, "p-raul")).empty());
  record.mutable_protection()->clear_receiving_readers();
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_RECEIVING));
}

TEST(Protection, OfficersNameReadersWhereASideHasNoneOrIsSilent) {
  const auto officer = [](std::string_view body) {
    return Somebody(body, {Role::kSafeguardingOfficer}, "p-officer");
  };
  ReferralRecord record = ProtectedIn(kRequested);
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_RECEIVING));
  *record.mutable_escalate_time() = record.update_time();
  EXPECT_TRUE(OfficersNameReaders(record, v1::PARTY_RECEIVING)) << "it owes the acknowledgement";
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_REFERRING));
  record.clear_escalate_time();
  record.mutable_protection()->clear_receiving_readers();
  EXPECT_EQ(RelationsOf(record, officer(testing::kReceivingBody)),
            (Relations{Relation::kReceiving, Relation::kNamesReaders}));
  EXPECT_TRUE(RelationsOf(record, officer(testing::kReferringBody)).empty());
  const policy::Caller supervisor = Somebody(testing::kReceivingBody, {Role::kSupervisor}, "p-boss");
  EXPECT_TRUE(RelationsOf(record, supervisor).empty());
  EXPECT_FALSE(OfficersNameReaders(testing::RecordIn(kRequested), v1::PARTY_RECEIVING)) << "not protected";
}

TEST(Protection, AMissedStartCallsTheOfficersOfTheSideThatIsToStart) {
  ReferralRecord record = ProtectedIn(kWaitlisted);
  ASSERT_TRUE(record.has_start_due_time());
  *record.mutable_start_escalate_time() = record.update_time();
  EXPECT_TRUE(OfficersNameReaders(record, v1::PARTY_RECEIVING));
  EXPECT_FALSE(OfficersNameReaders(record, v1::PARTY_REFERRING));
}

TEST(Protection, OfWhatHasEndedReadersAreNamedStillAndOfNothingElse) {
  for (int i = kDraft; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    if (!IsEnd(state)) continue;
    for (const Actor actor : {Actor::kReferring, Actor::kReceiving}) {
      EXPECT_TRUE(testing::DecideBy(actor, ProtectedIn(state), Readers({"p-new"})).ok()) << StateName(state);
      EXPECT_TRUE(testing::DecideBy(actor, ProtectedIn(state), command::Claim{}).ok()) << StateName(state);
      for (const Command& command : {Command(Readers({})), Command(command::Claim{})}) {
        const auto refused = testing::DecideBy(actor, testing::RecordIn(state), command);
        EXPECT_EQ(ReasonOf(refused.status()), "NOT_PROTECTED") << StateName(state);
      }
    }
  }
}

// In that state, with nothing owed by either side.
ReferralRecord QuietIn(State state) {
  ReferralRecord record = ProtectedIn(state);
  record.clear_due();
  return record;
}

// What the clocks make of it when they look at it as late as that.
std::optional<ReferralRecord> AfterClocks(const ReferralRecord& record, absl::Time now) {
  const auto command = WhatIsDue(record, {}, now);
  if (!command.has_value()) return std::nullopt;
  const auto decision = DecideAsSystem(record, *command, now);
  EXPECT_TRUE(decision.ok()) << decision.status();
  return decision.ok() ? std::optional(decision->next) : std::nullopt;
}

// A change by which somebody on that side has it in hand.
ReferralRecord InHand(const ReferralRecord& record, Actor actor) {
  return testing::After(actor, record, Readers({"p-new"}));
}

constexpr absl::Duration kDay = absl::Hours(24);

TEST(Protection, ADraftThatNobodyTouchesComesToTheOfficers) {
  const ReferralRecord draft = InHand(QuietIn(kDraft), Actor::kReferring);
  EXPECT_FALSE(OfficersNameReaders(draft, v1::PARTY_REFERRING));
  EXPECT_FALSE(AfterClocks(draft, testing::Now() + kLeftAloneDraft).has_value()) << "the instant is in time";
  const auto left = AfterClocks(draft, testing::Now() + kLeftAloneDraft + absl::Seconds(1));
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->state(), kDraft);
  EXPECT_TRUE(OfficersNameReaders(*left, v1::PARTY_REFERRING));
  EXPECT_FALSE(OfficersNameReaders(*left, v1::PARTY_RECEIVING));
  EXPECT_FALSE(AfterClocks(*left, testing::Now() + 2 * kLeftAloneDraft).has_value()) << "once";
  const ReferralRecord taken =
      testing::After(Actor::kReferring, *left, Readers({"p-other"}), testing::Now() + kLeftAloneDraft + kDay);
  EXPECT_FALSE(OfficersNameReaders(taken, v1::PARTY_REFERRING)) << "it has a reader who is there";
  EXPECT_TRUE(AfterClocks(taken, testing::Now() + 3 * kLeftAloneDraft).has_value()) << "and so on";
  const ReferralRecord plain = testing::RecordIn(kDraft);
  EXPECT_FALSE(AfterClocks(plain, testing::Now() + 9 * kLeftAloneDraft).has_value()) << "others see it";
}

TEST(Protection, WhatHasEndedAndStillWantsSomebodyComesToTheOfficersOfThatSide) {
  const absl::Time late = testing::Now() + kLeftAloneEnd + kDay;
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    const Actor actor = party == v1::PARTY_REFERRING ? Actor::kReferring : Actor::kReceiving;
    const v1::Party other = party == v1::PARTY_REFERRING ? v1::PARTY_RECEIVING : v1::PARTY_REFERRING;
    const auto check = [&](const ReferralRecord& record, std::string_view what) {
      EXPECT_FALSE(OfficersNameReaders(record, party)) << what << ": its readers have time first";
      const auto left = AfterClocks(record, late);
      ASSERT_TRUE(left.has_value()) << what;
      EXPECT_TRUE(OfficersNameReaders(*left, party)) << what;
      EXPECT_FALSE(OfficersNameReaders(*left, other)) << what;
      const ReferralRecord taken = testing::After(actor, *left, Readers({"p-other"}), late);
      EXPECT_FALSE(OfficersNameReaders(taken, party)) << what;
    };
    const ReferralRecord held =
        testing::After(actor, testing::RecordIn(kCompleted), command::PlaceHold{"es/ley-1-2000/art-328", ""});
    check(InHand(Protected(held), actor), "hold");

    ReferralRecord asked = QuietIn(kCompleted);
    auto& mark = *asked.add_right_marks();
    mark.set_person(1);
    mark.set_kind(v1::RIGHT_KIND_ACCESS);
    mark.set_request(std::string(testing::kRightsRequest));
    mark.set_referring_asked(party == v1::PARTY_REFERRING);
    mark.set_receiving_asked(party == v1::PARTY_RECEIVING);
    check(InHand(asked, actor), "answer");

    ReferralRecord owed = QuietIn(kCompleted);
    owed.mutable_due()->set_clock(v1::CLOCK_FOLLOW_UP);
    owed.mutable_due()->set_party(party);
    *owed.mutable_due()->mutable_time() = api::ToTimestamp(testing::Now() + kDay);
    check(InHand(owed, actor), "next step");
    *owed.mutable_due()->mutable_time() = api::ToTimestamp(late + kDay);
    EXPECT_FALSE(AfterClocks(InHand(owed, actor), late).has_value()) << "not due yet";
  }
  const ReferralRecord quiet = InHand(QuietIn(kCompleted), Actor::kReferring);
  EXPECT_FALSE(AfterClocks(quiet, late + 1000 * kDay).has_value()) << "retention ends it by itself";
}

TEST(Protection, NobodySeesTheNameOfAReferralThatIsNotTheirsInTheWayItCame) {
  ReferralRecord record = ProtectedIn(kAccepted);
  for (const char* before : {"referrals/first", "referrals/second"}) {
    record.add_hops()->set_referral(before);
  }
  record.set_forwarded_from("referrals/second");
  const auto hops = [&](const policy::Caller& caller, Relation side) {
    const v1::Referral view =
        ToReferral(record, testing::As(caller, {side, Relation::kReader}), testing::Now());
    std::string text;
    for (const v1::Hop& hop : view.hops()) text += hop.referral() + ";";
    return text;
  };
  EXPECT_EQ(hops(testing::Referrer(), Relation::kReferring), ";referrals/second;");
  EXPECT_EQ(hops(testing::Receiver(), Relation::kReceiving), ";;");
}

TEST(Protection, WithinOneBodyWhoReadsOneSideReadsBoth) {
  ReferralRecord record = ProtectedIn(kAccepted);
  record = DecideAsSystem(record,
                          command::Succeed{{{.from = std::string(testing::kReferringBody),
                                             .to = std::string(testing::kReceivingBody)}}},
                          testing::Now())
               ->next;
  EXPECT_THAT(ReadersOf(record, v1::PARTY_REFERRING), ElementsAre("p-raul"));
  EXPECT_THAT(ReadersOf(record, v1::PARTY_RECEIVING), ElementsAre("p-raul"));
  const policy::Caller raul = Somebody(testing::kReceivingBody, {Role::kCaseworker}, "p-raul");
  EXPECT_EQ(RelationsOf(record, raul),
            (Relations{Relation::kReferring, Relation::kReceiving, Relation::kReader, Relation::kAssignee}));
  const policy::Caller supervisor = testing::CallerOf(testing::kReceivingBody, "p-raul");
  const policy::Authorized as = testing::As(supervisor, RelationsOf(record, raul));
  const auto named = Decide(record, Readers({"p-new"}), as, testing::Now());
  ASSERT_TRUE(named.ok()) << named.status();
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    EXPECT_THAT(ReadersOf(named->next, party), ElementsAre("p-new")) << "whoever left reads neither";
  }
}

TEST(Protection, ANewOneHasItsMakerAsReaderAndAtMostTen) {
  v1::Protection given;
  given.set_ground(v1::PROTECTION_GROUND_PERSECUTION);
  given.add_referring_readers("p-eva");
  given.add_referring_readers("p-ana");
  given.add_receiving_readers("p-raul");
  ReferralRecord next;
  ASSERT_TRUE(ProtectNew(given, "p-eva", testing::Now(), next).ok());
  EXPECT_TRUE(IsProtected(next));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva", "p-ana")) << "each once";
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-raul"));
  for (int i = 0; i < kMaxReaders; ++i) given.add_referring_readers(base::Cat("p-", i));
  EXPECT_EQ(ReasonOf(ProtectNew(given, "p-eva", testing::Now(), next)), "INVALID_FIELD");
}

TEST(Protection, ProtectingKeepsWhoeverHasTheCaseAndTakesItOffItsList) {
  ReferralRecord next = testing::RecordIn(kWaitlisted);
  next.mutable_receiving()->set_assignee("p-raul");
  next.mutable_waiting()->set_group_id("alpha");
  ASSERT_TRUE(ApplyReaders(Readers({"p-ana"}, v1::PROTECTION_GROUND_SHELTER), v1::PARTY_REFERRING, "p-eva",
                           testing::Now(), next)
                  .ok());
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva", "p-ana"));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-raul"));
  EXPECT_FALSE(next.has_waiting());
  EXPECT_EQ(next.coordinating_body(), "");
  EXPECT_EQ(next.protected_since_revision(), next.revision() + 1);
}

TEST(Protection, ReadersOfOneSideAreNamedByThatSide) {
  ReferralRecord next = ProtectedIn(kAcknowledged);
  next.mutable_receiving()->set_assignee("p-raul");
  ASSERT_TRUE(ApplyReaders(Readers({"p-new"}), v1::PARTY_RECEIVING, "p-raul", testing::Now(), next).ok());
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-new"));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva"));
  EXPECT_EQ(next.receiving().assignee(), "") << "who does not read it cannot have it";
  ASSERT_TRUE(ApplyReaders(Readers({}, v1::PROTECTION_GROUND_PERSECUTION), v1::PARTY_RECEIVING, "p-new",
                           testing::Now(), next)
                  .ok());
  EXPECT_EQ(next.protection().ground(), v1::PROTECTION_GROUND_PERSECUTION) << "corrected";
  EXPECT_THAT(ReadersOf(next, v1::PARTY_RECEIVING), ElementsAre("p-new"));
  command::Assign to_other = Readers({});
  to_other.assignee = "p-raul";
  EXPECT_EQ(ReasonOf(ApplyReaders(to_other, v1::PARTY_RECEIVING, "p-new", testing::Now(), next)),
            "INVALID_FIELD");
}

TEST(Protection, NobodyTakesItBack) {
  ReferralRecord next = ProtectedIn(kAcknowledged);
  ASSERT_TRUE(ApplyReaders(Readers({}), v1::PARTY_REFERRING, "p-eva", testing::Now(), next).ok());
  EXPECT_TRUE(IsProtected(next));
  EXPECT_THAT(ReadersOf(next, v1::PARTY_REFERRING), ElementsAre("p-eva")) << "never empty";
}

TEST(Protection, WhatIsLinkedOrEnrolledIsNotProtectedBelatedly) {
  const auto protect = [](ReferralRecord record) {
    return ReasonOf(ApplyReaders(Readers({}, v1::PROTECTION_GROUND_SHELTER), v1::PARTY_REFERRING, "p-eva",
                                 testing::Now(), record));
  };
  ReferralRecord record = testing::RecordIn(kAccepted);
  EXPECT_EQ(protect(record), "OK");
  record.set_forwarded_from("referrals/other");
  EXPECT_EQ(protect(record), "PROTECTED_IS_UNLINKED");
  record.clear_forwarded_from();
  record.set_forwarded_to("referrals/other");
  EXPECT_EQ(protect(record), "PROTECTED_IS_UNLINKED");
  record.clear_forwarded_to();
  record.set_hand_over_count(1);
  EXPECT_EQ(protect(record), "PROTECTED_IS_UNLINKED") << "who was asked to take it over has its name";
  record.clear_hand_over_count();
  record.set_part_of("referrals/other");
  EXPECT_EQ(protect(record), "PROTECTED_IS_UNLINKED");
  record.clear_part_of();
  record.add_places()->set_enrolment("enrolments/x");
  EXPECT_EQ(protect(record), "PROTECTED_HAS_NO_GROUP");
}

// Of what the other side linked it to, a side neither learns nor is held up by it.
TEST(Protection, LinksOfTheOtherSideGoWithoutAWord) {
  const auto protect = [](v1::Party party, ReferralRecord& record) {
    return ReasonOf(
        ApplyReaders(Readers({}, v1::PROTECTION_GROUND_SHELTER), party, "p-eva", testing::Now(), record));
  };
  for (const State state : {kRequested, kAccepted}) {
    ReferralRecord linked = testing::RecordIn(state);
    linked.set_part_of("referrals/other");
    linked.set_path("paths/other");
    linked.set_open_part_count(2);
    const bool receiver_holds = linked.case_holding_body() == testing::kReceivingBody;
    ReferralRecord record = linked;
    EXPECT_EQ(protect(v1::PARTY_REFERRING, record), "PROTECTED_IS_UNLINKED") << "it knows of what it is part";
    record = linked;
    EXPECT_EQ(protect(v1::PARTY_RECEIVING, record), receiver_holds ? "PROTECTED_IS_UNLINKED" : "OK");
    record = linked;
    record.clear_part_of();
    EXPECT_EQ(protect(v1::PARTY_REFERRING, record), receiver_holds ? "OK" : "PROTECTED_IS_UNLINKED");
    record = linked;
    if (receiver_holds) record.clear_open_part_count();
    ASSERT_EQ(protect(v1::PARTY_RECEIVING, record), "OK");
    EXPECT_EQ(record.part_of(), "");
    EXPECT_EQ(record.path(), "");
    EXPECT_EQ(record.open_part_count(), 0);
    // Within one body both sides know.
    record = linked;
    record.clear_open_part_count();
    record.mutable_receiving()->set_body(record.referring().body());
    EXPECT_EQ(protect(v1::PARTY_RECEIVING, record), "PROTECTED_IS_UNLINKED");
  }
}

TEST(Protection, WhatContinuesItIsProtectedForTheReadersOfWhoSendsItOn) {
  const ReferralRecord old = ProtectedIn(kAccepted);
  ReferralRecord linked;
  ASSERT_TRUE(ProtectLinked(old, v1::PARTY_RECEIVING, {"p-luz"}, testing::Now(), linked).ok());
  EXPECT_THAT(ReadersOf(linked, v1::PARTY_REFERRING), ElementsAre("p-raul"));
  EXPECT_THAT(ReadersOf(linked, v1::PARTY_RECEIVING), ElementsAre("p-luz"));
  EXPECT_EQ(linked.protection().ground(), v1::PROTECTION_GROUND_SHELTER);
  ReferralRecord ordinary;
  EXPECT_TRUE(
      ProtectLinked(testing::RecordIn(kAccepted), v1::PARTY_RECEIVING, {}, testing::Now(), ordinary).ok());
  EXPECT_FALSE(IsProtected(ordinary));
  EXPECT_EQ(ReasonOf(ProtectLinked(testing::RecordIn(kAccepted), v1::PARTY_RECEIVING, {"p-luz"},
                                   testing::Now(), ordinary)),
            "INVALID_FIELD");
}

TEST(Protection, ItHasNoPartiesAndNobodyCoordinatesIt) {
  EXPECT_THAT(PartiesOf(ProtectedIn(kRequested), ProtectedIn(kRequested)), IsEmpty());
  command::Submit submit;
  submit.created = std::make_shared<command::Create>(testing::CreateCommand());
  submit.coordinating_body = std::string(testing::kCoordinatingBody);
  v1::Protection& protection =
      *std::const_pointer_cast<command::Create>(submit.created)->referral.mutable_protection();
  protection.set_ground(v1::PROTECTION_GROUND_SHELTER);
  const auto decision = testing::DecideBy(Actor::kReferring, ReferralRecord(), submit);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_EQ(decision->next.coordinating_body(), "");
}

}  // namespace
}  // namespace waypost::referral
