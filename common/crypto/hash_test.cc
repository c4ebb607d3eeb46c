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

TEST(Sha256Stream, PiecesAndWholeAgree) {
  Sha256Stream stream;
  EXPECT_EQ(AsText(stream.Digest()), Sha256(""));
  stream.Update("a");
  stream.Update("");
  EXPECT_EQ(AsText(stream.Digest()), Sha256("a"));
  stream.Update("bc");
  EXPECT_EQ(AsText(stream.Digest()), Sha256("abc"));
  Sha256Stream moved = std::move(stream);
  moved.Update("d");
  EXPECT_EQ(AsText(moved.Digest()), Sha256("abcd"));
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

// RFC 5869, case 3: no salt, no info; then the first block's relation to longer output.
TEST(Hkdf, AgreesWithRfc5869) {
  EXPECT_EQ(ToHex(HkdfSha256(std::string(22, '\x0b'), "", 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  const std::string key = FromHex("000102030405");
  EXPECT_EQ(HkdfSha256(key, "x", 100).substr(0, 40), HkdfSha256(key, "x", 40));
  EXPECT_NE(HkdfSha256(key, "x", 32), HkdfSha256(key, "y", 32));
  // The expansion is the half of HKDF that follows the extraction.
  const std::string extracted = HmacSha256(std::string(kHashBytes, '\0'), key);
  EXPECT_EQ(AsText(HkdfExpandKey(extracted, "x")), HkdfSha256(key, "x", kHashBytes));
  EXPECT_DEATH(HkdfExpandKey("short", "x"), "too short");
  EXPECT_EQ(HkdfSha256(key, "x", 0), "");
  EXPECT_EQ(HkdfSha256(key, "x", kMaxHkdfBytes).size(), kMaxHkdfBytes);
}

TEST(HkdfDeathTest, RefusesMoreThanTheStandardAllows) {
  EXPECT_DEATH(HkdfSha256("key", "x", kMaxHkdfBytes + 1), "too much");
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
