#include "services/referral/statistics_service.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/rpc/mutate.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_view.h"
#include "services/referral/statistics_policy.h"
#include "services/referral/statistics_rows.h"
#include "services/referral/succession_rows.h"

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
  if (!request.body().empty() && !api::IsName(request.body(), {"bodies"})) {
    wrong.Add("body", "must be the name of a body, 'bodies/{id}'");
  }
  if (request.page_token().size() > kMaxPageTokenBytes) wrong.Add("page_token", "is too long");
  return wrong.ToStatus();
}

// Whose figures: those of the caller's own body, or of one in whose whole place it stands. Those of any other
// are NOT_FOUND.
absl::StatusOr<std::string> BodyAsked(const Call& call, const store::Reader& reader,
                                      const v1::ListStatisticsRequest& request) {
  const std::string& own = call.caller->body;
  std::string asked = request.body().empty() ? own : request.body();
  bool has_its_place = asked == own;
  if (!has_its_place && !own.empty()) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string day, rows::SuccessionDay(reader, call.now));
    WAYPOST_ASSIGN_OR_RETURN(has_its_place, rows::StandsInWholePlace(reader, own, asked, day));
  }
  const policy::Relations relations = has_its_place ? RelationsToOwnBody() : policy::Relations();
  WAYPOST_RETURN_IF_ERROR(call.Authorize(relations, asked).status());
  // Beside the own figures by counter body, of which the body before may be one, those would give away what
  // each table hides.
  if (asked != own && request.breakdown() != v1::STATISTICS_BREAKDOWN_THEME) {
    return error::InvalidField("breakdown", "of a body that was succeeded there are figures by theme alone");
  }
  return asked;
}

// Pages are of one table: in the position is a mark of its counts, and the last row of the page before.
std::string MarkOf(const std::string& secret, const Counts& total) {
  store::KeyBuilder text;
  for (const auto& [key, count] : total) {
    text.Uint(static_cast<uint64_t>(key.measure)).Uint(key.detail).Int(count);
  }
  return crypto::HmacSha256(secret, text.key());
}

RowLabel LabelOf(const v1::StatisticsRow& row) {
  return {.theme = row.theme(), .counter_body = row.counter_body()};
}

std::string PositionAfter(const std::string& mark, const v1::StatisticsRow& row) {
  return store::KeyBuilder()
      .Text(mark)
      .Uint(static_cast<uint64_t>(row.theme()))
      .Text(row.counter_body())
      .Take();
}

// The last row of the page before; nothing for the first page. PAGE_TOKEN_INVALID where a count has changed
// since.
absl::StatusOr<std::optional<RowLabel>> ParsePosition(std::string_view position, std::string_view mark) {
  if (position.empty()) return std::nullopt;
  store::KeyParser parser(position);
  const absl::StatusOr<std::string> marked = parser.Text();
  if (!marked.ok() || *marked != mark) return error::PageTokenInvalid();
  RowLabel label;
  WAYPOST_ASSIGN_OR_RETURN(const uint64_t theme, parser.Uint());
  label.theme = static_cast<type::v1::Theme>(theme);
  WAYPOST_ASSIGN_OR_RETURN(label.counter_body, parser.Text());
  return label;
}

}  // namespace

StatisticsService::StatisticsService(const rpc::Environment& env, const Publication& publication)
    : env_(env), publication_(publication) {}

StatisticsService::~StatisticsService() = default;

absl::StatusOr<Period> StatisticsService::PeriodOf(const v1::ListStatisticsRequest& request, bool own,
                                                   absl::Time now) const {
  const std::optional<Period> period = ParsePeriod(request.period(), publication_.period_kind);
  if (!period.has_value()) {
    const bool monthly = publication_.period_kind == v1::STATISTICS_PERIOD_KIND_MONTH;
    return error::InvalidField("period", monthly ? "this node counts by months: give one, as 2026-11"
                                                 : "this node counts by quarters: give one, as 2026-Q4");
  }
  if (period->begin() > now) return error::InvalidField("period", "is still to come");
  // Between two looks at a running period, one case more or less would show.
  const bool only_over = !own || request.side() == v1::STATISTICS_SIDE_COORDINATING;
  if (only_over && now < period->over()) {
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
  response.set_closed(now >= period.over());
}

grpc::ServerUnaryReactor* StatisticsService::ListStatistics(grpc::CallbackServerContext* context,
                                                            const v1::ListStatisticsRequest* request,
                                                            v1::ListStatisticsResponse* response) {
  return rpc::Query(
      env_, context, kListStatistics, Validate, *request,
      [this, request, response](const Call& call, const store::Reader& reader) -> absl::Status {
        const std::string& own = call.caller->body;
        WAYPOST_ASSIGN_OR_RETURN(const std::string body, BodyAsked(call, reader, *request));
        WAYPOST_ASSIGN_OR_RETURN(const Period period, PeriodOf(*request, body == own, call.now));
        WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request->page_size()));
        v1::ListStatisticsRequest query = *request;
        query.clear_page_size();
        query.clear_page_token();
        const std::string bound = query.SerializeAsString();
        const api::PageScope scope{
            .body = own, .actor = call.caller->actor, .method = call.rule.method, .query = bound};
        WAYPOST_ASSIGN_OR_RETURN(const std::string position,
                                 env_.node.page_tokens.Open(request->page_token(), scope));
        WAYPOST_ASSIGN_OR_RETURN(
            const CountTable table,
            rows::ReadCounts(reader, {body, request->side(), period, request->breakdown()}));
        const std::string mark = MarkOf(env_.node.idempotency_key, table.Total());
        WAYPOST_ASSIGN_OR_RETURN(const std::optional<RowLabel> last, ParsePosition(position, mark));
        std::vector<v1::StatisticsRow> rows =
            RowsToShow(table, publication_.threshold, OrderOf(env_.node.idempotency_key, body, *request));
        response->set_body(body);
        Describe(period, call.now, *response);
        // The total comes first, and has no label.
        auto at = rows.begin();
        while (last.has_value() && at != rows.end() && !(*last < LabelOf(*at))) ++at;
        for (; at != rows.end() && response->rows_size() < page_size; ++at) *response->add_rows() = *at;
        if (at == rows.end()) return absl::OkStatus();
        const std::string next = PositionAfter(mark, *std::prev(at));
        WAYPOST_ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                                 env_.node.page_tokens.Seal(next, scope));
        return absl::OkStatus();
      });
}

}  // namespace waypost::referral
