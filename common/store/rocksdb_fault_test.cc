// The store on a disk that loses power, goes wrong and runs full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/rocksdb_store.h"
#include "common/store/testing/lossy_file_system.h"
#include "common/testing/temp_folder.h"
#include "rocksdb/env.h"
#include "rocksdb/system_clock.h"

namespace waypost::store {
namespace {

using base::Cat;
using rocksdb::IOStatus;
using Fault = LossyFileSystem::Fault;
using Operation = LossyFileSystem::Operation;

// RocksDB sleeps a second after a failed flush; here it does not. What passes otherwise, the test says too.
class TestClock final : public rocksdb::SystemClockWrapper {
 public:
  using SystemClockWrapper::SystemClockWrapper;
  const char* Name() const override { return "TestClock"; }
  void SleepForMicroseconds(int) override { std::this_thread::yield(); }
  uint64_t NowNanos() override { return now_ns_; }
  void Pass(absl::Duration time) { now_ns_ += static_cast<uint64_t>(absl::ToInt64Nanoseconds(time)); }

 private:
  std::atomic<uint64_t> now_ns_ = 1'000'000'000;
};

class TestEnv final : public rocksdb::EnvWrapper {
 public:
  TestEnv(std::shared_ptr<rocksdb::FileSystem> files, std::shared_ptr<TestClock> clock)
      : EnvWrapper(rocksdb::Env::Default()) {
    file_system_ = std::move(files);
    system_clock_ = std::move(clock);
  }
};

// What the system's calls make of a used-up quota, which RocksDB does not know.
IOStatus QuotaUsedUp() {
  return IOStatus::IOError("While appending to file: x", std::generic_category().message(EDQUOT));
}

// A folder on a lossy disk, and what its node told of itself.
class Machine {
 public:
  Machine() {
    std::filesystem::create_directories(graveyard());
    NewDisk();
  }

  std::string path() const { return folder_.path() + "/db"; }
  LossyFileSystem& disk() { return *disk_; }
  void PassTime(absl::Duration time) { clock_->Pass(time); }
  int fatal_calls() const { return *fatal_calls_; }
  // Whether on_fatal was called; waits for it.
  bool AwaitFatal() const { return fatal_->WaitForNotificationWithTimeout(absl::Seconds(20)); }

  RocksOptions Options() {
    RocksOptions options;
    options.path = path();
    options.parts = {"p"};
    options.env = env_.get();
    options.free_bytes_min = 0;
    // Small, so that a test sees flushes, compactions and new log files.
    options.write_buffer_bytes = 256 * 1024;
    options.wal_bytes_max = 512 * 1024;
    options.on_fatal = [calls = fatal_calls_, fatal = fatal_](absl::Status status) {
      EXPECT_FALSE(status.ok());
      if (++*calls == 1) fatal->Notify();
    };
    return options;
  }

  // The machine loses power and comes back with a new disk controller over the same folder.
  void CutPower(uint64_t seed) {
    disk_->CutPowerAfter(0);
    disk_->ApplyPowerCut(seed);
    NewDisk();
  }
  // Only the process ends: what it had handed to the system stays.
  void KillProcess() { NewDisk(); }

 private:
  std::string graveyard() const { return folder_.path() + "/graveyard"; }
  void NewDisk() {
    disk_ = std::make_shared<LossyFileSystem>(rocksdb::FileSystem::Default(), graveyard());
    env_ = std::make_unique<TestEnv>(disk_, clock_);
  }

  testing::TempFolder folder_;
  std::shared_ptr<LossyFileSystem> disk_;
  const std::shared_ptr<TestClock> clock_ = std::make_shared<TestClock>(rocksdb::SystemClock::Default());
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<std::atomic<int>> fatal_calls_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<absl::Notification> fatal_ = std::make_shared<absl::Notification>();
};

std::unique_ptr<RocksNode> OpenOrDie(RocksOptions options) {
  auto node = RocksNode::Open(std::move(options));
  if (!node.ok()) {
    ADD_FAILURE() << node.status();
    std::abort();
  }
  return *std::move(node);
}

// Keeps account of what was answered, and checks a store against it. Transaction n of client c writes the
// two rows a/c/n and b/c/n and the row head/c; a client begins its next one before the last is answered.
class Ledger {
 public:
  enum class Answer { kPending, kAcknowledged, kRefused, kUnknown };

  explicit Ledger(uint64_t seed) : random_(seed) {}

  // Runs `clients` with a few transactions in flight each, until each has begun `count` more or got an
  // answer that says the store has failed.
  void Run(Store& store, int clients, int count) {
    absl::BlockingCounter left(clients * count);
    for (int n = 0; n < count; ++n) {
      for (int client = 0; client < clients; ++client) Begin(store, client, left);
      if (n % 8 == 7) WaitUntilAnswered();
    }
    left.Wait();
  }

  // One transaction; returns its status.
  absl::Status RunOne(Store& store, int client) {
    absl::BlockingCounter left(1);
    Begin(store, client, left);
    left.Wait();
    const absl::MutexLock lock(&mutex_);
    return last_status_;
  }

  // What is wrong with `store`; empty when nothing is.
  std::vector<std::string> Check(const Store& store) {
    const auto snapshot = store.Snapshot();
    if (!snapshot.ok()) return {"no snapshot"};
    std::map<std::string, std::string> rows;
    const auto cursor = (*snapshot)->Scan({});
    for (; cursor->Valid(); cursor->Next()) rows.emplace(cursor->key(), cursor->value());
    std::vector<std::string> wrong;
    if (!cursor->status().ok()) wrong.push_back("the scan failed");
    const absl::MutexLock lock(&mutex_);
    for (auto& [name, answer] : answers_) {
      const bool a = rows.contains(Cat("a/", name));
      const bool b = rows.contains(Cat("b/", name));
      if (a != b) wrong.push_back(Cat("half of ", name));
      if (answer == Answer::kAcknowledged && !a) wrong.push_back(Cat("lost ", name));
      if (answer == Answer::kRefused && a) wrong.push_back(Cat("came back: ", name));
      // What is found after a restart stays.
      if (answer == Answer::kUnknown) answer = a ? Answer::kAcknowledged : Answer::kRefused;
    }
    return wrong;
  }

  int Count(Answer answer) {
    const absl::MutexLock lock(&mutex_);
    int count = 0;
    for (const auto& [name, given] : answers_) count += given == answer ? 1 : 0;
    return count;
  }

 private:
  void Begin(Store& store, int client, absl::BlockingCounter& left) {
    std::string name;
    std::string value;
    {
      const absl::MutexLock lock(&mutex_);
      name = Cat(client, "/", ++next_);
      value.assign(random_() % 4000, static_cast<char>('a' + random_() % 26));
      answers_[name] = Answer::kPending;
      ++pending_;
    }
    store.Transact(
        [name, client, value = std::move(value)](Writer& writer) {
          writer.Put(Cat("a/", name), value);
          writer.Put(Cat("b/", name), value);
          writer.Put(Cat("head/", client), name);
          return absl::OkStatus();
        },
        [this, name, &left](absl::Status status) {
          Note(name, status);
          left.DecrementCount();
        });
  }

  void Note(const std::string& name, const absl::Status& status) {
    const absl::MutexLock lock(&mutex_);
    --pending_;
    last_status_ = status;
    if (status.ok()) {
      answers_[name] = Answer::kAcknowledged;
    } else if (status.code() == absl::StatusCode::kUnavailable) {
      answers_[name] = Answer::kUnknown;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
      answers_[name] = Answer::kRefused;
    }
  }

  void WaitUntilAnswered() {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* pending) { return *pending == 0; }, &pending_));
  }

  absl::Mutex mutex_;
  std::mt19937_64 random_;
  std::map<std::string, Answer> answers_;
  int next_ = 0;
  int pending_ = 0;
  absl::Status last_status_;
};

using Answer = Ledger::Answer;

// Several lives of one folder, each ended by a power cut at a random change of the disk.
std::vector<std::string> LivesAndPowerCuts(uint64_t seed, bool skip_sync) {
  std::mt19937_64 random(seed);
  Machine machine;
  Ledger ledger(seed);
  for (int life = 0; life < 3; ++life) {
    machine.disk().CutPowerAfter(1 + random() % 700);
    RocksOptions options = machine.Options();
    options.testing_skip_sync = skip_sync;
    auto node = RocksNode::Open(std::move(options));
    if (node.ok()) ledger.Run((*node)->store("p"), /*clients=*/3, /*count=*/150);
    if (node.ok()) node->reset();
    machine.CutPower(random());
    const auto reopened = RocksNode::Open(machine.Options());
    if (!reopened.ok()) return {Cat("cannot be opened: ", base::ToStd(reopened.status().message()))};
    std::vector<std::string> wrong = ledger.Check((*reopened)->store("p"));
    if (!wrong.empty()) return wrong;
  }
  return {};
}

TEST(PowerCut, LosesNothingAcknowledgedAndLeavesNoHalfTransaction) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    const std::vector<std::string> wrong = LivesAndPowerCuts(seed, /*skip_sync=*/false);
    EXPECT_TRUE(wrong.empty()) << "seed " << seed << ": " << wrong.size()
                               << " wrong, first: " << wrong.front();
  }
}

TEST(PowerCut, TheTestFindsAStoreThatDoesNotSync) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    if (!LivesAndPowerCuts(seed, /*skip_sync=*/true).empty()) ++found;
  }
  EXPECT_GE(found, 8);
}

TEST(FailedSync, IsFatalAcknowledgesNothingAndIsRecoveredByARestart) {
  for (const Operation operation : {Operation::kSync, Operation::kAppend}) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      Machine machine;
      Ledger ledger(seed);
      {
        const auto node = OpenOrDie(machine.Options());
        Fault fault{operation, ".log", static_cast<int>(seed * 2), /*for_ever=*/false, /*partial=*/true};
        machine.disk().Inject(fault);
        ledger.Run(node->store("p"), 2, 200);
        EXPECT_GT(ledger.Count(Answer::kAcknowledged), 0);
        EXPECT_GT(ledger.Count(Answer::kUnknown), 0);
        EXPECT_EQ(ledger.Count(Answer::kRefused), 0);
        // The fault is gone, yet the store stays failed.
        EXPECT_EQ(ledger.RunOne(node->store("p"), 0).code(), absl::StatusCode::kUnavailable);
        EXPECT_EQ(node->store("p").Snapshot().status().code(), absl::StatusCode::kUnavailable);
        EXPECT_TRUE(node->Stats().failed);
      }
      EXPECT_EQ(machine.fatal_calls(), 1);
      machine.KillProcess();
      const auto node = OpenOrDie(machine.Options());
      EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
      EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
    }
  }
}

// A body that fails because of what its neighbour wrote, in one group with it; returns its answer.
absl::Status AnswerToADuplicate(const IOStatus& sync_failure) {
  Machine machine;
  const auto node = OpenOrDie(machine.Options());
  Store& store = node->store("p");
  absl::Notification held;
  absl::Notification go;
  absl::BlockingCounter left(3);
  store.Transact(
      [&](Writer&) {
        held.Notify();
        go.WaitForNotification();
        return absl::OkStatus();
      },
      [&](absl::Status) { left.DecrementCount(); });
  held.WaitForNotification();
  if (!sync_failure.ok()) machine.disk().Inject({Operation::kSync, ".log", 0, false, false, sync_failure});
  absl::Status duplicate;
  store.Transact(
      [](Writer& writer) {
        writer.Put("request/1", "done");
        return absl::OkStatus();
      },
      [&](absl::Status) { left.DecrementCount(); });
  store.Transact(
      [](Writer& writer) -> absl::Status {
        const auto seen = writer.Get("request/1");
        return seen.ok() && seen->has_value() ? absl::AlreadyExistsError("done before") : absl::OkStatus();
      },
      [&](absl::Status status) {
        duplicate = std::move(status);
        left.DecrementCount();
      });
  go.Notify();
  left.Wait();
  return duplicate;
}

TEST(FailedSync, AFailedBodyIsNotAnsweredFromWritesThatWereLost) {
  EXPECT_EQ(AnswerToADuplicate(IOStatus::OK()).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(AnswerToADuplicate(IOStatus::IOError("injected")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(error::ReasonOf(AnswerToADuplicate(IOStatus::NoSpace("injected"))), "DISK_FULL");
}

TEST(FullDisk, IsRefusedBeforeItIsQuiteFullAndReadsGoOn) {
  Machine machine;
  RocksOptions options = machine.Options();
  options.free_bytes_min = 1'000'000;
  const auto node = OpenOrDie(std::move(options));
  Store& store = node->store("p");
  Ledger ledger(1);
  ASSERT_TRUE(ledger.RunOne(store, 0).ok());
  machine.disk().SetFreeBytes(999'999);
  const uint64_t changes = machine.disk().changes();
  const absl::Status refused = ledger.RunOne(store, 0);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(error::ReasonOf(refused), "DISK_FULL");
  EXPECT_EQ(machine.disk().changes(), changes) << "the disk was not touched";
  EXPECT_TRUE(node->Stats().disk_is_full);
  EXPECT_EQ(node->Stats().disk_full, 1u);
  EXPECT_THAT(ledger.Check(store), ::testing::IsEmpty());
  const absl::Status read_only =
      TransactAndWait(store, [](Writer& writer) { return writer.Get("x").status(); });
  EXPECT_TRUE(read_only.ok()) << read_only;
  machine.disk().SetFreeBytes(std::nullopt);
  EXPECT_TRUE(ledger.RunOne(store, 0).ok());
  EXPECT_FALSE(node->Stats().disk_is_full);
  EXPECT_EQ(machine.fatal_calls(), 0);
}

TEST(FullDisk, TheFirstWriteOfALogMayFail) {
  for (const bool partial : {false, true}) {
    for (const Operation operation : {Operation::kAppend, Operation::kSync}) {
      Machine machine;
      Ledger ledger(1);
      {
        const auto node = OpenOrDie(machine.Options());
        machine.disk().Inject({operation, ".log", 0, false, partial, IOStatus::NoSpace("injected")});
        EXPECT_EQ(error::ReasonOf(ledger.RunOne(node->store("p"), 0)), "DISK_FULL");
        EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
      }
      machine.CutPower(1);
      const auto node = OpenOrDie(machine.Options());
      EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
      EXPECT_EQ(ledger.Count(Answer::kAcknowledged), 5);
      EXPECT_EQ(ledger.Count(Answer::kRefused), 1);
      EXPECT_EQ(machine.fatal_calls(), 0);
    }
  }
}

TEST(FullDisk, AReaderIsNeverCutOffByAReopening) {
  Machine machine;
  RocksOptions options = machine.Options();
  options.readers_leave_max = absl::ZeroDuration();
  const auto node = OpenOrDie(std::move(options));
  Store& store = node->store("p");
  Ledger ledger(1);
  ASSERT_TRUE(ledger.RunOne(store, 0).ok());
  auto reader = *store.Snapshot();
  auto cursor = reader->Scan({});
  machine.disk().Inject({Operation::kSync, ".log", 0, false, false, IOStatus::NoSpace("injected")});
  EXPECT_EQ(error::ReasonOf(ledger.RunOne(store, 0)), "DISK_FULL");
  EXPECT_EQ(error::ReasonOf(ledger.RunOne(store, 0)), "DISK_FULL") << "the reader is still there";
  int rows = 0;
  for (; cursor->Valid(); cursor->Next()) ++rows;
  EXPECT_EQ(rows, 3);
  EXPECT_THAT(ledger.Check(store), ::testing::IsEmpty());
  reader.reset();
  EXPECT_EQ(error::ReasonOf(ledger.RunOne(store, 0)), "DISK_FULL") << "its cursor is still there";
  cursor.reset();
  EXPECT_TRUE(ledger.RunOne(store, 0).ok());
  EXPECT_THAT(ledger.Check(store), ::testing::IsEmpty());
  EXPECT_EQ(machine.fatal_calls(), 0);
}

TEST(FullDisk, AReadThatFailsDuringAReopeningIsFatal) {
  Machine machine;
  Ledger ledger(1);
  {
    const auto node = OpenOrDie(machine.Options());
    Store& store = node->store("p");
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(ledger.RunOne(store, 0).ok());
    ASSERT_TRUE(node->PurgeDeleted().ok());
    auto reader = *store.Snapshot();
    const auto write = [&store] {
      return TransactAndWait(store, [](Writer& writer) {
        writer.Put("z", "z");
        return absl::OkStatus();
      });
    };
    machine.disk().Inject({Operation::kSync, ".log", 0, false, false, IOStatus::NoSpace("injected")});
    EXPECT_EQ(error::ReasonOf(write()), "DISK_FULL");
    std::thread waits_for_the_reader([&] { EXPECT_EQ(write().code(), absl::StatusCode::kUnavailable); });
    while (store.Snapshot().ok()) std::this_thread::yield();
    machine.disk().Inject({Operation::kRead, ".sst", 0});
    EXPECT_EQ(reader->Get("head/0").status().code(), absl::StatusCode::kUnavailable);
    reader.reset();
    waits_for_the_reader.join();
    EXPECT_TRUE(machine.AwaitFatal()) << "nobody is told";
  }
  EXPECT_EQ(machine.fatal_calls(), 1);
  machine.KillProcess();
  const auto node = OpenOrDie(machine.Options());
  EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
}

// The disk fills at random places of log, table files and manifest, and has room again, many times.
void FillAndFree(Machine& machine, Ledger& ledger, std::mt19937_64& random) {
  const auto node = OpenOrDie(machine.Options());
  for (int round = 0; round < 6; ++round) {
    machine.disk().SetFreeBytes(random() % 300'000);
    ledger.Run(node->store("p"), 2, 60);
    EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
    if (random() % 3 == 0) return;  // ends while the disk is full
    machine.disk().SetFreeBytes(std::nullopt);
    EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok()) << "writes resume";
  }
}

TEST(FullDisk, LosesNothingAcknowledgedAndBringsNothingBack) {
  int refused = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Machine machine;
    Ledger ledger(seed);
    for (int life = 0; life < 2; ++life) {
      FillAndFree(machine, ledger, random);
      if (random() % 2 == 0) {
        machine.CutPower(random());
      } else {
        machine.KillProcess();
      }
      const auto node = RocksNode::Open(machine.Options());
      ASSERT_TRUE(node.ok()) << node.status();
      ASSERT_THAT(ledger.Check((*node)->store("p")), ::testing::IsEmpty());
    }
    refused += ledger.Count(Answer::kRefused);
    EXPECT_EQ(machine.fatal_calls(), 0);
  }
  EXPECT_GT(refused, 1000);
}

// The power goes while the disk is full, or while the store takes up work again.
TEST(FullDisk, SurvivesAPowerCutAtAnyMoment) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Machine machine;
    Ledger ledger(seed);
    {
      const auto node = OpenOrDie(machine.Options());
      ledger.Run(node->store("p"), 2, 10);
      machine.disk().Inject({random() % 2 == 0 ? Operation::kAppend : Operation::kSync, ".log",
                             static_cast<int>(random() % 3), false, random() % 2 == 0,
                             IOStatus::NoSpace("injected")});
      machine.disk().CutPowerAfter(1 + random() % 40);
      for (int i = 0; i < 12; ++i) ledger.RunOne(node->store("p"), 0).IgnoreError();
    }
    if (random() % 2 == 0) {
      machine.CutPower(random());
    } else {
      machine.KillProcess();
    }
    const auto node = RocksNode::Open(machine.Options());
    ASSERT_TRUE(node.ok()) << node.status();
    ASSERT_THAT(ledger.Check((*node)->store("p")), ::testing::IsEmpty());
  }
}

TEST(FullDisk, WhenTheLogCannotBeCutBackTheStoreFails) {
  Machine machine;
  Ledger ledger(1);
  {
    const auto node = OpenOrDie(machine.Options());
    ASSERT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
    // The sync of the write fails for want of room, and so does the one that would make the cut durable.
    machine.disk().Inject({Operation::kSync, ".log", 0, true, false, IOStatus::NoSpace("injected")});
    EXPECT_EQ(ledger.RunOne(node->store("p"), 0).code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(machine.fatal_calls(), 1);
}

TEST(FailedFlush, ForWantOfRoomIsMadeGoodLater) {
  for (const Operation operation : {Operation::kAppend, Operation::kSync, Operation::kCreate}) {
    Machine machine;
    Ledger ledger(1);
    {
      const auto node = OpenOrDie(machine.Options());
      machine.disk().Inject({operation, ".sst", 0, true, false, IOStatus::NoSpace("injected")});
      ledger.Run(node->store("p"), 2, 150);
      machine.disk().ClearFaults();
      machine.PassTime(absl::Seconds(10));
      EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
      ledger.Run(node->store("p"), 2, 150);
    }
    EXPECT_EQ(machine.fatal_calls(), 0);
    EXPECT_GT(ledger.Count(Answer::kAcknowledged), 300);
    machine.CutPower(1);
    const auto node = OpenOrDie(machine.Options());
    EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
  }
}

TEST(FullDisk, IsTriedAgainOnlyOnceSoMuchIsFreeAndThenEveryTenSeconds) {
  Machine machine;
  Ledger ledger(1);
  const auto node = OpenOrDie(machine.Options());
  const auto touches_disk = [&] {
    const uint64_t changes = machine.disk().changes();
    EXPECT_EQ(error::ReasonOf(ledger.RunOne(node->store("p"), 0)), "DISK_FULL");
    return machine.disk().changes() != changes;
  };
  machine.disk().Inject({Operation::kSync, ".log", 0, false, false, IOStatus::NoSpace("injected")});
  EXPECT_TRUE(touches_disk());
  machine.disk().SetFreeBytes(700'000);  // a restart may need 768 KiB
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(touches_disk());
  machine.disk().SetFreeBytes(std::nullopt);
  machine.disk().Inject({Operation::kAppend, "room.probe", 0, true, false, QuotaUsedUp()});
  EXPECT_TRUE(touches_disk());
  machine.PassTime(absl::Seconds(9.9));
  EXPECT_FALSE(touches_disk());
  machine.PassTime(absl::Seconds(0.2));
  EXPECT_TRUE(touches_disk());
  machine.disk().ClearFaults();
  EXPECT_FALSE(touches_disk());
  machine.PassTime(absl::Seconds(10));
  EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
  EXPECT_EQ(machine.fatal_calls(), 0);
}

TEST(FullDisk, IsNotReopenedWithLessRoomThanOpeningTakes) {
  Machine machine;
  Ledger ledger(1);
  const auto node = OpenOrDie(machine.Options());
  machine.disk().Inject({Operation::kSync, ".log", 0, false, false, IOStatus::NoSpace("injected")});
  EXPECT_EQ(error::ReasonOf(ledger.RunOne(node->store("p"), 0)), "DISK_FULL");
  machine.disk().SetFreeBytes(2'000'000);
  EXPECT_EQ(error::ReasonOf(ledger.RunOne(node->store("p"), 0)), "DISK_FULL");
  EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty()) << "reads go on";
  machine.disk().SetFreeBytes(std::nullopt);
  EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok()) << "writes resume";
}

TEST(FullDisk, IsSaidByOpenBeforeItTouchesAnything) {
  Machine machine;
  Ledger ledger(1);
  {
    const auto node = OpenOrDie(machine.Options());
    ledger.Run(node->store("p"), 2, 20);
  }
  machine.KillProcess();
  for (const uint64_t free : {0, 1'000, 100'000}) {
    machine.disk().SetFreeBytes(free);
    EXPECT_EQ(error::ReasonOf(RocksNode::Open(machine.Options()).status()), "DISK_FULL");
    EXPECT_EQ(machine.disk().changes(), 0u);
  }
  machine.disk().SetFreeBytes(std::nullopt);
  const auto node = OpenOrDie(machine.Options());
  EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
}

TEST(FullDisk, ThatCannotBeWrittenAtAllAnyMoreIsFatal) {
  Machine machine;
  Ledger ledger(1);
  const auto node = OpenOrDie(machine.Options());
  machine.disk().Inject({Operation::kSync, ".log", 0, false, false, IOStatus::NoSpace("injected")});
  EXPECT_EQ(error::ReasonOf(ledger.RunOne(node->store("p"), 0)), "DISK_FULL");
  machine.disk().Inject({Operation::kAppend, "room.probe"});
  EXPECT_EQ(ledger.RunOne(node->store("p"), 0).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(machine.AwaitFatal());
}

TEST(FullDisk, AUsedUpQuotaIsOneToo) {
  for (const char* file : {".log", ".sst", "MANIFEST"}) {
    for (const Operation operation : {Operation::kAppend, Operation::kSync, Operation::kCreate}) {
      SCOPED_TRACE(Cat(file, " ", static_cast<int>(operation)));
      Machine machine;
      Ledger ledger(1);
      {
        const auto node = OpenOrDie(machine.Options());
        ASSERT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
        // The log's sync once, since the cut back to its last synced length needs one.
        const bool for_ever = file != std::string_view(".log") || operation != Operation::kSync;
        machine.disk().Inject({operation, file, 0, for_ever, false, QuotaUsedUp()});
        machine.disk().Inject({Operation::kAppend, "room.probe", 0, true, false, QuotaUsedUp()});
        ledger.Run(node->store("p"), 2, 200);
        if (std::string_view(file) != "MANIFEST" || operation != Operation::kCreate) {
          EXPECT_GT(machine.disk().faults_hit(), 0);
          EXPECT_EQ(error::ReasonOf(ledger.RunOne(node->store("p"), 0)), "DISK_FULL");
        }
        EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty()) << "reads go on";
        machine.disk().ClearFaults();
        machine.PassTime(absl::Seconds(10));
        EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok()) << "writes resume";
      }
      EXPECT_EQ(machine.fatal_calls(), 0);
      EXPECT_EQ(ledger.Count(Answer::kUnknown), 0);
      machine.CutPower(1);
      const auto node = OpenOrDie(machine.Options());
      EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
    }
  }
}

// A failure of a table file or the manifest, while writes go on; what of them the store acknowledged is there
// when the folder is opened again.
void FailInTheBackground(Operation operation, const std::string& file, int skip, uint64_t seed) {
  SCOPED_TRACE(Cat(file, ", operation ", static_cast<int>(operation), ", skip ", skip, ", seed ", seed));
  Machine machine;
  Ledger ledger(seed);
  {
    const auto node = OpenOrDie(machine.Options());
    machine.disk().Inject({operation, file, skip, false, seed % 2 == 1});
    while (machine.disk().faults_hit() == 0) ledger.Run(node->store("p"), 2, 50);
    EXPECT_TRUE(machine.AwaitFatal()) << "nobody is told";
    // The fault is gone, yet the store stays failed.
    EXPECT_EQ(ledger.RunOne(node->store("p"), 0).code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(node->store("p").Snapshot().status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(machine.fatal_calls(), 1);
  EXPECT_GT(ledger.Count(Answer::kAcknowledged), 0);
  EXPECT_EQ(ledger.Count(Answer::kRefused), 0);
  if (seed % 2 == 0)
    machine.CutPower(seed);
  else
    machine.KillProcess();
  const auto node = OpenOrDie(machine.Options());
  EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
  EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
}

TEST(FailedBackgroundWork, OnATableFileIsFatalAndIsRecoveredByARestart) {
  for (const Operation operation : {Operation::kAppend, Operation::kSync, Operation::kCreate}) {
    // The first ones are of flushes; later ones of compactions too.
    for (const int skip : {0, 1, 5, 12, 20}) {
      for (const uint64_t seed : {1, 2}) FailInTheBackground(operation, ".sst", skip, seed);
    }
  }
}

TEST(FailedBackgroundWork, OnTheManifestIsFatalAndIsRecoveredByARestart) {
  for (const Operation operation : {Operation::kAppend, Operation::kSync}) {
    for (const int skip : {0, 1, 4}) {
      for (const uint64_t seed : {1, 2}) FailInTheBackground(operation, "MANIFEST", skip, seed);
    }
  }
}

TEST(FailedBackgroundWork, ThatCannotReadATableFileIsFatalAndIsRecoveredByARestart) {
  for (const int skip : {0, 10, 40}) {
    for (const uint64_t seed : {1, 2}) FailInTheBackground(Operation::kRead, ".sst", skip, seed);
  }
}

TEST(FailedBackgroundWork, IsNoticedWhileNobodyWrites) {
  Machine machine;
  Ledger ledger(1);
  absl::Notification all_answered;
  {
    const auto node = OpenOrDie(machine.Options());
    machine.disk().Inject({.operation = Operation::kAppend, .name_has = ".sst", .before = [&] {
                             all_answered.WaitForNotification();
                           }});
    const std::string much(300'000, 'm');
    for (const char* key : {"1", "2"}) {
      const absl::Status written = TransactAndWait(node->store("p"), [&](Writer& writer) {
        writer.Put(key, much);
        return absl::OkStatus();
      });
      EXPECT_TRUE(written.ok()) << written;
    }
    all_answered.Notify();
    EXPECT_TRUE(machine.AwaitFatal()) << "nobody is told";
    EXPECT_TRUE(node->Stats().failed);
  }
  EXPECT_EQ(machine.fatal_calls(), 1);
}

TEST(FailedBackgroundWork, OfAPurgeIsFatalAndIsRecoveredByARestart) {
  for (const Operation operation : {Operation::kAppend, Operation::kSync, Operation::kCreate}) {
    for (int skip = 0; skip < 3; ++skip) {
      SCOPED_TRACE(Cat(static_cast<int>(operation), " ", skip));
      Machine machine;
      Ledger ledger(1);
      {
        const auto node = OpenOrDie(machine.Options());
        for (int i = 0; i < 10; ++i) EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
        machine.disk().Inject({operation, ".sst", skip});
        EXPECT_EQ(node->PurgeDeleted().code(), absl::StatusCode::kUnavailable);
        EXPECT_TRUE(machine.AwaitFatal()) << "nobody is told";
      }
      machine.CutPower(1);
      const auto node = OpenOrDie(machine.Options());
      EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
      EXPECT_TRUE(node->PurgeDeleted().ok());
    }
  }
}

// What reads one row of a store, in the ways that there are.
using ReadOnce = absl::Status (*)(Store& store);

absl::Status ReadInABody(Store& store) {
  return TransactAndWait(store, [](Writer& writer) -> absl::Status {
    writer.Put("half", "written");
    return writer.Get("head/0").status();
  });
}

absl::Status ReadASnapshot(Store& store) {
  return (*store.Snapshot())->Get("head/0").status();
}

absl::Status WalkASnapshot(Store& store) {
  const auto reader = *store.Snapshot();
  const auto cursor = reader->Scan({});
  while (cursor->Valid()) cursor->Next();
  return cursor->status();  // a walk that ended early says so
}

TEST(FailedRead, IsFatalWritesNothingAndIsRecoveredByARestart) {
  for (const ReadOnce read : {ReadInABody, ReadASnapshot, WalkASnapshot}) {
    Machine machine;
    Ledger ledger(1);
    {
      const auto node = OpenOrDie(machine.Options());
      Store& store = node->store("p");
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(ledger.RunOne(store, 0).ok());
      ASSERT_TRUE(node->PurgeDeleted().ok());
      machine.disk().Inject({Operation::kRead, ".sst", 0});
      const absl::Status answer = read(store);
      EXPECT_EQ(answer.code(), absl::StatusCode::kUnavailable) << answer;
      EXPECT_TRUE(machine.AwaitFatal()) << "nobody is told";
      // The fault is gone, yet the store stays failed.
      EXPECT_EQ(store.Snapshot().status().code(), absl::StatusCode::kUnavailable);
      EXPECT_EQ(ledger.RunOne(store, 0).code(), absl::StatusCode::kUnavailable);
    }
    EXPECT_EQ(machine.fatal_calls(), 1);
    machine.KillProcess();
    const auto node = OpenOrDie(machine.Options());
    EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
    EXPECT_EQ(*(*node->store("p").Snapshot())->Get("half"), std::nullopt);
    EXPECT_TRUE(ledger.RunOne(node->store("p"), 0).ok());
  }
}

// One damaged block is not a disk that fails.
TEST(FailedRead, OfADamagedBlockIsDataLossForItsReaderAlone) {
  Machine machine;
  std::mt19937 engine(1);
  std::string value(100, '\0');  // that cannot be compressed
  for (char& byte : value) byte = static_cast<char>(engine());
  const auto put = [](Store& store, std::string_view key, std::string_view bytes) {
    return TransactAndWait(store, [&](Writer& writer) {
      writer.Put(key, bytes);
      return absl::OkStatus();
    });
  };
  {
    const auto node = OpenOrDie(machine.Options());
    ASSERT_TRUE(put(node->store("p"), "a", value).ok());
    ASSERT_TRUE(node->PurgeDeleted().ok());
  }
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(machine.path())) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const size_t at = bytes.find(value);
    if (at == std::string::npos) continue;
    file.clear();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(~value[0]));
    ++damaged;
  }
  ASSERT_EQ(damaged, 1);
  machine.KillProcess();
  const auto node = OpenOrDie(machine.Options());
  Store& store = node->store("p");
  EXPECT_EQ((*store.Snapshot())->Get("a").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*store.Snapshot())->GetMany(std::vector<std::string>{"b", "a"}).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(put(store, "b", "1").ok()) << "the others go on";
  EXPECT_EQ(*(*store.Snapshot())->Get("b"), "1");
  EXPECT_FALSE(node->Stats().failed);
  EXPECT_EQ(machine.fatal_calls(), 0);
}

// Opening a folder of which something cannot be read changes nothing in it that was acknowledged.
TEST(FailedRead, AtOpenRefusesRatherThanServesLess) {
  int refused = 0;
  for (const char* file : {".log", "MANIFEST", "CURRENT", ".sst"}) {
    for (int skip = 0; skip < 6; ++skip) {
      SCOPED_TRACE(Cat(file, " ", skip));
      Machine machine;
      Ledger ledger(1);
      {
        const auto node = OpenOrDie(machine.Options());
        ledger.Run(node->store("p"), 2, 60);
      }
      machine.KillProcess();
      machine.disk().Inject({Operation::kRead, file, skip});
      if (const auto node = RocksNode::Open(machine.Options()); node.ok()) {
        machine.disk().ClearFaults();  // one that Open did not meet is not to meet the check
        EXPECT_THAT(ledger.Check((*node)->store("p")), ::testing::IsEmpty());
      } else {
        ++refused;
        EXPECT_EQ(node.status().code(), absl::StatusCode::kUnavailable) << node.status();
      }
      machine.KillProcess();
      const auto node = OpenOrDie(machine.Options());
      EXPECT_THAT(ledger.Check(node->store("p")), ::testing::IsEmpty());
    }
  }
  EXPECT_GT(refused, 6);
}

}  // namespace
}  // namespace waypost::store
