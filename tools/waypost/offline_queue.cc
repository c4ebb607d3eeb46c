#include "tools/waypost/offline_queue.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "nlohmann/json.hpp"
#include "tools/waypost/json_text.h"
#include "tools/waypost/referral_actions.h"
#include "tools/waypost/times.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::ordered_json;
using State = QueuedChange::State;

constexpr std::string_view kService = "waypost.referral.v1.ReferralService/";
constexpr int kFormat = 1;
// The file was replaced, and it is not sure that it stays so.
constexpr std::string_view kFileNotSynced = "FILE_NOT_SYNCED";

constexpr std::pair<State, const char*> kStates[] = {{State::kWaiting, "WAITING"},
                                                     {State::kDone, "DONE"},
                                                     {State::kConflict, "CONFLICT"},
                                                     {State::kDropped, "DROPPED"}};

// The requests that can be kept, by method.
const std::map<std::string, const Message*, std::less<>>& Requests() {
  static const auto* const requests = [] {
    auto* made = new std::map<std::string, const Message*, std::less<>>{
        {"CreateReferral", &pb::CreateReferralRequest::default_instance()},
        {"UpdateReferral", &pb::UpdateReferralRequest::default_instance()},
        {"SubmitReferral", &pb::SubmitReferralRequest::default_instance()}};
    for (const ReferralAction& action : ReferralActions()) made->emplace(action.method, &action.request);
    return made;
  }();
  return *requests;
}

absl::Status NotReadable(const std::string& path, size_t line, std::string_view why) {
  return error::InvalidField(path, base::Cat("line ", line, " ", why));
}

absl::Status NotPrivate(const std::string& path, std::string_view why) {
  return error::Make(absl::StatusCode::kFailedPrecondition, "FILE_NOT_PRIVATE",
                     base::Cat(path, " ", why, ": it holds personal data (chmod go-rwx)"));
}

absl::Status NotWritten(const std::string& path) {
  return error::Make(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
                     base::Cat(path, " cannot be written: ", std::strerror(errno)));
}

absl::Status NotSynced(const std::string& path) {
  return error::Make(
      absl::StatusCode::kInternal, kFileNotSynced,
      base::Cat(path, " was written, but its folder cannot be made durable (", std::strerror(errno),
                "): the change may have been kept. See what is in it "
                "(waypost send-later FILE --list) before you keep it again"));
}

absl::Status IsFull(const std::string& path, std::string_view takes) {
  return error::InvalidField(
      path, base::Cat("is full: it takes ", takes, ". Send or drop changes, or begin another file"));
}

// In the largest unit that it is a whole number of.
std::string SizeText(size_t bytes) {
  constexpr size_t kKib = 1024;
  if (bytes % (kKib * kKib) == 0) return base::Cat(bytes / (kKib * kKib), " MiB");
  return bytes % kKib == 0 ? base::Cat(bytes / kKib, " KiB") : base::Cat(bytes, " bytes");
}

// Nothing where there is no such file.
absl::StatusOr<std::optional<std::string>> ReadPrivate(const std::string& path, size_t max_bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::nullopt;
  if (file < 0) return error::InvalidField(path, base::Cat("cannot be opened: ", std::strerror(errno)));
  struct stat about = {};
  const bool known = fstat(file, &about) == 0;
  close(file);
  if (!known || !S_ISREG(about.st_mode)) return NotPrivate(path, "is no ordinary file");
  if (about.st_uid != geteuid()) return NotPrivate(path, "is somebody else's");
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) return NotPrivate(path, "can be read or written by others");
  WAYPOST_ASSIGN_OR_RETURN(std::string content, ReadFile(path, max_bytes));
  return content;
}

// A string member; empty where there is none.
std::string Text(const ordered_json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// False where it is there and is no time.
bool ReadFirstSent(const ordered_json& json, QueuedChange& change) {
  if (!json.contains("firstSentTime")) return true;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Text(json, "firstSentTime"), &time, &error)) return false;
  change.first_sent = time;
  return true;
}

absl::StatusOr<QueuedChange> ParseLine(const std::string& path, size_t line, std::string_view text) {
  const auto json = ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return NotReadable(path, line, "is no JSON object");
  const auto format = json.find("waypostQueue");
  if (format == json.end() || !format->is_number_integer() || format->get<int>() != kFormat) {
    return NotReadable(path, line, "is of no known format");
  }
  QueuedChange change;
  change.method = Text(json, "method");
  change.referral = Text(json, "referral");
  change.request_id = Text(json, "requestId");
  change.kept_time = Text(json, "keptTime");
  change.etag = Text(json, "etag");
  change.reason = Text(json, "reason");
  change.done_etag = Text(json, "doneEtag");
  bool known_state = false;
  for (const auto& [state, name] : kStates) {
    if (Text(json, "state") != name) continue;
    change.state = state;
    known_state = true;
  }
  if (!ReadFirstSent(json, change)) return NotReadable(path, line, "has a firstSentTime that is no time");
  const auto request = Requests().find(change.method);
  if (!known_state || request == Requests().end() || change.request_id.empty()) {
    return NotReadable(path, line, "has no known method and state, or no requestId");
  }
  const bool is_open = change.state == State::kWaiting || change.state == State::kConflict;
  if (!is_open) return change;
  if (!json.contains("request")) return NotReadable(path, line, "has no request");
  change.request.reset(request->second->New());
  WAYPOST_RETURN_IF_ERROR(
      FromJson(json["request"].dump(), base::Cat(path, ", line ", line), *change.request));
  return change;
}

absl::StatusOr<std::string> LineOf(const QueuedChange& change) {
  ordered_json json;
  json["waypostQueue"] = kFormat;
  json["method"] = change.method;
  if (!change.referral.empty()) json["referral"] = change.referral;
  json["requestId"] = change.request_id;
  json["keptTime"] = change.kept_time;
  if (change.first_sent.has_value()) {
    json["firstSentTime"] = ShowTime(*change.first_sent, absl::UTCTimeZone());
  }
  if (!change.etag.empty()) json["etag"] = change.etag;
  for (const auto& [state, name] : kStates) {
    if (change.state == state) json["state"] = name;
  }
  if (!change.reason.empty()) json["reason"] = change.reason;
  if (!change.done_etag.empty()) json["doneEtag"] = change.done_etag;
  if (change.request != nullptr) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string request, ToJsonLine(*change.request));
    json["request"] = ordered_json::parse(request, nullptr, false);
  }
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

// The message that has `name` and `etag`.
const Message& Named(const Message& request) {
  const auto* update = google::protobuf::DynamicCastToGenerated<pb::UpdateReferralRequest>(&request);
  return update != nullptr ? static_cast<const Message&>(update->referral()) : request;
}

std::string TextField(const Message& message, const char* name) {
  const FieldDescriptor* const field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? std::string() : message.GetReflection()->GetString(message, field);
}

bool WriteAll(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(file) == 0;
}

// The folder that `path` is in, to be made durable; -1 where it cannot be opened. The caller closes it.
int OpenFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

bool CanBeKept(std::string_view full_method, const Message& request, const Message& response) {
  if (full_method.substr(0, kService.size()) != kService) return false;
  const bool known = Requests().find(full_method.substr(kService.size())) != Requests().end();
  return known && request.GetDescriptor()->FindFieldByName("request_id") != nullptr &&
         response.GetDescriptor() == pb::Referral::descriptor();
}

std::string ReferralIn(const Message& request) {
  std::string name = TextField(Named(request), "name");
  if (!name.empty()) return name;
  const auto* create = google::protobuf::DynamicCastToGenerated<pb::CreateReferralRequest>(&request);
  if (create != nullptr) return create->referral().name();
  const auto* submit = google::protobuf::DynamicCastToGenerated<pb::SubmitReferralRequest>(&request);
  return submit != nullptr ? submit->referral().name() : std::string();
}

std::string EtagIn(const Message& request) {
  return TextField(Named(request), "etag");
}

void SetEtag(Message& request, std::string_view etag) {
  if (auto* update = google::protobuf::DynamicCastToGenerated<pb::UpdateReferralRequest>(&request)) {
    update->mutable_referral()->set_etag(std::string(etag));
    return;
  }
  const FieldDescriptor* const field = request.GetDescriptor()->FindFieldByName("etag");
  if (field != nullptr) request.GetReflection()->SetString(&request, field, std::string(etag));
}

bool CanBeDoneTwice(const Message& request) {
  if (!EtagIn(request).empty()) return false;
  const auto* create = google::protobuf::DynamicCastToGenerated<pb::CreateReferralRequest>(&request);
  if (create != nullptr) return create->referral().name().empty();
  const auto* submit = google::protobuf::DynamicCastToGenerated<pb::SubmitReferralRequest>(&request);
  const bool makes_new = submit != nullptr && submit->name().empty();
  return !makes_new || submit->referral().name().empty();
}

absl::StatusOr<std::unique_ptr<OfflineQueue>> OfflineQueue::Open(const std::string& path, Missing missing,
                                                                 Options options) {
  const std::string lock_path = path + ".lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock < 0) return NotWritten(lock_path);
  std::unique_ptr<OfflineQueue> queue(new OfflineQueue(path, lock, options));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return error::Unavailable(path, "another run has it: wait until that has ended");
  }
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<std::string> content,
                           ReadPrivate(path, options.max_bytes + kMaxQueueMarkBytes));
  if (!content.has_value() && missing == Missing::kIsRefused) {
    return error::InvalidField(path, "does not exist: nothing is kept there");
  }
  std::string_view rest = content.has_value() ? std::string_view(*content) : std::string_view();
  for (size_t line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    if (line > kMaxQueueLines) {
      return NotReadable(path, line, base::Cat("is one too many: ", kMaxQueueLines, " at most"));
    }
    WAYPOST_ASSIGN_OR_RETURN(QueuedChange change, ParseLine(path, line, text));
    queue->changes_.push_back(std::move(change));
  }
  return queue;
}

OfflineQueue::~OfflineQueue() {
  close(lock_);
}

absl::StatusOr<std::string> OfflineQueue::Content() const {
  std::string content;
  for (const QueuedChange& change : changes_) {
    WAYPOST_ASSIGN_OR_RETURN(const std::string line, LineOf(change));
    content += line;
  }
  return content;
}

absl::StatusOr<std::string> OfflineQueue::ContentThatFits() const {
  if (changes_.size() > kMaxQueueLines) return IsFull(path_, base::Cat(kMaxQueueLines, " changes"));
  WAYPOST_ASSIGN_OR_RETURN(std::string content, Content());
  if (content.size() > options_.max_bytes) return IsFull(path_, SizeText(options_.max_bytes));
  return content;
}

absl::Status OfflineQueue::Add(QueuedChange change) {
  changes_.push_back(std::move(change));
  absl::StatusOr<std::string> content = ContentThatFits();
  if (!content.ok()) {
    std::set<std::string> followed;
    const auto is_open = [](const QueuedChange& each) { return each.request != nullptr; };
    for (const QueuedChange& each : changes_) {
      if (is_open(each)) followed.insert(each.key());
    }
    std::erase_if(changes_,
                  [&](const auto& each) { return !is_open(each) && !followed.contains(each.key()); });
    content = ContentThatFits();
  }
  absl::Status added = content.ok() ? Write(*content) : content.status();
  if (!added.ok() && error::ReasonOf(added) != kFileNotSynced) changes_.pop_back();
  return added;
}

absl::Status OfflineQueue::Save() const {
  WAYPOST_ASSIGN_OR_RETURN(const std::string content, Content());
  return Write(content);
}

absl::Status OfflineQueue::Write(std::string_view content) const {
  const int folder = OpenFolderOf(path_);
  if (folder < 0) return NotWritten(path_);
  const absl::Status written = WriteIn(folder, content);
  close(folder);
  return written;
}

absl::Status OfflineQueue::WriteIn(int folder, std::string_view content) const {
  const std::string beside = path_ + ".part";
  unlink(beside.c_str());
  const int file =
      open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return NotWritten(path_);
  const bool written = WriteAll(file, content);
  const bool closed = close(file) == 0;
  if (!written || !closed || rename(beside.c_str(), path_.c_str()) != 0) {
    const absl::Status failed = NotWritten(path_);
    unlink(beside.c_str());
    return failed;
  }
  // From here on the file is the new one, but after a crash it may be the one before.
  return options_.sync_folder(folder) == 0 ? absl::OkStatus() : NotSynced(path_);
}

}  // namespace waypost::cli
