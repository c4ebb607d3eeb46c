// A node under load is killed and started again, many times over. What it had acknowledged must be there;
// what it had not must be there once or not at all; and the audit log must hold every change exactly once.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/strings.h"
#include "services/audit/verify.h"
#include "tests/e2e/callers.h"
#include "tests/e2e/server_process.h"

namespace waypost::e2e {
namespace {

namespace pb = referral::v1;

constexpr int kInFlight = 32;
constexpr std::string_view kRun = "crash";
constexpr int kCheckers = 8;
constexpr absl::Duration kCatchUpLimit = absl::Seconds(20);

// A submission that was sent. `name` is empty until it was acknowledged.
struct Sent {
  uint64_t number = 0;
  std::string name;
  int64_t revision = 0;
};

// Submissions in flight until they fail. Thread-safe.
class Load {
 public:
  Load(ReferralStub& stub, const std::string& token, uint64_t first)
      : stub_(stub), token_(token), next_(first) {
    for (int i = 0; i < kInFlight; ++i) calls_.push_back(std::make_unique<Call>());
    live_ = kInFlight;
    for (const auto& call : calls_) Next(*call);
  }
  ~Load() { Finish(); }

  // From now on failures are expected.
  void ExpectTheEnd() { end_expected_ = true; }
  // Waits until every call has failed, and returns all that was sent.
  std::vector<Sent> Finish() {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* live) { return *live == 0; }, &live_));
    return sent_;
  }
  uint64_t next() const { return next_; }
  // Errors that no crash explains.
  std::vector<std::string> surprises() {
    const absl::MutexLock lock(&mutex_);
    return surprises_;
  }

 private:
  struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    pb::SubmitReferralRequest request;
    pb::Referral response;
    uint64_t number = 0;
  };

  void Next(Call& call) {
    call.number = next_.fetch_add(1);
    call.request = SubmitOf(kRun, call.number);
    call.response.Clear();
    call.context = std::make_unique<grpc::ClientContext>();
    Prepare(token_, *call.context);
    stub_.async()->SubmitReferral(call.context.get(), &call.request, &call.response,
                                  [this, &call](const grpc::Status& status) { Done(call, status); });
  }

  void Done(Call& call, const grpc::Status& status) {
    Sent sent{.number = call.number, .name = "", .revision = 0};
    if (status.ok()) {
      sent.name = call.response.name();
      sent.revision = call.response.revision();
    }
    {
      const absl::MutexLock lock(&mutex_);
      sent_.push_back(std::move(sent));
      if (!status.ok()) {
        if (!end_expected_) surprises_.push_back(status.error_message());
        --live_;
        return;
      }
    }
    Next(call);
  }

  ReferralStub& stub_;
  const std::string token_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::atomic<uint64_t> next_;
  std::atomic<bool> end_expected_{false};
  absl::Mutex mutex_;
  int live_ = 0;
  std::vector<Sent> sent_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> surprises_ ABSL_GUARDED_BY(mutex_);
};

// Calls `check` for each of 0 … count - 1 on a few threads.
void ForEach(size_t count, const std::function<void(size_t)>& check) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kCheckers; ++i) {
    threads.emplace_back([&] {
      for (size_t at = next++; at < count && !::testing::Test::HasFatalFailure(); at = next++) check(at);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class CrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode());
    const auto tokens = DemoTokens(folder_ / "data");
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    tokens_ = *tokens;
    const absl::Status created = CreateBodies(*directory_, tokens_);
    ASSERT_TRUE(created.ok()) << created;
    const auto first = SubmitFirst(*referrals_, *server_, tokens_, kRun, 0);
    ASSERT_TRUE(first.ok()) << first.status();
    known_[0] = {.number = 0, .name = first->name(), .revision = first->revision()};
  }

  void StartNode() {
    auto server = Server::Start(
        {Program("waypost-node"), "--demo", "--data-dir", folder_ / "data", "--key-dir", folder_ / "keys"},
        folder_, "node");
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel = server_->Connect();
    directory_ = directory::v1::DirectoryService::NewStub(channel);
    referrals_ = pb::ReferralService::NewStub(channel);
    audit_ = audit::v1::AuditService::NewStub(channel);
  }

  std::vector<Sent> LoadAndKill();
  void CheckAcknowledged(const Sent& sent);
  void SettleUnacknowledged(Sent& sent);
  void CheckOnce(const Sent& sent);
  void CheckRound(std::vector<Sent> sent);
  void CheckOutbox();
  void CheckAuditLog();
  void CheckProofs(uint64_t size);
  audit::v1::TreeHead AwaitTree(uint64_t size);
  void KeepHead();
  std::vector<audit::v1::Entry> EntriesOf(const std::string& token);

  const TempFolder folder_;
  std::unique_ptr<Server> server_;
  Tokens tokens_;
  std::unique_ptr<DirectoryStub> directory_;
  std::unique_ptr<ReferralStub> referrals_;
  std::unique_ptr<AuditStub> audit_;
  std::mt19937 random_{std::random_device{}()};
  uint64_t next_number_ = 1;
  std::map<uint64_t, Sent> known_;          // every request that is settled, by number
  std::vector<audit::v1::TreeHead> heads_;  // every head that was shown
};

void CrashTest::KeepHead() {
  const auto head = Ask(*audit_, &AuditStub::GetTreeHead, tokens_.from, audit::v1::GetTreeHeadRequest());
  ASSERT_TRUE(head.ok()) << head.status();
  if (!heads_.empty()) {
    EXPECT_GE(head->tree_size(), heads_.back().tree_size()) << "the log shrank";
  }
  if (head->tree_size() > 0) heads_.push_back(*head);
}

std::vector<Sent> CrashTest::LoadAndKill() {
  Load load(*referrals_, tokens_.from, next_number_);
  const absl::Duration time = absl::Milliseconds(std::uniform_int_distribution(200, 900)(random_));
  EXPECT_FALSE(server_->process().WaitForExit(time).has_value()) << server_->process().Printed();
  KeepHead();
  load.ExpectTheEnd();
  server_->process().Signal(SIGKILL);
  EXPECT_EQ(server_->process().WaitForExit(absl::Seconds(10)), 128 + SIGKILL);
  std::vector<Sent> sent = load.Finish();
  next_number_ = load.next();
  EXPECT_EQ(load.surprises(), std::vector<std::string>());
  return sent;
}

void CrashTest::CheckAcknowledged(const Sent& sent) {
  pb::GetReferralRequest request;
  request.set_name(sent.name);
  const auto found = Ask(*referrals_, &ReferralStub::GetReferral, tokens_.from, request);
  ASSERT_TRUE(found.ok()) << "acknowledged, and lost: " << sent.name << ": " << found.status();
  EXPECT_EQ(found->revision(), sent.revision) << sent.name;
}

// Sends the request again, twice: the same referral both times, whether or not the first try had made it.
void CrashTest::SettleUnacknowledged(Sent& sent) {
  for (int i = 0; i < 2; ++i) {
    const auto again =
        Ask(*referrals_, &ReferralStub::SubmitReferral, tokens_.from, SubmitOf(kRun, sent.number));
    ASSERT_TRUE(again.ok()) << sent.number << ": " << again.status();
    if (!sent.name.empty()) {
      EXPECT_EQ(again->name(), sent.name) << sent.number;
    }
    if (sent.revision != 0) {
      EXPECT_EQ(again->revision(), sent.revision) << sent.number;
    }
    sent.name = again->name();
    sent.revision = again->revision();
  }
}

void CrashTest::CheckOnce(const Sent& sent) {
  pb::FindByOwnReferenceRequest request;
  request.set_own_reference(SubmitOf(kRun, sent.number).own_reference());
  const auto found = Ask(*referrals_, &ReferralStub::FindByOwnReference, tokens_.from, request);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->referrals_size(), 1) << sent.number;
  EXPECT_EQ(found->referrals(0).name(), sent.name) << sent.number;
}

void CrashTest::CheckRound(std::vector<Sent> sent) {
  std::atomic<int> acknowledged{0};
  std::atomic<int> unacknowledged{0};
  ForEach(sent.size(), [&](size_t at) {
    Sent& one = sent[at];
    if (!one.name.empty()) {
      ++acknowledged;
      CheckAcknowledged(one);
      // Repeating what was acknowledged gives the same answer; a part of them is enough.
      if (at % 20 == 0) SettleUnacknowledged(one);
      if (at % 5 == 0) CheckOnce(one);
    } else {
      ++unacknowledged;
      SettleUnacknowledged(one);
      CheckOnce(one);
    }
  });
  EXPECT_GT(acknowledged, 0) << "a load that does nothing proves nothing";
  EXPECT_EQ(unacknowledged, kInFlight);
  for (Sent& one : sent) known_[one.number] = std::move(one);
}

// Exactly the known referrals are listed, each once.
void CrashTest::CheckOutbox() {
  std::map<std::string, int> listed;
  pb::ListReferralsRequest request;
  request.set_box(pb::BOX_OUTBOX);
  request.set_page_size(500);
  do {
    const auto page = Ask(*referrals_, &ReferralStub::ListReferrals, tokens_.from, request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& row : page->referrals()) ++listed[row.name()];
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  for (const auto& [number, sent] : known_) {
    EXPECT_EQ(listed[sent.name], 1) << "request " << number << ", " << sent.name;
  }
  EXPECT_EQ(listed.size(), known_.size()) << "a referral that nobody knows of";
}

// The head, once the log has `size` entries.
audit::v1::TreeHead CrashTest::AwaitTree(uint64_t size) {
  const absl::Time until = absl::Now() + kCatchUpLimit;
  while (true) {
    const auto head = Ask(*audit_, &AuditStub::GetTreeHead, tokens_.from, audit::v1::GetTreeHeadRequest());
    if (!head.ok() || head->tree_size() >= size || absl::Now() > until) {
      EXPECT_TRUE(head.ok()) << head.status();
      return head.value_or(audit::v1::TreeHead());
    }
    EXPECT_FALSE(server_->process().WaitForExit(absl::Milliseconds(20)).has_value());
  }
}

std::vector<audit::v1::Entry> CrashTest::EntriesOf(const std::string& token) {
  std::vector<audit::v1::Entry> entries;
  audit::v1::ListEntriesRequest request;
  request.set_order(audit::v1::ListEntriesRequest::ORDER_OLDEST_FIRST);
  request.set_page_size(500);
  do {
    const auto page = Ask(*audit_, &AuditStub::ListEntries, token, request);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    entries.insert(entries.end(), page->entries().begin(), page->entries().end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return entries;
}

// Every referral's submission and both bodies' creation, each once, and nothing else.
void CrashTest::CheckAuditLog() {
  const uint64_t expected = known_.size() + 2;
  const audit::v1::TreeHead head = AwaitTree(expected);
  EXPECT_EQ(head.tree_size(), expected);
  EXPECT_EQ(head.out_of_order_count(), 0u);
  std::set<uint64_t> indexes;
  std::map<std::pair<std::string, int64_t>, std::set<uint64_t>> changes;
  for (const std::string* token : {&tokens_.from, &tokens_.to, &tokens_.operators}) {
    uint64_t previous = 0;
    for (const auto& entry : EntriesOf(*token)) {
      EXPECT_TRUE(previous == 0 || entry.index() > previous) << "oldest first, each once";
      previous = entry.index();
      indexes.insert(entry.index());
      changes[{entry.record().resource(), entry.record().revision()}].insert(entry.index());
    }
  }
  for (const auto& [change, where] : changes) {
    EXPECT_EQ(where.size(), 1u) << change.first << " revision " << change.second << " is in the log again";
  }
  for (const auto& [number, sent] : known_) {
    EXPECT_EQ(changes.count({sent.name, sent.revision}), 1u) << "request " << number << ", " << sent.name;
  }
  EXPECT_EQ(indexes.size(), head.tree_size());
  if (!indexes.empty()) {
    EXPECT_EQ(*indexes.rbegin(), head.tree_size() - 1) << "indexes have gaps";
  }
  if (head.tree_size() > 0) CheckProofs(head.tree_size());
}

// Some entries are in the tree, and every tree that was ever shown begins it.
void CrashTest::CheckProofs(uint64_t size) {
  KeepHead();
  const audit::v1::TreeHead head = heads_.back();
  ASSERT_EQ(head.tree_size(), size);
  std::uniform_int_distribution<uint64_t> any(0, size - 1);
  std::uniform_int_distribution<uint64_t> any_known(0, known_.size() - 1);
  for (int i = 0; i < 25; ++i) {
    audit::v1::GetInclusionProofRequest closed;
    closed.set_index(any(random_));
    closed.set_tree_size(size);
    const auto proof = Ask(*audit_, &AuditStub::GetInclusionProof, tokens_.from, closed);
    ASSERT_TRUE(proof.ok()) << proof.status();
    EXPECT_TRUE(audit::VerifyBundleAgainst(*proof, head).ok()) << closed.index();

    const Sent& sent = std::next(known_.begin(), static_cast<int64_t>(any_known(random_)))->second;
    audit::v1::GetProofRequest opened;
    opened.set_resource(sent.name);
    opened.set_revision(sent.revision);
    opened.set_tree_size(size);
    const auto bundle = Ask(*audit_, &AuditStub::GetProof, tokens_.from, opened);
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    EXPECT_TRUE(audit::VerifyBundleAgainst(*bundle, head).ok()) << sent.name;
    const auto record = audit::OpenBundle(*bundle);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->resource(), sent.name);
    EXPECT_EQ(record->revision(), sent.revision);
  }
  for (const audit::v1::TreeHead& older : heads_) {
    audit::v1::GetConsistencyProofRequest request;
    request.set_first_size(older.tree_size());
    request.set_second_size(size);
    const auto growth = Ask(*audit_, &AuditStub::GetConsistencyProof, tokens_.from, request);
    ASSERT_TRUE(growth.ok()) << growth.status();
    EXPECT_TRUE(audit::VerifyGrowth(*growth).ok()) << older.tree_size();
    EXPECT_EQ(growth->first_root_hash(), older.root_hash())
        << "the log was rewritten below " << older.tree_size();
    EXPECT_EQ(growth->second_root_hash(), head.root_hash());
  }
}

TEST_F(CrashTest, NothingAcknowledgedIsLostAndNothingHappensTwice) {
  const char* wanted = std::getenv("WAYPOST_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 5;
  ASSERT_GT(kills, 0);
  for (int kill = 1; kill <= kills; ++kill) {
    SCOPED_TRACE(base::Cat("kill ", kill));
    std::vector<Sent> sent = LoadAndKill();
    ASSERT_NO_FATAL_FAILURE(StartNode());
    ASSERT_NO_FATAL_FAILURE(KeepHead());
    CheckRound(std::move(sent));
    if (HasFailure()) return;
  }
  // What earlier rounds had acknowledged is still there after the later kills.
  std::vector<Sent> all;
  for (const auto& [number, sent] : known_) all.push_back(sent);
  ForEach(all.size(), [&](size_t at) { CheckAcknowledged(all[at]); });
  CheckOutbox();
  CheckAuditLog();
  RecordProperty("kills", kills);
  RecordProperty("referrals", static_cast<int>(known_.size()));
  std::printf("%d kills, %zu referrals, %zu tree heads\n", kills, known_.size(), heads_.size());
}

}  // namespace
}  // namespace waypost::e2e
