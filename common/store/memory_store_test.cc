#include "common/store/memory_store.h"

#include <gtest/gtest.h>

#include "common/store/conformance.h"
#include "common/store/testing/rerunning_store.h"

namespace waypost::store {
namespace {

class TestMemoryStore final : public TestStore {
 public:
  Store& store() override { return store_; }
  Store& other_part() override { return other_part_; }

 private:
  MemoryStore store_;
  MemoryStore other_part_;
};

class TestRerunningStore final : public TestStore {
 public:
  Store& store() override { return rerunning_; }
  Store& other_part() override { return other_part_; }

 private:
  MemoryStore memory_;
  RerunningStore rerunning_{memory_, 3};
  MemoryStore other_part_;
};

INSTANTIATE_TEST_SUITE_P(InMemory, StoreConformance,
                         testing::Values(Driver{"Memory", [] { return std::make_unique<TestMemoryStore>(); }},
                                         Driver{"Rerunning",
                                                [] { return std::make_unique<TestRerunningStore>(); }}),
                         DriverName);

TEST(RerunningStore, RunsEachBodySoOftenAndWritesOnce) {
  MemoryStore memory;
  RerunningStore store(memory, 3);
  int runs = 0;
  const absl::Status status = TransactAndWait(store, [&](Writer& writer) -> absl::Status {
    ++runs;
    const auto seen = writer.Get("n");
    if (!seen.ok()) return seen.status();
    EXPECT_EQ(*seen, std::nullopt);
    writer.Put("n", "1");
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace waypost::store
