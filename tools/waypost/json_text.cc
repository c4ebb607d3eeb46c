#include "tools/waypost/json_text.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <istream>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::cli {
namespace {

absl::StatusOr<std::string> Converted(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return error::DataLoss(base::Cat("the answer (", message.GetTypeName(), ")"));
  return json;
}

// The library's message without the values that it quotes, which may be personal data, and without the
// excerpt of the input on its further lines.
std::string WithoutValues(std::string_view problem) {
  problem = problem.substr(0, problem.find('\n'));
  const size_t first = problem.find('"');
  const size_t last = problem.rfind('"');
  if (first == std::string_view::npos || first == last) return std::string(problem);
  return base::Cat(problem.substr(0, first), "…", problem.substr(last + 1));
}

absl::StatusOr<std::string> ReadAll(std::istream& stream, std::string_view what, size_t bytes_max) {
  std::string content;
  char buffer[64 * 1024];
  while (stream.read(buffer, sizeof buffer), stream.gcount() > 0) {
    content.append(buffer, static_cast<size_t>(stream.gcount()));
    if (content.size() > bytes_max) {
      return error::InvalidField(what, base::Cat("is larger than ", bytes_max, " bytes"));
    }
  }
  if (stream.bad()) return error::InvalidField(what, "cannot be read");
  return content;
}

}  // namespace

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  return Converted(message, true);
}

absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message) {
  return Converted(message, false);
}

absl::Status FromJson(std::string_view json, std::string_view what, google::protobuf::Message& message) {
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message);
  if (status.ok()) return absl::OkStatus();
  const std::string problem(status.message().data(), status.message().size());
  return error::InvalidField(what, WithoutValues(problem));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open())
    return error::InvalidField(path, base::Cat("cannot be opened: ", std::strerror(errno)));
  return ReadAll(file, path, bytes_max);
}

absl::StatusOr<std::string> ReadDocument(const Environment& env, const std::string& path, size_t bytes_max) {
  return path == "-" ? ReadAll(env.in, "standard input", bytes_max) : ReadFile(path, bytes_max);
}

absl::Status WriteFile(const std::string& path, std::string_view content) {
  const std::string beside = path + ".part";
  const auto failed = [&path](int why) {
    return error::Make(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
                       base::Cat(path, " cannot be written: ", std::strerror(why)));
  };
  const int file = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return failed(errno);
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int why = errno;
      close(file);
      unlink(beside.c_str());
      return failed(why);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (close(file) != 0 || rename(beside.c_str(), path.c_str()) != 0) return failed(errno);
  return absl::OkStatus();
}

absl::StatusOr<std::string> InlineDocument(const Environment& env, const std::string& text) {
  if (text == "-") return ReadDocument(env, text);
  return !text.empty() && text[0] == '@' ? ReadDocument(env, text.substr(1)) : text;
}

}  // namespace waypost::cli
