// For tests: an issuer that signs whatever it is told to.
#ifndef WAYPOST_COMMON_IDENTITY_TESTING_H_
#define WAYPOST_COMMON_IDENTITY_TESTING_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "common/identity/base64url.h"
#include "common/identity/jwks_source.h"
#include "common/identity/jws.h"

namespace waypost::identity {

inline constexpr std::string_view kTestIssuer = "https://issuer.example";
inline constexpr std::string_view kTestAudience = "waypost";
inline const absl::Time kTestNow = absl::FromUnixSeconds(1'800'000'000);

// Claims that are accepted at kTestNow and for an hour from then.
inline nlohmann::json TestClaims() {
  const int64_t now = absl::ToUnixSeconds(kTestNow);
  return {{"iss", kTestIssuer},
          {"aud", kTestAudience},
          {"sub", "person-1"},
          {"iat", now},
          {"nbf", now},
          {"exp", now + 3600},
          {"body", "bodies/es-fuenlabrada"},
          {"roles", {"caseworker", "supervisor"}},
          {"units", {"bodies/es-fuenlabrada/units/housing"}}};
}

inline std::string JwksOf(const std::vector<const PrivateKey*>& keys) {
  std::string jwks = "{\"keys\":[";
  for (const PrivateKey* key : keys) jwks += (jwks.back() == '[' ? "" : ",") + key->public_jwk();
  return jwks + "]}";
}

// A token with this header, payload and signature, whatever they are.
inline std::string RawToken(std::string_view header, std::string_view payload, std::string_view signature) {
  return base::Cat(EncodeBase64Url(header), ".", EncodeBase64Url(payload), ".", EncodeBase64Url(signature));
}

// Keys that the test changes. Thread-safe.
class TestJwksSource final : public JwksSource {
 public:
  explicit TestJwksSource(std::string jwks, bool remote = true) : remote_(remote), answer_(std::move(jwks)) {}
  absl::StatusOr<std::string> Fetch() override {
    const absl::MutexLock lock(&mutex_);
    ++fetches_;
    return answer_;
  }
  bool remote() const override { return remote_; }

  void Set(absl::StatusOr<std::string> answer) {
    const absl::MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }
  // Returns once Fetch has been called `count` times.
  void AwaitFetches(int count) {
    const absl::MutexLock lock(&mutex_);
    const auto done = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return fetches_ >= count; };
    mutex_.Await(absl::Condition(&done));
  }
  int fetches() const {
    const absl::MutexLock lock(&mutex_);
    return fetches_;
  }

 private:
  const bool remote_;
  mutable absl::Mutex mutex_;
  int fetches_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::StatusOr<std::string> answer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_TESTING_H_
