#include "common/telemetry/trace.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waypost::telemetry {
namespace {

constexpr size_t kTraceparentSize = 55;  // 00-<32>-<16>-<2>

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool AllZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

bool IsTraceparent(std::string_view header) {
  return header.size() == kTraceparentSize && header.substr(0, 3) == "00-" && header[35] == '-' &&
         header[52] == '-' && IsLowerHex(header.substr(3, 32)) && IsLowerHex(header.substr(36, 16)) &&
         IsLowerHex(header.substr(53, 2)) && !AllZero(header.substr(3, 32)) &&
         !AllZero(header.substr(36, 16));
}

}  // namespace

std::string TraceContext::ToTraceparent() const {
  return base::Cat("00-", trace_id, "-", span_id, sampled ? "-01" : "-00");
}

TraceContext ContinueTrace(std::string_view traceparent, base::Random& random) {
  if (!IsTraceparent(traceparent)) {
    const std::string bytes = random.Bytes(24);
    return {.trace_id = base::ToHex(std::string_view(bytes).substr(0, 16)),
            .span_id = base::ToHex(std::string_view(bytes).substr(16))};
  }
  return {.trace_id = std::string(traceparent.substr(3, 32)),
          .span_id = base::ToHex(random.Bytes(8)),
          .sampled = (traceparent[54] - '0') % 2 == 1};
}

}  // namespace waypost::telemetry
