#include "services/referral/referral_service.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/api/stored_rows.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/feed.h"
#include "common/rpc/mutate.h"
#include "common/rpc/watch.h"
#include "common/status/errors.h"
#include "services/referral/entry_voiding.h"
#include "services/referral/group_ledger.h"
#include "services/referral/part_ledger.h"
#include "services/referral/part_rows.h"
#include "services/referral/receipt_rows.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_names.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_protection.h"
#include "services/referral/referral_rights.h"
#include "services/referral/referral_validation.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using policy::Relation;
using rpc::Call;

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// What a request asks. `new_name` is for the referral that some commands open.
template <typename Request>
Asked AskedOf(const Request& request, std::string new_name) {
  Asked asked;
  if constexpr (requires { request.name(); }) asked.name = request.name();
  if constexpr (requires { request.etag(); }) asked.etag = request.etag();
  if constexpr (requires { request.text(); }) asked.text = request.text();
  if constexpr (requires { request.visibility(); }) asked.visibility = request.visibility();
  if constexpr (std::is_same_v<Request, v1::ReportMisdirectedRequest> ||
                std::is_same_v<Request, v1::SettleFollowUpRequest> ||
                std::is_same_v<Request, v1::VoidEntryRequest> ||
                std::is_same_v<Request, v1::VoidOutcomeRequest>) {
    asked.visibility = v1::NOTE_VISIBILITY_OWN_SIDE;
  }
  if constexpr (requires { request.own_reference(); }) asked.own_reference = request.own_reference();
  if constexpr (requires { request.sections(); }) asked.sections = &request.sections();
  if constexpr (std::is_same_v<Request, v1::SubmitReferralRequest>) {
    asked.command = SubmitOf(request, std::move(new_name));
  } else if constexpr (requires { CommandOf(request, std::move(new_name)); }) {
    asked.command = CommandOf(request, std::move(new_name));
  } else {
    asked.command = CommandOf(request);
  }
  return asked;
}

// The request apart from its paging: a page token is bound to it.
template <typename Request>
std::string QueryOf(Request request) {
  request.clear_page_size();
  request.clear_page_token();
  return request.SerializeAsString();
}

api::PageScope ScopeOf(const Call& call, std::string_view query) {
  return {.body = call.caller->body, .actor = call.caller->actor, .method = call.rule.method, .query = query};
}

absl::StatusOr<uint64_t> ParseCursor(std::string_view cursor) {
  uint64_t position = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), position);
  if (error == std::errc() && end == cursor.data() + cursor.size()) return position;
  return error::InvalidField("cursor", "must be one that a watch of this service returned to you");
}

std::string_view EventNameOfType(std::string_view type) {
  for (int i = 0; i < kEventCount; ++i) {
    if (EventType(static_cast<Event>(i)) == type) return EventName(static_cast<Event>(i));
  }
  return {};
}

v1::ReferralState StateFromName(std::string_view name) {
  for (int state = 0; state < kStateCount; ++state) {
    if (StateName(static_cast<State>(state)) == name) return static_cast<State>(state);
  }
  return v1::REFERRAL_STATE_UNSPECIFIED;
}

// The referral and the caller's authority over it, for reads.
struct Readable {
  ReferralRecord record;
  Authorized as;
};
absl::StatusOr<Readable> Read(const Call& call, const store::Reader& reader, std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(ReferralRecord record, rows::Get(reader, name));
  WAYPOST_ASSIGN_OR_RETURN(const Authorized as, call.Authorize(RelationsOf(record, *call.caller), name));
  return Readable{.record = std::move(record), .as = as};
}

// A case that went on is held where it went, whichever of its referrals is looked at: the way leads over the
// first one, and there are no more than the hops of a chain.
absl::Status FillCaseHolder(const store::Reader& reader, const ReferralRecord& record, v1::Referral& view) {
  // Of a protected one the way is not for everybody who reads a part of it.
  if (IsProtected(record)) return absl::OkStatus();
  if (record.forwarded_from().empty() && record.state() != kForwarded) return absl::OkStatus();
  ReferralRecord at = record;
  while (!at.forwarded_from().empty()) {
    WAYPOST_ASSIGN_OR_RETURN(at, rows::Get(reader, at.forwarded_from()));
  }
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<ReferralRecord> last,
                           rows::WhereItWent(reader, std::move(at)));
  if (last.has_value()) view.set_case_holding_body(last->case_holding_body());
  return absl::OkStatus();
}

// How many people there are is not for a coordinating body.
bool KnowsPersons(const Authorized& as) {
  return as.Is(Relation::kReferring) || as.Is(Relation::kReceiving);
}

// What was named to a body once may have become protected since.
absl::StatusOr<bool> MayBeNamed(const store::Reader& reader, std::string_view name,
                                const policy::Caller& caller) {
  if (name.empty()) return false;
  const absl::StatusOr<ReferralRecord> record = rows::Get(reader, name);
  if (absl::IsNotFound(record.status())) return false;
  WAYPOST_RETURN_IF_ERROR(record.status());
  return MayRead(*record, caller);
}

std::vector<v1::ReferralState> StatesOf(const v1::ListReferralsRequest& request) {
  std::vector<v1::ReferralState> states;
  for (const int state : request.states()) {
    if (std::find(states.begin(), states.end(), state) == states.end()) {
      states.push_back(static_cast<v1::ReferralState>(state));
    }
  }
  if (!states.empty()) return states;
  // What is followed up has ended.
  const bool ends = request.box() == v1::BOX_FOLLOW_UP;
  for (int state = v1::REFERRAL_STATE_DRAFT; state <= v1::ReferralState_MAX; ++state) {
    if (IsEnd(static_cast<v1::ReferralState>(state)) == ends)
      states.push_back(static_cast<v1::ReferralState>(state));
  }
  return states;
}

// Which rows of its body's boxes the caller may list.
absl::StatusOr<rows::BoxQuery> BoxQueryOf(const Call& call, const v1::ListReferralsRequest& request) {
  const policy::Caller& caller = *call.caller;
  rows::BoxQuery query{.box = request.box(),
                       .body = caller.body,
                       .states = StatesOf(request),
                       .units = std::nullopt,
                       .actor = request.assigned_to_me() ? caller.actor : std::string(),
                       .reader = caller.actor,
                       .reader_unit = request.unit(),
                       .names_readers = caller.roles.Has(policy::Role::kSafeguardingOfficer)};
  const bool whole_body = caller.roles.Has(policy::Role::kSupervisor);
  if (request.box() == v1::BOX_COORDINATION && !whole_body) {
    return error::PermissionDenied(call.rule.method, "what a body coordinates is for its supervisors");
  }
  if (!request.unit().empty()) {
    // What is assigned to her a caseworker reads in any unit.
    if (!whole_body && !request.assigned_to_me() && !caller.MemberOf(request.unit())) {
      return error::PermissionDenied(call.rule.method,
                                     base::Cat("you are not a member of '", request.unit(), "'"));
    }
    query.units = std::vector<std::string>{request.unit()};
  } else if (!whole_body && !request.assigned_to_me()) {
    // An officer who is no caseworker lists what is protected, and what is assigned to her.
    const bool has_units = caller.roles.Has(policy::Role::kCaseworker);
    query.units = has_units ? caller.units : std::vector<std::string>();
    query.also_assigned_to = caller.actor;
  }
  return query;
}

// A person who is not there is a slip: an empty answer would say that nothing is known of her.
absl::Status CheckPersons(const ReferralRecord& record,
                          const google::protobuf::RepeatedField<uint32_t>& numbers) {
  error::FieldViolations wrong;
  for (int i = 0; i < numbers.size(); ++i) {
    // Those who were taken out are still in the file of who referred them.
    if (!Concerns(record, numbers[i]))
      wrong.Add(base::Cat("persons[", i, "]"), "is no person of this referral");
  }
  return wrong.ToStatus();
}

std::string PurposeName(v1::Purpose purpose) {
  return v1::Purpose_Name(purpose);
}

// What a look at sections needs, read and recorded in one transaction.
struct Look {
  std::vector<Wrap> wraps = {};
  std::vector<storage::v1::SectionRecord> sections = {};
  std::vector<storage::v1::NoteRecord> notes = {};
  std::optional<storage::v1::OwnReferenceRecord> own_reference = {};
};

// What one body holds, alone: a look opens nothing through anybody else's keys.
absl::StatusOr<Look> OwnLook(const store::Reader& reader, std::string_view name, std::string_view body) {
  WAYPOST_ASSIGN_OR_RETURN(const rows::Holdings holdings, rows::Holdings::Load(reader, name));
  Look look{.wraps = holdings.WrapsOf(body)};
  if (const auto* reference = holdings.OwnReferenceOf(body); reference != nullptr) {
    look.own_reference = *reference;
  }
  return look;
}

// What the record of a look says of the legal order that it obeys; empty where it obeys none.
struct OrderRecord {
  std::string law = {};
  std::string recipient = {};
  std::vector<std::pair<std::string, std::string>> commitments = {};
  // Whose keys the commitments were made with.
  std::vector<Wrap> wraps = {};
};

// Every section that is opened has its commitment: also where a key came in between.
absl::Status CheckKeysOfOrder(const OrderRecord& order, const std::vector<Wrap>& wraps) {
  if (order.law.empty() || SameWraps(order.wraps, wraps)) return absl::OkStatus();
  return error::Unavailable("the keys of this referral", "they were changed meanwhile: ask again");
}

// To whom it is disclosed is somebody whom the directory knows. Whether that body is active is not for the
// one that has to obey.
absl::Status CheckOrderRecipient(const BodyRegistry& bodies, const Call& call, const store::Reader& reader,
                                 std::string_view body) {
  if (body.empty()) return absl::OkStatus();
  if (body == call.caller->body) {
    return error::InvalidField("recipient_body", "is left out where your own body is obliged");
  }
  WAYPOST_ASSIGN_OR_RETURN(const BodyFacts facts, bodies.Find(reader, body));
  if (facts.exists) return absl::OkStatus();
  WAYPOST_RETURN_IF_ERROR(bodies.CheckFresh(call.now));
  return error::InvalidField("recipient_body", "is no body of the directory");
}

template <typename Request>
std::vector<uint32_t> PersonsOf(const Request& request) {
  if constexpr (requires { request.persons(); }) return {request.persons().begin(), request.persons().end()};
  return {};
}

absl::Status PublishLook(rpc::Mutation& mutation, const Authorized& as, const ReferralRecord& record,
                         std::string_view type, v1::Purpose purpose, const OrderRecord& order) {
  const std::vector<std::string> parties = PartiesOf(record, record);
  const std::string why = PurposeName(purpose);
  rpc::Change look{.type = type,
                   .resource = record.name(),
                   .revision = record.revision(),
                   .time = mutation.call().now,
                   .parties = {parties.begin(), parties.end()},
                   .commitments = {order.commitments.begin(), order.commitments.end()},
                   .access = true,
                   .purpose = why,
                   .sealed = IsProtected(record)};
  if (!order.law.empty()) look.facts.emplace_back("law", order.law);
  if (!order.recipient.empty()) look.facts.emplace_back("recipient", order.recipient);
  return mutation.Publish(as, look);
}

}  // namespace

ReferralService::ReferralService(const rpc::Environment& env, Sealing& sealing, const BodyRegistry& bodies,
                                 const ReceiptSigner& signer, const ClockTable& clocks)
    : env_(env), sealing_(sealing), signer_(signer), change_(sealing, bodies, clocks) {
  SetMessageAllocatorFor_SubmitReferral(&submit_messages_);
}

ReferralService::~ReferralService() = default;

std::string ReferralService::NewName() const {
  return rows::NameOfId(api::NewId(env_.node.clock.Now(), env_.node.random));
}

template <typename Request>
ReferralService::Reactor* ReferralService::Change(Context* context, const policy::MethodRule& rule,
                                                  const Request& request, v1::Referral* response) {
  auto asked = std::make_shared<Asked>();
  // Before validation the request may hold anything: it is read only after it.
  const auto validate = [this, asked](const Request& checked) -> absl::Status {
    WAYPOST_RETURN_IF_ERROR(Validate(checked));
    *asked = AskedOf(checked, NewName());
    if constexpr (std::is_same_v<Request, v1::UpdateReferralRequest>) {
      asked->name = checked.referral().name();
      asked->etag = checked.referral().etag();
      const auto& paths = checked.update_mask().paths();
      const bool named = std::find(paths.begin(), paths.end(), "own_reference") != paths.end();
      asked->clears_own_reference = named && checked.own_reference().empty();
    }
    return absl::OkStatus();
  };
  return rpc::MutatePrepared(
      env_, context, rule, validate, request, response,
      [this, asked, response](const Call& call,
                              const store::Reader& reader) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(Prepared prepared, change_.Prepare(call, reader, *asked));
        return rpc::MutationBody(
            [this, asked, response, prepared = std::move(prepared)](rpc::Mutation& mutation) {
              return change_.Run(mutation, *asked, prepared, *response);
            });
      });
}

template <typename Request>
ReferralService::Reactor* ReferralService::ChangeNew(Context* context, const policy::MethodRule& rule,
                                                     const Request& request, v1::Referral* response) {
  return rpc::MutateAfter(
      env_, context, rule, kValidate, request, response,
      [&, this](const Call& call) -> absl::StatusOr<rpc::MutationBody> {
        Asked asked;
        asked.client_name = request.referral().name();
        asked.sections = &request.sections();
        asked.own_reference = request.own_reference();
        Sides sides{.referring = call.caller->body, .receiving = {}};
        WAYPOST_ASSIGN_OR_RETURN(std::string name, NameFor(env_, call, request.referral()));
        if constexpr (std::is_same_v<Request, v1::SubmitReferralRequest>) {
          asked.command = SubmitOf(request, std::move(name));
          sides.receiving = request.referral().receiving().body();
        } else {
          asked.command = CommandOf(request, std::move(name));
        }
        WAYPOST_ASSIGN_OR_RETURN(Prepared prepared, change_.PrepareNew(call, asked, sides));
        return rpc::MutationBody([this, asked = std::move(asked), response,
                                  prepared = std::move(prepared)](rpc::Mutation& mutation) {
          return change_.Run(mutation, asked, prepared, *response);
        });
      });
}

ReferralService::Reactor* ReferralService::GetReferral(Context* context,
                                                       const v1::GetReferralRequest* request,
                                                       v1::Referral* response) {
  return rpc::QueryNoting(env_, context, kGetReferral, kReceipts, kValidate, *request,
                          [this, request, response](const Call& call, const store::Reader& reader,
                                                    rpc::SystemBody& note) -> absl::Status {
                            WAYPOST_ASSIGN_OR_RETURN(const Readable found,
                                                     Read(call, reader, request->name()));
                            *response = ToReferral(found.record, found.as, call.now);
                            WAYPOST_RETURN_IF_ERROR(FillCaseHolder(reader, found.record, *response));
                            WAYPOST_RETURN_IF_ERROR(FillParts(reader, found.record, found.as, *response));
                            WAYPOST_RETURN_IF_ERROR(FillGroups(reader, found.record, found.as, *response));
                            WAYPOST_RETURN_IF_ERROR(signer_.Sign(*response));
                            if (IsDeliveredTo(found.as, found.record)) note = Delivering(found.record);
                            return absl::OkStatus();
                          });
}

ReferralService::Reactor* ReferralService::ListReceiptKeys(Context* context,
                                                           const v1::ListReceiptKeysRequest* request,
                                                           v1::ListReceiptKeysResponse* response) {
  return rpc::Query(
      env_, context, kListReceiptKeys, kValidate, *request,
      [this, response](const Call& call, const store::Reader&) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, "the keys of receipts").status());
        for (v1::ReceiptKey& key : signer_.keys()) *response->add_keys() = std::move(key);
        return absl::OkStatus();
      });
}

ReferralService::Reactor* ReferralService::GetMyself(Context* context, const v1::GetMyselfRequest* request,
                                                     v1::Myself* response) {
  return rpc::Query(env_, context, kGetMyself, kValidate, *request,
                    [response](const Call& call, const store::Reader&) -> absl::Status {
                      WAYPOST_RETURN_IF_ERROR(call.Authorize({Relation::kAnyone}, "yourself").status());
                      *response = ToMyself(*call.caller);
                      return absl::OkStatus();
                    });
}

ReferralService::Reactor* ReferralService::ListReferrals(Context* context,
                                                         const v1::ListReferralsRequest* request,
                                                         v1::ListReferralsResponse* response) {
  return rpc::Query(
      env_, context, kListReferrals, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), call.caller->body).status());
        WAYPOST_ASSIGN_OR_RETURN(const rows::BoxQuery query, BoxQueryOf(call, *request));
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const std::string bound = QueryOf(*request);
        const api::PageScope scope = ScopeOf(call, bound);
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(rows::BoxPage page, rows::ListBox(reader, query, position, page_size));
        for (std::string& row : page.rows) {
          api::AddStoredRow(*response, v1::ListReferralsResponse::kReferralsFieldNumber, std::move(row));
        }
        if (page.position.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.position, scope));
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::WatchReferralsResponse>* ReferralService::WatchReferrals(
    Context* context, const v1::WatchReferralsRequest* request) {
  using Response = v1::WatchReferralsResponse;
  return rpc::Watch<Response>::Begin(
      env_, context, kWatchReferrals,
      [this, request](const Call& call) -> absl::StatusOr<rpc::WatchPlan<Response>> {
        WAYPOST_RETURN_IF_ERROR(Validate(*request));
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), call.caller->body).status());
        rpc::WatchPlan<Response> plan{.feed = FeedOf(call.caller->body), .after = std::nullopt};
        if (!request->cursor().empty()) {
          WAYPOST_ASSIGN_OR_RETURN(plan.after, ParseCursor(request->cursor()));
        }
        plan.head = [this](const store::Reader& reader) { return outbox::HeadOf(reader, env_.lane.name()); };
        plan.make_quiet = [](uint64_t cursor) {
          Response quiet;
          quiet.set_cursor(base::Cat(cursor));
          return quiet;
        };
        plan.read = [feed = plan.feed, caller = call.caller](
                        const store::Reader& reader,
                        uint64_t& cursor) -> absl::StatusOr<std::vector<Response>> {
          WAYPOST_ASSIGN_OR_RETURN(const auto entries, rpc::ReadFeed(reader, feed, cursor, rpc::kWatchBatch));
          std::vector<Response> batch;
          for (const rpc::FeedEntry& entry : entries) {
            cursor = entry.position;
            const auto record = rows::Get(reader, entry.resource);
            if (!record.ok() && !absl::IsNotFound(record.status())) return record.status();
            if (!record.ok() || !MayRead(*record, *caller)) continue;
            Response& change = batch.emplace_back();
            change.set_cursor(base::Cat(entry.position));
            change.set_referral(entry.resource);
            change.set_revision(entry.revision);
            change.set_event(std::string(EventNameOfType(entry.type)));
            change.set_state(StateFromName(entry.state));
            *change.mutable_time() = api::ToTimestamp(entry.time);
          }
          return batch;
        };
        return plan;
      });
}

ReferralService::Reactor* ReferralService::ListReferralHistory(Context* context,
                                                               const v1::ListReferralHistoryRequest* request,
                                                               v1::ListReferralHistoryResponse* response) {
  return rpc::Query(
      env_, context, kListReferralHistory, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const Readable found, Read(call, reader, request->name()));
        WAYPOST_RETURN_IF_ERROR(CheckReads(found.record, found.as));
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const std::string bound = QueryOf(*request);
        const api::PageScope scope = ScopeOf(call, bound);
        WAYPOST_ASSIGN_OR_RETURN(const std::string after,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        std::string last;
        WAYPOST_ASSIGN_OR_RETURN(const auto entries,
                                 rows::ListHistory(reader, request->name(), after, page_size, &last));
        for (const auto& entry : entries) {
          if (!MayKnow(entry, found.as)) continue;
          v1::HistoryEntry& shown = *response->add_entries();
          shown = ToHistoryEntry(entry, *call.caller);
          if (!KnowsPersons(found.as) && entry.event() == EventName(Event::kVoidOutcome)) {
            shown.clear_voided_entry();
          }
          if (!found.as.Is(Relation::kReceiving)) continue;
          WAYPOST_ASSIGN_OR_RETURN(const bool named, MayBeNamed(reader, entry.next_on_list(), *call.caller));
          if (named) shown.set_next_on_list(entry.next_on_list());
        }
        if (static_cast<int>(entries.size()) < page_size) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(last, scope));
        return absl::OkStatus();
      });
}

ReferralService::Reactor* ReferralService::ListNotes(Context* context, const v1::ListNotesRequest* request,
                                                     v1::ListNotesResponse* response) {
  return rpc::Query(
      env_, context, kListNotes, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const Readable found, Read(call, reader, request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const std::string bound = QueryOf(*request);
        const api::PageScope scope = ScopeOf(call, bound);
        WAYPOST_ASSIGN_OR_RETURN(const std::string after,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        uint64_t number = 0;
        if (!after.empty()) {
          WAYPOST_ASSIGN_OR_RETURN(number, ParseCursor(after));
        }
        WAYPOST_ASSIGN_OR_RETURN(const auto notes, rows::ListNotes(reader, request->name(),
                                                                   static_cast<uint32_t>(number), page_size));
        for (const auto& note : notes) {
          if (MayKnowNote(found.record, note, found.as)) {
            *response->add_notes() = ToNote(found.record, note, *call.caller);
          }
        }
        if (static_cast<int>(notes.size()) < page_size) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(base::Cat(notes.back().number()), scope));
        return absl::OkStatus();
      });
}

ReferralService::Reactor* ReferralService::ListParts(Context* context, const v1::ListPartsRequest* request,
                                                     v1::ListPartsResponse* response) {
  return rpc::Query(env_, context, kListParts, kValidate, *request,
                    [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
                      WAYPOST_ASSIGN_OR_RETURN(const Readable found, Read(call, reader, request->name()));
                      WAYPOST_RETURN_IF_ERROR(CheckReads(found.record, found.as));
                      WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
                      const std::string bound = QueryOf(*request);
                      const api::PageScope scope = ScopeOf(call, bound);
                      WAYPOST_ASSIGN_OR_RETURN(const std::string after,
                                               env_.node.page_tokens.Open(request->page_token(), scope));
                      WAYPOST_ASSIGN_OR_RETURN(const auto names,
                                               rows::ListParts(reader, request->name(), after));
                      for (const std::string& name : names) {
                        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord part, rows::Get(reader, name));
                        // The receiving body of a part may be the other side here, and is not told.
                        const bool own = part.referring().body() == call.caller->body;
                        if (!own || !MayRead(part, *call.caller)) continue;
                        if (response->parts_size() == page_size) {
                          WAYPOST_ASSIGN_OR_RETURN(
                              *response->mutable_next_page_token(),
                              env_.node.page_tokens.Seal(response->parts(page_size - 1).name(), scope));
                          return absl::OkStatus();
                        }
                        *response->add_parts() = ToSummary(part, *call.caller);
                      }
                      return absl::OkStatus();
                    });
}

ReferralService::Reactor* ReferralService::FindByOwnReference(Context* context,
                                                              const v1::FindByOwnReferenceRequest* request,
                                                              v1::FindByOwnReferenceResponse* response) {
  return rpc::Query(
      env_, context, kFindByOwnReference, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), call.caller->body).status());
        WAYPOST_ASSIGN_OR_RETURN(const auto lookups,
                                 sealing_.LookupsOf(call.caller->body, request->own_reference()));
        // While keys are rotated some rows are under the one and some under the other.
        std::vector<std::string> names;
        for (const std::string& lookup : lookups) {
          WAYPOST_ASSIGN_OR_RETURN(const auto found,
                                   rows::FindByLookup(reader, call.caller->body, lookup, api::kMaxPageSize));
          names.insert(names.end(), found.begin(), found.end());
        }
        std::sort(names.begin(), names.end(), std::greater<>());  // names begin with their time
        for (const std::string& name : names) {
          if (response->referrals_size() >= kMaxFoundByReference) break;
          WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(reader, name));
          if (MayRead(record, *call.caller)) *response->add_referrals() = ToSummary(record, *call.caller);
        }
        return absl::OkStatus();
      });
}

template <typename Request, typename Body>
ReferralService::Reactor* ReferralService::Open(Context* context, const policy::MethodRule& rule,
                                                const Request& request, Body body) {
  if (request.purpose() != v1::PURPOSE_LEGAL_OBLIGATION) {
    return rpc::Disclose(env_, context, rule, kValidate, request,
                         [body](rpc::Mutation& mutation) { return body(mutation, OrderRecord()); });
  }
  return rpc::DisclosePrepared(
      env_, context, rule, kValidate, request,
      [this, &request, body](const Call& call,
                             const store::Reader& reader) -> absl::StatusOr<rpc::DiscloseBody> {
        WAYPOST_RETURN_IF_ERROR(Read(call, reader, request.name()).status());
        const std::string& recipient = request.recipient_body();
        WAYPOST_RETURN_IF_ERROR(CheckOrderRecipient(change_.clockwork().bodies, call, reader, recipient));
        const std::string& own = call.caller->body;
        WAYPOST_ASSIGN_OR_RETURN(const Look look, OwnLook(reader, request.name(), own));
        WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys, sealing_.OpenKeys(request.name(), look.wraps, own));
        const std::string text = base::Cat(request.law(), "\n", recipient, "\n", request.order_reference());
        OrderRecord order{.law = request.law(),
                          .recipient = recipient,
                          .commitments = OrderCommitments(text, keys, PersonsOf(request)),
                          .wraps = look.wraps};
        return rpc::DiscloseBody(
            [body, order = std::move(order)](rpc::Mutation& mutation) { return body(mutation, order); });
      });
}

ReferralService::Reactor* ReferralService::DiscloseReferral(Context* context,
                                                            const v1::DiscloseReferralRequest* request,
                                                            v1::DiscloseReferralResponse* response) {
  return Open(
      context, kDiscloseReferral, *request,
      [this, request, response](rpc::Mutation& mutation,
                                const OrderRecord& order) -> absl::StatusOr<rpc::Opening> {
        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(mutation.writer(), request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 mutation.Authorize({.name = request->name(),
                                                     .relations = RelationsOf(record, mutation.caller())}));
        std::vector<v1::SectionKind> kinds;
        for (const int kind : request->sections()) kinds.push_back(static_cast<v1::SectionKind>(kind));
        WAYPOST_RETURN_IF_ERROR(CheckMayOpen(record, kinds, as));
        WAYPOST_RETURN_IF_ERROR(CheckPersons(record, request->persons()));
        WAYPOST_RETURN_IF_ERROR(CheckRights(record, {request->persons().begin(), request->persons().end()},
                                            kinds, request->purpose(), as));
        Look look;
        const std::string& body = mutation.caller().body;
        WAYPOST_ASSIGN_OR_RETURN(look, OwnLook(mutation.writer(), request->name(), body));
        WAYPOST_RETURN_IF_ERROR(CheckKeysOfOrder(order, look.wraps));
        WAYPOST_ASSIGN_OR_RETURN(look.sections, rows::ListSections(mutation.writer(), request->name()));
        WAYPOST_RETURN_IF_ERROR(
            PublishLook(mutation, as, record, "referral.disclosed", request->purpose(), order));
        if (as.Is(Relation::kReceiving)) WAYPOST_RETURN_IF_ERROR(RecordReading(mutation, as, record));
        return rpc::Opening([this, request, response, body, kinds = std::move(kinds),
                             look = std::move(look)]() -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys,
                                   sealing_.OpenKeys(request->name(), look.wraps, body));
          const std::vector<uint32_t> persons(request->persons().begin(), request->persons().end());
          WAYPOST_ASSIGN_OR_RETURN(
              auto sections, sealing_.OpenSections(request->name(), keys, look.sections, persons, kinds));
          for (v1::PersonSections& section : sections) *response->add_sections() = std::move(section);
          if (!look.own_reference.has_value()) return absl::OkStatus();
          WAYPOST_ASSIGN_OR_RETURN(*response->mutable_own_reference(),
                                   sealing_.OpenOwnReference(request->name(), keys, *look.own_reference));
          return absl::OkStatus();
        });
      });
}

ReferralService::Reactor* ReferralService::DiscloseNotes(Context* context,
                                                         const v1::DiscloseNotesRequest* request,
                                                         v1::DiscloseNotesResponse* response) {
  return Open(
      context, kDiscloseNotes, *request,
      [this, request, response](rpc::Mutation& mutation,
                                const OrderRecord& order) -> absl::StatusOr<rpc::Opening> {
        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord record, rows::Get(mutation.writer(), request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const Authorized as,
                                 mutation.Authorize({.name = request->name(),
                                                     .relations = RelationsOf(record, mutation.caller())}));
        WAYPOST_RETURN_IF_ERROR(CheckRightsOfNotes(record, request->purpose(), as));
        Look look;
        std::vector<storage::v1::NoteRecord> notes;
        std::vector<v1::Note> shown;
        for (const std::string& name : request->notes()) {
          WAYPOST_ASSIGN_OR_RETURN(const uint64_t number, ParseCursor(name.substr(name.rfind('/') + 1)));
          WAYPOST_ASSIGN_OR_RETURN(const auto note, rows::GetNote(mutation.writer(), request->name(),
                                                                  static_cast<uint32_t>(number)));
          if (!note.has_value() || !MayKnowNote(record, *note, as)) return error::NotFound(name);
          if (!MayOpenNote(record, *note, as)) return EntryVoid(record.name(), NoteEntry(note->number()));
          notes.push_back(*note);
          shown.push_back(ToNote(record, *note, mutation.caller()));
        }
        const std::string& body = mutation.caller().body;
        WAYPOST_ASSIGN_OR_RETURN(look, OwnLook(mutation.writer(), request->name(), body));
        WAYPOST_RETURN_IF_ERROR(CheckKeysOfOrder(order, look.wraps));
        look.notes = std::move(notes);
        WAYPOST_RETURN_IF_ERROR(
            PublishLook(mutation, as, record, "referral.notes_disclosed", request->purpose(), order));
        return rpc::Opening([this, request, response, body, look = std::move(look),
                             shown = std::move(shown)]() -> absl::Status {
          WAYPOST_ASSIGN_OR_RETURN(const OpenedKeys keys,
                                   sealing_.OpenKeys(request->name(), look.wraps, body));
          for (size_t i = 0; i < shown.size(); ++i) {
            WAYPOST_ASSIGN_OR_RETURN(std::string text,
                                     sealing_.OpenNote(request->name(), keys, look.notes[i]));
            v1::NoteText& opened = *response->add_notes();
            *opened.mutable_note() = shown[i];
            opened.set_text(std::move(text));
          }
          return absl::OkStatus();
        });
      });
}

ReferralService::Reactor* ReferralService::CreateReferral(Context* context,
                                                          const v1::CreateReferralRequest* request,
                                                          v1::Referral* response) {
  return ChangeNew(context, kCreateReferral, *request, response);
}

ReferralService::Reactor* ReferralService::SubmitReferral(Context* context,
                                                          const v1::SubmitReferralRequest* request,
                                                          v1::Referral* response) {
  if (request->name().empty()) return ChangeNew(context, kSubmitReferral, *request, response);
  return Change(context, kSubmitReferral, *request, response);
}

ReferralService::Reactor* ReferralService::UpdateReferral(Context* context,
                                                          const v1::UpdateReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kUpdateReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ApproveReferral(Context* context,
                                                           const v1::ApproveReferralRequest* request,
                                                           v1::Referral* response) {
  return Change(context, kApproveReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ProvideInformation(Context* context,
                                                              const v1::ProvideInformationRequest* request,
                                                              v1::Referral* response) {
  return Change(context, kProvideInformation, *request, response);
}

ReferralService::Reactor* ReferralService::AnswerOffer(Context* context,
                                                       const v1::AnswerOfferRequest* request,
                                                       v1::Referral* response) {
  return Change(context, kAnswerOffer, *request, response);
}

ReferralService::Reactor* ReferralService::ConfirmForward(Context* context,
                                                          const v1::ConfirmForwardRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kConfirmForward, *request, response);
}

ReferralService::Reactor* ReferralService::CancelReferral(Context* context,
                                                          const v1::CancelReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kCancelReferral, *request, response);
}

ReferralService::Reactor* ReferralService::DetachReferral(Context* context,
                                                          const v1::DetachReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kDetachReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ReportMisdirected(Context* context,
                                                             const v1::ReportMisdirectedRequest* request,
                                                             v1::Referral* response) {
  return Change(context, kReportMisdirected, *request, response);
}

ReferralService::Reactor* ReferralService::AcknowledgeReferral(Context* context,
                                                               const v1::AcknowledgeReferralRequest* request,
                                                               v1::Referral* response) {
  return Change(context, kAcknowledgeReferral, *request, response);
}

ReferralService::Reactor* ReferralService::RequestInformation(Context* context,
                                                              const v1::RequestInformationRequest* request,
                                                              v1::Referral* response) {
  return Change(context, kRequestInformation, *request, response);
}

ReferralService::Reactor* ReferralService::WaitlistReferral(Context* context,
                                                            const v1::WaitlistReferralRequest* request,
                                                            v1::Referral* response) {
  return Change(context, kWaitlistReferral, *request, response);
}

ReferralService::Reactor* ReferralService::OfferPlace(Context* context, const v1::OfferPlaceRequest* request,
                                                      v1::Referral* response) {
  return Change(context, kOfferPlace, *request, response);
}

ReferralService::Reactor* ReferralService::AcceptReferral(Context* context,
                                                          const v1::AcceptReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kAcceptReferral, *request, response);
}

ReferralService::Reactor* ReferralService::DeclineReferral(Context* context,
                                                           const v1::DeclineReferralRequest* request,
                                                           v1::Referral* response) {
  return Change(context, kDeclineReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ProposeForward(Context* context,
                                                          const v1::ProposeForwardRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kProposeForward, *request, response);
}

ReferralService::Reactor* ReferralService::ForwardByDuty(Context* context,
                                                         const v1::ForwardByDutyRequest* request,
                                                         v1::Referral* response) {
  return Change(context, kForwardByDuty, *request, response);
}

ReferralService::Reactor* ReferralService::HandOverReferral(Context* context,
                                                            const v1::HandOverReferralRequest* request,
                                                            v1::Referral* response) {
  return Change(context, kHandOverReferral, *request, response);
}

ReferralService::Reactor* ReferralService::StartReferral(Context* context,
                                                         const v1::StartReferralRequest* request,
                                                         v1::Referral* response) {
  return Change(context, kStartReferral, *request, response);
}

ReferralService::Reactor* ReferralService::HoldReferral(Context* context,
                                                        const v1::HoldReferralRequest* request,
                                                        v1::Referral* response) {
  return Change(context, kHoldReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ResumeReferral(Context* context,
                                                          const v1::ResumeReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kResumeReferral, *request, response);
}

ReferralService::Reactor* ReferralService::CompleteReferral(Context* context,
                                                            const v1::CompleteReferralRequest* request,
                                                            v1::Referral* response) {
  return Change(context, kCompleteReferral, *request, response);
}

ReferralService::Reactor* ReferralService::EndReferralWithoutResult(
    Context* context, const v1::EndReferralWithoutResultRequest* request, v1::Referral* response) {
  return Change(context, kEndReferralWithoutResult, *request, response);
}

ReferralService::Reactor* ReferralService::ConfirmCancel(Context* context,
                                                         const v1::ConfirmCancelRequest* request,
                                                         v1::Referral* response) {
  return Change(context, kConfirmCancel, *request, response);
}

ReferralService::Reactor* ReferralService::RefuseCancel(Context* context,
                                                        const v1::RefuseCancelRequest* request,
                                                        v1::Referral* response) {
  return Change(context, kRefuseCancel, *request, response);
}

ReferralService::Reactor* ReferralService::RecordAppointment(Context* context,
                                                             const v1::RecordAppointmentRequest* request,
                                                             v1::Referral* response) {
  return Change(context, kRecordAppointment, *request, response);
}

ReferralService::Reactor* ReferralService::ReopenReferral(Context* context,
                                                          const v1::ReopenReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kReopenReferral, *request, response);
}

ReferralService::Reactor* ReferralService::AssignReferral(Context* context,
                                                          const v1::AssignReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kAssignReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ClaimReferral(Context* context,
                                                         const v1::ClaimReferralRequest* request,
                                                         v1::Referral* response) {
  return Change(context, kClaimReferral, *request, response);
}

ReferralService::Reactor* ReferralService::ChangePriority(Context* context,
                                                          const v1::ChangePriorityRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kChangePriority, *request, response);
}

ReferralService::Reactor* ReferralService::ProposeDate(Context* context,
                                                       const v1::ProposeDateRequest* request,
                                                       v1::Referral* response) {
  return Change(context, kProposeDate, *request, response);
}

ReferralService::Reactor* ReferralService::AnswerDate(Context* context, const v1::AnswerDateRequest* request,
                                                      v1::Referral* response) {
  return Change(context, kAnswerDate, *request, response);
}

ReferralService::Reactor* ReferralService::AddNote(Context* context, const v1::AddNoteRequest* request,
                                                   v1::Referral* response) {
  return Change(context, kAddNote, *request, response);
}

ReferralService::Reactor* ReferralService::VoidEntry(Context* context, const v1::VoidEntryRequest* request,
                                                     v1::Referral* response) {
  return Change(context, kVoidEntry, *request, response);
}

ReferralService::Reactor* ReferralService::VoidOutcome(Context* context,
                                                       const v1::VoidOutcomeRequest* request,
                                                       v1::Referral* response) {
  return Change(context, kVoidOutcome, *request, response);
}

ReferralService::Reactor* ReferralService::SettleFollowUp(Context* context,
                                                          const v1::SettleFollowUpRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kSettleFollowUp, *request, response);
}

ReferralService::Reactor* ReferralService::RemindReferral(Context* context,
                                                          const v1::RemindReferralRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kRemindReferral, *request, response);
}

ReferralService::Reactor* ReferralService::RuleOnCompetence(Context* context,
                                                            const v1::RuleOnCompetenceRequest* request,
                                                            v1::Referral* response) {
  return Change(context, kRuleOnCompetence, *request, response);
}

ReferralService::Reactor* ReferralService::AssumeResponsibility(
    Context* context, const v1::AssumeResponsibilityRequest* request, v1::Referral* response) {
  return Change(context, kAssumeResponsibility, *request, response);
}

ReferralService::Reactor* ReferralService::EraseReferral(Context* context,
                                                         const v1::EraseReferralRequest* request,
                                                         v1::Referral* response) {
  return Change(context, kEraseReferral, *request, response);
}

ReferralService::Reactor* ReferralService::PlaceLegalHold(Context* context,
                                                          const v1::PlaceLegalHoldRequest* request,
                                                          v1::Referral* response) {
  return Change(context, kPlaceLegalHold, *request, response);
}

ReferralService::Reactor* ReferralService::ReleaseLegalHold(Context* context,
                                                            const v1::ReleaseLegalHoldRequest* request,
                                                            v1::Referral* response) {
  return Change(context, kReleaseLegalHold, *request, response);
}

}  // namespace waypost::referral
