#include "services/audit/audit_requests.h"

#include <charconv>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/time_range.h"
#include "common/status/errors.h"
#include "services/audit/audit_errors.h"
#include "services/audit/audit_limits.h"
#include "services/audit/text_checker.h"

namespace waypost::audit {
namespace {

constexpr std::string_view kEntryPrefix = "entries/";

absl::Time TimeOr(bool present, const google::protobuf::Timestamp& time, absl::Time otherwise) {
  return present ? api::FromTimestamp(time) : otherwise;
}

void ReadFilter(const v1::ListEntriesRequest& request, ListQuery& query, TextChecker& check) {
  switch (request.filter_case()) {
    case v1::ListEntriesRequest::kResource:
      query.by = ListBy::kResource;
      query.value = request.resource();
      return check.Required("resource", query.value, kMaxNameBytes);
    case v1::ListEntriesRequest::kActor:
      query.by = ListBy::kActor;
      query.value = request.actor();
      return check.Required("actor", query.value, kMaxWordBytes);
    case v1::ListEntriesRequest::kType:
      query.by = ListBy::kType;
      query.value = request.type();
      return check.Required("type", query.value, kMaxWordBytes);
    case v1::ListEntriesRequest::FILTER_NOT_SET:
      query.by = ListBy::kAll;
      return;
  }
}

}  // namespace

std::string EntryName(uint64_t index) {
  return base::Cat(kEntryPrefix, index);
}

absl::StatusOr<uint64_t> ParseEntryName(std::string_view name, std::string_view field) {
  uint64_t index = 0;
  if (name.substr(0, kEntryPrefix.size()) == kEntryPrefix) {
    const char* const begin = name.data() + kEntryPrefix.size();
    const char* const end = name.data() + name.size();
    const auto [read, failure] = std::from_chars(begin, end, index);
    // Only the one canonical form: no sign, no leading zeros, nothing after it.
    if (failure == std::errc() && read == end && EntryName(index) == name) return index;
  }
  return error::InvalidField(field, "must be a name of the form entries/{index}");
}

absl::StatusOr<ListQuery> CheckListEntries(const v1::ListEntriesRequest& request,
                                           const policy::Caller& caller) {
  error::FieldViolations violations;
  TextChecker check("", violations);
  ListQuery query;
  query.body = request.body().empty() ? caller.body : request.body();
  check.Required("body", query.body, kMaxNameBytes);
  ReadFilter(request, query, check);
  if (request.has_start_time() && !base::IsTime(request.start_time()))
    check.Add("start_time", "is no valid time");
  if (request.has_end_time() && !base::IsTime(request.end_time())) check.Add("end_time", "is no valid time");
  query.start = TimeOr(request.has_start_time(), request.start_time(), absl::InfinitePast());
  query.end = TimeOr(request.has_end_time(), request.end_time(), absl::InfiniteFuture());
  if (query.end < query.start) check.Add("end_time", "is before start_time");
  switch (request.order()) {
    case v1::ListEntriesRequest::ORDER_UNSPECIFIED:
    case v1::ListEntriesRequest::ORDER_NEWEST_FIRST:
      query.newest_first = true;
      break;
    case v1::ListEntriesRequest::ORDER_OLDEST_FIRST:
      query.newest_first = false;
      break;
    default:
      check.Add("order", "is no known order");
  }
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());
  WAYPOST_ASSIGN_OR_RETURN(const int page_size, api::PageSizeOf(request.page_size()));
  query.limit = static_cast<size_t>(page_size);
  return query;
}

absl::Status CheckGetProof(const v1::GetProofRequest& request) {
  error::FieldViolations violations;
  TextChecker check("", violations);
  switch (request.subject_case()) {
    case v1::GetProofRequest::kEntry:
      if (request.revision() != 0) check.Add("revision", "goes with a resource only");
      break;
    case v1::GetProofRequest::kResource:
      check.Required("resource", request.resource(), kMaxNameBytes);
      if (request.revision() < 0) check.Add("revision", "must not be negative");
      break;
    case v1::GetProofRequest::SUBJECT_NOT_SET:
      check.Add("subject", "is required: an entry or a resource");
      break;
  }
  return violations.ToStatus();
}

absl::StatusOr<uint64_t> TreeSizeOf(uint64_t asked, uint64_t actual) {
  if (asked > actual) return TreeSizeUnknown(asked, actual);
  return asked == 0 ? actual : asked;
}

}  // namespace waypost::audit
