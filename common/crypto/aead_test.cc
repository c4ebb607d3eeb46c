#include "common/crypto/aead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/strings.h"
#include "common/crypto/random.h"
#include "common/crypto/testing.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<SecretKey> && !std::is_copy_assignable_v<SecretKey>);
static_assert(std::is_nothrow_move_constructible_v<SecretKey> && !std::is_default_constructible_v<SecretKey>);

std::string FromHex(const char* hex) {
  return absl::HexStringToBytes(hex);
}

class GivenBytes final : public base::Random {
 public:
  explicit GivenBytes(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string Bytes(size_t size) override { return bytes_.substr(0, size); }

 private:
  std::string bytes_;
};

// The Galois/Counter Mode of Operation, McGrew and Viega, test case 16.
TEST(Seal, AgreesWithThePublishedVector) {
  const auto key =
      SecretKey::FromBytes(FromHex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
  ASSERT_TRUE(key.ok());
  GivenBytes iv(FromHex("cafebabefacedbaddecaf888"));
  const std::string plaintext = FromHex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
      "f5aa"
      "0de657ba637b39");
  const std::string aad = FromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const auto sealed = Seal(*key, aad, plaintext, iv);
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(
      base::ToHex(*sealed),
      "cafebabefacedbaddecaf888"
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
      "6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
  EXPECT_EQ(*Open(*key, aad, *sealed), plaintext);
}

TEST(Seal, OpensAgainAtEverySize) {
  SystemRandom random;
  const SecretKey key = SecretKey::Generate(random);
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{500}, size_t{300'000}}) {
    const std::string plaintext(size, 'p');
    for (const std::string aad : {"", "referrals/1"}) {
      const auto sealed = Seal(key, aad, plaintext, random);
      ASSERT_TRUE(sealed.ok());
      EXPECT_EQ(sealed->size(), size + kSealOverheadBytes);
      EXPECT_EQ(*Open(key, aad, *sealed), plaintext);
    }
  }
}

TEST(Seal, TheSameTextIsNeverSealedTheSame) {
  SystemRandom random;
  const SecretKey key = SecretKey::Generate(random);
  EXPECT_NE(*Seal(key, "", "text", random), *Seal(key, "", "text", random));
}

TEST(Seal, RefusesWhatIsTooLarge) {
  SystemRandom random;
  const SecretKey key = SecretKey::Generate(random);
  const std::string large(kMaxSealBytes + 1, 'x');
  EXPECT_EQ(error::ReasonOf(Seal(key, "", large, random).status()), "LIMIT_EXCEEDED");
  EXPECT_EQ(error::ReasonOf(Seal(key, large, "", random).status()), "LIMIT_EXCEEDED");
}

TEST(Open, RefusesEveryChangedBit) {
  SystemRandom random;
  const SecretKey key = SecretKey::Generate(random);
  const std::string sealed = *Seal(key, "aad", "a reason for referral", random);
  for (size_t at = 0; at < sealed.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = sealed;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      EXPECT_EQ(Open(key, "aad", changed).status().code(), absl::StatusCode::kDataLoss) << at;
    }
  }
}

TEST(Open, RefusesEveryTruncationAndExtension) {
  SystemRandom random;
  const SecretKey key = SecretKey::Generate(random);
  const std::string sealed = *Seal(key, "aad", "text", random);
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(Open(key, "aad", sealed.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_FALSE(Open(key, "aad", sealed + "x").ok());
}

TEST(Open, RefusesAnotherKeyOrAnotherAad) {
  SystemRandom random;
  const SecretKey key = SecretKey::Generate(random);
  const SecretKey other = SecretKey::Generate(random);
  const std::string sealed = *Seal(key, "aad", "text", random);
  EXPECT_FALSE(Open(other, "aad", sealed).ok());
  EXPECT_FALSE(Open(key, "", sealed).ok());
  EXPECT_FALSE(Open(key, "aad2", sealed).ok());
  EXPECT_TRUE(Open(key, "aad", sealed).ok());  // a refusal leaves nothing behind in the context
}

TEST(SecretKey, HasExactlyThirtyTwoBytes) {
  EXPECT_FALSE(SecretKey::FromBytes("").ok());
  EXPECT_FALSE(SecretKey::FromBytes(std::string(31, 'k')).ok());
  EXPECT_FALSE(SecretKey::FromBytes(std::string(33, 'k')).ok());
  EXPECT_EQ(SecretKey::FromBytes(std::string(32, 'k'))->bytes(), std::string(32, 'k'));
}

TEST(SecretKey, DoesNotPrint) {
  const SecretKey key = *SecretKey::FromBytes(std::string(32, 'k'));
  EXPECT_EQ(testing::PrintToString(key), "<secret>");
  std::ostringstream out;
  out << key;
  EXPECT_EQ(out.str(), "<secret>");
}

TEST(SecretKey, IsWipedWhenItEnds) {
  alignas(SecretKey) unsigned char place[sizeof(SecretKey)];
  auto* const key = new (place) SecretKey(*SecretKey::FromBytes(std::string(32, 'k')));
  ASSERT_THAT(std::string(reinterpret_cast<char*>(place), sizeof(place)), testing::HasSubstr("kkkkkkkk"));
  key->~SecretKey();
  EXPECT_THAT(std::string(reinterpret_cast<char*>(place), sizeof(place)),
              testing::Not(testing::HasSubstr("kk")));
}

TEST(SecretKeyDeathTest, AMovedFromKeyIsNoKeyOfZeros) {
  SecretKey key = *SecretKey::FromBytes(std::string(32, 'k'));
  const SecretKey moved = std::move(key);
  EXPECT_EQ(moved.bytes(), std::string(32, 'k'));
  EXPECT_DEATH((void)key.bytes(), "moved from");  // NOLINT(bugprone-use-after-move): that is the point
}

TEST(SecretKey, DuplicateIsIndependent) {
  SecretKey copy = SecretKey::Generate(*std::make_unique<SystemRandom>());
  {
    const SecretKey key = *SecretKey::FromBytes(std::string(32, 'k'));
    copy = key.Duplicate();
  }
  EXPECT_EQ(copy.bytes(), std::string(32, 'k'));
}

TEST(DeriveKey, DependsOnKeyAndUse) {
  const SecretKey a = *SecretKey::FromBytes(std::string(32, 'a'));
  const SecretKey b = *SecretKey::FromBytes(std::string(32, 'b'));
  EXPECT_EQ(DeriveKey(a, "x").bytes(), DeriveKey(a, "x").bytes());
  EXPECT_NE(DeriveKey(a, "x").bytes(), DeriveKey(a, "y").bytes());
  EXPECT_NE(DeriveKey(a, "x").bytes(), DeriveKey(b, "x").bytes());
}

}  // namespace
}  // namespace waypost::crypto
