#include "services/referral/referral_change.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <variant>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/rpc/mutate.h"
#include "common/rpc/system_change.h"
#include "common/status/errors.h"
#include "services/referral/breach_ledger.h"
#include "services/referral/correction_ledger.h"
#include "services/referral/enrolment_ledger.h"
#include "services/referral/enrolment_repository.h"
#include "services/referral/entry_voiding.h"
#include "services/referral/group_ledger.h"
#include "services/referral/part_ledger.h"
#include "services/referral/path_ledger.h"
#include "services/referral/path_repository.h"
#include "services/referral/receipt_rows.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_view.h"
#include "services/referral/required_documents.h"
#include "services/referral/rights_repository.h"
#include "services/referral/statistics_counting.h"
#include "services/referral/statistics_rows.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::HistoryRecord;
using storage::v1::NoteRecord;

template <typename... Kinds>
bool IsAnyOf(const Command& command) {
  return (std::holds_alternative<Kinds>(command) || ...);
}

// A right that everybody refuses, or a restriction that is lifted, gives the receiving body what was kept
// back from it.
bool LetsGoOn(const Command& command) {
  const auto* answer = std::get_if<command::AnswerRight>(&command);
  return answer != nullptr &&
         (answer->answer == v1::RIGHT_ANSWER_REFUSED || answer->answer == v1::RIGHT_ANSWER_LIFTED);
}

// The wraps of the case and of those persons whose sections may be given to the receiving body.
std::vector<Wrap> GrantableWraps(const ReferralRecord& record, const std::vector<Wrap>& wraps) {
  std::vector<Wrap> grantable;
  std::copy_if(wraps.begin(), wraps.end(), std::back_inserter(grantable), [&](const Wrap& wrap) {
    if (wrap.person == kCase) return true;
    return FindPerson(record, wrap.person) != nullptr && !IsStopped(record, wrap.person);
  });
  return grantable;
}

Sides SidesOf(const ReferralRecord& record) {
  return {.referring = record.referring().body(),
          .receiving = record.has_submit_time() ? record.receiving().body() : std::string()};
}

bool ReceiverReads(const ReferralRecord& record) {
  return record.receiver_access() == storage::v1::RECEIVER_ACCESS_SCREENING ||
         record.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
}

v1::NoteKind NoteKindOf(const Command& command) {
  if (IsAnyOf<command::RequestInformation>(command)) return v1::NOTE_KIND_QUESTION;
  if (IsAnyOf<command::ProvideInformation>(command)) return v1::NOTE_KIND_ANSWER;
  if (IsAnyOf<command::AddNote>(command)) return v1::NOTE_KIND_NOTE;
  return v1::NOTE_KIND_REASON;
}

rows::Summaries SummariesOf(const ReferralRecord& record) {
  policy::Caller referring;
  referring.body = record.referring().body();
  policy::Caller receiving;
  receiving.body = record.receiving().body();
  rows::Summaries summaries{.outbox = ToSummary(record, referring), .inbox = ToSummary(record, receiving)};
  if (IsEscalated(record) && !record.coordinating_body().empty()) {
    policy::Caller coordinating;
    coordinating.body = record.coordinating_body();
    summaries.coordination = ToSummary(record, coordinating);
  }
  return summaries;
}

enum class Is { kNew, kKnown };

// No search finds what is protected: its own references have no rows that they are found by.
absl::Status WriteContent(store::Writer& writer, Is is, const ReferralRecord& next, std::string_view body,
                          const SealedContent& content) {
  const std::string& name = next.name();
  rows::PutSections(writer, name, content.sections);
  if (content.wraps.empty() && !content.own_reference.has_value()) return absl::OkStatus();
  rows::Holdings holdings = rows::Holdings::OfNew(name);
  if (is == Is::kKnown) {
    WAYPOST_ASSIGN_OR_RETURN(holdings, rows::Holdings::Load(writer, name));
  }
  for (const Wrap& wrap : content.wraps) holdings.Put(wrap);
  for (const rows::PersonLookup& lookup : content.person_lookups) holdings.PutPersonLookup(lookup);
  if (content.own_reference.has_value()) holdings.PutOwnReference(body, *content.own_reference);
  if (IsProtected(next)) holdings.HideFromSearch();
  holdings.Save(writer);
  return absl::OkStatus();
}

// What the request replaces goes first: sections given anew are under a new key, which opens no older ones.
absl::Status DeleteReplaced(store::Writer& writer, std::string_view body, const Asked& asked) {
  if (asked.name.empty()) return absl::OkStatus();
  if (asked.sections != nullptr) {
    for (const v1::PersonSections& person : *asked.sections) {
      WAYPOST_RETURN_IF_ERROR(rows::DeletePerson(writer, asked.name, person.person()));
    }
  }
  if (!asked.clears_own_reference) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, asked.name));
  holdings.EraseOwnReference(body);
  holdings.Save(writer);
  return absl::OkStatus();
}

// What was put right, and what the person is found by from now on.
absl::Status WriteCorrected(store::Writer& writer, const ReferralRecord& next, const Asked& asked,
                            const SealedContent& corrected) {
  if (asked.corrected == nullptr) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(rows::ReplaceSections(writer, next.name(), corrected.sections));
  if (!asked.corrected->has_details()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, next.name()));
  holdings.ErasePersonLookups(
      [&](const rows::PersonLookup& lookup) { return lookup.person == asked.corrected->person(); });
  for (const rows::PersonLookup& lookup : corrected.person_lookups) holdings.PutPersonLookup(lookup);
  if (IsProtected(next)) holdings.HideFromSearch();
  holdings.Save(writer);
  return absl::OkStatus();
}

absl::Status WriteVoided(store::Writer& writer, const Decision& decision) {
  if (!decision.voided.has_value() || decision.voided->note == 0) return absl::OkStatus();
  const std::string& name = decision.next.name();
  WAYPOST_ASSIGN_OR_RETURN(auto note, rows::GetNote(writer, name, decision.voided->note));
  if (!note.has_value()) return error::NotFound(decision.voided->entry);
  *note->mutable_voided() = decision.voided->voiding;
  rows::PutNote(writer, name, *note);
  return absl::OkStatus();
}

// What the rules are to know of the note that is to be void. One that the caller may not know of is
// NOT_FOUND; of what its body wrote, it may.
absl::StatusOr<Command> WithNote(const store::Reader& reader, Command command, const ReferralRecord& current,
                                 const Authorized& as) {
  auto* const entry = std::get_if<command::VoidEntry>(&command);
  if (entry == nullptr || entry->note == 0) return command;
  WAYPOST_ASSIGN_OR_RETURN(const auto note, rows::GetNote(reader, current.name(), entry->note));
  const bool known =
      note.has_value() && (note->body() == as.caller().body || MayKnowNote(current, *note, as));
  if (!known) return error::NotFound(base::Cat(current.name(), "/", NoteEntry(entry->note)));
  entry->note_body = note->body();
  entry->note_void = note->has_voided();
  return command;
}

// Takes from a body the keys that the other side gave it, but for those of `kept`. Section rows stay: others
// hold keys to them.
absl::Status CloseAccess(store::Writer& writer, std::string_view name, std::string_view body,
                         const std::vector<uint32_t>& kept) {
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, name));
  holdings.EraseWraps([&](const Wrap& wrap) {
    const bool stays = std::find(kept.begin(), kept.end(), wrap.person) != kept.end();
    const bool given = wrap.record.scope() != storage::v1::KEY_SCOPE_BODY && !wrap.record.kept_for_hold();
    return wrap.body == body && given && !stays;
  });
  holdings.Save(writer);
  return absl::OkStatus();
}

absl::Status EraseShare(store::Writer& writer, std::string_view name, std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, name));
  holdings.EraseWraps([&](const Wrap& wrap) { return wrap.body == body; });
  holdings.EraseOwnReference(body);
  holdings.ErasePersonLookups([&](const rows::PersonLookup& lookup) { return lookup.body == body; });
  holdings.Save(writer);
  return rows::DeleteNotesOf(writer, name, body);
}

// From now on a body's wraps of that person open nothing; a legal hold keeps them.
void SetAside(uint32_t person, std::string_view body, rows::Holdings& holdings) {
  for (Wrap& wrap : holdings.WrapsOf(body)) {
    if (wrap.person != person) continue;
    wrap.record.set_kept_for_hold(true);
    holdings.Put(wrap);
  }
}

// Takes wraps of single persons: from the receiving body what the other side gave it, from one body its own.
absl::Status CloseAndErasePersons(store::Writer& writer, const ReferralRecord& before,
                                  const Decision& decision) {
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, decision.next.name()));
  for (const uint32_t person : IsInternal(before) ? std::vector<uint32_t>() : decision.closed_persons) {
    holdings.EraseWraps(
        [&](const Wrap& wrap) { return wrap.person == person && wrap.body == before.receiving().body(); });
  }
  for (const uint32_t person : decision.set_aside_persons) {
    SetAside(person, before.receiving().body(), holdings);
  }
  for (const Decision::PersonErasure& erasure : decision.person_erasures) {
    holdings.EraseWraps(
        [&](const Wrap& wrap) { return wrap.person == erasure.person && wrap.body == erasure.body; });
    holdings.ErasePersonLookups([&](const rows::PersonLookup& lookup) {
      return lookup.person == erasure.person && lookup.body == erasure.body;
    });
  }
  holdings.Save(writer);
  return absl::OkStatus();
}

absl::Status ApplyDeletions(store::Writer& writer, const ReferralRecord& before, const Decision& decision) {
  const std::string& name = decision.next.name();
  const Effects& effects = decision.effects;
  // Within one body nothing is closed: the keys are its own.
  const bool internal = IsInternal(before);
  if (effects.Has(Effect::kCloseReceiver) && !internal) {
    WAYPOST_RETURN_IF_ERROR(CloseAccess(writer, name, before.receiving().body(), decision.kept_persons));
  }
  if (effects.Has(Effect::kEraseReferringShare)) {
    WAYPOST_RETURN_IF_ERROR(EraseShare(writer, name, before.referring().body()));
  }
  if (effects.Has(Effect::kEraseReceivingShare)) {
    WAYPOST_RETURN_IF_ERROR(EraseShare(writer, name, before.receiving().body()));
  }
  if (effects.Has(Effect::kDropSections)) {
    WAYPOST_RETURN_IF_ERROR(rows::DeleteContent(writer, name));
    // A body that was cut off can erase nothing itself any more.
    const bool cut = decision.next.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
    if (cut) WAYPOST_RETURN_IF_ERROR(EraseShare(writer, name, before.receiving().body()));
  }
  const bool closes_persons =
      (!decision.closed_persons.empty() && !internal) || !decision.set_aside_persons.empty();
  if (closes_persons || !decision.person_erasures.empty()) {
    WAYPOST_RETURN_IF_ERROR(CloseAndErasePersons(writer, before, decision));
  }
  for (const uint32_t person : decision.removed_persons) {
    WAYPOST_RETURN_IF_ERROR(rows::DeletePerson(writer, name, person));
  }
  return absl::OkStatus();
}

// What a decision did to the groups of offers.
struct GroupNews {
  // The reason, where a place was taken before others on the list.
  v1::OutOfOrderReason out_of_order = v1::OUT_OF_ORDER_REASON_UNSPECIFIED;
  std::string next_on_list;
};

// `as` is null for what the system did.
void WriteHistory(store::Writer& writer, const Authorized* as, const Decision& decision,
                  const GroupNews& news) {
  HistoryRecord entry;
  entry.set_format_version(kRecordFormat);
  entry.set_revision(decision.next.revision());
  entry.set_event(std::string(EventName(decision.event)));
  entry.set_state(decision.next.state());
  *entry.mutable_time() = decision.next.update_time();
  if (as != nullptr) {
    entry.set_body(as->caller().body);
    entry.set_actor(as->caller().actor);
  }
  entry.set_out_of_order_reason(news.out_of_order);
  entry.set_next_on_list(news.next_on_list);
  if (decision.voided.has_value()) {
    entry.set_voided_entry(decision.voided->entry);
    entry.set_void_reason(decision.voided->voiding.reason());
  }
  for (const storage::v1::Counted& counted : decision.counted) *entry.add_counted() = counted;
  rows::PutHistory(writer, decision.next.name(), entry);
}

// What was written of a referral before it was protected, and is found by others. PROTECTED_HAS_NO_GROUP
// where an enrolment names it, of whose place the record may know nothing any longer.
absl::Status Hide(rpc::Mutation& mutation, std::string_view body, const ReferralRecord& next) {
  store::Writer& writer = mutation.writer();
  const auto system = rpc::SystemCaller();
  WAYPOST_ASSIGN_OR_RETURN(const Authorized by_system, AsSystem(*system, next.name()));
  WAYPOST_RETURN_IF_ERROR(LeavePaths(mutation, by_system, next, body));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<EnrolmentRecord> enrolments,
                           rows::EnrolmentsOf(writer, next.name()));
  if (!enrolments.empty()) return ProtectedHasNoGroup(next.name());
  WAYPOST_ASSIGN_OR_RETURN(rows::Holdings holdings, rows::Holdings::Load(writer, next.name()));
  holdings.HideFromSearch();
  holdings.Save(writer);
  for (const storage::v1::RightMarkRecord& mark : next.right_marks()) {
    WAYPOST_RETURN_IF_ERROR(rows::HideInRightsRequest(writer, mark.request(), next.name()));
  }
  return absl::OkStatus();
}

// What becomes of the paths of a referral. Of one that is protected nobody is named: its paths are another
// body's, and know of it no longer.
absl::Status CarryPathsOf(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& before,
                          const ReferralRecord& next) {
  if (!IsProtected(next)) return CarryPaths(mutation, as, before, next);
  const auto system = rpc::SystemCaller();
  WAYPOST_ASSIGN_OR_RETURN(const Authorized by_system, AsSystem(*system, next.name()));
  return CarryPaths(mutation, by_system, before, next);
}

enum class DoneBy { kCaller, kSystem };

// Was it for this person that it was sent? Who names the readers of what is protected, and is none of them,
// has been given nothing.
bool IsForCaller(const ReferralRecord& record, const policy::Caller& caller) {
  if (caller.body != record.receiving().body()) return false;
  const auto& readers = ReadersOf(record, v1::PARTY_RECEIVING);
  return !IsProtected(record) || std::find(readers.begin(), readers.end(), caller.actor) != readers.end();
}

// The receipts that come with a caller's change: a sending is received, and what somebody of the receiving
// body does with it has been delivered. `held` as CommitmentsFor has it.
std::vector<v1::TransportReceipt> TakeReceipts(const Authorized& as, const Commitments& held,
                                               Decision& decision) {
  std::vector<v1::TransportReceipt> receipts;
  ReferralRecord& next = decision.next;
  const absl::Time now = api::FromTimestamp(next.update_time());
  if (IsSending(decision.event, next)) {
    receipts.push_back(BeginReceipts(crypto::Sha256(ContentText(next, held)), now, next));
  } else if (!held.empty()) {
    RenewContentHash(crypto::Sha256(ContentText(next, held)), next);
  }
  if (!IsForCaller(next, as.caller())) return receipts;
  const auto delivered = AddReceipt(v1::TRANSPORT_RECEIPT_KIND_DELIVERED, now, next);
  if (delivered.has_value()) receipts.push_back(*delivered);
  return receipts;
}

// Row, history and event of one decided referral. `held` as CommitmentsFor has it.
absl::StatusOr<GroupNews> WriteDecision(rpc::Mutation& mutation, const Authorized& as, DoneBy by,
                                        const ReferralRecord& before, Decision& decision,
                                        const Commitments& commitments, const Commitments& held) {
  std::vector<v1::TransportReceipt> receipts;
  if (by == DoneBy::kCaller) receipts = TakeReceipts(as, held, decision);
  const ReferralRecord& next = decision.next;
  const bool is_new = before.state() == kNothing;
  GroupNews news;
  WAYPOST_RETURN_IF_ERROR(CountOpenParts(mutation.writer(), before, decision));
  WAYPOST_ASSIGN_OR_RETURN(news.out_of_order, CarryGroups(mutation.writer(), before, decision));
  rows::Put(mutation.writer(), is_new ? nullptr : &before, next, SummariesOf(next));
  const bool passed_on = by == DoneBy::kSystem;
  WAYPOST_RETURN_IF_ERROR(rows::LeaveRightsRequests(mutation.writer(), before, next, passed_on));
  if (!is_new && IsProtected(next) && !IsProtected(before)) {
    const std::string& body = as.caller().body;
    WAYPOST_RETURN_IF_ERROR(UnlinkParts(mutation.writer(), next.name(), body, decision.follow_ups));
    WAYPOST_RETURN_IF_ERROR(Hide(mutation, body, next));
  }
  WAYPOST_RETURN_IF_ERROR(CarryParts(mutation.writer(), before, decision));
  WAYPOST_ASSIGN_OR_RETURN(const auto enrolled, CarryEnrolments(mutation, as, before, decision));
  WAYPOST_RETURN_IF_ERROR(CarryPathsOf(mutation, as, before, next));
  // Whoever reads of a list that a succession left has no part in that list.
  if (decision.event != Event::kSucceed) {
    WAYPOST_ASSIGN_OR_RETURN(news.next_on_list, NextOnList(mutation.writer(), before, next, enrolled));
  }
  WriteHistory(mutation.writer(), by == DoneBy::kCaller ? &as : nullptr, decision, news);
  WAYPOST_RETURN_IF_ERROR(rows::AddCounts(mutation.writer(), next, decision.counted));
  const std::vector<std::string> parties = PartiesOf(before, decision);
  rpc::Change change{.type = EventType(decision.event),
                     .resource = next.name(),
                     .revision = next.revision(),
                     .time = api::FromTimestamp(next.update_time()),
                     .state = StateName(next.state()),
                     .parties = {parties.begin(), parties.end()},
                     .sealed = IsProtected(next)};
  // Revisions of a name begin at 1; the ones before are under the name that everybody knew.
  if (change.sealed) change.revision -= next.protected_since_revision() - 1;
  for (const auto& [name, value] : commitments) change.commitments.emplace_back(name, value);
  // What is received is told with the event that sends it: an event of its own would be as much work again.
  const bool received = !receipts.empty() && receipts.front().kind() == v1::TRANSPORT_RECEIPT_KIND_RECEIVED;
  if (received) change.facts.emplace_back("transport_receipt", ReceiptKindName(receipts.front().kind()));
  // So is another content, once something was put right.
  if (received || next.content_hash() != before.content_hash()) {
    change.commitments.emplace_back("content", next.content_hash());
  }
  for (const auto& [name, code] : decision.facts) change.facts.emplace_back(name, code);
  for (const std::string& party : parties) change.feeds.push_back(FeedOf(party));
  WAYPOST_RETURN_IF_ERROR(mutation.Publish(as, change));
  WAYPOST_RETURN_IF_ERROR(PublishReceipts(mutation, as, next, receipts));
  return news;
}

absl::Status RunFollowUps(rpc::Mutation& mutation, const Authorized& as, const Clockwork& by,
                          const std::vector<FollowUp>& follow_ups, int depth) {
  constexpr int kMaxDepth = 12;  // more than the hops of a chain
  if (depth > kMaxDepth) return absl::InternalError("a chain of referrals is longer than its hops allow");
  if (follow_ups.empty()) return absl::OkStatus();
  const auto system = rpc::SystemCaller();
  for (const FollowUp& follow_up : follow_ups) {
    Authorized doer = as;
    if (follow_up.by_system) {
      WAYPOST_ASSIGN_OR_RETURN(doer, AsSystem(*system, follow_up.referral));
    }
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord current, rows::Get(mutation.writer(), follow_up.referral));
    WAYPOST_ASSIGN_OR_RETURN(const Moment moment, MomentOf(by.bodies, mutation.writer(),
                                                           api::NotBefore(mutation.call().now, current),
                                                           by.clocks, follow_up.command, current));
    WAYPOST_ASSIGN_OR_RETURN(Decision decision, DecideAsSystem(current, follow_up.command, moment));
    WAYPOST_RETURN_IF_ERROR(ApplyDeletions(mutation.writer(), current, decision));
    WAYPOST_RETURN_IF_ERROR(
        WriteDecision(mutation, doer, DoneBy::kSystem, current, decision, {}, {}).status());
    WAYPOST_RETURN_IF_ERROR(RunFollowUps(mutation, doer, by, decision.follow_ups, depth + 1));
  }
  return absl::OkStatus();
}

// By what a referral was passed on: what continues it, hand-overs that were not taken included, and the steps
// of the paths of that side which began from it.
absl::StatusOr<std::vector<std::string>> PassedOn(const store::Reader& reader, std::string_view name,
                                                  rows::LedBy by) {
  WAYPOST_ASSIGN_OR_RETURN(std::vector<std::string> names,
                           rows::ListContinuations(reader, name, kMaxChainReferrals));
  WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> steps, rows::StepsFrom(reader, name, by));
  names.insert(names.end(), steps.begin(), steps.end());
  return names;
}

// A misdirected referral is gone from whomever it was passed on to. Who misdirected it may have what it sent:
// paths of its own go on. Who passed it on never should have had it: of those referrals both sides lose all.
// What the decision of one of them follows by itself is cut when its turn comes. What is protected, and what
// it is reached by alone, the system cuts: by whom it came about would say what hangs together.
// Gives how many of them had been sent on, those that are protected not counted.
absl::StatusOr<int> CutWhatWasPassedOn(rpc::Mutation& mutation, const Authorized& as, const Clockwork& by,
                                       const ReferralRecord& misdirected) {
  std::set<std::string, std::less<>> seen = {misdirected.name()};
  struct PassedBy {
    std::string name;
    bool sealed;  // from what is protected
  };
  std::vector<PassedBy> to_visit;
  int passed_on = 0;
  const auto visit = [&](std::string_view from, rows::LedBy led_by, bool sealed) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(std::vector<std::string> names, PassedOn(mutation.writer(), from, led_by));
    for (std::string& name : names) to_visit.push_back({std::move(name), sealed});
    return absl::OkStatus();
  };
  WAYPOST_RETURN_IF_ERROR(visit(misdirected.name(), rows::LedBy::kReceiving, IsProtected(misdirected)));
  while (!to_visit.empty()) {
    const PassedBy next = std::move(to_visit.back());
    to_visit.pop_back();
    if (!seen.insert(next.name).second) continue;
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(mutation.writer(), next.name));
    const bool cut = record.receiver_access() == storage::v1::RECEIVER_ACCESS_CUT;
    const bool sealed = next.sealed || IsProtected(record);
    WAYPOST_RETURN_IF_ERROR(visit(next.name, rows::LedBy::kEither, sealed));
    if (!sealed && record.has_submit_time()) ++passed_on;
    if (cut) continue;
    std::vector<FollowUp> cuts = {{next.name, command::Misdirected{}, sealed}};
    // The draft of a step was not sent yet; what it took along goes all the same.
    if (record.state() == v1::REFERRAL_STATE_DRAFT) {
      cuts.insert(cuts.begin(), FollowUp{next.name, command::Cancel{v1::CANCEL_REASON_MISDIRECTED}, sealed});
    }
    WAYPOST_RETURN_IF_ERROR(RunFollowUps(mutation, as, by, cuts, 0));
  }
  return passed_on;
}

// What a caller's decision brings about in other referrals. That may have changed this one once more:
// `decision` is then what is stored. What was misdirected is a breach of whoever sent it.
absl::Status RunWhatFollows(rpc::Mutation& mutation, const Authorized& as, const Clockwork& by,
                            const ReferralRecord& before, Decision& decision) {
  WAYPOST_RETURN_IF_ERROR(RunFollowUps(mutation, as, by, decision.follow_ups, 0));
  const bool cuts = decision.event == Event::kMisdirected;
  if (cuts) {
    WAYPOST_ASSIGN_OR_RETURN(const int passed_on, CutWhatWasPassedOn(mutation, as, by, decision.next));
    WAYPOST_RETURN_IF_ERROR(OpenBreach(mutation, as, before, decision.next, passed_on));
  }
  if (decision.follow_ups.empty() && !cuts) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(decision.next, rows::Get(mutation.writer(), decision.next.name()));
  return absl::OkStatus();
}

absl::Status WriteLinked(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& linked,
                         const SealedContent& content) {
  WAYPOST_RETURN_IF_ERROR(
      WriteContent(mutation.writer(), Is::kNew, linked, linked.referring().body(), content));
  WAYPOST_RETURN_IF_ERROR(rows::JoinRightsRequests(mutation.writer(), linked));
  Decision opened{.next = linked, .event = Event::kOpenLinked};
  opened.counted = CountOpened(opened.next);
  return WriteDecision(mutation, as, DoneBy::kCaller, ReferralRecord(), opened, content.commitments,
                       content.commitments)
      .status();
}

// What is created as the request gives it; null where nothing is.
const v1::Referral* CreatedBy(const Command& command) {
  if (const auto* create = std::get_if<command::Create>(&command)) return &create->referral;
  const auto* submit = std::get_if<command::Submit>(&command);
  return submit != nullptr && submit->created != nullptr ? &submit->created->referral : nullptr;
}

bool MakesProtected(const Command& command) {
  const v1::Referral* const created = CreatedBy(command);
  return created != nullptr && created->has_protection();
}

// A name that carries the mark of the caller's body was made by that body, or by nobody.
absl::Status CheckNotTaken(const store::Reader& reader, const Asked& asked) {
  if (asked.client_name.empty()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const bool taken, rows::Has(reader, asked.client_name));
  return taken ? error::AlreadyExists(asked.client_name) : absl::OkStatus();
}

// Of a referral that exists and is sent: what was sealed when it was written.
absl::Status PrepareSending(const rpc::Call& call, const store::Reader& reader, const ReferralRecord& current,
                            const rows::Holdings& holdings, Prepared& prepared) {
  WAYPOST_ASSIGN_OR_RETURN(prepared.sent, StoredCommitments(reader, current.name()));
  if (current.state() != v1::REFERRAL_STATE_DRAFT || IsProtected(current)) return absl::OkStatus();
  // No key is opened for it: who was written with day and month changed over was told with the draft.
  for (const rows::PersonLookup& lookup : holdings.person_lookups()) {
    if (lookup.body != call.caller->body) continue;
    prepared.searches.push_back({lookup.person, v1::DUPLICATE_STRENGTH_SAME, {lookup.lookup}});
  }
  return absl::OkStatus();
}

// For the content hash: to what is sent, or to what the referral holds once something was put right. None
// where it is neither sent nor corrected. REQUIRES: corrections have been written.
absl::StatusOr<Commitments> CommitmentsFor(const store::Reader& reader, const Asked& asked,
                                           const Prepared& prepared) {
  if (asked.corrected != nullptr) return StoredCommitments(reader, asked.name);
  return asked.name.empty() ? prepared.content.commitments : prepared.sent;
}

// Advice on the documents of those whose sections the request gives: what is sealed is opened for no advice.
void TellNotHeld(const Asked& asked, const ReferralRecord& next, v1::Referral& response) {
  if (asked.sections == nullptr) return;
  const Speaks speaks = asked.name.empty() ? Speaks::kOfAll : Speaks::kOfThose;
  for (v1::DocumentsNotHeld& one : NotHeld(next, *asked.sections, speaks)) {
    *response.add_documents_not_held() = std::move(one);
  }
}

// Of the draft of a step: what becomes of the path when it is approved or submitted.
absl::Status CarryStep(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& current,
                       const Command& command) {
  if (!IsDraftOfStep(current)) return absl::OkStatus();
  if (IsAnyOf<command::Approve>(command)) return CarryDraft(mutation, as, current, DraftAct::kApprove);
  if (IsAnyOf<command::Submit>(command)) return CarryDraft(mutation, as, current, DraftAct::kSubmit);
  return absl::OkStatus();
}

policy::Relations RelationsFor(const ReferralRecord& current, const Asked& asked,
                               const policy::Caller& caller) {
  if (current.state() != kNothing) return RelationsOf(current, caller);
  const v1::Referral* const referral = CreatedBy(asked.command);
  if (referral == nullptr) return RelationsToNew("", false, caller);
  return RelationsToNew(referral->referring().unit(), referral->has_protection(), caller);
}

}  // namespace

absl::StatusOr<Authorized> AsSystem(const policy::Caller& system, std::string_view name) {
  return policy::Authorize(kSealedConsequences, system, {policy::Relation::kAnyone}, name);
}

absl::Status CarryOut(rpc::Mutation& mutation, const Authorized& as, const Clockwork& by,
                      const std::vector<FollowUp>& follow_ups) {
  return RunFollowUps(mutation, as, by, follow_ups, 0);
}

std::string FeedOf(std::string_view body) {
  return base::Cat("referral/", body);
}

absl::Status CarryOutOfCaller(rpc::Mutation& mutation, const Authorized& as, const Clockwork& by,
                              const ReferralRecord& before, Decision decision) {
  WAYPOST_RETURN_IF_ERROR(ApplyDeletions(mutation.writer(), before, decision));
  WAYPOST_RETURN_IF_ERROR(WriteDecision(mutation, as, DoneBy::kCaller, before, decision, {}, {}).status());
  return RunFollowUps(mutation, as, by, decision.follow_ups, 0);
}

bool ReferralChange::NeedsPreparation(const Asked& asked) {
  return !asked.text.empty() || !asked.own_reference.empty() ||
         (asked.sections != nullptr && !asked.sections->empty()) ||
         IsAnyOf<command::Submit, command::Accept, command::ConfirmForward, command::ForwardByDuty,
                 command::HandOver, command::Reopen, command::Rule, command::Assume>(asked.command) ||
         asked.corrected != nullptr || LetsGoOn(asked.command);
}

absl::StatusOr<Prepared> ReferralChange::PrepareNew(const rpc::Call& call, const Asked& asked,
                                                    const Sides& sides) {
  Prepared prepared;
  prepared.made = true;
  const std::string name = std::visit(
      [](const auto& command) -> std::string {
        using Kind = std::decay_t<decltype(command)>;
        if constexpr (std::is_same_v<Kind, command::Create>) return command.name;
        if constexpr (std::is_same_v<Kind, command::Submit>) return command.created->name;
        return {};
      },
      asked.command);
  WAYPOST_ASSIGN_OR_RETURN(prepared.content,
                           sealing_.SealNew(name, sides, *asked.sections, asked.own_reference, call.now));
  if (MakesProtected(asked.command)) return prepared;
  for (const v1::PersonSections& person : *asked.sections) {
    WAYPOST_RETURN_IF_ERROR(
        AddSearches(sealing_, call.caller->body, person.person(), person.details(), prepared.searches));
  }
  return prepared;
}

absl::StatusOr<google::protobuf::RepeatedPtrField<v1::PersonSections>> ReferralChange::OpenHeld(
    const store::Reader& reader, std::string_view name, const std::vector<Wrap>& wraps, std::string_view body,
    const google::protobuf::RepeatedPtrField<v1::Person>& persons) {
  WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys, sealing_.OpenKeys(name, wraps, body));
  WAYPOST_ASSIGN_OR_RETURN(const auto sections, rows::ListSections(reader, name));
  google::protobuf::RepeatedPtrField<v1::PersonSections> held;
  for (const v1::Person& person : persons) {
    std::vector<v1::SectionKind> kinds = {v1::SECTION_KIND_SCREENING};
    for (const int kind : person.disclosure().sections()) kinds.push_back(static_cast<v1::SectionKind>(kind));
    WAYPOST_ASSIGN_OR_RETURN(auto opened,
                             sealing_.OpenSections(name, keys, sections, {person.number()}, kinds));
    for (v1::PersonSections& section : opened) *held.Add() = std::move(section);
  }
  return held;
}

absl::StatusOr<Prepared> ReferralChange::Prepare(const rpc::Call& call, const store::Reader& reader,
                                                 const Asked& asked) {
  Prepared prepared;
  absl::StatusOr<ReferralRecord> current = rows::Get(reader, asked.name);
  if (!current.ok()) return prepared;
  const auto as = call.Authorize(RelationsOf(*current, *call.caller), asked.name);
  if (!as.ok()) return prepared;
  const absl::Time now = api::NotBefore(call.now, *current);
  const auto named = WithDirectory(clockwork_.bodies, reader, call, asked.command, *current);
  if (!named.ok()) return prepared;
  const auto command = WithNote(reader, *named, *current, *as);
  if (!command.ok()) return prepared;
  WAYPOST_ASSIGN_OR_RETURN(const Moment moment,
                           MomentOf(clockwork_.bodies, reader, now, clockwork_.clocks, *command, *current));
  absl::StatusOr<Decision> decision = Decide(*current, *command, *as, moment);
  if (!decision.ok()) return prepared;
  // Nor is there a key to what the caller may not put right.
  const auto* const answer = std::get_if<command::AnswerRight>(&*command);
  if (answer != nullptr && !CheckMayCorrect(*current, *answer, *as).ok()) return prepared;
  prepared.made = true;
  prepared.revision = current->revision();
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, asked.name));
  prepared.based_on = holdings.wraps();
  if (IsSending(decision->event, decision->next)) {
    WAYPOST_RETURN_IF_ERROR(PrepareSending(call, reader, *current, holdings, prepared));
  }
  WAYPOST_RETURN_IF_ERROR(PrepareKeys(call, reader, asked, *current, *decision, prepared));
  return prepared;
}

absl::Status ReferralChange::PrepareKeys(const rpc::Call& call, const store::Reader& reader,
                                         const Asked& asked, const ReferralRecord& current,
                                         Decision& decision, Prepared& prepared) {
  const std::string& name = current.name();
  const Sides sides = SidesOf(decision.next);
  SealedContent& content = prepared.content;
  const auto add = [&content](SealedContent more) {
    for (auto& section : more.sections) content.sections.push_back(std::move(section));
    for (auto& wrap : more.wraps) content.wraps.push_back(std::move(wrap));
    for (auto& lookup : more.person_lookups) content.person_lookups.push_back(std::move(lookup));
    for (auto& commitment : more.commitments) content.commitments.push_back(std::move(commitment));
    if (more.own_reference.has_value()) content.own_reference = std::move(more.own_reference);
  };
  if (asked.sections != nullptr && !asked.sections->empty()) {
    WAYPOST_ASSIGN_OR_RETURN(SealedContent sealed,
                             sealing_.SealNew(name, {.referring = sides.referring, .receiving = {}},
                                              *asked.sections, "", call.now));
    add(std::move(sealed));
  }
  const bool full = decision.effects.Has(Effect::kOpenAll);
  if (full || decision.effects.Has(Effect::kOpenScreening)) {
    WAYPOST_ASSIGN_OR_RETURN(std::vector<Wrap> granted,
                             sealing_.Grant(name, GrantableWraps(decision.next, prepared.based_on),
                                            current.referring().body(), sides.receiving, full, call.now));
    for (Wrap& wrap : granted) content.wraps.push_back(std::move(wrap));
  }
  // What follows sees the keys just made, too.
  std::vector<Wrap> wraps = prepared.based_on;
  wraps.insert(wraps.end(), content.wraps.begin(), content.wraps.end());
  if (!asked.own_reference.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(SealedContent sealed, sealing_.SealOwnReference(name, call.caller->body, wraps,
                                                                             asked.own_reference, call.now));
    wraps.insert(wraps.end(), sealed.wraps.begin(), sealed.wraps.end());
    add(std::move(sealed));
  }
  if (asked.corrected != nullptr) {
    WAYPOST_RETURN_IF_ERROR(PrepareCorrected(reader, *asked.corrected, decision.next, prepared));
  }
  if (!asked.text.empty()) WAYPOST_RETURN_IF_ERROR(PrepareNote(call, asked, decision.next, wraps, prepared));
  if (decision.linked.has_value()) return PrepareLinked(call, reader, current, *decision.linked, prepared);
  return absl::OkStatus();
}

absl::Status ReferralChange::PrepareCorrected(const store::Reader& reader,
                                              const v1::PersonSections& corrected, const ReferralRecord& next,
                                              Prepared& prepared) {
  // Who finds the person by name and birth date goes on to: the referring body while it holds the person.
  std::vector<std::string> finders;
  if (Holds(next, corrected.person(), v1::PARTY_REFERRING)) finders.push_back(next.referring().body());
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, next.name()));
  for (const rows::PersonLookup& lookup : holdings.person_lookups()) {
    const bool other = lookup.person == corrected.person() && lookup.body != next.referring().body();
    if (other) finders.push_back(lookup.body);
  }
  WAYPOST_ASSIGN_OR_RETURN(prepared.corrected,
                           sealing_.SealAnew(next.name(), prepared.based_on, corrected, finders));
  for (const auto& commitment : prepared.corrected.commitments) {
    prepared.content.commitments.push_back(commitment);
  }
  return absl::OkStatus();
}

absl::Status ReferralChange::PrepareNote(const rpc::Call& call, const Asked& asked, ReferralRecord& next,
                                         const std::vector<Wrap>& wraps, Prepared& prepared) {
  NoteRecord& note = prepared.note.emplace();
  note.set_format_version(kRecordFormat);
  WAYPOST_ASSIGN_OR_RETURN(const uint32_t number, TakeNoteNumber(next));
  note.set_number(number);
  note.set_kind(NoteKindOf(asked.command));
  note.set_visibility(next.has_submit_time() ? asked.visibility : v1::NOTE_VISIBILITY_OWN_SIDE);
  note.set_body(call.caller->body);
  note.set_actor(call.caller->actor);
  *note.mutable_create_time() = next.update_time();
  note.set_event(std::string(EventName(EventOf(asked.command))));
  const bool full = next.receiver_access() == storage::v1::RECEIVER_ACCESS_FULL;
  Sides sides = SidesOf(next);
  // No key for a body whose access ends with this very command, or that has erased its share.
  if (!ReceiverReads(next)) sides.receiving.clear();
  if (next.has_referring_erase_time()) sides.referring.clear();
  WAYPOST_ASSIGN_OR_RETURN(SealedContent sealed,
                           sealing_.SealNote(next.name(), sides, full, wraps, asked.text, call.now, note));
  for (Wrap& wrap : sealed.wraps) prepared.content.wraps.push_back(std::move(wrap));
  for (auto& commitment : sealed.commitments) prepared.content.commitments.push_back(std::move(commitment));
  return absl::OkStatus();
}

absl::Status ReferralChange::PrepareLinked(const rpc::Call& call, const store::Reader& reader,
                                           const ReferralRecord& current, const ReferralRecord& linked,
                                           Prepared& prepared) {
  // The linked referral's referring body is a side of this one, and holds keys here.
  const std::string& from = linked.referring().body();
  WAYPOST_ASSIGN_OR_RETURN(const auto copied,
                           OpenHeld(reader, current.name(), prepared.based_on, from, linked.persons()));
  WAYPOST_ASSIGN_OR_RETURN(prepared.linked,
                           sealing_.SealNew(linked.name(), SidesOf(linked), copied, "", call.now));
  if (linked.receiver_access() != storage::v1::RECEIVER_ACCESS_FULL) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(
      std::vector<Wrap> granted,
      sealing_.Grant(linked.name(), prepared.linked.wraps, from, linked.receiving().body(), true, call.now));
  for (Wrap& wrap : granted) prepared.linked.wraps.push_back(std::move(wrap));
  return absl::OkStatus();
}

absl::Status ReferralChange::RunAsSystem(rpc::Mutation& mutation, const Authorized& as,
                                         const ReferralRecord& current, const Command& command,
                                         const std::optional<NoteRecord>& note) {
  store::Writer& writer = mutation.writer();
  const absl::Time now = api::NotBefore(mutation.call().now, current);
  WAYPOST_ASSIGN_OR_RETURN(const Command filled,
                           WithCoordinator(clockwork_.bodies, writer, command, current, now));
  WAYPOST_ASSIGN_OR_RETURN(const Moment moment,
                           MomentOf(clockwork_.bodies, writer, now, clockwork_.clocks, filled, current));
  WAYPOST_ASSIGN_OR_RETURN(Decision decision, DecideAsSystem(current, filled, moment));
  if (note.has_value()) {
    WAYPOST_ASSIGN_OR_RETURN(const uint32_t number, TakeNoteNumber(decision.next));
    if (number != note->number()) return rpc::PrepareAgain();
    rows::PutNote(writer, decision.next.name(), *note);
  }
  WAYPOST_RETURN_IF_ERROR(ApplyDeletions(writer, current, decision));
  WAYPOST_RETURN_IF_ERROR(WriteDecision(mutation, as, DoneBy::kSystem, current, decision, {}, {}).status());
  return RunFollowUps(mutation, as, clockwork_, decision.follow_ups, 0);
}

absl::Status ReferralChange::Run(rpc::Mutation& mutation, const Asked& asked, const Prepared& prepared,
                                 v1::Referral& response) {
  store::Writer& writer = mutation.writer();
  ReferralRecord current;
  if (!asked.name.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(current, rows::Get(writer, asked.name));
  }
  WAYPOST_ASSIGN_OR_RETURN(
      const Authorized as,
      mutation.Authorize({.name = asked.name.empty() ? std::string_view("the new referral") : asked.name,
                          .relations = RelationsFor(current, asked, mutation.caller()),
                          .revision = current.revision(),
                          .etag = asked.etag}));
  return RunAuthorized(mutation, as, current, asked, prepared, response);
}

absl::Status ReferralChange::RunAuthorized(rpc::Mutation& mutation, const Authorized& as,
                                           const ReferralRecord& current, const Asked& asked,
                                           const Prepared& prepared, v1::Referral& response) {
  store::Writer& writer = mutation.writer();
  WAYPOST_RETURN_IF_ERROR(CheckNotTaken(writer, asked));
  WAYPOST_ASSIGN_OR_RETURN(Command command,
                           WithDirectory(clockwork_.bodies, writer, mutation.call(), asked.command, current));
  WAYPOST_ASSIGN_OR_RETURN(command, WithNote(writer, std::move(command), current, as));
  const absl::Time now = api::NotBefore(mutation.call().now, current);
  WAYPOST_ASSIGN_OR_RETURN(Moment moment,
                           MomentOf(clockwork_.bodies, writer, now, clockwork_.clocks, command, current));
  WAYPOST_ASSIGN_OR_RETURN(moment.outages, rows::OutagesFor(writer, current, now));
  absl::StatusOr<Decision> decided = Decide(current, command, as, moment);
  if (!decided.ok()) return NamingOpenParts(writer, current, decided.status());
  Decision decision = *std::move(decided);
  if (decision.event == Event::kMisdirected) decision.next.set_breach(NewBreachName(decision.next));
  WAYPOST_RETURN_IF_ERROR(CheckLink(writer, mutation.caller(), current, decision));
  if (!asked.name.empty() && NeedsPreparation(asked)) {
    if (!prepared.made || prepared.revision != current.revision()) return rpc::PrepareAgain();
    WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(writer, asked.name));
    if (!SameWraps(prepared.based_on, holdings.wraps())) return rpc::PrepareAgain();
  }
  if (prepared.note.has_value()) {
    WAYPOST_ASSIGN_OR_RETURN(const uint32_t number, TakeNoteNumber(decision.next));
    if (number != prepared.note->number()) return rpc::PrepareAgain();
    rows::PutNote(writer, decision.next.name(), *prepared.note);
  }
  WAYPOST_RETURN_IF_ERROR(CarryStep(mutation, as, current, command));
  WAYPOST_ASSIGN_OR_RETURN(const PossibleDuplicates duplicates,
                           FindPossible(writer, mutation.call(), decision.next, prepared.searches));
  WAYPOST_RETURN_IF_ERROR(ApplyDeletions(writer, current, decision));
  WAYPOST_RETURN_IF_ERROR(DeleteReplaced(writer, mutation.caller().body, asked));
  WAYPOST_RETURN_IF_ERROR(WriteContent(writer, asked.name.empty() ? Is::kNew : Is::kKnown, decision.next,
                                       mutation.caller().body, prepared.content));
  WAYPOST_RETURN_IF_ERROR(CarryOutParts(mutation, clockwork_, current, decision));
  WAYPOST_RETURN_IF_ERROR(WriteCorrected(writer, decision.next, asked, prepared.corrected));
  WAYPOST_ASSIGN_OR_RETURN(const Commitments held, CommitmentsFor(writer, asked, prepared));
  WAYPOST_RETURN_IF_ERROR(WriteVoided(writer, decision));
  const absl::StatusOr<GroupNews> news =
      WriteDecision(mutation, as, DoneBy::kCaller, current, decision, prepared.content.commitments, held);
  // A newer replica may know of more places.
  if (error::ReasonOf(news.status()) == "NO_PLACE_FREE") {
    WAYPOST_RETURN_IF_ERROR(clockwork_.bodies.CheckFresh(now));
  }
  WAYPOST_RETURN_IF_ERROR(news.status());
  WAYPOST_RETURN_IF_ERROR(CountDecline(mutation, as, clockwork_.bodies, current, decision.next));
  if (decision.linked.has_value()) {
    WAYPOST_RETURN_IF_ERROR(WriteLinked(mutation, as, *decision.linked, prepared.linked));
  }
  WAYPOST_RETURN_IF_ERROR(RunWhatFollows(mutation, as, clockwork_, current, decision));
  FillReferral(decision.next, as, now, response);
  if (as.Is(policy::Relation::kReceiving)) response.set_next_on_list(news->next_on_list);
  TellNotHeld(asked, decision.next, response);
  WAYPOST_RETURN_IF_ERROR(TellPossible(mutation, as, duplicates, response));
  WAYPOST_RETURN_IF_ERROR(FillParts(writer, decision.next, as, response));
  return FillGroups(writer, decision.next, as, response);
}

}  // namespace waypost::referral
