#include "common/api/field_mask.h"

#include <algorithm>
#include <string>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/field_mask_util.h"

namespace waypost::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;

FieldMask SetFields(const std::vector<std::string_view>& updatable, const Message& source) {
  FieldMask mask;
  for (const std::string_view path : updatable) {
    const FieldDescriptor* field = source.GetDescriptor()->FindFieldByName(std::string(path));
    if (field == nullptr) continue;
    const auto* reflection = source.GetReflection();
    const bool set =
        field->is_repeated() ? reflection->FieldSize(source, field) > 0 : reflection->HasField(source, field);
    if (set) mask.add_paths(std::string(path));
  }
  return mask;
}

std::string List(const std::vector<std::string_view>& names) {
  std::string list;
  for (const std::string_view name : names) list += base::Cat(list.empty() ? "" : ", ", name);
  return list;
}

}  // namespace

absl::Status ApplyMask(const FieldMask& mask, const std::vector<std::string_view>& updatable,
                       const Message& source, Message& target) {
  error::FieldViolations violations;
  for (const std::string& path : mask.paths()) {
    if (std::find(updatable.begin(), updatable.end(), path) == updatable.end()) {
      violations.Add("update_mask",
                     base::Cat("'", path, "' cannot be updated; these can: ", List(updatable)));
    }
  }
  WAYPOST_RETURN_IF_ERROR(violations.ToStatus());
  google::protobuf::util::FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  options.set_replace_repeated_fields(true);
  const FieldMask effective = mask.paths().empty() ? SetFields(updatable, source) : mask;
  google::protobuf::util::FieldMaskUtil::MergeMessageTo(source, effective, options, &target);
  return absl::OkStatus();
}

}  // namespace waypost::api
