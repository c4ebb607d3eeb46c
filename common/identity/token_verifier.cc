#include "common/identity/token_verifier.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/status/errors.h"

namespace waypost::identity {
namespace {

// What a refused caller is told to wait at least: many wait for the same moment.
constexpr absl::Duration kSignatureRetry = absl::Milliseconds(200);

absl::Status CheckIssuers(const std::vector<TrustedIssuer>& issuers) {
  if (issuers.empty() || issuers.size() > kMaxIssuers) {
    return error::InvalidField("issuers", base::Cat("must be 1 to ", kMaxIssuers));
  }
  std::set<std::string_view> names;
  for (const TrustedIssuer& issuer : issuers) {
    if (issuer.issuer.empty() || issuer.issuer.size() > kMaxIssuerBytes || issuer.audience.empty() ||
        issuer.keys == nullptr) {
      return error::InvalidField("issuers", "need a name, an audience and keys");
    }
    if (!names.insert(issuer.issuer).second) return error::InvalidField("issuers", "names one twice");
  }
  return absl::OkStatus();
}

}  // namespace

policy::Roles TrustedIssuer::AllRoles() {
  policy::Roles all;
  for (int i = 0; i < policy::kRoleCount; ++i) all.Add(static_cast<policy::Role>(i));
  return all;
}

TokenVerifier::TokenVerifier(Options options, const base::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      cache_(options_.cache_entries),
      keys_(std::make_shared<const Keys>(options_.issuers.size())),
      signatures_(options_.signature_rate, options_.signature_rate, clock.Now()) {}

absl::StatusOr<std::unique_ptr<TokenVerifier>> TokenVerifier::Create(Options options,
                                                                     const base::Clock& clock) {
  WAYPOST_RETURN_IF_ERROR(CheckIssuers(options.issuers));
  return std::unique_ptr<TokenVerifier>(new TokenVerifier(std::move(options), clock));
}

absl::StatusOr<std::shared_ptr<const policy::Caller>> TokenVerifier::Verify(std::string_view token) {
  if (token.empty()) return error::TokenMissing();
  if (token.size() > kMaxTokenBytes) return error::TokenRefused("it is too large");
  const crypto::Hash hash = crypto::Sha256Array(token);
  const absl::Time now = clock_.Now();
  // Read before the keys are: if they change in between, the entry is of an old generation and never found.
  const uint64_t generation = generation_.load(std::memory_order_acquire);
  if (auto caller = cache_.Get(hash, generation, now); caller != nullptr) return caller;
  std::shared_ptr<const Keys> keys;
  {
    const absl::MutexLock lock(&mutex_);
    keys = keys_;
  }
  WAYPOST_ASSIGN_OR_RETURN(auto caller, VerifyAfresh(token, *keys, now));
  cache_.Put(hash, generation, caller);
  return caller;
}

absl::StatusOr<std::shared_ptr<const policy::Caller>> TokenVerifier::VerifyAfresh(std::string_view token,
                                                                                  const Keys& keys,
                                                                                  absl::Time now) {
  WAYPOST_ASSIGN_OR_RETURN(const Jws jws, ParseJws(token));
  WAYPOST_ASSIGN_OR_RETURN(const TrustedIssuer* const issuer, SignerOf(jws, keys, now));
  return Admit(jws, *issuer, now);
}

absl::Status TokenVerifier::CheckSignatureRate(absl::Time now) {
  const absl::MutexLock lock(&signatures_mutex_);
  const absl::Duration wait = signatures_.Take(now);
  if (wait == absl::ZeroDuration()) return absl::OkStatus();
  return error::WithRetry(error::Overloaded("the check of new tokens"), std::max(wait, kSignatureRetry));
}

absl::StatusOr<const TrustedIssuer*> TokenVerifier::SignerOf(const Jws& jws, const Keys& keys,
                                                             absl::Time now) {
  bool key_known = false;
  bool keys_missing = false;
  for (size_t i = 0; i < keys.size(); ++i) {
    const TrustedIssuer& issuer = options_.issuers[i];
    if (keys[i].fetched_at == absl::InfinitePast() ||
        (issuer.keys->remote() && now - keys[i].fetched_at > kMaxKeyAge)) {
      keys_missing = true;
      continue;
    }
    // Two issuers may have chosen one kid; each token is then held against both keys.
    const SigningKey* const key = keys[i].keys.Find(jws.kid);
    if (key == nullptr) continue;
    key_known = true;
    WAYPOST_RETURN_IF_ERROR(CheckSignatureRate(now));
    if (SignatureHolds(jws, *key)) return &issuer;
  }
  if (!key_known && on_unknown_key_ != nullptr) on_unknown_key_();
  if (keys_missing) return error::Unavailable("authentication", "the issuer's keys could not be fetched");
  return error::TokenRefused(key_known ? "its signature is wrong" : "it names a key that is not known");
}

absl::StatusOr<std::shared_ptr<const policy::Caller>> TokenVerifier::Admit(const Jws& jws,
                                                                           const TrustedIssuer& issuer,
                                                                           absl::Time now) const {
  WAYPOST_ASSIGN_OR_RETURN(Claims claims, ParseClaims(jws.payload));
  WAYPOST_RETURN_IF_ERROR(CheckClaims(claims, issuer.issuer, issuer.audience, now));
  if (!issuer.bodies.empty() &&
      std::find(issuer.bodies.begin(), issuer.bodies.end(), claims.body) == issuer.bodies.end()) {
    return error::TokenRefused("its issuer may not speak for that body");
  }
  if (!(claims.roles.Intersection(issuer.roles) == claims.roles)) {
    return error::TokenRefused("its issuer may not give that role");
  }
  std::string actor = ActorPseudonym(options_.actor_key, claims.body, claims.issuer, claims.subject);
  return std::make_shared<const policy::Caller>(policy::Caller{.body = std::move(claims.body),
                                                               .actor = std::move(actor),
                                                               .roles = claims.roles,
                                                               .units = std::move(claims.units),
                                                               .expires = claims.expires + kClockSkew});
}

absl::Status TokenVerifier::Refresh() {
  const absl::MutexLock refresh_lock(&refresh_mutex_);
  std::shared_ptr<const Keys> before;
  {
    const absl::MutexLock lock(&mutex_);
    before = keys_;
  }
  Keys after = *before;
  absl::Status first_error;
  bool changed = false;
  for (size_t i = 0; i < after.size(); ++i) {
    const absl::StatusOr<std::string> text = options_.issuers[i].keys->Fetch();
    absl::StatusOr<KeySet> fetched = text.ok() ? ParseKeySet(*text) : absl::StatusOr<KeySet>(text.status());
    if (!fetched.ok()) {
      first_error.Update(fetched.status());
      continue;
    }
    changed = changed || !fetched->SameAs(after[i].keys);
    after[i] = {.keys = *std::move(fetched), .fetched_at = clock_.Now()};
  }
  {
    const absl::MutexLock lock(&mutex_);
    keys_ = std::make_shared<const Keys>(std::move(after));
  }
  if (changed) {
    generation_.fetch_add(1, std::memory_order_acq_rel);
    cache_.Clear();
  }
  return first_error;
}

}  // namespace waypost::identity
