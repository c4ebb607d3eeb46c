#include "services/referral/part_ledger.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "services/referral/part_rows.h"
#include "services/referral/referral_change.h"
#include "services/referral/referral_directory.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_parts.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"
#include "services/referral/rights_reach.h"

namespace waypost::referral {
namespace {

absl::StatusOr<bool> GoesOn(const store::Reader& reader, const ReferralRecord& part) {
  if (part.state() != kForwarded) return IsOpen(part.state());
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<ReferralRecord> at, rows::WhereItWent(reader, part));
  return !at.has_value() || IsOpen(at->state());
}

// The part whose case is in `record` since it was handed over; nothing where there is none.
absl::StatusOr<std::optional<ReferralRecord>> PartHandedOverTo(const store::Reader& reader,
                                                               const ReferralRecord& record) {
  std::string name = record.forwarded_from();
  while (!name.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(ReferralRecord at, rows::Get(reader, name));
    if (at.state() != kForwarded) return std::nullopt;  // a hand-over that was not taken
    if (!at.part_of().empty()) {
      WAYPOST_ASSIGN_OR_RETURN(const std::optional<ReferralRecord> last, rows::WhereItWent(reader, at));
      if (last.has_value() && last->name() != record.name()) return std::nullopt;
      return at;
    }
    name = at.forwarded_from();
  }
  return std::nullopt;
}

// All parts of one referral, or those of one body.
absl::StatusOr<std::vector<PartAtHand>> PartsOf(const store::Reader& reader, std::string_view parent,
                                                std::string_view body = {}) {
  std::vector<PartAtHand> parts;
  WAYPOST_ASSIGN_OR_RETURN(const int linked, rows::CountParts(reader, parent));
  if (linked == 0) return parts;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> names, rows::ListParts(reader, parent));
  for (const std::string& name : names) {
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord part, rows::Get(reader, name));
    if (!body.empty() && part.referring().body() != body) continue;
    WAYPOST_ASSIGN_OR_RETURN(const bool open, GoesOn(reader, part));
    parts.push_back({.name = name, .state = part.state(), .open = open});
  }
  return parts;
}

// How many parts that body made of it; exact from kMaxParts on, and no less below.
absl::StatusOr<int> LinkedBy(const store::Reader& reader, std::string_view parent, std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(const int linked, rows::CountParts(reader, parent));
  if (linked < kMaxParts) return linked;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PartAtHand> own, PartsOf(reader, parent, body));
  return static_cast<int>(own.size());
}

absl::StatusOr<std::vector<std::string>> OpenPartsOf(const store::Reader& reader, std::string_view parent,
                                                     std::string_view body = {}) {
  std::vector<std::string> open;
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PartAtHand> parts, PartsOf(reader, parent, body));
  for (const PartAtHand& part : parts) {
    if (part.open) open.push_back(part.name);
  }
  return open;
}

// Counts anew, rather than by one more or less: what is counted cannot go astray. The record is no other
// revision for it: its other side is not told that there are parts. What is protected has none.
absl::Status Recount(store::Writer& writer, const std::string& parent) {
  WAYPOST_ASSIGN_OR_RETURN(ReferralRecord record, rows::Get(writer, parent));
  int count = 0;
  if (!IsEnd(record.state()) && !IsProtected(record)) {
    WAYPOST_ASSIGN_OR_RETURN(const auto open, OpenPartsOf(writer, parent, record.case_holding_body()));
    count = static_cast<int>(open.size());
  }
  if (count == record.open_part_count()) return absl::OkStatus();
  record.set_open_part_count(count);
  rows::PutRecordAlone(writer, record);
  return absl::OkStatus();
}

// What has come to life again is no part of what has ended since.
absl::Status DetachFromEnded(const store::Reader& reader, const ReferralRecord& part, Decision& decision) {
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord parent, rows::Get(reader, part.part_of()));
  if (IsEnd(parent.state())) decision.follow_ups.push_back({part.name(), command::Detach{}});
  return absl::OkStatus();
}

std::vector<uint32_t> CasePersonsOf(const ReferralRecord& part) {
  return {part.case_persons().begin(), part.case_persons().end()};
}

bool SameCasePersons(const ReferralRecord& before, const ReferralRecord& next) {
  return before.part_of() == next.part_of() && CasePersonsOf(before) == CasePersonsOf(next);
}

// By what a right goes from a case to its parts. What has been sent keeps it, whatever it is a part of: who
// got a part has it.
absl::Status CarryCasePersons(store::Writer& writer, const ReferralRecord& before,
                              const ReferralRecord& next) {
  if (IsProtected(next)) {
    const bool was_known = before.state() != kNothing && !IsProtected(before);
    return was_known ? rows::ForgetSamePersons(writer, next.name()) : absl::OkStatus();
  }
  if (SameCasePersons(before, next)) return absl::OkStatus();
  if (before.state() == kDraft && !before.part_of().empty()) {
    rows::DeleteSamePersons(writer, before.part_of(), before.name(), CasePersonsOf(before));
  }
  if (!next.part_of().empty()) {
    rows::PutSamePersons(writer, next.part_of(), next.name(), CasePersonsOf(next));
  }
  return absl::OkStatus();
}

// The change of a referral, as that of a part.
absl::Status CarryAsPart(store::Writer& writer, const ReferralRecord& before, Decision& decision) {
  const ReferralRecord& next = decision.next;
  const std::string& was = before.part_of();
  const std::string& is = next.part_of();
  if (was != is) {
    if (!was.empty()) WAYPOST_RETURN_IF_ERROR(rows::DeletePart(writer, was, before.name()));
    if (!is.empty()) WAYPOST_RETURN_IF_ERROR(rows::PutPart(writer, is, next.name()));
  } else if (IsOpen(before.state()) == IsOpen(next.state()) &&
             before.referring().body() == next.referring().body()) {
    return absl::OkStatus();
  }
  if (!decision.parent_counts) {
    if (!was.empty()) WAYPOST_RETURN_IF_ERROR(Recount(writer, was));
    if (!is.empty() && is != was) WAYPOST_RETURN_IF_ERROR(Recount(writer, is));
  }
  const bool opened = !is.empty() && IsOpen(next.state()) && !IsOpen(before.state());
  return opened ? DetachFromEnded(writer, next, decision) : absl::OkStatus();
}

// The same, where the case of a part has gone on to it.
absl::Status CarryAsHandedOver(store::Writer& writer, const ReferralRecord& before, Decision& decision) {
  const ReferralRecord& next = decision.next;
  if (next.forwarded_from().empty() || !OpensOrEnds(before, next)) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<ReferralRecord> part, PartHandedOverTo(writer, next));
  if (!part.has_value()) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(Recount(writer, part->part_of()));
  return IsOpen(next.state()) ? DetachFromEnded(writer, *part, decision) : absl::OkStatus();
}

// One decision on a part, as a change that the caller makes of it.
absl::Status CarryOutPart(rpc::Mutation& mutation, const Clockwork& by, const v1::PartDecision& asked,
                          v1::CancelReason reason) {
  const bool cancels = asked.action() == v1::PartDecision::ACTION_CANCEL;
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord part, rows::Get(mutation.writer(), asked.referral()));
  WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                           policy::Authorize(cancels ? kCancelReferral : kDetachReferral, mutation.caller(),
                                             RelationsOf(part, mutation.caller()), part.name()));
  const Command command = cancels ? Command(command::Cancel{reason}) : Command(command::Detach{});
  const absl::Time now = api::NotBefore(mutation.call().now, part);
  WAYPOST_ASSIGN_OR_RETURN(SideCalendars calendars, CalendarsOf(by.bodies, mutation.writer(), command, part));
  WAYPOST_ASSIGN_OR_RETURN(Decision decision,
                           Decide(part, command, as, {now, by.clocks, std::move(calendars)}));
  decision.parent_counts = true;
  WAYPOST_RETURN_IF_ERROR(CarryOutParts(mutation, by, part, decision));
  return CarryOutOfCaller(mutation, as, by, part, std::move(decision));
}

}  // namespace

absl::Status CheckLink(const store::Reader& reader, const policy::Caller& caller,
                       const ReferralRecord& before, const Decision& decision) {
  const ReferralRecord& next = decision.next;
  const bool sends = decision.event == Event::kSubmit;
  if (next.part_of().empty()) {
    if (next.case_persons().empty()) return absl::OkStatus();
    return error::InvalidField("referral.case_persons", "belongs with part_of");
  }
  const bool same = SameCasePersons(before, next);
  if (!sends && same) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord parent, rows::Get(reader, next.part_of()));
  if (!MayRead(parent, caller)) return error::NotFound(parent.name());
  ParentFacts facts{.parent = parent, .is_new_link = next.part_of() != before.part_of()};
  WAYPOST_ASSIGN_OR_RETURN(facts.linked, LinkedBy(reader, parent.name(), caller.body));
  WAYPOST_ASSIGN_OR_RETURN(facts.parts_of_part, rows::CountParts(reader, next.name()));
  WAYPOST_RETURN_IF_ERROR(CheckPart(facts, next, caller.body));
  if (same || next.case_persons().empty()) return absl::OkStatus();
  // A right must reach all that hangs together.
  return ChainsReached(reader, parent.name(), rows::kAnybody, kMaxReachOfParts).status();
}

absl::Status CarryOutParts(rpc::Mutation& mutation, const Clockwork& by, const ReferralRecord& before,
                           const Decision& decision) {
  if (decision.event != Event::kCancel) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<PartAtHand> parts,
                           PartsOf(mutation.writer(), before.name(), mutation.caller().body));
  WAYPOST_RETURN_IF_ERROR(CheckPartDecisions(before.name(), decision.parts, parts));
  for (const v1::PartDecision& asked : decision.parts) {
    WAYPOST_RETURN_IF_ERROR(CarryOutPart(mutation, by, asked, decision.next.cancel_reason()));
  }
  return absl::OkStatus();
}

absl::Status CountOpenParts(const store::Reader& reader, const ReferralRecord& before, Decision& decision) {
  ReferralRecord& next = decision.next;
  if (before.state() == kNothing) return absl::OkStatus();
  if (IsEnd(next.state())) {
    next.clear_open_part_count();
    return absl::OkStatus();
  }
  const bool same_holder = !IsEnd(before.state()) && before.case_holding_body() == next.case_holding_body();
  if (same_holder && decision.parts.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto open, OpenPartsOf(reader, next.name(), next.case_holding_body()));
  next.set_open_part_count(static_cast<int>(open.size()));
  return absl::OkStatus();
}

absl::Status CarryParts(store::Writer& writer, const ReferralRecord& before, Decision& decision) {
  WAYPOST_RETURN_IF_ERROR(CarryCasePersons(writer, before, decision.next));
  WAYPOST_RETURN_IF_ERROR(CarryAsPart(writer, before, decision));
  WAYPOST_RETURN_IF_ERROR(CarryAsHandedOver(writer, before, decision));
  if (!IsEnd(decision.next.state()) || IsEnd(before.state())) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto open, OpenPartsOf(writer, decision.next.name()));
  for (const std::string& part : open) decision.follow_ups.push_back({part, command::Detach{}});
  return absl::OkStatus();
}

absl::Status UnlinkParts(const store::Reader& reader, std::string_view name, std::string_view body,
                         std::vector<FollowUp>& follow_ups) {
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> parts, rows::ListParts(reader, name));
  for (const std::string& part : parts) {
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, part));
    if (record.referring().body() == body) return ProtectedIsUnlinked(name);
    follow_ups.push_back({part, command::Detach{}, /*by_system=*/true});
  }
  return absl::OkStatus();
}

absl::Status NamingOpenParts(const store::Reader& reader, const ReferralRecord& record,
                             const absl::Status& refusal) {
  if (error::ReasonOf(refusal) != "PARTS_OPEN") return refusal;
  WAYPOST_ASSIGN_OR_RETURN(const auto open, OpenPartsOf(reader, record.name(), record.case_holding_body()));
  return open.empty() ? refusal : PartsOpenFrom(record.name(), static_cast<int>(open.size()), open.front());
}

absl::Status FillParts(const store::Reader& reader, const ReferralRecord& record,
                       const policy::Authorized& as, v1::Referral& view) {
  const std::string& body = as.caller().body;
  const bool side = as.Is(policy::Relation::kReferring) || as.Is(policy::Relation::kReceiving);
  if (!side || IsEnd(record.state()) || record.case_holding_body() == body) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto open, OpenPartsOf(reader, record.name(), body));
  view.set_open_part_count(static_cast<int>(open.size()));
  return absl::OkStatus();
}

}  // namespace waypost::referral
