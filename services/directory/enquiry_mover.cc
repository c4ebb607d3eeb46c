#include "services/directory/enquiry_mover.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/api/resource.h"
#include "common/base/status_macros.h"
#include "common/rpc/system_change.h"
#include "common/store/keys.h"
#include "services/directory/directory_limits.h"
#include "services/directory/directory_policy.h"
#include "services/directory/enquiry.h"
#include "services/directory/field_checks.h"
#include "services/directory/names.h"
#include "services/directory/tasks.h"

namespace waypost::directory {
namespace {

// One that has begun, and where its walk goes on.
struct Due {
  std::string key;
  std::string succession;
  std::string after;
};

absl::StatusOr<std::optional<Due>> FirstDue(const store::Reader& reader, absl::Time now) {
  const std::string prefix = DueSuccessionsPrefix();
  const std::unique_ptr<store::Cursor> at = reader.Scan(store::PrefixRange(prefix));
  if (!at->Valid()) {
    WAYPOST_RETURN_IF_ERROR(at->status());
    return std::nullopt;
  }
  store::KeyParser rest(at->key().substr(prefix.size()));
  WAYPOST_ASSIGN_OR_RETURN(const std::string start_date, rest.Text());
  WAYPOST_ASSIGN_OR_RETURN(const std::string id, rest.Text());
  if (start_date > DateOf(DayOf(now - kEnquiriesMovedAfter))) return std::nullopt;
  return Due{
      .key = std::string(at->key()), .succession = SuccessionName(id), .after = std::string(at->value())};
}

}  // namespace

bool EnquiryMover::AnyDue(const store::Reader& reader, absl::Time now) const {
  const auto due = FirstDue(reader, now);
  return due.ok() && due->has_value();
}

absl::Status EnquiryMover::Move(rpc::Mutation& mutation) const {
  store::Writer& writer = mutation.writer();
  const absl::Time now = mutation.call().now;
  WAYPOST_ASSIGN_OR_RETURN(const std::optional<Due> due, FirstDue(writer, now));
  if (!due.has_value()) return absl::OkStatus();
  WAYPOST_ASSIGN_OR_RETURN(const auto succession, repository_.Get<v1::Succession>(writer, due->succession));
  WAYPOST_ASSIGN_OR_RETURN(
      const policy::Authorized as,
      mutation.Authorize({.name = due->succession, .relations = {policy::Relation::kAnyone}}));
  const std::string& predecessor = succession.resource.predecessor();
  std::string last = due->after;
  WAYPOST_ASSIGN_OR_RETURN(
      const std::vector<std::string> names,
      enquiries_.ListWaiting(writer, predecessor, due->after, kEnquiriesMovedInStep, last));
  for (const std::string& name : names) {
    const auto current = enquiries_.Get(writer, name, now);
    if (absl::IsNotFound(current.status())) continue;  // it has expired, and is soon removed
    WAYPOST_RETURN_IF_ERROR(current.status());
    const v1::Enquiry& enquiry = current->resource;
    WAYPOST_ASSIGN_OR_RETURN(
        const std::optional<Successor> successor,
        repository_.FindSuccessor(writer, predecessor, enquiry.theme(), enquiry.territory(), DayOf(now)));
    if (!successor.has_value()) continue;
    WAYPOST_ASSIGN_OR_RETURN(
        const Stored<v1::Enquiry> moved,
        enquiries_.Move(writer, *current,
                        SucceededEnquiry(enquiry, successor->body, api::NotBefore(now, enquiry))));
    WAYPOST_RETURN_IF_ERROR(
        mutation.Publish(as, {.type = "directory.enquiry_succeeded",
                              .resource = moved.resource.name(),
                              .revision = moved.revision,
                              .time = api::FromTimestamp(moved.resource.update_time()),
                              .state = EnquiryState(moved.resource),
                              .parties = {moved.resource.enquirer(), predecessor, moved.resource.body()}}));
  }
  if (static_cast<int>(names.size()) < kEnquiriesMovedInStep) {
    writer.Delete(due->key);
  } else {
    writer.Put(due->key, last);
  }
  return absl::OkStatus();
}

absl::Status EnquiryMover::Step(const rpc::Environment& env, absl::Time now) const {
  return rpc::SystemChangeAndWait(env, kEnquirySuccessions, now,
                                  [this](rpc::Mutation& mutation) { return Move(mutation); });
}

}  // namespace waypost::directory
