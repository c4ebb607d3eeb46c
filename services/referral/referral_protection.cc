#include "services/referral/referral_protection.h"

#include <algorithm>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/referral_clocks.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_machine.h"
#include "services/referral/referral_rights.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using storage::v1::ReferralRecord;
using Names = google::protobuf::RepeatedPtrField<std::string>;

bool Contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void AddOnce(std::string_view name, Names& names) {
  if (!name.empty() && !Contains(names, name)) *names.Add() = std::string(name);
}

absl::Status CheckCount(std::string_view field, const Names& readers) {
  if (readers.size() <= kMaxReaders) return absl::OkStatus();
  return error::InvalidField(field, base::Cat("at most ", kMaxReaders, " on a side, yourself included"));
}

v1::Side& SideOf(ReferralRecord& record, v1::Party party) {
  return party == v1::PARTY_RECEIVING ? *record.mutable_receiving() : *record.mutable_referring();
}

const v1::Side& SideOf(const ReferralRecord& record, v1::Party party) {
  return party == v1::PARTY_RECEIVING ? record.receiving() : record.referring();
}

Names& ReadersOf(ReferralRecord& record, v1::Party party) {
  v1::Protection& protection = *record.mutable_protection();
  return party == v1::PARTY_RECEIVING ? *protection.mutable_receiving_readers()
                                      : *protection.mutable_referring_readers();
}

v1::Party OtherOf(v1::Party party) {
  return party == v1::PARTY_RECEIVING ? v1::PARTY_REFERRING : v1::PARTY_RECEIVING;
}

// The receiving body has no part in a draft, nor in what was misdirected to it.
bool HasPart(const ReferralRecord& record, v1::Party party) {
  if (party == v1::PARTY_REFERRING) return true;
  return record.has_submit_time() && record.receiver_access() != storage::v1::RECEIVER_ACCESS_CUT;
}

// Whoever has it must be able to read it.
void ReleaseFromOthers(ReferralRecord& next, v1::Party party) {
  v1::Side& side = SideOf(next, party);
  if (!Contains(ReadersOf(next, party), side.assignee())) side.clear_assignee();
}

// Within one body who reads one side reads both.
void ShareWithinOneBody(v1::Party party, ReferralRecord& next) {
  if (!IsInternal(next)) return;
  const Names readers = ReadersOf(next, party);
  ReadersOf(next, OtherOf(party)) = readers;
  ReleaseFromOthers(next, OtherOf(party));
}

void Begin(v1::ProtectionGround ground, absl::Time now, ReferralRecord& next) {
  v1::Protection& protection = *next.mutable_protection();
  protection.set_ground(ground);
  *protection.mutable_protect_time() = api::ToTimestamp(now);
  next.set_protected_since_revision(next.revision() + 1);
  next.clear_coordinating_body();
}

// Who sent it knows what it is a part of, or a step of; nobody else does.
bool Sent(const ReferralRecord& record, v1::Party party) {
  return party == v1::PARTY_REFERRING || IsInternal(record);
}

bool MadeItsParts(const ReferralRecord& record, v1::Party party) {
  return record.case_holding_body() == SideOf(record, party).body();
}

// What others know of it by, and that side as well: a link that each end of it shows, or a place in a group.
absl::Status CheckUnknownToOthers(const ReferralRecord& record, v1::Party party) {
  // A hand-over that was not taken is a link as well: who was asked has its name.
  const bool linked = !record.forwarded_from().empty() || !record.forwarded_to().empty() ||
                      record.hand_over_count() > 0 || (!record.part_of().empty() && Sent(record, party)) ||
                      (record.open_part_count() > 0 && MadeItsParts(record, party));
  if (linked) return ProtectedIsUnlinked(record.name());
  const bool enrolled = std::any_of(record.places().begin(), record.places().end(),
                                    [](const v1::PersonPlace& place) { return !place.enrolment().empty(); });
  return enrolled ? ProtectedHasNoGroup(record.name()) : absl::OkStatus();
}

// The other side's links, of which this one knows nothing, and so cannot be asked to end: they go.
void ForgetLinksOfOther(v1::Party party, ReferralRecord& next) {
  if (!Sent(next, party)) {
    next.clear_part_of();
    next.clear_case_persons();
    next.clear_path();
  }
  if (!MadeItsParts(next, party)) next.clear_open_part_count();
}

absl::Status ProtectKnown(const command::Assign& assign, v1::Party party, std::string_view actor,
                          absl::Time now, ReferralRecord& next) {
  WAYPOST_RETURN_IF_ERROR(CheckUnknownToOthers(next, party));
  ForgetLinksOfOther(party, next);
  const v1::Party other = OtherOf(party);
  Begin(assign.protection, now, next);
  AddOnce(actor, ReadersOf(next, party));
  AddOnce(SideOf(next, party).assignee(), ReadersOf(next, party));
  Names& theirs = ReadersOf(next, IsInternal(next) ? party : other);
  if (HasPart(next, other)) AddOnce(SideOf(next, other).assignee(), theirs);
  // It leaves the list on which it waits; what was offered to it there is free again.
  next.clear_waiting();
  next.clear_places();
  return absl::OkStatus();
}

// When the first of what an ended referral wants of that side has waited for it long enough.
absl::Time WantedTooLong(const ReferralRecord& record, v1::Party party) {
  const absl::Time since = api::FromTimestamp(record.clock_start_time());
  const auto waits = [since](const google::protobuf::Timestamp& from) {
    return std::max(since, api::FromTimestamp(from)) + kLeftAloneEnd;
  };
  absl::Time first = absl::InfiniteFuture();
  if (record.has_due() && record.due().party() == party) {
    first = std::max(since + kLeftAloneEnd, api::FromTimestamp(record.due().time()));
  }
  if (const auto asked = AnswerOwedSince(record, party); asked.has_value()) {
    first = std::min(first, waits(api::ToTimestamp(*asked)));
  }
  for (const storage::v1::LegalHoldRecord& each : record.legal_holds()) {
    if (each.party() == party) first = std::min(first, waits(each.hold().place_time()));
  }
  return first;
}

}  // namespace

bool IsProtected(const ReferralRecord& record) {
  return record.has_protection();
}

const Names& ReadersOf(const ReferralRecord& record, v1::Party party) {
  return party == v1::PARTY_RECEIVING ? record.protection().receiving_readers()
                                      : record.protection().referring_readers();
}

bool WantsSomebody(const ReferralRecord& record, v1::Party party) {
  if (record.state() == kDraft) return party == v1::PARTY_REFERRING;
  if (!IsEnd(record.state())) return false;
  return WantedTooLong(record, party) != absl::InfiniteFuture();
}

absl::Time LeftAloneAt(const ReferralRecord& record) {
  if (!IsProtected(record) || record.has_escalate_time()) return absl::InfiniteFuture();
  if (record.state() == kDraft) return api::FromTimestamp(record.clock_start_time()) + kLeftAloneDraft;
  if (!IsEnd(record.state())) return absl::InfiniteFuture();
  return std::min(WantedTooLong(record, v1::PARTY_REFERRING), WantedTooLong(record, v1::PARTY_RECEIVING));
}

bool OfficersNameReaders(const ReferralRecord& record, v1::Party party) {
  if (!IsProtected(record) || !HasPart(record, party)) return false;
  if (ReadersOf(record, party).empty()) return true;
  if (!IsOpen(record.state())) return record.has_escalate_time() && WantsSomebody(record, party);
  if (record.has_escalate_time() && record.due().party() == party) return true;
  return party == v1::PARTY_RECEIVING && StartRunsBeside(record) && record.has_start_escalate_time();
}

policy::Relations RelationsToProtected(const ReferralRecord& record, const policy::Caller& caller) {
  policy::Relations relations;
  for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
    if (!HasPart(record, party) || SideOf(record, party).body() != caller.body) continue;
    const Relation side = party == v1::PARTY_RECEIVING ? Relation::kReceiving : Relation::kReferring;
    const bool officer = caller.roles.Has(policy::Role::kSafeguardingOfficer);
    if (Contains(ReadersOf(record, party), caller.actor)) {
      relations.Add(side);
      relations.Add(Relation::kReader);
      // A reader needs no unit: the case is in her own hands.
      relations.Add(Relation::kAssignee);
    } else if (officer && OfficersNameReaders(record, party)) {
      relations.Add(side);
      relations.Add(Relation::kNamesReaders);
    }
  }
  return relations;
}

bool Reads(const ReferralRecord& record, const policy::Authorized& as) {
  return !IsProtected(record) || as.Is(Relation::kReader);
}

bool NamesReaders(Event event) {
  return event == Event::kAssign || event == Event::kClaim;
}

absl::Status CheckReads(const ReferralRecord& record, const policy::Authorized& as) {
  return Reads(record, as) ? absl::OkStatus() : ReaderFirst(record.name());
}

absl::Status ProtectNew(const v1::Protection& given, std::string_view maker, absl::Time now,
                        ReferralRecord& next) {
  Begin(given.ground(), now, next);
  AddOnce(maker, ReadersOf(next, v1::PARTY_REFERRING));
  for (const std::string& reader : given.referring_readers()) {
    AddOnce(reader, ReadersOf(next, v1::PARTY_REFERRING));
  }
  for (const std::string& reader : given.receiving_readers()) {
    AddOnce(reader, ReadersOf(next, v1::PARTY_RECEIVING));
  }
  return CheckCount("referral.protection.referring_readers", ReadersOf(next, v1::PARTY_REFERRING));
}

absl::Status ApplyReaders(const command::Assign& assign, v1::Party party, std::string_view actor,
                          absl::Time now, ReferralRecord& next) {
  const bool protects = assign.protection != v1::PROTECTION_GROUND_UNSPECIFIED;
  const bool known = IsProtected(next);
  if (!known && !protects) {
    if (assign.readers.empty()) return absl::OkStatus();
    return error::InvalidField("readers", "are of a protected referral: give a ground in `protection` too");
  }
  if (known) {
    if (protects) next.mutable_protection()->set_ground(assign.protection);
    if (!assign.readers.empty()) ReadersOf(next, party).Clear();
  } else {
    WAYPOST_RETURN_IF_ERROR(ProtectKnown(assign, party, actor, now, next));
  }
  for (const std::string& reader : assign.readers) AddOnce(reader, ReadersOf(next, party));
  WAYPOST_RETURN_IF_ERROR(CheckCount("readers", ReadersOf(next, party)));
  if (!assign.assignee.empty() && !Contains(ReadersOf(next, party), assign.assignee)) {
    return error::InvalidField("assignee", "must be one of the readers of your side");
  }
  ReleaseFromOthers(next, party);
  ShareWithinOneBody(party, next);
  return absl::OkStatus();
}

absl::Status AddClaimant(v1::Party party, std::string_view actor, ReferralRecord& next) {
  if (!IsProtected(next)) return absl::OkStatus();
  AddOnce(actor, ReadersOf(next, party));
  ShareWithinOneBody(party, next);
  return CheckCount("readers", ReadersOf(next, party));
}

absl::Status ProtectLinked(const ReferralRecord& old, v1::Party sender,
                           const std::vector<std::string>& readers, absl::Time now, ReferralRecord& linked) {
  if (!IsProtected(old)) {
    if (readers.empty()) return absl::OkStatus();
    return error::InvalidField("readers", "are of a protected referral");
  }
  Begin(old.protection().ground(), now, linked);
  linked.set_protected_since_revision(1);
  ReadersOf(linked, v1::PARTY_REFERRING) = ReadersOf(old, sender);
  for (const std::string& reader : readers) AddOnce(reader, ReadersOf(linked, v1::PARTY_RECEIVING));
  return CheckCount("readers", ReadersOf(linked, v1::PARTY_RECEIVING));
}

absl::Status CheckGroupless(const ReferralRecord& record, bool in_a_group) {
  return in_a_group && IsProtected(record) ? ProtectedHasNoGroup(record.name()) : absl::OkStatus();
}

}  // namespace waypost::referral
