#include "services/referral/path_service.h"

#include <string>
#include <string_view>
#include <utility>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "services/referral/path_policy.h"
#include "services/referral/path_repository.h"
#include "services/referral/path_validation.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_repository.h"
#include "services/referral/referral_view.h"

namespace waypost::referral {
namespace {

using rpc::Call;

// Picks the validator of the request's type.
constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// The paths that the caller sees, from a position on, until the page is full or enough is read: whether she
// sees one, its referrals say. Returns where to go on.
absl::StatusOr<std::string> FillPage(const store::Reader& reader, const policy::Caller& caller,
                                     const v1::ListPathsRequest& request, std::string_view position,
                                     v1::ListPathsResponse& response) {
  WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request.page_size()));
  size_t read = 0;
  return rows::ListPaths(reader, caller.body, request.ended(), position,
                         [&](PathRecord record) -> absl::StatusOr<bool> {
                           HeldPath path{.record = std::move(record), .referrals = {}, .courses = {}};
                           const std::string& name = path.record.name();
                           WAYPOST_ASSIGN_OR_RETURN(path.referrals, rows::ReferralsOfPath(reader, name));
                           read += 1 + path.referrals.size();
                           if (policy::Authorize(kGetPath, caller, path.RelationsOf(caller), name).ok()) {
                             WAYPOST_ASSIGN_OR_RETURN(path.courses, rows::CoursesOf(reader, path.record));
                             read += path.courses.size();
                             *response.add_paths() = path.View(caller);
                           }
                           return response.paths_size() < page_size && read < kMaxReadForPaths;
                         });
}

}  // namespace

PathService::PathService(const rpc::Environment& env, ReferralChange& change) : env_(env), change_(change) {}

PathService::~PathService() = default;

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
                      const api::PageScope scope = {.body = caller.body,
                                                    .actor = caller.actor,
                                                    .method = call.rule.method,
                                                    .query = request->ended() ? "ended" : "open"};
                      WAYPOST_ASSIGN_OR_RETURN(const std::string from,
                                               env_.node.page_tokens.Open(request->page_token(), scope));
                      WAYPOST_ASSIGN_OR_RETURN(const std::string next,
                                               FillPage(reader, caller, *request, from, *response));
                      if (next.empty()) return absl::OkStatus();
                      WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                               env_.node.page_tokens.Seal(next, scope));
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
