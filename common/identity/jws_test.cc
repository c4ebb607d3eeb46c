#include "common/identity/jws.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/crypto/hash.h"
#include "common/identity/testing.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

constexpr Algorithm kAll[] = {Algorithm::kEs256, Algorithm::kEdDsa, Algorithm::kRs256, Algorithm::kPs256};

PrivateKey Key(Algorithm algorithm, std::string_view kid = "k1") {
  auto key = PrivateKey::Generate(algorithm, kid);
  EXPECT_TRUE(key.ok()) << key.status();
  return *std::move(key);
}

SigningKey PublicHalf(const PrivateKey& key) {
  return *ParseKeySet(JwksOf({&key}))->Find(key.kid());
}

const std::string kSignature64(64, 's');

TEST(Jws, EveryAlgorithmSignsAndVerifies) {
  for (const Algorithm algorithm : kAll) {
    const PrivateKey key = Key(algorithm);
    const auto token = key.Sign("{\"a\":1}");
    ASSERT_TRUE(token.ok()) << token.status();
    const auto jws = ParseJws(*token);
    ASSERT_TRUE(jws.ok()) << jws.status() << AlgorithmName(algorithm);
    EXPECT_EQ(jws->algorithm, algorithm);
    EXPECT_EQ(jws->kid, "k1");
    EXPECT_EQ(jws->payload, "{\"a\":1}");
    EXPECT_TRUE(SignatureHolds(*jws, PublicHalf(key))) << AlgorithmName(algorithm);
    EXPECT_FALSE(SignatureHolds(*jws, PublicHalf(Key(algorithm)))) << AlgorithmName(algorithm);
  }
}

// RFC 8037, appendix A.4, but for its missing kid: a signature made by others holds here.
TEST(Jws, AgreesWithAPublishedKey) {
  const auto key =
      PrivateKey::Parse(R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",)"
                        R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA","kid":"k"})");
  ASSERT_TRUE(key.ok()) << key.status();
  const auto token = key->Sign("Example of Ed25519 signing");
  ASSERT_TRUE(token.ok());
  const auto jws = ParseJws(*token);
  ASSERT_TRUE(jws.ok());
  EXPECT_TRUE(SignatureHolds(*jws, PublicHalf(*key)));
}

TEST(Jws, AKeyIsTheSameForTheSameSeed) {
  // RFC 8032, section 7.1, test 1.
  std::string seed;
  for (const int byte :
       {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
        0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60}) {
    seed.push_back(static_cast<char>(byte));
  }
  const auto key = PrivateKey::FromEd25519Seed(seed);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_NE(key->public_jwk().find("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), std::string::npos);
  EXPECT_EQ(key->public_jwk().find("\"d\""), std::string::npos);
  EXPECT_EQ(PrivateKey::FromEd25519Seed(seed)->Serialize(), key->Serialize());
  const auto token = key->Sign("{}");
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(*key->Sign("{}"), *token) << "a signature of Ed25519 is always the same";
  EXPECT_TRUE(SignatureHolds(*ParseJws(*token), PublicHalf(*key)));
  seed[0] ^= 1;
  EXPECT_NE(PrivateKey::FromEd25519Seed(seed)->kid(), key->kid());
  for (const std::string& wrong : {std::string(), seed.substr(1), seed + "x"}) {
    EXPECT_EQ(PrivateKey::FromEd25519Seed(wrong).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// One key in a hundred has a coordinate that begins with a zero.
TEST(Jws, KeysWithLeadingZerosWork) {
  const struct {
    const char* x;
    const char* y;
    const char* d;
  } numbers[] = {
      {"AGzZf611c_9EjCoJfLJdC5XPvVzwDU34X_WW_4vd1DE", "VvwQ7XVLr0QDMnTDg21S8FUi1xRjbBUOyOQCklG5deg",
       "okRoxod2RvZNbZZaLpBkRgepqtS7sMwWFuLePqeWLrk"},
      {"vAzcyuRXFZ8cyoOe3Fofe3NviBlDhwp5bPHX6jzIPGc", "AN6vINIc5hszWwgUKWEMdZxIqDbTy0wczHRR0-H75O4",
       "6jcgBMsiimWzNtUFD41HYzdOjJqkfXnv7F5rIde_EEM"},
      {"rH7oBfE95ZwHL1idwfBkLN9ihavQcYLSS2zakkvecRc", "qsZuI7TbaFaMm45kV_HlE5LGVnpgugcyIH0sR3iOKWA",
       "AKYu3D4mZHk7hn5pDpbRidR3-7tEeg17WFxHdBtSj78"}};
  for (const auto& number : numbers) {
    const auto key = PrivateKey::Parse(nlohmann::json{
        {"kty", "EC"},
        {"crv", "P-256"},
        {"x", number.x},
        {"y", number.y},
        {"d", number.d},
        {"alg", "ES256"},
        {"kid", "k1"}}.dump());
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_TRUE(SignatureHolds(*ParseJws(*key->Sign("{}")), PublicHalf(*key))) << number.x;
  }
  for (int i = 0; i < 400; ++i) {
    const auto key = PrivateKey::Generate(Algorithm::kEs256, "k1");
    ASSERT_TRUE(key.ok()) << key.status();
  }
}

// Likewise one signature in a hundred has a number that does.
TEST(Jws, SignaturesWithLeadingZerosHold) {
  const PrivateKey key = Key(Algorithm::kEs256);
  const SigningKey open = PublicHalf(key);
  for (int i = 0, found = 0; found < 3; ++i) {
    const std::string token = *key.Sign(base::Cat("{\"i\":", i, "}"));
    const std::string signature = *DecodeBase64Url(token.substr(token.rfind('.') + 1));
    ASSERT_EQ(signature.size(), 64U);
    if (signature[0] != '\0' && signature[32] != '\0') continue;
    ++found;
    EXPECT_TRUE(SignatureHolds(*ParseJws(token), open)) << token;
  }
}

TEST(Jws, EveryChangedCharacterIsRefused) {
  for (const Algorithm algorithm : kAll) {
    const PrivateKey key = Key(algorithm);
    const SigningKey open = PublicHalf(key);
    const std::string token = *key.Sign("{\"a\":1,\"b\":\"some more\"}");
    for (size_t at = 0; at < token.size(); ++at) {
      std::string changed = token;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      const auto jws = ParseJws(changed);
      EXPECT_FALSE(jws.ok() && SignatureHolds(*jws, open)) << AlgorithmName(algorithm) << " " << at;
    }
  }
}

TEST(Jws, EveryTruncationIsRefused) {
  const PrivateKey key = Key(Algorithm::kEs256);
  const SigningKey open = PublicHalf(key);
  const std::string token = *key.Sign("{\"a\":1}");
  for (size_t size = 0; size < token.size(); ++size) {
    const auto jws = ParseJws(token.substr(0, size));
    EXPECT_FALSE(jws.ok() && SignatureHolds(*jws, open)) << size;
  }
}

TEST(Jws, OtherSpellingsOfTheSameBytesAreRefused) {
  const PrivateKey key = Key(Algorithm::kEs256);
  const std::string token = *key.Sign("{\"a\":1}");
  EXPECT_FALSE(ParseJws(token + "=").ok());
  EXPECT_FALSE(ParseJws(token + "==").ok());
  EXPECT_FALSE(ParseJws(token + "\n").ok());
  EXPECT_FALSE(ParseJws(" " + token).ok());
  EXPECT_FALSE(ParseJws(token + ".").ok());
  EXPECT_FALSE(ParseJws("." + token).ok());
  std::string spaced = token;
  spaced.insert(token.find('.') + 3, " ");
  EXPECT_FALSE(ParseJws(spaced).ok());
  // 64 bytes end in a character with four stray bits: only one of its sixteen spellings is taken.
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const SigningKey open = PublicHalf(key);
  int taken = 0;
  for (const char last : alphabet) {
    std::string respelled = token;
    respelled.back() = last;
    const auto jws = ParseJws(respelled);
    if (jws.ok() && SignatureHolds(*jws, open)) ++taken;
  }
  EXPECT_EQ(taken, 1);
}

TEST(Jws, OnlyAllowedHeadersPass) {
  const auto parse = [](std::string_view header) { return ParseJws(RawToken(header, "{}", kSignature64)); };
  EXPECT_TRUE(parse(R"({"alg":"ES256","kid":"k"})").ok());
  EXPECT_TRUE(parse(R"({"alg":"ES256","kid":"k","typ":"JWT"})").ok());
  EXPECT_TRUE(parse(R"({"alg":"ES256","kid":"k","typ":"at+jwt","x5t":"AA","x5t#S256":"AA"})").ok());
  for (const char* header : {
           R"({"alg":"none","kid":"k"})",
           R"({"alg":"None","kid":"k"})",
           R"({"alg":"HS256","kid":"k"})",
           R"({"alg":"ES384","kid":"k"})",
           R"({"alg":"es256","kid":"k"})",
           R"({"alg":["ES256"],"kid":"k"})",
           R"({"alg":null,"kid":"k"})",
           R"({"kid":"k"})",
           R"({"alg":"ES256"})",
           R"({"alg":"ES256","kid":""})",
           R"({"alg":"ES256","kid":1})",
           R"({"alg":"ES256","kid":"k","kid":"j"})",
           R"({"alg":"HS256","alg":"ES256","kid":"k"})",
           R"({"alg":"ES256","kid":"k","jwk":{"kty":"EC"}})",
           R"({"alg":"ES256","kid":"k","jku":"https://evil.example/jwks"})",
           R"({"alg":"ES256","kid":"k","x5u":"https://evil.example/cert"})",
           R"({"alg":"ES256","kid":"k","x5c":["AAAA"]})",
           R"({"alg":"ES256","kid":"k","crit":["exp"]})",
           R"({"alg":"ES256","kid":"k","b64":false})",
           R"({"alg":"ES256","kid":"k","zip":"DEF"})",
           R"({"alg":"ES256","kid":"k","enc":"A256GCM"})",
           R"({"alg":"ES256","kid":"k","typ":"logout+jwt"})",
           R"({"alg":"ES256","kid":"k","typ":1})",
           R"(["ES256"])",
           "",
       }) {
    EXPECT_EQ(error::ReasonOf(parse(header).status()), "TOKEN_REFUSED") << header;
  }
  EXPECT_FALSE(parse(R"({"alg":"ES256","kid":")" + std::string(kMaxKidBytes + 1, 'k') + "\"}").ok());
}

TEST(Jws, SignaturesOfTheWrongSizeAreRefused) {
  for (const size_t size : {size_t{0}, size_t{63}, size_t{65}, size_t{96}, size_t{132}}) {
    EXPECT_FALSE(ParseJws(RawToken(R"({"alg":"ES256","kid":"k"})", "{}", std::string(size, 's'))).ok())
        << size;
    EXPECT_FALSE(ParseJws(RawToken(R"({"alg":"EdDSA","kid":"k"})", "{}", std::string(size, 's'))).ok())
        << size;
  }
  EXPECT_FALSE(ParseJws(RawToken(R"({"alg":"RS256","kid":"k"})", "{}", std::string(255, 's'))).ok());
}

TEST(Jws, ASignatureOfZerosNeverHolds) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEdDsa}) {
    const PrivateKey key = Key(algorithm);
    const std::string header = base::Cat(R"({"alg":")", AlgorithmName(algorithm), R"(","kid":"k1"})");
    const auto jws = ParseJws(RawToken(header, "{}", std::string(64, '\0')));
    ASSERT_TRUE(jws.ok());
    EXPECT_FALSE(SignatureHolds(*jws, PublicHalf(key)));
  }
}

TEST(Jws, AKeyVerifiesItsOwnAlgorithmsOnly) {
  const PrivateKey rsa = Key(Algorithm::kRs256);
  const auto jws = ParseJws(*rsa.Sign("{}"));
  ASSERT_TRUE(jws.ok());
  SigningKey open = PublicHalf(rsa);
  ASSERT_TRUE(SignatureHolds(*jws, open));
  open.algorithms = {Algorithm::kPs256};
  EXPECT_FALSE(SignatureHolds(*jws, open));
  open.algorithms = {Algorithm::kRs256, Algorithm::kPs256};
  open.kid = "another";
  EXPECT_FALSE(SignatureHolds(*jws, open));
  // An RS256 signature is none under PS256, though the key may do both.
  const std::string token = *rsa.Sign("{}");
  const std::string rest = token.substr(token.find('.'));
  const auto renamed = ParseJws(EncodeBase64Url(R"({"alg":"PS256","kid":"k1"})") + rest);
  ASSERT_TRUE(renamed.ok());
  open.kid = "k1";
  EXPECT_FALSE(SignatureHolds(*renamed, open));
}

TEST(Jws, TooLargeIsRefused) {
  const PrivateKey key = Key(Algorithm::kEs256);
  EXPECT_FALSE(ParseJws(*key.Sign(std::string(kMaxTokenBytes, 'x'))).ok());
  EXPECT_TRUE(ParseJws(*key.Sign(std::string(kMaxTokenBytes / 2, 'x'))).ok());
}

TEST(PrivateKey, IsReadAgain) {
  for (const Algorithm algorithm : kAll) {
    const PrivateKey key = Key(algorithm, "kid-1");
    const auto again = PrivateKey::Parse(key.Serialize());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->kid(), "kid-1");
    EXPECT_EQ(again->algorithm(), algorithm);
    EXPECT_EQ(again->public_jwk(), key.public_jwk());
    EXPECT_EQ(key.public_jwk().find("\"d\""), std::string::npos);
    EXPECT_EQ(PrivateKey::Parse(key.public_jwk()).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(PrivateKey::Parse("").ok());
  EXPECT_FALSE(PrivateKey::Parse(R"({"kty":"oct","k":"AAAA","d":"AAAA","alg":"ES256","kid":"k"})").ok());
}

}  // namespace
}  // namespace waypost::identity
