#include "tools/waypost/table.h"

#include <gtest/gtest.h>

namespace waypost::cli {
namespace {

TEST(DisplayWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("Fuenlabrada-Móstoles"), 20u);
  EXPECT_EQ(DisplayWidth("Αθήνα"), 5u);
  EXPECT_EQ(DisplayWidth("東京"), 4u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);  // e and a combining accent
  EXPECT_EQ(DisplayWidth("a\xFF"), 2u);
}

TEST(PrintableTest, TakesAwayWhatSteersATerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb"), "a [31mb");
  EXPECT_EQ(Printable("a\r\n\tb"), "a   b");
  EXPECT_EQ(Printable("a\nb", true), "a\nb");
  EXPECT_EQ(Printable("a\rb", true), "a b");
  EXPECT_EQ(Printable("\xC2\x9B"), " ");  // CSI as one character
  EXPECT_EQ(Printable("a\xE2\x80\xAE"
                      "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(Printable("a\xFF"
                      "b\xC3"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(Printable("Zürich"), "Zürich");
}

TEST(TableTest, AlignsByWidth) {
  Table table({"name", "city", "n"});
  table.Add({"bodies/a", "Αθήνα", "1"});
  table.Add({"bodies/long", "東京", "2"});
  EXPECT_EQ(table.ToText(false),
            "NAME         CITY   N\n"
            "bodies/a     Αθήνα  1\n"
            "bodies/long  東京   2\n");
}

TEST(TableTest, HasNoBlanksAtLineEnds) {
  Table table({"a", "b", "c"});
  table.Add({"1", "", ""});
  table.Add({"1", "", "3"});
  EXPECT_EQ(table.ToText(false), "A  B  C\n1\n1     3\n");
}

TEST(TableTest, MakesCellsPrintable) {
  Table table({"a"});
  table.Add({"x\ny\x1b"});
  EXPECT_EQ(table.ToText(false), "A\nx y\n");
}

TEST(TableTest, ColoursHeadingsOnly) {
  Table table({"a"});
  table.Add({"1"});
  EXPECT_EQ(table.ToText(true), "\x1b[1mA\x1b[0m\n1\n");
}

}  // namespace
}  // namespace waypost::cli
