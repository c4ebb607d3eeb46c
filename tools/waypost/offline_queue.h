// Changes that are kept in a file while there is no way to a server, and sent later: one line of JSON each,
// in order. What is kept holds personal data in the clear: the file is its owner's alone, and what has been
// sent or dropped is taken out of it at once.
#ifndef WAYPOST_TOOLS_WAYPOST_OFFLINE_QUEUE_H_
#define WAYPOST_TOOLS_WAYPOST_OFFLINE_QUEUE_H_

#include <google/protobuf/message.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace waypost::cli {

// Of one file.
inline constexpr size_t kMaxQueueBytes = size_t{64} * 1024 * 1024;
inline constexpr size_t kMaxQueueLines = 1'000;
// By so much it may grow beyond that while its changes are sent: each is marked with what became of it.
inline constexpr size_t kMaxQueueMarkBytes = kMaxQueueLines * 1024;

// So long a server surely knows a request id again: 24 hours, less one for the sending itself.
inline constexpr absl::Duration kRequestIdsKnown = absl::Hours(23);

// A conflict that no server told: what was sent and not answered is too old for its request id to be known.
inline constexpr std::string_view kAnswerLost = "ANSWER_LOST";

struct QueuedChange {
  enum class State { kWaiting, kDone, kConflict, kDropped };

  std::string method;  // "AcceptReferral"
  // Empty for a new one whose name the server makes.
  std::string referral;
  std::string request_id;
  std::string kept_time;  // RFC 3339
  // When it was first sent, and no answer has said since what became of it. Kept of what could be done twice.
  std::optional<absl::Time> first_sent;
  // Which version it was meant for; empty: whatever there is. The request's own may be a later one, that an
  // earlier change from this file led to.
  std::string etag;
  State state = State::kWaiting;
  std::string reason;  // of a conflict: the server's, or kAnswerLost
  std::string done_etag;
  // Null once it was sent or dropped.
  std::unique_ptr<google::protobuf::Message> request = nullptr;

  // What holds up later changes: the referral, or the request itself.
  const std::string& key() const { return referral.empty() ? request_id : referral; }
};

// True for what can be kept: "waypost.referral.v1.ReferralService/…", a change that is answered with the
// referral.
bool CanBeKept(std::string_view full_method, const google::protobuf::Message& request,
               const google::protobuf::Message& response);

// The request's referral and etag, by the field that this kind of request has them in.
std::string ReferralIn(const google::protobuf::Message& request);
std::string EtagIn(const google::protobuf::Message& request);
void SetEtag(google::protobuf::Message& request, std::string_view etag);

// Sent again once its request id is forgotten, it could be carried out a second time: it is for no certain
// version, and makes nothing under a name that it gives.
bool CanBeDoneTwice(const google::protobuf::Message& request);

// The file, kept for one run: no other run changes it meanwhile. Not thread-safe.
class OfflineQueue {
 public:
  enum class Missing { kIsEmpty, kIsRefused };
  // Makes the names in an open folder durable: 0, or -1 and errno.
  using SyncFolder = int (*)(int folder);

  // What tests have otherwise.
  struct Options {
    SyncFolder sync_folder = fsync;
    size_t max_bytes = kMaxQueueBytes;
  };

  // FAILED_PRECONDITION / FILE_NOT_PRIVATE for a file that others may read or write; UNAVAILABLE while
  // another run has it; INVALID_FIELD, with the line, for what is no such file or over a limit.
  static absl::StatusOr<std::unique_ptr<OfflineQueue>> Open(const std::string& path, Missing missing) {
    return Open(path, missing, Options());
  }
  static absl::StatusOr<std::unique_ptr<OfflineQueue>> Open(const std::string& path, Missing missing,
                                                            Options options);
  ~OfflineQueue();
  OfflineQueue(const OfflineQueue&) = delete;
  OfflineQueue& operator=(const OfflineQueue&) = delete;

  std::vector<QueuedChange>& changes() { return changes_; }
  // Adds it as the last one, and saves. In a full file what was sent or dropped makes room, but for what an
  // open change of the same referral follows. INVALID_FIELD where it stays full. Nothing is added where it
  // fails, but for FILE_NOT_SYNCED: then it is in the file, as after Save.
  absl::Status Add(QueuedChange change);
  // Writes the whole file anew, and is durable when it returns OK; or leaves it as it was. INTERNAL /
  // FILE_NOT_SYNCED: it is written anew, and after a crash may be as it was.
  absl::Status Save() const;

 private:
  OfflineQueue(std::string path, int lock, Options options)
      : path_(std::move(path)), lock_(lock), options_(options) {}

  absl::StatusOr<std::string> Content() const;
  // INVALID_FIELD where that is more than the file takes.
  absl::StatusOr<std::string> ContentThatFits() const;
  absl::Status Write(std::string_view content) const;
  absl::Status WriteIn(int folder, std::string_view content) const;

  std::string path_;
  int lock_;
  Options options_;
  std::vector<QueuedChange> changes_;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_OFFLINE_QUEUE_H_
