#include "common/store/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <variant>
#include <vector>

namespace waypost::store {
namespace {

using Element = std::variant<std::string, uint64_t, int64_t>;
using Tuple = std::vector<Element>;

std::string Encode(const Tuple& tuple) {
  KeyBuilder builder;
  for (const Element& element : tuple) {
    if (const auto* text = std::get_if<std::string>(&element)) builder.Text(*text);
    if (const auto* number = std::get_if<uint64_t>(&element)) builder.Uint(*number);
    if (const auto* number = std::get_if<int64_t>(&element)) builder.Int(*number);
  }
  return builder.Take();
}

// Decodes what it can; nullopt when it is not a whole canonical tuple.
std::optional<Tuple> Decode(std::string_view key) {
  KeyParser parser(key);
  Tuple tuple;
  size_t at = 0;
  while (!parser.AtEnd()) {
    switch (key[at]) {
      case 2: {
        const auto text = parser.Text();
        if (!text.ok()) return std::nullopt;
        tuple.emplace_back(*text);
        break;
      }
      case 3: {
        const auto number = parser.Uint();
        if (!number.ok()) return std::nullopt;
        tuple.emplace_back(*number);
        break;
      }
      case 4: {
        const auto number = parser.Int();
        if (!number.ok()) return std::nullopt;
        tuple.emplace_back(*number);
        break;
      }
      default:
        return std::nullopt;
    }
    at = Encode(tuple).size();
  }
  return tuple;
}

// Few and nasty values, so that ties, prefixes and edges are common.
Element RandomElement(std::mt19937_64& random) {
  static constexpr uint64_t kNumbers[] = {0,           1, 0xFF, 0x100, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000,
                                          ~uint64_t{0}};
  switch (random() % 3) {
    case 0: {
      static constexpr char kBytes[] = {'\0', '\x01', '\x02', 'a', '\xFE', '\xFF'};
      std::string text;
      for (size_t n = random() % 5; n > 0; --n) text.push_back(kBytes[random() % std::size(kBytes)]);
      return text;
    }
    case 1:
      return kNumbers[random() % std::size(kNumbers)];
    default:
      return static_cast<int64_t>(kNumbers[random() % std::size(kNumbers)]);
  }
}

Tuple RandomTuple(std::mt19937_64& random) {
  Tuple tuple;
  for (size_t n = random() % 4; n > 0; --n) tuple.push_back(RandomElement(random));
  return tuple;
}

// std::string compares as unsigned bytes, and a variant by its index first: the order that keys.h promises.
TEST(Keys, OrderOfEncodingsIsTheOrderOfTuples) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const Tuple a = RandomTuple(random);
    const Tuple b = RandomTuple(random);
    ASSERT_EQ(a < b, Encode(a) < Encode(b)) << i;
    ASSERT_EQ(a == b, Encode(a) == Encode(b)) << i;
  }
}

TEST(Keys, RoundTrip) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100'000; ++i) {
    const Tuple tuple = RandomTuple(random);
    ASSERT_EQ(Decode(Encode(tuple)), tuple);
  }
}

TEST(Keys, WhateverDecodesIsCanonical) {
  std::mt19937_64 random(3);
  static constexpr char kBytes[] = {'\0', '\x01', '\x02', '\x03', '\x04', 'a', '\xFF'};
  int decoded = 0;
  for (int i = 0; i < 500'000; ++i) {
    std::string bytes;
    for (size_t n = random() % 14; n > 0; --n) bytes.push_back(kBytes[random() % std::size(kBytes)]);
    const auto tuple = Decode(bytes);
    if (!tuple.has_value()) continue;
    ++decoded;
    ASSERT_EQ(Encode(*tuple), bytes);
  }
  EXPECT_GT(decoded, 1000);
}

TEST(Keys, EveryTruncationOfAnElementIsRefused) {
  const std::string text = KeyBuilder().Text(std::string("a\0b", 3)).Take();
  for (size_t size = 0; size < text.size(); ++size) {
    const auto parsed = KeyParser(std::string_view(text).substr(0, size)).Text();
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss) << size;
  }
  const std::string number = KeyBuilder().Uint(7).Take();
  for (size_t size = 0; size < number.size(); ++size) {
    EXPECT_FALSE(KeyParser(std::string_view(number).substr(0, size)).Uint().ok()) << size;
  }
}

TEST(Keys, AnElementOfAnotherKindIsRefused) {
  const std::string text = KeyBuilder().Text("12345678").Take();
  const std::string uint = KeyBuilder().Uint(1).Take();
  const std::string number = KeyBuilder().Int(1).Take();
  EXPECT_FALSE(KeyParser(text).Uint().ok());
  EXPECT_FALSE(KeyParser(text).Int().ok());
  EXPECT_FALSE(KeyParser(text).Time().ok());
  EXPECT_FALSE(KeyParser(uint).Text().ok());
  EXPECT_FALSE(KeyParser(uint).Int().ok());
  EXPECT_FALSE(KeyParser(number).Uint().ok());
  EXPECT_FALSE(KeyParser("").Text().ok());
}

TEST(Keys, ANulFollowedByAnythingElseIsRefused) {
  for (int next = 0; next < 256; ++next) {
    std::string bytes =
        "\x02"
        "a";
    bytes.push_back('\0');
    bytes.push_back(static_cast<char>(next));
    if (next == 0xFF) bytes.append({'\0', '\x01'});
    EXPECT_EQ(KeyParser(bytes).Text().ok(), next == 0x01 || next == 0xFF) << next;
  }
}

TEST(Keys, TimesSortAndKeepMicroseconds) {
  const absl::Time t = absl::FromUnixMicros(1'700'000'000'123'456);
  const std::vector<absl::Time> in_order = {absl::InfinitePast(),      absl::FromUnixMicros(-1),
                                            absl::UnixEpoch(),         t,
                                            t + absl::Microseconds(1), absl::InfiniteFuture()};
  for (size_t i = 0; i < in_order.size(); ++i) {
    const std::string key = KeyBuilder().Time(in_order[i]).Take();
    const auto parsed = KeyParser(key).Time();
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, in_order[i]);
    if (i > 0) {
      EXPECT_LT(KeyBuilder().Time(in_order[i - 1]).Take(), key);
    }
  }
  EXPECT_EQ(KeyBuilder().Time(t + absl::Nanoseconds(999)).Take(), KeyBuilder().Time(t).Take());
}

bool Contains(const KeyRange& range, std::string_view key) {
  return key >= range.begin && (range.end.empty() || key < range.end);
}

TEST(Keys, PrefixRangeHoldsExactlyWhatBeginsWithThePrefix) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 100'000; ++i) {
    const Tuple prefix = RandomTuple(random);
    Tuple key = RandomTuple(random);
    if (random() % 2 == 0) key.insert(key.begin(), prefix.begin(), prefix.end());
    const bool begins = key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
    ASSERT_EQ(Contains(PrefixRange(Encode(prefix)), Encode(key)), begins);
    const std::string after = Encode(RandomTuple(random));
    ASSERT_EQ(Contains(PrefixRangeAfter(Encode(prefix), after), Encode(key)), begins && Encode(key) > after);
  }
}

TEST(Keys, PrefixRangeOfNothingAndOfTheLastBytesHasNoEnd) {
  EXPECT_EQ(PrefixRange("").end, "");
  EXPECT_EQ(PrefixRange("\xFF\xFF").end, "");
  EXPECT_EQ(PrefixRange("a\xFF").end, "b");
}

TEST(Keys, ABuilderContinuesAPrefix) {
  const std::string prefix = KeyBuilder().Text("inbox").Take();
  EXPECT_EQ(KeyBuilder(prefix).Uint(3).Take(), KeyBuilder().Text("inbox").Uint(3).Take());
}

}  // namespace
}  // namespace waypost::store
