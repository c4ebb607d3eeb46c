// Fixed-size integers in stored records.
#ifndef WAYPOST_COMMON_BASE_BIG_ENDIAN_H_
#define WAYPOST_COMMON_BASE_BIG_ENDIAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waypost::base {

inline void AppendBigEndian(uint64_t number, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xFF);
}

// REQUIRES: bytes.size() >= offset + 8.
inline uint64_t ReadBigEndian(std::string_view bytes, size_t offset = 0) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_BIG_ENDIAN_H_
