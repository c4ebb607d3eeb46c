#include "services/directory/tasks.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/directory/directory_rules.h"
#include "services/directory/field_checks.h"

namespace waypost::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

// "OFFER_REVIEW_DUE 2026-01-01 group".
std::vector<std::string> Words(const std::vector<v1::DirectoryTask>& tasks) {
  std::vector<std::string> words;
  for (const v1::DirectoryTask& task : tasks) {
    words.push_back(base::Cat(v1::DirectoryTaskKind_Name(task.kind()).substr(20), " ", task.since_date(),
                              task.group_id().empty() ? "" : " ", task.group_id(),
                              task.language().empty() ? "" : " in ", task.language()));
  }
  return words;
}

absl::Time At(absl::CivilDay day, int hour = 0) {
  return absl::FromCivil(absl::CivilHour(day) + hour, absl::UTCTimeZone());
}

v1::Offer Offer(std::string_view rest) {
  auto offer = Parse<v1::Offer>(
      base::Cat("name: 'offers/flats' provider: 'bodies/aa' status: OFFER_STATUS_ACTIVE ", rest));
  *offer.mutable_create_time() = api::ToTimestamp(At(absl::CivilDay(2026, 3, 5), 13));
  return offer;
}

TEST(Tasks, AnOfferIsToBeConfirmedFromTheDayOnWhichItIsShownAsOverdue) {
  const v1::Offer offer = Offer("assured_date: '2026-03-01'");
  EXPECT_THAT(Words(TasksOf(offer)), ElementsAre("OFFER_ASSURANCE_OVERDUE 2027-03-02"));
  EXPECT_EQ(TasksOf(offer)[0].resource(), "offers/flats");
  EXPECT_FALSE(AssuranceOverdue(offer, At(absl::CivilDay(2027, 3, 1), 23)));
  EXPECT_TRUE(AssuranceOverdue(offer, At(absl::CivilDay(2027, 3, 2))));
  // Never confirmed: since it was made.
  EXPECT_THAT(Words(TasksOf(Offer(""))), ElementsAre("OFFER_ASSURANCE_OVERDUE 2026-03-05"));
}

TEST(Tasks, TextsAreToBeLookedThroughFromTheDayAfterTheirDate) {
  EXPECT_THAT(Words(TasksOf(Offer("assured_date: '2026-03-01' review_date: '2026-12-31'"))),
              ElementsAre("OFFER_ASSURANCE_OVERDUE 2027-03-02", "OFFER_REVIEW_DUE 2027-01-01"));
  // The last day that there is has no day after it.
  EXPECT_THAT(Words(TasksOf(Offer("assured_date: '2026-03-01' review_date: '9999-12-31'"))),
              ElementsAre("OFFER_ASSURANCE_OVERDUE 2027-03-02"));
}

TEST(Tasks, ATranslationIsToBeLookedThroughByItself) {
  EXPECT_THAT(Words(TasksOf(Offer("assured_date: '2026-03-01' review_date: '2026-12-31' "
                                  "translation_reviews { language: 'uk' review_date: '2026-06-30' } "
                                  "translation_reviews { language: 'ar' review_date: '9999-12-31' }"))),
              ElementsAre("OFFER_ASSURANCE_OVERDUE 2027-03-02", "OFFER_REVIEW_DUE 2027-01-01",
                          "OFFER_REVIEW_DUE 2026-07-01 in uk"));
}

TEST(Tasks, PlacesAreToBeReportedOnceTheReportIsStaleTheWholeDay) {
  v1::Offer offer = Offer(
      "assured_date: '2026-03-01' groups { group_id: 'never' } "
      "groups { group_id: 'all' permanent: true capacity { places: 3 } } "
      "groups { group_id: 'gone' cohort_start_date: '2026-04-09' capacity { places: 3 } } "
      "groups { group_id: 'soon' cohort_start_date: '2026-04-10' capacity { places: 3 } }");
  for (auto& group : *offer.mutable_groups()) {
    if (group.has_capacity()) {
      *group.mutable_capacity()->mutable_update_time() = api::ToTimestamp(At(absl::CivilDay(2026, 3, 10), 9));
    }
  }
  EXPECT_THAT(Words(TasksOf(offer)),
              ElementsAre("OFFER_ASSURANCE_OVERDUE 2027-03-02", "CAPACITY_STALE 2026-04-10 all",
                          "CAPACITY_STALE 2026-04-10 soon"));
  const absl::Time reported = api::FromTimestamp(offer.groups(1).capacity().update_time());
  EXPECT_TRUE(IsStale(reported, At(absl::CivilDay(2026, 4, 10))));
  EXPECT_FALSE(IsStale(reported, At(absl::CivilDay(2026, 4, 9))));
}

TEST(Tasks, OnlyWhatPeopleCanBeReferredToIsKeptUpToDate) {
  v1::Offer offer = Offer(
      "assured_date: '2026-03-01' review_date: '2026-12-31' "
      "groups { group_id: 'all' capacity { places: 3 } }");
  for (int status = v1::OfferStatus_MIN; status <= v1::OfferStatus_MAX; ++status) {
    offer.set_status(static_cast<v1::OfferStatus>(status));
    const size_t expected = status == v1::OFFER_STATUS_ACTIVE               ? 3
                            : status == v1::OFFER_STATUS_TEMPORARILY_CLOSED ? 2
                                                                            : 0;
    EXPECT_EQ(TasksOf(offer).size(), expected) << status;
    EXPECT_FALSE(NeedsItsProgramme(offer));
    offer.set_programme("programmes/rising");
    EXPECT_EQ(NeedsItsProgramme(offer), status != v1::OFFER_STATUS_DEFUNCT) << status;
    offer.clear_programme();
  }
}

TEST(Tasks, CompetencesAndAgreementsThatEndAreToldAhead) {
  const auto body = Parse<v1::Body>(R"(
      name: "bodies/aa"
      competences { theme: THEME_YOUTH function: COMPETENCE_FUNCTION_FUND territory: "ES300" }
      competences { theme: THEME_HEALTH function: COMPETENCE_FUNCTION_ASSESS territory: "ES"
                    validity { start_date: "2020-01-01" end_date: "2026-12-31" } })");
  const auto tasks = TasksOf(body);
  ASSERT_THAT(Words(tasks), ElementsAre("COMPETENCE_ENDING 2026-12-01"));
  EXPECT_EQ(tasks[0].resource(), "bodies/aa");
  EXPECT_EQ(tasks[0].end_date(), "2026-12-31");
  EXPECT_EQ(tasks[0].theme(), type::v1::THEME_HEALTH);
  EXPECT_EQ(tasks[0].function(), v1::COMPETENCE_FUNCTION_ASSESS);
  EXPECT_EQ(tasks[0].territory(), "ES");
  auto agreement = Parse<v1::CoordinationAgreement>("name: 'coordinationAgreements/cc' body: 'bodies/aa'");
  EXPECT_THAT(TasksOf(agreement), IsEmpty());
  agreement.mutable_period()->set_end_date("2026-12-31");
  EXPECT_THAT(Words(TasksOf(agreement)), ElementsAre("AGREEMENT_ENDING 2026-12-01"));
  EXPECT_EQ(TasksOf(agreement)[0].end_date(), "2026-12-31");
  for (int kind = v1::DirectoryTaskKind_MIN; kind <= v1::DirectoryTaskKind_MAX; ++kind) {
    EXPECT_EQ(EndsByItself(static_cast<v1::DirectoryTaskKind>(kind)),
              kind == v1::DIRECTORY_TASK_KIND_COMPETENCE_ENDING ||
                  kind == v1::DIRECTORY_TASK_KIND_AGREEMENT_ENDING);
  }
}

TEST(Tasks, AProgrammeThatEndsIsToldAheadAndEverAfter) {
  auto programme = Parse<v1::Programme>("name: 'programmes/rising' period { start_date: '2020-01-01' }");
  EXPECT_FALSE(TaskOfProgramme(programme, absl::CivilDay(2026, 11, 21)));
  programme.mutable_period()->set_end_date("2026-12-31");
  EXPECT_FALSE(TaskOfProgramme(programme, absl::CivilDay(2026, 11, 30)));
  const auto task = TaskOfProgramme(programme, absl::CivilDay(2026, 12, 1));
  ASSERT_TRUE(task);
  EXPECT_EQ(task->programme(), "programmes/rising");
  EXPECT_EQ(task->since_date(), "2026-12-01");
  EXPECT_EQ(task->end_date(), "2026-12-31");
  EXPECT_TRUE(TaskOfProgramme(programme, absl::CivilDay(2036, 1, 1)));
}

TEST(Tasks, AnEnquiryIsToBeAnsweredOnceItHasWaitedTheWholeDayForTooLong) {
  auto enquiry = Parse<v1::Enquiry>("name: 'enquiries/3f2a' body: 'bodies/aa'");
  *enquiry.mutable_create_time() = api::ToTimestamp(At(absl::CivilDay(2026, 3, 5), 13));
  EXPECT_THAT(Words(TasksOf(enquiry)), ElementsAre("ENQUIRY_UNANSWERED 2026-03-13"));
  EXPECT_EQ(TasksOf(enquiry)[0].resource(), "enquiries/3f2a");
  enquiry.mutable_answer()->set_verdict(v1::ENQUIRY_VERDICT_NO);
  EXPECT_THAT(TasksOf(enquiry), IsEmpty());
}

TEST(Tasks, AskForABody) {
  EXPECT_TRUE(Check(Parse<v1::ListDirectoryTasksRequest>("body: 'bodies/aa'")).ok());
  EXPECT_EQ(error::ViolationsOf(Check(Parse<v1::ListDirectoryTasksRequest>("page_size: -1"))).size(), 2u);
  EXPECT_FALSE(Check(Parse<v1::ListDirectoryTasksRequest>("body: 'offers/aa'")).ok());
}

}  // namespace
}  // namespace waypost::directory
