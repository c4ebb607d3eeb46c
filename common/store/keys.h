// Keys are ordered tuples: bytewise order of the encoding is the order of the tuples, element by element.
//
//   text    0x02, bytes with 0x00 written as 0x00 0xFF, then 0x00 0x01
//   uint64  0x03, eight bytes, big-endian
//   int64   0x04, eight bytes, big-endian, sign bit flipped (times in microseconds use this)
//
// A shorter tuple sorts before every tuple that it begins. Encodings are canonical: each tuple has one.
#ifndef WAYPOST_COMMON_STORE_KEYS_H_
#define WAYPOST_COMMON_STORE_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"

namespace waypost::store {

// Builds a key: KeyBuilder().Text("inbox").Text(body).Uint(2).Take(). Not thread-safe.
class KeyBuilder {
 public:
  KeyBuilder() = default;
  // Begins with an encoded prefix, which must be whole elements.
  explicit KeyBuilder(std::string prefix) : key_(std::move(prefix)) {}

  KeyBuilder& Text(std::string_view text);
  KeyBuilder& Uint(uint64_t number);
  KeyBuilder& Int(int64_t number);
  // Microsecond precision; absl::InfiniteFuture() sorts last, InfinitePast() first.
  KeyBuilder& Time(absl::Time time);

  const std::string& key() const { return key_; }
  std::string Take() { return std::move(key_); }

 private:
  std::string key_;
};

// Reads elements in order. Every method fails with DATA_LOSS when the next element is missing, of another
// kind, or not canonical. Not thread-safe; views into `key` are never kept.
class KeyParser {
 public:
  explicit KeyParser(std::string_view key) : rest_(key) {}
  absl::StatusOr<std::string> Text();
  absl::StatusOr<uint64_t> Uint();
  absl::StatusOr<int64_t> Int();
  absl::StatusOr<absl::Time> Time();
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// All keys that begin with the whole elements of `prefix`, itself included.
KeyRange PrefixRange(std::string_view prefix);

// As PrefixRange, but only what sorts after `after` (an encoded key with that prefix).
KeyRange PrefixRangeAfter(std::string_view prefix, std::string_view after);

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_KEYS_H_
