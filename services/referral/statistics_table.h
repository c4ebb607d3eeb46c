// A table of counts as it may be shown: small counts are suppressed, and so is what they could be worked out
// from. Pure; thread-safe.
//
// The threshold rule is that of the Glossary of Statistical Disclosure Control (UNECE and Eurostat work
// session on statistical data confidentiality, Geneva 2005): a count is sensitive below a number, at some
// agencies five, at others three.
#ifndef WAYPOST_SERVICES_REFERRAL_STATISTICS_TABLE_H_
#define WAYPOST_SERVICES_REFERRAL_STATISTICS_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "waypost/referral/v1/statistics.pb.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::referral {

// As a node publishes.
struct Publication {
  int threshold = 5;
  v1::StatisticsPeriodKind period_kind = v1::STATISTICS_PERIOD_KIND_MONTH;
};

// Longer than any call lives.
inline constexpr absl::Duration kCallsSettle = absl::Hours(1);

// Whole months, in UTC.
struct Period {
  absl::CivilMonth first;
  int months = 1;

  absl::Time begin() const { return absl::FromCivil(first, absl::UTCTimeZone()); }
  absl::Time end() const { return absl::FromCivil(first + months, absl::UTCTimeZone()); }
  // From when on its counts stand. The month is that of the moment in which a call was received: some are
  // under way when it ends.
  absl::Time over() const { return end() + kCallsSettle; }
};
// "2026-11" or "2026-Q4", by the kind, years 2000 to 9999; nothing for any other text.
std::optional<Period> ParsePeriod(std::string_view text, v1::StatisticsPeriodKind kind);
// "2026-11".
std::string MonthName(absl::CivilMonth month);

// A column of the table.
struct CountKey {
  v1::StatisticsMeasure measure = v1::STATISTICS_MEASURE_UNSPECIFIED;
  uint32_t detail = 0;
  friend bool operator==(const CountKey&, const CountKey&) = default;
  friend bool operator<(const CountKey& a, const CountKey& b) {
    return std::tie(a.measure, a.detail) < std::tie(b.measure, b.detail);
  }
};
using Counts = std::map<CountKey, int64_t>;

// A row by theme, or by counter body.
struct RowLabel {
  type::v1::Theme theme = type::v1::THEME_UNSPECIFIED;
  std::string counter_body = {};
  friend bool operator==(const RowLabel&, const RowLabel&) = default;
  friend bool operator<(const RowLabel& a, const RowLabel& b) {
    return std::tie(a.theme, a.counter_body) < std::tie(b.theme, b.counter_body);
  }
};

struct CountTable {
  std::map<RowLabel, Counts> rows;

  Counts Total() const;
};

// What is not to be shown.
struct Suppression {
  std::set<CountKey> in_total;
  std::map<RowLabel, std::set<CountKey>> in_rows;
};

// By which of the other counts of a column goes first where one more is to be suppressed: the least number.
// It is the same for the same column and row each time, else two looks would tell which it was; and nobody
// outside can know it, nor does it depend on counts, else it would tell of them.
using Order = std::function<uint64_t(const CountKey&, const RowLabel&)>;

// Of each column: counts of 1 to threshold - 1 referrals (of OUTCOME, people of so many); where the total is
// shown and these would follow from it, one other count, by `order`; where there is no other, or the total is
// not shown, the whole column below it. Whether a total is shown depends on totals alone, so that two tables
// of one period agree. REQUIRES: threshold >= 3: below, what is suppressed would be known to be 1.
Suppression SuppressionOf(const CountTable& table, int threshold, const Order& order);

// The total and the rows, in their order, with every column that the table has. Rows without a count to show,
// other than 0, are left out: which rows there are tells no more than what is shown in them.
std::vector<v1::StatisticsRow> RowsToShow(const CountTable& table, int threshold, const Order& order);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_STATISTICS_TABLE_H_
