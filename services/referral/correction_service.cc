#include "services/referral/correction_service.h"

#include <string>

#include "common/api/names.h"
#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "services/referral/correction_ledger.h"
#include "services/referral/correction_policy.h"
#include "services/referral/correction_rows.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using storage::v1::CorrectionRecord;

absl::Status Validate(const v1::ListCorrectionTasksRequest& request) {
  error::FieldViolations wrong;
  if (request.page_size() < 0) wrong.Add("page_size", "must not be negative");
  if (request.page_token().size() > kMaxPageTokenBytes) {
    wrong.Add("page_token", "is none that was returned to you");
  }
  return wrong.ToStatus();
}

absl::Status Validate(const v1::SettleCorrectionTaskRequest& request) {
  constexpr size_t kMaxEtagBytes = 64;
  error::FieldViolations wrong;
  if (!api::IsName(request.name(), {"correctionTasks"})) {
    wrong.Add("name", "must be the name of a correction task, 'correctionTasks/{id}'");
  }
  if (request.etag().size() > kMaxEtagBytes) wrong.Add("etag", "is none that was returned to you");
  if (request.finding() == v1::CORRECTION_FINDING_UNSPECIFIED) wrong.Add("finding", "is required");
  if (!v1::CorrectionFinding_IsValid(request.finding())) wrong.Add("finding", "must be a known value");
  return wrong.ToStatus();
}

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// To anybody else of another body it must not be known to exist.
policy::Relations RelationsTo(const CorrectionRecord& task, const policy::Caller& caller) {
  policy::Relations relations;
  if (caller.body == task.body()) relations = RelationsToOwnBody();
  if (KeeperOf(task) == v1::CORRECTION_KEEPER_OPERATOR && caller.roles.Has(policy::Role::kOperator)) {
    relations.Add(policy::Relation::kAnyone);
  }
  return relations;
}

// Which tasks a page token is for.
std::string_view QueryOf(const v1::ListCorrectionTasksRequest& request) {
  if (request.every_body()) return request.settled() ? "settled of every body" : "open of every body";
  return request.settled() ? "settled" : "open";
}

}  // namespace

CorrectionService::CorrectionService(const rpc::Environment& env) : env_(env) {}

CorrectionService::~CorrectionService() = default;

grpc::ServerUnaryReactor* CorrectionService::ListCorrectionTasks(
    grpc::CallbackServerContext* context, const v1::ListCorrectionTasksRequest* request,
    v1::ListCorrectionTasksResponse* response) {
  return rpc::Query(
      env_, context, kListCorrectionTasks, kValidate, *request,
      [this, request, response](const rpc::Call& call, const store::Reader& reader) -> absl::Status {
        const std::string& body = call.caller->body;
        const bool every = request->every_body();
        const policy::Relations relations =
            every ? policy::Relations{policy::Relation::kAnyone} : RelationsToOwnBody();
        WAYPOST_RETURN_IF_ERROR(call.Authorize(relations, body).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const api::PageScope scope{.body = body,
                                   .actor = call.caller->actor,
                                   .method = call.rule.method,
                                   .query = QueryOf(*request)};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(
            const rows::CorrectionPage page,
            every ? rows::ListOperatorCorrections(reader, request->settled(), call.now, position, page_size)
                  : rows::ListCorrections(reader, body, request->settled(), call.now, position, page_size));
        for (const CorrectionRecord& task : page.tasks) {
          *response->add_tasks() = every ? ToOperatorsTask(task) : ToCorrectionTask(task);
        }
        if (page.position.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.position, scope));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CorrectionService::SettleCorrectionTask(
    grpc::CallbackServerContext* context, const v1::SettleCorrectionTaskRequest* request,
    v1::CorrectionTask* response) {
  return rpc::Mutate(
      env_, context, kSettleCorrectionTask, kValidate, *request, response,
      [request, response](rpc::Mutation& mutation) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(
            const CorrectionRecord current,
            rows::GetCorrection(mutation.writer(), request->name(), mutation.call().now));
        // The revision says how many declines there were, which is not for operators of other bodies.
        const bool own = mutation.caller().body == current.body();
        WAYPOST_ASSIGN_OR_RETURN(
            const policy::Authorized as,
            mutation.Authorize({.name = current.name(),
                                .relations = RelationsTo(current, mutation.caller()),
                                .revision = current.revision(),
                                .etag = own ? std::string_view(request->etag()) : std::string_view()}));
        if (!own && !request->etag().empty()) {
          return error::InvalidField("etag", "is left out of a task of another body");
        }
        WAYPOST_ASSIGN_OR_RETURN(const CorrectionRecord next,
                                 Settled(current, request->finding(), mutation.call().now));
        WAYPOST_RETURN_IF_ERROR(WriteCorrection(mutation, as, &current, next, "correction.settled"));
        *response = own ? ToCorrectionTask(next) : ToOperatorsTask(next);
        return absl::OkStatus();
      });
}

}  // namespace waypost::referral
