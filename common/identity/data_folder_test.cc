#include "common/identity/data_folder.h"
#include "common/crypto/private_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/crypto/random.h"
#include "common/crypto/testing.h"
#include "common/status/errors.h"
#include "common/testing/temp_folder.h"

namespace waypost::identity {
namespace {

namespace fs = std::filesystem;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class DataFolderTest : public ::testing::Test {
 protected:
  absl::StatusOr<DataFolder> Open(bool demo, bool other_issuer = false) {
    return DataFolder::Open({.dir = dir_, .demo = demo, .other_issuer = other_issuer, .now = kNow}, random_);
  }
  std::string ReasonOf(bool demo, bool other_issuer = false) {
    return error::ReasonOf(Open(demo, other_issuer).status());
  }
  void WriteStamp(const std::string& content) {
    fs::create_directories(dir_);
    fs::permissions(dir_, fs::perms::owner_all);
    std::ofstream(stamp_, std::ios::binary | std::ios::trunc) << content;
    fs::permissions(stamp_, fs::perms::owner_read | fs::perms::owner_write);
  }

  testing::TempFolder folder_;
  crypto::SystemRandom random_;
  const std::string dir_ = folder_ / "data";
  const std::string stamp_ = dir_ + "/WAYPOST";
};

TEST_F(DataFolderTest, ANewFolderIsStampedOnceAndForAll) {
  for (const bool demo : {false, true}) {
    fs::remove_all(dir_);
    EXPECT_TRUE(*DataFolder::IsUnused(dir_));
    const auto made = Open(demo);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->demo(), demo);
    EXPECT_EQ(made->created(), kNow);
    EXPECT_FALSE(*DataFolder::IsUnused(dir_));
    EXPECT_EQ(fs::status(dir_).permissions(), fs::perms::owner_all);
    const auto again = DataFolder::Open({.dir = dir_, .demo = demo, .now = kNow + absl::Hours(1)}, random_);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->created(), kNow);
  }
}

TEST_F(DataFolderTest, AnEmptyFolderIsNew) {
  fs::create_directory(dir_);
  fs::create_directory(dir_ + "/lost+found");
  std::ofstream(dir_ + "/.tmp-0123") << "half a stamp";
  EXPECT_TRUE(Open(true)->demo());
}

TEST_F(DataFolderTest, ADemoFolderNeedsDemo) {
  ASSERT_TRUE(Open(true).ok());
  EXPECT_EQ(ReasonOf(false), "DATA_FOLDER_REFUSED");
  EXPECT_EQ(ReasonOf(false, true), "DATA_FOLDER_REFUSED");
  EXPECT_TRUE(Open(true).ok());
}

TEST_F(DataFolderTest, AProductionFolderRefusesDemo) {
  ASSERT_TRUE(Open(false).ok());
  EXPECT_EQ(ReasonOf(true), "DATA_FOLDER_REFUSED");
  EXPECT_TRUE(Open(false).ok());
  EXPECT_TRUE(Open(false, true).ok());
}

TEST_F(DataFolderTest, ADemoRefusesAnyOtherIssuer) {
  EXPECT_EQ(ReasonOf(true, true), "DATA_FOLDER_REFUSED");
  EXPECT_FALSE(fs::exists(dir_));  // a refusal stamps nothing
  ASSERT_TRUE(Open(true).ok());
  EXPECT_EQ(ReasonOf(true, true), "DATA_FOLDER_REFUSED");
}

TEST_F(DataFolderTest, AFolderWithContentAndNoStampIsRefused) {
  ASSERT_TRUE(Open(true).ok());
  std::ofstream(dir_ + "/CURRENT") << "x";
  fs::remove(stamp_);  // taking the stamp away does not make it another folder
  for (const bool demo : {false, true}) EXPECT_EQ(ReasonOf(demo), "DATA_FOLDER_REFUSED") << demo;
  EXPECT_FALSE(fs::exists(stamp_));
  EXPECT_FALSE(*DataFolder::IsUnused(dir_));
}

TEST_F(DataFolderTest, ADamagedStampIsDataLoss) {
  ASSERT_TRUE(Open(true).ok());
  const std::string good = "waypost-data 2\ndemo true\ncreated 2027-01-15T08:00:00+00:00\n";
  WriteStamp(good);
  ASSERT_TRUE(Open(true).ok());
  for (const std::string& bad :
       {std::string(), std::string("\n"), good.substr(0, good.size() - 1), good + "demo false\n", good + "\n",
        std::string("waypost-data 2\ndemo yes\ncreated 2027-01-15T08:00:00+00:00\n"),
        std::string("waypost-data 2\ndemo true\ncreated yesterday\n"),
        std::string("waypost-data x\ndemo true\ncreated 2027-01-15T08:00:00+00:00\n"),
        std::string("waypost-data 2\ndemo true\n\n")}) {
    WriteStamp(bad);
    for (const bool demo : {false, true}) {
      EXPECT_EQ(Open(demo).status().code(), absl::StatusCode::kDataLoss) << bad;
    }
  }
}

TEST_F(DataFolderTest, ALaterFormatIsRefused) {
  WriteStamp("waypost-data 3\nanything\n");
  EXPECT_EQ(ReasonOf(false), "DATA_FOLDER_REFUSED");
}

TEST_F(DataFolderTest, AnEarlierFormatIsRefusedAndLeftAsItIs) {
  const std::string stamp = "waypost-data 1\ndemo false\ncreated 2027-01-15T08:00:00+00:00\n";
  WriteStamp(stamp);
  EXPECT_EQ(ReasonOf(false), "DATA_FOLDER_REFUSED");
  EXPECT_EQ(crypto::ReadPrivateFile(stamp_).value_or(""), stamp);
}

TEST_F(DataFolderTest, AStampThatOthersMayWriteIsRefused) {
  ASSERT_TRUE(Open(false).ok());
  ASSERT_EQ(::chmod(stamp_.c_str(), 0666), 0);
  EXPECT_EQ(ReasonOf(false), "FILE_NOT_PRIVATE");
  ASSERT_EQ(::chmod(stamp_.c_str(), 0600), 0);
  ASSERT_EQ(::chmod(dir_.c_str(), 0777), 0);
  EXPECT_EQ(ReasonOf(false), "DATA_FOLDER_REFUSED");
  ASSERT_EQ(::chmod(dir_.c_str(), 0755), 0);
  EXPECT_TRUE(Open(false).ok());
}

TEST_F(DataFolderTest, AFileIsNoFolder) {
  std::ofstream(dir_) << "x";
  EXPECT_FALSE(Open(false).ok());
  EXPECT_FALSE(Open(true).ok());
}

TEST_F(DataFolderTest, OfTwoThatStampAtOnceOneDecides) {
  for (int round = 0; round < 20; ++round) {
    fs::remove_all(dir_);
    std::atomic<int> opened{0};
    crypto::InThreads(4, [this, &opened](int i) {
      const bool demo = i % 2 != 0;
      const auto folder = Open(demo);
      if (!folder.ok()) return;
      EXPECT_EQ(folder->demo(), demo);
      ++opened;
    });
    EXPECT_GE(opened, 1);
    EXPECT_NE(Open(false).ok(), Open(true).ok());
  }
}

TEST_F(DataFolderTest, TheLogOfADemoSaysSo) {
  EXPECT_EQ(Open(true)->LogOrigin("node.example/2026"), "demo.node.example/2026");
  fs::remove_all(dir_);
  EXPECT_EQ(Open(false)->LogOrigin("node.example/2026"), "node.example/2026");
}

}  // namespace
}  // namespace waypost::identity
