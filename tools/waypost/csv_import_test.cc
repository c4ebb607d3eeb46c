#include "tools/waypost/csv_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::cli {
namespace {

using ::testing::ElementsAre;

std::string LineOf(std::string_view content) {
  const auto file = ParseCsv(content);
  if (file.ok()) return "accepted";
  EXPECT_EQ(error::ReasonOf(file.status()), "CSV_INVALID");
  return error::MetadataOf(file.status(), "line");
}

TEST(CsvTest, ReadsFieldsAsTheyStand) {
  const auto file = ParseCsv("a,b,c\r\n1, two ,\"th,\"\"ree\"\"\"\r\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->header, ElementsAre("a", "b", "c"));
  ASSERT_EQ(file->rows.size(), 1u);
  EXPECT_THAT(file->rows[0].fields, ElementsAre("1", " two ", "th,\"ree\""));
}

TEST(CsvTest, KnowsRowsAndLines) {
  const auto file = ParseCsv("a,b\n1,\"x\ny\"\n\n2,z\n3,w");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->rows.size(), 3u);
  EXPECT_EQ(file->rows[0].line, 2u);
  EXPECT_EQ(file->rows[0].number, 2u);
  EXPECT_EQ(file->rows[0].fields[1], "x\ny");
  EXPECT_EQ(file->rows[1].line, 5u);  // after the two lines of row 2 and an empty one
  EXPECT_EQ(file->rows[1].number, 3u);
  EXPECT_EQ(file->rows[2].line, 6u);
}

TEST(CsvTest, KnowsWhereARowBeganWhoseQuotedFieldBeginsWithALineBreak) {
  const auto file = ParseCsv("a,b\n\"\nx\",1\n2,3\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->rows[0].line, 2u);
  EXPECT_EQ(file->rows[1].line, 4u);
}

TEST(CsvTest, TakesEveryLineEndAndAByteOrderMark) {
  for (const char* content : {"a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r",
                              "\xEF\xBB\xBF"
                              "a,b\n1,2\n3,4"}) {
    const auto file = ParseCsv(content);
    ASSERT_TRUE(file.ok()) << content;
    EXPECT_THAT(file->header, ElementsAre("a", "b"));
    EXPECT_EQ(file->rows.size(), 2u);
    EXPECT_EQ(file->rows[1].line, 3u);
  }
}

TEST(CsvTest, RefusesBadQuotingWithItsLine) {
  EXPECT_EQ(LineOf("a,b\n1,x\"y\n"), "2");
  EXPECT_EQ(LineOf("a,b\n1,2\n\"x\"y,2\n"), "3");
  EXPECT_EQ(LineOf("a,b\n1,2\n3,\"never\nclosed\n"), "3");
  EXPECT_EQ(LineOf("\"a"), "1");
}

TEST(CsvTest, RefusesWrongShapesWithTheirLine) {
  EXPECT_EQ(LineOf(""), "1");
  EXPECT_EQ(LineOf("\n\n"), "1");
  EXPECT_EQ(LineOf("a,b\n1\n"), "2");
  EXPECT_EQ(LineOf("a,b\n1,2\n1,2,3\n"), "3");
  EXPECT_EQ(LineOf("a,,c\n"), "1");
  EXPECT_EQ(LineOf("a,a\n"), "1");
}

TEST(CsvTest, RefusesWhatIsNotText) {
  EXPECT_EQ(LineOf("a,b\n1,2\n3,\xFF\n"), "3");
  EXPECT_EQ(LineOf(std::string("a,b\n1,\0\n", 8)), "1");
}

TEST(CsvTest, HoldsItsLimits) {
  const std::string at_limit(kMaxCsvFieldBytes, 'x');
  EXPECT_EQ(LineOf("a\n" + at_limit + "\n"), "accepted");
  EXPECT_EQ(LineOf("a\n" + at_limit + "x\n"), "2");
  std::string header = "c0";
  for (size_t i = 1; i < kMaxCsvColumns; ++i) header += base::Cat(",c", i);
  EXPECT_EQ(LineOf(header + "\n"), "accepted");
  EXPECT_EQ(LineOf(header + ",more\n"), "1");
  std::string rows = "a\n";
  for (size_t i = 0; i < kMaxCsvRows; ++i) rows += "x\n";
  EXPECT_EQ(LineOf(rows), "accepted");
  EXPECT_EQ(LineOf(rows + "x\n"), base::Cat(kMaxCsvRows + 2));
}

TEST(CsvTest, NeverRepeatsAValue) {
  const auto file = ParseCsv("a,b\nMaría,x\"y\n");
  EXPECT_EQ(std::string(base::ToStd(file.status().message())).find("María"), std::string::npos);
}

TEST(CsvTest, WritesWhatItReads) {
  const std::vector<std::string> fields = {"a", "b,c", "d\"e", "f\r\ng", " h ", ""};
  const auto file = ParseCsv("1,2,3,4,5,6\n" + CsvLine(fields));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->rows[0].fields, fields);
}

}  // namespace
}  // namespace waypost::cli
