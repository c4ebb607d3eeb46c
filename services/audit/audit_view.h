// What callers are shown of the log. Pure and thread-safe.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_VIEW_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_VIEW_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "waypost/audit/v1/audit.pb.h"
#include "waypost/event/v1/event.pb.h"

namespace waypost::audit {

// A record that is in the log.
struct LoggedRecord {
  uint64_t index = 0;
  absl::Time append_time;
  std::string leaf;
  event::v1::Envelope envelope;
  event::v1::Event event;  // read from envelope.event()
};

// What a caller who may see the record is shown. The capability proves that somebody checked.
v1::Entry View(const LoggedRecord& record, const policy::Authorized& as);

// The parts of a proof that do not come from the tree: everything but `root_hash` and `path`.
v1::Proof ClosedProof(const LoggedRecord& record, uint64_t tree_size);
v1::Proof OpenedProof(const LoggedRecord& record, uint64_t tree_size, const policy::Authorized& as);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_VIEW_H_
