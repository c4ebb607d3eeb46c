// Reading of requests to the audit service: names, filters, sizes. Pure and thread-safe.
#ifndef WAYPOST_SERVICES_AUDIT_AUDIT_REQUESTS_H_
#define WAYPOST_SERVICES_AUDIT_AUDIT_REQUESTS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/policy/policy.h"
#include "services/audit/audit_rules.h"
#include "waypost/audit/v1/requests.pb.h"

namespace waypost::audit {

// "entries/{index}".
std::string EntryName(uint64_t index);
// The index; INVALID_FIELD on `field` for anything that EntryName does not make.
absl::StatusOr<uint64_t> ParseEntryName(std::string_view name, std::string_view field);

// A listing, checked.
struct ListQuery {
  std::string body;
  ListBy by = ListBy::kAll;
  std::string value = {};  // empty for kAll
  absl::Time start = absl::InfinitePast();
  absl::Time end = absl::InfiniteFuture();
  bool newest_first = true;
  size_t limit = 0;
};

// Reads a listing request; its page token is not looked at. Errors: INVALID_FIELD.
absl::StatusOr<ListQuery> CheckListEntries(const v1::ListEntriesRequest& request,
                                           const policy::Caller& caller);

// OK when GetProof names one subject, and a revision only with a resource.
absl::Status CheckGetProof(const v1::GetProofRequest& request);

// The tree size that a request means: `asked`, or `actual` when it asks for 0. TREE_SIZE_UNKNOWN beyond.
absl::StatusOr<uint64_t> TreeSizeOf(uint64_t asked, uint64_t actual);

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_AUDIT_REQUESTS_H_
