// A node with clocks of seconds is away for longer than they run. What it was away for is nobody's silence:
// it is given back to every clock before anything rings, and what was held up rings no faster than it may.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "tests/e2e/callers.h"
#include "tests/e2e/server_process.h"
#include "waypost/referral/v1/intake_service.grpc.pb.h"

namespace waypost::e2e {
namespace {

namespace pb = referral::v1;
using IntakeStub = pb::IntakeService::Stub;
using Course = std::vector<pb::HistoryEntry>;
using Names = std::vector<std::string>;

constexpr uint64_t kEach = 10;
constexpr int kCatchUpRate = 5;
// An answer about housing is owed in one second, any other in three; a lapse of housing comes three later.
constexpr absl::Duration kStep = absl::Seconds(3);
constexpr absl::Duration kHousingLapse = absl::Seconds(3);
constexpr std::string_view kConfig =
    "clocks {\n  step_times { normal_seconds: 3 }\n"
    "  step_times { theme: THEME_HOUSING normal_seconds: 1 }\n"
    "  reminder_percent: 1\n  lapse_percent: 300\n  outage_seconds: 2\n  catch_up_rate: 5\n"
    "  remind_again_percent: 0\n}\n";
// Longer than an outage, than the step and than the lapse.
constexpr absl::Duration kAway = absl::Milliseconds(3500);

// When it first happened at or after `since`.
std::optional<absl::Time> TimeOf(const Course& course, std::string_view event,
                                 absl::Time since = absl::InfinitePast()) {
  for (const pb::HistoryEntry& entry : course) {
    const absl::Time time = api::FromTimestamp(entry.time());
    if (entry.event() == event && time >= since) return time;
  }
  return std::nullopt;
}

// Slower than all at once. They may be slower still than the rate: the machine may be.
void ExpectThrottled(const std::vector<absl::Time>& times, std::string_view what) {
  ASSERT_EQ(times.size(), kEach) << what;
  const auto [first, last] = std::minmax_element(times.begin(), times.end());
  const double at_the_rate = static_cast<double>(times.size() - 1) / kCatchUpRate;
  EXPECT_GE(*last - *first, absl::Seconds(0.6 * at_the_rate)) << what;
}

class OutageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(folder_ / "node.textproto", kConfig);
    ASSERT_NO_FATAL_FAILURE(StartNode());
    const auto tokens = DemoTokens(folder_ / "data");
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    tokens_ = *tokens;
    const absl::Status created = CreateBodies(*directory_, tokens_);
    ASSERT_TRUE(created.ok()) << created;
    const auto first = SubmitFirst(*referrals_, *server_, tokens_, "outage", 0);
    ASSERT_TRUE(first.ok()) << first.status();
  }

  void StartNode() {
    auto server = StartDemoNode(folder_, {"--config", folder_ / "node.textproto"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel = server_->Connect();
    directory_ = directory::v1::DirectoryService::NewStub(channel);
    referrals_ = pb::ReferralService::NewStub(channel);
    intake_ = pb::IntakeService::NewStub(channel);
  }

  // kEach referrals at the same moment.
  Names Submit(type::v1::Theme theme, uint64_t first) {
    pb::BatchSubmitReferralsRequest request;
    for (uint64_t i = 0; i < kEach; ++i) {
      pb::SubmitReferralRequest& row = *request.add_requests();
      row = SubmitOf("outage", first + i);
      row.mutable_referral()->set_theme(theme);
    }
    const auto answer = Ask(*intake_, &IntakeStub::BatchSubmitReferrals, tokens_.from, request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok()) return {};
    Names names;
    for (const pb::BatchSubmitResult& result : answer->results()) {
      EXPECT_TRUE(result.has_referral()) << result.ShortDebugString();
      names.push_back(result.referral().name());
    }
    return names;
  }

  Course CourseOf(const std::string& name) {
    pb::ListReferralHistoryRequest request;
    request.set_name(name);
    request.set_page_size(500);
    const auto page = Ask(*referrals_, &ReferralStub::ListReferralHistory, tokens_.from, request);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    return {page->entries().begin(), page->entries().end()};
  }

  // When it happened to each of them at or after `since`; waits for it.
  std::vector<absl::Time> Await(const Names& names, std::string_view event, absl::Time since) {
    const absl::Time until = absl::Now() + absl::Seconds(30);
    std::vector<absl::Time> times;
    for (const std::string& name : names) {
      std::optional<absl::Time> time = TimeOf(CourseOf(name), event, since);
      while (!time.has_value() && absl::Now() < until) {
        if (server_->process().WaitForExit(absl::Milliseconds(10)).has_value()) break;
        time = TimeOf(CourseOf(name), event, since);
      }
      EXPECT_TRUE(time.has_value()) << name << " has no " << event;
      if (time.has_value()) times.push_back(*time);
    }
    return times;
  }

  // Kills the node and starts it again after kAway.
  void BeAway() {
    server_->process().Signal(SIGKILL);
    EXPECT_EQ(server_->process().WaitForExit(absl::Seconds(10)), 128 + SIGKILL);
    went_ = absl::Now();
    // Nothing runs that could be waited for, and its clock is the machine's: so much time has to go by.
    EXPECT_FALSE(absl::Notification().WaitForNotificationWithTimeout(kAway));
    came_ = absl::Now();
    StartNode();
  }

  // What was escalated before has not lapsed before it had its time, without that in which nobody was served.
  void CheckEscalated(const std::string& name) {
    const Course course = CourseOf(name);
    const auto escalated = TimeOf(course, "ESCALATE");
    ASSERT_TRUE(escalated.has_value()) << name;
    EXPECT_LT(*escalated, went_) << name;
    EXPECT_EQ(TimeOf(course, "ESCALATE", came_), std::nullopt) << name << " is escalated once";
    if (const auto lapsed = TimeOf(course, "LAPSE"); lapsed.has_value()) {
      EXPECT_GE(*lapsed, *escalated + kHousingLapse + (came_ - went_)) << name << " is lapsed by the outage";
    }
  }

  // What still had time when the node went is escalated, but not before it has had it.
  void CheckRunning(const std::string& name) {
    const Course course = CourseOf(name);
    const auto sent = TimeOf(course, "SUBMIT");
    const auto escalated = TimeOf(course, "ESCALATE");
    ASSERT_TRUE(sent.has_value() && escalated.has_value()) << name;
    EXPECT_GE(*escalated, *sent + kStep + (came_ - went_)) << name << " is escalated for the outage";
  }

  const TempFolder folder_;
  std::unique_ptr<Server> server_;
  Tokens tokens_;
  std::unique_ptr<DirectoryStub> directory_;
  std::unique_ptr<ReferralStub> referrals_;
  std::unique_ptr<IntakeStub> intake_;
  absl::Time went_, came_;
};

TEST_F(OutageTest, NothingLapsesByItAndWhatItHeldUpRingsSlowly) {
  const Names escalated = Submit(type::v1::THEME_HOUSING, 1);
  ASSERT_EQ(Await(escalated, "ESCALATE", absl::InfinitePast()).size(), kEach);
  const Names running = Submit(type::v1::THEME_LANGUAGE, 1 + kEach);
  ASSERT_NO_FATAL_FAILURE(BeAway());
  ExpectThrottled(Await(running, "GIVE_BACK_TIME", came_), "what had time left");
  ExpectThrottled(Await(escalated, "GIVE_BACK_TIME", came_), "what was escalated");
  // All of these are due at the same moment.
  ExpectThrottled(Await(running, "ESCALATE", came_), "what is escalated after it");
  for (const std::string& name : escalated) CheckEscalated(name);
  for (const std::string& name : running) CheckRunning(name);
}

}  // namespace
}  // namespace waypost::e2e
