#include "services/referral/statistics_service.h"

#include <charconv>
#include <string>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_view.h"
#include "services/referral/statistics_policy.h"
#include "services/referral/statistics_rows.h"

namespace waypost::referral {
namespace {

using rpc::Call;

constexpr size_t kMaxPageTokenBytes = 8 * 1024;

// A node's secret makes the order: another one for each table, the same at each look.
Order OrderOf(const std::string& secret, std::string_view body, const v1::ListStatisticsRequest& request) {
  const std::string table = base::Cat("statistics ", body, " ", static_cast<int>(request.side()), " ",
                                      request.period(), " ", static_cast<int>(request.breakdown()));
  return [secret, table](const CountKey& key, const RowLabel& label) {
    const std::string row = base::Cat(table, " ", static_cast<int>(key.measure), " ", key.detail, " ",
                                      static_cast<int>(label.theme), " ", label.counter_body);
    const std::string hash = crypto::HmacSha256(secret, row);
    uint64_t rank = 0;
    for (size_t i = 0; i < sizeof rank; ++i) rank = rank << 8U | static_cast<unsigned char>(hash[i]);
    return rank;
  };
}

absl::Status Validate(const v1::ListStatisticsRequest& request) {
  error::FieldViolations wrong;
  if (!v1::StatisticsSide_IsValid(request.side()) || request.side() == v1::STATISTICS_SIDE_UNSPECIFIED) {
    wrong.Add("side", "is required");
  }
  if (!v1::StatisticsBreakdown_IsValid(request.breakdown()) ||
      request.breakdown() == v1::STATISTICS_BREAKDOWN_UNSPECIFIED) {
    wrong.Add("breakdown", "is required");
  }
  if (request.page_token().size() > kMaxPageTokenBytes) wrong.Add("page_token", "is too long");
  return wrong.ToStatus();
}

absl::StatusOr<size_t> ParsePosition(std::string_view position) {
  size_t value = 0;
  if (position.empty()) return value;
  const char* const end = position.data() + position.size();
  const auto [at, error] = std::from_chars(position.data(), end, value);
  if (error != std::errc() || at != end) return error::PageTokenInvalid();
  return value;
}

}  // namespace

absl::StatusOr<Period> StatisticsService::PeriodOf(const v1::ListStatisticsRequest& request,
                                                   absl::Time now) const {
  const std::optional<Period> period = ParsePeriod(request.period(), publication_.period_kind);
  if (!period.has_value()) {
    const bool monthly = publication_.period_kind == v1::STATISTICS_PERIOD_KIND_MONTH;
    return error::InvalidField("period", monthly ? "this node counts by months: give one, as 2026-11"
                                                 : "this node counts by quarters: give one, as 2026-Q4");
  }
  if (period->begin() > now) return error::InvalidField("period", "is still to come");
  // Between two looks at a running period, one case more or less would show.
  if (request.side() == v1::STATISTICS_SIDE_COORDINATING && now < period->end()) {
    return PeriodNotOver(request.period());
  }
  return *period;
}

void StatisticsService::Describe(const Period& period, absl::Time now,
                                 v1::ListStatisticsResponse& response) const {
  response.set_threshold(publication_.threshold);
  response.set_period_kind(publication_.period_kind);
  *response.mutable_begin_time() = api::ToTimestamp(period.begin());
  *response.mutable_end_time() = api::ToTimestamp(period.end());
  response.set_closed(now >= period.end());
}

grpc::ServerUnaryReactor* StatisticsService::ListStatistics(grpc::CallbackServerContext* context,
                                                            const v1::ListStatisticsRequest* request,
                                                            v1::ListStatisticsResponse* response) {
  return rpc::Query(
      env_, context, kListStatistics, Validate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        const std::string& body = call.caller->body;
        WAYPOST_RETURN_IF_ERROR(call.Authorize(RelationsToOwnBody(), body).status());
        WAYPOST_ASSIGN_OR_RETURN(const Period period, PeriodOf(*request, call.now));
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        v1::ListStatisticsRequest query = *request;
        query.clear_page_size();
        query.clear_page_token();
        const std::string bound = query.SerializeAsString();
        const api::PageScope scope{
            .body = body, .actor = call.caller->actor, .method = call.rule.method, .query = bound};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(size_t at, ParsePosition(position));
        WAYPOST_ASSIGN_OR_RETURN(
            const CountTable table,
            rows::ReadCounts(reader, {body, request->side(), period, request->breakdown()}));
        std::vector<v1::StatisticsRow> rows =
            RowsToShow(table, publication_.threshold, OrderOf(env_.node.idempotency_key, body, *request));
        response->set_body(body);
        Describe(period, call.now, *response);
        for (; at < rows.size() && response->rows_size() < page_size; ++at) {
          *response->add_rows() = std::move(rows[at]);
        }
        if (at >= rows.size()) return absl::OkStatus();
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(base::Cat(at), scope));
        return absl::OkStatus();
      });
}

}  // namespace waypost::referral
