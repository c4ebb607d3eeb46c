#include "common/store/wal_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "common/base/strings.h"
#include "common/store/rocksdb_store.h"
#include "common/testing/temp_folder.h"
#include "rocksdb/file_system.h"

namespace waypost::store {
namespace {

using base::Cat;

RocksOptions Options(const std::string& path) {
  RocksOptions options;
  options.path = path;
  options.parts = {"p"};
  return options;
}

// Writes groups of one body each, group i of keys "i" and "i+" with `value_bytes`; returns the log file.
std::string WriteGroups(const std::string& folder, int count, size_t value_bytes) {
  const auto node = RocksNode::Open(Options(folder));
  EXPECT_TRUE(node.ok()) << node.status();
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(TransactAndWait((*node)->store("p"), [&](Writer& writer) {
                  writer.Put(Cat(i), std::string(value_bytes, static_cast<char>('a' + i % 26)));
                  writer.Put(Cat(i, "+"), "");
                  return absl::OkStatus();
                }).ok());
  }
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".log") newest = std::max(newest, entry.path().string());
  }
  return newest;
}

int Recovered(const std::string& folder) {
  const auto node = RocksNode::Open(Options(folder));
  EXPECT_TRUE(node.ok()) << node.status();
  if (!node.ok()) return -1;
  const auto snapshot = *(*node)->store("p").Snapshot();
  int count = 0;
  for (const auto cursor = snapshot->Scan({}); cursor->Valid(); cursor->Next()) ++count;
  EXPECT_EQ(count % 2, 0) << "half a group";
  return count / 2;
}

void FlipByte(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 0x10));
}

absl::Status Check(const std::string& folder) {
  return CheckWal(*rocksdb::FileSystem::Default(), folder);
}

struct Shape {
  int groups;
  size_t value_bytes;
};

// Groups within one block, groups of about a block, and groups of many blocks.
constexpr Shape kShapes[] = {{40, 100}, {12, 30'000}, {6, 200'000}};

TEST(WalCheck, AnUndamagedLogIsWhole) {
  for (const Shape& shape : kShapes) {
    testing::TempFolder folder;
    const std::string log = WriteGroups(folder.path(), shape.groups, shape.value_bytes);
    const auto size = std::filesystem::file_size(log);
    EXPECT_TRUE(Check(folder.path()).ok());
    EXPECT_EQ(std::filesystem::file_size(log), size);
    EXPECT_EQ(Recovered(folder.path()), shape.groups);
  }
}

TEST(WalCheck, ATornTailIsCutOffAtEveryLength) {
  std::mt19937_64 random(7);
  for (const Shape& shape : kShapes) {
    testing::TempFolder folder;
    const std::string log = WriteGroups(folder.path(), shape.groups, shape.value_bytes);
    const auto size = std::filesystem::file_size(log);
    const uint64_t last_group = size - shape.value_bytes / 2;
    for (int i = 0; i < 15; ++i) {
      testing::TempFolder copy;
      std::filesystem::copy(folder.path(), copy.path() + "/db", std::filesystem::copy_options::recursive);
      const std::string torn = Cat(copy.path(), "/db/", std::filesystem::path(log).filename().string());
      std::filesystem::resize_file(torn, last_group + random() % (size - last_group));
      EXPECT_EQ(Recovered(copy.path() + "/db"), shape.groups - 1);
    }
  }
}

TEST(WalCheck, ATailOfZeroedPagesIsCutOff) {
  for (const Shape& shape : kShapes) {
    testing::TempFolder folder;
    const std::string log = WriteGroups(folder.path(), shape.groups, shape.value_bytes);
    const auto size = std::filesystem::file_size(log);
    std::fstream file(log, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(size - shape.value_bytes));
    file << std::string(shape.value_bytes / 2, '\0');
    file.close();
    EXPECT_EQ(Recovered(folder.path()), shape.groups - 1);
  }
}

TEST(WalCheck, AHoleIsRefusedWhereverItIs) {
  std::mt19937_64 random(8);
  for (const Shape& shape : kShapes) {
    testing::TempFolder folder;
    const std::string log = WriteGroups(folder.path(), shape.groups, shape.value_bytes);
    const auto size = std::filesystem::file_size(log);
    const uint64_t before_last_group = size - shape.value_bytes - 200;
    for (int i = 0; i < 40; ++i) {
      const uint64_t at = random() % before_last_group;
      FlipByte(log, at);
      EXPECT_EQ(Check(folder.path()).code(), absl::StatusCode::kDataLoss) << at << " of " << size;
      EXPECT_EQ(RocksNode::Open(Options(folder.path())).status().code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(std::filesystem::file_size(log), size);
      FlipByte(log, at);
    }
    EXPECT_EQ(Recovered(folder.path()), shape.groups);
  }
}

TEST(WalCheck, StoredBytesThatLookLikeTheLogAreNotMistakenForAGroup) {
  testing::TempFolder other;
  const std::string foreign_path = WriteGroups(other.path(), 3, 10);
  std::ifstream foreign_file(foreign_path, std::ios::binary);
  const std::string foreign((std::istreambuf_iterator<char>(foreign_file)), {});
  testing::TempFolder folder;
  WriteGroups(folder.path(), 300, 10);
  std::string log;
  {
    const auto node = RocksNode::Open(Options(folder.path()));
    ASSERT_TRUE(node.ok());
    ASSERT_TRUE(TransactAndWait((*node)->store("p"), [&](Writer& writer) {
                  writer.Put("0", "x");
                  return absl::OkStatus();
                }).ok());
    ASSERT_TRUE(TransactAndWait((*node)->store("p"), [&](Writer& writer) {
                  writer.Put("0", foreign + foreign);
                  return absl::OkStatus();
                }).ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() == ".log") log = std::max(log, entry.path().string());
  }
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 5);
  EXPECT_EQ(Recovered(folder.path()), 300);
}

TEST(WalCheck, AHoleInOneFileShowsByTheNext) {
  testing::TempFolder folder;
  const std::string first = WriteGroups(folder.path(), 5, 100);
  std::string kept((std::istreambuf_iterator<char>(std::ifstream(first, std::ios::binary).rdbuf())), {});
  // A restart flushes and begins a new file; the old one comes back, with a torn tail.
  const std::string second = WriteGroups(folder.path(), 5, 100);
  ASSERT_NE(first, second);
  kept.resize(kept.size() - 10);
  std::ofstream(first, std::ios::binary) << kept;
  EXPECT_EQ(Check(folder.path()).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace waypost::store
