#include "tools/waypost/words.h"

#include <gtest/gtest.h>

#include <set>

#include "tools/waypost/exit_codes.h"
#include "tools/waypost/times.h"
#include "waypost/directory/v1/requests.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

TEST(WordsTest, ShowsEnumsInWords) {
  EXPECT_EQ(EnumWords(referral::v1::REFERRAL_STATE_NEEDS_INFO), "needs info");
  EXPECT_EQ(EnumWords(referral::v1::REFERRAL_STATE_UNSPECIFIED), "");
  EXPECT_EQ(EnumWords(static_cast<referral::v1::ReferralState>(99)), "unknown (99)");
  EXPECT_EQ(EnumWords(type::v1::AGE_BAND_0_TO_5), "0 to 5");
  EXPECT_EQ(EnumWords(referral::v1::AnswerOfferRequest::ANSWER_TAKE_PLACE), "take place");
}

TEST(WordsTest, ReadsEnumsInEveryForm) {
  const auto& type = *referral::v1::ReferralState_descriptor();
  for (const char* text :
       {"needs-info", "needs info", "NEEDS_INFO", "Needs-Info", "REFERRAL_STATE_NEEDS_INFO"}) {
    const auto* value = FindEnumValue(type, text);
    ASSERT_NE(value, nullptr) << text;
    EXPECT_EQ(value->number(), referral::v1::REFERRAL_STATE_NEEDS_INFO);
  }
  for (const char* text : {"", "unspecified", "REFERRAL_STATE_UNSPECIFIED", "needs", "4", "needs-info "}) {
    EXPECT_EQ(FindEnumValue(type, text), nullptr) << text;
  }
}

TEST(WordsTest, EveryChoiceReadsBack) {
  for (const auto* file :
       {referral::v1::Referral::descriptor()->file(), directory::v1::Body::descriptor()->file(),
        type::v1::LocalizedText::descriptor()->file(),
        directory::v1::ResolveRouteRequest::descriptor()->file()}) {
    for (int i = 0; i < file->enum_type_count(); ++i) {
      const auto& type = *file->enum_type(i);
      std::set<std::string> seen;
      for (const std::string& choice : EnumChoices(type)) {
        EXPECT_TRUE(seen.insert(choice).second) << type.full_name() << " " << choice;
        const auto* value = FindEnumValue(type, choice);
        ASSERT_NE(value, nullptr) << type.full_name() << " " << choice;
        EXPECT_EQ(EnumChoice(*value), choice);
      }
      EXPECT_EQ(static_cast<int>(seen.size()), type.value_count() - 1) << type.full_name();
    }
  }
}

TEST(WordsTest, MakesKebabNames) {
  EXPECT_EQ(KebabFromCamel("AcceptReferral"), "accept-referral");
  EXPECT_EQ(KebabFromCamel("OfferPlace"), "offer-place");
  EXPECT_EQ(KebabFromCamel("GetURLFor"), "get-url-for");
  EXPECT_EQ(KebabFromSnake("review_time"), "review-time");
}

TEST(TimesTest, ReadsAbsoluteTimes) {
  const absl::TimeZone zone = absl::FixedTimeZone(3600);
  const absl::Time now = absl::FromUnixSeconds(0);
  const absl::Time expected = absl::FromCivil(absl::CivilSecond(2026, 3, 1, 13, 5, 0), absl::UTCTimeZone());
  for (const char* text : {"2026-03-01T14:05:00+01:00", "2026-03-01T13:05:00Z", "2026-03-01 14:05",
                           "2026-03-01T14:05", "2026-03-01 14:05:00"}) {
    EXPECT_EQ(ParseTime(text, now, zone), expected) << text;
  }
  EXPECT_EQ(ParseTime("2026-03-01", now, zone),
            absl::FromCivil(absl::CivilSecond(2026, 2, 28, 23, 0, 0), absl::UTCTimeZone()));
}

TEST(TimesTest, ReadsSpansFromNow) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  const absl::TimeZone utc = absl::UTCTimeZone();
  EXPECT_EQ(ParseTime("14d", now, utc), now + absl::Hours(14 * 24));
  EXPECT_EQ(ParseTime("+36h", now, utc), now + absl::Hours(36));
  EXPECT_EQ(ParseTime("1d12h", now, utc), now + absl::Hours(36));
  for (const char* text : {"", "14", "-3d", "d", "3x", "2026-13-01", "2026-02-30", "2026-03-01T25:00:00Z",
                           "tomorrow", "999999d", "1d-1h", "+", "2026-03-01 14:05 trailing"}) {
    EXPECT_FALSE(ParseTime(text, now, utc).has_value()) << text;
  }
}

TEST(TimesTest, ShowsZones) {
  const absl::Time time = absl::FromUnixSeconds(1772366400);
  EXPECT_EQ(ShowTime(time, absl::UTCTimeZone()), "2026-03-01T12:00:00Z");
  EXPECT_EQ(ShowTime(time, absl::FixedTimeZone(3600)), "2026-03-01T13:00:00+01:00");
  EXPECT_EQ(ShowTime(google::protobuf::Timestamp(), absl::UTCTimeZone()), "");
  EXPECT_EQ(ShowTime(ToTimestamp(time), absl::UTCTimeZone()), "2026-03-01T12:00:00Z");
}

TEST(TimesTest, ShowsSpansInTwoUnits) {
  EXPECT_EQ(ShowSpan(absl::Seconds(12)), "12 s");
  EXPECT_EQ(ShowSpan(absl::Seconds(3600 * 2 + 300)), "2 h 5 min");
  EXPECT_EQ(ShowSpan(absl::Hours(76)), "3 d 4 h");
  EXPECT_EQ(ShowSpan(absl::Hours(48)), "2 d");
}

TEST(ExitCodesTest, EveryStatusHasOne) {
  using enum absl::StatusCode;
  const std::vector<std::pair<absl::StatusCode, int>> expected = {{kOk, 0},
                                                                  {kCancelled, 1},
                                                                  {kUnknown, 1},
                                                                  {kInvalidArgument, 2},
                                                                  {kDeadlineExceeded, 6},
                                                                  {kNotFound, 3},
                                                                  {kAlreadyExists, 4},
                                                                  {kPermissionDenied, 3},
                                                                  {kResourceExhausted, 6},
                                                                  {kFailedPrecondition, 4},
                                                                  {kAborted, 4},
                                                                  {kOutOfRange, 2},
                                                                  {kUnimplemented, 1},
                                                                  {kInternal, 1},
                                                                  {kUnavailable, 6},
                                                                  {kDataLoss, 1},
                                                                  {kUnauthenticated, 3}};
  for (const auto& [code, exit] : expected) {
    EXPECT_EQ(static_cast<int>(ExitCodeFor(absl::Status(code, "x"))), exit) << StatusCodeName(code);
  }
}

}  // namespace
}  // namespace waypost::cli
