// What the referral service counts, over gRPC: what is kept, what is shown of it, and which of report and
// count decides.
#include "services/directory/counted_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/api/resource.h"
#include "common/status/errors.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_rig.h"

namespace waypost::directory {
namespace {

using namespace testing;  // NOLINT: the rig of this room
using policy::Role;
using ::testing::Contains;
using ::testing::StartsWith;

constexpr std::string_view kFlats = "offers/11";

class CountedPlacesTest : public ::testing::Test, protected DirectoryRig {
 protected:
  CountedPlacesTest() {
    Make("11");
    supervisor_ = rig.TokenOf("bodies/11", {Role::kSupervisor});
    services_ = rig.TokenOf(kNodeBody, {Role::kService});
  }

  // A minute later than whatever came before, as everything here.
  void Declare(int places, int free) {
    rig.clock().Advance(absl::Minutes(1));
    auto request = Valid<v1::ReportCapacityRequest>("11");
    request.mutable_capacity()->set_places(places);
    request.mutable_capacity()->set_free(free);
    const auto declared = Do(supervisor_, &Stub::ReportCapacity, request);
    ASSERT_TRUE(declared.ok()) << declared.status();
  }
  static void Add(v1::ReportPlacesRequest& request, int32_t taken, int64_t revision, absl::Time time,
                  std::string_view offer = kFlats, std::string_view group_id = "all") {
    v1::PlacesReport& report = *request.add_reports();
    report.set_offer(std::string(offer));
    report.set_group_id(std::string(group_id));
    report.set_taken(taken);
    report.set_revision(revision);
    *report.mutable_count_time() = api::ToTimestamp(time);
  }
  v1::ReportPlacesResponse Report(const v1::ReportPlacesRequest& request) {
    const auto answer = Do(services_, &Stub::ReportPlaces, request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *answer : v1::ReportPlacesResponse();
  }
  v1::PlacesOutcome Count(int32_t taken, int64_t revision) {
    rig.clock().Advance(absl::Minutes(1));
    v1::ReportPlacesRequest request;
    Add(request, taken, revision, rig.clock().Now());
    const v1::ReportPlacesResponse answer = Report(request);
    return answer.results_size() == 1 ? answer.results(0).outcome() : v1::PLACES_OUTCOME_UNSPECIFIED;
  }
  v1::RouteCandidate Candidate() {
    const auto route = Do(supervisor_, &Stub::ResolveRoute, Valid<v1::ResolveRouteRequest>("11"));
    EXPECT_TRUE(route.ok()) << route.status();
    if (!route.ok()) return {};
    for (const v1::RouteCandidate& candidate : route->candidates()) {
      if (candidate.offer() == kFlats) return candidate;
    }
    ADD_FAILURE() << "the offer is no candidate";
    return {};
  }
  // "PLACES_FREE 2" by the report, "PLACES_FREE_COUNTED 1" by the count.
  std::string Places() {
    constexpr std::string_view kPrefix = "ROUTE_REASON_CODE_";
    const v1::RouteCandidate candidate = Candidate();
    const v1::RouteCapacity& shown = candidate.capacity();
    for (const v1::RouteReason& reason : candidate.reasons()) {
      if (reason.subject() != "all") continue;
      const std::string code = v1::RouteReasonCode_Name(reason.code()).substr(kPrefix.size());
      return base::Cat(code, " ", shown.has_counted() ? shown.counted().free() : shown.capacity().free());
    }
    return "nothing";
  }

  std::string supervisor_;
  std::string services_;
};

TEST_F(CountedPlacesTest, TheFewerOfReportAndCountAreFree) {
  Declare(8, 2);
  EXPECT_EQ(Places(), "PLACES_FREE 2");
  EXPECT_EQ(Count(6, 1), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "PLACES_FREE 2") << "the report may know of them or not";
  EXPECT_EQ(Count(7, 2), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 1");
  EXPECT_EQ(api::FromTimestamp(Candidate().capacity().counted().count_time()), rig.clock().Now());
  EXPECT_EQ(Candidate().capacity().capacity().free(), 2) << "as reported, beside it";
  EXPECT_EQ(Count(8, 3), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "FULL_COUNTED 0");
  EXPECT_EQ(Count(9, 4), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "FULL_COUNTED 0") << "never below none";
  Declare(8, 4);
  EXPECT_EQ(Places(), "FULL_COUNTED 0") << "none is left, however late the report";
  EXPECT_EQ(Count(3, 5), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "PLACES_FREE 4") << "five are left, and one of them was given elsewhere";
}

TEST_F(CountedPlacesTest, NobodyIsShownAPlaceThatWaypostWouldRefuse) {
  Declare(5, 0);
  EXPECT_EQ(Count(4, 1), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "FULL 0");
  Declare(5, 3);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 1") << "three are reported, and one is left";
  Declare(4, 3);
  EXPECT_EQ(Places(), "FULL_COUNTED 0");
  Declare(4, 0);
  EXPECT_EQ(Places(), "FULL_COUNTED 0") << "both say so";
}

TEST_F(CountedPlacesTest, AFullGroupIsFullHoweverOldTheReport) {
  Declare(8, 8);
  EXPECT_EQ(Count(7, 1), v1::PLACES_OUTCOME_KEPT);
  rig.clock().Advance(absl::Hours(24 * 31));
  EXPECT_TRUE(Candidate().capacity().stale()) << "a count does not make a report fresh";
  EXPECT_EQ(Places(), "CAPACITY_STALE 1");
  EXPECT_EQ(Count(8, 2), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "FULL_COUNTED 0");
  EXPECT_FALSE(Candidate().capacity().stale());
}

TEST_F(CountedPlacesTest, ACountAloneSaysNothing) {
  EXPECT_EQ(Count(1, 1), v1::PLACES_OUTCOME_KEPT);
  EXPECT_FALSE(Candidate().has_capacity()) << "nobody said how many there are";
  Declare(8, 8);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 7");
}

TEST_F(CountedPlacesTest, CountsOfBeforeThereWereNumbersAreKept) {
  Declare(8, 4);
  EXPECT_EQ(Count(5, 0), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 3");
  EXPECT_EQ(Count(6, 1), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 2");
}

TEST_F(CountedPlacesTest, WhatIsNotLaterChangesNothing) {
  Declare(8, 8);
  EXPECT_EQ(Count(5, 3), v1::PLACES_OUTCOME_KEPT);
  const auto before = rig.Dump();
  EXPECT_EQ(Count(5, 3), v1::PLACES_OUTCOME_OLDER) << "the same again";
  EXPECT_EQ(Count(1, 2), v1::PLACES_OUTCOME_OLDER);
  v1::ReportPlacesRequest old;
  Add(old, 1, 1, rig.clock().Now());
  EXPECT_EQ(Report(old).results(0).revision(), 3);
  EXPECT_TRUE(rig.Dump() == before);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 3");
}

TEST_F(CountedPlacesTest, WhatIsNotThereIsSaidAndStopsNoOther) {
  Declare(8, 8);
  v1::ReportPlacesRequest request;
  rig.clock().Advance(absl::Minutes(1));
  const absl::Time now = rig.clock().Now();
  Add(request, 1, 1, now, "offers/nowhere");
  Add(request, 1, 1, now, kFlats, "other");
  Add(request, 1, 7, now);
  const v1::ReportPlacesResponse answer = Report(request);
  ASSERT_EQ(answer.results_size(), 3);
  EXPECT_EQ(answer.results(0).outcome(), v1::PLACES_OUTCOME_UNKNOWN);
  EXPECT_EQ(answer.results(1).outcome(), v1::PLACES_OUTCOME_UNKNOWN);
  EXPECT_EQ(answer.results(2).outcome(), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(answer.results(2).revision(), 7);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 7");
}

TEST_F(CountedPlacesTest, ACountIsNoChangeOfTheOfferAndOutlivesOne) {
  Declare(8, 8);
  v1::GetOfferRequest get;
  get.set_name(std::string(kFlats));
  const std::string before = Do(supervisor_, &Stub::GetOffer, get)->SerializeAsString();
  const auto feed = Do(supervisor_, &Stub::ListChanges, v1::ListChangesRequest());
  const size_t events = rig.Events().size();
  EXPECT_EQ(Count(3, 1), v1::PLACES_OUTCOME_KEPT);
  EXPECT_EQ(Do(supervisor_, &Stub::GetOffer, get)->SerializeAsString(), before);
  EXPECT_EQ(Do(supervisor_, &Stub::ListChanges, v1::ListChangesRequest())->SerializeAsString(),
            feed->SerializeAsString());
  EXPECT_EQ(rig.Events().size(), events);
  ASSERT_TRUE(Do(supervisor_, &Stub::UpdateOffer, Valid<v1::UpdateOfferRequest>("11")).ok());
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 5");
}

TEST_F(CountedPlacesTest, ACountOfTheFutureCountsAsNow) {
  Declare(8, 8);
  v1::ReportPlacesRequest request;
  Add(request, 3, 1, rig.clock().Now() + absl::Hours(24));
  EXPECT_EQ(Report(request).results(0).outcome(), v1::PLACES_OUTCOME_KEPT);
  Declare(8, 6);
  EXPECT_EQ(Places(), "PLACES_FREE_COUNTED 5") << "no more than is left";
  Declare(8, 4);
  EXPECT_EQ(Places(), "PLACES_FREE 4") << "reported after it";
}

TEST_F(CountedPlacesTest, WhatIsWrongIsRefusedWhole) {
  const auto refused = [this](const v1::ReportPlacesRequest& request, std::string_view field) {
    const auto before = rig.Dump();
    const absl::Status status = Do(services_, &Stub::ReportPlaces, request).status();
    EXPECT_EQ(error::ReasonOf(status), "INVALID_FIELD") << field;
    EXPECT_THAT(error::ViolationsOf(status), Contains(StartsWith(std::string(field))));
    EXPECT_TRUE(rig.Dump() == before) << field;
  };
  const absl::Time now = rig.clock().Now();
  v1::ReportPlacesRequest request;
  refused(request, "reports: ");
  for (int i = 0; i <= kMaxPlacesReports; ++i) Add(request, 1, i, now);
  refused(request, "reports: ");
  request.clear_reports();
  Add(request, 1, 1, now);  // right
  Add(request, -1, 1, now);
  refused(request, "reports[1].taken: ");
  request.mutable_reports(1)->set_taken(kMaxPlaces + 1);
  refused(request, "reports[1].taken: ");
  request.mutable_reports(1)->set_taken(1);
  request.mutable_reports(1)->set_revision(-1);
  refused(request, "reports[1].revision: ");
  request.mutable_reports(1)->set_revision(1);
  request.mutable_reports(1)->clear_count_time();
  refused(request, "reports[1].count_time: ");
  request.mutable_reports(1)->mutable_count_time()->set_seconds(-62'135'596'801);
  refused(request, "reports[1].count_time: ");
  *request.mutable_reports(1)->mutable_count_time() = api::ToTimestamp(now);
  request.mutable_reports(1)->set_group_id("");
  refused(request, "reports[1].group_id: ");
  request.mutable_reports(1)->set_group_id("all");
  request.mutable_reports(1)->set_offer("bodies/11");
  refused(request, "reports[1].offer: ");
}

}  // namespace
}  // namespace waypost::directory
