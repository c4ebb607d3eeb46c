#include "tools/waypost/details.h"

#include <gtest/gtest.h>

#include "tools/waypost/cli_test_util.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/times.h"
#include "waypost/audit/v1/audit.pb.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

TEST(DetailsTest, WritesFieldsInWords) {
  directory::v1::Body body;
  body.set_name("bodies/es-fuenlabrada");
  (*body.mutable_display_name()->mutable_text())["en"] = "Fuenlabrada City Council";
  (*body.mutable_display_name()->mutable_text())["es"] = "Ayuntamiento de Fuenlabrada";
  body.mutable_display_name()->set_original_language("es");
  body.set_kind(directory::v1::BODY_KIND_MUNICIPALITY);
  body.add_languages("es");
  body.add_languages("en");
  *body.mutable_create_time() = ToTimestamp(testing::TestNow());
  auto& competence = *body.add_competences();
  competence.set_theme(type::v1::THEME_MENTAL_HEALTH);
  competence.set_territory("ES300");
  EXPECT_EQ(Details(body, absl::UTCTimeZone()),
            "name         bodies/es-fuenlabrada\n"
            "display name\n"
            "  es  Ayuntamiento de Fuenlabrada\n"
            "  en  Fuenlabrada City Council\n"
            "kind         municipality\n"
            "competences 1\n"
            "  theme      mental health\n"
            "  territory  ES300\n"
            "languages    es, en\n"
            "create time  2026-03-01T12:00:00Z\n");
}

TEST(DetailsTest, HangsLinesAndIsPrintable) {
  referral::v1::NoteText note;
  note.set_text("one\ntwo\x1b[2J");
  EXPECT_EQ(Details(note, absl::UTCTimeZone()), "text  one\n      two [2J\n");
}

// "0 of 12 free" is what a caseworker asks for.
TEST(DetailsTest, SaysThatNoPlaceIsFree) {
  directory::v1::Capacity capacity;
  capacity.set_places(12);
  EXPECT_EQ(Details(capacity, absl::UTCTimeZone()), "places   12\nfree     0\nwaiting  0\n");
  audit::v1::TreeHead empty;
  EXPECT_EQ(Details(empty, absl::UTCTimeZone()), "tree size  0\n");
}

TEST(DetailsTest, ChoosesTheOriginal) {
  type::v1::LocalizedText text;
  EXPECT_EQ(Original(text), "");
  (*text.mutable_text())["en"] = "Housing";
  EXPECT_EQ(Original(text), "Housing");
  (*text.mutable_text())["es"] = "Vivienda";
  text.set_original_language("es");
  EXPECT_EQ(Original(text), "Vivienda");
}

TEST(DueWordsTest, SaysHowLong) {
  referral::v1::Due due;
  EXPECT_EQ(DueWords(due, testing::TestNow(), absl::UTCTimeZone()), "");
  due.set_clock(referral::v1::CLOCK_ACKNOWLEDGE);
  due.set_party(referral::v1::PARTY_RECEIVING);
  *due.mutable_time() = ToTimestamp(testing::TestNow() + absl::Hours(3));
  EXPECT_EQ(DueWords(due, testing::TestNow(), absl::UTCTimeZone()),
            "acknowledge by 2026-03-01T15:00:00Z (receiving, in 3 h)");
  EXPECT_EQ(DueWords(due, testing::TestNow() + absl::Hours(51), absl::UTCTimeZone()),
            "acknowledge by 2026-03-01T15:00:00Z (receiving, overdue by 2 d)");
}

TEST(DueCellTest, MarksWhatIsOverdue) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  EXPECT_EQ(DueCell({}, testing::TestNow(), utc), "");
  const auto due = ToTimestamp(testing::TestNow() + absl::Hours(3));
  EXPECT_EQ(DueCell(due, testing::TestNow() + absl::Hours(3), utc), "2026-03-01T15:00:00Z") << "in time";
  EXPECT_EQ(DueCell(due, testing::TestNow() + absl::Hours(51), utc), "2026-03-01T15:00:00Z (overdue by 2 d)");
}

TEST(ReferralRowTest, MarksAnOverdueFollowUp) {
  referral::v1::ReferralSummary referral;
  referral.set_state(referral::v1::REFERRAL_STATE_DECLINED);
  referral.mutable_due()->set_clock(referral::v1::CLOCK_FOLLOW_UP);
  *referral.mutable_due()->mutable_time() = ToTimestamp(testing::TestNow() - absl::Hours(5));
  const std::vector<std::string> row = ReferralRow(referral, testing::TestNow(), absl::UTCTimeZone());
  ASSERT_EQ(row.size(), ReferralHeadings().size());
  EXPECT_EQ(row[8], "2026-03-01T07:00:00Z (overdue by 5 h)");
  EXPECT_EQ(row[9], "follow up");
}

}  // namespace
}  // namespace waypost::cli
