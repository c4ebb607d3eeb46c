#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "waypost/referral/v1/breach_service.grpc.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using ::testing::HasSubstr;
using testing::RunResult;

constexpr char kBreach[] = "breaches/01jd0000000000000000000004";

// One breach; remembers the last request of each kind.
class FakeBreaches final : public pb::BreachService::Service {
 public:
  grpc::Status ListBreaches(grpc::ServerContext*, const pb::ListBreachesRequest* request,
                            pb::ListBreachesResponse* response) override {
    const std::lock_guard lock(mutex_);
    listed = *request;
    *response->add_breaches() = One();
    return grpc::Status::OK;
  }
  grpc::Status GetBreach(grpc::ServerContext*, const pb::GetBreachRequest* request,
                         pb::Breach* response) override {
    const std::lock_guard lock(mutex_);
    shown = *request;
    *response = One();
    return grpc::Status::OK;
  }
  grpc::Status AssessBreach(grpc::ServerContext*, const pb::AssessBreachRequest* request,
                            pb::Breach* response) override {
    const std::lock_guard lock(mutex_);
    assessed = *request;
    *response = One();
    return grpc::Status::OK;
  }
  grpc::Status RecordBreachNotification(grpc::ServerContext*,
                                        const pb::RecordBreachNotificationRequest* request,
                                        pb::Breach* response) override {
    const std::lock_guard lock(mutex_);
    notified = *request;
    *response = One();
    return grpc::Status::OK;
  }
  grpc::Status RecordPersonsTold(grpc::ServerContext*, const pb::RecordPersonsToldRequest* request,
                                 pb::Breach* response) override {
    const std::lock_guard lock(mutex_);
    told = *request;
    *response = One();
    return grpc::Status::OK;
  }
  grpc::Status RecordBreachDeletion(grpc::ServerContext*, const pb::RecordBreachDeletionRequest* request,
                                    pb::Breach* response) override {
    const std::lock_guard lock(mutex_);
    deleted = *request;
    *response = One();
    return grpc::Status::OK;
  }
  grpc::Status CloseBreach(grpc::ServerContext*, const pb::CloseBreachRequest* request,
                           pb::Breach* response) override {
    const std::lock_guard lock(mutex_);
    closed = *request;
    *response = One();
    return grpc::Status::OK;
  }

  // Read once the command has ended, which the answer has.
  pb::ListBreachesRequest listed;
  pb::GetBreachRequest shown;
  pb::AssessBreachRequest assessed;
  pb::RecordBreachNotificationRequest notified;
  pb::RecordPersonsToldRequest told;
  pb::RecordBreachDeletionRequest deleted;
  pb::CloseBreachRequest closed;

 private:
  static pb::Breach One() {
    pb::Breach breach;
    breach.set_name(kBreach);
    breach.set_referral("referrals/01jd0000000000000000000001");
    breach.set_wrong_body("bodies/es-madrid");
    breach.set_state(pb::BREACH_STATE_ASSESSED);
    breach.set_risk(pb::BREACH_RISK_HIGH_RISK);
    pb::BreachEntry& entry = *breach.add_entries();
    entry.set_action("ASSESS");
    entry.set_actor("p-ana");
    entry.set_risk(pb::BREACH_RISK_HIGH_RISK);
    return breach;
  }

  std::mutex mutex_;
};

class BreachCommandsTest : public ::testing::Test {
 protected:
  RunResult Run(const std::vector<std::string>& arguments) { return served_.Run(arguments); }

  FakeBreaches breaches_;

 private:
  testing::ServedRunner served_{"breaches", {&breaches_}};
};

TEST_F(BreachCommandsTest, ListsAndShowsThem) {
  const RunResult open = Run({"list"});
  ASSERT_EQ(open.code, ExitCode::kOk) << open.err;
  EXPECT_FALSE(breaches_.listed.all());
  EXPECT_THAT(open.out, HasSubstr(kBreach));
  EXPECT_THAT(open.out, HasSubstr("bodies/es-madrid"));
  EXPECT_THAT(open.out, HasSubstr("not opened"));
  ASSERT_EQ(Run({"list", "--all"}).code, ExitCode::kOk);
  EXPECT_TRUE(breaches_.listed.all());
  const RunResult one = Run({"show", "01jd0000000000000000000004"});
  ASSERT_EQ(one.code, ExitCode::kOk) << one.err;
  EXPECT_EQ(breaches_.shown.name(), kBreach) << "the short form will do";
  EXPECT_THAT(one.out, HasSubstr("ASSESS"));
  EXPECT_THAT(one.out, HasSubstr("p-ana"));
}

TEST_F(BreachCommandsTest, RecordsEachThing) {
  EXPECT_EQ(Run({"assess", kBreach, "--risk", "risk"}).code, ExitCode::kUsage) << "without a reason";
  const RunResult assessed =
      Run({"assess", kBreach, "--risk", "high-risk", "--risk-reason", "safety", "--output", "json"});
  ASSERT_EQ(assessed.code, ExitCode::kOk) << assessed.err;
  EXPECT_EQ(breaches_.assessed.risk(), pb::BREACH_RISK_HIGH_RISK);
  EXPECT_EQ(breaches_.assessed.risk_reason(), pb::BREACH_RISK_REASON_SAFETY);
  EXPECT_FALSE(breaches_.assessed.request_id().empty());
  EXPECT_EQ(nlohmann::json::parse(assessed.out)["risk"], "BREACH_RISK_HIGH_RISK");

  const RunResult notified =
      Run({"notified", kBreach, "--notify-time", "2026-05-05T09:00:00Z", "--reference", "AEPD-2026/17"});
  ASSERT_EQ(notified.code, ExitCode::kOk) << notified.err;
  EXPECT_TRUE(breaches_.notified.has_notify_time());
  EXPECT_EQ(breaches_.notified.reference(), "AEPD-2026/17");
  const RunResult omitted = Run({"notified", kBreach, "--omission-reason", "risk-removed"});
  ASSERT_EQ(omitted.code, ExitCode::kOk) << omitted.err;
  EXPECT_EQ(breaches_.notified.omission_reason(), pb::BREACH_OMISSION_REASON_RISK_REMOVED);
  EXPECT_FALSE(breaches_.notified.has_notify_time());

  const RunResult told =
      Run({"told", kBreach, "--tell-time", "2026-05-05T10:00:00Z", "--informed-how", "in-person"});
  ASSERT_EQ(told.code, ExitCode::kOk) << told.err;
  EXPECT_EQ(breaches_.told.informed_how(), pb::INFORMED_HOW_IN_PERSON);
  const RunResult deleted = Run({"deleted", kBreach, "--confirm-time", "2026-05-05T11:00:00Z"});
  ASSERT_EQ(deleted.code, ExitCode::kOk) << deleted.err;
  EXPECT_TRUE(breaches_.deleted.has_confirm_time());
  ASSERT_EQ(Run({"close", kBreach}).code, ExitCode::kOk);
  EXPECT_EQ(breaches_.closed.name(), kBreach);
}

}  // namespace
}  // namespace waypost::cli
