#include "services/referral/statistics_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "common/base/strings.h"

namespace waypost::referral {
namespace {

constexpr CountKey kReceived{v1::STATISTICS_MEASURE_RECEIVED};

RowLabel Theme(int number) {
  return {.theme = static_cast<type::v1::Theme>(number)};
}

CountTable OneColumn(const std::vector<int64_t>& values) {
  CountTable table;
  for (size_t i = 0; i < values.size(); ++i) {
    Counts& counts = table.rows[Theme(static_cast<int>(i) + 1)];
    if (values[i] != 0) counts[kReceived] = values[i];
  }
  return table;
}

uint64_t ByTheme(const CountKey&, const RowLabel& label) {
  return static_cast<uint64_t>(label.theme);
}

// What is published of one column: "13|x|x|0".
std::string Published(const CountTable& table, int threshold, const CountKey& key,
                      const Order& order = ByTheme) {
  std::string text;
  for (const v1::StatisticsRow& row : RowsToShow(table, threshold, order)) {
    for (const v1::StatisticsCell& cell : row.cells()) {
      if (cell.measure() != key.measure) continue;
      text += cell.suppressed() ? "x|" : base::Cat(cell.count(), "|");
    }
  }
  return text;
}

TEST(StatisticsTable, SmallCountsAndWhatTheyFollowFromAreSuppressed) {
  EXPECT_EQ(Published(OneColumn({3, 10, 20}), 5, kReceived), "33|x|x|20|");
  EXPECT_EQ(Published(OneColumn({10, 20}), 5, kReceived), "30|10|20|");
  EXPECT_EQ(Published(OneColumn({0, 20}), 5, kReceived), "20|0|20|");
  EXPECT_EQ(Published(OneColumn({3, 0}), 5, kReceived), "x|x|x|");
  EXPECT_EQ(Published(OneColumn({4}), 5, kReceived), "x|x|");
  EXPECT_EQ(Published(OneColumn({5}), 5, kReceived), "5|5|");
  // Five rows of one each: with the zeros shown, each would be known to be one.
  EXPECT_EQ(Published(OneColumn({1, 1, 1, 1, 1, 0}), 5, kReceived), "5|x|x|x|x|x|x|");
}

// Every table of a few rows, in every order that the secret may be: whoever knows the rules and all that is
// published cannot tell any suppressed count, whichever table it was.
TEST(StatisticsTable, NoSuppressedCountFollowsFromWhatIsPublished) {
  for (const int threshold : {3, 4, 5}) {
    for (const size_t rows : {1U, 2U, 3U, 4U}) {
      // What is published, and, for each cell, the values of all tables that give it.
      std::map<std::string, std::vector<std::set<int64_t>>> possible;
      std::vector<int64_t> values(rows, 0);
      const int64_t most = 2 * threshold + 4;  // in all, so that no table with the same total is left out
      const std::function<void(size_t)> fill = [&](size_t at) {
        if (at < rows) {
          const int64_t before =
              std::accumulate(values.begin(), values.begin() + static_cast<long>(at), int64_t{0});
          for (values[at] = 0; values[at] <= most - before; ++values[at]) fill(at + 1);
          return;
        }
        std::vector<uint64_t> ranks(rows);
        std::iota(ranks.begin(), ranks.end(), 0);
        do {
          const auto order = [&ranks](const CountKey&, const RowLabel& label) {
            return ranks[static_cast<size_t>(label.theme) - 1];
          };
          auto& cells = possible[Published(OneColumn(values), threshold, kReceived, order)];
          cells.resize(rows + 1);
          for (size_t i = 0; i < rows; ++i) cells[i + 1].insert(values[i]);
          cells[0].insert(std::accumulate(values.begin(), values.end(), int64_t{0}));
        } while (std::next_permutation(ranks.begin(), ranks.end()));
      };
      fill(0);
      for (const auto& [published, cells] : possible) {
        size_t cell = 0;
        for (size_t at = 0; at < published.size(); at = published.find('|', at) + 1, ++cell) {
          if (published[at] != 'x') continue;
          EXPECT_GE(cells[cell].size(), 2U) << published << " cell " << cell << " threshold " << threshold;
        }
      }
    }
  }
}

// Whichever way a period is broken down, the same totals are shown; and the rules hold in every column.
TEST(StatisticsTable, RandomTablesKeepTheRules) {
  std::mt19937 random(20261127);
  for (int round = 0; round < 2'000; ++round) {
    const int threshold = 3 + static_cast<int>(random() % 5);
    CountTable table;
    CountTable other;  // the same referrals, broken down otherwise
    for (int i = 0; i < 40; ++i) {
      const CountKey key{static_cast<v1::StatisticsMeasure>(1 + random() % 9)};
      const auto count = static_cast<int64_t>(random() % 4);
      table.rows[Theme(1 + static_cast<int>(random() % 6))][key] += count;
      other.rows[Theme(1 + static_cast<int>(random() % 3))][key] += count;
    }
    const Suppression shown = SuppressionOf(table, threshold, ByTheme);
    ASSERT_EQ(shown.in_total, SuppressionOf(other, threshold, ByTheme).in_total);
    const Counts total = table.Total();
    for (const auto& [key, sum] : total) {
      const bool total_hidden = shown.in_total.count(key) > 0;
      if (sum > 0 && sum < threshold) {
        EXPECT_TRUE(total_hidden);
      }
      int hidden = 0;
      for (const auto& [label, counts] : table.rows) {
        const auto found = counts.find(key);
        const int64_t value = found == counts.end() ? 0 : found->second;
        const bool is_hidden = shown.in_rows.at(label).count(key) > 0;
        hidden += is_hidden ? 1 : 0;
        if (value > 0 && value < threshold) {
          EXPECT_TRUE(is_hidden);
        }
      }
      if (total_hidden && sum > 0) {
        EXPECT_GT(hidden, 0) << "the total is the sum of the rows";
      }
      if (!total_hidden) {
        EXPECT_NE(hidden, 1) << "it is the total less the others";
      }
    }
  }
}

TEST(StatisticsTable, PeriodsAreWholeMonthsAndQuarters) {
  const auto month = ParsePeriod("2026-11", v1::STATISTICS_PERIOD_KIND_MONTH);
  ASSERT_TRUE(month.has_value());
  EXPECT_EQ(month->begin(), absl::FromCivil(absl::CivilDay(2026, 11, 1), absl::UTCTimeZone()));
  EXPECT_EQ(month->end(), absl::FromCivil(absl::CivilDay(2026, 12, 1), absl::UTCTimeZone()));
  const auto quarter = ParsePeriod("2026-Q4", v1::STATISTICS_PERIOD_KIND_QUARTER);
  ASSERT_TRUE(quarter.has_value());
  EXPECT_EQ(quarter->first, absl::CivilMonth(2026, 10));
  EXPECT_EQ(quarter->end(), absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone()));
  EXPECT_EQ(MonthName(absl::CivilMonth(2026, 3)), "2026-03");
  for (const char* wrong : {"", "2026", "2026-00", "2026-13", "2026-1", "2026-1a", "2026-Q4", "1999-11",
                            "2026-11-", "+026-11", "2026/11"}) {
    EXPECT_FALSE(ParsePeriod(wrong, v1::STATISTICS_PERIOD_KIND_MONTH).has_value()) << wrong;
  }
  for (const char* wrong : {"2026-11", "2026-Q0", "2026-Q5", "2026-q1", "2026Q11", "2026-QQ"}) {
    EXPECT_FALSE(ParsePeriod(wrong, v1::STATISTICS_PERIOD_KIND_QUARTER).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace waypost::referral
