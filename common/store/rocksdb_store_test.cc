#include "common/store/rocksdb_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "common/store/conformance.h"
#include "common/testing/temp_folder.h"

namespace waypost::store {
namespace {

using base::Cat;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;

std::unique_ptr<RocksNode> OpenOrDie(RocksOptions options) {
  auto node = RocksNode::Open(std::move(options));
  if (!node.ok()) {
    ADD_FAILURE() << node.status();
    std::abort();
  }
  return *std::move(node);
}

RocksOptions TwoParts(const std::string& path) {
  RocksOptions options;
  options.path = path;
  options.parts = {"referral", "audit"};
  return options;
}

class TestRocksStore final : public TestStore {
 public:
  explicit TestRocksStore(bool answer_on_writer) {
    RocksOptions options = TwoParts(folder_.path());
    options.answer_on_writer = answer_on_writer;
    node_ = OpenOrDie(std::move(options));
  }
  Store& store() override { return node_->store("referral"); }
  Store& other_part() override { return node_->store("audit"); }

 private:
  testing::TempFolder folder_;
  std::unique_ptr<RocksNode> node_;
};

INSTANTIATE_TEST_SUITE_P(OnDisk, StoreConformance,
                         ::testing::Values(Driver{"RocksDb",
                                                  [] { return std::make_unique<TestRocksStore>(false); }},
                                           Driver{"RocksDbAnsweringOnWriter",
                                                  [] { return std::make_unique<TestRocksStore>(true); }}),
                         DriverName);

absl::Status Put(Store& store, std::string_view key, std::string_view value) {
  return TransactAndWait(store, [&](Writer& writer) {
    writer.Put(key, value);
    return absl::OkStatus();
  });
}

std::optional<std::string> Get(const Store& store, std::string_view key) {
  const auto snapshot = store.Snapshot();
  if (!snapshot.ok()) return Cat("no snapshot: ", base::ToStd(snapshot.status().message()));
  auto value = (*snapshot)->Get(key);
  return value.ok() ? *std::move(value) : Cat("unreadable: ", base::ToStd(value.status().message()));
}

// Holds the writer thread inside a body until it is let go, so that what follows queues up.
class HeldWriter {
 public:
  explicit HeldWriter(Store& store) {
    store.Transact(
        [this](Writer&) {
          held_.Notify();
          go_.WaitForNotification();
          return absl::OkStatus();
        },
        [this](absl::Status) { done_.Notify(); });
    held_.WaitForNotification();
  }
  ~HeldWriter() { done_.WaitForNotification(); }
  void LetGo() { go_.Notify(); }

 private:
  absl::Notification held_;
  absl::Notification go_;
  absl::Notification done_;
};

class RecordingObserver final : public StoreObserver {
 public:
  void OnGroup(const GroupReport& group) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    bodies_.push_back(group.bodies);
    rows_ += group.rows;
    bytes_ += group.bytes;
    EXPECT_GE(group.run_time, absl::ZeroDuration());
    EXPECT_GE(group.sync_time, absl::ZeroDuration());
  }
  std::vector<size_t> bodies() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return bodies_;
  }
  size_t rows() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return rows_;
  }
  size_t bytes() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return bytes_;
  }

 private:
  mutable std::mutex mutex_;
  size_t rows_ = 0;
  std::vector<size_t> bodies_;
  size_t bytes_ = 0;
};

TEST(RocksNode, KeepsWhatWasAcknowledgedOverARestart) {
  testing::TempFolder folder;
  {
    const auto node = OpenOrDie(TwoParts(folder.path()));
    ASSERT_TRUE(Put(node->store("referral"), "a", "1").ok());
    ASSERT_TRUE(Put(node->store("audit"), "a", "2").ok());
  }
  const auto node = OpenOrDie(TwoParts(folder.path()));
  EXPECT_EQ(Get(node->store("referral"), "a"), "1");
  EXPECT_EQ(Get(node->store("audit"), "a"), "2");
}

TEST(RocksNode, APartThatIsNotNamedStaysAsItIs) {
  testing::TempFolder folder;
  {
    const auto node = OpenOrDie(TwoParts(folder.path()));
    ASSERT_TRUE(Put(node->store("audit"), "a", "2").ok());
  }
  {
    RocksOptions options = TwoParts(folder.path());
    options.parts = {"referral", "mailbox"};
    const auto node = OpenOrDie(std::move(options));
    ASSERT_TRUE(Put(node->store("mailbox"), "m", "3").ok());
  }
  const auto node = OpenOrDie(TwoParts(folder.path()));
  EXPECT_EQ(Get(node->store("audit"), "a"), "2");
}

TEST(RocksNode, RefusesOptionsThatMakeNoSense) {
  testing::TempFolder folder;
  for (const auto& parts : std::vector<std::vector<std::string>>{{"a", "a"}, {""}, {"default"}}) {
    RocksOptions options;
    options.path = folder.path();
    options.parts = parts;
    EXPECT_EQ(RocksNode::Open(std::move(options)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(RocksNode, AFolderInUseIsRefused) {
  testing::TempFolder folder;
  const auto node = OpenOrDie(TwoParts(folder.path()));
  const absl::Status second = RocksNode::Open(TwoParts(folder.path())).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(error::ReasonOf(second), "STORE_LOCKED");
  EXPECT_TRUE(Put(node->store("audit"), "a", "1").ok());
}

// The lock is of the kind that a process does not hold against itself, hence a real second process.
TEST(RocksNode, AFolderInUseByAnotherProcessIsRefused) {
  testing::TempFolder folder;
  { const auto node = OpenOrDie(TwoParts(folder.path())); }
  const std::string lock_path = folder.path() + "/LOCK";
  int ready[2];
  int finish[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(finish), 0);
  const pid_t child = fork();
  if (child == 0) {  // only system calls from here
    close(finish[1]);
    const int file = open(lock_path.c_str(), O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    char byte = fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    while (read(finish[0], &byte, 1) > 0) {
    }
    _exit(0);
  }
  char locked = 0;
  ASSERT_EQ(read(ready[0], &locked, 1), 1);
  EXPECT_EQ(locked, 'y');
  const absl::Status status = RocksNode::Open(TwoParts(folder.path())).status();
  EXPECT_EQ(error::ReasonOf(status), "STORE_LOCKED");
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder.path()));
  for (const int end : {ready[0], ready[1], finish[0], finish[1]}) close(end);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(RocksNode::Open(TwoParts(folder.path())).ok());
}

TEST(RocksNode, AFullQueueAnswersOverloadedOnAnotherThread) {
  testing::TempFolder folder;
  RocksOptions options = TwoParts(folder.path());
  options.queue_max = 10;
  const auto node = OpenOrDie(std::move(options));
  Store& store = node->store("referral");
  std::atomic<int> overloaded = 0;
  std::atomic<int> ok = 0;
  absl::BlockingCounter left(15);
  {
    HeldWriter held(store);
    std::mutex callers;  // a `done` on the calling thread would deadlock here
    const std::lock_guard<std::mutex> lock(callers);
    absl::BlockingCounter refused(6);
    for (int i = 0; i < 15; ++i) {
      store.Transact([](Writer&) { return absl::OkStatus(); },
                     [&](absl::Status status) {
                       if (status.ok()) {
                         ++ok;
                       } else if (error::ReasonOf(status) == "OVERLOADED") {
                         ++overloaded;
                         refused.DecrementCount();
                       }
                       left.DecrementCount();
                     });
    }
    refused.Wait();  // while the writer is still held
    held.LetGo();
  }
  left.Wait();
  EXPECT_EQ(ok, 9);  // and the one that runs
  EXPECT_EQ(overloaded, 6);
  EXPECT_EQ(node->Stats().refused, 6u);
}

TEST(RocksNode, GroupsAreBoundedInBodiesAndInBytes) {
  testing::TempFolder folder;
  RecordingObserver observer;
  RocksOptions options = TwoParts(folder.path());
  options.group_bodies_max = 32;
  options.group_bytes_max = 100'000;
  options.observer = &observer;
  const auto node = OpenOrDie(std::move(options));
  absl::BlockingCounter left(120);
  {
    HeldWriter held(node->store("referral"));
    for (int i = 0; i < 120; ++i) {
      const size_t size = i < 100 ? 10 : 60'000;
      node->store(i % 2 == 0 ? "referral" : "audit")
          .Transact(
              [i, size](Writer& writer) {
                writer.Put(Cat(i), std::string(size, 'v'));
                return absl::OkStatus();
              },
              [&](absl::Status status) {
                EXPECT_TRUE(status.ok()) << status;
                left.DecrementCount();
              });
    }
    held.LetGo();
  }
  left.Wait();
  const std::vector<size_t> bodies = observer.bodies();
  // 32 + 32 + 32, then four small ones with two large, then the large ones by two.
  EXPECT_THAT(bodies, Each(Le(32u)));
  EXPECT_GE(bodies.size(), 13u);
  EXPECT_LE(bodies.size(), 16u);
  const RocksStats stats = node->Stats();
  EXPECT_EQ(stats.bodies, 121u);
  EXPECT_EQ(stats.groups, bodies.size());
  EXPECT_EQ(stats.bytes, observer.bytes());
  EXPECT_EQ(observer.rows(), 120u);
  EXPECT_GT(stats.bytes, 20u * 60'000u);
  EXPECT_GT(stats.approximate_memory_bytes, 0u);
}

TEST(RocksNode, AnswersInTheOrderOfCommit) {
  testing::TempFolder folder;
  const auto node = OpenOrDie(TwoParts(folder.path()));
  std::vector<int> order;  // one thread answers
  absl::BlockingCounter left(1000);
  for (int i = 0; i < 1000; ++i) {
    node->store(i % 3 == 0 ? "audit" : "referral")
        .Transact([](Writer&) { return absl::OkStatus(); },
                  [&, i](absl::Status) {
                    order.push_back(i);
                    left.DecrementCount();
                  });
  }
  left.Wait();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(RocksNode, RunsAndAnswersWhatWaitsWhenItIsDestroyed) {
  testing::TempFolder folder;
  std::atomic<int> answered = 0;
  {
    const auto node = OpenOrDie(TwoParts(folder.path()));
    for (int i = 0; i < 500; ++i) {
      node->store("referral")
          .Transact(
              [i](Writer& writer) {
                writer.Put(Cat(i), "");
                return absl::OkStatus();
              },
              [&](absl::Status status) {
                if (status.ok()) ++answered;
              });
    }
  }
  EXPECT_EQ(answered, 500);
  const auto node = OpenOrDie(TwoParts(folder.path()));
  EXPECT_EQ(Get(node->store("referral"), "499"), "");
}

// Incompressible, so that they stand in the files as they are.
constexpr char kOld[] = "q8Zr2LxV0bTn";
constexpr char kKept[] = "W3jYp7MdKc1s";
constexpr char kBefore[] = "G6hFa9RuEo4i";
constexpr char kAfter[] = "N5vBt0XwJz8l";
constexpr char kYoung[] = "C2kHq4PmSe7y";

std::string AllBytes(const std::string& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.starts_with("LOG")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

TEST(RocksNode, WhatIsKeptInMemoryOfARowIsOfTheSnapshotThatIsAsked) {
  testing::TempFolder folder;
  const auto node = OpenOrDie(TwoParts(folder.path()));
  Store& store = node->store("referral");
  const std::vector<std::string> keys = {"a", "b"};
  const auto read = [&](const Reader& reader) {
    const auto both = reader.GetMany(keys);
    return std::vector<std::string>{**reader.Get("a"), *both->at(0), *both->at(1)};
  };
  ASSERT_TRUE(Put(store, "a", "1").ok());
  ASSERT_TRUE(Put(store, "b", "1").ok());
  ASSERT_TRUE(node->PurgeDeleted().ok());  // into files
  const auto old = store.Snapshot();
  EXPECT_THAT(read(**old), ElementsAre("1", "1", "1"));
  ASSERT_TRUE(Put(store, "a", "2").ok());
  EXPECT_THAT(read(**store.Snapshot()), ElementsAre("2", "2", "1"));
  EXPECT_THAT(read(**old), ElementsAre("1", "1", "1"));
  // Into a file of its own, above that of the first.
  ASSERT_TRUE(node->Checkpoint(folder.path() + "/copy").ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(read(**store.Snapshot()), ElementsAre("2", "2", "1"));
    EXPECT_THAT(read(**old), ElementsAre("1", "1", "1"));
  }
}

TEST(RocksNode, PurgeLeavesNoByteOfWhatWasDeletedOrOverwritten) {
  testing::TempFolder folder;
  const auto node = OpenOrDie(TwoParts(folder.path()));
  Store& store = node->store("referral");
  // In the bottom level, in a younger file above it, and in the log alone.
  ASSERT_TRUE(Put(store, "old", kOld).ok());
  ASSERT_TRUE(Put(store, "kept", kKept).ok());
  ASSERT_TRUE(Put(store, "replaced", kBefore).ok());
  ASSERT_TRUE(node->PurgeDeleted().ok());
  ASSERT_TRUE(Put(node->store("audit"), "young", kYoung).ok());
  ASSERT_THAT(AllBytes(folder.path()), HasSubstr(kOld));
  ASSERT_THAT(AllBytes(folder.path()), HasSubstr(kYoung));
  ASSERT_TRUE(Put(store, "replaced", kAfter).ok());
  for (const auto& [part, key] : {std::pair{"referral", "old"}, std::pair{"audit", "young"}}) {
    ASSERT_TRUE(TransactAndWait(node->store(part), [key = key](Writer& writer) {
                  writer.Delete(key);
                  return absl::OkStatus();
                }).ok());
  }
  ASSERT_THAT(AllBytes(folder.path()), HasSubstr(kOld));
  ASSERT_TRUE(node->PurgeDeleted().ok());
  const std::string bytes = AllBytes(folder.path());
  EXPECT_THAT(bytes, Not(HasSubstr(kOld)));
  EXPECT_THAT(bytes, Not(HasSubstr(kYoung)));
  EXPECT_THAT(bytes, Not(HasSubstr(kBefore)));
  EXPECT_THAT(bytes, HasSubstr(kKept));
  EXPECT_THAT(bytes, HasSubstr(kAfter));
  EXPECT_EQ(Get(store, "kept"), kKept);
}

TEST(RocksNode, PurgeWaitsForOldSnapshotsAndSaysWhenItDoesNot) {
  testing::TempFolder folder;
  RocksOptions options = TwoParts(folder.path());
  options.purge_wait_max = absl::ZeroDuration();
  const auto node = OpenOrDie(std::move(options));
  ASSERT_TRUE(Put(node->store("referral"), "a", "1").ok());
  auto snapshot = *node->store("referral").Snapshot();
  ASSERT_TRUE(Put(node->store("referral"), "a", "2").ok());
  EXPECT_EQ(node->PurgeDeleted().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(**snapshot->Get("a"), "1");
  snapshot.reset();
  EXPECT_TRUE(node->PurgeDeleted().ok());
}

TEST(RocksNode, TransactionsGoOnDuringAPurge) {
  testing::TempFolder folder;
  const auto node = OpenOrDie(TwoParts(folder.path()));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i)
      EXPECT_TRUE(Put(node->store("referral"), Cat(i % 50), std::string(500, 'x')).ok());
  });
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(node->PurgeDeleted().ok());
  stop = true;
  writer.join();
}

TEST(RocksNode, ACheckpointIsAFolderLikeAnyOther) {
  testing::TempFolder folder;
  const std::string copy = folder.path() + "/copy";
  const auto node = OpenOrDie(TwoParts(folder.path() + "/live"));
  ASSERT_TRUE(Put(node->store("referral"), "a", "1").ok());
  ASSERT_TRUE(node->Checkpoint(copy).ok());
  ASSERT_TRUE(Put(node->store("referral"), "a", "2").ok());
  EXPECT_FALSE(node->Checkpoint(copy).ok()) << "it exists";
  const auto restored = OpenOrDie(TwoParts(copy));
  EXPECT_EQ(Get(restored->store("referral"), "a"), "1");
  ASSERT_TRUE(Put(restored->store("referral"), "a", "3").ok());
  EXPECT_EQ(Get(node->store("referral"), "a"), "2");
}

}  // namespace
}  // namespace waypost::store
