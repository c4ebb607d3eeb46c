#include "common/crypto/body_keys.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/crypto/openssl.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

void AppendBigEndian(std::string& out, uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>((number >> shift) & 0xFF));
}

absl::Status CheckName(std::string_view field, std::string_view name) {
  if (name.empty() || name.size() > kMaxBodyKeyNameBytes || name.find('\0') != std::string_view::npos) {
    return error::InvalidField(field, base::Cat("has 1 to ", kMaxBodyKeyNameBytes, " bytes and no NUL"));
  }
  return absl::OkStatus();
}

// The body's name ends at the NUL and the id has a fixed size, so no two wraps share an associated text.
std::string WrapAad(std::string_view body, uint32_t key_id, std::string_view aad) {
  std::string bound("waypost/wrap/1");
  bound.push_back('\0');
  bound.append(body);
  bound.push_back('\0');
  AppendBigEndian(bound, key_id);
  bound.append(aad);
  return bound;
}

std::string LookupUnder(const SecretKey& key, uint32_t key_id, std::string_view kind, std::string_view text) {
  std::string input(kind);
  input.push_back('\0');
  input.append(text);
  const Hash hash = HmacSha256Array(key.bytes(), input);
  Wipe(input);
  std::string lookup;
  lookup.reserve(kLookupBytes);
  AppendBigEndian(lookup, key_id);
  lookup.append(AsText(hash).substr(0, kLookupHashBytes));
  return lookup;
}

absl::Status Destroyed(uint32_t key_id, const absl::Status& status) {
  if (status.code() != absl::StatusCode::kNotFound) return status;
  return error::Make(absl::StatusCode::kNotFound, "KEY_DESTROYED",
                     base::Cat("wrapping key ", key_id, " was destroyed: what it opened is erased"),
                     {{"key_id", base::Cat(key_id)}});
}

}  // namespace

BodyKeys::BodyKeys(KeyProvider& provider, base::Random& random, size_t cache_entries)
    : provider_(provider), random_(random), shard_limit_(std::max<size_t>(1, cache_entries / kShards)) {}

std::shared_ptr<const BodyKeys::Derived> BodyKeys::Derive(const WrappingKey& key, std::string_view body) {
  return std::make_shared<const Derived>(
      Derived{.wrap = DeriveKey(key.key, base::Cat("waypost/wrap/", body)),
              .lookup = DeriveKey(key.key, base::Cat("waypost/lookup/", body))});
}

void BodyKeys::ForgetDestroyed() {
  const uint64_t generation = provider_.Generation();
  if (generation_.load(std::memory_order_acquire) == generation) return;
  const absl::StatusOr<std::vector<KeyInfo>> live = provider_.List();
  for (Shard& shard : shards_) {
    const absl::MutexLock lock(&shard.mutex);
    absl::erase_if(shard.entries, [&live](const auto& entry) {
      return !live.ok() || std::none_of(live->begin(), live->end(), [&entry](const KeyInfo& info) {
        return info.id == entry.first.first;
      });
    });
  }
  generation_.store(generation, std::memory_order_release);
}

std::shared_ptr<const BodyKeys::Derived> BodyKeys::DerivedFor(const WrappingKey& key, std::string_view body) {
  const uint64_t generation = provider_.Generation();
  CacheKey cache_key(key.id, body);
  Shard& shard = shards_[absl::HashOf(cache_key) % kShards];
  {
    const absl::MutexLock lock(&shard.mutex);
    const auto found = shard.entries.find(cache_key);
    if (found != shard.entries.end()) return found->second;
  }
  std::shared_ptr<const Derived> derived = Derive(key, body);
  const absl::MutexLock lock(&shard.mutex);
  // Full: any one goes; deriving it again costs a few microseconds.
  if (shard.entries.size() >= shard_limit_) shard.entries.erase(shard.entries.begin());
  shard.entries.insert_or_assign(std::move(cache_key), derived);
  // The key may have been destroyed meanwhile: look through the cache again at the next call.
  if (provider_.Generation() != generation) generation_.store(0, std::memory_order_release);
  return derived;
}

absl::StatusOr<std::shared_ptr<const BodyKeys::Derived>> BodyKeys::DerivedFor(uint32_t key_id,
                                                                              std::string_view body) {
  // Get asks the provider each time, so a key destroyed there opens nothing here, cached or not.
  const auto key = provider_.Get(key_id);
  ForgetDestroyed();
  if (!key.ok()) return Destroyed(key_id, key.status());
  return DerivedFor(**key, body);
}

absl::StatusOr<WrappedKey> BodyKeys::Wrap(std::string_view body, std::string_view aad,
                                          const DataKey& data_key) {
  WAYPOST_RETURN_IF_ERROR(CheckName("body", body));
  WAYPOST_ASSIGN_OR_RETURN(const auto current, provider_.Current());
  ForgetDestroyed();
  const auto derived = DerivedFor(*current, body);
  WAYPOST_ASSIGN_OR_RETURN(std::string bytes,
                           Seal(derived->wrap, WrapAad(body, current->id, aad), data_key.bytes(), random_));
  return WrappedKey{.key_id = current->id, .bytes = std::move(bytes)};
}

absl::StatusOr<DataKey> BodyKeys::Unwrap(std::string_view body, std::string_view aad,
                                         const WrappedKey& wrapped) {
  WAYPOST_RETURN_IF_ERROR(CheckName("body", body));
  WAYPOST_ASSIGN_OR_RETURN(const auto derived, DerivedFor(wrapped.key_id, body));
  if (wrapped.bytes.size() != kWrappedKeyBytes) return error::DataLoss("a wrapped key of the wrong size");
  WAYPOST_ASSIGN_OR_RETURN(std::string bytes,
                           Open(derived->wrap, WrapAad(body, wrapped.key_id, aad), wrapped.bytes));
  absl::StatusOr<DataKey> key = DataKey::FromBytes(bytes);
  Wipe(bytes);
  return key;
}

absl::StatusOr<WrappedKey> BodyKeys::Rewrap(std::string_view body, std::string_view aad,
                                            const WrappedKey& wrapped) {
  WAYPOST_ASSIGN_OR_RETURN(const DataKey data_key, Unwrap(body, aad, wrapped));
  return Wrap(body, aad, data_key);
}

absl::StatusOr<bool> BodyKeys::IsRetired(uint32_t key_id) {
  WAYPOST_ASSIGN_OR_RETURN(const auto current, provider_.Current());
  return key_id < current->id;
}

absl::StatusOr<std::string> BodyKeys::Lookup(std::string_view body, std::string_view kind,
                                             std::string_view normalised_text) {
  WAYPOST_RETURN_IF_ERROR(CheckName("body", body));
  WAYPOST_RETURN_IF_ERROR(CheckName("kind", kind));
  WAYPOST_ASSIGN_OR_RETURN(const auto current, provider_.Current());
  ForgetDestroyed();
  return LookupUnder(DerivedFor(*current, body)->lookup, current->id, kind, normalised_text);
}

absl::StatusOr<std::vector<std::string>> BodyKeys::LookupCandidates(std::string_view body,
                                                                    std::string_view kind,
                                                                    std::string_view normalised_text) {
  WAYPOST_RETURN_IF_ERROR(CheckName("body", body));
  WAYPOST_RETURN_IF_ERROR(CheckName("kind", kind));
  WAYPOST_ASSIGN_OR_RETURN(std::vector<KeyInfo> live, provider_.List());
  std::stable_partition(live.begin(), live.end(),
                        [](const KeyInfo& info) { return info.state == KeyState::kCurrent; });
  std::vector<std::string> candidates;
  for (const KeyInfo& info : live) {
    const auto derived = DerivedFor(info.id, body);
    // Destroyed since it was listed: no row under it is left.
    if (derived.status().code() == absl::StatusCode::kNotFound) continue;
    if (!derived.ok()) return derived.status();
    candidates.push_back(LookupUnder((*derived)->lookup, info.id, kind, normalised_text));
  }
  return candidates;
}

absl::Status BodyKeys::Destroy(uint32_t key_id, absl::Time now) {
  WAYPOST_RETURN_IF_ERROR(provider_.Destroy(key_id, now));
  ForgetDestroyed();
  return absl::OkStatus();
}

SecretKey DeriveSectionKey(const DataKey& data_key, std::string_view section) {
  return DeriveKey(data_key, base::Cat("waypost/section/", section));
}

std::string Commitment(const DataKey& data_key, std::string_view name, std::string_view plaintext) {
  return CommitmentUnder(CommitmentKey(data_key), name, plaintext);
}

SecretKey CommitmentKey(const DataKey& data_key) {
  return DeriveKey(data_key, "commitment");
}

std::string CommitmentUnder(const SecretKey& commitment_key, std::string_view name,
                            std::string_view plaintext) {
  internal::Require(name.find('\0') == std::string_view::npos, "a commitment's name holds a NUL");
  std::string input;
  input.reserve(name.size() + 1 + plaintext.size());
  input.append(name).push_back('\0');
  input.append(plaintext);
  std::string commitment = HmacSha256(commitment_key.bytes(), input);
  Wipe(input);
  return commitment;
}

uint32_t LookupKeyId(std::string_view lookup) {
  if (lookup.size() != kLookupBytes) return 0;
  uint32_t id = 0;
  for (size_t i = 0; i < kLookupIdBytes; ++i) id = (id << 8) | static_cast<uint8_t>(lookup[i]);
  return id;
}

}  // namespace waypost::crypto
