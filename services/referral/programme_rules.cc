#include "services/referral/programme_rules.h"

#include <algorithm>

#include "absl/time/civil_time.h"
#include "common/api/resource.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_machine.h"

namespace waypost::referral {
namespace {

using storage::v1::ClockTimes;
using storage::v1::ReferralRecord;

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return api::FromTimestamp(timestamp);
}

bool IsHandOverDue(const ReferralRecord& record) {
  return record.has_due() && record.due().clock() == v1::CLOCK_HAND_OVER;
}

void AddOnce(const std::string& offer, std::vector<std::string>& offers) {
  if (offer.empty() || std::find(offers.begin(), offers.end(), offer) != offers.end()) return;
  offers.push_back(offer);
}

// Whoever was asked to take the case over answers first, and so does the wish to cancel it.
bool OwesHandOver(const ReferralRecord& record) {
  return record.has_programme_end() && IsOpen(record.state()) && record.state() != kCancelRequested &&
         !record.hand_over_pending();
}

// Of a referral or an enrolment.
template <typename Record>
bool SameEnd(const Record& record, const ProgrammeEndFacts& end) {
  return record.has_programme_end() && record.programme_end().programme() == end.programme &&
         record.programme_end().end_date() == end.end_date &&
         TimeOf(record.programme_over_time()) == end.over;
}

void Mark(const ProgrammeEnds& ends, ReferralRecord& next) {
  const ProgrammeEndFacts* const end = EndFor(next, ends);
  if (end == nullptr) {
    next.clear_programme_end();
    next.clear_programme_over_time();
    return;
  }
  next.mutable_programme_end()->set_programme(end->programme);
  next.mutable_programme_end()->set_end_date(end->end_date);
  *next.mutable_programme_over_time() = api::ToTimestamp(end->over);
}

void ForgetSetAside(ReferralRecord& record) {
  record.clear_due_before_programme_end();
  record.clear_clock_before_programme_end();
}

// What was set aside is due again, as if there had been no hand-over.
void TakeBack(ReferralRecord& record) {
  const ClockTimes clock = record.clock_before_programme_end();
  if (record.has_due_before_programme_end()) {
    *record.mutable_due() = record.due_before_programme_end();
    if (clock.has_start_time()) TakeUpClock(clock, record);
  } else {
    record.clear_due();
  }
  record.clear_escalate_time();
  ForgetSetAside(record);
}

bool SameTime(const ReferralRecord& a, const ReferralRecord& b) {
  return TimeOf(a.due().time()) == TimeOf(b.due().time());
}

bool IsDueBy(bool given, const v1::Due& due, absl::Time time) {
  return given && TimeOf(due.time()) <= time;
}

// The clock of what the command has put in `due`: it began now, unless it is the one of before.
ClockTimes ClockOfNext(const ReferralRecord& before, const ReferralRecord& next, absl::Time now,
                       bool taken_up) {
  const bool same = before.has_due() && before.due().clock() == next.due().clock() &&
                    before.due().party() == next.due().party() && SameTime(before, next) &&
                    before.state() == next.state();
  if (same || taken_up) return ClockOf(next);
  ClockTimes begins;
  *begins.mutable_start_time() = api::ToTimestamp(now);
  return begins;
}

// `due` was the hand-over, and the command left it there.
ClockOfDue KeepHandOver(const ReferralRecord& before, ReferralRecord& next) {
  const absl::Time was_over = TimeOf(before.programme_over_time());
  const absl::Time over = TimeOf(next.programme_over_time());
  // A date that both sides agreed on stands until the programme ends on another one.
  if (OwesHandOver(next) && over != was_over) {
    *next.mutable_due()->mutable_time() = next.programme_over_time();
  }
  const bool first = IsDueBy(next.has_due_before_programme_end(), next.due_before_programme_end(),
                             TimeOf(next.due().time()));
  if (OwesHandOver(next) && !first) {
    if (!SameTime(before, next)) return ClockOfDue::kBegins;
    if (before.has_escalate_time()) *next.mutable_escalate_time() = before.escalate_time();
    return ClockOfDue::kGoesOn;
  }
  TakeBack(next);
  return ClockOfDue::kTakenUp;
}

// The command has put something else there, or nothing.
ClockOfDue PutHandOver(const ReferralRecord& before, absl::Time now, bool taken_up, ReferralRecord& next) {
  ForgetSetAside(next);
  const ClockOfDue otherwise = taken_up ? ClockOfDue::kTakenUp : ClockOfDue::kBegins;
  if (!OwesHandOver(next)) return otherwise;
  const bool was_due = IsHandOverDue(before);
  const bool same_end = was_due && TimeOf(before.programme_over_time()) == TimeOf(next.programme_over_time());
  const google::protobuf::Timestamp time = same_end ? before.due().time() : next.programme_over_time();
  if (IsDueBy(next.has_due(), next.due(), TimeOf(time))) return otherwise;
  if (next.has_due()) {
    *next.mutable_clock_before_programme_end() = ClockOfNext(before, next, now, taken_up);
    *next.mutable_due_before_programme_end() = next.due();
  }
  next.mutable_due()->set_clock(v1::CLOCK_HAND_OVER);
  next.mutable_due()->set_party(v1::PARTY_RECEIVING);
  *next.mutable_due()->mutable_time() = time;
  next.clear_escalate_time();
  next.clear_lapse_time();
  if (!same_end) return ClockOfDue::kBegins;
  TakeUpClock(ClockOf(before), next);
  if (before.has_escalate_time()) *next.mutable_escalate_time() = before.escalate_time();
  return ClockOfDue::kGoesOn;
}

}  // namespace

absl::Time DayIsOver(std::string_view end_date, const CalendarPtr& calendar) {
  constexpr absl::CivilDay kLastDay(9999, 12, 31);
  const std::optional<absl::CivilDay> day = ParseDay(end_date);
  if (!day || *day >= kLastDay) return absl::InfiniteFuture();
  return absl::FromCivil(*day + 1, calendar == nullptr ? absl::UTCTimeZone() : calendar->zone);
}

std::vector<std::string> OffersOf(const ReferralRecord& record) {
  std::vector<std::string> offers;
  for (const v1::PersonPlace& place : record.places()) AddOnce(place.offer(), offers);
  if (offers.empty()) AddOnce(record.waiting().offer(), offers);
  if (offers.empty()) AddOnce(record.offer(), offers);
  return offers;
}

std::vector<std::string> OffersNamedIn(const ReferralRecord& record) {
  std::vector<std::string> offers;
  AddOnce(record.offer(), offers);
  AddOnce(record.waiting().offer(), offers);
  for (const v1::PersonPlace& place : record.places()) AddOnce(place.offer(), offers);
  return offers;
}

const ProgrammeEndFacts* EndFor(const ReferralRecord& record, const ProgrammeEnds& ends) {
  const ProgrammeEndFacts* earliest = nullptr;
  for (const std::string& offer : OffersOf(record)) {
    const auto found = ends.find(offer);
    if (found == ends.end()) continue;
    if (earliest == nullptr || found->second.over < earliest->over) earliest = &found->second;
  }
  return earliest;
}

std::optional<Command> WhatEnds(const ReferralRecord& record, const ProgrammeEnds& ends) {
  if (!IsOpen(record.state())) return std::nullopt;
  const ProgrammeEndFacts* const end = EndFor(record, ends);
  if (end == nullptr) {
    if (!record.has_programme_end()) return std::nullopt;
    return command::ProgrammeGoesOn{};
  }
  if (SameEnd(record, *end)) return std::nullopt;
  return command::ProgrammeEnding{};
}

std::optional<EnrolmentCommand> WhatEnds(const EnrolmentRecord& enrolment,
                                         const std::optional<ProgrammeEndFacts>& end) {
  if (!HasPlace(enrolment.state())) return std::nullopt;
  if (!end.has_value()) {
    if (!enrolment.has_programme_end()) return std::nullopt;
    return enrolment::ProgrammeGoesOn{};
  }
  if (SameEnd(enrolment, *end)) return std::nullopt;
  return enrolment::ProgrammeEnding{*end};
}

bool HasNaturalDue(const ReferralRecord& record) {
  return IsHandOverDue(record) ? record.has_due_before_programme_end() : record.has_due();
}

const v1::Due& NaturalDue(const ReferralRecord& record) {
  return IsHandOverDue(record) ? record.due_before_programme_end() : record.due();
}

ClockTimes NaturalClock(const ReferralRecord& record) {
  return IsHandOverDue(record) ? record.clock_before_programme_end() : ClockOf(record);
}

ReferralRecord WithoutHandOver(const ReferralRecord& record) {
  ReferralRecord natural = record;
  if (IsHandOverDue(record)) TakeBack(natural);
  return natural;
}

ClockOfDue SettleProgrammeEnd(const ReferralRecord& before, const ProgrammeEnds* ends, absl::Time now,
                              bool taken_up, ReferralRecord& next) {
  if (!IsOpen(next.state())) {
    next.clear_programme_end();
    next.clear_programme_over_time();
  } else if (ends != nullptr) {
    Mark(*ends, next);
  }
  if (IsHandOverDue(before) && IsHandOverDue(next)) return KeepHandOver(before, next);
  return PutHandOver(before, now, taken_up, next);
}

}  // namespace waypost::referral
