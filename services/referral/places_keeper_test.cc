// What the directory is told of places taken: through gRPC on the real store, with a directory that can be
// away, answer late, or know more than it should.
#include "services/referral/places_keeper.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "services/referral/group_rows.h"
#include "services/referral/referral_rig.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"

namespace waypost::referral {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the rig is all that is used
using directory::v1::PlacesReport;
using directory::v1::ReportPlacesRequest;
using directory::v1::ReportPlacesResponse;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kAsl = "offers/madrid-asl";

// Keeps what is later, as the directory does.
class FakeDirectory final : public PlacesSink {
 public:
  absl::StatusOr<ReportPlacesResponse> Report(const ReportPlacesRequest& request) override {
    ++calls;
    if (away) return absl::UnavailableError("away");
    for (const PlacesReport& report : request.reports()) {
      if (report.group_id() == unreadable) return absl::DataLossError("an offer there");
    }
    ReportPlacesResponse response;
    for (const PlacesReport& report : request.reports()) Keep(report, *response.add_results());
    if (const auto once = std::exchange(while_it_answers, nullptr)) once();
    if (loses_answer) return absl::UnavailableError("the answer is lost");
    return response;
  }

  bool away = false;
  bool loses_answer = false;
  bool knows_nothing = false;
  std::string unreadable = "no group";
  std::function<void()> while_it_answers;  // once
  int calls = 0;
  std::map<std::string, PlacesReport> kept;  // by group

 private:
  void Keep(const PlacesReport& report, ReportPlacesResponse::Result& result) {
    if (knows_nothing) return result.set_outcome(directory::v1::PLACES_OUTCOME_UNKNOWN);
    const auto found = kept.find(report.group_id());
    const bool older = found != kept.end() && found->second.revision() >= report.revision();
    if (!older) kept[report.group_id()] = report;
    result.set_outcome(older ? directory::v1::PLACES_OUTCOME_OLDER : directory::v1::PLACES_OUTCOME_KEPT);
    result.set_revision(kept[report.group_id()].revision());
    result.set_taken(kept[report.group_id()].taken());
  }
};

class PlacesKeeperTest : public ::testing::Test, protected ReferralRig {
 protected:
  PlacesKeeperTest() : ReferralRig(ReferralOptions(/*on_disk=*/false)) {
    SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ONE_OFF, {{"alpha", 5}, {"fle1", 5}});
  }

  // As after a start of the process.
  void Restart(int batch = 50) {
    keeper_.reset();
    keeper_.emplace(rig.env(), directory_, PlacesKeeperOptions{.batch = batch});
  }
  absl::StatusOr<PlacesStep> Step() {
    if (!keeper_.has_value()) Restart();
    return keeper_->Step();
  }
  // Until nothing is left to be told.
  void TellAll() {
    for (int steps = 0; steps < 100; ++steps) {
      const auto step = Step();
      ASSERT_TRUE(step.ok()) << step.status();
      if (!step->more) return;
    }
    ADD_FAILURE() << "it does not end";
  }
  std::string AcceptInto(std::string_view group) {
    Refresh();
    std::string name = Acknowledged();
    auto request = On<v1::AcceptReferralRequest>(name);
    request.set_offer(std::string(kAsl));
    request.add_places()->set_person(1);
    request.mutable_places(0)->set_group_id(std::string(group));
    Must(Do(receiver, &Stub::AcceptReferral, request));
    return name;
  }
  std::vector<GroupKey> Untold() {
    return Must(rows::ListUntold(*Must(rig.store().Snapshot()), std::nullopt, 100));
  }
  int Taken(const std::string& group = "alpha") { return directory_.kept[group].taken(); }

  FakeDirectory directory_;
  std::optional<PlacesKeeper> keeper_;
};

TEST_F(PlacesKeeperTest, AnAcceptIsToldOnceAndSoIsItsEnd) {
  Acknowledged();
  EXPECT_THAT(Untold(), IsEmpty()) << "what takes no place writes no row";
  TellAll();
  EXPECT_EQ(directory_.calls, 0);
  const std::string taken = AcceptInto("alpha");
  EXPECT_THAT(Untold(), SizeIs(1));
  TellAll();
  EXPECT_EQ(directory_.calls, 1);
  const PlacesReport told = directory_.kept["alpha"];
  EXPECT_EQ(told.offer(), kAsl);
  EXPECT_EQ(told.taken(), 1);
  EXPECT_EQ(told.revision(), 1);
  EXPECT_EQ(api::FromTimestamp(told.count_time()), rig.clock().Now());
  EXPECT_THAT(Untold(), IsEmpty());
  TellAll();
  EXPECT_EQ(directory_.calls, 1) << "nothing has changed";
  Must(Do(receiver, &Stub::StartReferral, On<v1::StartReferralRequest>(taken)));
  EXPECT_THAT(Untold(), IsEmpty()) << "it has its place already";
  Must(Do(receiver, &Stub::CompleteReferral, Complete(taken)));
  TellAll();
  EXPECT_EQ(Taken(), 0);
  EXPECT_EQ(directory_.kept["alpha"].revision(), 2);
}

TEST_F(PlacesKeeperTest, EnrolmentsAreCounted) {
  SetGroups(kAsl, kReceivingBody, directory::v1::OFFER_KIND_ENROLMENT, {{"alpha", 5}});
  AcceptInto("alpha");
  TellAll();
  EXPECT_EQ(Taken(), 1);
}

TEST_F(PlacesKeeperTest, ADirectoryThatIsAwayIsToldLaterAndOnceForAll) {
  TellAll();
  directory_.away = true;
  AcceptInto("alpha");
  EXPECT_FALSE(Step().ok());
  AcceptInto("alpha");
  AcceptInto("fle1");
  directory_.away = false;
  EXPECT_EQ(Must(Step()).told, 0) << "it rests after a failure";
  EXPECT_EQ(directory_.calls, 1);
  EXPECT_THAT(Untold(), SizeIs(2));
  rig.clock().Advance(absl::Seconds(10));
  TellAll();
  EXPECT_EQ(directory_.calls, 2);
  EXPECT_EQ(Taken("alpha"), 2);
  EXPECT_EQ(Taken("fle1"), 1);
  EXPECT_THAT(Untold(), IsEmpty());
}

TEST_F(PlacesKeeperTest, WhatWasToldBeforeACrashIsToldAgain) {
  AcceptInto("alpha");
  TellAll();
  AcceptInto("alpha");
  directory_.loses_answer = true;
  EXPECT_FALSE(Step().ok());
  EXPECT_EQ(Taken(), 2);
  EXPECT_THAT(Untold(), SizeIs(1)) << "it does not know that it was told";
  directory_.loses_answer = false;
  Restart();
  TellAll();
  EXPECT_EQ(Taken(), 2);
  EXPECT_EQ(directory_.kept["alpha"].revision(), 2);
  EXPECT_THAT(Untold(), IsEmpty());
}

TEST_F(PlacesKeeperTest, WhatChangesWhileItIsToldIsToldAgain) {
  TellAll();
  AcceptInto("alpha");
  directory_.while_it_answers = [this] { AcceptInto("alpha"); };
  EXPECT_EQ(Must(Step()).told, 1);
  EXPECT_EQ(Taken(), 1);
  EXPECT_THAT(Untold(), SizeIs(1));
  TellAll();
  EXPECT_EQ(Taken(), 2);
  EXPECT_THAT(Untold(), IsEmpty());
}

TEST_F(PlacesKeeperTest, ADirectoryThatKnowsMoreThanThereIsIsGoneOver) {
  AcceptInto("alpha");
  PlacesReport later;
  later.set_group_id("alpha");
  later.set_taken(4);
  later.set_revision(40);
  directory_.kept["alpha"] = later;
  TellAll();
  EXPECT_THAT(Untold(), SizeIs(1)) << "under a revision that is later";
  TellAll();
  EXPECT_EQ(Taken(), 1);
  EXPECT_EQ(directory_.kept["alpha"].revision(), 41);
  EXPECT_THAT(Untold(), IsEmpty());
}

TEST_F(PlacesKeeperTest, WhatTheDirectoryDoesNotKnowIsToldNoMore) {
  directory_.knows_nothing = true;
  AcceptInto("alpha");
  TellAll();
  EXPECT_EQ(directory_.calls, 1);
  EXPECT_THAT(Untold(), IsEmpty());
}

// Of the same revision there and another here: this store or that one was restored.
TEST_F(PlacesKeeperTest, ACountOfTheSameRevisionThatDiffersIsGoneOver) {
  AcceptInto("alpha");
  TellAll();
  directory_.kept["alpha"].set_taken(4);
  Restart();
  TellAll();
  TellAll();
  EXPECT_EQ(Taken(), 1) << "at a start it is told of every count";
  EXPECT_EQ(directory_.kept["alpha"].revision(), 2);
  EXPECT_THAT(Untold(), IsEmpty());
}

TEST_F(PlacesKeeperTest, OneThatCannotBeToldKeepsNoOtherFromIt) {
  AcceptInto("alpha");
  AcceptInto("fle1");
  directory_.unreadable = "alpha";
  EXPECT_FALSE(Step().ok());
  for (int i = 0; i < 10; ++i) {
    rig.clock().Advance(absl::Minutes(1));
    (void)Step();
  }
  EXPECT_EQ(Taken("fle1"), 1);
  EXPECT_FALSE(directory_.kept.contains("alpha"));
  directory_.unreadable = "no group";
  rig.clock().Advance(absl::Minutes(1));
  TellAll();
  EXPECT_EQ(Taken("alpha"), 1);
  EXPECT_THAT(Untold(), IsEmpty());
}

TEST_F(PlacesKeeperTest, CountsOfBeforeThereWereRevisionsAreTold) {
  ASSERT_TRUE(
      store::TransactAndWait(rig.store(), [](store::Writer& writer) -> absl::Status {
        storage::v1::GroupCountRecord count;
        count.set_held(2);
        count.set_enrolled(1);
        const absl::Status put = rows::PutGroupCount(writer, {std::string(kAsl), "alpha"}, count);
        if (!put.ok()) return put;
        return rows::PutGroupCount(writer, {std::string(kAsl), "fle1"}, storage::v1::GroupCountRecord());
      }).ok());
  TellAll();
  EXPECT_EQ(Taken(), 3);
  EXPECT_EQ(directory_.kept["alpha"].revision(), 0);
  EXPECT_FALSE(directory_.kept.contains("fle1")) << "nothing was taken there";
  Restart();
  TellAll();
  EXPECT_EQ(directory_.calls, 2) << "once at each start";
  EXPECT_EQ(directory_.kept["alpha"].revision(), 0) << "the same again";
}

TEST_F(PlacesKeeperTest, ManyGroupsAreToldBatchByBatch) {
  TellAll();
  AcceptInto("alpha");
  AcceptInto("fle1");
  Restart(/*batch=*/1);
  TellAll();
  EXPECT_EQ(directory_.calls, 2);
  EXPECT_EQ(Taken("alpha"), 1);
  EXPECT_EQ(Taken("fle1"), 1);
}

// The call itself.
class FakeDirectoryService final : public directory::v1::DirectoryService::Service {
 public:
  grpc::Status ReportPlaces(grpc::ServerContext* context, const ReportPlacesRequest* request,
                            ReportPlacesResponse* response) override {
    const auto found = context->client_metadata().find("authorization");
    if (found == context->client_metadata().end() || found->second != "Bearer of-a-service") {
      return {grpc::StatusCode::UNAUTHENTICATED, "no token"};
    }
    for (const PlacesReport& report : request->reports()) {
      response->add_results()->set_revision(report.revision());
    }
    return grpc::Status::OK;
  }
};

TEST(PlacesSink, CallsTheDirectoryAsAService) {
  FakeDirectoryService service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto channel = server->InProcessChannel(grpc::ChannelArguments());
  ReportPlacesRequest request;
  request.add_reports()->set_revision(7);
  const auto answer = MakePlacesSink(channel, [] { return "of-a-service"; })->Report(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->results_size(), 1);
  EXPECT_EQ(answer->results(0).revision(), 7);
  EXPECT_EQ(MakePlacesSink(channel, [] { return "of-nobody"; })->Report(request).status().code(),
            absl::StatusCode::kUnauthenticated);
  server->Shutdown();
}

}  // namespace
}  // namespace waypost::referral
