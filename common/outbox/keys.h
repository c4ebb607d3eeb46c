// Keys of the outbox inside a service's own store.
#ifndef WAYPOST_COMMON_OUTBOX_KEYS_H_
#define WAYPOST_COMMON_OUTBOX_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "common/store/keys.h"

namespace waypost::outbox {

// epoch and last position of a lane, eight big-endian bytes each.
inline std::string HeadKey(std::string_view lane) {
  return store::KeyBuilder().Text("outbox.head").Text(lane).Take();
}
// waypost.event.v1.Envelope.
inline std::string EventPrefix(std::string_view lane) {
  return store::KeyBuilder().Text("outbox.event").Text(lane).Take();
}
inline std::string EventKey(std::string_view lane, uint64_t position) {
  return store::KeyBuilder(EventPrefix(lane)).Uint(position).Take();
}
// The last position that a sink has taken, eight big-endian bytes.
inline std::string CursorPrefix(std::string_view lane) {
  return store::KeyBuilder().Text("outbox.cursor").Text(lane).Take();
}
inline std::string CursorKey(std::string_view lane, std::string_view sink) {
  return store::KeyBuilder(CursorPrefix(lane)).Text(sink).Take();
}

}  // namespace waypost::outbox

#endif  // WAYPOST_COMMON_OUTBOX_KEYS_H_
