// A node under load of every kind is killed and started again, many times over. What it had acknowledged must
// be there; what it had not must be there whole, once, or not at all; and the audit log must hold every
// change and every look exactly once.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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
#include "tests/fault/case_life.h"
#include "waypost/referral/v1/intake_service.grpc.pb.h"

namespace waypost::e2e {
namespace {

namespace pb = referral::v1;
using IntakeStub = pb::IntakeService::Stub;

constexpr int kInFlight = 32;
constexpr int kCheckers = 8;
constexpr int kBatches = 20;
constexpr int kBatchRows = 50;
constexpr int kBatchesInFlight = 4;
constexpr absl::Duration kCatchUpLimit = absl::Seconds(20);

// Cases that live their lives, many at once, until the node is gone. Thread-safe.
class Load {
 public:
  Load(const Caseworkers& workers, uint64_t first) : workers_(workers), next_(first) {
    for (int i = 0; i < kInFlight; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~Load() { Finish(); }

  // From now on failures are expected.
  void ExpectTheEnd() { end_expected_ = true; }
  // Waits until every caller has failed, and returns all cases that were begun.
  std::vector<Case> Finish() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    const absl::MutexLock lock(&mutex_);
    return cases_;
  }
  uint64_t next() const { return next_; }
  // Errors that no crash explains.
  std::vector<std::string> surprises() {
    const absl::MutexLock lock(&mutex_);
    return surprises_;
  }

 private:
  void Run() {
    absl::Status status;
    while (status.ok()) {
      Case one{.number = next_.fetch_add(1)};
      while (status.ok() && one.done < kLife.size()) status = workers_.Advance(one);
      const absl::MutexLock lock(&mutex_);
      cases_.push_back(std::move(one));
      if (!status.ok() && (!end_expected_ || status.code() == absl::StatusCode::kInternal)) {
        surprises_.push_back(base::Cat(base::ToStd(status.message())));
      }
    }
  }

  const Caseworkers& workers_;
  std::atomic<uint64_t> next_;
  std::atomic<bool> end_expected_{false};
  absl::Mutex mutex_;
  std::vector<Case> cases_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> surprises_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
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

// Of the referrals of a batch, in the order of its rows; empty where a row was refused.
using Names = std::vector<std::string>;

class CrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode());
    const auto tokens = DemoTokens(folder_ / "data");
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    tokens_ = *tokens;
    const absl::Status created = CreateBodies(*directory_, tokens_);
    ASSERT_TRUE(created.ok()) << created;
    const auto first = SubmitFirst(*referrals_, *server_, tokens_, kCrashRun, 0);
    ASSERT_TRUE(first.ok()) << first.status();
    known_[0] = {.number = 0, .name = first->name(), .done = 1};
  }

  void StartNode() {
    auto server = StartDemoNode(folder_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const auto channel = server_->Connect();
    directory_ = directory::v1::DirectoryService::NewStub(channel);
    referrals_ = pb::ReferralService::NewStub(channel);
    intake_ = pb::IntakeService::NewStub(channel);
    audit_ = audit::v1::AuditService::NewStub(channel);
  }

  Caseworkers Workers() { return {*referrals_, tokens_}; }
  std::vector<Case> LoadAndKill();
  std::vector<Names> SendBatchesAndKill();
  // What became of each row of a batch.
  absl::StatusOr<Names> SendBatch(int batch);
  void CheckOnce(const Case& one);
  void CheckRound(std::vector<Case> cases);
  void CheckAgain();
  void CheckBox(referral::v1::Box box, const std::string& token);
  void SubmitLast();
  void CheckAuditLog();
  void CheckChanges(const std::map<uint64_t, event::v1::Event>& log);
  void CheckLooks(const std::map<uint64_t, event::v1::Event>& log);
  void CheckProofs(uint64_t size);
  void AwaitChange(const std::string& resource, int64_t revision);
  void KeepHead();
  std::vector<audit::v1::Entry> EntriesOf(const std::string& token);

  const TempFolder folder_;
  std::unique_ptr<Server> server_;
  Tokens tokens_;
  std::unique_ptr<DirectoryStub> directory_;
  std::unique_ptr<ReferralStub> referrals_;
  std::unique_ptr<IntakeStub> intake_;
  std::unique_ptr<AuditStub> audit_;
  std::mt19937 random_{std::random_device{}()};
  uint64_t next_number_ = 1;
  std::array<std::atomic<int>, kLife.size()> acknowledged_{};  // before a kill, of each step
  std::map<uint64_t, Case> known_;                             // every case that is settled, by number
  std::vector<audit::v1::TreeHead> heads_;                     // every head that was shown
};

void CrashTest::KeepHead() {
  const auto head = Ask(*audit_, &AuditStub::GetTreeHead, tokens_.from, audit::v1::GetTreeHeadRequest());
  ASSERT_TRUE(head.ok()) << head.status();
  if (!heads_.empty()) {
    EXPECT_GE(head->tree_size(), heads_.back().tree_size()) << "the log shrank";
  }
  if (head->tree_size() > 0) heads_.push_back(*head);
}

std::vector<Case> CrashTest::LoadAndKill() {
  const Caseworkers workers = Workers();
  Load load(workers, next_number_);
  const absl::Duration time = absl::Milliseconds(std::uniform_int_distribution(200, 900)(random_));
  EXPECT_FALSE(server_->process().WaitForExit(time).has_value()) << server_->process().Printed();
  KeepHead();
  load.ExpectTheEnd();
  server_->process().Signal(SIGKILL);
  EXPECT_EQ(server_->process().WaitForExit(absl::Seconds(10)), 128 + SIGKILL);
  std::vector<Case> cases = load.Finish();
  next_number_ = load.next();
  EXPECT_EQ(load.surprises(), std::vector<std::string>());
  return cases;
}

absl::StatusOr<Names> CrashTest::SendBatch(int batch) {
  pb::BatchSubmitReferralsRequest request;
  for (int row = 0; row < kBatchRows; ++row) {
    *request.add_requests() = SubmitOf(kCrashRun, static_cast<uint64_t>(1 + batch * kBatchRows + row));
  }
  const auto answer = Ask(*intake_, &IntakeStub::BatchSubmitReferrals, tokens_.from, request);
  if (!answer.ok()) return answer.status();
  EXPECT_EQ(answer->results_size(), kBatchRows);
  Names names;
  for (const pb::BatchSubmitResult& result : answer->results()) names.push_back(result.referral().name());
  return names;
}

// What was acknowledged of each batch; empty where the node was killed before it answered.
std::vector<Names> CrashTest::SendBatchesAndKill() {
  std::vector<Names> answered(kBatches);
  std::atomic<int> next{0};
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kBatchesInFlight; ++i) {
    threads.emplace_back([&] {
      for (int batch = next++; batch < kBatches; batch = next++) {
        absl::StatusOr<Names> names = SendBatch(batch);
        if (!names.ok()) return;
        answered[static_cast<size_t>(batch)] = *std::move(names);
        ++done;
      }
    });
  }
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (done == 0 && absl::Now() < until) {
    if (server_->process().WaitForExit(absl::Milliseconds(1)).has_value()) break;
  }
  server_->process().Signal(SIGKILL);
  EXPECT_EQ(server_->process().WaitForExit(absl::Seconds(10)), 128 + SIGKILL);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(done, 0);
  EXPECT_LT(done, kBatches) << "it was killed too late to prove anything";
  return answered;
}

void CrashTest::CheckOnce(const Case& one) {
  pb::FindByOwnReferenceRequest request;
  request.set_own_reference(SubmitOf(kCrashRun, one.number).own_reference());
  const auto found = Ask(*referrals_, &ReferralStub::FindByOwnReference, tokens_.from, request);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->referrals_size(), 1) << one.number;
  EXPECT_EQ(found->referrals(0).name(), one.name) << one.number;
}

// Everything that was acknowledged is there, nothing is there by half, and what is in doubt is done once.
void CrashTest::CheckRound(std::vector<Case> cases) {
  const Caseworkers workers = Workers();
  std::atomic<int> in_doubt{0};
  ForEach(cases.size(), [&](size_t at) {
    Case& one = cases[at];
    for (size_t step = 0; step < one.done; ++step) ++acknowledged_[step];
    if (one.in_doubt) ++in_doubt;
    EXPECT_EQ(workers.CheckAndSettle(one), std::vector<std::string>());
    if (at % 5 == 0) CheckOnce(one);
    // Repeating what was acknowledged gives the same answer, and does nothing.
    if (at % 20 == 0 && one.done > 0 && !kLife[one.done - 1].event.empty()) {
      --one.done;
      EXPECT_EQ(workers.Advance(one), absl::OkStatus());
      EXPECT_EQ(workers.Check(one), std::vector<std::string>());
    }
  });
  EXPECT_EQ(in_doubt, kInFlight);
  for (Case& one : cases) known_[one.number] = std::move(one);
}

// What earlier rounds had acknowledged is still there after the later kills.
void CrashTest::CheckAgain() {
  const Caseworkers workers = Workers();
  std::vector<Case*> all;
  for (auto& [number, one] : known_) all.push_back(&one);
  ForEach(all.size(), [&](size_t at) { EXPECT_EQ(workers.Check(*all[at]), std::vector<std::string>()); });
}

// Exactly the known referrals are listed, each once, and as they are.
void CrashTest::CheckBox(pb::Box box, const std::string& token) {
  std::map<std::string, std::vector<pb::ReferralSummary>> listed;
  pb::ListReferralsRequest request;
  request.set_box(box);
  request.set_page_size(500);
  std::set<pb::ReferralState> states;
  for (const Step& step : kLife) states.insert(step.state);
  for (const pb::ReferralState state : states) request.add_states(state);
  do {
    const auto page = Ask(*referrals_, &ReferralStub::ListReferrals, token, request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& row : page->referrals()) listed[row.name()].push_back(row);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  for (const auto& [number, one] : known_) {
    const auto& rows = listed[one.name];
    ASSERT_EQ(rows.size(), 1u) << "case " << number << ", " << one.name;
    EXPECT_EQ(rows[0].revision(), one.revision()) << one.name;
    EXPECT_EQ(rows[0].state(), kLife[one.done - 1].state) << one.name;
  }
  EXPECT_EQ(listed.size(), known_.size()) << "a referral that nobody knows of";
}

// The log takes changes in order: once it has this one, it has all.
void CrashTest::SubmitLast() {
  Case last{.number = next_number_++};
  ASSERT_EQ(Workers().Advance(last), absl::OkStatus());
  AwaitChange(last.name, 1);
  known_[last.number] = std::move(last);
}

void CrashTest::AwaitChange(const std::string& resource, int64_t revision) {
  const absl::Time until = absl::Now() + kCatchUpLimit;
  audit::v1::GetProofRequest request;
  request.set_resource(resource);
  request.set_revision(revision);
  auto proof = Ask(*audit_, &AuditStub::GetProof, tokens_.from, request);
  while (!proof.ok() && absl::Now() < until) {
    ASSERT_FALSE(server_->process().WaitForExit(absl::Milliseconds(20)).has_value());
    proof = Ask(*audit_, &AuditStub::GetProof, tokens_.from, request);
  }
  EXPECT_TRUE(proof.ok()) << proof.status();
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

// Each change is in the log once, with the state it led to, each receipt of its delivery once, and nothing
// else.
void CrashTest::CheckChanges(const std::map<uint64_t, event::v1::Event>& log) {
  std::map<std::string, int> found;
  std::map<std::string, int> receipts;  // delivered and read, of each referral
  for (const auto& [index, event] : log) {
    if (event.kind() != event::v1::Event::KIND_CHANGE || event.service() != "referral") continue;
    if (event.type() == "referral.transport_receipt") {
      ++receipts[event.resource().substr(0, event.resource().rfind('-'))];
      continue;
    }
    ++found[base::Cat(event.resource(), " ", event.revision(), " ", event.type(), " ", event.state())];
  }
  size_t expected = 0;
  for (const auto& [number, one] : known_) {
    for (size_t step = 0; step < one.done; ++step) {
      const Step& change = kLife[step];
      if (change.event.empty()) continue;
      ++expected;
      const std::string state = pb::ReferralState_Name(change.state).substr(sizeof("REFERRAL_STATE_") - 1);
      const std::string key = base::Cat(one.name, " ", change.revision, " ", change.type, " ", state);
      EXPECT_EQ(found[key], 1) << key;
    }
  }
  EXPECT_EQ(found.size(), expected) << "a change that nobody knows of";
  for (const auto& [number, one] : known_) {
    for (const std::string_view kind : {"/receipts/delivered", "/receipts/read"}) {
      const auto receipt = receipts.extract(base::Cat(one.name, kind));
      EXPECT_LE(receipt.empty() ? 0 : receipt.mapped(), 1) << one.name << kind;
    }
  }
  EXPECT_TRUE(receipts.empty()) << "a receipt of a referral that nobody knows of";
}

// Each look that was answered is in the log once. One that was not may be.
void CrashTest::CheckLooks(const std::map<uint64_t, event::v1::Event>& log) {
  std::map<std::string, int> found;
  for (const auto& [index, event] : log) {
    if (event.kind() == event::v1::Event::KIND_ACCESS) ++found[event.resource()];
  }
  for (const auto& [number, one] : known_) {
    EXPECT_GE(found[one.name], one.looks) << one.name;
    EXPECT_LE(found[one.name], one.looks + one.looks_in_doubt) << one.name;
  }
}

// Every change and every look is in the log once, in its order, and nothing else is.
void CrashTest::CheckAuditLog() {
  const auto head = Ask(*audit_, &AuditStub::GetTreeHead, tokens_.from, audit::v1::GetTreeHeadRequest());
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->out_of_order_count(), 0u);
  std::map<uint64_t, event::v1::Event> log;
  std::map<std::string, std::set<uint64_t>> events;
  for (const std::string* token : {&tokens_.from, &tokens_.to, &tokens_.operators}) {
    uint64_t previous = 0;
    for (const auto& entry : EntriesOf(*token)) {
      EXPECT_TRUE(previous == 0 || entry.index() > previous) << "oldest first, each once";
      previous = entry.index();
      log[entry.index()] = entry.record();
      events[entry.record().event_id()].insert(entry.index());
    }
  }
  for (const auto& [id, where] : events) {
    EXPECT_EQ(where.size(), 1u) << "an event is in the log again at " << *where.rbegin();
  }
  CheckChanges(log);
  CheckLooks(log);
  const auto bodies = std::count_if(log.begin(), log.end(),
                                    [](const auto& row) { return row.second.service() == "directory"; });
  EXPECT_EQ(bodies, 2);
  EXPECT_EQ(log.size(), head->tree_size());
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(log.rbegin()->first, head->tree_size() - 1) << "indexes have gaps";
  CheckProofs(head->tree_size());
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

    const Case& one = std::next(known_.begin(), static_cast<int64_t>(any_known(random_)))->second;
    const int64_t revision = std::uniform_int_distribution<int64_t>(1, one.revision())(random_);
    audit::v1::GetProofRequest opened;
    opened.set_resource(one.name);
    opened.set_revision(revision);
    opened.set_tree_size(size);
    const auto bundle = Ask(*audit_, &AuditStub::GetProof, tokens_.from, opened);
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    EXPECT_TRUE(audit::VerifyBundleAgainst(*bundle, head).ok()) << one.name;
    const auto record = audit::OpenBundle(*bundle);
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->resource(), one.name);
    EXPECT_EQ(record->revision(), revision);
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
    std::vector<Case> cases = LoadAndKill();
    ASSERT_NO_FATAL_FAILURE(StartNode());
    ASSERT_NO_FATAL_FAILURE(KeepHead());
    CheckRound(std::move(cases));
    if (HasFailure()) return;
  }
  for (size_t step = 0; step < kLife.size(); ++step) {
    EXPECT_GT(acknowledged_[step], 0) << "a load that never has " << kLife[step].type << " proves nothing";
  }
  CheckAgain();
  ASSERT_NO_FATAL_FAILURE(SubmitLast());
  CheckBox(pb::BOX_OUTBOX, tokens_.from);
  CheckBox(pb::BOX_INBOX, tokens_.to);
  CheckAuditLog();
  RecordProperty("kills", kills);
  RecordProperty("referrals", static_cast<int>(known_.size()));
  std::printf("%d kills, %zu referrals, %zu tree heads\n", kills, known_.size(), heads_.size());
}

TEST_F(CrashTest, BatchesThatWereCutOffAreSentAgainAndNoRowIsSentTwice) {
  const std::vector<Names> answered = SendBatchesAndKill();
  ASSERT_NO_FATAL_FAILURE(StartNode());
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto once = SendBatch(batch);
    const auto twice = SendBatch(batch);
    ASSERT_TRUE(once.ok()) << once.status();
    ASSERT_TRUE(twice.ok()) << twice.status();
    EXPECT_EQ(*once, *twice) << batch;
    const Names& before = answered[static_cast<size_t>(batch)];
    for (size_t row = 0; row < once->size(); ++row) {
      const uint64_t number = next_number_++;
      if (!before.empty() && !before[row].empty()) {
        EXPECT_EQ((*once)[row], before[row]) << number << " was acknowledged";
      }
      known_[number] = {.number = number, .name = (*once)[row], .done = 1};
    }
  }
  ASSERT_NO_FATAL_FAILURE(SubmitLast());
  CheckBox(pb::BOX_OUTBOX, tokens_.from);
  CheckBox(pb::BOX_INBOX, tokens_.to);
  CheckAuditLog();
}

}  // namespace
}  // namespace waypost::e2e
