#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "common/rpc/chain/admission.h"
#include "common/rpc/chain/authentication.h"
#include "common/rpc/change_hub.h"
#include "common/rpc/client.h"
#include "common/rpc/executor.h"
#include "common/rpc/feed.h"
#include "common/rpc/mutate.h"
#include "common/rpc/mutation.h"
#include "common/rpc/status_conversion.h"
#include "common/rpc/system_change.h"
#include "common/rpc/watch.h"
#include "common/status/errors.h"
#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "common/testing/fakes.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::rpc {
namespace {

using policy::Relation;
using policy::Role;
using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(StatusConversion, KeepsReasonAndViolations) {
  error::FieldViolations violations;
  violations.Add("a", "is wrong");
  violations.Add("b", "is wrong too");
  const absl::Status status = violations.ToStatus();
  const absl::Status back = FromGrpc(ToGrpc(status));
  EXPECT_EQ(back, status);
  EXPECT_THAT(error::ViolationsOf(back), ElementsAre("a: is wrong", "b: is wrong too"));
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

TEST(BearerToken, ReadsTheSchemeInAnyCaseAndNothingElse) {
  EXPECT_EQ(*chain::BearerToken("Bearer abc"), "abc");
  EXPECT_EQ(*chain::BearerToken("bearer abc"), "abc");
  EXPECT_EQ(*chain::BearerToken("BEARER abc"), "abc");
  for (const std::string_view header : {"", "abc", "Basic abc", "Bearer", "Bearer ", "Bearerabc"}) {
    EXPECT_EQ(error::ReasonOf(chain::BearerToken(header).status()), "TOKEN_MISSING") << header;
  }
}

TEST(Admission, RefusesBeyondWhatMayBeInFlight) {
  chain::Admission admission({.in_flight = 2});
  EXPECT_TRUE(admission.Enter().ok());
  EXPECT_TRUE(admission.Enter().ok());
  EXPECT_EQ(error::ReasonOf(admission.Enter()), "OVERLOADED");
  admission.Leave();
  EXPECT_TRUE(admission.Enter().ok());
}

TEST(Admission, HoldsOneBodyToItsRateAndLeavesTheOthersAlone) {
  chain::Admission admission({.body_rate = 10, .body_burst = 3});
  absl::Time now = absl::FromUnixSeconds(1000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(admission.CheckRate("bodies/a", now).ok());
  EXPECT_EQ(error::ReasonOf(admission.CheckRate("bodies/a", now)), "RATE_LIMITED");
  EXPECT_TRUE(admission.CheckRate("bodies/b", now).ok());
  now += absl::Milliseconds(100);
  EXPECT_TRUE(admission.CheckRate("bodies/a", now).ok());
  EXPECT_FALSE(admission.CheckRate("bodies/a", now).ok());
}

TEST(Executor, RefusesWhatItsQueueCannotHold) {
  std::atomic<int> ran{0};
  Executor executor(1, 1);
  // Shared with the work, which may end after the test does.
  const auto started = std::make_shared<absl::Notification>();
  const auto release = std::make_shared<absl::Notification>();
  ASSERT_TRUE(executor.Submit([started, release] {
    started->Notify();
    release->WaitForNotification();
  }));
  started->WaitForNotification();
  EXPECT_TRUE(executor.Submit([&] { ++ran; }));
  EXPECT_FALSE(executor.Submit([&] { ++ran; }));
  EXPECT_EQ(executor.waiting(), 1U);
  release->Notify();
}

TEST(Executor, RunsWhatIsQueuedBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    Executor executor(2, 100);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(executor.Submit([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 100);
}

TEST(ChangeHub, TellsListenersOfTheirFeedUntilTheyLeave) {
  ChangeHub hub;
  int a = 0;
  int b = 0;
  const uint64_t first = hub.Subscribe("a", [&] { ++a; });
  hub.Subscribe("b", [&] { ++b; });
  hub.Changed("a");
  hub.Changed("c");
  EXPECT_EQ(hub.listeners(), 2);
  hub.Unsubscribe("a", first);
  hub.Changed("a");
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 0);
  EXPECT_EQ(hub.listeners(), 1);
}

FeedEntry Entry(uint64_t position, absl::Time time) {
  return {.position = position,
          .resource = "referrals/x",
          .revision = 1,
          .type = "t",
          .state = "S",
          .time = time};
}

TEST(Feed, ReadsInOrderFromACursorAndSaysWhenThatIsTooOld) {
  store::MemoryStore store;
  const absl::Time start = absl::FromUnixSeconds(1000);
  ASSERT_TRUE(store::TransactAndWait(store, [&](store::Writer& writer) {
                for (const uint64_t position : {2, 5, 9}) {
                  AppendToFeed(writer, "f", Entry(position, start + absl::Seconds(position)));
                }
                AppendToFeed(writer, "g", Entry(3, start));
                return absl::OkStatus();
              }).ok());
  const auto read = [&](uint64_t after) { return ReadFeed(**store.Snapshot(), "f", after, 2); };
  ASSERT_THAT(*read(0), SizeIs(2));
  EXPECT_EQ((*read(2))[0].position, 5U);
  EXPECT_EQ((*read(2))[0].time, start + absl::Seconds(5));
  EXPECT_THAT(*read(9), SizeIs(0));

  EXPECT_EQ(*TrimFeed(store, "f", start + absl::Seconds(6), 100), 2);
  EXPECT_EQ(read(4).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(error::MetadataOf(read(0).status(), "oldest"), "5");
  EXPECT_THAT(*read(5), SizeIs(1));
  EXPECT_THAT(*ReadFeed(**store.Snapshot(), "g", 0, 10), SizeIs(1));
}

class FeedTrimmerTest : public ::testing::Test {
 protected:
  // `count` entries at `time`, at positions of their own.
  void Append(std::string_view feed, int count, absl::Time time) {
    ASSERT_TRUE(store::TransactAndWait(store_, [&](store::Writer& writer) {
                  for (int i = 0; i < count; ++i) AppendToFeed(writer, feed, Entry(++position_, time));
                  return absl::OkStatus();
                }).ok());
  }
  int Left(std::string_view feed) const {
    int rows = 0;
    const auto reader = *store_.Snapshot();
    const std::string prefix = store::KeyBuilder().Text("feed").Text(feed).Take();
    for (auto at = reader->Scan(store::PrefixRange(prefix)); at->Valid(); at->Next()) ++rows;
    return rows;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  const absl::Time old_ = now_ - kFeedRetention - absl::Seconds(1);
  store::MemoryStore store_;
  uint64_t position_ = 0;
  FeedTrimmer trimmer_;
};

TEST_F(FeedTrimmerTest, RemovesFromEveryFeedWhatIsOlderThanItsRetentionAndNothingElse) {
  for (const std::string_view feed : {"a", "b", "c"}) {
    Append(feed, 2, old_);
    Append(feed, 1, now_ - kFeedRetention);
  }
  Append("d", 1, now_);
  // A neighbour in key order that is no feed.
  ASSERT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                writer.Put(store::KeyBuilder().Text("feee").Text("x").Take(), "x");
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(*trimmer_.Step(store_, now_), 6);
  for (const std::string_view feed : {"a", "b", "c", "d"}) EXPECT_EQ(Left(feed), 1) << feed;
  EXPECT_EQ(error::ReasonOf(ReadFeed(**store_.Snapshot(), "c", 0, 10).status()), "CURSOR_TOO_OLD");
  EXPECT_THAT(*ReadFeed(**store_.Snapshot(), "d", 0, 10), SizeIs(1));
  EXPECT_TRUE((*store_.Snapshot())->Get(store::KeyBuilder().Text("feee").Text("x").Take())->has_value());
}

TEST_F(FeedTrimmerTest, OneSliceIsBoundedAndTheNextGoesOn) {
  constexpr int kHalf = FeedTrimmer::kSliceEntries / 2;
  Append("a", kHalf, old_);
  for (int i = 0; i < 2; ++i) Append("b", kHalf, old_);
  Append("c", 1, old_);
  EXPECT_EQ(*trimmer_.Step(store_, now_), FeedTrimmer::kSliceEntries);
  EXPECT_EQ(Left("c"), 1);
  EXPECT_EQ(*trimmer_.Step(store_, now_), kHalf + 1);
  EXPECT_EQ(Left("b") + Left("c"), 0);
}

TEST_F(FeedTrimmerTest, AnyNumberOfFeedsIsPassedOverAFewAtATime) {
  constexpr int kFeeds = FeedTrimmer::kSliceFeeds + 7;
  for (int i = 0; i < kFeeds; ++i) Append(base::Cat("feed-", i), 1, old_);
  EXPECT_EQ(*trimmer_.Step(store_, now_), FeedTrimmer::kSliceFeeds);
  EXPECT_EQ(*trimmer_.Step(store_, now_), 7);
}

TEST_F(FeedTrimmerTest, BetweenTwoPassesItRests) {
  EXPECT_EQ(*trimmer_.Step(store_, now_), 0);
  Append("a", 1, old_);
  EXPECT_EQ(*trimmer_.Step(store_, now_ + FeedTrimmer::kPassEvery - absl::Seconds(1)), 0);
  EXPECT_EQ(*trimmer_.Step(store_, now_ + FeedTrimmer::kPassEvery), 1);
}

TEST_F(FeedTrimmerTest, AnEntryThatCannotBeReadIsAnErrorAndNothingIsLost) {
  Append("a", 1, old_);
  ASSERT_TRUE(store::TransactAndWait(store_, [](store::Writer& writer) {
                writer.Put(store::KeyBuilder().Text("feed").Text("b").Uint(9).Take(), "damaged");
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(trimmer_.Step(store_, now_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Left("b"), 1);
}

TEST(Retry, RepeatsOnlyWhatIsSafeAndTransient) {
  using Code = absl::StatusCode;
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<Code>(code), "x");
    EXPECT_FALSE(ShouldRetry(status, /*idempotent=*/false));
    // Of one that is exhausted and does not say by what, as of a message that is too large, nobody knows.
    const bool transient = status.code() == Code::kUnavailable;
    EXPECT_EQ(ShouldRetry(status, /*idempotent=*/true), transient) << status;
  }
  for (const absl::Status& busy :
       {error::Overloaded("changes"), error::RateLimited(20, absl::Seconds(1)), error::DiskFull()}) {
    EXPECT_TRUE(ShouldRetry(busy, /*idempotent=*/true)) << busy;
    EXPECT_FALSE(ShouldRetry(busy, /*idempotent=*/false)) << busy;
  }
  EXPECT_FALSE(ShouldRetry(error::LimitExceeded("notes of a referral", 1000, 1001), /*idempotent=*/true));
}

TEST(Retry, WaitsAsTheServerAskedAndGivesUp) {
  std::vector<absl::Duration> waits;
  waypost::testing::FakeRandom random;
  int attempts = 0;
  const absl::Status status = CallWithRetry(
      {.attempts = 3}, /*idempotent=*/true, [&](absl::Duration wait) { waits.push_back(wait); }, random,
      nullptr,
      [&](grpc::ClientContext&) {
        ++attempts;
        return error::WithRetry(error::StoreFailed(), absl::Seconds(7));
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(attempts, 3);
  EXPECT_THAT(waits, ElementsAre(absl::Seconds(7), absl::Seconds(7)));
}

constexpr policy::MethodRule kWrite = {.service = "test.S",
                                       .method = "Write",
                                       .mutation = true,
                                       .grants = {policy::Grant{{Role::kCaseworker}, {Relation::kOwnBody}}}};

// Runs bodies against a store, as the framework does, without a server.
class MutationTest : public ::testing::Test {
 protected:
  explicit MutationTest(chain::AdmissionLimits limits = {}) : admission_(limits) {}

  static policy::Caller CallerOf(std::string_view body, std::string_view actor) {
    policy::Caller caller;
    caller.body = body;
    caller.actor = actor;
    caller.roles = {Role::kCaseworker};
    return caller;
  }

  Call CallOf(std::string_view body, std::string_view actor) {
    return {.rule = kWrite,
            .caller = std::make_shared<const policy::Caller>(CallerOf(body, actor)),
            .now = clock_.Now(),
            .trace = {}};
  }

  // Of bodies/a, for calls over gRPC.
  std::string Token() { return authenticator_.Add(CallerOf("bodies/a", "x")); }

  // Writes "k" = value under a request id; returns the response remembered or made.
  absl::StatusOr<std::string> Write(const Call& call, std::string_view request_id, std::string_view content,
                                    std::string_view etag = {}, bool fail = false) {
    MutationState state{.env = env_, .call = call};
    state.request_id = request_id;
    state.idempotency_key = IdempotencyKey(call, request_id);
    state.request_hash = std::string(32, 'h').replace(0, content.size(), content);
    std::string response;
    const absl::Status status = store::TransactAndWait(store_, [&](store::Writer& writer) -> absl::Status {
      Mutation mutation(state, writer);
      const auto before = writer.Get("k");
      const int64_t revision = before->has_value() ? std::stoll(**before) : 0;
      const auto as = mutation.Authorize({.name = "things/k",
                                          .relations = call.caller->body == "bodies/a"
                                                           ? policy::Relations{Relation::kOwnBody}
                                                           : policy::Relations{},
                                          .revision = revision,
                                          .etag = etag});
      if (!as.ok()) return as.status();
      if (fail) return absl::FailedPreconditionError("rule");
      response = std::to_string(revision + 1);
      writer.Put("k", response);
      const absl::Status published = mutation.Publish(*as, {.type = "test.written",
                                                            .resource = "things/k",
                                                            .revision = revision + 1,
                                                            .time = call.now,
                                                            .parties = {"bodies/a"},
                                                            .feeds = {"feed"}});
      if (!published.ok()) return published;
      mutation.Remember(response);
      return absl::OkStatus();
    });
    if (state.replayed) return state.replayed_response;
    if (!status.ok()) return status;
    return response;
  }

  uint64_t Events() { return *outbox::HeadOf(**store_.Snapshot(), "test"); }

  store::MemoryStore store_;
  waypost::testing::FakeClock clock_;
  waypost::testing::FakeRandom random_;
  waypost::testing::FakeAuthenticator authenticator_;
  chain::Admission admission_;
  std::optional<Executor> executor_{std::in_place, 1, 10};
  telemetry::Metrics metrics_;
  telemetry::LogWriter log_{stderr};
  api::PageTokens page_tokens_{crypto::SecretKey::Generate(random_), crypto::SecretKey::Generate(random_),
                               random_};
  std::string idempotency_key_ = "key";
  outbox::Lane lane_ = *outbox::Lane::Open(store_, "test");
  ChangeHub hub_;
  chain::SuccessorAccounts accounts_;
  NodeEnvironment node_{authenticator_, admission_, clock_,       random_,          *executor_,
                        metrics_,       log_,       page_tokens_, idempotency_key_, accounts_};
  Environment env_{node_, store_, lane_, hub_};
};

constexpr policy::MethodRule kReadOwn = {.service = "test.S",
                                         .method = "ReadOwn",
                                         .grants = {policy::Grant{{Role::kCaseworker}, {Relation::kOwnBody}}},
                                         .own_body = true};

// Calls of accounts whose body went over to bodies/b, from today to the day after tomorrow. Each body has two
// calls.
class ActingForASuccessor : public MutationTest {
 protected:
  ActingForASuccessor() : MutationTest({.body_rate = 0.001, .body_burst = 2}) {
    const absl::CivilDay today = absl::ToCivilDay(clock_.Now(), absl::UTCTimeZone());
    accounts_.Record({chain::AccountSuccession{.name = "successions/a",
                                               .revision = 1,
                                               .predecessor = "bodies/a",
                                               .successor = "bodies/b",
                                               .first = today,
                                               .last = today + 2,
                                               .units = {}}});
  }
  // For whom the call is made, or the reason of its refusal.
  std::string Admitted(std::string_view token, const policy::MethodRule& rule = kWrite) {
    const std::string header = base::Cat("Bearer ", token);
    const chain::Incoming incoming = {.authorization = header, .traceparent = {}};
    PendingCall pending(node_, rule, incoming);
    const absl::Status status = pending.Admit(incoming);
    pending.Answered(status);
    return status.ok() ? pending.call().caller->body : error::ReasonOf(status);
  }
};

TEST_F(ActingForASuccessor, IsACallOfTheSuccessorOnItsDaysAlone) {
  clock_.Advance(-absl::Hours(24));
  EXPECT_EQ(Admitted(Token()), "bodies/a");
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Admitted(Token()), "bodies/b");
  clock_.Advance(absl::Hours(48));
  EXPECT_EQ(Admitted(Token()), "bodies/b");
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Admitted(Token()), "bodies/a");
}

TEST_F(ActingForASuccessor, IsOfItsOwnBodyWhereTheMethodSaysSo) {
  EXPECT_EQ(Admitted(Token(), kReadOwn), "bodies/a");
}

TEST_F(ActingForASuccessor, CountsForTheRateOfTheSuccessor) {
  EXPECT_EQ(Admitted(Token()), "bodies/b");
  EXPECT_EQ(Admitted(authenticator_.Add(CallerOf("bodies/b", "y"))), "bodies/b");
  EXPECT_EQ(Admitted(Token()), "RATE_LIMITED");
  EXPECT_EQ(Admitted(Token(), kReadOwn), "bodies/a");
}

TEST_F(ActingForASuccessor, ATokenIsCheckedFirst) {
  policy::Caller caller = CallerOf("bodies/a", "x");
  caller.expires = clock_.Now();
  EXPECT_EQ(Admitted(authenticator_.Add(caller)), "TOKEN_REFUSED");
  EXPECT_EQ(Admitted("unknown"), "TOKEN_REFUSED");
}

TEST_F(MutationTest, ADuplicateGetsTheFirstAnswerAndChangesNothing) {
  const Call call = CallOf("bodies/a", "x");
  EXPECT_EQ(*Write(call, "request-1", "one"), "1");
  EXPECT_EQ(*Write(call, "request-2", "two"), "2");
  EXPECT_EQ(*Write(call, "request-1", "one"), "1");
  EXPECT_EQ(Events(), 2U);
}

TEST_F(MutationTest, TheSameIdWithOtherContentIsRefused) {
  const Call call = CallOf("bodies/a", "x");
  EXPECT_TRUE(Write(call, "request-1", "one").ok());
  EXPECT_EQ(error::ReasonOf(Write(call, "request-1", "two").status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(Events(), 1U);
}

TEST_F(MutationTest, AFailedCallIsNotRemembered) {
  const Call call = CallOf("bodies/a", "x");
  EXPECT_EQ(Write(call, "request-1", "one", {}, /*fail=*/true).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*Write(call, "request-1", "one"), "1");
}

TEST_F(MutationTest, IdsOfAnotherActorOrBodyAreOthers) {
  EXPECT_EQ(*Write(CallOf("bodies/a", "x"), "request-1", "one"), "1");
  EXPECT_EQ(*Write(CallOf("bodies/a", "y"), "request-1", "one"), "2");
  // Authority comes before idempotency: nobody learns of another's request.
  EXPECT_EQ(Write(CallOf("bodies/b", "x"), "request-1", "one").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(MutationTest, AReplayIsAnsweredThoughTheEtagHasMovedOn) {
  const Call call = CallOf("bodies/a", "x");
  EXPECT_EQ(*Write(call, "request-1", "one"), "1");
  EXPECT_EQ(*Write(call, "request-2", "two", "\"1\""), "2");
  EXPECT_EQ(*Write(call, "request-2", "two", "\"1\""), "2");
  EXPECT_EQ(error::ReasonOf(Write(call, "request-3", "x", "\"1\"").status()), "ETAG_MISMATCH");
}

TEST_F(MutationTest, RecordsLastThroughMidnightAndAreSweptTwoDaysLater) {
  EXPECT_EQ(*Write(CallOf("bodies/a", "x"), "request-1", "one"), "1");
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(*Write(CallOf("bodies/a", "x"), "request-1", "one"), "1");
  IdempotencySweeper sweeper;
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 100), 0);
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 100), 1);
  EXPECT_EQ(*Write(CallOf("bodies/a", "x"), "request-1", "one"), "2");
}

TEST_F(MutationTest, TheSweeperGoesOnWhereItEndedAndStartsAgainTheNextDay) {
  for (const char* id : {"request-1", "request-2", "request-3"}) {
    ASSERT_TRUE(Write(CallOf("bodies/a", "x"), id, "one").ok());
  }
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(Write(CallOf("bodies/a", "x"), "request-4", "one").ok());
  clock_.Advance(absl::Hours(24));
  IdempotencySweeper sweeper;
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 2), 2);
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 2), 1);
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 2), 0);
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 2), 0) << "it rests until the next day";
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 2), 1) << "what was of yesterday then";
  EXPECT_EQ(*sweeper.Step(store_, clock_.Now(), 2), 0);
}

TEST_F(MutationTest, ARepeatThatWasReceivedAfterMidnightAndDoneFirstIsFound) {
  const int64_t into_the_day = absl::ToUnixSeconds(clock_.Now()) % 86'400;
  clock_.Advance(absl::Hours(24) - absl::Seconds(into_the_day) - absl::Minutes(15));
  const Call before = CallOf("bodies/a", "x");
  clock_.Advance(absl::Minutes(30));
  EXPECT_EQ(*Write(CallOf("bodies/a", "x"), "request-1", "one"), "1");
  EXPECT_EQ(*Write(before, "request-1", "one"), "1");
}

constexpr policy::MethodRule kSweep = {.service = "test.S",
                                       .method = "(sweep)",
                                       .mutation = true,
                                       .grants = {policy::Grant{{Role::kService}, {Relation::kAnyone}}}};

TEST_F(MutationTest, ChangesOfTheSystemAreEachItsOwnAndWaitedForTogether) {
  std::vector<int> written(5);
  const auto write = [&](size_t i, Mutation& mutation) -> absl::Status {
    WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                             mutation.Authorize({.name = "things", .relations = {Relation::kAnyone}}));
    EXPECT_EQ(as.caller().body, kServiceBody);
    if (i == 2) return absl::FailedPreconditionError("rule");
    mutation.writer().Put(base::Cat("k", i), "v");
    written[i] = 1;
    return mutation.Publish(
        as, {.type = "test.swept", .resource = "things", .time = mutation.call().now, .parties = {}});
  };
  const std::vector<absl::Status> results =
      SystemChangesAndWait(env_, kSweep, clock_.Now(), written.size(), write);
  ASSERT_THAT(results, SizeIs(5));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].ok(), i != 2) << results[i];
    EXPECT_EQ(written[i], i == 2 ? 0 : 1);
    EXPECT_EQ((*store_.Snapshot())->Get(base::Cat("k", i))->has_value(), i != 2) << "durable, or not there";
  }
  EXPECT_EQ(Events(), 4U);
  EXPECT_THAT(SystemChangesAndWait(env_, kSweep, clock_.Now(), 0, write), SizeIs(0));
  const auto refused = SystemChangeAndWait(env_, kSweep, clock_.Now(),
                                           [](Mutation&) { return absl::NotFoundError("nothing there"); });
  EXPECT_EQ(refused, absl::NotFoundError("nothing there"));
}

TEST_F(MutationTest, AnEventSaysWhoDidWhatAndHoldsNoContent) {
  ASSERT_TRUE(Write(CallOf("bodies/a", "x"), "request-1", "one").ok());
  const auto entries = ReadFeed(**store_.Snapshot(), "feed", 0, 10);
  ASSERT_THAT(*entries, SizeIs(1));
  EXPECT_EQ((*entries)[0].position, 1U);
  EXPECT_EQ((*entries)[0].type, "test.written");
}

// A request of the one method below. Its message is an Event, so that this room needs no proto of its own.
struct WriteRequest {
  const event::v1::Event& message;
  const std::string& request_id() const { return message.event_id(); }
  operator const google::protobuf::Message&() const { return message; }  // NOLINT: as a message of gRPC's is
};

// One method over real gRPC that counts its changes and has to prepare each.
class PreparedTest : public MutationTest {
 protected:
  enum class Shape { kAfter, kPrepared };

  class WriteService final : public grpc::Service {
   public:
    explicit WriteService(PreparedTest& test) {
      AddMethod(
          new grpc::internal::RpcServiceMethod(kMethod, grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
      MarkMethodCallback(
          0, new grpc::internal::CallbackUnaryHandler<event::v1::Event, event::v1::Event>(
                 [&test](grpc::CallbackServerContext* context, const event::v1::Event* request,
                         event::v1::Event* response) { return test.Handle(context, {*request}, response); }));
    }
  };

  PreparedTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    token_ = Token();
  }
  ~PreparedTest() override { server_->Shutdown(); }

  grpc::ServerUnaryReactor* Handle(grpc::CallbackServerContext* context, const WriteRequest& request,
                                   event::v1::Event* response) {
    const auto validate = [](const WriteRequest&) { return absl::OkStatus(); };
    const auto prepare = [this, response](const Call&) -> absl::StatusOr<MutationBody> {
      if (!failure_.ok()) return failure_;
      return MutationBody([this, response](Mutation& mutation) { return Count(mutation, *response); });
    };
    if (shape_ == Shape::kAfter) {
      return MutateAfter(env_, context, kWrite, validate, request, response, prepare);
    }
    return MutatePrepared(env_, context, kWrite, validate, request, response,
                          [prepare](const Call& call, const store::Reader&) { return prepare(call); });
  }

  absl::Status Count(Mutation& mutation, event::v1::Event& response) {
    WAYPOST_ASSIGN_OR_RETURN(const policy::Authorized as,
                             mutation.Authorize({.name = "things/k", .relations = {Relation::kOwnBody}}));
    WAYPOST_ASSIGN_OR_RETURN(const uint64_t before, outbox::HeadOf(mutation.writer(), "test"));
    response.set_revision(static_cast<int64_t>(before) + 1);
    return mutation.Publish(
        as, {.type = "test.written", .resource = "things/k", .time = mutation.call().now, .parties = {}});
  }

  // The number of the change that it made: "1" for the first; or the reason why there is none.
  std::string Ask(std::string_view request_id, std::string_view content) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", base::Cat("Bearer ", token_));
    event::v1::Event request;
    request.set_event_id(std::string(request_id));
    request.set_resource(std::string(content));
    event::v1::Event response;
    const auto channel = server_->InProcessChannel({});
    const grpc::internal::RpcMethod method(kMethod, grpc::internal::RpcMethod::NORMAL_RPC, channel);
    const absl::Status status =
        FromGrpc(grpc::internal::BlockingUnaryCall(channel.get(), method, &context, request, &response));
    return status.ok() ? base::Cat(response.revision()) : std::string(error::ReasonOf(status));
  }

  static constexpr char kMethod[] = "/test.S/Write";
  Shape shape_ = Shape::kPrepared;
  absl::Status failure_;  // what preparing ends with
  std::string token_;
  WriteService service_{*this};
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(PreparedTest, ARetryGetsTheFirstAnswerThoughItCannotBePreparedAnyMore) {
  for (const Shape shape : {Shape::kAfter, Shape::kPrepared}) {
    shape_ = shape;
    failure_ = absl::OkStatus();
    const uint64_t events = Events();
    const std::string id = base::Cat("request-", static_cast<int>(shape));
    const std::string first = Ask(id, "one");
    EXPECT_EQ(first, base::Cat(events + 1));
    failure_ = error::LimitExceeded("things", 1, 2);
    EXPECT_EQ(Ask(id, "one"), first);
    EXPECT_EQ(Ask(id, "two"), "REQUEST_ID_REUSED");
    EXPECT_EQ(Ask(base::Cat(id, "-other"), "one"), "LIMIT_EXCEEDED");
    EXPECT_EQ(Events(), events + 1);
  }
}

TEST_F(PreparedTest, AFailedPreparationIsNotRemembered) {
  for (const Shape shape : {Shape::kAfter, Shape::kPrepared}) {
    shape_ = shape;
    const std::string id = base::Cat("request-", static_cast<int>(shape));
    failure_ = error::LimitExceeded("things", 1, 2);
    EXPECT_EQ(Ask(id, "one"), "LIMIT_EXCEEDED");
    failure_ = absl::OkStatus();
    const std::string expected = base::Cat(Events() + 1);
    EXPECT_EQ(Ask(id, "one"), expected);
  }
  EXPECT_EQ(Events(), 2U);
}

constexpr policy::MethodRule kFollow = {.service = "test.S",
                                        .method = "Follow",
                                        .grants = {policy::Grant{{Role::kCaseworker}, {Relation::kOwnBody}}}};

// Watches over a real connection.
class WatchTest : public MutationTest {
 protected:
  using Message = event::v1::Event;

  class FollowService final : public grpc::Service {
   public:
    explicit FollowService(WatchTest& test) {
      AddMethod(new grpc::internal::RpcServiceMethod(kMethod, grpc::internal::RpcMethod::SERVER_STREAMING,
                                                     nullptr));
      MarkMethodCallback(0, new grpc::internal::CallbackServerStreamingHandler<Message, Message>(
                                [&test](grpc::CallbackServerContext* context, const Message*) {
                                  return Watch<Message>::Begin(
                                      test.env_, context, kFollow,
                                      [&test](const Call& call) { return test.Plan(call); });
                                }));
    }
  };

  // A client's side of a watch.
  class Following {
   public:
    Following(const std::shared_ptr<grpc::Channel>& channel, std::string_view token) {
      context_.AddMetadata("authorization", base::Cat("Bearer ", token));
      const grpc::internal::RpcMethod method(kMethod, grpc::internal::RpcMethod::SERVER_STREAMING, channel);
      reader_.reset(
          grpc::internal::ClientReaderFactory<Message>::Create(channel.get(), method, &context_, Message()));
    }
    ~Following() { Leave(); }

    bool Read(Message* message) { return reader_->Read(message); }
    // The client goes.
    void Leave() {
      context_.TryCancel();
      if (reader_ != nullptr) reader_->Finish();
      reader_ = nullptr;
    }
    // Reads to the end.
    absl::Status End() {
      Message message;
      while (reader_->Read(&message)) ++read_;
      const absl::Status status = FromGrpc(reader_->Finish());
      reader_.reset();
      return status;
    }
    int read() const { return read_; }

   private:
    int read_ = 0;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<Message>> reader_;
  };

  explicit WatchTest(chain::AdmissionLimits limits = {}) : MutationTest(limits) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel(base::Cat("127.0.0.1:", port_), grpc::InsecureChannelCredentials());
  }
  // While the test is whole: the server's threads ask it for plans.
  void TearDown() override { EndServing(); }

  // Once no client follows any more.
  void EndServing() {
    if (server_ == nullptr) return;
    EXPECT_TRUE(Await([this] { return hub_.listeners() == 0; }));
    server_->Shutdown();
    server_.reset();
    // The last reads hold what remains of their watches.
    executor_.reset();
  }

  // What every watch follows; runs on the server's threads.
  virtual absl::StatusOr<WatchPlan<Message>> Plan(const Call& call) = 0;

  std::unique_ptr<Following> Follow(std::string_view token) {
    return std::make_unique<Following>(channel_, token);
  }

  template <typename Condition>
  bool Await(Condition&& condition, absl::Duration patience = absl::Seconds(20)) {
    const absl::Time give_up = absl::Now() + patience;
    while (!condition() && absl::Now() < give_up) std::this_thread::yield();
    return condition();
  }

  static constexpr char kMethod[] = "/test.S/Follow";
  int port_ = 0;
  FollowService service_{*this};
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// One watch of messages so large that a client which does not read holds them up.
class StalledWatchTest : public WatchTest {
 protected:
  // Not while it is being made: the server's threads ask for the plan.
  void SetUp() override { watch_ = Follow(Token()); }
  void TearDown() override {
    watch_->Leave();
    WatchTest::TearDown();
  }

  // Ten megabytes, and nothing after them.
  absl::StatusOr<WatchPlan<Message>> Plan(const Call&) override {
    return WatchPlan<Message>{
        .feed = "feed",
        .read = [this](const store::Reader&, uint64_t& cursor) -> absl::StatusOr<std::vector<Message>> {
          ++reads_;
          if (cursor == 10) return std::vector<Message>();
          ++cursor;
          Message message;
          message.set_revision(static_cast<int64_t>(cursor));
          message.set_resource(std::string(1'000'000, 'x'));
          return std::vector<Message>{message};
        }};
  }

  std::atomic<int> reads_{0};  // by the watch
  std::unique_ptr<Following> watch_;
};

TEST_F(StalledWatchTest, AnOpenWatchIsNotAmongTheCallsInFlight) {
  EXPECT_TRUE(Await([this] { return hub_.listeners() == 2; }));
  EXPECT_EQ(admission_.in_flight(), 0);
}

TEST_F(StalledWatchTest, AClientThatDoesNotReadIsCut) {
  EXPECT_TRUE(Await([this] { return hub_.listeners() == 2; }));
  EXPECT_TRUE(Await([this] {
    clock_.Advance(kWatchStall + absl::Seconds(1));
    hub_.Changed(kTickFeed);
    return hub_.listeners() == 0;
  }));
  EXPECT_EQ(watch_->End().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(watch_->read(), 10);
  EXPECT_TRUE(Await([this] { return admission_.open_watches() == 0; }));
}

TEST_F(StalledWatchTest, AStopDoesNotWaitUntilAClientHasCaughtUp) {
  // Until a message waits for the client to read.
  int before = 0;
  do {
    before = reads_;
  } while (Await([this, before] { return reads_ != before; }, absl::Milliseconds(100)) || before == 0);
  ASSERT_LT(before, 10);
  hub_.Close();
  EXPECT_EQ(watch_->End().code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(watch_->read(), 10);
}

TEST_F(StalledWatchTest, AClientThatReadsAndWaitsIsNot) {
  Message message;
  for (int i = 1; i <= 10; ++i) {
    ASSERT_TRUE(watch_->Read(&message));
    EXPECT_EQ(message.revision(), i);
  }
  // It reads again once all that it read before is written.
  ASSERT_TRUE(Await([this] { return reads_ >= 11; }));
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(kWatchStall + absl::Seconds(1));
    hub_.Changed(kTickFeed);
  }
  EXPECT_EQ(hub_.listeners(), 2);
  EXPECT_FALSE(Await([this] { return hub_.listeners() != 2; }, absl::Milliseconds(50)));
}

// Watches that say at once that they are open, on a node that takes three, and two of one body.
class WatchLimitTest : public WatchTest {
 protected:
  WatchLimitTest() : WatchTest({.watches = 3, .body_watches = 2}) {}

  absl::StatusOr<WatchPlan<Message>> Plan(const Call&) override {
    if (!refusal_.ok()) return refusal_;
    return WatchPlan<Message>{
        .feed = "feed",
        .read = [this](const store::Reader&, uint64_t& cursor) -> absl::StatusOr<std::vector<Message>> {
          if (fail_) return absl::DataLossError("feed");
          if (cursor == 1) return std::vector<Message>();
          cursor = 1;
          return std::vector<Message>(1);
        }};
  }

  std::string TokenOf(std::string_view body) { return authenticator_.Add(CallerOf(body, "x")); }
  // A watch that is open, or a failure of the test.
  std::unique_ptr<Following> Open(std::string_view body) {
    auto watch = Follow(TokenOf(body));
    Message message;
    EXPECT_TRUE(watch->Read(&message)) << watch->End();
    return watch;
  }
  // Why none is opened; OK when one is.
  absl::Status Refused(std::string_view body) {
    const auto watch = Follow(TokenOf(body));
    Message message;
    return watch->Read(&message) ? absl::OkStatus() : watch->End();
  }
  bool AwaitOpen(int count) {
    return Await([this, count] { return admission_.open_watches() == count; });
  }
  // What is counted for whoever looks at the metrics.
  double Gauge(std::string_view name) const {
    double sum = 0;
    for (const auto& family : metrics_.registry()->Collect()) {
      for (const auto& metric : family.metric) sum += family.name == name ? metric.gauge.value : 0;
    }
    return sum;
  }

  absl::Status refusal_;
  std::atomic<bool> fail_{false};
};

TEST_F(WatchLimitTest, ABodyKeepsOnlySoManyOpenAndOthersTheirs) {
  const auto first = Open("bodies/a");
  const auto second = Open("bodies/a");
  const absl::Status third = Refused("bodies/a");
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(error::ReasonOf(third), "LIMIT_EXCEEDED");
  EXPECT_EQ(error::MetadataOf(third, "allowed"), "2");
  EXPECT_EQ(error::MetadataOf(third, "given"), "3");
  const auto other = Open("bodies/b");
  EXPECT_EQ(admission_.in_flight(), 0);
  first->Leave();
  EXPECT_TRUE(AwaitOpen(2));
  const auto again = Open("bodies/a");
  EXPECT_EQ(error::ReasonOf(Refused("bodies/a")), "LIMIT_EXCEEDED");
}

TEST_F(WatchLimitTest, TheNodeTakesOnlySoManyOfAll) {
  const auto first = Open("bodies/a");
  const auto second = Open("bodies/b");
  const auto third = Open("bodies/c");
  const absl::Status fourth = Refused("bodies/d");
  EXPECT_EQ(fourth.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(error::ReasonOf(fourth), "OVERLOADED");
  second->Leave();
  EXPECT_TRUE(AwaitOpen(2));
  const auto fifth = Open("bodies/d");
}

TEST_F(WatchLimitTest, HoweverAWatchEndsItsPlaceIsFree) {
  refusal_ = error::PermissionDenied("Follow", "no");
  EXPECT_EQ(Refused("bodies/a").code(), absl::StatusCode::kPermissionDenied);
  refusal_ = absl::OkStatus();
  EXPECT_TRUE(AwaitOpen(0));

  fail_ = true;
  EXPECT_EQ(Refused("bodies/a").code(), absl::StatusCode::kDataLoss);
  fail_ = false;
  EXPECT_TRUE(AwaitOpen(0));

  policy::Caller caller = CallerOf("bodies/a", "x");
  caller.expires = clock_.Now() + absl::Seconds(1);
  const auto expiring = Follow(authenticator_.Add(caller));
  Message message;
  ASSERT_TRUE(expiring->Read(&message));
  EXPECT_EQ(admission_.open_watches(), 1);
  clock_.Advance(absl::Seconds(1));
  hub_.Changed(kTickFeed);
  EXPECT_EQ(expiring->End().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(AwaitOpen(0));

  const auto stopped = Open("bodies/a");
  hub_.Close();
  EXPECT_EQ(stopped->End().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(AwaitOpen(0));
}

TEST_F(WatchLimitTest, OpenWatchesAreCountedApartFromTheCallsInFlight) {
  const auto watch = Open("bodies/a");
  EXPECT_EQ(Gauge("waypost_open_watches"), 1);
  EXPECT_EQ(Gauge("waypost_requests_in_flight"), 0);
  watch->Leave();
  EXPECT_TRUE(Await([this] { return Gauge("waypost_open_watches") == 0; }));
  EXPECT_EQ(Gauge("waypost_requests_in_flight"), 0);
}

TEST(CheckRequestId, TakesUuidsAndRefusesWhatCouldHoldAName) {
  EXPECT_TRUE(CheckRequestId("0b7e7d0e-1f3c-4a53-9d5a-2f0f7f6f2f10").ok());
  for (const std::string_view id : {"", "short", "has space in it", "slash/slash", "ünïcödé-long"}) {
    EXPECT_EQ(error::ReasonOf(CheckRequestId(id)), "INVALID_FIELD") << id;
  }
  EXPECT_FALSE(CheckRequestId(std::string(65, 'a')).ok());
}

}  // namespace
}  // namespace waypost::rpc
