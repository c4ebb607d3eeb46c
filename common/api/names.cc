#include "common/api/names.h"

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "common/crypto/hash.h"
#include "common/status/errors.h"

namespace waypost::api {
namespace {

bool IsLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Crockford's base 32 without i, l, o and u, which people misread.
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kTimeCharacters = 10;
constexpr size_t kRandomCharacters = 16;
constexpr size_t kMarkCharacters = 8;

// The owner's part of an id that a client makes: 40 bits, five to a character, the highest first.
std::string MarkOf(std::string_view owner) {
  const std::string hash = crypto::Sha256(base::Cat("waypost-id\n", owner));
  uint64_t bits = 0;
  for (size_t i = 0; i < 5; ++i) bits = bits << 8 | static_cast<unsigned char>(hash[i]);
  std::string mark(kMarkCharacters, '0');
  for (size_t i = kMarkCharacters; i > 0; --i) {
    mark[i - 1] = kAlphabet[bits & 31];
    bits >>= 5;
  }
  return mark;
}

std::optional<std::vector<std::string>> SplitName(std::string_view name,
                                                  const std::vector<std::string_view>& collections) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < collections.size(); ++i) {
    const std::string_view collection = collections[i];
    if (name.substr(0, collection.size()) != collection) return std::nullopt;
    name.remove_prefix(collection.size());
    if (name.empty() || name.front() != '/') return std::nullopt;
    name.remove_prefix(1);
    const bool last = i + 1 == collections.size();
    const size_t end = last ? name.size() : name.find('/');
    if (end == std::string_view::npos || !IsId(name.substr(0, end))) return std::nullopt;
    ids.emplace_back(name.substr(0, end));
    name.remove_prefix(last ? end : end + 1);
  }
  return ids;
}

}  // namespace

bool IsId(std::string_view id) {
  return id.size() >= 2 && id.size() <= kMaxIdLength && IsLowerOrDigit(id.front()) &&
         IsLowerOrDigit(id.back()) &&
         std::all_of(id.begin(), id.end(), [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

absl::StatusOr<std::vector<std::string>> ParseName(std::string_view name,
                                                   const std::vector<std::string_view>& collections,
                                                   std::string_view field) {
  auto ids = SplitName(name, collections);
  if (ids.has_value()) return *std::move(ids);
  std::string pattern;
  for (const std::string_view collection : collections) {
    pattern += base::Cat(pattern.empty() ? "" : "/", collection, "/{id}");
  }
  return error::InvalidField(field,
                             base::Cat("must be a name of the form ", pattern,
                                       " with ids of 2 to 63 lower-case letters, digits and inner hyphens"));
}

bool IsName(std::string_view name, const std::vector<std::string_view>& collections) {
  return SplitName(name, collections).has_value();
}

std::string NewId(absl::Time now, base::Random& random) {
  std::string id(kTimeCharacters + kRandomCharacters, '0');
  auto millis = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(now)));
  for (size_t i = kTimeCharacters; i > 0; --i) {
    id[i - 1] = kAlphabet[millis & 31];
    millis >>= 5;
  }
  const std::string bytes = random.Bytes(kRandomCharacters);
  for (size_t i = 0; i < kRandomCharacters; ++i) {
    id[kTimeCharacters + i] = kAlphabet[static_cast<unsigned char>(bytes[i]) & 31];
  }
  return id;
}

std::string NewIdOf(absl::Time now, base::Random& random, std::string_view owner) {
  std::string id = NewId(now, random);
  return id.replace(id.size() - kMarkCharacters, kMarkCharacters, MarkOf(owner));
}

std::optional<absl::Time> TimeOfIdOf(std::string_view id, std::string_view owner) {
  if (id.size() != kTimeCharacters + kRandomCharacters) return std::nullopt;
  uint64_t millis = 0;
  for (size_t i = 0; i < id.size(); ++i) {
    const size_t digit = kAlphabet.find(id[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (i < kTimeCharacters) millis = millis << 5 | digit;
  }
  if (id.substr(id.size() - kMarkCharacters) != MarkOf(owner)) return std::nullopt;
  return absl::FromUnixMillis(static_cast<int64_t>(millis));
}

}  // namespace waypost::api
