#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/outbox/keys.h"
#include "common/outbox/lane.h"
#include "common/outbox/relay.h"
#include "common/status/errors.h"
#include "common/store/memory_store.h"
#include "common/testing/fakes.h"

namespace waypost::outbox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kEventTime = absl::FromUnixSeconds(1'800'000'000);

// Remembers what it was given; fails as often as it is told to, before or after taking the batch.
class FakeSink final : public Sink {
 public:
  explicit FakeSink(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  absl::Status Deliver(const std::vector<event::v1::Envelope>& batch) override {
    if (refuse > 0) {
      --refuse;
      return absl::UnavailableError("down");
    }
    for (const auto& envelope : batch) positions.push_back(envelope.position());
    if (lose_answer > 0) {
      --lose_answer;
      return absl::UnavailableError("answer lost");
    }
    return absl::OkStatus();
  }

  int refuse = 0;
  int lose_answer = 0;
  std::vector<uint64_t> positions;

 private:
  std::string name_;
};

class OutboxTest : public ::testing::Test {
 protected:
  absl::Status Append(const Lane& lane, bool fail = false) {
    return store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
      event::v1::Event event;
      event.set_service("test");
      event.mutable_time()->set_seconds(absl::ToUnixSeconds(kEventTime));
      const auto position = lane.Append(writer, event.SerializeAsString(), std::string(32, 'n'));
      if (!position.ok()) return position.status();
      return fail ? absl::AbortedError("no") : absl::OkStatus();
    });
  }
  size_t Waiting() {
    auto snapshot = store_.Snapshot();
    size_t count = 0;
    for (auto at = (*snapshot)->Scan(store::PrefixRange(EventPrefix("test"))); at->Valid(); at->Next())
      ++count;
    return count;
  }
  RelayOptions Options(std::vector<std::string> sinks) {
    RelayOptions options;
    options.batch_events = 2;
    options.all_sinks = std::move(sinks);
    return options;
  }

  store::MemoryStore store_;
  telemetry::Metrics metrics_;
  base::SystemClock clock_;
};

TEST_F(OutboxTest, AFailedTransactionLeavesNoGap) {
  const auto lane = Lane::Open(store_, "test");
  ASSERT_TRUE(lane.ok());
  ASSERT_TRUE(Append(*lane).ok());
  EXPECT_FALSE(Append(*lane, /*fail=*/true).ok());
  ASSERT_TRUE(Append(*lane).ok());
  EXPECT_EQ(*HeadOf(**store_.Snapshot(), "test"), 2U);
  EXPECT_EQ(Waiting(), 2U);
}

TEST_F(OutboxTest, AnEarlierOwnerIsFenced) {
  const auto first = Lane::Open(store_, "test");
  ASSERT_TRUE(Append(*first).ok());
  const auto second = Lane::Open(store_, "test");
  EXPECT_EQ(error::ReasonOf(Append(*first)), "LANE_FENCED");
  ASSERT_TRUE(Append(*second).ok());
  EXPECT_EQ(*HeadOf(**store_.Snapshot(), "test"), 2U);
}

TEST_F(OutboxTest, TheRelayDeliversInOrderAndLetsGoOnlyThen) {
  const auto lane = Lane::Open(store_, "test");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Append(*lane).ok());
  FakeSink sink("audit");
  Relay relay(store_, "test", "test", sink, metrics_, clock_, Options({"audit"}));
  sink.refuse = 1;
  EXPECT_FALSE(relay.RunOnce().ok());
  EXPECT_EQ(Waiting(), 5U);
  EXPECT_EQ(*relay.RunOnce(), 2);
  EXPECT_EQ(Waiting(), 3U);
  EXPECT_EQ(*relay.RunOnce(), 2);
  EXPECT_EQ(*relay.RunOnce(), 1);
  EXPECT_EQ(*relay.RunOnce(), 0);
  EXPECT_THAT(sink.positions, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(Waiting(), 0U);
}

TEST_F(OutboxTest, ALostAnswerRepeatsAndLosesNothing) {
  const auto lane = Lane::Open(store_, "test");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(*lane).ok());
  FakeSink sink("audit");
  Relay relay(store_, "test", "test", sink, metrics_, clock_, Options({"audit"}));
  sink.lose_answer = 1;
  EXPECT_FALSE(relay.RunOnce().ok());
  EXPECT_EQ(*relay.RunOnce(), 2);
  EXPECT_EQ(*relay.RunOnce(), 1);
  EXPECT_THAT(sink.positions, ElementsAre(1, 2, 1, 2, 3));
}

TEST_F(OutboxTest, ANewRelayGoesOnFromTheDurableCursor) {
  const auto lane = Lane::Open(store_, "test");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(*lane).ok());
  FakeSink sink("audit");
  {
    Relay relay(store_, "test", "test", sink, metrics_, clock_, Options({"audit"}));
    EXPECT_EQ(*relay.RunOnce(), 2);
  }
  Relay relay(store_, "test", "test", sink, metrics_, clock_, Options({"audit"}));
  EXPECT_EQ(*relay.RunOnce(), 1);
  EXPECT_THAT(sink.positions, ElementsAre(1, 2, 3));
}

TEST_F(OutboxTest, AnEventStaysUntilEverySinkHasPassedIt) {
  const auto lane = Lane::Open(store_, "test");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(Append(*lane).ok());
  FakeSink audit("audit");
  FakeSink mailbox("mailbox");
  Relay to_audit(store_, "test", "test", audit, metrics_, clock_, Options({"audit", "mailbox"}));
  Relay to_mailbox(store_, "test", "test", mailbox, metrics_, clock_, Options({"audit", "mailbox"}));
  EXPECT_EQ(*to_audit.RunOnce(), 2);
  EXPECT_EQ(Waiting(), 2U);
  EXPECT_EQ(*to_mailbox.RunOnce(), 2);
  EXPECT_EQ(Waiting(), 0U);
  EXPECT_THAT(audit.positions, ElementsAre(1, 2));
  EXPECT_THAT(mailbox.positions, ElementsAre(1, 2));
}

TEST_F(OutboxTest, TheRelayGivesWayToCallersUntilWhatWaitsIsOld) {
  const auto lane = Lane::Open(store_, "test");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Append(*lane).ok());
  FakeSink sink("audit");
  bool busy = false;
  RelayOptions options = Options({"audit"});
  options.node_is_busy = [&busy] { return busy; };
  options.give_way = absl::Milliseconds(700);
  options.give_way_until = absl::Seconds(30);
  waypost::testing::FakeClock clock(kEventTime + absl::Seconds(29));
  Relay relay(store_, "test", "test", sink, metrics_, clock, options);
  EXPECT_EQ(*relay.RunOnce(), 2);
  EXPECT_EQ(relay.GiveWay(), absl::ZeroDuration());
  busy = true;
  EXPECT_EQ(relay.GiveWay(), absl::Milliseconds(700));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(*relay.RunOnce(), 2);
  EXPECT_EQ(relay.GiveWay(), absl::ZeroDuration()) << "events are never later than that by the relay's doing";
}

TEST_F(OutboxTest, AnEmptyLaneHasNothingToSay) {
  const auto lane = Lane::Open(store_, "test");
  FakeSink sink("audit");
  Relay relay(store_, "test", "test", sink, metrics_, clock_, Options({"audit"}));
  EXPECT_EQ(*relay.RunOnce(), 0);
  EXPECT_THAT(sink.positions, IsEmpty());
}

}  // namespace
}  // namespace waypost::outbox
