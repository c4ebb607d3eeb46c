#include "services/referral/statistics_rows.h"

#include <optional>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "services/referral/referral_limits.h"
#include "services/referral/statistics_counting.h"

namespace waypost::referral::rows {
namespace {

using storage::v1::Counted;
using storage::v1::ReferralRecord;
using storage::v1::StatisticsRecord;
using store::KeyBuilder;
using store::KeyParser;

constexpr uint32_t kStatisticsFormat = 1;
constexpr std::string_view kWhat = "counts of statistics";

std::string MonthPrefix(std::string_view body, v1::StatisticsSide side, absl::CivilMonth month) {
  return KeyBuilder().Text("stat").Text(body).Uint(side).Text(MonthName(month)).Take();
}

void AddTo(StatisticsRecord& record, const Counted& counted) {
  const auto key = [](const Counted& count) { return CountKey{count.measure(), count.detail()}; };
  auto& counts = *record.mutable_counts();
  for (auto count = counts.begin(); count != counts.end(); ++count) {
    if (key(*count) != key(counted)) continue;
    count->set_count(count->count() + counted.count());
    // All of it was taken back: as if there had been none.
    if (count->count() == 0) counts.erase(count);
    return;
  }
  Counted& added = *record.add_counts();
  added = counted;
  added.clear_not_for_receiver();
}

absl::Status AddToRow(store::Writer& writer, const std::string& row, v1::StatisticsSide side,
                      const std::vector<Counted>& counted) {
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> value, writer.Get(row));
  StatisticsRecord record;
  if (value.has_value() && !record.ParseFromString(*value)) return error::DataLoss(kWhat);
  record.set_format_version(kStatisticsFormat);
  bool any = false;
  for (const Counted& count : counted) {
    if (side == v1::STATISTICS_SIDE_RECEIVING && count.not_for_receiver()) continue;
    AddTo(record, count);
    any = true;
  }
  if (any) writer.Put(row, record.SerializeAsString());
  return absl::OkStatus();
}

}  // namespace

absl::Status AddCounts(store::Writer& writer, const ReferralRecord& record,
                       const std::vector<Counted>& counted) {
  if (counted.empty()) return absl::OkStatus();
  const absl::CivilMonth month =
      absl::ToCivilMonth(api::FromTimestamp(record.update_time()), absl::UTCTimeZone());
  for (const CountingBody& body : CountingBodies(record)) {
    const std::string row = KeyBuilder(MonthPrefix(body.body, body.side, month))
                                .Uint(record.theme())
                                .Text(body.counter_body)
                                .Take();
    WAYPOST_RETURN_IF_ERROR(AddToRow(writer, row, body.side, counted));
  }
  return absl::OkStatus();
}

absl::StatusOr<CountTable> ReadCounts(const store::Reader& reader, const CountsQuery& query) {
  CountTable table;
  int read = 0;
  for (int i = 0; i < query.period.months; ++i) {
    const std::string prefix = MonthPrefix(query.body, query.side, query.period.first + i);
    const auto at = reader.Scan(store::PrefixRange(prefix));
    for (; at->Valid(); at->Next()) {
      if (++read > kMaxStatisticsRows) {
        return error::LimitExceeded("rows of statistics", kMaxStatisticsRows, read);
      }
      KeyParser parser(at->key().substr(prefix.size()));
      WAYPOST_ASSIGN_OR_RETURN(const uint64_t theme, parser.Uint());
      WAYPOST_ASSIGN_OR_RETURN(const std::string counter_body, parser.Text());
      StatisticsRecord record;
      if (!record.ParseFromArray(at->value().data(), static_cast<int>(at->value().size()))) {
        return error::DataLoss(kWhat);
      }
      RowLabel label;
      if (query.breakdown == v1::STATISTICS_BREAKDOWN_THEME) {
        label.theme = static_cast<type::v1::Theme>(theme);
      } else {
        label.counter_body = counter_body;
      }
      Counts& counts = table.rows[label];
      for (const Counted& count : record.counts()) counts[{count.measure(), count.detail()}] += count.count();
    }
    WAYPOST_RETURN_IF_ERROR(at->status());
  }
  return table;
}

}  // namespace waypost::referral::rows
