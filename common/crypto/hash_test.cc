#include "common/crypto/hash.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "common/base/strings.h"
#include "common/crypto/testing.h"

namespace waypost::crypto {
namespace {

using base::ToHex;

std::string FromHex(const char* hex) {
  return absl::HexStringToBytes(hex);
}

TEST(Sha256, AgreesWithFips180Examples) {
  EXPECT_EQ(ToHex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256(std::string_view())), ToHex(Sha256("")));
  EXPECT_EQ(AsText(Sha256Array("abc")), Sha256("abc"));
}

// RFC 4231, cases 1, 2, 3 and 6 (a key longer than a block).
TEST(Hmac, AgreesWithRfc4231) {
  EXPECT_EQ(ToHex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacSha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(
      ToHex(HmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, AnEmptyKeyIsAKeyAndNotTheOneBefore) {
  const std::string expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
  EXPECT_EQ(ToHex(HmacSha256("", "")), expected);
  HmacSha256("another", "text");
  EXPECT_EQ(ToHex(HmacSha256(std::string_view(), std::string_view())), expected);
}

// RFC 5869, case 1: its pseudorandom key and info, and the first block of its output.
TEST(Hkdf, ExpandsAsRfc5869) {
  const std::string key = FromHex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  EXPECT_EQ(ToHex(AsText(HkdfExpandKey(key, FromHex("f0f1f2f3f4f5f6f7f8f9")))),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
  EXPECT_NE(HkdfExpandKey(key, "x"), HkdfExpandKey(key, "y"));
}

TEST(HkdfDeathTest, RefusesAKeyThatCannotBeUniformlyRandom) {
  EXPECT_DEATH(HkdfExpandKey("short", "x"), "too short");
}

TEST(ConstantTimeEquals, ComparesSizeAndContent) {
  EXPECT_TRUE(ConstantTimeEquals("", std::string_view()));
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
}

TEST(Wipe, Empties) {
  std::string secret = "secret";
  Wipe(secret);
  EXPECT_TRUE(secret.empty());
}

TEST(Hash, ThreadsDoNotDisturbEachOther) {
  InThreads(4, [](int) {
    const std::string hash = Sha256("abc");
    const std::string mac = HmacSha256("Jefe", "what do ya want for nothing?");
    for (int i = 0; i < 500; ++i) {
      EXPECT_EQ(Sha256("abc"), hash);
      EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"), mac);
    }
  });
}

}  // namespace
}  // namespace waypost::crypto
