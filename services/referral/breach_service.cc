#include "services/referral/breach_service.h"

#include <string>
#include <utility>

#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "services/referral/breach_ledger.h"
#include "services/referral/breach_policy.h"
#include "services/referral/breach_rows.h"
#include "services/referral/referral_directory.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using policy::Authorized;
using storage::v1::ReferralRecord;

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// What is owed within 72 hours is done: the referral's follow-up is, too, if nobody has settled it by hand.
absl::Status SettleFollowUpOf(rpc::Mutation& mutation, const Authorized& as, const Clockwork& clockwork,
                              const ReferralRecord& referral) {
  if (referral.due().clock() != v1::CLOCK_FOLLOW_UP || referral.due().party() != v1::PARTY_REFERRING) {
    return absl::OkStatus();
  }
  const Command settle = command::SettleFollowUp{};
  WAYPOST_ASSIGN_OR_RETURN(const Moment moment, MomentOf(clockwork.bodies, mutation.writer(),
                                                         api::NotBefore(mutation.call().now, referral),
                                                         clockwork.clocks, settle, referral));
  WAYPOST_ASSIGN_OR_RETURN(Decision decision, Decide(referral, settle, as, moment));
  return CarryOutOfCaller(mutation, as, clockwork, referral, std::move(decision));
}

}  // namespace

BreachService::BreachService(const rpc::Environment& env, const Clockwork& clockwork)
    : env_(env), clockwork_(clockwork) {}

BreachService::~BreachService() = default;

template <typename Request>
BreachService::Reactor* BreachService::Record(Context* context, const policy::MethodRule& rule, BreachAct act,
                                              const Request* request, v1::Breach* response) {
  return rpc::Mutate(
      env_, context, rule, kValidate, *request, response,
      [this, act, request, response](rpc::Mutation& mutation) -> absl::Status {
        store::Writer& writer = mutation.writer();
        WAYPOST_ASSIGN_OR_RETURN(const BreachRecord current, rows::GetBreach(writer, request->name()));
        WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral,
                                 rows::Get(writer, current.breach().referral()));
        WAYPOST_ASSIGN_OR_RETURN(
            const Authorized as,
            mutation.Authorize({.name = request->name(),
                                .relations = RelationsToBreach(current, referral, mutation.caller()),
                                .revision = current.breach().revision(),
                                .etag = request->etag()}));
        WAYPOST_ASSIGN_OR_RETURN(
            const BreachRecord next,
            Recorded(current, *request, {.by = mutation.caller(), .now = mutation.call().now}));
        WAYPOST_RETURN_IF_ERROR(WriteBreach(mutation, as, &current, next, BreachEventType(act)));
        if (IsAnswered(next)) {
          WAYPOST_RETURN_IF_ERROR(SettleFollowUpOf(mutation, as, clockwork_, referral));
        }
        *response = ToBreach(next);
        return absl::OkStatus();
      });
}

BreachService::Reactor* BreachService::GetBreach(Context* context, const v1::GetBreachRequest* request,
                                                 v1::Breach* response) {
  return rpc::Query(env_, context, kGetBreach, kValidate, *request,
                    [request, response](const rpc::Call& call, const store::Reader& reader) -> absl::Status {
                      WAYPOST_ASSIGN_OR_RETURN(const BreachRecord record,
                                               rows::GetBreach(reader, request->name()));
                      WAYPOST_ASSIGN_OR_RETURN(const ReferralRecord referral,
                                               rows::Get(reader, record.breach().referral()));
                      const policy::Relations relations = RelationsToBreach(record, referral, *call.caller);
                      WAYPOST_RETURN_IF_ERROR(call.Authorize(relations, request->name()).status());
                      *response = ToBreach(record);
                      return absl::OkStatus();
                    });
}

BreachService::Reactor* BreachService::ListBreaches(Context* context, const v1::ListBreachesRequest* request,
                                                    v1::ListBreachesResponse* response) {
  return rpc::Query(
      env_, context, kListBreaches, kValidate, *request,
      [this, request, response](const rpc::Call& call, const store::Reader& reader) -> absl::Status {
        const std::string& body = call.caller->body;
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), body).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const api::PageScope scope{.body = body,
                                   .actor = call.caller->actor,
                                   .method = call.rule.method,
                                   .query = request->all() ? "all" : "open"};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        const auto which = request->all() ? rows::BreachList::kAll : rows::BreachList::kNotClosed;
        WAYPOST_ASSIGN_OR_RETURN(const rows::BreachPage page,
                                 rows::ListBreaches(reader, body, which, position, page_size));
        for (const BreachRecord& record : page.breaches) *response->add_breaches() = ToBreach(record);
        if (page.position.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.position, scope));
        return absl::OkStatus();
      });
}

BreachService::Reactor* BreachService::AssessBreach(Context* context, const v1::AssessBreachRequest* request,
                                                    v1::Breach* response) {
  return Record(context, kAssessBreach, BreachAct::kAssess, request, response);
}

BreachService::Reactor* BreachService::RecordBreachNotification(
    Context* context, const v1::RecordBreachNotificationRequest* request, v1::Breach* response) {
  return Record(context, kRecordBreachNotification, BreachAct::kNotify, request, response);
}

BreachService::Reactor* BreachService::RecordPersonsTold(Context* context,
                                                         const v1::RecordPersonsToldRequest* request,
                                                         v1::Breach* response) {
  return Record(context, kRecordPersonsTold, BreachAct::kTell, request, response);
}

BreachService::Reactor* BreachService::RecordBreachDeletion(Context* context,
                                                            const v1::RecordBreachDeletionRequest* request,
                                                            v1::Breach* response) {
  return Record(context, kRecordBreachDeletion, BreachAct::kConfirmDeletion, request, response);
}

BreachService::Reactor* BreachService::CloseBreach(Context* context, const v1::CloseBreachRequest* request,
                                                   v1::Breach* response) {
  return Record(context, kCloseBreach, BreachAct::kClose, request, response);
}

}  // namespace waypost::referral
