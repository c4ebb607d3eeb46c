// Keys and counts of the statistics. Every function works within the caller's snapshot or transaction; none
// keeps state.
//
//   ("stat", body, side, month, theme, counter body)   StatisticsRecord
#ifndef WAYPOST_SERVICES_REFERRAL_STATISTICS_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_STATISTICS_ROWS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "services/referral/statistics_table.h"
#include "waypost/referral/storage/v1/referral_storage.pb.h"
#include "waypost/referral/storage/v1/statistics_storage.pb.h"

namespace waypost::referral::rows {

// Adds what a change counts for to the figures of every body of the referral, in the month of its update
// time.
absl::Status AddCounts(store::Writer& writer, const storage::v1::ReferralRecord& record,
                       const std::vector<storage::v1::Counted>& counted);

struct CountsQuery {
  std::string body;
  v1::StatisticsSide side = v1::STATISTICS_SIDE_UNSPECIFIED;
  Period period;
  v1::StatisticsBreakdown breakdown = v1::STATISTICS_BREAKDOWN_UNSPECIFIED;
};
// One row for each theme, or for each counter body. LIMIT_EXCEEDED beyond kMaxStatisticsRows stored rows.
absl::StatusOr<CountTable> ReadCounts(const store::Reader& reader, const CountsQuery& query);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_STATISTICS_ROWS_H_
