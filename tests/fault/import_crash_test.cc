// A file of a thousand rows is imported by the program, and the node or the program itself is killed in the
// middle. The same command goes on from there: every row becomes one referral, whoever was killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "tests/e2e/cli_fixture.h"

namespace waypost::e2e {
namespace {

using nlohmann::json;
using ::testing::UnorderedElementsAre;

constexpr int kRows = 1000;
// As a spreadsheet counts. The first is wrong here already, the other one only for the server.
constexpr int kUnreadableRow = 4;
constexpr int kRefusedRow = 997;
constexpr size_t kGood = kRows - 2;
constexpr int kPartly = 5;  // the exit code where some rows failed

// The last two columns of the rows of a file; neither is ever quoted.
using Columns = std::vector<std::pair<std::string, std::string>>;
Columns LastColumns(const std::string& path) {
  Columns rows;
  std::istringstream lines(ReadFile(path));
  std::string line;
  std::getline(lines, line);  // the header
  while (std::getline(lines, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const size_t last = line.rfind(',');
    const size_t before = line.rfind(',', last - 1);
    rows.emplace_back(line.substr(before + 1, last - before - 1), line.substr(last + 1));
  }
  return rows;
}

// "Caab": names and days that are nobody else's, so that no row looks like one that was sent before.
std::string PersonOf(int row) {
  std::string name = "C";
  for (int rest = row, i = 0; i < 3; ++i, rest /= 26) name += static_cast<char>('a' + rest % 26);
  const std::string born = absl::FormatCivilTime(absl::CivilDay(1960, 1, 1) + row);
  return base::Cat("--given-name ", name, " --family-name Invented --birth-date ", born);
}

// One import of one file, run as often as it takes.
class Import {
 public:
  Import(std::string_view folder, std::string id)
      : id_(std::move(id)), file_(base::Cat(folder, "/", id_, ".csv")) {}

  const std::string& file() const { return file_; }
  // Few calls at once: when the first rows are kept, most are still to be sent.
  std::string line() const {
    return base::Cat("referral import --output json --in-flight 2 --import-id ", id_, " ", file_);
  }
  std::string RequestId(int row) const { return base::Cat("imp-", id_, "-", row); }

  // What went through, by request id, is kept beside the file, each row once.
  std::map<std::string, std::string> Kept() const {
    std::map<std::string, std::string> kept;
    for (const auto& [request_id, referral] : LastColumns(file_ + ".done.csv")) {
      EXPECT_TRUE(kept.insert({request_id, referral}).second) << request_id << " is kept twice";
    }
    return kept;
  }
  // What did not: reason and request id, as the file of errors has them.
  Columns Errors() const { return LastColumns(file_ + ".errors.csv"); }

 private:
  const std::string id_;
  const std::string file_;
};

class ImportCrashTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    before_ = Listed();
  }

  // Writes the file of an import.
  static Import Begin(const std::string& id) {
    Import import(folder_->path(), id);
    std::string csv;
    for (int row = 2; row < 2 + kRows; ++row) {
      const std::string reference = row == kRefusedRow ? std::string(101, 'X') : base::Cat(id, "-", row);
      const std::string one = CsvOf({{reference, row == kUnreadableRow ? "cheese" : "housing"}},
                                    base::Cat(ReferralFlags(PersonOf(row)), " --screening room"));
      csv += csv.empty() ? one : one.substr(one.find('\n') + 1);
    }
    WriteFile(import.file(), csv);
    return import;
  }

  // Waits until the first rows went through, and leaves the others on their way.
  static void AwaitFirstRows(Process& program, const Import& import) {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (LastColumns(import.file() + ".done.csv").empty() && absl::Now() < until) {
      ASSERT_FALSE(program.WaitForExit(absl::Milliseconds(1)).has_value()) << program.Printed();
    }
  }

  // All that the body has sent, each once.
  static std::set<std::string> Listed() {
    std::set<std::string> names;
    const json page = Json("from", "referral list --box outbox --limit 0");
    for (const json& row : page.value("referrals", json::array())) {
      EXPECT_TRUE(names.insert(row.at("name")).second) << row;
    }
    return names;
  }

  // Each good row is a referral and each referral a row.
  void ExpectOneOfEachRow(const Import& import) {
    std::set<std::string> expected = before_;
    const auto kept = import.Kept();
    for (const auto& [request_id, referral] : kept) {
      EXPECT_TRUE(expected.insert(referral).second) << request_id << " has the referral of another row";
    }
    EXPECT_EQ(kept.size(), kGood);
    EXPECT_EQ(kept.count(import.RequestId(kUnreadableRow)) + kept.count(import.RequestId(kRefusedRow)), 0u);
    EXPECT_EQ(Listed(), expected) << "a row was sent twice, or not at all";
    EXPECT_THAT(import.Errors(),
                UnorderedElementsAre(std::pair("ROW_INVALID", import.RequestId(kUnreadableRow)),
                                     std::pair("INVALID_FIELD", import.RequestId(kRefusedRow))));
  }

  // Runs it again to its end: what was kept is told again, and not sent.
  void Resume(const Import& import) {
    const auto kept = import.Kept();
    ASSERT_LT(kept.size(), kGood) << "it was killed too late to prove anything";
    const Outcome again = Run("worker", import.line());
    EXPECT_EQ(again.exit_code, kPartly) << again.errors;
    const std::vector<json> lines = JsonLines(again.printed);
    ASSERT_EQ(lines.size(), static_cast<size_t>(kRows));
    for (int i = 0; i < kRows; ++i) {
      const json& line = lines[static_cast<size_t>(i)];
      EXPECT_EQ(line.value("row", 0), i + 2);
      const std::string id = import.RequestId(i + 2);
      EXPECT_EQ(line.value("requestId", ""), id);
      const bool wrong = i + 2 == kUnreadableRow || i + 2 == kRefusedRow;
      EXPECT_EQ(line.contains("referral"), !wrong) << line;
      EXPECT_EQ(line.value("submittedBefore", false), kept.count(id) == 1) << line;
      if (kept.count(id) == 1) {
        EXPECT_EQ(line.value("referral", ""), kept.at(id));
      }
    }
    ExpectOneOfEachRow(import);
  }

  // Where it is not known any more what went through, the server knows.
  void ForgetAndRunAgain(const Import& import) {
    const auto kept = import.Kept();
    std::filesystem::remove(import.file() + ".done.csv");
    const Outcome again = Run("worker", import.line());
    EXPECT_EQ(again.exit_code, kPartly) << again.errors;
    EXPECT_EQ(import.Kept(), kept);
    ExpectOneOfEachRow(import);
  }

  std::set<std::string> before_;
};

TEST_F(ImportCrashTest, WhenTheNodeIsKilledTheImportEndsAndGoesOnLater) {
  const Import import = Begin("node-crash");
  const std::string errors = *folder_ / "import.err";
  Process program(Command("worker", import.line()), *folder_ / "import.out", errors);
  ASSERT_NO_FATAL_FAILURE(AwaitFirstRows(program, import));
  KillNode();
  EXPECT_EQ(program.WaitForExit(absl::Seconds(30)), kPartly) << ReadFile(errors);

  // Each row is told once, and is either kept or among the errors.
  EXPECT_EQ(JsonLines(program.Printed()).size(), static_cast<size_t>(kRows));
  const auto kept = import.Kept();
  std::map<std::string, std::string> failed;  // the reason, by request id
  for (const auto& [reason, request_id] : import.Errors()) {
    EXPECT_TRUE(failed.insert({request_id, reason}).second) << request_id;
    EXPECT_EQ(kept.count(request_id), 0u) << request_id;
  }
  EXPECT_EQ(kept.size() + failed.size(), static_cast<size_t>(kRows));
  EXPECT_EQ(failed[import.RequestId(kUnreadableRow)], "ROW_INVALID");
  EXPECT_EQ(failed[import.RequestId(kRows + 1)], "NOT_SENT");

  ASSERT_NO_FATAL_FAILURE(StartAgain());
  const std::set<std::string> found = Listed();
  for (const auto& [request_id, referral] : kept) EXPECT_EQ(found.count(referral), 1u) << request_id;
  ASSERT_NO_FATAL_FAILURE(Resume(import));
  ForgetAndRunAgain(import);
}

TEST_F(ImportCrashTest, WhenTheProgramIsKilledTheNextOneGoesOn) {
  const Import import = Begin("program-crash");
  Process program(Command("worker", import.line()), *folder_ / "import.out", *folder_ / "import.err");
  ASSERT_NO_FATAL_FAILURE(AwaitFirstRows(program, import));
  program.Signal(SIGKILL);
  EXPECT_EQ(program.WaitForExit(absl::Seconds(10)), 128 + SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(import.file() + ".errors.csv")) << "nothing is known of it yet";
  // What it had on its way may be carried out meanwhile.
  ASSERT_NO_FATAL_FAILURE(Resume(import));
  ForgetAndRunAgain(import);
}

}  // namespace
}  // namespace waypost::e2e
