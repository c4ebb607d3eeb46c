#include "common/crypto/file_key_provider.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "common/crypto/memory_key_provider.h"
#include "common/crypto/testing.h"
#include "common/status/errors.h"
#include "common/testing/temp_folder.h"

namespace waypost::crypto {
namespace {

namespace fs = std::filesystem;

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

std::string ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The rules that every provider keeps, on each of them.
class AnyProvider : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      auto file = FileKeyProvider::Open({.dir = folder_ / "keys", .create = true}, clock_, random_);
      ASSERT_TRUE(file.ok()) << file.status();
      provider_ = *std::move(file);
    } else {
      provider_ = std::make_unique<MemoryKeyProvider>(random_, kStart);
    }
  }

  testing::TempFolder folder_;
  TestClock clock_{kStart};
  TestRandom random_;
  std::unique_ptr<KeyProvider> provider_;
};
INSTANTIATE_TEST_SUITE_P(Providers, AnyProvider, ::testing::Bool(),
                         [](const auto& param_info) { return param_info.param ? "File" : "Memory"; });

TEST_P(AnyProvider, BeginsWithOneCurrentKey) {
  const auto current = provider_->Current();
  ASSERT_TRUE(current.ok());
  EXPECT_EQ((*current)->id, 1U);
  EXPECT_EQ((*current)->created_at, kStart);
  EXPECT_EQ((*provider_->Get(1))->key.bytes(), (*current)->key.bytes());
  EXPECT_EQ(provider_->Get(2).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(provider_->Get(0).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(AnyProvider, RotatesEveryThirtyDays) {
  EXPECT_FALSE(provider_->RotationDue(kStart + kRotationPeriod - absl::Seconds(1)));
  EXPECT_TRUE(provider_->RotationDue(kStart + kRotationPeriod));
  const uint64_t generation = provider_->Generation();
  EXPECT_EQ(*provider_->Rotate(kStart + kRotationPeriod), 2U);
  EXPECT_NE(provider_->Generation(), generation);
  EXPECT_FALSE(provider_->RotationDue(kStart + kRotationPeriod));
  EXPECT_EQ((*provider_->Current())->id, 2U);
  EXPECT_NE((*provider_->Get(1))->key.bytes(), (*provider_->Get(2))->key.bytes());
  const auto keys = provider_->List();
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].state, KeyState::kRetired);
  EXPECT_EQ((*keys)[1].state, KeyState::kCurrent);
}

TEST_P(AnyProvider, DestroysRetiredKeysOnlyAndNotTooSoon) {
  const absl::Time long_after = kStart + kRotationPeriod;
  EXPECT_EQ(error::ReasonOf(provider_->Destroy(1, long_after)), "KEY_IN_USE");
  ASSERT_TRUE(provider_->Rotate(long_after).ok());
  EXPECT_EQ(error::ReasonOf(provider_->Destroy(1, long_after + kMinRetirement - absl::Seconds(1))),
            "KEY_IN_USE");
  EXPECT_EQ(error::ReasonOf(provider_->Destroy(2, long_after + kMinRetirement)), "KEY_IN_USE");
  EXPECT_EQ(error::ReasonOf(provider_->Destroy(3, long_after + kMinRetirement)), "KEY_IN_USE");
  EXPECT_TRUE(provider_->Destroy(1, long_after + kMinRetirement).ok());
  EXPECT_EQ(provider_->Get(1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(provider_->Destroy(1, long_after + kMinRetirement).ok());
  EXPECT_EQ(provider_->List()->size(), 1U);
  EXPECT_EQ(*provider_->Rotate(long_after), 3U);  // an id is never used again
}

TEST_P(AnyProvider, HasALimitOfKeys) {
  for (int i = 1; i < kMaxLiveKeys; ++i) ASSERT_TRUE(provider_->Rotate(kStart).ok());
  EXPECT_EQ(error::ReasonOf(provider_->Rotate(kStart).status()), "LIMIT_EXCEEDED");
}

TEST_P(AnyProvider, NodeSecretsDependOnThePurposeAndOutliveRotation) {
  const SecretKey actor = *provider_->NodeSecret("actor");
  EXPECT_NE(actor.bytes(), provider_->NodeSecret("idempotency")->bytes());
  ASSERT_TRUE(provider_->Rotate(kStart).ok());
  EXPECT_EQ(actor.bytes(), provider_->NodeSecret("actor")->bytes());
  EXPECT_FALSE(provider_->NodeSecret("").ok());
}

TEST_P(AnyProvider, PeriodSecretsMoveOnePeriodAtATime) {
  const auto now = provider_->NodePeriodSecrets("page-token", kStart);
  const auto next = provider_->NodePeriodSecrets("page-token", kStart + kSecretPeriod);
  const auto later = provider_->NodePeriodSecrets("page-token", kStart + 2 * kSecretPeriod);
  EXPECT_EQ(now->current.bytes(), next->previous.bytes());
  EXPECT_NE(now->current.bytes(), next->current.bytes());
  EXPECT_NE(now->current.bytes(), later->previous.bytes());
}

class FileKeys : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<FileKeyProvider>> Open(bool create) {
    return FileKeyProvider::Open({.dir = dir_, .data_dir = folder_ / "data", .create = create}, clock_,
                                 random_);
  }
  std::unique_ptr<FileKeyProvider> MustOpen(bool create = false) {
    auto provider = Open(create);
    EXPECT_TRUE(provider.ok()) << provider.status();
    return *std::move(provider);
  }

  testing::TempFolder folder_;
  const std::string dir_ = folder_ / "keys";
  TestClock clock_{kStart};
  TestRandom random_;
};

TEST_F(FileKeys, ArePrivateOnDisk) {
  MustOpen(true);
  EXPECT_EQ(fs::status(dir_).permissions(), fs::perms::owner_all);
  for (const auto& entry : fs::directory_iterator(dir_)) {
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << entry.path();
  }
}

TEST_F(FileKeys, OutliveTheProcess) {
  std::string key;
  std::string secret;
  {
    const auto provider = MustOpen(true);
    ASSERT_TRUE(provider->Rotate(kStart + absl::Hours(1)).ok());
    key = std::string((*provider->Current())->key.bytes());
    secret = std::string(provider->NodeSecret("actor")->bytes());
  }
  const auto provider = MustOpen();
  EXPECT_EQ((*provider->Current())->id, 2U);
  EXPECT_EQ((*provider->Current())->created_at, kStart + absl::Hours(1));
  EXPECT_EQ((*provider->Current())->key.bytes(), key);
  EXPECT_EQ(provider->NodeSecret("actor")->bytes(), secret);
  EXPECT_EQ(provider->List()->size(), 2U);
}

TEST_F(FileKeys, ALostFolderIsNotReplaced) {
  EXPECT_EQ(error::ReasonOf(Open(false).status()), "KEY_FOLDER_REFUSED");
  EXPECT_FALSE(fs::exists(dir_));
  fs::create_directory(dir_);
  fs::permissions(dir_, fs::perms::owner_all);
  EXPECT_EQ(error::ReasonOf(Open(false).status()), "KEY_FOLDER_REFUSED");
}

TEST_F(FileKeys, MustLieApartFromTheData) {
  const std::string data = folder_ / "data";
  for (const std::string& keys : {data, data + "/", data + "/keys", data + "/a/b", folder_.path(),
                                  folder_ / "data/../data/keys", folder_ / "other/../data"}) {
    EXPECT_EQ(error::ReasonOf(CheckFoldersApart(keys, data)), "KEY_FOLDER_REFUSED") << keys;
    EXPECT_EQ(FileKeyProvider::Open({.dir = keys, .data_dir = data, .create = true}, clock_, random_)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(CheckFoldersApart(folder_ / "data-keys", data).ok());
  EXPECT_TRUE(CheckFoldersApart(folder_ / "keys", data).ok());
  EXPECT_FALSE(CheckFoldersApart("", data).ok());
}

TEST_F(FileKeys, ALinkIntoTheDataIsSeenThrough) {
  fs::create_directory(folder_ / "data");
  fs::create_directory_symlink(folder_ / "data", folder_ / "elsewhere");
  EXPECT_FALSE(CheckFoldersApart(folder_ / "elsewhere/keys", folder_ / "data").ok());
  EXPECT_FALSE(CheckFoldersApart(folder_ / "data", folder_ / "elsewhere").ok());
}

TEST_F(FileKeys, AFolderOrFileOpenToOthersIsRefused) {
  MustOpen(true);
  fs::permissions(dir_, fs::perms::group_read | fs::perms::group_exec, fs::perm_options::add);
  EXPECT_EQ(error::ReasonOf(Open(false).status()), "FILE_NOT_PRIVATE");
  fs::permissions(dir_, fs::perms::owner_all);
  for (const char* name : {"node-secret", "wrapping-00000001.key", "current"}) {
    const std::string path = dir_ + "/" + name;
    fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
    EXPECT_EQ(error::ReasonOf(Open(false).status()), "FILE_NOT_PRIVATE") << name;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  }
  EXPECT_TRUE(Open(false).ok());
}

TEST_F(FileKeys, DamageIsDataLossAndNeverAnotherKey) {
  MustOpen(true);
  for (const char* name : {"node-secret", "wrapping-00000001.key", "current"}) {
    const std::string path = dir_ + "/" + name;
    const std::string whole = ContentOf(path);
    std::string flipped = whole;
    flipped[whole.find("secret ") + 7] ^= 1;
    std::string other_id = whole;
    other_id[whole.find("id ") + 3] ^= 3;
    for (const std::string& damaged :
         {std::string(), whole.substr(0, whole.size() / 2), flipped, other_id, whole + "x"}) {
      std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
      EXPECT_EQ(Open(false).status().code(), absl::StatusCode::kDataLoss) << name << " " << damaged;
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole;
  }
  fs::copy_file(dir_ + "/wrapping-00000001.key", dir_ + "/wrapping-00000002.key");
  EXPECT_EQ(Open(false).status().code(), absl::StatusCode::kDataLoss);
  fs::remove(dir_ + "/wrapping-00000002.key");
  EXPECT_TRUE(Open(false).ok());
}

TEST_F(FileKeys, MissingPartsAreRefused) {
  MustOpen(true)->Rotate(kStart).IgnoreError();
  fs::rename(dir_ + "/current", folder_ / "kept");
  EXPECT_EQ(error::ReasonOf(Open(true).status()), "KEY_FOLDER_REFUSED");
  fs::rename(folder_ / "kept", dir_ + "/current");
  fs::rename(dir_ + "/wrapping-00000002.key", folder_ / "kept");
  EXPECT_EQ(Open(true).status().code(), absl::StatusCode::kDataLoss);
  fs::rename(folder_ / "kept", dir_ + "/wrapping-00000002.key");
  fs::remove(dir_ + "/node-secret");
  EXPECT_FALSE(Open(true).ok());
}

TEST_F(FileKeys, ACrashWhileTheFirstKeysAreMadeIsMended) {
  MustOpen(true);
  fs::remove(dir_ + "/current");
  std::ofstream(dir_ + "/.tmp-00") << "half";
  EXPECT_EQ(error::ReasonOf(Open(false).status()), "KEY_FOLDER_REFUSED");
  EXPECT_EQ((*MustOpen(true)->Current())->id, 1U);
  EXPECT_FALSE(fs::exists(dir_ + "/.tmp-00"));
  EXPECT_TRUE(Open(false).ok());
}

TEST_F(FileKeys, ACrashWhileAKeyIsDestroyedIsMended) {
  MustOpen(true)->Rotate(kStart).IgnoreError();
  fs::rename(dir_ + "/wrapping-00000001.key", dir_ + "/.tmp-wrapping-00000001.key");
  const auto provider = MustOpen();
  EXPECT_EQ(provider->List()->size(), 1U);
  EXPECT_FALSE(fs::exists(dir_ + "/.tmp-wrapping-00000001.key"));
}

TEST_F(FileKeys, ADestroyedKeyIsGoneFromTheDisk) {
  const auto provider = MustOpen(true);
  fs::create_hard_link(dir_ + "/wrapping-00000001.key", folder_ / "witness");
  ASSERT_TRUE(provider->Rotate(kStart).ok());
  ASSERT_TRUE(provider->Destroy(1, kStart + kMinRetirement).ok());
  const std::string left = ContentOf(folder_ / "witness");
  EXPECT_TRUE(std::all_of(left.begin(), left.end(), [](char c) { return c == '\0'; }));
  EXPECT_EQ(MustOpen()->Get(1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileKeys, APreparedKeyIsReadableEverywhereBeforeItIsUsed) {
  const auto first = MustOpen(true);
  const auto second = MustOpen();
  EXPECT_EQ(*first->Prepare(kStart), 2U);
  EXPECT_EQ((*first->Current())->id, 1U);
  EXPECT_EQ((*first->List())[1].state, KeyState::kPrepared);
  EXPECT_TRUE(second->Get(2).ok());
  ASSERT_TRUE(second->Activate(2, kStart).ok());
  EXPECT_TRUE(second->Activate(2, kStart).ok());
  EXPECT_EQ(error::ReasonOf(second->Activate(1, kStart)), "KEY_FOLDER_REFUSED");
  EXPECT_EQ(error::ReasonOf(second->Activate(9, kStart)), "NO_SUCH_KEY");
}

TEST_F(FileKeys, AnotherProcessesRotationIsSeen) {
  const auto first = MustOpen(true);
  const auto second = MustOpen();
  ASSERT_TRUE(first->Rotate(kStart).ok());
  EXPECT_EQ((*second->Current())->id, 1U);  // its view may be a little old
  EXPECT_TRUE(second->Get(2).ok());         // but what the first wraps it can read at once
  ASSERT_TRUE(first->Rotate(kStart).ok());
  clock_.Advance(kMaxKeyViewAge + absl::Seconds(1));
  EXPECT_EQ((*second->Current())->id, 3U);
  ASSERT_TRUE(first->Destroy(1, kStart + kMinRetirement).ok());
  EXPECT_TRUE(second->Get(1).ok());
  clock_.Advance(kMaxKeyViewAge + absl::Seconds(1));
  EXPECT_EQ(second->Get(1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileKeys, ARestoredOlderFolderIsNoticed) {
  const auto provider = MustOpen(true);
  const std::string old = ContentOf(dir_ + "/current");
  ASSERT_TRUE(provider->Rotate(kStart).ok());
  std::ofstream(dir_ + "/current", std::ios::binary | std::ios::trunc) << old;
  EXPECT_EQ(error::ReasonOf(provider->Refresh()), "KEY_FOLDER_REFUSED");
  EXPECT_EQ((*provider->Current())->id, 2U);
}

TEST_F(FileKeys, AnUnreadableFolderIsBorneForAWhile) {
  const auto provider = MustOpen(true);
  fs::rename(dir_, folder_ / "away");
  clock_.Advance(absl::Minutes(4));
  EXPECT_TRUE(provider->Current().ok());
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(provider->Current().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(provider->Get(1).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(provider->RotationDue(kStart));
  fs::rename(folder_ / "away", dir_);
  EXPECT_TRUE(provider->Current().ok());
}

TEST_F(FileKeys, ProcessesRotatingAtOnceMakeDifferentKeys) {
  MustOpen(true);
  InThreads(4, [this](int) {
    const auto opened = MustOpen();
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(opened->Rotate(kStart).ok());
  });
  const auto provider = MustOpen();
  EXPECT_EQ((*provider->Current())->id, 17U);
  EXPECT_EQ(provider->List()->size(), 17U);
}

}  // namespace
}  // namespace waypost::crypto
