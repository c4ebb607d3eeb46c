#include "services/referral/statistics_counting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "services/referral/referral_rules.h"
#include "services/referral/referral_testing.h"

namespace waypost::referral {
namespace {

using testing::DecideBy;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::RecordIn;

std::string NameOf(const storage::v1::Counted& counted) {
  std::string name = v1::StatisticsMeasure_Name(counted.measure()).substr(sizeof("STATISTICS_MEASURE"));
  if (counted.detail() != 0) name += base::Cat(" ", counted.detail());
  return counted.count() == 1 ? name : base::Cat(name, " x", counted.count());
}

std::vector<std::string> NamesOf(const std::vector<storage::v1::Counted>& counted) {
  std::vector<std::string> names;
  for (const auto& count : counted) names.push_back(NameOf(count));
  return names;
}

std::vector<std::string> CountsOf(Actor actor, const ReferralRecord& record, const Command& command,
                                  absl::Time now = testing::Now()) {
  const auto decision = DecideBy(actor, record, command, now);
  return decision.ok() ? NamesOf(decision->counted)
                       : std::vector<std::string>{std::string(base::ToStd(decision.status().ToString()))};
}

absl::Time DueOf(const ReferralRecord& record) {
  return api::FromTimestamp(record.due().time());
}

TEST(StatisticsCounting, ADueInstantIsStillInTime) {
  const ReferralRecord requested = RecordIn(kRequested);
  const Command acknowledge = testing::CommandFor(Event::kAcknowledge);
  EXPECT_THAT(CountsOf(Actor::kReceiving, requested, acknowledge, DueOf(requested)),
              ElementsAre("ACKNOWLEDGED_IN_TIME"));
  EXPECT_THAT(CountsOf(Actor::kReceiving, requested, acknowledge, DueOf(requested) + absl::Seconds(1)),
              ElementsAre("ACKNOWLEDGED_LATE"));
  const ReferralRecord accepted = RecordIn(kAccepted);
  const Command start = testing::CommandFor(Event::kStart);
  EXPECT_THAT(CountsOf(Actor::kReceiving, accepted, start, DueOf(accepted)), ElementsAre("STARTED_IN_TIME"));
  EXPECT_THAT(CountsOf(Actor::kReceiving, accepted, start, DueOf(accepted) + absl::Seconds(1)),
              ElementsAre("STARTED_LATE"));
}

// Time in which nobody could answer is nobody's, whether the clocks have looked at the referral by then or
// not.
TEST(StatisticsCounting, DowntimeDoesNotMakeAnAnswerLate) {
  const auto answered = [](const ReferralRecord& record, Event event, absl::Time now,
                           std::vector<Outage> outages) {
    const Moment at(now, ClockTable::Standard(), {}, std::nullopt, std::move(outages));
    const auto decision = Decide(record, testing::CommandFor(event),
                                 testing::As(testing::Receiver(), {policy::Relation::kReceiving}), at);
    return decision.ok() ? NamesOf(decision->counted) : std::vector<std::string>{"refused"};
  };
  const ReferralRecord requested = RecordIn(kRequested);
  const absl::Time due = DueOf(requested);
  const Outage outage{due - absl::Hours(2), due + absl::Hours(10)};
  EXPECT_THAT(answered(requested, Event::kAcknowledge, due + absl::Hours(12), {outage}),
              ElementsAre("ACKNOWLEDGED_IN_TIME"));
  EXPECT_THAT(answered(requested, Event::kAcknowledge, due + absl::Hours(12) + absl::Seconds(1), {outage}),
              ElementsAre("ACKNOWLEDGED_LATE"));
  EXPECT_THAT(answered(requested, Event::kAcknowledge, due + absl::Hours(12),
                       {{due + absl::Hours(1), due + absl::Hours(11)}}),
              ElementsAre("ACKNOWLEDGED_LATE"))
      << "it had run out before";
  ReferralRecord given_back = requested;
  *given_back.mutable_downtime_counted_until() = api::ToTimestamp(outage.end);
  EXPECT_THAT(answered(given_back, Event::kAcknowledge, due + absl::Hours(12), {outage}),
              ElementsAre("ACKNOWLEDGED_LATE"));
  EXPECT_THAT(answered(RecordIn(kAccepted), Event::kStart, DueOf(RecordIn(kAccepted)) + absl::Hours(1),
                       {{DueOf(RecordIn(kAccepted)) - absl::Hours(1), DueOf(RecordIn(kAccepted))}}),
              ElementsAre("STARTED_IN_TIME"));
}

// A clock that rests, or is set aside, is judged as it was then.
TEST(StatisticsCounting, DowntimeOfAClockThatIsSetAsideIsItsOwn) {
  ReferralRecord asked = RecordIn(kAcknowledged);
  const absl::Time due = DueOf(asked);
  const Outage outage{due - absl::Hours(30), due - absl::Hours(10)};
  // A question that came too late by the clock, and in time without the downtime.
  asked = testing::After(Actor::kReceiving, asked, testing::CommandFor(Event::kRequestInformation),
                         due + absl::Hours(5));
  ASSERT_EQ(asked.state(), kNeedsInfo);
  const auto accepted = [&](std::vector<Outage> outages) {
    const Moment at(due + absl::Hours(6), ClockTable::Standard(), {}, std::nullopt, std::move(outages));
    const auto decision = Decide(asked, testing::CommandFor(Event::kAccept),
                                 testing::As(testing::Receiver(), {policy::Relation::kReceiving}), at);
    return decision.ok() ? NamesOf(decision->counted) : std::vector<std::string>{"refused"};
  };
  EXPECT_THAT(accepted({}), ElementsAre("DECIDED_LATE"));
  EXPECT_THAT(accepted({outage}), ElementsAre("DECIDED_IN_TIME"));
}

TEST(StatisticsCounting, AnAnswerThatDecidesIsBoth) {
  const ReferralRecord requested = RecordIn(kRequested);
  EXPECT_THAT(CountsOf(Actor::kReceiving, requested, testing::CommandFor(Event::kAccept)),
              ElementsAre("ACKNOWLEDGED_IN_TIME", "DECIDED_IN_TIME"));
  EXPECT_THAT(CountsOf(Actor::kReceiving, requested, testing::CommandFor(Event::kDecline),
                       absl::FromUnixSeconds(4e9)),
              ElementsAre("ACKNOWLEDGED_LATE", "DECIDED_LATE", ::testing::StartsWith("ENDED 11")));
}

TEST(StatisticsCounting, SilenceIsOfTwoKinds) {
  const ReferralRecord requested = RecordIn(kRequested);
  EXPECT_THAT(CountsOf(Actor::kSystem, requested, command::Escalate{}, DueOf(requested) + absl::Seconds(1)),
              ElementsAre("NO_FEEDBACK"));
  const ReferralRecord acknowledged = RecordIn(kAcknowledged);
  EXPECT_THAT(
      CountsOf(Actor::kSystem, acknowledged, command::Escalate{}, DueOf(acknowledged) + absl::Seconds(1)),
      ElementsAre("ACKNOWLEDGED_ONLY"));
  // A question that the referring body leaves unanswered is nobody's silence but its own.
  const ReferralRecord asked = RecordIn(kNeedsInfo);
  EXPECT_THAT(CountsOf(Actor::kSystem, asked, command::Escalate{}, DueOf(asked) + absl::Seconds(1)),
              IsEmpty());
}

// What happened, in the order of the history, with what was due before it.
struct Happened {
  Event event;
  State before;
  State after;
  absl::Time time;
  absl::Time in_time_until;  // infinite: nothing was owed by the receiving body
  v1::Clock clock = v1::CLOCK_UNSPECIFIED;
  std::string reason;
  std::map<int, int> outcomes;
  std::map<int, int> outcomes_before;
  bool moved;  // to another body
};

Happened HappenedOf(const ReferralRecord& before, const Decision& decision) {
  const ReferralRecord& next = decision.next;
  Happened happened{.event = decision.event,
                    .before = before.state(),
                    .after = next.state(),
                    .time = api::FromTimestamp(next.update_time()),
                    .in_time_until = absl::InfiniteFuture(),
                    .reason = "",
                    .outcomes = {},
                    .outcomes_before = {},
                    .moved = before.receiving().body() != next.receiving().body()};
  v1::Due due = before.due();
  if (before.state() == kCancelRequested) due = before.due_before_cancel();
  if (before.state() == kNeedsInfo) {
    due = before.paused_due();
    happened.time = api::FromTimestamp(before.pause_time());
  }
  if (due.clock() >= v1::CLOCK_ACKNOWLEDGE && due.clock() <= v1::CLOCK_START) {
    happened.in_time_until = api::FromTimestamp(due.time());
  }
  happened.clock = before.due().clock();
  if (next.state() == kDeclined) happened.reason = v1::DeclineReason_Name(next.decline().reason());
  if (next.state() == kCancelled) happened.reason = v1::CancelReason_Name(next.cancel_reason());
  for (const v1::Person& person : next.persons()) ++happened.outcomes[person.outcome().kind()];
  for (const v1::Person& person : before.persons()) ++happened.outcomes_before[person.outcome().kind()];
  return happened;
}

// What an outcome that was voided takes back, and the right one adds.
void PutRight(const Happened& it, std::map<std::string, int64_t>& figures) {
  for (const auto& [kind, people] : it.outcomes_before) {
    figures[base::Cat("OUTCOME ", kind)] -= people;
    --figures[base::Cat("REFERRALS OF OUTCOME ", kind)];
  }
  for (const auto& [kind, people] : it.outcomes) {
    figures[base::Cat("OUTCOME ", kind)] += people;
    ++figures[base::Cat("REFERRALS OF OUTCOME ", kind)];
  }
}

absl::CivilMonth MonthOf(absl::Time time) {
  return absl::ToCivilMonth(time, absl::UTCTimeZone());
}

// The figures of one referral, worked out anew from all that happened to it: another program than the one
// under test.
std::map<std::string, int64_t> Recompute(const std::vector<Happened>& history) {
  const std::set<Event> decisions = {Event::kWaitlist, Event::kAccept, Event::kDecline,
                                     Event::kProposeForward, Event::kForwardByDuty};
  std::map<std::string, int64_t> figures;
  bool sent = false, answered = false, decided = false, started = false, silent = false, half = false;
  bool stands = false;  // what was counted of its outcomes is not to be touched
  absl::CivilMonth ended;
  for (const Happened& it : history) {
    const bool late = it.time > it.in_time_until;
    if (it.event == Event::kSubmit && !sent) ++figures["RECEIVED"], sent = true;
    const bool decides = decisions.count(it.event) > 0;
    const bool answers = decides || it.event == Event::kAcknowledge || it.event == Event::kRequestInformation;
    const bool starts =
        it.event == Event::kStart || it.event == Event::kResume || it.event == Event::kComplete;
    if (answers && !answered) ++figures[late ? "ACKNOWLEDGED_LATE" : "ACKNOWLEDGED_IN_TIME"], answered = true;
    if (decides && !decided) ++figures[late ? "DECIDED_LATE" : "DECIDED_IN_TIME"], decided = true;
    if (starts && !started) ++figures[late ? "STARTED_LATE" : "STARTED_IN_TIME"], started = true;
    const bool clock_of_answer = it.clock == v1::CLOCK_ACKNOWLEDGE || it.clock == v1::CLOCK_DECIDE;
    if ((it.event == Event::kEscalate || it.event == Event::kLapse) && clock_of_answer && !decided) {
      bool& once = answered ? half : silent;
      if (!once) ++figures[answered ? "ACKNOWLEDGED_ONLY" : "NO_FEEDBACK"];
      once = true;
    }
    stands = stands || it.moved;
    if (it.event == Event::kVoidOutcome && !stands && MonthOf(it.time) == ended) PutRight(it, figures);
    if (sent && IsEnd(it.after) && !IsEnd(it.before)) {
      stands = false;
      ended = MonthOf(it.time);
      ++figures[base::Cat("ENDED ", v1::ReferralState_Name(it.after), " ", it.reason)];
      if (it.after == kCompleted || it.after == kEndedWithoutResult) {
        for (const auto& [kind, people] : it.outcomes) {
          figures[base::Cat("OUTCOME ", kind)] += people;
          ++figures[base::Cat("REFERRALS OF OUTCOME ", kind)];
        }
      }
    }
  }
  return figures;
}

// The same figures from what the rules counted.
void AddTo(std::map<std::string, int64_t>& figures, const storage::v1::Counted& counted) {
  if (counted.measure() == v1::STATISTICS_MEASURE_OUTCOME && counted.detail() > kOfReferrals) {
    figures[base::Cat("REFERRALS OF OUTCOME ", counted.detail() - kOfReferrals)] += counted.count();
    return;
  }
  const v1::StatisticsCell cell = CellOf(counted.measure(), counted.detail());
  std::string key = v1::StatisticsMeasure_Name(cell.measure()).substr(sizeof("STATISTICS_MEASURE"));
  if (cell.measure() == v1::STATISTICS_MEASURE_ENDED) {
    std::string reason;
    if (cell.end_state() == kDeclined) reason = v1::DeclineReason_Name(cell.decline_reason());
    if (cell.end_state() == kCancelled) reason = v1::CancelReason_Name(cell.cancel_reason());
    key = base::Cat(key, " ", v1::ReferralState_Name(cell.end_state()), " ", reason);
  }
  if (cell.measure() == v1::STATISTICS_MEASURE_OUTCOME)
    key = base::Cat(key, " ", static_cast<int>(cell.outcome_kind()));
  figures[key] += counted.count();
}

// Whatever an end takes.
Command AnyOutcome(State state, std::mt19937& random) {
  auto command = std::get<command::VoidOutcome>(testing::CommandFor(Event::kVoidOutcome));
  const std::vector<v1::OutcomeKind> results = {v1::OUTCOME_KIND_PROVIDED, v1::OUTCOME_KIND_ENROLLED,
                                                v1::OUTCOME_KIND_ADVISED};
  const std::vector<v1::OutcomeKind> others = {v1::OUTCOME_KIND_PERSON_WITHDREW, v1::OUTCOME_KIND_UNREACHABLE,
                                               v1::OUTCOME_KIND_MOVED_AWAY};
  command.outcome.set_kind((state == kCompleted ? results : others)[random() % 3]);
  return command;
}

// One random step, by anybody, or a long silence and what the clocks make of it; nothing when the rules
// refuse it.
absl::StatusOr<Decision> RandomStep(const ReferralRecord& record, absl::Time& now, std::mt19937& random) {
  now += absl::Hours(random() % 40);
  if (record.has_due() && random() % 8 == 0) {
    now += absl::Hours(24 * 20);
    const Command clock =
        record.has_escalate_time() ? Command(command::Lapse{}) : Command(command::Escalate{});
    return DecideBy(Actor::kSystem, record, clock, now);
  }
  // An end is soon left again: its outcomes are put right there, or nowhere.
  const bool ended = record.state() == kCompleted || record.state() == kEndedWithoutResult;
  if (ended && random() % 2 == 0) {
    return DecideBy(Actor::kReceiving, record, AnyOutcome(record.state(), random), now);
  }
  while (true) {
    const auto actor = static_cast<Actor>(random() % kActorCount);
    const std::vector<Event> events = AllowedEvents(record.state(), {actor});
    if (events.empty()) continue;
    const Event event = events[random() % events.size()];
    // What ends or stops everything is rare: a history in which nothing goes on reaches little.
    const std::set<Event> final = {Event::kMisdirected, Event::kErase,  Event::kCancel,  Event::kEndRetention,
                                   Event::kWithdraw,    Event::kObject, Event::kRestrict};
    if (!testing::HasCommand(event) || (final.contains(event) && random() % 8 != 0)) continue;
    if (event == Event::kVoidOutcome) return DecideBy(actor, record, AnyOutcome(record.state(), random), now);
    return DecideBy(actor, record, testing::CommandFor(event, actor), now);
  }
}

TEST(StatisticsCounting, RandomHistoriesCountAsTheyDoWhenRecomputed) {
  std::mt19937 random(20261127);
  std::map<std::string, int64_t> all;
  int put_right = 0;
  for (int round = 0; round < 600; ++round) {
    ReferralRecord record;
    absl::Time now = testing::Now();
    std::vector<Happened> history;
    std::map<std::string, int64_t> counted;
    for (int tries = 0; tries < 100; ++tries) {
      const auto decision = RandomStep(record, now, random);
      if (!decision.ok()) continue;
      history.push_back(HappenedOf(record, *decision));
      for (const auto& count : decision->counted) {
        AddTo(counted, count);
        if (count.count() > 0) AddTo(all, count);
      }
      put_right += decision->event == Event::kVoidOutcome && !decision->counted.empty() ? 1 : 0;
      record = decision->next;
    }
    const auto nobody = [](const auto& figure) { return figure.second == 0; };
    std::map<std::string, int64_t> expected = Recompute(history);
    std::erase_if(expected, nobody);
    std::erase_if(counted, nobody);
    ASSERT_EQ(counted, expected) << "round " << round;
  }
  // The histories reach everything that is counted: the test would be blind to what they did not reach.
  for (const char* key : {"RECEIVED", "ACKNOWLEDGED_IN_TIME", "ACKNOWLEDGED_LATE", "DECIDED_IN_TIME",
                          "DECIDED_LATE", "STARTED_IN_TIME", "STARTED_LATE", "ACKNOWLEDGED_ONLY",
                          "NO_FEEDBACK", "ENDED REFERRAL_STATE_COMPLETED ", "ENDED REFERRAL_STATE_LAPSED ",
                          "OUTCOME 1", "REFERRALS OF OUTCOME 1"}) {
    EXPECT_GT(all[key], 0) << key;
  }
  EXPECT_GT(put_right, 0);
}

// Two people who both have PROVIDED.
ReferralRecord CompletedForTwo() {
  ReferralRecord record = RecordIn(kInProgress);
  *record.add_persons() = testing::CompletePerson(2);
  std::vector<v1::PersonOutcome> outcomes = {testing::Outcomes(testing::PositiveOutcome())[0],
                                             testing::Outcomes(testing::PositiveOutcome())[0]};
  outcomes[1].set_person(2);
  return testing::After(Actor::kReceiving, record, command::Complete{outcomes});
}

TEST(StatisticsCounting, AVoidedOutcomeIsTakenBackAndTheRightOneCounted) {
  const auto right = [](uint32_t person, v1::OutcomeKind kind) {
    auto command = std::get<command::VoidOutcome>(testing::CommandFor(Event::kVoidOutcome));
    command.person = person;
    command.outcome.set_kind(kind);
    return command;
  };
  ReferralRecord record = CompletedForTwo();
  const auto advised = right(1, v1::OUTCOME_KIND_ADVISED);
  const std::string kind = base::Cat(static_cast<int>(v1::OUTCOME_KIND_ADVISED));
  const std::string provided = base::Cat(static_cast<int>(v1::OUTCOME_KIND_PROVIDED));
  const std::string of_referrals =
      base::Cat("OUTCOME ", static_cast<uint32_t>(v1::OUTCOME_KIND_ADVISED) + kOfReferrals);
  EXPECT_THAT(CountsOf(Actor::kReceiving, record, advised),
              ElementsAre("OUTCOME " + provided + " x-1", "OUTCOME " + kind, of_referrals))
      << "one is left of the one, and the other is the first of its kind";
  record = testing::After(Actor::kReceiving, record, advised);
  EXPECT_THAT(CountsOf(Actor::kReceiving, record, right(1, v1::OUTCOME_KIND_PROVIDED)),
              ElementsAre("OUTCOME " + kind + " x-1", of_referrals + " x-1", "OUTCOME " + provided));
  auto told_again = advised;
  told_again.outcome.set_informed_language("es");
  EXPECT_THAT(CountsOf(Actor::kReceiving, record, told_again), IsEmpty()) << "the kind is the same";
  EXPECT_THAT(CountsOf(Actor::kReceiving, record, right(2, v1::OUTCOME_KIND_ADVISED),
                       testing::Now() + absl::Hours(24 * 32)),
              IsEmpty())
      << "a month that is over stands";
  const ReferralRecord succeeded =
      testing::After(Actor::kSystem, record, testing::CommandFor(Event::kSucceed));
  EXPECT_THAT(CountsOf(Actor::kReceiving, succeeded, right(2, v1::OUTCOME_KIND_ADVISED)), IsEmpty())
      << "it is in the figures of the body before";
}

TEST(StatisticsCounting, ADraftCountsForNothing) {
  EXPECT_THAT(CountsOf(Actor::kReferring, RecordIn(kDraft), testing::CommandFor(Event::kCancel)), IsEmpty());
}

TEST(StatisticsCounting, WhatWasMisdirectedIsNotInTheReceiversFigures) {
  const auto decision =
      DecideBy(Actor::kReferring, RecordIn(kAcknowledged), testing::CommandFor(Event::kMisdirected));
  ASSERT_TRUE(decision.ok());
  ASSERT_THAT(NamesOf(decision->counted), ElementsAre("ENDED 1506"));
  EXPECT_TRUE(decision->counted[0].not_for_receiver());
}

TEST(StatisticsCounting, ACaseTakenUnaskedOwesNoAnswer) {
  ReferralRecord opened = RecordIn(kAccepted);
  opened.clear_counted_measures();
  EXPECT_THAT(NamesOf(CountOpened(opened)), ElementsAre("RECEIVED"));
  EXPECT_THAT(CountsOf(Actor::kReceiving, opened, testing::CommandFor(Event::kDecline)),
              ElementsAre(::testing::StartsWith("ENDED 11")));
}

TEST(StatisticsCounting, TheCoordinatingBodyCountsByReceivingBody) {
  ReferralRecord record = RecordIn(kRequested);
  record.set_coordinating_body("bodies/c");
  const auto bodies = CountingBodies(record);
  ASSERT_EQ(bodies.size(), 3U);
  EXPECT_EQ(bodies[0].counter_body, record.receiving().body());
  EXPECT_EQ(bodies[1].body, record.receiving().body());
  EXPECT_EQ(bodies[2].body, "bodies/c");
  EXPECT_EQ(bodies[2].counter_body, record.receiving().body());
  record.clear_coordinating_body();
  EXPECT_EQ(CountingBodies(record).size(), 2U);
}

}  // namespace
}  // namespace waypost::referral
