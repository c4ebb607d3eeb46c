// Programmes that end. Ending one forces the hand-over of what is open under it: a referral that asks for,
// waits for or was accepted into an offer of the programme is marked, and once nothing else is due before the
// last day is over, the hand-over is; so is an enrolment in such an offer. Pure: no store, no gRPC, no clock.
// Thread-safe.
//
// Of a referral, the hand-over stands in `due` in the place of what would be due later, or of nothing; that
// is set aside with its clock, and taken up again when the mark goes. No case ends by it: whoever is silent
// is escalated.
#ifndef WAYPOST_SERVICES_REFERRAL_PROGRAMME_RULES_H_
#define WAYPOST_SERVICES_REFERRAL_PROGRAMME_RULES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/referral_clocks.h"
#include "services/referral/referral_commands.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"

namespace waypost::referral {

// When the last day of a programme ("2026-12-31") is over there. A day that is none, or the last one that can
// be written: never.
absl::Time DayIsOver(std::string_view end_date, const CalendarPtr& calendar);

// The offers that it has to do with: where it has places, those of the places; else the one on whose list it
// is; else the one that it asks for. Each once.
std::vector<std::string> OffersOf(const storage::v1::ReferralRecord& record);
// Every offer that is named in it: of these it has index rows while it is open.
std::vector<std::string> OffersNamedIn(const storage::v1::ReferralRecord& record);

// The end that concerns it, the earliest of several; null where there is none.
const ProgrammeEndFacts* EndFor(const storage::v1::ReferralRecord& record, const ProgrammeEnds& ends);

// What has to be done so that its mark says what `ends` says: ProgrammeEnding or ProgrammeGoesOn. Nothing
// where it says so already, or where it is not open.
std::optional<Command> WhatEnds(const storage::v1::ReferralRecord& record, const ProgrammeEnds& ends);
// The same of an enrolment and the end of its offer's programme; nothing: that goes on, or there is none.
// What is owed then is in the mark alone: who has a place is to have LEFT by the last day.
std::optional<EnrolmentCommand> WhatEnds(const storage::v1::EnrolmentRecord& enrolment,
                                         const std::optional<ProgrammeEndFacts>& end);

// What is due without the hand-over, and its clock: what other rules set aside is that.
bool HasNaturalDue(const storage::v1::ReferralRecord& record);
const v1::Due& NaturalDue(const storage::v1::ReferralRecord& record);
storage::v1::ClockTimes NaturalClock(const storage::v1::ReferralRecord& record);
// A copy without the hand-over.
storage::v1::ReferralRecord WithoutHandOver(const storage::v1::ReferralRecord& record);

// What a decision does to the clock of what is due.
enum class ClockOfDue {
  kBegins,   // where it is another due time
  kTakenUp,  // it ran before, and was set aside
  kGoesOn,   // the same hand-over is due, whatever else has changed
};

// Marks `next`, which a command has made of `before`, by `ends` (null: nobody has looked; the mark stays),
// and puts the hand-over in `due` or takes it away. `taken_up`: the command itself has taken up a clock.
ClockOfDue SettleProgrammeEnd(const storage::v1::ReferralRecord& before, const ProgrammeEnds* ends,
                              absl::Time now, bool taken_up, storage::v1::ReferralRecord& next);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PROGRAMME_RULES_H_
