// Enquiries in the store. Unlike the rest of the directory they are not for everybody, so they are in no
// feed; and they are removed. Keys are tuples (common/store/keys.h):
//
//   ("enquiry", enquiry)                          record
//   ("enquiry.received", body, -time, enquiry)    what a body received, the newest first
//   ("enquiry.to_answer", body, time, enquiry)    what of it waits for its answer, the oldest first
//   ("enquiry.sent", body, -time, enquiry)        what a body made, the newest first
//   ("enquiry.waiting", body, enquiry)            what of it waits for an answer
//   ("enquiry.expiry", time, enquiry)             when it is to be removed
//   ("task", body, day, kind, enquiry, "")        that it has waited too long: see directory_repository.h
#ifndef WAYPOST_SERVICES_DIRECTORY_ENQUIRY_REPOSITORY_H_
#define WAYPOST_SERVICES_DIRECTORY_ENQUIRY_REPOSITORY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "services/directory/directory_repository.h"
#include "waypost/directory/v1/enquiry.pb.h"

namespace waypost::directory {

// Stateless; thread-safe as its readers and writers are. Every method may fail with the store's errors, and
// DATA_LOSS for bytes that cannot be read.
class EnquiryRepository {
 public:
  // NOT_FOUND, also for one that has expired by `now`.
  absl::StatusOr<Stored<v1::Enquiry>> Get(const store::Reader& reader, std::string_view name,
                                          absl::Time now) const;

  // ALREADY_EXISTS; LIMIT_EXCEEDED where kMaxWaitingEnquiries of the enquirer wait.
  absl::StatusOr<Stored<v1::Enquiry>> Create(store::Writer& writer, v1::Enquiry enquiry) const;

  // REQUIRES: `before` is what Get gave in this transaction, and `after` has its name, bodies and times but
  // for update_time.
  absl::StatusOr<Stored<v1::Enquiry>> Update(store::Writer& writer, const Stored<v1::Enquiry>& before,
                                             v1::Enquiry after) const;

  // As DirectoryRepository::List, of what `body` received or made. What has expired is left out: it is the
  // oldest, and soon gone.
  absl::StatusOr<Page<v1::Enquiry>> List(const store::Reader& reader, std::string_view body,
                                         v1::EnquiryBox box, absl::Time now, std::string_view position,
                                         int limit) const;

  // The same where the body changes, of one that waits: it is in the boxes of that body from then on.
  absl::StatusOr<Stored<v1::Enquiry>> Move(store::Writer& writer, const Stored<v1::Enquiry>& before,
                                           v1::Enquiry after) const;

  // Names of what waits for the answer of `body`, the oldest first, after `after`, a key that was returned in
  // `last` (empty: from the first), at most `limit`.
  absl::StatusOr<std::vector<std::string>> ListWaiting(const store::Reader& reader, std::string_view body,
                                                       std::string_view after, int limit,
                                                       std::string& last) const;

  // True when Sweep would remove something; false also when the store cannot tell.
  bool AnyExpired(const store::Reader& reader, absl::Time now) const;
  // Removes at most `limit` that have expired, with all that points to them; returns how many.
  absl::StatusOr<int> Sweep(store::Writer& writer, absl::Time now, int limit) const;
};

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ENQUIRY_REPOSITORY_H_
