#include "common/store/keys.h"

#include <limits>

#include "common/status/errors.h"

namespace waypost::store {
namespace {

constexpr char kTextTag = 0x02;
constexpr char kUintTag = 0x03;
constexpr char kIntTag = 0x04;
constexpr char kEscapedNul = '\xFF';
constexpr char kTextEnd = 0x01;
constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr size_t kNumberBytes = 8;

void AppendBigEndian(uint64_t number, std::string& key) {
  char bytes[kNumberBytes];
  for (size_t i = 0; i < kNumberBytes; ++i) {
    bytes[i] = static_cast<char>(number >> (8 * (kNumberBytes - 1 - i)));
  }
  key.append(bytes, kNumberBytes);
}

// Takes a tag and eight bytes off `rest`, or nothing.
bool TakeNumber(char tag, std::string_view& rest, uint64_t& number) {
  if (rest.size() < 1 + kNumberBytes || rest[0] != tag) return false;
  number = 0;
  for (size_t i = 1; i <= kNumberBytes; ++i) {
    number = number << 8 | static_cast<unsigned char>(rest[i]);
  }
  rest.remove_prefix(1 + kNumberBytes);
  return true;
}

}  // namespace

KeyBuilder& KeyBuilder::Text(std::string_view text) {
  key_.reserve(key_.size() + text.size() + 3);
  key_.push_back(kTextTag);
  while (true) {
    const size_t nul = text.find('\0');
    if (nul == std::string_view::npos) break;
    key_.append(text.substr(0, nul + 1));
    key_.push_back(kEscapedNul);
    text.remove_prefix(nul + 1);
  }
  key_.append(text);
  key_.push_back('\0');
  key_.push_back(kTextEnd);
  return *this;
}

KeyBuilder& KeyBuilder::Uint(uint64_t number) {
  key_.push_back(kUintTag);
  AppendBigEndian(number, key_);
  return *this;
}

KeyBuilder& KeyBuilder::Int(int64_t number) {
  key_.push_back(kIntTag);
  AppendBigEndian(static_cast<uint64_t>(number) ^ kSignBit, key_);
  return *this;
}

// ToUnixMicros maps the infinite times to the ends of int64.
KeyBuilder& KeyBuilder::Time(absl::Time time) {
  return Int(absl::ToUnixMicros(time));
}

absl::StatusOr<std::string> KeyParser::Text() {
  if (rest_.empty() || rest_[0] != kTextTag) return error::DataLoss("key: text expected");
  std::string text;
  size_t from = 1;
  while (true) {
    const size_t nul = rest_.find('\0', from);
    if (nul == std::string_view::npos || nul + 1 == rest_.size()) {
      return error::DataLoss("key: text without an end");
    }
    const char next = rest_[nul + 1];
    if (next == kTextEnd) {
      text.append(rest_.substr(from, nul - from));
      rest_.remove_prefix(nul + 2);
      return text;
    }
    if (next != kEscapedNul) return error::DataLoss("key: text is not canonical");
    text.append(rest_.substr(from, nul + 1 - from));
    from = nul + 2;
  }
}

absl::StatusOr<uint64_t> KeyParser::Uint() {
  uint64_t number = 0;
  if (!TakeNumber(kUintTag, rest_, number)) return error::DataLoss("key: uint64 expected");
  return number;
}

absl::StatusOr<int64_t> KeyParser::Int() {
  uint64_t number = 0;
  if (!TakeNumber(kIntTag, rest_, number)) return error::DataLoss("key: int64 expected");
  return static_cast<int64_t>(number ^ kSignBit);
}

absl::StatusOr<absl::Time> KeyParser::Time() {
  uint64_t number = 0;
  if (!TakeNumber(kIntTag, rest_, number)) return error::DataLoss("key: time expected");
  const auto micros = static_cast<int64_t>(number ^ kSignBit);
  if (micros == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  if (micros == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  return absl::FromUnixMicros(micros);
}

KeyRange PrefixRange(std::string_view prefix) {
  KeyRange range{std::string(prefix), std::string(prefix)};
  while (!range.end.empty() && range.end.back() == '\xFF') range.end.pop_back();
  if (!range.end.empty())
    range.end.back() = static_cast<char>(static_cast<unsigned char>(range.end.back()) + 1);
  return range;
}

KeyRange PrefixRangeAfter(std::string_view prefix, std::string_view after) {
  KeyRange range = PrefixRange(prefix);
  if (after >= prefix) {
    range.begin.assign(after);
    range.begin.push_back('\0');
  }
  return range;
}

}  // namespace waypost::store
