#include "tools/waypost/message_flags.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/field_values.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"

namespace waypost::cli {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;

struct MessageFlags::Flag {
  // From the message down to the field.
  std::vector<const FieldDescriptor*> path;
  std::string name;  // "--review-time"
  bool required = false;
  std::vector<std::string> values;
};

namespace {

using Flags = std::vector<std::shared_ptr<MessageFlags::Flag>>;

bool IsPlainMessage(const Descriptor& type) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) return false;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        !IsMessage(field, "google.protobuf.Timestamp")) {
      return false;
    }
  }
  return type.field_count() > 0;
}

bool IsFlattened(const FieldDescriptor& field, const std::string& path, const FlagOptions& options) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_repeated()) return false;
  if (field.message_type()->file()->package() == "google.protobuf") return false;
  return options.flatten.count(path) > 0 || IsPlainMessage(*field.message_type());
}

bool IsWanted(const std::string& path, const FlagOptions& options) {
  if (options.skip.count(path) > 0) return false;
  if (options.only.empty()) return true;
  return std::any_of(options.only.begin(), options.only.end(), [&path](const std::string& wanted) {
    return path == wanted || path.rfind(wanted + ".", 0) == 0 || wanted.rfind(path + ".", 0) == 0;
  });
}

std::string TypeName(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return "TEXT";
    case FieldDescriptor::CPPTYPE_ENUM:
      return "WORD";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsMessage(field, "google.protobuf.Timestamp")) return "TIME";
      if (IsMessage(field, "waypost.type.v1.LocalizedText")) {
        return field.is_repeated() ? "LANGUAGE=TEXT|JSON" : "LANGUAGE=TEXT";
      }
      if (IsMessage(field, "waypost.referral.v1.HeldDocument")) return "STATUS=DOCUMENT|JSON";
      return "JSON|@FILE";
    default:
      return "NUMBER";
  }
}

std::string HelpFor(const FieldDescriptor& field, const std::string& path, const FlagOptions& options) {
  const auto found = options.help.find(path);
  std::string help = found != options.help.end() ? found->second : WordsFromSnake(field.name());
  const bool many = field.is_repeated() || IsMessage(field, "waypost.type.v1.LocalizedText");
  if (many) help += "; may be repeated";
  if (options.required.count(path) > 0) help += " (required)";
  return help;
}

void AddFlag(CLI::App& app, const std::shared_ptr<MessageFlags::Flag>& flag, const FieldDescriptor& field,
             const std::string& path, const FlagOptions& options) {
  const std::string help = HelpFor(field, path, options);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL && !field.is_repeated()) {
    const bool tri_state = field.has_presence() || options.with_no;
    const std::string names = tri_state ? base::Cat(flag->name, ",!--no-", flag->name.substr(2)) : flag->name;
    app.add_flag_function(
        names, [flag](int64_t count) { flag->values = {count > 0 ? "true" : "false"}; }, help);
    return;
  }
  CLI::Option* option = app.add_option(
      flag->name,
      [flag](const CLI::results_t& results) {
        flag->values = results;
        return true;
      },
      help);
  option->type_name(TypeName(field));
  if (field.is_repeated() || IsMessage(field, "waypost.type.v1.LocalizedText")) {
    option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) option->check(EnumChoice(*field.enum_type()));
  if (IsMessage(field, "google.protobuf.Timestamp")) option->check(TimeText());
}

void AddFlags(CLI::App& app, const Descriptor& type, const std::vector<const FieldDescriptor*>& above,
              const std::string& prefix, const FlagOptions& options, Flags& flags) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = prefix.empty() ? field.name() : base::Cat(prefix, ".", field.name());
    if (!IsWanted(path, options) || field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) continue;
    std::vector<const FieldDescriptor*> whole = above;
    whole.push_back(&field);
    if (IsFlattened(field, path, options)) {
      AddFlags(app, *field.message_type(), whole, path, options, flags);
      continue;
    }
    auto flag = std::make_shared<MessageFlags::Flag>();
    flag->path = whole;
    flag->required = options.required.count(path) > 0;
    const auto renamed = options.rename.find(path);
    std::string name = renamed != options.rename.end() ? renamed->second : KebabFromSnake(path);
    std::replace(name.begin(), name.end(), '.', '-');
    flag->name = "--" + name;
    AddFlag(app, flag, field, path, options);
    flags.push_back(std::move(flag));
  }
}

bool HasPath(const Message& message, const std::vector<const FieldDescriptor*>& path) {
  const Message* holder = &message;
  for (size_t i = 0; i < path.size(); ++i) {
    const auto& reflection = *holder->GetReflection();
    if (path[i]->is_repeated()) return reflection.FieldSize(*holder, path[i]) > 0;
    if (i + 1 == path.size()) {
      // A number may well be 0.
      const bool is_number = !path[i]->has_presence() &&
                             path[i]->cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                             path[i]->cpp_type() != FieldDescriptor::CPPTYPE_ENUM;
      return is_number || reflection.HasField(*holder, path[i]);
    }
    holder = &reflection.GetMessage(*holder, path[i]);
  }
  return true;
}

// "@FILE" as the file's content.
absl::StatusOr<std::vector<std::string>> Documents(const MessageFlags::Flag& flag) {
  const FieldDescriptor& field = *flag.path.back();
  if (TypeName(field) != "JSON|@FILE") return flag.values;
  std::vector<std::string> documents;
  for (const std::string& value : flag.values) {
    if (value.empty() || value[0] != '@') {
      documents.push_back(value);
      continue;
    }
    WAYPOST_ASSIGN_OR_RETURN(std::string content, ReadFile(value.substr(1), kMaxDocumentBytes));
    documents.push_back(std::move(content));
  }
  return documents;
}

}  // namespace

MessageFlags::MessageFlags(CLI::App& app, const Descriptor& type, const FlagOptions& options) {
  AddFlags(app, type, {}, "", options, flags_);
}
MessageFlags::~MessageFlags() = default;
MessageFlags::MessageFlags(const MessageFlags&) = default;
MessageFlags& MessageFlags::operator=(const MessageFlags&) = default;

absl::Status MessageFlags::Fill(Message& message, const ValueContext& context) const {
  std::map<const OneofDescriptor*, std::string> chosen;
  for (const auto& flag : flags_) {
    if (flag->values.empty()) continue;
    Message* holder = &message;
    for (size_t i = 0; i + 1 < flag->path.size(); ++i) {
      holder = holder->GetReflection()->MutableMessage(holder, flag->path[i]);
    }
    const FieldDescriptor& field = *flag->path.back();
    if (const OneofDescriptor* oneof = field.real_containing_oneof(); oneof != nullptr) {
      const auto [other, is_first] = chosen.insert({oneof, flag->name});
      if (!is_first) return error::InvalidField(flag->name, base::Cat("excludes ", other->second));
    }
    WAYPOST_ASSIGN_OR_RETURN(const std::vector<std::string> values, Documents(*flag));
    WAYPOST_RETURN_IF_ERROR(SetField(*holder, field, values, context, flag->name));
  }
  return absl::OkStatus();
}

absl::Status MessageFlags::CheckRequired(const Message& message) const {
  error::FieldViolations violations;
  for (const auto& flag : flags_) {
    if (flag->required && !HasPath(message, flag->path)) violations.Add(flag->name, "is required");
  }
  return violations.ToStatus();
}

std::vector<std::string> MessageFlags::Given() const {
  std::vector<std::string> names;
  for (const auto& flag : flags_) {
    const std::string& name = flag->path.front()->name();
    if (!flag->values.empty() && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  }
  return names;
}

CLI::Validator EnumChoice(const google::protobuf::EnumDescriptor& type) {
  const std::vector<std::string> choices = EnumChoices(type);
  const std::string list = "{" + CLI::detail::join(choices, ",") + "}";
  return CLI::Validator(
      [&type, list](std::string& text) -> std::string {
        return FindEnumValue(type, text) != nullptr ? "" : text + " is not one of " + list;
      },
      list);
}

CLI::Validator TimeText() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (ParseTime(text, absl::UnixEpoch(), absl::UTCTimeZone()).has_value()) return "";
        return text +
               " is not a time: write 2026-03-01T14:05:00+01:00, 2026-03-01 14:05, 2026-03-01, or a span "
               "from now as 14d or 36h";
      },
      "");
}

}  // namespace waypost::cli
