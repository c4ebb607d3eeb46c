#include "services/referral/path_service.h"

#include <string>
#include <utility>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "services/referral/path_policy.h"
#include "services/referral/path_repository.h"
#include "services/referral/path_validation.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using rpc::Call;

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

}  // namespace

PathService::Reactor* PathService::CreatePath(Context* context, const v1::CreatePathRequest* request,
                                              v1::Path* response) {
  const std::string name = rows::PathNameOfId(api::NewId(env_.node.clock.Now(), env_.node.random));
  return rpc::Mutate(env_, context, kCreatePath, kValidate, *request, response,
                     [this, request, response, name](rpc::Mutation& mutation) {
                       return change_.Create(mutation, *request, name, *response);
                     });
}

PathService::Reactor* PathService::GetPath(Context* context, const v1::GetPathRequest* request,
                                           v1::Path* response) {
  return rpc::Query(
      env_, context, kGetPath, kValidate, *request,
      [request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_ASSIGN_OR_RETURN(const HeldPath path, HoldPath(reader, request->name()));
        WAYPOST_RETURN_IF_ERROR(call.Authorize(path.RelationsOf(*call.caller), request->name()).status());
        *response = path.View(*call.caller);
        return absl::OkStatus();
      });
}

PathService::Reactor* PathService::ListPaths(Context* context, const v1::ListPathsRequest* request,
                                             v1::ListPathsResponse* response) {
  return rpc::Query(env_, context, kListPaths, kValidate, *request,
                    [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
                      const policy::Caller& caller = *call.caller;
                      WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), caller.body).status());
                      WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
                      const api::PageScope scope = {.body = caller.body,
                                                    .actor = caller.actor,
                                                    .method = call.rule.method,
                                                    .query = request->ended() ? "ended" : "open"};
                      WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                               env_.node.page_tokens.Open(request->page_token(), scope));
                      WAYPOST_ASSIGN_OR_RETURN(
                          const rows::PathPage page,
                          rows::ListPaths(reader, caller.body, request->ended(), position, page_size));
                      for (const PathRecord& record : page.paths) {
                        WAYPOST_ASSIGN_OR_RETURN(const HeldPath path, HoldPath(reader, record.name()));
                        const policy::Relations relations = path.RelationsOf(caller);
                        if (!policy::Authorize(kGetPath, caller, relations, record.name()).ok()) continue;
                        *response->add_paths() = path.View(caller);
                      }
                      if (page.position.empty()) return absl::OkStatus();
                      WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                               env_.node.page_tokens.Seal(page.position, scope));
                      return absl::OkStatus();
                    });
}

PathService::Reactor* PathService::UpdatePath(Context* context, const v1::UpdatePathRequest* request,
                                              v1::Path* response) {
  return rpc::Mutate(env_, context, kUpdatePath, kValidate, *request, response,
                     [this, request, response](rpc::Mutation& mutation) {
                       return change_.Update(mutation, *request, *response);
                     });
}

PathService::Reactor* PathService::TakeStep(Context* context, const v1::TakeStepRequest* request,
                                            v1::TakeStepResponse* response) {
  const std::string name = rows::NameOfId(api::NewId(env_.node.clock.Now(), env_.node.random));
  return rpc::MutatePrepared(
      env_, context, kTakeStep, kValidate, *request, response,
      [this, request, response, name](const Call& call,
                                      const store::Reader& reader) -> absl::StatusOr<rpc::MutationBody> {
        WAYPOST_ASSIGN_OR_RETURN(PreparedStep prepared, change_.Prepare(call, reader, *request, name));
        return rpc::MutationBody(
            [this, request, response, name, prepared = std::move(prepared)](rpc::Mutation& mutation) {
              return change_.Take(mutation, *request, name, prepared, *response);
            });
      });
}

PathService::Reactor* PathService::EndPath(Context* context, const v1::EndPathRequest* request,
                                           v1::Path* response) {
  return rpc::Mutate(env_, context, kEndPath, kValidate, *request, response,
                     [this, request, response](rpc::Mutation& mutation) {
                       return change_.End(mutation, *request, *response);
                     });
}

}  // namespace waypost::referral
