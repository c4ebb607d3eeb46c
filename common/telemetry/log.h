// Structured logs: one JSON object a line. Never holds personal data: values are codes, names of bodies and
// resources, pseudonyms, numbers.
#ifndef WAYPOST_COMMON_TELEMETRY_LOG_H_
#define WAYPOST_COMMON_TELEMETRY_LOG_H_

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace waypost::telemetry {

// Appends `text` to `out` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string& out);

// Takes lines and writes them on a thread of its own, so that a slow disk or pipe never delays a request:
// when more than `buffer_limit` bytes wait, lines are dropped and counted. Thread-safe.
class LogWriter {
 public:
  static constexpr size_t kDefaultBufferLimit = 4 * 1024 * 1024;

  // `file` is not owned and must outlive this.
  explicit LogWriter(std::FILE* file, size_t buffer_limit = kDefaultBufferLimit);
  // Writes what is buffered.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // `line` without its newline.
  void Write(std::string_view line);
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void Run();

  std::FILE* const file_;
  const size_t buffer_limit_;
  std::atomic<uint64_t> dropped_{0};
  absl::Mutex mutex_;
  absl::CondVar wake_;
  std::string buffer_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// One line of the access log.
struct AccessRecord {
  absl::Time time;
  std::string_view service;
  std::string_view method;
  std::string_view code;    // gRPC code
  std::string_view reason;  // ErrorInfo reason; empty on success
  std::string_view body;    // of the caller; empty when not authenticated
  std::string_view actor;
  std::string_view trace_id;
  std::string_view span_id;
  absl::Duration duration;
};
std::string ToJson(const AccessRecord& record);

// An event in the life of the process, as in {"severity":"error","message":…}.
enum class Severity : uint8_t { kInfo, kWarning, kError };
std::string ToJson(absl::Time time, Severity severity, std::string_view message,
                   const std::vector<std::pair<std::string_view, std::string>>& fields = {});

}  // namespace waypost::telemetry

#endif  // WAYPOST_COMMON_TELEMETRY_LOG_H_
