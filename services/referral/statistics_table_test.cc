#include "services/referral/statistics_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "common/base/strings.h"
#include "services/referral/statistics_counting.h"

namespace waypost::referral {
namespace {

constexpr CountKey kReceived{v1::STATISTICS_MEASURE_RECEIVED};
constexpr CountKey kAnswered{v1::STATISTICS_MEASURE_ACKNOWLEDGED_IN_TIME};
constexpr CountKey kOutcome{v1::STATISTICS_MEASURE_OUTCOME, v1::OUTCOME_KIND_ENROLLED};

RowLabel Theme(int number) {
  return {.theme = static_cast<type::v1::Theme>(number)};
}

// As stored: what there is nothing of has no row.
CountTable OneColumn(const std::vector<int64_t>& values) {
  CountTable table;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) table.rows[Theme(static_cast<int>(i) + 1)][kReceived] = values[i];
  }
  return table;
}

uint64_t ByTheme(const CountKey&, const RowLabel& label) {
  return static_cast<uint64_t>(label.theme);
}

// What is published of one column, rows by their labels: "13|1:x|2:x|4:9|". A label that is not there is
// something that is seen, too.
std::string Published(const CountTable& table, int threshold, const CountKey& key,
                      const Order& order = ByTheme) {
  std::string text;
  for (const v1::StatisticsRow& row : RowsToShow(table, threshold, order)) {
    if (row.theme() != type::v1::THEME_UNSPECIFIED) text += base::Cat(static_cast<int>(row.theme()), ":");
    for (const v1::StatisticsCell& cell : row.cells()) {
      const bool other_kind = cell.outcome_kind() !=
                              static_cast<v1::OutcomeKind>(key.measure == kOutcome.measure ? key.detail : 0);
      if (cell.measure() != key.measure || other_kind) continue;
      text += cell.suppressed() ? "x" : base::Cat(cell.count());
    }
    text += "|";
  }
  return text;
}

TEST(StatisticsTable, SmallCountsAndWhatTheyFollowFromAreSuppressed) {
  EXPECT_EQ(Published(OneColumn({3, 10, 20}), 5, kReceived), "33|3:20|");
  EXPECT_EQ(Published(OneColumn({10, 20}), 5, kReceived), "30|1:10|2:20|");
  EXPECT_EQ(Published(OneColumn({0, 20}), 5, kReceived), "20|2:20|");
  EXPECT_EQ(Published(OneColumn({3, 0}), 5, kReceived), "x|");
  EXPECT_EQ(Published(OneColumn({4}), 5, kReceived), "x|");
  EXPECT_EQ(Published(OneColumn({5}), 5, kReceived), "5|1:5|");
  // Five rows of one each: with the zeros shown, each would be known to be one.
  EXPECT_EQ(Published(OneColumn({1, 1, 1, 1, 1, 0}), 5, kReceived), "5|");
}

TEST(StatisticsTable, ARowIsThereForACountThatIsShown) {
  // Somebody with one referral is told no more than that it is one of few.
  EXPECT_EQ(RowsToShow(OneColumn({0, 0, 1}), 5, ByTheme).size(), 1U);
  CountTable table = OneColumn({3, 10, 20});
  table.rows[Theme(1)][kAnswered] = 7;
  EXPECT_EQ(Published(table, 5, kReceived), "33|1:x|3:20|") << "a row that another column shows";
  EXPECT_EQ(Published(table, 5, kAnswered), "7|1:7|3:0|");
}

// One family is one case, however many it has.
TEST(StatisticsTable, PeopleOfFewReferralsAreFew) {
  const auto of = [](std::vector<std::pair<int64_t, int64_t>> people_and_referrals) {
    CountTable table;
    for (size_t i = 0; i < people_and_referrals.size(); ++i) {
      Counts& counts = table.rows[Theme(static_cast<int>(i) + 1)];
      counts[kOutcome] = people_and_referrals[i].first;
      counts[{kOutcome.measure, kOfReferrals + kOutcome.detail}] = people_and_referrals[i].second;
    }
    return table;
  };
  EXPECT_EQ(Published(of({{6, 1}}), 5, kOutcome), "x|");
  EXPECT_EQ(Published(of({{6, 5}}), 5, kOutcome), "6|1:6|");
  EXPECT_EQ(Published(of({{6, 1}, {20, 4}}), 5, kOutcome), "26|");
  EXPECT_EQ(Published(of({{6, 1}, {20, 9}}), 5, kOutcome), "26|");
  EXPECT_EQ(Published(of({{6, 1}, {20, 9}, {8, 7}}), 5, kOutcome), "34|3:8|");
  // Counted before referrals were: nobody knows of how many these are.
  EXPECT_EQ(Published(of({{60, 0}}), 5, kOutcome), "x|");
  for (const v1::StatisticsRow& row : RowsToShow(of({{6, 5}}), 5, ByTheme)) {
    EXPECT_EQ(row.cells_size(), 10) << "how many referrals there were is no column";
  }
}

// What all tables that look alike may be: of the total and of each row, its values.
using Possible = std::map<std::string, std::vector<std::set<int64_t>>>;

// Looks at one table in every order that the secret may be.
void LookAt(const CountTable& table, const std::vector<int64_t>& values, int threshold, const CountKey& key,
            Possible& possible) {
  std::vector<uint64_t> ranks(values.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  do {
    const auto order = [&ranks](const CountKey&, const RowLabel& label) {
      return ranks[static_cast<size_t>(label.theme) - 1];
    };
    auto& cells = possible[Published(table, threshold, key, order)];
    cells.resize(values.size() + 1);
    for (size_t i = 0; i < values.size(); ++i) cells[i + 1].insert(values[i]);
    cells[0].insert(std::accumulate(values.begin(), values.end(), int64_t{0}));
  } while (std::next_permutation(ranks.begin(), ranks.end()));
}

// Whoever knows the rules and all that is published, the set of rows included, cannot tell a count that is
// not shown, whichever table it was; and below a total that is not shown, not even which rows there are.
void ExpectNothingFollows(const Possible& possible, std::string_view what) {
  for (const auto& [published, cells] : possible) {
    const bool total_hidden = published[0] == 'x';
    if (total_hidden) {
      EXPECT_GE(cells[0].size(), 2U) << what << ": " << published;
    }
    for (size_t row = 1; row < cells.size(); ++row) {
      const size_t at = published.find(base::Cat("|", row, ":"));
      const bool shown = at != std::string::npos && published[at + base::Cat("|", row, ":").size()] != 'x';
      if (shown) {
        EXPECT_EQ(cells[row].size(), 1U) << what << ": " << published;
        continue;
      }
      const bool known_to_be_none = cells[row] == std::set<int64_t>{0};
      EXPECT_TRUE(cells[row].size() >= 2 || (known_to_be_none && !total_hidden))
          << what << ": " << published << " row " << row;
      if (total_hidden && cells.size() > 2) {
        EXPECT_EQ(cells[row].count(0), 1U) << what << ": " << published << " tells that row " << row << " is";
      }
    }
  }
}

// Every way to fill `rows` rows with values of which `all` has the most there may be in all, so that no table
// with the same total is left out.
void EveryWay(size_t rows, int64_t most, const std::function<void(const std::vector<int64_t>&)>& look) {
  std::vector<int64_t> values(rows, 0);
  const std::function<void(size_t)> fill = [&](size_t at) {
    if (at == rows) return look(values);
    const int64_t before =
        std::accumulate(values.begin(), values.begin() + static_cast<long>(at), int64_t{0});
    for (values[at] = 0; values[at] <= most - before; ++values[at]) fill(at + 1);
  };
  fill(0);
}

TEST(StatisticsTable, NoSuppressedCountFollowsFromWhatIsPublished) {
  for (const int threshold : {3, 4, 5}) {
    for (const size_t rows : {1U, 2U, 3U, 4U}) {
      Possible possible;
      EveryWay(rows, 2 * threshold + 4, [&](const std::vector<int64_t>& values) {
        LookAt(OneColumn(values), values, threshold, kReceived, possible);
      });
      ExpectNothingFollows(possible, base::Cat("threshold ", threshold, ", rows ", rows));
    }
  }
}

// The same where another column shows the rows.
TEST(StatisticsTable, NoSuppressedCountFollowsWhereItsRowIsShown) {
  for (const size_t rows : {2U, 3U}) {
    Possible possible;
    EveryWay(rows, 12, [&](const std::vector<int64_t>& values) {
      CountTable table = OneColumn(values);
      for (size_t i = 1; i <= rows; ++i) table.rows[Theme(static_cast<int>(i))][kAnswered] = 9;
      LookAt(table, values, 4, kReceived, possible);
    });
    ExpectNothingFollows(possible, base::Cat("rows ", rows));
  }
}

// People, of one to many referrals: how many of either is not told where the referrals are few.
TEST(StatisticsTable, NoSuppressedOutcomeFollowsFromWhatIsPublished) {
  constexpr int kThreshold = 3;
  for (const size_t rows : {1U, 2U, 3U}) {
    Possible possible;
    EveryWay(rows, 9, [&](const std::vector<int64_t>& people) {
      std::vector<int64_t> referrals(rows, 0);
      const std::function<void(size_t)> fill = [&](size_t at) {
        if (at == rows) {
          CountTable table;
          for (size_t i = 0; i < rows; ++i) {
            if (people[i] == 0) continue;
            Counts& counts = table.rows[Theme(static_cast<int>(i) + 1)];
            counts[kOutcome] = people[i];
            counts[{kOutcome.measure, kOfReferrals + kOutcome.detail}] = referrals[i];
          }
          return LookAt(table, people, kThreshold, kOutcome, possible);
        }
        for (referrals[at] = std::min<int64_t>(1, people[at]); referrals[at] <= people[at]; ++referrals[at]) {
          fill(at + 1);
        }
      };
      fill(0);
    });
    ExpectNothingFollows(possible, base::Cat("rows ", rows));
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
