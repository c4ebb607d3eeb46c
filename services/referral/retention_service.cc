// The part of the service that tells bodies what they keep, and what was erased when its time had run out.
#include <string>
#include <utility>

#include "common/api/resource.h"
#include "common/api/stored_rows.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/mutate.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_policy.h"
#include "services/referral/referral_service.h"
#include "services/referral/referral_validation.h"
#include "services/referral/referral_view.h"
#include "services/referral/retention_repository.h"

namespace waypost::referral {
namespace {

using rpc::Call;

constexpr auto kValidate = [](const auto& request) { return Validate(request); };

// `query` must outlive it.
api::PageScope ScopeOf(const Call& call, std::string_view query) {
  return {.body = call.caller->body, .actor = call.caller->actor, .method = call.rule.method, .query = query};
}

// What stands beside the reports: how it is now.
absl::Status FillStanding(const store::Reader& reader, std::string_view body, absl::Time now,
                          v1::ListRetentionReportsResponse& response) {
  const absl::Time from_now = now + absl::Microseconds(1);
  WAYPOST_ASSIGN_OR_RETURN(const int held,
                           rows::CountRetention(reader, body, true, from_now, kMaxRetentionCounted));
  WAYPOST_ASSIGN_OR_RETURN(const int due,
                           rows::CountRetention(reader, body, false, from_now, kMaxRetentionCounted));
  response.set_held_back_count(held);
  response.set_due_count(due);
  WAYPOST_ASSIGN_OR_RETURN(const rows::RetentionPage next,
                           rows::ListRetention(reader, body, false, absl::InfiniteFuture(), {}, 1));
  if (!next.rows.empty()) {
    v1::RetentionEntry entry;
    if (!entry.ParseFromString(next.rows.front())) return error::DataLoss("retention entry");
    response.set_next_kept_until(entry.kept_until());
  }
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<absl::Time> run, rows::GetRetentionRun(reader));
  if (run.has_value()) *response.mutable_last_run_time() = api::ToTimestamp(*run);
  return absl::OkStatus();
}

}  // namespace

ReferralService::Reactor* ReferralService::ListRetention(Context* context,
                                                         const v1::ListRetentionRequest* request,
                                                         v1::ListRetentionResponse* response) {
  return rpc::Query(
      env_, context, kListRetention, kValidate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        const std::string& body = call.caller->body;
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), body).status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const bool held_back = request->held_back();
        const std::string query = base::Cat(held_back ? "held " : "due ", request->until());
        const api::PageScope scope = ScopeOf(call, query);
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        // What is kept until a day is erased in the first moment of the next one.
        const absl::Time erased_by = absl::FromCivil(*ParseDay(request->until()) + 1, absl::UTCTimeZone());
        WAYPOST_ASSIGN_OR_RETURN(rows::RetentionPage page,
                                 rows::ListRetention(reader, body, held_back,
                                                     erased_by + absl::Microseconds(1), position, page_size));
        for (std::string& row : page.rows) {
          api::AddStoredRow(*response, v1::ListRetentionResponse::kEntriesFieldNumber, std::move(row));
        }
        if (page.position.empty()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(page.position, scope));
        return absl::OkStatus();
      });
}

ReferralService::Reactor* ReferralService::ListRetentionReports(
    Context* context, const v1::ListRetentionReportsRequest* request,
    v1::ListRetentionReportsResponse* response) {
  return rpc::Query(env_, context, kListRetentionReports, kValidate, *request,
                    [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
                      const std::string& body = call.caller->body;
                      WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), body).status());
                      WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
                      const api::PageScope scope = ScopeOf(call, "reports");
                      WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                               env_.node.page_tokens.Open(request->page_token(), scope));
                      WAYPOST_RETURN_IF_ERROR(FillStanding(reader, body, call.now, *response));
                      WAYPOST_ASSIGN_OR_RETURN(rows::RetentionPage page,
                                               rows::ListRetentionReports(reader, body, position, page_size));
                      for (std::string& row : page.rows) {
                        api::AddStoredRow(*response, v1::ListRetentionReportsResponse::kReportsFieldNumber,
                                          std::move(row));
                      }
                      if (page.position.empty()) return absl::OkStatus();
                      WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                               env_.node.page_tokens.Seal(page.position, scope));
                      return absl::OkStatus();
                    });
}

}  // namespace waypost::referral
