#include "services/referral/breach_rules.h"

#include <algorithm>
#include <utility>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Relation;
using storage::v1::ReferralRecord;

// --- Facts
// What the receiving body could open, whatever it did open.
void AddOpenSections(const ReferralRecord& before, v1::Breach& breach) {
  const bool full = before.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
  if (!full && before.receiver_access() != storage::v1::RECEIVER_ACCESS_SCREENING) return;
  breach.add_open_sections(v1::SECTION_KIND_SCREENING);
  if (!full) return;
  for (const v1::SectionKind kind : {v1::SECTION_KIND_DETAILS, v1::SECTION_KIND_ALERTS}) {
    const bool disclosed =
        std::any_of(before.persons().begin(), before.persons().end(), [kind](const v1::Person& person) {
          const auto& sections = person.disclosure().sections();
          return std::find(sections.begin(), sections.end(), static_cast<int>(kind)) != sections.end();
        });
    if (disclosed) breach.add_open_sections(kind);
  }
}

// The first of its kind: of whichever sending to that body, and of the last one also where another body stood
// in its place then. Receipts are in the order of their times.
void CopyReceipts(const ReferralRecord& before, v1::Breach& breach) {
  int last_sent = before.receipts_size();
  for (int i = 0; i < before.receipts_size(); ++i) {
    if (before.receipts(i).kind() == v1::TRANSPORT_RECEIPT_KIND_RECEIVED) last_sent = i;
  }
  for (int i = 0; i < before.receipts_size(); ++i) {
    const v1::TransportReceipt& receipt = before.receipts(i);
    if (i < last_sent && receipt.body() != before.receiving().body()) continue;
    if (receipt.kind() == v1::TRANSPORT_RECEIPT_KIND_DELIVERED && !breach.has_deliver_time()) {
      *breach.mutable_deliver_time() = receipt.time();
    }
    if (receipt.kind() == v1::TRANSPORT_RECEIPT_KIND_READ && !breach.has_read_time()) {
      *breach.mutable_read_time() = receipt.time();
    }
  }
}

v1::BreachEntry& AddEntry(std::string_view action, std::string_view body, absl::Time now,
                          v1::Breach& breach) {
  v1::BreachEntry& entry = *breach.add_entries();
  entry.set_action(std::string(action));
  entry.set_body(std::string(body));
  *entry.mutable_record_time() = api::ToTimestamp(now);
  return entry;
}

// --- Steps
// The next revision, in the state after the act, with an entry of it.
absl::StatusOr<BreachRecord> Begin(const BreachRecord& record, BreachAct act, const BreachStep& step) {
  const v1::Breach& breach = record.breach();
  if (!Takes(breach.state(), act)) {
    return error::InvalidTransition(breach.name(), BreachStateName(breach.state()), BreachActName(act),
                                    AllowedBreachActs(breach.state()));
  }
  const bool needed = act == BreachAct::kClose || OwedToClose(record) == BreachActName(act);
  if (breach.entries_size() >= kMaxBreachEntries && !needed) {
    return error::LimitExceeded("entries of a breach", kMaxBreachEntries, breach.entries_size() + 1);
  }
  BreachRecord next = record;
  v1::Breach& changed = *next.mutable_breach();
  changed.set_state(After(breach.state(), act));
  changed.set_revision(breach.revision() + 1);
  const absl::Time now = api::NotBefore(step.now, breach);
  *changed.mutable_update_time() = api::ToTimestamp(now);
  AddEntry(BreachActName(act), step.by.body, now, changed).set_actor(step.by.actor);
  return next;
}

v1::BreachEntry& LastEntry(BreachRecord& record) {
  v1::Breach& breach = *record.mutable_breach();
  return *breach.mutable_entries(breach.entries_size() - 1);
}

absl::Status CheckTime(std::string_view field, absl::Time time, const BreachRecord& record, absl::Time now) {
  if (time > now) return error::InvalidField(field, "must not be in the future");
  if (time >= api::FromTimestamp(record.breach().send_time())) return absl::OkStatus();
  return error::InvalidField(field, "must not be before the referral was sent, the breach's send_time");
}

absl::Status CheckDelay(const BreachRecord& record, const v1::RecordBreachNotificationRequest& request) {
  const bool late =
      api::FromTimestamp(request.notify_time()) > api::FromTimestamp(record.breach().notify_by_time());
  const bool reasoned = request.delay_reason() != v1::BREACH_DELAY_REASON_UNSPECIFIED;
  if (late == reasoned) return absl::OkStatus();
  return error::InvalidField("delay_reason", late ? "is required: that was later than notify_by_time"
                                                  : "is for a notification later than notify_by_time");
}

// --- Requests
bool IsFileNumber(std::string_view text) {
  bool digit = false;
  for (const char c : text) {
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_digit && !is_letter && std::string_view("-/._").find(c) == std::string_view::npos) return false;
    digit = digit || is_digit;
  }
  return digit && text.size() <= kMaxBreachReferenceBytes;
}

template <typename Request>
error::FieldViolations CheckNamed(const Request& request) {
  constexpr size_t kMaxEtagBytes = 64;
  error::FieldViolations wrong;
  if (!api::IsName(request.name(), {"breaches"})) {
    wrong.Add("name", "must be the name of a breach, 'breaches/{id}'");
  }
  if constexpr (requires { request.etag(); }) {
    if (request.etag().size() > kMaxEtagBytes) wrong.Add("etag", "is none that was returned to you");
  }
  return wrong;
}

void CheckEnum(std::string_view field, int value, bool valid, bool required, error::FieldViolations& wrong) {
  if (required && value == 0) wrong.Add(field, "is required");
  if (!valid) wrong.Add(field, "must be a known value");
}

}  // namespace

BreachRecord NewBreach(const ReferralRecord& before, std::string name, int passed_on,
                       const policy::Caller& by, absl::Time now) {
  BreachRecord record;
  record.set_format_version(kBreachFormat);
  record.set_is_protected(IsProtected(before));
  v1::Breach& breach = *record.mutable_breach();
  breach.set_name(std::move(name));
  breach.set_revision(1);
  breach.set_state(v1::BREACH_STATE_OPEN);
  breach.set_body(before.referring().body());
  breach.set_referral(before.name());
  breach.set_wrong_body(before.receiving().body());
  *breach.mutable_send_time() = before.submit_time();
  *breach.mutable_discover_time() = api::ToTimestamp(now);
  *breach.mutable_notify_by_time() = api::ToTimestamp(now + kBreachNoticeWithin);
  AddOpenSections(before, breach);
  // Who was taken out of it had been sent as well.
  breach.set_person_count(before.persons_size() + before.withdrawn_persons_size());
  CopyReceipts(before, breach);
  breach.set_passed_on_count(passed_on);
  *breach.mutable_update_time() = api::ToTimestamp(now);
  AddEntry("OPEN", by.body, now, breach).set_actor(by.actor);
  return record;
}

absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record, const v1::AssessBreachRequest& request,
                                      const BreachStep& step) {
  WAYPOST_ASSIGN_OR_RETURN(BreachRecord next, Begin(record, BreachAct::kAssess, step));
  v1::BreachEntry& entry = LastEntry(next);
  entry.set_risk(request.risk());
  entry.set_risk_reason(request.risk_reason());
  next.mutable_breach()->set_risk(request.risk());
  next.mutable_breach()->set_risk_reason(request.risk_reason());
  // Why nobody was notified was reasoned for less.
  const bool rises = request.risk() == v1::BREACH_RISK_HIGH_RISK && record.breach().risk() != request.risk();
  if (rises) next.mutable_breach()->clear_omission_reason();
  next.mutable_breach()->clear_close_time();
  return next;
}

absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record,
                                      const v1::RecordBreachNotificationRequest& request,
                                      const BreachStep& step) {
  WAYPOST_ASSIGN_OR_RETURN(BreachRecord next, Begin(record, BreachAct::kNotify, step));
  v1::BreachEntry& entry = LastEntry(next);
  v1::Breach& breach = *next.mutable_breach();
  breach.clear_notify_time();
  if (request.has_notify_time()) {
    WAYPOST_RETURN_IF_ERROR(
        CheckTime("notify_time", api::FromTimestamp(request.notify_time()), record, step.now));
    WAYPOST_RETURN_IF_ERROR(CheckDelay(record, request));
    *entry.mutable_event_time() = request.notify_time();
    *breach.mutable_notify_time() = request.notify_time();
  }
  entry.set_reference(request.reference());
  entry.set_delay_reason(request.delay_reason());
  entry.set_omission_reason(request.omission_reason());
  breach.set_notification_reference(request.reference());
  breach.set_delay_reason(request.delay_reason());
  breach.set_omission_reason(request.omission_reason());
  return next;
}

absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record, const v1::RecordPersonsToldRequest& request,
                                      const BreachStep& step) {
  WAYPOST_ASSIGN_OR_RETURN(BreachRecord next, Begin(record, BreachAct::kTell, step));
  WAYPOST_RETURN_IF_ERROR(CheckTime("tell_time", api::FromTimestamp(request.tell_time()), record, step.now));
  v1::BreachEntry& entry = LastEntry(next);
  *entry.mutable_event_time() = request.tell_time();
  entry.set_informed_how(request.informed_how());
  *next.mutable_breach()->mutable_tell_time() = request.tell_time();
  return next;
}

absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record,
                                      const v1::RecordBreachDeletionRequest& request,
                                      const BreachStep& step) {
  WAYPOST_ASSIGN_OR_RETURN(BreachRecord next, Begin(record, BreachAct::kConfirmDeletion, step));
  WAYPOST_RETURN_IF_ERROR(
      CheckTime("confirm_time", api::FromTimestamp(request.confirm_time()), record, step.now));
  *LastEntry(next).mutable_event_time() = request.confirm_time();
  *next.mutable_breach()->mutable_deletion_time() = request.confirm_time();
  return next;
}

absl::StatusOr<BreachRecord> Recorded(const BreachRecord& record, const v1::CloseBreachRequest&,
                                      const BreachStep& step) {
  WAYPOST_ASSIGN_OR_RETURN(BreachRecord next, Begin(record, BreachAct::kClose, step));
  if (const std::string_view owed = OwedToClose(record); !owed.empty()) {
    return BreachNotAnswered(record.breach().name(), owed);
  }
  *next.mutable_breach()->mutable_close_time() = next.breach().update_time();
  return next;
}

BreachRecord Succeeded(const BreachRecord& record, std::string_view body, absl::Time now) {
  BreachRecord next = record;
  v1::Breach& breach = *next.mutable_breach();
  now = api::NotBefore(now, record.breach());
  breach.set_body(std::string(body));
  breach.set_revision(breach.revision() + 1);
  *breach.mutable_update_time() = api::ToTimestamp(now);
  AddEntry("SUCCEED", body, now, breach);
  return next;
}

bool IsAnswered(const BreachRecord& record) {
  const v1::Breach& breach = record.breach();
  if (breach.risk() == v1::BREACH_RISK_UNSPECIFIED) return false;
  return breach.risk() == v1::BREACH_RISK_NONE || breach.has_notify_time() ||
         breach.omission_reason() != v1::BREACH_OMISSION_REASON_UNSPECIFIED;
}

std::string_view OwedToClose(const BreachRecord& record) {
  const v1::Breach& breach = record.breach();
  if (breach.risk() == v1::BREACH_RISK_UNSPECIFIED) return BreachActName(BreachAct::kAssess);
  if (!IsAnswered(record)) return BreachActName(BreachAct::kNotify);
  const bool told = breach.risk() != v1::BREACH_RISK_HIGH_RISK || breach.has_tell_time();
  return told ? std::string_view() : BreachActName(BreachAct::kTell);
}

policy::Relations RelationsToBreach(const BreachRecord& record, const ReferralRecord& referral,
                                    const policy::Caller& caller) {
  if (caller.body.empty() || caller.body != record.breach().body()) return {};
  if (!record.is_protected()) return {Relation::kReferring};
  const policy::Relations relations = RelationsOf(referral, caller);
  const bool reads = relations.Has(Relation::kReader) && relations.Has(Relation::kReferring);
  return reads ? relations : policy::Relations();
}

v1::Breach ToBreach(const BreachRecord& record) {
  v1::Breach breach = record.breach();
  breach.set_etag(api::EtagOf(breach.revision()));
  for (std::string& act : AllowedBreachActs(breach.state())) {
    if (act == BreachActName(BreachAct::kClose) && !OwedToClose(record).empty()) continue;
    breach.add_allowed_actions(std::move(act));
  }
  return breach;
}

absl::Status Validate(const v1::GetBreachRequest& request) {
  return CheckNamed(request).ToStatus();
}

absl::Status Validate(const v1::ListBreachesRequest& request) {
  error::FieldViolations wrong;
  if (request.page_size() < 0) wrong.Add("page_size", "must not be negative");
  if (request.page_token().size() > kMaxPageTokenBytes) {
    wrong.Add("page_token", "is none that was returned to you");
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::AssessBreachRequest& request) {
  error::FieldViolations wrong = CheckNamed(request);
  CheckEnum("risk", request.risk(), v1::BreachRisk_IsValid(request.risk()), true, wrong);
  CheckEnum("risk_reason", request.risk_reason(), v1::BreachRiskReason_IsValid(request.risk_reason()), true,
            wrong);
  return wrong.ToStatus();
}

absl::Status Validate(const v1::RecordBreachNotificationRequest& request) {
  error::FieldViolations wrong = CheckNamed(request);
  const bool omitted = request.omission_reason() != v1::BREACH_OMISSION_REASON_UNSPECIFIED;
  if (omitted == request.has_notify_time()) {
    wrong.Add("notify_time", "or omission_reason is required, and not both");
  }
  CheckEnum("omission_reason", request.omission_reason(),
            v1::BreachOmissionReason_IsValid(request.omission_reason()), false, wrong);
  CheckEnum("delay_reason", request.delay_reason(), v1::BreachDelayReason_IsValid(request.delay_reason()),
            false, wrong);
  const bool delayed = request.delay_reason() != v1::BREACH_DELAY_REASON_UNSPECIFIED;
  if (omitted && delayed) wrong.Add("delay_reason", "is for a notification");
  if (omitted && !request.reference().empty()) wrong.Add("reference", "is for a notification");
  if (!request.reference().empty() && !IsFileNumber(request.reference())) {
    wrong.Add("reference", base::Cat("must be a file number: at most ", kMaxBreachReferenceBytes,
                                     " letters without accents, digits and '-/._', with a digit"));
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::RecordPersonsToldRequest& request) {
  error::FieldViolations wrong = CheckNamed(request);
  if (!request.has_tell_time()) wrong.Add("tell_time", "is required");
  CheckEnum("informed_how", request.informed_how(), v1::InformedHow_IsValid(request.informed_how()), true,
            wrong);
  if (request.informed_how() == v1::INFORMED_HOW_NOT_INFORMED) {
    wrong.Add("informed_how", "must say how they were told");
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::RecordBreachDeletionRequest& request) {
  error::FieldViolations wrong = CheckNamed(request);
  if (!request.has_confirm_time()) wrong.Add("confirm_time", "is required");
  return wrong.ToStatus();
}

absl::Status Validate(const v1::CloseBreachRequest& request) {
  return CheckNamed(request).ToStatus();
}

}  // namespace waypost::referral
