#include "common/crypto/private_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "common/crypto/testing.h"
#include "common/status/errors.h"
#include "common/testing/temp_folder.h"

namespace waypost::crypto {
namespace {

namespace fs = std::filesystem;

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

class PrivateFile : public ::testing::Test {
 protected:
  testing::TempFolder folder_;
  TestRandom random_;
};

TEST_F(PrivateFile, IsReadableByItsOwnerAlone) {
  ASSERT_TRUE(WritePrivateFile(folder_.path(), "a", "content", IfExists::kRefuse, random_).ok());
  EXPECT_EQ(ModeOf(folder_ / "a"), 0600U);
  EXPECT_EQ(*ReadPrivateFile(folder_ / "a"), "content");
  EXPECT_EQ(NamesIn(folder_.path())->size(), 1U);  // no temporary is left
}

TEST_F(PrivateFile, ReplacesOrRefuses) {
  ASSERT_TRUE(WritePrivateFile(folder_.path(), "a", "one", IfExists::kRefuse, random_).ok());
  EXPECT_EQ(WritePrivateFile(folder_.path(), "a", "two", IfExists::kRefuse, random_).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadPrivateFile(folder_ / "a"), "one");
  EXPECT_TRUE(WritePrivateFile(folder_.path(), "a", "two", IfExists::kReplace, random_).ok());
  EXPECT_EQ(*ReadPrivateFile(folder_ / "a"), "two");
  EXPECT_EQ(NamesIn(folder_.path())->size(), 1U);
}

TEST_F(PrivateFile, IsRefusedWhenOthersMayReadOrWriteIt) {
  ASSERT_TRUE(WritePrivateFile(folder_.path(), "a", "content", IfExists::kRefuse, random_).ok());
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U}) {
    ASSERT_EQ(::chmod((folder_ / "a").c_str(), mode), 0);
    EXPECT_EQ(error::ReasonOf(ReadPrivateFile(folder_ / "a").status()), "FILE_NOT_PRIVATE") << mode;
  }
}

TEST_F(PrivateFile, IsNoLinkNorFolder) {
  ASSERT_TRUE(WritePrivateFile(folder_.path(), "a", "content", IfExists::kRefuse, random_).ok());
  fs::create_symlink(folder_ / "a", folder_ / "link");
  EXPECT_EQ(error::ReasonOf(ReadPrivateFile(folder_ / "link").status()), "FILE_NOT_PRIVATE");
  fs::create_directory(folder_ / "sub");
  EXPECT_FALSE(ReadPrivateFile(folder_ / "sub").ok());
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(ReadPrivateFile(folder_ / "pipe").ok());
  EXPECT_EQ(ReadPrivateFile(folder_ / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(PrivateFile, HasALimit) {
  std::ofstream(folder_ / "large") << std::string(kMaxPrivateFileBytes + 1, 'x');
  ASSERT_EQ(::chmod((folder_ / "large").c_str(), 0600), 0);
  EXPECT_EQ(error::ReasonOf(ReadPrivateFile(folder_ / "large").status()), "LIMIT_EXCEEDED");
}

TEST_F(PrivateFile, DestroyOverwritesBeforeItRemoves) {
  ASSERT_TRUE(WritePrivateFile(folder_.path(), "a", "secret", IfExists::kRefuse, random_).ok());
  fs::create_hard_link(folder_ / "a", folder_ / "witness");
  ASSERT_TRUE(DestroyFile(folder_.path(), "a").ok());
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  EXPECT_EQ(*ReadPrivateFile(folder_ / "witness"), std::string(6, '\0'));
  EXPECT_TRUE(DestroyFile(folder_.path(), "a").ok());  // again is no error
}

TEST_F(PrivateFile, TemporariesOfACrashAreDestroyed) {
  std::ofstream(folder_ / ".tmp-0123") << "half a key";
  ASSERT_TRUE(WritePrivateFile(folder_.path(), "a", "content", IfExists::kRefuse, random_).ok());
  ASSERT_TRUE(DestroyTemporaries(folder_.path()).ok());
  EXPECT_EQ(*NamesIn(folder_.path()), std::vector<std::string>{"a"});
}

TEST_F(PrivateFile, AFailedWriteLeavesNothing) {
  EXPECT_EQ(WritePrivateFile(folder_ / "none", "a", "x", IfExists::kRefuse, random_).code(),
            absl::StatusCode::kNotFound);
  fs::create_directory(folder_ / "taken");
  EXPECT_FALSE(WritePrivateFile(folder_.path(), "taken", "x", IfExists::kReplace, random_).ok());
  EXPECT_EQ(NamesIn(folder_.path())->size(), 1U);
}

TEST(PrivateFolder, IsMadePrivateAndRefusedWhenItIsNot) {
  const testing::TempFolder folder;
  const std::string dir = folder / "a/b/keys";
  ASSERT_TRUE(EnsurePrivateFolder(dir).ok());
  EXPECT_EQ(ModeOf(dir), 0700U);
  EXPECT_TRUE(EnsurePrivateFolder(dir).ok());
  for (const mode_t mode : {0750U, 0705U, 0710U, 0701U, 0720U}) {
    ASSERT_EQ(::chmod(dir.c_str(), mode), 0);
    EXPECT_EQ(error::ReasonOf(EnsurePrivateFolder(dir)), "FILE_NOT_PRIVATE") << mode;
  }
  std::ofstream(folder / "file") << "x";
  EXPECT_FALSE(EnsurePrivateFolder(folder / "file").ok());
}

TEST(FolderLock, ExcludesAnotherHolderUntilItEnds) {
  const testing::TempFolder folder;
  {
    const auto first = FolderLock::Take(folder.path(), absl::ZeroDuration());
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(FolderLock::Take(folder.path(), absl::ZeroDuration()).status().code(),
              absl::StatusCode::kUnavailable);
  }
  EXPECT_TRUE(FolderLock::Take(folder.path(), absl::ZeroDuration()).ok());
}

TEST(FolderLock, MovesWithoutLettingGo) {
  const testing::TempFolder folder;
  auto first = FolderLock::Take(folder.path(), absl::ZeroDuration());
  ASSERT_TRUE(first.ok());
  const FolderLock moved = *std::move(first);
  EXPECT_FALSE(FolderLock::Take(folder.path(), absl::ZeroDuration()).ok());
}

}  // namespace
}  // namespace waypost::crypto
