// Any bytes are either refused by the key parser, or encode again to exactly themselves: encodings are
// canonical. The first input byte chooses which elements the parser is asked for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/store/keys.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// Reads elements as `kinds` says, two bits each, until one is refused or the key ends.
void ParseAndRebuild(uint8_t kinds, std::string_view key) {
  waypost::store::KeyParser parser(key);
  waypost::store::KeyBuilder rebuilt;
  for (int element = 0; !parser.AtEnd(); ++element) {
    switch ((kinds >> (2 * (element % 4))) & 3) {
      case 0: {
        const auto text = parser.Text();
        if (!text.ok()) return;
        rebuilt.Text(*text);
        break;
      }
      case 1: {
        const auto number = parser.Uint();
        if (!number.ok()) return;
        rebuilt.Uint(*number);
        break;
      }
      case 2: {
        const auto number = parser.Int();
        if (!number.ok()) return;
        rebuilt.Int(*number);
        break;
      }
      default: {
        const auto time = parser.Time();
        if (!time.ok()) return;
        rebuilt.Time(*time);
        break;
      }
    }
  }
  Check(rebuilt.key() == key);
}

// Every string is a valid text: it encodes, reads back, and lies in the range of its own prefix.
void BuildAndParse(std::string_view text) {
  const std::string key = waypost::store::KeyBuilder().Text(text).Take();
  waypost::store::KeyParser parser(key);
  const auto read = parser.Text();
  Check(read.ok() && *read == text && parser.AtEnd());
  const waypost::store::KeyRange range = waypost::store::PrefixRange(key);
  Check(range.begin <= key && key < range.end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  ParseAndRebuild(data[0], rest);
  BuildAndParse(rest);
  return 0;
}
