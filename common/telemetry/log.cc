#include "common/telemetry/log.h"

#include "common/base/abseil.h"
#include "common/base/strings.h"
#include "common/base/thread_name.h"

namespace waypost::telemetry {
namespace {

constexpr absl::Duration kFlushInterval = absl::Milliseconds(100);
constexpr size_t kFlushBytes = 64 * 1024;

void AppendEscaped(unsigned char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

void AppendField(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  out += ",\"";
  out += name;
  out += "\":";
  AppendJsonString(value, out);
}

void AppendTime(absl::Time time, std::string& out) {
  // RFC 3339 in UTC with microseconds, without absl::FormatTime's cost for each request.
  const absl::CivilSecond second = absl::ToCivilSecond(time, absl::UTCTimeZone());
  const int64_t micros =
      absl::ToUnixMicros(time) - absl::ToUnixMicros(absl::FromCivil(second, absl::UTCTimeZone()));
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                                 static_cast<int>(second.year()), second.month(), second.day(), second.hour(),
                                 second.minute(), second.second(), static_cast<int>(micros));
  out.append(text, static_cast<size_t>(size));
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  if (!base::IsValidUtf8(text)) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x80) {
        out += "\xEF\xBF\xBD";
      } else if (byte < 0x20 || byte == '"' || byte == '\\') {
        AppendEscaped(byte, out);
      } else {
        out += c;
      }
    }
  } else {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == '"' || byte == '\\') {
        AppendEscaped(byte, out);
      } else {
        out += c;
      }
    }
  }
  out += '"';
}

LogWriter::LogWriter(std::FILE* file, size_t buffer_limit)
    : file_(file), buffer_limit_(buffer_limit), thread_([this] { Run(); }) {}

LogWriter::~LogWriter() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.Signal();
  }
  thread_.join();
}

void LogWriter::Write(std::string_view line) {
  const absl::MutexLock lock(&mutex_);
  if (buffer_.size() + line.size() + 1 > buffer_limit_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  buffer_ += line;
  buffer_ += '\n';
  if (buffer_.size() >= kFlushBytes) wake_.Signal();
}

void LogWriter::Run() {
  base::NameThisThread("log");
  std::string taken;
  bool stop = false;
  while (!stop) {
    {
      const absl::MutexLock lock(&mutex_);
      if (!stopping_ && buffer_.size() < kFlushBytes) wake_.WaitWithTimeout(&mutex_, kFlushInterval);
      taken.swap(buffer_);
      stop = stopping_;
    }
    if (!taken.empty()) {
      std::fwrite(taken.data(), 1, taken.size(), file_);
      std::fflush(file_);
      taken.clear();
    }
  }
}

std::string ToJson(const AccessRecord& record) {
  std::string out;
  out.reserve(384);
  out += "{\"time\":\"";
  AppendTime(record.time, out);
  out += "\"";
  AppendField("service", record.service, out);
  AppendField("method", record.method, out);
  AppendField("code", record.code, out);
  AppendField("reason", record.reason, out);
  AppendField("body", record.body, out);
  AppendField("actor", record.actor, out);
  AppendField("trace_id", record.trace_id, out);
  AppendField("span_id", record.span_id, out);
  out += ",\"duration_us\":";
  out += std::to_string(absl::ToInt64Microseconds(record.duration));
  out += "}";
  return out;
}

std::string ToJson(absl::Time time, Severity severity, std::string_view message,
                   const std::vector<std::pair<std::string_view, std::string>>& fields) {
  std::string out = "{\"time\":\"";
  AppendTime(time, out);
  out += "\"";
  AppendField("severity", SeverityName(severity), out);
  AppendField("message", message, out);
  for (const auto& [name, value] : fields) AppendField(name, value, out);
  out += "}";
  return out;
}

}  // namespace waypost::telemetry
