#include "services/referral/succession_service.h"

#include <string>
#include <vector>

#include "common/api/page_token.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/mutate.h"
#include "services/referral/succession_rows.h"

namespace waypost::referral {
namespace {

using storage::v1::SuccessionMoveRecord;

// Pages are checked where they are read.
constexpr auto kNoFields = [](const v1::ListSuccessionMovesRequest&) { return absl::OkStatus(); };

v1::SuccessionMove ToMove(const SuccessionMoveRecord& record) {
  v1::SuccessionMove move;
  move.set_succession(record.succession());
  move.set_predecessor(record.predecessor());
  move.set_start_date(record.start_date());
  *move.mutable_begin_time() = record.begin_time();
  if (record.has_end_time()) *move.mutable_end_time() = record.end_time();
  move.set_moved_count(record.moved());
  move.set_looked_at_count(record.looked_at());
  move.set_left_behind_count(record.left_behind());
  move.set_failed_count(record.failed());
  move.set_walk(static_cast<int32_t>(record.walk()));
  return move;
}

}  // namespace

SuccessionService::SuccessionService(const rpc::Environment& env) : env_(env) {}

SuccessionService::~SuccessionService() = default;

grpc::ServerUnaryReactor* SuccessionService::ListSuccessionMoves(
    grpc::CallbackServerContext* context, const v1::ListSuccessionMovesRequest* request,
    v1::ListSuccessionMovesResponse* response) {
  return rpc::Query(
      env_, context, kListSuccessionMoves, kNoFields, *request,
      [this, request, response](const rpc::Call& call, const store::Reader& reader) -> absl::Status {
        WAYPOST_RETURN_IF_ERROR(call.Authorize({policy::Relation::kAnyone}, "successions").status());
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        const api::PageScope scope{
            .body = call.caller->body, .actor = call.caller->actor, .method = call.rule.method, .query = {}};
        WAYPOST_ASSIGN_OR_RETURN(const std::string after,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(const std::vector<SuccessionMoveRecord> moves,
                                 rows::ListMoves(reader, after, page_size));
        for (const SuccessionMoveRecord& move : moves) *response->add_moves() = ToMove(move);
        if (static_cast<int>(moves.size()) < page_size) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(moves.back().succession(), scope));
        return absl::OkStatus();
      });
}

}  // namespace waypost::referral
