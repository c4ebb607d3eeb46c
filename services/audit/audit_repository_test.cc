#include "services/audit/audit_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "common/status/errors.h"
#include "common/store/rocksdb_store.h"
#include "common/store/testing/rerunning_store.h"
#include "common/testing/temp_folder.h"
#include "services/audit/audit_limits.h"
#include "services/audit/audit_test_util.h"
#include "services/audit/fsck.h"
#include "services/audit/leaf.h"

namespace waypost::audit {
namespace {

using ::testing::ElementsAre;

const AuditRepository& Repository() {
  static const AuditRepository repository(kTestLog);
  return repository;
}

TreeState TreeOf(const store::Store& store) {
  auto tree = Repository().Tree(*SnapshotOf(store));
  EXPECT_TRUE(tree.ok()) << tree.status();
  return *std::move(tree);
}

// --- Appending ------------------------------------------------------------------------------------

TEST(Append, AnEmptyLogHasTheEmptyRoot) {
  store::MemoryStore store;
  EXPECT_EQ(TreeOf(store).size(), 0u);
  EXPECT_EQ(TreeOf(store).root, EmptyRoot());
  EXPECT_EQ(Repository().Get(*SnapshotOf(store), 0).status().code(), absl::StatusCode::kNotFound);
}

TEST(Append, GivesIndexesInOrderAndKeepsTheRecordAsItCame) {
  store::MemoryStore store;
  const auto records = TestRecords(0, 5);
  const auto appended = AppendTo(store, records, kTestTime);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_THAT(appended->indexes, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(appended->tree_size, 5u);
  EXPECT_EQ(appended->added, 5u);
  const auto third = Repository().Get(*SnapshotOf(store), 3);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(third->leaf, records[3].leaf);
  EXPECT_EQ(third->envelope.SerializeAsString(), Seal(TestEvent(3)).SerializeAsString());
  EXPECT_EQ(third->append_time, kTestTime);
}

TEST(Append, TheSameEventKeepsItsIndex) {
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 5), kTestTime).ok());
  const auto rows = RowsOf(store);
  const auto again = AppendTo(store, TestRecords(1, 3), kTestTime + absl::Hours(1));
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->indexes, ElementsAre(1, 2, 3));
  EXPECT_EQ(again->added, 0u);
  EXPECT_EQ(again->tree_size, 5u);
  EXPECT_EQ(RowsOf(store), rows);
}

TEST(Append, TheSameEventTwiceInOneRequestIsOneEntry) {
  store::MemoryStore store;
  const auto appended =
      AppendTo(store, Prepare({Seal(TestEvent(0)), Seal(TestEvent(1)), Seal(TestEvent(0))}), kTestTime);
  ASSERT_TRUE(appended.ok());
  EXPECT_THAT(appended->indexes, ElementsAre(0, 1, 0));
  EXPECT_EQ(TreeOf(store).size(), 2u);
}

TEST(Append, AnOutboxThatMovedMayDeliverAgain) {
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 1), kTestTime).ok());
  event::v1::Envelope moved = Seal(TestEvent(0));
  moved.set_lane("another");
  moved.set_position(99);
  EXPECT_THAT(AppendTo(store, Prepare({moved}), kTestTime)->indexes, ElementsAre(0));
}

TEST(Append, AnotherRecordUnderTheSameIdIsRefusedAndLeavesNoTrace) {
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 3), kTestTime).ok());
  const auto rows = RowsOf(store);
  event::v1::Event other = TestEvent(1);
  other.set_state("DECLINED");
  event::v1::Envelope salted = Seal(TestEvent(1));
  salted.set_nonce(std::string(32, 'n'));
  for (const event::v1::Envelope& reused : {Seal(other), salted}) {
    const absl::Status status = AppendTo(store, Prepare({Seal(TestEvent(7)), reused}), kTestTime).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(error::ReasonOf(status), "EVENT_ID_REUSED");
    EXPECT_EQ(error::MetadataOf(status, "event_id"), base::ToHex(other.event_id()));
    EXPECT_EQ(RowsOf(store), rows);
  }
  // Within one request too.
  other.set_event_id(std::string(16, 'i'));
  event::v1::Event twin = other;
  twin.set_state("ACCEPTED");
  EXPECT_EQ(error::ReasonOf(AppendTo(store, Prepare({Seal(other), Seal(twin)}), kTestTime).status()),
            "EVENT_ID_REUSED");
  EXPECT_EQ(RowsOf(store), rows);
}

TEST(Append, TimeNeverGoesBackwards) {
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 1), kTestTime).ok());
  ASSERT_TRUE(AppendTo(store, TestRecords(1, 1), kTestTime - absl::Hours(1)).ok());
  ASSERT_TRUE(AppendTo(store, TestRecords(2, 1), kTestTime + absl::Nanoseconds(1'500)).ok());
  const auto snapshot = SnapshotOf(store);
  EXPECT_EQ(Repository().Get(*snapshot, 1)->append_time, kTestTime);
  EXPECT_EQ(Repository().Get(*snapshot, 2)->append_time, kTestTime + absl::Microseconds(1));
  EXPECT_EQ(TreeOf(store).last_append_time, kTestTime + absl::Microseconds(1));
}

TEST(Append, ABodyThatRunsTwiceGivesTheSame) {
  store::MemoryStore once, base;
  store::RerunningStore thrice(base, 3);
  for (uint64_t first = 0; first < 300; first += 37) {
    const auto a = AppendTo(once, TestRecords(first, 50), kTestTime + absl::Seconds(first));
    const auto b = AppendTo(thrice, TestRecords(first, 50), kTestTime + absl::Seconds(first));
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a->indexes, b->indexes);
  }
  EXPECT_EQ(RowsOf(once), RowsOf(base));
}

TEST(Append, HowRequestsAreCutLeavesNoTrace) {
  store::MemoryStore one_by_one, at_once;
  for (uint64_t i = 0; i < 300; ++i) ASSERT_TRUE(AppendTo(one_by_one, TestRecords(i, 1), kTestTime).ok());
  ASSERT_TRUE(AppendTo(at_once, TestRecords(0, 300), kTestTime).ok());
  EXPECT_EQ(RowsOf(one_by_one), RowsOf(at_once));
}

TEST(Append, CountsChangesWithoutTheOneBeforeThemAndRepeatedRevisions) {
  const auto change = [](std::string id, int64_t revision) {
    event::v1::Event event = TestEvent(0);
    event.set_event_id(crypto::Sha256(id).substr(0, 16));
    event.set_revision(revision);
    return Seal(event);
  };
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, Prepare({change("a", 1), change("b", 2)}), kTestTime).ok());
  EXPECT_EQ(TreeOf(store).out_of_order_count, 0u);
  // 4 overtakes 3, which comes late and in its place; then another record claims to be 3.
  EXPECT_EQ(AppendTo(store, Prepare({change("d", 4)}), kTestTime)->out_of_order_count, 1u);
  EXPECT_EQ(AppendTo(store, Prepare({change("c", 3)}), kTestTime)->out_of_order_count, 0u);
  EXPECT_EQ(AppendTo(store, Prepare({change("e", 3), change("f", 5)}), kTestTime)->out_of_order_count, 1u);
  // A repetition of a record is none of a revision.
  EXPECT_EQ(AppendTo(store, Prepare({change("e", 3)}), kTestTime)->out_of_order_count, 0u);
  EXPECT_EQ(TreeOf(store).out_of_order_count, 2u);
  const auto snapshot = SnapshotOf(store);
  const std::vector<uint64_t> expected = {0, 1, 3, 2, 5};
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto found = Repository().FindRevision(*snapshot, "referrals/r0", static_cast<int64_t>(i) + 1);
    EXPECT_EQ(found.value(), expected[i]);
  }
  EXPECT_EQ(Repository().FindRevision(*snapshot, "referrals/r0", 6).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Repository().FindNewest(*snapshot, "bodies/b1", "referrals/r0").value(), 5u);
  EXPECT_EQ(Repository().FindNewest(*snapshot, "bodies/b2", "referrals/r0").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(Fsck(*snapshot, kTestLog)->findings, ElementsAre());
}

TEST(Append, ALookTakesNoRevision) {
  store::MemoryStore store;
  event::v1::Event look = TestEvent(0);
  look.set_kind(event::v1::Event::KIND_ACCESS);
  look.set_revision(9);
  ASSERT_TRUE(AppendTo(store, Prepare({Seal(look)}), kTestTime).ok());
  EXPECT_EQ(TreeOf(store).out_of_order_count, 0u);
  EXPECT_FALSE(Repository().FindRevision(*SnapshotOf(store), "referrals/r0", 9).ok());
  EXPECT_EQ(Repository().FindNewest(*SnapshotOf(store), "bodies/b0", "referrals/r0").value(), 0u);
}

TEST(Append, LogsInOneStoreDoNotMeet) {
  store::MemoryStore store;
  const AuditRepository other("accesses");
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 20), kTestTime).ok());
  const std::vector<event::v1::Envelope> envelopes = {Seal(TestEvent(0)), Seal(TestEvent(1)),
                                                      Seal(TestEvent(2))};
  const auto records = other.Prepare(CheckEnvelopes(PointersTo(envelopes)).value());
  ASSERT_TRUE(store::TransactAndWait(store, [&](store::Writer& writer) {
                return other.Append(writer, records, kTestTime).status();
              }).ok());
  EXPECT_EQ(other.Tree(*SnapshotOf(store))->size(), 3u);
  EXPECT_EQ(TreeOf(store).size(), 20u);
  EXPECT_TRUE(Fsck(*SnapshotOf(store), "accesses")->sound());
  EXPECT_TRUE(Fsck(*SnapshotOf(store), kTestLog)->sound());
}

TEST(Append, ADamagedTreeIsNotBuiltUpon) {
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 5), kTestTime).ok());
  const auto rows = RowsOf(store);
  const std::vector<std::string> keys = {Repository().keys().tree(),
                                         TileKey(Repository().keys().tiles(), 0, 0)};
  for (const std::string& key : keys) {
    const auto put = [&](const std::string& value) {
      ASSERT_TRUE(store::TransactAndWait(store, [&](store::Writer& writer) {
                    writer.Put(key, value);
                    return absl::OkStatus();
                  }).ok());
    };
    put(rows.at(key).substr(0, rows.at(key).size() - 1));
    EXPECT_EQ(AppendTo(store, TestRecords(5, 1), kTestTime).status().code(), absl::StatusCode::kDataLoss);
    put(rows.at(key));
  }
  EXPECT_TRUE(AppendTo(store, TestRecords(5, 1), kTestTime).ok());
}

TEST(SlicesOf, KeepsOrderAndBothBounds) {
  std::vector<PreparedRecord> records = TestRecords(0, 300);
  event::v1::Event many = TestEvent(1000);
  for (size_t i = 3; i < kMaxParties; ++i) many.add_parties(base::Cat("bodies/p", i));
  const auto large = Prepare({Seal(many)});
  records.insert(records.begin() + 150, large[0]);
  size_t at = 0;
  for (const auto slice : SlicesOf(records)) {
    ASSERT_FALSE(slice.empty());
    ASSERT_EQ(slice.data(), records.data() + at);
    at += slice.size();
    size_t writes = 0;
    for (const PreparedRecord& record : slice) writes += WritesOf(record);
    EXPECT_LE(slice.size(), kMaxSliceRecords);
    EXPECT_TRUE(writes <= kMaxSliceWrites || slice.size() == 1) << writes;
    EXPECT_LE(writes, store::kMaxWritesPerTransaction);
  }
  EXPECT_EQ(at, records.size());
  EXPECT_TRUE(SlicesOf({}).empty());
}

// --- Proofs ---------------------------------------------------------------------------------------

TEST(Proofs, OfEveryEntryAtManySizesFromTheStoredTiles) {
  constexpr uint64_t kEntries = 600;  // three stored levels, none of them full
  store::MemoryStore store;
  const auto records = TestRecords(0, kEntries);
  ASSERT_TRUE(AppendTo(store, records, kTestTime).ok());
  std::vector<Hash> leaves;
  for (const auto& record : records) leaves.push_back(record.leaf_hash);
  EXPECT_EQ(TreeOf(store).root, RootOf(leaves, 0, kEntries));
  const auto snapshot = SnapshotOf(store);
  const TileReader tiles = Repository().Tiles(*snapshot);
  for (const uint64_t size : {1u, 2u, 15u, 16u, 17u, 100u, 255u, 256u, 257u, 511u, 600u}) {
    const Hash root = RootOf(leaves, 0, size);
    ASSERT_EQ(TreeRoot(tiles, size).value(), root) << size;
    for (uint64_t index = 0; index < size; ++index) {
      const auto path = InclusionProof(tiles, index, size);
      ASSERT_TRUE(path.ok()) << path.status();
      ASSERT_TRUE(VerifyInclusion(index, size, leaves[index], *path, root).ok()) << index << " of " << size;
    }
  }
  EXPECT_EQ(tiles.Node({0, kEntries}).status().code(), absl::StatusCode::kDataLoss);
}

TEST(Proofs, OfConsistencyBetweenAllSizesAsTheyWereAnnounced) {
  constexpr uint64_t kEntries = 70;
  store::MemoryStore store;
  std::vector<Hash> roots = {EmptyRoot()};
  for (uint64_t i = 0; i < kEntries; ++i) {
    ASSERT_TRUE(AppendTo(store, TestRecords(i, 1), kTestTime).ok());
    roots.push_back(TreeOf(store).root);
  }
  const auto snapshot = SnapshotOf(store);
  const TileReader tiles = Repository().Tiles(*snapshot);
  for (uint64_t second = 1; second <= kEntries; ++second) {
    for (uint64_t first = 1; first <= second; ++first) {
      const auto path = ConsistencyProof(tiles, first, second);
      ASSERT_TRUE(path.ok());
      ASSERT_TRUE(VerifyConsistency(first, second, *path, roots[first], roots[second]).ok());
      if (first == second) continue;
      ASSERT_FALSE(VerifyConsistency(first, second, *path, roots[first - 1], roots[second]).ok());
    }
  }
}

// --- Listing --------------------------------------------------------------------------------------

// What a listing should give, from a plain list of what was appended.
struct Model {
  std::vector<event::v1::Event> events;
  std::vector<absl::Time> times;

  std::vector<uint64_t> Select(const ListQuery& query) const {
    std::vector<uint64_t> indexes;
    for (uint64_t i = 0; i < events.size(); ++i) {
      const auto lists = ListsOf(events[i]);
      const auto matches = [&](const ListPlace& list) {
        return list.body == query.body && list.by == query.by && list.value == query.value;
      };
      if (std::none_of(lists.begin(), lists.end(), matches)) continue;
      if (times[i] < query.start || times[i] >= query.end) continue;
      indexes.push_back(i);
    }
    if (query.newest_first) std::reverse(indexes.begin(), indexes.end());
    return indexes;
  }
};

// Every page of a listing; each but the last is full.
std::vector<uint64_t> ListAll(const store::Reader& reader, const ListQuery& query) {
  std::vector<uint64_t> indexes;
  std::optional<uint64_t> position;
  do {
    const auto page = Repository().List(reader, query, position);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    EXPECT_LE(page->records.size(), query.limit);
    EXPECT_TRUE(page->records.size() == query.limit || !page->next.has_value());
    for (const LoggedRecord& record : page->records) indexes.push_back(record.index);
    position = page->next;
  } while (position.has_value());
  return indexes;
}

TEST(List, EveryIndexInBothOrdersAndAnyPageSize) {
  store::MemoryStore store;
  Model model;
  for (uint64_t i = 0; i < 210; ++i) {
    model.events.push_back(TestEvent(i));
    model.times.push_back(kTestTime + absl::Seconds(i / 10));
    ASSERT_TRUE(AppendTo(store, TestRecords(i, 1), model.times.back()).ok());
  }
  const auto snapshot = SnapshotOf(store);
  const std::vector<std::pair<ListBy, std::string>> selections = {
      {ListBy::kAll, ""},         {ListBy::kResource, "referrals/r3"}, {ListBy::kActor, "actor2"},
      {ListBy::kActor, "nobody"}, {ListBy::kType, "referral.type4"},   {ListBy::kType, "referral"},
  };
  for (const std::string body : {"bodies/b0", "bodies/b1", "bodies/b2", "bodies/b"}) {
    for (const auto& [by, value] : selections) {
      for (const bool newest_first : {false, true}) {
        for (const size_t limit : {1u, 7u, 500u}) {
          ListQuery query = {
              .body = body, .by = by, .value = value, .newest_first = newest_first, .limit = limit};
          ASSERT_EQ(ListAll(*snapshot, query), model.Select(query));
          EXPECT_EQ(Repository().List(*snapshot, query, {})->total, model.Select(query).size());
          query.start = kTestTime + absl::Seconds(5);
          query.end = kTestTime + absl::Seconds(11);
          ASSERT_EQ(ListAll(*snapshot, query), model.Select(query));
        }
      }
    }
  }
}

TEST(List, TimesAreInclusiveAtTheStartAndExclusiveAtTheEnd) {
  store::MemoryStore store;
  for (uint64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(AppendTo(store, TestRecords(3 * i, 1), kTestTime + absl::Seconds(i)).ok());
  }
  const auto snapshot = SnapshotOf(store);
  const auto between = [&](absl::Time start, absl::Time end) {
    return ListAll(*snapshot,
                   {.body = "bodies/b0", .start = start, .end = end, .newest_first = false, .limit = 10});
  };
  const absl::Duration tick = absl::Nanoseconds(1);
  EXPECT_THAT(between(kTestTime + absl::Seconds(2), kTestTime + absl::Seconds(4)), ElementsAre(2, 3));
  EXPECT_THAT(between(kTestTime + absl::Seconds(2) + tick, kTestTime + absl::Seconds(4) + tick),
              ElementsAre(3, 4));
  EXPECT_THAT(between(kTestTime + absl::Seconds(2), kTestTime + absl::Seconds(2)), ElementsAre());
  EXPECT_THAT(between(kTestTime - absl::Hours(1), kTestTime), ElementsAre());
  EXPECT_THAT(between(kTestTime + absl::Seconds(6), absl::InfiniteFuture()), ElementsAre());
  EXPECT_THAT(between(absl::InfinitePast(), kTestTime + tick), ElementsAre(0));
}

TEST(List, PagesStayWhereTheyWereWhileTheLogGrows) {
  store::MemoryStore store;
  ASSERT_TRUE(AppendTo(store, TestRecords(0, 30), kTestTime).ok());
  const ListQuery query = {.body = "bodies/b0", .newest_first = true, .limit = 8};
  const auto before = ListAll(*SnapshotOf(store), query);
  const auto first = Repository().List(*SnapshotOf(store), query, {});
  ASSERT_TRUE(first.ok() && first->next.has_value());
  ASSERT_TRUE(AppendTo(store, TestRecords(30, 30), kTestTime).ok());
  const auto second = Repository().List(*SnapshotOf(store), query, first->next);
  ASSERT_TRUE(second.ok());
  std::vector<uint64_t> indexes;
  for (const auto& record : second->records) indexes.push_back(record.index);
  EXPECT_EQ(indexes, std::vector<uint64_t>(before.begin() + 8, before.begin() + 16));
}

TEST(List, APageEndsBeforeItOutgrowsAMessage) {
  store::MemoryStore store;
  std::vector<event::v1::Envelope> large;
  for (uint64_t i = 0; i < 60; ++i) {
    event::v1::Event event = TestEvent(3 * i);
    (*event.mutable_commitments())["c"] = std::string(kMaxRecordBytes - 1024, 'x');
    large.push_back(Seal(event));
  }
  ASSERT_TRUE(AppendTo(store, Prepare(large), kTestTime).ok());
  const ListQuery query = {.body = "bodies/b0", .newest_first = false, .limit = 500};
  const auto page = Repository().List(*SnapshotOf(store), query, {});
  ASSERT_TRUE(page.ok());
  ASSERT_TRUE(page->next.has_value());
  size_t bytes = 0;
  for (const auto& record : page->records) bytes += record.envelope.event().size();
  EXPECT_LE(bytes, kMaxPageBytes);
  const auto rest = Repository().List(*SnapshotOf(store), query, page->next);
  EXPECT_EQ(page->records.size() + rest->records.size(), 60u);
  EXPECT_EQ(rest->records.front().index, page->records.size());
}

// --- Many at once, on both drivers ----------------------------------------------------------------

class OnEveryStore : public ::testing::TestWithParam<bool> {
 protected:
  OnEveryStore() {
    if (!GetParam()) return;
    store::RocksOptions options;
    options.path = folder_.path();
    options.parts = {"audit"};
    auto node = store::RocksNode::Open(std::move(options));
    EXPECT_TRUE(node.ok()) << node.status();
    node_ = *std::move(node);
  }
  store::Store& store() { return node_ ? node_->store("audit") : memory_; }

 private:
  store::MemoryStore memory_;
  testing::TempFolder folder_;
  std::unique_ptr<store::RocksNode> node_;
};
INSTANTIATE_TEST_SUITE_P(Stores, OnEveryStore, ::testing::Bool(),
                         [](const auto& store) { return store.param ? "RocksDb" : "Memory"; });

TEST_P(OnEveryStore, WritersThatOverlapGiveOneLogWithoutGapsOrTwins) {
  // Four writers send the same 240 events, each beginning elsewhere, in requests of other sizes.
  constexpr uint64_t kEvents = 240;
  std::vector<std::map<uint64_t, uint64_t>> seen(4);
  std::vector<std::thread> writers;
  for (uint64_t w = 0; w < seen.size(); ++w) {
    writers.emplace_back([&, w] {
      const uint64_t step = 5 + 7 * w;
      for (uint64_t at = 0; at < kEvents; at += step) {
        std::vector<event::v1::Envelope> envelopes;
        for (uint64_t i = at; i < std::min(kEvents, at + step); ++i) {
          envelopes.push_back(Seal(TestEvent((i + 60 * w) % kEvents)));
        }
        const auto appended = AppendTo(store(), Prepare(envelopes), kTestTime);
        ASSERT_TRUE(appended.ok()) << appended.status();
        for (size_t i = 0; i < envelopes.size(); ++i) {
          seen[w][(at + i + 60 * w) % kEvents] = appended->indexes[i];
        }
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(TreeOf(store()).size(), kEvents);
  std::set<uint64_t> indexes;
  for (const auto& [number, index] : seen[0]) indexes.insert(index);
  EXPECT_EQ(indexes.size(), kEvents);
  for (uint64_t w = 1; w < seen.size(); ++w) EXPECT_EQ(seen[w], seen[0]);
  const auto snapshot = SnapshotOf(store());
  const auto report = Fsck(*snapshot, kTestLog);
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->findings, ElementsAre());
  EXPECT_EQ(report->root, TreeOf(store()).root);
}

// Random requests with repetitions against the model; afterwards everything is looked up in every way.
TEST_P(OnEveryStore, AnyHistoryReadsBackAsItWasWritten) {
  for (uint32_t seed = 0; seed < (GetParam() ? 1u : 4u); ++seed) {
    std::mt19937 random(seed);
    Model model;
    std::map<uint64_t, uint64_t> index_of;
    absl::Time now = kTestTime;
    const uint64_t base = seed * 1'000'000;
    while (model.events.size() < 400) {
      std::vector<event::v1::Envelope> envelopes;
      std::vector<uint64_t> numbers;
      for (uint64_t n = 1 + random() % 40; n > 0; --n) {
        numbers.push_back(base + random() % 600);
        envelopes.push_back(Seal(TestEvent(numbers.back())));
      }
      now += absl::Seconds(random() % 3);
      const auto appended = AppendTo(store(), Prepare(envelopes), now);
      ASSERT_TRUE(appended.ok()) << appended.status();
      for (size_t i = 0; i < numbers.size(); ++i) {
        const auto [known, fresh] = index_of.try_emplace(numbers[i], appended->indexes[i]);
        ASSERT_EQ(known->second, appended->indexes[i]);
        if (!fresh) continue;
        ASSERT_EQ(appended->indexes[i], model.events.size());
        model.events.push_back(TestEvent(numbers[i]));
        model.times.push_back(now);
      }
    }
    const auto snapshot = SnapshotOf(store());
    for (int query_number = 0; query_number < 60; ++query_number) {
      const auto lists = ListsOf(model.events[random() % model.events.size()]);
      const auto& [unused, by, value] = lists[random() % lists.size()];
      ListQuery query = {.body = base::Cat("bodies/b", random() % 3),
                         .by = by,
                         .value = std::string(value),
                         .newest_first = random() % 2 == 0,
                         .limit = 1 + random() % 50};
      if (random() % 2 == 0) query.start = kTestTime + absl::Seconds(random() % 30);
      if (random() % 2 == 0) query.end = kTestTime + absl::Seconds(random() % 60);
      ASSERT_EQ(ListAll(*snapshot, query), model.Select(query));
    }
    const auto report = Fsck(*snapshot, kTestLog);
    ASSERT_TRUE(report.ok());
    EXPECT_THAT(report->findings, ElementsAre());
    if (!GetParam() && seed + 1 < 4) {
      // The next history starts from nothing.
      ASSERT_TRUE(store::TransactAndWait(store(), [rows = RowsOf(store())](store::Writer& writer) {
                    for (const auto& [key, unused] : rows) writer.Delete(key);
                    return absl::OkStatus();
                  }).ok());
    }
  }
}

}  // namespace
}  // namespace waypost::audit
