#include "services/referral/referral_retention.h"

#include <algorithm>
#include <utility>

#include "common/api/resource.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_rights.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using storage::v1::ShareRetention;

// The moment after the last day.
absl::Time AfterDay(absl::CivilDay day) {
  return absl::FromCivil(day + 1, absl::UTCTimeZone());
}

std::string LastDay(absl::Time after) {
  return absl::FormatCivilTime(absl::ToCivilDay(after, absl::UTCTimeZone()) - 1);
}

// When the last day is over on which that side keeps what it holds of one person.
absl::Time KeptUntil(const ReferralRecord& record, const v1::Person& person, v1::Party party,
                     const RetentionTable& table, absl::Time ended) {
  const RetentionRule& rule = table.Of(person.disclosure().retention_rule());
  absl::CivilDay last = absl::ToCivilDay(ended, absl::UTCTimeZone()) + rule.days;
  const auto by_law = ParseDay(RetainedUntil(record, person.number(), party));
  if (by_law.has_value()) last = std::max(last, *by_law);
  return AfterDay(last);
}

// Those of whom that side holds anything.
std::vector<const v1::Person*> HeldPersons(const ReferralRecord& record, v1::Party party) {
  std::vector<const v1::Person*> held;
  for (const auto* persons : {&record.persons(), &record.withdrawn_persons()}) {
    for (const v1::Person& person : *persons) {
      if (Holds(record, person.number(), party)) held.push_back(&person);
    }
  }
  return held;
}

void AddOnce(const std::string& rule, std::vector<std::string>& rules) {
  if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
}

// The first moment at which a legal hold of that side no longer stands in the way; nothing where it is to be
// released first.
std::optional<absl::Time> HoldEnds(const ReferralRecord& record, v1::Party party) {
  for (const auto& each : record.legal_holds()) {
    if (each.party() != party) continue;
    const auto until = ParseDay(each.hold().until());
    if (until.has_value()) return AfterDay(*until);
  }
  return std::nullopt;
}

// Of these, whom no right keeps.
std::vector<const v1::Person*> FreeOfRights(const ReferralRecord& record, v1::Party party,
                                            const std::vector<const v1::Person*>& held) {
  std::vector<const v1::Person*> free;
  for (const v1::Person* person : held) {
    const v1::HeldBackReason reason = HeldBackByRights(record, person->number(), party);
    if (reason == v1::HELD_BACK_REASON_UNSPECIFIED) free.push_back(person);
  }
  return free;
}

// Has the case ended, and only a legal hold of that side keeps what it had to give up then?
bool HoldAloneKeeps(const ReferralRecord& record, v1::Party party) {
  return party == v1::PARTY_RECEIVING && record.receiver_access() == storage::v1::RECEIVER_ACCESS_ENDED &&
         !HeldByReceiverAlone(record).empty();
}

// What is stored of an erasure to come.
ShareRetention Dated(const ReferralRecord& record, v1::Party party, const NextErasure& erasure,
                     absl::Time look, absl::Time now) {
  ShareRetention dated;
  *dated.mutable_erase_time() = api::ToTimestamp(erasure.time);
  v1::RetentionEntry& entry = *dated.mutable_entry();
  entry.set_referral(record.name());
  entry.set_party(party);
  entry.set_kept_until(LastDay(erasure.time));
  for (const std::string& rule : erasure.rules) entry.add_rules(rule);
  for (const uint32_t person : erasure.persons) entry.add_persons(person);
  entry.set_whole_share(erasure.whole);
  entry.set_held_back(HeldBackBy(record, party, now));
  const bool hold_alone = HoldAloneKeeps(record, party);
  std::optional<absl::Time> next_look = std::max(hold_alone ? EndOf(record) : erasure.time, look);
  if (entry.held_back() == v1::HELD_BACK_REASON_LEGAL_HOLD) {
    const std::optional<absl::Time> released = HoldEnds(record, party);
    next_look = released.has_value() ? std::optional(std::max(*next_look, *released)) : std::nullopt;
  } else if (entry.held_back() != v1::HELD_BACK_REASON_UNSPECIFIED && !hold_alone) {
    next_look = std::nullopt;
  }
  if (next_look.has_value()) *dated.mutable_look_time() = api::ToTimestamp(*next_look);
  return dated;
}

}  // namespace

bool KeepsShare(const ReferralRecord& record, v1::Party party) {
  if (!IsEnd(record.state())) return false;
  if (party == v1::PARTY_REFERRING) return !record.has_referring_erase_time();
  if (IsInternal(record)) return false;  // one body, one share
  return record.has_submit_time() && !record.has_receiving_erase_time() &&
         record.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT;
}

NextErasure NextErasureOf(const ReferralRecord& record, v1::Party party, const RetentionTable& table,
                          absl::Time ended) {
  const std::vector<const v1::Person*> held = HeldPersons(record, party);
  NextErasure next;
  if (held.empty()) {
    // What is left is of nobody in particular: its own reference, its own notes.
    next.time = AfterDay(absl::ToCivilDay(ended, absl::UTCTimeZone()) + table.others.days);
    next.whole = true;
    return next;
  }
  // Whom a right keeps goes later, and the file with them; of everybody, this says when they would go.
  const std::vector<const v1::Person*> free = FreeOfRights(record, party, held);
  const std::vector<const v1::Person*>& going = free.empty() ? held : free;
  next.time = absl::InfiniteFuture();
  for (const v1::Person* person : going) {
    next.time = std::min(next.time, KeptUntil(record, *person, party, table, ended));
  }
  for (const v1::Person* person : going) {
    if (KeptUntil(record, *person, party, table, ended) > next.time) continue;
    next.persons.push_back(person->number());
    AddOnce(person->disclosure().retention_rule(), next.rules);
  }
  next.whole = next.persons.size() == held.size();
  return next;
}

v1::HeldBackReason HeldBackBy(const ReferralRecord& record, v1::Party party, absl::Time now) {
  if (IsUnderHold(record, party, now)) return v1::HELD_BACK_REASON_LEGAL_HOLD;
  const std::vector<const v1::Person*> held = HeldPersons(record, party);
  v1::HeldBackReason reason = v1::HELD_BACK_REASON_UNSPECIFIED;
  if (!FreeOfRights(record, party, held).empty()) return reason;
  for (const v1::Person* person : held) {
    const v1::HeldBackReason one = HeldBackByRights(record, person->number(), party);
    if (one == v1::HELD_BACK_REASON_RIGHTS_REQUEST) return one;
    reason = one;
  }
  return reason;
}

absl::Time EndOf(const ReferralRecord& record) {
  return api::FromTimestamp(record.has_end_time() ? record.end_time() : record.update_time());
}

const ShareRetention* RetentionOf(const ReferralRecord& record, v1::Party party) {
  for (const ShareRetention& share : record.retention()) {
    if (share.entry().party() == party) return &share;
  }
  return nullptr;
}

void DateRetention(const ReferralRecord& before, const RetentionTable& table, absl::Time now,
                   ReferralRecord& next) {
  next.clear_retention();
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    if (!KeepsShare(next, party)) continue;
    NextErasure erasure = NextErasureOf(next, party, table, EndOf(next));
    const ShareRetention* dated = RetentionOf(before, party);
    // Of two shares that have become one, the other's date is better than none.
    if (dated == nullptr && IsInternal(next)) dated = RetentionOf(before, v1::PARTY_RECEIVING);
    if (erasure.persons.empty() && dated != nullptr) {
      erasure.time = api::FromTimestamp(dated->erase_time());
      erasure.rules = {dated->entry().rules().begin(), dated->entry().rules().end()};
    }
    *next.add_retention() = Dated(next, party, erasure, absl::InfinitePast(), now);
  }
}

void DateRetentionFrom(v1::Party party, const RetentionTable& table, absl::Time ended, absl::Time look,
                       absl::Time now, ReferralRecord& next) {
  ShareRetention dated = Dated(next, party, NextErasureOf(next, party, table, ended), look, now);
  for (ShareRetention& share : *next.mutable_retention()) {
    if (share.entry().party() == party) {
      share = std::move(dated);
      return;
    }
  }
  *next.add_retention() = std::move(dated);
}

absl::StatusOr<NextErasure> DueErasure(const ReferralRecord& record, const command::EndRetention& end,
                                       const RetentionTable& table, absl::Time now) {
  if (HoldAloneKeeps(record, end.party) && !IsUnderHold(record, end.party, now)) {
    return NextErasure{.time = now, .persons = HeldByReceiverAlone(record), .after_hold = true};
  }
  const bool kept =
      KeepsShare(record, end.party) && HeldBackBy(record, end.party, now) == v1::HELD_BACK_REASON_UNSPECIFIED;
  if (!kept) return NothingDue(record.name());
  NextErasure due = NextErasureOf(record, end.party, table, end.ended);
  if (due.persons.empty()) {
    const ShareRetention* const dated = RetentionOf(record, end.party);
    if (dated != nullptr) {
      due.time = api::FromTimestamp(dated->erase_time());
      due.rules = {dated->entry().rules().begin(), dated->entry().rules().end()};
    }
  }
  if (due.time > now) return NothingDue(record.name());
  return due;
}

}  // namespace waypost::referral
