// From a bearer token to a caller. Tokens are verified here, with keys fetched beforehand; no call waits for
// another server.
#ifndef WAYPOST_COMMON_IDENTITY_TOKEN_VERIFIER_H_
#define WAYPOST_COMMON_IDENTITY_TOKEN_VERIFIER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/rate_bucket.h"
#include "common/crypto/aead.h"
#include "common/identity/caller_cache.h"
#include "common/identity/claims.h"
#include "common/identity/jwks_source.h"
#include "common/identity/jws.h"
#include "common/identity/signing_keys.h"
#include "common/policy/policy.h"

namespace waypost::identity {

inline constexpr size_t kMaxIssuers = 16;
// Signatures checked a second unless it is set otherwise, and how many may be checked at once.
inline constexpr int kSignatureRate = 2000;
// The keys of a remote issuer are believed this long after they were last fetched, so that who can cut us off
// from an issuer cannot keep a key alive that it has revoked.
inline constexpr absl::Duration kMaxKeyAge = absl::Hours(24);

// Who may sign tokens, and for whom.
struct TrustedIssuer {
  std::string issuer;    // what "iss" must be, exactly
  std::string audience;  // what "aud" must hold
  std::shared_ptr<JwksSource> keys;
  // The bodies it may speak for; empty: every body. On a node shared by bodies with providers of their own,
  // name them: a provider could otherwise speak for its neighbours.
  std::vector<std::string> bodies = {};
  // The roles it may give. A token with any other is refused.
  policy::Roles roles = AllRoles();

  static policy::Roles AllRoles();
};

// Thread-safe.
class TokenVerifier {
 public:
  struct Options {
    std::vector<TrustedIssuer> issuers;
    // KeyProvider::NodeSecret("actor"): the key of the actors' pseudonyms.
    crypto::SecretKey actor_key;
    size_t cache_entries = 16'384;
    // Signatures checked a second. Anybody can send tokens that are new and good for nothing: beyond this
    // they are not looked at, and neither are good ones that are new. Those in the cache go on.
    double signature_rate = kSignatureRate;
  };

  // INVALID_ARGUMENT for no issuer, too many, one twice, or an empty issuer, audience or source. Fetches
  // nothing: until the first Refresh succeeds every token is answered UNAVAILABLE. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<TokenVerifier>> Create(Options options, const base::Clock& clock);

  // The caller, when the token's signature holds under a key of a trusted issuer and its claims pass
  // (claims.h). A token seen before costs one hash and one look-up.
  //   UNAUTHENTICATED / TOKEN_MISSING, TOKEN_REFUSED   as error::TokenMissing, error::TokenRefused
  //   UNAVAILABLE                                      no keys yet, or those of a remote issuer are too old
  //   RESOURCE_EXHAUSTED / OVERLOADED                  too many signatures were checked in the last second
  // `expires` of the caller is the token's, and the clock skew that it was allowed.
  absl::StatusOr<std::shared_ptr<const policy::Caller>> Verify(std::string_view token);

  // Fetches every issuer's keys. Blocks; see KeyRefresher. An issuer whose keys cannot be fetched or are
  // refused keeps those it had; the first such error is returned after all were tried. Any change of keys
  // empties the cache, so that a revoked key verifies nothing any more.
  absl::Status Refresh();

  // `hook` is called, on the thread that verifies, when a token names an unknown key. It must only take note.
  // Set it before the first Verify.
  void OnUnknownKey(absl::AnyInvocable<void() const> hook) { on_unknown_key_ = std::move(hook); }

  size_t cached() const { return cache_.size(); }

 private:
  struct IssuerKeys {
    KeySet keys;
    absl::Time fetched_at = absl::InfinitePast();  // InfinitePast: never
  };
  using Keys = std::vector<IssuerKeys>;  // in the order of options_.issuers

  TokenVerifier(Options options, const base::Clock& clock);

  absl::StatusOr<std::shared_ptr<const policy::Caller>> VerifyAfresh(std::string_view token, const Keys& keys,
                                                                     absl::Time now);
  // OVERLOADED when no more signatures may be checked now.
  absl::Status CheckSignatureRate(absl::Time now);
  // The issuer whose key the signature holds under.
  absl::StatusOr<const TrustedIssuer*> SignerOf(const Jws& jws, const Keys& keys, absl::Time now);
  absl::StatusOr<std::shared_ptr<const policy::Caller>> Admit(const Jws& jws, const TrustedIssuer& issuer,
                                                              absl::Time now) const;

  const Options options_;
  const base::Clock& clock_;
  absl::AnyInvocable<void() const> on_unknown_key_;
  CallerCache cache_;
  std::atomic<uint64_t> generation_{1};  // of keys_; raised after keys_ has changed

  absl::Mutex refresh_mutex_;  // one Refresh at a time
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Keys> keys_ ABSL_GUARDED_BY(mutex_);
  absl::Mutex signatures_mutex_;
  base::RateBucket signatures_ ABSL_GUARDED_BY(signatures_mutex_);
};

}  // namespace waypost::identity

#endif  // WAYPOST_COMMON_IDENTITY_TOKEN_VERIFIER_H_
