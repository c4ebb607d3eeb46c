#include "tools/waypost/message_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status_macros.h"
#include "tools/waypost/times.h"
#include "waypost/audit/v1/requests.pb.h"
#include "waypost/directory/v1/requests.pb.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1772366400);

// Parses the words into a message of type T; INVALID_ARGUMENT also for what CLI11 refuses.
template <typename T>
absl::StatusOr<T> Parse(std::vector<std::string> words, const FlagOptions& options = {}) {
  CLI::App app;
  const MessageFlags flags(app, *T::descriptor(), options);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  T message;
  WAYPOST_RETURN_IF_ERROR(flags.Fill(message, {kNow, absl::UTCTimeZone()}));
  WAYPOST_RETURN_IF_ERROR(flags.CheckRequired(message));
  return message;
}

TEST(MessageFlagsTest, FillsTheDocumentsOfAPerson) {
  const auto screening = Parse<referral::v1::Screening>(
      {"--documents", "held=Passport", "--documents",
       R"({"document":"Diploma","status":"DOCUMENT_STATUS_MISSING","note":"lost"})"});
  ASSERT_TRUE(screening.ok()) << screening.status();
  ASSERT_EQ(screening->documents_size(), 2);
  EXPECT_EQ(screening->documents(0).document(), "Passport");
  EXPECT_EQ(screening->documents(0).status(), referral::v1::DOCUMENT_STATUS_HELD);
  EXPECT_EQ(screening->documents(1).note(), "lost");
  EXPECT_FALSE(Parse<referral::v1::Screening>({"--documents", "Passport"}).ok());
  EXPECT_FALSE(Parse<referral::v1::Screening>({"--documents", "perhaps=Passport"}).ok());
}

TEST(MessageFlagsTest, FillsScalarsEnumsAndTimes) {
  const auto request = Parse<referral::v1::HoldReferralRequest>(
      {"--name", "referrals/1", "--reason", "waiting-for-person", "--review-time", "14d", "--text", "a b"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->name(), "referrals/1");
  EXPECT_EQ(request->reason(), referral::v1::HOLD_REASON_WAITING_FOR_PERSON);
  EXPECT_EQ(request->review_time().seconds(), absl::ToUnixSeconds(kNow) + 14 * 86400);
  EXPECT_EQ(request->text(), "a b");
}

TEST(MessageFlagsTest, FlattensMessagesOfScalars) {
  const auto request = Parse<referral::v1::ChangePriorityRequest>(
      {"--telephone-handover-time", "2026-03-02 10:00", "--telephone-handover-unit", "bodies/x/units/y"});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->telephone_handover().unit(), "bodies/x/units/y");
  EXPECT_EQ(ShowTime(request->telephone_handover().time(), absl::UTCTimeZone()), "2026-03-02T10:00:00Z");
}

TEST(MessageFlagsTest, FlattensOthersWhereThatIsAsked) {
  FlagOptions options;
  options.flatten = {"appointment"};
  const auto request = Parse<referral::v1::AcceptReferralRequest>(
      {"--appointment-time", "2026-03-02 10:00", "--appointment-zone", "Europe/Madrid"}, options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->appointment().zone(), "Europe/Madrid");
  EXPECT_EQ(ShowTime(request->appointment().time(), absl::UTCTimeZone()), "2026-03-02T10:00:00Z");
}

TEST(MessageFlagsTest, LeavesWhatWasNotGiven) {
  const auto request = Parse<referral::v1::AcceptReferralRequest>({});
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->has_appointment());
}

TEST(MessageFlagsTest, TakesRepeatedFlagsOneByOne) {
  FlagOptions options;
  options.rename = {{"states", "state"}};
  const auto request =
      Parse<referral::v1::ListReferralsRequest>({"--state", "draft", "--state", "NEEDS_INFO"}, options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->states(),
              ElementsAre(referral::v1::REFERRAL_STATE_DRAFT, referral::v1::REFERRAL_STATE_NEEDS_INFO));
}

TEST(MessageFlagsTest, ReadsTextsInLanguages) {
  const auto body = Parse<directory::v1::Body>(
      {"--display-name", "es=Ayuntamiento = casa", "--display-name", "en=Council"});
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->display_name().original_language(), "es");
  EXPECT_EQ(body->display_name().text().at("es"), "Ayuntamiento = casa");
  EXPECT_EQ(body->display_name().text().at("en"), "Council");
  EXPECT_FALSE(Parse<directory::v1::Body>({"--display-name", "Council"}).ok());
  EXPECT_FALSE(Parse<directory::v1::Body>({"--display-name", "es=a", "--display-name", "es=b"}).ok());
}

TEST(MessageFlagsTest, ReadsATextInLanguagesFromEachRepeatedFlag) {
  const auto offer =
      Parse<directory::v1::Offer>({"--required-documents", "es=Pasaporte = original", "--required-documents",
                                   R"({"text":{"es":"Padron","en":"Register"}})"});
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_EQ(offer->required_documents_size(), 2);
  EXPECT_EQ(offer->required_documents(0).text().at("es"), "Pasaporte = original");
  EXPECT_EQ(offer->required_documents(0).original_language(), "es");
  EXPECT_EQ(offer->required_documents(1).text().at("en"), "Register");
  EXPECT_FALSE(Parse<directory::v1::Offer>({"--required-documents", "Pasaporte"}).ok());
}

TEST(MessageFlagsTest, ReadsOtherMessagesAsJson) {
  const auto body =
      Parse<directory::v1::Body>({"--competences", R"({"theme":"THEME_HOUSING","territory":"ES300"})"});
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->competences(0).theme(), type::v1::THEME_HOUSING);
  EXPECT_FALSE(Parse<directory::v1::Body>({"--competences", R"({"them":1})"}).ok());
}

TEST(MessageFlagsTest, KnowsFalseFromAbsent) {
  FlagOptions options;
  options.flatten = {"attributes"};
  using Request = directory::v1::ResolveRouteRequest;
  EXPECT_FALSE(Parse<Request>({}, options)->attributes().has_household_has_minors());
  const auto without = Parse<Request>({"--no-attributes-household-has-minors"}, options);
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_TRUE(without->attributes().has_household_has_minors());
  EXPECT_FALSE(without->attributes().household_has_minors());
  EXPECT_TRUE(
      Parse<Request>({"--attributes-household-has-minors"}, options)->attributes().household_has_minors());
}

TEST(MessageFlagsTest, RefusesTwoOfAOneof) {
  EXPECT_FALSE(Parse<audit::v1::ListEntriesRequest>({"--resource", "referrals/1", "--actor", "a"}).ok());
  EXPECT_TRUE(Parse<audit::v1::ListEntriesRequest>({"--resource", "referrals/1"}).ok());
}

TEST(MessageFlagsTest, RefusesBadValues) {
  using Record = referral::v1::RecordAppointmentRequest;
  EXPECT_FALSE(Parse<Record>({"--number", "-1"}).ok());
  EXPECT_FALSE(Parse<Record>({"--number", "4294967296"}).ok());
  EXPECT_FALSE(Parse<Record>({"--number", "1.5"}).ok());
  EXPECT_FALSE(Parse<Record>({"--status", "none-such"}).ok());
  EXPECT_FALSE(Parse<Record>({"--status", "unspecified"}).ok());
  EXPECT_FALSE(Parse<Record>({"--time", "tomorrow"}).ok());
  EXPECT_FALSE(Parse<Record>({"--zone", "\xFF"}).ok());
  EXPECT_FALSE(Parse<Record>({"--zone", "a", "--zone", "b"}).ok());
}

TEST(MessageFlagsTest, NamesEveryMissingFlag) {
  FlagOptions options;
  options.required = {"reason", "declined_by"};
  const auto request = Parse<referral::v1::DeclineReferralRequest>({}, options);
  ASSERT_FALSE(request.ok());
  EXPECT_NE(request.status().ToString().find("--reason"), std::string::npos);
  EXPECT_NE(request.status().ToString().find("--declined-by"), std::string::npos);
  EXPECT_TRUE(
      Parse<referral::v1::DeclineReferralRequest>({"--reason", "other", "--declined-by", "person"}, options)
          .ok());
}

TEST(MessageFlagsTest, TellsWhatWasGiven) {
  CLI::App app;
  const MessageFlags flags(app, *referral::v1::Referral::descriptor(),
                           {.only = {"theme", "receiving.body", "receiving.unit"}});
  app.parse(std::vector<std::string>{"housing", "--theme", "bodies/b", "--receiving-body", "u",
                                     "--receiving-unit"});
  EXPECT_THAT(flags.Given(), ElementsAre("theme", "receiving"));
}

}  // namespace
}  // namespace waypost::cli
