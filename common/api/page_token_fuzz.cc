// Page tokens made of arbitrary bytes, and sealed ones that were changed. Nothing is opened but what was
// sealed, and that only for the very scope that it was sealed for.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/api/page_token.h"
#include "common/crypto/random.h"

namespace {

using waypost::api::PageScope;
using waypost::api::PageTokens;
using waypost::crypto::SecretKey;

constexpr PageScope kScope = {
    .body = "bodies/a", .actor = "actors/b", .method = "ListReferrals", .query = "query"};
// Far below what makes a token longer than kMaxTokenBytes.
constexpr size_t kMaxPosition = 1024;

void Check(bool holds) {
  if (!holds) std::abort();
}

PageTokens TokensOf(char current, char previous) {
  static waypost::crypto::SystemRandom random;
  return {*SecretKey::FromBytes(std::string(waypost::crypto::kKeyBytes, current)),
          *SecretKey::FromBytes(std::string(waypost::crypto::kKeyBytes, previous)), random};
}

const PageTokens& Tokens() {
  static const PageTokens tokens = TokensOf('c', 'p');
  return tokens;
}

// Nothing is ever sealed with these keys. Apart from those of Tokens(), whose tokens the fuzzer sees.
void OpenArbitrary(std::string_view token) {
  static const PageTokens unused = TokensOf('u', 'v');
  const auto position = unused.Open(token, kScope);
  Check(token.empty() ? position.ok() && position->empty() : !position.ok());
}

// What was sealed opens for its scope and for no other.
void SealAndOpen(std::string_view position) {
  const auto token = Tokens().Seal(position, kScope);
  Check(token.ok());
  const auto opened = Tokens().Open(*token, kScope);
  Check(opened.ok() && *opened == position);
  std::array<PageScope, 4> others = {kScope, kScope, kScope, kScope};
  others[0].body = "bodies/b";
  others[1].actor = "actors/a";
  others[2].method = "ListBodies";
  others[3].query = position == kScope.query ? std::string_view() : position;
  for (const PageScope& other : others) Check(!Tokens().Open(*token, other).ok());
}

// A byte replaced or put in anywhere, or the end cut off: refused, unless it is the same token.
void OpenChanged(uint8_t where, uint8_t by, std::string_view position) {
  const auto token = Tokens().Seal(position, kScope);
  Check(token.ok());
  const size_t at = where % token->size();
  std::string replaced = *token;
  replaced[at] = static_cast<char>(by);
  Check(replaced == *token || !Tokens().Open(replaced, kScope).ok());
  std::string longer = *token;
  longer.insert(at, 1, static_cast<char>(by));
  Check(!Tokens().Open(longer, kScope).ok());
  Check(!Tokens().Open(*token + static_cast<char>(by), kScope).ok());
  Check(at == 0 || !Tokens().Open(std::string_view(*token).substr(0, at), kScope).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  OpenArbitrary(input);
  if (size < 2) return 0;
  const std::string_view position = input.substr(2, std::min(size - 2, kMaxPosition));
  SealAndOpen(position);
  OpenChanged(data[0], data[1], position);
  return 0;
}
