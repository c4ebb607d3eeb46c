#include "services/referral/referral_view.h"

#include <algorithm>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/programme_rules.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"

namespace waypost::referral {
namespace {

using policy::Relation;

bool WasSent(const ReferralRecord& record) {
  return record.has_submit_time();
}

bool IsCut(const ReferralRecord& record) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
}

bool IsAccepted(const ReferralRecord& record) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
}

bool HasScreening(const ReferralRecord& record) {
  return IsAccepted(record) || record.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING;
}

void AddOwnHands(const v1::Side& side, const policy::Caller& caller, policy::Relations& relations) {
  if (caller.MemberOf(side.unit())) relations.Add(Relation::kUnitMember);
  if (!side.assignee().empty() && side.assignee() == caller.actor) relations.Add(Relation::kAssignee);
}

// A side as the other side and coordinating bodies see it.
void CopySide(const v1::Side& from, bool own, v1::Side& to) {
  to.set_body(from.body());
  to.set_unit(from.unit());
  if (own) to.set_assignee(from.assignee());
}

// What the receiving body may know of a person before it accepts.
void CopyScreenedPerson(const v1::Person& from, v1::Person& to) {
  to.set_number(from.number());
  to.set_age_band(from.age_band());
  *to.mutable_languages() = from.languages();
  to.set_interpreter_language(from.interpreter_language());
  *to.mutable_accessibility_needs() = from.accessibility_needs();
}

// The receiving body gives outcomes: who voided one is shown to it alone.
void HideWhoVoided(v1::Referral& view) {
  for (v1::Person& person : *view.mutable_persons()) {
    for (v1::VoidedOutcome& wrong : *person.mutable_voided_outcomes()) {
      wrong.mutable_voided()->clear_actor();
    }
  }
}

void CopyPersons(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view) {
  if (as.Is(Relation::kReferring)) {
    if (record.has_referring_erase_time()) return;
    *view.mutable_persons() = record.persons();
    if (!as.Is(Relation::kReceiving)) HideWhoVoided(view);
    return;
  }
  if (!as.Is(Relation::kReceiving) || !HasScreening(record)) return;
  for (const v1::Person& person : record.persons()) {
    if (IsAccepted(record)) {
      *view.add_persons() = person;
    } else {
      CopyScreenedPerson(person, *view.add_persons());
    }
  }
}

// May the caller see the name of the referral that this one continues? Of a protected one, the side that sent
// it on has the readers of the one before.
bool KnowsWhence(const ReferralRecord& record, const policy::Authorized& as) {
  return !IsProtected(record) || (as.Is(Relation::kReferring) && as.Is(Relation::kReader));
}

// Ground and readers to its readers; to whom is to name them, that it is protected.
void CopyProtection(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view) {
  if (!IsProtected(record)) return;
  v1::Protection& protection = *view.mutable_protection();
  *protection.mutable_protect_time() = record.protection().protect_time();
  if (!Reads(record, as)) return;
  protection.set_ground(record.protection().ground());
  if (as.Is(Relation::kReferring)) {
    *protection.mutable_referring_readers() = ReadersOf(record, v1::PARTY_REFERRING);
  } else {
    *protection.mutable_receiving_readers() = ReadersOf(record, v1::PARTY_RECEIVING);
  }
}

// What every party may see.
void CopyMetadata(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view) {
  view.set_name(record.name());
  view.set_etag(api::EtagOf(record.revision()));
  view.set_revision(record.revision());
  view.set_state(record.state());
  view.set_theme(record.theme());
  view.set_priority(record.priority());
  CopySide(record.referring(), as.Is(Relation::kReferring), *view.mutable_referring());
  CopySide(record.receiving(), as.Is(Relation::kReceiving), *view.mutable_receiving());
  view.set_coordinating_body(record.coordinating_body());
  view.set_case_holding_body(record.case_holding_body());
  view.set_territory(record.territory());
  if (record.has_create_time()) *view.mutable_create_time() = record.create_time();
  if (record.has_submit_time()) *view.mutable_submit_time() = record.submit_time();
  if (record.has_update_time()) *view.mutable_update_time() = record.update_time();
  if (record.has_end_time()) *view.mutable_end_time() = record.end_time();
  if (record.has_due()) *view.mutable_due() = record.due();
  *view.mutable_hops() = record.hops();
  for (v1::Hop& hop : *view.mutable_hops()) {
    // Those before that had readers of their own.
    const bool own = KnowsWhence(record, as) && hop.referral() == record.forwarded_from();
    if (IsProtected(record) && !own) hop.clear_referral();
  }
  view.set_questions_asked(record.questions_asked());
  if (record.has_decline()) {
    *view.mutable_decline() = record.decline();
    view.mutable_decline()->clear_missing_documents();  // of the two sides: CopyDocuments
  }
  if (record.has_due_reminder_time()) *view.mutable_due_reminder_time() = record.due_reminder_time();
  view.set_competence_ruled(record.competence_ruled());
}

void CopyStart(const ReferralRecord& record, v1::Referral& view) {
  if (!IsOpen(record.state())) return;
  if (NaturalDue(record).clock() == v1::CLOCK_START) {
    *view.mutable_start_due_time() = NaturalDue(record).time();
  }
  if (record.has_start_due_time()) *view.mutable_start_due_time() = record.start_due_time();
}

void CopySilence(const ReferralRecord& record, absl::Time now, v1::Referral& view) {
  const bool due = IsOverdue(record, now);
  if (!due && !IsStartOverdue(record, now)) return;
  v1::Silence& silence = *view.mutable_silence();
  silence.set_clock(due ? record.due().clock() : v1::CLOCK_START);
  silence.set_party(due ? record.due().party() : v1::PARTY_RECEIVING);
  *silence.mutable_since_time() = due ? record.due().time() : record.start_due_time();
  if (due && record.has_escalate_time()) *silence.mutable_escalate_time() = record.escalate_time();
  if (!due && record.has_start_escalate_time()) {
    *silence.mutable_escalate_time() = record.start_escalate_time();
  }
  if (const auto lapse = LapseTime(record); lapse.has_value()) {
    *silence.mutable_lapse_time() = api::ToTimestamp(*lapse);
  }
  silence.set_repeated_reminder_count(record.repeated_reminder_count());
  if (record.has_last_repeated_reminder_time()) {
    *silence.mutable_last_repeated_reminder_time() = record.last_repeated_reminder_time();
  }
  silence.set_reminder_count(record.reminder_count());
  if (record.has_last_reminder_time()) *silence.mutable_last_reminder_time() = record.last_reminder_time();
}

// Who voided it is shown to that body alone.
void CopyVoiding(const v1::Voiding& from, bool own, v1::Voiding& to) {
  to = from;
  if (!own) to.clear_actor();
}

// The receiving body makes them.
void CopyAppointments(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view) {
  *view.mutable_appointments() = record.appointments();
  for (v1::Appointment& appointment : *view.mutable_appointments()) {
    if (appointment.has_voided() && !as.Is(Relation::kReceiving)) appointment.mutable_voided()->clear_actor();
  }
}

// What the two sides see besides.
void CopyCourse(const ReferralRecord& record, const policy::Authorized& as, v1::Referral& view) {
  view.set_offer(record.offer());
  if (record.has_telephone_handover()) *view.mutable_telephone_handover() = record.telephone_handover();
  if (record.has_date_proposal()) *view.mutable_date_proposal() = record.date_proposal();
  if (record.has_forward_proposal()) *view.mutable_forward_proposal() = record.forward_proposal();
  const bool hand_over = record.forwarded_how() == v1::HOP_KIND_HAND_OVER;
  bool knows_next = as.Is(Relation::kReferring) || hand_over;
  // Of a protected referral those alone who read the other one, too.
  if (IsProtected(record)) knows_next = hand_over != as.Is(Relation::kReferring);
  if (KnowsWhence(record, as)) view.set_forwarded_from(record.forwarded_from());
  if (knows_next) view.set_forwarded_to(record.forwarded_to());
  if (as.Is(Relation::kReferring)) {
    view.set_part_of(record.part_of());
    *view.mutable_case_persons() = record.case_persons();
  }
  if (record.case_holding_body() == as.caller().body) view.set_open_part_count(record.open_part_count());
  view.set_place_taken(record.place_taken());
  if (record.has_waiting()) *view.mutable_waiting() = record.waiting();
  *view.mutable_places() = record.places();
  view.set_content_hash(record.content_hash());
  *view.mutable_receipts() = record.receipts();
  view.set_cancel_reason(record.cancel_reason());
  view.set_hold_reason(record.hold_reason());
  const bool referring = as.Is(Relation::kReferring);
  if (referring || HasScreening(record)) CopyAppointments(record, as, view);
  const v1::Party own = referring ? v1::PARTY_REFERRING : v1::PARTY_RECEIVING;
  if (const auto* const approval = ApprovalOf(record, own)) *view.mutable_approval() = *approval;
  // The paths of a body are its own, and go with what it holds.
  if (referring && !record.has_referring_erase_time()) view.set_path(record.path());
  if (referring) view.set_breach(record.breach());
  view.set_erased(referring ? record.has_referring_erase_time() : record.has_receiving_erase_time());
  if (record.has_programme_end()) *view.mutable_programme_end() = record.programme_end();
}

// What was required, and what of it is asked for or missing.
void CopyDocuments(const ReferralRecord& record, v1::Referral& view) {
  *view.mutable_required_documents() = record.required_documents();
  if (record.state() == kNeedsInfo) *view.mutable_asked_documents() = record.asked_documents();
  if (record.has_decline()) {
    *view.mutable_decline()->mutable_missing_documents() = record.decline().missing_documents();
  }
}

bool IsSide(const policy::Authorized& as) {
  return as.Is(Relation::kReferring) || as.Is(Relation::kReceiving);
}

}  // namespace

policy::Relations RelationsOf(const ReferralRecord& record, const policy::Caller& caller) {
  policy::Relations relations;
  if (record.state() == kNothing || caller.body.empty()) return relations;
  if (IsProtected(record)) return RelationsToProtected(record, caller);
  if (record.referring().body() == caller.body) {
    relations.Add(Relation::kReferring);
    AddOwnHands(record.referring(), caller, relations);
  }
  if (!WasSent(record)) return relations;
  if (record.receiving().body() == caller.body && !IsCut(record)) {
    relations.Add(Relation::kReceiving);
    AddOwnHands(record.receiving(), caller, relations);
  }
  // Where nobody is appointed, the referring body's own supervisors watch over it.
  const std::string& coordinating =
      record.coordinating_body().empty() ? record.referring().body() : record.coordinating_body();
  if (coordinating == caller.body) relations.Add(Relation::kCoordinating);
  return relations;
}

bool IsSideOf(const ReferralRecord& record, std::string_view body) {
  return record.referring().body() == body || record.receiving().body() == body;
}

bool MayRead(const ReferralRecord& record, const policy::Caller& caller) {
  return policy::Authorize(kGetReferral, caller, RelationsOf(record, caller), record.name()).ok();
}

policy::Relations RelationsToNew(std::string_view unit, bool is_protected, const policy::Caller& caller) {
  policy::Relations relations = {Relation::kReferring};
  if (is_protected) relations.Add(Relation::kReader);
  if (unit.empty() || caller.MemberOf(unit)) relations.Add(Relation::kUnitMember);
  return relations;
}

policy::Relations RelationsToOwnBody() {
  return {Relation::kOwnBody};
}

std::vector<std::string> AllowedActions(const ReferralRecord& record, const policy::Authorized& as,
                                        absl::Time now) {
  std::vector<std::string> actions;
  const Actors actors = ActorsOf(as.relations());
  for (const Transition& row : Transitions()) {
    if (!row.from.Has(record.state()) || !actors.Has(row.actor)) continue;
    const policy::MethodRule* rule = RuleOf(row.event);
    if (rule == nullptr || rule->Allows(as.caller().roles, as.relations()).empty()) continue;
    if (!Reads(record, as) && !NamesReaders(row.event)) continue;
    if (RefusalOf(row.guard, record, row.actor, as.caller().actor, now) != nullptr) continue;
    if (row.event == Event::kUpdate && IsDraftOfStep(record)) continue;
    actions.emplace_back(EventName(row.event));
  }
  return actions;
}

v1::Referral ToReferral(const ReferralRecord& record, const policy::Authorized& as, absl::Time now) {
  v1::Referral view;
  FillReferral(record, as, now, view);
  return view;
}

void FillReferral(const ReferralRecord& record, const policy::Authorized& as, absl::Time now,
                  v1::Referral& view) {
  view.Clear();
  CopyMetadata(record, as, view);
  CopyStart(record, view);
  CopySilence(record, now, view);
  CopyProtection(record, as, view);
  if (IsSide(as) && Reads(record, as)) {
    CopyCourse(record, as, view);
    CopyDocuments(record, view);
    CopyPersons(record, as, view);
    CopyRights(record, as, view);
  }
  for (std::string& action : AllowedActions(record, as, now)) view.add_allowed_actions(std::move(action));
}

v1::Myself ToMyself(const policy::Caller& caller) {
  v1::Myself myself;
  myself.set_body(caller.body);
  myself.set_actor(caller.actor);
  for (int i = 0; i < policy::kRoleCount; ++i) {
    const auto role = static_cast<policy::Role>(i);
    if (caller.roles.Has(role)) myself.add_roles(std::string(policy::RoleName(role)));
  }
  for (const std::string& unit : caller.units) myself.add_units(unit);
  if (caller.expires < absl::InfiniteFuture()) {
    *myself.mutable_expire_time() = api::ToTimestamp(caller.expires);
  }
  return myself;
}

v1::ReferralSummary ToSummary(const ReferralRecord& record, const policy::Caller& caller) {
  v1::ReferralSummary summary;
  summary.set_name(record.name());
  summary.set_etag(api::EtagOf(record.revision()));
  summary.set_revision(record.revision());
  summary.set_state(record.state());
  summary.set_theme(record.theme());
  summary.set_priority(record.priority());
  const bool referring = record.referring().body() == caller.body;
  CopySide(record.referring(), referring, *summary.mutable_referring());
  CopySide(record.receiving(), record.receiving().body() == caller.body, *summary.mutable_receiving());
  // A row is not written anew when the case moves on elsewhere.
  if (record.state() != kForwarded) summary.set_case_holding_body(record.case_holding_body());
  summary.set_territory(record.territory());
  const bool side = referring || record.receiving().body() == caller.body;
  if (referring || (side && HasScreening(record))) summary.set_person_count(record.persons_size());
  if (record.has_submit_time()) *summary.mutable_submit_time() = record.submit_time();
  if (record.has_update_time()) *summary.mutable_update_time() = record.update_time();
  if (record.has_due()) *summary.mutable_due() = record.due();
  if (IsEscalated(record)) {
    *summary.mutable_escalate_time() =
        record.has_escalate_time() ? record.escalate_time() : record.start_escalate_time();
  }
  summary.set_coordinating_body(record.coordinating_body());
  summary.set_is_protected(IsProtected(record));
  if (side)
    summary.set_rights_owed(AnswersOwed(record, referring ? v1::PARTY_REFERRING : v1::PARTY_RECEIVING));
  return summary;
}

std::vector<v1::SectionKind> OpenSections(const ReferralRecord& record, const policy::Authorized& as) {
  std::vector<v1::SectionKind> open;
  for (const v1::SectionKind section :
       {v1::SECTION_KIND_SCREENING, v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS}) {
    if (CheckMayOpen(record, {section}, as).ok()) open.push_back(section);
  }
  return open;
}

absl::Status CheckMayOpen(const ReferralRecord& record, const std::vector<v1::SectionKind>& sections,
                          const policy::Authorized& as, std::string_view method) {
  const bool referring = as.Is(Relation::kReferring);
  if (!IsSide(as)) return error::PermissionDenied(method, "only the two sides may open sections");
  WAYPOST_RETURN_IF_ERROR(CheckReads(record, as));
  if (referring ? record.has_referring_erase_time() : record.has_receiving_erase_time()) {
    return ShareErased(record.name());
  }
  if (!referring && !HasScreening(record)) return AccessEnded(record.name());
  for (const v1::SectionKind section : sections) {
    if (!referring && !IsAccepted(record) && section != v1::SECTION_KIND_SCREENING) {
      return NotYetDisclosed(record.name());
    }
    if (section == v1::SECTION_KIND_ALERTS) WAYPOST_RETURN_IF_ERROR(CheckOpensAlerts(as.caller(), method));
  }
  return absl::OkStatus();
}

absl::Status CheckOpensAlerts(const policy::Caller& caller, std::string_view method) {
  if (caller.roles.Has(policy::Role::kSafeguardingOfficer)) return absl::OkStatus();
  return error::PermissionDenied(method, "safeguarding alerts need the role safeguarding_officer");
}

bool MayKnowNote(const ReferralRecord& record, const storage::v1::NoteRecord& note,
                 const policy::Authorized& as) {
  if (!IsSide(as) || !Reads(record, as)) return false;
  if (as.Is(Relation::kReferring) ? record.has_referring_erase_time() : record.has_receiving_erase_time()) {
    return false;
  }
  if (note.body() == as.caller().body && note.visibility() == v1::NOTE_VISIBILITY_OWN_SIDE) return true;
  if (note.visibility() != v1::NOTE_VISIBILITY_BOTH_SIDES) return false;
  return as.Is(Relation::kReferring) || HasScreening(record);
}

bool MayOpenNote(const ReferralRecord& record, const storage::v1::NoteRecord& note,
                 const policy::Authorized& as) {
  return MayKnowNote(record, note, as) && (!note.has_voided() || note.body() == as.caller().body);
}

v1::Note ToNote(const ReferralRecord& record, const storage::v1::NoteRecord& note,
                const policy::Caller& caller) {
  v1::Note view;
  view.set_name(base::Cat(record.name(), "/notes/", note.number()));
  view.set_kind(note.kind());
  view.set_visibility(note.visibility());
  view.set_body(note.body());
  if (note.body() == caller.body) view.set_actor(note.actor());
  *view.mutable_create_time() = note.create_time();
  view.set_event(note.event());
  if (note.has_voided()) CopyVoiding(note.voided(), note.body() == caller.body, *view.mutable_voided());
  return view;
}

v1::HistoryEntry ToHistoryEntry(const storage::v1::HistoryRecord& entry, const policy::Caller& caller) {
  v1::HistoryEntry view;
  view.set_revision(entry.revision());
  view.set_event(entry.event());
  view.set_state(entry.state());
  *view.mutable_time() = entry.time();
  view.set_body(entry.body());
  if (entry.body() == caller.body) view.set_actor(entry.actor());
  view.set_out_of_order_reason(entry.out_of_order_reason());
  view.set_voided_entry(entry.voided_entry());
  view.set_void_reason(entry.void_reason());
  return view;
}

bool MayKnow(const storage::v1::HistoryRecord& entry, const policy::Authorized& as) {
  return entry.event() != EventName(Event::kDetach) || as.Is(Relation::kReferring);
}

std::vector<std::string> PartiesOf(const ReferralRecord& before, const Decision& decision) {
  const bool others_know = decision.event != Event::kDetach;
  if (others_know || IsProtected(decision.next)) return PartiesOf(before, decision.next);
  return {decision.next.referring().body()};
}

std::vector<std::string> PartiesOf(const ReferralRecord& before, const ReferralRecord& after) {
  if (IsProtected(after)) return {};
  std::vector<std::string> parties;
  const auto add = [&parties](const std::string& body) {
    if (body.empty() || std::find(parties.begin(), parties.end(), body) != parties.end()) return;
    parties.push_back(body);
  };
  const auto add_all = [&add](const ReferralRecord& record, bool cut) {
    add(record.referring().body());
    if (!WasSent(record)) return;
    if (!cut) add(record.receiving().body());
    add(record.coordinating_body());
  };
  add_all(after, IsCut(before) && IsCut(after));
  // Of a draft the other side knows nothing, and whom it was for may change.
  if (before.state() != kNothing && WasSent(before)) add_all(before, IsCut(before));
  return parties;
}

}  // namespace waypost::referral
