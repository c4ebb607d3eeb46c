#include "services/audit/entry_list.h"

#include <gtest/gtest.h>

#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "services/audit/audit_test_util.h"

namespace waypost::audit {
namespace {

const std::string kKey = store::KeyBuilder().Text("list").Text("a").Take();
const std::string kOther = store::KeyBuilder().Text("list").Text("b").Take();

// Appends 3, 6, 9, … in transactions of `batch` entries, and every second one to another list too.
void Fill(store::Store& store, uint64_t count, uint64_t batch) {
  for (uint64_t begin = 0; begin < count; begin += batch) {
    const absl::Status status = store::TransactAndWait(store, [&](store::Writer& writer) -> absl::Status {
      ListWriter lists(writer);
      for (uint64_t i = begin; i < std::min(count, begin + batch); ++i) {
        if (auto joined = lists.Append(kKey, 3 * (i + 1)); !joined.ok()) return joined;
        if (i % 2 == 0) {
          if (auto joined = lists.Append(kOther, 3 * (i + 1)); !joined.ok()) return joined;
        }
      }
      lists.Flush();
      return absl::OkStatus();
    });
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(EntryList, GivesEveryEntryAndEveryBoundForEverySize) {
  for (const uint64_t batch : {1u, 3u, 32u, 200u}) {
    for (const uint64_t count : {0u, 1u, 31u, 32u, 33u, 63u, 64u, 65u, 300u}) {
      store::MemoryStore store;
      Fill(store, count, batch);
      const auto snapshot = SnapshotOf(store);
      auto list = EntryList::Load(*snapshot, kKey);
      ASSERT_TRUE(list.ok()) << list.status();
      ASSERT_EQ(list->count(), count);
      for (uint64_t i = 0; i < count; ++i) ASSERT_EQ(list->At(i).value(), 3 * (i + 1));
      for (uint64_t i = count; i-- > 0;) ASSERT_EQ(list->At(i).value(), 3 * (i + 1));
      for (uint64_t index = 0; index <= 3 * count + 4; ++index) {
        ASSERT_EQ(list->LowerBound(index).value(), std::min(count, index == 0 ? 0 : (index - 1) / 3));
      }
      ASSERT_EQ(EntryList::Load(*snapshot, kOther)->count(), (count + 1) / 2);
    }
  }
}

TEST(EntryList, HowItWasAppendedLeavesNoTrace) {
  store::MemoryStore one_by_one, at_once;
  Fill(one_by_one, 200, 1);
  Fill(at_once, 200, 200);
  EXPECT_EQ(RowsOf(one_by_one), RowsOf(at_once));
  EXPECT_EQ(RowsOf(at_once).size(), 2u + 6u + 3u);  // heads, blocks of 200 and of 100 entries
}

TEST(EntryList, DamageIsDataLoss) {
  store::MemoryStore store;
  Fill(store, 100, 100);
  ASSERT_TRUE(store::TransactAndWait(store, [](store::Writer& writer) {
                writer.Delete(ListBlockKey(kKey, 0));
                writer.Put(kOther, "no row");
                return absl::OkStatus();
              }).ok());
  const auto snapshot = SnapshotOf(store);
  auto list = EntryList::Load(*snapshot, kKey);
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->At(0).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(list->At(32).value(), 99u);
  EXPECT_EQ(EntryList::Load(*snapshot, kOther).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace waypost::audit
