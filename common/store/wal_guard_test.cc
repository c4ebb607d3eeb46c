#include "common/store/wal_guard.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/store/testing/lossy_file_system.h"
#include "common/testing/temp_folder.h"

namespace waypost::store {
namespace {

using rocksdb::IOOptions;
using rocksdb::IOStatus;

class WalGuardTest : public ::testing::Test {
 protected:
  std::unique_ptr<rocksdb::FSWritableFile> Create(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(guard_.NewWritableFile(Path(name), rocksdb::FileOptions(), &file, nullptr).ok());
    return file;
  }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string Content(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static IOStatus Append(rocksdb::FSWritableFile& file, const std::string& bytes) {
    return file.Append(bytes, IOOptions(), nullptr);
  }
  static IOStatus Sync(rocksdb::FSWritableFile& file) { return file.Sync(IOOptions(), nullptr); }

  testing::TempFolder folder_;
  testing::TempFolder graveyard_;
  std::shared_ptr<LossyFileSystem> disk_ =
      std::make_shared<LossyFileSystem>(rocksdb::FileSystem::Default(), graveyard_.path());
  WalGuard guard_{disk_, folder_.path()};
};

TEST_F(WalGuardTest, DropsWhatWasNotSyncedAndAllThatFollows) {
  const auto log = Create("1.log");
  ASSERT_TRUE(Append(*log, "synced").ok());
  ASSERT_TRUE(Sync(*log).ok());
  ASSERT_TRUE(Append(*log, " lost").ok());
  ASSERT_TRUE(guard_.DropUnsynced().ok());
  EXPECT_EQ(Content("1.log"), "synced");
  EXPECT_TRUE(Append(*log, " again").ok());
  EXPECT_TRUE(Sync(*log).ok());
  EXPECT_TRUE(log->Truncate(100, IOOptions(), nullptr).ok());
  EXPECT_EQ(Content("1.log"), "synced");
}

TEST_F(WalGuardTest, DropsHalfAnAppend) {
  const auto log = Create("1.log");
  ASSERT_TRUE(Append(*log, "synced").ok());
  ASSERT_TRUE(Sync(*log).ok());
  disk_->Inject(
      {LossyFileSystem::Operation::kAppend, ".log", 0, false, /*partial=*/true, IOStatus::NoSpace()});
  EXPECT_TRUE(Append(*log, "12345678").IsNoSpace());
  EXPECT_EQ(Content("1.log"), "synced1234");
  ASSERT_TRUE(guard_.DropUnsynced().ok());
  EXPECT_EQ(Content("1.log"), "synced");
}

TEST_F(WalGuardTest, ASyncAfterAFailedOneCoversNothing) {
  const auto log = Create("1.log");
  ASSERT_TRUE(Append(*log, "lost").ok());
  disk_->Inject({LossyFileSystem::Operation::kSync, ".log"});
  EXPECT_FALSE(Sync(*log).ok());
  EXPECT_TRUE(Sync(*log).ok());
  ASSERT_TRUE(guard_.DropUnsynced().ok());
  EXPECT_EQ(Content("1.log"), "");
}

TEST_F(WalGuardTest, TellsWhenTheCutIsNotDurable) {
  const auto log = Create("1.log");
  ASSERT_TRUE(Append(*log, "lost").ok());
  disk_->Inject({LossyFileSystem::Operation::kSync, ".log"});
  EXPECT_FALSE(guard_.DropUnsynced().ok());
}

TEST_F(WalGuardTest, LeavesASyncedLogAndOtherFilesAlone) {
  EXPECT_TRUE(guard_.DropUnsynced().ok());
  const auto log = Create("1.log");
  ASSERT_TRUE(Append(*log, "synced").ok());
  ASSERT_TRUE(Sync(*log).ok());
  std::filesystem::create_directory(Path("copy"));
  const auto table = Create("2.sst");
  const auto copied_log = Create("copy/3.log");
  ASSERT_TRUE(Append(*table, "table").ok());
  ASSERT_TRUE(Append(*copied_log, "copy").ok());
  ASSERT_TRUE(guard_.DropUnsynced().ok());
  ASSERT_TRUE(Append(*log, " more").ok());
  EXPECT_EQ(Content("1.log"), "synced more");
  EXPECT_EQ(Content("2.sst"), "table");
  EXPECT_EQ(Content("copy/3.log"), "copy");
}

TEST_F(WalGuardTest, ActsOnTheNewestLog) {
  const auto old_log = Create("1.log");
  ASSERT_TRUE(Append(*old_log, "old").ok());
  const auto log = Create("2.log");
  ASSERT_TRUE(Append(*log, "new").ok());
  ASSERT_TRUE(guard_.DropUnsynced().ok());
  EXPECT_EQ(Content("1.log"), "old");
  EXPECT_EQ(Content("2.log"), "");
}

}  // namespace
}  // namespace waypost::store
