#include "services/referral/statistics_counting.h"

#include <algorithm>
#include <map>

#include "absl/time/civil_time.h"
#include "common/api/resource.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_protection.h"

namespace waypost::referral {
namespace {

using storage::v1::Counted;
using storage::v1::ReferralRecord;

constexpr uint32_t kDetailsOfState = 100;

bool HasCounted(const ReferralRecord& record, v1::StatisticsMeasure measure) {
  return (record.counted_measures() >> measure & 1U) != 0;
}

// True the first time.
bool MarkCounted(ReferralRecord& record, v1::StatisticsMeasure measure) {
  if (HasCounted(record, measure)) return false;
  record.set_counted_measures(record.counted_measures() | 1U << measure);
  return true;
}

// Of the receiving body.
bool IsDecision(Event event) {
  return event == Event::kWaitlist || event == Event::kAccept || event == Event::kDecline ||
         event == Event::kProposeForward || event == Event::kForwardByDuty;
}

bool IsAnswer(Event event) {
  return event == Event::kAcknowledge || event == Event::kRequestInformation || IsDecision(event);
}

bool IsStart(Event event) {
  return event == Event::kStart || event == Event::kResume || event == Event::kComplete;
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return api::FromTimestamp(time);
}

absl::CivilMonth MonthOf(const google::protobuf::Timestamp& time) {
  return absl::ToCivilMonth(TimeOf(time), absl::UTCTimeZone());
}

// The record with the clock that is judged as the one of what is due: one that rests or is set aside keeps
// what it had then.
ReferralRecord WithClockOfStep(const ReferralRecord& before) {
  ReferralRecord record = before;
  if (before.state() == kNeedsInfo) {
    *record.mutable_due() = before.paused_due();
    TakeUpClock(before.paused_clock(), record);
  } else if (before.state() == kCancelRequested) {
    *record.mutable_due() = before.due_before_cancel();
    TakeUpClock(before.clock_before_cancel(), record);
  } else {
    return record;
  }
  record.clear_escalate_time();
  return record;
}

// Had the receiving body's clock not run out when it did its step? Downtime that the clocks have not given
// back yet counts as if they had.
bool IsInTime(const ReferralRecord& before, const ReferralRecord& next, const Moment& at) {
  const v1::Due* due = before.has_due() ? &before.due() : nullptr;
  absl::Time done = TimeOf(next.update_time());
  if (before.state() == kNeedsInfo) {
    due = before.has_paused_due() ? &before.paused_due() : nullptr;
    done = TimeOf(before.pause_time());
  } else if (before.state() == kCancelRequested) {
    due = before.has_due_before_cancel() ? &before.due_before_cancel() : nullptr;
  }
  const bool owed = due != nullptr && (due->clock() == v1::CLOCK_ACKNOWLEDGE ||
                                       due->clock() == v1::CLOCK_DECIDE || due->clock() == v1::CLOCK_START);
  if (!owed || done <= TimeOf(due->time())) return true;
  if (at.outages.empty()) return false;
  const PutOff put_off = PutOffByDowntime(WithClockOfStep(before), at.outages, at.calendars);
  return put_off.due.has_value() && done <= *put_off.due;
}

// Counts for one change.
class Counting {
 public:
  Counting(const ReferralRecord& before, ReferralRecord& next, const Moment& at)
      : before_(before), next_(next), at_(at) {}

  void Once(v1::StatisticsMeasure measure) {
    if (MarkCounted(next_, measure)) Add(measure, 0);
  }

  // The mark of the one stands for both.
  void OnceByTime(v1::StatisticsMeasure in_time, v1::StatisticsMeasure late) {
    if (MarkCounted(next_, in_time)) Add(IsInTime(before_, next_, at_) ? in_time : late, 0);
  }

  void Step(Event event) {
    if (IsAnswer(event)) {
      OnceByTime(v1::STATISTICS_MEASURE_ACKNOWLEDGED_IN_TIME, v1::STATISTICS_MEASURE_ACKNOWLEDGED_LATE);
    }
    if (IsDecision(event)) {
      OnceByTime(v1::STATISTICS_MEASURE_DECIDED_IN_TIME, v1::STATISTICS_MEASURE_DECIDED_LATE);
    }
    if (IsStart(event)) {
      OnceByTime(v1::STATISTICS_MEASURE_STARTED_IN_TIME, v1::STATISTICS_MEASURE_STARTED_LATE);
    }
  }

  // A clock of the receiving body ran out before its decision.
  void Silence() {
    const v1::Clock clock = before_.due().clock();
    if (clock != v1::CLOCK_ACKNOWLEDGE && clock != v1::CLOCK_DECIDE) return;
    if (HasCounted(next_, v1::STATISTICS_MEASURE_DECIDED_IN_TIME)) return;
    const bool answered = HasCounted(next_, v1::STATISTICS_MEASURE_ACKNOWLEDGED_IN_TIME);
    Once(answered ? v1::STATISTICS_MEASURE_ACKNOWLEDGED_ONLY : v1::STATISTICS_MEASURE_NO_FEEDBACK);
  }

  void End() {
    next_.clear_outcomes_counted();
    uint32_t reason = 0;
    if (next_.state() == kDeclined) reason = static_cast<uint32_t>(next_.decline().reason());
    if (next_.state() == kCancelled) reason = static_cast<uint32_t>(next_.cancel_reason());
    Add(v1::STATISTICS_MEASURE_ENDED, kDetailsOfState * static_cast<uint32_t>(next_.state()) + reason);
    if (next_.state() != kCompleted && next_.state() != kEndedWithoutResult) return;
    std::map<v1::OutcomeKind, int64_t> people;
    for (const v1::Person& person : next_.persons()) ++people[person.outcome().kind()];
    *next_.mutable_outcomes_counted()->mutable_time() = next_.update_time();
    for (const auto& [kind, count] : people) AddOutcome(kind, count);
  }

  // Counts of a month that is over stand, the wrong ones too.
  void OutcomeVoided() {
    if (!next_.has_outcomes_counted()) return;
    if (MonthOf(next_.outcomes_counted().time()) != MonthOf(next_.update_time())) return;
    for (const v1::Person& person : next_.persons()) {
      const v1::Person* const before = FindPerson(before_, person.number());
      if (before == nullptr || before->outcome().kind() == person.outcome().kind()) continue;
      AddOutcome(before->outcome().kind(), -1);
      AddOutcome(person.outcome().kind(), 1);
    }
  }

  std::vector<Counted> Take() && { return std::move(counts_); }

 private:
  // People of one outcome, more or fewer; the referral with the first of them, and without the last.
  void AddOutcome(v1::OutcomeKind kind, int64_t people) {
    auto& counted = *next_.mutable_outcomes_counted()->mutable_people();
    const auto detail = static_cast<uint32_t>(kind);
    auto held = std::find_if(counted.begin(), counted.end(),
                             [detail](const Counted& each) { return each.detail() == detail; });
    if (held == counted.end()) {
      counted.Add()->set_measure(v1::STATISTICS_MEASURE_OUTCOME);
      held = counted.end() - 1;
      held->set_detail(detail);
    }
    const int64_t before = held->count();
    held->set_count(before + people);
    Add(v1::STATISTICS_MEASURE_OUTCOME, detail, people);
    if (before == 0) Add(v1::STATISTICS_MEASURE_OUTCOME, kOfReferrals + detail);
    if (held->count() == 0) Add(v1::STATISTICS_MEASURE_OUTCOME, kOfReferrals + detail, -1);
  }

  void Add(v1::StatisticsMeasure measure, uint32_t detail, int64_t count = 1) {
    Counted& counted = counts_.emplace_back();
    counted.set_measure(measure);
    counted.set_detail(detail);
    counted.set_count(count);
    counted.set_not_for_receiver(next_.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT);
  }

  const ReferralRecord& before_;
  ReferralRecord& next_;
  const Moment& at_;
  std::vector<Counted> counts_;
};

}  // namespace

std::vector<Counted> CountChange(const ReferralRecord& before, Event event, const Moment& at,
                                 ReferralRecord& next) {
  if (!next.has_submit_time() || IsProtected(next)) return {};
  Counting counting(before, next, at);
  if (event == Event::kSubmit) counting.Once(v1::STATISTICS_MEASURE_RECEIVED);
  counting.Step(event);
  if (event == Event::kEscalate || event == Event::kLapse) counting.Silence();
  if (IsEnd(next.state()) && !IsEnd(before.state())) counting.End();
  if (event == Event::kVoidOutcome) counting.OutcomeVoided();
  return std::move(counting).Take();
}

std::vector<Counted> CountOpened(ReferralRecord& opened) {
  if (IsProtected(opened)) return {};
  const ReferralRecord nothing;
  Counting counting(nothing, opened, Moment(TimeOf(opened.update_time())));
  counting.Once(v1::STATISTICS_MEASURE_RECEIVED);
  // Who takes a case without being asked owes no answer.
  if (opened.state() == kAccepted) {
    MarkCounted(opened, v1::STATISTICS_MEASURE_ACKNOWLEDGED_IN_TIME);
    MarkCounted(opened, v1::STATISTICS_MEASURE_DECIDED_IN_TIME);
  }
  return std::move(counting).Take();
}

std::vector<CountingBody> CountingBodies(const ReferralRecord& record) {
  const std::string& referring = record.referring().body();
  const std::string& receiving = record.receiving().body();
  std::vector<CountingBody> bodies = {{v1::STATISTICS_SIDE_REFERRING, referring, receiving},
                                      {v1::STATISTICS_SIDE_RECEIVING, receiving, referring}};
  if (!record.coordinating_body().empty()) {
    bodies.push_back({v1::STATISTICS_SIDE_COORDINATING, record.coordinating_body(), receiving});
  }
  return bodies;
}

v1::StatisticsCell CellOf(v1::StatisticsMeasure measure, uint32_t detail) {
  v1::StatisticsCell cell;
  cell.set_measure(measure);
  if (measure == v1::STATISTICS_MEASURE_OUTCOME) cell.set_outcome_kind(static_cast<v1::OutcomeKind>(detail));
  if (measure != v1::STATISTICS_MEASURE_ENDED) return cell;
  const uint32_t reason = detail % kDetailsOfState;
  cell.set_end_state(static_cast<State>(detail / kDetailsOfState));
  if (cell.end_state() == kDeclined) cell.set_decline_reason(static_cast<v1::DeclineReason>(reason));
  if (cell.end_state() == kCancelled) cell.set_cancel_reason(static_cast<v1::CancelReason>(reason));
  return cell;
}

}  // namespace waypost::referral
