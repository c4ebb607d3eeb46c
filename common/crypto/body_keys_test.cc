#include "common/crypto/body_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/crypto/memory_key_provider.h"
#include "common/crypto/testing.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);
constexpr std::string_view kBody = "bodies/es-fuenlabrada";
constexpr std::string_view kOther = "bodies/it-milano";

class BodyKeysTest : public testing::Test {
 protected:
  TestRandom random_;
  MemoryKeyProvider provider_{random_, kStart};
  BodyKeys keys_{provider_, random_};
};

TEST_F(BodyKeysTest, AWrapOpensForItsBodyAndRecordOnly) {
  const DataKey data_key = DataKey::Generate(random_);
  const auto wrapped = keys_.Wrap(kBody, "referrals/1", data_key);
  ASSERT_TRUE(wrapped.ok());
  EXPECT_EQ(wrapped->key_id, 1U);
  EXPECT_EQ(wrapped->bytes.size(), kWrappedKeyBytes);
  EXPECT_EQ(wrapped->bytes.find(data_key.bytes()), std::string::npos);
  EXPECT_EQ(keys_.Unwrap(kBody, "referrals/1", *wrapped)->bytes(), data_key.bytes());
  EXPECT_EQ(keys_.Unwrap(kOther, "referrals/1", *wrapped).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(keys_.Unwrap(kBody, "referrals/2", *wrapped).status().code(), absl::StatusCode::kDataLoss);
}

// What is stored must stay readable: the formats are fixed.
TEST_F(BodyKeysTest, WrapsAndLookupsFollowTheirDefinition) {
  const auto period_key = provider_.Get(1);
  const DataKey data_key = DataKey::Generate(random_);
  const WrappedKey wrapped = *keys_.Wrap("bodies/a", "referrals/1", data_key);
  const SecretKey wrap_key = DeriveKey((*period_key)->key, "waypost/wrap/bodies/a");
  const std::string aad("waypost/wrap/1\0bodies/a\0\0\0\0\1referrals/1", 14 + 1 + 8 + 1 + 4 + 11);
  EXPECT_EQ(*Open(wrap_key, aad, wrapped.bytes), data_key.bytes());

  const SecretKey lookup_key = DeriveKey((*period_key)->key, "waypost/lookup/bodies/a");
  const std::string hash = HmacSha256(lookup_key.bytes(), std::string("person\0ana", 10));
  EXPECT_EQ(*keys_.Lookup("bodies/a", "person", "ana"), std::string("\0\0\0\1", 4) + hash.substr(0, 16));
}

TEST_F(BodyKeysTest, AWrapMovedToAnotherKeyDoesNotOpen) {
  WrappedKey wrapped = *keys_.Wrap(kBody, "r", DataKey::Generate(random_));
  ASSERT_TRUE(provider_.Rotate(kStart).ok());
  wrapped.key_id = 2;
  EXPECT_EQ(keys_.Unwrap(kBody, "r", wrapped).status().code(), absl::StatusCode::kDataLoss);
  wrapped.key_id = 3;
  EXPECT_EQ(error::ReasonOf(keys_.Unwrap(kBody, "r", wrapped).status()), "KEY_DESTROYED");
  EXPECT_EQ(keys_.Unwrap(kBody, "r", {.key_id = 1, .bytes = "short"}).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(BodyKeysTest, AfterRotationTheOldWrapIsRenewedAndNeverOpensAgain) {
  const DataKey data_key = DataKey::Generate(random_);
  const WrappedKey old = *keys_.Wrap(kBody, "r", data_key);
  const WrappedKey erased = *keys_.Wrap(kBody, "erased", DataKey::Generate(random_));
  ASSERT_TRUE(provider_.Rotate(kStart).ok());
  EXPECT_TRUE(*keys_.IsRetired(old.key_id));
  EXPECT_EQ(keys_.Unwrap(kBody, "r", old)->bytes(), data_key.bytes());  // until it is renewed

  const WrappedKey renewed = *keys_.Rewrap(kBody, "r", old);
  EXPECT_EQ(renewed.key_id, 2U);
  EXPECT_FALSE(*keys_.IsRetired(renewed.key_id));
  EXPECT_EQ(error::ReasonOf(keys_.Destroy(1, kStart)), "KEY_IN_USE");
  ASSERT_TRUE(keys_.Destroy(1, kStart + kMinRetirement).ok());

  EXPECT_EQ(keys_.Unwrap(kBody, "r", renewed)->bytes(), data_key.bytes());
  for (const std::string_view record : {"r", "erased"}) {
    const absl::Status gone = keys_.Unwrap(kBody, record, record == "r" ? old : erased).status();
    EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(error::ReasonOf(gone), "KEY_DESTROYED");
  }
  // Nor in another process, whose cache is empty, nor under the key that came after.
  BodyKeys restarted(provider_, random_);
  EXPECT_FALSE(restarted.Unwrap(kBody, "erased", erased).ok());
  EXPECT_FALSE(restarted.Unwrap(kBody, "erased", {.key_id = 2, .bytes = erased.bytes}).ok());
}

TEST_F(BodyKeysTest, AKeyDestroyedElsewhereOpensNothingHere) {
  const WrappedKey old = *keys_.Wrap(kBody, "r", DataKey::Generate(random_));
  ASSERT_TRUE(keys_.Unwrap(kBody, "r", old).ok());  // now cached
  ASSERT_TRUE(provider_.Rotate(kStart).ok());
  ASSERT_TRUE(provider_.Destroy(1, kStart + kMinRetirement).ok());
  EXPECT_EQ(error::ReasonOf(keys_.Unwrap(kBody, "r", old).status()), "KEY_DESTROYED");
}

TEST_F(BodyKeysTest, LookupsAreKeyedByBodyKindAndText) {
  const std::string lookup = *keys_.Lookup(kBody, "person", "anaruiz");
  EXPECT_EQ(lookup.size(), kLookupBytes);
  EXPECT_EQ(LookupKeyId(lookup), 1U);
  EXPECT_EQ(*keys_.Lookup(kBody, "person", "anaruiz"), lookup);
  EXPECT_NE(*keys_.Lookup(kOther, "person", "anaruiz"), lookup);
  EXPECT_NE(*keys_.Lookup(kBody, "own-reference", "anaruiz"), lookup);
  EXPECT_NE(*keys_.Lookup(kBody, "person", "anaruis"), lookup);
  EXPECT_NE(*keys_.Lookup(kBody, "persona", "naruiz"), lookup);
  EXPECT_EQ(lookup.find("ana"), std::string::npos);
  EXPECT_EQ(LookupKeyId("short"), 0U);
}

TEST_F(BodyKeysTest, CandidatesCoverEveryLiveKey) {
  const std::string before = *keys_.Lookup(kBody, "person", "anaruiz");
  EXPECT_EQ(*keys_.LookupCandidates(kBody, "person", "anaruiz"), std::vector<std::string>{before});
  ASSERT_TRUE(provider_.Rotate(kStart).ok());
  const std::string after = *keys_.Lookup(kBody, "person", "anaruiz");
  EXPECT_NE(before, after);
  EXPECT_EQ(*keys_.LookupCandidates(kBody, "person", "anaruiz"), (std::vector<std::string>{after, before}));
  ASSERT_TRUE(keys_.Destroy(1, kStart + kMinRetirement).ok());
  EXPECT_EQ(*keys_.LookupCandidates(kBody, "person", "anaruiz"), std::vector<std::string>{after});
}

TEST_F(BodyKeysTest, RefusesNamesThatCouldBeMistaken) {
  const DataKey data_key = DataKey::Generate(random_);
  for (const std::string& name :
       {std::string(), std::string("a\0b", 3), std::string(kMaxBodyKeyNameBytes + 1, 'x')}) {
    EXPECT_EQ(keys_.Wrap(name, "r", data_key).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(keys_.Unwrap(name, "r", {.key_id = 1}).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(keys_.Lookup(name, "person", "x").status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(keys_.Lookup(kBody, name, "x").status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(keys_.LookupCandidates(kBody, name, "x").status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(BodyKeysTest, ASmallCacheChangesNothing) {
  BodyKeys small(provider_, random_, 1);
  const DataKey data_key = DataKey::Generate(random_);
  std::vector<WrappedKey> wraps;
  wraps.reserve(100);
  for (int i = 0; i < 100; ++i) wraps.push_back(*small.Wrap(base::Cat("bodies/b", i), "r", data_key));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(small.Unwrap(base::Cat("bodies/b", i), "r", wraps[static_cast<size_t>(i)])->bytes(),
              data_key.bytes());
  }
}

TEST_F(BodyKeysTest, ThreadsMayWrapWhileKeysRotate) {
  std::atomic<bool> stop{false};
  InThreads(4, [this, &stop](int t) {
    if (t == 0) {
      for (uint32_t i = 2; i < 40; ++i) {
        EXPECT_EQ(*provider_.Rotate(kStart), i);
        EXPECT_TRUE(keys_.Destroy(i - 1, kStart + kMinRetirement).ok());
      }
      stop = true;
    }
    const std::string body = base::Cat("bodies/b", t);
    while (!stop) {
      const DataKey data_key = DataKey::Generate(random_);
      const auto wrapped = keys_.Wrap(body, "r", data_key);
      ASSERT_TRUE(wrapped.ok());
      const auto opened = keys_.Unwrap(body, "r", *wrapped);
      // Here no retirement is kept between rotating and destroying, so a wrap may be too old already.
      if (opened.ok()) {
        EXPECT_EQ(opened->bytes(), data_key.bytes());
      } else {
        EXPECT_EQ(error::ReasonOf(opened.status()), "KEY_DESTROYED");
      }
    }
  });
}

TEST(SectionKeys, EachSectionHasItsOwn) {
  const DataKey data_key = *DataKey::FromBytes(std::string(32, 'd'));
  EXPECT_EQ(DeriveSectionKey(data_key, "screening").bytes(), DeriveSectionKey(data_key, "screening").bytes());
  EXPECT_NE(DeriveSectionKey(data_key, "screening").bytes(), DeriveSectionKey(data_key, "full").bytes());
  EXPECT_NE(DeriveSectionKey(data_key, "screening").bytes(), data_key.bytes());
}

TEST(Commitments, FollowTheirDefinition) {
  const DataKey data_key = *DataKey::FromBytes(std::string(32, 'd'));
  const std::string key = HmacSha256(data_key.bytes(), "commitment\x01");
  EXPECT_EQ(Commitment(data_key, "notes", "text"), HmacSha256(key, std::string("notes\0text", 10)));
  EXPECT_NE(Commitment(data_key, "notes", "text"), Commitment(data_key, "note", "stext"));
  EXPECT_NE(Commitment(data_key, "notes", "text"),
            Commitment(*DataKey::FromBytes(std::string(32, 'e')), "notes", "text"));
}

}  // namespace
}  // namespace waypost::crypto
