#include "tools/waypost/nuts_tsv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/strings.h"

namespace waypost::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Rows(const NutsTable& table) {
  std::vector<std::string> rows;
  for (const NutsRow& row : table.rows) {
    rows.push_back(base::Cat(row.line, " ", row.code, " ", row.level, " ", row.name));
  }
  return rows;
}

std::vector<std::string> Told(const NutsTable& table) {
  std::vector<std::string> told;
  for (const NutsProblem& each : table.problems) {
    told.push_back(
        base::Cat(each.line, " ", each.code, " ", each.field, " '", each.value, "' ", each.problem));
  }
  return told;
}

TEST(NutsTsvTest, ReadsRowsWhatTheyLieInFirst) {
  const NutsTable table = ParseNutsTsv(
      "code\tlabel\tlevel\tcountry\n"
      "ES111\tA Coruña\t3\tES\nES11\tGalicia\t2\tES\nES1\tNOROESTE\t1\tES\nES\tESPAÑA\t0\tES\n"
      "ES111/15001\tAbegondo\t4\tES\nESZ\tEXTRA-REGIO NUTS 1\t1\tES\n");
  EXPECT_THAT(table.problems, IsEmpty());
  EXPECT_EQ(table.count, 6u);
  EXPECT_THAT(Rows(table), ElementsAre("5 ES 0 ESPAÑA", "4 ES1 1 NOROESTE", "7 ESZ 1 EXTRA-REGIO NUTS 1",
                                       "3 ES11 2 Galicia", "2 ES111 3 A Coruña", "6 ES111/15001 4 Abegondo"));
}

TEST(NutsTsvTest, TakesColumnsByTheirNamesAndAnyLineEnd) {
  const NutsTable table = ParseNutsTsv("\xEF\xBB\xBFlabel\tnote\tcode\r\nPortugal\tx\tPT\r\n\r\nMalta\t\tMT");
  EXPECT_THAT(table.problems, IsEmpty());
  EXPECT_THAT(Rows(table), ElementsAre("4 MT 0 Malta", "2 PT 0 Portugal"));
}

TEST(NutsTsvTest, CutsOffBlankEndsAndNothingElse) {
  const NutsTable table = ParseNutsTsv(
      "code\tlabel\nIT\t ITALIA  \nUKH17\tNorth\xC2\xA0"
      "and West  Norfolk\n");
  EXPECT_THAT(table.problems, IsEmpty());
  EXPECT_THAT(Rows(table), ElementsAre("2 IT 0 ITALIA",
                                       "3 UKH17 3 North\xC2\xA0"
                                       "and West  Norfolk"));
  EXPECT_EQ(table.trimmed, 1u);
}

TEST(NutsTsvTest, TellsEachRowThatIsNotRightAndGuessesNothing) {
  const NutsTable table = ParseNutsTsv(
      "code\tlabel\tlevel\tcountry\n"
      "at\tx\t0\tat\n"
      "AT1\tx\t2\tAT\n"
      "AT2\tx\t1\tDE\n"
      "AT3\t\t1\tAT\n"
      "AT4\tx\t1\n"
      "AT5\ts\xFC"
      "d\t1\tAT\n"
      "AT6\ta\x01\t1\tAT\n"
      "EU\tx\t0\tEU\n"
      "BE\tx\t0\tBE\nBE\ty\t0\tBE\n"
      "FR\tFRANCE\t0\tFR\n");
  EXPECT_THAT(Rows(table), ElementsAre("12 FR 0 FRANCE"));
  EXPECT_EQ(table.count, 11u);
  EXPECT_THAT(Told(table),
              ElementsAre("2 at code 'at' is not a territory code as in ES300 or ES300/28058: correct it",
                          "3 AT1 level '2' is not 1, which the code says: correct one of them",
                          "4 AT2 country 'DE' is not AT, which the code says: correct one of them",
                          "5 AT3 label '' is empty: give the name",
                          "6   '' has 3 fields where the header has 4: correct the row",
                          "7   '' is not UTF-8: save the file as UTF-8",
                          "8 AT6 label '' has control characters: take them out",
                          "9 EU code 'EU' is not a territory code as in ES300 or ES300/28058: correct it",
                          "10 BE code 'BE' is the code of several rows: keep one of them",
                          "11 BE code 'BE' is the code of several rows: keep one of them"));
}

TEST(NutsTsvTest, WhatItShowsIsCutBetweenCharacters) {
  const std::string code = std::string(47, 'X') + "ñ";  // its second byte is the 49th
  const NutsTable table = ParseNutsTsv(base::Cat("code\tlabel\n", code, "\tx\n"));
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_EQ(table.problems[0].code, std::string(47, 'X'));
  EXPECT_EQ(table.problems[0].value, code);
}

TEST(NutsTsvTest, RefusesAFileThatIsNoneWhole) {
  for (const std::string content : {"", "code;label\nES;x\n", "label\tlevel\nES\t0\n"}) {
    EXPECT_THAT(
        Told(ParseNutsTsv(content)),
        ElementsAre("0   '' has no columns code and label in its first line, parted by tabs: add them"));
  }
  EXPECT_THAT(Told(ParseNutsTsv("code\tlabel\tcode\nES\tx\tES\n")),
              ElementsAre("0   '' has two columns code: keep one"));
  std::string many = "code\tlabel\n";
  for (size_t i = 0; i <= kMaxNutsRows; ++i) many += "ES\tx\n";
  const NutsTable table = ParseNutsTsv(many);
  EXPECT_THAT(Told(table), ElementsAre("0   '' has more than 500000 rows: split it"));
  EXPECT_THAT(table.rows, IsEmpty());
}

// The classification itself, where it stands beside the project.
TEST(NutsTsvTest, ReadsNuts2013) {
  const char* const source = std::getenv("WAYPOST_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  const auto path = std::filesystem::path(source) / ".." / "shared" / "data" / "nuts-2013.tsv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "there is no NUTS 2013 beside the project";
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const NutsTable table = ParseNutsTsv(content);
  EXPECT_THAT(Told(table), IsEmpty());
  EXPECT_EQ(table.count, 1827u);
  EXPECT_EQ(table.rows.size(), 1827u);
  EXPECT_EQ(table.trimmed, 2u);
  EXPECT_EQ(
      std::count_if(table.rows.begin(), table.rows.end(), [](const auto& row) { return row.level == 0; }),
      28);
}

}  // namespace
}  // namespace waypost::cli
