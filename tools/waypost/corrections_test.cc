#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/waypost/cli_test_util.h"
#include "waypost/referral/v1/correction_service.grpc.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using ::testing::HasSubstr;
using testing::RunResult;

constexpr char kTask[] = "correctionTasks/01jd0000000000000000000004";

// One task about an offer, and one about a competence.
class FakeCorrections final : public pb::CorrectionService::Service {
 public:
  grpc::Status ListCorrectionTasks(grpc::ServerContext*, const pb::ListCorrectionTasksRequest* request,
                                   pb::ListCorrectionTasksResponse* response) override {
    const std::lock_guard lock(mutex_);
    listed_ = *request;
    pb::CorrectionTask& offer = *response->add_tasks();
    offer.set_name(kTask);
    offer.set_reason(pb::DECLINE_REASON_NO_CAPACITY);
    offer.set_offer("offers/flats");
    offer.set_theme(type::v1::THEME_HOUSING);
    offer.set_decline_count(3);
    offer.set_body("bodies/es-fuenlabrada");
    offer.set_keeper(pb::CORRECTION_KEEPER_SUPERVISOR);
    offer.mutable_first_time()->set_seconds(1'777'888'800);
    pb::CorrectionTask& competence = *response->add_tasks();
    competence.set_reason(pb::DECLINE_REASON_NOT_COMPETENT);
    competence.set_theme(type::v1::THEME_YOUTH);
    competence.set_territory("ES300");
    competence.set_keeper(pb::CORRECTION_KEEPER_OPERATOR);
    return grpc::Status::OK;
  }
  grpc::Status SettleCorrectionTask(grpc::ServerContext*, const pb::SettleCorrectionTaskRequest* request,
                                    pb::CorrectionTask* response) override {
    const std::lock_guard lock(mutex_);
    settled_ = *request;
    response->set_name(request->name());
    response->set_finding(request->finding());
    return grpc::Status::OK;
  }
  pb::ListCorrectionTasksRequest listed() const {
    const std::lock_guard lock(mutex_);
    return listed_;
  }
  pb::SettleCorrectionTaskRequest settled() const {
    const std::lock_guard lock(mutex_);
    return settled_;
  }

 private:
  mutable std::mutex mutex_;
  pb::ListCorrectionTasksRequest listed_;
  pb::SettleCorrectionTaskRequest settled_;
};

class CorrectionCommandsTest : public ::testing::Test {
 protected:
  RunResult Run(const std::vector<std::string>& arguments) { return served_.Run(arguments); }

  FakeCorrections corrections_;

 private:
  testing::ServedRunner served_{"corrections", {&corrections_}};
};

TEST_F(CorrectionCommandsTest, ListsTheEntriesToLookAt) {
  const RunResult open = Run({"list"});
  ASSERT_EQ(open.code, ExitCode::kOk) << open.err;
  EXPECT_FALSE(corrections_.listed().settled());
  EXPECT_THAT(open.out, HasSubstr("declared capacity"));
  EXPECT_THAT(open.out, HasSubstr("offers/flats"));
  EXPECT_THAT(open.out, HasSubstr("competence"));
  EXPECT_THAT(open.out, HasSubstr("youth in ES300"));
  EXPECT_THAT(open.out, HasSubstr("bodies/es-fuenlabrada"));
  EXPECT_THAT(open.out, HasSubstr("supervisor")) << "who can mend the first";
  EXPECT_THAT(open.out, HasSubstr("operator")) << "who can mend the second";
  EXPECT_FALSE(corrections_.listed().every_body());
  ASSERT_EQ(Run({"list", "--settled"}).code, ExitCode::kOk);
  EXPECT_TRUE(corrections_.listed().settled());
  ASSERT_EQ(Run({"list", "--every-body"}).code, ExitCode::kOk);
  EXPECT_TRUE(corrections_.listed().every_body());
}

TEST_F(CorrectionCommandsTest, SettlesOne) {
  EXPECT_EQ(Run({"settle", kTask}).code, ExitCode::kUsage) << "what was found has to be said";
  const RunResult result = Run({"settle", kTask, "--finding", "entry-right", "--output", "json"});
  ASSERT_EQ(result.code, ExitCode::kOk) << result.err;
  EXPECT_EQ(corrections_.settled().name(), kTask);
  EXPECT_EQ(corrections_.settled().finding(), pb::CORRECTION_FINDING_ENTRY_RIGHT);
  EXPECT_FALSE(corrections_.settled().request_id().empty());
  EXPECT_EQ(nlohmann::json::parse(result.out)["finding"], "CORRECTION_FINDING_ENTRY_RIGHT");
}

}  // namespace
}  // namespace waypost::cli
