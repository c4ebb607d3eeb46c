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

// A walk that ends at once because of an error.
class FailedCursor final : public store::Cursor {
 public:
  bool Valid() const override { return false; }
  void Next() override {}
  void Seek(std::string_view) override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  absl::Status status() const override { return absl::DataLossError("damaged"); }
};

// Over a reader or writer whose rows can be got and not walked.
template <typename Base>
class Unwalkable : public Base {
 public:
  explicit Unwalkable(Base& under) : under_(under) {}
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    return under_.Get(key);
  }
  std::unique_ptr<store::Cursor> Scan(const store::KeyRange&) const override {
    return std::make_unique<FailedCursor>();
  }

 protected:
  Base& under_;
};

class UnwalkableReader final : public Unwalkable<store::Reader> {
 public:
  explicit UnwalkableReader(std::unique_ptr<store::Reader> under)
      : Unwalkable(*under), owned_(std::move(under)) {}

 private:
  const std::unique_ptr<store::Reader> owned_;
};

class UnwalkableWriter final : public Unwalkable<store::Writer> {
 public:
  using Unwalkable::Unwalkable;
  void Put(std::string_view key, std::string_view value) override { under_.Put(key, value); }
  void Delete(std::string_view key) override { under_.Delete(key); }
};

// Over another store; cannot be read as long as it is told so.
class DamagedStore final : public store::Store {
 public:
  explicit DamagedStore(store::Store& under) : under_(under) {}
  absl::StatusOr<std::unique_ptr<store::Reader>> Snapshot() const override {
    if (no_snapshots) return absl::UnavailableError("no snapshots");
    auto reader = under_.Snapshot();
    if (!reader.ok() || !no_walks) return reader;
    return std::make_unique<UnwalkableReader>(*std::move(reader));
  }
  void Transact(store::Body body, store::Done done) override {
    under_.Transact(
        [this, body = std::move(body)](store::Writer& writer) mutable {
          if (!no_walks_of_writers) return body(writer);
          UnwalkableWriter damaged(writer);
          return body(damaged);
        },
        std::move(done));
  }

  bool no_snapshots = false;
  bool no_walks = false;
  bool no_walks_of_writers = false;

 private:
  store::Store& under_;
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

  // The value of a metric of the relay to "audit"; -1 when there is none.
  double Metric(std::string_view name) const {
    for (const auto& family : metrics_.registry()->Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        for (const auto& label : metric.label) {
          if (label.name != "sink" || label.value != "audit") continue;
          return family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
        }
      }
    }
    return -1;
  }
  double Failures() const { return Metric("waypost_relay_failures_total"); }

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

TEST_F(OutboxTest, WhatCannotBeReadOrDeliveredIsCounted) {
  const auto lane = Lane::Open(store_, "test");
  FakeSink sink("audit");
  DamagedStore store(store_);
  Relay relay(store, "test", "test", sink, metrics_, clock_, Options({"audit"}));
  EXPECT_EQ(Failures(), 0);
  EXPECT_EQ(*relay.RunOnce(), 0);
  EXPECT_EQ(Metric("waypost_relay_lag_events"), 0);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(*lane).ok());
  store.no_snapshots = true;
  EXPECT_EQ(relay.RunOnce().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Failures(), 1);
  store.no_snapshots = false;
  store.no_walks = true;
  EXPECT_EQ(relay.RunOnce().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Failures(), 2);
  EXPECT_THAT(sink.positions, IsEmpty());
  store.no_walks = false;
  sink.refuse = 1;
  EXPECT_FALSE(relay.RunOnce().ok());
  EXPECT_EQ(Failures(), 3);
  EXPECT_EQ(Metric("waypost_relay_lag_events"), 3);
  // With one sink nothing is walked to let go of what it has taken.
  store.no_walks_of_writers = true;
  EXPECT_EQ(*relay.RunOnce(), 2);
  EXPECT_EQ(*relay.RunOnce(), 1);
  EXPECT_EQ(Failures(), 3);
  EXPECT_EQ(Waiting(), 0U);
}

TEST_F(OutboxTest, WhatCannotBeLetGoIsAFailureAndIsTriedAgain) {
  const auto lane = Lane::Open(store_, "test");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(Append(*lane).ok());
  FakeSink audit("audit");
  FakeSink mailbox("mailbox");
  DamagedStore store(store_);
  Relay to_mailbox(store, "test", "test", mailbox, metrics_, clock_, Options({"audit", "mailbox"}));
  Relay to_audit(store, "test", "test", audit, metrics_, clock_, Options({"audit", "mailbox"}));
  EXPECT_EQ(*to_mailbox.RunOnce(), 2);
  store.no_walks_of_writers = true;
  EXPECT_EQ(to_audit.RunOnce().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Failures(), 1);
  EXPECT_EQ(Waiting(), 2U);
  store.no_walks_of_writers = false;
  EXPECT_EQ(*to_audit.RunOnce(), 2) << "the cursor has not moved";
  EXPECT_EQ(Waiting(), 0U);
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
