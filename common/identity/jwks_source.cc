#include "common/identity/jwks_source.h"

#include <curl/curl.h>

#include <fstream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/listen.h"
#include "common/identity/signing_keys.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

struct Cleanup {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

void UseCurl() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(ready);
}

// One part of a URL; empty when it has none.
std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, Cleanup> owned(text);
  return owned.get();
}

// Stops the transfer, by taking less than it was given, once the text would be too large.
size_t Append(char* data, size_t size, size_t count, void* text_pointer) {
  std::string& text = *static_cast<std::string*>(text_pointer);
  if (text.size() + size * count > kMaxJwksBytes) return 0;
  text.append(data, size * count);
  return size * count;
}

absl::Status UrlRefused(std::string_view why) {
  return error::InvalidField("jwks_url", why);
}

}  // namespace

absl::StatusOr<std::string> FileJwksSource::Fetch() {
  std::ifstream in(path_, std::ios::binary);
  std::string text(kMaxJwksBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || in.gcount() == 0)
    return error::Unavailable("the key set file", base::Cat("cannot read ", path_));
  // One byte over the limit is kept, so that ParseKeySet refuses it.
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

absl::Status CheckJwksUrl(const std::string& url) {
  UseCurl();
  const std::unique_ptr<CURLU, Cleanup> parsed(curl_url());
  if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return UrlRefused("is no absolute URL");
  }
  const std::string scheme = PartOf(parsed.get(), CURLUPART_SCHEME);
  const bool loopback = IsLoopbackHost(PartOf(parsed.get(), CURLUPART_HOST));
  if (scheme != "https" && !(scheme == "http" && loopback)) return UrlRefused("must be https");
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT}) {
    if (!PartOf(parsed.get(), part).empty()) return UrlRefused("must hold no user, password or fragment");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HttpJwksSource>> HttpJwksSource::Create(std::string url,
                                                                       absl::Duration timeout) {
  WAYPOST_RETURN_IF_ERROR(CheckJwksUrl(url));
  return std::unique_ptr<HttpJwksSource>(new HttpJwksSource(std::move(url), timeout));
}

absl::StatusOr<std::string> HttpJwksSource::Fetch() {
  UseCurl();
  const std::unique_ptr<CURL, Cleanup> handle(curl_easy_init());
  if (handle == nullptr) return error::Unavailable("the key set", "libcurl failed");
  std::string text;
  CURL* const curl = handle.get();
  const auto milliseconds = static_cast<long>(absl::ToInt64Milliseconds(timeout_));
  const bool set =
      curl_easy_setopt(curl, CURLOPT_URL, url_.c_str()) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, static_cast<long>(kMaxJwksBytes)) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Append) == CURLE_OK &&
      curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text) == CURLE_OK;
  if (!set) return error::Unavailable("the key set", "libcurl failed");
  // A proxy from the environment would see what is asked of this machine itself.
  if (url_.compare(0, 5, "http:") == 0) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK) {
    return error::Unavailable(base::Cat("the key set at ", url_), curl_easy_strerror(code));
  }
  long answer = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
  if (answer != 200)
    return error::Unavailable(base::Cat("the key set at ", url_), base::Cat("HTTP ", answer));
  return text;
}

}  // namespace waypost::identity
