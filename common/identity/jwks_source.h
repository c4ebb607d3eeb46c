// Where an issuer's public keys come from.
#ifndef WAYPOST_COMMON_IDENTITY_JWKS_SOURCE_H_
#define WAYPOST_COMMON_IDENTITY_JWKS_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace waypost::identity {

// Thread-safe.
class JwksSource {
 public:
  virtual ~JwksSource() = default;
  // The key set as JSON, at most kMaxJwksBytes. May block for seconds: never called while a call is verified.
  virtual absl::StatusOr<std::string> Fetch() = 0;
  // True when the keys are those of another machine, and so must be fetched again within a day.
  virtual bool remote() const = 0;
};

// Given once.
class StaticJwksSource final : public JwksSource {
 public:
  explicit StaticJwksSource(std::string jwks) : jwks_(std::move(jwks)) {}
  absl::StatusOr<std::string> Fetch() override { return jwks_; }
  bool remote() const override { return false; }

 private:
  const std::string jwks_;
};

// A file, read at every Fetch. Replace it by renaming. UNAVAILABLE when it cannot be read.
class FileJwksSource final : public JwksSource {
 public:
  explicit FileJwksSource(std::string path) : path_(std::move(path)) {}
  absl::StatusOr<std::string> Fetch() override;
  bool remote() const override { return false; }

 private:
  const std::string path_;
};

// INVALID_ARGUMENT unless `url` is https, or http to a loopback host, without user, password or fragment.
absl::Status CheckJwksUrl(const std::string& url);

// A URL, got by libcurl with the system's certificate authorities: no redirect, bounded size and time. Only a
// 200 counts. UNAVAILABLE otherwise.
class HttpJwksSource final : public JwksSource {
 public:
  // As CheckJwksUrl.
  static absl::StatusOr<std::unique_ptr<HttpJwksSource>> Create(std::string url,
                                                                absl::Duration timeout = absl::Seconds(10));
  absl::StatusOr<std::string> Fetch() override;
  bool remote() const override { return true; }

 private:
  HttpJwksSource(std::string url, absl::Duration timeout) : url_(std::move(url)), timeout_(timeout) {}

  const std::string url_;
  const absl::Duration timeout_;
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_JWKS_SOURCE_H_
