#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/referral_rig.h"
#include "services/referral/statistics_counting.h"
#include "services/referral/statistics_policy.h"
#include "services/referral/statistics_rows.h"

namespace waypost::referral::testing {
namespace {

using policy::Role;
using ::testing::Contains;
using ::testing::StartsWith;

v1::ListStatisticsRequest Of(v1::StatisticsSide side, std::string_view period = "2026-11",
                             v1::StatisticsBreakdown breakdown = v1::STATISTICS_BREAKDOWN_THEME) {
  v1::ListStatisticsRequest request;
  request.set_side(side);
  request.set_period(std::string(period));
  request.set_breakdown(breakdown);
  return request;
}

// "12", "x" for suppressed, "-" where there is no such cell.
std::string CellIn(const v1::StatisticsRow& row, v1::StatisticsMeasure measure) {
  for (const v1::StatisticsCell& cell : row.cells()) {
    if (cell.measure() == measure) return cell.suppressed() ? "x" : base::Cat(cell.count());
  }
  return "-";
}

class StatisticsTest : public ReferralRig, public ::testing::Test {
 protected:
  std::string Month() { return MonthName(absl::ToCivilMonth(rig.clock().Now(), absl::UTCTimeZone())); }
  // Sixty steps of many cases, over months.
  void Play();
  void SendOf(const std::vector<type::v1::Theme>& themes);
  absl::StatusOr<v1::ListStatisticsResponse> List(std::string_view token,
                                                  const v1::ListStatisticsRequest& request) {
    return Do(token, &StatisticsStub::ListStatistics, request);
  }
};

TEST_F(StatisticsTest, EachSideCountsWhatItHasAndSmallCountsAreNotShown) {
  for (int i = 0; i < 6; ++i) Acknowledged();
  Requested();
  const auto received = Must(List(receiver, Of(v1::STATISTICS_SIDE_RECEIVING, Month())));
  ASSERT_EQ(received.rows_size(), 2);  // the total, and one theme
  EXPECT_EQ(received.body(), kReceivingBody);
  EXPECT_EQ(received.threshold(), 5);
  EXPECT_FALSE(received.closed());
  EXPECT_EQ(CellIn(received.rows(0), v1::STATISTICS_MEASURE_RECEIVED), "7");
  EXPECT_EQ(CellIn(received.rows(0), v1::STATISTICS_MEASURE_ACKNOWLEDGED_IN_TIME), "6");
  EXPECT_EQ(CellIn(received.rows(0), v1::STATISTICS_MEASURE_ACKNOWLEDGED_LATE), "0");
  EXPECT_EQ(received.rows(1).theme(), type::v1::THEME_LANGUAGE);
  const auto sent =
      Must(List(referrer, Of(v1::STATISTICS_SIDE_REFERRING, Month(), v1::STATISTICS_BREAKDOWN_COUNTER_BODY)));
  ASSERT_EQ(sent.rows_size(), 2);
  EXPECT_EQ(sent.rows(1).counter_body(), kReceivingBody);
  EXPECT_EQ(CellIn(sent.rows(1), v1::STATISTICS_MEASURE_RECEIVED), "7");
  // Whoever has no part has nothing.
  const auto nothing = Must(List(third, Of(v1::STATISTICS_SIDE_RECEIVING, Month())));
  EXPECT_EQ(CellIn(nothing.rows(0), v1::STATISTICS_MEASURE_RECEIVED), "0");
  Must(Do(receiver, &Stub::DeclineReferral, Decline(Acknowledged())));
  const auto few = Must(List(receiver, Of(v1::STATISTICS_SIDE_RECEIVING, Month())));
  EXPECT_EQ(CellIn(few.rows(0), v1::STATISTICS_MEASURE_DECIDED_IN_TIME), "x");
  EXPECT_EQ(CellIn(few.rows(0), v1::STATISTICS_MEASURE_ENDED), "x");
}

TEST_F(StatisticsTest, ACoordinatingBodySeesWhatItCoordinatesOnceThePeriodIsOver) {
  for (int i = 0; i < 5; ++i) Requested();
  const std::string month = Month();
  EXPECT_EQ(ReasonOf(List(coordinator, Of(v1::STATISTICS_SIDE_COORDINATING, month))), "PERIOD_NOT_OVER");
  rig.clock().Advance(absl::Hours(24 * 32));
  const std::string token =
      rig.TokenOf(kCoordinatingBody, {Role::kSupervisor}, {}, "actors/martaxxxxxxxxxxx");
  const auto seen =
      Must(List(token, Of(v1::STATISTICS_SIDE_COORDINATING, month, v1::STATISTICS_BREAKDOWN_COUNTER_BODY)));
  EXPECT_TRUE(seen.closed());
  ASSERT_EQ(seen.rows_size(), 2);
  EXPECT_EQ(seen.rows(1).counter_body(), kReceivingBody);
  EXPECT_EQ(CellIn(seen.rows(1), v1::STATISTICS_MEASURE_RECEIVED), "5");
}

TEST_F(StatisticsTest, OfOneReferralNeitherThemeNorBodyIsTold) {
  Requested();
  const std::string month = Month();
  rig.clock().Advance(absl::Hours(24 * 40));
  const std::string token =
      rig.TokenOf(kCoordinatingBody, {Role::kSupervisor}, {}, "actors/martaxxxxxxxxxxx");
  for (const auto breakdown : {v1::STATISTICS_BREAKDOWN_THEME, v1::STATISTICS_BREAKDOWN_COUNTER_BODY}) {
    const auto seen = Must(List(token, Of(v1::STATISTICS_SIDE_COORDINATING, month, breakdown)));
    ASSERT_EQ(seen.rows_size(), 1);
    EXPECT_EQ(CellIn(seen.rows(0), v1::STATISTICS_MEASURE_RECEIVED), "x");
  }
}

TEST_F(StatisticsTest, AFamilyOfSixIsOneCase) {
  auto complete = Complete(InProgress(6), 6);
  for (v1::PersonOutcome& one : *complete.mutable_outcomes()) {
    *one.mutable_outcome() = PositiveOutcome();
  }
  Must(Do(receiver, &Stub::CompleteReferral, complete));
  const auto few = Must(List(receiver, Of(v1::STATISTICS_SIDE_RECEIVING, Month())));
  EXPECT_EQ(CellIn(few.rows(0), v1::STATISTICS_MEASURE_OUTCOME), "x");
  for (int i = 0; i < 4; ++i) Completed();
  const auto enough = Must(List(receiver, Of(v1::STATISTICS_SIDE_RECEIVING, Month())));
  EXPECT_EQ(CellIn(enough.rows(0), v1::STATISTICS_MEASURE_OUTCOME), "10");
}

// The month is that of the moment in which a call was received; some calls take their time.
TEST_F(StatisticsTest, APeriodIsOverOnceNoCallOfItIsUnderWay) {
  for (int i = 0; i < 5; ++i) Requested();
  const std::string month = Month();
  const absl::Time end = ParsePeriod(month, v1::STATISTICS_PERIOD_KIND_MONTH)->end();
  const auto coordinating = [&] {
    const std::string token =
        rig.TokenOf(kCoordinatingBody, {Role::kSupervisor}, {}, "actors/martaxxxxxxxxxxx");
    return List(token, Of(v1::STATISTICS_SIDE_COORDINATING, month));
  };
  const auto closed = [&] {
    const std::string token = rig.TokenOf(kReceivingBody, {Role::kSupervisor}, {}, "actors/luisxxxxxxxxxxxx");
    return Must(List(token, Of(v1::STATISTICS_SIDE_RECEIVING, month))).closed();
  };
  rig.clock().Advance(end - rig.clock().Now() + absl::Minutes(59));
  EXPECT_EQ(ReasonOf(coordinating()), "PERIOD_NOT_OVER");
  EXPECT_FALSE(closed());
  rig.clock().Advance(absl::Minutes(1));
  EXPECT_EQ(ReasonOf(coordinating()), "OK");
  EXPECT_TRUE(closed());
}

TEST_F(StatisticsTest, ARequestThatIsRepeatedCountsOnce) {
  v1::SubmitReferralRequest request = NewReferral();
  request.set_request_id("11111111-2222-4333-8444-555555555555");
  for (int i = 0; i < 3; ++i) Must(Do(referrer, &Stub::SubmitReferral, request));
  for (int i = 0; i < 4; ++i) Requested();
  const auto received = Must(List(receiver, Of(v1::STATISTICS_SIDE_RECEIVING, Month())));
  EXPECT_EQ(CellIn(received.rows(0), v1::STATISTICS_MEASURE_RECEIVED), "5");
}

using Place = std::tuple<std::string, int, std::string, int, std::string>;

// The sums over all histories, those included of referrals that others opened.
std::map<Place, Counts> Recompute(StatisticsTest& test, const store::Reader& reader) {
  std::map<Place, Counts> figures;
  for (const std::string& name : Must(rows::ListNames(reader, "", 1'000))) {
    const auto record = Must(rows::Get(reader, name));
    for (const auto& entry : test.History(name)) {
      const absl::Time time = api::FromTimestamp(entry.time());
      const std::string month = MonthName(absl::ToCivilMonth(time, absl::UTCTimeZone()));
      for (const CountingBody& body : CountingBodies(record)) {
        Counts& counts = figures[{body.body, body.side, month, record.theme(), body.counter_body}];
        for (const auto& counted : entry.counted()) {
          if (body.side == v1::STATISTICS_SIDE_RECEIVING && counted.not_for_receiver()) continue;
          counts[{counted.measure(), counted.detail()}] += counted.count();
        }
      }
    }
  }
  return figures;
}

// The counts that are kept are the sums over all histories, for every body, side, month and theme.
TEST_F(StatisticsTest, TheCountsAreThoseOfTheHistories) {
  Play();
  const auto reader = Must(rig.store().Snapshot());
  const std::map<Place, Counts> expected = Recompute(*this, *reader);
  using Table = std::tuple<std::string, int, std::string>;
  std::map<Table, Counts> totals;
  int64_t all = 0;
  for (const auto& [place, counts] : expected) {
    Counts& total = totals[{std::get<0>(place), std::get<1>(place), std::get<2>(place)}];
    for (const auto& [key, count] : counts) {
      total[key] += count;
      all += count;
    }
  }
  EXPECT_GT(all, 100);
  for (auto& [which, total] : totals) {
    const auto& [body, side, month] = which;
    // What was taken back whole is not kept.
    std::erase_if(total, [](const auto& count) { return count.second == 0; });
    const auto period = *ParsePeriod(month, v1::STATISTICS_PERIOD_KIND_MONTH);
    for (const auto breakdown : {v1::STATISTICS_BREAKDOWN_THEME, v1::STATISTICS_BREAKDOWN_COUNTER_BODY}) {
      const auto table =
          Must(rows::ReadCounts(*reader, {body, static_cast<v1::StatisticsSide>(side), period, breakdown}));
      EXPECT_EQ(table.Total(), total) << body << " " << side << " " << month;
    }
  }
}

void StatisticsTest::Play() {
  std::mt19937 random(7);
  std::vector<std::string> names;
  for (int i = 0; i < 60; ++i) {
    if (i % 5 == 0) rig.clock().Advance(absl::Hours(70));
    const std::string now_referrer =
        rig.TokenOf(kReferringBody, {Role::kSupervisor}, {}, "actors/anaxxxxxxxxxxxxx");
    const std::string now_receiver =
        rig.TokenOf(kReceivingBody, {Role::kSupervisor}, {}, "actors/luisxxxxxxxxxxxx");
    Refresh();
    if (names.size() < 5 || random() % 3 == 0) {
      names.push_back(Must(Do(now_referrer, &Stub::SubmitReferral, NewReferral())).name());
      continue;
    }
    const std::string& name = names[random() % names.size()];
    switch (random() % 7) {
      case 0:
        (void)Do(now_receiver, &Stub::AcknowledgeReferral, On<v1::AcknowledgeReferralRequest>(name));
        break;
      case 1:
        (void)Do(now_receiver, &Stub::AcceptReferral, On<v1::AcceptReferralRequest>(name));
        break;
      case 2:
        (void)Do(now_receiver, &Stub::DeclineReferral, Decline(name));
        break;
      case 3:
        (void)Do(now_receiver, &Stub::CompleteReferral, Complete(name));
        break;
      case 4:
        (void)Do(now_receiver, &Stub::ForwardByDuty, [&] {
          auto forward = ToBody<v1::ForwardByDutyRequest>(name, kThirdBody);
          forward.set_law("Ley 40/2015, art. 14");
          return forward;
        }());
        break;
      case 5: {
        auto right = On<v1::VoidOutcomeRequest>(name);
        right.set_person(1);
        right.set_reason(v1::VOID_REASON_WRONG_CONTENT);
        *right.mutable_outcome() = PositiveOutcome();
        right.mutable_outcome()->set_kind(random() % 2 == 0 ? v1::OUTCOME_KIND_ADVISED
                                                            : v1::OUTCOME_KIND_ENROLLED);
        (void)Do(now_receiver, &Stub::VoidOutcome, right);
        break;
      }
      default:
        (void)Do(now_referrer, &Stub::ReportMisdirected, On<v1::ReportMisdirectedRequest>(name));
    }
  }
}

// Of more than one theme, each more often than small.
void StatisticsTest::SendOf(const std::vector<type::v1::Theme>& themes) {
  for (const type::v1::Theme theme : themes) {
    v1::SubmitReferralRequest request = NewReferral();
    request.mutable_referral()->set_theme(theme);
    for (int i = 0; i < 5; ++i) {
      request.set_request_id(rig.NewRequestId());
      Must(Do(referrer, &Stub::SubmitReferral, request));
    }
  }
}

TEST_F(StatisticsTest, PagesOfOneTableAreOfOneMoment) {
  SendOf({type::v1::THEME_LANGUAGE, type::v1::THEME_HOUSING, type::v1::THEME_EDUCATION});
  auto request = Of(v1::STATISTICS_SIDE_RECEIVING, Month());
  std::vector<int> all;
  const auto whole = Must(List(receiver, request));
  for (const auto& row : whole.rows()) all.push_back(row.theme());
  ASSERT_EQ(all.size(), 4U);
  request.set_page_size(1);
  std::vector<int> paged;
  do {
    const auto page = Must(List(receiver, request));
    ASSERT_EQ(page.rows_size(), 1);
    paged.push_back(page.rows(0).theme());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(paged, all);
  request.clear_page_token();
  request.set_page_token(Must(List(receiver, request)).next_page_token());
  EXPECT_EQ(ReasonOf(List(receiver, request)), "OK");
  Requested();
  EXPECT_EQ(ReasonOf(List(receiver, request)), "PAGE_TOKEN_INVALID") << "another table than the one begun";
}

TEST_F(StatisticsTest, PagesOfATable) {
  for (int i = 0; i < 5; ++i) Requested();
  auto request = Of(v1::STATISTICS_SIDE_RECEIVING, Month());
  request.set_page_size(1);
  const auto first = Must(List(receiver, request));
  ASSERT_EQ(first.rows_size(), 1);
  EXPECT_EQ(first.rows(0).theme(), type::v1::THEME_UNSPECIFIED);
  request.set_page_token(first.next_page_token());
  const auto second = Must(List(receiver, request));
  ASSERT_EQ(second.rows_size(), 1);
  EXPECT_EQ(second.rows(0).theme(), type::v1::THEME_LANGUAGE);
  EXPECT_TRUE(second.next_page_token().empty());
  request.set_side(v1::STATISTICS_SIDE_REFERRING);
  EXPECT_EQ(ReasonOf(List(receiver, request)), "PAGE_TOKEN_INVALID");
}

// The third body takes the place of the receiving one, which has received five referrals in a month that is
// over.
class MergedStatisticsTest : public StatisticsTest {
 protected:
  MergedStatisticsTest() {
    for (int i = 0; i < 5; ++i) Requested();
    month_ = Month();
    rig.clock().Advance(absl::Hours(24 * 40));
  }
  std::string Day(int ahead) {
    return absl::FormatCivilTime(absl::ToCivilDay(rig.clock().Now(), absl::UTCTimeZone()) + ahead);
  }
  std::string Supervisor(std::string_view body) {
    return rig.TokenOf(body, {Role::kSupervisor}, {}, "actors/petraxxxxxxxxxxx");
  }
  v1::ListStatisticsRequest Past(std::string_view body = kReceivingBody) const {
    auto request = Of(v1::STATISTICS_SIDE_RECEIVING, month_);
    request.set_body(std::string(body));
    return request;
  }
  std::string Asked(std::string_view of, const v1::ListStatisticsRequest& request) {
    return ReasonOf(List(Supervisor(of), request));
  }

  std::string month_;
};

TEST_F(MergedStatisticsTest, TheSuccessorReadsThePastFromItsDayOnAndNobodyElseDoes) {
  SetSuccession(Merged(kReceivingBody, kThirdBody, Day(1)));
  EXPECT_EQ(Asked(kThirdBody, Past()), "NOT_FOUND") << "its day has not come";
  rig.clock().Advance(absl::Hours(24));
  const auto seen = Must(List(Supervisor(kThirdBody), Past()));
  EXPECT_EQ(seen.body(), kReceivingBody);
  EXPECT_TRUE(seen.closed());
  EXPECT_EQ(CellIn(seen.rows(0), v1::STATISTICS_MEASURE_RECEIVED), "5");
  for (const std::string_view own : {std::string_view(), kThirdBody}) {
    const auto table = Must(List(Supervisor(kThirdBody), Past(own)));
    EXPECT_EQ(table.body(), kThirdBody);
    EXPECT_EQ(CellIn(table.rows(0), v1::STATISTICS_MEASURE_RECEIVED), "0") << "two tables are never added";
  }
  EXPECT_EQ(Asked(kFourthBody, Past()), "NOT_FOUND");
  EXPECT_EQ(Asked(kReferringBody, Past()), "NOT_FOUND");
  EXPECT_EQ(Asked(kThirdBody, Past(kReferringBody)), "NOT_FOUND");
  EXPECT_EQ(Asked(kReceivingBody, Past(kThirdBody)), "NOT_FOUND") << "not the other way round";
  const std::string caseworker = rig.TokenOf(kThirdBody, {Role::kCaseworker}, {}, "actors/evaxxxxxxxxxxxxx");
  EXPECT_EQ(ReasonOf(List(caseworker, Past())), "NOT_ALLOWED");
}

TEST_F(MergedStatisticsTest, OfThemOnlyWhatMayBePassedOnIsShown) {
  SetSuccession(Merged(kReceivingBody, kThirdBody, Day(0)));
  auto request = Past();
  request.set_breakdown(v1::STATISTICS_BREAKDOWN_COUNTER_BODY);
  EXPECT_EQ(Asked(kThirdBody, request), "INVALID_FIELD");
  request.set_body(std::string(kThirdBody));
  EXPECT_EQ(Asked(kThirdBody, request), "OK") << "of the own body";
  request = Past();
  request.set_period(Month());
  EXPECT_EQ(Asked(kThirdBody, request), "PERIOD_NOT_OVER");
  request.clear_body();
  EXPECT_EQ(Asked(kThirdBody, request), "OK");
}

TEST_F(MergedStatisticsTest, AccountsThatFollowReadThePastOfTheirBodyAsTheSuccessor) {
  directory::v1::Succession merged = Merged(kReceivingBody, kThirdBody, Day(0));
  merged.set_accounts_until(Day(1));
  SetSuccession(merged);
  EXPECT_EQ(Must(List(Supervisor(kReceivingBody), Past())).body(), kReceivingBody);
  EXPECT_EQ(Must(List(Supervisor(kReceivingBody), Past(""))).body(), kThirdBody);
  // The past outlasts the time of the accounts.
  rig.clock().Advance(absl::Hours(24 * 3));
  EXPECT_EQ(Asked(kThirdBody, Past()), "OK");
}

TEST_F(MergedStatisticsTest, WhoTookAPartReadsNothing) {
  directory::v1::Succession split = Merged(kReceivingBody, kThirdBody, Day(0));
  split.set_kind(directory::v1::SUCCESSION_KIND_SPLIT);
  split.add_shares()->set_successor(std::string(kFourthBody));
  split.mutable_shares(1)->add_themes(type::v1::THEME_HOUSING);
  SetSuccession(split);
  EXPECT_EQ(Asked(kThirdBody, Past()), "NOT_FOUND");
  EXPECT_EQ(Asked(kFourthBody, Past()), "NOT_FOUND");
  directory::v1::Succession moved = Merged(kReceivingBody, kThirdBody, Day(0));
  moved.set_kind(directory::v1::SUCCESSION_KIND_COMPETENCE_MOVED);
  moved.mutable_shares(0)->add_themes(type::v1::THEME_LANGUAGE);
  SetSuccession(moved);
  EXPECT_EQ(Asked(kThirdBody, Past()), "NOT_FOUND");
  directory::v1::Succession somewhere = Merged(kReceivingBody, kThirdBody, Day(0));
  somewhere.mutable_shares(0)->add_territories("ES30");
  SetSuccession(somewhere);
  EXPECT_EQ(Asked(kThirdBody, Past()), "NOT_FOUND");
}

TEST_F(MergedStatisticsTest, TheEndOfAChainReadsThePastOfAllAlongIt) {
  SetSuccession(Merged(kReceivingBody, kThirdBody, Day(0)));
  directory::v1::Succession next = Merged(kThirdBody, kFourthBody, Day(1));
  next.set_name("successions/es-getafe-merged");
  SetSuccession(next);
  EXPECT_EQ(Asked(kThirdBody, Past()), "OK");
  EXPECT_EQ(Asked(kFourthBody, Past()), "NOT_FOUND");
  rig.clock().Advance(absl::Hours(24));
  EXPECT_EQ(Asked(kFourthBody, Past()), "OK");
  EXPECT_EQ(Asked(kFourthBody, Past(kThirdBody)), "OK");
  EXPECT_EQ(Asked(kThirdBody, Past()), "NOT_FOUND");
}

TEST_F(MergedStatisticsTest, AMergerThatIsTakenBackGivesNothingMore) {
  directory::v1::Succession merged = Merged(kReceivingBody, kThirdBody, Day(0));
  merged.mutable_period()->set_end_date(Day(0));
  SetSuccession(merged);
  EXPECT_EQ(Asked(kThirdBody, Past()), "OK");
  rig.clock().Advance(absl::Hours(24));
  EXPECT_EQ(Asked(kThirdBody, Past()), "NOT_FOUND");
}

TEST_F(StatisticsTest, WhatIsWrongIsSaid) {
  const auto refused = [&](const v1::ListStatisticsRequest& request, std::string_view field) {
    const auto answer = List(receiver, request);
    EXPECT_EQ(ReasonOf(answer), "INVALID_FIELD") << field;
    EXPECT_THAT(error::ViolationsOf(answer.status()), Contains(StartsWith(base::Cat(field, ": "))));
  };
  refused(Of(v1::STATISTICS_SIDE_UNSPECIFIED, Month()), "side");
  refused(Of(static_cast<v1::StatisticsSide>(77), Month()), "side");
  refused(Of(v1::STATISTICS_SIDE_RECEIVING, Month(), v1::STATISTICS_BREAKDOWN_UNSPECIFIED), "breakdown");
  refused(Of(v1::STATISTICS_SIDE_RECEIVING, "2026-Q4"), "period");
  refused(Of(v1::STATISTICS_SIDE_RECEIVING, "9999-01"), "period");
  auto of_body = Of(v1::STATISTICS_SIDE_RECEIVING, Month());
  of_body.set_body("es-madrid");
  refused(of_body, "body");
}

TEST_F(StatisticsTest, OnlySupervisorsOfTheBodyAsk) {
  for (int role = 0; role < policy::kRoleCount; ++role) {
    const bool may = static_cast<Role>(role) == Role::kSupervisor;
    EXPECT_EQ(!kListStatistics.Allows({static_cast<Role>(role)}, {policy::Relation::kOwnBody}).empty(), may);
  }
  EXPECT_EQ(ReasonOf(List(receiving_caseworker, Of(v1::STATISTICS_SIDE_RECEIVING, Month()))), "NOT_ALLOWED");
  const auto* described = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "waypost.referral.v1.StatisticsService");
  ASSERT_NE(described, nullptr);
  EXPECT_EQ(described->method_count(), 1);
}

}  // namespace
}  // namespace waypost::referral::testing
