#include "services/referral/referral_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/status/errors.h"
#include "services/referral/referral_domain_testing.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using testing::InDomain;

std::string Show(const Target& target) {
  if (target == kSame) return "=";
  if (target == kPrior) return "<";
  return std::string(StateName(target.state));
}

template <typename Body>
void ForEveryCombination(Body body) {
  for (int state = 0; state < kStateCount; ++state) {
    for (int event = 0; event < kEventCount; ++event) {
      for (int actor = 0; actor < kActorCount; ++actor) {
        body(static_cast<State>(state), static_cast<Event>(event), static_cast<Actor>(actor));
      }
    }
  }
}

TEST(Machine, IsTheDomainsTable) {
  int rows = 0;
  ForEveryCombination([&](State state, Event event, Actor actor) {
    const Transition* found = Find(state, event, actor);
    const std::string* expected = InDomain(state, event, actor);
    const std::string where = std::string(StateName(state)) + " " + std::string(EventName(event)) + " " +
                              std::string(ActorName(actor));
    ASSERT_EQ(found != nullptr, expected != nullptr) << where;
    if (expected == nullptr) return;
    ++rows;
    EXPECT_EQ(Show(found->target), *expected) << where;
  });
  EXPECT_EQ(rows, static_cast<int>(testing::TheDomain().size()))
      << "a row of the domain names what does not exist";
}

// The state that a record goes back to, by the field that remembers it.
State PriorOf(const ReferralRecord& record) {
  if (record.state() == kNeedsInfo) return record.state_before_question();
  if (record.state() == kOnHold) return record.state_before_hand_over();
  return record.state_before_cancel();
}

std::string ExpectedState(const std::string& to, const ReferralRecord& record) {
  if (to == "=") return std::string(StateName(record.state()));
  if (to == "<") return std::string(StateName(PriorOf(record)));
  return to;
}

std::string AllowedByModel(State state, Actor actor) {
  std::string names;
  std::set<Event> seen;
  for (const Transition& row : Transitions()) {
    const std::string* expected = InDomain(state, row.event, actor);
    if (expected == nullptr || !seen.insert(row.event).second) continue;
    names += (names.empty() ? "" : ", ") + std::string(EventName(row.event));
  }
  return names;
}

TEST(Rules, CarryOutTheDomainsTableAndNothingElse) {
  ForEveryCombination([&](State state, Event event, Actor actor) {
    if (!testing::HasCommand(event)) return;
    const std::string where = std::string(StateName(state)) + " " + std::string(EventName(event)) + " " +
                              std::string(ActorName(actor));
    const ReferralRecord record = testing::RecordReadyFor(state, event, actor);
    Command command = testing::CommandFor(event, actor);
    if (state == kNothing && event == Event::kSubmit) {
      std::get<command::Submit>(command).created =
          std::make_shared<const command::Create>(testing::CreateCommand());
    }
    const auto decision = testing::DecideBy(actor, record, command);
    const std::string* expected = InDomain(state, event, actor);
    if (expected == nullptr) {
      ASSERT_FALSE(decision.ok()) << where;
      EXPECT_EQ(error::ReasonOf(decision.status()), "INVALID_TRANSITION") << where;
      EXPECT_EQ(error::MetadataOf(decision.status(), "state"), StateName(state)) << where;
      EXPECT_EQ(error::MetadataOf(decision.status(), "event"), EventName(event)) << where;
      EXPECT_EQ(error::MetadataOf(decision.status(), "allowed"), AllowedByModel(state, actor)) << where;
      return;
    }
    ASSERT_TRUE(decision.ok()) << where << ": " << decision.status();
    EXPECT_EQ(StateName(decision->next.state()), ExpectedState(*expected, record)) << where;
    EXPECT_EQ(decision->event, event) << where;
    EXPECT_EQ(decision->next.revision(), record.revision() + 1) << where;
  });
}

TEST(Machine, EveryNameIsItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < kEventCount; ++i) {
    const Event event = static_cast<Event>(i);
    EXPECT_TRUE(names.insert(EventName(event)).second) << EventName(event);
    EXPECT_TRUE(names.insert(EventType(event)).second) << EventType(event);
    EXPECT_EQ(EventType(event).substr(0, 9), "referral.");
    EXPECT_EQ(EventFromName(EventName(event)), event);
  }
  EXPECT_EQ(EventFromName("ACCEPTED"), std::nullopt);
}

TEST(Machine, StatesHaveTheirProtoNames) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    EXPECT_EQ(v1::ReferralState_Name(state), "REFERRAL_STATE_" + std::string(StateName(state)));
  }
  EXPECT_EQ(static_cast<int>(v1::ReferralState_MAX) + 1, kStateCount);
}

TEST(Machine, EveryStateIsADraftOpenOrAnEnd) {
  for (int i = 1; i < kStateCount; ++i) {
    const State state = static_cast<State>(i);
    EXPECT_EQ((state == kDraft) + IsOpen(state) + IsEnd(state), 1) << StateName(state);
  }
  EXPECT_FALSE(IsOpen(kNothing) || IsEnd(kNothing));
}

TEST(Machine, ARelationIsAnActor) {
  using policy::Relation;
  EXPECT_TRUE(ActorsOf({}).empty());
  EXPECT_TRUE(ActorsOf({Relation::kUnitMember, Relation::kAssignee, Relation::kOwnBody}).empty());
  EXPECT_EQ(ActorsOf({Relation::kReferring, Relation::kCoordinating}),
            (Actors{Actor::kReferring, Actor::kCoordinating}));
  EXPECT_EQ(ActorsOf({Relation::kReceiving}), Actors{Actor::kReceiving});
}

TEST(Machine, EveryGuardHasItsWords) {
  for (int i = 1; i < kGuardCount; ++i) EXPECT_FALSE(GuardText(static_cast<Guard>(i)).empty()) << i;
  EXPECT_EQ(GuardText(Guard::kNone), "");
}

}  // namespace
}  // namespace waypost::referral
