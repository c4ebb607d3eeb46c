#include "common/store/conformance.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "common/base/strings.h"

namespace waypost::store {
namespace {

using base::Cat;
using ::testing::ElementsAre;
using ::testing::Pair;
using Rows = std::vector<std::pair<std::string, std::string>>;

Rows Walk(const Reader& reader, const KeyRange& range = {}) {
  Rows rows;
  const std::unique_ptr<Cursor> cursor = reader.Scan(range);
  for (; cursor->Valid(); cursor->Next()) rows.emplace_back(cursor->key(), cursor->value());
  EXPECT_TRUE(cursor->status().ok()) << cursor->status();
  return rows;
}

std::optional<std::string> GetOrDie(const Reader& reader, std::string_view key) {
  auto value = reader.Get(key);
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *std::move(value) : std::nullopt;
}

Rows Committed(const Store& store) {
  const auto snapshot = store.Snapshot();
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return snapshot.ok() ? Walk(**snapshot) : Rows();
}

absl::Status PutAll(Store& store, const Rows& rows) {
  return TransactAndWait(store, [&](Writer& writer) {
    for (const auto& [key, value] : rows) writer.Put(key, value);
    return absl::OkStatus();
  });
}

// Runs `bodies` so that a driver that groups may put them in one group; waits for all.
std::vector<absl::Status> TransactTogether(Store& store, std::vector<Body> bodies) {
  std::vector<absl::Status> statuses(bodies.size());
  absl::BlockingCounter left(static_cast<int>(bodies.size()));
  for (size_t i = 0; i < bodies.size(); ++i) {
    store.Transact(std::move(bodies[i]), [&statuses, &left, i](absl::Status status) {
      statuses[i] = std::move(status);
      left.DecrementCount();
    });
  }
  left.Wait();
  return statuses;
}

TEST_P(StoreConformance, WritesAreVisibleToLaterSnapshotsInOrder) {
  ASSERT_TRUE(PutAll(store_, {{"b", "2"}, {"a", "1"}, {"c", ""}}).ok());
  EXPECT_THAT(Committed(store_), ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "")));
}

TEST_P(StoreConformance, BytesOfEveryKindAreKeptAndSortUnsigned) {
  const Rows rows = {{std::string("\0", 1), std::string("\0\xFF", 2)},
                     {"a", "x"},
                     {"a\x01", ""},
                     {"a\xFF", "z"},
                     {"\x80", "y"},
                     {"\xFF\xFF", "last"}};
  ASSERT_TRUE(PutAll(store_, {rows.rbegin(), rows.rend()}).ok());
  EXPECT_EQ(Committed(store_), rows);
}

TEST_P(StoreConformance, ManyAreReadAsEachIsByItself) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"b", ""}, {"c", std::string("\0x", 2)}}).ok());
  const std::vector<std::string> keys = {"c", "none", "a", "b", "c", ""};
  const auto each = [&](const Reader& reader) {
    const auto found = reader.GetMany(keys);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->size(), keys.size());
    for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ((*found)[i], GetOrDie(reader, keys[i])) << i;
    EXPECT_TRUE(reader.GetMany({})->empty());
  };
  const auto snapshot = store_.Snapshot();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  each(**snapshot);
  EXPECT_TRUE(TransactAndWait(store_, [&](Writer& writer) {
                writer.Put("none", "in the body");
                writer.Delete("a");
                each(writer);
                EXPECT_THAT(*writer.GetMany(keys),
                            ElementsAre(std::string("\0x", 2), "in the body", std::nullopt, "",
                                        std::string("\0x", 2), std::nullopt));
                return absl::OkStatus();
              }).ok());
}

TEST_P(StoreConformance, RangesIncludeTheirBeginAndExcludeTheirEnd) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"b", "2"}, {"c", "3"}}).ok());
  const auto snapshot = *store_.Snapshot();
  EXPECT_THAT(Walk(*snapshot, {"a", "c"}), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(Walk(*snapshot, {"b", ""}), ElementsAre(Pair("b", "2"), Pair("c", "3")));
  EXPECT_THAT(Walk(*snapshot, {"b", "b"}), ElementsAre());
  EXPECT_THAT(Walk(*snapshot, {"c", "a"}), ElementsAre());
  EXPECT_THAT(Walk(*snapshot, {"bb", "bc"}), ElementsAre());
}

TEST_P(StoreConformance, ACursorLeapsWithinItsRange) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"c", "2"}, {"e", "3"}, {"g", "4"}, {"i", "5"}}).ok());
  const auto leaps = [](const Reader& reader, const std::vector<std::string>& visible) {
    const std::unique_ptr<Cursor> cursor = reader.Scan({"c", "h"});
    for (const std::string_view target : {"g", "", "d", "c", "h", "f", "z", "b", "e", "gg", "g"}) {
      cursor->Seek(target);
      const auto expected =
          std::find_if(visible.begin(), visible.end(), [&](const auto& key) { return key >= target; });
      ASSERT_EQ(cursor->Valid(), expected != visible.end()) << target;
      if (!cursor->Valid()) continue;
      EXPECT_EQ(cursor->key(), *expected) << target;
      cursor->Next();
      EXPECT_EQ(cursor->Valid(), expected + 1 != visible.end()) << target;
    }
    EXPECT_TRUE(cursor->status().ok());
  };
  leaps(**store_.Snapshot(), {"c", "e", "g"});
  ASSERT_TRUE(TransactAndWait(store_, [&](Writer& writer) {
                writer.Put("b", "own");
                writer.Put("f", "own");
                writer.Delete("e");
                leaps(writer, {"c", "f", "g"});
                return absl::OkStatus();
              }).ok());
}

TEST_P(StoreConformance, ABodyReadsItsOwnWrites) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"b", "2"}}).ok());
  const absl::Status status = TransactAndWait(store_, [](Writer& writer) {
    writer.Put("a", "new");
    writer.Delete("b");
    writer.Put("c", "3");
    EXPECT_EQ(GetOrDie(writer, "a"), "new");
    EXPECT_EQ(GetOrDie(writer, "b"), std::nullopt);
    EXPECT_EQ(GetOrDie(writer, "c"), "3");
    EXPECT_THAT(Walk(writer), ElementsAre(Pair("a", "new"), Pair("c", "3")));
    writer.Put("b", "back");
    writer.Delete("c");
    EXPECT_THAT(Walk(writer), ElementsAre(Pair("a", "new"), Pair("b", "back")));
    EXPECT_THAT(Walk(writer, {"c", "a"}), ElementsAre());
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Committed(store_), ElementsAre(Pair("a", "new"), Pair("b", "back")));
}

TEST_P(StoreConformance, AFailedBodyAnswersItsStatusAndLeavesNoTrace) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"b", "2"}}).ok());
  const absl::Status status = TransactAndWait(store_, [](Writer& writer) {
    writer.Put("a", "bad");
    writer.Delete("b");
    writer.Put("c", "bad");
    return absl::AbortedError("etag");
  });
  EXPECT_EQ(status, absl::AbortedError("etag"));
  EXPECT_THAT(Committed(store_), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_P(StoreConformance, LaterBodiesReadEarlierOnesAndNeverFailedOnes) {
  std::vector<Body> bodies;
  bodies.emplace_back([](Writer& writer) {
    writer.Put("k", "1");
    writer.Put("gone", "x");
    return absl::OkStatus();
  });
  bodies.emplace_back([](Writer& writer) {
    EXPECT_EQ(GetOrDie(writer, "k"), "1");
    writer.Put("k", "bad");
    writer.Delete("gone");
    writer.Put("z", "bad");
    return absl::CancelledError("no");
  });
  bodies.emplace_back([](Writer& writer) {
    EXPECT_THAT(Walk(writer), ElementsAre(Pair("gone", "x"), Pair("k", "1")));
    writer.Delete("gone");
    return absl::OkStatus();
  });
  bodies.emplace_back([](Writer& writer) {
    EXPECT_THAT(Walk(writer), ElementsAre(Pair("k", "1")));
    writer.Put("k", "2");
    return absl::OkStatus();
  });
  EXPECT_THAT(TransactTogether(store_, std::move(bodies)),
              ElementsAre(absl::OkStatus(), absl::CancelledError("no"), absl::OkStatus(), absl::OkStatus()));
  EXPECT_THAT(Committed(store_), ElementsAre(Pair("k", "2")));
}

// Random bodies of random operations against std::map; some fail; every read is compared.
class Model {
 public:
  Model(Store& store, uint64_t seed) : store_(store), random_(seed) {}

  void RunBodies(int count) {
    std::vector<Body> bodies;
    // states_[i] is what body i sees. Bodies run one after the other, perhaps each more than once.
    states_.resize(static_cast<size_t>(count) + 1);
    for (size_t i = 0; i + 1 < states_.size(); ++i) {
      bodies.emplace_back([this, i, seed = random_()](Writer& writer) {
        std::map<std::string, std::string> rows = states_[i];
        absl::Status status = OneBody(writer, seed, rows);
        states_[i + 1] = status.ok() ? std::move(rows) : states_[i];
        return status;
      });
    }
    TransactTogether(store_, std::move(bodies));
    states_.front() = states_.back();
    EXPECT_EQ(Committed(store_), Rows(states_.front().begin(), states_.front().end()));
  }

 private:
  static std::string RandomKey(std::mt19937_64& random) {
    std::string key = Cat(random() % 40);
    if (random() % 4 == 0) key.push_back('\0');
    return key;
  }

  static absl::Status OneBody(Writer& writer, uint64_t seed, std::map<std::string, std::string>& rows) {
    std::mt19937_64 random(seed);
    for (size_t n = random() % 12; n > 0; --n) {
      const std::string key = RandomKey(random);
      switch (random() % 5) {
        case 0:
        case 1: {
          const std::string value = Cat(random());
          writer.Put(key, value);
          rows[key] = value;
          break;
        }
        case 2:
          writer.Delete(key);
          rows.erase(key);
          break;
        case 3:
          ExpectScan(writer, rows, key, random() % 5 == 0 ? std::string() : RandomKey(random));
          break;
        default: {
          const auto found = rows.find(key);
          EXPECT_EQ(GetOrDie(writer, key), found == rows.end() ? std::nullopt : std::optional(found->second));
        }
      }
    }
    return random() % 4 == 0 ? absl::AbortedError("at random") : absl::OkStatus();
  }

  static void ExpectScan(const Reader& reader, const std::map<std::string, std::string>& rows,
                         const std::string& begin, const std::string& end) {
    Rows expected;
    for (auto at = rows.lower_bound(begin); at != rows.end() && (end.empty() || at->first < end); ++at) {
      expected.push_back(*at);
    }
    EXPECT_EQ(Walk(reader, {begin, end}), expected);
  }

  Store& store_;
  std::mt19937_64 random_;
  std::vector<std::map<std::string, std::string>> states_;
};

TEST_P(StoreConformance, AgreesWithAnOrderedMap) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    const auto fresh = GetParam().make();
    Model model(fresh->store(), seed);
    for (int round = 0; round < 20; ++round) {
      model.RunBodies(20);
      if (HasFailure()) return;
    }
  }
}

TEST_P(StoreConformance, ACursorDoesNotSurviveAWrite) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"b", "2"}}).ok());
  for (const bool put : {true, false}) {
    const absl::Status status = TransactAndWait(store_, [put](Writer& writer) {
      const auto cursor = writer.Scan({});
      EXPECT_TRUE(cursor->Valid());
      if (put) {
        writer.Put("c", "3");
      } else {
        writer.Delete("a");
      }
      EXPECT_FALSE(cursor->Valid());
      EXPECT_EQ(cursor->status().code(), absl::StatusCode::kInternal);
      cursor->Next();
      EXPECT_FALSE(cursor->Valid());
      return absl::OkStatus();
    });
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  }
  EXPECT_THAT(Committed(store_), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_P(StoreConformance, TwoCursorsOfOneBodyDoNotDisturbEachOther) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"c", "3"}}).ok());
  const absl::Status status = TransactAndWait(store_, [](Writer& writer) {
    writer.Put("b", "2");
    writer.Put("d", "4");
    const auto outer = writer.Scan({"a", "c"});
    int pairs = 0;
    for (; outer->Valid(); outer->Next()) {
      for (const auto inner = writer.Scan({"c", ""}); inner->Valid(); inner->Next()) ++pairs;
    }
    EXPECT_EQ(pairs, 4);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(StoreConformance, ASnapshotDoesNotMove) {
  ASSERT_TRUE(PutAll(store_, {{"a", "1"}, {"b", "2"}}).ok());
  const auto before = *store_.Snapshot();
  const auto cursor = before->Scan({});
  ASSERT_TRUE(PutAll(store_, {{"a", "new"}, {"aa", "x"}, {"c", "3"}}).ok());
  EXPECT_THAT(Walk(*before), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(GetOrDie(*before, "c"), std::nullopt);
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->value(), "1");
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "b");
  EXPECT_EQ(GetOrDie(**store_.Snapshot(), "a"), "new");
}

TEST_P(StoreConformance, PartsAreIsolated) {
  ASSERT_TRUE(PutAll(store_, {{"a", "here"}}).ok());
  ASSERT_TRUE(PutAll(made_->other_part(), {{"a", "there"}, {"b", "there"}}).ok());
  EXPECT_THAT(Committed(store_), ElementsAre(Pair("a", "here")));
  EXPECT_THAT(Committed(made_->other_part()), ElementsAre(Pair("a", "there"), Pair("b", "there")));
}

TEST_P(StoreConformance, ConcurrentCountersLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  absl::BlockingCounter left(kThreads * kEach);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        store_.Transact(
            [t, i](Writer& writer) -> absl::Status {
              const auto now = writer.Get("n");
              if (!now.ok()) return now.status();
              writer.Put("n", Cat(now->has_value() ? std::stoi(**now) + 1 : 1));
              writer.Put(Cat("t", t), Cat(i));
              // Every fifth is given up after its write, and counts for nothing.
              return i % 5 == 0 ? absl::AbortedError("given up") : absl::OkStatus();
            },
            [&](absl::Status status) {
              if (!status.ok()) ++failed;
              left.DecrementCount();
            });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  left.Wait();
  EXPECT_EQ(failed, kThreads * kEach / 5);
  EXPECT_EQ(GetOrDie(**store_.Snapshot(), "n"), Cat(kThreads * kEach * 4 / 5));
}

TEST_P(StoreConformance, DoneIsCalledExactlyOnceAndMayTransact) {
  constexpr int kCount = 500;
  std::vector<std::atomic<int>> calls(kCount);
  absl::BlockingCounter left(2 * kCount);
  for (int i = 0; i < kCount; ++i) {
    store_.Transact([](Writer&) { return absl::OkStatus(); },
                    [&, i](absl::Status) {
                      ++calls[static_cast<size_t>(i)];
                      store_.Transact([](Writer&) { return absl::UnknownError(""); },
                                      [&](absl::Status) { left.DecrementCount(); });
                      left.DecrementCount();
                    });
  }
  left.Wait();
  for (const auto& count : calls) EXPECT_EQ(count, 1);
}

// A body that breaks a limit and still returns OK.
absl::Status Break(Store& store, absl::AnyInvocable<void(Writer&)> writes) {
  return TransactAndWait(store, [&](Writer& writer) {
    writer.Put("first", "1");
    writes(writer);
    writer.Put("last", "1");
    return absl::OkStatus();
  });
}

TEST_P(StoreConformance, LimitsFailTheTransaction) {
  const std::string long_key(kMaxKeyBytes + 1, 'k');
  const std::string long_value(kMaxValueBytes + 1, 'v');
  std::vector<absl::Status> statuses;
  statuses.push_back(Break(store_, [&](Writer& writer) { writer.Put(long_key, ""); }));
  statuses.push_back(Break(store_, [&](Writer& writer) { writer.Delete(long_key); }));
  statuses.push_back(Break(store_, [&](Writer& writer) { writer.Put("v", long_value); }));
  statuses.push_back(Break(store_, [](Writer& writer) {
    for (size_t i = 0; i < kMaxWritesPerTransaction; ++i) writer.Put(Cat(i), "");
  }));
  statuses.push_back(Break(store_, [&](Writer& writer) {
    for (size_t i = 0; i <= kMaxTransactionBytes / kMaxValueBytes; ++i) {
      writer.Put("same key", std::string_view(long_value).substr(1));
    }
  }));
  for (const absl::Status& status : statuses) EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Committed(store_), ElementsAre());
}

TEST_P(StoreConformance, TheLargestWritesAllowedAreTaken) {
  const std::string key(kMaxKeyBytes, 'k');
  const std::string value(kMaxValueBytes, 'v');
  ASSERT_TRUE(PutAll(store_, {{key, value}}).ok());
  EXPECT_EQ(GetOrDie(**store_.Snapshot(), key), value);
  const absl::Status most = TransactAndWait(store_, [](Writer& writer) {
    for (size_t i = 0; i < kMaxWritesPerTransaction; ++i) writer.Put(Cat(i), "");
    return absl::OkStatus();
  });
  EXPECT_TRUE(most.ok()) << most;
  EXPECT_EQ(Committed(store_).size(), kMaxWritesPerTransaction + 1);
}

}  // namespace
}  // namespace waypost::store
