#include "services/referral/referral_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_testing.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT: the referrals of this room
using policy::Relation;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr State kStates[] = {
    kDraft,     kRequested,          kAcknowledged, kNeedsInfo,       kWaitlisted, kOffered,
    kAccepted,  kInProgress,         kOnHold,       kCancelRequested, kDeclined,   kForwarded,
    kCompleted, kEndedWithoutResult, kCancelled,    kLapsed};

std::string Reason(const absl::Status& status) {
  return status.ok() ? "OK" : error::ReasonOf(status);
}
std::string Reason(const absl::StatusOr<Decision>& decision) {
  return Reason(decision.status());
}

// A new referral, not sent yet.
ReferralRecord NewPart() {
  ReferralRecord part = RecordIn(kDraft);
  part.set_name(std::string(kLinkedName));
  return part;
}

void Protect(ReferralRecord& record) {
  record.mutable_protection()->set_ground(v1::PROTECTION_GROUND_SHELTER);
}

// --- Making one ------------------------------------------------------------------------------------------

TEST(Parts, AreMadeByTheBodyThatHoldsTheCaseWhileItIsOpen) {
  for (const State state : kStates) {
    const ReferralRecord parent = RecordIn(state);
    const std::string& holder = parent.case_holding_body();
    EXPECT_EQ(holder, state == kAccepted || state == kInProgress || state == kOnHold ||
                              state == kCancelRequested || state == kCompleted
                          ? kReceivingBody
                          : kReferringBody)
        << StateName(state);
    for (const std::string_view body : {kReferringBody, kReceivingBody, kCoordinatingBody, kThirdBody}) {
      const std::string expected = IsEnd(state) ? "PARENT_ENDED" : body == holder ? "OK" : "PARENT_NOT_HELD";
      EXPECT_EQ(Reason(CheckPart({.parent = parent}, NewPart(), body)), expected)
          << StateName(state) << " " << body;
    }
  }
}

TEST(Parts, OfWhatIsProtectedThereAreNoneAndNoneIs) {
  const ReferralRecord parent = RecordIn(kRequested);
  ReferralRecord protected_parent = parent;
  Protect(protected_parent);
  ReferralRecord protected_part = NewPart();
  Protect(protected_part);
  EXPECT_EQ(Reason(CheckPart({.parent = protected_parent}, NewPart(), kReferringBody)),
            "PROTECTED_IS_UNLINKED");
  EXPECT_EQ(Reason(CheckPart({.parent = parent}, protected_part, kReferringBody)), "PROTECTED_IS_UNLINKED");
  // Nor is it said of an ended one that it has ended.
  protected_parent.set_state(kCancelled);
  EXPECT_EQ(Reason(CheckPart({.parent = protected_parent}, NewPart(), kReferringBody)),
            "PROTECTED_IS_UNLINKED");
}

TEST(Parts, HaveNoPartsOfTheBodyThatMadeThem) {
  ReferralRecord parent = RecordIn(kRequested);
  parent.set_part_of(std::string(kParentName));
  const absl::Status refused = CheckPart({.parent = parent}, NewPart(), kReferringBody);
  EXPECT_EQ(Reason(refused), "PARTS_ONE_LEVEL");
  EXPECT_THAT(std::string(base::ToStd(refused.message())), HasSubstr("is a part"));
  EXPECT_EQ(
      Reason(CheckPart({.parent = RecordIn(kRequested), .parts_of_part = 1}, NewPart(), kReferringBody)),
      "PARTS_ONE_LEVEL");
  // Its receiving body does not know that it is one: a refusal would tell.
  parent = RecordIn(kAccepted);
  parent.set_part_of(std::string(kParentName));
  EXPECT_EQ(Reason(CheckPart({.parent = parent}, NewPart(), kReceivingBody)), "OK");
}

TEST(Parts, AreFiftyAtMostAndNoneIsAPartOfItself) {
  const ReferralRecord parent = RecordIn(kRequested);
  EXPECT_EQ(Reason(CheckPart({.parent = parent, .linked = kMaxParts - 1}, NewPart(), kReferringBody)), "OK");
  EXPECT_EQ(Reason(CheckPart({.parent = parent, .linked = kMaxParts}, NewPart(), kReferringBody)),
            "LIMIT_EXCEEDED");
  EXPECT_EQ(Reason(CheckPart({.parent = parent, .linked = kMaxParts, .is_new_link = false}, NewPart(),
                             kReferringBody)),
            "OK")
      << "a draft that is one of them is sent";
  EXPECT_EQ(Reason(CheckPart({.parent = parent}, parent, kReferringBody)), "INVALID_FIELD");
}

TEST(Parts, SayOnlyOfPeopleOfBothThatTheyAreTheSame) {
  const ReferralRecord parent = RecordIn(kRequested);
  ReferralRecord part = NewPart();
  const auto check = [&] { return Reason(CheckPart({.parent = parent}, part, kReferringBody)); };
  part.add_case_persons(1);
  EXPECT_EQ(check(), "OK");
  part.add_case_persons(1);
  EXPECT_EQ(check(), "INVALID_FIELD") << "twice";
  part.set_case_persons(1, 2);
  EXPECT_EQ(check(), "INVALID_FIELD") << "in neither";
  *part.add_persons() = part.persons(0);
  part.mutable_persons(1)->set_number(2);
  EXPECT_EQ(check(), "INVALID_FIELD") << "not in the case";
  part.clear_case_persons();
  EXPECT_EQ(check(), "OK") << "nobody has to say it";
}

TEST(Parts, AreNamedWithADraftAndByMask) {
  command::Create create = CreateCommand();
  create.referral.set_part_of(std::string(kParentName));
  const ReferralRecord draft = After(Actor::kReferring, ReferralRecord(), create);
  EXPECT_EQ(draft.part_of(), kParentName);
  EXPECT_EQ(draft.open_part_count(), 0);
  v1::Referral input;
  input.set_part_of("referrals/01jd0000000000000000000005");
  EXPECT_EQ(After(Actor::kReferring, draft, command::Update{input, {}, {"theme"}}).part_of(), kParentName)
      << "the mask does not name it";
  EXPECT_EQ(After(Actor::kReferring, draft, command::Update{input, {}, {"part_of"}}).part_of(),
            input.part_of());
  EXPECT_EQ(After(Actor::kReferring, draft, command::Update{{}, {}, {"part_of"}}).part_of(), "");
  v1::Referral same;
  same.set_part_of(std::string(kParentName));
  same.add_case_persons(1);
  const ReferralRecord said = After(Actor::kReferring, draft, command::Update{same, {}, {"case_persons"}});
  EXPECT_THAT(said.case_persons(), ElementsAre(1));
  EXPECT_THAT(After(Actor::kReferring, said, command::Update{same, {}, {"part_of"}}).case_persons(),
              ElementsAre(1));
  EXPECT_THAT(After(Actor::kReferring, said, command::Update{input, {}, {"part_of"}}).case_persons(),
              IsEmpty())
      << "of another case it has to be said anew";
  EXPECT_EQ(After(Actor::kReferring, draft, CommandFor(Event::kSubmit)).part_of(), kParentName);
}

// --- Waiting for them ------------------------------------------------------------------------------------

TEST(OpenParts, KeepTheReceivingBodyFromCompletingAndNobodyFromAnythingElse) {
  for (const State state : kStates) {
    for (int i = 0; i < kEventCount; ++i) {
      const Event event = static_cast<Event>(i);
      for (const Actor actor : {Actor::kReferring, Actor::kReceiving, Actor::kCoordinating, Actor::kSystem}) {
        const Transition* row = Find(state, event, actor);
        if (row == nullptr || !HasCommand(event)) continue;
        ReferralRecord record = RecordReadyFor(state, event, actor);
        const auto without = DecideBy(actor, record, CommandFor(event, actor));
        record.set_open_part_count(2);
        const auto with = DecideBy(actor, record, CommandFor(event, actor));
        const bool waits = event == Event::kComplete || event == Event::kEndWithoutResult;
        EXPECT_EQ(Reason(with), waits && without.ok() ? "PARTS_OPEN" : Reason(without))
            << StateName(state) << " " << EventName(event);
      }
    }
  }
}

TEST(OpenParts, AreNotAllowedToBeForgottenInTheListOfActions) {
  ReferralRecord record = RecordIn(kInProgress);
  const auto as = As(Receiver(), {Relation::kReceiving});
  EXPECT_THAT(AllowedActions(record, as, Now()), Contains("COMPLETE"));
  record.set_open_part_count(1);
  EXPECT_THAT(AllowedActions(record, as, Now()), Not(Contains("COMPLETE")));
  EXPECT_THAT(AllowedActions(record, as, Now()), Not(Contains("END_WITHOUT_RESULT")));
  const auto referrer = As(Referrer(), {Relation::kReferring});
  EXPECT_THAT(AllowedActions(record, referrer, Now()), Contains("CANCEL")) << "with what becomes of them";
  EXPECT_THAT(AllowedActions(record, referrer, Now()), Not(Contains("DETACH")));
  record.set_part_of(std::string(kParentName));
  EXPECT_THAT(AllowedActions(record, referrer, Now()), Contains("DETACH"));
  EXPECT_THAT(AllowedActions(record, as, Now()), Not(Contains("DETACH")));
}

// --- Detaching, going on ---------------------------------------------------------------------------------

TEST(Parts, AreDetachedInAnyStateAndNothingElseChanges) {
  for (const State state : kStates) {
    ReferralRecord record = RecordIn(state);
    EXPECT_EQ(Reason(DecideBy(Actor::kReferring, record, command::Detach{})), "NOT_A_PART");
    record.set_part_of(std::string(kParentName));
    EXPECT_EQ(Reason(DecideBy(Actor::kReceiving, record, command::Detach{})), "INVALID_TRANSITION");
    EXPECT_EQ(Reason(DecideBy(Actor::kCoordinating, record, command::Detach{})), "INVALID_TRANSITION");
    for (const Actor actor : {Actor::kReferring, Actor::kSystem}) {
      ReferralRecord after = After(actor, record, command::Detach{});
      EXPECT_EQ(after.part_of(), "");
      EXPECT_EQ(after.revision(), record.revision() + 1);
      EXPECT_EQ(after.state(), record.state());
      EXPECT_EQ(after.due().SerializeAsString(), record.due().SerializeAsString());
      EXPECT_EQ(after.wake(), record.wake());
    }
  }
}

TEST(Parts, GoOnInWhatTheyAreForwardedTo) {
  for (const auto& [event, actor] :
       {std::pair(Event::kConfirmForward, Actor::kReferring),
        std::pair(Event::kForwardByDuty, Actor::kReceiving), std::pair(Event::kRule, Actor::kCoordinating),
        std::pair(Event::kAssume, Actor::kCoordinating)}) {
    ReferralRecord record = RecordReadyFor(kAcknowledged, event, actor);
    record.set_part_of(std::string(kParentName));
    record.add_case_persons(1);
    const auto decision = DecideBy(actor, record, CommandFor(event, actor));
    ASSERT_TRUE(decision.ok()) << EventName(event) << decision.status();
    EXPECT_EQ(decision->linked->part_of(), kParentName);
    EXPECT_EQ(decision->linked->referring().body(), kReferringBody) << "who knows of it";
    EXPECT_EQ(decision->next.part_of(), "") << "one of the two is the part";
    EXPECT_THAT(decision->linked->case_persons(), ElementsAre(1));
    EXPECT_THAT(decision->next.case_persons(), IsEmpty());
  }
}

TEST(Parts, AreNotToldToWhomACaseIsHandedOver) {
  ReferralRecord record = RecordIn(kInProgress);
  record.set_part_of(std::string(kParentName));
  record.add_case_persons(1);
  const auto asked = DecideBy(Actor::kReceiving, record, command::HandOver{ToThird()});
  ASSERT_TRUE(asked.ok());
  EXPECT_THAT(asked->linked->case_persons(), IsEmpty());
  EXPECT_THAT(asked->next.case_persons(), ElementsAre(1));
  EXPECT_EQ(asked->linked->part_of(), "") << "its referring body is the one that must not know";
  EXPECT_EQ(asked->next.part_of(), kParentName);
  const ReferralRecord taken =
      After(Actor::kSystem, asked->next, command::HandOverTaken{std::string(kThirdBody)});
  EXPECT_EQ(taken.part_of(), kParentName) << "it goes on as long as what continues it";
}

TEST(Parts, OpenAndEndWhereverTheCaseIs) {
  ReferralRecord before;
  ReferralRecord next;
  for (const State from : kStates) {
    for (const State to : kStates) {
      before.set_state(from);
      next.set_state(to);
      EXPECT_EQ(OpensOrEnds(before, next), IsOpen(from) != IsOpen(to) && to != kForwarded)
          << StateName(from) << " " << StateName(to);
      before.set_state(kNothing);
      EXPECT_FALSE(OpensOrEnds(before, next)) << "what it continues is open, too";
    }
  }
}

// --- Cancelling what has parts ---------------------------------------------------------------------------

v1::PartDecision About(std::string_view name,
                       v1::PartDecision::Action action = v1::PartDecision::ACTION_DETACH) {
  v1::PartDecision decision;
  decision.set_referral(std::string(name));
  decision.set_action(action);
  return decision;
}

TEST(PartDecisions, EachOpenPartNeedsOneAndADraftMayHaveOne) {
  const PartAtHand open{.name = "referrals/a", .state = kRequested, .open = true};
  const PartAtHand draft{.name = "referrals/b", .state = kDraft, .open = false};
  const PartAtHand ended{.name = "referrals/c", .state = kCompleted, .open = false};
  const PartAtHand handed_over{.name = "referrals/d", .state = kForwarded, .open = true};
  const std::vector<PartAtHand> parts = {open, draft, ended, handed_over};
  for (int chosen = 0; chosen < 16; ++chosen) {
    std::vector<v1::PartDecision> decisions;
    for (int i = 0; i < 4; ++i) {
      if ((chosen & (1 << i)) != 0) decisions.push_back(About(parts[static_cast<size_t>(i)].name));
    }
    const bool all = (chosen & 1) != 0 && (chosen & 8) != 0;
    const std::string expected = (chosen & 4) != 0 ? "INVALID_FIELD" : all ? "OK" : "PARTS_OPEN";
    EXPECT_EQ(Reason(CheckPartDecisions(kName, decisions, parts)), expected) << chosen;
  }
  EXPECT_EQ(Reason(CheckPartDecisions(kName, {}, {})), "OK");
  EXPECT_EQ(Reason(CheckPartDecisions(kName, {}, {draft, ended})), "OK");
  EXPECT_EQ(Reason(CheckPartDecisions(kName, {About("referrals/z")}, parts)), "INVALID_FIELD");
  const absl::Status refused = CheckPartDecisions(kName, {About("referrals/a")}, parts);
  EXPECT_EQ(error::MetadataOf(refused, "count"), "1");
  EXPECT_EQ(error::MetadataOf(refused, "first"), "referrals/d");
}

TEST(PartDecisions, ComeWithTheCallersDecisionAndNotWithTheSystems) {
  const command::Cancel cancel{v1::CANCEL_REASON_NEED_MET, {About("referrals/a")}};
  const auto decision = DecideBy(Actor::kReferring, RecordIn(kRequested), cancel);
  ASSERT_TRUE(decision.ok());
  EXPECT_THAT(decision->parts, SizeIs(1));
  const auto by_system =
      DecideBy(Actor::kSystem, RecordIn(kRequested), command::Cancel{v1::CANCEL_REASON_PERSON_WITHDREW});
  EXPECT_THAT(by_system->parts, IsEmpty());
}

// --- Who sees what ---------------------------------------------------------------------------------------

TEST(Parts, AreShownToTheirReferringBodyAndCountedForWhoHoldsTheCase) {
  for (const State state : kStates) {
    ReferralRecord record = RecordIn(state);
    record.set_part_of(std::string(kParentName));
    record.add_case_persons(1);
    record.set_open_part_count(3);
    const bool held_there = record.case_holding_body() == kReceivingBody;
    const v1::Referral referring = ToReferral(record, As(Referrer(), {Relation::kReferring}), Now());
    EXPECT_EQ(referring.part_of(), kParentName) << StateName(state);
    EXPECT_THAT(referring.case_persons(), ElementsAre(1));
    EXPECT_EQ(referring.open_part_count(), held_there ? 0 : 3);
    const v1::Referral receiving = ToReferral(record, As(Receiver(), {Relation::kReceiving}), Now());
    EXPECT_EQ(receiving.part_of(), "");
    EXPECT_THAT(receiving.case_persons(), IsEmpty());
    EXPECT_EQ(receiving.open_part_count(), held_there ? 3 : 0);
    const v1::Referral coordinating = ToReferral(record, As(Coordinator(), {Relation::kCoordinating}), Now());
    EXPECT_EQ(coordinating.part_of(), "");
    EXPECT_THAT(coordinating.case_persons(), IsEmpty());
    EXPECT_EQ(coordinating.open_part_count(), 0);
  }
}

TEST(Parts, ThatAreDetachedAreAnEventForTheirReferringBodyAlone) {
  ReferralRecord record = RecordIn(kAccepted);
  record.set_part_of(std::string(kParentName));
  const auto decision = DecideBy(Actor::kReferring, record, command::Detach{});
  ASSERT_TRUE(decision.ok());
  EXPECT_THAT(PartiesOf(record, *decision), ElementsAre(std::string(kReferringBody)));
  storage::v1::HistoryRecord entry;
  entry.set_event(std::string(EventName(Event::kDetach)));
  EXPECT_TRUE(MayKnow(entry, As(Referrer(), {Relation::kReferring})));
  EXPECT_FALSE(MayKnow(entry, As(Receiver(), {Relation::kReceiving})));
  EXPECT_FALSE(MayKnow(entry, As(Coordinator(), {Relation::kCoordinating})));
  entry.set_event(std::string(EventName(Event::kAccept)));
  EXPECT_TRUE(MayKnow(entry, As(Receiver(), {Relation::kReceiving})));
}

TEST(Parts, AreLinksThatKeepAReferralFromBeingProtectedBelatedly) {
  const command::Assign protect{.unit = "", .assignee = "", .protection = v1::PROTECTION_GROUND_SHELTER};
  ReferralRecord record = RecordIn(kRequested);
  EXPECT_EQ(Reason(DecideBy(Actor::kReferring, record, protect)), "OK");
  record.set_part_of(std::string(kParentName));
  EXPECT_EQ(Reason(DecideBy(Actor::kReferring, record, protect)), "PROTECTED_IS_UNLINKED");
  record.clear_part_of();
  record.set_open_part_count(1);
  EXPECT_EQ(Reason(DecideBy(Actor::kReferring, record, protect)), "PROTECTED_IS_UNLINKED");
}

TEST(Parts, StayThatWhenABodyIsSucceeded) {
  ReferralRecord record = RecordIn(kAccepted);
  record.set_part_of(std::string(kParentName));
  EXPECT_EQ(After(Actor::kSystem, record, CommandFor(Event::kSucceed)).part_of(), kParentName);
}

}  // namespace
}  // namespace waypost::referral
