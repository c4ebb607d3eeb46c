#include "services/referral/statistics_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "services/referral/statistics_counting.h"

namespace waypost::referral {
namespace {

constexpr int kFirstYear = 2000;
constexpr int kMonthsOfQuarter = 3;

std::optional<int> ParseDigits(std::string_view text) {
  int value = 0;
  const char* const end = text.data() + text.size();
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
  }
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

int64_t CountIn(const Counts& counts, const CountKey& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

// Of how many referrals a count is: outcomes count people, and one family is one case. What was counted
// before referrals were is of nobody knows how many: of none, so that it is small.
int64_t ReferralsIn(const Counts& counts, const CountKey& key) {
  if (key.measure != v1::STATISTICS_MEASURE_OUTCOME) return CountIn(counts, key);
  return CountIn(counts, {key.measure, kOfReferrals + key.detail});
}

bool IsSmall(const Counts& counts, const CountKey& key, int threshold) {
  return CountIn(counts, key) > 0 && ReferralsIn(counts, key) < threshold;
}

bool IsColumn(const CountKey& key) {
  return key.measure != v1::STATISTICS_MEASURE_OUTCOME || key.detail < kOfReferrals;
}

// Every column: the fixed ones, and what there is of the others.
std::set<CountKey> ColumnsOf(const Counts& total) {
  std::set<CountKey> columns;
  for (int i = v1::STATISTICS_MEASURE_RECEIVED; i <= v1::STATISTICS_MEASURE_NO_FEEDBACK; ++i) {
    columns.insert({static_cast<v1::StatisticsMeasure>(i)});
  }
  for (const auto& [key, count] : total) {
    if (count != 0 && IsColumn(key)) columns.insert(key);
  }
  return columns;
}

void SuppressSmall(const Counts& counts, int threshold, std::set<CountKey>& suppressed) {
  for (const auto& [key, count] : counts) {
    if (IsColumn(key) && IsSmall(counts, key, threshold)) suppressed.insert(key);
  }
}

class Suppressor {
 public:
  Suppressor(const CountTable& table, int threshold, const Order& order)
      : table_(table), threshold_(threshold), order_(order) {}

  Suppression Run() && {
    const Counts total = table_.Total();
    SuppressSmall(total, threshold_, suppression_.in_total);
    for (const auto& [label, counts] : table_.rows) {
      SuppressSmall(counts, threshold_, suppression_.in_rows[label]);
    }
    const std::set<CountKey> columns = ColumnsOf(total);
    for (const CountKey& column : columns) CompleteColumn(column);
    return std::move(suppression_);
  }

 private:
  // Below a total that is not shown, which rows are zero would give away too much. Below one that is, the sum
  // of what is suppressed is known. Of one more count nobody can tell which of the suppressed ones it is, so
  // that each may be small or not.
  void CompleteColumn(const CountKey& column) {
    if (suppression_.in_total.count(column) > 0) return SuppressWhole(column);
    const Column now = Look(column);
    if (now.suppressed == 0) return;
    // With nothing left to hide behind but which rows are zero, that is hidden, whatever the others are: else
    // it would tell that they leave no room.
    if (now.next == nullptr) return SuppressWhole(column);
    if (LeavesRoom(now)) return;
    suppression_.in_rows[*now.next].insert(column);
  }

  struct Column {
    int64_t suppressed = 0;          // rows, all of them small
    int64_t sum = 0;                 // of them
    const RowLabel* next = nullptr;  // the first by the order of those that are shown and not zero
  };
  Column Look(const CountKey& key) const {
    Column column;
    uint64_t least = 0;
    for (const auto& [label, counts] : table_.rows) {
      const int64_t value = CountIn(counts, key);
      if (value == 0) continue;
      if (IsSmall(counts, key, threshold_)) {
        ++column.suppressed;
        column.sum += value;
        continue;
      }
      const uint64_t rank = order_(key, label);
      if (column.next == nullptr || rank < least) {
        column.next = &label;
        least = rank;
      }
    }
    return column;
  }

  // Small counts of a known sum are known where they are all 1, or all one below the threshold.
  bool LeavesRoom(const Column& column) const {
    return column.suppressed >= 2 && column.sum > column.suppressed &&
           column.sum < column.suppressed * (threshold_ - 1);
  }

  void SuppressWhole(const CountKey& column) {
    for (const auto& [label, counts] : table_.rows) suppression_.in_rows[label].insert(column);
  }

  const CountTable& table_;
  const int threshold_;
  const Order& order_;
  Suppression suppression_;
};

v1::StatisticsRow RowOf(const RowLabel& label, const Counts& counts, const std::set<CountKey>& columns,
                        const std::set<CountKey>& suppressed) {
  v1::StatisticsRow row;
  row.set_theme(label.theme);
  row.set_counter_body(label.counter_body);
  for (const CountKey& column : columns) {
    v1::StatisticsCell& cell = *row.add_cells();
    cell = CellOf(column.measure, column.detail);
    if (suppressed.count(column) > 0) {
      cell.set_suppressed(true);
    } else {
      cell.set_count(CountIn(counts, column));
    }
  }
  return row;
}

// A row without such a count would tell by being there that what it hides is not 0.
bool ShowsACount(const v1::StatisticsRow& row) {
  return std::any_of(row.cells().begin(), row.cells().end(),
                     [](const v1::StatisticsCell& cell) { return cell.count() > 0; });
}

}  // namespace

std::optional<Period> ParsePeriod(std::string_view text, v1::StatisticsPeriodKind kind) {
  const bool quarterly = kind == v1::STATISTICS_PERIOD_KIND_QUARTER;
  const size_t number_at = quarterly ? 6 : 5;
  if (text.size() != 7 || text[4] != '-' || (quarterly && text[5] != 'Q')) return std::nullopt;
  const std::optional<int> year = ParseDigits(text.substr(0, 4));
  const std::optional<int> number = ParseDigits(text.substr(number_at));
  const int most = quarterly ? 4 : 12;
  if (!year.has_value() || !number.has_value() || *year < kFirstYear) return std::nullopt;
  if (*number < 1 || *number > most) return std::nullopt;
  const int month = quarterly ? (*number - 1) * kMonthsOfQuarter + 1 : *number;
  return Period{.first = absl::CivilMonth(*year, month), .months = quarterly ? kMonthsOfQuarter : 1};
}

std::string MonthName(absl::CivilMonth month) {
  return absl::StrFormat("%04d-%02d", month.year(), month.month());
}

Counts CountTable::Total() const {
  Counts total;
  for (const auto& [label, counts] : rows) {
    for (const auto& [key, count] : counts) total[key] += count;
  }
  return total;
}

Suppression SuppressionOf(const CountTable& table, int threshold, const Order& order) {
  return Suppressor(table, threshold, order).Run();
}

std::vector<v1::StatisticsRow> RowsToShow(const CountTable& table, int threshold, const Order& order) {
  Suppression suppression = SuppressionOf(table, threshold, order);
  const Counts total = table.Total();
  const std::set<CountKey> columns = ColumnsOf(total);
  std::vector<v1::StatisticsRow> rows = {RowOf({}, total, columns, suppression.in_total)};
  for (const auto& [label, counts] : table.rows) {
    v1::StatisticsRow row = RowOf(label, counts, columns, suppression.in_rows[label]);
    if (ShowsACount(row)) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace waypost::referral
