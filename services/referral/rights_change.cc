#include "services/referral/rights_change.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/crypto/hash.h"
#include "common/rpc/system_change.h"
#include "common/status/errors.h"
#include "services/referral/path_ledger.h"
#include "services/referral/receipt_rows.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_view.h"
#include "services/referral/rights_reach.h"
#include "services/referral/rights_receipts.h"
#include "services/referral/rights_repository.h"
#include "services/referral/succession_rules.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::RightsHolderRecord;
using storage::v1::RightsPartLinkRecord;
using storage::v1::RightsRequestRecord;

constexpr uint32_t kRightsFormat = 1;

Command CommandOf(v1::RightKind kind, command::RightUse use) {
  switch (kind) {
    case v1::RIGHT_KIND_OBJECTION:
      return command::Object{std::move(use)};
    case v1::RIGHT_KIND_RECTIFICATION:
      return command::Rectify{std::move(use)};
    case v1::RIGHT_KIND_RESTRICTION:
      return command::Restrict{std::move(use)};
    case v1::RIGHT_KIND_ACCESS:
      return command::AskAccess{std::move(use)};
    default:
      return command::Withdraw{std::move(use)};
  }
}

// The body from which all of them began, and which may know of every holder. Where a path led on from what
// others had begun there is none: who referred first does not learn of the steps that followed.
std::string OriginOf(const std::vector<ReferralRecord>& chain) {
  for (const ReferralRecord& referral : chain) {
    if (referral.origin_body() != chain.front().origin_body()) return {};
  }
  return chain.front().origin_body();
}

// Whoever records a right is known in those chains alone where its body is a side of the referral at which
// the right comes in: elsewhere it would say what is a part of what.
bool IsRecordedBy(const ReachedChain& chain, std::string_view body) {
  const auto entry =
      std::find_if(chain.referrals.begin(), chain.referrals.end(),
                   [&chain](const ReferralRecord& referral) { return referral.name() == chain.entry; });
  return entry != chain.referrals.end() && IsSideOf(*entry, body);
}

RightsRequestRecord NewRequest(const v1::RecordRightsRequestRequest& request, const std::string& name,
                               const ReachedChain& chain, std::string_view body, absl::Time now) {
  RightsRequestRecord record;
  record.set_format_version(kRightsFormat);
  record.set_name(name);
  record.set_revision(1);
  record.set_kind(request.kind());
  record.set_referral(chain.entry);
  record.set_person(request.person());
  if (IsRecordedBy(chain, body)) record.set_recorded_by(std::string(body));
  *record.mutable_ask_time() = request.ask_time();
  record.set_asked_how(request.asked_how());
  *record.mutable_create_time() = api::ToTimestamp(now);
  *record.mutable_due_time() = api::ToTimestamp(AnswerDue(api::FromTimestamp(request.ask_time())));
  *record.mutable_update_time() = api::ToTimestamp(now);
  record.set_origin_body(OriginOf(chain.referrals));
  for (const ReferralRecord& referral : chain.referrals) {
    record.set_is_protected(IsProtected(referral));
    for (const v1::Party party : {v1::PARTY_REFERRING, v1::PARTY_RECEIVING}) {
      // Where both sides are one body it is asked once.
      if (party == v1::PARTY_RECEIVING && IsInternal(referral)) continue;
      if (Holds(referral, request.person(), party)) *record.add_holders() = HolderOf(referral, party);
    }
  }
  return record;
}

// The use of a right, with one request for each chain that it reaches; the first is that at which it is
// recorded.
struct Use {
  std::vector<ReachedChain> chains;
  std::vector<RightsRequestRecord> requests;
  std::map<std::string, size_t, std::less<>> chain_of;  // by referral: which of them
};

// Told as done by the system, and not by whoever records the right.
bool IsBySystem(const RightsRequestRecord& request) {
  return request.recorded_by().empty();
}

Use UseOf(const v1::RecordRightsRequestRequest& request, const std::vector<std::string>& names,
          std::vector<ReachedChain> chains, std::string_view body, absl::Time now) {
  Use use{.chains = std::move(chains), .requests = {}, .chain_of = {}};
  for (size_t i = 0; i < use.chains.size(); ++i) {
    use.requests.push_back(NewRequest(request, names[i], use.chains[i], body, now));
    for (const ReferralRecord& referral : use.chains[i].referrals) use.chain_of.emplace(referral.name(), i);
  }
  for (size_t i = 0; i < use.chains.size(); ++i) {
    for (RightsPartLinkRecord& link : use.chains[i].links) {
      if (use.requests[i].part_links_size() == kMaxReach) break;
      if (!link.missed()) link.set_request(names[use.chain_of.at(link.other())]);
      *use.requests[i].add_part_links() = link;
    }
  }
  return use;
}

// The referrals that a withdrawal ends, in the order in which they have to: those further down the chain
// first, so that a case that was to be handed over is back before it ends itself. A hand-over that is still
// asked for ends with the case that it was to take over.
std::vector<FollowUp> EndedBy(const Use& use, uint32_t person) {
  const std::vector<const ReferralRecord*> reached = InOrderOfEnding(use.chains);
  std::set<std::string> ended;
  for (const ReferralRecord* record : reached) {
    if (WithdrawalEnds(*record, person)) ended.insert(record->name());
  }
  std::vector<FollowUp> follow_ups;
  for (const ReferralRecord* record : reached) {
    const bool with_the_case = IsOpen(record->state()) && ended.contains(record->hand_over_of());
    if (!with_the_case && !ended.contains(record->name())) continue;
    follow_ups.push_back({record->name(), command::Cancel{v1::CANCEL_REASON_PERSON_WITHDREW},
                          IsBySystem(use.requests[use.chain_of.at(record->name())])});
  }
  return follow_ups;
}

// In every referral but the one where it is recorded.
std::vector<FollowUp> ReachedBy(const Use& use, const v1::RecordRightsRequestRequest& request) {
  std::vector<FollowUp> reached;
  for (size_t i = 0; i < use.chains.size(); ++i) {
    const RightsRequestRecord& record = use.requests[i];
    for (const ReferralRecord& other : use.chains[i].referrals) {
      if (other.name() == request.name() || !Concerns(other, request.person())) continue;
      reached.push_back({other.name(),
                         CommandOf(request.kind(), {.request = record.name(), .person = request.person()}),
                         IsBySystem(record)});
    }
  }
  return reached;
}

absl::Status EndPaths(rpc::Mutation& mutation, const Authorized& as, const Use& use, uint32_t person) {
  const auto system = rpc::SystemCaller();
  for (size_t i = 0; i < use.chains.size(); ++i) {
    const ReachedChain& chain = use.chains[i];
    Authorized doer = as;
    if (IsBySystem(use.requests[i])) {
      WAYPOST_ASSIGN_OR_RETURN(doer, AsSystem(*system, chain.entry));
    }
    WAYPOST_RETURN_IF_ERROR(EndPathsOf(mutation, doer, chain.referrals, person));
  }
  return absl::OkStatus();
}

// The holder entry of a body in a referral; null when there is none.
RightsHolderRecord* FindHolder(RightsRequestRecord& record, std::string_view referral,
                               std::string_view body) {
  for (RightsHolderRecord& held : *record.mutable_holders()) {
    if (held.holder().referral() == referral && held.holder().body() == body) return &held;
  }
  return nullptr;
}

// What ends because that side erases that person there.
std::vector<FollowUp> EndedByErasure(const ReferralRecord& current, uint32_t person, v1::Party party) {
  std::vector<FollowUp> ends;
  if (!ErasureEnds(current, person, party)) return ends;
  const command::Cancel cancel{v1::CANCEL_REASON_PERSON_WITHDREW};
  // Who was asked to take the case over is asked no longer.
  if (current.hand_over_pending()) ends.push_back({current.forwarded_to(), cancel});
  ends.push_back({current.name(), cancel});
  return ends;
}

// What is answered now.
void Enter(const v1::AnswerRightsRequestRequest& request, absl::Time now, std::string_view actor,
           v1::RightsHolder& holder) {
  holder.set_answer(request.answer());
  holder.set_law(request.law());
  holder.set_retained_until(request.retained_until());
  holder.set_refusal_ground(request.refusal_ground());
  *holder.mutable_answer_time() = api::ToTimestamp(now);
  holder.set_actor(std::string(actor));
}

// No answer is stored that cannot be signed.
absl::StatusOr<v1::RightsReceipt> SignedAnswer(const ReceiptSigner& signer,
                                               const v1::AnswerRightsRequestRequest& request,
                                               const RightsRequestRecord& record,
                                               const v1::RightsHolder& holder) {
  v1::RightsReceipt receipt = ReceiptOf(record, holder);
  receipt.set_informed_how(request.informed_how());
  receipt.set_informed_language(request.informed_language());
  WAYPOST_RETURN_IF_ERROR(signer.Sign(UsedIn(record, holder), receipt));
  return receipt;
}

}  // namespace

Asked AskedOf(const v1::RecordRightsRequestRequest& request, const std::string& name) {
  Asked asked;
  asked.name = request.name();
  asked.etag = request.etag();
  asked.text = request.text();
  asked.command = CommandOf(request.kind(), {.request = name, .person = request.person()});
  return asked;
}

Asked AskedOf(const v1::AnswerRightsRequestRequest& request) {
  Asked asked;
  asked.name = request.referral();
  command::AnswerRight answer{.use = {.request = request.name(), .person = 0},
                              .answer = request.answer(),
                              .law = request.law(),
                              .retained_until = request.retained_until(),
                              .ground = request.refusal_ground(),
                              .informed_how = request.informed_how(),
                              .informed_language = request.informed_language()};
  if (request.has_corrected()) {
    answer.corrected = CorrectedIn(request.corrected());
    asked.corrected = &request.corrected();
  }
  asked.command = std::move(answer);
  return asked;
}

absl::StatusOr<policy::Relations> RelationsOf(const store::Reader& reader, const RightsRequestRecord& record,
                                              const policy::Caller& caller) {
  policy::Relations all;
  for (const RightsHolderRecord& held : record.holders()) {
    if (held.holder().body() != caller.body) continue;
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral, rows::Get(reader, held.holder().referral()));
    const policy::Relations relations = RelationsOf(referral, caller);
    if (relations.Has(policy::Relation::kNamesReaders)) continue;  // and reads nothing of it
    for (int i = 0; i < policy::kRelationCount; ++i) {
      if (relations.Has(static_cast<policy::Relation>(i))) all.Add(static_cast<policy::Relation>(i));
    }
  }
  return all;
}

absl::StatusOr<Unread> UnreadBy(const store::Reader& reader, const RightsRequestRecord& record,
                                const policy::Caller& caller) {
  std::set<std::string> names = {record.referral()};
  for (const RightsHolderRecord& held : record.holders()) {
    if (IsProtectedHolder(record, held)) names.insert(held.holder().referral());
  }
  Unread unread;
  for (const std::string& name : names) {
    WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral, rows::Get(reader, name));
    const bool reads = !IsProtected(referral) || RelationsOf(referral, caller).Has(policy::Relation::kReader);
    if (!reads) unread.insert(name);
  }
  return unread;
}

absl::Status RightsChange::Record(rpc::Mutation& mutation, const v1::RecordRightsRequestRequest& request,
                                  const std::string& name, absl::FunctionRef<std::string()> new_name,
                                  const Asked& asked, const Prepared& prepared, v1::RightsRequest& response) {
  store::Writer& writer = mutation.writer();
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord current, rows::Get(writer, request.name()));
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                           mutation.Authorize({.name = request.name(),
                                               .relations = RelationsOf(current, mutation.caller()),
                                               .revision = current.revision(),
                                               .etag = request.etag()}));
  if (api::FromTimestamp(request.ask_time()) > mutation.call().now) {
    return error::InvalidField("ask_time", "must not be in the future");
  }
  WAYPOST_ASSIGN_OR_RETURN(std::vector<ReachedChain> chains,
                           ChainsReached(writer, request.name(), request.person(), kMaxReach));
  std::vector<std::string> names = {name};
  while (names.size() < chains.size()) names.push_back(new_name());
  Use use = UseOf(request, names, std::move(chains), mutation.caller().body, mutation.call().now);
  RightsRequestRecord& record = use.requests.front();
  if (prepared.note.has_value()) record.set_text_commitment(prepared.note->commitment());

  v1::Referral changed;
  WAYPOST_RETURN_IF_ERROR(change_.Run(mutation, asked, prepared, changed));
  // All referrals are on this node today. One that lived on another would get the request as a signed event
  // instead, and answer it there; this transaction would do the same for the part that is here.
  WAYPOST_RETURN_IF_ERROR(CarryOut(mutation, as, change_.clockwork(), ReachedBy(use, request)));
  if (request.kind() == v1::RIGHT_KIND_WITHDRAWAL) {
    WAYPOST_RETURN_IF_ERROR(CarryOut(mutation, as, change_.clockwork(), EndedBy(use, request.person())));
    WAYPOST_RETURN_IF_ERROR(EndPaths(mutation, as, use, request.person()));
  }
  for (const RightsRequestRecord& each : use.requests) rows::PutRightsRequest(writer, nullptr, each);
  WAYPOST_ASSIGN_OR_RETURN(const Unread unread, UnreadBy(writer, record, mutation.caller()));
  response = ToRightsRequest(record, mutation.caller().body, unread);
  return FillPartLinks(writer, record, mutation.caller(), response);
}

absl::Status RightsChange::Answer(rpc::Mutation& mutation, const v1::AnswerRightsRequestRequest& request,
                                  const Asked& asked, const Prepared& prepared, v1::RightsRequest& response) {
  store::Writer& writer = mutation.writer();
  const policy::Caller& caller = mutation.caller();
  WAYPOST_ASSIGN_OR_RETURN(const RightsRequestRecord before, rows::GetRightsRequest(writer, request.name()));
  RightsRequestRecord record = before;
  RightsHolderRecord* held = FindHolder(record, request.referral(), caller.body);
  if (held == nullptr) return error::NotFound(request.name());
  WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord current, rows::Get(writer, request.referral()));
  WAYPOST_ASSIGN_OR_RETURN(
      const Authorized as,
      mutation.Authorize({.name = request.name(), .relations = RelationsOf(current, caller)}));
  WAYPOST_ASSIGN_OR_RETURN(const Unread unread, UnreadBy(writer, before, caller));
  WAYPOST_RETURN_IF_ERROR(api::CheckEtag(request.name(), request.etag(), RevisionOf(before, unread)));

  Asked answered = asked;
  auto& answer = std::get<command::AnswerRight>(answered.command);
  answer.use.person = record.person();
  WAYPOST_RETURN_IF_ERROR(CheckMayCorrect(current, answer, as));
  v1::RightsHolder& holder = *held->mutable_holder();
  Enter(request, mutation.call().now, caller.actor, holder);
  WAYPOST_ASSIGN_OR_RETURN(const v1::RightsReceipt signed_answer,
                           SignedAnswer(signer_, request, record, holder));
  Prepared with_answer = prepared;
  auto& commitments = with_answer.content.commitments;
  // The event says which text was signed.
  commitments.emplace_back("receipt",
                           crypto::Sha256(RightsReceiptText(UsedIn(record, holder), signed_answer)));
  std::vector<FollowUp> ends;
  if (answer.answer == v1::RIGHT_ANSWER_STOPPED_ERASED) {
    // What is erased, the event says by its commitments.
    WAYPOST_ASSIGN_OR_RETURN(const Commitments erased,
                             StoredCommitments(writer, request.referral(), record.person()));
    commitments.insert(commitments.end(), erased.begin(), erased.end());
    ends = EndedByErasure(current, record.person(), holder.party());
  }
  // The referring body erases before the end: a receiving body under legal hold has the only keys then, and
  // keeps them.
  const bool erases_first = holder.party() == v1::PARTY_REFERRING && !IsInternal(current);
  if (!erases_first) WAYPOST_RETURN_IF_ERROR(CarryOut(mutation, as, change_.clockwork(), ends));
  v1::Referral changed;
  WAYPOST_RETURN_IF_ERROR(change_.Run(mutation, answered, with_answer, changed));
  if (erases_first) WAYPOST_RETURN_IF_ERROR(CarryOut(mutation, as, change_.clockwork(), ends));

  KeepReceipt(signed_answer, holder);
  MarkChanged(mutation.call().now, record, *held);
  rows::PutRightsRequest(writer, &before, record);
  response = ToRightsRequest(record, caller.body, unread);
  return absl::OkStatus();
}

}  // namespace waypost::referral
