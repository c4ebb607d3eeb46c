#include "services/referral/referral_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/abseil.h"
#include "common/status/errors.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

// The table of the domain once more, in its own words and independent of the machine: event, from, to, who.
// "=" is no change of state, "<" back to where it was. "any-open" and "any-end" stand for the
// states named here.
constexpr std::string_view kAnyOpen =
    "REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED OFFERED ACCEPTED IN_PROGRESS ON_HOLD CANCEL_REQUESTED";
constexpr std::string_view kAnyEnd = "DECLINED FORWARDED COMPLETED ENDED_WITHOUT_RESULT CANCELLED LAPSED";
constexpr std::string_view kDomain = R"(
CREATE              | NOTHING | DRAFT | referring
UPDATE              | DRAFT | = | referring
APPROVE             | DRAFT any-open COMPLETED ENDED_WITHOUT_RESULT CANCELLED LAPSED | = | referring
APPROVE             | any-open COMPLETED | = | receiving
SUBMIT              | NOTHING DRAFT | REQUESTED | referring
OPEN_LINKED         | NOTHING | REQUESTED | system
ACKNOWLEDGE         | REQUESTED | ACKNOWLEDGED | receiving
REQUEST_INFORMATION | REQUESTED ACKNOWLEDGED | NEEDS_INFO | receiving
PROVIDE_INFORMATION | NEEDS_INFO | < | referring
INFORMATION_LAPSE   | NEEDS_INFO | < | system
WAITLIST            | REQUESTED ACKNOWLEDGED | WAITLISTED | receiving
WAITLIST            | WAITLISTED | = | receiving
OFFER_PLACE         | WAITLISTED | OFFERED | receiving
TAKE_PLACE          | OFFERED | = | referring
STAY_ON_LIST        | OFFERED | WAITLISTED | referring
LEAVE_LIST          | OFFERED | CANCELLED | referring
OFFER_LAPSE         | OFFERED | WAITLISTED | system
ACCEPT              | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED OFFERED | ACCEPTED | receiving
DECLINE             | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED OFFERED ACCEPTED | DECLINED | receiving
PROPOSE_FORWARD     | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED | = | receiving
CONFIRM_FORWARD     | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED | FORWARDED | referring
FORWARD_BY_DUTY     | REQUESTED ACKNOWLEDGED NEEDS_INFO WAITLISTED | FORWARDED | receiving
HAND_OVER           | ACCEPTED IN_PROGRESS ON_HOLD | ON_HOLD | receiving
HAND_OVER_TAKEN     | ON_HOLD CANCEL_REQUESTED | FORWARDED | system
HAND_OVER_NOT_TAKEN | ON_HOLD | < | system
HAND_OVER_NOT_TAKEN | CANCEL_REQUESTED | = | system
HAND_OVER_MOVED     | ON_HOLD CANCEL_REQUESTED | = | system
START               | ACCEPTED | IN_PROGRESS | receiving
HOLD                | IN_PROGRESS | ON_HOLD | receiving
RESUME              | ON_HOLD | IN_PROGRESS | receiving
COMPLETE            | ACCEPTED IN_PROGRESS ON_HOLD CANCEL_REQUESTED | COMPLETED | receiving
END_WITHOUT_RESULT  | ACCEPTED IN_PROGRESS ON_HOLD CANCEL_REQUESTED | ENDED_WITHOUT_RESULT | receiving
CANCEL              | DRAFT REQUESTED WAITLISTED OFFERED | CANCELLED | referring
CANCEL              | ACKNOWLEDGED NEEDS_INFO ACCEPTED IN_PROGRESS ON_HOLD | CANCEL_REQUESTED | referring
CONFIRM_CANCEL      | CANCEL_REQUESTED | CANCELLED | receiving
REFUSE_CANCEL       | CANCEL_REQUESTED | < | receiving
REMINDER            | any-open | = | system
GIVE_BACK_TIME      | any-open | = | system
ESCALATE            | DRAFT any-open any-end | = | system
LAPSE               | REQUESTED ACKNOWLEDGED | LAPSED | system
REOPEN              | COMPLETED ENDED_WITHOUT_RESULT CANCELLED LAPSED | REQUESTED | referring
REOPEN              | COMPLETED | IN_PROGRESS | receiving
REPORT_MISDIRECTED  | any-open | CANCELLED | referring system
REPORT_MISDIRECTED  | any-end | = | system
REMIND              | any-open | = | coordinating
RULE                | any-open | FORWARDED | coordinating
CONFIRM_COMPETENCE  | any-open | = | coordinating
ASSUME              | any-open | FORWARDED | coordinating
SETTLE_FOLLOW_UP    | any-end | = | referring receiving
DETACH              | DRAFT any-open any-end | = | referring system
ASSIGN              | DRAFT | = | referring
ASSIGN              | any-open any-end | = | referring receiving
CLAIM               | DRAFT | = | referring
CLAIM               | any-open any-end | = | referring receiving
NOTE                | DRAFT DECLINED FORWARDED ENDED_WITHOUT_RESULT CANCELLED LAPSED | = | referring
NOTE                | any-open COMPLETED | = | referring receiving
VOID_ENTRY          | DRAFT any-open any-end | = | referring
VOID_ENTRY          | any-open any-end | = | receiving
VOID_OUTCOME        | COMPLETED ENDED_WITHOUT_RESULT | = | receiving
PROPOSE_DATE        | any-open | = | referring receiving
AGREE_DATE          | any-open | = | referring receiving
REFUSE_DATE         | any-open | = | referring receiving
RECORD_APPOINTMENT  | ACCEPTED IN_PROGRESS ON_HOLD | = | receiving
CHANGE_PRIORITY     | any-open | = | referring receiving
CANCEL              | DRAFT any-open | CANCELLED | system
WITHDRAW            | DRAFT any-open any-end | = | referring system
WITHDRAW            | any-open any-end | = | receiving
OBJECT              | DRAFT any-open any-end | = | referring system
OBJECT              | any-open any-end | = | receiving
RECTIFY             | DRAFT any-open any-end | = | referring system
RECTIFY             | any-open any-end | = | receiving
RESTRICT            | DRAFT any-open any-end | = | referring system
RESTRICT            | any-open any-end | = | receiving
ASK_ACCESS          | DRAFT any-open any-end | = | referring system
ASK_ACCESS          | any-open any-end | = | receiving
PLACE_LEGAL_HOLD    | DRAFT any-open any-end | = | referring
PLACE_LEGAL_HOLD    | any-open any-end | = | receiving
RELEASE_LEGAL_HOLD  | DRAFT any-open any-end | = | referring
RELEASE_LEGAL_HOLD  | any-open any-end | = | receiving
ANSWER_RIGHT        | DRAFT any-open any-end | = | referring
ANSWER_RIGHT        | any-open any-end | = | receiving
ERASE               | any-end | = | referring receiving
END_RETENTION       | any-end | = | system
SUCCEED             | DRAFT any-open any-end | = | system
PROGRAMME_ENDING    | any-open | = | system
PROGRAMME_GOES_ON   | any-open | = | system
)";

struct Row {
  std::string to;
};
// (state, event, actor) → row.
using Model = std::map<std::tuple<std::string, std::string, std::string>, Row>;

Model ReadDomain() {
  Model model;
  for (const absl::string_view line : absl::StrSplit(base::ToAbsl(kDomain), '\n', absl::SkipEmpty())) {
    std::vector<std::string> columns = absl::StrSplit(line, '|');
    for (std::string& column : columns) absl::StripAsciiWhitespace(&column);
    absl::StrReplaceAll({{"any-open", base::ToAbsl(kAnyOpen)}, {"any-end", base::ToAbsl(kAnyEnd)}},
                        &columns[1]);
    for (const std::string& from : std::vector<std::string>(absl::StrSplit(columns[1], ' '))) {
      for (const std::string& actor : std::vector<std::string>(absl::StrSplit(columns[3], ' '))) {
        const bool added = model.insert({{from, columns[0], actor}, {columns[2]}}).second;
        EXPECT_TRUE(added) << line;
      }
    }
  }
  return model;
}

const Row* Lookup(const Model& model, State state, Event event, Actor actor) {
  const auto found = model.find(
      {std::string(StateName(state)), std::string(EventName(event)), std::string(ActorName(actor))});
  return found == model.end() ? nullptr : &found->second;
}

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
  const Model model = ReadDomain();
  int rows = 0;
  ForEveryCombination([&](State state, Event event, Actor actor) {
    const Transition* found = Find(state, event, actor);
    const Row* expected = Lookup(model, state, event, actor);
    const std::string where = std::string(StateName(state)) + " " + std::string(EventName(event)) + " " +
                              std::string(ActorName(actor));
    ASSERT_EQ(found != nullptr, expected != nullptr) << where;
    if (expected == nullptr) return;
    ++rows;
    EXPECT_EQ(Show(found->target), expected->to) << where;
  });
  EXPECT_EQ(rows, static_cast<int>(model.size())) << "a row of the domain names what does not exist";
}

// The state that a record goes back to, by the field that remembers it.
State PriorOf(const ReferralRecord& record) {
  if (record.state() == kNeedsInfo) return record.state_before_question();
  if (record.state() == kOnHold) return record.state_before_hand_over();
  return record.state_before_cancel();
}

std::string ExpectedState(const Row& row, const ReferralRecord& record) {
  if (row.to == "=") return std::string(StateName(record.state()));
  if (row.to == "<") return std::string(StateName(PriorOf(record)));
  return row.to;
}

std::string AllowedByModel(const Model& model, State state, Actor actor) {
  std::string names;
  std::set<Event> seen;
  for (const Transition& row : Transitions()) {
    const Row* expected = Lookup(model, state, row.event, actor);
    if (expected == nullptr || !seen.insert(row.event).second) continue;
    names += (names.empty() ? "" : ", ") + std::string(EventName(row.event));
  }
  return names;
}

TEST(Rules, CarryOutTheDomainsTableAndNothingElse) {
  const Model model = ReadDomain();
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
    const Row* expected = Lookup(model, state, event, actor);
    if (expected == nullptr) {
      ASSERT_FALSE(decision.ok()) << where;
      EXPECT_EQ(error::ReasonOf(decision.status()), "INVALID_TRANSITION") << where;
      EXPECT_EQ(error::MetadataOf(decision.status(), "state"), StateName(state)) << where;
      EXPECT_EQ(error::MetadataOf(decision.status(), "event"), EventName(event)) << where;
      EXPECT_EQ(error::MetadataOf(decision.status(), "allowed"), AllowedByModel(model, state, actor))
          << where;
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
