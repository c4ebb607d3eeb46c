// waypost statistics: what a body's referrals came to in a fixed period.
#include <memory>
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/csv_import.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/statistics.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

constexpr char kMethod[] = "waypost.referral.v1.StatisticsService/ListStatistics";
constexpr char kSuppressed[] = "suppressed";
constexpr char kDefinitions[] = "docs/concepts/statistics.md says what each measure counts";

struct StatisticsOptions {
  std::string period;
  std::string side = "receiving";
  std::string by = "theme";
  std::string body;
  bool csv = false;
  PageOptions page = {.limit = 0, .page_token = ""};
};

// "ended: declined, no capacity".
std::string MeasureWords(const pb::StatisticsCell& cell) {
  std::string words = EnumWords(cell.measure());
  if (cell.measure() == pb::STATISTICS_MEASURE_ENDED) words += ": " + EnumWords(cell.end_state());
  if (cell.measure() == pb::STATISTICS_MEASURE_OUTCOME) words += ": " + EnumWords(cell.outcome_kind());
  if (cell.decline_reason() != pb::DECLINE_REASON_UNSPECIFIED)
    words += ", " + EnumWords(cell.decline_reason());
  if (cell.cancel_reason() != pb::CANCEL_REASON_UNSPECIFIED) words += ", " + EnumWords(cell.cancel_reason());
  return words;
}

std::string RowWords(const pb::StatisticsRow& row) {
  if (!row.counter_body().empty()) return row.counter_body();
  return row.theme() == type::v1::THEME_UNSPECIFIED ? "total" : EnumWords(row.theme());
}

std::string ValueWords(const pb::StatisticsCell& cell) {
  return cell.suppressed() ? kSuppressed : base::Cat(cell.count());
}

// What must go with the figures wherever they go.
std::string Head(const StatisticsOptions& options, const pb::ListStatisticsResponse& table) {
  std::string head =
      base::Cat("Statistics of ", table.body(), ", ", options.side, " side, ", options.period, ", in UTC");
  if (!table.closed()) head += "; the period runs: for this body alone";
  head +=
      base::Cat("\nCounts from 1 to ", table.threshold() - 1, " are ", kSuppressed,
                ", and so is what they could be worked out from; 0 is 0, and whoever is missing has 0 or ",
                kSuppressed);
  return base::Cat(head, "\nReferrals; of 'outcome' people. ", kDefinitions);
}

void ShowTable(Session& session, const StatisticsOptions& options, const pb::ListStatisticsResponse& table) {
  std::ostream& out = session.env().out;
  out << Printable(Head(options, table), /*keep_lines=*/true) << "\n\n";
  std::vector<std::string> headings = {"measure"};
  for (const pb::StatisticsRow& row : table.rows()) headings.push_back(RowWords(row));
  Table text(headings);
  // Every row has the same cells.
  const int measures = table.rows().empty() ? 0 : table.rows(0).cells_size();
  for (int i = 0; i < measures; ++i) {
    std::vector<std::string> cells = {MeasureWords(table.rows(0).cells(i))};
    for (const pb::StatisticsRow& row : table.rows()) cells.push_back(ValueWords(row.cells(i)));
    text.Add(std::move(cells));
  }
  out << text.ToText(session.colour());
}

// A line for each count; lines of the head begin with '#'.
void ShowCsv(Session& session, const StatisticsOptions& options, const pb::ListStatisticsResponse& table) {
  std::ostream& out = session.env().out;
  std::string head = "# " + Head(options, table);
  for (size_t at = head.find('\n'); at != std::string::npos; at = head.find('\n', at + 1)) {
    head.insert(at + 1, "# ");
  }
  out << head << '\n' << CsvLine({"body", "side", "period", options.by, "measure", "count"});
  for (const pb::StatisticsRow& row : table.rows()) {
    for (const pb::StatisticsCell& cell : row.cells()) {
      out << CsvLine(
          {table.body(), options.side, options.period, RowWords(row), MeasureWords(cell), ValueWords(cell)});
    }
  }
}

absl::Status ShowStatistics(Session& session, const StatisticsOptions& options) {
  pb::ListStatisticsRequest request;
  request.set_period(options.period);
  request.set_body(options.body);
  const auto* side = FindEnumValue(*pb::StatisticsSide_descriptor(), options.side);
  const auto* by = FindEnumValue(*pb::StatisticsBreakdown_descriptor(), options.by);
  if (side != nullptr) request.set_side(static_cast<pb::StatisticsSide>(side->number()));
  if (by != nullptr) request.set_breakdown(static_cast<pb::StatisticsBreakdown>(by->number()));
  pb::ListStatisticsResponse table;
  WAYPOST_RETURN_IF_ERROR(session.ListAll(kMethod, options.page, request, table));
  if (session.json()) return session.ShowJson(table);
  if (options.csv) {
    ShowCsv(session, options, table);
  } else {
    ShowTable(session, options, table);
  }
  return absl::OkStatus();
}

}  // namespace

void AddStatisticsCommand(CLI::App& root, Session& session) {
  CLI::App& leaf = *root.add_subcommand(
      "statistics", "What the referrals of the own body came to in a period; small counts are suppressed");
  auto options = std::make_shared<StatisticsOptions>();
  leaf.add_option("period", options->period, "a month, as in 2026-11, or a quarter, as in 2026-Q4")
      ->required();
  leaf.add_option("--side", options->side, "as what the own body is counted")
      ->check(CLI::IsMember(EnumChoices(*pb::StatisticsSide_descriptor())))
      ->capture_default_str();
  leaf.add_option("--by", options->by, "what the rows are")
      ->check(CLI::IsMember(EnumChoices(*pb::StatisticsBreakdown_descriptor())))
      ->capture_default_str();
  leaf.add_option(
      "--body", options->body,
      "a body that merged into the own one, as in bodies/es-villaverde: by theme, of periods that "
      "are over; the own body if absent");
  leaf.add_flag("--csv", options->csv, "as CSV: a line for each count, under a head that begins with #");
  session.On(leaf, [&session, options] { return ShowStatistics(session, *options); });
}

}  // namespace waypost::cli
